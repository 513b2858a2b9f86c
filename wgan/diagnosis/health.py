"""The health of a run in one line: its problems, that there is none, or why it is not known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wgan.diagnosis.catalogue import RULES
from wgan.diagnosis.evidence import MIN_VALUES, Evidence, Finding, Level
from wgan.diagnosis.sample_rules import sample_facts

ALIKE_SPREAD = 0.05
"""Samples whose spread is below this share of that of real examples are called almost all alike."""

MAX_OTHERS = 2
"""Maximum number of other problems that are named."""

LEVELS: tuple[Level, ...] = ("danger", "fault", "note")
"""The levels of problems, the most serious one first."""

READINESS_RULE, READINESS_METRIC = "exploding-gradient", "gradient_depth"
"""A rule that applies to every run once the critic has been measured often enough, and the metric that it reads."""


@dataclass(frozen=True)
class Health:
    """The health of a run: how serious it is, a sentence in Markdown, and the newest facts about its samples."""

    level: Level | Literal["good", "unknown"]
    sentence: str
    facts: tuple[str, ...] = ()


def health(findings: Sequence[Finding], evidence: Evidence, *, active: bool) -> Health:
    """Return the health of a run.

    Args:
        findings: The results of all rules that could be checked, in the order of `RULES`.
        evidence: The records that they read.
        active: Whether the run is still training.
    """
    facts = tuple(sample_facts(evidence))
    raised = [finding for finding in findings if finding.reading.raised]
    if raised:
        first, *others = raised
        since = first.reading.since
        sentence = f"**{first.heading}**"
        sentence += f" since step {since:,}" if since is not None else ""
        # The first problem may be the cause, and a later one what everybody sees.
        others.sort(key=lambda finding: LEVELS.index(finding.rule.level))
        if others:
            names = [f"*{finding.heading}*" for finding in others[:MAX_OTHERS]]
            more = len(others) - len(names)
            sentence += ". Also: " + ", ".join(names) + (f" and {more} more" if more else "")
        level = min((finding.rule.level for finding in raised), key=LEVELS.index)
        return Health(level, f"{sentence}.", facts)
    if any(finding.key == READINESS_RULE for finding in findings):
        return Health(
            "good",
            f"**No problems found** by {len(findings)} checks.{_others_text(len(RULES) - len(findings))}",
            facts,
        )
    return Health("unknown", _missing_reason(evidence, active=active), facts)


def _others_text(count: int) -> str:
    """Say why some checks have no result; empty if all have one."""
    if not count:
        return ""
    verbs = "does not apply or needs" if count == 1 else "do not apply or need"
    return f" The other {count} {verbs} more data."


def _missing_reason(evidence: Evidence, *, active: bool) -> str:
    """Return why there is no diagnosis of the critic."""
    if not evidence.config.measure:
        return "There is no diagnosis, because “Measure while training” is off (in the sidebar, under Reporting)."
    if not active:
        spread = evidence.newest("variety")
        if spread is not None and spread < ALIKE_SPREAD:
            return (
                "**The last samples are almost all alike.** The run ended before the critic was measured "
                "three times, so the cause is unknown."
            )
        if evidence.since > evidence.begun:
            return (
                f"The critic was measured fewer than three times after the last change, at step "
                f"{evidence.since:,}, so there is no diagnosis."
            )
        return (
            "This run ended before the critic was measured three times, so there is no diagnosis."
        )
    count = len(evidence.series(READINESS_METRIC)[0])
    which = "next" if evidence.since else "first"
    changed = f"Settings changed at step {evidence.since:,}. " if evidence.since else ""
    if count >= MIN_VALUES:
        return f"{changed}The {which} diagnosis appears in a moment."
    return f"{changed}The {which} diagnosis needs {MIN_VALUES} measurements of the critic. {count} of {MIN_VALUES} are made."
