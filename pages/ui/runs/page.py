"""The Runs page: find, open, name, fork, export and delete runs."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.refresh import watch
from pages.ui.core.run_on_show import shown_run
from pages.ui.core.session import session
from pages.ui.core.state import MAX_COMPARED_RUNS, ComparedRuns, page_state
from pages.ui.core.widget_state import popover_key
from pages.ui.runs import details, import_run, queue, table, trash
from pages.ui.runs.state import RunsState
from wgan.format import fmt_bytes
from wgan.runs import RunSummary, Status

REDRAW_S = 15
"""Seconds of training after which the table shows the progress of a run anew."""


def show() -> None:
    """Draw the page."""
    import_run.importing()
    summaries = session().library.summaries()
    _heading(summaries)
    trash.offer_undo()
    queue.queue()
    _watch_runs()
    if not summaries:
        st.markdown(
            "There are no runs yet. Every run that you train is listed here, with its pictures, its curves "
            "and its weights."
        )
        navigation.link_to_start()
        return
    selected, listed = table.table(summaries)
    _rename_if_asked(summaries)
    run = selected[0] if len(selected) == 1 else (None if selected else shown_run(example=True))
    if len(selected) > 1:
        _several(selected)
    elif run is not None and run in listed:
        details.show(run)


def _rename_if_asked(summaries: Sequence[RunSummary]) -> None:
    """Open the dialog for the name of a run if its button in the table was pressed."""
    state = page_state(RunsState)
    run, state.renamed = state.renamed, None
    summary = next((summary for summary in summaries if summary.run == run), None)
    if summary is None:
        return
    if summary.status is Status.SHIPPED:
        st.toast("Examples are read-only.", icon=":material/lock:")
    elif refusal := refusal_to_change(summary.run):
        st.toast(refusal, icon=":material/lock:")
    else:
        details.ask_for_name(summary)


def _watch_runs() -> None:
    """Redraw the page when runs are created, deleted or queued, when one ends, and now and then while one trains."""

    def token() -> object:
        queued = tuple(snapshot.run for snapshot in session().queued())
        summaries = session().library.summaries()
        live = session().live()
        progress = None if live is None else live.seconds // REDRAW_S
        return tuple((summary.run, summary.status) for summary in summaries), queued, progress

    watch(token, 3.0)


def _heading(summaries: Sequence[RunSummary]) -> None:
    """Show the number of runs and their total size, and the menus for import and trash."""
    trashed = session().library.trash()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("### Runs", width="content")
        if summaries:
            total = sum(summary.size for summary in summaries)
            st.caption(f"{len(summaries)} · {fmt_bytes(total)} on disk", width="content")
        with st.popover(
            "Import",
            icon=":material/upload:",
            key=popover_key("import"),
            **permitted(refusal_to_add(), help="Import a run that was exported as a ZIP file."),
        ):
            import_run.importer()
        if trashed:
            label = f"Trash ({len(trashed)})"
            with st.popover(
                label,
                icon=":material/delete:",
                key=popover_key("trash"),
                **permitted(
                    refusal_to_add(), help="Restore deleted runs, or delete them permanently."
                ),
            ):
                trash.trash()


def _several(selected: Sequence[str]) -> None:
    """Show the actions for several selected runs."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{len(selected)} runs**", width="content")
        if st.button(
            "Compare",
            icon=":material/compare_arrows:",
            key="compare",
            type="primary",
            disabled=len(selected) > MAX_COMPARED_RUNS,
            help=f"Show two to {MAX_COMPARED_RUNS} runs on common axes.",
        ):
            page_state(ComparedRuns).runs = list(selected)
            st.switch_page(navigation.page("compare"))
        if st.button(
            "Delete",
            icon=":material/delete:",
            key="delete_several",
            **permitted(refusal_to_change(*selected)),
        ):
            trash.ask_to_delete(list(selected))
