"""Plotly figures of arrays, as plain dicts that `plotly.graph_objects.Figure` accepts.

They are dicts because charts change once a second, and building a checked `Figure` costs more than sending
it. Colours have names by meaning (`@critic`, `@generator`, `@real`, `@fake`, `@mark`, `@muted`), which the
theme of the page resolves; "@real/0.5" has an opacity of 0.5.
"""

from wgan.figures.base import (
    DEFAULT_LOOK,
    MARGIN,
    SERIES,
    ChartLook,
    Figure,
    next_round_number,
    smooth,
)
from wgan.figures.clipping import gradient_by_depth, small_surface, with_real_points
from wgan.figures.collapse import (
    class_shares,
    good_share_over_steps,
    modes_over_steps,
    point_cloud,
)
from wgan.figures.convergence import proved_bound, raw_gap
from wgan.figures.counts import bars, has_long_names, histogram
from wgan.figures.critic import climb, depth, pixels_over, spread, surface, weights
from wgan.figures.curves import compare, critic_gap, curves, losses, quality
from wgan.figures.divergences import (
    discriminator_and_critic,
    distances_over_theta,
    gradients_over_mu,
    two_densities,
    two_segments,
)
from wgan.figures.latent import bent_grid, inversion_errors
from wgan.figures.plane import density, labelled_points, lengths, numbered_points, plane
from wgan.figures.sensitivity import distance_grid
from wgan.figures.transport import cdfs, potentials, proofs, transport
from wgan.figures.vanishing import gradient_norms, surface_with_arrows

__all__ = [
    "DEFAULT_LOOK",
    "MARGIN",
    "SERIES",
    "ChartLook",
    "Figure",
    "bars",
    "bent_grid",
    "cdfs",
    "class_shares",
    "climb",
    "compare",
    "critic_gap",
    "curves",
    "density",
    "depth",
    "discriminator_and_critic",
    "distance_grid",
    "distances_over_theta",
    "good_share_over_steps",
    "gradient_by_depth",
    "gradient_norms",
    "gradients_over_mu",
    "has_long_names",
    "histogram",
    "inversion_errors",
    "labelled_points",
    "lengths",
    "losses",
    "modes_over_steps",
    "next_round_number",
    "numbered_points",
    "pixels_over",
    "plane",
    "point_cloud",
    "potentials",
    "proofs",
    "proved_bound",
    "quality",
    "raw_gap",
    "small_surface",
    "smooth",
    "spread",
    "surface",
    "surface_with_arrows",
    "transport",
    "two_densities",
    "two_segments",
    "weights",
    "with_real_points",
]
