import numpy as np
import plotly.graph_objects as go
import pytest

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
