"""The settings in which runs differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.compare.curves import comparable, measured_metrics, snapshots_of, titles_of
from pages.ui.core.plain_text import cell_text, plain_text
from wgan.config import hyperparameters, value_text
from wgan.format import fmt_digits
from wgan.jobs import RunSnapshot
from wgan.metrics import metric_of, title_of, value_and_unit
from wgan.verdicts.comparison import ranking


def differing(runs: Sequence[str]) -> None:
    """Show the settings in which runs differ, and their last values."""
    snapshots = snapshots_of(runs)
    titles = [cell_text(title) for title in titles_of(snapshots)]
    fields = {value.path: value for value in hyperparameters()}
    values = [snapshot.config.flat() for snapshot in snapshots]
    # Of the details of an objective or a network, leave out those that only follow from that choice.
    rows = [p for p in _differing(values) if not fields[p].advanced or _is_chosen(p, values)]
    table: dict[str, list[str]] = {"": [fields[path].title for path in rows]}
    for title, flat in zip(titles, values, strict=True):
        table[title] = [cell_text(value_text(path, flat.get(path))) for path in rows]
    # Leave out the values of live runs: they change, and are shown above their pictures.
    extra = (
        {}
        if any(snapshot.status.active for snapshot in snapshots)
        else {
            "Step": [f"{snapshot.step:,}" for snapshot in snapshots],
            "Training time (s)": [f"{snapshot.seconds:,.0f}" for snapshot in snapshots],
            "Critic gap": [
                fmt_digits(v.last.report.critic_gap if v.last else None) for v in snapshots
            ],
        }
    )
    for name in measured_metrics([snapshot.run for snapshot in snapshots]) if extra else ():
        extra[f"{title_of(name)}, last"] = [
            _last(snapshot, name) if comparable(snapshot, snapshots[0], name) else "not comparable"
            for snapshot in snapshots
        ]
    for name, cells in extra.items():
        table[""].append(cell_text(name))
        for title, cell in zip(titles, cells, strict=True):
            table[title].append(cell)
    st.markdown("**Differences**")
    st.dataframe(table, hide_index=True)


def _differing(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of the settings in which flat configs differ."""
    paths = dict.fromkeys(path for flat in values for path in flat)
    return [p for p in paths if len({str(flat.get(p, "–")) for flat in values}) > 1]


def _is_chosen(path: str, values: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether runs that have a setting differ in it."""
    return len({str(flat[path]) for flat in values if path in flat}) > 1


def result(runs: Sequence[str]) -> None:
    """Say which of the runs that have ended has the best samples, if one metric can compare them."""
    snapshots = snapshots_of(runs)
    if len(snapshots) < 2 or any(snapshot.status.active for snapshot in snapshots):
        return
    name = snapshots[0].evidence.headline
    metric = metric_of(name) if name is not None else None
    if name is None or metric is None:
        return
    values = [snapshot.evidence.newest(name) for snapshot in snapshots]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not all(comparable(v, snapshots[0], name) for v in snapshots):
        return
    titles = [plain_text(title) for title in titles_of(snapshots)]
    texts = [_last(snapshot, name) for snapshot in snapshots]
    st.markdown(
        ranking(
            plain_text(title_of(name)),
            list(zip(titles, known, texts, strict=True)),
            lower_is_better=metric.better == "lower",
            differences=_titles_of_differences(snapshots),
        )
    )


def _titles_of_differences(snapshots: Sequence[RunSnapshot]) -> list[str]:
    """Return the titles of the settings, besides the seed, in which runs differ."""
    fields = {value.path: value for value in hyperparameters()}
    values = [snapshot.config.flat() for snapshot in snapshots]
    return [
        fields[path].title
        for path in _differing(values)
        if path != "seed" and _is_chosen(path, values)
    ]


def _last(snapshot: RunSnapshot, name: str) -> str:
    value = next((m.value for m in reversed(snapshot.metrics) if m.name == name), None)
    return "–" if value is None else " ".join(value_and_unit(name, value)).strip()
