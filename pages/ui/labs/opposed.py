"""A discriminator and a critic, trained live on two Gaussians that are far apart."""

from dataclasses import dataclass, field, replace

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import Lab, ask_prediction, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.labs.tasks import latest_task, result_of, show_progress, start_or_stop_button
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_sci
from wgan.jobs import TaskStatus
from wgan.labs import divergences
from wgan.labs.divergences import OpposedNetworks
from wgan.verdicts import wasserstein as verdicts

OPPOSED = Lab(
    "opposed",
    "Trained live",
    "A discriminator and a critic are trained on two Gaussians far apart. Whose gradient tells the fakes where to go?",
    ("The discriminator's", "The critic's", "Both"),
    1,
    "The better the discriminator, the surer it is: D is flat where the fakes are, and log(1 − D) has hardly "
    "any gradient left. The critic's slope is held near 1 between the two, so at any distance the fakes are told to move.",
    "Arjovsky et al. 2017, figure 2, arXiv:1701.07875; optimal D: Goodfellow et al. 2014, proposition 1",
)

OVERLAPPING = replace(
    OPPOSED,
    right=2,
    why="These two still overlap: the discriminator cannot be sure at most fakes, so log(1 − D) has a "
    "slope there. The further apart, the surer it is and the flatter D; the critic's slope stays near 1.",
)
"""The lab if the Gaussians overlap: then both gradients are useful."""

WORK = "Discriminator against critic"

MU = np.linspace(0.1, 10, 100)

FIGURE_HELP = """Orange: the discriminator D (left axis), from 0 = sure fake to 1 = sure real. Blue: the critic's score (right axis,
0 midway). Dashed: the optimal ones; D = p/(p+q), and a line of slope 1. The two Gaussians stand below."""

PUSH_HELP = """How strongly the generator is pushed at a fake, on average, against how far apart the two are. Dashed: closed forms
for an optimal D and an optimal critic. Dots: measured by automatic differentiation in the networks that you
have trained here, one for each μ."""

MINIMAX_HELP = """Mean size of ∂ log(1 − D)/∂x at 1,024 fakes: the gradient of the GAN's game as first written, by automatic
differentiation in the trained discriminator. For an optimal D it is D(x) μ/σ², which is about **{}** here."""

SATURATING_HELP = """Mean size of ∂ log D/∂x at the same fakes: the mend that GANs use. For an optimal D it is (1 − D(x)) μ/σ², about
**{}** here: no longer small, but the surer D, the larger and noisier it is."""

CRITIC_HELP = """Mean size of ∂f/∂x at the same fakes, by automatic differentiation. An optimal critic has slope **1**; a penalty
of weight λ lets it be 1 + W₁/2λ = **{:.2f}**."""


@dataclass
class OpposedResults:
    """The networks that this visitor has trained, by the distance μ of the two densities."""

    by_distance: dict[float, OpposedNetworks] = field(default_factory=dict)


def show_opposed() -> None:
    """Show the lab of the discriminator against the critic."""
    prediction = ask_prediction(OPPOSED)
    mu, task = _settings()
    is_running = task is not None and not task.done
    result = result_of(task, OpposedNetworks)
    results = page_state(OpposedResults).by_distance
    if result is not None and not is_running:
        results[result.mu] = result
    networks = result if result is not None and is_running else results.get(mu)
    if networks is None and task is not None and not task.error:
        networks = result
    left, right = st.columns(2, gap="medium")
    with left:
        _show_networks(networks, mu)
    with right:
        _show_gradients(networks, results, mu)
    if networks is None:
        st.caption(
            "Press **Train both**: solid curves and dots appear beside the dashed closed forms."
        )
        return
    _show_numbers(networks)
    if networks.mu != mu:
        st.caption(
            f":material/info: Shown is what was trained at μ = {networks.mu:g} σ. Press **Train both** for "
            f"μ = {mu:g} σ."
        )
    verdict = verdicts.opposed_gradients(networks.mu, networks.minimax, networks.slope)
    show_result(
        opposed_lab(networks),
        prediction,
        "" if is_running else verdict,
        early=networks.updates < networks.total,
    )


def _settings() -> tuple[float, TaskStatus | None]:
    """Show the choice of μ, the button and the progress; return μ and the task."""
    mu_column, button_column, progress_column = st.columns(
        [0.4, 0.2, 0.4], gap="medium", vertical_alignment="bottom"
    )
    with mu_column:
        mu = float(
            st.slider(
                "μ, how far apart",
                0.5,
                10.0,
                step=0.5,
                key=persistent_key("opposed-mu", 6.0),
                persist_state="session",
                format="%.1f σ",
                help="The real Gaussian is at 0, the fake one at μ; both have σ = 1.",
            )
        )
    with button_column:
        start_or_stop_button(
            WORK,
            "Train both",
            lambda: divergences.oppose(mu),
            key="opposed",
            settings=mu,
            per_visitor=True,
            help=f"Train a discriminator (cross-entropy) and a critic (gradient penalty, λ = "
            f"{divergences.PENALTY_WEIGHT:g}), ReLU 3×64, {divergences.UPDATES} updates of {divergences.BATCH} samples each. "
            "A few seconds.",
        )
    task = latest_task(WORK, per_visitor=True)
    with progress_column:
        show_progress(task)
    return mu, task


def opposed_lab(result: OpposedNetworks) -> Lab:
    """Return the lab with the answer that this training gave."""
    dead = verdicts.discriminator_is_dead(result.minimax, result.slope)
    return OPPOSED if dead else OVERLAPPING


def _show_networks(networks: OpposedNetworks | None, chosen_mu: float) -> None:
    mu = chosen_mu if networks is None else networks.mu
    x = (
        np.linspace(-4 * divergences.SPREAD, mu + 4 * divergences.SPREAD, 240)
        if networks is None
        else networks.x
    )
    empty = np.full_like(x, np.nan)
    trained = (empty, empty) if networks is None else (networks.discriminator, networks.critic)
    chart(
        figures.discriminator_and_critic(
            x,
            trained[0],
            divergences.best_discriminator(x, mu),
            np.nan_to_num(trained[1]) if networks else empty,
            mu / 2 - x,
            mu,
            divergences.SPREAD,
        ),
        key="opposed_figure",
        run=f"{mu:g}",
        height=206,
        title="Discriminator and critic",
        help=FIGURE_HELP,
        alt="The discriminator and the critic over two Gaussians, beside the optimal ones",
    )


def _show_gradients(
    networks: OpposedNetworks | None, results: dict[float, OpposedNetworks], chosen_mu: float
) -> None:
    closed_forms = divergences.expected(MU)
    # Networks that are being trained are shown together with those that were trained before.
    dots = list((results | ({} if networks is None else {networks.mu: networks})).values())
    distances = np.array([d.mu for d in dots])
    chart(
        figures.gradients_over_mu(
            MU,
            [
                ("D, minimax", closed_forms.minimax, "@generator"),
                ("D, non-saturating", closed_forms.non_saturating, "@muted"),
                ("critic", closed_forms.critic, "@critic"),
            ],
            [
                ("D, measured", distances, np.array([d.minimax for d in dots]), "@generator"),
                (
                    "non-sat., measured",
                    distances,
                    np.array([d.non_saturating for d in dots]),
                    "@muted",
                ),
                ("critic, measured", distances, np.array([d.slope for d in dots]), "@critic"),
            ]
            if dots
            else [],
            at=chosen_mu,
        ),
        key="opposed_pushes",
        run="pushes",
        height=206,
        title="Gradient at the fakes",
        help=PUSH_HELP,
        alt="The generator's gradient at fakes over the separation: closed forms and measured",
    )


def _show_numbers(networks: OpposedNetworks) -> None:
    closed_forms = divergences.expected(np.array([networks.mu]))
    minimax, non_saturating = float(closed_forms.minimax[0]), float(closed_forms.non_saturating[0])
    stat_cards(
        [
            Stat(
                "D, minimax",
                fmt_sci(networks.minimax),
                f"optimal {fmt_sci(minimax)}",
                help=MINIMAX_HELP.format(fmt_sci(minimax)),
            ),
            Stat(
                "D, non-saturating",
                fmt_sci(networks.non_saturating),
                f"optimal {fmt_sci(non_saturating)}",
                help=SATURATING_HELP.format(fmt_sci(non_saturating)),
            ),
            Stat(
                "Critic",
                fmt_sci(networks.slope),
                "optimal 1",
                help=CRITIC_HELP.format(networks.best),
            ),
        ],
        key="opposed_numbers",
    )
