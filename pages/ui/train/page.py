"""The Train page: start, watch and steer a run."""

import time

import streamlit as st

from pages.ui.core import navigation
from pages.ui.core.datasets import real_examples, real_sheet
from pages.ui.core.draft import (
    adapted_settings,
    draft,
    keep_in_address,
    leave_setup,
    setup_replaces_run,
    setup_title,
    undo,
)
from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_actions import start
from pages.ui.core.run_on_show import shown_run
from pages.ui.core.run_picker import run_titles
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.core.weights_picker import keep_look, models_of, recent_models, weights_key
from pages.ui.panels import run_panel
from pages.ui.panels.networks import networks
from pages.ui.train import diagnosis, dialogs, forecast, header, quality, sidebar
from pages.ui.train.scenario import scenario_box
from pages.ui.train.state import TrainState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import figures
from wgan.config import TrainConfig, differences, hyperparameters
from wgan.format import fmt_value
from wgan.jobs import RunSnapshot
from wgan.runs import RunError, Status

NETWORKS_INTERVAL_S = 2.5
"""Seconds between two updates of the networks of a run in training."""

MAX_SHOWN_CHANGES = 5
"""Maximum number of automatic changes of settings that are listed."""


def show() -> None:
    """Draw the page."""
    run = shown_run()
    running = session().live()
    snapshot = session().snapshot(run) if run is not None else None
    # Use this snapshot for the whole page. With a newer one, the sidebar would lag behind.
    steered = snapshot if running is not None and running.run == run else None
    shows_setup = snapshot is None or (steered is None and setup_replaces_run())
    edits_next_run = sidebar.sidebar(steered, None if shows_setup else run)
    keep_in_address(run)
    dialogs.ask_if_busy(running)
    if edits_next_run:
        _adapted_settings()
    if snapshot is None or shows_setup:
        _next_run(run)
        snapshot = None
    else:
        _run(snapshot, edits_next_run)
    _watch_the_rest(run, snapshot)


def _adapted_settings() -> None:
    """Say which settings were changed because a data set of another kind was chosen, and offer to keep them."""
    adapted = adapted_settings()
    if adapted is None:
        return
    titles = {value.path: value.title for value in hyperparameters(adapted.after)}
    changes = [
        f"{titles[path]} {plain_text(fmt_value(new))} (was {plain_text(fmt_value(old))})"
        if old is not None
        else f"{titles[path]} {plain_text(fmt_value(new))}"
        for path, old, new in differences(adapted.after, adapted.before)
        if path in titles
    ]
    # The settings of the objective and of the networks matter most.
    shown, others = changes[:MAX_SHOWN_CHANGES], len(changes) - MAX_SHOWN_CHANGES
    text = ", ".join(shown) + (f" and {others} more" if others > 0 else "")
    with st.container(border=True, key="adapted", gap="small"):
        st.markdown(
            f":material/tune: **The settings were changed to suit {plain_text(adapted.after.dataset.title)}.** {text}.",
            help="They come from the presets for data of this kind. To keep your own values, press the button: "
            "only the data set changes then.",
        )
        st.button("Keep my settings", icon=":material/undo:", key="keep_settings", on_click=undo)


def _next_run(run: str | None) -> None:
    """Show the next run before it starts: what it is, the Start button and real examples.

    Args:
        run: The run that the page showed before; None if there is none. Then the page introduces the app.
    """
    config = draft()
    left, right = st.columns([0.5, 0.5], gap="large", vertical_alignment="center")
    with left:
        if run is None:
            _welcome()
        else:
            _describe_setup(config)
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary",
            key="start",
            **permitted(refusal_to_add()),
            on_click=start,
            args=(config,),
            width=200,
        )
        forecast.forecast()
        if not refusal_to_add():
            st.caption(
                "Change the settings in the sidebar, some of them also while it learns: the learning rates, for example."
            )
        if run is None:
            _examples()
        else:
            st.button(
                "Back to the last run",
                icon=":material/undo:",
                key="leave_setup",
                type="tertiary",
                help=f"Shows “{plain_text(run_titles().get(run, run))}” again. The settings in the sidebar "
                "stay as they are.",
                on_click=leave_setup,
            )
    with right:
        real = real_examples(config.dataset, 256)
        if real is None:
            st.info(
                f"{plain_text(config.dataset.title)} will be downloaded when you press Start. The set "
                "“MNIST, 10,000 digits” needs no network.",
                icon=":material/download:",
            )
        elif config.dataset.kind == "pictures":
            image_grid(
                real_sheet(config.dataset, 8, 10),
                key="real_large",
                rows=8,
                columns=10,
                caption=f"Real: {config.dataset.title}",
                max_height=480,
                alt="Eighty real pictures of the data set",
            )
        else:
            st.caption(f"Real: {plain_text(config.dataset.title)}", text_alignment="center")
            chart(
                figures.plane(real=real, extent=float(abs(real).max() * 1.2)),
                key="real_points",
                run=config.dataset.name,
                height=460,
                alt="Real points of the data set",
            )


def _welcome() -> None:
    """Introduce the app."""
    st.markdown("## Watch a network learn to draw")
    st.markdown(
        "Two networks play a game. The **generator** turns random numbers into pictures. The "
        "**critic** scores pictures, and learns to score these real ones higher. The generator "
        "follows the critic's slope uphill, and its pictures become more and more like the "
        "real ones."
    )


def _describe_setup(config: TrainConfig) -> None:
    """Say which run is set up."""
    title = setup_title()
    st.markdown(f"## {plain_text(title or config.title)}")
    st.markdown(
        f"A new run is set up: **{plain_text(config.title)}**. Press **Start** to train it."
        if title
        else "These settings are in the sidebar. Press **Start** to train a run with them."
    )


def _examples() -> None:
    """Offer the trained examples that come with the app."""
    shipped = [
        summary for summary in session().library.summaries() if summary.status is Status.SHIPPED
    ]
    if not shipped:
        return
    st.caption("Or look at one that was trained before:")
    with st.container(horizontal=True, gap="small"):
        for summary in sorted(shipped, key=lambda summary: summary.run):
            title = summary.title.removeprefix("Example: ")
            st.page_link(
                navigation.page("train"),
                label=plain_text(title[:1].upper() + title[1:]),
                icon=":material/inventory_2:",
                query_params={"run": summary.run},
                help=plain_text(summary.note),
            )


def _run(snapshot: RunSnapshot, edits_next_run: bool) -> None:
    """Show the run on show: its header, and two fragments that redraw it."""
    page_state(TrainState).findings_on_show = {}
    header.header(snapshot, edits_next_run)
    scenario_box(snapshot)
    changes = snapshot.status is Status.RUNNING or bool(snapshot.phase)
    # Give each fragment its own container, so that a late response cannot land in a different layout.
    with st.container():
        st.fragment(_live_panel, run_every=refresh_interval() if changes else None)(
            snapshot.run, run_panel.page_token(snapshot)
        )
    evaluates = quality.evaluating(snapshot.run)
    interval = None
    if evaluates:
        interval = 2.5 * refresh_interval()
    elif changes:
        # New values come about every ten seconds. After each run of a fragment the browser checks
        # every element of the page, which takes about 200 ms on a slow machine.
        interval = 10.0 * refresh_interval()
    with st.container():
        st.fragment(quality.panel, run_every=interval)(snapshot.run, evaluates)
    expander = st.expander(
        "Networks, layer by layer",
        icon=":material/account_tree:",
        key="networks_open",
        on_change="rerun",
    )
    if expander.open:
        # A paused run, too: its newest weights are copied a moment after the pause.
        pause = NETWORKS_INTERVAL_S * refresh_interval() if snapshot.status.active else None
        with expander:
            st.fragment(_networks, run_every=pause)(snapshot.run)


def _networks(run: str) -> None:
    """Show the layers of both networks with the run's newest weights."""
    try:
        snapshot = session().snapshot(run)
    except RunError:
        return  # the panel above says why
    began = time.monotonic()
    live = snapshot.status is Status.RUNNING
    models = (recent_models(run, "train") if live else None) or models_of(snapshot, None)
    if models is None:
        return
    st.caption(
        f"The averaged generator and the critic at step {models.step:,}, with one sample on its way through both. "
        "More about the critic is on the Critic page."
    )
    networks(models, weights_key(run, models))
    if live:
        keep_look(run, models, "train", began)


def _live_panel(run: str, token: tuple[object, ...]) -> None:
    """Show the health of a run above its numbers, pictures and curves."""
    diagnosis.health_line(run)
    run_panel.panel(run, token)


def _watch_the_rest(run: str | None, snapshot: RunSnapshot | None) -> None:
    """Redraw the page after changes that the run's own fragment does not poll."""
    pending = forecast.forecast_pending()
    queued = session().queued()
    has_fragment = snapshot is not None and snapshot.status is Status.RUNNING
    rests = snapshot is not None and snapshot.status in (Status.PAUSED, Status.QUEUED)
    if pending or rests or (queued and not has_fragment):
        with st.container():
            st.fragment(forecast.watch, run_every=1.5 * refresh_interval())(
                run, forecast.queue_token(snapshot, queued), pending
            )
