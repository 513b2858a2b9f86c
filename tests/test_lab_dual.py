"""The labs' dual: no function of slope at most 1 proves more than W₁, and critics get near it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_lab_transport import heights, piles
from wgan.labs.dual import (
    MAX_HEIGHT,
    bound,
    learn,
    optimal,
    projected,
    steepest,
)
from wgan.labs.transport import PILES, PLACES, Piles, X, cheapest_plan

drawn = st.lists(
    st.floats(-MAX_HEIGHT, MAX_HEIGHT, allow_nan=False), min_size=PLACES, max_size=PLACES
).map(np.array)


@settings(deadline=None)
@given(piles, drawn)
def test_whatever_is_drawn_proves_at_most_the_cheapest_plan(shaped: Piles, f: np.ndarray):
    projection = projected(f)
    assert steepest(projection) <= 1 + 1e-9
    assert bound(projection, shaped) <= cheapest_plan(shaped).cost + 1e-9


@settings(deadline=None)
@given(drawn)
def test_the_projection_is_the_highest_one_below_and_changes_nothing_twice(f: np.ndarray):
    projection = projected(f)
    assert (projection <= f + 1e-12).all()
    np.testing.assert_allclose(projected(projection), projection, atol=1e-12)
    # Any other function of slope at most 1 below f, here a lower cone, lies below it.
    for i in range(PLACES):
        cone = projection[i] - np.abs(X - X[i])
        assert (cone <= projection + 1e-9).all()


@settings(deadline=None)
@given(drawn, st.integers(0, PLACES - 1), st.floats(-8, 8))
def test_bending_one_point_as_the_browser_does_keeps_the_slope(f, column: int, height: float):
    f = projected(np.clip(f, -8, 8))
    away = np.abs(X - column)
    bent = np.clip(f, height - away, height + away)
    assert steepest(bent) <= 1 + 1e-9 and bent[column] == pytest.approx(height)
    assert np.abs(bent).max() <= 8 + 1e-9


@settings(deadline=None)
@given(piles)
def test_the_optimal_function_proves_all_of_it(shaped: Piles):
    f = optimal(shaped)
    assert steepest(f) <= 1 + 1e-12 and f.mean() == pytest.approx(0, abs=1e-9)
    assert bound(f, shaped) == pytest.approx(cheapest_plan(shaped).cost, abs=1e-9)


@settings(deadline=None)
@given(heights)
def test_same_piles_need_no_function(pile: list[int]):
    same = Piles(tuple(pile), tuple(pile))
    assert not optimal(same).any() and cheapest_plan(same).cost == pytest.approx(0, abs=1e-12)


def _last(work):
    result = [progress.result for progress in work if progress.result is not None]
    return result[-1], result


def test_critics_prove_more_and_more_but_never_too_much():
    shaped = PILES["split"][1]
    result, snapshots = _last(learn(shaped, updates=300))
    assert len(result.lower_bound) == 2
    assert (
        result.updates[0] == 0
        and result.updates[-1] == 300
        and len(snapshots) == len(result.updates)
    )
    assert (result.lower_bound <= result.w1 + 1e-6).all()
    assert result.w1 == pytest.approx(cheapest_plan(shaped).cost)
    clipped, penalised = result.shares
    assert penalised > 0.9 and penalised > clipped
    assert 0 < result.clip_saturation <= 1
    for curve in result.curves:
        assert steepest(curve) == pytest.approx(1, abs=1e-5) and abs(curve.mean()) < 1e-6
    # A small clip value keeps nearly all weights at their bound.
    tight, _ = _last(learn(shaped, updates=60, clip_value=0.01))
    assert tight.clip_saturation > result.clip_saturation


def test_learning_repeats_itself_exactly():
    shaped = PILES["heaps"][1]
    first, second = (_last(learn(shaped, updates=40))[0] for _ in range(2))
    np.testing.assert_array_equal(first.lower_bound, second.lower_bound)


def test_same_piles_leave_nothing_to_prove():
    result, _ = _last(learn(PILES["same"][1], updates=20))
    assert result.shares == (1.0, 1.0)
