"""The frame of every lab: its question, the visitor's prediction, and the result with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.core.url import came_by_history, came_by_link
from pages.ui.labs.settings import persistent_key


@dataclass(frozen=True)
class Lab:
    """The question of a lab, its answers and its lesson."""

    key: str
    title: str
    question: str
    answers: tuple[str, ...]  # empty if the settings leave nothing to predict
    right: int  # index of the true answer
    why: str  # the reason, in about two sentences; shown with the result
    source: str
    about: str = ""  # settings that the question depends on; each has a separate prediction
    also_right: tuple[int, ...] = ()  # further true answers, if several tie

    @property
    def all_right(self) -> tuple[int, ...]:
        """The indices of all true answers."""
        return (self.right, *self.also_right)


@dataclass
class SkippedPredictions:
    """The labs whose results this visitor wants to see without a prediction."""

    labs: set[str] = field(default_factory=set)  # keys


STOPPED = "Stopped too early to tell."
"""Why the result of a task that was stopped answers no question."""


def choose(labs: Mapping[str, Lab]) -> Lab:
    """Show the choice of a lab, and return the lab; the URL parameter `lab` keeps the choice.

    The browser's Back and Forward change the URL, and the lab follows. The first lab has no parameter:
    writing one would add an entry to the history, and Back would lead to a page that leads forward again.
    """
    first = next(iter(labs))
    from_address = st.query_params.get("lab", "")
    requested = from_address if from_address in labs else first
    key = "lab"
    if came_by_link("lab") or came_by_history() or st.session_state.get(key) not in labs:
        st.session_state[key] = requested
    choice = st.segmented_control(
        "Lab",
        list(labs),
        format_func=lambda name: labs[name].title,
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    lab = labs[choice or first]
    if requested != lab.key:
        st.query_params["lab"] = lab.key
    return lab


def ask_prediction(lab: Lab) -> int | None:
    """Show the lab's question and its answers; return the index of the prediction, None without one."""
    question_column, answer_column = st.columns(
        [0.55, 0.45], gap="medium", vertical_alignment="center"
    )
    with question_column:
        st.markdown(f"#### {lab.question}")
    if not lab.answers:
        return None
    with answer_column:
        return st.segmented_control(
            "What do you predict?",
            range(len(lab.answers)),
            format_func=lab.answers.__getitem__,
            key=persistent_key(f"prediction-{lab.key}{lab.about}", None),
            persist_state="session",
            wrap=True,
            help="Choose an answer before you see the result. A result that surprises you is easier to remember.",
        )


def is_revealed(lab: Lab, prediction: int | None, *, trains: bool = False) -> bool:
    """Return whether a lab may show what answers its question; if not, draw a button that skips the prediction.

    For labs that have a result at once. Until then they show only what the question is about.

    Args:
        lab: The lab.
        prediction: Index of the visitor's answer; None without one.
        trains: Whether a training of the visitor's also gives a result.
    """
    skipped = page_state(SkippedPredictions).labs
    if prediction is not None or lab.key in skipped:
        return True
    st.caption(
        ":material/visibility_off: The result appears when you choose an answer above"
        + (" or train the networks." if trains else ".")
    )
    st.button(
        "Skip the prediction",
        icon=":material/visibility:",
        key=f"skip-{lab.key}",
        on_click=skipped.add,
        args=(lab.key,),
        help="Show the result without a prediction.",
    )
    return False


def show_result(
    lab: Lab, prediction: int | None, verdict: str, *, undecided: str = "", todo: str = ""
) -> None:
    """Show the result of a lab, how it compares with the prediction, and why it is so.

    Args:
        lab: The lab, with the answer that was measured.
        prediction: Index of the visitor's answer; None without one.
        verdict: A sentence with the measured numbers. The result is not shown while it is empty.
        undecided: Why the numbers do not answer the question yet. Then only the numbers are shown.
        todo: What the visitor must do to see the result, shown after a prediction.
    """
    if not verdict:
        if todo and prediction is not None:
            st.caption(f":material/hourglass_empty: Your answer is noted. {todo}")
        return
    if undecided:
        text = f":material/hourglass_empty: **{undecided}** So far: {verdict}"
    elif prediction is None:
        text = f"**Result.** {verdict}"
    elif prediction in lab.all_right:
        text = f":green[:material/check_circle: **As you predicted:** {lab.answers[prediction]}.] {verdict}"
    else:
        text = (
            f":orange[:material/lightbulb: **You predicted:** {lab.answers[prediction]}. "
            f"**It is:** {' and '.join(lab.answers[i] for i in lab.all_right)}.] {verdict}"
        )
    if not undecided:
        # Use one Markdown element: several would add gaps, and the box would not fit into the
        # window.
        text += f"\n\n**Why.** {lab.why}\n\n:small[:gray[Source: {lab.source}]]"
    with st.container(border=True, key=f"told-{lab.key}"):
        st.markdown(text)
