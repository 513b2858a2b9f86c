"""One run: its curves, config, checkpoints, and how to repeat it."""

from collections.abc import Sequence
from zlib import crc32

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.status import badge
from pages.ui.panels import fork, run_panel
from pages.ui.runs import exports
from pages.ui.runs.trash import ask_to_delete
from wgan.config import PRESETS, TrainConfig, differences, hyperparameters
from wgan.export import nearest_preset
from wgan.format import fmt_bytes, fmt_value
from wgan.jobs import RunSnapshot
from wgan.metrics import title_of
from wgan.runs import RunError, RunSummary, Status

# ---- one run ----------------------------------------------------------------------------------


def show(name: str) -> None:
    """Show one run: its buttons, and tabs with all of its records."""
    try:
        view = session().view(name)
    except RunError as error:
        st.error(str(error), icon=":material/error:")
        if st.button("Delete", icon=":material/delete:", key="delete"):
            ask_to_delete([name])
        return
    card = next((card for card in session().library.cards() if card.run == name), None)
    if card is None:
        return
    _head(view, card)
    ticking = view.status.active
    curves, config, checkpoints, repeat, environment = st.tabs(
        ["Curves and pictures", "Config", "Checkpoints", "How to repeat it", "Environment"]
    )
    with curves, st.container():
        st.fragment(run_panel.panel, run_every=refresh_interval() if ticking else None)(
            name, run_panel.page_token(view)
        )
    with config:
        _config(view)
    with checkpoints:
        _checkpoints(view)
    with repeat:
        _repeat(name)
    with environment:
        _environment(view)


def _head(view: RunSnapshot, card: RunSummary) -> None:
    name = view.run
    shipped = view.status is Status.SHIPPED  # it is read-only; visitors can fork it
    if view.error:
        st.error(view.error, icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {card.title}", width="content")
        badge(view)
        if st.button("Open on Train", icon=":material/model_training:", key="open", type="primary"):
            show_run(name)
            st.switch_page(navigation.page("train"))
        if view.checkpoint_steps:
            _fork(view)
            if not view.status.active and not shipped:
                _further(view)
        exports.popover(view)
        if not shipped:
            with st.popover("Name", icon=":material/edit:", help="A name, a note, a star."):
                _naming(card)
            if st.button(
                "Delete",
                icon=":material/delete:",
                key="delete",
                disabled=view.status.active,
                help="To the trash, with undo.",
            ):
                ask_to_delete([name])
        if view.status is Status.FAILED:
            exports.bug_report_button(name)
    st.caption(f"{name} · {fmt_bytes(card.size)}" + (f" · {card.note}" if card.note else ""))


def _fork(view: RunSnapshot) -> None:
    with st.popover(
        "Fork",
        icon=":material/fork_right:",
        key=draft.fork_key(),
        help="Go on differently from any checkpoint, as a run of its own.",
    ):
        if fork.fork_choice(view):
            show_run(view.run)
            st.switch_page(navigation.page("train"))


def _further(view: RunSnapshot) -> None:
    with st.popover(
        "Train further",
        icon=":material/resume:",
        help="Go on from the last checkpoint to a later step.",
    ):
        at = view.checkpoint_steps[-1]
        steps = view.config.steps if view.config.steps > at else 2 * max(at, 1)
        until = st.number_input("To step", at + 1, 10_000_000, steps, key=f"further-{view.run}")
        if st.button("Train on", icon=":material/play_arrow:", key="train_on", type="primary"):
            try:
                changes = {"steps": int(until), "seconds": None}
                session().resume(view.run, changes=changes, queue=True)
                show_run(view.run)
                st.switch_page(navigation.page("train"))
            except (RunError, ValueError) as error:
                st.error(str(error), icon=":material/error:")


def _naming(card: RunSummary) -> None:
    with st.form(f"name-{card.run}", border=False):
        title = st.text_input("Name", card.name, max_chars=80, placeholder=card.title)
        note = st.text_area("Note", card.note, max_chars=10_000)
        star = st.toggle("Star", card.star)
        if st.form_submit_button("Keep", type="primary"):
            try:
                session().describe(card.run, title=title, note=note, star=star)
            except RunError as error:
                st.error(str(error), icon=":material/error:")
                return
            st.rerun()


def _config(view: RunSnapshot) -> None:
    """Show all values, with their differences from the run's parent or preset."""
    bases: dict[str, TrainConfig] = {}
    if view.parent is not None:
        try:
            bases["its parent"] = session().library.config_at(view.parent.run, view.parent.step)
        except RunError:
            st.caption(f"Its parent, {view.parent.run}, is not here any more.")
    nearest = nearest_preset(view.config)
    bases[f"the preset “{PRESETS[nearest].title}”"] = PRESETS[nearest].config
    base = st.segmented_control(
        "Compared with",
        list(bases),
        default=next(iter(bases)),
        required=True,
        key=f"base-{view.run}",
        persist_state="session",
    )
    fields = {value.path: value for value in hyperparameters(view.config)}
    titles = {value.path: value.title for value in hyperparameters()}
    changes = differences(view.config, bases[base or next(iter(bases))])
    if changes:
        st.dataframe(
            {
                "Value": [titles.get(path, path) for path, _, _ in changes],
                "There": [fmt_value(before) for _, before, _ in changes],
                "In this run": [fmt_value(after) for _, _, after in changes],
            },
            hide_index=True,
        )
    else:
        st.markdown(f"The same as {base}.")
    with st.expander("All values"):
        values = view.config.flat()
        st.dataframe(
            {
                "Value": [fields[path].title for path in values if path in fields],
                "In this run": [fmt_value(v) for path, v in values.items() if path in fields],
                "Unit": [fields[path].unit or "" for path in values if path in fields],
                "Flag": [f"--{path.replace('_', '-')}" for path in values if path in fields],
            },
            hide_index=True,
        )


def _checkpoints(view: RunSnapshot) -> None:
    if not view.checkpoint_steps:
        st.markdown("No checkpoint yet.")
        return
    run = session().library.run(view.run)
    starred, best_of = run.starred(), run.best_steps()
    # With other checkpoints or stars the table gets another key. Streamlit stores a tick by its
    # row, where another step may be now.
    contents = (view.checkpoint_steps, sorted(starred))
    key = f"stars-{view.run}-{crc32(repr(contents).encode())}"
    st.caption("The first, the newest, the best and the starred are kept; of the others, some.")
    st.data_editor(
        {
            "Step": list(view.checkpoint_steps),
            "Star": [step in starred for step in view.checkpoint_steps],
            "Best": [
                ", ".join(title_of(name) for name, at in best_of.items() if at == step)
                for step in view.checkpoint_steps
            ],
        },
        disabled=True if view.status is Status.SHIPPED else ["Step", "Best"],
        hide_index=True,
        width=520,
        column_config={
            "Step": st.column_config.NumberColumn(format="localized"),
            "Star": st.column_config.CheckboxColumn("Keep for good"),
        },
        key=key,
        on_change=_star,
        args=(view.run, view.checkpoint_steps, key),
    )


def _star(run: str, steps: Sequence[int], key: str) -> None:
    """Star the ticked checkpoints; `steps` are the rows of the table."""
    for row, changes in st.session_state[key]["edited_rows"].items():
        if "Star" in changes:
            try:
                session().library.star_checkpoint(run, steps[int(row)], bool(changes["Star"]))
            except RunError as error:
                st.toast(str(error), icon=":material/error:")


def _repeat(name: str) -> None:
    try:
        command, program = exports.recipe(name)
    except RunError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.markdown("**On the command line**")
    st.code(command, language="bash", wrap_lines=True)
    st.markdown(
        "**In Python**",
        help="With every change made by hand. On the same machine and "
        "versions the numbers are the same, bit for bit.",
    )
    st.code(program, language="python", height=300)


def _environment(view: RunSnapshot) -> None:
    described = session().library.run(view.run).described()
    facts = {str(k): str(v) for k, v in described["versions"].items()}
    if view.engine is not None:
        facts |= {k: str(v) for k, v in view.engine.as_dict().items()}
    facts["created"] = str(described["created"])
    facts["schema"] = str(described["schema"])
    st.dataframe({"What": list(facts), "": list(facts.values())}, hide_index=True)
