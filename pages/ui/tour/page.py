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
        "Press **Start** and wait for the first strokes. Then drag the slider under the pictures back to "
        "step 0 and forth again.",
        "The critic gap rises while the critic finds out what is wrong, then falls as the generator mends it. "
        "The loss of a plain GAN would tell you nothing of the kind.",
        (_link("train", "Train"),),
        ":material/model_training:",
    ),
    Step(
        "See why the old distance fails",
        "Slide two piles apart until they no longer overlap.",
        "Jensen–Shannon's divergence stops at log 2 and its slope at 0: a generator would not know where to "
        "go. The Wasserstein distance goes on growing with slope 1.",
        (_link("wasserstein", "Why not JS", "lab=apart"),),
        ":material/trending_flat:",
    ),
    Step(
        "Move the earth",
        "Shape two piles, carry one to the other by hand, and compare your cost with the cheapest plan's. Then "
        "bend a function under it.",
        "The cheapest plan and the steepest allowed function give the same number from two sides. The "
        "function is what a critic learns.",
        (
            _link("wasserstein", "Move the earth", "lab=earth"),
            _link("wasserstein", "The dual, by hand", "lab=dual"),
        ),
        ":material/landscape:",
    ),
    Step(
        "Make one collapse",
        "Predict which of three networks will forget modes, and let all three run from one seed. Then look "
        "at a GAN that has collapsed, in the examples.",
        "Without a distance that sees where mass is missing, a generator may fill a few modes well and "
        "leave the others.",
        (
            _link("stability", "Mode collapse", "lab=collapse"),
            _link("latent", "A collapsed GAN", "run=example-ring-gan-collapsed&section=grid"),
        ),
        ":material/balance:",
    ),
    Step(
        "Open the critic",
        "Freeze the generator and train the critic to convergence.",
        "The bound it proves climbs towards the exact distance and never passes it. How far it comes is "
        "decided by what keeps it Lipschitz: clipping, a penalty, or its layers.",
        (
            _link("critic", "To convergence", "section=alone"),
            _link("stability", "Clipping", "lab=clipping"),
        ),
        ":material/search_insights:",
    ),
    Step(
        "Walk through what it learned",
        "Play a walk, drag the plane, turn the dials; draw a digit and let the generator look for it.",
        "Neighbouring z give similar pictures: it learned a space of pictures, not a list. A straight line "
        "through the middle shows what it never trained on.",
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
                f":material/inventory_2: Steps 4, 5 and 6 look at models that come with the app; {len(missing)} of "
                f"these are not in your folder of runs, `{runs_dir}`.",
                width="stretch",
            )
            st.button(
                "Add the examples",
                icon=":material/library_add:",
                on_click=_bring,
                key="tour_examples",
                help="Copy them there; they are found on Runs then, and can be deleted there.",
            )
    elif not run_ids & EXAMPLES.keys():
        st.markdown(
            f":material/inventory_2: Steps 4, 5 and 6 look at models that come with the app and are not here. "
            f"Train them with `python -m wgan examples --runs-dir {runs_dir}` (half an hour), or copy the folders "
            f"`checkpoints/example-*` of the app's repository to `{runs_dir}`."
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
                        "Seen",
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
