"""The draft: the settings of the next run, and the fork that is being prepared."""

import contextlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.core import setup_url
from pages.ui.core.session import attempt, session
from pages.ui.core.state import (
    FIRST_PRESET,
    AdaptedSettings,
    NextRun,
    RunOnShow,
    Setup,
    Steering,
    page_state,
)
from wgan.config import (
    PRESETS,
    ConfigError,
    TrainConfig,
    adapt_to_dataset,
)
from wgan.data import Dataset
from wgan.export import nearest_preset
from wgan.runs import Parent, RunError

UNDO_DEPTH = 50


def draft() -> TrainConfig:
    """Return the config of the next run, as the sidebar shows it.

    A visit begins with the setup in the address: a fork that is being prepared, or the settings of
    the run on show with some changes. Without a run, it begins with the first preset.
    """
    next_run = page_state(NextRun)
    if next_run.config is None:
        next_run.config = _begin_with_address(next_run)
    return next_run.config


def _begin_with_address(next_run: NextRun) -> TrainConfig:
    origin = _fork_in_address()
    if origin is not None:
        next_run.config_before_fork = _setup_of(origin.run)
        next_run.fork = origin
        st.session_state.settings_of = "Next run"
        return setup_url.with_address(_of_fork(origin))
    base = _setup_of(st.query_params.get("run"))
    next_run.preset = nearest_preset(base)
    return setup_url.with_address(base)


def _setup_of(run: str | None) -> TrainConfig:
    """Return the base of the next run's settings: the config of the run on show, else the first preset."""
    if run:
        with contextlib.suppress(RunError):
            return session().library.run(run).config()
    return PRESETS[FIRST_PRESET].config


def _fork_in_address() -> Parent | None:
    run, _, step = st.query_params.get("fork", "").rpartition("@")
    if run and step.isascii() and step.isdigit() and len(step) < 13:
        origin = Parent(run, int(step))
        with contextlib.suppress(RunError, ConfigError):
            _of_fork(origin)
            return origin
    return None


def _of_fork(origin: Parent) -> TrainConfig:
    """Return the initial config of a fork: the run's values at the checkpoint. An ended run gets
    as many steps again.
    """
    config = session().library.config_at(origin.run, origin.step)
    if config.steps <= origin.step:
        config = config.changed({"steps": 2 * origin.step, "seconds": None})
    return config


def keep_in_address(run: str | None) -> None:
    """Write the setup of the next run to the address, so that a reload shows it."""
    origin = fork_origin()
    try:
        base = _setup_of(run) if origin is None else _of_fork(origin)
    except (RunError, ConfigError):
        return  # the run has just been deleted
    setup_url.write(setup_url.changes_between(draft(), base))
    if origin is None:
        st.query_params.pop("fork", None)
    elif (text := f"{origin.run}@{origin.step}") != st.query_params.get("fork"):
        st.query_params["fork"] = text


def set_draft(config: TrainConfig) -> None:
    """Set the config of the next run. Undo can reverse it."""
    next_run, config_before = page_state(NextRun), draft()
    if config != config_before:
        next_run.undo.append(config_before)
        del next_run.undo[:-UNDO_DEPTH]
        next_run.redo = []
    next_run.config = config
    page_state(Steering).problem = ""


def undo() -> None:
    """Undo the last change of the next run's config."""
    next_run = page_state(NextRun)
    if next_run.undo:
        next_run.redo.append(draft())
        next_run.config = next_run.undo.pop()


def redo() -> None:
    """Redo the change that was undone last."""
    next_run = page_state(NextRun)
    if next_run.redo:
        next_run.undo.append(draft())
        next_run.config = next_run.redo.pop()


def fork_origin() -> Parent | None:
    """Return the run and step of the fork that is being prepared; None if there is none."""
    return page_state(NextRun).fork


def fork_key() -> str:
    """Return the key of the popover for forks. A new key after each fork closes the popover."""
    return f"fork-{page_state(NextRun).fork_count}"


def prepare_fork(run: str, step: int, changes: Mapping[str, Any] | None = None) -> None:
    """Begin to prepare a fork: the sidebar shows the run's values at a checkpoint.

    Args:
        run: Name of the run.
        step: Step of the checkpoint.
        changes: Changes to make at once; the visitor can make more.
    """
    try:
        config = _of_fork(Parent(run, step)).changed(changes or {})
    except (RunError, ConfigError) as error:
        page_state(Steering).problem = str(error)
        return
    leave_fork()
    leave_setup()
    next_run = page_state(NextRun)
    next_run.fork_count += 1
    next_run.config_before_fork = draft()
    next_run.config = config
    next_run.fork = Parent(run, step)
    next_run.undo, next_run.redo = [], []
    st.session_state.settings_of = "Next run"
    page_state(Steering).problem = ""


def leave_fork() -> None:
    """End the preparation of a fork. The sidebar shows the settings from before it."""
    page_state(NextRun).leave_fork()


def fork_changes(config: TrainConfig, origin: Parent) -> dict[str, Any]:
    """Return the changes of a fork relative to its run's values at the checkpoint."""
    return setup_url.changes_between(config, session().library.config_at(origin.run, origin.step))


def copy_to_draft(config: TrainConfig) -> None:
    """Use a run's config for the next run."""
    leave_fork()
    set_draft(config)


def set_up(config: TrainConfig, title: str) -> None:
    """Use a config for the next run, and let the Train page show it by its `title`."""
    copy_to_draft(config)
    announce_setup(title)


def use_preset_for_next_run(name: str) -> None:
    """Use a preset for the next run."""
    leave_fork()
    page_state(NextRun).preset = name
    reset()
    announce_setup(PRESETS[name].title if name in PRESETS else name)


def announce_setup(title: str) -> None:
    """Let the Train page announce what another page has set up for the next run, by its `title`.

    It shows the next run in place of the run on show, unless that one is being trained.
    """
    st.session_state.settings_of = "Next run"
    live = session().live()
    replaces_run = live is None or live.run != page_state(RunOnShow).run
    page_state(NextRun).setup = Setup(title, draft(), replaces_run)


def setup_replaces_run() -> bool:
    """Return whether the Train page shows what was set up in place of the run on show."""
    setup = page_state(NextRun).setup
    return setup is not None and setup.replaces_run


def leave_setup() -> None:
    """Return from what another page has set up to the run on show. The sidebar keeps the settings."""
    page_state(NextRun).setup = None


def setup_title() -> str:
    """Return the title of what another page has set up; empty once it was changed, started or left."""
    setup = page_state(NextRun).setup
    return setup.title if setup is not None and setup.config == draft() else ""


def remember_dataset(path: str, dataset: Dataset) -> None:
    """Remember a data set that the visitor has edited at `path`: a drawing, a text, a scale."""
    if path.startswith("dataset."):
        page_state(NextRun).edited_datasets[dataset.name] = dataset


def as_edited_before(path: str, value: Any) -> Any:
    """Return the value to set at `path`. A data set that is chosen again gets the visitor's earlier edits."""
    if path == "dataset" and isinstance(value, str):
        return page_state(NextRun).edited_datasets.get(value, value)
    return value


def change_draft(path: str, value: Any) -> None:
    """Change a setting of the next run. Raises ConfigError.

    If this chooses a data set of another kind, other settings change to values that suit it. The
    page says so, and Undo takes back this part first.
    """
    config = draft()
    changed = config.changed({path: value})
    set_draft(changed)
    if path.partition(".")[0] == "dataset" and fork_origin() is None:
        adapted = adapt_to_dataset(changed, config.dataset)
        if adapted != changed:
            set_draft(adapted)
            page_state(NextRun).adapted = AdaptedSettings(changed, adapted)


def adapted_settings() -> AdaptedSettings | None:
    """Return the settings that were changed automatically; None if there are none, or others changed since."""
    adapted = page_state(NextRun).adapted
    return adapted if adapted is not None and adapted.after == draft() else None


def use_dataset_for_next_run(dataset: Dataset) -> None:
    """Use a data set for the next run, with a network that fits it. A refusal is stored as a sentence."""
    leave_fork()
    steering = page_state(Steering)
    steering.problem = ""
    try:
        change_draft("dataset", dataset)
        names = ", ".join(dataset.chosen_classes())
        announce_setup(f"{dataset.title}, only {names}" if names else dataset.title)
    except ConfigError as error:
        steering.problem = str(error)


def reset() -> None:
    """Return to the preset that was chosen last."""
    name = page_state(NextRun).preset
    saved_presets = session().presets.all()
    set_draft(
        saved_presets[name]
        if name in saved_presets
        else PRESETS.get(name, PRESETS[FIRST_PRESET]).config
    )


def delete_preset(name: str) -> None:
    """Delete a saved preset."""
    attempt(lambda session: session.presets.delete(name))
    if page_state(NextRun).preset == name:
        page_state(NextRun).preset = FIRST_PRESET
