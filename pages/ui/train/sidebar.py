"""The sidebar of the Train page: presets, undo, and one control for each hyperparameter."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.core.chart_look import chart_look_controls
from pages.ui.core.config_form import control, options_of
from pages.ui.core.draft import (
    delete_preset,
    draft,
    fork_origin,
    leave_fork,
    redo,
    reset,
    set_draft,
    undo,
)
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.plain_text import plain_text
from pages.ui.core.run_picker import choose_run, run_titles
from pages.ui.core.session import session
from pages.ui.core.state import NextRun, Steering, page_state
from pages.ui.core.widget_state import (
    close_popover,
    popover_key,
    user_changed,
    widget_key_for,
)
from wgan.config import (
    MAX_STEPS,
    PRESETS,
    ConfigError,
    Group,
    Hyperparameter,
    TrainConfig,
    hyperparameters,
    short,
    unused_settings,
    value_text,
)
from wgan.jobs import RunSnapshot
from wgan.runs import FIXED_PARTS, Change, Parent, RunError, Status
from wgan.training import Forecast, this_machine

GROUP_ICONS = {
    Group.DATA: ":material/photo_library:",
    Group.AUGMENTATION: ":material/auto_fix_high:",
    Group.OBJECTIVE: ":material/function:",
    Group.NETWORK: ":material/layers:",
    Group.OPTIMISER: ":material/trending_down:",
    Group.SCHEDULE: ":material/event:",
    Group.REPORTING: ":material/monitoring:",
    Group.ENGINE: ":material/memory:",
}

PLANNED_SECONDS = {"1 min": 60, "5 min": 300, "15 min": 900}
"""Times for which a run can be planned."""


def sidebar(live: RunSnapshot | None, run: str | None) -> bool:
    """Draw the sidebar; return whether it edits the next run. Otherwise it steers the live one."""
    with st.sidebar:
        _choose_run(run)
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
                help="**This run**: each change takes effect at the next step and is marked on every chart. "
                "**Next run**: set up another run, to queue it or to start it instead.",
            )
            steering = choice != "Next run"
        page_state(Steering).run = live.run if live is not None and steering else None
        config = live.config if live is not None and steering else draft()
        origin = None if steering else fork_origin()
        if origin is not None:
            _head_of_fork(origin)
        else:
            _head(config, live if steering else None)
        if problem := page_state(Steering).problem:
            st.error(plain_text(problem), icon=":material/error:")
        preparing = (
            steering and live is not None and (live.status is Status.QUEUED or bool(live.phase))
        )
        _fields(
            config,
            locked=steering,
            preparing=preparing,
            kept_parts=FIXED_PARTS if origin else (),
            refusal=refusal_to_change(live.run) if live is not None and steering else "",
        )
        if run is not None:
            chart_look_controls()
    return not steering


def _choose_run(run: str | None) -> None:
    if run is None or len(session().library.summaries()) < 2:
        return
    choose_run("Run on show", run, "The run that all pages show. The newest is first.")


def _head(config: TrainConfig, live: RunSnapshot | None) -> None:
    """Show the preset, Undo, Redo, Reset and Save.

    A live run has the same controls as the next run, some of them disabled, so that the settings below
    keep their places when the visitor switches between "This run" and "Next run".
    """
    saved_presets = session().presets.all()
    names = [*PRESETS, *saved_presets]
    preset = _matching_preset(config, saved_presets)
    key = widget_key_for("preset" if live is None else "preset_of_run", preset)
    st.selectbox(
        "Preset",
        names,
        index=None if preset is None else names.index(preset),
        key=key,
        placeholder="Custom settings",
        format_func=lambda name: PRESETS[name].title if name in PRESETS else name,
        on_change=_take_preset if live is None else None,
        args=(key,) if live is None else None,
        disabled=live is not None,
        help=(
            ""
            if live is None
            else "**Fixed during a run.** To use another preset, choose *Next run* above.\n\n"
        )
        + _about(preset),
    )
    _undo_and_redo(live)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            on_click=reset,
            disabled=live is not None or page_state(NextRun).preset == preset,
            help="Return to the preset that was chosen last."
            if live is None
            else "Not available for a live run: *Undo* takes back its last change.",
        )
        with st.popover(
            "Save",
            icon=":material/bookmark_add:",
            key=popover_key("save_settings"),
            **permitted(refusal_to_add(), help="Save these settings as a preset."),
        ):
            with st.form("save_preset", border=False):
                st.text_input("Name of the preset", max_chars=40, key="preset_name")
                st.form_submit_button("Save preset", on_click=_save)
            if saved_presets:
                preset_to_delete = st.selectbox(
                    "Your presets", list(saved_presets), key="preset_gone"
                )
                st.button(
                    "Delete preset",
                    on_click=_delete_preset,
                    args=(preset_to_delete,),
                    **permitted(
                        session().permissions.refusal_to_change("preset", preset_to_delete or "")
                    ),
                )


def _about(name: str | None) -> str:
    text = "A complete set of values to start from. The Presets page describes each preset."
    if name in PRESETS:
        preset = PRESETS[name]
        text += (
            f"\n\n**{preset.title}** {preset.description}\n\n**What to expect:** {preset.expect}"
            f"\n\n*{preset.source}*"
        )
    return text


def _undo_and_redo(live: RunSnapshot | None) -> None:
    """Show the Undo and Redo buttons for the changes of the live run, else of the next run."""
    if live is None:
        next_run = page_state(NextRun)
        can_undo, can_redo = bool(next_run.undo), bool(next_run.redo)
        help_texts = (
            "Undo the last change.",
            "Redo the change that was undone last.",
        )
    else:
        done, undone = session().history(live.run)
        can_undo, can_redo = bool(done), bool(undone)
        titles = {value.path: value.title for value in hyperparameters(live.config)}
        help_texts = (
            _named("Undo", done[-1], done[-1].before, titles)
            if done
            else "There are no changes to undo.",
            _named("Redo", undone[-1], undone[-1].after, titles)
            if undone
            else "There are no changes to redo.",
        )
    refusal = "" if live is None else refusal_to_change(live.run)
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Undo",
            icon=":material/undo:",
            on_click=_go,
            args=("undo",),
            key="undo",
            **permitted(refusal, disabled=not can_undo, help=help_texts[0]),
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            on_click=_go,
            args=("redo",),
            key="redo",
            **permitted(refusal, disabled=not can_redo, help=help_texts[1]),
        )


def _named(verb: str, change: Change, value: Any, titles: Mapping[str, str]) -> str:
    title = plain_text(titles.get(change.path, change.path))
    return f"{verb}: {title} → {plain_text(value_text(change.path, value))}."


def _matching_preset(config: TrainConfig, saved_presets: dict[str, TrainConfig]) -> str | None:
    configs = {name: preset.config for name, preset in PRESETS.items()} | saved_presets
    preset_name = page_state(NextRun).preset
    if configs.get(preset_name) == config:
        return preset_name
    return next((name for name, preset in configs.items() if preset == config), None)


def _take_preset(key: str) -> None:
    if user_changed(key) and (name := st.session_state[key]) is not None:
        page_state(NextRun).preset = name
        reset()


def _go(direction: str) -> None:
    """Undo or redo a change of the live run, else of the next run's setup."""
    steering = page_state(Steering)
    steering.problem = ""
    if steering.run is None:
        (undo if direction == "undo" else redo)()
        return
    try:
        (session().undo if direction == "undo" else session().redo)(steering.run)
    except (RunError, ConfigError) as error:
        steering.problem = str(error)


def _save() -> None:
    """Save the settings on show as a preset: those of the live run or of the next run."""
    name = st.session_state.preset_name
    steering = page_state(Steering)
    steering.problem = ""
    try:
        if steering.run is None:
            session().presets.save(name.strip(), draft())
            page_state(NextRun).preset = name.strip()
        else:
            session().presets.save(name.strip(), session().snapshot(steering.run).config)
        close_popover("save_settings")
        st.toast(f"Saved as {plain_text(name.strip())}.", icon=":material/bookmark_added:")
    except RunError as error:
        steering.problem = str(error)


def _delete_preset(name: str) -> None:
    delete_preset(name)
    close_popover("save_settings")


def _head_of_fork(origin: Parent) -> None:
    title = plain_text(run_titles().get(origin.run, origin.run))
    st.info(
        f"Fork from step {origin.step:,} of “{title}”. Change the settings below, then press "
        "**Start fork**.",
        icon=":material/fork_right:",
    )
    _undo_and_redo(None)
    st.button("Cancel the fork", icon=":material/close:", on_click=leave_fork, key="no_fork")


def _fields(
    config: TrainConfig,
    *,
    locked: bool,
    preparing: bool,
    kept_parts: Sequence[str] = (),
    refusal: str = "",
) -> None:
    """Show the main settings, and the others in one expander for each group."""
    unused = unused_settings(config, this_machine())
    fields = [v for v in hyperparameters(config) if not v.hidden and v.path not in unused]
    values = config.flat()
    options = options_of(config)

    def draw(value: Hyperparameter) -> None:
        kept_by_fork = value.path.partition(".")[0] in kept_parts
        control(
            value,
            values[value.path],
            options,
            locked=locked,
            preparing=preparing,
            kept_by_fork=kept_by_fork,
            refusal=refusal,
        )

    if refusal:
        st.caption(f":material/lock: {refusal}")
    elif locked:
        st.caption(
            ":material/lock: Grey settings are fixed during a run. The **?** beside a setting tells why."
        )
    elif not kept_parts:  # a fork says it above
        st.caption(
            ":material/edit: These settings are for the next run that you start. The **?** beside a setting "
            "explains it."
        )
    for value in fields:
        if not _is_advanced(value):
            with st.container(gap=None):
                draw(value)
                _about_part(value.path, config)
                if value.path == "steps":
                    _planned_lengths(config, locked=locked)
    st.markdown("**Advanced**")
    for group in Group:
        details = [value for value in fields if value.group is group and _is_advanced(value)]
        if not details:
            continue
        # Draw the controls only while the group is open: all of them would take half of the page's
        # time.
        expander = st.expander(
            group, icon=GROUP_ICONS[group], key=f"advanced-{group.lower()}", on_change="rerun"
        )
        with expander:
            for value in details if expander.open else ():
                draw(value)


def _about_part(path: str, config: TrainConfig) -> None:
    """Below the choice of an objective or data set, offer its explanation."""
    part = getattr(config, path) if path in ("dataset", "objective") else None
    if part is not None and part.explanation:
        st.button(
            f"About {short(part.title)}",
            icon=":material/info:",
            type="tertiary",
            key=f"about-{path}",
            on_click=_explain,
            args=(part.title, part.summary, part.explanation),
        )


def _planned_lengths(config: TrainConfig, *, locked: bool) -> None:
    """Below "Stop at step", offer the numbers of steps that take some round times on this machine.

    The buttons are there before the forecast is known, and during a run, so that the settings below stay
    where they are.
    """
    forecast = None if locked else session().forecast(config, measure=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption("or for", width="content")
        for title, seconds in PLANNED_SECONDS.items():
            steps = None
            if isinstance(forecast, Forecast):
                steps = round_steps(seconds / forecast.seconds_per_step)
            st.button(
                title,
                type="tertiary",
                key=f"plan-{seconds}",
                disabled=steps is None,
                help=_about_planned_length(title, steps, forecast, locked=locked),
                on_click=set_draft,
                args=(config.changed({"steps": steps, "seconds": None}),) if steps else None,
            )


def _about_planned_length(
    title: str, steps: int | None, forecast: Forecast | str | None, *, locked: bool
) -> str:
    if steps is not None:
        return (
            f"Sets “Stop at step” to {steps:,}: this takes about {title} on this machine, as forecast by "
            "a short measurement. If the learning rates decay, they reach 0 at this step."
        )
    if locked:
        return "For the next run only: choose **Next run** above."
    if isinstance(forecast, str):
        return plain_text(forecast)
    if session().live() is not None:
        return "This needs a forecast, and there is none while a run trains."
    return "Available when the forecast for these settings is known."


def round_steps(steps: float) -> int:
    """Round a number of steps to two digits, within the bounds of the setting."""
    whole = max(1, round(steps))
    return min(MAX_STEPS, max(1, round(whole, 2 - len(str(whole)))))


def _explain(title: str, summary: str, explanation: str) -> None:
    """Open a card with the summary and the formulas of a part of the config."""

    @st.dialog(title, width="medium")
    def card() -> None:
        st.markdown(summary)
        st.markdown(explanation)

    card()


def _is_advanced(value: Hyperparameter) -> bool:
    """Return whether a setting is in the expander of its group."""
    of_part = "." in value.path and value.group in (Group.DATA, Group.NETWORK)
    return value.advanced or (of_part and not value.main)
