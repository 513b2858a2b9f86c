"""Charts as SVG: ticks, and the places of lines."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from wgan import figures
from wgan.export.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    WIDTH,
    labels,
    svg_chart,
    ticks,
)
from wgan.figures.base import line_trace


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 4000), (-3.2, 7.9), (1e-9, 3e-9), (-5e7, 2e7), (0.99, 1.01)]
)
def test_ticks_are_round_and_evenly_spread(low: float, high: float):
    values = ticks(low, high)
    assert 3 <= len(values) <= 8
    assert all(low - 1e-9 * (high - low) <= v <= high + 1e-9 * (high - low) for v in values)
    steps = np.diff(values)
    assert steps == pytest.approx(np.full(len(steps), steps[0]))
    digits = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert min(abs(digits - d) for d in (1, 2, 5)) < 1e-6


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0, 1000, 2000], ["0", "1,000", "2,000"]),
        ([-1.5, -1.0, -0.5], ["−1.5", "−1.0", "−0.5"]),
        ([0, 500_000, 1_000_000], ["0", "0.5 M", "1.0 M"]),
        ([0, 2e5, 4e5], ["0", "200 k", "400 k"]),
        ([1000.1, 1000.2], ["1,000.1", "1,000.2"]),
        ([0, 1e-9, 2e-9], ["0", "1e−09", "2e−09"]),
        ([0, 5e18], ["0", "5,000,000 T"]),
        ([], []),
    ],
)
def test_the_texts_of_ticks_tell_them_apart(values: list[float], texts: list[str]):
    assert labels(values) == texts


def chart(y: list[float], **columns: list[float]) -> ElementTree.Element:
    x = np.arange(len(y), dtype=float)
    figure = figures.curves(x, [("A <b>", np.array(y), "@critic")], marks=[(1.0, "λ & c")])
    return ElementTree.fromstring(svg_chart(figure, "A & B").replace("class=chart", ""))


def path_of(root: ElementTree.Element) -> str:
    paths = [p for p in root.iter("path") if p.get("fill") == "none"]
    return str(paths[-1].get("d"))  # the smoothed line


def test_a_line_goes_from_corner_to_corner():
    places = [tuple(map(float, p.split())) for p in re.split("[ML]", path_of(chart([0, 1])))[1:]]
    inner = HEIGHT - TOP - BOTTOM
    assert places[0] == pytest.approx((LEFT, HEIGHT - BOTTOM - 0.04 / 1.08 * inner), abs=0.06)
    assert places[-1][0] == pytest.approx(WIDTH - RIGHT, abs=0.06)
    assert places[-1][1] < places[0][1]


def test_values_that_are_not_finite_break_a_line():
    y = np.array([1.0, 2.0, math.nan, 3.0, 4.0])
    figure = {"data": [line_trace("A", np.arange(5.0), y, "@critic")], "layout": {}}
    path = path_of(ElementTree.fromstring(svg_chart(figure, "").replace("class=chart", "")))
    assert path.count("M") == 2 and "nan" not in path


def test_a_dotted_line_is_dotted():
    x = np.arange(2.0)
    lines = [line_trace("A", x, x, "@critic", line={"dash": d}) for d in ("solid", "dot")]
    root = ElementTree.fromstring(
        svg_chart({"data": lines, "layout": {}}, "").replace("class=chart", "")
    )
    dashes = [p.get("stroke-dasharray") for p in root.iter("path") if p.get("fill") == "none"]
    assert dashes[0] is None and dashes[1]


def test_a_constant_line_and_an_empty_chart_can_be_drawn():
    assert path_of(chart([2.0, 2.0, 2.0])).count("L") == 2
    empty = figures.curves(np.array([]), [("A", np.array([]), "@critic")])
    assert "<svg" in svg_chart(empty, "empty")


def test_a_narrow_chart_has_a_legend_of_several_lines_above_the_plot():
    columns = {n: np.arange(3.0) for n in ("step", "real_score", "fake_score", "generator_loss")}
    figure = figures.losses(columns)

    def places(width: int) -> dict[str, tuple[float, float]]:
        root = ElementTree.fromstring(svg_chart(figure, "", width).replace("class=chart", ""))
        return {
            str(t.text): (float(t.get("x", "")), float(t.get("y", ""))) for t in root.iter("text")
        }

    wide, narrow = places(WIDTH), places(NARROW)
    names = ("E f(real)", "E f(fake)", "Generator loss")
    assert len({wide[name][1] for name in names}) == 1
    assert len({narrow[name][1] for name in names}) == 2
    assert all(narrow[name][0] + 7.2 * len(name) <= NARROW for name in names)
    highest_tick = min(y for name, (_, y) in narrow.items() if name not in names)
    assert max(narrow[name][1] for name in names) < highest_tick


def test_names_are_text_and_a_mark_has_its_own():
    root = chart([0, 1, 2])
    assert "A <b>" in [t.text for t in root.iter("text")] and root.get("aria-label") == "A & B"
    assert [t.text for t in root.iter("title")] == ["λ & c"]
