"""Inversion: the z of a picture, found by gradient descent from several starts."""

from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core.datasets import critic_examples
from pages.ui.core.permissions import permitted
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import attempt, session
from pages.ui.core.state import page_state
from pages.ui.core.status import newest_task
from pages.ui.latent import bookmarks
from pages.ui.latent.frame import Choice, GeneratorView
from pages.ui.latent.state import BookmarksState, InversionState
from pages.ui.panels import own_image
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.image_picker.image_picker import image_picker
from wgan import critic, figures
from wgan.arrays import U8
from wgan.format import fmt_number
from wgan.imaging import encode, tile
from wgan.jobs import NUM_BASELINE_PICTURES, SEARCH, InversionResult, RunSnapshot, TaskStatus
from wgan.latent import Search
from wgan.runs import RunError
from wgan.session import Session
from wgan.verdicts import latent as latent_verdicts

SOURCES = {"drawn": "Draw", "uploaded": "Upload", "real": "Real"}
STARTS = (4, 8, 16)
UPDATES = (100, 200, 400, 800)
MAX_SHOWN = 24

HELP = """The generator turns z into pictures, but nothing turns pictures into z. So z is searched: from
several random starts, gradient steps reduce the squared difference between the generator's
picture and yours.

**Error**: root mean square difference per pixel, from 0 to 255. The dashed line, *Held-out*, is the
baseline: the average error of the same search for four real pictures that were not used in
training. If the error is well above it, the generator cannot make your picture. For a
class-conditional generator, each class is tried from at least one start."""

NEAREST_HELP = """The training pictures with the most similar pixels to yours, and their distance in the same unit
as the error. A generator that only repeats training pictures could not come closer to yours
than these."""


def task(run: str) -> TaskStatus | None:
    """Return the status of this visitor's newest inversion with a run; those of other visitors are hidden."""
    return newest_task(run, SEARCH, page_state(InversionState).tasks.get(run, ""))


def refresh(run: str) -> float | None:
    """Return the seconds between two reruns of the section; None if only the visitor causes them."""
    status = task(run)
    return 0.7 if status is not None and not status.done else None


def show(generator_view: GeneratorView, snapshot: RunSnapshot, choice: Choice) -> None:
    """Let the visitor choose a picture, and show the progress of its inversion."""
    state, status = page_state(InversionState), task(generator_view.run)
    progress = None if status is None else (status.key, status.done)
    if state.last_status != progress:
        progress_before, state.last_status = state.last_status, progress
        if status is not None and status.done and progress_before == (status.key, False):
            st.rerun()  # it needs no further reruns
    left, right = st.columns([0.36, 0.64], gap="large")
    with left:
        st.markdown("**Your picture**", help=HELP)
        target = _target(generator_view)
        starts, updates = st.columns(2)
        with starts:
            start_count = st.select_slider(
                "Starts",
                STARTS,
                8,
                key="find_starts",
                persist_state="session",
                help="Number of random z from which the search starts. The best result counts. A class-conditional "
                "generator gets at least one start for each class.",
            )
        with updates:
            update_count = st.select_slider(
                "Updates",
                UPDATES,
                200,
                key="find_updates",
                persist_state="session",
                help="Number of gradient steps from each start.",
            )
        if status is not None and not status.done:
            st.button(
                "Cancel",
                icon=":material/close:",
                key="find_cancel",
                **permitted(session().refusal_to_cancel(status.key)),
                on_click=attempt,
                args=(
                    Session.cancel_task,
                    status.key,
                ),
            )
        else:
            st.button(
                "Find z",
                icon=":material/search:",
                type="primary",
                key="find_start",
                **permitted(session().refusal_to_begin_task(), disabled=target is None),
                on_click=_begin,
                args=(generator_view.run, target, choice, int(start_count), int(update_count)),
            )
    with right:
        if problem := state.problem:
            st.error(plain_text(problem), icon=":material/error:")
        if status is None:
            with st.container(height=330, border=False, vertical_alignment="center"):
                st.caption(
                    "Choose, draw or upload a picture, then press **Find z**. The search appears here."
                )
            return
        _progress(generator_view, status, choice)


def _target(generator_view: GeneratorView) -> Any:
    real = _never_seen(generator_view)
    sources = [source for source in SOURCES if source != "real" or real is not None]
    source = st.segmented_control(
        "Picture",
        sources,
        format_func=SOURCES.__getitem__,
        required=True,
        # A real picture is chosen already, so the search can begin at once.
        default="drawn" if real is None else "real",
        key="find_way",
        persist_state="session",
        width="stretch",
        label_visibility="collapsed",
    )
    if source == "drawn":
        return own_image.draw_picture(generator_view.models, "find", height=180)
    if source == "uploaded":
        return own_image.upload_picture(generator_view.models, "find")
    assert real is not None
    state = page_state(InversionState)

    def keep(samples: list[int]) -> None:
        state.picked = samples

    samples = image_picker(
        encode(tile(real, 8)),
        key="find_real",
        rows=MAX_SHOWN // 8,
        columns=8,
        picked=state.picked,
        on_change=keep,
        most=1,
        max_height=200,
        caption="Click a picture to choose it",
        alt="Real pictures to choose from",
    )
    return real[(samples or [0])[0]]


def _never_seen(generator_view: GeneratorView) -> U8 | None:
    """Return real pictures held out of the training, without those of the baseline."""
    examples = critic_examples(
        generator_view.models.config.dataset, NUM_BASELINE_PICTURES + MAX_SHOWN
    )
    return (
        None
        if examples is None
        else critic.pictures_of(examples[0].held_out[NUM_BASELINE_PICTURES:])
    )


def _begin(run: str, target: Any, choice: Choice, starts: int, updates: int) -> None:
    state = page_state(InversionState)
    state.problem = ""
    page_state(BookmarksState).needs_redraw = True
    try:
        search = session().invert(run, target, choice.step, starts=starts, updates=updates)
        state.tasks[run] = search.key
    except (RunError, ValueError) as error:
        state.problem = str(error)


def _progress(generator_view: GeneratorView, status: TaskStatus, choice: Choice) -> None:
    """Show the progress of the inversion, and its result."""
    if status.error:
        st.error(plain_text(status.error), icon=":material/error:")
    if not status.done:
        st.progress(status.share, f"{plain_text(status.message)} …")
    result = status.result
    if not isinstance(result, InversionResult):
        return
    # The newest weights of a live run change before an inversion ends, so allow keeping its z
    # nevertheless.
    is_outdated = choice.step is not None and result.step != choice.step
    _which_weights(generator_view, status, result, is_outdated)
    _best(status, result.search)
    st.markdown(_verdict(generator_view, status, result.search))
    _all_starts(result.search)
    _nearest(result)
    if status.done and not is_outdated:
        _keep_button(generator_view, result.search)
        bookmarks.show(generator_view.run, generator_view.models, generator_view.share)


def _which_weights(
    generator_view: GeneratorView, status: TaskStatus, result: InversionResult, is_outdated: bool
) -> None:
    text = f"Searched with the weights of step {result.step:,}"
    if status.done and is_outdated:
        text += (
            ", not those that you have chosen now. Press **Find z** to search with the chosen "
            "weights"
        )
    elif status.done and result.step != generator_view.models.step:
        text += f". The run is now at step {generator_view.models.step:,}"
    st.caption(f"{text}.")


def _baseline(search: Search) -> float | None:
    """Return the mean error of held-out pictures; None until one has been inverted."""
    return float(search.others.mean()) if len(search.others) else None


def _best(status: TaskStatus, search: Search) -> None:
    """Show the target beside the nearest picture, and the error of each start."""
    pair, curve = st.columns([0.4, 0.6], gap="small")
    with pair:
        image_grid(
            encode(tile(np.stack([search.target, search.pictures[search.best]]), 2)),
            key="find_pair",
            rows=1,
            columns=2,
            max_height=150,
            caption="Yours, and the closest sample",
            notes=("yours", "found"),
            alt="Your picture, and the closest sample",
        )
    with curve:
        chart(
            figures.inversion_errors(np.array(search.at), search.errors, _baseline(search)),
            key="find_curve",
            run=status.key,
            height=190,
            title="Error of each start",
            help=HELP,
            alt="Error of each start over the updates",
        )


def _verdict(generator_view: GeneratorView, status: TaskStatus, search: Search) -> str:
    """Return a sentence with the error, and that of held-out pictures."""
    text = f"The error is **{fmt_number(round(search.error, 1))}** of 255 per pixel"
    if search.labels is not None:
        class_names = generator_view.models.config.dataset.class_names()
        text += f", with the class {plain_text(class_names[search.labels[search.best]])} as input"
    baseline = _baseline(search)
    if baseline is not None:
        low, high = (
            fmt_number(round(float(e), 1)) for e in (search.others.min(), search.others.max())
        )
        text += (
            f". For {len(search.others)} held-out pictures, it is "
            f"**{fmt_number(round(baseline, 1))}** on average ({low} to {high})"
        )
        if status.done and not status.cancelled:
            text += f". {latent_verdicts.inversion(search.error, search.others)}"
            if search.labels is not None:
                text += (
                    " All classes were tried, and this one came closest. The class that you see may be another: with "
                    "an unusual z, a generator can make a picture that looks like another class"
                )
    if status.cancelled:
        text += ". The search was cancelled here"
    return text.rstrip(".") + "."


def _all_starts(search: Search) -> None:
    errors = search.errors[-1]
    order = errors.argsort()
    pictures = search.pictures[order][:8]
    image_grid(
        encode(tile(pictures, len(pictures))),
        key="find_starts_strip",
        rows=1,
        columns=len(pictures),
        max_height=80,
        caption="Results of all starts, the best first"
        if len(pictures) == len(errors)
        else f"The best {len(pictures)} of {len(errors)} results, the best first",
        notes=[fmt_number(round(float(e), 1)) for e in errors[order][:8]],
        alt="The results of all starts",
    )


def _nearest(result: InversionResult) -> None:
    if result.nearest is None or result.distances is None:
        return
    st.markdown("**Nearest training pictures**", help=NEAREST_HELP)
    image_grid(
        encode(tile(result.nearest, len(result.nearest))),
        key="find_nearest",
        rows=1,
        columns=len(result.nearest),
        max_height=80,
        caption="",
        notes=[fmt_number(round(float(d), 1)) for d in result.distances],
        alt="The training pictures that are most similar to yours",
    )


def _keep_button(generator_view: GeneratorView, search: Search) -> None:
    label = None if search.labels is None else search.labels[search.best]
    st.button(
        "Keep this z",
        icon=":material/push_pin:",
        key="find_keep",
        on_click=bookmarks.keep,
        args=(generator_view.run, search.z[search.best], label, "found"),
        help="To walk through it, open Walk and choose “Kept” as waypoints.",
    )
