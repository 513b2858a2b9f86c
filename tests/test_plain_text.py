"""`plain_text` without a browser; tests/browser/test_plain_text.py shows what a browser makes of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.core.plain_text import cell_text, plain_text
from tests.nasty import NASTY, shown


def read_back(markdown: str) -> str:
    """Remove the marks, by the rules of CommonMark for escapes and character references."""
    markdown = re.sub(r":color\[(\\.)\]", r"\1", markdown)
    pattern = r"\\([!-/:-@\[-`{-~])|&#(\d+);"
    return re.sub(pattern, lambda m: m[1] or chr(int(m[2])), markdown)


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from("ab1 \n\t\\`*_{}[]<>()#+-.!|~$:@&=w/")
)


@given(texts)
def test_no_character_is_lost(text: str):
    assert read_back(plain_text(text)) == shown(text)


@pytest.mark.parametrize("text", NASTY)
def test_no_character_of_a_nasty_text_is_lost(text: str):
    assert read_back(plain_text(text)) == shown(text)


@given(texts)
def test_no_text_leaves_its_line(text: str):
    lines = plain_text(text).splitlines()
    assert len(lines) <= 1 and lines == [line.strip() for line in lines]


@given(texts)
def test_every_character_of_a_format_is_escaped(text: str):
    rest = re.sub(r":color\[\\.\]|\\[!-/:-@\[-`{-~]|&#\d+;", "", plain_text(text))
    assert not re.search(r"[\\`*_{}\[\]<#!|~$&:@]", rest)
    assert not re.match(r"[-+=>]|\d+[.)](?!\S)|\d+[.)]&#", plain_text(text))


def test_most_names_stay_readable():
    for name in (
        "Digits · WGAN-GP, 2nd try (wide)",
        "a/b = 50% + 1",
        "20251122-1405",
        "0.1 (was 10)",
        "“x”; it's",
    ):
        assert plain_text(name) == name


@pytest.mark.parametrize("text", NASTY)
def test_no_cell_begins_a_formula(text: str):
    """The beginnings are those of OWASP's page "CSV Injection"."""
    cell = cell_text(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("\u200b") == text


def test_cells_that_begin_no_formula_stay_as_they_are():
    assert [cell_text(t) for t in ("", "a", "−1.5", "1", "'x")] == ["", "a", "−1.5", "1", "'x"]
