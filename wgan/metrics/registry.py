"""METRICS: all metrics of the quality of samples, one function and one line for each.

The name of a metric contains its settings, so that values that cannot be compared have different
names: `fid64_1k` is the Fréchet distance of 1,000 samples in 64 features. `metric_of` returns the
metric of a name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from wgan.format import fmt_digits
from wgan.metrics.feature_distances import COVERAGE_K
from wgan.metrics.images import LIVE_PICTURES, MEMORISATION_SAMPLES, PictureInputs
from wgan.metrics.points import PointInputs
from wgan.metrics.stacked import stacked_kl, stacked_modes

MetricInputs = PictureInputs | PointInputs


@dataclass(frozen=True)
class Metric:
    """A metric of samples: how it is computed, which values are better, and what it means."""

    title: str
    kind: Literal["pictures", "points"]
    measure: Callable[[Any], float]
    better: Literal["lower", "higher", "neither"]
    meaning: str
    """What the metric shows and what it does not show, with its source, in Markdown."""
    most: int | None = None
    """Maximum number of samples, because the time grows fast."""
    features: bool = False
    """Whether it depends on the feature network, which is then part of its name."""
    classes: bool = False
    """Whether it needs a classifier."""
    mixture: bool = False
    """Whether it needs a mixture of Gaussians."""
    live: bool = True
    """Whether it is fast enough to be measured during training."""
    deviation: Callable[[Any], float] | None = None
    percent: bool = False
    stacked: bool = False
    """Whether it needs stacked digits."""
    headline: bool = False
    """Whether tables of runs show it, and the checkpoint with its best value is kept."""
    unit: str = ""
    """Unit of its values, if they are not shares."""
    counts: bool = False
    """Whether its values are whole numbers."""
    least: int = 1
    """Minimum number of samples and of real pictures."""

    def fits(self, inputs: MetricInputs) -> bool:
        """Return whether the metric can be computed for these samples."""
        if isinstance(inputs, PointInputs):
            return self.kind == "points" and (inputs.mixture or not self.mixture)
        reference_stats = inputs.reference_stats
        return (
            self.kind == "pictures"
            and (reference_stats.network.classifies or not self.classes)
            and (reference_stats.digits is not None or not self.stacked)
            and not self.has_too_few(inputs)
        )

    def has_too_few(self, inputs: MetricInputs) -> bool:
        """Return whether there are too few samples or training pictures for it."""
        if isinstance(inputs, PointInputs):
            return False
        return min(len(inputs), len(inputs.reference_stats.data.train)) < self.least


FEWEST_PICTURES = 20
"""Number of pictures from which distances between features are measured.

With fewer, the values depend more on which pictures were drawn than on the generator.
"""

METRICS: dict[str, Metric] = {
    "fid": Metric(
        "FID",
        "pictures",
        PictureInputs.fid,
        "lower",
        "**Fréchet distance** between Gaussians fitted to the features of the samples and of "
        "the training set. 0 means equal. It falls as the samples look like the data and "
        "vary like the data, but it does not notice copies of training pictures. Compare it "
        "only with values of the same feature network and number of samples, never with the "
        "Inception FIDs of papers. Heusel et al. 2017.",
        features=True,
        headline=True,
        least=FEWEST_PICTURES,
    ),
    "kid": Metric(
        "KID",
        "pictures",
        PictureInputs.kid,
        "lower",
        "**Kernel distance** of the same features. Unlike FID, it does not assume Gaussians "
        "and has no bias: real pictures score 0 on average, so it can be slightly negative. "
        "Bińkowski et al. 2018.",
        features=True,
        deviation=lambda inputs: inputs.kid_both[1],
        least=FEWEST_PICTURES,
    ),
    "precision": Metric(
        "Precision",
        "pictures",
        lambda s: s.coverage.precision,
        "higher",
        "Share of samples that look like real pictures (their features lie close to those of "
        "real ones). Read it together with recall: noise, or copies of one picture, can have "
        "a high precision. k = 3. Kynkäänniemi et al. 2019.",
        least=COVERAGE_K + 1,
        features=True,
        live=False,
        percent=True,
    ),
    "recall": Metric(
        "Recall",
        "pictures",
        lambda s: s.coverage.recall,
        "higher",
        "Share of real pictures whose features lie close to those of samples: how much of "
        "the variety of the data the samples reach. k = 3. Kynkäänniemi et al. 2019.",
        least=COVERAGE_K + 1,
        features=True,
        live=False,
        percent=True,
    ),
    "density": Metric(
        "Density",
        "pictures",
        lambda s: s.coverage.density,
        "higher",
        "How close together samples lie among the real pictures: about 1 for real pictures, "
        "and it can exceed 1. Read it together with coverage. k = 5. Naeem et al. 2020.",
        least=COVERAGE_K + 1,
        features=True,
        live=False,
    ),
    "coverage": Metric(
        "Coverage",
        "pictures",
        lambda s: s.coverage.coverage,
        "higher",
        "Share of real pictures that have a similar sample: about 97 % for real pictures. It "
        "falls if classes or variants are missing. k = 5. Naeem et al. 2020.",
        least=COVERAGE_K + 1,
        features=True,
        live=False,
        percent=True,
    ),
    "class_kl": Metric(
        "Class KL",
        "pictures",
        PictureInputs.class_kl,
        "lower",
        "Difference between the class frequencies of the samples, according to a classifier, "
        "and those of the data. It is 0 if the frequencies are equal, and log 10 = 2.3 if "
        "only one of ten classes is left.",
        features=True,
        classes=True,
    ),
    "confidence": Metric(
        "Confidence",
        "pictures",
        PictureInputs.confidence,
        "neither",
        "Mean probability of each sample's most likely class, according to a classifier. If "
        "it is low, the samples do not look like any class. The best value is that of real "
        "pictures. A high value alone says little: a classifier can be certain about a black picture, too.",
        features=True,
        classes=True,
        percent=True,
    ),
    "memorised": Metric(
        "Memorised",
        "pictures",
        PictureInputs.memorised,
        "lower",
        "Share of samples that are copies: their pixels are at least twice as close to one "
        "training picture as to any other. FID, precision and coverage do not notice copies.",
        least=2,
        most=MEMORISATION_SAMPLES,
        live=False,
        percent=True,
    ),
    "duplicates": Metric(
        "Duplicates",
        "pictures",
        PictureInputs.duplicates,
        "lower",
        "Share of samples that nearly repeat another sample: their features are closer than "
        "half of the usual distance between real pictures. It rises when the generator "
        "collapses.",
        least=FEWEST_PICTURES,
        features=True,
        percent=True,
    ),
    "frechet_pixels": Metric(
        "Pixel Fréchet",
        "pictures",
        PictureInputs.frechet_pixels,
        "lower",
        "Fréchet distance of the pixels, averaged to 14×14. It does not depend on a feature "
        "network, and notices brightness and blur more than shape.",
        least=2,
        live=False,
    ),
    "stacked_modes": Metric(
        "Stacked modes",
        "pictures",
        lambda inputs: stacked_modes(inputs.combinations),
        "higher",
        "Number of combinations that the samples show, out of 1,000 combinations of three "
        "digits, according to a digit classifier on each channel. Published values for "
        "26,000 samples: DCGAN 99, WGAN-GP 959. Lin et al. 2018.",
        live=False,
        stacked=True,
    ),
    "stacked_kl": Metric(
        "Stacked KL",
        "pictures",
        lambda inputs: stacked_kl(inputs.combinations),
        "lower",
        "KL divergence between the frequencies of the combinations and equal frequencies, in "
        "nats. 26,000 real pictures score 0.02. Lin et al. 2018.",
        live=False,
        stacked=True,
    ),
    "emd": Metric(
        "Exact W₁",
        "points",
        PointInputs.emd,
        "lower",
        "The **Wasserstein distance** between the samples and the same number of new real "
        "points: the mean distance that the points must be moved. The floor is the distance "
        "between two sets of real points.",
        most=512,
        headline=True,
        unit="units",
    ),
    "sliced": Metric(
        "Sliced W₁",
        "points",
        PointInputs.sliced,
        "lower",
        "Mean of the W₁ between both sets after projection onto 50 random lines. It is "
        "smaller than W₁, but can use more points. Bonneel et al. 2015.",
        unit="units",
    ),
    "modes": Metric(
        "Modes",
        "points",
        lambda s: float(s.modes[0]),
        "higher",
        "Number of modes (the Gaussians of the data) that have a sample within 3σ. "
        "Srivastava et al. 2017 (VEEGAN).",
        mixture=True,
        counts=True,
        headline=True,
    ),
    "high_quality": Metric(
        "High quality",
        "points",
        lambda s: s.modes[1],
        "higher",
        "Share of samples within 3σ of the mean of a mode. Real points score 98.9 %. A "
        "higher value means that the modes of the samples are too narrow.",
        mixture=True,
        percent=True,
        headline=True,
    ),
}

LIVE_SAMPLES = {"pictures": LIVE_PICTURES, "points": 2_500}
NUM_SHOWN = 64
"""Samples whose nearest training pictures are searched during training."""


def short(n: int) -> str:
    """Return a number of samples as it appears in names: 512, 1k, 2500, 10k."""
    return f"{n // 1000}k" if n % 1000 == 0 else str(n)


def name_of(key: str, inputs: MetricInputs, n: int) -> str:
    """Return the name of a metric of n samples, with its settings."""
    stem = (
        inputs.reference_stats.network.stem
        if METRICS[key].features and isinstance(inputs, PictureInputs)
        else ""
    )
    # The names of FID and KID contain the number of features; other names do not.
    settings = stem if key in ("fid", "kid") else stem.removesuffix("64")
    return f"{key}{settings}_{short(n)}"


FLOOR, DEVIATION = "_floor", "_sd"


def metric_of(name: str) -> Metric | None:
    """Return the metric that a name belongs to; None for unknown names, floors and deviations."""
    if name.endswith((FLOOR, DEVIATION)):
        return None
    keys = [key for key in METRICS if name.startswith(key)]
    return METRICS[max(keys, key=len)] if keys else None


def title_of(name: str) -> str:
    """Return the title of a metric's name: "FID, 1k samples", "Modes, 2,500 samples"."""
    metric = metric_of(name)
    if metric is None:
        return name.replace("_", " ")
    return f"{metric.title}, {count_of(name)} samples"


def count_of(name: str) -> str:
    """Return the number of samples in a metric's name as text: "1k", "2,500"."""
    count = name.rpartition("_")[2]
    return f"{int(count):,}" if count.isdecimal() else count


def value_and_unit(name: str, value: float) -> tuple[str, str]:
    """Return a metric's value and its unit, as text: ("88.9", "%"), ("0.172", "units"), ("8", "")."""
    metric = metric_of(name)
    if metric is None:
        return fmt_digits(value), ""
    if metric.percent:
        return f"{100 * value:.1f}", "%"
    if metric.counts:
        return f"{value:.0f}", ""
    return fmt_digits(value), metric.unit


def better(name: str, value: float, than: float) -> bool:
    """Return whether a value of a metric is better than another."""
    metric = metric_of(name)
    return value > than if metric is not None and metric.better == "higher" else value < than


def unmeasured_reason(inputs: MetricInputs, keys: Iterable[str] | None = None) -> str:
    """Return a sentence that names the metrics for which there are too few pictures; "" if none.

    Args:
        inputs: The samples.
        keys: The metrics to consider. Default: all.
    """
    metrics = [METRICS[key] for key in (METRICS if keys is None else keys)]
    missing_examples = [
        m for m in metrics if m.has_too_few(inputs) and replace(m, least=0).fits(inputs)
    ]
    if not missing_examples or isinstance(inputs, PointInputs):
        return ""
    titles = ", ".join(metric.title for metric in missing_examples)
    most = max(metric.least for metric in missing_examples)
    return (
        f"Not measured: {titles}. They need at least {most} training and {most} held-out "
        f"pictures, but there are {len(inputs.reference_stats.data.train):,} and "
        f"{len(inputs.reference_stats.data.held_out):,}."
    )


def measure(
    inputs: MetricInputs, keys: Iterable[str] | None = None, *, floor: bool = False
) -> dict[str, float]:
    """Measure metrics of samples.

    Args:
        inputs: The samples.
        keys: The metrics. Default: those that are measured during training.
        floor: Whether to add the values of real examples, under each name with the suffix `_floor`.

    Returns:
        The values by name. Metrics that do not fit the samples are left out.
    """
    values: dict[str, float] = {}
    for key in keys if keys is not None else [k for k, m in METRICS.items() if m.live]:
        metric = METRICS[key]
        if not metric.fits(inputs):
            continue
        n = len(inputs.fake) if metric.most is None else min(metric.most, len(inputs.fake))
        name = name_of(key, inputs, n)
        some = inputs.first(n)
        values[name] = metric.measure(some)
        if metric.deviation is not None:
            values[name + DEVIATION] = metric.deviation(some)
        if floor:
            values[name + FLOOR] = metric.measure(some.other)
    return values
