"""The live part of the Train page: one fragment that polls the session once a second."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.components import controls, diagnosis
from pages.components.app import (
    asked_moment,
    badge,
    keep_moment,
    refresh_interval,
    require_dataset,
    run_link,
    session,
    show_run,
    waits_for_critic,
)
from pages.components.chart import chart
from pages.components.entry import settled
from pages.components.format import fmt_bytes, fmt_digits, fmt_duration, fmt_number
from pages.components.numbers import Number, numbers
from pages.components.stage import Frame, stage
from wgan import figures
from wgan.config import PREVIEW_COLUMNS, ConfigError, TrainConfig, hyperparameters
from wgan.data import Dataset
from wgan.imaging import encode, tile
from wgan.jobs import RunSnapshot, StoredPreview
from wgan.runs import Change, RunError, Status, unpack_arrays
from wgan.session import Busy
from wgan.training import Forecast

GAP_HELP = """**Critic gap** = mean score of real − mean score of fake = E f(real) − E f(fake).

It is the curve to watch: the better the samples, the smaller the gap. It equals a multiple of the
Wasserstein distance only for a perfect critic, so its absolute size means little.

Now and then it falls below 0: then the critic lags behind the generator for a moment, and scores
fakes higher.

If the gap on *training* data grows away from the gap on *held-out* data, the critic is learning the
training pictures by heart.

Thin: every report. Thick: smoothed. Drag to zoom, double-click to zoom out."""

LOSS_HELP = """**Critic loss** = E f(fake) − E f(real), without the penalty: minus the critic gap, so it is
**negative while the critic can tell real from fake, and rises towards 0** as the samples improve.

**Generator loss** = −E f(fake). It has an arbitrary offset: the critic's scores may drift up or down
together. Its level means nothing on its own.

For the GAN objective both are cross-entropies, and the critic gap is not its loss."""

MOST_LINKS = 4
"""How many of the waiting runs are named above a run."""

ENGINES = 12
"""Switches of the engine that charts mark, the newest: on a busy machine there may be one a minute for days."""

STAGE_HELP = """Each picture comes from the same z every time, through the running average of the
generator: so one sees every sample improve. The slider goes back to any moment; training goes on."""

PLANE_HELP = """The shade is the critic's score: the critic wants real points high and fake ones low.
Arrows show where the generator's update pushes each fake: uphill on the critic's surface, along the
negative gradient of the generator's loss."""


def start(config: TrainConfig, *, queue: bool = False, show: bool = True) -> None:
    """Start a run, or the fork that the sidebar prepares, and show it, unless it has to wait.

    A refusal is kept as a sentence.
    """
    try:
        if (origin := controls.fork_origin()) is None:
            run = session().start(config, queue=queue)
        else:
            changes = controls.fork_changes(config, origin)
            run = session().fork(origin.run, origin.step, changes, queue=queue)
            controls.leave_fork()
        if show or session().live() is None:
            show_run(run)
        st.session_state.problem = ""
        st.session_state.settings_of = "This run"
        st.session_state.pop("ready", None)
        st.session_state.pop("busy", None)
    except Busy as busy:
        st.session_state.busy = (busy.view.run, str(busy))
    except (RunError, ConfigError) as error:
        st.session_state.problem = str(error)


def _stop_and_start(live: str, config: TrainConfig) -> None:
    session().stop(live)
    _queue(config, show=True)


def _queue(config: TrainConfig, *, show: bool = False) -> None:
    start(config, queue=True, show=show)
    st.session_state.pop("busy", None)


def ask_if_busy(running: RunSnapshot | None, config: TrainConfig) -> None:
    """Ask what to do about the run that is in the way, unless it has ended meanwhile."""
    if running is None or running.run != st.session_state.busy[0]:
        del st.session_state["busy"]  # Else a later start would be asked about the run just begun.
    else:
        _ask_what_to_do(running.run, config)


@st.dialog("Another run is training", on_dismiss=lambda: st.session_state.pop("busy", None))
def _ask_what_to_do(live: str, config: TrainConfig) -> None:
    """Offer to queue a new run or to stop the live one."""
    if "busy" not in st.session_state:
        st.rerun()  # Answered: a button's callback has done the rest.
    st.write(st.session_state.busy[1])
    with st.container(horizontal=True):
        # As callbacks: they run before the page does, so the page is drawn as it stands after them.
        st.button(
            "Queue it",
            icon=":material/queue:",
            type="primary",
            key="dialog_queue",
            on_click=_queue,
            args=(config,),
        )
        st.button(
            "Stop that run and start",
            icon=":material/stop:",
            key="dialog_stop",
            on_click=_stop_and_start,
            args=(live, config),
        )
    st.caption("A stopped run keeps everything and can be resumed.")


def page_token(view: RunSnapshot) -> tuple[object, ...]:
    """Return what the page around the panel shows: when it changes, the page is drawn anew."""
    waiting = tuple(other.run for other in session().queued())
    held = waits_for_critic(view)
    # The sidebar shows the run's values, which another tab or visitor may have changed.
    values = hash(view.config.model_dump_json())
    return (
        view.status,
        bool(view.phase),
        view.error,
        view.warning,
        waiting,
        held,
        values,
        refresh_interval(),
    )


def panel(run: str, shown: tuple[object, ...]) -> None:
    """Show a run's numbers, pictures and curves. The body of the page's fragment.

    Few elements, and no more than must change: each costs the browser some 2 ms an update.
    """
    try:
        view = session().view(run)
    except RunError:
        st.rerun()  # Deleted meanwhile: the page says so, and what stands around this is of no use.
    if page_token(view) != shown:
        st.rerun()
    body(view)


def body(view: RunSnapshot) -> None:
    """Show a run's numbers, pictures and curves as they stand."""
    _numbers(view)
    if view.config.conditional and view.status.active and not view.elsewhere:
        _choose_class(view)
    pictures, plots = st.columns([0.52, 0.48], gap="medium")
    with pictures:
        _stage(view)
    with plots:
        _plots(view)


def header(view: RunSnapshot, next_run: bool) -> None:
    """Show what run it is, how it stands, and what can be done with it."""
    active = view.status.active
    name = view.run
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {view.name or view.config.title}", width="content")
        if active and (every := refresh_interval()) > 1:
            st.caption(
                f":material/groups: shown every {every:.0f} seconds",
                width="content",
                help="Many watch this server: each page is drawn less often, so that the training "
                "keeps its speed.",
            )
        badge(view)
        if view.elsewhere:
            st.caption(
                ":material/computer: trained by another process: it can be watched here, "
                "not steered",
                width="content",
            )
        elif active and view.status is not Status.QUEUED:
            _steer(view, next_run)
        elif view.status is Status.QUEUED:
            st.button(
                "Cancel", icon=":material/close:", key="cancel", on_click=cancel, args=(name,)
            )
        if not active or next_run:
            _begin(view)
    if next_run and (what := controls.ready()):
        word = "Start next" if active else "Start"
        st.info(
            f"Ready in the sidebar: **{what}**. Press **{word}**. Below is still the run before.",
            icon=":material/tune:",
        )
    _messages(view)


def _steer(view: RunSnapshot, next_run: bool) -> None:
    name = view.run
    main: Literal["primary", "secondary"] = "secondary" if next_run else "primary"
    if view.status is Status.PAUSED:
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            type=main,
            key="go_on",
            on_click=session().go_on,
            args=(name,),
        )
        st.button(
            "Step once",
            icon=":material/skip_next:",
            key="step_once",
            help="One generator update, with its critic updates before it.",
            on_click=session().step_once,
            args=(name,),
        )
    else:
        st.button(
            "Pause",
            icon=":material/pause:",
            type=main,
            key="pause",
            disabled=bool(view.phase),
            on_click=session().pause,
            args=(name,),
        )
    st.button(
        "Stop",
        icon=":material/stop:",
        key="stop",
        help="Ends after the step at hand, with a checkpoint. It can be resumed.",
        on_click=cancel,
        args=(name,),
    )
    if view.checkpoint_steps and not next_run:
        fork_button(view)
    if not next_run:
        st.button(
            "New z",
            icon=":material/casino:",
            key="new_z",
            disabled=bool(view.phase),
            help="Draw other fixed z for the grid.",
            on_click=_new_z,
            args=(name,),
        )


def fork_button(view: RunSnapshot) -> None:
    """Offer to go on differently from one of a run's checkpoints."""
    with st.popover(
        "Fork",
        icon=":material/fork_right:",
        key=controls.fork_key(),
        help="Go on differently from any checkpoint, as a run of its own.",
    ):
        fork_choice(view)


def fork_choice(view: RunSnapshot) -> bool:
    """Let the visitor choose a checkpoint; return whether the fork is to be prepared now."""
    steps = list(reversed(view.checkpoint_steps))
    try:
        starred = session().run(view.run).starred()
    except RunError:
        starred = set()  # Its folder has just been deleted: the view outlives it.
    st.selectbox(
        "From the checkpoint at step",
        steps,
        format_func=lambda s: f"{s:,} ★" if s in starred else f"{s:,}",
        key=f"fork_step_{view.run}",
    )
    st.caption(
        "Data set and networks stay; everything else can be changed, also the objective. "
        "This run stays as it is."
    )
    return st.button(
        "Prepare the fork",
        icon=":material/tune:",
        type="primary",
        key="prepare_fork",
        on_click=_prepare_fork,
        args=(view.run,),
    )


def _prepare_fork(run: str) -> None:
    # What is chosen now: the click may overtake the choice's own update.
    controls.prepare_fork(run, st.session_state[f"fork_step_{run}"])


def _begin(view: RunSnapshot) -> None:
    active, name = view.status.active, view.run
    interrupted = view.status is Status.INTERRUPTED
    begun = interrupted or bool(view.checkpoint_steps)
    resumable = not active and begun and view.step < view.config.steps
    if resumable:
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            key="resume",
            type="primary" if interrupted else "secondary",
            help=f"Go on from step {max([0, *view.checkpoint_steps]):,}.",
            on_click=_resume,
            args=(name,),
        )
    if view.checkpoint_steps:
        fork_button(view)
    if not active and not controls.ready():
        st.button(
            "Reuse",
            icon=":material/content_copy:",
            key="reuse",
            help="Take this run's settings into the sidebar for the next run.",
            on_click=controls.copy_to_draft,
            args=(view.config,),
        )
    label = "Start next" if active else "Start"
    if controls.fork_origin() is not None:
        label = "Start fork"
    st.button(
        label,
        icon=":material/play_arrow:",
        key="start",
        type="secondary" if interrupted else "primary",
        help="Train a new run with the settings in the sidebar.",
        on_click=start,
        args=(controls.draft(),),
    )
    forecast()


def _new_z(run: str) -> None:
    try:
        session().change(run, preview_seed=session().view(run).config.preview_seed + 1)
    except (RunError, ConfigError) as error:
        st.session_state.problem = str(error)


def cancel(run: str, *, waiting: bool = False) -> None:
    """Stop a run; where nothing is left of it, because it had not begun, show another.

    One that was `waiting` when the button was drawn, and trains by now, goes on.
    """
    (session().withdraw if waiting else session().stop)(run)
    try:
        session().view(run)
    except RunError:
        show_run(session().newest())


def _resume(run: str) -> None:
    try:
        session().resume(run)
        st.session_state.problem = ""
        show_run(run)
    except Busy as busy:
        st.session_state.problem = str(busy)
    except (RunError, ConfigError) as error:
        st.session_state.problem = str(error)


def examples() -> None:
    """Offer the trained examples that come with the app."""
    known = [card for card in session().cards() if card.status is Status.SHIPPED]
    if not known:
        return
    st.caption("Or look at one that was trained before:")
    with st.container(horizontal=True, gap="small"):
        for card in sorted(known, key=lambda card: card.run):
            words = card.title.removeprefix("Example: ")
            st.page_link(
                "pages/train.py",
                label=words[:1].upper() + words[1:],
                icon=":material/inventory_2:",
                query_params={"run": card.run},
                help=card.note,
            )


def forecast() -> None:
    """Say roughly what the next run will take."""
    config = controls.draft()
    if not config.dataset.present(session().root):
        st.caption(
            ":material/download: will be downloaded first",
            width="content",
            help=f"{config.dataset.title} is not on this machine yet. Without a network choose "
            "“MNIST, 10,000 digits”, which comes with the app.",
        )
    cost = _cost(config)
    if isinstance(cost, str):
        st.caption(f":red[{cost}]", width="content")
    elif cost is not None:
        seconds = cost.seconds_per_step * config.steps
        if config.seconds is not None:
            seconds = min(seconds, config.seconds)
        st.caption(
            f"about {fmt_duration(seconds)} · {fmt_bytes(cost.memory_bytes)}",
            width="content",
            help="A rough forecast for the settings in the sidebar, from a few trial steps on this "
            f"machine: {cost.seconds_per_step * 1000:.0f} ms a step, and the memory that weights, "
            "optimiser, one update and the data take.",
        )
    elif session().live() is None:
        st.caption("measuring …", width="content")
        st.session_state.measuring = True
    else:
        st.caption(
            "no forecast while a run trains",
            width="content",
            help="It is made of a few trial steps, which would slow that run down. "
            "One that was made before is remembered.",
        )


def forecast_pending() -> bool:
    """Tell whether a forecast is still being measured, or stands on the page as if it were."""
    drawn: bool = st.session_state.pop("measuring", False)
    return drawn or (session().live() is None and _cost(controls.draft()) is None)


def _cost(config: TrainConfig) -> Forecast | str | None:
    return session().forecast(config, begin=settled())


def queue_token(view: RunSnapshot | None, waiting: Sequence[RunSnapshot]) -> tuple[object, ...]:
    """Return what `watch` watches: how a run stands, and which runs wait."""
    return (view.version if view else 0, *(other.run for other in waiting))


def watch(run: str | None, before: tuple[object, ...], pending: bool) -> None:
    """Draw the page anew when something changed that its fragment does not poll for.

    The body of a second fragment, which shows nothing and so costs nothing, for runs that are paused
    or wait, and while a forecast is measured.
    """
    refresh_interval()  # this visitor is still there
    try:
        view = session().view(run) if run is not None else None
    except RunError:
        st.rerun()
    if queue_token(view, session().queued()) != before or pending != forecast_pending():
        st.rerun()


def _messages(view: RunSnapshot) -> None:
    if view.error:
        st.error(view.error, icon=":material/error:")
    if view.warning:
        st.warning(view.warning, icon=":material/warning:")
    if view.status is Status.INTERRUPTED:
        at = view.checkpoint_steps[-1] if view.checkpoint_steps else 0
        st.info(
            f"This run was interrupted at step {view.step:,}: its process ended. Nothing is lost: "
            f"**Resume** goes on from step {at:,}, exactly as if it had never stopped.",
            icon=":material/history:",
        )
    waiting = session().queued()
    others = [other for other in waiting if other.run != view.run]
    if others:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/queue: Waiting:", width="content")
            for other in others[:MOST_LINKS]:
                run_link(
                    other.run,
                    other.name or other.config.title,
                    "Show this run. It starts when its turn comes.",
                )
            if len(others) > MOST_LINKS:
                st.page_link(
                    "pages/runs.py", label=f"and {len(others) - MOST_LINKS} more", width="content"
                )
            st.button(
                "Cancel the last",
                key="cancel_queued",
                type="tertiary",
                on_click=_withdraw,
                args=(others[-1].run,),
            )


def _withdraw(run: str) -> None:
    session().withdraw(run)


def _numbers(view: RunSnapshot) -> None:
    active = view.status.active
    rate = view.steps_per_second
    images = rate * view.config.batch_size * view.config.n_critic
    gap = view.last.report.critic_gap if view.last else None
    what = "pictures" if view.config.dataset.kind == "pictures" else "points"
    cards = [
        Number("Step", f"{view.step:,}", help="Generator updates so far."),
        Number(
            "Speed",
            f"{rate:,.1f}" if rate else "–",
            "steps/s" if rate else "",
            help=f"{images:,.0f} real {what} a second go through the critic."
            + ("" if active else " Mean over the run."),
        ),
        Number(
            "Training time",
            fmt_duration(view.seconds),
            help="Time spent on this run, pauses left out.",
        ),
        Number("Critic gap", fmt_digits(gap), help=GAP_HELP),
    ]
    progress = None
    if active:
        left = Number(
            "Left", fmt_duration(view.seconds_left), help="To the last step, at the present speed."
        )
        cards.insert(3, left)
        target = f"step {view.config.steps:,}"
        if view.status is Status.QUEUED:
            progress = (view.phase_share, _phase(view))
        elif view.config.seconds is not None:
            target += f" or {fmt_duration(view.config.seconds)}"
        progress = progress or (view.share, f"{100 * view.share:.0f} % of the way to {target}")
    numbers(cards, key="numbers", progress=progress)


def _ahead(view: RunSnapshot) -> tuple[RunSnapshot, int] | None:
    """Return the run that a waiting one waits for, and how many wait before it; None: it waits for none.

    Those of a race are prepared together, one after the other, and wait for none.
    """
    waiting = [other.run for other in session().queued()]
    live = session().live()
    if view.run not in waiting or live is None or live.run == view.run:
        return None
    return live, waiting.index(view.run)


def _phase(view: RunSnapshot) -> str:
    """Say what is being prepared, or behind which run this one waits."""
    found = _ahead(view)
    if found is None:
        return f"{view.phase or 'Waits for its turn'} …"
    ahead, before = found
    more = f" and {before} more" if before else ""
    return f"Waits for {ahead.config.title} ({ahead.status}){more}"


def empty_words(view: RunSnapshot, what: str) -> str:
    """Say why a run has nothing to show yet, or never will."""
    if _ahead(view) is not None:
        return f"{what} appear when it is this run's turn."
    if view.status.active:
        return f"{what} appear here in a few seconds."
    return "This run ended before it had made any."


def _stage(view: RunSnapshot) -> None:
    dataset = view.config.dataset
    pictures = dataset.kind == "pictures"
    present = dataset.present(session().root)
    what = "Samples of the generator" if pictures else "Points in the plane"
    labels = view.config.preview_labels()
    of_rows = None if labels is None else tuple(labels[::PREVIEW_COLUMNS])
    rows = 8 if of_rows is None else len(of_rows)

    def frame(preview: StoredPreview) -> Frame:
        return to_frame(preview, None if pictures else real_examples(dataset, 256))

    def beside() -> bytes | None:
        if not pictures or real_examples(dataset, 256) is None:
            return None
        return real_strip(dataset, rows, labels=of_rows)

    def fetch(steps: Sequence[int]) -> Mapping[int, Frame]:
        found = {step: session().preview(view.run, step) for step in steps}
        return {step: frame(preview) for step, preview in found.items() if preview is not None}

    def go_to(moment: int | None) -> None:
        _moments()[view.run] = moment
        keep_moment(moment)

    moment = _moment(view.run)
    stage(
        key="stage",
        # Another z gives other pictures of the same steps: the browser must not keep the old.
        run=f"{view.run}-{view.config.preview_seed}-{view.config.preview_class}",
        steps=view.preview_steps,
        latest=lambda: frame(view.preview) if view.preview is not None else None,
        fetch=fetch,
        live=view.status.active,
        alt=f"{what} at step {view.preview.step if view.preview else 0}",
        # Points need their axes' labels too, and all must fit on a small screen.
        max_height=400 if pictures else 340,
        words=empty_words(view, "Pictures"),
        title=what,
        help=STAGE_HELP if pictures else f"{PLANE_HELP}\n\n{STAGE_HELP}",
        real=beside,
        rows=rows,
        at=moment,
        moved=go_to,
        version=(
            view.run,
            view.version,
            view.config.preview_seed,
            view.config.preview_class,
            present,
        ),
    )


def _moments() -> dict[str, int | None]:
    """Return where this visitor rests on the timelines of runs; None: at the newest."""
    moments: dict[str, int | None] = st.session_state.setdefault("moments", {})
    return moments


def _moment(run: str) -> int | None:
    """Return where the timeline of a run opens: at the address's step, else where the visitor left it."""
    asked = asked_moment()
    if asked is None and (asked := _moments().get(run)) is not None:
        keep_moment(asked)
    return asked


def _choose_class(view: RunSnapshot) -> None:
    """Let the visitor choose the class that the grid shows, or all of them, one a row."""
    names = view.config.dataset.class_names()
    key = f"class-{view.run}"

    def changed() -> None:
        try:
            session().change(view.run, preview_class=st.session_state[key])
        except (RunError, ConfigError) as error:
            st.session_state.problem = str(error)

    options = [-1, *range(len(names))]
    words = ["All", *names]
    st.session_state[key] = view.config.preview_class
    common: dict[str, Any] = {
        "format_func": lambda k: words[k + 1],
        "key": key,
        "on_change": changed,
        "label_visibility": "collapsed",
        "width": "stretch",
    }
    if sum(len(word) + 4 for word in words) <= 100:
        st.segmented_control("Class shown", options, required=True, **common)
    else:
        st.selectbox("Class shown", options, **common)


def to_frame(preview: StoredPreview, real: npt.NDArray[np.float32] | None) -> Frame:
    """Return a stored preview as the stage shows it."""
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


def real_examples(dataset: Dataset, n: int) -> npt.NDArray[Any] | None:
    """Return real examples; None where they would have to be downloaded, or are damaged."""
    present = dataset.present(session().root)
    try:
        return _examples(dataset.model_dump_json(), n, present, dataset)
    except LookupError:
        return None


# Not `cache_data`, which would copy a megabyte for each visitor at every update.
@st.cache_resource(show_spinner=False, max_entries=32)
def _examples(key: str, n: int, present: bool, _dataset: Dataset) -> npt.NDArray[Any]:
    found = require_dataset(session().sets.examples(_dataset, n))
    found.setflags(write=False)
    return found


def real_strip(
    dataset: Dataset, rows: int = 8, columns: int = 2, labels: tuple[int, ...] | None = None
) -> bytes:
    """Return a grid of real pictures as WebP; with `labels`, each row of that class."""
    return _strip(dataset.model_dump_json(), rows, columns, labels, dataset)


@st.cache_data(show_spinner=False, max_entries=32)
def _strip(
    key: str, rows: int, columns: int, labels: tuple[int, ...] | None, _dataset: Dataset
) -> bytes:
    if labels is None:
        real = real_examples(_dataset, rows * columns)
    else:
        real = session().sets.of_classes(_dataset, labels, columns)
    assert real is not None
    return encode(tile(real, columns))


def _plots(view: RunSnapshot) -> None:
    if view.last is None:
        with st.container(height=440, border=False, vertical_alignment="center"):
            st.caption(empty_words(view, "Curves"))
        return
    version = (view.run, view.version)
    chart(
        lambda: figures.critic_gap(view.curves, _marks(view)),
        key="gap",
        run=view.run,
        height=178,
        title="Critic gap",
        help=GAP_HELP,
        version=version,
        alt="Critic gap on training and held-out data over steps",
    )
    chart(
        lambda: figures.losses(view.curves, _marks(view)),
        key="losses",
        run=view.run,
        height=178,
        title="Losses",
        help=LOSS_HELP,
        version=version,
        alt="Critic and generator loss over steps",
    )


def _marks(view: RunSnapshot) -> list[tuple[float, str]]:
    """Return what was changed in a run, and what was found to be wrong with it, by steps."""
    # Other z or classes in the pictures change nothing of the training.
    shown = [c for c in view.changes if c.path != "engine" and not c.path.startswith("preview_")]
    shown += [c for c in view.changes if c.path == "engine"][-ENGINES:]
    marks = [(float(change.step), in_words(change, view.config)) for change in shown]
    if view.parent is not None:
        marks.append((view.parent.step, f"forked at step {view.parent.step:,}"))
    return marks + diagnosis.marks(view.run)


def in_words(change: Change, config: TrainConfig) -> str:
    """Return a change as words for a mark."""
    known = {value.path: value.title for value in hyperparameters(config)}
    if change.path == "engine" and change.after["compiled"] and not change.before["compiled"]:
        return f"step {change.step:,}: from here on with compiled updates, the same and faster"
    if change.path == "engine" and change.after["threads"] != change.before["threads"]:
        threads = change.after["threads"]
        return f"step {change.step:,}: from here on with {threads} CPU thread{'s' * (threads > 1)}, as measured"
    if change.path == "engine":
        return f"step {change.step:,}: went on with another engine"
    before, after = (
        fmt_number(v) if isinstance(v, float) else v for v in (change.before, change.after)
    )
    return f"step {change.step:,}: {known.get(change.path, change.path)} {before} → {after}"
