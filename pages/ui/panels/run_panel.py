"""The numbers, pictures and curves of a run: a fragment that polls the session."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.chart_look import chart_look
from pages.ui.core.datasets import real_examples, real_sheet
from pages.ui.core.permissions import refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.state import Steering, page_state
from pages.ui.core.status import status_word, waits_for_critic
from pages.ui.core.url import asked_moment, keep_moment
from pages.ui.core.widget_state import user_changed, widget_key_for
from pages.ui.panels.marks import diagnosis_marks, run_marks
from pages.ui.panels.state import Timelines
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.sample_timeline.sample_timeline import Frame, Nearest, sample_timeline
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import figures
from wgan.arrays import F32
from wgan.config import PREVIEW_COLUMNS, ConfigError
from wgan.format import fmt_digits, fmt_duration, fmt_estimate, fmt_percent
from wgan.imaging import decode, encode, tile, untile
from wgan.jobs import RunSnapshot, StoredPreview
from wgan.objectives import Objective
from wgan.runs import RunError, Status, unpack_arrays

PROBABILITY = "augmentation_probability"
"""The diagnostic of an augmented training that the page states."""

GAP_HELP = """**Critic gap** = E f(real) − E f(fake): the mean score of real examples minus the mean score of
fakes.

This is the curve to watch with Wasserstein objectives: it falls as the samples improve. For an optimal critic it is the
Wasserstein distance times the critic's steepest slope. A critic in training is not optimal, so the absolute value means little.

It can be negative for a short time. Then the critic is behind the generator and scores fakes
higher.

If the gap on *training* data moves away from the gap on *held-out* data, the critic is memorising
the training pictures.

The Critic page measures the gap anew, with fakes of the averaged generator, so its values differ.

Thin line: every report. Thick line: smoothed. Drag to zoom; double-click to reset."""

CURVE_HEIGHT = 204
"""Height of a chart of curves in pixels. The two of them are as high as the samples beside them."""

STAGE_HELP = """Each picture is always made from the same z, with the running average of the generator, so you
can see it improve. The slider goes back to earlier steps; the training continues.

While a run trains or is paused, **New z** draws other z. If the networks know classes, you can then also choose
the class shown."""

PLANE_HELP = """The shading is the critic's score: the critic learns high scores for real points and low scores
for fakes. The arrows show where the generator's update moves each fake: uphill on the critic's
surface, along the negative gradient of the generator's loss."""


def page_token(snapshot: RunSnapshot) -> tuple[object, ...]:
    """Return a value on which the rest of the page depends. When it changes, the whole page is redrawn."""
    queued = tuple(other.run for other in session().queued())
    is_waiting = waits_for_critic(snapshot)
    # The sidebar shows the run's values, which another tab or visitor may have changed.
    values = hash(snapshot.config.model_dump_json())
    return (
        snapshot.status,
        bool(snapshot.phase),
        snapshot.error,
        snapshot.warning,
        queued,
        is_waiting,
        values,
        refresh_interval(),
    )


def panel(run: str, token: tuple[object, ...]) -> None:
    """Show a run's numbers, pictures and curves. The body of the page's fragment.

    It has few elements and changes as few as possible, because each costs the browser about 2 ms
    per update.
    """
    try:
        snapshot = session().snapshot(run)
    except RunError:
        st.rerun()  # it was deleted, which the page shows
    if page_token(snapshot) != token:
        st.rerun()
    show_snapshot(snapshot)


def show_snapshot(snapshot: RunSnapshot) -> None:
    """Show the numbers, pictures and curves of a snapshot."""
    _cards(snapshot)
    if snapshot.config.conditional:
        _choose_class(snapshot)
    pictures, plots = st.columns([0.52, 0.48], gap="medium")
    with pictures:
        _samples(snapshot)
    with plots:
        _plots(snapshot)


def _cards(snapshot: RunSnapshot) -> None:
    active = snapshot.status.active
    rate = snapshot.steps_per_second
    images = rate * snapshot.config.batch_size * snapshot.config.n_critic
    gap = snapshot.last.report.critic_gap if snapshot.last else None
    what = "pictures" if snapshot.config.dataset.kind == "pictures" else "points"
    cards = [
        Stat("Step", f"{snapshot.step:,}", help="Number of generator updates so far."),
        Stat(
            "Speed",
            f"{rate:,.1f}" if rate else "–",
            "steps/s" if rate else "",
            help=f"{images:,.0f} real {what} per second go through the critic."
            + ("" if active else " This is the mean of the whole run."),
        ),
        Stat(
            "Training time",
            fmt_duration(snapshot.seconds),
            help="Time spent on this run, without pauses.",
        ),
        Stat(
            "Critic gap",
            fmt_digits(gap),
            help=f"The value of the latest report, not smoothed: the thick line of the chart can differ.\n\n{GAP_HELP}",
        ),
    ]
    # Ended runs keep the bar, so that the page does not move when a run stops.
    progress = (snapshot.share, f"Ended at step {snapshot.step:,} of {snapshot.config.steps:,}")
    if active:
        left = Stat(
            "Time left",
            fmt_estimate(snapshot.seconds_left),
            help="Until the last step, at the current speed.",
        )
        cards.insert(3, left)
        target = f"{snapshot.config.steps:,} steps"
        if snapshot.config.seconds is not None:
            target += f" or {fmt_duration(snapshot.config.seconds)}"
        progress = (snapshot.share, f"{math.floor(100 * snapshot.share)} % of {target}")
    if snapshot.status is Status.QUEUED:
        progress = (snapshot.phase_share, _phase(snapshot))
    stat_cards(cards, key="numbers", progress=progress)


def _run_ahead(snapshot: RunSnapshot) -> tuple[RunSnapshot, int] | None:
    """Return the live run that a queued one waits for, and the number of queued runs before it.

    Returns None if it does not wait. The runs of a race are prepared together and do not wait for
    each other.
    """
    queued = [other.run for other in session().queued()]
    live = session().live()
    if snapshot.run not in queued or live is None or live.run == snapshot.run:
        return None
    return live, queued.index(snapshot.run)


def _phase(snapshot: RunSnapshot) -> str:
    """Return what is being prepared, or which run this one waits for."""
    run_ahead = _run_ahead(snapshot)
    if run_ahead is None:
        return f"{snapshot.phase or 'Waiting in the queue'} …"
    ahead, count = run_ahead
    rest = f" and {count} more" if count else ""
    return f"Waiting for {ahead.title} ({status_word(ahead.status)}){rest}"


def empty_text(snapshot: RunSnapshot, what: str) -> str:
    """Return why a run has nothing to show."""
    if _run_ahead(snapshot) is not None:
        return f"{what} appear when this run starts."
    if snapshot.status.active:
        return f"{what} appear here in a few seconds."
    return "This run ended too early to have any records."


def _samples(snapshot: RunSnapshot) -> None:
    dataset = snapshot.config.dataset
    has_pictures = dataset.kind == "pictures"
    present = dataset.present(session().root)
    title = "Samples of the generator" if has_pictures else "Points in the plane"
    labels = snapshot.config.preview_labels()
    row_labels = None if labels is None else tuple(labels[::PREVIEW_COLUMNS])
    rows = 8 if row_labels is None else len(row_labels)

    def frame(preview: StoredPreview) -> Frame:
        return to_frame(preview, None if has_pictures else real_examples(dataset, 256))

    def real_pictures() -> bytes | None:
        if not has_pictures or real_examples(dataset, 256) is None:
            return None
        return real_sheet(dataset, rows, labels=row_labels)

    def fetch(steps: Sequence[int]) -> Mapping[int, Frame]:
        previews = {step: session().library.preview(snapshot.run, step) for step in steps}
        return {step: frame(preview) for step, preview in previews.items() if preview is not None}

    def go_to(step: int | None) -> None:
        page_state(Timelines).steps[snapshot.run] = step
        keep_moment(step)

    step = _moment(snapshot.run)
    sample_timeline(
        key="stage",
        # Another z gives other pictures of the same steps, so the browser must not reuse the old
        # ones.
        run=f"{snapshot.run}-{snapshot.config.preview_seed}-{snapshot.config.preview_class}",
        steps=snapshot.preview_steps,
        latest=lambda: frame(snapshot.preview) if snapshot.preview is not None else None,
        fetch=fetch,
        live=snapshot.status.active,
        alt=f"{title} at step {snapshot.preview.step if snapshot.preview else 0}",
        # Points also need room for axis labels, and all must fit on a small screen.
        max_height=400 if has_pictures else 300,
        empty_text=empty_text(snapshot, "Pictures"),
        title=title,
        help=STAGE_HELP if has_pictures else f"{PLANE_HELP}\n\n{STAGE_HELP}",
        real=real_pictures,
        rows=rows,
        at=step,
        on_move=go_to,
        moments=snapshot.run,
        nearest=(lambda step, index: _nearest_real(snapshot, step, index))
        if has_pictures
        else None,
        version=(
            snapshot.run,
            snapshot.version,
            snapshot.config.preview_seed,
            snapshot.config.preview_class,
            present,
        ),
    )


def _nearest_real(snapshot: RunSnapshot, step: int, index: int) -> Nearest | None:
    """Return the training picture nearest to a sample of the preview at a step."""
    preview = snapshot.preview
    if preview is None or preview.step != step:
        preview = session().library.preview(snapshot.run, step)
    if preview is None:
        return None
    channels, height, width = snapshot.config.dataset.shape
    sample = untile(decode(preview.content), index, (channels, height, width))
    if sample is None:
        return None
    result = session().datasets.nearest(snapshot.config.dataset, sample[None], 1)
    if result is None:
        return None
    pictures, distances = result
    return Nearest(
        encode(tile(pictures[0], 1)),
        f"The training picture nearest to this sample at step {step:,}: their pixels differ by "
        f"{fmt_digits(float(distances[0, 0]))} of 255 (root mean square).",
    )


def _moment(run: str) -> int | None:
    """Return the step at which a run's timeline opens: that of the address, else where the visitor
    left it.
    """
    step = asked_moment()
    if step is None and (step := page_state(Timelines).steps.get(run)) is not None:
        keep_moment(step)
    return step


def _choose_class(snapshot: RunSnapshot) -> None:
    """Let the visitor choose the class of the grid, or all classes in rows."""
    names = snapshot.config.dataset.class_names()
    labels = ["All", *names]
    if reason := _fixed_class_reason(snapshot):
        _show_class(snapshot, reason)
        return
    key = widget_key_for(f"class-{snapshot.run}", snapshot.config.preview_class)

    def changed() -> None:
        if not user_changed(key):
            return
        try:
            session().change(snapshot.run, preview_class=st.session_state[key])
        except (RunError, ConfigError) as error:
            page_state(Steering).problem = str(error)

    options = [-1, *range(len(names))]
    common: dict[str, Any] = {
        "key": key,
        "on_change": changed,
        "label_visibility": "collapsed",
        "width": "stretch",
    }
    if sum(len(word) + 4 for word in labels) <= 100:
        st.segmented_control(
            "Class shown",
            options,
            format_func=lambda k: plain_text(labels[k + 1]),
            default=snapshot.config.preview_class,
            required=True,
            **common,
        )
    else:
        index = options.index(snapshot.config.preview_class)
        st.selectbox(
            "Class shown", options, index=index, format_func=lambda k: labels[k + 1], **common
        )


def _fixed_class_reason(snapshot: RunSnapshot) -> str:
    """Say why the visitor cannot choose the class of the grid; "" if they can."""
    if not snapshot.status.active:
        return "This run has ended. The Latent page shows samples of one class."
    if snapshot.is_trained_by_other_process:
        return "Another program trains this run, so its grid cannot be changed here."
    return refusal_to_change(snapshot.run)


def _show_class(snapshot: RunSnapshot, reason: str) -> None:
    """Show the class of the grid, why it cannot be changed, and where other classes are."""
    names, chosen = snapshot.config.dataset.class_names(), snapshot.config.preview_class
    shown = "Each row is a class." if chosen < 0 else f"Class on show: {plain_text(names[chosen])}."
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{shown} {reason}", width="content")
        st.page_link(
            navigation.page("latent"),
            label="Other pictures of each class",
            icon=":material/arrow_forward:",
            query_params={"run": snapshot.run, "section": "classes"},
        )


def to_frame(preview: StoredPreview, real: F32 | None) -> Frame:
    """Convert a stored preview to a frame of the timeline."""
    if preview.suffix == "webp":
        return Frame(preview.step, image=preview.content)
    arrays = unpack_arrays(preview.content)
    return Frame(
        preview.step,
        figure=figures.plane(
            real=real if real is not None else np.empty((0, 2)),
            fake=arrays["points"][:512],
            surface=arrays.get("surface"),
            arrows=arrays["arrows"][:64] if "arrows" in arrays else None,
            extent=float(arrays["extent"]),
        ),
    )


def _loss_help(objective: Objective) -> str:
    """Return an explanation of the scores and of the two losses of an objective."""
    return (
        "**E f(real)** and **E f(fake)** are the critic's mean scores of real examples and "
        "of fakes. Their difference is the critic gap. The level of a Wasserstein critic's "
        "scores is arbitrary: only the difference has a meaning. If the critic learns from "
        "real and fake examples in separate updates, the chart shows the loss of each "
        "update: crit_real = −E f(real), crit_fake = E f(fake), gen = the generator "
        f"loss. Runs of older versions did not record the scores: for these, the chart shows the critic loss."
        f"\n\n**Critic loss** = {objective.critic_formula}, without a "
        "penalty.\n\n**Generator loss** = "
        f"{objective.generator_text()}.\n\n{objective.reading}"
    )


def _augmentation(snapshot: RunSnapshot) -> None:
    """Below the chart of the gap, state the newest probability of an augmented training."""
    newest = next((m for m in reversed(snapshot.metrics) if m.name == PROBABILITY), None)
    if newest is not None and snapshot.config.augmentation != "none":
        st.caption(
            f"Augmentation probability: {fmt_percent(newest.value)} at step {newest.step:,}. Both curves are of "
            "augmented pictures."
        )


def _plots(snapshot: RunSnapshot) -> None:
    if snapshot.last is None:
        with st.container(height=2 * CURVE_HEIGHT + 90, border=False, vertical_alignment="center"):
            st.caption(empty_text(snapshot, "Curves"))
        return
    look = chart_look()
    version = (snapshot.run, snapshot.version, look)
    shown = f"{snapshot.run}-{look.log}"  # another axis does not keep the zoom
    chart(
        lambda: figures.critic_gap(
            snapshot.curves, run_marks(snapshot), diagnosis_marks(snapshot.run), look=look
        ),
        key="gap",
        run=shown,
        height=CURVE_HEIGHT,
        title="Critic gap",
        help=GAP_HELP,
        version=version,
        alt="Critic gap on training and held-out data over steps",
        steps_of=snapshot.run,
    )
    _augmentation(snapshot)
    chart(
        lambda: figures.losses(
            snapshot.curves,
            run_marks(snapshot),
            diagnosis_marks(snapshot.run),
            separate_updates=snapshot.config.split_updates,
            look=look,
        ),
        key="losses",
        run=shown,
        height=CURVE_HEIGHT,
        title="Scores and losses",
        help=_loss_help(snapshot.config.objective),
        version=version,
        alt="The critic's scores of real and fake examples, and the generator's loss, over steps",
        steps_of=snapshot.run,
    )
