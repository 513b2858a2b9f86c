"""FID and KID of pictures with a known quality, and of Gaussians with known distances."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.metrics.picture_sets import BLURRED, FEW_CLASSES, FLOOR, REPEATS, PictureSets
from benchmarks.metrics.report import Row, Section
from benchmarks.oracles import (
    PAIRS,
    frechet_formula,
    kernel_formula,
    torchmetrics_fid,
    torchmetrics_kid,
)
from wgan.metrics import Sums, frechet, kid, measure, name_of
from wgan.metrics.feature_distances import SUBSET, SUBSETS
from wgan.rng import keyed_rng

FACTS = {FLOOR: "0.60 to 0.75 at 10k", BLURRED: "74.6", FEW_CLASSES: "142", REPEATS: "34.7"}
"""FIDs of MNIST in FACTS.md §4, in the features of another classifier."""


def distances(sets: PictureSets, train: Tensor) -> Iterator[Section]:
    """Yield the FID and KID of all sets.

    Args:
        sets: The test sets.
        train: The features of all training pictures.
    """
    fid_rows, kid_rows = [], []
    exact = train.double().numpy()
    fids_of_facts = FACTS if sets.title == "MNIST" else {}
    for what, sides in sets.sides.items():
        metrics = measure(sides, ["fid", "kid"])
        name = name_of("fid", sides, len(sides))
        fake = sides.features.double().numpy()
        fid_rows.append(
            Row(
                what,
                name,
                metrics[name],
                {
                    "torchmetrics, its updates": torchmetrics_fid(sides.features, train),
                    "NumPy, SciPy's root": frechet_formula(fake, exact),
                },
                fids_of_facts.get(what, ""),
            )
        )
        name = name_of("kid", sides, len(sides))
        real = sets.reference_stats.training(len(sides)).features
        kid_rows.append(
            Row(
                what,
                name,
                metrics[name],
                {
                    "torchmetrics, other subsets": torchmetrics_kid(sides.features, real),
                    "formula over all pairs": kernel_formula(fake, real.double().numpy()),
                },
                "0" if what == FLOOR else "",
                metrics[name + "_sd"],
            )
        )
    ratios = [float(row.known) / row.ours for row in fid_rows if row.known and row.what != FLOOR]
    scale = (
        f" The figures of FACTS.md §4 for damaged sets are {min(ratios):.1f} to {max(ratios):.1f} times ours: "
        "another classifier's features have another scale, the order is the same."
        if ratios
        else ""
    )
    yield Section(
        f"{sets.title}: FID",
        "Our FID is torchmetrics' formula, given our sums of features and, of the whole set, the moments that "
        "are kept with the network. The first oracle is torchmetrics with its own sums of all training "
        "pictures' features; the second shares nothing with it: NumPy's covariances and SciPy's matrix "
        "root." + scale,
        fid_rows,
        "FACTS.md §4, another classifier" if fids_of_facts else "known answer",
    )
    yield Section(
        f"{sets.title}: KID",
        f"Ours is torchmetrics' KID: the mean over {SUBSETS} subsets of {SUBSET}, ± their deviation. The first "
        f"oracle draws other subsets; the second is the unbiased estimate over all pairs of {PAIRS:,}. Means of "
        f"subsets differ from it by about the deviation over √{SUBSETS}.",
        kid_rows,
    )


def floors(sets: PictureSets) -> Section:
    """Return FID and KID of n test pictures for several n."""
    rows = []
    features = sets.reference_stats.network.features(sets.reference_stats.data.held_out)
    real = sets.reference_stats.training(len(features)).features
    facts = {1_000: "FID 2.6 ± 0.4", 2_000: "FID 1.6 ± 0.3", 5_000: "FID 0.81", 10_000: "FID 0.60"}
    for n in (1_000, 2_000, 5_000, 10_000):
        if n > len(features):
            continue
        draws = 1 if n == len(features) else 5
        distances: list[float] = []
        for draw in range(draws):
            order = torch.randperm(len(features), generator=keyed_rng(3, "metric", draw=draw))
            part = features[order[:n]]
            distances.append(frechet(Sums.of(part), sets.reference_stats.reference))
        mean, deviation = kid(part, real)
        saved_floor = sets.reference_stats.floors.get(n)
        spread = float(np.std(distances, ddof=1)) if draws > 1 else None
        rows.append(
            Row(
                f"FID of {n:,} test pictures" + (f", {draws} draws" if draws > 1 else ""),
                f"fid64_{n // 1000}k",
                float(np.mean(distances)),
                {"kept with the network": saved_floor[0]} if saved_floor else {},
                facts[n] if sets.title == "MNIST" else "",
                spread,
            )
        )
        oracle = kernel_formula(part.double().numpy(), real.double().numpy())
        rows.append(
            Row(
                f"KID of {n:,} test pictures",
                f"kid64_{n // 1000}k",
                mean,
                {"formula over all pairs": oracle},
                "0",
                deviation,
            )
        )
    return Section(
        f"{sets.title}: the floor by the number of pictures",
        "FID's bias falls with the number of pictures, KID has none: its mean is 0 within its deviation at "
        "every number. ± is the deviation over the draws for FID, over the subsets for KID.",
        rows,
        "FACTS.md §4, another classifier" if sets.title == "MNIST" else "known answer",
    )


def gaussians() -> Section:
    """Return the distances of Gaussians in closed form."""
    rng = np.random.default_rng(0)
    n, d = 50_000, 8
    mixing = rng.normal(size=(2, d, d)) / d**0.5
    shift = rng.normal(size=d)
    a, b = rng.normal(size=(n, d)) @ mixing[0].T, rng.normal(size=(n, d)) @ mixing[1].T + shift
    sa, sb = mixing[0] @ mixing[0].T, mixing[1] @ mixing[1].T
    # tr (ΣΣ′)^½ is the nuclear norm of Aᵀ B, with Σ = AAᵀ and Σ′ = BBᵀ.
    cross = float(np.linalg.svd(mixing[0].T @ mixing[1], compute_uv=False).sum())
    true = float(shift @ shift + np.trace(sa) + np.trace(sb) - 2 * cross)
    x, y = torch.from_numpy(rng.normal(size=(n, 1))), torch.from_numpy(rng.normal(size=(n, 1)) + 1)
    distance, deviation = kid(y, x)
    return Section(
        "Gaussians in closed form",
        "Two Gaussians in 8 dimensions with any covariances, and N(0, 1) against N(1, 1), whose kernel "
        "distance is 3 (m₁ − m₁′)² + 3 (m₂ − m₂′)² + (m₃ − m₃′)² = 3 + 3 + 16 of their moments.",
        [
            Row(
                "two Gaussians in 8 dimensions",
                "Fréchet distance, 50,000 samples",
                frechet(Sums.of(torch.from_numpy(a)), Sums.of(torch.from_numpy(b))),
                {"NumPy, SciPy's root": frechet_formula(a, b)},
                f"{true:.4f}",
            ),
            Row(
                "N(0, 1) and N(1, 1)",
                "kernel distance, 50,000 samples",
                distance,
                {"formula over all pairs": kernel_formula(y.numpy()[:10_000], x.numpy()[:10_000])},
                "22",
                deviation,
            ),
        ],
    )
