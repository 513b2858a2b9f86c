"""The frame of every lab: a question, a prediction, the thing to move, what happened, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Lab:
    """What a lab asks and what it teaches. `right` is the place of the true answer in `answers`.

    `why` is two sentences, shown once the visitor has predicted, or asked for it.
    """

    key: str
    title: str
    question: str
    answers: tuple[str, ...]
    right: int
    why: str
    source: str


def choose(labs: Mapping[str, Lab]) -> Lab:
    """Let the visitor choose a lab of a page; the address keeps it."""
    asked = st.query_params.get("lab", "")
    first = next(iter(labs))
    key = "lab"
    if key not in st.session_state:
        st.session_state[key] = asked if asked in labs else first
    elif st.session_state[key] not in labs:
        st.session_state[key] = first
    chosen = st.segmented_control(
        "Lab", list(labs), format_func=lambda name: labs[name].title, key=key, required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    lab = labs[chosen or first]
    if asked != lab.key:
        st.query_params["lab"] = lab.key
    return lab


def ask(lab: Lab) -> int | None:
    """Ask the lab's question, before anything is moved; return the prediction, None: none yet."""
    words, answers = st.columns([0.55, 0.45], gap="medium", vertical_alignment="center")
    with words:
        st.markdown(f"#### {lab.question}")
    with answers:
        return st.segmented_control(
            "What do you predict?", range(len(lab.answers)), format_func=lab.answers.__getitem__,
            key=f"prediction-{lab.key}", help="Predict first: what surprises is what one remembers.",
        )  # fmt: skip


def tell(lab: Lab, said: int | None, happened: str) -> None:
    """Say what happened, how that compares with the prediction, and why.

    `happened` is a sentence of measured numbers; until there are any, an empty string, and nothing
    is given away.
    """
    if not happened:
        return
    right = lab.answers[lab.right]
    with st.container(border=True, key=f"told-{lab.key}"):
        if said is None:
            st.markdown(f"**What happened.** {happened}")
        elif said == lab.right:
            st.markdown(
                f":green[:material/check_circle: **As you predicted:** {right}.] {happened}"
            )
        else:
            st.markdown(
                f":orange[:material/lightbulb: **You predicted:** {lab.answers[said]}. "
                f"**It is:** {right}.] {happened}"
            )
        st.markdown(f"**Why.** {lab.why}")
        st.caption(f"Source: {lab.source}")
