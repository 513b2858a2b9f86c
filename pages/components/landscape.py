"""A critic of points as a surface, beside the optimal potential of the same samples."""

from typing import Any

import numpy as np
import streamlit as st

from pages.components.chart import chart
from wgan import critic, figures

CRITIC_HELP = """The critic's scores over the plane, divided by its steepest slope and shifted to mean 0 over
the samples. So nowhere is it steeper than 1, as the optimal potential beside it. Fakes move uphill."""

OPTIMAL_HELP = """The perfect critic of the same samples, from exact optimal transport: no function of slope at
most 1 tells these real points from these fakes better. Its gap is the Wasserstein distance W₁ itself.
Between the samples it is not unique; shown is the middle of all that are optimal."""

DIFFERENCE_HELP = """Critic minus optimal potential, both with slope at most 1. Blue: the critic thinks too much of
a place, orange: too little. White everywhere would be a perfect critic. Far from all samples any
value is right."""


def share(found: critic.Surfaces) -> str:
    """Return how much of the exact distance a critic proves, in words."""
    part = min(1.0, max(0.0, found.proved / found.exact)) if found.exact > 0 else 1.0
    return f"= {100 * part:.0f} %"


def surfaces(found: critic.Surfaces, *, key: str, run: str, height: int = 268) -> None:
    """Show a critic beside the optimal potential, and their difference."""
    low = float(min(found.critic.min(), found.optimal.min()))
    high = float(max(found.critic.max(), found.optimal.max()))
    off = float(np.abs(found.difference).max()) or 1.0
    every: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("Critic", CRITIC_HELP, found.critic, {"span": high, "low": low}),
        ("Optimal potential", OPTIMAL_HELP, found.optimal, {"span": high, "low": low}),
        ("Difference", DIFFERENCE_HELP, found.difference, {"span": off, "diverging": True}),
    ]
    for column, (title, words, table, scale) in zip(st.columns(3, gap="small"), every, strict=True):
        dots = {} if scale.get("diverging") else {"real": found.real, "fake": found.fake}
        with column:
            chart(
                figures.surface(table, found.extent, **dots, **scale),
                key=f"{key}_{title.partition(' ')[0].lower()}",
                run=run,
                height=height,
                title=title,
                help=words,
                alt=f"{title} over the plane",
            )
