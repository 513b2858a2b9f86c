"""What the Runs page is made of: the table, one run opened, the trash, the queue, coming in."""

import base64
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import streamlit as st

from pages.components import controls, exports, live
from pages.components.app import badge, refresh_interval, session, show_run, upload_limit_mb, watch
from pages.components.format import fmt_bytes, fmt_digits, fmt_duration, fmt_value
from wgan.background import BackgroundTask
from wgan.config import PRESETS, TrainConfig, differences, hyperparameters, short
from wgan.export import nearest_preset
from wgan.jobs import RunSnapshot
from wgan.metrics import title_of
from wgan.runs import RunError, RunSummary, Status, began

TABLE_HEIGHT = 282
MOST_COMPARED = 6
MAX_REMARKS = 5  # on an import, shown one below the other

# What a metric's name means to people; the settings stand in the name itself.


def watch_runs() -> None:
    """Draw the page anew when another tab or visitor has made, deleted or queued a run."""

    def token() -> object:
        waiting = tuple(view.run for view in session().queued())
        return tuple(card.run for card in session().cards()), waiting

    watch(token, 3.0)


def heading(cards: Sequence[RunSummary]) -> None:
    """Show how many runs there are, what they take, and the ways in and out."""
    thrown = session().trash()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("### Runs", width="content")
        total = sum(card.size for card in cards)
        st.caption(
            f"{len(cards)} · {fmt_bytes(total)} on disk" if cards else "none yet", width="content"
        )
        with st.popover("Import", icon=":material/upload:", help="Take in a run exported as ZIP."):
            _importer()
        if thrown:
            words = f"Trash ({len(thrown)})"
            with st.popover(words, icon=":material/delete:", help="Deleted runs, to take back."):
                _trash()


def _importer() -> None:
    key = f"import_file-{st.session_state.get('imports', 0)}"
    st.file_uploader("A run exported as ZIP", type="zip", key=key, on_change=_import, args=(key,))
    st.caption(
        f"Up to {upload_limit_mb():,} MB. For a larger file, run `python -m wgan import FILE` on the "
        "machine that runs the app."
    )


def _import(key: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state.imports = st.session_state.get("imports", 0) + 1  # an empty field again
    st.session_state.import_chore = session().import_run(file, file.name)


def importing() -> None:
    """Show how far an import is, with a button to cancel it, or how it ended."""
    chore: BackgroundTask | None = st.session_state.get("import_chore")
    if chore is None:
        return
    if not chore.done:
        with st.container():
            st.fragment(_import_progress, run_every=0.5)()
        return
    st.session_state.import_chore = None
    if chore.error:
        st.error(chore.error, icon=":material/error:")
        return
    run, remarks = chore.result
    for remark in remarks[:MAX_REMARKS]:
        st.toast(remark, icon=":material/warning:")
    if len(remarks) > MAX_REMARKS:
        st.toast(f"And {len(remarks) - MAX_REMARKS} more remarks.", icon=":material/warning:")
    st.toast(f"{run} has been taken in.", icon=":material/upload:")
    show_run(run)
    st.session_state.picked_runs = [run]


def _import_progress() -> None:
    chore: BackgroundTask | None = st.session_state.get("import_chore")
    if chore is None or chore.done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(chore.share, f"{chore.title}: {chore.words[:1].lower()}{chore.words[1:]} …")
        st.button("Cancel", icon=":material/close:", key="cancel_import", on_click=chore.cancel)


def _trash() -> None:
    thrown = session().trash()
    for item in thrown[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{item.run} · {fmt_bytes(item.size)}")
            st.button("Take back", key=f"restore-{item.key}", on_click=_restore, args=([item.key],))
    if len(thrown) > 20:
        st.caption(f"and {len(thrown) - 20} more")
    freed = fmt_bytes(sum(item.size for item in thrown))
    sure = st.checkbox(f"Delete all {len(thrown)} for good ({freed})", key="sure")
    st.button(
        "Empty the trash",
        icon=":material/delete_forever:",
        disabled=not sure,
        key="empty_trash",
        on_click=_empty,
    )


def _empty() -> None:
    freed = session().empty_trash()
    st.session_state.pop("thrown", None)
    st.session_state.sure = False
    st.toast(f"{fmt_bytes(freed)} freed.", icon=":material/delete_forever:")


def _restore(keys: Sequence[str]) -> None:
    try:
        names = [session().restore(key) for key in keys]
        show_run(names[0])
        st.session_state.picked_runs = names[:1]
    except RunError as error:
        st.toast(str(error), icon=":material/error:")
    st.session_state.pop("thrown", None)


def offer_undo() -> None:
    """Offer to take back what was deleted just now."""
    thrown = st.session_state.get("thrown")
    if not thrown:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        what = "1 run" if len(thrown) == 1 else f"{len(thrown)} runs"
        st.markdown(f":material/delete: {what} moved to the trash.", width="content")
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo_delete",
            type="primary",
            on_click=_restore,
            args=(list(thrown),),
        )
        st.button(
            "Fine",
            key="undo_no",
            type="tertiary",
            on_click=lambda: st.session_state.pop("thrown", None),
        )


def queue() -> None:
    """Show the runs that wait, to be reordered and cancelled."""
    waiting = session().queued()
    if not waiting:
        return
    with st.container(border=True):
        st.markdown(
            "**Waiting**",
            help="They begin one after the other, by themselves. Runs that race go together.",
        )
        for i, view in enumerate(waiting):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{i + 1}. {view.name or view.config.title}", width="stretch")
                st.button(
                    "",
                    icon=":material/arrow_upward:",
                    key=f"up-{view.run}",
                    disabled=i == 0,
                    help="Earlier",
                    on_click=session().move,
                    args=(view.run, -1),
                )
                st.button(
                    "",
                    icon=":material/arrow_downward:",
                    key=f"down-{view.run}",
                    help="Later",
                    disabled=i == len(waiting) - 1,
                    on_click=session().move,
                    args=(view.run, 1),
                )
                st.button(
                    "Cancel",
                    icon=":material/close:",
                    key=f"cancel-{view.run}",
                    on_click=live.cancel,
                    args=(view.run,),
                    kwargs={"waiting": True},
                )


# ---- the table --------------------------------------------------------------------------------


def table(cards: Sequence[RunSummary]) -> tuple[list[str], list[str]]:
    """Show the runs as a table and return those that are selected, and all that the filter leaves."""
    titles = {card.run: card.name or began(card.run, card.created) for card in cards}
    # A visit begins with the address's filter.
    st.session_state.setdefault("filter", st.query_params.get("filter", ""))
    words, only = st.columns([0.62, 0.38], vertical_alignment="bottom")
    with words:
        asked = st.text_input(
            "Filter",
            key="filter",
            persist_state="session",
            placeholder="name, data set, objective, note …",
            icon=":material/search:",
            label_visibility="collapsed",
        )
    with only:
        states = st.multiselect(
            "Status",
            list(Status),
            key="filter_status",
            persist_state="session",
            placeholder="any status",
            format_func=_status,
            label_visibility="collapsed",
        )
    if asked:
        st.query_params["filter"] = asked
    else:
        st.query_params.pop("filter", None)
    found = [
        card for card in cards if _matches(card, asked) and (not states or card.status in states)
    ]
    if not found:
        st.caption("No run is like that.")
        return [], []
    known = [card.run for card in found]
    before = [run for run in st.session_state.get("picked_runs", []) if run in known]
    # Rows are selected by number, so another list of rows is another table.
    key = f"runs-{hash(tuple(known)) & 0xFFFFFF:x}"
    made = st.dataframe(
        _rows(found, titles),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [known.index(run) for run in before]}},
        hide_index=True,
        placeholder="",
        row_height=46,
        height=min(TABLE_HEIGHT, 40 + 46 * len(found)),
        column_config={
            "★": st.column_config.TextColumn(width=34),
            "Preview": st.column_config.ImageColumn("", width=50),
            "Run": st.column_config.TextColumn(width=170),
            "Step": st.column_config.NumberColumn(format="localized"),
            "Size": st.column_config.NumberColumn("MB", format="%.1f", help="On disk."),
            "Time": st.column_config.TextColumn(help="Training time."),
            "Best": st.column_config.TextColumn(
                help="The best value of what was measured: the lower the better for W₁ and FID."
            ),
        },
    )
    rows = made["selection"]["rows"] if made else []
    chosen = [known[row] for row in rows if row < len(known)]
    st.session_state.picked_runs = chosen
    if len(chosen) == 1:
        show_run(chosen[0])
    return chosen, known


def _matches(card: RunSummary, asked: str) -> bool:
    config = card.config
    what = [config.dataset.title, config.objective.title] if config else []
    text = " ".join([card.run, card.name, card.note, card.status, *what])
    return all(word in text.lower() for word in asked.lower().split())


def _rows(cards: Sequence[RunSummary], titles: dict[str, str]) -> dict[str, list[Any]]:
    def picture(card: RunSummary) -> str | None:
        if card.thumb is None:
            return None
        return f"data:image/webp;base64,{base64.b64encode(card.thumb).decode('ascii')}"

    def objective(config: TrainConfig | None) -> str:
        return short(config.objective.title) if config else ""

    return {
        "★": ["★" if card.star else "" for card in cards],
        "Preview": [picture(card) for card in cards],
        "Run": [card.name or began(card.run, card.created) or card.run for card in cards],
        "Status": [_status(card.status) for card in cards],
        "Data set": [card.config.dataset.title if card.config else "" for card in cards],
        "Objective": [objective(card.config) for card in cards],
        "Step": [card.step for card in cards],
        "Time": [fmt_duration(card.seconds) for card in cards],
        "Best": [best(card) for card in cards],
        "From": [
            f"{titles.get(card.parent.run, card.parent.run)} @ {card.parent.step:,}"
            if card.parent
            else ""
            for card in cards
        ],
        "Size": [card.size / 1e6 for card in cards],
    }


def _status(status: Status) -> str:
    return "Example" if status is Status.SHIPPED else status.capitalize()


def best(card: RunSummary) -> str:
    """Return the best values measured, a few words."""
    found = [f"{title_of(name)} {fmt_digits(m.value)}" for name, m in card.best.items()]
    return ", ".join(found[:2])


def several(chosen: Sequence[str]) -> None:
    """Show what can be done with several runs at once."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{len(chosen)} runs**", width="content")
        if st.button(
            "Compare",
            icon=":material/compare_arrows:",
            key="compare",
            type="primary",
            disabled=len(chosen) > MOST_COMPARED,
            help=f"Two to {MOST_COMPARED} runs on common axes.",
        ):
            st.session_state.compared = list(chosen)
            st.switch_page("pages/compare.py")
        if st.button("Delete", icon=":material/delete:", key="delete_several"):
            _ask_to_delete(list(chosen))


# ---- one run ----------------------------------------------------------------------------------


def opened(name: str) -> None:
    """Show one run: what can be done with it, and all that is known of it."""
    try:
        view = session().view(name)
    except RunError as error:
        st.error(str(error), icon=":material/error:")
        if st.button("Delete", icon=":material/delete:", key="delete"):
            _ask_to_delete([name])
        return
    card = next((card for card in session().cards() if card.run == name), None)
    if card is None:
        return
    _head(view, card)
    ticking = view.status.active
    curves, config, checkpoints, repeat, environment = st.tabs(
        ["Curves and pictures", "Config", "Checkpoints", "How to repeat it", "Environment"]
    )
    with curves, st.container():
        st.fragment(live.panel, run_every=refresh_interval() if ticking else None)(
            name, live.page_token(view)
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
    shipped = view.status is Status.SHIPPED  # it stays as it is: a fork of it is the visitor's
    if view.error:
        st.error(view.error, icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### {card.title}", width="content")
        badge(view)
        if st.button("Open on Train", icon=":material/model_training:", key="open", type="primary"):
            show_run(name)
            st.switch_page("pages/train.py")
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
                _ask_to_delete([name])
        if view.status is Status.FAILED:
            exports.bug_report_button(name)
    st.caption(f"{name} · {fmt_bytes(card.size)}" + (f" · {card.note}" if card.note else ""))


def _fork(view: RunSnapshot) -> None:
    with st.popover(
        "Fork",
        icon=":material/fork_right:",
        key=controls.fork_key(),
        help="Go on differently from any checkpoint, as a run of its own.",
    ):
        if live.fork_choice(view):
            show_run(view.run)
            st.switch_page("pages/train.py")


def _further(view: RunSnapshot) -> None:
    with st.popover(
        "Train further",
        icon=":material/resume:",
        help="Go on from the last checkpoint to a later step.",
    ):
        at = view.checkpoint_steps[-1]
        known = view.config.steps if view.config.steps > at else 2 * max(at, 1)
        until = st.number_input("To step", at + 1, 10_000_000, known, key=f"further-{view.run}")
        if st.button("Train on", icon=":material/play_arrow:", key="train_on", type="primary"):
            try:
                changes = {"steps": int(until), "seconds": None}
                session().resume(view.run, changes=changes, queue=True)
                show_run(view.run)
                st.switch_page("pages/train.py")
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


@st.dialog("Delete?")
def _ask_to_delete(names: list[str]) -> None:
    cards = {card.run: card for card in session().cards()}
    for name in names[:8]:
        st.markdown(f"- {cards[name].title if name in cards else name}")
    if len(names) > 8:
        st.markdown(f"- and {len(names) - 8} more")
    total = sum(cards[name].size for name in names if name in cards)
    st.caption(f"{fmt_bytes(total)} go to the trash, from where they can be taken back.")
    # As a callback: it runs before the page does, so that the page is drawn without them.
    if st.button(
        "Delete",
        icon=":material/delete:",
        type="primary",
        key="dialog_delete",
        on_click=_delete,
        args=(names,),
    ):
        st.rerun()


def _delete(names: list[str]) -> None:
    thrown = []
    for name in names:
        try:
            thrown.append(session().throw_away(name).key)
        except RunError as error:
            st.toast(str(error), icon=":material/error:")
    st.session_state.thrown = thrown
    st.session_state.picked_runs = []
    if st.session_state.get("shown") in names:
        show_run(session().newest())


def _config(view: RunSnapshot) -> None:
    """Show every value, and how it differs from the run's parent or from its preset."""
    bases: dict[str, TrainConfig] = {}
    if view.parent is not None:
        try:
            bases["its parent"] = session().config_at(view.parent.run, view.parent.step)
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
    known = {value.path: value for value in hyperparameters(view.config)}
    titles = {value.path: value.title for value in hyperparameters()}
    found = differences(view.config, bases[base or next(iter(bases))])
    if found:
        st.dataframe(
            {
                "Value": [titles.get(path, path) for path, _, _ in found],
                "There": [fmt_value(before) for _, before, _ in found],
                "In this run": [fmt_value(after) for _, _, after in found],
            },
            hide_index=True,
        )
    else:
        st.markdown(f"The same as {base}.")
    with st.expander("All values"):
        values = view.config.flat()
        st.dataframe(
            {
                "Value": [known[path].title for path in values if path in known],
                "In this run": [fmt_value(v) for path, v in values.items() if path in known],
                "Unit": [known[path].unit or "" for path in values if path in known],
                "Flag": [f"--{path.replace('_', '-')}" for path in values if path in known],
            },
            hide_index=True,
        )


def _checkpoints(view: RunSnapshot) -> None:
    if not view.checkpoint_steps:
        st.markdown("No checkpoint yet.")
        return
    run = session().run(view.run)
    starred, best_of = run.starred(), run.best_steps()
    # Other checkpoints or stars are another table: a row's tick is of the step that stood there, and
    # Streamlit would keep it for that row.
    drawn = (view.checkpoint_steps, sorted(starred))
    key = f"stars-{view.run}-{crc32(repr(drawn).encode())}"
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
    """Keep the checkpoints that were ticked, of those that stood in the table."""
    for row, changes in st.session_state[key]["edited_rows"].items():
        if "Star" in changes:
            try:
                session().star_checkpoint(run, steps[int(row)], bool(changes["Star"]))
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
    described = session().run(view.run).described()
    facts = {str(k): str(v) for k, v in described["versions"].items()}
    if view.engine is not None:
        facts |= {k: str(v) for k, v in view.engine.as_dict().items()}
    facts["created"] = str(described["created"])
    facts["schema"] = str(described["schema"])
    st.dataframe({"What": list(facts), "": list(facts.values())}, hide_index=True)
