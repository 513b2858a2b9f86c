"""Our metrics on sets with a known answer, each beside the same number from another program.

    python -m benchmarks.metrics [--out docs/metrics.md]        # or: make metrics

The sets are those of FACTS.md §4: test pictures (the floor), blurred, noisy, half of the classes
missing, a hundred pictures repeated; and points that are shifted, noisy or lack modes. The oracles:
torchmetrics with its own updates, FID and KID as their formulas in NumPy and SciPy, `prdc` by the
authors of density and coverage, scikit-learn's neighbours, SciPy's entropy, POT. Without the full
MNIST and Fashion-MNIST (WGAN_DATA), the bundled digits replace them.
"""
