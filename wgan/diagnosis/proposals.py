"""Changes that would help, as words for a button and values for a config."""

from collections.abc import Mapping
from typing import Any

from wgan.config import ConfigError, hyperparameters
from wgan.diagnosis.evidence import Evidence, Proposal
from wgan.format import fmt_value
from wgan.objectives import Wgan


def change(evidence: Evidence, changes: Mapping[str, Any]) -> Proposal | None:
    """Return a change as a proposal with words for a button; None where it cannot be made."""
    config = evidence.config
    fields = {h.path: h for h in hyperparameters(config)}
    bounded = {}
    for path, value in changes.items():
        limit = fields.get(path)
        if limit is not None and isinstance(value, float) and limit.high is not None:
            value = min(max(value, limit.low or 0.0), limit.high)
        bounded[path] = float(f"{value:.3g}") if isinstance(value, float) else value
    try:
        after = config.changed(bounded)
    except ConfigError:
        return None
    before, now = config.flat(), after.flat()
    moved = [path for path in bounded if before.get(path) != now[path]]
    if not moved:
        return None
    titles = {h.path: h.title for h in hyperparameters(after)}
    words = ", ".join(
        f"{titles[p]} {fmt_value(before[p])} → {fmt_value(now[p])}"
        if p in before
        else f"{titles[p]} {fmt_value(now[p])}"
        for p in moved
    )
    live = all(path in fields and fields[path].live for path in moved)
    return Proposal(words, {path: bounded[path] for path in moved}, live)


def propose(evidence: Evidence, *changes: Mapping[str, Any]) -> tuple[Proposal, ...]:
    """Return those changes that can be made, each as a proposal."""
    return tuple(proposal for c in changes if (proposal := change(evidence, c)) is not None)


def rates(evidence: Evidence, critic: float, generator: float) -> dict[str, Any]:
    """Return a change of both learning rates by factors."""
    config = evidence.config
    return {
        "critic_learning_rate": config.critic_learning_rate * critic,
        "generator_learning_rate": config.generator_learning_rate * generator,
    }


PENALISED: Mapping[str, Any] = {"objective": "wgan-gp"}
"""What mends most of what clipping and cross-entropy do."""


def clip(evidence: Evidence, factor: float) -> dict[str, Any]:
    """Return a change of the clip value; of objectives without one, none."""
    objective = evidence.config.objective
    if not isinstance(objective, Wgan):
        return {}
    return {"objective.clip_value": objective.clip_value * factor}
