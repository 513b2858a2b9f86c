"""The lab of vanishing gradients: a fixed generator, whose discriminator is trained further and further."""

import numpy as np
import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import Lab, show_result
from pages.ui.labs.settings import DataChoice, persistent_key
from pages.ui.widgets.chart.chart import chart
from wgan import figures
from wgan.labs.vanishing import LOSSES, SETS, VANISHING, Vanishing, vanish
from wgan.verdicts import stability as verdicts

LAB = Lab(
    "vanishing",
    "Vanishing gradients",
    "The generator stands still; its discriminator learns longer and longer. Whose gradient dies?",
    tuple(title for title, _ in LOSSES.values()),
    0,
    r"The minimax loss passes on $-D\,\nabla f$: once $D \to 0$ at the fakes, nothing is left, however "
    r"wrong they are. The non-saturating loss passes on $-(1-D)\,\nabla f$, which never vanishes but "
    r"grows wild as the discriminator sharpens; a Wasserstein critic passes on $-\nabla f$, whose size "
    "its penalty holds near 1.",
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

NORM_HELP = """How strongly the generator is pushed: ‖∂ loss / ∂ its parameters‖ over 512 fakes, for each of the
three losses, with both axes in powers of ten. The generator is not moved. Minimax and non-saturating are
read off **one** discriminator; the critic beside it has seen the same batches from the same first weights
(gradient penalty, λ = 10)."""

JUDGE_HELP = """The discriminator's D = σ(f), from 0 (fake) to 1 (real). Arrows: where the chosen loss pushes some
of the fakes, against their longest ever. Where D is flat no direction is left."""

CRITIC_HELP = """The Wasserstein critic's score f: high where the data are. Arrows: where its loss pushes the same
fakes. The slope reaches all the way."""

SET_HELP = """What is real and what is made. **Two Gaussians**: 4 apart, σ = 0.4 each, so W₁ = 4; the generator has
two lines, x = A z + b. **Ring**: eight Gaussians on a circle, and an untrained network 2×64 that makes points near
its centre."""


DATA = DataChoice(VANISHING, SETS, "vanishing_set", "gaussians", SET_HELP, wrap=True)


def title() -> str:
    """Return the title of the task that the settings ask for."""
    return DATA.task_title


def settings() -> bool:
    """Show the settings and the button; return whether the task is running."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = DATA.show()
        updates = int(
            st.select_slider(
                "How long",
                UPDATES,
                key=persistent_key("vanishing_updates", 2_000),
                persist_state="session",
                format_func=lambda n: f"{n:,}",
                help="Updates of the discriminator, and as many of the critic, while the generator stands "
                "still.",
                width=320,
            )
        )
        return tasks.start_or_stop_button(
            title(),
            "Train them",
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
            before=f"**Train them** trains a discriminator and a critic on the same batches for {updates:,} "
            f"updates, and measures the generator's gradient on the way: {TIMES[updates]}.",
            after="ReLU networks 3×64, Adam(10⁻³, 0.5, 0.9), batches of 256. Drag *After update* to see "
            "any moment again.",
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
    norms = {name: float(values[-1]) for name, values in result.norms.items()}
    verdict = verdicts.vanishing_gradients(
        last_update,
        float(result.certainty[-1]),
        minimax=norms["minimax"],
        minimax_share=result.share_of_largest("minimax"),
        non_saturating=norms["non-saturating"],
        wasserstein=norms["wasserstein"],
    )
    show_result(LAB, prediction, verdict if done else "", early=last_update < result.total)


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
        r"What the generator minimises in each of the three; fakes are $\tilde x = g_\theta(z)$, and "
        r"$D = \sigma(f)$."
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
        help="Which moment of the training the two surfaces show; the dotted line on the chart.",
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
        title="How strongly the generator is pushed",
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
            help="Whose push the arrows on the discriminator's surface show: both losses read the same D.",
        )
        or "minimax"
    )


def _show_plane(result: Vanishing, at: int, loss: str, title: str, help: str, run: str) -> None:
    is_discriminator = loss != "wasserstein"
    table = (result.discriminator_surfaces if is_discriminator else result.critic_surfaces)[at]
    pushes = result.pushes[loss]
    longest = float(np.hypot(pushes[..., 2], pushes[..., 3]).max())
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
        alt=f"{title} over the plane, with the push on some fakes",
    )
