"""The table of runs, with its filter."""

import base64
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.core.run_on_show import show_run
from pages.ui.core.state import page_state
from pages.ui.runs.state import RunsState
from wgan.config import TrainConfig, short
from wgan.format import fmt_digits, fmt_duration
from wgan.metrics import title_of
from wgan.runs import RunSummary, Status, began

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
            placeholder="name, data set, objective, note …",
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
    """Show the table and return the selected runs."""
    state = page_state(RunsState)
    rows_before = [run_ids.index(run) for run in state.selected if run in run_ids]
    # Rows are selected by number, so another list of runs needs another key.
    selection = st.dataframe(
        _rows(summaries, titles),
        key=f"runs-{hash(tuple(run_ids)) & 0xFFFFFF:x}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows_before}},
        hide_index=True,
        placeholder="",
        row_height=46,
        height=min(TABLE_HEIGHT, 40 + 46 * len(summaries)),
        column_config={
            "★": st.column_config.TextColumn(width=34),
            "Preview": st.column_config.ImageColumn("", width=50),
            "Run": st.column_config.TextColumn(width=170),
            "Step": st.column_config.NumberColumn(format="localized"),
            "Size": st.column_config.NumberColumn("MB", format="%.1f", help="On disk."),
            "Time": st.column_config.TextColumn(help="Training time."),
            "Best": st.column_config.TextColumn(
                help="The best value of what was measured: the lower the better for W₁ and FID."
            ),
        },
    )
    rows = selection["selection"]["rows"] if selection else []
    state.selected = [run_ids[row] for row in rows if row < len(run_ids)]
    return state.selected


def _matches(summary: RunSummary, query: str) -> bool:
    config = summary.config
    parts = [config.dataset.title, config.objective.title] if config else []
    text = " ".join([summary.run, summary.name, summary.note, summary.status, *parts])
    return all(word in text.lower() for word in query.lower().split())


def _rows(summaries: Sequence[RunSummary], titles: dict[str, str]) -> dict[str, list[Any]]:
    def picture(summary: RunSummary) -> str | None:
        if summary.thumb is None:
            return None
        return f"data:image/webp;base64,{base64.b64encode(summary.thumb).decode('ascii')}"

    def objective(config: TrainConfig | None) -> str:
        return short(config.objective.title) if config else ""

    return {
        "★": ["★" if summary.star else "" for summary in summaries],
        "Preview": [picture(summary) for summary in summaries],
        "Run": [
            summary.name or began(summary.run, summary.created) or summary.run
            for summary in summaries
        ],
        "Status": [_status(summary.status) for summary in summaries],
        "Data set": [
            summary.config.dataset.title if summary.config else "" for summary in summaries
        ],
        "Objective": [objective(summary.config) for summary in summaries],
        "Step": [summary.step for summary in summaries],
        "Time": [fmt_duration(summary.seconds) for summary in summaries],
        "Best": [best(summary) for summary in summaries],
        "From": [
            f"{titles.get(summary.parent.run, summary.parent.run)} @ {summary.parent.step:,}"
            if summary.parent
            else ""
            for summary in summaries
        ],
        "Size": [summary.size / 1e6 for summary in summaries],
    }


def _status(status: Status) -> str:
    return "Example" if status is Status.SHIPPED else status.capitalize()


def best(summary: RunSummary) -> str:
    """Return the best measured values as a short text."""
    values = [f"{title_of(name)} {fmt_digits(m.value)}" for name, m in summary.best.items()]
    return ", ".join(values[:2])
