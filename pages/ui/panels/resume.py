"""The popover that continues a run to a later step."""

import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_change
from pages.ui.core.run_actions import resume
from wgan.config import MAX_STEPS, TrainConfig
from wgan.format import fmt_estimate, fmt_percent
from wgan.jobs import RunSnapshot

LONGER = {"none": 2, "linear": 4, "cosine": 4}
"""How many times as long a finished run is proposed to be, by its learning rate decay.

A decay of twice the length would continue at half the learning rates.
"""


def resume_popover(snapshot: RunSnapshot) -> bool:
    """Show a popover in which the visitor chooses the new last step and continues the run.

    Returns whether the run continues now.

    Args:
        snapshot: An ended run with a checkpoint.
    """
    with st.popover(
        "Resume",
        icon=":material/play_arrow:",
        key=f"resume_{snapshot.run}_{snapshot.step}",
        **permitted(
            refusal_to_change(snapshot.run),
            help="Continue from the last checkpoint up to a step of your choice.",
        ),
    ):
        return _resume_choice(snapshot)


def _resume_choice(snapshot: RunSnapshot) -> bool:
    """Let the visitor choose the new last step; return whether the run continues now."""
    config, at = snapshot.config, snapshot.checkpoint_steps[-1]
    proposed = config.steps if config.steps > at else LONGER[config.decay] * max(at, 1)
    key = f"resume_until_{snapshot.run}"
    st.number_input(
        "Stop at step", at + 1, MAX_STEPS, min(proposed, MAX_STEPS), step=max(1, at), key=key
    )
    st.caption(resume_text(snapshot, at, int(st.session_state[key])))
    return st.button(
        "Resume",
        icon=":material/play_arrow:",
        type="primary",
        key="train_on",
        **permitted(refusal_to_change(snapshot.run)),
        on_click=_resume_until,
        args=(snapshot.run, key),
    )


def resume_text(snapshot: RunSnapshot, at: int, until: int) -> str:
    """Return what happens if a run continues from one step until another: its time and its learning rates."""
    parts = []
    if snapshot.step and snapshot.seconds:
        seconds = (until - at) * snapshot.seconds / snapshot.step
        parts.append(f"About {fmt_estimate(seconds)} at the speed of the run so far.")
    share = _share_of_rates(snapshot.config, at, until)
    if share is not None:
        parts.append(
            f"Both learning rates follow a new schedule: they begin at {fmt_percent(share)} of their values and "
            f"decrease to 0 at step {until:,}."
        )
    return " ".join(parts)


def _share_of_rates(config: TrainConfig, at: int, until: int) -> float | None:
    """Return the factor of the learning rates after a step, in [0, 1]; None without decay."""
    if config.decay == "none":
        return None
    return config.changed({"steps": until}).decayed(at + 1)


def _resume_until(run: str, key: str) -> None:
    # Read the number here: the click may come before a rerun with the new number. The second of two
    # clicks finds none, because the run goes on.
    if key in st.session_state:
        resume(run, until=int(st.session_state[key]))
