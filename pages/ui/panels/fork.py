"""The choice of a checkpoint to fork a run from."""

import streamlit as st

from pages.ui.core import draft
from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.session import session
from wgan.jobs import RunSnapshot
from wgan.runs import RunError


def fork_button(snapshot: RunSnapshot) -> None:
    """Show a popover that prepares a fork from one of the run's checkpoints.

    It is disabled if there is none.
    """
    with st.popover(
        "Fork",
        icon=":material/fork_right:",
        key=draft.fork_key(),
        **permitted(
            refusal_to_add(),
            disabled=not snapshot.checkpoint_steps,
            help="Continue from a checkpoint as a new run with other settings."
            + ("" if snapshot.checkpoint_steps else " This run has no checkpoint yet."),
        ),
    ):
        if snapshot.checkpoint_steps:
            fork_choice(snapshot)


def fork_choice(snapshot: RunSnapshot) -> bool:
    """Let the visitor choose a checkpoint; return whether to prepare the fork now."""
    steps = list(reversed(snapshot.checkpoint_steps))
    try:
        starred = session().library.run(snapshot.run).starred()
    except RunError:
        starred = set()  # its folder has just been deleted
    st.selectbox(
        "Checkpoint at step",
        steps,
        format_func=lambda s: f"{s:,} ★" if s in starred else f"{s:,}",
        key=_step_key(snapshot.run),
    )
    st.caption(
        "The data set and the networks stay the same. You can change all other settings, "
        "including the objective. The current run does not change."
    )
    return st.button(
        "Set up fork",
        icon=":material/tune:",
        type="primary",
        key=f"prepare_{draft.fork_key()}",  # a late second click belongs to no button
        on_click=_prepare_fork,
        args=(snapshot.run, _step_key(snapshot.run)),
    )


def _step_key(run: str) -> str:
    """Return the key of the choice. It is new after each fork, so that the choice begins with the newest step."""
    return f"fork_step_{run}_{draft.fork_key()}"


def _prepare_fork(run: str, step_key: str) -> None:
    if step_key != _step_key(run):
        return  # the second of two clicks: the fork is prepared already
    # Read the choice here: the click may come before a rerun with the new choice.
    draft.prepare_fork(run, st.session_state[step_key])
