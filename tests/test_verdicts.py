"""Verdicts are functions of the values on show: tables of good, bad and borderline values, and laws."""

import pytest

from wgan.verdicts import critic


@pytest.mark.parametrize(
    ("told_apart", "gap", "gap_held_out", "words", "overfits"),
    [
        (1.0, 5.0, 5.0, "nearly every fake", False),
        (0.97, 2.0, 1.9, "many fakes", False),
        (0.65, 0.3, 0.2, "score alike", False),
        (0.5, 0.0, 0.0, "score alike", False),
        (0.4, -0.1, -0.1, "lags behind", False),
        (0.1, -2.0, -2.0, "lags behind", False),
        (0.9, 2.0, 1.5, "many fakes", False),  # exactly half a standard deviation
        (0.9, 2.0, 1.4, "many fakes", True),
        (0.9, 1.0, 2.0, "many fakes", False),  # held-out examples may also score higher
    ],
)
def test_scores(told_apart: float, gap: float, gap_held_out: float, words: str, overfits: bool):
    text = critic.scores(told_apart, gap, gap_held_out, 1.0)
    assert words in text and ("by heart" in text) is overfits


def test_scores_that_are_all_the_same_say_nothing_of_overfitting():
    assert "by heart" not in critic.scores(0.5, 0.2, 0.1, 0.0)


@pytest.mark.parametrize(
    ("mean", "above", "words"),
    [
        (0.0, 0.0, "Nearly flat"),
        (0.099, 0.0, "Nearly flat"),
        (0.1, 0.0, "Near 1 or below: 0 %"),
        (0.9, 0.5, "Near 1 or below: 50 %"),
        (1.0, 0.55, "above 1 at 55 %"),
        (1.0, 0.89, "above 1 at 89 %"),
        (1.5, 1.0, "above 1 at 100 %"),
        (1.51, 1.0, "Steeper than 1"),
        (30.0, 1.0, "Steeper than 1"),
    ],
)
def test_slopes(mean: float, above: float, words: str):
    assert words in critic.slopes(mean, above)


@pytest.mark.parametrize("mean", [0.01, 0.5, 0.9, 1.0, 1.2, 3.0])
@pytest.mark.parametrize("above", [0.0, 0.3, 0.55, 0.89, 1.0])
def test_slopes_alone_never_make_the_gap_a_distance(mean: float, above: float):
    """A gap of −0.039 beside W₁ = 0.208 had slopes near 1, and was called close to a distance."""
    text = critic.slopes(mean, above)
    assert "close to a distance" not in text and "the gap is W₁" not in text
    assert ("optimal" in text) == (critic.FLAT_SLOPE <= mean <= critic.STEEP_SLOPE)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (0.0, 1.0, "no gradient"),
        (1.0, 0.0, "no gradient"),
        (1e-6, 1.0, "shrinks to 1⁄1,000,000: it vanishes"),
        (0.03, 1.0, "shrinks to 1⁄33. That is much"),
        (0.1, 1.0, "similar pace"),
        (2.0, 1.0, "factor of 2: every layer"),
        (10.0, 1.0, "similar pace"),
        (11.0, 1.0, "grows 11-fold. That is much"),
        (1e6, 1.0, "grows 1,000,000-fold: it explodes"),
    ],
)
def test_gradient_flow(first: float, last: float, words: str):
    assert words in critic.gradient_flow(first, last)


@pytest.mark.parametrize("factor", [1e-3, 0.05, 0.5, 2.0, 30.0, 1e4])
@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_only_the_ratio_of_gradients_counts(factor: float, unit: float):
    assert critic.gradient_flow(factor * unit, unit) == critic.gradient_flow(factor, 1.0)


def convergence(share: float, **changes: object) -> str:
    values: dict[str, object] = {
        "ended": True,
        "is_dual": True,
        "clipped_share": None,
        "rising": False,
    }
    return critic.convergence(share, 400, **{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "changes", "words"),
    [
        (0.95, {}, "tight: 95 %"),
        (0.91, {"rising": True}, "tight: 91 %"),
        (0.9, {}, "Settled at 90 %"),
        (0.7, {}, "Settled at 70 %"),
        (0.7, {"rising": True}, "Still rising: 70 %"),
        (0.2, {"clipped_share": 0.8}, "loose: at most 20 %"),
        (0.95, {"clipped_share": 0.8}, "tight: 95 %"),  # what was proved counts
        (0.2, {"clipped_share": 0.0}, "No weight is at ±c"),
        (0.2, {"clipped_share": 0.0, "rising": True}, "Still rising: 20 %"),
        (0.99, {"is_dual": False}, "which examples are real"),
        (0.2, {"ended": False}, "So far"),
        (0.99, {"note": "The scores overflowed."}, "It diverged.** The scores overflowed."),
        (0.0, {}, "Settled at 0 %"),
        (1.0, {}, "tight: 100 %"),
    ],
)
def test_convergence(share: float, changes: dict[str, object], words: str):
    assert words in convergence(share, **changes)


@pytest.mark.parametrize("share", [0.004, 0.2, 0.5, 0.89, 0.901, 1.0])
@pytest.mark.parametrize("ended", [False, True])
def test_the_share_on_show_is_the_share_in_words(share: float, ended: bool):
    assert f"{100 * share:.0f} %" in convergence(share, ended=ended)
