"""Transport in the plane: the exact plan between two clouds, and Sinkhorn's entropic plan."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.arrays import F64
from wgan.labs import transport
from wgan.verdicts import wasserstein as verdicts

PLANE = Lab(
    "plane",
    "In the plane",
    "Sinkhorn's plan is blurred by ε, which makes it quick to compute. What does the blur do to the cost?",
    ("It lowers it", "Nothing", "It raises it"),
    2,
    "The exact plan is the cheapest of all, so every other one costs at least as much. Entropy rewards "
    "spreading each point over many targets: the larger ε, the more earth takes long ways.",
    "Cuturi 2013, arXiv:1306.0895; exact plans: Villani 2009, theorem 5.10",
)

SPAN = (-1.9, 5.9, -2.4, 2.4)
"""The window of both charts: left, right, bottom, top."""

EPSILONS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

W1_HELP = """The exact Wasserstein distance: the mean way of the cheapest plan, which pays each way once per unit
of length."""

W2_HELP = """The root of the mean *squared* way of the plan that is cheapest for squared ways. Never below W₁:
long ways weigh more."""

SINKHORN_HELP = """What the blurred plan costs, without its reward for blur: in the unit of the exact plan's cost, a
length or its square. A round of Sinkhorn's fits the plan to one cloud, then to the other; what still misses in the end is
made to fit, so the plan can never be cheaper than the exact one."""

TARGETS_HELP = """To how many real points a fake is spread, on average: exp of the entropy of where it goes. The
exact plan sends each to one."""


class Settings(NamedTuple):
    """The settings of this lab."""

    shapes: str = "pair"  # a key of CLOUDS
    distance: float = 2.5
    power: int = 1  # power of the distance that a plan pays
    epsilon: float = 0.03


@st.cache_data(show_spinner=False, max_entries=200)
def _clouds(shapes: str, distance: float, power: int, epsilon: float) -> transport.Clouds:
    return transport.clouds(shapes, distance, power, epsilon)


def show_plane() -> None:
    """Show the lab of two clouds."""
    prediction = ask_prediction(PLANE)
    settings = _settings()
    clouds = _clouds(*settings)
    left, middle, right = st.columns([0.37, 0.37, 0.26], gap="small")
    with left:
        chart(
            figures.transport(clouds.fake, clouds.real, exact_plan(clouds), span=SPAN),
            key="plane_exact",
            run="plane",
            height=300,
            title="Exact plan",
            help="Each fake goes to one real point, so that all ways "
            "together cost as little as possible: an assignment problem, solved exactly.",
            alt="Two clouds and the exact plan between them",
        )
    with middle:
        chart(
            figures.transport(clouds.fake, clouds.real, clouds.blurred.mass, span=SPAN),
            key="plane_blurred",
            run="plane",
            height=300,
            title="Sinkhorn's plan",
            help="The plan blurred by ε: the darker a line, "
            "the more of a point goes along it. Parts below 2 % are not drawn.",
            alt="Two clouds and the blurred plan between them",
        )
    with right:
        _show_numbers(clouds, settings.power)
        _show_convergence(clouds)
    verdict = verdicts.blurred_plan(
        settings.epsilon, clouds.blurred.cost, clouds.exact, clouds.targets
    )
    # With the initial settings, the visitor has not tried anything yet.
    show_result(PLANE, prediction, verdict if settings != Settings() else "")


def _settings() -> Settings:
    """Show the settings, and return them."""
    first = Settings()
    shapes_column, distance_column, power_column, epsilon_column = st.columns(
        [0.24, 0.26, 0.24, 0.26], gap="medium"
    )
    with shapes_column:
        shapes = st.selectbox(
            "Clouds",
            list(transport.CLOUDS),
            key=persistent_key("plane-clouds", first.shapes),
            persist_state="session",
            format_func=lambda n: transport.CLOUDS[n][0],
            help="The shapes of fake and real points.",
        )
    with distance_column:
        distance = st.slider(
            "Distance",
            0.0,
            4.0,
            step=0.25,
            key=persistent_key("plane-distance", first.distance),
            persist_state="session",
            help="How far right of the fakes the real points stand.",
        )
    with power_column:
        power = st.segmented_control(
            "A way costs",
            (1, 2),
            key=persistent_key("plane-p", first.power),
            persist_state="session",
            required=True,
            wrap=True,
            format_func={1: "its length: W₁", 2: "its square: W₂"}.__getitem__,
            help="What the drawn plans pay for a way. Squares make two middle ways "
            "cheaper than a long and a short one.",
        )
    with epsilon_column:
        epsilon = st.select_slider(
            "Blur ε",
            EPSILONS,
            key=persistent_key("plane-epsilon", first.epsilon),
            persist_state="session",
            format_func=lambda e: f"{e:g}",
            help="How much Sinkhorn's plan is rewarded for spreading, in the cost's "
            "unit. Towards 0 it becomes the exact plan, and ever slower.",
        )
    return Settings(shapes, distance, int(power or 1), epsilon)


def _show_numbers(clouds: transport.Clouds, power: int) -> None:
    stat_cards(
        [
            Stat("W₁", f"{clouds.w1:.3f}", "", help=W1_HELP),
            Stat("W₂", f"{clouds.w2:.3f}", "", help=W2_HELP),
            Stat(
                "Exact cost",
                f"{clouds.exact:.3f}",
                "= W₁" if power == 1 else "= W₂²",
                help="W₁ where a way costs its length, W₂² where it costs its square.",
            ),
            Stat("Sinkhorn's", f"{clouds.blurred.cost:.3f}", "", help=SINKHORN_HELP),
            Stat("Targets", f"{clouds.targets:.1f}", "a fake", help=TARGETS_HELP),
        ],
        key="plane_numbers",
    )


def exact_plan(clouds: transport.Clouds) -> F64:
    """Return the exact plan of two clouds as a table, (N, N)."""
    mass = np.zeros((len(clouds.fake), len(clouds.real)))
    mass[np.arange(len(clouds.fake)), clouds.matches] = 1 / len(clouds.fake)
    return mass


def _show_convergence(clouds: transport.Clouds) -> None:
    blurred = clouds.blurred
    if blurred.converged:
        st.caption(f":material/check: Converged after {blurred.rounds:,} of Sinkhorn's rounds.")
    else:
        st.warning(
            f"Not converged after {blurred.rounds:,} rounds: rows and columns were off by "
            f"{100 * blurred.missed:.2g} % before they were made to fit. A larger ε is quicker.",
            icon=":material/hourglass_bottom:",
        )
