"""What the Compare page is made of: choosing runs and axes, curves as a tree, a wall, a race."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.components import controls, live
from pages.components.app import asked_moment, keep_moment, refresh_interval, session
from pages.components.chart import chart
from pages.components.format import fmt_digits, fmt_value
from pages.components.stage import Frame
from pages.components.wall import Item, wall
from wgan import figures
from wgan.config import PREVIEW_COLUMNS, ConfigError, hyperparameters, short
from wgan.jobs import RunSnapshot
from wgan.metrics import metric_of, title_of
from wgan.objectives import OBJECTIVES
from wgan.runs import RunError, Status
from wgan.session import MOST_RACING, Busy

MOST = 6

AXES = {"Step": ("step", "steps"), "Images": ("images", "images"), "Time": ("seconds", "s")}
AXIS_HELP = """**Step**: generator updates. **Images**: real examples the critic was shown, which
is fairer where runs differ in batch size or critic updates a step. **Time**: seconds of training, which
is what one waits for."""

CURVES = {
    "Critic gap": "critic_gap",
    "Critic gap, held-out": "critic_gap_held_out",
    "Critic loss": "critic_loss",
    "Generator loss": "generator_loss",
    "Penalty": "penalty",
}
CURVE_HELP = """Gaps and losses of different objectives are in different units: compare their course,
not their height. What was measured on the samples, such as W₁, can be compared between all."""


@dataclass(frozen=True)
class Choice:
    """What the sidebar says."""

    runs: tuple[str, ...]
    axis: str
    curve: str


def sidebar() -> Choice:
    """Draw the sidebar and return what it says; the address says the same."""
    with st.sidebar:
        titles = controls.run_titles()
        asked = st.query_params.get("runs", "")
        before = st.session_state.get("compared") or [r for r in asked.split(",") if r]
        st.session_state["compare_runs"] = [run for run in before if run in titles][:MOST]
        runs = st.multiselect(
            "Runs",
            list(titles),
            key="compare_runs",
            format_func=lambda run: titles.get(run, run),
            max_selections=MOST,
            placeholder="two to six",
            on_change=lambda: st.session_state.update(compared=st.session_state["compare_runs"]),
            help="Any runs, also of other data sets.",
        )
        st.session_state.compared = list(runs)
        axis = st.segmented_control(
            "Along",
            list(AXES),
            default=_default("along", AXES, "Step"),
            required=True,
            key="compare_axis",
            persist_state="session",
            width="stretch",
            help=AXIS_HELP,
        )
        measured = _measured(runs)
        names = [*CURVES, *measured]
        curve = st.selectbox(
            "Curve",
            names,
            index=names.index(_default("curve", names, "Critic gap")),
            key="compare_curve",
            persist_state="session",
            help=CURVE_HELP,
            format_func=_curve_title,
        )
        if st.button(
            "New race",
            icon=":material/sports_score:",
            width="stretch",
            key="new_race",
            help="Start runs together, from the same seed, with the same data in the same "
            "order, in fair shares of the time.",
        ):
            st.session_state.ask_race = True
    address = {"runs": ",".join(runs), "along": str(axis), "curve": str(curve)}
    # A moment belongs to these runs on this axis.
    same = all(st.query_params.get(n, address[n]) == address[n] for n in ("runs", "along"))
    moment = asked_moment() if same else None
    if "at" not in st.query_params and "runs" not in st.query_params:  # coming back to the page
        moment = st.session_state.get("compare_moments", {}).get((*runs, axis))
    if moment is not None:
        address["at"] = str(moment)
    st.query_params.from_dict(address)
    return Choice(tuple(runs), str(axis), str(curve))


def _default(name: str, known: Any, otherwise: str) -> str:
    asked = st.query_params.get(name, otherwise)
    return asked if asked in known else otherwise


def _views(runs: Sequence[str]) -> list[RunSnapshot]:
    found = []
    for run in runs:
        try:
            found.append(session().view(run))
        except RunError as error:
            st.warning(str(error), icon=":material/search_off:")
    return found


def _curve_title(curve: str) -> str:
    return curve if curve in CURVES else title_of(curve)


def _measured(runs: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}
    for run in runs:
        try:
            known = (m.name for m in session().view(run).metrics)
            names |= dict.fromkeys(name for name in known if metric_of(name) is not None)
        except RunError:
            continue
    return list(names)


def _comparable(view: RunSnapshot, other: RunSnapshot, name: str) -> bool:
    """Tell whether a metric's numbers of two runs can stand on one axis."""
    metric = metric_of(name)
    if metric is None:
        return True
    if metric.features:
        return dict(view.protocol) == dict(other.protocol)
    return view.config.dataset == other.config.dataset


def invite(choice: Choice) -> None:
    """Say what can be done here, where there is nothing to compare yet."""
    st.markdown("### Compare runs, or let them race")
    st.markdown(
        "Choose two to six runs on the left: their curves on common axes, their samples **from the "
        "same z** side by side with one timeline, and what differs in their settings."
    )
    st.markdown(
        "Or start a **race**: GAN against WGAN against WGAN-GP, from the same seed, with the same "
        "data in the same order, in fair shares of the machine."
    )
    if st.button("Start a race", icon=":material/sports_score:", type="primary", key="first_race"):
        st.session_state.ask_race = True
        st.rerun()
    if choice.runs:
        st.caption("One run is chosen; it takes another to compare it with.")


# ---- race -------------------------------------------------------------------------------------


def race_dialog_if_asked() -> None:
    """Open the dialog for a race once it was asked for."""
    if st.session_state.pop("ask_race", False):
        _race_dialog()


@st.dialog("A race", width="medium")
def _race_dialog() -> None:
    base = controls.draft()
    st.markdown(
        f"Everything as in the Train page's sidebar ({base.dataset.title}, seed {base.seed}, "
        f"{base.steps:,} steps), but for the objective:"
    )
    usual = [name for name in ("gan", "wgan", "wgan-gp") if name in OBJECTIVES]
    chosen = st.multiselect(
        "Objectives",
        list(OBJECTIVES),
        default=usual,
        max_selections=MOST_RACING,
        format_func=lambda name: str(OBJECTIVES[name].title),
        key="race_objectives",
    )
    st.caption("All get the same share of the time, so those with cheaper steps make more of them.")
    live = session().live()
    if live is not None:
        st.info(
            f"{live.config.title} is {live.status}: the race will wait until it has ended.",
            icon=":material/queue:",
        )
    if st.button(
        "Start the race",
        icon=":material/sports_score:",
        type="primary",
        key="start_race",
        disabled=len(chosen) < 2,
    ):
        try:
            configs = [base.changed({"objective": name}) for name in chosen]
            runs = session().race(configs, queue=True)
        except (ConfigError, RunError, Busy) as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state.compared = runs
        st.rerun()


def steer(runs: Sequence[str]) -> tuple[Status, ...]:
    """Pause, resume or stop all of the runs that train here; return how all stand as this is drawn."""
    views = _views(runs)
    mine = [v for v in views if v.status.active and not v.elsewhere]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"### {'Race' if len(mine) > 1 else 'Compare'}", width="content")
        if not mine:
            return tuple(view.status for view in views)
        if any(view.status == "paused" for view in mine):
            st.button(
                "Resume all",
                icon=":material/play_arrow:",
                key="resume_all",
                type="primary",
                on_click=_each,
                args=(session().go_on, mine),
            )
        else:
            st.button(
                "Pause all",
                icon=":material/pause:",
                key="pause_all",
                type="primary",
                on_click=_each,
                args=(session().pause, mine),
            )
        st.button(
            "Stop all",
            icon=":material/stop:",
            key="stop_all",
            on_click=_each,
            args=(session().stop, mine),
        )
    return tuple(view.status for view in views)


def _each(act: Any, views: Sequence[RunSnapshot]) -> None:
    for view in views:
        act(view.run)


# ---- curves and wall --------------------------------------------------------------------------


def panel(choice: Choice, stood: tuple[Status, ...]) -> None:
    """Show the runs' pictures and curves; the body of the page's fragment.

    `stood`: how they stood when the buttons above were drawn.
    """
    refresh_interval()  # this visitor is still there
    views = _views(choice.runs)
    if tuple(view.status for view in views) != stood:
        st.rerun()
    column, unit = AXES[choice.axis]
    titles = _titles(views)
    items = [_item(view, titles[i], figures.SERIES[i], column) for i, view in enumerate(views)]

    def fetch(run: str, steps: Sequence[int]) -> Mapping[int, Frame]:
        config = session().view(run).config
        real = live.real_examples(config.dataset, 256)
        found = {step: session().preview(run, step) for step in steps}
        return {s: live.to_frame(p, real) for s, p in found.items() if p is not None}

    def go_to(moment: int | None) -> None:
        moments = st.session_state.setdefault("compare_moments", {})
        moments[(*choice.runs, choice.axis)] = moment
        keep_moment(moment)

    wall(
        items,
        key="wall",
        unit=unit,
        fetch=fetch,
        max_height=330 if len(items) < 4 else 240,
        at=asked_moment(),
        moved=go_to,
    )
    apart = [i for i, view in enumerate(views) if not _comparable(view, views[0], choice.curve)]
    if apart:
        out = ", ".join(titles[i] for i in apart)
        st.caption(
            f":material/block: Not drawn: {out}. {_curve_title(choice.curve)} of other data, or seen by "
            f"another feature network, cannot be compared with that of {titles[0]}."
        )
    lines = _lines(views, titles, choice.curve, column, leave_out=apart)
    if any(len(x) for _, x, _, _, _ in lines):
        figure = figures.compare(lines, x_title=_axis_title(choice.axis))
        chart(
            figure,
            key="compare",
            run=f"{choice.curve}-{choice.axis}-{choice.runs}",
            height=300,
            alt=f"{_curve_title(choice.curve)} of {len(views) - len(apart)} runs",
            title=_curve_title(choice.curve),
            help=CURVE_HELP,
        )
    else:
        st.caption("No values of this curve yet.")


def _axis_title(axis: str) -> str:
    return {"Step": "step", "Images": "images seen", "Time": "training time, s"}[axis]


def _titles(views: Sequence[RunSnapshot]) -> list[str]:
    """Return a short name for each run: its own, else what tells it from the others."""
    plain_titles = [v.name or short(v.config.objective.title) for v in views]
    if len(set(plain_titles)) == len(views):
        return plain_titles
    titles = controls.run_titles()
    return [titles.get(v.run, v.run) for v in views]


def _along(
    view: RunSnapshot, column: str, steps: Sequence[float] | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return where steps lie on an axis, between the reports that are known."""
    if column == "step" or not len(view.curves.get("step", ())):
        return np.asarray(steps, dtype=np.float64)
    known, at = view.curves["step"], view.curves[column]
    return np.asarray(
        np.interp(steps, np.concatenate([[0.0], known]), np.concatenate([[0.0], at])),
        dtype=np.float64,
    )


def _item(view: RunSnapshot, title: str, colour: str, column: str) -> Item:
    real = live.real_examples(view.config.dataset, 256)
    latest = live.to_frame(view.preview, real) if view.preview is not None else None
    steps = list(view.preview_steps)
    if view.preview is not None and view.preview.step not in steps:
        steps.append(view.preview.step)
    at = _along(view, column, steps)
    words = live.empty_words(view, "Pictures")
    labels = view.config.preview_labels()
    rows = 8 if labels is None else len(labels) // PREVIEW_COLUMNS
    return Item(
        view.run, title, colour, steps, at.tolist(), latest, view.status.active, words, rows=rows
    )


def _lines(
    views: Sequence[RunSnapshot],
    titles: Sequence[str],
    curve: str,
    column: str,
    leave_out: Sequence[int] = (),
) -> list[tuple[str, Any, Any, str, tuple[float, float] | None]]:
    """Return the runs' curves; a fork beside its parent only from where they part."""
    shown = {view.run for view in views}
    lines = []
    for i, view in enumerate(views):
        if i in leave_out:
            continue
        x, y, steps = _values(view, curve, column)
        origin = None
        if view.parent is not None and view.parent.run in shown and len(steps):
            at = int(np.searchsorted(steps, view.parent.step, side="right"))
            # One point of the common history, so that the line begins on its parent's.
            first = max(at - 1, 0)
            if at > 0:
                origin = (float(x[first]), float(figures.smooth(y)[first]))
            x, y = x[first:], y[first:]
        lines.append((titles[i], x, y, figures.SERIES[i], origin))
    return lines


def _values(view: RunSnapshot, curve: str, column: str) -> tuple[Any, Any, Any]:
    if curve in CURVES:
        if not len(view.curves.get("step", ())):
            return np.empty(0), np.empty(0), np.empty(0)
        return view.curves[column], view.curves[CURVES[curve]], view.curves["step"]
    found = [m for m in view.metrics if m.name == curve]
    steps = np.array([m.step for m in found], dtype=np.float64)
    return _along(view, column, steps), np.array([m.value for m in found]), steps


def differing(runs: Sequence[str]) -> None:
    """Show what differs in the runs' settings, and their last values."""
    views = _views(runs)
    titles = _titles(views)
    known = {value.path: value.title for value in hyperparameters()}
    values = [view.config.flat() for view in views]
    paths = list(dict.fromkeys(path for flat in values for path in flat))
    rows = [p for p in paths if len({str(flat.get(p, "–")) for flat in values}) > 1]
    table: dict[str, list[str]] = {"": [known.get(path, path) for path in rows]}
    for title, flat in zip(_distinct(titles), values, strict=True):
        table[title] = [fmt_value(flat.get(path)) for path in rows]
    # Of runs that train, the numbers would be old at once; they stand above their pictures.
    extra = (
        {}
        if any(view.status.active for view in views)
        else {
            "Step": [f"{view.step:,}" for view in views],
            "Training time (s)": [f"{view.seconds:,.0f}" for view in views],
            "Critic gap": [fmt_digits(v.last.report.critic_gap if v.last else None) for v in views],
        }
    )
    for name in _measured([view.run for view in views]) if extra else ():
        extra[f"{title_of(name)}, last"] = [
            _last(view, name) if _comparable(view, views[0], name) else "not comparable"
            for view in views
        ]
    for name, cells in extra.items():
        table[""].append(name)
        for title, cell in zip(_distinct(titles), cells, strict=True):
            table[title].append(cell)
    st.markdown("**What differs**")
    st.dataframe(table, hide_index=True)


def _last(view: RunSnapshot, name: str) -> str:
    return fmt_digits(next((m.value for m in reversed(view.metrics) if m.name == name), None))


def _distinct(titles: Sequence[str]) -> list[str]:
    return [t if titles.count(t) == 1 else f"{t} ({i + 1})" for i, t in enumerate(titles)]
