"""The sidebar: every hyperparameter as a control, made from the config's own fields."""

import bisect
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components import setup_address
from pages.components.app import drawn, session, show_run, user_changed, widget_key_for
from pages.components.format import fmt_number
from wgan.config import (
    PARTS,
    PRESETS,
    ConfigError,
    Hyperparameter,
    TrainConfig,
    hyperparameters,
    short,
)
from wgan.data import Dataset
from wgan.export import nearest_preset
from wgan.jobs import RunSnapshot
from wgan.runs import KEPT, Change, Parent, RunError, Status, began

FIRST = "quick-mnist"
UNDO_DEPTH = 50


def draft() -> TrainConfig:
    """Return the config of the next run, as the sidebar has it.

    A visit begins with what the address says: the fork that was being prepared, or the settings of the run
    on show, with what was changed of them. Without a run it begins with the first preset.
    """
    if "draft" not in st.session_state:
        _begin_with_address()
    config: TrainConfig = st.session_state.draft
    return config


def _begin_with_address() -> None:
    origin = _fork_in_address()
    if origin is not None:
        st.session_state.before_fork = _setup_of(origin.run)
        st.session_state.draft = setup_address.with_address(_of_fork(origin))
        st.session_state.fork = origin
        st.session_state.settings_of = "Next run"
        return
    base = _setup_of(st.query_params.get("run"))
    st.session_state.draft = setup_address.with_address(base)
    st.session_state.base = nearest_preset(base)


def _setup_of(run: str | None) -> TrainConfig:
    """Return the settings that the next run begins with, beside a run on show: what that one began with."""
    if run:
        with contextlib.suppress(RunError):
            return session().run(run).config()
    return PRESETS[FIRST].config


def _fork_in_address() -> Parent | None:
    run, _, step = st.query_params.get("fork", "").rpartition("@")
    if run and step.isascii() and step.isdigit() and len(step) < 13:
        origin = Parent(run, int(step))
        with contextlib.suppress(RunError, ConfigError):
            _of_fork(origin)
            return origin
    return None


def _of_fork(origin: Parent) -> TrainConfig:
    """Return what a fork begins with: the run's values at the checkpoint, and as many steps again."""
    config = session().config_at(origin.run, origin.step)
    if config.steps <= origin.step:
        config = config.changed({"steps": 2 * origin.step, "seconds": None})
    return config


def keep_in_address(shown: str | None) -> None:
    """Put into the address what a reload needs to show the same setup for the next run."""
    origin = fork_origin()
    try:
        base = _setup_of(shown) if origin is None else _of_fork(origin)
    except (RunError, ConfigError):
        return  # The run has just been deleted.
    setup_address.write(setup_address.changes_between(draft(), base))
    if origin is None:
        st.query_params.pop("fork", None)
    elif (text := f"{origin.run}@{origin.step}") != st.query_params.get("fork"):
        st.query_params["fork"] = text


def _set_draft(config: TrainConfig) -> None:
    past = st.session_state.setdefault("drafts", [])
    if config != draft():
        past.append(draft())
        del past[:-UNDO_DEPTH]
        st.session_state.undone_drafts = []
    st.session_state.draft = config
    st.session_state.problem = ""


def fork_origin() -> Parent | None:
    """Return the run and step that the sidebar prepares a fork of, if it does."""
    origin: Parent | None = st.session_state.get("fork")
    return origin


def fork_key() -> str:
    """Return the key of the popover for forks: a new one, which is closed, after each use."""
    return f"fork-{st.session_state.get('forks', 0)}"


def prepare_fork(run: str, step: int, changes: Mapping[str, Any] | None = None) -> None:
    """Take a run's values at a checkpoint into the sidebar, to go on from there with others.

    `changes` are those that are known already; the visitor may make more.
    """
    try:
        config = _of_fork(Parent(run, step)).changed(changes or {})
    except (RunError, ConfigError) as error:
        st.session_state.problem = str(error)
        return
    leave_fork()
    st.session_state.forks = st.session_state.get("forks", 0) + 1
    st.session_state.before_fork = draft()
    st.session_state.draft = config
    st.session_state.fork = Parent(run, step)
    st.session_state.settings_of = "Next run"
    st.session_state.problem = ""
    st.session_state.drafts, st.session_state.undone_drafts = [], []


def leave_fork() -> None:
    """Give the sidebar back to new runs."""
    if st.session_state.pop("fork", None) is not None:
        st.session_state.draft = st.session_state.pop("before_fork", PRESETS[FIRST].config)
        st.session_state.drafts, st.session_state.undone_drafts = [], []


def fork_changes(config: TrainConfig, origin: Parent) -> dict[str, Any]:
    """Return what a fork changes of the values its run had at the checkpoint."""
    return setup_address.changes_between(config, session().config_at(origin.run, origin.step))


def copy_to_draft(config: TrainConfig) -> None:
    """Take a run's config for the next run."""
    leave_fork()
    _set_draft(config)


def sidebar(live: RunSnapshot | None, shown: str | None) -> bool:
    """Draw the sidebar; return whether it edits the next run (else it steers the live one)."""
    with st.sidebar:
        _choose_run(shown)
        steering = live is not None
        if live is not None and steering:
            choice = st.segmented_control(
                "Settings of",
                ["This run", "Next run"],
                default=None if "settings_of" in st.session_state else "This run",
                required=True,
                key="settings_of",
                persist_state="session",
                width="stretch",
                help="This run: what you change acts at once and leaves a mark on every chart. "
                "Next run: prepare another, and queue it or start it instead.",
            )
            steering = choice != "Next run"
        st.session_state.steering = live.run if live is not None and steering else None
        config = live.config if live is not None and steering else draft()
        origin = None if steering else fork_origin()
        if origin is not None:
            _head_of_fork(origin)
        else:
            _head(config, live if steering else None)
        if problem := st.session_state.get("problem"):
            st.error(problem, icon=":material/error:")
        preparing = steering and live is not None and live.status is Status.QUEUED
        _fields(config, locked=steering, preparing=preparing, kept=KEPT if origin else ())
    return not steering


def _choose_run(shown: str | None) -> None:
    if shown is None or len(session().cards()) < 2:
        return
    choose_run("Run on show", shown, "Every run is kept. The newest is first.")


def choose_run(label: str, shown: str, help: str) -> None:
    """Let the visitor put another run on show."""
    titles = run_titles()
    names = list(titles) if shown in titles else [shown, *titles]
    # A widget of its own for each run on show: what a browser that is late still says of the one
    # before must not put that run on show again.
    key = f"run_on_show-{shown}"
    drawn(key, shown)
    st.selectbox(
        label,
        names,
        index=names.index(shown),
        key=key,
        format_func=lambda name: titles.get(name, name),
        on_change=_show_chosen,
        args=(key, names),
        help=help,
    )


def _show_chosen(key: str, names: Sequence[str]) -> None:
    # What is none of the names is a title that has changed since the browser was told of it.
    if user_changed(key) and st.session_state[key] in names:
        show_run(st.session_state[key])


def run_titles() -> dict[str, str]:
    """Return every run in a few words that tell it from the others, the newest first.

    Without its status, and numbered from the oldest on: a browser sends the words back, and they must
    still mean the same run after another one has begun.
    """
    titles: dict[str, str] = {}
    for card in reversed(session().cards()):
        title = f"{card.run} (cannot be read)"
        if card.config is not None:
            objective, when = short(card.config.objective.title), began(card.run, card.created)
            # A name says enough, and the box is narrow.
            title = card.name or f"{objective} · {when} · {short(card.config.dataset.title)}"
        again = sum(known.partition(" #")[0] == title for known in titles.values())
        titles[card.run] = f"{title} #{again + 1}" if again else title
    return dict(reversed(titles.items()))


def _head(config: TrainConfig, live: RunSnapshot | None) -> None:
    own = session().presets.all()
    if live is None:
        names = [*PRESETS, *own]
        preset = _matching_preset(config, own)
        key = widget_key_for("preset", preset)
        st.selectbox(
            "Preset",
            names,
            index=None,
            key=key,
            placeholder="Own settings",
            format_func=lambda name: PRESETS[name].title if name in PRESETS else name,
            on_change=_take_preset,
            args=(key,),
            help=_about(preset),
        )
    _undo_and_redo(live)
    if live is not None:
        return
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            on_click=_reset,
            disabled=st.session_state.get("base", FIRST) == preset,
            help="Back to the preset that was chosen last.",
        )
        with st.popover("Save", icon=":material/bookmark_add:", help="Keep these settings."):
            with st.form("save_preset", border=False):
                st.text_input("Name of the preset", max_chars=40, key="preset_name")
                st.form_submit_button("Save preset", on_click=_save)
            if own:
                gone = st.selectbox("Own presets", list(own), key="preset_gone")
                st.button("Delete it", on_click=delete_preset, args=(gone,))


def _about(name: str | None) -> str:
    words = "A complete set of values to begin with; the Presets page tells about each."
    if name in PRESETS:
        preset = PRESETS[name]
        words += (
            f"\n\n**{preset.title}** {preset.description}\n\n**What to expect:** {preset.expect}"
            f"\n\n*{preset.source}*"
        )
    return words


def take_preset(name: str) -> None:
    """Take a preset's values for the next run."""
    leave_fork()
    st.session_state.base = name
    _reset()
    make_ready(PRESETS[name].title if name in PRESETS else name)


def make_ready(what: str) -> None:
    """Have the Train page say what was chosen elsewhere for the next run."""
    st.session_state.settings_of = "Next run"
    st.session_state.ready = (what, draft())


def ready() -> str:
    """Return what was chosen elsewhere for the next run, until it is changed or started."""
    what, config = st.session_state.get("ready", ("", None))
    return str(what) if config == draft() else ""


def remember_dataset(path: str, dataset: Dataset) -> None:
    """Remember a data set after the visitor has changed it at `path`: a drawing, a text, a scale."""
    if path.startswith("dataset."):
        st.session_state.setdefault("edited_datasets", {})[dataset.name] = dataset


def as_edited_before(path: str, value: Any) -> Any:
    """Return the value to set at `path`: a data set that is chosen again, as the visitor has made it."""
    if path == "dataset" and isinstance(value, str):
        return st.session_state.get("edited_datasets", {}).get(value, value)
    return value


def take_dataset(dataset: Dataset) -> None:
    """Take a data set for the next run, with a network that fits; say so where it cannot be."""
    leave_fork()
    st.session_state.problem = ""
    try:
        _set_draft(draft().changed({"dataset": dataset}))
        made = ", ".join(getattr(dataset, "classes", ()))
        make_ready(f"{dataset.title}, only {made}" if made else dataset.title)
    except ConfigError as error:
        st.session_state.problem = str(error)


def _undo_and_redo(live: RunSnapshot | None) -> None:
    """Offer to go back and forth through the changes: the live run's own, else the visitor's."""
    if live is None:
        done, undone = st.session_state.get("drafts"), st.session_state.get("undone_drafts")
        words = ("Take the last change back.", "Make the change again that was taken back last.")
    else:
        done, undone = session().history(live.run)
        titles = {value.path: value.title for value in hyperparameters(live.config)}
        words = (
            _named("Take back", done[-1], done[-1].before, titles) if done else "No change yet.",
            _named("Make again", undone[-1], undone[-1].after, titles)
            if undone
            else "Nothing was undone.",
        )
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Undo",
            icon=":material/undo:",
            on_click=_go,
            args=("undo",),
            disabled=not done,
            key="undo",
            help=words[0],
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            on_click=_go,
            args=("redo",),
            disabled=not undone,
            key="redo",
            help=words[1],
        )


def _named(verb: str, change: Change, value: Any, titles: Mapping[str, str]) -> str:
    shown = fmt_number(value) if isinstance(value, float) else value
    return f"{verb}: {titles.get(change.path, change.path)} → {shown}."


def _matching_preset(config: TrainConfig, own: dict[str, TrainConfig]) -> str | None:
    known = {name: preset.config for name, preset in PRESETS.items()} | own
    base = st.session_state.get("base", FIRST)
    if known.get(base) == config:
        return str(base)
    return next((name for name, preset in known.items() if preset == config), None)


def _take_preset(key: str) -> None:
    if user_changed(key) and (name := st.session_state[key]) is not None:
        st.session_state.base = name
        _reset()


def _reset() -> None:
    name = st.session_state.get("base", FIRST)
    own = session().presets.all()
    _set_draft(own[name] if name in own else PRESETS.get(name, PRESETS[FIRST]).config)


def _go(way: str) -> None:
    """Undo or redo: a change of the live run, else one of the next run's setup."""
    run = st.session_state.get("steering")
    st.session_state.problem = ""
    if run is None:
        past = st.session_state.setdefault("drafts", [])
        future = st.session_state.setdefault("undone_drafts", [])
        source, target = (past, future) if way == "undo" else (future, past)
        if source:
            target.append(draft())
            st.session_state.draft = source.pop()
        return
    try:
        (session().undo if way == "undo" else session().redo)(run)
    except (RunError, ConfigError) as error:
        st.session_state.problem = str(error)


def delete_preset(name: str) -> None:
    """Delete a preset that was saved in this app."""
    session().presets.delete(name)
    if st.session_state.get("base") == name:
        st.session_state.base = FIRST


def _save() -> None:
    name = st.session_state.preset_name
    try:
        session().presets.save(name.strip(), draft())
        st.session_state.base = name.strip()
        st.toast(f"Saved as {name.strip()}.", icon=":material/bookmark_added:")
    except RunError as error:
        st.session_state.problem = str(error)


def _head_of_fork(origin: Parent) -> None:
    title = run_titles().get(origin.run, origin.run)
    st.info(
        f"Fork from step {origin.step:,} of “{title}”. Change what you like, then press "
        "**Start fork**.",
        icon=":material/fork_right:",
    )
    _undo_and_redo(None)
    st.button("No fork", icon=":material/close:", on_click=leave_fork, key="no_fork")


def _fields(
    config: TrainConfig, *, locked: bool, preparing: bool, kept: Sequence[str] = ()
) -> None:
    known = list(hyperparameters(config))
    values = config.flat()
    main: list[Hyperparameter] = []
    advanced: list[Hyperparameter] = []
    for value in known:
        if value.hidden or (value.path == "conditional" and not config.dataset.class_names()):
            continue
        part = value.path.partition(".")[0]
        # What is learned stands first; how the data and the networks are made, with the rest.
        told = value.options == "own" or (value.type is str and value.path == "dataset.text")
        later = part in ("dataset", "network") and "." in value.path and not told
        (advanced if value.advanced or later else main).append(value)
    chosen = choices(config)
    for value in main:
        held = value.path.partition(".")[0] in kept
        control(value, values[value.path], chosen, locked=locked, preparing=preparing, held=held)
    # While it is closed its controls are not made: they would take half of the page's time.
    opened = st.expander("Advanced", icon=":material/tune:", key="advanced", on_change="rerun")
    with opened:
        for value in advanced if opened.open else ():
            held = value.path.partition(".")[0] in kept
            control(
                value, values[value.path], chosen, locked=locked, preparing=preparing, held=held
            )


def choices(config: TrainConfig) -> dict[str, dict[str, str]]:
    """Return what can be chosen where that depends on the data: value → words."""
    whole = config.dataset
    if getattr(whole, "classes", ()):
        whole = whole.model_copy(update={"classes": ()})
    found = {"classes": {name: name for name in whole.class_names()}}
    if config.dataset.name == "own":
        kept = {p.key: f"{p.title} ({p.kept:,})" for p in session().sets.own_pictures()}
        found["own"] = kept or {"": "none yet: see Datasets"}
    return found


def control(
    value: Hyperparameter,
    current: Any,
    chosen: dict[str, dict[str, str]],
    *,
    locked: bool = False,
    preparing: bool = False,
    held: bool = False,
    prefix: str = "w",
    on_change: Callable[[str, Any], None] | None = None,
) -> None:
    """Show a hyperparameter's control. What is chosen goes to the draft, or to `on_change`.

    `on_change` is called with the hyperparameter's path and its new value.
    """
    key = widget_key_for(f"{prefix}:{value.path}", current)
    disabled = held or (locked and (preparing or not value.live))
    words = value.help
    if value.source:
        words += f"\n\n*Source: {value.source}.*"
    if held:
        words = f"**A fork keeps it:** the weights are made for it.\n\n{words}"
    elif disabled and value.live:
        words = f"**The run is being prepared:** in a moment.\n\n{words}"
    elif disabled:
        words = (
            "**Cannot change while training:** networks, data and random numbers are built from "
            f"it. Choose *Next run* above to change it there.\n\n{words}"
        )
    elif locked:
        words += "\n\nActs at once, and leaves a mark on every chart."
    label = f"{value.title} ({value.unit})" if value.unit else value.title
    common: dict[str, Any] = {
        "key": key,
        "help": words,
        "disabled": disabled,
        "on_change": _hear,
        "args": (value.path, key, on_change or _changed),
    }
    known = chosen.get(value.options or "", {})
    if value.many:
        st.multiselect(
            label,
            list(known),
            format_func=lambda name: known.get(name, name),
            placeholder="all",
            **common,
        )
    elif value.options is not None:
        names = list(known) if current in known else [current, *known]
        st.selectbox(label, names, format_func=lambda k: known.get(k, k or "none"), **common)
    elif value.path in PARTS:
        variants = PARTS[value.path]
        common["help"] = words + "".join(
            f"\n\n**{_title(variants[name])}** {(variants[name].__doc__ or '').strip()}"
            for name in variants
        )
        st.selectbox(
            label,
            list(variants),
            format_func=lambda name: short(_title(variants[name])),
            **common,
        )
    elif value.choices:
        st.selectbox(label, value.choices, **common)
    elif value.type is bool:
        st.toggle(label, **common)
    elif value.type is str:
        st.text_input(label, **common)
    elif value.log:
        st.select_slider(label, _scale(value, current), format_func=fmt_number, **common)
    elif value.path == "batch_size":
        st.select_slider(label, _with([8, 16, 32, 64, 128, 256, 512], current), **common)
    elif value.low is not None and value.high is not None and value.high - value.low <= 1:
        top = min(float(value.high), 0.999)
        st.slider(label, float(value.low), top, step=0.001, format="%.3g", **common)
    elif value.type is int:
        most = 20 if value.path == "n_critic" and current <= 20 else value.high
        if most is not None and most <= 20:
            st.slider(label, int(value.low or 0), int(most), **common)
        else:
            st.number_input(label, int(value.low or 0), int(value.high or 2**31), **common)
    else:
        st.number_input(
            label,
            None if value.optional else value.low,
            value.high,
            placeholder="no limit" if value.optional else None,
            format="%.4g",
            **common,
        )


def _title(variant: Any) -> str:
    return str(getattr(variant, "title", variant.__name__))


def _scale(value: Hyperparameter, current: float) -> list[float]:
    low = max(value.low or 0.0, 1e-6 if "learning_rate" in value.path else 1e-4)
    steps = [
        float(f"{digit}e{power}")
        for power in range(-6, 4)
        for digit in (1, 2, 5)
        if low <= float(f"{digit}e{power}") <= (value.high or 1.0)
    ]
    return _with([0.0, *steps] if value.low == 0 and current == 0 else steps, current)


def _with(options: Sequence[Any], current: Any) -> list[Any]:
    """Return the options with the present value among them, in order."""
    known = list(options)
    if current not in known:
        bisect.insort(known, current)
    return known


def _hear(path: str, key: str, act: Callable[[str, Any], None]) -> None:
    if user_changed(key):
        act(path, st.session_state[key])


def _changed(path: str, value: Any) -> None:
    run = st.session_state.get("steering")
    st.session_state.problem = ""
    try:
        if run is None:
            _set_draft(draft().changed({path: as_edited_before(path, value)}))
            remember_dataset(path, draft().dataset)
        else:
            session().change(run, **{path: value})
    except (ConfigError, RunError) as error:
        st.session_state.problem = str(error)
