"""One run: its curves, config, checkpoints, and how to repeat it."""

from collections.abc import Sequence
from zlib import crc32

import streamlit as st

from pages.ui.core import draft, navigation
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.plain_text import cell_text, plain_text
from pages.ui.core.refresh import refresh_interval
from pages.ui.core.run_on_show import show_run
from pages.ui.core.session import session
from pages.ui.core.status import heading
from pages.ui.panels import fork, run_panel
from pages.ui.panels.resume import resume_popover
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
        snapshot = session().snapshot(name)
    except RunError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        if st.button(
            "Delete",
            icon=":material/delete:",
            key="delete",
            **permitted(refusal_to_change(name)),
        ):
            ask_to_delete([name])
        return
    summary = next(
        (summary for summary in session().library.summaries() if summary.run == name), None
    )
    if summary is None:
        return
    _head(snapshot, summary)
    ticking = snapshot.status.active
    curves, config, checkpoints, repeat, environment = st.tabs(
        ["Curves and pictures", "Settings", "Checkpoints", "Reproduce", "Environment"]
    )
    with curves, st.container():
        st.fragment(run_panel.panel, run_every=refresh_interval() if ticking else None)(
            name, run_panel.page_token(snapshot)
        )
    with config:
        _config(snapshot)
    with checkpoints:
        _checkpoints(snapshot)
    with repeat:
        _repeat(name)
    with environment:
        _environment(snapshot)


def _head(snapshot: RunSnapshot, summary: RunSummary) -> None:
    name = snapshot.run
    shipped = snapshot.status is Status.SHIPPED  # it is read-only; visitors can fork it
    if snapshot.error:
        st.error(plain_text(snapshot.error), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        heading(snapshot)
        st.caption(
            f"{plain_text(name)} · {fmt_bytes(summary.size)}"
            + (f" · {plain_text(summary.note)}" if summary.note else "")
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Open on Train", icon=":material/model_training:", key="open", type="primary"):
            show_run(name)
            st.switch_page(navigation.page("train"))
        if snapshot.checkpoint_steps:
            _fork(snapshot)
            if not snapshot.status.active and not shipped and resume_popover(snapshot):
                st.switch_page(navigation.page("train"))
        exports.popover(snapshot)
        refusal = refusal_to_change(name)
        if not shipped:
            if st.button(
                "Name and note",
                icon=":material/edit:",
                key="rename",
                **permitted(refusal, help="Change the name, the note and the star."),
            ):
                ask_for_name(summary)
            if st.button(
                "Delete",
                icon=":material/delete:",
                key="delete",
                **permitted(
                    refusal,
                    disabled=snapshot.status.active,
                    help="Move the run to the trash. You can restore it from there.",
                ),
            ):
                ask_to_delete([name])
        if snapshot.status is Status.FAILED:
            exports.bug_report_button(name)


def _fork(snapshot: RunSnapshot) -> None:
    with st.popover(
        "Fork",
        icon=":material/fork_right:",
        key=draft.fork_key(),
        **permitted(
            refusal_to_add(), help="Continue from a checkpoint with other settings, as a new run."
        ),
    ):
        if fork.fork_choice(snapshot):
            show_run(snapshot.run)
            st.switch_page(navigation.page("train"))


@st.dialog("Name and note")
def ask_for_name(summary: RunSummary) -> None:
    """Let the visitor change a run's name, note and star."""
    with st.form(f"name-{summary.run}", border=False):
        title = st.text_input("Name", summary.name, max_chars=80, placeholder=summary.title)
        note = st.text_area("Note", summary.note, max_chars=10_000)
        star = st.toggle("Star", summary.star)
        if st.form_submit_button("Save", type="primary"):
            try:
                session().describe(summary.run, title=title, note=note, star=star)
            except RunError as error:
                st.error(plain_text(str(error)), icon=":material/error:")
                return
            st.rerun()


def _config(snapshot: RunSnapshot) -> None:
    """Show all values, with their differences from the run's parent or preset."""
    bases: dict[str, TrainConfig] = {}
    if snapshot.parent is not None:
        try:
            bases["its parent"] = session().library.config_at(
                snapshot.parent.run, snapshot.parent.step
            )
        except RunError:
            st.caption(f"Its parent, {plain_text(snapshot.parent.run)}, has been deleted.")
    nearest = nearest_preset(snapshot.config)
    bases[f"the preset “{PRESETS[nearest].title}”"] = PRESETS[nearest].config
    base = st.segmented_control(
        "Compared with",
        list(bases),
        default=next(iter(bases)),
        required=True,
        key=f"base-{snapshot.run}",
        persist_state="session",
    )
    fields = {value.path: value for value in hyperparameters(snapshot.config)}
    titles = {value.path: value.title for value in hyperparameters()}
    changes = differences(snapshot.config, bases[base or next(iter(bases))])
    if changes:
        st.dataframe(
            {
                "Setting": [titles.get(path, path) for path, _, _ in changes],
                f"In {base}": [cell_text(fmt_value(before)) for _, before, _ in changes],
                "In this run": [cell_text(fmt_value(after)) for _, _, after in changes],
            },
            hide_index=True,
        )
    else:
        st.markdown(f"All settings are the same as in {base}.")
    with st.expander("All settings"):
        values = snapshot.config.flat()
        st.dataframe(
            {
                "Setting": [fields[path].title for path in values if path in fields],
                "In this run": [
                    cell_text(fmt_value(v)) for path, v in values.items() if path in fields
                ],
                "Unit": [fields[path].unit or "" for path in values if path in fields],
                "Flag": [f"--{path.replace('_', '-')}" for path in values if path in fields],
            },
            hide_index=True,
        )


def _checkpoints(snapshot: RunSnapshot) -> None:
    if not snapshot.checkpoint_steps:
        st.markdown("No checkpoint yet.")
        return
    run = session().library.run(snapshot.run)
    starred, best_of = run.starred(), run.best_steps()
    # With other checkpoints or stars the table gets another key. Streamlit stores a tick by its
    # row, where another step may be now.
    contents = (snapshot.checkpoint_steps, sorted(starred))
    key = f"stars-{snapshot.run}-{crc32(repr(contents).encode())}"
    is_shipped = snapshot.status is Status.SHIPPED
    refusal = "Examples are read-only." if is_shipped else refusal_to_change(snapshot.run)
    st.caption(
        "The first, the newest, the best and the starred checkpoints are kept. Some of the others are "
        f"deleted during training. {refusal}"
    )
    st.data_editor(
        {
            "Step": list(snapshot.checkpoint_steps),
            "Star": [step in starred for step in snapshot.checkpoint_steps],
            "Best": [
                cell_text(", ".join(title_of(name) for name, at in best_of.items() if at == step))
                for step in snapshot.checkpoint_steps
            ],
        },
        disabled=True if refusal else ["Step", "Best"],
        hide_index=True,
        width=520,
        column_config={
            "Step": st.column_config.NumberColumn(format="localized"),
            "Star": st.column_config.CheckboxColumn("Never delete"),
        },
        key=key,
        on_change=_star,
        args=(snapshot.run, snapshot.checkpoint_steps, key),
    )


def _star(run: str, steps: Sequence[int], key: str) -> None:
    """Star the ticked checkpoints; `steps` are the rows of the table."""
    for row, changes in st.session_state[key]["edited_rows"].items():
        if "Star" in changes:
            try:
                session().library.star_checkpoint(run, steps[int(row)], bool(changes["Star"]))
            except RunError as error:
                st.toast(plain_text(str(error)), icon=":material/error:")


def _repeat(name: str) -> None:
    try:
        command, program = exports.recipe(name)
    except RunError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    st.markdown(
        "**On the command line**",
        help="Trains a new run with the same settings. `--change` repeats each change that was made during "
        "the training, after the same step. A fork needs its parent run and that checkpoint.",
    )
    st.code(command, language=None, wrap_lines=True)
    st.markdown(
        "**In Python**",
        help="Repeats the run with all changes that were made during training, and with the parents of a fork. On the "
        "same machine with the same versions, the numbers are identical.",
    )
    st.code(program, language="python", wrap_lines=True)


def _environment(snapshot: RunSnapshot) -> None:
    described = session().library.run(snapshot.run).metadata()
    facts = {str(k): str(v) for k, v in described["versions"].items()}
    if snapshot.engine is not None:
        facts |= {k: str(v) for k, v in snapshot.engine.as_dict().items()}
    facts["created"] = str(described["created"])
    facts["schema"] = str(described["schema"])
    st.dataframe(
        {
            "Name": [cell_text(name) for name in facts],
            "Value": [cell_text(value) for value in facts.values()],
        },
        hide_index=True,
    )
