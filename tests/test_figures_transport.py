"""The labs' figures: accepted by Plotly, and showing what they are given."""

import numpy as np
import plotly.graph_objects as go

from tests.test_figures import accepted
from wgan import figures
from wgan.labs.divergences import DISTANCES, SHAPES, best_discriminator, curves
from wgan.labs.dual import optimal
from wgan.labs.transport import PILES, cloud_points, plans_between


def named(figure: go.Figure, name: str) -> go.Scatter:
    return next(trace for trace in figure.data if trace.name == name)


def test_distribution_functions_end_at_one_with_the_area_between_shaded():
    fake, real = PILES["heaps"][1].shares
    figure = accepted(figures.cdfs(fake, real))
    assert [trace.y[-1] for trace in figure.data] == [1.0, 1.0]
    assert figure.data[1].fill == "tonexty"
    # "G" is the generator, so no function is called so.
    assert [trace.name for trace in figure.data] == ["F<sub>fake</sub>", "F<sub>real</sub>"]


def test_every_load_of_a_plan_is_a_line():
    pair = plans_between(*cloud_points("ring", 2.0), 1, 0.1)
    n = len(pair.fake)
    mass = np.zeros((n, n))
    mass[np.arange(n), pair.matches] = 1 / n
    figure = accepted(figures.transport(pair.fake, pair.real, mass, span=(-2, 6, -2, 2)))
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert sum(len(trace.x) for trace in lines) == 3 * n  # start, end, gap
    assert named(figure, "Fake").x.tolist() == pair.fake[:, 0].tolist()
    blurred = figures.transport(pair.fake, pair.real, pair.blurred.mass, span=(-2, 6, -2, 2))
    assert sum(len(t.x) for t in accepted(blurred).data if t.mode == "lines") > 3 * n


def test_potentials_and_proofs():
    shaped = PILES["split"][1]
    f = optimal(shaped)
    figure = accepted(figures.potentials([("Clipped", f / 2, "@two")], f, *shaped.shares))
    assert [t.name for t in figure.data] == ["Fake", "Real", "Optimal", "Clipped"]
    t = np.arange(5.0)
    figure = accepted(figures.proofs(t, [("Clipped", t / 5, "@two")], 2.0, 4))
    assert set(named(figure, "W₁").y) == {2.0} and figure.layout.yaxis.range[1] > 2
    accepted(figures.proofs(t, [("Clipped", 0 * t, "@two")], 0.0, 4))


def test_what_jumps_at_zero_is_a_dot_there():
    for shape in SHAPES:
        distances = curves(shape)
        lines = list(zip(DISTANCES, distances.values, strict=True))
        figure = accepted(
            figures.distances_over_theta(distances.theta, lines, at=0.5, top=4.2, dots=True)
        )
        dots = {trace.name for trace in figure.data if trace.mode == "markers"}
        jumps = {"lines": {"JS", "TV", "KL"}, "boxes": {"KL"}, "gaussians": set()}
        assert dots == jumps[shape]
        assert figure.layout.shapes[0].x0 == 0.5
        # ∞ is not drawn, and no line leads to it.
        assert all(np.nanmax(np.abs(np.array(t.y, float)), initial=0) < 1e3 for t in figure.data)
        slopes = list(zip(DISTANCES, distances.slopes, strict=True))
        of_slopes = accepted(
            figures.distances_over_theta(distances.theta, slopes, at=0.0, top=2.2, low=-2.2)
        )
        # The legend says why a distance has no line.
        for shown, why in ((figure, "KL = ∞"), (of_slopes, "KL: no slope")):
            names = [t.name for t in shown.data if t.mode == "lines"]
            assert names == ["W₁", "JS", "KL" if shape == "gaussians" else why, "TV"]
            # Plotly would simplify constant lines to slightly inclined ones.
            assert not any(t.line.simplify for t in shown.data if t.mode == "lines")


def test_shapes_and_segments():
    x = np.linspace(-1, 1, 5)
    assert len(accepted(figures.two_densities((x, x**2), (x, x**2), span=(-2, 2))).data) == 2
    figure = accepted(figures.two_segments(-0.5, span=(-2, 2)))
    assert set(named(figure, "Fake").x) == {-0.5}


def test_opponents_and_their_pushes():
    x = np.linspace(-4, 10, 30)
    best = best_discriminator(x, 6.0)
    figure = accepted(figures.discriminator_and_critic(x, best, best, 3 - x, 3 - x, 6.0, 1.0))
    assert named(figure, "f").yaxis == "y2"
    mu = np.linspace(0.1, 10, 20)
    ones = np.ones(1)
    figure = accepted(
        figures.gradients_over_mu(
            mu, [("optimal", 1 / mu, "@critic")], [("measured", ones, 0 * ones, "@critic")], at=6.0
        )
    )
    assert named(figure, "measured").y[0] > 0  # a logarithmic axis has no 0
