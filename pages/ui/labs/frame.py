"""The frame of every lab: a question, a prediction, the thing to move, what happened, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from pages.ui.core.url import came_by_history
from pages.ui.labs.tasks import kept


@dataclass(frozen=True)
class Lab:
    """What a lab asks and what it teaches. `right` is the place of the true answer in `answers`.

    Without answers there is nothing to predict as things are set. Where the question depends on settings,
    `about` names them: about others, another prediction is made. `why` is two sentences, shown once the visitor has predicted, or asked for it.
    """

    key: str
    title: str
    question: str
    answers: tuple[str, ...]
    right: int
    why: str
    source: str
    about: str = ""


def choose(labs: Mapping[str, Lab]) -> Lab:
    """Let the visitor choose a lab of a page; the address keeps it.

    The browser's Back and Forward change the address, and the lab follows. An address without a lab is
    the first one's: were it written there, Back would lead to a page that leads forth again.
    """
    first = next(iter(labs))
    from_address = st.query_params.get("lab", "")
    named = from_address if from_address in labs else first
    key = "lab"
    if came_by_history() or st.session_state.get(key) not in labs:
        st.session_state[key] = named
    chosen = st.segmented_control(
        "Lab",
        list(labs),
        format_func=lambda name: labs[name].title,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    lab = labs[chosen or first]
    if named != lab.key:
        st.query_params["lab"] = lab.key
    return lab


def ask_prediction(lab: Lab) -> int | None:
    """Ask the lab's question, before anything is moved; return the prediction, None: none yet."""
    words, answers = st.columns([0.55, 0.45], gap="medium", vertical_alignment="center")
    with words:
        st.markdown(f"#### {lab.question}")
    if not lab.answers:
        return None
    with answers:
        return st.segmented_control(
            "What do you predict?",
            range(len(lab.answers)),
            format_func=lab.answers.__getitem__,
            key=kept(f"prediction-{lab.key}{lab.about}", None),
            persist_state="session",
            wrap=True,
            help="Predict first: what surprises is what one remembers.",
        )


def show_result(lab: Lab, said: int | None, happened: str, *, early: bool = False) -> None:
    """Say what happened, how that compares with the prediction, and why.

    `happened` is a sentence of measured numbers; until there are any, an empty string, and nothing
    is given away. Where the work was stopped too `early` to tell, the numbers stand alone.
    """
    if not happened:
        return
    if early:
        words = f":material/close: **Stopped too early to tell.** So far: {happened}"
    elif said is None:
        words = f"**What happened.** {happened}"
    elif said == lab.right:
        words = (
            f":green[:material/check_circle: **As you predicted:** {lab.answers[said]}.] {happened}"
        )
    else:
        words = (
            f":orange[:material/lightbulb: **You predicted:** {lab.answers[said]}. "
            f"**It is:** {lab.answers[lab.right]}.] {happened}"
        )
    if not early:
        # As one text: each of its own would stand a line apart, and the box go below the window.
        words += f"\n\n**Why.** {lab.why}\n\n:small[:gray[Source: {lab.source}]]"
    with st.container(border=True, key=f"told-{lab.key}"):
        st.markdown(words)
