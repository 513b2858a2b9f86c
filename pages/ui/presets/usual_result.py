"""The usual result of a preset: its samples and their quality, as `python -m benchmarks.preset_results` measured them."""

import statistics
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from pydantic import BaseModel, ConfigDict

from pages.ui.core.plain_text import plain_text
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from wgan import figures
from wgan.config import TrainConfig
from wgan.metrics import title_of, value_and_unit

FOLDER = Path(__file__).parent / "measured"

ROWS, COLUMNS = 6, 10
"""Shape of the sheet of samples. If the preset is class-conditional, each column shows one class."""


class UsualResult(BaseModel):
    """The measured result of a preset."""

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any]
    """The preset's config when it was measured."""
    steps: int
    """Generator updates before the measurement."""
    seeds: list[int]
    metrics: dict[str, list[float]]
    """Each metric's value for each seed."""
    floor: float
    """The first metric's value for held-out real examples in place of samples."""
    floor_count: int | None = None
    """The number of these examples, if there are fewer of them than samples."""
    points: list[tuple[float, float]] | None
    """Samples with the first seed; None for pictures, which are in a file."""

    def is_of(self, config: TrainConfig) -> bool:
        """Return whether this result was measured with a config."""
        return TrainConfig.parse(self.config) == config


@cache
def usual_result(name: str) -> UsualResult | None:
    """Return the measured result of a preset; None if it was not measured."""
    file = FOLDER / f"{name}.json"
    return UsualResult.model_validate_json(file.read_text()) if file.is_file() else None


def show(name: str, config: TrainConfig) -> None:
    """Show the usual result of a preset, or say why there is none."""
    result = usual_result(name)
    st.markdown("**Usual result**")
    if result is None:
        st.caption("Not measured yet. **What to expect** describes the result.")
        return
    st.markdown(quality(result, config))
    picture = FOLDER / f"{name}.webp"
    if result.points is not None:
        points = np.array(result.points, np.float32)
        chart(
            figures.plane(real=points[:0], fake=points, extent=float(abs(points).max() * 1.2)),
            key="preset_result_points",
            run=name,
            height=280,
            title="Samples",
            alt="Samples of a generator that was trained with this preset",
        )
    elif picture.is_file():
        image_grid(
            picture.read_bytes(),
            key="preset_result",
            rows=ROWS,
            columns=COLUMNS,
            caption=f"Samples after {result.steps:,} steps",
            max_height=260,
            alt="Samples of a generator that was trained with this preset",
        )
    else:
        st.caption("The samples are not shown, because they resemble protected artwork.")


def quality(result: UsualResult, config: TrainConfig) -> str:
    """Return the measured quality in words, with the range over the seeds."""
    parts: list[str] = []
    for metric, values in result.metrics.items():
        middle, unit = value_and_unit(metric, statistics.median(values))
        lowest, highest = (value_and_unit(metric, value)[0] for value in (min(values), max(values)))
        notes = [] if lowest == highest else [f"{lowest} to {highest}"]
        if not parts:
            real = (
                "real examples"
                if result.floor_count is None
                else f"{result.floor_count:,} real examples, too few to compare"
            )
            notes.append(f"{real}: {value_and_unit(metric, result.floor)[0]}")
        parts.append(
            f"{plain_text(title_of(metric))}: **{middle}**"
            + (f" {unit}" if unit else "")
            + (f" ({'; '.join(notes)})" if notes else "")
        )
    after = f"After {result.steps:,} of {config.steps:,} steps"
    if result.steps == config.steps:
        after = f"After all {result.steps:,} steps"
    count = len(result.seeds)
    seeds = "one seed" if count == 1 else f"median and range of {count} seeds"
    return f"{after}, {seeds}. " + ". ".join(parts) + "."
