"""Delete runs, restore them, and empty the trash."""

import time
from collections.abc import Sequence

import streamlit as st

from pages.ui.core.permissions import permitted
from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.state import RunOnShow, page_state
from pages.ui.core.widget_state import close_popover
from pages.ui.runs.state import RunsState
from wgan.format import fmt_bytes
from wgan.runs import RunError


def trash() -> None:
    """Show the deleted runs, to restore them or to delete them permanently."""
    library = session().library
    trashed = library.trash()
    for item in trashed[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            title = plain_text(library.trash_title(item) or item.run)
            deleted = time.strftime("%d %b %H:%M", time.localtime(item.when))
            st.caption(f"**{title}** · deleted {deleted} · {fmt_bytes(item.size)}")
            st.button(
                "Restore",
                key=f"restore-{item.key}",
                on_click=restore,
                args=([item.key],),
                **permitted(library.refusal_to_restore(item)),
            )
    if len(trashed) > 20:
        st.caption(f"and {len(trashed) - 20} more")
    own = [item for item in trashed if not library.refusal_to_restore(item)]
    freed = fmt_bytes(sum(item.size for item in own))
    label = f"yours ({len(own)})"
    if len(own) == len(trashed):
        label = "it" if len(own) == 1 else f"all {len(own)}"
    sure = st.checkbox(f"Delete {label} permanently ({freed})", key="sure", disabled=not own)
    st.button(
        "Empty the trash",
        icon=":material/delete_forever:",
        disabled=not sure,
        key="empty_trash",
        on_click=_empty,
    )


def _empty() -> None:
    try:
        freed = session().library.empty_trash()
    except RunError as error:
        st.toast(plain_text(str(error)), icon=":material/error:")
        return
    _forget_undo()
    st.session_state.sure = False
    st.toast(f"{fmt_bytes(freed)} freed.", icon=":material/delete_forever:")


def restore(keys: Sequence[str]) -> None:
    """Restore deleted runs."""
    try:
        names = [session().library.restore(key) for key in keys]
        show_run(names[0])
        page_state(RunsState).selected = names[:1]
    except RunError as error:
        st.toast(plain_text(str(error)), icon=":material/error:")
    _forget_undo()


def _forget_undo() -> None:
    page_state(RunsState).trashed = []
    close_popover("trash")


def offer_undo() -> None:
    """Offer to restore the runs that were deleted just now."""
    trashed = page_state(RunsState).trashed
    if not trashed:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        count_text = "1 run" if len(trashed) == 1 else f"{len(trashed)} runs"
        st.markdown(f":material/delete: {count_text} moved to the trash.", width="content")
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo_delete",
            type="primary",
            on_click=restore,
            args=(list(trashed),),
        )
        st.button(
            "Dismiss",
            key="undo_no",
            type="tertiary",
            on_click=_forget_undo,
        )


@st.dialog("Move to the trash?")
def ask_to_delete(names: list[str]) -> None:
    """Ask before runs are moved to the trash."""
    summaries = {summary.run: summary for summary in session().library.summaries()}
    for name in names[:8]:
        st.markdown(f"- {plain_text(summaries[name].title if name in summaries else name)}")
    if len(names) > 8:
        st.markdown(f"- and {len(names) - 8} more")
    total = sum(summaries[name].size for name in names if name in summaries)
    what, them = ("This run is", "it") if len(names) == 1 else ("These runs are", "them")
    st.caption(
        f"{what} moved to the trash ({fmt_bytes(total)}). You can restore {them} from there."
    )
    with st.container(horizontal=True, gap="small"):
        # Use a callback: it runs before the script reruns, so the page is drawn without these runs.
        confirmed = st.button(
            "Move to the trash",
            icon=":material/delete:",
            type="primary",
            key="dialog_delete",
            on_click=_delete,
            args=(names,),
        )
        cancelled = st.button("Cancel", key="dialog_cancel")
    if confirmed or cancelled:
        st.rerun()


def _delete(names: list[str]) -> None:
    trashed = []
    for name in names:
        try:
            trashed.append(session().throw_away(name).key)
        except RunError as error:
            st.toast(plain_text(str(error)), icon=":material/error:")
    state = page_state(RunsState)
    state.trashed, state.selected = trashed, []
    if page_state(RunOnShow).run in names:
        show_run(session().newest())
