"""The surface of a critic of points, beside the optimal potential of the same samples."""

import numpy as np
import streamlit as st

from pages.ui.widgets.chart.chart import chart
from wgan import critic, figures
from wgan.arrays import Real
from wgan.format import fmt_share

CRITIC_HELP = """The critic's scores over the plane, divided by the steepest slope that was found and shifted to mean 0
over the samples, so that it can be compared with the optimal potential. The generator moves fakes uphill."""

OPTIMAL_HELP = """An optimal critic of the same samples, from exact optimal transport: no function with a slope of at
most 1 has a larger gap. Its gap is W₁. Between the samples it is not unique; this is the mean of the highest and the
lowest optimal function."""

DIFFERENCE_HELP = """Critic minus optimal potential. Blue: the critic's score is too high; orange: too low. An optimal critic
would have 0 at all samples. Far from the samples, many values are optimal."""


def share(result: critic.Surfaces) -> str:
    """Return a critic's lower bound as a share of the exact distance, as text."""
    part = min(1.0, max(0.0, result.lower_bound / result.exact)) if result.exact > 0 else 1.0
    return f"{fmt_share(part)} of W₁"


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
        ("Critic ÷ steepest slope", CRITIC_HELP, over_samples(result.critic)),
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
