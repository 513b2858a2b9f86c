import json
import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgan import figures
from wgan.runs import COLUMNS


def accepted(figure: figures.Figure) -> go.Figure:
    """Let Plotly itself check a figure; only the colour names of the theme are put in first."""

    def plain(value):  # type: ignore[no-untyped-def]
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        return "Viridis" if value == "@surface" else "#123456"

    return go.Figure(plain(figure))


def columns(n: int) -> dict[str, np.ndarray]:
    made = {name: np.linspace(1, 2, n) for name in COLUMNS}
    made["step"] = np.arange(n, dtype=np.float64)
    return made


def test_smoothing_keeps_a_constant_and_follows_a_step():
    assert figures.smooth(np.full(50, 3.0)) == pytest.approx(np.full(50, 3.0))
    step = figures.smooth(np.repeat([0.0, 1.0], 200), span=5)
    assert step[0] == 0 and step[199] == 0 and step[-1] == pytest.approx(1, abs=1e-6)
    assert np.all(np.diff(step) >= 0)


def test_smoothing_is_the_unbiased_exponential_mean():
    values = np.array([4.0, 0.0, 1.0])
    k = 1 - 1 / 5
    expected = [4.0, (k * 4) / (k + 1), (k * k * 4 + 1) / (k * k + k + 1)]
    assert figures.smooth(values, span=5) == pytest.approx(expected)


def test_smoothing_passes_over_what_is_not_finite():
    assert figures.smooth(np.array([np.nan, 2.0, np.inf]))[1:] == pytest.approx([2.0, 2.0])


@pytest.mark.parametrize("make", [figures.losses, figures.critic_gap])
@pytest.mark.parametrize("n", [0, 1, 500])
def test_curves_are_figures(make, n: int):  # type: ignore[no-untyped-def]
    figure = accepted(make(columns(n), [(3.0, "step 3: n_critic 5 → 1")]))
    assert len(figure.data) == 5 and len(figure.layout.shapes) == 1
    assert figure.data[-1].text[0] == "step 3: n_critic 5 → 1"


def test_the_plane_is_a_figure_with_north_up():
    rng = np.random.default_rng(0)
    surface = np.outer(np.arange(5.0), np.ones(5))  # grows with the row: with y
    figure = accepted(
        figures.plane(
            real=rng.normal(size=(20, 2)),
            fake=rng.normal(size=(10, 2)),
            surface=surface,
            arrows=rng.normal(size=(6, 4)),
            extent=3.0,
        )
    )
    contour = figure.data[0]
    assert contour.y0 == -3 and contour.y0 + 4 * contour.dy == 3
    assert contour.z[4][0] == 4
    assert [trace.name for trace in figure.data] == ["critic", "Real", "Fake", "Push on fakes"]


def test_arrows_point_along_the_gradient_and_break_between():
    arrows = np.array([[1.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 0.0]])
    figure = figures.plane(real=np.zeros((1, 2)), arrows=arrows, extent=1.0)
    x, y = figure["data"][-1]["x"], figure["data"][-1]["y"]
    assert x[1] - x[0] == pytest.approx(0) and y[1] - y[0] > 0
    assert x[4] - x[3] > 0 and y[4] - y[3] == pytest.approx(0)
    assert np.isnan(x[2]) and np.isnan(x[5])


def test_lengths_are_a_figure():
    path = np.ones((7, 16))
    figure = accepted(figures.lengths(path, path / 2, ("a", "b")))
    assert figure.data[0].y[0] == pytest.approx(4) and figure.data[1].y[0] == pytest.approx(2)
    assert figure.layout.shapes[0].y0 < 4 < figure.layout.shapes[0].y1


def test_the_palette_is_the_pages_own():
    text = (Path(__file__).parents[1] / "pages/components/plotly_theme.js").read_text("utf-8")
    light = text[text.index("light: {") : text.index("dark: {")]
    in_js = dict(re.findall(r"(\w+): \"(#[0-9a-f]{6})\"", light))
    assert all(in_js[name] == colour for name, colour in figures.PALETTE.items() if name != "text")
    assert {name.removeprefix("@") for name in figures.SERIES} <= in_js.keys()


def test_a_dressed_figure_has_colours_and_plain_numbers():
    columns = {name: np.array([1.0, np.nan, 3.0]) for name in COLUMNS}
    made = figures.dressed(figures.critic_gap(columns, [(2.0, "a change")]))
    text = json.dumps(made)  # no arrays are left
    assert "@" not in text.replace("@ ", "") and "rgba(31, 111, 191, 0.28)" in text
    assert made["data"][0]["y"] == [1.0, None, 3.0]
    go.Figure(made)


@given(st.floats(min_value=0.0, max_value=1e9))
def test_there_is_room_to_grow_and_not_too_much(value: float):
    room = figures.room(value)
    assert room > value
    assert value < 10 or room <= value * 4 / 3 + 1e-6


def test_a_fork_is_drawn_from_where_it_leaves_its_parent():
    x = np.arange(10.0)
    lines = [
        ("parent", x, x, "@one", None),
        ("child", x[5:], -x[5:], "@two", (5.0, 5.0)),
    ]
    made = figures.compare(lines, x_title="step")
    accepted(made)
    named = [trace for trace in made["data"] if trace.get("showlegend") is not False]
    assert [trace["name"] for trace in named] == ["parent", "child"]
    assert named[1]["x"][0] == 5
    dots = [trace for trace in made["data"] if trace["mode"] == "markers"]
    assert [(dot["x"][0], dot["y"][0]) for dot in dots] == [(5.0, 5.0)]
    empty = figures.compare([("none", x[:0], x[:0], "@one", None)], x_title="step")
    assert empty["layout"]["xaxis"]["autorangeoptions"]["include"] == 10
