"""What a browser makes of `plain_text`, in each kind of element that reads Markdown."""

import re

import pytest

from pages.ui.core.plain_text import plain_text
from tests.browser.actions import still
from tests.browser.conftest import ROOT, until
from tests.nasty import NASTY, shown

TEXTS = [text for text in NASTY if text.strip()]

APP = """
import numpy as np
import streamlit as st

from pages.ui.core.plain_text import plain_text
from tests.nasty import NASTY

TEXTS = [text for text in NASTY if text.strip()]
KINDS = {
    "markdown": st.markdown,
    "sentence": lambda text: st.markdown(f"Run **{text}** is :red[{text}] and *{text}*."),
    "heading": lambda text: st.markdown(f"#### {text}"),
    "item": lambda text: st.markdown(f"- {text}"),
    "line": lambda text: st.markdown(f"first  \\n{text}"),
    "subheader": lambda text: st.subheader(text, anchor=False),
    "caption": st.caption,
    "info": st.info,
    "error": lambda text: st.error(text, icon=":material/error:"),
    "button": st.button,
    "checkbox": st.checkbox,
    "metric": lambda text: st.metric(text, text),
    "progress": lambda text: st.progress(0.5, text),
    "expander": st.expander,
    "popover": st.popover,
    "tabs": lambda text: st.tabs([text]),
    "radio": lambda text: st.radio("Choice", [text]),
    "segments": lambda text: st.segmented_control("Choice", [text]),
    "input": lambda text: st.text_input(text),
    "image": lambda text: st.image(np.zeros((9, 9)), caption=text),
}
kind = st.query_params.get("kind", "")
if kind in KINDS:
    for i, text in enumerate(TEXTS):
        with st.container(key=f"text-{i}"):
            KINDS[kind](plain_text(text))
elif kind == "help":
    for i, text in enumerate(TEXTS):
        st.markdown(f"text {i}", help=plain_text(text))
elif kind == "toast":
    i = st.number_input("Text", 0, len(TEXTS) - 1)
    st.toast(plain_text(TEXTS[i]), duration="infinite")
st.text(f"kind {kind}")
"""

READ = """([selector, tags]) => [...document.querySelectorAll("[class*=st-key-text-]")].map((place) => {
  const parts = [...place.querySelectorAll(selector)];
  const formats = parts.flatMap((part) => [...part.querySelectorAll(tags)])
    .filter((element) => !element.closest("[data-testid=stHeaderActionElements]")); // a link to the heading
  return [parts.map((part) => part.textContent), formats.map((element) => element.outerHTML)];
})"""
"""The texts in the elements of each place, and what else is in them that has one of these tags."""

FORMATS = "a, img, svg, code, pre, del, table, ul ul, ol, li li, hr, blockquote, input, sup, script, .katex, [style], [role=img]"

CONTAINER = "[data-testid=stMarkdownContainer], [data-testid=stCaptionContainer]"


def in_page(text: str) -> str:
    """Return the text of an element. Spaces beside a line break are left out; a line break is shown as a space."""
    return re.sub(r"[ \t]*(\r?\n|\r)[ \t]*", r"\1", shown(text))


EXPECTED = {
    "sentence": lambda text: ["Run {0} is {0} and {0}.".format(in_page(text))],
    "item": lambda text: [f"\n{in_page(text)}\n"],
    "line": lambda text: [in_page(f"first\n{text}")],
    "metric": lambda text: [in_page(text)] * 2,
    "radio": lambda text: ["Choice", in_page(text)],
    "segments": lambda text: ["Choice", in_page(text)],
}


@pytest.fixture(scope="module")
def app(serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    script = tmp_path_factory.mktemp("app") / "app.py"
    script.write_text(APP, "utf-8")
    return serve(script, env={"PYTHONPATH": str(ROOT)})


QUICK_KINDS = ("markdown", "sentence", "item", "button", "metric", "tabs", "segments")
OTHER_KINDS = ("heading", "line", "subheader", "caption", "info", "error", "checkbox", "progress", "expander",
               "popover", "radio", "input", "image")  # fmt: skip


@pytest.mark.parametrize(
    "kind", [*QUICK_KINDS, *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHER_KINDS)]
)
def test_every_text_is_shown_as_it_is(page, app: str, kind: str):
    page.goto(f"{app}/?kind={kind}")
    page.get_by_text(f"kind {kind}", exact=True).wait_for()
    still(page)
    # The browser loads parts of its Markdown reader when a text needs them.
    until(lambda: all(parts for parts, _ in page.evaluate(READ, [CONTAINER, FORMATS])))
    places = page.evaluate(READ, [CONTAINER, FORMATS])
    assert len(places) == len(TEXTS)
    for text, (parts, formats) in zip(TEXTS, places, strict=True):
        expected = EXPECTED.get(kind, lambda text: [in_page(text)])
        assert parts == expected(text), (kind, text)
        if kind == "sentence":
            formats = [html for html in formats if "stMarkdownColoredText" not in html]
        assert not formats, (kind, text)
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_text_is_shown_as_it_is_in_a_tooltip(page, app: str, every: int):
    page.goto(f"{app}/?kind=help")
    page.get_by_text("kind help", exact=True).wait_for()
    targets, tooltip = (
        page.get_by_test_id("stTooltipHoverTarget"),
        page.get_by_test_id("stTooltipContent"),
    )
    for i, text in list(enumerate(TEXTS))[::every]:
        targets.nth(i).hover()
        check_above_the_page(tooltip, text)
        page.mouse.move(2, 2)
        tooltip.wait_for(state="hidden")


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_text_is_shown_as_it_is_in_a_toast(page, app: str, every: int):
    page.goto(f"{app}/?kind=toast")
    toast = page.get_by_test_id("stToastText")
    for i, text in list(enumerate(TEXTS))[::every]:
        if i:
            page.get_by_label("Text").fill(str(i))
            page.get_by_label("Text").press("Enter")
        check_above_the_page(toast, text)
        page.get_by_test_id("stToast").get_by_role("button").click()
        toast.wait_for(state="detached")


def check_above_the_page(place, text: str) -> None:
    """Check a tooltip or a toast, which a part of Streamlit shows that is not the page's Markdown reader."""
    place.wait_for()
    assert place.text_content() == in_page(text)
    assert place.locator(CONTAINER).locator(FORMATS).count() == 0, text


def test_without_plain_text_the_same_texts_have_formats():
    """The list is worth something: most of its texts mean something else in Markdown."""
    assert sum(plain_text(text) != text for text in TEXTS) > 60
