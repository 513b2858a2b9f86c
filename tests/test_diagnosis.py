"""Diagnosis: runs made to fail, each in one way, and healthy ones that must raise nothing."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import THREADS
from wgan.arrays import F64
from wgan.config import PRESETS, TrainConfig
from wgan.data import Mnist10k, Pictures, Points
from wgan.diagnosis import (
    RULES,
    SCENARIOS,
    Evidence,
    Finding,
    Rule,
    diagnose,
    evidence_of,
    examine,
    health,
    missing_reason,
    sample_facts,
    scenario_of,
)
from wgan.diagnosis.health import LEVELS
from wgan.metrics import PointInputs
from wgan.objectives import Wgan
from wgan.rng import keyed_rng
from wgan.runs import Change, Measured
from wgan.training import Diverged, Engine, LiveEvaluator, Training
from wgan.training.diagnostics import DIAGNOSTICS
from wgan.training.reports import Report, likely_cause
from wgan.training.state import steered

TOY = PRESETS["toy-ring"].config.changed({"report_every": 5, "network.width": 48})
DIGITS = PRESETS["quick-mnist"].config.changed({"report_every": 5, "network.size": "small"})


@dataclass(frozen=True)
class Fault:
    """A run made to fail: what is changed of a healthy preset, and for how long it runs."""

    rule: str
    changes: Mapping[str, Any]
    steps: int = 300
    every: int = 30
    pictures: int = 0  # so many digits are all there is to learn; 0: points


FAULTS = {
    "a penalty of 0": Fault(
        "explosion",
        {"objective.penalty_weight": 0.0, "critic_learning_rate": 1e-2, "n_critic": 5},
        100,
        20,
    ),
    "minimax against a sure discriminator": Fault(
        "vanishing-gradient",
        {
            "objective": "gan",
            "objective.generator": "minimax",
            "n_critic": 20,
            "critic_learning_rate": 2e-3,
        },
        75,
        15,
    ),
    "twelve layers clipped at 0.01": Fault(
        "vanishing-gradient",
        {"objective": "wgan", "objective.clip_value": 0.01, "network.depth": 12},
        60,
        15,
    ),
    "twelve layers clipped at 0.08": Fault(
        "exploding-gradient",
        {
            "objective": "wgan",
            "objective.clip_value": 0.08,
            "network.depth": 12,
            "optimizer": "rmsprop",
            "critic_learning_rate": 1e-3,
            "n_critic": 5,
        },
        50,
        10,
    ),
    "a memory of 100 gradients": Fault(
        "momentum",
        {
            "objective.penalty_weight": 10.0,
            "n_critic": 5,
            "optimizer.beta1": 0.99,
            "optimizer.beta2": 0.999,
            "critic_learning_rate": 3e-3,
            "generator_learning_rate": 3e-3,
        },
        200,
        20,
    ),
    "a generator that hardly moves": Fault(
        "learning-rates", {"generator_learning_rate": 1e-6}, 100, 20
    ),
    "a critic that hardly moves": Fault("learning-rates", {"critic_learning_rate": 1e-6}, 100, 20),
    "a penalty of 0.001": Fault("weak-penalty", {"objective.penalty_weight": 1e-3}, 250, 50),
    "a penalty of 1,000": Fault("strong-penalty", {"objective.penalty_weight": 1e3}),
    "clipped at 0.01": Fault(
        "clipping",
        {
            "objective": "wgan",
            "objective.clip_value": 0.01,
            "optimizer": "rmsprop",
            "critic_learning_rate": 2e-4,
            "generator_learning_rate": 2e-4,
            "n_critic": 5,
        },
        100,
        20,
    ),
    "one slow critic update a step": Fault(
        "undertrained-critic", {"n_critic": 1, "critic_learning_rate": 2e-4}, 400, 40
    ),
    "a GAN on eight modes": Fault("mode-collapse", {"objective": "gan", "n_critic": 3}, 320, 40),
    "ten pictures": Fault(
        "memorisation",
        {
            "network": {"name": "mlp-pictures", "width": 128, "depth": 2},
            "decay": "linear",
            "steps": 400,
            "ema_decay": 0.95,
            "latent_dim": 8,
            "n_critic": 5,
        },
        400,
        80,
        pictures=10,
    ),
    "ten pictures, early": Fault("overfitting-critic", {"batch_size": 16}, 150, 30, pictures=10),
    "a GAN that goes round": Fault(
        "worsening",
        {"objective": "gan", "n_critic": 5, "generator_learning_rate": 3e-3},
        330,
        30,
    ),
    "rates that have come to 0": Fault(
        "plateau",
        {
            "decay": "linear",
            "steps": 300,
            "generator_learning_rate": 3e-3,
            "ema_decay": 0.98,
            "critic_learning_rate": 3e-3,
            "network.width": 32,
            "batch_size": 64,
        },
        960,
        40,
    ),
}
"""A rule, and a run that must raise it first."""

SLOW = {
    "minimax against a sure discriminator",
    "a critic that hardly moves",
    "a penalty of 0.001",
    "a penalty of 1,000",
    "clipped at 0.01",
    "a GAN on eight modes",
    "ten pictures, early",
    "a GAN that goes round",
    "rates that have come to 0",
    "ten pictures",
    "a memory of 100 gradients",
    "twelve layers clipped at 0.08",
    "one slow critic update a step",
}
"""Faults whose rule has another fault, or a test with known numbers below."""


@cache
def few_digits(n: int) -> Pictures:
    whole = Mnist10k().load()
    labels = whole.train_labels
    return Pictures(whole.train[:n], whole.held_out, labels[:n], whole.held_out_labels, whole.names)


def record(config: TrainConfig, steps: int, every: int, data: Pictures | None = None) -> Evidence:
    """Train, measure at fixed steps, and return the evidence."""
    torch.set_num_threads(THREADS)
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=data)
    evidence = continue_and_measure(training, steps, every)
    return evidence if data is None else replace(evidence, size=len(data.train))


def continue_and_measure(training: Training, steps: int, every: int) -> Evidence:
    """Train for further steps, measure at fixed steps, and return the evidence of these steps."""
    live_evaluator = LiveEvaluator(training)
    live_evaluator.prepare()
    reports: list[Report] = []
    measurements: list[Measured] = []
    last = training.steps + steps
    try:
        while training.steps < last:
            training.step()
            if training.steps % every == 0:
                reports += training.reports()
                metrics = live_evaluator.measure_all()
                measurements += [Measured(training.steps, *item) for item in metrics.items()]
    except Diverged as error:
        reports += error.reports
    curves = {
        name: np.array([getattr(r, name) for r in reports], np.float64) for name in Report._fields
    }
    return evidence_of(training.config, curves, measurements)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in FAULTS]
)
def test_a_run_made_to_fail_is_told_why_first(name: str):
    fault = FAULTS[name]
    base, data = (DIGITS, few_digits(fault.pictures)) if fault.pictures else (TOY, None)
    config = base.changed(fault.changes)
    findings = diagnose(record(config, fault.steps, fault.every, data))
    assert all(
        f.reading.raised is True for f in findings
    )  # and no NumPy's, which JSON does not know
    assert [f.key for f in findings][:1] == [fault.rule]
    offered = findings[0].reading.proposals
    # In one click: the first can be taken while the run goes on, or it takes a fork and another can.
    assert any(p.live for p in offered)
    for proposal in offered:
        changed = config.changed(proposal.changes)
        assert changed != config and proposal.description
        if proposal.live:
            assert steered(config, proposal.changes) == changed


def test_every_rule_has_a_run_that_raises_it():
    assert {fault.rule for fault in FAULTS.values()} == set(RULES)
    assert all(rule.source and rule.limits and rule.meaning for rule in RULES.values())


@pytest.mark.parametrize(
    ("preset", "steps", "every"),
    [
        ("toy-ring", 500, 100),
        pytest.param("toy-ring", 1500, 100, marks=pytest.mark.slow),
        pytest.param("quick-mnist", 160, 32, marks=pytest.mark.slow),
    ],
)
def test_a_healthy_run_raises_nothing(preset: str, steps: int, every: int):
    evidence = record(PRESETS[preset].config, steps, every)
    findings = examine(evidence)
    assert len(findings) >= 8
    assert [f.reading.evidence for f in findings if f.reading.raised] == []


# ---- known answers --------------------------------------------------------------------------------


def evidence_with(
    config: TrainConfig = TOY,
    size: int | None = None,
    **numbers: Sequence[float] | F64,
) -> Evidence:
    """Evidence with these numbers at steps 10, 20, 30, …"""
    measurements = [
        Measured(10 * (i + 1), name, value)
        for name, values in numbers.items()
        for i, value in enumerate(values)
    ]
    curves = {name: np.zeros(0) for name in Report._fields}
    return replace(evidence_of(config, curves, measurements), size=size)


def raised(evidence: Evidence) -> list[str]:
    return [finding.key for finding in diagnose(evidence)]


def test_too_little_evidence_says_nothing():
    assert examine(evidence_with()) == []
    assert examine(evidence_of(TOY, {}, [])) == []  # a run that waits or is prepared
    assert raised(evidence_with(penalty_pull=[100, 100])) == []
    assert raised(evidence_with(penalty_pull=[100, 100, 100])) == ["strong-penalty"]


@pytest.mark.parametrize(
    ("rule", "changes", "applies"),
    [
        ("clipping", {"objective": "wgan-gp"}, False),
        ("clipping", {"objective": "wgan"}, True),
        ("weak-penalty", {"objective": "wgan"}, False),
        ("weak-penalty", {"objective": "wgan-gp"}, True),
        ("strong-penalty", {"objective": "gan"}, False),
        ("momentum", {"optimizer": "rmsprop"}, False),
        ("momentum", {"optimizer": "adam", "optimizer.beta1": 0.5}, True),
        ("memorisation", {}, False),
        ("overfitting-critic", {}, False),
        ("mode-collapse", {}, True),
    ],
)
def test_a_check_without_a_result_tells_no_data_from_does_not_apply(
    rule: str, changes: Mapping[str, Any], applies: bool
):
    reason = missing_reason(RULES[rule], evidence_with(TOY.changed(changes)))
    assert reason.startswith("Not enough data" if applies else "Does not apply: ")


@pytest.mark.parametrize("rule", RULES)
def test_a_check_that_does_not_apply_has_no_result(rule: str):
    """All metrics that a check may read are present, so only the config can exclude a result."""
    for preset in PRESETS.values():
        evidence = evidence_with(
            preset.config,
            size=preset.config.dataset.size,
            **{name: [1.0] * 3 for name in DIAGNOSTICS},
            memorised_2000=[] if preset.config.dataset.kind == "points" else [0.5] * 3,
        )
        config, unmeasured = preset.config, set()
        if config.split_updates:
            unmeasured |= {"step_cosine", "penalty_pull"}
        if not isinstance(config.objective, Wgan):
            unmeasured.add("at_clip")
        metrics = {k: v for k, v in evidence.metrics.items() if k not in unmeasured}
        if RULES[rule].inapplicable_reason(evidence):
            assert RULES[rule].check(replace(evidence, metrics=metrics), RULES[rule]) is None


def test_a_collapse_is_dated_from_the_step_where_it_began():
    modes, good = [8, 8, 3, 8, 3, 3, 2, 3], [0.9] * 8
    evidence = evidence_with(modes_2500=modes, high_quality_2500=good, modes_2500_floor=[8])
    (finding,) = diagnose(evidence)
    assert finding.key == "mode-collapse" and finding.reading.since == 50
    assert "3 of 8 modes" in finding.reading.evidence
    # Few modes of samples that are not there yet are a beginning, not a collapse.
    assert (
        raised(evidence_with(modes_2500=modes, high_quality_2500=[0.1] * 8, modes_2500_floor=[8]))
        == []
    )
    # One look is not enough.
    assert (
        raised(
            evidence_with(modes_2500=[8, 8, 8, 3], high_quality_2500=[1] * 4, modes_2500_floor=[8])
        )
        == []
    )


def test_classes_that_come_back_are_no_collapse():
    assert raised(evidence_with(DIGITS, class_kl_1k=[2.3, 2.3, 2.3])) == ["mode-collapse"]
    assert raised(evidence_with(DIGITS, class_kl_1k=[2.3, 1.5, 1.0])) == []


def test_repeats_of_a_small_set_are_no_collapse():
    assert raised(evidence_with(DIGITS, size=10_000, duplicates_1k=[1, 1, 1])) == ["mode-collapse"]
    assert raised(evidence_with(DIGITS, size=10, duplicates_1k=[1, 1, 1])) == []


def test_a_gap_that_held_out_pictures_lack_is_learned_by_heart():
    gaps: dict[str, Any] = {"gap_seen": [10.0] * 3, "score_spread": [2.0] * 3}
    evidence = evidence_with(DIGITS, size=1000, gap_unseen=[6.0] * 3, **gaps)
    (finding,) = diagnose(evidence)
    assert finding.key == "overfitting-critic" and "40 % of it" in finding.reading.evidence
    assert raised(evidence_with(DIGITS, size=1000, gap_unseen=[8.0] * 3, **gaps)) == []
    # Of fresh points none is ever seen twice; and within the noise of 256 scores nothing is told.
    assert raised(evidence_with(size=None, gap_unseen=[6.0] * 3, **gaps)) == []
    noisy = evidence_with(
        DIGITS, size=1000, gap_seen=[1.0] * 3, gap_unseen=[0.5] * 3, score_spread=[2.0] * 3
    )
    assert raised(noisy) == []


def test_a_slope_is_judged_only_where_a_penalty_asks_for_1():
    steep: dict[str, Any] = {"slope_hat": [20.0] * 3, "slope_above_1": [1.0] * 3}
    assert raised(evidence_with(**steep)) == ["weak-penalty"]
    for objective in ("gan", "wgan-div", "r1", "r3gan", "wgan"):
        assert raised(evidence_with(TOY.changed({"objective": objective}), **steep)) == []


def test_a_plateau_is_told_from_slow_progress_and_from_noise():
    rng = np.random.default_rng(0)
    flat = 1 + 0.01 * rng.standard_normal(30)
    falling = np.linspace(2, 1, 30) + 0.01 * rng.standard_normal(30)
    assert raised(evidence_with(emd_512=flat, emd_512_floor=[0.9])) == ["plateau"]
    (finding,) = diagnose(evidence_with(emd_512=flat, emd_512_floor=[0.9]))
    assert "you can stop" in finding.reading.evidence and finding.reading.proposals == ()
    (finding,) = diagnose(evidence_with(emd_512=flat, emd_512_floor=[0.1]))
    assert "More training with these settings will hardly help" in finding.reading.evidence
    assert raised(evidence_with(emd_512=falling, emd_512_floor=[0.9])) == []


def test_what_was_probed_before_a_change_is_forgotten():
    numbers = [Measured(10 * (i + 1), "penalty_pull", 100.0) for i in range(5)]
    curves = {name: np.zeros(0) for name in Report._fields}

    def after(path: str) -> list[str]:
        changes = [Change(30, path, 1, 2)]
        return raised(evidence_of(TOY, curves, numbers, changes))

    assert after("objective.penalty_weight") == []  # two are left
    assert after("preview_seed") == ["strong-penalty"]


def test_proposals_keep_to_what_is_allowed():
    config = TOY.changed({"objective.penalty_weight": 1000.0})
    (finding,) = diagnose(evidence_with(config, slope_hat=[20.0] * 3))
    assert finding.reading.proposals == ()  # λ is as large as it can be
    config = TOY.changed({"objective.penalty_weight": 500.0})
    (finding,) = diagnose(evidence_with(config, slope_hat=[20.0] * 3))
    assert [dict(p.changes) for p in finding.reading.proposals] == [
        {"objective.penalty_weight": 1000.0}
    ]


def test_a_change_of_objective_takes_a_fork():
    config = TOY.changed({"objective": "wgan", "objective.clip_value": 0.01})
    (finding,) = diagnose(evidence_with(config, at_clip=[0.9] * 3))
    live = {p.description: p.live for p in finding.reading.proposals}
    assert live == {"Clip value c 0.01 → 0.03": True, "Objective WGAN → WGAN-GP": False}


def test_an_evaluation_tells_samples_that_are_good_and_leave_most_of_the_data_out():
    narrow = evidence_with(
        DIGITS, coverage_10k=[0.03], precision_10k=[0.9], coverage_10k_floor=[0.97]
    )
    (finding,) = diagnose(narrow)
    assert finding.key == "mode-collapse" and "Only 3 % of the real" in finding.reading.evidence
    # Merely bad, as after a minute of training; and sound.
    assert raised(evidence_with(DIGITS, coverage_10k=[0.24], precision_10k=[0.53])) == []
    assert raised(evidence_with(DIGITS, coverage_10k=[0.1], precision_10k=[0.1])) == []
    assert raised(evidence_with(DIGITS, coverage_10k=[0.9], precision_10k=[0.9])) == []


def test_samples_that_were_better_before_are_told_from_noise():
    rng = np.random.default_rng(1)
    noise = 0.02 * rng.standard_normal(20)
    worsening_curve = np.concatenate([np.linspace(2, 1, 8), np.linspace(1, 1.6, 12)]) + noise
    (finding,) = [
        f for f in diagnose(evidence_with(emd_512=worsening_curve)) if f.key == "worsening"
    ]
    assert 60 <= (finding.reading.since or 0) <= 110
    falling = np.linspace(2, 1, 20)
    assert "worsening" not in raised(evidence_with(emd_512=falling + noise))
    # It swings by as much as it has risen.
    rough = np.concatenate([falling, [1.4, 1.0, 1.5, 1.1, 1.6]]) + 0.3 * rng.standard_normal(25)
    assert "worsening" not in raised(evidence_with(emd_512=rough))


def test_what_a_parent_was_like_says_nothing_of_its_fork():
    numbers = [Measured(10 * (i + 1), "penalty_pull", 100.0) for i in range(5)]
    assert raised(evidence_of(TOY, {}, numbers)) == ["strong-penalty"]
    assert raised(evidence_of(TOY, {}, numbers, begun=50)) == []


COLLAPSED = {
    "modes_2500": [25.0, 3.0, 0.0, 0.0, 0.0],
    "modes_2500_floor": [25.0],
    "high_quality_2500": [0.9, 0.5, 0.0, 0.0, 0.0],
    "variety": [1.0, 0.4, 0.02, 0.01, 0.01],
}
"""Every sample moves to one point."""


def test_a_change_does_not_hide_that_all_samples_lie_on_one_point():
    """The visitor drags a slider again and again: the samples are as collapsed as before."""
    measurements = [
        Measured(10 * (i + 1), name, value)
        for name, values in COLLAPSED.items()
        for i, value in enumerate(values)
    ]
    for step in (0, 20, 45, 50):
        changes = [Change(step, "objective.penalty_weight", 1, 2)] if step else []
        (finding,) = diagnose(evidence_of(TOY, {}, measurements, changes))
        assert finding.key == "mode-collapse" and finding.reading.since == 30
        assert "spread of the samples is 1 %" in finding.reading.evidence
    # A fork begins with other settings, and what its parent's samples were is not held against it.
    assert diagnose(evidence_of(TOY, {}, measurements, begun=50)) == []


@pytest.mark.parametrize(
    ("numbers", "facts"),
    [
        ({}, []),
        (
            {"variety": [0.5, 0.01]},
            ["At step 20, the spread of the samples is 1 % of the spread of real examples."],
        ),
        (
            {name: values[-1:] for name, values in COLLAPSED.items() if "floor" not in name}
            | {"modes_2500_floor": [25.0]},
            [
                "At step 10, 0 of 25 modes have a sample; 0 % of the samples are of high quality.",
                "At step 10, the spread of the samples is 1 % of the spread of real examples.",
            ],
        ),
        (
            {"emd_512": [0.5], "emd_512_floor": [0.2]},
            [" at step 10: 0.5; real examples score 0.2."],
        ),
        ({"emd_512": [0.5]}, [" at step 10: 0.5."]),
    ],
)
def test_facts_about_the_samples_need_one_measurement(
    numbers: dict[str, list[float]], facts: list[str]
):
    sentences = sample_facts(evidence_with(TOY, None, **numbers))
    assert len(sentences) == len(facts)
    assert all(fact in sentence for fact, sentence in zip(facts, sentences, strict=True))


@pytest.mark.parametrize(
    ("depth", "text"),
    [
        (-2.2, "160 times smaller"),
        (3.0, "1,000 times larger"),
        (0.3, "2 times larger"),
        (0.01, "equally large"),
    ],
)
def test_the_ratio_of_two_gradients_is_in_plain_words(depth: float, text: str):
    findings = examine(evidence_with(gradient_depth=[depth] * 3, generator_signal=[1.0] * 3))
    by_key = {finding.key: finding.reading.evidence for finding in findings}
    assert text in by_key["exploding-gradient"] and text in by_key["vanishing-gradient"]


@pytest.mark.parametrize(
    ("generator", "text"),
    [
        (1.0, "the generator's weights change 20 times as much as the critic's"),
        (1e-5, "the critic's weights change 5,000 times as much as the generator's"),
        (0.051, "the weights of both networks change equally much"),
    ],
)
def test_the_faster_network_is_named(generator: float, text: str):
    critic = 0.05 / TOY.n_critic
    (finding,) = examine(evidence_with(generator_move=[generator] * 3, critic_move=[critic] * 3))
    assert text in finding.reading.evidence


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_condition_of_a_rule_is_a_sentence_with_sensible_numbers(rule: Rule):
    text = rule.condition
    assert text[0].isupper() and text.endswith(".")
    assert not re.search(r"\d\.\d{3}|\^|_|log", text)
    assert "test_" not in rule.source


def test_the_condition_of_a_rule_follows_its_thresholds():
    assert "100 times smaller" in RULES["vanishing-gradient"].condition
    stricter = replace(RULES["vanishing-gradient"], limits={"signal": 0.05, "depth": -3.0})
    assert "1000 times smaller" in stricter.condition and "5 %" in stricter.condition


def test_the_health_line_names_the_first_problem_and_counts_the_others():
    evidence = evidence_with(TOY, None, **COLLAPSED)
    findings = diagnose(evidence)
    raised = [finding for finding in examine(evidence) if finding.reading.raised]
    assert [f.key for f in findings] == [f.key for f in raised] and raised
    state = health(examine(evidence), evidence, active=True)
    assert state.sentence.startswith(f"**{raised[0].heading}**")
    assert ("Also: " in state.sentence) == (len(raised) > 1)
    assert all(f"*{finding.heading}*" in state.sentence for finding in raised[1:3])
    assert all(LEVELS.index(state.level) <= LEVELS.index(f.rule.level) for f in raised)
    assert "0 of 25 modes" in state.facts[0]


@pytest.mark.parametrize(
    ("changes", "since", "active", "sentence"),
    [
        ({}, 0, True, "The first diagnosis needs 3 measurements of the critic. 0 of 3 are made."),
        ({}, 300, True, "Settings changed at step 300. The next diagnosis needs 3 measurements"),
        ({}, 0, False, "ended before the critic was measured three times"),
        ({}, 300, False, "fewer than three times after the last change, at step 300"),
        ({"measure": False}, 0, True, "“Measure while training” is off"),
    ],
)
def test_the_health_line_says_why_there_is_no_diagnosis(
    changes: dict[str, Any], since: int, active: bool, sentence: str
):
    evidence = replace(evidence_with(TOY.changed(changes), None, emd_512=[0.5]), since=since)
    state = health((), evidence, active=active)
    assert state.level == "unknown" and sentence in state.sentence
    assert state.facts and "0.5" in state.facts[0]


@pytest.mark.parametrize(
    ("spread", "active", "is_said"),
    [(0.0, False, True), (0.049, False, True), (0.05, False, False), (0.0, True, False)],
)
def test_the_health_line_of_a_run_that_ended_early_says_that_its_samples_are_alike(
    spread: float, active: bool, is_said: bool
):
    evidence = evidence_with(TOY, None, variety=[spread])
    sentence = health((), evidence, active=active).sentence
    assert ("almost all alike" in sentence) == is_said


# ---- proposals -------------------------------------------------------------------------------------


def problem(evidence: Evidence, key: str) -> Finding:
    return next(finding for finding in diagnose(evidence) if finding.key == key)


@pytest.mark.parametrize(
    ("weight", "slope", "proposed", "restart"),
    [(0.1, 20.0, 1.0, False), (0.0, 50.0, 0.1, False), (0.0, 1e4, 0.1, True), (0.1, 1e4, 1, True)],
)
def test_a_critic_that_is_too_steep_for_a_penalty_needs_a_new_run(
    weight: float, slope: float, proposed: float, restart: bool
):
    config = TOY.changed({"objective.penalty_weight": weight})
    (proposal,) = problem(
        evidence_with(config, slope_hat=[slope] * 3), "weak-penalty"
    ).reading.proposals
    assert proposal.changes == {"objective.penalty_weight": proposed}
    assert proposal.restart is restart


@pytest.mark.parametrize(("weight", "is_cause"), [(0.0, True), (0.1, False)])
def test_the_cause_of_an_explosion_without_a_penalty_is_the_missing_penalty(
    weight: float, is_cause: bool
):
    config = TOY.changed({"objective.penalty_weight": weight})
    steps = np.arange(1.0, 41.0)
    curves = {name: np.zeros(40) for name in Report._fields} | {"step": steps}
    curves["critic_loss"] = 10.0 ** (steps / 6)
    reading = problem(replace(evidence_with(config), curves=curves), "explosion").reading
    assert ("λ is 0" in reading.evidence) is is_cause
    paths = {path for proposal in reading.proposals for path in proposal.changes}
    assert ("objective.penalty_weight" in paths) is is_cause
    assert ("critic_learning_rate" in paths) is not is_cause
    cause = likely_cause(config, 40, ["critic_loss"])
    assert ("Try 0.1 in a new run" in cause) is is_cause


@pytest.mark.parametrize(
    ("rates", "moves", "proposed"),
    [
        ((1e-6, 1e-3), (1e-9, 1e-4), {"generator_learning_rate": 1e-3}),
        ((1e-3, 1e-6), (1e-4, 1e-9), {"critic_learning_rate": 1e-3}),
        ((0.1, 1e-3), (1e-2, 1e-4), {"generator_learning_rate": 1e-3}),
    ],
)
def test_no_proposal_stops_the_network_that_learns(
    rates: tuple[float, float], moves: tuple[float, float], proposed: dict[str, float]
):
    config = TOY.changed(
        dict(zip(("generator_learning_rate", "critic_learning_rate"), rates, strict=True))
    )
    evidence = evidence_with(
        config, generator_move=[moves[0]] * 3, critic_move=[moves[1]] * 3, variety=[0.1] * 3
    )
    (proposal,) = problem(evidence, "learning-rates").reading.proposals
    assert proposal.changes == proposed
    # Another problem does not propose the contrary.
    for other in problem(evidence, "mode-collapse").reading.proposals:
        for path, value in other.changes.items():
            if path in proposed:
                before = config.flat()[path]
                assert (value > before) == (proposed[path] > before)


@pytest.mark.parametrize(
    ("signal", "depth", "heading"),
    [
        (0.001, -1.0, "The generator's gradient vanishes"),
        (0.001, -3.0, "The generator's gradient vanishes"),
        (1.0, -3.0, "The critic's gradients vanish with depth"),
    ],
)
def test_a_vanishing_gradient_is_named_after_the_place_where_it_vanishes(
    signal: float, depth: float, heading: str
):
    evidence = evidence_with(generator_signal=[signal] * 3, gradient_depth=[depth] * 3)
    found = problem(evidence, "vanishing-gradient")
    assert found.heading == heading
    # Nobody reads "almost no gradient" beside "100 % of the slope reaches the generator".
    assert ("almost no gradient" in found.meaning) == (signal < 0.02)


# ---- scenarios -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_fails_as_it_says_and_its_remedy_helps(name: str):
    scenario = SCENARIOS[name]
    torch.set_num_threads(THREADS)
    engine = Engine("cpu", "float32", THREADS)
    training = Training(scenario.config, engine=engine)
    assert scenario.rule in raised(continue_and_measure(training, 600, 60))
    if scenario.live:
        training.apply(**scenario.changes)
    else:
        training = Training(scenario.config.changed(scenario.changes), engine=engine)
    assert scenario.rule not in raised(continue_and_measure(training, 600, 60))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_remedy_of_the_collapsed_scenario_reaches_all_modes(seed: int, engine: Engine):
    scenario = SCENARIOS["mode-collapse"]
    config = scenario.config.changed(scenario.changes).changed({"seed": seed})
    training = Training(config, engine=engine)
    while training.steps < 600:
        training.step()
    assert isinstance(training.data, Points)
    z = torch.randn(2500, config.latent_dim, generator=keyed_rng(0, "metric"))
    with torch.no_grad():
        modes, _ = PointInputs(training.average(z).numpy(), training.data).modes
    assert modes == 8


def test_the_samples_of_the_collapsed_scenario_are_in_one_group_that_jumps(engine: Engine):
    training = Training(SCENARIOS["mode-collapse"].config, engine=engine)
    centres, spreads = [], []
    for _ in range(9):
        for _ in range(100):
            training.step()
        points = training.preview().points
        assert points is not None
        centres.append(points.mean(0))
        spreads.append(float(points.std(0).mean()))
    jumps = [float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(centres)]
    assert np.median(spreads) < 0.7  # of the ring: 1.4
    assert np.median(jumps) > 0.4


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_recognised_and_its_change_is_possible(name: str):
    scenario = SCENARIOS[name]
    assert scenario.rule in RULES and name not in PRESETS
    assert scenario_of(scenario.config.changed({"seed": 3, "steps": 77})) == name
    if scenario.live:
        changed = steered(scenario.config, scenario.changes)
    else:
        changed = scenario.config.changed(scenario.changes)
    assert changed != scenario.config and scenario_of(changed) is None


def test_presets_are_no_scenarios():
    assert [name for name, preset in PRESETS.items() if scenario_of(preset.config)] == []


def test_a_value_that_has_just_fallen_to_its_best_is_no_plateau():
    swinging = [2.3 + 0.2 * (-1) ** i for i in range(40)]
    assert "plateau" in raised(evidence_with(TOY, None, emd_512=swinging))
    falling = [*swinging, 1.6, 1.2, 0.75]
    plateau = next(
        f for f in examine(evidence_with(TOY, None, emd_512=falling)) if f.key == "plateau"
    )
    assert not plateau.reading.raised


@pytest.mark.parametrize(
    ("spreads", "is_raised"),
    [
        ([0.39, 0.13, 0.03], True),  # as in the scenario of mode collapse
        ([0.39, 0.34, 0.18], False),  # not below half of the threshold
        ([0.6, 0.5, 0.03], False),  # a single value
        ([0.01, 0.05, 0.17], False),  # it recovers, as at the beginning of each training
    ],
)
def test_two_measurements_of_an_almost_vanished_spread_are_enough(
    spreads: list[float], is_raised: bool
):
    evidence = evidence_with(TOY, None, variety=spreads)
    assert ("mode-collapse" in raised(evidence)) is is_raised


def test_samples_that_become_worse_are_no_plateau():
    rising = [0.065 + 0.0005 * i + 0.001 * (-1) ** i for i in range(40)]
    evidence = evidence_with(TOY, None, emd_512=rising)
    plateau = next(f for f in examine(evidence) if f.key == "plateau")
    assert not plateau.reading.raised and "becomes worse" in plateau.reading.evidence
    level = [0.065 + 0.001 * (-1) ** i for i in range(40)]
    assert "plateau" in raised(evidence_with(TOY, None, emd_512=level))


CLIPPED = TOY.changed({"objective": "wgan"})
NEAR_LIMITS: dict[str, tuple[str, TrainConfig, dict[str, list[float]], str, float, bool]] = {
    # A rule, a config, further numbers, the number with the limit, the limit, whether too much is a fault.
    "weak penalty": ("weak-penalty", TOY, {}, "slope_hat", 6.0, True),
    "strong penalty": ("strong-penalty", TOY, {}, "penalty_pull", 4.0, True),
    "clipping": ("clipping", CLIPPED, {}, "at_clip", 0.6, True),
    "momentum": ("momentum", TOY, {"critic_move": [1e-3] * 3}, "step_cosine", 0.1, False),
    "fast generator": (
        "learning-rates",
        TOY,
        {"critic_move": [1 / TOY.n_critic] * 3},
        "generator_move",
        15.0,
        True,
    ),
    "slow generator": (
        "learning-rates",
        TOY,
        {"critic_move": [1 / TOY.n_critic] * 3},
        "generator_move",
        1 / 300,
        False,
    ),
    "vanishing in the loss": (
        "vanishing-gradient",
        TOY,
        {"gradient_depth": [0.0] * 3},
        "generator_signal",
        0.02,
        False,
    ),
    "vanishing in the layers": (
        "vanishing-gradient",
        TOY,
        {"generator_signal": [1.0] * 3},
        "gradient_depth",
        -2.0,
        False,
    ),
    "exploding in the layers": ("exploding-gradient", TOY, {}, "gradient_depth", 2.0, True),
    "copies": ("memorisation", TOY, {"memorised_64_floor": [0.1]}, "memorised_64", 0.2, True),
    "classes": ("mode-collapse", TOY, {}, "class_kl_1k", 0.9, True),
    "repeats": ("mode-collapse", TOY, {}, "duplicates_1k", 0.5, True),
    "spread": ("mode-collapse", TOY, {"variety": [1.0]}, "variety", 0.35, False),
}


@pytest.mark.parametrize("name", NEAR_LIMITS)
def test_a_check_begins_at_its_limit(name: str):
    rule, config, numbers, number, limit, too_much = NEAR_LIMITS[name]
    for share, beyond in ((0.999, not too_much), (1.001, too_much)):
        value = limit * share if limit > 0 else limit * (2 - share)
        values = numbers | {number: [*numbers.get(number, []), *[value] * 3]}
        found = examine(evidence_with(config, None, **values))
        assert [f.reading.raised for f in found if f.key == rule] == [beyond], value


def losses(*values: float) -> Evidence:
    """Evidence of a run whose critic loss has each value for ten reports."""
    sizes = np.repeat(values, 10)
    curves = {name: np.zeros(len(sizes)) for name in Report._fields} | {"critic_loss": sizes}
    return evidence_of(TOY, curves, [])


def lagging(lag: float = 2.0, progress: float = 1.0, floors: float = 30.0) -> Evidence:
    """Evidence of a critic whose gap rises by `lag` of its scale, and of W₁ that falls from 1 to `progress`."""
    values, floor = [1.0] * 3 + [progress] * 3, [progress / floors]
    return evidence_with(TOY, critic_lag=[lag] * 3, emd_1k=values, emd_1k_floor=floor)


def memorised(share: float = 0.9, spreads: float = 10.0) -> Evidence:
    """Evidence of a critic gap of 1 on training pictures, of which `share` is missing on held-out ones."""
    gaps = {"gap_seen": [1.0] * 3, "gap_unseen": [1 - share] * 3}
    return evidence_with(DIGITS, 500, score_spread=[share / spreads] * 3, **gaps)


def falling(improvement: float, measured: int = 15) -> Evidence:
    """Evidence of W₁ on a line, whose last third is lower than the second by this share of its mean."""
    per_measurement = improvement / (measured // 3)
    middle_of_the_last_third = (measured // 3 - 1) / 2
    places = range(measured - 1, -1, -1)
    values = [1 + per_measurement * (place - middle_of_the_last_third) for place in places]
    return evidence_with(TOY, emd_1k=values)


def rising(times: float, measured: int = 6) -> Evidence:
    """Evidence of W₁ that falls to 1 at once, and whose last three values are `times` as large."""
    return evidence_with(TOY, emd_1k=[1.0] * (measured - 3) + [times] * 3)


BESIDE_LIMITS: dict[str, tuple[str, Callable[[float], Evidence], float, bool]] = {
    # A rule, the evidence for a value, the limit of the value, whether a larger value is a problem.
    "explosion, large": ("explosion", lambda x: losses(1, x), 3e3, True),
    "explosion, growth": ("explosion", lambda x: losses(500, 500 * x), 10, True),
    "explosion, certain": ("explosion", losses, 1e5, True),
    "lag": ("undertrained-critic", lambda x: lagging(lag=x), 0.7, True),
    "progress": ("undertrained-critic", lambda x: lagging(progress=x), 0.97, True),
    "floors": ("undertrained-critic", lambda x: lagging(floors=x), 3, True),
    "share": ("overfitting-critic", lambda x: memorised(share=x), 0.25, True),
    "spreads": ("overfitting-critic", lambda x: memorised(spreads=x), 0.3, True),
    "worsening": ("worsening", rising, 1.25, True),
    "plateau": ("plateau", falling, 0.02, False),
}


@pytest.mark.parametrize("name", BESIDE_LIMITS)
def test_a_check_of_several_numbers_begins_at_each_limit(name: str):
    rule, evidence, limit, too_much = BESIDE_LIMITS[name]
    for share, beyond in ((0.999, not too_much), (1.001, too_much)):
        findings = examine(evidence(limit * share))
        assert [f.reading.raised for f in findings if f.key == rule] == [beyond], share


def test_trends_need_their_number_of_measurements():
    for rule, evidence, least in (
        ("worsening", lambda n: rising(2, n), 6),
        ("plateau", lambda n: falling(0, n), 15),
    ):
        for n in (least - 1, least):
            problems = [f.reading.raised for f in examine(evidence(n)) if f.key == rule]
            assert problems == [True] * (n == least), (rule, n)


def test_a_cause_comes_before_what_it_causes():
    numbers = {"slope_hat": [20.0] * 3, "slope_above_1": [1.0] * 3, "penalty_pull": [0.1] * 3}
    found = raised(evidence_with(TOY, None, **numbers, **COLLAPSED))
    assert found[0] == "weak-penalty" and "mode-collapse" in found


def test_modes_that_were_never_found_are_not_called_lost():
    never = {"modes_2500": [3.0] * 4, "modes_2500_floor": [8.0], "high_quality_2500": [0.9] * 4}
    lost = never | {"modes_2500": [6.0, 3.0, 3.0, 3.0]}
    whole = never | {"modes_2500": [8.0, 8.0, 8.0, 8.0]}
    unsteady = never | {"modes_2500": [3.0, 4.0, 3.0, 4.0, 3.0], "high_quality_2500": [0.9] * 5}
    scattered = never | {
        "modes_2500": [8.0, 3.0, 3.0, 3.0],  # before the samples were good
        "high_quality_2500": [0.1, 0.9, 0.9, 0.9],
    }
    findings = [
        next(f for f in examine(evidence_with(TOY, None, **numbers)) if f.key == "mode-collapse")
        for numbers in (never, lost, whole, unsteady, scattered)
    ]
    texts = [finding.reading.evidence for finding in findings]
    assert texts[0].endswith("This run has not had more so far.")
    assert texts[1].endswith("The highest number of modes in this run was 6.")
    assert texts[2].endswith("of the samples are of high quality.")
    titles = [finding.heading for finding in findings]
    few = "Few kinds of samples"
    assert titles == [few, "Mode collapse", "Mode collapse", few, few]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("variety", 0.6, 0.1), ("class_kl", 0.2, 1.5), ("duplicates", 0.1, 0.8)],
)
def test_samples_that_were_always_of_few_kinds_have_not_collapsed(
    name: str, good: float, bad: float
):
    named = {"class_kl": "class_kl_2500", "duplicates": "duplicates_2500"}.get(name, name)
    for values, title in (
        ([bad] * 4, "Few kinds of samples"),
        ([good, *[bad] * 3], "Mode collapse"),
    ):
        evidence = evidence_with(DIGITS, None, **{named: values})
        finding = next(f for f in examine(evidence) if f.key == "mode-collapse")
        assert (finding.reading.raised, finding.heading) == (True, title), values
        assert f"**{title}**" in health([finding], evidence, active=True).sentence


def test_an_explosion_that_lasts_stays_a_problem():
    """Losses of 1 grow to 5,000 within ten reports, and stay there."""
    sizes = np.concatenate([np.ones(10), np.geomspace(1, 5_000, 10), np.full(480, 5_000.0)])
    for n in (20, 40, 100, 220, 400, len(sizes)):
        curves = {name: np.zeros(n) for name in Report._fields} | {"critic_loss": sizes[:n]}
        assert raised(evidence_of(TOY, curves, [])) == ["explosion"], n
    steady = {name: np.zeros(100) for name in Report._fields} | {"critic_loss": np.full(100, 5e3)}
    assert raised(evidence_of(TOY, steady, [])) == []
