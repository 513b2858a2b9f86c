"""Import of a run from a ZIP file."""

import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session, upload_limit_mb
from pages.ui.core.state import page_state
from pages.ui.core.widget_state import close_popover
from pages.ui.runs.state import RunsState
from wgan.runs import RunError

MAX_REMARKS = 5  # remarks about an import that are shown


def importer() -> None:
    """Show the upload field for a ZIP file."""
    key = f"import_file-{page_state(RunsState).import_count}"
    st.file_uploader(
        "A run exported as ZIP",
        type="zip",
        key=key,
        on_change=_import,
        args=(key,),
        **permitted(refusal_to_add()),
    )
    st.caption(
        f"Up to {upload_limit_mb():,} MB. For a larger file, run `python -m wgan import FILE` on the "
        "machine that runs the app."
    )


def _import(key: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    state = page_state(RunsState)
    state.import_count += 1  # a new key makes the field empty
    close_popover("import")
    try:
        state.import_task = session().library.import_run(file, file.name)
    except RunError as error:
        st.toast(plain_text(str(error)), icon=":material/error:")


def importing() -> None:
    """Show the progress of an import with a button to cancel it, or its outcome."""
    state = page_state(RunsState)
    task = state.import_task
    if task is None:
        return
    if not task.done:
        with st.container():
            st.fragment(_import_progress, run_every=0.5)()
        return
    state.import_task = None
    if task.error:
        st.error(plain_text(task.error), icon=":material/error:")
        return
    run, remarks = task.result
    for remark in remarks[:MAX_REMARKS]:
        st.toast(plain_text(remark), icon=":material/warning:")
    if len(remarks) > MAX_REMARKS:
        st.toast(f"And {len(remarks) - MAX_REMARKS} more remarks.", icon=":material/warning:")
    st.toast(f"Imported {plain_text(run)}.", icon=":material/upload:")
    show_run(run)
    state.selected = [run]


def _import_progress() -> None:
    task = page_state(RunsState).import_task
    if task is None or task.done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        text = f"{task.title}: {task.message[:1].lower()}{task.message[1:]} …"
        st.progress(task.share, plain_text(text))
        st.button("Cancel", icon=":material/close:", key="cancel_import", on_click=task.cancel)
