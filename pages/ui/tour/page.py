"""The Tour page: a lecture in six steps through the pages of the app, and a glossary."""

import streamlit as st

from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.tour import glossary, guide
from pages.ui.tour.state import TourState
from pages.ui.tour.steps import STEPS, Step
from pages.ui.widgets.looping_picture.looping_picture import looping_picture
from wgan.export import EXAMPLES


def show() -> None:
    """Draw the page."""
    _read_old_link()
    begins_with_glossary = glossary.term_of_address() is not None
    if begins_with_glossary:
        st.markdown("#### Glossary")
        glossary.glossary()
    st.markdown("#### Why the Wasserstein distance makes GANs trainable, in six steps")
    _begin()
    _examples()
    _steps()
    if not begins_with_glossary:
        st.markdown("#### Glossary")
        glossary.glossary()


def _read_old_link() -> None:
    """Read the steps that were seen from `seen`, which earlier versions wrote to the address."""
    numbers = st.query_params.pop("seen", "").split(".")
    page_state(TourState).seen_steps |= {n for n in range(1, len(STEPS) + 1) if str(n) in numbers}


def _begin() -> None:
    """Offer to begin the tour, or to continue it."""
    state = page_state(TourState)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = (
            f"Continue the tour at step {state.last_step}" if state.last_step else "Start the tour"
        )
        if st.button(label, type="primary", icon=":material/play_arrow:", key="tour_start"):
            guide.go(state.last_step or 1)
        if state.seen_steps:
            st.button(
                "Start over",
                icon=":material/restart_alt:",
                key="tour_forget",
                on_click=guide.forget,
            )
        st.caption(_progress(state), width="stretch")


def _progress(state: TourState) -> str:
    if len(state.seen_steps) == len(STEPS):
        return ":green[:material/check_circle:] You have seen all six steps."
    guided = "A bar above each page says what to do there and leads to the next step."
    if not state.seen_steps:
        return guided
    return f"{len(state.seen_steps)} of {len(STEPS)} steps seen. {guided}"


def _examples() -> None:
    """Offer the examples that come with the app, if the folder of runs lacks some."""
    runs_dir = session().runs_dir
    missing = session().library.missing_examples()
    run_ids = {summary.run for summary in session().library.summaries()}
    if missing:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.markdown(
                ":material/inventory_2: Steps 4, 5 and 6 use example models that come with "
                f"the app. {len(missing)} of them are not in your folder of runs, "
                f"{plain_text(str(runs_dir))}.",
                width="stretch",
            )
            st.button(
                "Add the examples",
                icon=":material/library_add:",
                **permitted(
                    refusal_to_add(),
                    help="Copies the examples into that folder. The Runs page then lists them, and "
                    "you can delete them there.",
                ),
                on_click=guide.add_examples,
                key="tour_examples",
            )
    elif not run_ids & EXAMPLES.keys():
        st.markdown(
            ":material/inventory_2: Steps 4, 5 and 6 use example models, which are not on "
            f"this machine. Train them with `python -m wgan examples --runs-dir` {plain_text(str(runs_dir))} "
            "(half an hour), or copy the folders `checkpoints/example-*` from the app's "
            f"repository to {plain_text(str(runs_dir))}."
        )
    state = page_state(TourState)
    if state.problem:
        st.error(plain_text(state.problem), icon=":material/error:")
        state.problem = ""


def _steps() -> None:
    """Show the six steps in two rows."""
    for first in (1, 4):
        columns = st.columns(3, gap="medium")
        for column, number in zip(columns, range(first, first + 3), strict=True):
            with column, st.container(border=True, height="stretch", key=f"tour-{number}"):
                _step(number, STEPS[number - 1])


def _step(number: int, step: Step) -> None:
    """Show a step: its picture, what to do and to see, and the buttons that open its places."""
    seen = number in page_state(TourState).seen_steps
    looping_picture(f"step-{number}.webp", key=f"tour_picture_{number}", alt=step.picture)
    mark = " :green[:material/check_circle:]" if seen else ""
    st.markdown(f"##### {number}. {step.title}{mark}")
    st.markdown(step.do)
    st.caption(f"**What you see**: {step.see}")
    with st.container(horizontal=True, gap="small"):
        for i, place in enumerate(step.places):
            missing = guide.missing_example(place)
            if st.button(
                place.label,
                icon=":material/arrow_forward:",
                key=f"tour_open_{number}_{i}",
                disabled=missing is not None,
                help=None
                if missing is None
                else f"This needs a run that is not in your list: “{missing}”.",
            ):
                guide.go(number, i)
