"""Verdicts are functions of the values on show: tables of good, bad and borderline values, and laws."""

import math

import pytest

from wgan.verdicts import critic, stability, wasserstein
from wgan.verdicts.stability import TrainedGan


@pytest.mark.parametrize(
    ("critic_accuracy", "gap", "gap_held_out", "phrase", "overfits"),
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
def test_scores(
    critic_accuracy: float, gap: float, gap_held_out: float, phrase: str, overfits: bool
):
    text = critic.scores(critic_accuracy, gap, gap_held_out, 1.0)
    assert phrase in text and ("by heart" in text) is overfits


def test_scores_that_are_all_the_same_say_nothing_of_overfitting():
    assert "by heart" not in critic.scores(0.5, 0.2, 0.1, 0.0)


@pytest.mark.parametrize(
    ("mean", "above", "phrase"),
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
def test_slopes(mean: float, above: float, phrase: str):
    assert phrase in critic.slopes(mean, above)


@pytest.mark.parametrize("mean", [0.01, 0.5, 0.9, 1.0, 1.2, 3.0])
@pytest.mark.parametrize("above", [0.0, 0.3, 0.55, 0.89, 1.0])
def test_slopes_alone_never_make_the_gap_a_distance(mean: float, above: float):
    """A gap of −0.039 beside W₁ = 0.208 had slopes near 1, and was called close to a distance."""
    text = critic.slopes(mean, above)
    assert "close to a distance" not in text and "the gap is W₁" not in text
    assert ("optimal" in text) == (critic.FLAT_SLOPE <= mean <= critic.STEEP_SLOPE)


@pytest.mark.parametrize(
    ("first", "last", "phrase"),
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
def test_gradient_flow(first: float, last: float, phrase: str):
    assert phrase in critic.gradient_flow(first, last)


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
    ("share", "changes", "phrase"),
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
def test_convergence(share: float, changes: dict[str, object], phrase: str):
    assert phrase in convergence(share, **changes)


@pytest.mark.parametrize("share", [0.004, 0.2, 0.5, 0.89, 0.901, 1.0])
@pytest.mark.parametrize("ended", [False, True])
def test_the_share_on_show_is_the_share_in_words(share: float, ended: bool):
    assert f"{100 * share:.0f} %" in convergence(share, ended=ended)


# ---- the labs of the Wasserstein page -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "finished", "cheapest_was_shown", "phrase"),
    [
        (4.0, True, False, "Yours costs **4.00**: as cheap as can be."),
        (4.0049, True, True, "as cheap as can be"),
        (4.005, True, False, "the best **4.00**"),
        (9.0, True, True, "Yours costs **9.00**, the best **4.00**"),
        (1.0, False, True, "costs **4.00** and crosses nowhere"),
    ],
)
def test_plan_by_hand(cost: float, finished: bool, cheapest_was_shown: bool, phrase: str):
    text = wasserstein.plan_by_hand(
        cost, 4.0, finished=finished, cheapest_was_shown=cheapest_was_shown
    )
    assert phrase in text and "linear program agree: **4.00**" in text


def test_an_unfinished_plan_gives_nothing_away():
    assert wasserstein.plan_by_hand(4.0, 4.0, finished=False, cheapest_was_shown=False) == ""


@pytest.mark.parametrize(
    ("blurred", "exact", "phrase"),
    [(2.0, 2.0, ": 0 % more"), (3.0, 2.0, ": 50 % more"), (0.5, 0.0, ": 0 % more")],
)
def test_blurred_plan(blurred: float, exact: float, phrase: str):
    text = wasserstein.blurred_plan(0.03, blurred, exact, 1.44)
    assert phrase in text and "ε = 0.03" in text and "over 1.4 real points" in text


@pytest.mark.parametrize(
    ("lower_bound", "w1", "optimum_was_shown", "phrase"),
    [
        (3.8, 3.8, False, "**3.80**: all of W₁"),
        (3.796, 3.8, True, "all of W₁"),
        (3.795, 3.8, False, "of **3.80**. However you bend it, it stays below."),
        (1.0, 3.8, True, "**1.00** of **3.80**. The dashed one proves all of it."),
        (-1.0, 3.8, True, "**−1.00** of **3.80**"),
        (0.0, 0.0, False, "The piles are the same"),
    ],
)
def test_bent_function(lower_bound: float, w1: float, optimum_was_shown: bool, phrase: str):
    text = wasserstein.bent_function(lower_bound, w1, optimum_was_shown=optimum_was_shown)
    assert phrase in text


@pytest.mark.parametrize(
    ("clipped", "penalised", "answer"),
    [(0.2, 0.9, 1), (0.9, 0.2, 0), (0.5, 0.5, 2), (0.47, 0.5, 1), (0.471, 0.5, 2), (1.0, 1.0, 2)],
)
def test_tighter_critic(clipped: float, penalised: float, answer: int):
    assert wasserstein.tighter_critic(clipped, penalised) == answer


def test_learned_dual():
    text = wasserstein.learned_dual(1_000, 3.0, 0.5, 0.966, 0.25)
    assert "After 1,000 updates" in text and "proves **50 %** of W₁" in text
    assert "25 % of its weights at ±c; the penalised one **97 %**." in text
    assert "nothing to prove" in wasserstein.learned_dual(10, 0.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("shape", "theta", "apart"),
    [
        ("boxes", 0.0, False),
        ("boxes", 0.95, False),
        ("boxes", -1.0, True),
        ("gaussians", 1.95, False),
        ("gaussians", 2.0, True),
        ("lines", 0.0, False),
        ("lines", -0.05, True),
    ],
)
def test_hardly_overlap(shape: str, theta: float, apart: bool):
    assert wasserstein.hardly_overlap(shape, theta) is apart


@pytest.mark.parametrize(
    ("theta", "kl", "slope", "phrase"),
    [
        (3.0, math.inf, 0.0, "with slope **1**; JS is **0.693** (log 2 is 0.693) with slope **0**"),
        (-3.0, math.inf, 0.0, "At θ = −3: W₁ is **3.00** with slope **−1**"),
        (3.0, 18.0, 1e-4, "KL does grow (18.0)"),
        (3.0, 18.0, 1e-4, "slope **1.0×10⁻⁴**"),
        (1.0, math.inf, math.nan, "slope **none**"),
    ],
)
def test_slid_apart(theta: float, kl: float, slope: float, phrase: str):
    text = wasserstein.slid_apart(
        theta, abs(theta), math.log(2), kl, 1.0, js_slope=slope, tv_slope=slope
    )
    assert phrase in text and ("KL does grow" in text) is math.isfinite(kl)


@pytest.mark.parametrize(
    ("discriminator", "critic_gradient", "phrase", "overlaps"),
    [
        (1e-3, 1.0, "1,000 times as hard", False),
        (0.0, 1.0, "more than 10,000 times as hard", False),
        (1e-4, 1.0, "more than 10,000 times as hard", False),
        (0.2, 1.0, "5 times as hard", True),
        (0.19, 1.0, "5 times as hard", False),
        (0.6, 1.0, "is **0.6**, the critic's **1**. They", True),
        (1.0, 0.5, "critic's **0.5**. They", True),
    ],
)
def test_opposed_gradients(
    discriminator: float, critic_gradient: float, phrase: str, overlaps: bool
):
    text = wasserstein.opposed_gradients(6.0, discriminator, critic_gradient)
    assert phrase in text and ("They still overlap" in text) is overlaps
    assert wasserstein.discriminator_is_dead(discriminator, critic_gradient) is not overlaps


# ---- the labs of the Stability page -------------------------------------------------------------


def test_vanishing_gradients():
    text = stability.vanishing_gradients(
        2_000,
        1.5e-6,
        minimax=2e-7,
        minimax_share=4e-6,
        non_saturating=0.5,
        wasserstein=1.0,
    )
    assert text == (
        "After 2,000 updates D is 1.5×10⁻⁶ at fakes. The gradient is **2.0×10⁻⁷** by minimax, 4.0×10⁻⁶ of "
        "its largest; **0.5** by the non-saturating loss; **1** by Wasserstein."
    )


def gan(**changes: object) -> TrainedGan:
    values: dict[str, object] = {
        "title": "GAN",
        "modes": 6.0,
        "good_share": 0.8,
        "collapsed_at": None,
        "collapsed": False,
        "diverged": False,
    }
    return TrainedGan(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({}, "**GAN** has 6 of 8 modes, 80 % of its samples good."),
        ({"good_share": None}, "**GAN** has 6 of 8 modes."),
        ({"collapsed_at": 1_200, "collapsed": True}, "collapsed at step 1,200: 6 of 8 modes"),
        ({"collapsed_at": 1_200}, "collapsed at step 1,200 and recovered: 6 of 8 modes"),
        ({"diverged": True}, "**GAN** diverged."),
        ({"diverged": True, "collapsed_at": 50, "collapsed": True}, "**GAN** diverged."),
    ],
)
def test_mode_collapse(changes: dict[str, object], phrase: str):
    assert phrase in stability.mode_collapse([gan(**changes)], 8, "modes")


def test_mode_collapse_of_several_networks():
    text = stability.mode_collapse([gan(), gan(title="WGAN", diverged=True)], 8, "digits")
    assert text == "**GAN** has 6 of 8 digits, 80 % of its samples good; **WGAN** diverged."


@pytest.mark.parametrize(
    ("collapsed_at", "diverged", "first"),
    [
        ((None, None, None), (False, False, False), None),
        ((200, None, 100), (False, False, False), 2),
        ((100, 100, None), (False, False, False), 0),
        ((100, None, None), (False, True, False), 1),
        ((None, 100, None), (False, True, False), 1),
    ],
)
def test_first_to_collapse(
    collapsed_at: tuple[int | None, ...], diverged: tuple[bool, ...], first: int | None
):
    gans = [
        gan(collapsed_at=step, diverged=has_diverged)
        for step, has_diverged in zip(collapsed_at, diverged, strict=True)
    ]
    assert stability.first_to_collapse(gans) == first


@pytest.mark.parametrize(
    ("growth", "verb", "change"),
    [
        (0.1, "vanishes", "shrinks to 10 %"),
        (0.69, "vanishes", "shrinks to 69 %"),
        (0.7, "hardly changes", "shrinks to 70 %"),
        (0.95, "hardly changes", "shrinks to 95 %"),
        (1.0, "hardly changes", "stays"),
        (1.05, "hardly changes", "grows 1.1 times"),
        (1.4, "hardly changes", "grows 1.4 times"),
        (1.41, "explodes", "grows 1.4 times"),
        (99.0, "explodes", "grows 99 times"),
        (2_000.0, "explodes", "grows 2,000 times"),
    ],
)
def test_clipped_gradient(growth: float, verb: str, change: str):
    text = stability.clipped_gradient(0.01, growth, 0.5)
    assert f"c = 0.01 the gradient **{verb}**: it {change} with each layer" in text
    assert text.endswith("50 % of the weights at ±c.")


def test_clipped_gradient_beside_others():
    text = stability.clipped_gradient(
        0.1,
        2.0,
        0.5,
        others=[("GP", 1.0), ("LP", 1.01), ("GroupSort", 0.8)],
        tried=[(0.01, 0.1), (0.1, 2.0)],
    )
    assert "It stays with GP and LP; it shrinks to 80 % with GroupSort." in text
    assert text.endswith("Tried so far: c = 0.01: shrinks to 10 %, c = 0.1: grows 2 times.")
    assert "Tried" not in stability.clipped_gradient(0.1, 2.0, 0.5, tried=[(0.1, 2.0)])


@pytest.mark.parametrize(
    ("rows", "columns", "answer"),
    [(2.0, 1.0, 0), (1.0, 2.0, 1), (1.0, 1.0, 2), (1.25, 1.0, 0), (1.0, 1.24, 2)],
)
def test_more_decisive(rows: float, columns: float, answer: int):
    assert stability.more_decisive(rows, columns) == answer


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, "over all of the other's."),
        ({"best": (0.0003, 5)}, "Best: learning rate 0.0003, batch size 5."),
        ({"diverged": 2}, "other's. 2 diverged."),
    ],
)
def test_sensitivity(changes: dict[str, object], ending: str):
    text = stability.sensitivity("Learning rate", "Batch size", 3.14, 1.2, **changes)  # type: ignore[arg-type]
    assert "**3.1 times** by learning rate, **1.2 times** by batch size" in text
    assert text.endswith(ending)


def test_a_grid_with_untrained_cells_decides_nothing():
    text = stability.sensitivity("A", "B", math.nan, math.nan, untrained=4, best=(1.0, 2.0))
    assert text == "4 cells were not trained, so it cannot be said yet which decides more."


@pytest.mark.parametrize(
    ("seconds", "expected_text"),
    [
        (1, "about half a minute"),
        (39.9, "about half a minute"),
        (40, "about a minute"),
        (89, "about a minute"),
        (90, "about 2 minutes"),
        (150, "about 2 minutes"),
        (600, "about 10 minutes"),
    ],
)
def test_duration(seconds: float, expected_text: str):
    assert stability.duration(seconds) == expected_text
