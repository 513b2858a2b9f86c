"""Marks on charts: changes during a run, and findings of the diagnosis."""

from collections.abc import Sequence

from pages.ui.core.session import session
from wgan.config import TrainConfig, hyperparameters, value_text
from wgan.diagnosis import Finding
from wgan.jobs import RunSnapshot
from wgan.runs import Change, RunError

MAX_ENGINE_MARKS = 12
"""Maximum number of engine switches that charts mark. On a busy machine there may be one per minute."""


def run_marks(snapshot: RunSnapshot) -> list[tuple[float, str]]:
    """Return the changes of a run, by steps."""
    # Other z or classes of the preview do not affect the training.
    changes = [
        c for c in snapshot.changes if c.path != "engine" and not c.path.startswith("preview_")
    ]
    # Steps that are compiled from the beginning are no change for the visitor.
    engines = [c for c in snapshot.changes if c.path == "engine" and c.step > 1]
    changes += engines[-MAX_ENGINE_MARKS:]
    marks = [(float(change.step), change_text(change, snapshot.config)) for change in changes]
    if snapshot.parent is not None:
        marks.append((snapshot.parent.step, f"forked at step {snapshot.parent.step:,}"))
    return marks


def change_text(change: Change, config: TrainConfig) -> str:
    """Return a change as the text of a mark."""
    titles = {value.path: value.title for value in hyperparameters(config)}
    if change.path == "engine" and change.after["compiled"] and not change.before["compiled"]:
        return f"step {change.step:,}: switched to compiled updates, which are faster"
    if change.path == "engine" and change.after["threads"] != change.before["threads"]:
        threads = change.after["threads"]
        return f"step {change.step:,}: switched to {threads} CPU thread{'s' * (threads > 1)}, which is faster"
    if change.path == "engine":
        return f"step {change.step:,}: switched to another engine"
    before, after = (value_text(change.path, v) for v in (change.before, change.after))
    return f"step {change.step:,}: {titles.get(change.path, change.path)} {before} → {after}"


def diagnosis_marks(run: str) -> list[tuple[float, str]]:
    """Return the steps at which problems began, with their titles."""
    return [
        (float(finding.reading.since), f"{finding.heading} since step {finding.reading.since:,}")
        for finding in findings(run)
        if finding.reading.raised and finding.reading.since is not None
    ]


def findings(run: str) -> Sequence[Finding]:
    """Return the findings of the diagnosis; none if the run is gone."""
    try:
        return session().diagnosis(run)
    except RunError:
        return ()
