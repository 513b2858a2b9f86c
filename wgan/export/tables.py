"""A run's curves for other programs: CSV, and TensorBoard's event files."""

import csv
from pathlib import Path
from typing import TextIO

import numpy as np

from wgan.pictures import decode
from wgan.runs import COLUMNS, Run, RunError

MOST_PICTURES = 50


def export_csv(run: Run, out: Path) -> int:
    """Write every report of a run as CSV, clock columns last; return how many there are.

    Numbers are written so that reading them gives the same floats.
    """
    columns = run.reports()
    with _opened(out) as file:
        write_csv(columns, file)
    return len(columns["step"])


def write_csv(columns: dict[str, np.ndarray], file: TextIO) -> None:
    """Write an array a column; see `wgan.runs.COLUMNS`."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    whole = {"step", "images"}
    for row in zip(*(columns[name] for name in COLUMNS), strict=True):
        writer.writerow(
            int(value) if name in whole else repr(float(value))
            for name, value in zip(COLUMNS, row, strict=True)
        )


def export_tensorboard(run: Run, folder: Path) -> int:
    """Write TensorBoard event files: a scalar a column of the reports, metrics, sample grids.

    Returns the number of events. Needs the package tensorboard; raises RunError without it.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RunError(
            "TensorBoard's files need one more package: pip install tensorboard."
        ) from error
    columns = run.reports()
    events = 0
    folder.mkdir(parents=True, exist_ok=True)
    with SummaryWriter(str(folder)) as writer:
        for name in COLUMNS[1:-1]:
            values = zip(columns["step"], columns[name], columns["time"], strict=True)
            for step, value, when in values:
                writer.add_scalar(name, value, int(step), walltime=when)
                events += 1
        for measured in run.metrics():
            writer.add_scalar(f"metrics/{measured.name}", measured.value, measured.step)
            events += 1
        for step in run.moments(MOST_PICTURES):
            found = run.preview(step)
            if found is not None and found[0] == "webp":
                writer.add_image("samples", decode(found[1]), step, dataformats="HWC")
                events += 1
    return events


def _opened(out: Path) -> TextIO:
    try:
        return out.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
