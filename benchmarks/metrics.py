"""Our metrics on sets whose answer is known, each beside the same number computed by somebody else.

    python -m benchmarks.metrics [--out docs/metrics.md]        # or: make metrics

The sets are those of FACTS.md §4: test pictures (the floor), blurred, noisy, half of the classes
missing, a hundred pictures repeated; and points that are shifted, noisy or lack modes. The oracles:
torchmetrics fed by its own updates, FID and KID as their formulas in NumPy and SciPy, `prdc` by the
authors of density and coverage, scikit-learn's neighbours, SciPy's entropy, POT. Without the full
MNIST and Fashion-MNIST (WGAN_DATA) the bundled digits are taken.
"""

import argparse
import json
import math
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.ndimage
import scipy.spatial
import scipy.special
import scipy.stats
import torch
from torch import Tensor

from benchmarks.oracles import (
    PAIRS,
    class_shares,
    copied_share,
    emd_by_pot,
    frechet_formula,
    halved_pictures,
    kernel_formula,
    prdc_by_authors,
    repeated_share,
    sliced_by_scipy,
    torchmetrics_fid,
    torchmetrics_kid,
)
from wgan.arrays import F64
from wgan.data import DATASETS, Dataset, FashionMnist, Mnist, Mnist10k, Pictures, Points
from wgan.metrics import (
    PictureSides,
    PointSides,
    ReferenceStats,
    Sums,
    emd,
    find_network,
    frechet,
    kid,
    measure,
    mixture_modes,
    name_of,
    sliced,
)
from wgan.metrics.extractor import Classifier
from wgan.metrics.feature_distances import SUBSET, SUBSETS
from wgan.metrics.points import PROJECTIONS
from wgan.metrics.stacked import MODES, stacked_kl, stacked_modes
from wgan.rng import keyed_rng

ROOT = Path(__file__).parents[1]
REPEATED = 100
NEIGHBOURS = 2_000
"""Pictures for precision to coverage: `prdc` keeps all pairs at once, so its time and memory grow fast."""

STACKED = 26_000


@dataclass(frozen=True)
class Row:
    """One metric of one set: ours, what oracles say, what is known of it."""

    what: str
    name: str
    ours: float
    oracles: dict[str, float]
    known: str = ""
    """A closed form, or the figure of FACTS.md §4 with its classifier."""
    deviation: float | None = None


@dataclass(frozen=True)
class Section:
    """A table with a title and what is to be said about it."""

    title: str
    words: str
    rows: list[Row]
    known: str = "known answer"


# ---- pictures -----------------------------------------------------------------------------------


FLOOR, BLURRED, NOISE = "test pictures", "blurred, σ = 1 pixel", "nothing but uniform noise"
FEW, AGAIN = "classes 0 to 4 only", f"{REPEATED} pictures repeated"


@dataclass(frozen=True)
class Sets:
    """Test sets of pictures, by name, with their labels, and what they are measured against."""

    title: str
    reference_stats: ReferenceStats
    sides: dict[str, PictureSides]
    labels: dict[str, Tensor]


def test_sets(dataset: Dataset, data: Pictures) -> Sets:
    """The sets of FACTS.md §4, made of held-out pictures."""
    real, labels = data.held_out[:], data.held_out_labels
    rng = keyed_rng(0, "metric", draw=7)
    blurred = scipy.ndimage.gaussian_filter(real.numpy().astype(np.float32), (0, 0, 1, 1))
    slight = real + 25 * torch.randn(real.shape, generator=rng)
    is_few = labels < len(data.names) // 2
    repeated = torch.randperm(len(real), generator=rng)[:REPEATED]
    times = len(real) // REPEATED
    sets = {
        FLOOR: (real, labels),
        BLURRED: (torch.from_numpy(blurred).round().byte(), labels),
        "Gaussian noise added, σ = 25 of 255": (slight.clamp(0, 255).round().byte(), labels),
        NOISE: (torch.randint(0, 256, real.shape, generator=rng).byte(), labels),
        FEW: (real[is_few], labels[is_few]),
        AGAIN: (real[repeated].repeat(times, 1, 1, 1), labels[repeated].repeat(times)),
    }
    reference_stats = ReferenceStats(dataset, data)
    return Sets(
        dataset.title,
        reference_stats,
        {what: PictureSides(pictures, reference_stats) for what, (pictures, _) in sets.items()},
        {what: labels for what, (_, labels) in sets.items()},
    )


FACTS = {FLOOR: "0.60 to 0.75 at 10k", BLURRED: "74.6", FEW: "142", AGAIN: "34.7"}
"""FIDs of MNIST in FACTS.md §4, by another classifier."""


def distances(sets: Sets, train: Tensor) -> Iterator[Section]:
    """FID and KID of all sets; `train` are the features of all training pictures."""
    fid, kernel = [], []
    exact = train.double().numpy()
    facts = FACTS if sets.title == "MNIST" else {}
    for what, sides in sets.sides.items():
        metrics = measure(sides, ["fid", "kid"])
        name = name_of("fid", sides, len(sides))
        fake = sides.features.double().numpy()
        fid.append(
            Row(
                what,
                name,
                metrics[name],
                {
                    "torchmetrics, its updates": torchmetrics_fid(sides.features, train),
                    "NumPy, SciPy's root": frechet_formula(fake, exact),
                },
                facts.get(what, ""),
            )
        )
        name = name_of("kid", sides, len(sides))
        real = sets.reference_stats.training(len(sides)).features
        kernel.append(
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
    ratios = [float(row.known) / row.ours for row in fid if row.known and row.what != FLOOR]
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
        fid,
        "FACTS.md §4, another classifier" if facts else "known answer",
    )
    yield Section(
        f"{sets.title}: KID",
        f"Ours is torchmetrics' KID: the mean over {SUBSETS} subsets of {SUBSET}, ± their deviation. The first "
        f"oracle draws other subsets; the second is the unbiased estimate over all pairs of {PAIRS:,}. Means of "
        f"subsets differ from it by about the deviation over √{SUBSETS}.",
        kernel,
    )


def neighbours(sets: Sets) -> Section:
    """Precision, recall, density and coverage of all sets."""
    rows = []
    for what, all_samples in sets.sides.items():
        indices = torch.randperm(len(all_samples), generator=keyed_rng(0, "metric", draw=8))[
            :NEIGHBOURS
        ]
        sides = PictureSides(all_samples.fake[indices], sets.reference_stats)
        keys = ("precision", "recall", "density", "coverage")
        metrics = measure(sides, keys)
        real = sets.reference_stats.training(len(sides)).features.double().numpy()
        oracle = prdc_by_authors(real, sides.features.double().numpy())
        for key in keys:
            name = name_of(key, sides, len(sides))
            rows.append(Row(what, name, metrics[name], {"prdc": oracle[key]}))
    return Section(
        f"{sets.title}: precision, recall, density, coverage",
        "The oracle is `prdc` by the authors of density and coverage, in float64; k = 3 for precision and "
        "recall, 5 for density and coverage, as many training pictures as samples. In theory real pictures "
        f"have coverage 1 − 2⁻⁵ = 0.969. At {NEIGHBOURS:,}, as `prdc` keeps all pairs at once.",
        rows,
    )


def known_answers(sets: Sets) -> Section:
    """Copies, repeats, classes and confidence, where the answer is known beforehand."""
    reference_stats, data = sets.reference_stats, sets.reference_stats.data
    test = sets.sides[FLOOR]
    rng = keyed_rng(0, "metric", draw=9)
    some = data.train[torch.randperm(len(data.train), generator=rng)[:1_000]]
    noise = torch.randint(-8, 9, some.shape, generator=rng)
    copies = (some.int() + noise).clamp(0, 255).byte()
    test_pictures = test.fake[torch.randperm(len(test), generator=rng)[:1_000]]
    rows = []
    for what, pictures, known in (
        ("training pictures with noise of up to 8 of 255", copies, "100 % (FACTS.md §4)"),
        (FLOOR, test_pictures, "0 % (FACTS.md §4)"),
    ):
        oracle = {"scikit-learn": copied_share(pictures, data.train[:])}
        metrics = measure(PictureSides(pictures, reference_stats), ["memorised"])
        rows.append(_row(what, metrics, oracle, known))
    for what, known in ((FLOOR, "a few %"), (AGAIN, "100 %")):
        sides = sets.sides[what]
        real = reference_stats.training(len(sides)).features.double().numpy()
        oracle = {"scikit-learn": repeated_share(sides.features.double().numpy(), real)}
        rows.append(_row(what, measure(sides, ["duplicates"]), oracle, known))
    classes = len(data.names)
    data_shares = class_shares(data.train_labels, classes)
    for what, known in (
        (FLOOR, "0"),
        (FEW, "log 2 = 0.693 for even classes, all recognised"),
    ):
        sample_shares = class_shares(sets.labels[what], classes)
        oracle = {
            "SciPy, of the true labels": float(scipy.stats.entropy(sample_shares, data_shares))
        }
        rows.append(_row(what, measure(sets.sides[what], ["class_kl"]), oracle, known))
    classifier = reference_stats.network.module
    assert isinstance(classifier, Classifier)
    head = classifier.head
    weight, bias = (x.double().numpy() for x in (head.weight, head.bias))
    accuracy = f"near the accuracy, {100 * (reference_stats.network.accuracy or 0):.2f} %"
    for what, known in (
        (FLOOR, accuracy),
        (NOISE, "none: high of noise too, it says nothing alone"),
    ):
        scores = sets.sides[what].features.double().numpy() @ weight.T + bias
        oracle = {"SciPy's softmax": float(scipy.special.softmax(scores, axis=1).max(1).mean())}
        rows.append(_row(what, measure(sets.sides[what], ["confidence"]), oracle, known))
    for what in (FLOOR, BLURRED):
        sides = sets.sides[what]
        real = halved_pictures(reference_stats.training(len(sides)).fake)
        oracle = {"NumPy, SciPy's root": frechet_formula(halved_pictures(sides.fake), real)}
        rows.append(_row(what, measure(sides, ["frechet_pixels"]), oracle, ""))
    return Section(
        f"{sets.title}: copies, repeats, classes",
        "Shares as fractions. Memorised: twice as near, in pixels, to one training picture as to any other. "
        "Duplicates: in features nearer to another sample than half the median among real pictures. Class "
        "KL sees the classes that the network sees, the oracle the true labels: what parts them is what the "
        "network mistakes and that the data's frequencies are those of 4,000 training pictures.",
        rows,
    )


def _row(what: str, metrics: dict[str, float], oracle: dict[str, float], known: str) -> Row:
    ((name, value),) = metrics.items()
    return Row(what, name, value, oracle, known)


def floors(sets: Sets) -> Section:
    """FID and KID of n test pictures."""
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


def stacked(data: Pictures) -> Section:
    """Modes and KL of real stacks of three test digits, whose labels are known."""
    from wgan.data import StackedMnist

    rng = keyed_rng(0, "metric", draw=10)
    indices = torch.randint(len(data.held_out), (STACKED, 3), generator=rng)
    labels = (data.held_out_labels[indices] * torch.tensor([100, 10, 1])).sum(1)
    digits = find_network("mnist", (1, 28, 28))
    reference_stats = ReferenceStats(StackedMnist(bundled=True), _stack(data))
    reference_stats.digits = digits
    sides = PictureSides(data.held_out[:][indices, 0], reference_stats)
    even = np.full(MODES, 1 / MODES)
    true = class_shares(labels, MODES)
    known = f"{(MODES - 1) / (2 * STACKED):.4f} = 999 / 2n for even classes; FACTS.md §3: 0.023"
    rows = [
        Row(
            f"{STACKED:,} real stacks",
            "stacked_modes_26k",
            stacked_modes(sides.combinations),
            {"true labels": float((true > 0).sum())},
            "1,000 (FACTS.md §3)",
        ),
        Row(
            f"{STACKED:,} real stacks",
            "stacked_kl_26k",
            stacked_kl(sides.combinations),
            {"true labels": float(scipy.stats.entropy(true, even))},
            known,
        ),
    ]
    return Section(
        "Stacked MNIST",
        "Three test digits in the three channels, drawn evenly from the test set. Its classes are not quite "
        "even, and the classifier errs with 0.5 % of digits: both add to 999 / 2n.",
        rows,
    )


def _stack(data: Pictures) -> Pictures:
    some = data.held_out[:3].transpose(0, 1)
    none = torch.zeros(1, dtype=torch.long)
    return Pictures(some, some, none, none)


# ---- points -------------------------------------------------------------------------------------

TOYS = {
    # The sets of Gulrajani et al. 2017 at their script's own scale; figures of FACTS.md §3.
    "ring-8": ({"scale": 2**0.5, "sigma": 0.02 / 2**0.5}, "0.82", "0.135"),
    "grid-25": ({"scale": 2**0.5, "sigma": 0.05 / 8**0.5}, "0.59", "0.186"),
    "swiss-roll": ({}, "0.61", "0.177"),
}


def points() -> Section:
    """W₁ and sliced W₁ of sets in the plane."""
    rows = []
    for name, (settings, far, floor) in TOYS.items():
        data = DATASETS[name](name=name, **settings).load()
        assert isinstance(data, Points)

        def draw(n: int, key: int, data: Points = data) -> F64:
            return data.sample(n, keyed_rng(key, "metric")).numpy().astype(np.float64)

        a, b = draw(2_000, 0), draw(2_000, 1)
        noise = torch.randn(2_000, 2, generator=keyed_rng(2, "metric")).numpy()
        # The few that FACTS' floor is of are averaged, as one draw of 256 says little.
        pairs = [(draw(256, 2 * k + 10), draw(256, 2 * k + 11)) for k in range(20)]
        rows += [
            _points(f"{name}, noise N(0, I) added", a, b + noise, far),
            Row(
                f"{name}, real against real, 20 draws",
                "emd_256",
                float(np.mean([emd(*pair) for pair in pairs])),
                {"POT": float(np.mean([emd_by_pot(*pair) for pair in pairs]))},
                floor,
                float(np.std([emd(*pair) for pair in pairs], ddof=1)),
            ),
        ]
        shift = np.array([0.3, -0.4])
        rows.append(_points(f"{name}, shifted by (0.3, −0.4)", a, a + shift, "0.5, exactly"))
        for what, other, known in (
            ("noise N(0, I) added", b + noise, ""),
            ("shifted by (0.3, −0.4)", a + shift, f"{2 * 0.5 / math.pi:.4f} over all lines"),
        ):
            rows.append(
                Row(
                    f"{name}, {what}",
                    "sliced_2k",
                    sliced(a, other),
                    {"SciPy, line by line": sliced_by_scipy(a, other)},
                    known,
                )
            )
    return Section(
        "Points: W₁ and sliced W₁",
        "Ours is SciPy's assignment; the oracle POT's linear program (`ot.emd2`). Our sliced W₁ is POT's; "
        f"the oracle takes SciPy's `wasserstein_distance` on each of the same {PROJECTIONS} lines. Scales are "
        "those of the toy script of Gulrajani et al. 2017.",
        rows,
        "FACTS.md §3, or a closed form",
    )


def _points(what: str, a: F64, b: F64, known: str) -> Row:
    return Row(
        what,
        f"emd_{'2k' if len(a) == 2_000 else len(a)}",
        emd(a, b),
        {"POT": emd_by_pot(a, b)},
        known,
    )


def modes() -> Section:
    """Modes and high-quality samples of mixtures."""
    rows = []
    true = 1 - math.exp(-4.5)
    for name, settings in (
        ("ring-8", {"scale": 1.0, "sigma": 0.01}),
        ("grid-25", {"scale": 4.0, "sigma": 0.05}),
    ):
        data = DATASETS[name](name=name, **settings).load()
        assert isinstance(data, Points) and data.means is not None
        means = data.means.numpy()
        a = data.sample(2_500, keyed_rng(0, "metric")).numpy()
        tree = scipy.spatial.cKDTree(means)
        nearest = tree.query(a)[1]
        half = len(means) // 2
        for what, samples, count, share in (
            ("true samples", a, len(means), f"{true:.4f} = 1 − e^−4.5"),
            ("half of the modes missing", a[nearest < half], half, f"{true:.4f}"),
            ("one point repeated", np.repeat(means[:1], 2_500, axis=0), 1, "1"),
            ("noise of 10 σ added", a + 10 * data.sigma * _noise(a), "", ""),
        ):
            result = mixture_modes(samples, means, data.sigma)
            distance, modes_hit = map(np.asarray, tree.query(samples))
            good = distance <= 3 * data.sigma
            ours = PointSides(samples, data)
            assert ours.modes == result
            rows += [
                Row(
                    f"{name}, {what}",
                    "modes",
                    result[0],
                    {"SciPy's k-d tree": len(np.unique(modes_hit[good]))},
                    str(count),
                ),
                Row(
                    f"{name}, {what}",
                    "high_quality",
                    result[1],
                    {"SciPy's k-d tree": float(good.mean())},
                    share,
                ),
            ]
    return Section(
        "Points: modes and high quality",
        "2,500 samples at the scales of VEEGAN and PacGAN; a sample is of high quality within 3 σ of its "
        "nearest mean. 98.6 to 98.9 % of true ones are (FACTS.md §3).",
        rows,
    )


def _noise(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    noise: npt.NDArray[Any] = torch.randn(a.shape, generator=keyed_rng(5, "metric")).numpy()
    return noise


def closed_forms() -> Section:
    """Gaussians whose distances are known."""
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


# ---- the page -----------------------------------------------------------------------------------


FULL = (Mnist(), FashionMnist())


def sections() -> Iterator[Section]:
    """All tables, one after the other."""
    yield closed_forms()
    yield points()
    yield modes()
    # All classes by name: then the bundled pictures are their own reference, as the whole is not here.
    bundled = Mnist10k(classes=tuple("0123456789"))
    digits: Dataset = FULL[0] if FULL[0].present() else bundled
    for dataset in (digits, FULL[1]):
        if not dataset.present():
            continue
        data = dataset.load()
        assert isinstance(data, Pictures)
        sets = test_sets(dataset, data)
        yield from distances(sets, sets.reference_stats.network.features(data.train))
        yield neighbours(sets)
        yield known_answers(sets)
        yield floors(sets)
        if dataset is digits:
            yield stacked(data)


def number(value: float) -> str:
    """A number as the tables have it: four digits, and no more than float64 has."""
    if abs(value) < 1e-9:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.1e}".replace("-", "−")
    return f"{value:,.4g}".replace("-", "−")


def table(section: Section) -> list[str]:
    """A section as Markdown."""
    oracles = list(dict.fromkeys(name for row in section.rows for name in row.oracles))
    has_one_oracle = len(oracles) == 1
    heads = ["set", "metric", "ours"]
    heads += [oracles[0]] if has_one_oracle else ["oracles"]
    heads += ["largest difference", section.known]
    lines = ["", f"## {section.title}", "", section.words, ""]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in section.rows:
        ours = number(row.ours) + ("" if row.deviation is None else f" ± {row.deviation:.2g}")
        oracle_texts = [
            number(value) if has_one_oracle else f"{number(value)} ({name})"
            for name, value in row.oracles.items()
        ]
        difference = max(
            (abs(row.ours - value) for value in row.oracles.values()), default=math.nan
        )
        cells = [
            row.what,
            f"`{row.name}`",
            ours,
            "<br>".join(oracle_texts),
            "" if math.isnan(difference) else number(difference),
            row.known,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def page(tables: Sequence[Section], absent: Sequence[str], seconds: float) -> str:
    """The page docs/metrics.md."""
    libraries = {
        name: version(name)
        for name in ("torch", "torchmetrics", "prdc", "pot", "scipy", "scikit-learn", "numpy")
    }
    network = find_network("mnist", (1, 28, 28))
    fashion_network = find_network("fashion-mnist", (1, 28, 28))
    lines = [
        "# Metrics against oracles",
        "",
        "Written by `make metrics` (`python -m benchmarks.metrics`): our metrics on sets whose answer is "
        "known, each beside the same number computed by somebody else. A name's settings are those of the "
        "app: `fid64_10k` is a Fréchet distance of 10,000 pictures in 64 features.",
        "",
        f"Features: `{network.name}` {network.hash} (test accuracy {100 * (network.accuracy or 0):.2f} %) and "
        f"`{fashion_network.name}` {fashion_network.hash} ({100 * (fashion_network.accuracy or 0):.2f} %).",
        "",
        "Where FACTS.md §4 has a figure it stands beside ours. They are FIDs of another small classifier, "
        "whose weights are not known; a FID means nothing without its network, so ours are on another scale. "
        "What must agree is the order: the floor is lowest by far and falls with the number of pictures, "
        "and each damaged set lies far above it.",
        "",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{k} {v}" for k, v in libraries.items())
        + f"; {seconds:.0f} seconds of processor time.",
    ]
    if absent:
        lines += [
            "",
            f"Not on this machine, so left out: {', '.join(absent)} (set `WGAN_DATA`). The bundled digits "
            "stand for MNIST: 1,000 held out, measured against their own 10,000 for training.",
        ]
    for section in tables:
        lines += table(section)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page and the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "metrics.md")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # torchmetrics says that it keeps all features, which are small
    start = time.monotonic()
    tables = []
    for section in sections():
        print(f"{time.monotonic() - start:4.0f} s  {section.title}", file=sys.stderr, flush=True)
        tables.append(section)
    absent = [dataset.title for dataset in FULL if not dataset.present()]
    text = page(tables, absent, time.process_time())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    if options.json:
        print(json.dumps([{"section": s.title, **row.__dict__} for s in tables for row in s.rows]))
    else:
        print(text)


if __name__ == "__main__":
    main()
