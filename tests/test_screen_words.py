"""Words that users stumbled on do not come back: in no text of the pages or of the library."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from pages.ui.labs import clipping, collapse, divergences, opposed, transport

ROOT = Path(__file__).parents[1]

FORBIDDEN = {
    r"\bEXPLODED\b|\bMAX_[A-Z]+\b": "the name of a constant",
    r"\btest_\w+\.py|tests/": "a file of the tests",
    r"(?<![$\d])\d+\^(-?\d|$)": "a power as in source code: write 10⁻³",
    r"\bTrain further\b|\bTrain on\b(?! th)": "other words for Resume and Train longer",
    r"(?i)\braw gap\b|\bWasserstein estimate\b|\bcritic estimate\b": "other words for critic gap",
    r"(?i)\b(generated|synthetic) (pictures|images|samples|examples|data)\b": "other words for samples and fakes",
    r"(?i)\bnoise vectors?\b|\blatent (vectors?|noise|codes?)\b": "other words for z",
    r"(?i)\bunseen (pictures|images|examples|data|digits)\b": "other words for held-out",
    r"(?i)\b(training )?iterations? of the (generator|training)\b": "other words for step",
    r"(?i)\bhyper-parameters?\b|\bdatasets?\b": "hyperparameter, data set",
    r"(?i)\bas the map is smooth\b": "a continuous map tears nothing; smoothness is not needed",
}
"""Patterns, and what is wrong with them."""


def python_strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string that is no docstring and no public name; of f-strings with … for values."""
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            left_out |= {id(name) for name in ast.walk(node.value)}
        elif isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@cache
def texts() -> Sequence[tuple[Path, int, str]]:
    """Return file, line and text of the strings that users may read, in Python and in JavaScript.

    They have several words, or are one word with a capital letter.
    """
    return list(_texts())


def _texts() -> Iterator[tuple[Path, int, str]]:
    for file in sorted([*(ROOT / "pages").rglob("*.py"), *(ROOT / "wgan").rglob("*.py")]):
        tree = ast.parse(file.read_text("utf-8"))
        for line_number, text in python_strings(tree):
            if re.search(r"\S \S|^\s*[A-Z][a-z-]+\W*$", text):
                yield file.relative_to(ROOT), line_number, text
    for file in sorted((ROOT / "pages").rglob("*.js")):
        if file.name.endswith(".test.js"):
            continue
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            code = re.sub(r"^\s*(//|/?\*).*", "", line)
            for literal in re.finditer(r"""(["'`])((?:(?!\1).)*)\1""", code):
                if " " in literal[2]:
                    yield file.relative_to(ROOT), number, literal[2]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_text_on_screen_has_such_words(pattern: str):
    found = [f"{file}:{line}: {text}" for file, line, text in texts() if re.search(pattern, text)]
    assert not found, FORBIDDEN[pattern]


def test_which_strings_are_texts():
    source = '"""A docstring."""\n__all__ = ["Dataset"]\nhelp = f"{n} datasets"\nlabel = "Dataset"'
    found = [text for _, text in python_strings(ast.parse(source))]
    assert found == ["… datasets", "Dataset"]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (opposed.OPPOSED.question, "minimax"),  # only this loss of a GAN saturates
        (clipping.LAB.why, r"\sqrt n"),  # the signs of many weights are mixed
        (transport.EARTH.why, "at least"),  # one may also move earth back and forth
        (divergences.SLIDE.why, "except 0"),  # W₁ = |θ| has a kink there
        (divergences.OF_GAUSSIANS.why, "except 0"),
        (collapse.EVIDENCE, "five seeds"),
        (collapse.LAB.question, "the same number of updates"),
    ],
)
def test_a_statement_is_not_stronger_than_what_holds(text: str, phrase: str):
    assert phrase in text


def test_the_lab_of_mode_collapse_has_the_numbers_of_the_documents():
    table = (ROOT / "docs/benchmarks.md").read_text("utf-8").partition("## Mode collapse over")[2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    measured = {  # modes, the share of good samples, the number of trainings that lost modes
        (data, model, updates.split(" or ")[0]): (int(modes), share, collapsed.partition(" ")[0])
        for data, updates, model, modes, share, collapsed in (row for row in rows if len(row) == 6)
        if modes.isdigit()
    }
    assert len(measured) == 8
    ring, grid = (
        [measured[data, model, "5"] for model in ("GAN", "WGAN", "WGAN-GP")]
        for data in ("ring-8", "grid-25")
    )
    shares = [share for _, share, _ in ring]
    text = " ".join(collapse.EVIDENCE.split())
    assert [collapsed for _, _, collapsed in ring] == [
        "0"
    ] * 3 and "none collapsed on the ring" in text
    assert "samples was {} for the GAN, {} for WGAN and {} for WGAN-GP.".format(*shares) in text
    assert f"GAN collapsed in {measured['ring-8', 'GAN', '1'][2]} of 5 trainings" in text
    modes, good = sorted(m for m, _, _ in grid), sorted(int(s.rstrip(" %")) for _, s, _ in grid)
    assert f"all three had {modes[0]} to {modes[-1]} of 25 modes" in text
    assert f"but only {good[0]} to {good[-1]} % high-quality samples" in text
    lost = [collapsed for _, _, collapsed in grid]
    assert lost[0] == "0"
    assert f"WGAN lost modes for a while in {lost[1]} training of 5, WGAN-GP in {lost[2]}." in text
