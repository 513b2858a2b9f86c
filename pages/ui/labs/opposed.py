"""A discriminator and a critic, trained live on two Gaussians that are far apart."""

from dataclasses import dataclass, field, replace

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.labs.frame import STOPPED, Lab, ask_prediction, is_revealed, show_result
from pages.ui.labs.settings import persistent_key
from pages.ui.labs.tasks import latest_task, result_of, show_progress, start_or_stop_button
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.format import fmt_sig
from wgan.jobs import TaskStatus
from wgan.labs import divergences
from wgan.labs.divergences import OpposedNetworks
from wgan.verdicts import wasserstein as verdicts

OPPOSED = Lab(
    "opposed",
    "Trained live",
    "A discriminator and a critic learn two Gaussians. Which has a useful gradient at the fakes: the minimax loss "
    "log(1 − D) or the critic?",
    ("The minimax loss", "The critic", "Both"),
    1,
    "A good discriminator is sure that fakes are fake. There D is flat, and log(1 − D) has hardly any gradient. The "
    "non-saturating loss −log D, which most GANs use, keeps a large gradient with the same D. The penalty holds the "
    "critic's slope near 1 between both Gaussians, at any distance.",
    "Arjovsky et al. 2017, figure 2, arXiv:1701.07875; optimal D: Goodfellow et al. 2014, proposition 1",
)

BOTH = replace(
    OPPOSED,
    right=2,
    why="Here the discriminator is still unsure about many fakes, so log(1 − D) still has a gradient. The further apart the "
    "Gaussians are and the longer it is trained, the surer it is and the flatter D. The critic's slope stays near 1.",
)
"""The lab if both gradients are of use, as with Gaussians that overlap."""

WEAK_CRITIC = replace(
    OPPOSED,
    right=0,
    why="The critic's gradient is far below 1 here, so its training has not converged. Train both again with another μ.",
)
"""The lab if the critic has learned too little."""

WORK = "Discriminator against critic"

MU = np.linspace(0.1, 10, 100)

FIGURE_HELP = """Orange: the discriminator D (left axis), from 0 (surely fake) to 1 (surely real). Blue: the critic's score (right axis,
0 in the middle). Dashed: the optimal discriminator p/(p + q), and an optimal critic of slope 1. The filled curves are the two Gaussians."""

PUSH_HELP = """The mean gradient at a fake, over the distance μ. Dashed: closed forms for an optimal discriminator and an
optimal critic. Dots: measured in the networks that you have trained here, one for each μ."""

MINIMAX_HELP = """Mean size of ∂ log(1 − D)/∂x at 1,024 fakes: the generator's loss in the original minimax game.
For an optimal D it is D(x) μ/σ², on average **{}** here."""

SATURATING_HELP = """Mean size of ∂ log D/∂x at the same fakes: the loss that most GANs use. For an optimal D it is (1 − D(x)) μ/σ²,
on average **{}** here. It does not vanish, but grows with μ."""

CRITIC_HELP = """Mean size of ∂f/∂x at the same fakes. An optimal critic has slope **1**. A penalty with weight λ allows
1 + W₁/2λ = **{:.2f}**."""


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
    with right:
        # The closed forms answer the question, too.
        revealed = networks is not None or is_revealed(OPPOSED, prediction, trains=True)
        if revealed:
            _show_gradients(networks, results, mu)
    with left:
        if revealed:
            _show_networks(networks, mu)
        else:
            _show_gaussians(mu)
    if networks is None:
        st.caption("**Train both** trains the two networks on these Gaussians: a few seconds.")
        return
    _show_numbers(networks)
    if networks.mu != mu:
        st.caption(
            f":material/info: This result has μ = {networks.mu:g} σ. Press **Train both** to train with "
            f"μ = {mu:g} σ."
        )
    verdict = verdicts.opposed_gradients(
        networks.mu, networks.minimax, networks.non_saturating, networks.slope
    )
    show_result(
        opposed_lab(networks),
        prediction,
        "" if is_running else verdict,
        undecided=STOPPED if networks.updates < networks.total else "",
    )


def _settings() -> tuple[float, TaskStatus | None]:
    """Show the choice of μ, the button and the progress; return μ and the task."""
    mu_column, button_column, progress_column = st.columns(
        [0.4, 0.2, 0.4], gap="medium", vertical_alignment="bottom"
    )
    with mu_column:
        mu = float(
            st.slider(
                "Distance μ",
                0.5,
                10.0,
                step=0.5,
                key=persistent_key("opposed-mu", 6.0),
                persist_state="session",
                format="%.1f σ",
                help="The real Gaussian has mean 0, the fake one mean μ. Both have σ = 1.",
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
            help=f"Trains a discriminator (cross-entropy) and a critic (gradient penalty, λ = "
            f"{divergences.PENALTY_WEIGHT:g}) for {divergences.UPDATES} updates. Both are ReLU networks 3×64 with batches of "
            f"{divergences.BATCH}. This takes a few seconds.",
        )
    task = latest_task(WORK, per_visitor=True)
    with progress_column:
        show_progress(task)
    return mu, task


def opposed_lab(result: OpposedNetworks) -> Lab:
    """Return the lab with the answer that this training gave."""
    return (WEAK_CRITIC, OPPOSED, BOTH)[verdicts.stronger_gradient(result.minimax, result.slope)]


def _show_gaussians(mu: float) -> None:
    """Show the two Gaussians without any network."""
    x = np.linspace(-4 * divergences.SPREAD, 4 * divergences.SPREAD, 120)
    height = np.exp(-((x / divergences.SPREAD) ** 2) / 2)
    chart(
        figures.two_densities(
            (x + mu, height),
            (x, height),
            span=(-4 * divergences.SPREAD, mu + 4 * divergences.SPREAD),
        ),
        key="opposed_gaussians",
        run=f"{mu:g}",
        height=206,
        title="The two Gaussians",
        help="The real Gaussian has mean 0, the fake one mean μ. Both have σ = 1.",
        alt="Two Gaussians at the distance μ",
    )


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
                ("minimax", closed_forms.minimax, "@generator"),
                ("non-saturating", closed_forms.non_saturating, "@muted"),
                ("critic", closed_forms.critic, "@critic"),
            ],
            [
                ("minimax, measured", distances, np.array([d.minimax for d in dots]), "@generator"),
                (
                    "non-saturating, measured",
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
                "Minimax",
                fmt_sig(networks.minimax),
                f"optimal {fmt_sig(minimax)}",
                help=MINIMAX_HELP.format(fmt_sig(minimax)),
            ),
            Stat(
                "Non-saturating",
                fmt_sig(networks.non_saturating),
                f"optimal {fmt_sig(non_saturating)}",
                help=SATURATING_HELP.format(fmt_sig(non_saturating)),
            ),
            Stat(
                "Critic",
                fmt_sig(networks.slope),
                "optimal 1.00",
                help=CRITIC_HELP.format(networks.best),
            ),
        ],
        key="opposed_numbers",
    )
