"""The table of runs, with its filter."""

import base64
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.core.permissions import refusal_to_change
from pages.ui.core.plain_text import cell_text, plain_text
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.status import BADGES
from pages.ui.runs.state import RunsState
from wgan.config import TrainConfig, short
from wgan.metrics import metric_of, title_of
from wgan.runs import RunError, RunSummary, Status, began

TABLE_HEIGHT = 282


def table(summaries: Sequence[RunSummary]) -> tuple[list[str], list[str]]:
    """Show the table of runs; return the selected runs, and all that match the filter."""
    titles = {
        summary.run: summary.name or began(summary.run, summary.created) for summary in summaries
    }
    query, statuses = _filter()
    listed = [
        summary
        for summary in summaries
        if _matches(summary, query) and (not statuses or summary.status in statuses)
    ]
    if not listed:
        st.caption("No runs match the filter.")
        return [], []
    run_ids = [summary.run for summary in listed]
    selected = _select(listed, run_ids, titles)
    if len(selected) == 1:
        show_run(selected[0])
    return selected, run_ids


def _filter() -> tuple[str, list[Status]]:
    """Let the visitor filter the runs; return the words and the statuses that a run must have."""
    # A visit begins with the filter in the address.
    st.session_state.setdefault("filter", st.query_params.get("filter", ""))
    left, right = st.columns([0.62, 0.38], vertical_alignment="bottom")
    with left:
        query = st.text_input(
            "Filter",
            key="filter",
            persist_state="session",
            placeholder="name, data set, objective or note",
            icon=":material/search:",
            label_visibility="collapsed",
        )
    with right:
        statuses = st.multiselect(
            "Status",
            list(Status),
            key="filter_status",
            persist_state="session",
            placeholder="any status",
            format_func=_status,
            label_visibility="collapsed",
        )
    if query:
        st.query_params["filter"] = query
    else:
        st.query_params.pop("filter", None)
    return query, statuses


def _select(
    summaries: Sequence[RunSummary], run_ids: Sequence[str], titles: dict[str, str]
) -> list[str]:
    """Show the table; return the ticked runs, or the one in whose row the visitor clicked."""
    state = page_state(RunsState)
    rows_before = [run_ids.index(run) for run in state.selected if run in run_ids]
    # Rows are selected by number, so another list of runs needs another key.
    key = f"runs-{hash(tuple(run_ids)) & 0xFFFFFF:x}"
    rows, metrics = _rows(summaries, titles)
    numbers = {
        name: st.column_config.NumberColumn(help=plain_text(help)) for name, help in metrics.items()
    }
    event = st.dataframe(
        rows,
        key=key,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": rows_before}},
        hide_index=True,
        placeholder="",
        row_height=46,
        height=min(TABLE_HEIGHT, 40 + 46 * len(summaries)),
        column_config={
            "Star": st.column_config.ButtonColumn(
                "★",
                width=48,
                type="tertiary",
                help="Click to add or remove a star.",
                key=f"{key}-star",
                on_click=_toggle_star,
                args=(f"{key}-star", summaries),
            ),
            "Rename": st.column_config.ButtonColumn(
                "",
                width=48,
                type="tertiary",
                help="Click to change the run's name and note.",
                key=f"{key}-rename",
                on_click=_rename,
                args=(f"{key}-rename", run_ids),
            ),
            "Preview": st.column_config.ImageColumn("", width=50),
            "Run": st.column_config.TextColumn(width=230),
            "Step": st.column_config.NumberColumn(format="localized"),
            "Size": st.column_config.NumberColumn("Size, MB", format="%.1f", help="On disk."),
            "Time": st.column_config.NumberColumn(
                "Time, s", format="localized", help="Training time."
            ),
            **numbers,
        },
        alt="The runs with their status, settings and best measured values",
    )
    selection = event["selection"] if event else {"rows": [], "cells": []}
    ticked = [run_ids[row] for row in selection["rows"] if row < len(run_ids)]
    clicked = [run_ids[row] for row, _ in selection["cells"] if row < len(run_ids)]
    if clicked != state.clicked:  # open the row only once, so that other choices replace it
        state.clicked = clicked
        if clicked and len(ticked) < 2:
            ticked = clicked
    state.selected = ticked
    return ticked


def _toggle_star(key: str, summaries: Sequence[RunSummary]) -> None:
    summary = summaries[st.session_state[key].row]
    if summary.status is Status.SHIPPED:
        st.toast("Examples are read-only.", icon=":material/lock:")
        return
    try:
        session().describe(summary.run, star=not summary.star)
    except RunError as error:
        st.toast(plain_text(str(error)), icon=":material/error:")


def _rename(key: str, run_ids: Sequence[str]) -> None:
    page_state(RunsState).renamed = run_ids[st.session_state[key].row]


def _may_change(summary: RunSummary) -> bool:
    return summary.status is not Status.SHIPPED and not refusal_to_change(summary.run)


def _star(summary: RunSummary) -> str | None:
    """Return the label of the button that gives or removes a star; None for no button."""
    if summary.star:
        return "★"
    return "☆" if _may_change(summary) else None


def _matches(summary: RunSummary, query: str) -> bool:
    config = summary.config
    parts = [config.dataset.title, config.objective.title] if config else []
    text = " ".join([summary.run, summary.name, summary.note, summary.status, *parts])
    return all(word in text.lower() for word in query.lower().split())


def _rows(
    summaries: Sequence[RunSummary], titles: dict[str, str]
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return the columns of the table, and the help of those that contain metrics, by name."""

    def picture(summary: RunSummary) -> str | None:
        if summary.thumb is None:
            return None
        return f"data:image/webp;base64,{base64.b64encode(summary.thumb).decode('ascii')}"

    def objective(config: TrainConfig | None) -> str:
        return short(config.objective.title) if config else ""

    names = dict.fromkeys(name for summary in summaries for name in summary.best)
    metrics = {_column(name): _best(summaries, name) for name in names}
    columns: dict[str, list[Any]] = {
        "Star": [_star(summary) for summary in summaries],
        "Preview": [picture(summary) for summary in summaries],
        "Run": [
            cell_text(summary.name or began(summary.run, summary.created) or summary.run)
            for summary in summaries
        ],
        "Rename": [":material/edit:" if _may_change(summary) else None for summary in summaries],
        "Status": [_status(summary.status) for summary in summaries],
        "Data set": [
            cell_text(summary.config.dataset.title) if summary.config else ""
            for summary in summaries
        ],
        "Objective": [objective(summary.config) for summary in summaries],
        "Step": [summary.step for summary in summaries],
        "Time": [round(summary.seconds) for summary in summaries],
        **metrics,
        "Forked from": [
            cell_text(
                f"{titles.get(summary.parent.run, summary.parent.run)} @ {summary.parent.step:,}"
            )
            if summary.parent
            else ""
            for summary in summaries
        ],
        "Size": [summary.size / 1e6 for summary in summaries],
    }
    return columns, {_column(name): _better(name) for name in names}


def _best(summaries: Sequence[RunSummary], name: str) -> list[float | None]:
    """Return the best value of a metric of each run, in percent if it is a share."""
    metric = metric_of(name)
    scale = 100.0 if metric is not None and metric.percent else 1.0
    return [
        float(f"{scale * summary.best[name].value:.3g}") if name in summary.best else None
        for summary in summaries
    ]


def _column(name: str) -> str:
    """Return the heading of a metric's column, with its unit."""
    metric = metric_of(name)
    unit = "" if metric is None else "%" if metric.percent else metric.unit
    title = f"Best {title_of(name)}"
    return cell_text(f"{title} ({unit})" if unit else title)


def _better(name: str) -> str:
    """Return the help of a metric's column."""
    metric = metric_of(name)
    if metric is None:
        return "The best value of the run."
    unit = ", in percent" if metric.percent else ""
    return f"The best value of the run{unit}. {metric.better.capitalize()} is better."


def _status(status: Status) -> str:
    return BADGES[status][0]
