"""The forecast for the next run, and reruns of the page for changes that no other fragment polls."""

import math
from collections.abc import Sequence

import streamlit as st

from pages.ui.core import draft
from pages.ui.core.permissions import refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import session
from pages.ui.core.startup import first_page_is_drawn
from pages.ui.core.state import page_state
from pages.ui.train.state import TrainState
from wgan.config import TrainConfig, first_result, short
from wgan.format import fmt_bytes, fmt_estimate
from wgan.jobs import RunSnapshot
from wgan.runs import RunError
from wgan.training import Forecast


def forecast(shown: TrainConfig | None = None) -> None:
    """Show the approximate time and memory of the next run; to a viewer, why there will be none.

    Args:
        shown: The config of the run on show. If the next run has other settings, the forecast says so.
    """
    if refusal := refusal_to_add():
        st.caption(f":material/visibility: {refusal}")
        return
    config = draft.draft()
    if not config.dataset.present(session().root):
        st.caption(
            ":material/download: will be downloaded first",
            width="content",
            help=f"{plain_text(config.dataset.title)} is not on this machine yet. If you have no network "
            "connection, choose “MNIST, 10,000 digits”, which comes with the app.",
        )
    cost = _cost(config)
    if isinstance(cost, str):
        st.caption(f":red[{plain_text(cost)}]", width="content")
    elif cost is not None:
        st.caption(
            f"next run{_difference(config, shown)}: {_times(config, cost)} · {fmt_bytes(cost.memory_bytes)}",
            width="content",
            help="A rough forecast for the settings in the sidebar. It comes from a few trial "
            f"steps on this machine: {cost.seconds_per_step * 1000:.0f} ms per step. The "
            "memory is for weights, optimiser, one update and the data.",
        )
    elif session().live() is None:
        st.caption("measuring …", width="content")
        page_state(TrainState).shows_measuring = True
    else:
        st.caption(
            "no forecast while a run trains",
            width="content",
            help="A forecast needs a few trial steps, which would slow down the current run. "
            "Forecasts made earlier are still shown.",
        )


def _difference(config: TrainConfig, shown: TrainConfig | None) -> str:
    """Return how the next run differs from the run on show, in parentheses; empty if it does not."""
    if shown is None or config == shown:
        return ""
    for part, shown_part in ((config.dataset, shown.dataset), (config.objective, shown.objective)):
        if part.name != shown_part.name:
            return f" ({plain_text(short(part.title))})"
    return " (other settings)"


def _times(config: TrainConfig, cost: Forecast) -> str:
    """Return when the next run shows its first result, if that is known, and when it ends."""
    seconds = cost.seconds_per_step * config.steps
    if config.seconds is not None:
        seconds = min(seconds, config.seconds)
    first = first_result(config)
    first_seconds = math.inf if first is None else cost.seconds_per_step * first.step
    if first is None or first_seconds > seconds:
        return f"about {fmt_estimate(seconds)}"
    return f"{first.text} after about {fmt_estimate(first_seconds)}, ends after {fmt_estimate(seconds)}"


def forecast_pending() -> bool:
    """Return whether a forecast is being measured, or the page still says so."""
    state = page_state(TrainState)
    shows_measuring, state.shows_measuring = state.shows_measuring, False
    if refusal_to_add():
        return False
    return shows_measuring or (session().live() is None and _cost(draft.draft()) is None)


def _cost(config: TrainConfig) -> Forecast | str | None:
    return session().forecast(config, measure=first_page_is_drawn())


def queue_token(snapshot: RunSnapshot | None, queued: Sequence[RunSnapshot]) -> tuple[object, ...]:
    """Return a token for `watch`: the version of a run's snapshot, and the queued runs."""
    return (snapshot.version if snapshot else 0, *(other.run for other in queued))


def watch(run: str | None, token_before: tuple[object, ...], pending: bool) -> None:
    """Redraw the page after a change that the run's own fragment does not poll.

    The body of a second fragment, which shows nothing and so costs little. The page uses it for
    paused and queued runs, and while a forecast is measured.
    """
    refresh_interval()  # count this visitor as present
    try:
        snapshot = session().snapshot(run) if run is not None else None
    except RunError:
        st.rerun()
    if queue_token(snapshot, session().queued()) != token_before or pending != forecast_pending():
        st.rerun()
