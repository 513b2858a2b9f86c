"""The labs' distances slid apart against closed forms and numeric ones, and what trained networks say."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm, wasserstein_distance

from wgan.labs.divergences import (
    DISTANCES,
    FARTHEST,
    SHAPES,
    SPREAD,
    best_discriminator,
    computed_lines,
    curves,
    expected,
    gaussians,
    oppose,
)
from wgan.labs.toys import mean_generator_gradient
from wgan.objectives import Gan, WganGp
from wgan.transport import js, kl, tv

LOG2 = math.log(2)


def at(shape: str, theta: float) -> dict[str, tuple[float, float]]:
    distances = SHAPES[shape][1](np.array([theta]))
    return dict(
        zip(
            DISTANCES, zip(distances.values[:, 0], distances.slopes[:, 0], strict=True), strict=True
        )
    )


@pytest.mark.parametrize("theta", [1.0, 1.5, -2.0, 4.0])
def test_boxes_that_do_not_overlap_are_log_2_apart(theta: float):
    distances = at("boxes", theta)
    assert distances["JS"][0] == pytest.approx(LOG2) and distances["TV"][0] == 1
    assert distances["W₁"] == (abs(theta), math.copysign(1, theta)) and math.isinf(
        distances["KL"][0]
    )
    if abs(theta) > 1:
        assert distances["JS"][1] == distances["TV"][1] == 0


@pytest.mark.parametrize("theta", [0.25, -0.5, 0.9])
def test_boxes_against_their_densities_as_tables(theta: float):
    cells = 2_000
    x = (np.arange(-2 * cells, 2 * cells) + 0.5) / cells
    p, q = ((np.abs(x - m) < 0.5).astype(float) for m in (0.0, theta))
    p, q = p / p.sum(), q / q.sum()
    distances = at("boxes", theta)
    assert distances["JS"][0] == pytest.approx(js(p, q), abs=1e-3)
    assert distances["TV"][0] == pytest.approx(tv(p, q), abs=1e-3)
    assert kl(p, q) == math.inf == distances["KL"][0]
    assert distances["W₁"][0] == abs(theta)


@pytest.mark.parametrize("theta", [-0.7, 0.01, 0.5, 1.0])
def test_parallel_lines_against_points_that_know_no_formula(theta: float):
    distances = at("lines", theta)
    w1, divergence, relative, variation = computed_lines(theta)
    assert distances["W₁"][0] == pytest.approx(w1) == pytest.approx(abs(theta))
    assert distances["JS"][0] == pytest.approx(divergence) == pytest.approx(LOG2)
    assert math.isinf(relative) and math.isinf(distances["KL"][0])
    assert distances["TV"][0] == pytest.approx(variation) == pytest.approx(1)
    assert distances["JS"][1] == distances["TV"][1] == 0 and distances["W₁"][1] == math.copysign(
        1, theta
    )


def test_what_lies_on_itself_is_nothing_apart():
    assert computed_lines(0.0) == (0, 0, 0, 0)
    for shape in SHAPES:
        assert [value for value, _ in at(shape, 0.0).values()] == pytest.approx([0] * 4, abs=1e-12)


@pytest.mark.parametrize("theta", [0.2, 1.0, -2.5])
def test_gaussians_against_quadrature(theta: float):
    spread = 0.5
    p, q = norm(0, spread), norm(theta, spread)
    ends = sorted([-6.0, theta - 6, theta + 6])
    distances = at("gaussians", theta)

    def whole(function) -> float:
        return float(quad(function, ends[0], 6 + abs(theta), limit=400, points=[0, theta])[0])

    def js_part(x: float) -> float:
        m = (p.pdf(x) + q.pdf(x)) / 2
        return sum(d * math.log(d / m) / 2 for d in (p.pdf(x), q.pdf(x)) if d > 1e-300)

    assert distances["JS"][0] == pytest.approx(whole(js_part), abs=1e-6)
    assert distances["TV"][0] == pytest.approx(
        whole(lambda x: abs(p.pdf(x) - q.pdf(x)) / 2), abs=1e-6
    )
    assert distances["KL"][0] == pytest.approx(theta**2 / (2 * spread**2))
    z = np.random.default_rng(0).normal(size=4000)
    assert distances["W₁"][0] == pytest.approx(wasserstein_distance(spread * z, theta + spread * z))


@pytest.mark.parametrize("theta", [-3.0, -0.6, 0.3, 1.4, 3.5])
def test_gradients_are_those_of_the_curves(theta: float):
    step = 1e-4
    for shape in SHAPES:
        values = at(shape, theta)
        low, high = (at(shape, theta + s) for s in (-step, step))
        for name, (value, slope) in values.items():
            if np.isfinite(value):
                differences = (high[name][0] - low[name][0]) / (2 * step)
                assert slope == pytest.approx(differences, abs=1e-5), (shape, name)
            else:
                assert math.isnan(slope)


def test_gaussians_far_apart_leave_js_and_tv_without_a_gradient():
    distances = at("gaussians", FARTHEST)
    assert distances["JS"][0] == pytest.approx(LOG2, abs=1e-3) and abs(distances["JS"][1]) < 1e-3
    assert abs(distances["TV"][1]) < 1e-3 and distances["W₁"][1] == 1
    assert distances["KL"][1] == pytest.approx(FARTHEST / 0.25)
    # JS rises to log 2 and never passes it.
    every = gaussians(np.linspace(0, 6, 60)).values[1]
    assert (np.diff(every) > -1e-9).all() and every.max() <= LOG2 + 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_curves_are_symmetrical(shape: str):
    distances = curves(shape)
    middle = len(distances.theta) // 2
    assert distances.theta[middle] == 0 and distances.values.shape == (4, len(distances.theta))
    np.testing.assert_allclose(distances.values, distances.values[:, ::-1], atol=1e-9)


# ---- the discriminator and the critic -----------------------------------------------------------


class Line(torch.nn.Module):
    """f(x) = a x + b."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a * x[:, 0] + self.b


@pytest.mark.parametrize("mu", [0.5, 2.0, 5.0])
def test_gradients_of_the_optimal_networks_are_as_expected(mu: float):
    """The optimal discriminator's logit is a line: autograd on it must meet the closed form."""
    fake = mu + SPREAD * torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    logit = Line(-mu / SPREAD**2, mu**2 / (2 * SPREAD**2))
    best = expected(np.array([mu]))
    minimax = mean_generator_gradient(logit, Gan(generator="minimax"), fake.double())
    assert minimax == pytest.approx(best.minimax[0], rel=0.03)
    assert mean_generator_gradient(logit, Gan(), fake.double()) == pytest.approx(
        best.non_saturating[0], rel=0.01
    )
    assert mean_generator_gradient(Line(-1.0, 3.0), WganGp(), fake) == pytest.approx(
        best.critic[0], rel=1e-5
    )
    x = torch.linspace(-3, 8, 50)[:, None]
    probability = torch.sigmoid(logit(x)).numpy()
    np.testing.assert_allclose(best_discriminator(x[:, 0].numpy(), mu), probability, atol=1e-6)
    density = [norm(m, SPREAD).pdf(x[:, 0].numpy()) for m in (0.0, mu)]
    np.testing.assert_allclose(probability, density[0] / (density[0] + density[1]), atol=1e-5)


def test_nothing_pushes_where_nothing_is_apart():
    best = expected(np.array([0.0, 10.0]))
    assert best.minimax[0] == best.non_saturating[0] == best.critic[0] == 0
    assert best.minimax[1] < 1e-5 and best.critic[1] == 1


def test_the_discriminator_saturates_and_the_critic_stays_a_line():
    networks = [
        probability.result
        for probability in oppose(6.0, updates=300)
        if probability.result is not None
    ]
    distances = networks[-1]
    assert distances.updates == 300 and networks[0].updates == 0
    assert distances.minimax < 0.1 < distances.non_saturating
    assert distances.slope == pytest.approx(distances.best, abs=0.25)
    middle = (distances.x > 0) & (distances.x < 6)
    assert np.corrcoef(distances.x[middle], distances.critic[middle])[0, 1] < -0.99
    assert distances.discriminator[0] > 0.95 and distances.discriminator[-1] < 0.05
