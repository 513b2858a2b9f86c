"""The lab of mode collapse: GAN, WGAN and WGAN-GP from one seed, side by side."""

from dataclasses import replace

import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import Lab, show_result
from pages.ui.labs.tasks import kept
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import figures
from wgan.imaging import encode, tile
from wgan.labs.collapse import ARMS, COLLAPSE, SETS, STEPS, Arm, Collapse, limits, race

LAB = Lab(
    "collapse",
    "Mode collapse",
    "Three networks, one seed, the same data. Which one will collapse?",
    (*(title for title, _ in ARMS.values()), "None"),
    0,
    "A discriminator that is trained little only says where fakes are *too many*: all of them run to one "
    "place, it follows, and they run on. A Wasserstein critic may be trained as long as one likes, "
    "because its gradient does not vanish; a good one tells each fake which mode still lacks some.",
    "Metz et al. 2017, figure 2, arXiv:1611.02163; Arjovsky et al. 2017, section 4.3, arXiv:1701.07875",
)

COLOURS = {"gan": "@two", "wgan": "@one", "wgan-gp": "@three"}
TIMES = {
    "ring-8": "about a minute",
    "grid-25": "about a minute",
    "mnist-10k": "about a minute and a half",
}

SET_HELP = """What all three learn. On the **ring** and the **grid** one can count which of the Gaussians get samples;
on **MNIST** the shipped classifier tells which digits there are."""

JUDGED_HELP = """How many updates the GAN's discriminator gets for each of the generator's; the critics of both
WGANs get 5. A GAN is usually given 1, as a discriminator that is too good gives no gradient (the lab
*Vanishing gradients*). Try 5 on the ring: where the sets overlap it helps the GAN too."""

SEED_HELP = """Decides the first weights, every batch and every z; the generators of all three begin alike. A collapse
that comes with one seed only would prove little: try another."""

MODES_HELP = """Of 2,500 samples each: a mode is **captured** with at least one sample within 3σ of its mean
(VEEGAN, PacGAN). Dashed: all there are. The dotted line with ⚠ marks where a network counts as
collapsed."""

GOOD_HELP = """Modes with at least one of 2,500 samples within 3σ of their mean, and the share of all samples that
are so near to one: of real points 98.9 %."""

CLASSES_HELP = """Digits that have at least 1 % of 500 samples, as the shipped classifier (99 % right on real ones)
reads them. Dashed: all ten."""

HISTOGRAM_HELP = """What share of the samples is read as each digit, beside the data's own shares (dashed). A network that
makes the same few digits has tall bars there and none elsewhere."""


def _alarm_help() -> str:
    thresholds = limits()
    return (
        f"**Collapsed**: at three looks in a row, at most {100 * thresholds.modes:.0f} % of the modes captured "
        f"while {100 * thresholds.good:.0f} % of the samples are good; or all samples together spread less than "
        f"{100 * thresholds.variety:.0f} % as far as the data. For digits: more than {thresholds.class_kl:g} nats "
        f"between the samples' classes and the data's, and 15 % more than at its best. It ends after three looks at which that is not so and the modes are captured; "
        "the start does not count. The thresholds are those of a run's diagnosis. "
        f"Source: {thresholds.source}"
    )


def _name() -> str:
    return str(st.session_state.get("collapse_set") or "ring-8")


def title() -> str:
    """Return the title of the work that the settings ask for."""
    return f"{COLLAPSE}, {_name()}"


def settings() -> bool:
    """Show what can be moved, and the button; return whether that one stops the work."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = (
            st.segmented_control(
                "Data",
                list(SETS),
                format_func=SETS.__getitem__,
                required=True,
                help=SET_HELP,
                wrap=True,
                key=kept("collapse_set", tasks.under_way(COLLAPSE, SETS, "ring-8")),
                persist_state="session",
            )
            or "ring-8"
        )
        judged = (
            st.segmented_control(
                "Discriminator updates",
                (1, 2, 5),
                required=True,
                key=kept("collapse_judged", 1),
                persist_state="session",
                help=JUDGED_HELP,
            )
            or 1
        )
        seed = int(
            st.number_input(
                "Seed",
                0,
                999,
                key=kept("collapse_seed", 0),
                persist_state="session",
                help=SEED_HELP,
                width=120,
            )
        )
        return tasks.order(
            title(),
            "Train all three",
            lambda: race(name, seed=seed, judged=judged),
            key="collapse",
            given=(seed, judged),
            help=f"Trains GAN, WGAN and WGAN-GP for {STEPS[name]:,} steps each, in lockstep: "
            f"{TIMES[name]} where nothing else computes.",
        )


def show(said: int | None) -> None:
    """Show how far they have come. The body of the page's fragment."""
    name = _name()
    task = tasks.standing(title())
    result = task.result if task is not None else None
    tasks.state(
        task,
        before=f"**Train all three** trains GAN, WGAN and WGAN-GP from the same first weights on the same "
        f"batches, {STEPS[name]:,} steps, a step each in turn: {TIMES[name]}.",
        after=_made(result) if isinstance(result, Collapse) else "",
    )
    if not isinstance(result, Collapse) or not result.arms:
        _before()
        return
    done = task is None or task.done
    run = task.key if task is not None else ""
    pictures = result.frequencies is not None
    columns = st.columns([*[0.19] * len(result.arms), 1 - 0.19 * len(result.arms)], gap="small")
    for column, arm in zip(columns, result.arms, strict=False):
        with column:
            _arm(arm, result, run)
    with columns[-1]:
        _modes(result, run, pictures)
    if pictures:
        left, right = st.columns([0.5, 0.5], gap="medium")
        with left:
            _classes(result, run)
        with right:
            _tell(result, said, done)
    else:
        _tell(result, said, done)


def _tell(found: Collapse, said: int | None, done: bool) -> None:
    early = found.step < found.total
    show_result(_with_truth(found), said, happened(found) if done else "", early=early)


def _made(found: Collapse) -> str:
    updates = f"{found.judged} update" + ("s" if found.judged > 1 else "")
    rate = "3·10⁻⁴" if found.frequencies is None else "10⁻³"
    return (
        f"Seed {found.seed}, {found.step:,} of {found.total:,} steps. All learn at 3·10⁻⁴ in the critic and 10⁻³ in the "
        f"generator (WGAN: {rate} in both, RMSprop); the discriminator makes {updates} a step, the critics five."
    )


def _before() -> None:
    what = {
        "gan": (
            r"\mathbb{E}\log\sigma(f(x)) \\ +\, \mathbb{E}\log(1-\sigma(f(\tilde x)))",
            "A discriminator says *real or fake*. Nothing bounds its slope.",
        ),
        "wgan": (
            r"\mathbb{E}f(x) - \mathbb{E}f(\tilde x), \\ |w| \le c",
            "A critic says *how far apart*; its weights are clipped.",
        ),
        "wgan-gp": (
            r"\mathbb{E}f(x) - \mathbb{E}f(\tilde x) \\ -\, \lambda\,\mathbb{E}(\|\nabla f\|-1)^2",
            "A critic too; its slope is drawn to 1.",
        ),
    }
    for column, (key, (formula, words)) in zip(st.columns(3), what.items(), strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{ARMS[key][0]}**")
            # In two rows, which a narrow window has room for.
            st.latex(rf"\small\begin{{gathered}} {formula} \end{{gathered}}")
            st.caption(words)


def _arm(arm: Arm, found: Collapse, run: str) -> None:
    """Show what one of them makes, and how it stands: captured modes, quality, the alarm."""
    pictures = found.frequencies is not None
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", height=36, border=False
    ):
        st.markdown(f"**{arm.title}**", width="content", help=_alarm_help())
        if arm.broken:
            st.badge("Diverged", icon=":material/error:", color="red")
        elif arm.collapsed:
            st.badge("Collapsed", icon=":material/warning:", color="red")
        elif arm.since is not None:
            st.badge("Recovered", icon=":material/healing:", color="orange")
    if arm.pictures is not None:
        image_grid(
            encode(tile(arm.pictures[:36], 6)),
            key=f"collapse_{arm.key}",
            rows=6,
            columns=6,
            caption="",
            alt=f"Samples of {arm.title}",
            max_height=196,
        )
    elif arm.points is not None and found.real is not None:
        chart(
            figures.cloud(found.real, arm.points, found.extent),
            key=f"collapse_{arm.key}",
            run=run,
            height=196,
            alt=f"Samples of {arm.title} over the data",
        )
    if len(arm.modes):
        words = f"{arm.modes[-1]:.0f} of {found.there} {'digits' if pictures else 'modes'}"
        st.caption(
            words if pictures else f"{words} · {100 * arm.good[-1]:.0f} % good",
            help=CLASSES_HELP if pictures else GOOD_HELP,
        )


def _modes(found: Collapse, run: str, pictures: bool) -> None:
    lines = [(arm.title, arm.steps, arm.modes, COLOURS[arm.key], arm.since) for arm in found.arms]
    chart(
        figures.modes(
            lines, found.there, found.total, "digits with samples" if pictures else "modes captured"
        ),
        key="collapse_modes",
        run=run,
        height=222,
        title="Digits that are made" if pictures else "Modes captured",
        help=CLASSES_HELP if pictures else MODES_HELP,
        alt="Modes captured over steps",
    )


def _classes(found: Collapse, run: str) -> None:
    groups = [
        (arm.title, arm.classes, COLOURS[arm.key]) for arm in found.arms if arm.classes is not None
    ]
    chart(
        figures.classes([str(i) for i in range(found.there)], groups, found.frequencies),
        key="collapse_classes",
        run=run,
        height=216,
        title="Which digits",
        help=HISTOGRAM_HELP,
        alt="Shares of the digits among the samples of each network",
    )


def _with_truth(found: Collapse) -> Lab:
    """Return the lab with the answer that this training gave."""
    worst = [i for i, arm in enumerate(found.arms) if arm.since is not None or arm.broken]
    right = min(worst, key=lambda i: found.arms[i].since or 0) if worst else len(found.arms)
    why = LAB.why
    if not worst:
        why = (
            "No one collapsed this time: a discriminator that gets enough updates keeps up with its "
            "generator. Its gradient would vanish where the sets lie far apart, which is why a GAN cannot "
            "always be given more of them, and a Wasserstein critic can."
        )
    return replace(LAB, right=right, why=why)


def happened(found: Collapse) -> str:
    """Say what was measured, in a sentence."""
    pictures = found.frequencies is not None
    parts = []
    for arm in found.arms:
        if arm.broken:
            parts.append(f"**{arm.title}** diverged")
            continue
        has = f"{arm.modes[-1]:.0f} of {found.there} {'digits' if pictures else 'modes'}"
        if not pictures:
            has += f", {100 * arm.good[-1]:.0f} % of its samples good"
        if arm.since is not None:
            now = "" if arm.collapsed else " and recovered"
            parts.append(f"**{arm.title}** collapsed at step {arm.since:,}{now}: {has}")
        else:
            parts.append(f"**{arm.title}** has {has}")
    return "; ".join(parts) + "."
