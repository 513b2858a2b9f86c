import math

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from wgan.metrics import emd
from wgan.transport import (
    assignment,
    c_transform,
    discrete,
    dual,
    js,
    kantorovich,
    kl,
    lower_bound,
    tv,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_w_of_a_shift_is_its_length(p: float):
    points, shift = RNG.normal(size=(200, 2)), np.array([0.3, -0.4])
    assert assignment(points, points + shift, p) == pytest.approx(0.5, rel=1e-9)
    line = points[:, :1]
    assert assignment(line, line - 0.7, p) == pytest.approx(0.7, rel=1e-9)


def test_assignment_is_the_metric_emd():
    a, b = RNG.normal(size=(2, 100, 2))
    assert assignment(a, b) == pytest.approx(emd(a, b), rel=1e-9)


def test_numbers_are_assigned_in_their_order():
    """Reference: Santambrogio 2015, theorem 2.9."""
    a, b = RNG.normal(size=150), RNG.exponential(size=150)
    assert assignment(a[:, None], b[:, None]) == pytest.approx(wasserstein_distance(a, b), rel=1e-9)
    for p in (1.0, 2.0):
        sorted_pairs = (np.abs(np.sort(a) - np.sort(b)) ** p).mean() ** (1 / p)
        assert assignment(a[:, None], b[:, None], p) == pytest.approx(sorted_pairs, rel=1e-9)


def test_sets_of_different_sizes_are_refused():
    for distance in (tv, kl):
        with pytest.raises(ValueError, match="one size"):
            distance(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="one size"):
        assignment(np.ones((3, 2)), np.ones((4, 2)))


def test_discrete_with_equal_weights_is_the_assignment():
    a, b = RNG.normal(size=(2, 20, 2))
    even = np.full(20, 1 / 20)
    assert discrete(even, even, cdist(a, b)).cost == pytest.approx(assignment(a, b), rel=1e-9)


def test_a_plan_has_the_marginals_and_its_potentials_prove_it():
    a, b = RNG.dirichlet(np.ones(12)), RNG.dirichlet(np.ones(7))
    cost = cdist(RNG.normal(size=(12, 2)), RNG.normal(size=(7, 2)))
    plan = discrete(a, b, cost)
    np.testing.assert_allclose(plan.mass.sum(axis=1), a, atol=1e-9)
    np.testing.assert_allclose(plan.mass.sum(axis=0), b, atol=1e-9)
    assert np.all(plan.f[:, None] + plan.g <= cost + 1e-9)
    assert a @ plan.f + b @ plan.g == pytest.approx(plan.cost, rel=1e-9)
    assert dual(plan.f, a, b, cost) == pytest.approx(plan.cost, rel=1e-9)
    # Mass moves only where the potentials are tight.
    slack = cost - plan.f[:, None] - plan.g
    assert float((plan.mass * slack).sum()) == pytest.approx(0, abs=1e-9)


def test_the_dual_of_any_potential_is_at_most_the_primal():
    a, b = RNG.dirichlet(np.ones(10)), RNG.dirichlet(np.ones(10))
    cost = cdist(RNG.normal(size=(10, 2)), RNG.normal(size=(10, 2)))
    best = discrete(a, b, cost).cost
    for _ in range(50):
        f = RNG.normal(size=10)
        assert dual(f, a, b, cost) <= best + 1e-9
        assert np.all(f[:, None] + c_transform(f, cost) <= cost + 1e-9)


def test_weights_and_costs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cost must be"):
        discrete(np.full(2, 0.5), np.full(2, 0.5), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="same sum"):
        discrete(np.array([0.5, 0.6]), np.full(2, 0.5), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="negative"):
        discrete(np.array([1.5, -0.5]), np.full(2, 0.5), np.zeros((2, 2)))


def test_divergences_of_disjoint_and_of_equal_distributions():
    left, right = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.5, 0.5])
    assert js(left, right) == pytest.approx(math.log(2), rel=1e-12)
    assert kl(left, right) == math.inf
    assert tv(left, right) == pytest.approx(1)
    assert (js(left, left), kl(left, left), tv(left, left)) == (0, 0, 0)


def test_divergences_against_their_formulas():
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    assert kl(p, q) == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), rel=1e-12)
    assert tv(p, q) == pytest.approx(0.25)
    assert js(p, q) == pytest.approx(js(q, p), rel=1e-12)
    assert 0 < js(p, q) < math.log(2)


@pytest.mark.parametrize(
    ("n", "dim", "shift"), [(1, 2, 1.0), (40, 2, 0.0), (60, 2, 2.0), (30, 20, 0.5)]
)
def test_the_optimal_potential_is_1_lipschitz_and_its_gap_is_w1(n: int, dim: int, shift: float):
    a, b = RNG.normal(size=(n, dim)), RNG.normal(size=(n, dim)) + shift
    f = kantorovich(a, b)
    assert f.cost == pytest.approx(assignment(a, b), abs=1e-9)
    assert f(a).mean() - f(b).mean() == pytest.approx(f.cost, abs=1e-9)
    assert f.values.mean() == pytest.approx(0, abs=1e-12)
    assert f(f.points) == pytest.approx(f.values, abs=1e-9)
    anywhere = np.concatenate([RNG.normal(size=(200, dim)) * 4, a, b])
    heights, apart = f(anywhere), cdist(anywhere, anywhere)
    assert (np.abs(heights[:, None] - heights) <= apart + 1e-9).all()


def test_the_optimal_potential_against_pot_and_a_linear_program():
    a, b = RNG.normal(size=(25, 2)), RNG.normal(size=(25, 2)) + 1
    even, cost = np.full(25, 1 / 25), cdist(a, b)
    potential = kantorovich(a, b)
    plan = discrete(even, even, cost)
    _, log = ot.emd(even, even, cost, log=True)
    assert potential.cost == pytest.approx(plan.cost, abs=1e-9)
    assert potential.cost == pytest.approx(log["cost"], abs=1e-9)
    # Any optimal potential is tight wherever an optimal plan moves mass.
    drop = potential(a)[:, None] - potential(b)
    assert (plan.mass * (cost - drop)).sum() == pytest.approx(0, abs=1e-9)


def test_the_optimal_potential_of_points_that_lie_on_each_other():
    a = RNG.normal(size=(30, 2))
    b = np.concatenate([a[:10], a[:10], a[:10]])
    assert kantorovich(a, b).cost == pytest.approx(assignment(a, b), abs=1e-9)
    assert kantorovich(a, a).cost == pytest.approx(0, abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([1e-6, 0.1, 1.0, 1e3]))
def test_no_scores_prove_more_than_the_distance(seed: int, scale: float):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(12, 2)), rng.normal(size=(12, 2)) + rng.normal()
    scores = scale * rng.normal(size=(2, 12))
    of_a, of_b = scores
    bound, steepest = lower_bound(of_a, of_b, cdist(a, b))
    assert bound <= assignment(a, b) + 1e-9 and steepest >= 0


def test_what_scores_prove_in_known_cases():
    a, b = RNG.normal(size=(20, 2)), RNG.normal(size=(20, 2)) + 3
    cost, f = cdist(a, b), kantorovich(a, b)
    # The optimal potential proves everything, at any scale and height.
    bound, steepest = lower_bound(7 * f(a) + 5, 7 * f(b) + 5, cost)
    assert bound == pytest.approx(f.cost, rel=1e-9) and steepest == pytest.approx(7, rel=1e-9)
    assert lower_bound(np.ones(20), np.ones(20), cost) == (0.0, 0.0)
    assert lower_bound(-f(a), -f(b), cost)[0] == pytest.approx(-f.cost, rel=1e-9)
    # Points on each other that are scored differently ask for an endless slope: nothing is proved.
    assert lower_bound(np.array([1.0]), np.array([0.0]), np.zeros((1, 1)))[0] == pytest.approx(
        0, abs=1e-9
    )
