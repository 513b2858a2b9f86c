"""Metrics of points in the plane: W₁, sliced W₁, modes and high quality."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.spatial
import torch

from benchmarks.metrics.report import Row, Section
from benchmarks.oracles import emd_by_pot, sliced_by_scipy
from wgan.arrays import F64
from wgan.data import DATASETS, Points
from wgan.metrics import PointInputs, emd, mixture_modes, sliced
from wgan.metrics.points import PROJECTIONS
from wgan.rng import keyed_rng

TOYS = {
    # The sets of Gulrajani et al. 2017 at the scale of their script; values of FACTS.md §3.
    "ring-8": ({"scale": 2**0.5, "sigma": 0.02 / 2**0.5}, "0.82", "0.135"),
    "grid-25": ({"scale": 2**0.5, "sigma": 0.05 / 8**0.5}, "0.59", "0.186"),
    "swiss-roll": ({}, "0.61", "0.177"),
}


def distances() -> Section:
    """Return W₁ and sliced W₁ of sets in the plane."""
    rows = []
    for name, (settings, far, floor) in TOYS.items():
        data = DATASETS[name](name=name, **settings).load()
        assert isinstance(data, Points)

        def draw(n: int, key: int, data: Points = data) -> F64:
            return data.sample(n, keyed_rng(key, "metric")).numpy().astype(np.float64)

        a, b = draw(2_000, 0), draw(2_000, 1)
        noise = torch.randn(2_000, 2, generator=keyed_rng(2, "metric")).numpy()
        # The floor in FACTS.md is of 256 points. One draw of 256 varies much, so average over some.
        pairs = [(draw(256, 2 * k + 10), draw(256, 2 * k + 11)) for k in range(20)]
        rows += [
            _emd_row(f"{name}, noise N(0, I) added", a, b + noise, far),
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
        rows.append(_emd_row(f"{name}, shifted by (0.3, −0.4)", a, a + shift, "0.5, exactly"))
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


def _emd_row(what: str, a: F64, b: F64, known: str) -> Row:
    return Row(
        what,
        f"emd_{'2k' if len(a) == 2_000 else len(a)}",
        emd(a, b),
        {"POT": emd_by_pot(a, b)},
        known,
    )


def modes() -> Section:
    """Return modes and high quality of samples of mixtures."""
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
            ours = PointInputs(samples, data)
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
