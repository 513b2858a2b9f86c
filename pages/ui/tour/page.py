"""The Tour page: a lecture in six steps through the pages of the app, and a glossary."""

from dataclasses import dataclass

import streamlit as st

from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.tour import glossary
from pages.ui.tour.links import page_link
from pages.ui.tour.state import TourState
from wgan.export import EXAMPLES, copy_examples, missing_examples
from wgan.runs import RunError


@dataclass(frozen=True)
class Step:
    """One step of the lecture: what to do, what to see, and where."""

    title: str
    do: str
    see: str
    links: tuple[tuple[str, str, str], ...]  # page, label, section
    icon: str


def _link(page: str, label: str, section: str = "") -> tuple[str, str, str]:
    return page, label, section


STEPS = (
    Step(
        "Watch two networks play",
        "Press **Start** and wait for the first strokes. Then move the slider under the "
        "pictures back to step 0 and forward again.",
        "At first, the critic gap rises: the critic learns to recognise the fakes. Then it "
        "falls: the samples improve. The loss of a GAN without a Wasserstein distance does "
        "not show this.",
        (_link("train", "Train"),),
        ":material/model_training:",
    ),
    Step(
        "See why the older distance fails",
        "Move two distributions apart until they no longer overlap.",
        "The Jensen–Shannon divergence stops at log 2, and its slope becomes 0: a generator "
        "would not know where to move. The Wasserstein distance keeps growing with slope 1.",
        (_link("wasserstein", "Why not JS", "lab=apart"),),
        ":material/trending_flat:",
    ),
    Step(
        "Move the earth",
        "Shape two piles of earth, move one to the other by hand, and compare your cost with "
        "that of the cheapest plan. Then shape a function for the same two piles.",
        "The cheapest plan and the best function with slope at most 1 give the same number. "
        "A critic learns this function.",
        (
            _link("wasserstein", "Move the earth", "lab=earth"),
            _link("wasserstein", "The dual, by hand", "lab=dual"),
        ),
        ":material/landscape:",
    ),
    Step(
        "Make a generator collapse",
        "Predict which of three networks will lose modes, and train all three with the same "
        "random numbers. Then look at the example of a collapsed GAN.",
        "If the critic's gradient does not show where samples are missing, the generator may "
        "fill a few modes well and leave out the others.",
        (
            _link("stability", "Mode collapse", "lab=collapse"),
            _link("latent", "A collapsed GAN", "run=example-ring-gan-collapsed&section=grid"),
        ),
        ":material/balance:",
    ),
    Step(
        "Open the critic",
        "Keep the generator fixed, and train the critic until it no longer improves.",
        "The critic's lower bound rises towards the exact distance and never exceeds it. How "
        "close it gets depends on how the slope is limited: by clipping, a penalty, or "
        "special layers.",
        (
            _link("critic", "To convergence", "section=alone"),
            _link("stability", "Clipping", "lab=clipping"),
        ),
        ":material/search_insights:",
    ),
    Step(
        "Walk through the latent space",
        "Play a walk, drag the plane, move the sliders. Draw a digit and find the z that makes it.",
        "Similar z give similar pictures: the generator has learned a space of pictures, not "
        "a list. In the middle of a straight line between two z, the pictures are worse, "
        "because such z are rare in training.",
        (
            _link("latent", "Walk", "section=walk"),
            _link("latent", "Find a picture", "section=find"),
        ),
        ":material/route:",
    ),
)


def show() -> None:
    """Draw the page."""
    st.markdown("#### Why the Wasserstein distance makes GANs trainable, in six steps")
    _examples()
    _steps()
    st.markdown("#### Glossary")
    glossary.glossary()


def _examples() -> None:
    """Offer the examples that come with the app, if the folder of runs lacks some."""
    runs_dir = session().runs_dir
    missing = missing_examples(runs_dir)
    run_ids = {summary.run for summary in session().library.summaries()}
    if missing:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.markdown(
                ":material/inventory_2: Steps 4, 5 and 6 use example models that come with "
                f"the app. {len(missing)} of them are not in your folder of runs, "
                f"`{runs_dir}`.",
                width="stretch",
            )
            st.button(
                "Add the examples",
                icon=":material/library_add:",
                on_click=_bring,
                key="tour_examples",
                help="Copies the examples into that folder. The Runs page then lists them, and "
                "you can delete them there.",
            )
    elif not run_ids & EXAMPLES.keys():
        st.markdown(
            ":material/inventory_2: Steps 4, 5 and 6 use example models, which are not on "
            f"this machine. Train them with `python -m wgan examples --runs-dir {runs_dir}` "
            "(half an hour), or copy the folders `checkpoints/example-*` from the app's "
            f"repository to `{runs_dir}`."
        )
    state = page_state(TourState)
    if state.problem:
        st.error(state.problem, icon=":material/error:")
        state.problem = ""


def _bring() -> None:
    try:
        copy_examples(session().runs_dir)
    except RunError as error:
        page_state(TourState).problem = str(error)
    session().library.invalidate()


def _steps() -> None:
    """Show the six steps in two rows."""
    done = _seen_steps()
    if done:
        st.query_params["seen"] = ".".join(map(str, sorted(done)))
    else:
        st.query_params.pop("seen", None)
    for row in (STEPS[:3], STEPS[3:]):
        for column, step in zip(st.columns(3, gap="medium"), row, strict=True):
            number = STEPS.index(step) + 1
            with column, st.container(border=True, height="stretch", key=f"tour-{number}"):
                mark = ":green[:material/check_circle:]" if number in done else step.icon
                st.markdown(f"##### {mark} {number}. {step.title}")
                st.markdown(step.do)
                st.caption(f"**What you see**: {step.see}")
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    for page, label, section in step.links:
                        page_link(page, label, section, ":material/arrow_forward:")
                    st.checkbox(
                        "Done",
                        number in done,
                        key=f"tour_{number}",
                        on_change=_mark,
                        args=(number,),
                    )


def _seen_steps() -> set[int]:
    """Return the steps that the visitor has seen, at first from the address."""
    state = page_state(TourState)
    if state.seen_steps is None:
        from_address = st.query_params.get("seen", "").split(".")
        state.seen_steps = {n for n in range(1, len(STEPS) + 1) if str(n) in from_address}
    return state.seen_steps


def _mark(number: int) -> None:
    done = _seen_steps()
    (done.add if st.session_state[f"tour_{number}"] else done.discard)(number)
