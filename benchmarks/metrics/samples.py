"""Precision to coverage, copies, repeats, classes and stacked digits of pictures with a known answer."""

import numpy as np
import scipy.special
import scipy.stats
import torch

from benchmarks.metrics.picture_sets import (
    BLURRED,
    FEW_CLASSES,
    FLOOR,
    NOISE,
    REPEATS,
    PictureSets,
)
from benchmarks.metrics.report import Row, Section
from benchmarks.oracles import (
    class_shares,
    copied_share,
    frechet_formula,
    halved_pictures,
    prdc_by_authors,
    repeated_share,
)
from wgan.data import Pictures, StackedMnist
from wgan.metrics import PictureInputs, ReferenceStats, find_network, measure, name_of
from wgan.metrics.extractor import Classifier
from wgan.metrics.stacked import MODES, stacked_kl, stacked_modes
from wgan.rng import keyed_rng

NEIGHBOURS = 2_000
"""Number of pictures for precision to coverage. `prdc` keeps all pairs at once, so more take much longer."""

STACKED = 26_000


def neighbours(sets: PictureSets) -> Section:
    """Return precision, recall, density and coverage of all sets."""
    rows = []
    for what, all_samples in sets.sides.items():
        indices = torch.randperm(len(all_samples), generator=keyed_rng(0, "metric", draw=8))[
            :NEIGHBOURS
        ]
        sides = PictureInputs(all_samples.fake[indices], sets.reference_stats)
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


def known_answers(sets: PictureSets) -> Section:
    """Return copies, repeats, classes and confidence of sets with a known answer."""
    return Section(
        f"{sets.title}: copies, repeats, classes",
        "Shares as fractions. Memorised: twice as near, in pixels, to one training picture as to any other. "
        "Duplicates: in features nearer to another sample than half the median among real pictures. Class "
        "KL sees the classes that the network sees, the oracle the true labels: what parts them is what the "
        "network mistakes and that the data's frequencies are those of 4,000 training pictures.",
        [
            *_memorised_rows(sets),
            *_duplicate_rows(sets),
            *_class_rows(sets),
            *_confidence_rows(sets),
            *_pixel_rows(sets),
        ],
    )


def _memorised_rows(sets: PictureSets) -> list[Row]:
    data, test = sets.reference_stats.data, sets.sides[FLOOR]
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
        metrics = measure(PictureInputs(pictures, sets.reference_stats), ["memorised"])
        rows.append(_row(what, metrics, oracle, known))
    return rows


def _duplicate_rows(sets: PictureSets) -> list[Row]:
    rows = []
    for what, known in ((FLOOR, "a few %"), (REPEATS, "100 %")):
        sides = sets.sides[what]
        real = sets.reference_stats.training(len(sides)).features.double().numpy()
        oracle = {"scikit-learn": repeated_share(sides.features.double().numpy(), real)}
        rows.append(_row(what, measure(sides, ["duplicates"]), oracle, known))
    return rows


def _class_rows(sets: PictureSets) -> list[Row]:
    data = sets.reference_stats.data
    classes = len(data.names)
    data_shares = class_shares(data.train_labels, classes)
    rows = []
    for what, known in (
        (FLOOR, "0"),
        (FEW_CLASSES, "log 2 = 0.693 for even classes, all recognised"),
    ):
        sample_shares = class_shares(sets.labels[what], classes)
        oracle = {
            "SciPy, of the true labels": float(scipy.stats.entropy(sample_shares, data_shares))
        }
        rows.append(_row(what, measure(sets.sides[what], ["class_kl"]), oracle, known))
    return rows


def _confidence_rows(sets: PictureSets) -> list[Row]:
    network = sets.reference_stats.network
    classifier = network.module
    assert isinstance(classifier, Classifier)
    head = classifier.head
    weight, bias = (x.double().numpy() for x in (head.weight, head.bias))
    accuracy = f"near the accuracy, {100 * (network.accuracy or 0):.2f} %"
    rows = []
    for what, known in (
        (FLOOR, accuracy),
        (NOISE, "none: high of noise too, it says nothing alone"),
    ):
        scores = sets.sides[what].features.double().numpy() @ weight.T + bias
        oracle = {"SciPy's softmax": float(scipy.special.softmax(scores, axis=1).max(1).mean())}
        rows.append(_row(what, measure(sets.sides[what], ["confidence"]), oracle, known))
    return rows


def _pixel_rows(sets: PictureSets) -> list[Row]:
    rows = []
    for what in (FLOOR, BLURRED):
        sides = sets.sides[what]
        real = halved_pictures(sets.reference_stats.training(len(sides)).fake)
        oracle = {"NumPy, SciPy's root": frechet_formula(halved_pictures(sides.fake), real)}
        rows.append(_row(what, measure(sides, ["frechet_pixels"]), oracle, ""))
    return rows


def _row(what: str, metrics: dict[str, float], oracle: dict[str, float], known: str) -> Row:
    ((name, value),) = metrics.items()
    return Row(what, name, value, oracle, known)


def stacked(data: Pictures) -> Section:
    """Return modes and KL of real stacks of three test digits with known labels."""
    rng = keyed_rng(0, "metric", draw=10)
    indices = torch.randint(len(data.held_out), (STACKED, 3), generator=rng)
    labels = (data.held_out_labels[indices] * torch.tensor([100, 10, 1])).sum(1)
    digits = find_network("mnist", (1, 28, 28))
    reference_stats = ReferenceStats(StackedMnist(bundled=True), _stack(data))
    reference_stats.digits = digits
    sides = PictureInputs(data.held_out[:][indices, 0], reference_stats)
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
    """Return one stack. ReferenceStats needs data, and the metrics of stacks do not use it."""
    some = data.held_out[:3].transpose(0, 1)
    no_labels = torch.zeros(1, dtype=torch.long)
    return Pictures(some, some, no_labels, no_labels)
