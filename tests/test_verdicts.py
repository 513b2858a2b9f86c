"""Verdicts are functions of the values on show: tables of good, bad and borderline values, and laws."""

import math

import numpy as np
import pytest

from wgan.diagnosis import RULES
from wgan.format import fmt_share
from wgan.labs.divergences import DISTANCES, SHAPES
from wgan.objectives import OBJECTIVES
from wgan.verdicts import critic, latent, stability, wasserstein
from wgan.verdicts.comparison import ranking
from wgan.verdicts.stability import ClippedCritic, TrainedGan


@pytest.mark.parametrize(
    ("critic_accuracy", "gap", "gap_held_out", "phrase", "far_to_go"),
    [
        (1.0, 5.0, 5.0, "In nearly all pairs", True),
        (1.0, 5.0, 1.0, "In nearly all pairs", False),  # the critic only knows its examples
        (0.97, 2.0, 1.9, "In most pairs", False),
        (0.65, 0.3, 0.2, "In most pairs", False),
        (0.59, 0.3, 0.2, "In most pairs", False),
        (0.57, 0.2, 0.2, "score alike", False),
        (0.5, 0.0, 0.0, "score alike", False),
        (0.43, -0.1, -0.1, "score alike", False),
        (0.41, -0.1, -0.1, "lags behind", False),
        (0.1, -2.0, -2.0, "lags behind", False),
    ],
)
def test_scores(
    critic_accuracy: float, gap: float, gap_held_out: float, phrase: str, far_to_go: bool
):
    text = critic.scores(critic_accuracy, gap, gap_held_out, 1.0)
    assert phrase in text and ("far to go" in text) is far_to_go


@pytest.mark.parametrize(
    ("gap", "gap_held_out", "spread", "phrase"),
    [
        (0.521, 0.008, 1.0, "0.521, and 0.00800 on held-out examples: clearly less"),
        (2.0, 1.5, 1.0, "no sign"),  # exactly a quarter of the gap
        (2.0, 1.4, 1.0, "has memorised"),
        (0.2, -0.05, 1.0, "may be chance"),  # a quarter of a standard deviation
        (0.2, 0.1, 0.0, "may be chance"),  # all scores of real examples are equal
        (1.0, 2.0, 1.0, "no sign"),  # held-out examples may also score higher
        (-0.1, -0.5, 1.0, "has memorised"),
        (0.0, 0.0, 1.0, "no sign"),
    ],
)
def test_the_gap_beside_the_held_out_gap(
    gap: float, gap_held_out: float, spread: float, phrase: str
):
    text = critic.held_out_gap(gap, gap_held_out, spread)
    assert phrase in text
    assert ("clearly less" in text) is critic.has_memorised(gap, gap_held_out, spread)
    assert "chance" in critic.held_out_gap(gap, gap_held_out, spread, fresh=True)


def test_critic_page_and_diagnosis_judge_memorisation_alike():
    limits = RULES["overfitting-critic"].limits
    assert (limits["share"], limits["spreads"]) == (
        critic.MEMORISED_SHARE,
        critic.MEMORISED_SPREADS,
    )


@pytest.mark.parametrize(
    ("runs", "lower_is_better", "verdict"),
    [
        (
            [("GAN", 2.1, "2.10"), ("WGAN-GP", 0.2, "0.200"), ("WGAN", 0.5, "0.500")],
            True,
            "**WGAN-GP** has the lowest W₁: **0.200**. WGAN has 0.500, GAN has 2.10.",
        ),
        (
            [("GAN", 3.0, "3"), ("WGAN", 8.0, "8"), ("WGAN-GP", 8.0, "8")],
            False,
            "**WGAN and WGAN-GP** have the highest W₁: **8**. GAN has 3.",
        ),
        # Values that look equal are called equal.
        (
            [("A", 0.1234, "0.123"), ("B", 0.1233, "0.123")],
            True,
            "**B and A** have the lowest W₁: **0.123**.",
        ),
    ],
)
def test_ranking(runs: list[tuple[str, float, str]], lower_is_better: bool, verdict: str):
    text = ranking("W₁", runs, lower_is_better=lower_is_better)
    assert text == f"{verdict} Other seeds can give another order."


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ((), ""),
        (("Objective",), ""),
        (
            ("Objective", "λ"),
            " The runs differ in 2 settings, so it is not clear which one matters: Objective, λ.",
        ),
        (
            ("Objective", "λ", "Width", "Depth"),
            " The runs differ in 4 settings, so it is not clear which one matters: Objective, λ, Width and 1 more.",
        ),
    ],
)
def test_a_ranking_names_the_settings_in_which_the_runs_differ(
    differences: tuple[str, ...], said: str
):
    runs = [("A", 1.0, "1"), ("B", 2.0, "2")]
    plain = ranking("W₁", runs, lower_is_better=True)
    text = ranking("W₁", runs, lower_is_better=True, differences=differences)
    assert text == plain.replace(" Other seeds", f"{said} Other seeds")


@pytest.mark.parametrize(
    ("mean", "above", "phrase"),
    [
        (0.0, 0.0, "Nearly flat"),
        (0.099, 0.0, "Nearly flat"),
        (0.1, 0.0, "Below 1: 0.100 on average, and above 1 at 0 %"),
        (0.79, 0.1, "Below 1: 0.790 on average"),
        (0.8, 0.1, "**0.800 on average, and above 1 at 10 %"),
        (0.9, 0.5, "**0.900 on average, and above 1 at 50 %"),
        (1.0, 0.55, "above 1 at 55 %"),
        (1.0, 0.89, "above 1 at 89 %"),
        (1.5, 1.0, "above 1 at 100 %"),
        (1.51, 1.0, "Steeper than 1"),
        (30.0, 1.0, "Steeper than 1"),
    ],
)
def test_slopes(mean: float, above: float, phrase: str):
    assert phrase in critic.slopes(mean, above)


@pytest.mark.parametrize(
    ("objective", "phrase"),
    [
        ("wgan-gp", "larger λ"),
        ("r3gan", "larger λ"),
        ("wgan", "smaller c"),
        ("wgan-sn", "each layer"),
        ("wgan-groupsort", "each layer"),
        ("gan", "not limit"),
        ("hinge", "not limit"),
    ],
)
def test_steep_slopes_have_the_remedy_of_their_objective(objective: str, phrase: str):
    text = critic.slopes(3.0, 1.0, limited_by=OBJECTIVES[objective].slope_limit)
    phrases = ("larger λ", "smaller c", "each layer", "not limit")
    assert [words for words in phrases if words in text] == [phrase]


@pytest.mark.parametrize("mean", [0.01, 0.5, 0.9, 1.0, 1.2, 3.0])
@pytest.mark.parametrize("above", [0.0, 0.3, 0.55, 0.89, 1.0])
def test_slopes_alone_never_make_the_gap_a_distance(mean: float, above: float):
    """A gap of −0.039 beside W₁ = 0.208 had slopes near 1, and was called close to a distance."""
    text = critic.slopes(mean, above)
    assert "close to a distance" not in text and "the gap is W₁" not in text
    assert ("optimal" in text) == (critic.FLAT_SLOPE <= mean <= critic.STEEP_SLOPE)


@pytest.mark.parametrize(
    ("norms", "phrase"),
    [
        ((0.0, 1.0), "no gradient"),
        ((1.0, 0.0, 1.0), "no gradient"),  # in the middle
        ((1.0, 0.0), "no gradient"),
        ((1e-6, 1.0), "shrinks to 1/1,000,000: it vanishes"),
        ((0.03, 1.0), "shrinks to 1/33. That is much"),
        ((0.1, 1.0), "shrinks to 0.100 times its size. That is a factor of 0.100 per"),
        ((0.81, 1.0), "hardly changes"),
        ((1.24, 1.0), "hardly changes"),
        ((1.26, 1.0), "grows 1.26-fold"),
        ((2.0, 1.0), "grows 2.00-fold. That is a factor of 2.00 per layer"),
        ((8.0, 4.0, 2.0, 1.0), "grows 8.00-fold. That is a factor of 2.00 per layer"),
        ((11.0, 1.0), "grows 11-fold. That is much"),
        ((1e6, 1.0), "grows 1,000,000-fold: it explodes"),
    ],
)
def test_gradient_flow(norms: tuple[float, ...], phrase: str):
    assert phrase in critic.gradient_flow(norms)


@pytest.mark.parametrize("factor", [1e-3, 0.05, 0.5, 2.0, 30.0, 1e4])
@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_only_the_ratio_of_gradients_counts(factor: float, unit: float):
    assert critic.gradient_flow((factor * unit, unit)) == critic.gradient_flow((factor, 1.0))


def convergence(share: float, best: float | None = None, **changes: object) -> str:
    values: dict[str, object] = {
        "ended": True,
        "is_dual": True,
        "clipped_share": None,
        "rising": False,
    }
    best_share = share if best is None else best
    return critic.convergence(share, best_share, 400, **{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "changes", "phrase"),
    [
        (0.95, {}, "tight: 95 %"),
        (0.91, {"rising": True}, "tight: 91 %"),
        (0.9, {}, "Settled at 90 %"),
        (0.7, {}, "Settled at 70 %"),
        (0.68, {"best": 0.75}, "Settled at 68 %.** Its best so far was 75 %."),
        (0.68, {"best": 0.682}, "Settled at 68 %.** The bound"),  # the same number
        (0.7, {"range_of_late": (0.66, 0.7)}, "Settled at 70 %"),
        (0.7, {"range_of_late": (0.5, 0.75)}, "varies between 50 % and 75 %"),
        (0.7, {"rising": True}, "Still rising: 70 %"),
        (0.2, {"clipped_share": 0.8}, "Settled at 20 %.** 80 % of the clipped weights are at ±c"),
        (0.2, {"clipped_share": 0.001}, "<1 % of the clipped weights"),
        (0.2, {"clipped_share": 0.8, "rising": True}, "Still rising: 20 %"),
        (0.95, {"clipped_share": 0.8}, "tight: 95 %"),  # the bound counts
        (0.2, {"clipped_share": 0.0}, "No weight is at ±c"),
        (0.2, {"clipped_share": 0.0, "rising": True}, "Still rising: 20 %"),
        (0.99, {"is_dual": False}, "which examples are real"),
        (0.2, {"ended": False}, "So far"),
        (0.2, {"stopped": True}, "Stopped after 400 updates:** the lower bound is 20 %"),
        (0.99, {"note": "The scores overflowed."}, "It diverged.** The scores overflowed."),
        (0.0, {}, "Settled at 0 %"),
        (0.998, {}, "tight: >99 %"),
        (1.0, {}, "tight: 100 %"),
    ],
)
def test_convergence(share: float, changes: dict[str, object], phrase: str):
    assert phrase in convergence(share, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.004, 0.2, 0.5, 0.89, 0.901, 1.0])
@pytest.mark.parametrize("best", [0.004, 0.25, 1.0])
@pytest.mark.parametrize("state", [{"ended": False}, {"stopped": True}, {"rising": True}, {}])
def test_the_share_on_show_is_the_share_in_words(
    share: float, best: float, state: dict[str, object]
):
    """The card shows the bound now; "Proved 68 %" stood beside "settled at 75 %"."""
    text = convergence(share, max(share, best), **state)
    assert fmt_share(share) in text
    assert ("best so far" in text) == (fmt_share(share) != fmt_share(max(share, best)))


# ---- the labs of the Wasserstein page -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "finished", "cheapest_was_shown", "phrase"),
    [
        (4.0, True, False, "Your plan costs **4.00**: no plan is cheaper."),
        (4.0049, True, True, "no plan is cheaper"),  # shown as 4.00
        (4.006, True, False, "Your plan costs **4.01**, the cheapest one **4.00**"),
        (9.0, True, True, "Your plan costs **9.00**, the cheapest one **4.00**"),
        (1.0, False, True, "costs **4.00**, and no two of its loads cross"),
    ],
)
def test_plan_by_hand(cost: float, finished: bool, cheapest_was_shown: bool, phrase: str):
    text = wasserstein.plan_by_hand(
        cost, 4.0, 4.0, 4.0, finished=finished, cheapest_was_shown=cheapest_was_shown
    )
    assert phrase in text and "the linear program all give **4.00**" in text


def test_three_costs_agree_only_if_they_are_equal():
    crossing = wasserstein.plan_by_hand(
        4.0, 4.0, 4.0, 4.0, finished=True, cheapest_was_shown=False, crosses=True
    )
    assert "no plan is cheaper. Loads of it cross, but a plan without crossings" in crossing
    text = wasserstein.plan_by_hand(4.0, 4.0, 4.0, 4.2, finished=True, cheapest_was_shown=False)
    assert "all give" not in text and "linear program **4.20**" in text


def test_an_unfinished_plan_gives_nothing_away():
    text = wasserstein.plan_by_hand(4.0, 4.0, 4.0, 4.0, finished=False, cheapest_was_shown=False)
    assert text == ""


@pytest.mark.parametrize(
    ("blurred", "exact", "raises", "phrase"),
    [
        (2.0, 2.0, False, ": the same to three decimals."),
        (2.0004, 2.0, False, ": the same to three decimals."),
        (2.0006, 2.0, True, "less than 0.1 % more"),
        (2.0134, 2.0, True, ": 0.7 % more"),
        (3.0, 2.0, True, ": 50.0 % more"),
        (0.5, 0.0, True, "**0.500**, the exact plan **0.000**."),
    ],
)
def test_blurred_plan(blurred: float, exact: float, raises: bool, phrase: str):
    text = wasserstein.blurred_plan(0.03, blurred, exact, 1.44, converged=True)
    assert phrase in text and "ε = 0.03" in text and "over 1.4 real points" in text
    assert wasserstein.blur_raises_cost(blurred, exact) is raises
    assert "not converged" not in text
    early = wasserstein.blurred_plan(0.03, blurred, exact, 1.44, converged=False)
    assert early.startswith(text) and "have not converged" in early


@pytest.mark.parametrize(
    ("lower_bound", "w1", "optimum_was_shown", "phrase"),
    [
        (3.8, 3.8, False, "**3.80**: it equals W₁"),
        (3.796, 3.8, True, "it equals W₁"),  # shown as 3.80
        (
            3.794,
            3.8,
            False,
            "**3.79**, and W₁ is **3.80**. No function of slope at most 1 gives more",
        ),
        (1.0, 3.8, True, "**1.00**, and W₁ is **3.80**. The dashed function reaches it."),
        (-1.0, 3.8, True, "**−1.00**, and W₁ is **3.80**"),
        (-0.001, 3.8, False, "**0.00**, and W₁ is **3.80**"),
        (0.0, 0.0, False, "The piles are the same"),
    ],
)
def test_bent_function(lower_bound: float, w1: float, optimum_was_shown: bool, phrase: str):
    text = wasserstein.bent_function(lower_bound, w1, optimum_was_shown=optimum_was_shown)
    assert phrase in text
    assert wasserstein.proves_all(lower_bound, w1) is ("it equals W₁" in text or w1 == 0)


@pytest.mark.parametrize(
    ("clipped", "penalised", "answer"),
    [
        (0.2, 0.9, 1),
        (0.9, 0.2, 0),
        (0.5, 0.5, 2),
        (0.47, 0.5, 1),
        (0.476, 0.5, 2),  # shown as 48 % and 50 %
        (0.474, 0.499, 1),  # shown as 47 % and 50 %
        (1.0, 1.0, 2),
    ],
)
def test_tighter_critic(clipped: float, penalised: float, answer: int):
    assert wasserstein.tighter_critic(clipped, penalised) == answer
    text = wasserstein.learned_dual(10, 3.0, clipped, penalised, 0.5, 0.1)
    assert ("counts as the same" in text) is (answer == 2)


def test_learned_dual():
    text = wasserstein.learned_dual(1_000, 3.0, 0.5, 0.966, 0.25, 0.1)
    assert "After 1,000 updates" in text and "clipped critic is **50 %** of W₁" in text
    assert "25 % of its weights at ±c; that of the penalised critic is **97 %**." in text
    assert "not clipped" not in text
    assert "so is every lower bound" in wasserstein.learned_dual(10, 0.0, 1.0, 1.0, 0.0, 0.1)


def test_a_critic_without_a_weight_at_the_bound_is_not_called_clipped():
    text = wasserstein.learned_dual(600, 3.0, 0.97, 0.98, 0.0, 1.0)
    assert "With c = 1 no weight is at ±c: this critic is not clipped at all." in text
    assert "smaller c" in wasserstein.learned_dual_reason(2, 0.0, one_sided=True)
    assert "not clipped" not in wasserstein.learned_dual(600, 3.0, 0.97, 0.98, 0.004, 0.5)


@pytest.mark.parametrize(
    ("answer", "one_sided", "phrase"),
    [
        (1, True, ""),
        (2, True, "both bounds are about the same"),
        (0, False, "two-sided"),
        (0, True, "λ"),
    ],
)
def test_learned_dual_reason(answer: int, one_sided: bool, phrase: str):
    reason = wasserstein.learned_dual_reason(answer, 0.4, one_sided=one_sided)
    assert phrase in reason and bool(reason) is (answer != 1)


@pytest.mark.parametrize("answer", [0, 1, 2])
@pytest.mark.parametrize(
    ("at_bound", "phrase"), [(0.0, "No weight"), (0.01, "Hardly any weight"), (0.049, "Hardly any")]
)
def test_clipping_is_no_reason_if_hardly_any_weight_is_clipped(
    answer: int, at_bound: float, phrase: str
):
    reason = wasserstein.learned_dual_reason(answer, at_bound, one_sided=True)
    assert reason.startswith(phrase)
    assert ("steepest slope" in reason) is (answer == 1)
    assert ("λ may be badly chosen" in reason) is (answer == 0)
    two_sided = wasserstein.learned_dual_reason(answer, at_bound, one_sided=False)
    assert ("two-sided penalty" in two_sided) is (answer == 0)
    assert not wasserstein.learned_dual_reason(1, 0.05, one_sided=True)


@pytest.mark.parametrize(
    ("before", "after", "rose"), [(1.0, 1.1, True), (-3.16, -3.18, False), (0.5, 0.5, False)]
)
def test_a_score_that_did_not_rise_is_explained(before: float, after: float, rose: bool):
    text = critic.score_after_update(before, after)
    assert ("did not rise" in text) is not rose and bool(text) is not rose


@pytest.mark.parametrize(
    ("bound", "exact", "floor", "phrase"),
    [
        (-0.1, 1.0, 0.1, "The lower bound is 0"),
        (0.0, 1.0, 0.1, "The lower bound is 0"),
        (0.1, 1.0, 0.1, "10 % of W₁"),
        (0.49, 1.0, 0.1, "49 % of W₁"),
        (0.5, 1.0, 0.1, ""),
        (0.016, 0.16, 0.12, "nearly as close"),
        (0.016, 0.19, 0.12, "8 % of W₁"),
    ],
)
def test_a_low_bound_of_a_critic_of_points_is_explained(
    bound: float, exact: float, floor: float, phrase: str
):
    text = critic.surface_bound(bound, exact, floor)
    assert phrase in text and bool(text) is bool(phrase)


@pytest.mark.parametrize(
    ("slope", "text"),
    [(-2.8e-19, "0.000"), (1e-4, "1.0×10⁻⁴"), (0.693, "0.693"), (math.nan, "none")],
)
def test_a_slope_of_0_is_written_as_0(slope: float, text: str):
    assert wasserstein.fmt_slope(slope) == text


@pytest.mark.parametrize(
    ("js_slope", "tv_slope", "apart"),
    [
        (0.0, 0.0, True),
        (0.0068, 0.0048, True),
        (-0.0068, -0.0048, True),
        (0.0125, 0.0089, False),
        (0.137, 0.108, False),  # Gaussians 4 σ apart: TV is 0.95, but both still change
        (math.nan, math.nan, False),  # boxes that just touch, and every shape at θ = 0
    ],
)
def test_hardly_overlap(js_slope: float, tv_slope: float, apart: bool):
    assert wasserstein.hardly_overlap(js_slope, tv_slope) is apart


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("theta", [-4.0, -1.0, -0.05, 0.0, 0.5, 1.0, 1.05, 2.0, 3.0, 3.2, 4.0])
def test_shapes_are_judged_only_where_js_and_tv_are_flat(shape: str, theta: float):
    distances = SHAPES[shape][1](np.array([theta]))
    slopes = dict(zip(DISTANCES, distances.slopes[:, 0].tolist(), strict=True))
    if not wasserstein.hardly_overlap(slopes["JS"], slopes["TV"]):
        return
    changing = wasserstein.distances_that_change(slopes)
    assert changing == (("W₁", "KL") if shape == "gaussians" else ("W₁",))


def slopes_of(slope: float, kl_slope: float, theta: float = 1.0) -> dict[str, float]:
    return {"W₁": math.copysign(1.0, theta), "JS": slope, "KL": kl_slope, "TV": slope}


@pytest.mark.parametrize(
    ("theta", "kl", "slope", "phrase"),
    [
        (
            3.0,
            math.inf,
            0.0,
            "**1.000**; JS is **0.693** (its maximum, log 2, is 0.693) with slope **0.000**",
        ),
        (-3.0, math.inf, 0.0, "At θ = −3.00, W₁ is **3.00** with slope **−1.000**"),
        (3.0, 18.0, 1e-4, "KL is **18.0** with slope **12.000**"),
        (3.0, 18.0, 1e-4, "slope **1.0×10⁻⁴**"),
    ],
)
def test_slid_apart(theta: float, kl: float, slope: float, phrase: str):
    kl_slope = math.nan if math.isinf(kl) else 12.0
    text = wasserstein.slid_apart(
        theta, abs(theta), math.log(2), kl, 1.0, slopes=slopes_of(slope, kl_slope, theta)
    )
    assert phrase in text and ("KL is **∞**" in text) is math.isinf(kl)


@pytest.mark.parametrize(
    ("minimax", "critic_gradient", "phrase", "answer"),
    [
        (1e-3, 1.0, "1,000 times as strong", 1),
        (0.0, 1.0, "more than 10,000 times as strong", 1),
        (1e-4, 1.0, "more than 10,000 times as strong", 1),
        (0.2, 1.0, "**0.200** for the minimax loss and **1.00** for the critic. The non", 2),
        (0.19, 1.0, "5 times as strong", 1),
        (0.6, 1.0, "**1.00** for the critic. The non", 2),
        (1.0, 0.5, "**0.500** for the critic. The non", 2),
        (1.0, 0.1, "**0.100** for the critic. The non", 0),  # a critic that has not learned yet
    ],
)
def test_opposed_gradients(minimax: float, critic_gradient: float, phrase: str, answer: int):
    text = wasserstein.opposed_gradients(6.0, minimax, 2.24, critic_gradient)
    assert phrase in text and "non-saturating loss of the same discriminator has **2.24**" in text
    assert wasserstein.stronger_gradient(minimax, critic_gradient) == answer
    assert ("times as strong" in text) is (answer == 1)


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
        "After 2,000 updates the mean D at fakes is 1.5×10⁻⁶. The generator's gradient has norm **2.0×10⁻⁷** with "
        "the minimax loss (4.0×10⁻⁶ times the largest norm that it had), **0.500** with the non-saturating loss and **1.00** with "
        "the Wasserstein loss."
    )


def test_a_gradient_at_its_largest_has_not_vanished():
    text = stability.vanishing_gradients(
        1, 0.5, minimax=0.1, minimax_share=1.0, non_saturating=0.1, wasserstein=0.1
    )
    assert "(the largest so far)" in text


@pytest.mark.parametrize(
    ("shares", "indices"),
    [
        ((1e-6, 1.0, 0.9), (0,)),
        ((0.0099, 1.0, 0.9), (0,)),
        ((0.01, 1.0, 0.9), ()),  # trained too briefly to tell
        ((1.0, 1.0, 1.0), ()),
        ((0.0, 1.0, 0.001), (0, 2)),
    ],
)
def test_vanished(shares: tuple[float, ...], indices: tuple[int, ...]):
    assert stability.vanished(shares) == indices


def gan(**changes: object) -> TrainedGan:
    values: dict[str, object] = {
        "title": "GAN",
        "modes": 6.0,
        "good_share": 0.8,
        "collapsed_at": None,
        "collapsed": False,
        "diverged_at": None,
    }
    return TrainedGan(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({}, "**GAN** has 6 of 8 modes, 80 % of its samples are of high quality."),
        ({"good_share": None}, "**GAN** has 6 of 8 modes."),
        ({"collapsed_at": 1_200, "collapsed": True}, "collapsed at step 1,200: 6 of 8 modes"),
        ({"collapsed_at": 1_200}, "collapsed at step 1,200 and recovered: 6 of 8 modes"),
        ({"diverged_at": 60}, "**GAN** diverged after step 60."),
        (
            {"diverged_at": 60, "collapsed_at": 50, "collapsed": True},
            "**GAN** diverged after step 60.",
        ),
    ],
)
def test_mode_collapse(changes: dict[str, object], phrase: str):
    assert phrase in stability.mode_collapse([gan(**changes)], 8, "modes")


@pytest.mark.parametrize(
    ("changes", "updates", "phrase"),
    [
        ({}, 5, "high-quality samples. Then set *Discriminator updates* to 1"),
        ({"good_share": 0.03}, 5, "The samples of GAN are still spread"),
        ({"good_share": None}, 5, "high-quality samples. Then set"),  # digits
        ({}, 1, "Try another seed, or a data set"),
        ({"collapsed_at": 100}, 1, "as many updates as the critics have (5)"),
        ({"collapsed_at": 100}, 5, "try two other seeds"),
        ({"diverged_at": 7}, 5, "diverged"),
    ],
)
def test_the_collapse_lab_says_what_to_change_next(
    changes: dict[str, object], updates: int, phrase: str
):
    gans = [gan(**changes), gan(title="WGAN")]
    assert phrase in stability.after_mode_collapse(gans, updates, 5)


def test_mode_collapse_of_several_networks():
    text = stability.mode_collapse([gan(), gan(title="WGAN", diverged_at=5)], 8, "digits")
    assert text == (
        "**GAN** has 6 of 8 digits, 80 % of its samples are of high quality; **WGAN** diverged after step 5."
    )


@pytest.mark.parametrize(
    ("collapsed_at", "diverged_at", "first"),
    [
        ((None, None, None), (None, None, None), ()),
        ((200, None, 100), (None, None, None), (2,)),
        ((100, 100, None), (None, None, None), (0, 1)),  # a tie: both are right
        ((100, None, None), (None, 300, None), (0,)),
        ((100, None, None), (None, 60, None), (1,)),
        ((None, 100, None), (None, 300, None), (1,)),
        ((None, None, None), (None, 0, None), (1,)),
    ],
)
def test_first_to_collapse(
    collapsed_at: tuple[int | None, ...],
    diverged_at: tuple[int | None, ...],
    first: tuple[int, ...],
):
    gans = [
        gan(collapsed_at=collapse, diverged_at=divergence)
        for collapse, divergence in zip(collapsed_at, diverged_at, strict=True)
    ]
    assert stability.first_to_collapse(gans) == first


@pytest.mark.parametrize(
    ("growth", "verb", "change"),
    [
        (0.1, "vanishes", "shrinks to 10 %"),
        (0.69, "vanishes", "shrinks to 69 %"),
        (0.7, "hardly changes", "shrinks to 70 %"),
        (0.95, "hardly changes", "shrinks to 95 %"),
        (1.0, "hardly changes", "stays the same"),
        (1.05, "hardly changes", "grows 1.1 times"),
        (1.4, "hardly changes", "grows 1.4 times"),
        (1.41, "explodes", "grows 1.4 times"),
        (99.0, "explodes", "grows 99 times"),
        (2_000.0, "explodes", "grows 2,000 times"),
    ],
)
def test_clipped_gradient(growth: float, verb: str, change: str):
    text = stability.clipped_gradient(ClippedCritic(0.01, growth, 0.5))
    assert f"c = 0.01 the gradient **{verb}**: it {change} with each layer" in text
    assert text.endswith("50 % of the weights are at ±c.")


@pytest.mark.parametrize(
    ("share", "phrase", "clipped"),
    [
        (0.0, "no weight is at ±c. **So this critic is not clipped:** c is larger than all", False),
        (
            0.002,
            "<1 % of the weights are at ±c. **So this critic is not clipped:** c is larger than nearly all",
            False,
        ),
        (0.0099, "not clipped", False),
        (0.01, "1 % of the weights are at ±c.", True),
        (1.0, "100 % of the weights are at ±c.", True),
    ],
)
def test_a_critic_with_no_weight_at_the_bound_is_called_unclipped(
    share: float, phrase: str, clipped: bool
):
    text = stability.clipped_gradient(ClippedCritic(1.0, 9.0, share))
    assert phrase in text and ("not clipped" in text) is not clipped


@pytest.mark.parametrize(
    ("tried", "depends"),
    [
        ([], None),
        ([(0.01, 0.05, 0.9)], None),  # one value of c cannot show that c matters
        ([(0.01, 0.05, 0.9), (0.02, 0.1, 0.8)], None),  # both vanish
        ([(0.01, 0.05, 0.9), (1.0, 9.0, 0.0)], None),  # the second is not clipped
        ([(0.01, 0.05, 0.9), (0.1, 2.9, 0.4)], True),
        ([(0.05, 1.1, 0.4), (0.1, 2.9, 0.4)], True),
    ],
)
def test_depends_on_clip(tried: list[tuple[float, float, float]], depends: bool | None):
    assert stability.depends_on_clip([ClippedCritic(*one) for one in tried]) is depends


def test_clipped_gradient_beside_others():
    tried = [
        ClippedCritic(0.01, 0.1, 0.9),
        ClippedCritic(0.1, 2.0, 0.5),
        ClippedCritic(1.0, 9.0, 0.0),
    ]
    text = stability.clipped_gradient(
        tried[1], others=[("GP", 1.0), ("LP", 1.01), ("GroupSort", 0.8)], tried=tried
    )
    assert (
        "In critics without clipping, it stays the same with GP and LP; it shrinks to 80 % with GroupSort."
        in text
    )
    assert text.endswith(
        "Tried so far: c = 0.01: shrinks to 10 %, c = 0.1: grows 2 times, c = 1: grows 9 times (not clipped)."
    )
    assert "Tried" not in stability.clipped_gradient(tried[1], tried=tried[1:2])


@pytest.mark.parametrize(
    ("rows", "columns", "answer"),
    [
        (2.0, 1.0, 0),
        (1.0, 2.0, 1),
        (1.0, 1.0, 2),
        (1.25, 1.0, 0),
        (1.0, 1.24, 2),
        (1.0, 1.2499, 1),  # shown as 1.00 and 1.25
    ],
)
def test_more_decisive(rows: float, columns: float, answer: int):
    assert stability.more_decisive(rows, columns) == answer


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, "over the values of the other)."),
        ({"best": (0.0003, 5)}, "Best: learning rate 0.0003, batch size 5."),
        ({"diverged": 1}, "other). 1 cell diverged."),
        ({"diverged": 2}, "other). 2 cells diverged."),
    ],
)
def test_sensitivity(changes: dict[str, object], ending: str):
    text = stability.sensitivity("Learning rate", "Batch size", 3.14, 1.2, **changes)  # type: ignore[arg-type]
    assert "learning rate changes W₁ by a factor of **3.14**, and batch size by **1.20**" in text
    assert text.endswith(ending)


def test_a_grid_with_untrained_cells_decides_nothing():
    text = stability.sensitivity("A", "B", math.nan, math.nan, untrained=4, best=(1.0, 2.0))
    assert text == "4 cells were not trained, so it is too early to tell which matters more."
    one = stability.sensitivity("A", "B", math.nan, math.nan, untrained=1)
    assert one.startswith("1 cell was not trained")


def test_a_tie_of_two_hyperparameters_names_its_threshold():
    assert "below 1.25 count as alike" in stability.sensitivity("A", "B", 1.3, 1.2)
    assert "alike" not in stability.sensitivity("A", "B", 1.5, 1.2)


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


@pytest.mark.parametrize(
    ("dim", "shortest", "phrase"),
    [
        (32, 3.5, "falls to 3.5, where the generator was hardly trained"),
        (32, 5.0, "falls to 5.0, which is not unusual"),
        (2, 0.3, "falls to 0.3, which is not unusual"),
    ],
)
def test_linear_walk(dim: int, shortest: float, phrase: str):
    path = np.zeros((3, dim))
    path[:, 0] = (6.0, shortest, 6.0)
    text = latent.linear_walk(path)
    assert phrase in text and f"√{dim} ≈ {dim**0.5:.1f}" in text


@pytest.mark.parametrize(
    ("length", "phrase"),
    [(0.0, "shows one picture"), (1.0, "at most 1.0"), (2.8, "at most 2.8"), (2.9, "falls to")],
)
def test_a_walk_of_truncated_z_says_so(length: float, phrase: str):
    path = np.zeros((3, 32))
    path[:, 0] = length
    assert phrase in latent.linear_walk(path)


@pytest.mark.parametrize(
    ("error", "phrase"),
    [
        (9.9, "better than this range"),
        (10.0, "within this range"),
        (20.0, "within this range"),
        (20.1, "outside this range"),
    ],
)
def test_an_inversion_is_judged_by_the_largest_error_of_held_out_pictures(
    error: float, phrase: str
):
    assert phrase in latent.inversion(error, np.array([10.0, 20.0, 15.0]))


@pytest.mark.parametrize(
    ("gap", "gap_after", "penalised", "said"),
    [
        (1.0, 0.9, True, True),
        (1.0, 1.0, True, False),
        (1.0, 1.1, True, False),
        (1.0, 0.9, False, False),  # without a penalty, this would not be the reason
        (-1.0, -1.1, True, True),
    ],
)
def test_why_a_gap_can_shrink(gap: float, gap_after: float, penalised: bool, said: bool):
    assert bool(critic.gap_after_update(gap, gap_after, penalised=penalised)) is said
