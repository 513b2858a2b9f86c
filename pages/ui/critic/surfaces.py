"""The surface of a critic of points, beside the optimal potential of the same samples."""

import numpy as np
import streamlit as st

from pages.ui.widgets.chart.chart import chart
from wgan import critic, figures
from wgan.arrays import Real

CRITIC_HELP = """The critic's scores over the plane, divided by its steepest slope and shifted to mean 0 over
the samples. So nowhere is it steeper than 1, as the optimal potential beside it. Fakes move uphill."""

OPTIMAL_HELP = """The perfect critic of the same samples, from exact optimal transport: no function of slope at
most 1 tells these real points from these fakes better. Its gap is the Wasserstein distance W₁ itself.
Between the samples it is not unique; shown is the middle of all that are optimal."""

DIFFERENCE_HELP = """Critic minus optimal potential, both with slope at most 1. Blue: the critic thinks too much of
a place, orange: too little. White everywhere would be a perfect critic. Far from all samples any
value is right."""


def share(result: critic.Surfaces) -> str:
    """Return as text how much of the exact distance a critic proves."""
    part = min(1.0, max(0.0, result.lower_bound / result.exact)) if result.exact > 0 else 1.0
    return f"= {100 * part:.0f} %"


def surfaces(result: critic.Surfaces, *, key: str, run: str, height: int = 268) -> None:
    """Show a critic beside the optimal potential, and their difference."""
    low = float(min(result.critic.min(), result.optimal.min()))
    high = float(max(result.critic.max(), result.optimal.max()))
    largest_difference = float(np.abs(result.difference).max()) or 1.0

    def over_samples(table: Real) -> figures.Figure:
        return figures.surface(
            table, result.extent, span=high, low=low, real=result.real, fake=result.fake
        )

    difference = figures.surface(
        result.difference, result.extent, span=largest_difference, diverging=True
    )
    charts = [
        ("Critic", CRITIC_HELP, over_samples(result.critic)),
        ("Optimal potential", OPTIMAL_HELP, over_samples(result.optimal)),
        ("Difference", DIFFERENCE_HELP, difference),
    ]
    for column, (title, help, figure) in zip(st.columns(3, gap="small"), charts, strict=True):
        with column:
            chart(
                figure,
                key=f"{key}_{title.partition(' ')[0].lower()}",
                run=run,
                height=height,
                title=title,
                help=help,
                alt=f"{title} over the plane",
            )
