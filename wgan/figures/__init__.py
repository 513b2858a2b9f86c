"""Arrays → Plotly figures, as plain dicts that `plotly.graph_objects.Figure` accepts.

Plain, because building and checking a Figure costs more than sending it, once a second. Colours are
named by meaning (`@critic`, `@generator`, `@real`, `@fake`, `@mark`, `@muted`): the page's theme decides
what they look like.
"""

from wgan.figures.base import MARGIN, SERIES, Figure, dressed, room, smooth
from wgan.figures.counts import bars, histogram
from wgan.figures.critic import depth, pixels, raw_gap, spread, surface, tightening, weights
from wgan.figures.curves import compare, critic_gap, curves, losses, quality
from wgan.figures.latent import search, warped
from wgan.figures.plane import density, lengths, numbered, plane
from wgan.figures.stability import (
    by_depth,
    classes,
    cloud,
    gradient_norms,
    grid,
    modes,
    over,
    pushed,
    shade,
)
from wgan.figures.transport import (
    cdfs,
    opposed,
    potentials,
    proofs,
    pushes,
    segments,
    slid,
    transport,
    two,
)

__all__ = [
    "MARGIN",
    "SERIES",
    "Figure",
    "bars",
    "by_depth",
    "cdfs",
    "classes",
    "cloud",
    "compare",
    "critic_gap",
    "curves",
    "density",
    "depth",
    "dressed",
    "gradient_norms",
    "grid",
    "histogram",
    "lengths",
    "losses",
    "modes",
    "numbered",
    "opposed",
    "over",
    "pixels",
    "plane",
    "potentials",
    "proofs",
    "pushed",
    "pushes",
    "quality",
    "raw_gap",
    "room",
    "search",
    "segments",
    "shade",
    "slid",
    "smooth",
    "spread",
    "surface",
    "tightening",
    "transport",
    "two",
    "warped",
    "weights",
]
