"""The lab of vanishing gradients: a fixed generator, whose discriminator is trained further and further."""

from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import STOPPED, Lab, show_result
from pages.ui.labs.settings import DataChoice, control_row, no_label, persistent_key
from pages.ui.widgets.chart.chart import chart
from wgan import figures
from wgan.labs.vanishing import LOSSES, SETS, VANISHING, Vanishing, vanish
from wgan.verdicts import stability as verdicts

LAB = Lab(
    "vanishing",
    "Vanishing gradients",
    "The generator is fixed while its discriminator or critic learns longer and longer. Which loss loses its gradient?",
    tuple(title for title, _ in LOSSES.values()),
    0,
    r"The minimax loss has the gradient $-D\,\nabla f$. As $D \to 0$ at the fakes, it vanishes, however "
    r"wrong the fakes are. The non-saturating loss has $-(1-D)\,\nabla f$, which does not vanish there, but "
    r"grows as the discriminator becomes steeper. The Wasserstein loss has $-\nabla f$, and the penalty holds "
    "the size of ∇f near 1. The chart shows these gradients after the chain rule has carried them on to "
    "the weights of the generator. Their sizes are others there, but where the gradient at the fakes vanishes, that of the "
    "weights vanishes, too.",
    "Arjovsky and Bottou 2017, theorem 2.4, arXiv:1701.04862; Arjovsky et al. 2017, figure 2, "
    "arXiv:1701.07875",
)

COLOURS = {"minimax": "@two", "non-saturating": "@three", "wasserstein": "@one"}
UPDATES = (200, 500, 1_000, 2_000, 5_000, 10_000)
TIMES = {
    200: "seconds",
    500: "about 5 seconds",
    1_000: "about 10 seconds",
    2_000: "about 20 seconds",
    5_000: "about a minute",
    10_000: "about two minutes",
}

NORM_HELP = """The norm of the generator's gradient, ‖∂ loss / ∂ parameters‖, over 512 fakes, for each of the three losses.
Both axes are logarithmic. The generator is not updated. Minimax and non-saturating use **one** discriminator; the critic
has the same first weights and batches, and a gradient penalty with λ = 10."""

JUDGE_HELP = """The discriminator's D = σ(f), from 0 (fake) to 1 (real). Arrows: the direction in which the chosen loss moves some fakes;
their length is relative to the longest arrow of the training. Where D is flat, there is no arrow."""

CRITIC_HELP = """The Wasserstein critic's score f, high where the data are. Arrows: the direction in which its loss moves
the same fakes."""

SET_HELP = """The real data, and the fixed generator. **Two Gaussians**: their means are 4 apart, σ = 0.4 each, so W₁ = 4;
the generator is linear, x = A z + b. **Ring**: eight Gaussians on a circle; the generator is an untrained network 2×64, whose
points lie near the centre."""


SHORTEST_VISIBLE = 0.02
"""Length of an arrow of one pixel, as a share of the longest arrow of all moments."""

DATA = DataChoice(VANISHING, SETS, "vanishing_set", "gaussians", SET_HELP, wrap=True)


def title() -> str:
    """Return the title of the task that the settings ask for."""
    return DATA.task_title


def settings() -> bool:
    """Show the settings and the button; return whether the task is running."""
    with control_row():
        name = DATA.show()
        updates = int(
            st.select_slider(
                "Updates",
                UPDATES,
                key=persistent_key("vanishing_updates", 2_000),
                persist_state="session",
                format_func=lambda n: f"{n:,}",
                help="Updates of the discriminator, and as many of the critic. The generator is fixed.",
                width=320,
            )
        )
        with no_label():
            return tasks.start_or_stop_button(
                title(),
                "Train both networks",
                lambda: vanish(name, updates=updates),
                key="vanishing",
                settings=updates,
                help=f"Trains a discriminator and a critic for {updates:,} updates each: {TIMES[updates]} "
                "on an idle machine.",
            )


def show(prediction: int | None) -> None:
    """Show the progress and the result. The body of the page's fragment."""
    task = tasks.latest_task(title())
    result = tasks.result_of(task, Vanishing)
    updates = int(st.session_state.get("vanishing_updates", 2_000))
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left:
        tasks.show_progress(
            task,
            before=f"**Train both networks** trains a discriminator and a critic on the same batches for {updates:,} "
            f"updates, and measures the generator's gradient: {TIMES[updates]}.",
            after="ReLU networks 3×64, Adam(10⁻³, 0.5, 0.9), batches of 256. *After update* shows an "
            "earlier moment.",
        )
    if result is None:
        _show_formulas()
        return
    done = task is None or task.done
    run = task.key if task else ""
    with right, st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        loss = _choose_loss()
        at = _choose_moment(result, done)
    left, middle, right = st.columns([0.42, 0.29, 0.29], gap="small")
    with left:
        _show_norms(result, at, run)
    with middle:
        _show_plane(result, at, loss, "Discriminator D", JUDGE_HELP, run)
    with right:
        _show_plane(result, at, "wasserstein", "Critic f", CRITIC_HELP, run)
    last_update = int(result.updates[-1])
    lab, undecided = answered_lab(result)
    norms = {name: float(values[-1]) for name, values in result.norms.items()}
    verdict = verdicts.vanishing_gradients(
        last_update,
        float(result.certainty[-1]),
        minimax=norms["minimax"],
        minimax_share=result.share_of_largest("minimax"),
        non_saturating=norms["non-saturating"],
        wasserstein=norms["wasserstein"],
    )
    if done and tasks.changed_settings_note(
        {"updates": (result.total, updates)}, "Train both networks"
    ):
        prediction = None
    show_result(lab, prediction, verdict if done else "", undecided=undecided)


def answered_lab(result: Vanishing) -> tuple[Lab, str]:
    """Return the lab with the answer that a training gave; or a reason why it gave none, else empty."""
    vanished = verdicts.vanished([result.share_of_largest(loss) for loss in LOSSES])
    if result.updates[-1] < result.total:
        return LAB, STOPPED
    if not vanished:
        return LAB, "No gradient has vanished yet: train for more updates."
    return replace(LAB, right=vanished[0], also_right=vanished[1:]), ""


def _show_formulas() -> None:
    formulas = {
        "minimax": r"\min_\theta\; \mathbb{E}\log(1 - D(\tilde x))",
        "non-saturating": r"\min_\theta\; -\mathbb{E}\log D(\tilde x)",
        "wasserstein": r"\min_\theta\; -\mathbb{E} f(\tilde x)",
    }
    for column, (key, formula) in zip(st.columns(3), formulas.items(), strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{LOSSES[key][0]}**")
            st.latex(formula)
    st.caption(
        r"What the generator minimises with each of the three losses. Fakes are $\tilde x = G(z)$, θ are "
        r"the weights of G, and $D = \sigma(f)$."
    )


def _choose_moment(result: Vanishing, done: bool) -> int:
    """Show the choice of a measured update; return its index. While the task runs, it is the last one."""
    last = len(result.updates) - 1
    if not done or last < 1:
        return last
    choice = st.select_slider(
        "After update",
        [int(u) for u in result.updates],
        key=persistent_key(
            f"vanishing_at_{result.name}_{result.total}_{last}", int(result.updates[-1])
        ),
        persist_state="session",
        format_func=lambda n: f"{n:,}",
        help="The moment of the training that the two surfaces show: the dotted line on the chart.",
        width=330,
    )
    return int(np.searchsorted(result.updates, choice))


def _show_norms(result: Vanishing, at: int, run: str) -> None:
    lines = [(LOSSES[key][0], result.norms[key], COLOURS[key]) for key in LOSSES]
    chart(
        figures.gradient_norms(result.updates, lines, result.total, float(result.updates[at])),
        key="vanishing_norms",
        run=run,
        height=208,
        title="Norm of the generator's gradient",
        help=NORM_HELP,
        alt="The generator's gradient norm over updates, for three losses",
    )


def _choose_loss() -> str:
    """Show the choice of the loss whose gradient the arrows on the discriminator show; return it."""
    return (
        st.segmented_control(
            "Arrows on D",
            ("minimax", "non-saturating"),
            required=True,
            wrap=True,
            format_func=lambda key: LOSSES[key][0],
            key=persistent_key("vanishing_push", "minimax"),
            persist_state="session",
            help="The loss whose direction the arrows on the discriminator's surface show. Both losses use the same D.",
        )
        or "minimax"
    )


def _show_plane(result: Vanishing, at: int, loss: str, title: str, help: str, run: str) -> None:
    is_discriminator = loss != "wasserstein"
    table = (result.discriminator_surfaces if is_discriminator else result.critic_surfaces)[at]
    pushes = result.pushes[loss]
    lengths = np.hypot(pushes[..., 2], pushes[..., 3])
    longest, longest_now = float(lengths.max()), float(lengths[at].max())
    low, high = (0.0, 1.0) if is_discriminator else (float(table.min()), float(table.max()))
    chart(
        figures.surface_with_arrows(
            table,
            result.extent,
            real=result.real[:160],
            fake=result.fake[:160],
            arrows=pushes[at],
            low=low,
            high=high,
            unit="D" if is_discriminator else "f",
            longest=longest,
            colour=COLOURS[loss],
        ),
        key="vanishing_judge" if is_discriminator else "vanishing_critic",
        run=run,
        height=208,
        title=title,
        help=help,
        alt=f"{title} over the plane, with the direction at some fakes",
    )
    if longest_now < SHORTEST_VISIBLE * longest:
        st.caption(
            "The arrows at this update are too short to be seen. Those at other updates are longer."
        )
