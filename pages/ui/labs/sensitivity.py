"""The lab of sensitivity: a grid of short trainings over two hyperparameters."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.labs import tasks
from pages.ui.labs.frame import Lab, show_result
from pages.ui.labs.settings import control_row, no_label, persistent_key
from pages.ui.widgets.chart.chart import chart
from wgan import figures
from wgan.config import PRESETS
from wgan.format import fmt_number, fmt_sig
from wgan.labs.sensitivity import (
    BUDGET,
    BUDGETS,
    SENSITIVITY,
    VARIED,
    Grid,
    base_config,
    expected_seconds,
    sweep,
    values_of,
)
from wgan.verdicts import stability as verdicts

LAB = Lab(
    "sensitivity",
    "Sensitivity",
    "Two hyperparameters, a grid of short trainings. Which one changes the final W₁ more?",
    ("The first", "The second", "About alike"),
    0,
    "All cells have the same seed and differ only in these two values. If W₁ hardly changes along an axis, that "
    "value matters little in this range. Short trainings favour fast learning: after more steps another cell may "
    "be the best, and another seed gives other numbers.",
    "Gulrajani et al. 2017, section 5, arXiv:1704.00028; Lucic et al. 2018, arXiv:1711.10337. The answer is "
    "measured here",
)

AXIS_HELP = f"""A hyperparameter to vary. All others stay as in the preset *{PRESETS["toy-ring"].title}*, but with constant learning
rates of 0.001: WGAN-GP on a ring of radius 2, networks 3×64."""

MAP_HELP = """Each cell is a separate training with the same seed. Its colour and number are the exact W₁ between 512 of its
samples and 512 real points at the end (logarithmic colours, lower is better, ★ is the best). Dots: its samples.
Compare W₁ with the floor, the distance between real points and other real points."""

REAL_HELP = "Real points in the same window as each cell. A perfect cell would look like this."


def _latest_grid() -> Grid | None:
    """Return the newest grid of any axes; None if there is none."""
    return tasks.result_of(tasks.latest_task(title()), Grid)


def _chosen_axes() -> tuple[str, str]:
    """Return the chosen hyperparameters of rows and columns; at first those of the newest grid."""
    result = _latest_grid()
    first = ("learning_rate", "n_critic") if result is None else (result.rows, result.columns)
    keys = (
        persistent_key("sensitivity_rows", first[0]),
        persistent_key("sensitivity_columns", first[1]),
    )
    return str(st.session_state[keys[0]]), str(st.session_state[keys[1]])


def current_lab() -> Lab:
    """Return the lab with the two hyperparameters as answers; without answers if they are the same."""
    rows, columns = _chosen_axes()
    titles = VARIED[rows].title, VARIED[columns].title
    answers = () if rows == columns else (*titles, "About alike")
    return replace(LAB, answers=answers, about=f"-{rows}-{columns}")


def title() -> str:
    """Return the title of the task that the settings ask for."""
    return SENSITIVITY


def settings() -> bool:
    """Show the settings and the button; return whether the task is running."""
    _chosen_axes()  # sets the first values of the two menus below
    with control_row():
        names = list(VARIED)
        rows = st.selectbox(
            "Rows",
            names,
            format_func=lambda k: VARIED[k].title,
            key="sensitivity_rows",
            persist_state="session",
            help=AXIS_HELP,
            width=210,
        )
        columns = st.selectbox(
            "Columns",
            names,
            format_func=lambda k: VARIED[k].title,
            key="sensitivity_columns",
            persist_state="session",
            help=AXIS_HELP,
            width=210,
        )
        side = (
            st.segmented_control(
                "Grid size",
                (3, 4),
                required=True,
                key=persistent_key("sensitivity_side", 3),
                persist_state="session",
                format_func=lambda n: f"{n}×{n}",
                help="The number of values of each hyperparameter.",
            )
            or 3
        )
        steps = int(
            st.select_slider(
                "Steps per cell",
                BUDGETS,
                key=persistent_key("sensitivity_steps", BUDGET),
                persist_state="session",
                width=200,
                help="Generator updates of each training. Few steps show which cells learn fast; many show which "
                "end well.",
            )
        )
        with no_label():
            return tasks.start_or_stop_button(
                title(),
                "Train the grid",
                lambda: sweep(rows, columns, side=side, steps=steps),
                key="sensitivity",
                settings=(rows, columns, side, steps),
                disabled=rows == columns,
                help=f"Trains {side * side} models one after the other, {steps:,} steps each: {_duration(side, steps)} "
                "on an idle machine.",
            )


def _duration(side: int, steps: int) -> str:
    return verdicts.duration(expected_seconds(side, steps))


def show(prediction: int | None) -> None:
    """Show the progress and the result. The body of the page's fragment."""
    rows, columns = _chosen_axes()
    side = int(st.session_state.get("sensitivity_side") or 3)
    steps = int(st.session_state.get("sensitivity_steps", BUDGET))
    task = tasks.latest_task(title())
    result = tasks.result_of(task, Grid)
    if rows == columns:
        st.info(
            f"Rows and columns both vary **{VARIED[rows].title.lower()}**: choose two different "
            "hyperparameters.",
            icon=":material/compare_arrows:",
        )
    tasks.show_progress(
        task,
        before=""
        if rows == columns
        else f"**Train the grid** trains {side * side} small models one after the other, {steps:,} steps each, and measures "
        f"the final W₁ of each: {_duration(side, steps)}.",
        after="" if result is None else _describe_grid(result),
    )
    if result is None:
        if rows != columns and (task is None or task.done):
            _show_empty_map(rows, columns, side)
        return
    done = task is None or task.done
    run = task.key if task is not None else ""
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left:
        _show_map(result, run)
    with right:
        _show_data_and_numbers(result, run)
        differs = (result.rows, result.columns) != (rows, columns)
        if differs and rows != columns:
            st.caption(
                f":material/info: The map shows **{VARIED[result.rows].title.lower()}** and "
                f"**{VARIED[result.columns].title.lower()}**, not the hyperparameters chosen now."
                + (" Press **Train the grid** to train those." if done else "")
            )
        if done and result.done == result.emds.size:
            show_result(_measured_lab(result), None if differs else prediction, _verdict(result))
        elif done:
            st.caption(_verdict(result))


def _labels(values: Sequence[float]) -> list[str]:
    return [fmt_number(value) for value in values]


def _show_map(grid: Grid, run: str) -> None:
    clouds = [(i, j, points) for (i, j), points in (grid.samples or {}).items()]
    # The shades cover the measured distances; without any, up to that of an untrained generator.
    worst = max(grid.emds[np.isfinite(grid.emds)].tolist(), default=grid.start)
    chart(
        figures.distance_grid(
            _labels(grid.row_values),
            _labels(grid.column_values),
            (VARIED[grid.rows].title, VARIED[grid.columns].title),
            grid.emds,
            clouds=clouds,
            extent=grid.extent,
            floor=grid.floor,
            high=worst,
            diverged=grid.diverged,
            best=grid.best if grid.done > 1 else None,
        ),
        key="sensitivity_map",
        run=run,
        height=352,
        title="Final W₁, and samples",
        help=MAP_HELP,
        alt="Heat map of the final W₁ of each training, with its samples",
    )


def _show_empty_map(rows: str, columns: str, side: int) -> None:
    """Show the empty grid, before there is a result."""
    values = values_of(rows, side), values_of(columns, side)
    config = base_config()
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left:
        chart(
            figures.distance_grid(
                _labels(values[0]),
                _labels(values[1]),
                (VARIED[rows].title, VARIED[columns].title),
                np.full((side, side), np.nan),
                clouds=[],
                extent=1.0,
                floor=0.1,
                high=2.0,
            ),
            key="sensitivity_map",
            run="empty",
            height=352,
            title="Final W₁, and samples",
            help=MAP_HELP,
            alt="The empty grid",
        )
    with right:
        st.markdown("**Each cell is a separate training**")
        st.latex(
            r"W_1\bigl(\mathbb{P}_{\text{data}},\,\mathbb{P}_{g}\bigr)\ \text{after the last step}"
        )
        for key in dict.fromkeys((rows, columns)):
            st.caption(f"**{VARIED[key].title}.** {VARIED[key].help}")
        st.caption(
            f"Data: {plain_text(config.dataset.title)}. Objective: {config.objective.title}."
        )


def _show_data_and_numbers(grid: Grid, run: str) -> None:
    chart(
        figures.point_cloud(grid.real, grid.real[:0], grid.extent),
        key="sensitivity_real",
        run=run,
        height=120,
        title="Data",
        help=REAL_HELP,
        alt="Points of the data",
    )
    best = grid.best
    text = f"Floor **{fmt_sig(grid.floor)}** · before training **{fmt_sig(grid.start)}**"
    if best is not None:
        text += f" · best **{fmt_sig(float(grid.emds[best]))}**"
    st.markdown(
        text,
        help="W₁ between 512 points and 512 real points. Floor: the points are other real points, so a lower W₁ is "
        "chance. Before training: samples of the untrained generator. Best: samples of the best cell.",
    )


def _describe_grid(grid: Grid) -> str:
    return (
        f"{grid.done} of {grid.emds.size} cells, {grid.steps:,} steps each, seed {grid.seed}; "
        f"WGAN-GP on the ring of 8 Gaussians, networks 3×64."
    )


def _measured_lab(grid: Grid) -> Lab:
    """Return the lab with the hyperparameters of a grid, and the answer that it gave."""
    titles = VARIED[grid.rows].title, VARIED[grid.columns].title
    right = verdicts.more_decisive(*grid.effects)
    return replace(LAB, answers=(*titles, "About alike"), right=right)


def _verdict(grid: Grid) -> str:
    best = grid.best
    return verdicts.sensitivity(
        VARIED[grid.rows].title,
        VARIED[grid.columns].title,
        *grid.effects,
        untrained=grid.emds.size - grid.done,
        best=None if best is None else (grid.row_values[best[0]], grid.column_values[best[1]]),
        diverged=len(grid.diverged),
    )
