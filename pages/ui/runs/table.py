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


def table(cards: Sequence[RunSummary]) -> tuple[list[str], list[str]]:
    """Show the table of runs; return the selected runs, and all that match the filter."""
    titles = {card.run: card.name or began(card.run, card.created) for card in cards}
    query, statuses = _filter()
    listed = [
        card
        for card in cards
        if _matches(card, query) and (not statuses or card.status in statuses)
    ]
    if not listed:
        st.caption("No run is like that.")
        return [], []
    run_ids = [card.run for card in listed]
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
    cards: Sequence[RunSummary], run_ids: Sequence[str], titles: dict[str, str]
) -> list[str]:
    """Show the table and return the selected runs."""
    state = page_state(RunsState)
    rows_before = [run_ids.index(run) for run in state.selected if run in run_ids]
    # Rows are selected by number, so another list of runs needs another key.
    selection = st.dataframe(
        _rows(cards, titles),
        key=f"runs-{hash(tuple(run_ids)) & 0xFFFFFF:x}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows_before}},
        hide_index=True,
        placeholder="",
        row_height=46,
        height=min(TABLE_HEIGHT, 40 + 46 * len(cards)),
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


def _matches(card: RunSummary, query: str) -> bool:
    config = card.config
    parts = [config.dataset.title, config.objective.title] if config else []
    text = " ".join([card.run, card.name, card.note, card.status, *parts])
    return all(word in text.lower() for word in query.lower().split())


def _rows(cards: Sequence[RunSummary], titles: dict[str, str]) -> dict[str, list[Any]]:
    def picture(card: RunSummary) -> str | None:
        if card.thumb is None:
            return None
        return f"data:image/webp;base64,{base64.b64encode(card.thumb).decode('ascii')}"

    def objective(config: TrainConfig | None) -> str:
        return short(config.objective.title) if config else ""

    return {
        "★": ["★" if card.star else "" for card in cards],
        "Preview": [picture(card) for card in cards],
        "Run": [card.name or began(card.run, card.created) or card.run for card in cards],
        "Status": [_status(card.status) for card in cards],
        "Data set": [card.config.dataset.title if card.config else "" for card in cards],
        "Objective": [objective(card.config) for card in cards],
        "Step": [card.step for card in cards],
        "Time": [fmt_duration(card.seconds) for card in cards],
        "Best": [best(card) for card in cards],
        "From": [
            f"{titles.get(card.parent.run, card.parent.run)} @ {card.parent.step:,}"
            if card.parent
            else ""
            for card in cards
        ],
        "Size": [card.size / 1e6 for card in cards],
    }


def _status(status: Status) -> str:
    return "Example" if status is Status.SHIPPED else status.capitalize()


def best(card: RunSummary) -> str:
    """Return the best measured values as a short text."""
    values = [f"{title_of(name)} {fmt_digits(m.value)}" for name, m in card.best.items()]
    return ", ".join(values[:2])
