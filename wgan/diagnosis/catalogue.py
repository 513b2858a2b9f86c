"""RULES: all checks of the diagnosis, with their thresholds and sources."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wgan.diagnosis import critic_rules, sample_rules, training_rules
from wgan.diagnosis.evidence import Evidence, Finding, Proposal, Rule
from wgan.format import fmt_number, fmt_percent

OURS = "thresholds: our own tests, between healthy runs and runs made to fail"

RULES: dict[str, Rule] = {
    "explosion": Rule(
        "The losses explode",
        "danger",
        "The losses grow without limit, until the run stops with infinite values. Usually a "
        "learning rate is too high, or nothing limits the critic's slope.",
        training_rules.explosion,
        lambda limits: (
            f"A loss or the penalty exceeds {fmt_number(limits['certain'])}, or it exceeds "
            f"{fmt_number(limits['large'])} and is more than {fmt_number(limits['growth'])} "
            "times its lowest level in this run."
        ),
        OURS,
        {"large": 3e3, "growth": 10.0, "certain": 1e5},
    ),
    "vanishing-gradient": Rule(
        "The generator's gradient vanishes",
        "fault",
        "The generator receives almost no gradient, so it cannot improve: the discriminator recognises all fakes, "
        "and the loss is flat there. With a Wasserstein loss, 100 % of the critic's slope reaches the generator.",
        training_rules.vanishing_gradient,
        lambda limits: (
            f"Less than {fmt_percent(limits['signal'])} of the critic's slope reaches the generator, or "
            f"the gradient at the critic's first layer is more than {10 ** -limits['depth']:.0f} times "
            "smaller than at its last hidden layer."
        ),
        f"Arjovsky and Bottou 2017, theorem 2.4; Gulrajani et al. 2017, figure 1b; {OURS}",
        {"signal": 0.02, "depth": -2.0},
    ),
    "exploding-gradient": Rule(
        "The critic's gradients explode with depth",
        "fault",
        "Each layer of the critic makes the gradient larger on its way back to the input. The first "
        "layers then change far too much, while the last layers hardly learn. This happens if the "
        "clip value c is too large for the width of the layers.",
        training_rules.exploding_gradient,
        lambda limits: (
            f"The gradient at the critic's first layer is more than {10 ** limits['depth']:.0f} times "
            "larger than at its last hidden layer."
        ),
        f"Gulrajani et al. 2017, figure 1b; {OURS}",
        {"depth": 2.0},
    ),
    "momentum": Rule(
        "Momentum works against the gradient",
        "fault",
        "The optimiser's steps no longer follow the gradient. They follow older gradients, but the "
        "other network has changed since then. In a healthy run, the cosine is between 0.2 and 0.6.",
        training_rules.momentum,
        lambda limits: (
            "The cosine between the critic's step and the downhill direction is below "
            f"{fmt_number(limits['cosine'])} on average."
        ),
        f"Arjovsky et al. 2017, section 4: the cosine turned negative in runs that failed; {OURS}",
        {"cosine": 0.1},
        training_rules.without_momentum,
    ),
    "learning-rates": Rule(
        "The learning rates are out of balance",
        "fault",
        "One network changes quickly and the other hardly changes, so they do not learn from each other.",
        training_rules.learning_rates,
        lambda limits: (
            f"Per step, the generator's weights change more than {fmt_number(limits['high'])} times as "
            f"much as the critic's, or the critic's more than {1 / limits['low']:.0f} times as much as "
            "the generator's."
        ),
        f"two time scales: Heusel et al. 2017, arXiv:1706.08500; {OURS}",
        {"high": 15.0, "low": 1 / 300},
    ),
    "weak-penalty": Rule(
        "The penalty is too weak",
        "fault",
        "The critic's slope is far above 1, the target of the penalty. Then the critic gap grows, and "
        "the generator receives gradients that are too large. A slope somewhat above 1 is normal early "
        "in training: with a finite λ, it settles at 1 + W₁/2λ.",
        critic_rules.weak_penalty,
        lambda limits: (
            "The critic's slope between real and fake samples is above "
            f"{fmt_number(limits['slope'])} on average."
        ),
        f"slope 1: Gulrajani et al. 2017, proposition 1; {OURS}",
        {"slope": 6.0},
        critic_rules.without_slope_penalty,
    ),
    "strong-penalty": Rule(
        "The penalty is too strong",
        "fault",
        "Most of the critic's learning goes into keeping its slope at 1, so it learns little about the "
        "data. In balance, the gradients of penalty and loss are equally large.",
        critic_rules.strong_penalty,
        lambda limits: (
            f"The penalty's gradient is more than {fmt_number(limits['pull'])} times as large as the "
            "loss's on average."
        ),
        OURS,
        {"pull": 4.0},
        critic_rules.without_penalty_gradient,
    ),
    "clipping": Rule(
        "Clipping is saturated",
        "fault",
        "Most weights are at the clip value, so the critic can represent only simple functions. It sees "
        "the outline of the data, but not the details.",
        critic_rules.clipping,
        lambda limits: (
            f"More than {fmt_percent(limits['share'])} of the clipped weights are at ±c."
        ),
        f"weights pile up at ±c: Gulrajani et al. 2017, figure 1b; {OURS}",
        {"share": 0.6},
        critic_rules.without_clipping,
    ),
    "undertrained-critic": Rule(
        "The critic is under-trained",
        "fault",
        "The critic is behind: it would still learn much if the generator stopped. Its gradients are "
        "therefore out of date, and the samples do not improve. It is not a problem if the critic is "
        "behind while the samples improve.",
        critic_rules.undertrained_critic,
        lambda limits: (
            f"A few more critic updates raise the critic gap by more than {fmt_percent(limits['lag'])} of "
            "its scale (the gap, or the spread of the scores if that is larger), "
            f"the best metric has improved by less than {fmt_percent(1 - limits['progress'])}, and it is "
            f"more than {fmt_number(limits['floors'])} times the value of real examples."
        ),
        f"train the critic till optimality: Arjovsky et al. 2017, section 3; {OURS}",
        {"lag": 0.7, "progress": 0.97, "floors": 3.0},
    ),
    "memorisation": Rule(
        "The generator memorises training pictures",
        "fault",
        "The samples are copies of training pictures, not new pictures. FID and precision do not notice "
        "this. More training pictures help most. Mirror images, smaller networks and fewer steps also help.",
        sample_rules.memorisation,
        lambda limits: (
            "The share of samples that are copies is more than "
            f"{fmt_number(100 * limits['share'])} percentage points above that of held-out pictures."
        ),
        f"distance ratio: our own measurements, 0 % of held-out digits; {OURS}",
        {"share": 0.1},
        sample_rules.without_pictures,
    ),
    "mode-collapse": Rule(
        "Mode collapse",
        "danger",
        "The generator makes only some kinds of the data, again and again. It stays with these kinds, or jumps to "
        "others when the critic learns to recognise them.",
        sample_rules.mode_collapse,
        lambda limits: (
            "At least one of these conditions is met in three measurements (a spread of the samples below half of its threshold: "
            "in two). Points: at most "
            f"{fmt_percent(limits['modes'])} of the modes have a sample, while at least "
            f"{fmt_percent(limits['good'])} of the samples are of high quality. Pictures: the class KL is above "
            f"{fmt_number(limits['class_kl'])} nats, or more than {fmt_percent(limits['duplicates'])} of "
            f"the samples nearly repeat another sample. Both: the spread of the samples is below "
            f"{fmt_percent(limits['variety'])} of that of real examples. Or one evaluation shows coverage "
            f"below {fmt_percent(limits['coverage'])} and precision above "
            f"{fmt_percent(limits['precision'])}."
        ),
        f"modes: Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761; {OURS}",
        {
            "modes": 0.75,
            "good": 0.3,
            "class_kl": 0.9,
            "duplicates": 0.5,
            "variety": 0.35,
            "coverage": 0.1,
            "precision": 0.7,
        },
    ),
    "overfitting-critic": Rule(
        "The critic overfits",
        "fault",
        "The critic distinguishes training pictures from held-out ones. So a part of its gap says nothing "
        "about the samples, and its gradients lead the generator towards copies.",
        critic_rules.overfitting_critic,
        lambda limits: (
            f"The gap on held-out examples is more than {fmt_percent(limits['share'])} smaller than on "
            f"training examples, and the difference exceeds {fmt_number(limits['spreads'])} standard "
            "deviations of the scores."
        ),
        f"Gulrajani et al. 2017, figure 5b; 256 examples of each; {OURS}",
        {"share": 0.25, "spreads": 0.3},
        critic_rules.without_limited_data,
    ),
    "worsening": Rule(
        "The samples become worse",
        "fault",
        "The samples were better before: the generator is losing what it learned. Smaller learning "
        "rates can prevent it; for a GAN without a penalty, a Wasserstein loss with a penalty, too. The best "
        "checkpoint is kept: you can fork from it.",
        sample_rules.worsening,
        lambda limits: (
            f"In at least {fmt_number(limits['measured'])} measurements, the best metric is now more than "
            f"{fmt_number(limits['times'])} times its best value, and the difference exceeds "
            f"{fmt_number(limits['deviations'])} standard deviations of its noise."
        ),
        OURS,
        {"measured": 6, "times": 1.25, "deviations": 3.0},
    ),
    "plateau": Rule(
        "No more improvement",
        "note",
        "The best metric of the samples has not improved by more than its noise.",
        sample_rules.plateau,
        lambda limits: (
            f"In at least {fmt_number(limits['measured'])} measurements, the best metric has improved by less "
            f"than {fmt_percent(limits['least'])}, or by less than {fmt_number(limits['errors'])} standard "
            "errors, between the second and the last third; and the mean of its last three values is not more than "
            f"{fmt_percent(limits['newest'])} below every earlier one."
        ),
        f"difference of two means over their standard error; {OURS}",
        {"measured": 15, "errors": 2.0, "least": 0.02, "floors": 1.25, "newest": 0.1},
    ),
}
"""All rules by key; an earlier problem can cause a later one."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the findings of all rules that have enough data, in the order of RULES.

    A problem makes no proposal that is contrary to those of an earlier problem.
    """
    findings = []
    values = evidence.config.flat()
    directions: dict[str, set[bool]] = {}  # by path: whether earlier problems propose larger values
    for key, rule in RULES.items():
        reading = rule.check(evidence, rule)
        if reading is None:
            continue
        proposals = tuple(
            proposal
            for proposal in reading.proposals
            if all(
                larger in directions.get(path, {larger})
                for path, larger in _directions(proposal, values).items()
            )
        )
        # JSON cannot store NumPy's booleans.
        raised = bool(reading.raised)
        findings.append(Finding(key, rule, replace(reading, raised=raised, proposals=proposals)))
        for proposal in proposals if raised else ():
            for path, larger in _directions(proposal, values).items():
                directions.setdefault(path, set()).add(larger)
    return findings


def _directions(proposal: Proposal, values: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether a proposal makes each number that it changes larger."""
    return {
        path: value > values[path]
        for path, value in proposal.changes.items()
        if isinstance(value, int | float) and isinstance(values.get(path), int | float)
    }


def missing_reason(rule: Rule, evidence: Evidence) -> str:
    """Return why a rule has no result for a run: it does not apply, or there is not enough data yet."""
    reason = rule.inapplicable_reason(evidence)
    if reason:
        return f"Does not apply: {reason}."
    if not evidence.config.measure:
        return "No data: “Measure while training” is off (in the sidebar, under Reporting)."
    return "Not enough data."


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return the problems of a run, the first one to act upon first; empty for a healthy run."""
    return [finding for finding in examine(evidence) if finding.reading.raised]
