"""Transport in the plane: the exact plan between two clouds, and Sinkhorn's entropic plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import Lab, ask_prediction, is_revealed, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.cloud_editor.cloud_editor import PointClouds, cloud_editor
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.arrays import F64
from wgan.labs import transport
from wgan.verdicts import wasserstein as verdicts

PLANE = Lab(
    "plane",
    "In the plane",
    "Sinkhorn's fast algorithm spreads each point over several targets; a larger ε spreads it more. How does this blur change the cost?",
    ("It lowers it", "It stays the same", "It raises it"),
    2,
    "The exact plan is the cheapest of all plans, so every other plan costs at least as much. Sinkhorn's plan "
    "minimises the cost minus ε times the plan's entropy, which is large if each point is spread over many targets. So with "
    "a larger ε, more earth travels farther.",
    "Cuturi 2013, arXiv:1306.0895; exact plans: Villani 2009, theorem 5.10",
)

SAME_COST = replace(
    PLANE,
    right=1,
    why="In these digits both plans cost the same: with a small ε, Sinkhorn's plan is close to the exact plan. It can "
    "never be cheaper. Choose a larger ε to see the difference.",
)
"""The lab if both costs look the same."""

SPAN = (-1.9, 5.9, -2.4, 2.4)
"""The window of both charts: left, right, bottom, top."""

EPSILONS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

EXACT_HELP = """Each fake is moved to one real point, so that the total cost is as small as possible: an assignment
problem, solved exactly."""

BLURRED_HELP = """The plan blurred by ε. The darker a line, the larger the share of a point that is moved along it.
Shares below 2 % are not drawn."""

W1_HELP = """The exact Wasserstein distance: the mean distance of the plan that is cheapest if a move costs its
length."""

W2_HELP = """The root of the mean *squared* distance of the plan that is cheapest if a move costs its squared length.
W₂ is never below W₁, because long moves weigh more."""

COST_HELP = (
    "The cost of the exact plan: W₁ if a move costs its length, W₂² if it costs its squared length."
)

SINKHORN_HELP = """The cost of the blurred plan without its entropy term, in the unit of the exact cost. An iteration of
Sinkhorn's algorithm fits the plan to one cloud, then to the other. The remaining error is corrected at the end, so the
plan is never cheaper than the exact plan."""

TARGETS_HELP = """The number of real points over which a fake is spread, on average: exp of the entropy of its row in the
plan. The exact plan moves each fake to one point."""


class Settings(NamedTuple):
    """The settings of this lab."""

    shapes: str = "pair"  # a key of CLOUDS
    distance: float = 2.5
    power: int = 1  # power of the distance that a plan pays
    epsilon: float = 0.03


@dataclass
class MovedPoints:
    """The clouds that this visitor has moved by hand, and the clouds from which they were made."""

    clouds: PointClouds | None = None
    shapes: str = ""
    distance: float = 0.0

    def points(self, shapes: str, distance: float) -> PointClouds:
        """Return the visitor's points, or those of the chosen clouds if the visitor has moved none of them."""
        if self.clouds is None or (self.shapes, self.distance) != (shapes, distance):
            self.clouds, self.shapes, self.distance = None, shapes, distance
            return PointClouds(*transport.cloud_points(shapes, distance))
        return self.clouds

    def update(self, clouds: PointClouds) -> None:
        """Store the visitor's edit."""
        self.clouds = clouds

    def reset(self) -> None:
        """Return to the chosen clouds."""
        self.clouds = None


@st.cache_data(show_spinner=False, max_entries=200)
def _plans(fake: F64, real: F64, power: int, epsilon: float) -> transport.Clouds:
    return transport.plans_between(fake, real, power, epsilon)


def show_plane() -> None:
    """Show the lab of two clouds."""
    prediction = ask_prediction(PLANE)
    settings = _settings()
    moved = page_state(MovedPoints)

    def plans(points: PointClouds) -> transport.Clouds:
        return _plans(points.fake, points.real, settings.power, settings.epsilon)

    def matches(points: PointClouds) -> Sequence[int]:
        return [int(match) for match in plans(points).matches]

    left, middle, right = st.columns([0.37, 0.37, 0.26], gap="small")
    with left:
        points = cloud_editor(
            moved.points(settings.shapes, settings.distance),
            matches,
            key="plane_exact",
            span=SPAN,
            title="Exact plan",
            help=EXACT_HELP,
            on_change=moved.update,
        )
        st.caption("Drag points to move them.")
        if moved.clouds is not None:
            st.button(
                "Reset the points",
                icon=":material/restart_alt:",
                key="plane-reset",
                on_click=moved.reset,
                help="Moves all points back to their first places.",
            )
    clouds = plans(points)
    with middle:
        revealed = is_revealed(PLANE, prediction)
        if revealed:
            _show_blurred_plan(clouds)
    with right:
        _show_numbers(clouds, settings.power, revealed=revealed)
        if revealed:
            _show_convergence(clouds)
    if revealed:
        blurred = clouds.blurred
        verdict = verdicts.blurred_plan(
            settings.epsilon,
            blurred.cost,
            clouds.exact,
            clouds.targets,
            converged=blurred.converged,
        )
        show_result(plane_lab(clouds), prediction, verdict)


def plane_lab(clouds: transport.Clouds) -> Lab:
    """Return the lab with the answer that the costs on show give."""
    return PLANE if verdicts.blur_raises_cost(clouds.blurred.cost, clouds.exact) else SAME_COST


def _show_blurred_plan(clouds: transport.Clouds) -> None:
    chart(
        figures.transport(clouds.fake, clouds.real, clouds.blurred.mass, span=SPAN),
        key="plane_blurred",
        run="plane",
        height=310,
        title="Sinkhorn's plan",
        help=BLURRED_HELP,
        alt="Two clouds and the blurred plan between them",
    )


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
            help="The shapes of the fakes and of the real points. A new choice resets points that you moved.",
        )
    with distance_column:
        distance = st.slider(
            "Distance",
            0.0,
            4.0,
            step=0.25,
            key=persistent_key("plane-distance", first.distance),
            persist_state="session",
            help="How far the real points are to the right of the fakes.",
        )
    with power_column:
        power = st.segmented_control(
            "A move costs",
            (1, 2),
            key=persistent_key("plane-p", first.power),
            persist_state="session",
            required=True,
            wrap=True,
            format_func={1: "its length: W₁", 2: "its square: W₂"}.__getitem__,
            help="The cost of a move in both plans. With squares, two moves of medium length are cheaper than a long "
            "and a short one.",
        )
    with epsilon_column:
        epsilon = st.select_slider(
            "Blur ε",
            EPSILONS,
            key=persistent_key("plane-epsilon", first.epsilon),
            persist_state="session",
            format_func=lambda e: f"{e:g}",
            help="The weight of the entropy in Sinkhorn's plan, in the unit of the cost. As it approaches 0, the "
            "plan becomes the exact plan, and needs more iterations.",
        )
    return Settings(shapes, distance, int(power or 1), epsilon)


def _show_numbers(clouds: transport.Clouds, power: int, *, revealed: bool) -> None:
    """Show the distances; those of Sinkhorn's plan only if they are `revealed`."""
    cards = [
        Stat("W₁", f"{clouds.w1:.3f}", "units", help=W1_HELP),
        Stat("W₂", f"{clouds.w2:.3f}", "units", help=W2_HELP),
        Stat(
            "Exact cost", f"{clouds.exact:.3f}", "= W₁" if power == 1 else "= W₂²", help=COST_HELP
        ),
    ]
    if revealed:
        cards += [
            Stat(
                "Sinkhorn cost",
                f"{clouds.blurred.cost:.3f}",
                "units" if power == 1 else "units²",
                help=SINKHORN_HELP,
            ),
            Stat("Targets", f"{clouds.targets:.1f}", "per fake", help=TARGETS_HELP),
        ]
    stat_cards(cards, key="plane_numbers")


def _show_convergence(clouds: transport.Clouds) -> None:
    blurred = clouds.blurred
    if blurred.converged:
        st.caption(f":material/check: Converged after {blurred.rounds:,} iterations.")
    else:
        st.warning(
            f"Not converged after {blurred.rounds:,} iterations: the sums of the plan were off by "
            f"{100 * blurred.missed:.2g} % before the correction. A larger ε converges faster.",
            icon=":material/hourglass_bottom:",
        )
