"""The lab of mode collapse: GAN, WGAN and WGAN-GP from one seed, side by side."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import STOPPED, Lab, show_result
from pages.ui.labs.settings import DataChoice, control_row, no_label, persistent_key
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import figures
from wgan.format import fmt_share
from wgan.imaging import encode, tile
from wgan.labs.collapse import ARMS, COLLAPSE, CRITIC_UPDATES, SETS, STEPS, Collapse, race
from wgan.labs.gan_history import GanHistory, limits
from wgan.verdicts import stability as verdicts
from wgan.verdicts.stability import TrainedGan

LAB = Lab(
    "collapse",
    "Mode collapse",
    "Three models train on the same data, with the same seed and the same number of updates. Which one collapses first?",
    (*(title for title, _ in ARMS.values()), "None"),
    0,
    "A discriminator with few updates learns little more than where fakes are too frequent. The generator moves all "
    "of them to another place, the discriminator follows, and so on. With more updates it also learns where samples "
    "are missing, as the critics of both WGANs do.",
    "Metz et al. 2017, figure 2, arXiv:1611.02163; Arjovsky et al. 2017, section 4.3, arXiv:1701.07875",
)

WHY_NONE = (
    "No model collapsed here. Real examples and fakes overlap, so a discriminator with "
    "enough updates gives the generator a useful gradient. If they lie far apart, the gradient of a "
    "well-trained discriminator vanishes (lab *Vanishing gradients*), and more updates make it worse."
)
"""The reason if no model collapses."""

WHY_NOT_THE_GAN = (
    "A Wasserstein loss does not exclude a collapse. With clipping the critic may be too simple to see missing "
    "modes, and a learning rate that is too high moves all samples at once. One seed says little: try another."
)
"""The reason if a WGAN collapses or diverges first."""

EVIDENCE = f"""**Papers.** Metz et al. 2017 (figure 2) show a GAN on a ring that moves from mode to mode.
Arjovsky et al. 2017 (section 4.3) report no mode collapse in any experiment with WGAN. Lucic et al. 2018
(arXiv:1711.10337) find no objective that is consistently better than the original GAN if all get the same
tuning.

**Here**, over five seeds: with {CRITIC_UPDATES} updates for each model, none collapsed on the ring. The median share of high-quality
samples was 68 % for the GAN, 4 % for WGAN and 33 % for WGAN-GP. With 1 update of the discriminator the GAN
collapsed in 5 of 5 trainings. On the grid all three had 20 to 24 of 25 modes, but only 6 to 8 % high-quality samples: these
trainings are short. WGAN lost modes for a while in 1 training of 5, WGAN-GP in 2.

**So** the number of its discriminator's updates decides whether this GAN collapses. With equal updates, no
model collapsed for good, whatever its objective. This holds only for these small networks and short trainings.
"""

COLOURS = {"gan": "@two", "wgan": "@one", "wgan-gp": "@three"}
TIMES = {
    "ring-8": "about a minute",
    "grid-25": "about a minute",
    "mnist-10k": "about a minute and a half",
}

SET_HELP = """The data that all three models learn. On the **ring** and the **grid**, the lab counts the Gaussians that have samples;
on **MNIST**, a classifier that comes with the app counts the digits."""

JUDGED_HELP = f"""Updates of the GAN's discriminator in each step. The critics of both WGANs get {CRITIC_UPDATES}. With the
same number the comparison is fair. GANs are often trained with 1, because a discriminator that is too good gives
no gradient (lab *Vanishing gradients*)."""

SEED_HELP = """Determines the first weights, every batch and every z. The three generators begin with the same weights. A
collapse with one seed says little: try others."""

MODES_HELP = """A mode is **captured** if at least one of 2,500 samples lies within 3σ of its mean (VEEGAN, PacGAN). Dashed:
all modes. A dotted line with ⚠ marks the step at which a model counts as collapsed. A single sample captures a mode,
so look at the share of high-quality samples, too."""

SHARE_HELP = """The share of 2,500 samples that lie within 3σ of a mean: samples of **high quality**. Dashed: the same share of real
points, 98.9 %."""

GOOD_HELP = """The modes with at least one of 2,500 samples within 3σ of their mean, and the share of samples within 3σ
of a mean. Of real points it is 98.9 %."""

CLASSES_HELP = """Digits with at least 1 % of 500 samples, according to a classifier that is right for 99 % of real
digits. Dashed: all ten."""

HISTOGRAM_HELP = """The share of the samples that the classifier reads as each digit. Dashed: the shares in the data. A
model that makes few different digits has high bars for these, and none for the others."""


def _alarm_help() -> str:
    thresholds = limits()
    return (
        "**Collapsed**: the model had more modes before, and in three measurements in a row it captures at most "
        f"{100 * thresholds.modes:.0f} % of the modes while {100 * thresholds.good:.0f} % of its samples are of high quality; or "
        f"its samples spread less than {100 * thresholds.variety:.0f} % as far as the data, after they spread more. "
        f"For digits: the divergence between the classes of samples and data is above {thresholds.class_kl:g} nats, "
        "and 15 % above its smallest value so far. **Recovered**: three measurements in a row without this, with "
        "most modes captured. The beginning of the training does not count. A model that diverges counts as collapsed. The thresholds are those of a run's "
        "diagnosis. "
        f"Source: {thresholds.source}"
    )


DATA = DataChoice(COLLAPSE, SETS, "collapse_set", "ring-8", SET_HELP, wrap=True)


def title() -> str:
    """Return the title of the task that the settings ask for."""
    return DATA.task_title


def current_lab() -> Lab:
    """Return the lab with a question that states the number of updates, if it differs between networks."""
    updates = _chosen_updates()
    if updates == CRITIC_UPDATES:
        return LAB
    plural = "s" if updates > 1 else ""
    question = (
        f"The GAN's discriminator gets {updates} update{plural} per step, both critics {CRITIC_UPDATES}. "
        "Which model collapses first?"
    )
    return replace(LAB, question=question, about=str(updates))


def _chosen_updates() -> int:
    """Return the chosen number of updates of the discriminator."""
    return int(st.session_state.get("collapse_judged") or CRITIC_UPDATES)


def settings() -> bool:
    """Show the settings and the button; return whether the task is running."""
    with control_row():
        name = DATA.show()
        discriminator_updates = (
            st.segmented_control(
                "Discriminator updates",
                (1, 2, CRITIC_UPDATES),
                required=True,
                key=persistent_key("collapse_judged", CRITIC_UPDATES),
                persist_state="session",
                help=JUDGED_HELP,
            )
            or CRITIC_UPDATES
        )
        seed = int(
            st.number_input(
                "Seed",
                0,
                999,
                key=persistent_key("collapse_seed", 0),
                persist_state="session",
                help=SEED_HELP,
                width=120,
            )
        )
        with no_label():
            return tasks.start_or_stop_button(
                title(),
                "Train all three",
                lambda: race(name, seed=seed, discriminator_updates=discriminator_updates),
                key="collapse",
                settings=(seed, discriminator_updates),
                help=f"Trains GAN, WGAN and WGAN-GP for {STEPS[name]:,} steps each: "
                f"{TIMES[name]} on an idle machine.",
            )


def show(prediction: int | None) -> None:
    """Show the progress and the result. The body of the page's fragment."""
    name = DATA.name
    task = tasks.latest_task(title())
    result = tasks.result_of(task, Collapse)
    tasks.show_progress(
        task,
        before=f"**Train all three** trains GAN, WGAN and WGAN-GP with the same first weights and batches for "
        f"{STEPS[name]:,} steps: {TIMES[name]}. Look for modes without samples, and for samples that move together "
        "from mode to mode.",
        after="" if result is None else _describe_run(result),
    )
    if result is None or not result.gans:
        _show_formulas()
        return
    done = task is None or task.done
    run = task.key if task is not None else ""
    pictures = result.frequencies is not None
    columns = st.columns([*[0.19] * len(result.gans), 1 - 0.19 * len(result.gans)], gap="small")
    for column, gan in zip(columns, result.gans, strict=False):
        with column:
            _show_gan(gan, result, run)
    with columns[-1]:
        _show_modes(result, run, pictures)
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        if pictures:
            _show_classes(result, run)
        else:
            _show_good_shares(result, run)
    with right:
        _show_verdict(result, prediction, done)


def _show_verdict(result: Collapse, prediction: int | None, done: bool) -> None:
    pictures = result.frequencies is not None
    gans = [_trained_gan(gan, pictures) for gan in result.gans]
    if tasks.changed_settings_note(
        {
            "discriminator updates": (result.discriminator_updates, _chosen_updates()),
            "seed": (result.seed, int(st.session_state.get("collapse_seed") or 0)),
        },
        "Train all three",
    ):
        prediction = None
    verdict = verdicts.mode_collapse(gans, result.total_modes, "digits" if pictures else "modes")
    show_result(
        answered_lab(gans),
        prediction,
        verdict if done else "",
        undecided=STOPPED if result.step < result.total else "",
    )
    if done:
        if result.step >= result.total:
            st.markdown(
                verdicts.after_mode_collapse(gans, result.discriminator_updates, CRITIC_UPDATES)
            )
        with st.expander("Papers and other seeds", icon=":material/menu_book:"):
            st.markdown(EVIDENCE)


def answered_lab(gans: Sequence[TrainedGan]) -> Lab:
    """Return the lab with the answer that a training gave."""
    first = verdicts.first_to_collapse(gans)
    if not first:
        return replace(LAB, right=len(gans), why=WHY_NONE)  # the last answer is "None"
    why = LAB.why if gans[first[0]].title == LAB.answers[0] else WHY_NOT_THE_GAN
    return replace(LAB, right=first[0], also_right=first[1:], why=why)


def _trained_gan(gan: GanHistory, pictures: bool) -> TrainedGan:
    measured = len(gan.modes) > 0
    return TrainedGan(
        gan.title,
        float(gan.modes[-1]) if measured else 0.0,
        None if pictures or not measured else float(gan.good[-1]),
        gan.since,
        gan.collapsed,
        int(gan.steps[-1] if measured else 0) if gan.broken else None,
    )


def _describe_run(result: Collapse) -> str:
    updates = f"{result.discriminator_updates} update" + (
        "s" if result.discriminator_updates > 1 else ""
    )
    rate = "3·10⁻⁴" if result.frequencies is None else "10⁻³"
    return (
        f"Seed {result.seed}, {result.step:,} of {result.total:,} steps. Learning rates: 3·10⁻⁴ of discriminator and critic, 10⁻³ "
        f"of the generator (WGAN: {rate} of both, RMSprop). Each step has {updates} of the discriminator, and "
        f"{CRITIC_UPDATES} of each critic."
    )


def _show_formulas() -> None:
    texts = {
        "gan": (
            r"\mathbb{E}\log\sigma(f(x)) \\ +\, \mathbb{E}\log(1-\sigma(f(\tilde x)))",
            "A discriminator answers *real or fake*. Nothing bounds its slope.",
        ),
        "wgan": (
            r"\mathbb{E}f(x) - \mathbb{E}f(\tilde x), \\ |w| \le c",
            "A critic answers *how far apart*. Its weights are clipped.",
        ),
        "wgan-gp": (
            r"\mathbb{E}f(x) - \mathbb{E}f(\tilde x) \\ -\, \lambda\,\mathbb{E}(\|\nabla f\|-1)^2",
            "A critic, too; a penalty pulls its slope towards 1.",
        ),
    }
    for column, (key, (formula, explanation)) in zip(st.columns(3), texts.items(), strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{ARMS[key][0]}**")
            # In two rows, so that it fits into a narrow window.
            st.latex(rf"\small\begin{{gathered}} {formula} \end{{gathered}}")
            st.caption(explanation)


def _show_gan(gan: GanHistory, result: Collapse, run: str) -> None:
    """Show the samples of a network, its captured modes and quality, and whether it has collapsed."""
    pictures = result.frequencies is not None
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", height=36, border=False
    ):
        st.markdown(f"**{gan.title}**", width="content", help=_alarm_help())
        if gan.broken:
            st.badge("Diverged", icon=":material/error:", color="red")
        elif gan.collapsed:
            st.badge("Collapsed", icon=":material/warning:", color="red")
        elif gan.since is not None:
            st.badge("Recovered", icon=":material/healing:", color="orange")
    if gan.pictures is not None:
        image_grid(
            encode(tile(gan.pictures[:36], 6)),
            key=f"collapse_{gan.key}",
            rows=6,
            columns=6,
            caption="",
            alt=f"Samples of {gan.title}",
            max_height=196,
        )
    elif gan.points is not None and result.real is not None:
        chart(
            figures.point_cloud(result.real, gan.points, result.extent),
            key=f"collapse_{gan.key}",
            run=run,
            height=196,
            alt=f"Samples of {gan.title} over the data",
        )
    if len(gan.modes):
        text = f"{gan.modes[-1]:.0f} of {result.total_modes} {'digits' if pictures else 'modes'}"
        st.caption(
            text if pictures else f"{text} · {fmt_share(float(gan.good[-1]))} high quality",
            help=CLASSES_HELP if pictures else GOOD_HELP,
        )


def _show_modes(result: Collapse, run: str, pictures: bool) -> None:
    lines = [(gan.title, gan.steps, gan.modes, COLOURS[gan.key], gan.since) for gan in result.gans]
    chart(
        figures.modes_over_steps(
            lines,
            result.total_modes,
            result.total,
            "digits with samples" if pictures else "modes captured",
        ),
        key="collapse_modes",
        run=run,
        height=222,
        title="Digits with samples" if pictures else "Modes captured",
        help=CLASSES_HELP if pictures else MODES_HELP,
        alt="Modes captured over steps",
    )


def _show_good_shares(result: Collapse, run: str) -> None:
    lines = [(gan.title, gan.steps, gan.good, COLOURS[gan.key]) for gan in result.gans]
    chart(
        figures.good_share_over_steps(lines, result.floor, result.total),
        key="collapse_good",
        run=run,
        height=216,
        title="High quality",
        help=SHARE_HELP,
        alt="Share of high-quality samples over steps",
    )


def _show_classes(result: Collapse, run: str) -> None:
    groups = [
        (gan.title, gan.classes, COLOURS[gan.key]) for gan in result.gans if gan.classes is not None
    ]
    chart(
        figures.class_shares(
            [str(i) for i in range(result.total_modes)], groups, result.frequencies
        ),
        key="collapse_classes",
        run=run,
        height=216,
        title="Shares of the digits",
        help=HISTOGRAM_HELP,
        alt="Shares of the digits among the samples of each network",
    )
