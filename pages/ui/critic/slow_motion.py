"""One training step in slow motion: its stages, one after the other, with the tensors of the run's next step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.core.session import session
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
from wgan.training import CriticStage, GeneratorStage, Part, SlowStep

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

    source: tuple[str, int | None, Part] | None = None  # run, checkpoint and part
    step: SlowStep | None = None
    problem: str = ""
    stage: int = 0
    playing: bool = False

    def load(self, run: str, checkpoint: int | None, part: Part) -> None:
        """Make the next step of a run on a copy, and go to its first stage."""
        self.source, self.stage, self.problem, self.step = (run, checkpoint, part), 0, "", None
        try:
            self.step = session().slow_step(run, checkpoint, part=part)
        except (RunError, DataError, ValueError) as error:
            self.problem = str(error)
            self.playing = False


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
    part = _controls(snapshot, checkpoint, motion)
    if motion.source != (snapshot.run, checkpoint, part):
        with st.spinner("The next step is made on a copy of the run …"):
            motion.load(snapshot.run, checkpoint, part)
    if motion.step is None:
        st.info(motion.problem, icon=":material/info:")
        return
    stages = stages_of(motion.step, snapshot.config)
    if motion.playing:
        _advance(motion, len(stages))
    motion.stage = min(motion.stage, len(stages) - 1)
    _timeline(motion, stages)
    stage = stages[motion.stage]
    st.markdown(f"##### {stage.title}")
    st.markdown(stage.text)
    # A fixed height, so that the controls stay where they are.
    with st.container(height=340, border=False, key="slow_stage_body"):
        stage.draw()
    st.caption(_caption(motion.step))


def _controls(snapshot: RunSnapshot, checkpoint: int | None, motion: SlowMotion) -> Part:
    """Show the choice of networks and the buttons for the whole step; return the choice."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
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
        st.button(
            "Newest step",
            icon=":material/refresh:",
            key="slow_newest",
            on_click=motion.load,
            args=(snapshot.run, checkpoint, part),
            disabled=checkpoint is not None or not snapshot.status.active,
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
    return part


def _why_not_apply(
    snapshot: RunSnapshot, checkpoint: int | None, part: Part, step: SlowStep | None
) -> str:
    """Return why the step on show cannot be made in the run; empty if it can."""
    if checkpoint is not None or not snapshot.status.active:
        return "Only the next step of a paused run can be applied. You can resume a run on the Train page."
    if snapshot.status is not Status.PAUSED:
        return "Pause the run first, on the Train page. A run that trains makes its steps itself."
    if part != "both":
        return "Only a step of both networks can be applied."
    if step is None or step.step != snapshot.step + 1:
        return "The run has gone on. Press “Newest step” first."
    return ""


def _apply(run: str, motion: SlowMotion) -> None:
    session().step_once(run)
    motion.playing = False
    motion.load(run, None, "both")


def _caption(step: SlowStep) -> str:
    text = f"This is step {step.step:,}, made on a copy of the networks. The run does not change."
    if not step.has_optimizers:
        text += " Only weights were stored at the step before, so the optimisers begin anew."
    return text


# ---- the timeline of the stages -----------------------------------------------------------------


def _timeline(motion: SlowMotion, stages: Sequence[Stage]) -> None:
    """Show the buttons and the slider that choose a stage."""
    last = len(stages) - 1

    def go(stage: int) -> None:
        motion.stage, motion.playing = stage, False

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="slow_back",
            on_click=go,
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
            motion.playing = not motion.playing
            if motion.playing and motion.stage == last:
                motion.stage = -1  # playing begins with the stage after it
            st.rerun()  # the page sets the interval of its fragment
        st.button(
            "Next",
            icon=":material/chevron_right:",
            key="slow_next",
            on_click=go,
            args=(min(last, motion.stage + 1),),
            disabled=motion.stage == last,
        )
        key = widget_key_for("slow_stage", motion.stage + 1)

        def choose() -> None:
            if user_changed(key):
                go(int(st.session_state[key]) - 1)

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
    if motion.stage + 1 < stages:
        motion.stage += 1
    if motion.stage + 1 == stages:
        motion.playing = False
        st.rerun()


# ---- the stages ---------------------------------------------------------------------------------


def stages_of(step: SlowStep, config: TrainConfig) -> list[Stage]:
    """Return the stages of a step in the order in which they happen."""
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
    if points is not None and slopes is not None:
        stages.append(
            Stage(
                f"Loss and penalty{of}",
                rf"The loss is {loss}. The penalty measures the slope $\|\nabla f(\hat x)\|$ at the points "
                rf"$\hat x$ below. It is **{fmt_sig(update.penalty)}**. {_where_numbers_are(update.real, 'slope')}",
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
            f"{config.optimizer.title} moves each weight against the gradient of loss and penalty, with learning rate "
            f"{rate:g}. Together the weights move by {fmt_sig(update.weight_change)}. The gap of the same batch goes "
            f"from {fmt_sig(gap)} to **{fmt_sig(gap_after)}**.{_at_rest(rate)}",
            lambda: _histogram(
                update.real_scores_after,
                update.fake_scores_after,
                "The same batch, scored after the update",
            ),
        )
    )
    return stages


def _where_numbers_are(examples: F32, name: str) -> str:
    if examples.ndim == 4:
        return f"The number on each picture is its {name}."
    return f"Point at an example to read its {name}."


def _at_rest(rate: float) -> str:
    """Return what to do if the learning rates have decayed to 0; empty if they have not."""
    if rate:
        return ""
    return " This run has reached the end of its schedule. Choose earlier weights in the sidebar to see a change."


def _generator_stages(update: GeneratorStage, config: TrainConfig, rate: float) -> list[Stage]:
    shown = len(update.before)
    scores = fmt_alike(update.scores[:shown].tolist())
    scores_after = fmt_alike(update.scores_after[:shown].tolist())
    return [
        Stage(
            "What the critic tells the generator",
            f"The generator's loss is {config.objective.generator_formula} = **{fmt_sig(update.loss)}**. Its gradient "
            "at each fake says how the fake should change. "
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
            f"learning rate {rate:g}. Together the weights move by {fmt_sig(update.weight_change)}. The mean score "
            f"of fakes from the same z goes from {fmt_sig(float(update.scores.mean()))} to "
            f"**{fmt_sig(float(update.scores_after.mean()))}**.{_at_rest(rate)}",
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
