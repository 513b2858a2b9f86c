import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgan import figures, theme
from wgan.figures.base import tick_format
from wgan.format import fmt_sig
from wgan.runs import COLUMNS


def accepted(figure: figures.Figure) -> go.Figure:
    """Let Plotly itself check a figure; only the colour names of the theme are put in first."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        return "Viridis" if value == "@surface" else "#123456"

    layout = figure["layout"]
    second = layout.get("yaxis2", {})
    if "overlaying" in second and second.get("visible", True):  # each of two axes has a title
        assert layout["yaxis"]["title"]["text"] and layout["yaxis2"]["title"]["text"]
    return go.Figure(plain(figure))


def columns(n: int) -> dict[str, np.ndarray]:
    values = {name: np.linspace(1, 2, n) for name in COLUMNS}
    values["step"] = np.arange(n, dtype=np.float64)
    return values


def test_smoothing_keeps_a_constant_and_follows_a_step():
    assert figures.smooth(np.full(50, 3.0)) == pytest.approx(np.full(50, 3.0))
    step = figures.smooth(np.repeat([0.0, 1.0], 200), share=0.0125)  # 5 of 400 points
    assert step[0] == 0 and step[199] == 0 and step[-1] == pytest.approx(1, abs=1e-6)
    assert np.all(np.diff(step) >= 0)


def test_smoothing_is_the_unbiased_exponential_mean():
    values = np.array([4.0, 0.0, 1.0])
    k = 1 - 1 / 5
    expected = [4.0, (k * 4) / (k + 1), (k * k * 4 + 1) / (k * k + k + 1)]
    assert figures.smooth(values) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-1.5, 1.6, ",.1f"),
        (0, 40, ",.0f"),
        (-0.0043, 0.0021, ",.4f"),
        (0, 0, ",.1f"),
        (0, 1, ",.1f"),
    ],
)
def test_the_numbers_of_an_axis_have_two_digits_of_its_range(low: float, high: float, text: str):
    assert tick_format(low, high) == text


def test_smoothing_passes_over_what_is_not_finite():
    assert figures.smooth(np.array([np.nan, 2.0, np.inf]))[1:] == pytest.approx([2.0, 2.0])


def test_curves_can_be_drawn_without_smoothing_and_on_a_logarithmic_axis():
    values = columns(40) | {"critic_gap": np.linspace(-1, 38, 40)}
    raw = figures.critic_gap(values, look=figures.ChartLook(smoothing=0.0))
    assert len(raw["data"]) == 2 and raw["data"][0]["y"] is values["critic_gap"]
    assert "type" not in raw["layout"]["yaxis"]
    log = figures.critic_gap(values, look=figures.ChartLook(log=True))
    accepted(log)
    assert log["layout"]["yaxis"]["type"] == "log"
    drawn = log["data"][0]["y"]
    assert np.isnan(drawn[:2]).all() and np.array_equal(drawn[2:], values["critic_gap"][2:])
    wide = figures.critic_gap(values, look=figures.ChartLook(smoothing=0.5))["data"][1]["y"]
    assert wide[-1] < figures.critic_gap(values)["data"][1]["y"][-1] < 38  # it lags further behind
    compared = figures.compare(
        [("one", values["step"], values["critic_gap"], "@one", None)],
        x_title="step",
        percent=True,
        look=figures.ChartLook(smoothing=0.0, log=True),
    )
    accepted(compared)
    assert compared["layout"]["yaxis"]["tickformat"] == ".0%" and len(compared["data"]) == 1


@pytest.mark.parametrize("make", [figures.losses, figures.critic_gap])
@pytest.mark.parametrize("n", [0, 1, 500])
def test_curves_are_figures(make, n: int):
    figure = accepted(make(columns(n), [(3.0, "step 3: n_critic 5 → 1")]))
    # Each line as measured and smoothed, and the marks. Without values there are no scores to show.
    lines = 3 if make is figures.losses and n else 2
    assert len(figure.data) == 2 * lines + 1 and len(figure.layout.shapes) == 1
    assert figure.data[-1].text[0] == "step 3: n_critic 5 → 1"


def test_the_loss_chart_shows_the_scores_or_the_losses_of_separate_updates():
    values = columns(3) | {"real_score": np.full(3, 5.0), "fake_score": np.full(3, 2.0)}

    def heights(separate: bool) -> dict[str, float]:
        figure = figures.losses(values, separate_updates=separate)
        return {trace["name"]: float(trace["y"][-1]) for trace in figure["data"] if "name" in trace}

    together, separate = heights(False), heights(True)
    assert together["E f(real)"] == pytest.approx(5) and together["E f(fake)"] == pytest.approx(2)
    # The signs of a critic that minimises −E f(real), and then E f(fake).
    assert separate["crit_real"] == pytest.approx(-5)
    assert separate["crit_fake"] == pytest.approx(2)
    assert together["Generator loss"] == separate["gen"]


def test_the_share_of_good_samples_is_in_percent_beside_that_of_real_points():
    steps, shares = np.array([0, 10]), np.array([0.0, 0.5])
    figure = accepted(figures.good_share_over_steps([("GAN", steps, shares, "@two")], 0.989, 10))
    assert list(figure.data[0].y) == [0, 50] and figure.layout.shapes[0].y0 == pytest.approx(98.9)


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


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_copies_of_the_palette_agree(mode: str):
    palette = theme.LIGHT if mode == "light" else theme.DARK
    root = Path(__file__).parents[1]
    text = (root / "pages/ui/widgets/base/theme.js").read_text("utf-8")
    part = text[text.index(f"{mode}: {{") :].partition("surface:")[0]
    in_js = dict(re.findall(r"(\w+): \"(#[0-9a-f]{6})\"", part))
    names = ("critic", "generator", "real", "fake", "mark", "muted")
    assert {name: in_js[name] for name in names} == {name: palette[name] for name in names}
    assert {name.removeprefix("@") for name in figures.SERIES} <= in_js.keys()
    settings = tomllib.loads((root / ".streamlit/config.toml").read_text("utf-8"))["theme"][mode]
    assert settings["chartCategoricalColors"] == [palette[name] for name in names]
    shared = {
        "textColor": "text",
        "backgroundColor": "background",
        "secondaryBackgroundColor": "panel",
        "borderColor": "border",
        "redColor": "error",
        "blueColor": "critic",
        "greenColor": "real",
        "orangeColor": "generator",
    }
    assert {key: settings[key] for key in shared} == {k: palette[n] for k, n in shared.items()}


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours as WCAG defines it, from 1 to 21."""
    lights = []
    for colour in (a, b):
        shares = np.array(theme.rgb(colour)) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return float(max(lights) / min(lights))


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_texts_and_lines_have_the_contrast_of_wcag_aa(palette: Mapping[str, str], ground: str):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for name in palette.keys() - {"background", "panel", "border"}:
        least = 4.5 if name in ("text", "muted", "error") else 3
        assert contrast(palette[name], palette[ground]) >= least, name


def test_both_axes_of_a_metric_beside_the_gap_are_labelled():
    steps = np.array([0.0, 10.0])
    columns = dict.fromkeys(COLUMNS, steps) | {"step": steps}
    layout = figures.quality("FID", steps, steps, 1.0, columns)["layout"]
    assert layout["yaxis"]["title"]["text"] == "FID"
    assert layout["yaxis2"]["title"]["text"] == "Critic gap"


def test_long_labels_have_several_lines_so_that_a_narrow_chart_does_not_cut_them():
    text = "step 40: from here on with compiled updates, the same and faster"
    columns = {name: np.array([1.0, 2.0]) for name in COLUMNS}
    mark = figures.critic_gap(columns, [(1.0, text)])["data"][-1]["text"][0]
    assert mark.replace("<br>", " ") == text
    assert all(len(line) <= 36 for line in mark.split("<br>"))
    x = np.arange(3.0)
    name = "WGAN-GP · 29 Nov 13:16 · Ring of 8 Gaussians #2"
    chart = figures.compare([(name, x, x, "@one", None)], x_title="step")
    assert all(len(line) <= 30 for line in chart["data"][1]["name"].split("<br>"))


@given(st.floats(min_value=0.0, max_value=1e9))
def test_there_is_room_to_grow_and_not_too_much(value: float):
    room = figures.next_round_number(value)
    assert room > value
    assert value < 10 or room <= value * 4 / 3 + 1e-6


def test_a_fork_is_drawn_from_where_it_leaves_its_parent():
    x = np.arange(10.0)
    lines = [
        ("parent", x, x, "@one", None),
        ("child", x[5:], -x[5:], "@two", (5.0, 5.0)),
    ]
    chart = figures.compare(lines, x_title="step")
    accepted(chart)
    in_legend = [trace for trace in chart["data"] if trace.get("showlegend") is not False]
    assert [trace["name"] for trace in in_legend] == ["parent", "child"]
    assert in_legend[1]["x"][0] == 5
    dots = [trace for trace in chart["data"] if trace["mode"] == "markers"]
    assert [(dot["x"][0], dot["y"][0]) for dot in dots] == [(5.0, 5.0)]
    empty = figures.compare([("none", x[:0], x[:0], "@one", None)], x_title="step")
    assert empty["layout"]["xaxis"]["autorangeoptions"]["include"] == 10


def test_what_is_spread_is_drawn_over_one_set_of_bins_that_hold_everything():
    rng = np.random.default_rng(0)
    groups = [("Real", rng.normal(size=200), "@real"), ("Fake", rng.normal(size=50) - 3, "@fake")]
    figure = accepted(figures.spread(groups, x_title="score", line=(1.0, "bound"), span=(0.0, 9.0)))
    assert figure.data[0].x == pytest.approx(figure.data[1].x) and figure.data[0].x[-1] > 9
    assert [sum(trace.y) for trace in figure.data] == pytest.approx([100, 100])
    assert figure.layout.shapes[0].x0 == 1 and figure.layout.annotations[0].text == "bound"


@pytest.mark.parametrize(
    "values", [np.full(5, 2.0), np.zeros(3), np.array([]), np.array([np.nan, 1.0])]
)
def test_what_is_not_spread_at_all_can_be_drawn(values: np.ndarray):
    figure = accepted(figures.spread([("Real", values, "@real")], x_title="score"))
    assert np.isfinite(figure.data[0].x).all() and np.isfinite(figure.data[0].y).all()


def test_a_spike_is_one_bin():
    figure = figures.spread([("Real", np.full(40, 5.0), "@real")], x_title="slope", span=(0.0, 1.0))
    y = figure["data"][0]["y"]
    assert y.max() == 100 and (y > 0).sum() == 1


def test_surfaces_have_north_up_and_share_what_their_shades_cover():
    table = np.outer(np.arange(5.0), np.ones(5)) - 2
    plain = accepted(
        figures.surface(table, 3.0, span=2.0, low=-2.0, real=np.zeros((4, 2)), fake=np.ones((3, 2)))
    )
    assert [trace.name for trace in plain.data] == ["height", "Real", "Fake"]
    assert (plain.data[0].zmin, plain.data[0].zmax, plain.data[0].y0) == (-2, 2, -3)
    other = figures.surface(table, 3.0, span=1.5, diverging=True)["data"][0]
    assert (other["zmin"], other["zmax"]) == (-1.5, 1.5) and other["colorscale"][1][
        1
    ] == "@background"
    accepted(figures.surface(np.zeros((4, 4)), 1.0, span=0.0))  # a flat one too


def test_pixels_lie_over_their_picture_with_the_first_row_on_top():
    picture = "data:image/png;base64,"
    figure = figures.pixels_over(np.arange(6.0).reshape(2, 3) - 2, picture, diverging=True)
    background, heat_map = figure["data"]
    assert figure["layout"]["yaxis"]["range"] == [1.5, -0.5] and heat_map["zmin"] == -3
    assert background["source"] == picture
    # Where the value is 0, the picture is visible.
    assert sorted(c for at, c in heat_map["colorscale"] if at == 0.5) == [
        "@critic/0",
        "@generator/0",
    ]
    flat = accepted(figures.pixels_over(np.zeros((2, 2)), picture, diverging=False))
    assert flat.data[1].zmin == 0


@pytest.mark.parametrize("largest", [3.1e-7, 0.0042, 0.149, 2.0, 1234.0])
def test_the_scale_of_pixels_has_numbers_at_its_ends(largest):
    picture = "data:image/png;base64,"
    for diverging in (False, True):
        table = np.array([[0.0, largest], [-largest * diverging, 0.0]])
        bar = accepted(figures.pixels_over(table, picture, diverging=diverging)).data[1].colorbar
        low = -largest if diverging else 0.0
        assert (bar.tickvals[0], bar.tickvals[-1]) == (low, largest)
        assert bar.ticktext[-1] == fmt_sig(largest) != fmt_sig(0.0)


def test_the_score_of_each_step_uphill_is_a_point():
    line = accepted(figures.climb([1.0, 1.5, 2.0])).data[0]
    assert list(line.x) == [0, 1, 2] and list(line.y) == [1.0, 1.5, 2.0]


def test_flat_gradients_look_flat_and_vanished_ones_leave_a_gap():
    flat = figures.depth(["1. a", "2. b"], [("x", np.array([1.0, 1.3]), "@critic")])
    low, high = flat["layout"]["yaxis"]["range"]
    assert high - low >= 3 and low < 0 < high
    gone = accepted(figures.depth(["1. a", "2. b"], [("x", np.array([0.0, 1e-9]), "@critic")]))
    assert np.isnan(gone.data[0].y[0]) and gone.data[0].x == ("1", "2")
    accepted(figures.depth(["1. a"], [("x", np.array([0.0]), "@critic")]))


@pytest.mark.parametrize("count", [1, 4, 13])
def test_weights_have_a_small_histogram_a_layer_inside_the_figure(count: int):
    layers = [(f"layer {i}", np.linspace(-1, 1, 6), np.full(5, 0.2), 1.0) for i in range(count)]
    chart = figures.weights(layers, 3)
    figure = accepted(chart)
    assert len(figure.data) == count and len(chart["layout"]["shapes"]) == 2 * count
    for i in range(count):
        for axis in "xy":
            low, high = chart["layout"][f"{axis}axis{i + 1 if i else ''}"]["domain"]
            assert 0 <= low < high <= 1


def test_the_bound_stands_below_the_exact_distance():
    updates, bounds = np.arange(4.0), np.array([-0.1, 0.2, 0.3, 0.4])
    figure = accepted(figures.proved_bound(updates, bounds, 0.5, 0.1, 10))
    assert [trace.name for trace in figure.data] == ["lower bound", "exact W₁", "floor"]
    assert figure.data[1].y == pytest.approx((0.5, 0.5)) and figure.layout.xaxis.range == (0, 10)
    assert len(figures.proved_bound(updates, bounds, 0.5, None, 10)["data"]) == 2
    accepted(figures.raw_gap(updates, bounds, bounds, 10))


def test_numbered_points_are_marked():
    points = np.array([[0.0, 1.0], [2.0, -3.0], [1.0, 1.0]])
    figure = figures.numbered_points(points, [1])
    (trace,) = figure["data"]
    assert trace["text"] == ["0", "1", "2"]
    assert trace["marker"]["size"].argmax() == 1 and len(set(trace["marker"]["size"].tolist())) == 2
    assert (
        figure["layout"]["xaxis"]["range"][1] > 3
        and figure["layout"]["yaxis"]["scaleanchor"] == "x"
    )
