"""One training step in slow motion: its stages, one after the other, with the tensors of the run's next step."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.core.permissions import refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import attempt, session
from pages.ui.core.state import page_state
from pages.ui.core.widget_state import user_changed, widget_key_for
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import critic, figures
from wgan.arrays import F32
from wgan.config import TrainConfig
from wgan.data import DataError
from wgan.format import fmt_alike, fmt_sig
from wgan.imaging import encode, tile
from wgan.jobs import RunSnapshot
from wgan.runs import RunError, Status
from wgan.session import Session
from wgan.training import CriticStage, GeneratorStage, Part, SlowStep
from wgan.verdicts import critic as verdicts

PLAY_INTERVAL_S = 2.5
"""Seconds for which a stage is shown while the stages play."""

PARTS: dict[Part, str] = {
    "both": "Both networks",
    "critic": "Critic only",
    "generator": "Generator only",
}

PART_HELP = """Which networks the step updates. A WGAN updates the critic several times, and then the generator once. With *Critic
only* or *Generator only* the other network stays as it is, so you see what one of them does alone. Only a step of both
networks can be applied."""

APPLY_HELP = """Make this step in the run, as *Step once* on the Train page does. The networks of the run are then those that
you see here."""

NEWEST_HELP = "Show the step that follows the newest state of the run."

PICTURES_HEIGHT = 140


@dataclass
class SlowMotion:
    """The step on show, and the stage of it."""

    source: tuple[object, ...] = ()  # what was asked for
    step: SlowStep | None = None
    problem: str = ""
    stage: int = 0
    playing: bool = False
    shown_at: float = 0.0  # `time.monotonic()` since which the stage is shown

    def load(self, run: str, checkpoint: int | None, part: Part) -> None:
        """Make the next step of a run on a copy, and go to its first stage."""
        self.go(0)
        self.problem, self.step = "", None
        try:
            self.step = session().slow_step(run, checkpoint, part=part)
        except (RunError, DataError) as error:
            self.problem = str(error)

    def go(self, stage: int, *, playing: bool = False) -> None:
        """Show a stage."""
        self.stage, self.playing, self.shown_at = stage, playing, time.monotonic()


@dataclass(frozen=True)
class Stage:
    """One stage of a step: what happens, with its formula, and how it is drawn."""

    title: str
    text: str
    draw: Callable[[], None]


def is_playing() -> bool:
    """Return whether the stages play."""
    return page_state(SlowMotion).playing


def show(snapshot: RunSnapshot, checkpoint: int | None) -> None:
    """Show the stages of the step after the newest state of a run, or after a checkpoint."""
    motion = page_state(SlowMotion)
    # The step after the last one of a run would change nothing.
    skips_last = checkpoint is None and _ends_with_rates_of_0(snapshot)
    if skips_last:
        checkpoint = snapshot.checkpoint_steps[-2]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        part = _choose_part()
        # A change of a hyperparameter changes the next step, too, and so does a step of a paused run.
        at = snapshot.step if snapshot.status is Status.PAUSED else None
        source = (snapshot.run, checkpoint, part, snapshot.config, at)
        if motion.source != source:
            motion.source = source
            motion.load(snapshot.run, checkpoint, part)
        _buttons(snapshot, checkpoint, part, motion)
    if motion.step is None:
        st.info(plain_text(motion.problem), icon=":material/info:")
        return
    stages = stages_of(motion.step)
    # Other reruns than those of the page's timer come earlier.
    if motion.playing and time.monotonic() - motion.shown_at > 0.8 * PLAY_INTERVAL_S:
        _advance(motion, len(stages))
    st.caption(_caption(motion.step, snapshot, checkpoint, skips_last=skips_last))
    _timeline(motion, stages)
    stage = stages[motion.stage]
    st.markdown(f"##### {stage.title}")
    st.markdown(stage.text)
    # A fixed height, so that the controls stay where they are.
    with st.container(height=340, border=False, key="slow_stage_body"):
        stage.draw()


def _choose_part() -> Part:
    """Show the choice of the networks that the step updates, and return it."""
    part: Part = st.segmented_control(
        "Update",
        list(PARTS),
        format_func=PARTS.__getitem__,
        default="both",
        required=True,
        key="slow_part",
        persist_state="session",
        label_visibility="collapsed",
        width="content",
        help=PART_HELP,
    )
    return part


def _buttons(snapshot: RunSnapshot, checkpoint: int | None, part: Part, motion: SlowMotion) -> None:
    """Show the buttons for the whole step."""
    st.button(
        "Newest step",
        icon=":material/refresh:",
        key="slow_newest",
        on_click=motion.load,
        args=(snapshot.run, checkpoint, part),
        disabled=not _is_old(snapshot, checkpoint, motion),
        help=NEWEST_HELP,
    )
    reason = _why_not_apply(snapshot, checkpoint, part, motion.step)
    st.button(
        "Apply",
        icon=":material/check:",
        key="slow_apply",
        on_click=_apply,
        args=(snapshot.run, motion),
        disabled=bool(reason),
        help=reason or APPLY_HELP,
    )


def _why_not_apply(
    snapshot: RunSnapshot, checkpoint: int | None, part: Part, step: SlowStep | None
) -> str:
    """Return why the step on show cannot be made in the run; empty if it can."""
    if snapshot.is_trained_by_other_process:
        return "Another process trains this run."
    if checkpoint is not None or not snapshot.status.active:
        return "Only the next step of a paused run can be applied. You can resume a run on the Train page."
    if refusal := refusal_to_change(snapshot.run):
        return refusal
    if snapshot.status is not Status.PAUSED:
        return "Pause the run first, on the Train page."
    if part != "both":
        return "Only a step of both networks can be applied."
    if step is None or step.step != snapshot.step + 1:
        return "The run is already at a later step. Press “Newest step” first."
    return ""


def _is_old(snapshot: RunSnapshot, checkpoint: int | None, motion: SlowMotion) -> bool:
    """Return whether another step than the one on show would be made now."""
    if motion.step is None:
        return True
    return checkpoint is None and motion.step.step != snapshot.step + 1


def _apply(run: str, motion: SlowMotion) -> None:
    if motion.step is None:
        return
    attempt(Session.step_once, run, only_step=motion.step.step)
    newest_step = session().snapshot(run).step
    if newest_step == motion.step.step:
        st.toast(f"The run has made step {newest_step:,}.", icon=":material/check:")
    motion.source = ()  # the step after it is shown


def _ends_with_rates_of_0(snapshot: RunSnapshot) -> bool:
    """Return whether a run has ended with learning rates of 0, and has an earlier checkpoint."""
    return (
        not snapshot.status.active
        and snapshot.config.decay != "none"
        and len(snapshot.checkpoint_steps) > 1
        and snapshot.checkpoint_steps[-1] >= snapshot.config.steps
    )


def _caption(
    step: SlowStep, snapshot: RunSnapshot, checkpoint: int | None, *, skips_last: bool
) -> str:
    """Return what is on show, in one line."""
    text = f"Step {step.step:,}, made on a copy of the networks: the run does not change."
    if skips_last:
        text += " At the end of this run the learning rates are 0, so earlier weights are used."
    if not any(step.learning_rates.values()):
        text += " The learning rates have decayed to 0, so nothing changes: choose earlier weights."
    elif not step.has_optimizers:
        text += (
            " The checkpoint has no state of the optimisers. Their moving averages start at 0 here, so this "
            "step differs in size from the run's own."
        )
    elif checkpoint is None and snapshot.status.active and step.step <= snapshot.step:
        text += " The run is already at a later step."
    return text


# ---- the timeline of the stages -----------------------------------------------------------------


def _timeline(motion: SlowMotion, stages: Sequence[Stage]) -> None:
    """Show the buttons and the slider that choose a stage."""
    last = len(stages) - 1

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="slow_back",
            on_click=motion.go,
            args=(max(0, motion.stage - 1),),
            disabled=motion.stage == 0,
        )
        if st.button(
            "Pause" if motion.playing else "Play",
            icon=":material/pause:" if motion.playing else ":material/play_arrow:",
            key="slow_play",
            type="primary",
            width=110,
        ):
            begins_anew = not motion.playing and motion.stage == last
            motion.go(0 if begins_anew else motion.stage, playing=not motion.playing)
            st.rerun()  # the page sets the interval of its fragment
        st.button(
            "Next",
            icon=":material/chevron_right:",
            key="slow_next",
            on_click=motion.go,
            args=(min(last, motion.stage + 1),),
            disabled=motion.stage == last,
        )
        key = widget_key_for("slow_stage", motion.stage + 1)

        def choose() -> None:
            if user_changed(key):
                motion.go(int(st.session_state[key]) - 1)

        st.slider(
            "Stage",
            1,
            last + 1,
            value=motion.stage + 1,
            key=key,
            on_change=choose,
            format=f"%d of {last + 1}",
            label_visibility="collapsed",
        )


def _advance(motion: SlowMotion, stages: int) -> None:
    """Go to the next stage; at the last one, stop."""
    at = min(motion.stage + 1, stages - 1)
    motion.go(at, playing=at + 1 < stages)
    if not motion.playing:
        st.rerun()  # the page ends the interval of its fragment


# ---- the stages ---------------------------------------------------------------------------------


def stages_of(step: SlowStep) -> list[Stage]:
    """Return the stages of a step in the order in which they happen."""
    config = step.config
    stages: list[Stage] = []
    for i, update in enumerate(step.critic):
        of = f": critic update {i + 1} of {len(step.critic)}" if len(step.critic) > 1 else ""
        if i == 0:
            stages += _batch_stages(update)
        stages += _critic_stages(update, config, step.learning_rates["critic"], of)
    if step.generator is not None:
        stages += _generator_stages(step.generator, config, step.learning_rates["generator"])
    return stages


def _batch_stages(update: CriticStage) -> list[Stage]:
    numbers = ", ".join(f"{value:.2f}".replace("-", "−") for value in update.z[0, :5])
    n, size = len(update.real_scores), update.z.shape[1]
    return [
        Stage(
            "The generator makes fakes",
            rf"Each z has {size} random numbers, $z\sim\mathcal N(0, I)$; the first one begins with "
            rf"{numbers}. The generator turns it into a fake, $\tilde x=G(z)$. A batch has {n:,} of them; "
            f"{len(update.fake)} are on show.",
            lambda: _rows([("Fake", update.fake, [])]),
        ),
        Stage(
            "A batch of real examples",
            f"As many real examples $x$ are drawn from the data set: {n:,}.",
            lambda: _rows([("Real", update.real, [])]),
        ),
    ]


def _critic_stages(update: CriticStage, config: TrainConfig, rate: float, of: str) -> list[Stage]:
    shown = len(update.real)
    gap = float(update.real_scores.mean() - update.fake_scores.mean())
    gap_after = float(update.real_scores_after.mean() - update.fake_scores_after.mean())
    loss = f"{config.objective.critic_formula} = **{fmt_sig(update.loss)}**"
    stages = [
        Stage(
            f"The critic scores both{of}",
            "The critic gives each example a score $f(x)$. The critic gap is the difference of the means, "
            rf"$\mathbb E f(x)-\mathbb E f(\tilde x)$ = **{fmt_sig(gap)}**. "
            f"{_where_numbers_are(update.real, 'score')}",
            lambda: _rows(
                [
                    ("Real", update.real, fmt_alike(update.real_scores[:shown].tolist())),
                    ("Fake", update.fake, fmt_alike(update.fake_scores[:shown].tolist())),
                ],
                update.real_scores,
                update.fake_scores,
            ),
        )
    ]
    points, slopes = update.points, update.slopes
    minimised = "the loss" if points is None else "loss and penalty"
    if points is not None and slopes is not None:
        stages.append(
            Stage(
                f"Loss and penalty{of}",
                rf"The loss is {loss}. The penalty measures the slope $\|\nabla f(\hat x)\|$ at the points "
                rf"$\hat x$ below. Times its weight λ, it adds **{fmt_sig(update.penalty)}** to the loss. {_where_numbers_are(update.real, 'slope')}",
                lambda: _rows([("Points of the penalty", points, fmt_alike(slopes.tolist()))]),
            )
        )
    else:
        stages.append(
            Stage(
                f"Loss{of}",
                f"The loss is {loss}. There is no penalty in this update.",
                lambda: _histogram(
                    update.real_scores, update.fake_scores, "The scores of the batch"
                ),
            )
        )
    stages.append(
        Stage(
            f"The critic is updated{of}",
            f"{config.optimizer.title} moves each weight against the gradient of {minimised}, with learning rate "
            f"{fmt_sig(rate)}.{_how(config)} The change of all weights has the norm {fmt_sig(update.weight_change)}. The gap of the same batch goes "
            f"from {fmt_sig(gap)} to **{fmt_sig(gap_after)}**.{verdicts.gap_after_update(gap, gap_after, penalised=update.points is not None)}",
            lambda: _histogram(
                update.real_scores_after,
                update.fake_scores_after,
                "The same batch, scored after the update",
            ),
        )
    )
    return stages


def _how(config: TrainConfig) -> str:
    """Return what an update of the critic does besides a step of the optimiser."""
    if config.split_updates:
        return " It makes one update with the real examples, and then one with the fakes."
    if config.objective.name == "wgan":
        return " Then each weight is clipped."
    return ""


def _where_numbers_are(examples: F32, name: str) -> str:
    if examples.ndim == 4:
        return f"The number on each picture is its {name}."
    return f"Point at an example to read its {name}."


def _generator_stages(update: GeneratorStage, config: TrainConfig, rate: float) -> list[Stage]:
    shown = len(update.before)
    scores = fmt_alike(update.scores[:shown].tolist())
    scores_after = fmt_alike(update.scores_after[:shown].tolist())
    before, after = float(update.scores.mean()), float(update.scores_after.mean())
    return [
        Stage(
            "What the critic tells the generator",
            f"For its update the generator makes fakes from new z. Its loss is {config.objective.generator_text()} = **{fmt_sig(update.loss)}**. Moving "
            "a fake against the gradient of this loss lowers it. "
            + (
                "**Blue** pixels should get lighter, **orange** ones darker."
                if update.before.ndim == 4
                else "The arrows show the direction."
            ),
            lambda: _gradients(update),
        ),
        Stage(
            "The generator is updated",
            f"{config.optimizer.title} moves each weight of the generator against the gradient of its loss, with "
            f"learning rate {fmt_sig(rate)}. The change of all weights has the norm {fmt_sig(update.weight_change)}. The mean score "
            f"of fakes from the same z goes from {fmt_sig(before)} to **{fmt_sig(after)}**."
            f"{verdicts.score_after_update(before, after)}",
            lambda: _rows(
                [
                    ("Before the update", update.before, scores),
                    ("After the update, from the same z", update.after, scores_after),
                ]
            ),
        ),
    ]


# ---- drawing ------------------------------------------------------------------------------------


def _rows(
    rows: Sequence[tuple[str, F32, Sequence[str]]],
    real_scores: F32 | None = None,
    fake_scores: F32 | None = None,
) -> None:
    """Show rows of examples with notes; beside them the distribution of scores, if there is one."""
    if real_scores is not None and fake_scores is not None:
        left, right = st.columns([0.6, 0.4], gap="medium")
        with right:
            _histogram(real_scores, fake_scores, "The scores of the whole batch")
    else:
        left = st.container()
    with left:
        if rows[0][1].ndim == 4:
            for i, (title, pictures, notes) in enumerate(rows):
                _pictures(title, pictures, notes, f"slow_row_{i}")
        else:
            _points(rows)


def _pictures(title: str, pictures: F32, notes: Sequence[str], key: str) -> None:
    image_grid(
        encode(tile(critic.pictures_of(pictures), len(pictures)), "PNG"),
        key=key,
        rows=1,
        columns=len(pictures),
        max_height=PICTURES_HEIGHT,
        notes=list(notes),
        caption=title,
        alt=title,
    )


def _points(rows: Sequence[tuple[str, F32, Sequence[str]]]) -> None:
    colours = {"Real": "@real", "Fake": "@fake", "Before the update": "@muted"}
    colours |= {"Points of the penalty": "@mark", "After the update, from the same z": "@fake"}
    chart(
        figures.labelled_points(
            [(title, x, colours[title], list(notes)) for title, x, notes in rows]
        ),
        key="slow_points",
        run="points",
        height=300,
        title="The examples on show",
        help="Examples of the batch as points of the plane.",
        alt="The examples of this stage as points of the plane",
    )


def _histogram(real: F32, fake: F32, title: str) -> None:
    chart(
        figures.spread(
            [("Real", real, "@real"), ("Fake", fake, "@fake")], x_title="critic's score"
        ),
        key="slow_scores",
        run="scores",
        height=240,
        title=title,
        help="The distribution of the critic's scores. A score has no unit: only differences count.",
        alt="Histograms of the scores of real examples and fakes",
    )


def _gradients(update: GeneratorStage) -> None:
    if update.before.ndim != 4:
        chart(
            figures.plane(
                real=np.zeros((0, 2), np.float32),
                fake=update.before,
                arrows=np.concatenate([update.before, update.descent], axis=1),
                extent=float(np.abs(update.before).max() * 1.3 + 0.1),
            ),
            key="slow_pushes",
            run="pushes",
            height=300,
            title="Where each fake is pushed",
            help="The arrow of a fake points against the gradient of the generator's loss.",
            alt="Fakes as points of the plane, with the direction in which each is pushed",
        )
        return
    columns = st.columns(4, gap="small")
    for i, column in enumerate(columns):
        if i >= len(update.before):
            break
        picture = encode(tile(critic.pictures_of(update.before[i])[None], 1), "PNG")
        with column:
            chart(
                figures.pixels_over(
                    update.descent[i].sum(axis=0), data_uri(picture), diverging=True
                ),
                key=f"slow_gradient_{i}",
                run="gradient",
                height=210,
                title=f"Fake {i + 1}",
                help="Against the gradient of the generator's loss, over the fake. Colour channels are added up.",
                alt="The pixels that should get lighter or darker, over the fake",
            )
