"""Changes that may help: a label for the button, and values for the config."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from wgan.config import ConfigError, TrainConfig, hyperparameters, recommended, value_text
from wgan.diagnosis.evidence import Evidence, Proposal
from wgan.objectives import Wgan


def change(evidence: Evidence, changes: Mapping[str, Any]) -> Proposal | None:
    """Return a change as a proposal with a label; None if it is invalid or changes nothing."""
    config = evidence.config
    fields = {h.path: h for h in hyperparameters(config)}
    bounded = {}
    for path, value in changes.items():
        field = fields.get(path)
        if field is not None and isinstance(value, float) and field.high is not None:
            value = min(max(value, field.low or 0.0), field.high)
        bounded[path] = float(f"{value:.2g}") if isinstance(value, float) else value
    try:
        after = config.changed(bounded)
    except ConfigError:
        return None
    before_values, after_values = config.flat(), after.flat()
    changed_paths = [path for path in bounded if before_values.get(path) != after_values[path]]
    if not changed_paths:
        return None
    titles = {h.path: h.title for h in hyperparameters(after)}
    words = ", ".join(
        f"{titles[p]} {value_text(p, before_values[p])} → {value_text(p, after_values[p])}"
        if p in before_values
        else f"{titles[p]} {value_text(p, after_values[p])}"
        for p in changed_paths
    )
    live = all(path in fields and fields[path].live for path in changed_paths)
    return Proposal(words, {path: bounded[path] for path in changed_paths}, live)


def propose_restart(evidence: Evidence, changes: Mapping[str, Any]) -> tuple[Proposal, ...]:
    """Return a proposal to begin a new run with a change, if that is valid."""
    return tuple(replace(proposal, restart=True) for proposal in propose(evidence, changes))


def propose(evidence: Evidence, *changes: Mapping[str, Any]) -> tuple[Proposal, ...]:
    """Return a proposal for each change that is valid."""
    return tuple(proposal for c in changes if (proposal := change(evidence, c)) is not None)


def change_rates(evidence: Evidence, critic: float, generator: float) -> dict[str, Any]:
    """Return a change that multiplies both learning rates by factors."""
    config = evidence.config
    return {
        "critic_learning_rate": config.critic_learning_rate * critic,
        "generator_learning_rate": config.generator_learning_rate * generator,
    }


REPAIRABLE_PENALTY = 1e4
"""Largest penalty λ · slope² with which a run is continued. A run stops when the penalty exceeds 10 million."""

PENALISED: Mapping[str, Any] = {"objective": "wgan-gp"}
"""The objective that helps against most problems of clipping and cross-entropy."""


def change_clip_value(evidence: Evidence, factor: float) -> dict[str, Any]:
    """Return a change that multiplies the clip value; empty for objectives without one."""
    objective = evidence.config.objective
    if not isinstance(objective, Wgan):
        return {}
    return {"objective.clip_value": objective.clip_value * factor}


def slope_penalty_weight(evidence: Evidence) -> float | None:
    """Return λ if the objective's penalty holds the slope at 1; else None."""
    objective: Any = evidence.config.objective
    deviation = getattr(objective, "deviation", None)
    if deviation is None or float(deviation(torch.ones(1))) != 0.0:
        return None
    return float(objective.penalty_weight)


def suitable_penalty(config: TrainConfig) -> float:
    """Return the penalty weight λ that is recommended for a config's data."""
    suitable: Any = recommended(config.dataset).objective
    return float(suitable.penalty_weight)


def propose_penalty(evidence: Evidence, weight: float) -> tuple[Proposal, ...]:
    """Propose a larger penalty weight λ: in this run, or in a new one if its critic is too steep.

    With a steep critic, the penalty itself exceeds the limit at which a run stops.
    """
    changes = {"objective.penalty_weight": weight}
    slope = evidence.recent_median("slope_hat") or 0.0
    if weight * slope**2 > REPAIRABLE_PENALTY:
        return propose_restart(evidence, changes)
    return propose(evidence, changes)
