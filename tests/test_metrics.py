import itertools

import numpy as np
import pytest
import torch

from wgan.data import DATASETS, Points
from wgan.metrics import METRICS, emd, mixture_modes
from wgan.randomness import generator


def draw(name: str, n: int, key: int = 0, **settings: float) -> np.ndarray:
    loaded = DATASETS[name](**settings).load()
    assert isinstance(loaded, Points)
    return loaded.sample(n, generator(key, "metric")).numpy()


def test_w1_of_a_shift_is_its_length():
    points = draw("ring-8", 300)
    shift = np.array([0.3, -0.4], dtype=np.float32)
    assert emd(points, points + shift) == pytest.approx(0.5, rel=1e-5)


def test_w1_of_a_set_and_itself_is_0_in_any_order():
    points = draw("swiss-roll", 200)
    assert emd(points, points[::-1]) == pytest.approx(0, abs=1e-7)


def test_w1_against_all_permutations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    best = min(
        np.mean([np.linalg.norm(a[i] - b[j]) for i, j in enumerate(order)])
        for order in itertools.permutations(range(6))
    )
    assert emd(a, b) == pytest.approx(best, rel=1e-9)


def test_w1_needs_equal_sizes():
    with pytest.raises(ValueError, match="one size"):
        emd(np.zeros((3, 2)), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("name", "settings", "distance", "floor"),
    [
        # The toy sets of Gulrajani et al. 2017 at their own scale; values of FACTS.md §3.
        ("ring-8", {"scale": 2**0.5, "sigma": 0.02 / 2**0.5}, 0.82, 0.135),
        ("grid-25", {"scale": 2**0.5, "sigma": 0.05 / 8**0.5}, 0.59, 0.186),
        ("swiss-roll", {}, 0.61, 0.177),
    ],
)
def test_w1_of_the_papers_toy_sets(
    name: str, settings: dict[str, float], distance: float, floor: float
):
    noisy = draw(name, 1000, 1, **settings)
    noisy = noisy + torch.randn(1000, 2, generator=generator(2, "metric")).numpy()
    assert emd(draw(name, 1000, 0, **settings), noisy) == pytest.approx(distance, abs=0.08)
    floors = [emd(draw(name, 256, 2 * k, **settings), draw(name, 256, 2 * k + 1, **settings))
              for k in range(6)]  # fmt: skip
    assert np.mean(floors) == pytest.approx(floor, abs=0.035)


def test_true_samples_score_as_published():
    loaded = DATASETS["ring-8"](scale=1.0, sigma=0.01).load()
    assert isinstance(loaded, Points) and loaded.means is not None
    points = loaded.sample(20_000, generator(0, "metric")).numpy()
    modes, share = mixture_modes(points, loaded.means.numpy(), 0.01)
    # P(χ²₂ ≤ 9) = 1 − exp(−4.5)
    assert modes == 8 and share == pytest.approx(1 - np.exp(-4.5), abs=0.004)


def test_lost_modes_and_bad_samples_are_counted():
    means = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    points = np.array([[0.0, 0.01], [0.0, 0.31], [1.0, 0.0], [1.5, 0.0]])
    assert mixture_modes(points, means, 0.1) == (2, 0.5)


def test_metrics_carry_their_settings_in_their_name():
    assert all("_" in name and any(c.isdigit() for c in name) for name in METRICS)
