"""Tasks of the labs: the button that starts or stops a task, its progress, and its newest result."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import streamlit as st

from pages.ui.core.permissions import permitted
from pages.ui.core.plain_text import plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.session import attempt, session
from pages.ui.core.state import page_state
from pages.ui.core.status import newest_task
from wgan.jobs import TaskStatus, TaskSteps
from wgan.session import Session

Result = TypeVar("Result")


@st.cache_resource(show_spinner=False)
def shared_results() -> dict[str, TaskStatus]:
    """Return the newest task with a result, by title, of the labs that all visitors share.

    It lasts as long as the server.
    """
    return {}


@dataclass
class StartedTask:
    """A task that this visitor has started."""

    key: str
    settings: object  # the settings of this task
    settings_changed: bool = False  # its error is shown until the visitor changes a setting


@dataclass(frozen=True)
class FailedStart:
    """A task that could not start: its title and settings, and the reason."""

    title: str
    settings: object
    message: str


@dataclass
class LabTasks:
    """The tasks of this visitor, by title."""

    started: dict[str, StartedTask] = field(default_factory=dict)
    results: dict[str, TaskStatus] = field(default_factory=dict)
    """The newest tasks with a result, of the labs that only this visitor sees."""
    failed_start: FailedStart | None = None


def latest_task(title: str, *, per_visitor: bool = False) -> TaskStatus | None:
    """Return the newest task of a title, with the newest result; None if it was never started.

    All visitors share the task of a title, and see it after a reload or in another tab.

    Args:
        title: Title of the task.
        per_visitor: Whether each visitor has a task of this title, because it depends on something
            that the visitor has made, such as piles shaped by hand.

    Returns:
        The newest task. Until it has a result, it carries the result of the task before it.
    """
    lab_tasks = page_state(LabTasks)
    results = lab_tasks.results if per_visitor else shared_results()
    started = lab_tasks.started.get(title)
    own_key = "" if started is None else started.key
    task = newest_task("", title, own_key if per_visitor else None)
    previous = results.get(title)
    if task is None:  # never started, or dropped by the session
        return previous if previous is None or previous.done else replace(previous, done=True)
    if task.result is not None:
        results[title] = task
    elif previous is not None:
        task = replace(task, result=previous.result)
    return task


def result_of(task: TaskStatus | None, kind: type[Result]) -> Result | None:
    """Return the result of a task if it is of a kind; None if there is no such result."""
    result = None if task is None else task.result
    return result if isinstance(result, kind) else None


def is_running(title: str, *, per_visitor: bool = False) -> bool:
    """Return whether the task of a title is running."""
    task = latest_task(title, per_visitor=per_visitor)
    return task is not None and not task.done


def running_name(task: str, names: Iterable[str], default: str) -> str:
    """Return the first of `names` whose task, titled "task, name", is running; else the default.

    So a visitor who opens the page sees the task that is running.
    """
    return next((name for name in names if is_running(f"{task}, {name}")), default)


def live_fragment(
    draw: Callable[[], object],
    title: str = "",
    *,
    per_visitor: bool = False,
    interval_s: float = 1.0,
    was_running: bool | None = None,
) -> None:
    """Draw a lab in a fragment that reruns on a timer while its task is running.

    When the task starts or ends, the whole page reruns: the fragment needs another timer, and the page
    another button.

    Args:
        draw: Draws the lab.
        title: Title of the task; empty if the lab has none.
        per_visitor: As in `latest_task`.
        interval_s: Seconds between two reruns for one viewer.
        was_running: What `start_or_stop_button` returned, if the button is above the fragment. Otherwise a task that
            ends in between would leave a button that stops nothing.
    """
    if was_running is None:
        was_running = bool(title) and is_running(title, per_visitor=per_visitor)

    def draw_once() -> None:
        """Draw the lab once."""
        if title and is_running(title, per_visitor=per_visitor) != was_running:
            st.rerun()
        refresh_interval()  # counts this visitor as present
        draw()

    with st.container():
        st.fragment(draw_once, run_every=interval_s * refresh_interval() if was_running else None)()


def start_or_stop_button(
    title: str,
    label: str,
    work: Callable[[], TaskSteps],
    *,
    key: str,
    help: str,
    settings: object,
    per_visitor: bool = False,
    task: TaskStatus | None = None,
    disabled: bool = False,
    width: Any = "content",
) -> bool:
    """Show the button that starts the task of a title, or the one that stops it.

    Args:
        title: Title of the task.
        label: Label of the start button.
        work: Makes the steps of the task.
        key: What the keys of both buttons begin with.
        help: Tooltip of the start button.
        settings: What the task would be started with.
        per_visitor: As in `latest_task`.
        task: The newest task, if `work` or `disabled` depend on its result. It may have ended since.
        disabled: Whether the start button is disabled.
        width: Width of the buttons.

    Returns:
        Whether the task is running, so that the stop button is shown.
    """
    lab_tasks = page_state(LabTasks)
    started, failed = lab_tasks.started.get(title), lab_tasks.failed_start
    if started is not None and started.settings != settings:
        started.settings_changed = True
    if failed is not None and (failed.title, failed.settings) != (title, settings):
        lab_tasks.failed_start = None
    if task is None:
        task = latest_task(title, per_visitor=per_visitor)
    if task is not None and not task.done:
        st.button(
            "Stop",
            icon=":material/close:",
            key=f"{key}_stop",
            on_click=attempt,
            width=width,
            args=(
                Session.cancel_task,
                task.key,
            ),
            **permitted(
                session().refusal_to_cancel(task.key),
                help="Stops the training. The results so far are kept.",
            ),
        )
        return True
    st.button(
        label,
        icon=":material/play_arrow:",
        type="primary",
        key=f"{key}_run",
        on_click=start,
        args=(title, work, settings, per_visitor),
        **permitted(session().refusal_to_begin_task(), help=help, disabled=disabled),
        width=width,
    )
    return False


def start(
    title: str, work: Callable[[], TaskSteps], settings: object, per_visitor: bool = False
) -> None:
    """Start the task of a title, unless it runs already; see `start_or_stop_button`."""
    lab_tasks = page_state(LabTasks)
    lab_tasks.failed_start = None
    if is_running(title, per_visitor=per_visitor):
        return  # it was started in another tab
    try:
        lab_tasks.started[title] = StartedTask(session().begin_task(title, "", work).key, settings)
    except Exception as error:  # the page shows any error and stays usable
        lab_tasks.failed_start = FailedStart(
            title, settings, f"The training could not start: {error}"
        )


def show_progress(task: TaskStatus | None, *, before: str = "", after: str = "") -> None:
    """Show the progress of a task, or its error, in one line.

    An error is shown only to the visitor who started the task, above the last result.

    Args:
        task: The task; None if it was never started.
        before: Text before its start.
        after: Text after its end.
    """
    lab_tasks = page_state(LabTasks)
    if lab_tasks.failed_start is not None:
        st.error(plain_text(lab_tasks.failed_start.message), icon=":material/error:")
    started = None if task is None else lab_tasks.started.get(task.title)
    if task and task.error and started and started.key == task.key and not started.settings_changed:
        st.error(plain_text(task.error), icon=":material/error:")
    if task is None or (task.error and task.result is None):
        if before:
            st.caption(f":material/play_arrow: {before}{_shared_time_note()}")
    elif not task.done:
        st.progress(task.share, f"{plain_text(task.message)} …{_shared_time_note()}")
    elif task.cancelled:
        st.caption(f":material/close: Stopped at {100 * task.share:.0f} %. {after}")
    elif after:
        st.caption(after)


def has_foreign_result(title: str) -> bool:
    """Return whether a title has a result that this visitor did not ask for, such as one of another visitor."""
    task = latest_task(title)
    return (
        task is not None and task.result is not None and title not in page_state(LabTasks).started
    )


def changed_settings_note(pairs: Mapping[str, tuple[object, object]], button: str) -> bool:
    """Say which settings of a result differ from those that are chosen now; return whether any do.

    A result with other settings does not answer the visitor's prediction.

    Args:
        pairs: By name, the setting of the result and the one chosen now.
        button: The button that trains with the settings chosen now.
    """
    changed = [name for name, (trained_with, now) in pairs.items() if trained_with != now]
    if changed:
        st.caption(
            f":material/info: This result has other settings than those chosen now ({', '.join(changed)}). "
            f"Press **{button}** to use the new settings."
        )
    return bool(changed)


def _shared_time_note() -> str:
    """Return a note if a run is training, because both then share the time."""
    live = session().live()
    if live is None or live.status != "running":
        return ""
    return " A run is training, too: both share the processor, so this takes about twice as long."
