"""The Presets page: a list of presets, and the chosen one."""

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.datasets import real_examples, real_sheet
from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import cell_text, plain_text
from pages.ui.core.refresh import watch
from pages.ui.core.run_actions import start
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.presets import usual_result
from pages.ui.presets.state import PresetsState
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import figures
from wgan.config import (
    PRESETS,
    Hyperparameter,
    TrainConfig,
    differences,
    hyperparameters,
    value_text,
)
from wgan.diagnosis import FEW_KINDS, RULES, SCENARIOS, Scenario
from wgan.export import nearest_preset

FEATURED = ("quick-mnist", "toy-ring")

GROUPS = {
    "Start here": (),
    "Papers": ("paper-", "wgan-", "groupsort"),
    "A tutorial and its variants": ("brownlee", "seed-"),
    "Quick": ("quick-",),
    "Points in the plane": ("toy-",),
}
"""Groups of presets, and the prefixes of their names."""


OWN = "Saved by you"
FAILURES = "Make it fail"


def grouped() -> dict[str, list[str]]:
    """Return the presets' names by group, saved ones first."""
    by_group: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in PRESETS:
        fitting = (group for group, starts in GROUPS.items() if name.startswith(starts))
        by_group["Start here" if name in FEATURED else next(fitting, "Papers")].append(name)
    saved_presets = list(session().presets.all())
    saved = {OWN: saved_presets} if saved_presets else {}
    return saved | by_group | {FAILURES: list(SCENARIOS)}


def title(name: str) -> str:
    """Return the title of a preset or scenario; a saved preset has only its name."""
    described = PRESETS.get(name) or SCENARIOS.get(name)
    return described.title if described is not None else name


def show() -> None:
    """Draw the page."""
    name = _sidebar()
    if name in SCENARIOS:
        _scenario(SCENARIOS[name])
    else:
        _show(name)
    _watch_saved()


def _sidebar() -> str:
    """Let the visitor choose a preset, and write it to the address."""
    groups = grouped()
    preset_names = [name for names in groups.values() for name in names]
    state = page_state(PresetsState)
    if state.name not in preset_names:  # at the first visit, or after its deletion
        from_address = st.query_params.get("preset", "")
        state.name = from_address if from_address in preset_names else FEATURED[0]
    with st.sidebar:
        for group, names in groups.items():
            with st.container(gap=None):
                st.caption(group)
                for name in names:
                    label = plain_text(title(name))
                    st.button(
                        f":primary[**{label}**]" if name == state.name else label,
                        type="tertiary",
                        key=f"preset-{name}",
                        on_click=_choose,
                        args=(name,),
                    )
    st.query_params.from_dict({"preset": state.name})
    return state.name


def _choose(name: str) -> None:
    page_state(PresetsState).name = name


def _show(name: str) -> None:
    """Show a preset beside real examples of its data."""
    preset = PRESETS.get(name)
    saved_presets = session().presets.all()
    if preset is None and name not in saved_presets:
        st.rerun()  # it was just deleted in another tab
    config = preset.config if preset is not None else saved_presets[name]
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"#### {plain_text(title(name))}", width="content")
            if st.button(
                "Set up a run",
                icon=":material/tune:",
                type="primary",
                key="use_preset",
                help="Open the Train page with these settings in the sidebar. Press Start there to train.",
            ):
                draft.use_preset_for_next_run(name)
                st.switch_page(navigation.page("train"))
            if preset is None:
                st.button(
                    "Delete",
                    icon=":material/delete:",
                    key="delete_preset",
                    **permitted(session().permissions.refusal_to_change("preset", name)),
                    on_click=draft.delete_preset,
                    args=(name,),
                )
        if preset is not None:
            st.markdown(preset.description)
            st.markdown(f"**What to expect.** {preset.expect}")
            st.markdown(f"**Source.** {preset.source}")
            st.code(f"python -m wgan train --preset {name}", language=None)
        else:
            st.markdown(f"{plain_text(config.title)}: settings that were saved on the Train page.")
    with right:
        _data(config)
        if preset is not None:
            usual_result.show(name, config)
    _compared_with_preset(config, name)


def _scenario(scenario: Scenario) -> None:
    """Show a training that fails on purpose: its cause, what to watch for, and the change to try."""
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"#### {scenario.title}", width="content")
            if st.button(
                "Start",
                icon=":material/play_arrow:",
                type="primary",
                key="start_scenario",
                **permitted(
                    refusal_to_add(), help="Start this training and watch it on the Train page."
                ),
            ):
                # So that the sidebar belongs to the run on show.
                draft.copy_to_draft(scenario.config)
                start(scenario.config, is_fork=False)
                st.switch_page(navigation.page("train"))
        st.markdown("A training that fails on purpose, for showing to a class.")
        st.markdown(f"**Cause.** {scenario.cause}")
        st.markdown(f"**What to look for.** {scenario.watch}")
        st.markdown(f"**Then try.** {scenario.remedy}")
        rule = RULES[scenario.rule]
        names = f"“{rule.title}”" + (
            f" or “{FEW_KINDS}”" if scenario.rule == "mode-collapse" else ""
        )
        st.caption(f"The diagnosis on the Train page lists {names} among the problems.")
    with right:
        _data(scenario.config)
    remedied = scenario.config.changed(scenario.changes)
    _values(
        scenario.config, base=remedied, base_title="With the change", heading="Settings to change"
    )


def _watch_saved() -> None:
    """Redraw the page when a preset is saved or deleted, in this tab or another."""
    watch(lambda: session().presets.token(), 2.0)


def _data(config: TrainConfig) -> None:
    real = real_examples(config.dataset, 256)
    if real is None:
        st.info(
            f"{plain_text(config.dataset.title)} is not on this machine yet. Start downloads it; you can "
            "also download it on the Data page.",
            icon=":material/download:",
        )
    elif config.dataset.kind == "pictures":
        image_grid(
            real_sheet(config.dataset, 6, 10),
            key="preset_data",
            rows=6,
            columns=10,
            caption=f"Real: {config.dataset.title}",
            max_height=260,
            alt="Real pictures of the data set",
        )
    else:
        chart(
            figures.plane(real=real, extent=float(abs(real).max() * 1.2)),
            key="preset_points",
            run=config.dataset.model_dump_json(),
            height=280,
            title=config.dataset.title,
            alt="Real points of the data set",
        )


def _value(path: str, value: object, known: dict[str, Hyperparameter]) -> str:
    unit = known[path].unit
    return cell_text(value_text(path, value)) + (f" {unit}" if unit and value is not None else "")


def _compared_with_preset(config: TrainConfig, name: str = "") -> None:
    """Show the settings in which a config differs from the nearest preset but `name`, and all settings."""
    nearest = PRESETS[nearest_preset(config, but=name)]
    _values(
        config,
        base=nearest.config,
        base_title=f"In “{nearest.title}”",
        heading=f"Settings that differ from the preset “{nearest.title}”",
    )


def _values(config: TrainConfig, *, base: TrainConfig, base_title: str, heading: str) -> None:
    """Show the settings in which a config differs from another one, and all settings."""
    fields = {value.path: value for value in hyperparameters(config)}
    values = config.flat()
    paths = [path for path in values if path in fields and not fields[path].hidden]
    base_values = base.flat()
    changed_paths = {path for path, _, _ in differences(config, base)}
    listed = [path for path in paths if path in changed_paths]
    st.markdown(f"**{plain_text(heading)}**")
    if listed:
        st.dataframe(
            {
                "Setting": [fields[path].title for path in listed],
                "Here": [_value(path, values[path], fields) for path in listed],
                cell_text(base_title): [
                    _value(path, base_values[path], fields) if path in base_values else "–"
                    for path in listed
                ],
                "Flag": [f"--{path.replace('_', '-')}" for path in listed],
            },
            hide_index=True,
            height="content",
        )
    else:
        st.caption("All settings are the same.")
    with st.expander("All settings", key="preset_all_settings"):
        st.dataframe(
            {
                "Setting": [fields[path].title for path in paths],
                "Value": [_value(path, values[path], fields) for path in paths],
                "Flag": [f"--{path.replace('_', '-')}" for path in paths],
            },
            hide_index=True,
        )
