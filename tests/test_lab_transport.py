"""The labs' transport: plans on the line, the formula, blurred plans, plans by hand."""

import math

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from wgan.labs.transport import (
    CLOUDS,
    MAX_HEIGHT,
    MAX_MOVES,
    PILES,
    PLACES,
    POINTS,
    Piles,
    X,
    by_hand,
    cheapest_plan,
    cloud_points,
    plans_between,
)
from wgan.transport import assignment, by_cdf, discrete, matching, monotone, sinkhorn

RNG = np.random.default_rng(0)
AWAY = np.abs(X[:, None] - X)

heights = st.lists(st.integers(0, MAX_HEIGHT), min_size=PLACES, max_size=PLACES).filter(any)
piles = st.builds(lambda a, b: Piles(tuple(a), tuple(b)), heights, heights)
moves = st.lists(st.tuples(st.integers(0, PLACES - 1), st.integers(0, PLACES - 1)), max_size=40)


@settings(deadline=None)
@given(piles)
def test_plan_formula_program_pot_and_scipy_give_one_number(shaped: Piles):
    fake, real = shaped.shares
    plan = cheapest_plan(shaped)
    assert plan.formula == pytest.approx(plan.cost, abs=1e-9)
    assert plan.program == pytest.approx(plan.cost, abs=1e-7)
    assert ot.emd2(fake, real, AWAY) == pytest.approx(plan.cost, abs=1e-9)
    assert ot.emd2_1d(X, X, fake, real, metric="euclidean") == pytest.approx(plan.cost, abs=1e-9)
    assert wasserstein_distance(X, X, fake, real) == pytest.approx(plan.cost, abs=1e-9)
    np.testing.assert_allclose(plan.mass.sum(axis=1), fake, atol=1e-12)
    np.testing.assert_allclose(plan.mass.sum(axis=0), real, atol=1e-12)
    assert plan.mass.min() >= 0


@settings(deadline=None)
@given(piles)
def test_the_plan_on_the_line_never_crosses_and_is_cheapest_for_squares_too(shaped: Piles):
    fake, real = shaped.shares
    mass = monotone(fake, real)
    rows, columns = np.nonzero(mass > 1e-12)
    order = np.argsort(rows, kind="stable")
    assert (np.diff(columns[order]) >= 0).all()
    assert (mass * AWAY**2).sum() == pytest.approx(ot.emd2(fake, real, AWAY**2), abs=1e-7)


def test_a_slid_pile_costs_how_far_it_was_slid():
    assert cheapest_plan(PILES["slide"][1]).cost == pytest.approx(6)
    assert cheapest_plan(PILES["same"][1]).cost == pytest.approx(0, abs=1e-12)
    a, b = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    assert by_cdf(a, b, np.array([-1.0, 0.5, 4.0])) == pytest.approx(5)


@settings(deadline=None)
@given(piles, moves)
def test_no_plan_by_hand_is_cheaper_than_the_best(shaped: Piles, hand_plan: list[tuple[int, int]]):
    hand = by_hand(shaped, hand_plan)
    fake, real = shaped.shares
    assert (hand.mass.sum(axis=1) <= fake + 1e-12).all()
    assert (hand.mass.sum(axis=0) <= real + 1e-12).all()
    # Whatever was moved, the rest finished in any order gives a whole plan: never cheaper.
    costs = [(i, j) for i in range(PLACES) for j in range(PLACES)]
    complete = by_hand(shaped, (hand_plan + costs)[: MAX_MOVES - 1])
    assert complete.done and complete.cost >= cheapest_plan(shaped).cost - 1e-9
    assert hand.moved == pytest.approx(hand.mass.sum())


def test_a_plan_by_hand_may_be_as_cheap_as_the_best_or_dearer():
    shaped = PILES["heaps"][1]
    good = by_hand(shaped, [(1, 3), (1, 7), (4, 7), (9, 13)])
    assert good.done and good.cost == pytest.approx(cheapest_plan(shaped).cost)
    bad = by_hand(shaped, [(1, 13), (4, 3), (9, 7)])
    assert bad.crosses and not good.crosses
    assert bad.done and bad.cost > cheapest_plan(shaped).cost + 0.5
    none = by_hand(shaped, [])
    assert not none.done and none.cost == none.moved == 0


def test_what_is_no_pile_or_no_move_is_refused():
    with pytest.raises(ValueError, match="some earth"):
        Piles((0,) * PLACES, (1,) * PLACES)
    for odd in ((1,) * 3, (MAX_HEIGHT + 1,) * PLACES, (-1,) * PLACES):
        with pytest.raises(ValueError, match="heights from 0"):
            Piles(odd, (1,) * PLACES)
    shaped = PILES["heaps"][1]
    with pytest.raises(ValueError, match="from one column to another"):
        by_hand(shaped, [(0, PLACES)])
    with pytest.raises(ValueError, match="at most"):
        by_hand(shaped, [(0, 0)] * (MAX_MOVES + 1))
    with pytest.raises(ValueError, match="same sum"):
        monotone(np.ones(3), np.ones(4))


def test_a_matching_is_an_assignment_that_can_be_drawn():
    a, b = RNG.normal(size=(2, 30, 2))
    for p in (1.0, 2.0):
        cost, matches = matching(a, b, p)
        assert sorted(matches) == list(range(30)) and cost == assignment(a, b, p)
        lengths = np.linalg.norm(a - b[matches], axis=1)
        assert (lengths**p).mean() ** (1 / p) == pytest.approx(cost)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0, 10.0])
def test_a_blurred_plan_fits_and_is_never_cheaper(epsilon: float):
    a, b = RNG.dirichlet(np.ones(15)), RNG.dirichlet(np.ones(12))
    cost = cdist(RNG.normal(size=(15, 2)), RNG.normal(size=(12, 2)))
    plan = sinkhorn(a, b, cost, epsilon)
    np.testing.assert_allclose(plan.mass.sum(axis=1), a, atol=1e-9)
    np.testing.assert_allclose(plan.mass.sum(axis=0), b, atol=1e-9)
    exact = discrete(a, b, cost).cost
    assert plan.cost >= exact - 1e-9 and plan.cost <= (np.outer(a, b) * cost).sum() + 1e-6
    if plan.converged:
        expected = ot.sinkhorn(a, b, cost, epsilon, method="sinkhorn_log", numItermax=5_000)
        assert plan.cost == pytest.approx((expected * cost).sum(), abs=1e-6)


def test_blur_raises_the_cost_and_little_blur_says_that_it_did_not_converge():
    a, b = RNG.normal(size=(2, 20, 2))
    even, cost = np.full(20, 1 / 20), cdist(a, b)
    costs = [sinkhorn(even, even, cost, e).cost for e in (0.03, 0.1, 0.3, 1.0)]
    assert costs == sorted(costs) and costs[0] >= assignment(a, b) - 1e-9
    short = sinkhorn(even, even, cost, 1e-3, rounds=20)
    assert not short.converged and short.missed > 1e-6 and short.rounds == 20
    assert short.cost >= assignment(a, b) - 1e-9
    with pytest.raises(ValueError, match="ε"):
        sinkhorn(even, even, cost, 0.0)


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("p", [1, 2])
def test_clouds(name: str, p: int):
    plan = plans_between(*cloud_points(name, 2.0), p, 0.1)
    assert plan.fake.shape == plan.real.shape == (POINTS, 2)
    assert plan.w1 == pytest.approx(assignment(plan.fake, plan.real))
    even = np.full(POINTS, 1 / POINTS)
    squares = ot.emd2(even, even, cdist(plan.fake, plan.real) ** 2)
    assert plan.w2 == pytest.approx(math.sqrt(squares)) and plan.w2 >= plan.w1
    assert plan.exact == pytest.approx(plan.w1 if p == 1 else plan.w2**2)
    assert plan.blurred.cost >= plan.exact - 1e-9
    assert 1 <= plan.targets <= POINTS + 1e-9


def test_a_cloud_that_is_only_moved_goes_as_far_as_it_was_moved():
    still, moved = (
        plans_between(*cloud_points("balls", 0.0), 1, 0.1),
        plans_between(*cloud_points("balls", 3.0), 2, 0.1),
    )
    np.testing.assert_allclose(moved.real - still.real, [[3.0, 0.0]] * POINTS, atol=1e-12)
