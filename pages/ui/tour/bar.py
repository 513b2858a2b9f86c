"""The bar that guides through the tour, above every page."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.ui.core import navigation
from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.state import page_state
from pages.ui.tour import guide
from pages.ui.tour.state import TourState
from pages.ui.tour.steps import STEPS, Place

PAGES = sorted({place.page for step in STEPS for place in step.places})
"""The pages of the tour."""

# It stays in sight while the page scrolls. Streamlit has no option for this. The page's header has a
# height of 3.75rem.
STYLE = """<style>
/* Streamlit puts each container into a wrapper of the same height. */
[data-testid="stLayoutWrapper"]:has(> .st-key-tour_bar) {
  position: sticky; top: 3.75rem; z-index: 50;
}
.st-key-tour_bar {
  box-sizing: border-box; flex-wrap: nowrap; min-height: 4.75rem; padding: 0.4rem 0.75rem;
  border: 1px solid #1f6fbf; border-radius: 0.5rem;
  background: color-mix(in srgb, #1f6fbf 14%, Canvas);
}
.st-key-tour_bar [data-testid="stMarkdownContainer"] { margin: 0; }
.st-key-tour_bar p { margin: 0; font-size: 0.9rem; line-height: 1.35; }
.st-key-tour_buttons { flex: none; }
/* A link to a heading, and the keyboard's focus, must not end behind the bar. */
[data-testid="stMain"] { scroll-padding-top: 9.5rem; }
@media (max-width: 640px) {
  /* It would cover a quarter of a phone. */
  [data-testid="stLayoutWrapper"]:has(> .st-key-tour_bar) { position: static; }
  .st-key-tour_bar { flex-wrap: wrap; min-height: 8.5rem; }
  .st-key-tour_bar button { min-height: 2rem; padding: 0.2rem 0.5rem; }
  [data-testid="stMain"] { scroll-padding-top: 4.5rem; }
}
</style>"""


def show(page: StreamlitPage) -> None:
    """Show the bar, if the tour is on and `page` is not the Tour page."""
    position = guide.current()
    if position is None or _is(page, "tour"):
        return
    number, place = position
    is_here = _is(page, place.page)
    if is_here:
        guide.visit(number)
    st.html(STYLE)
    with st.container(key="tour_bar", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_text(number, place, is_here=is_here), width="stretch")
        with st.container(key="tour_buttons", horizontal=True, gap="xsmall", width="content"):
            _buttons(number, place, is_here=is_here)


def _is(page: StreamlitPage, name: str) -> bool:
    return page.url_path == navigation.page(name).url_path


def _text(number: int, place: Place, *, is_here: bool) -> str:
    title = f"**Tour · Step {number} of {len(STEPS)}: {STEPS[number - 1].title}**"
    missing = guide.missing_example(place)
    problem = page_state(TourState).problem
    if problem:
        text = f":red[{plain_text(problem)}]"
    elif missing is not None:
        text = f"This step needs “{missing}”, which is not in your folder of runs."
        if not guide.can_add_examples():
            text += " The Tour page says how to get it."
    elif is_here:
        text = place.do
    else:
        text = f"This step is on the page **{navigation.page(place.page).title}**."
    return f"{title}  \n{text}"


def _buttons(number: int, place: Place, *, is_here: bool) -> None:
    places = STEPS[number - 1].places
    if guide.missing_example(place) is not None:
        if guide.can_add_examples():
            st.button(
                "Add the examples",
                key="tour_add",
                on_click=guide.add_examples,
                **permitted(refusal_to_add()),
            )
    elif not is_here:
        if st.button("Return", icon=":material/undo:", key="tour_return"):
            guide.go(number, places.index(place))
    elif len(places) > 1:
        # The other places of this step, one after the other.
        other = (places.index(place) + 1) % len(places)
        if st.button(
            places[other].label, icon=":material/subdirectory_arrow_right:", key="tour_other"
        ):
            guide.go(number, other)
    if st.button("Back", key="tour_back", disabled=number == 1, help="To the step before"):
        guide.go(number - 1)
    if number < len(STEPS):
        if st.button("Next", key="tour_next", type="primary"):
            guide.go(number + 1)
    elif st.button("Finish", key="tour_next", type="primary"):
        guide.finish()
    st.button(
        "End tour",
        key="tour_end",
        type="tertiary",
        on_click=guide.leave,
        help="You can continue it later, on the Tour page.",
    )


def remember(page: StreamlitPage) -> None:
    """Store the progress in the browser. Call it after the page, whose place it must not take."""
    if guide.current() is not None or _is(page, "tour"):
        guide.follow(next((name for name in PAGES if _is(page, name)), ""))
        guide.remember()
