"""Export of a run's curves as CSV and as TensorBoard event files."""

import csv
import tempfile
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from wgan.imaging import decode
from wgan.runs import COLUMNS, Run, RunError

MAX_PICTURES = 50


def export_csv(run: Run, out: Path) -> int:
    """Write all reports of a run as CSV, clock columns last; return their number.

    Reading the numbers gives exactly the same floats.
    """
    columns = run.reports()
    with _opened(out) as file:
        write_csv(columns, file)
    return len(columns["step"])


def write_csv(columns: dict[str, np.ndarray], file: TextIO) -> None:
    """Write columns of equal length as CSV; see `wgan.runs.COLUMNS`. A missing value is an empty cell."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    whole = {"step", "images"}
    for row in zip(*(columns[name] for name in COLUMNS), strict=True):
        writer.writerow(
            int(value) if name in whole else "" if np.isnan(value) else repr(float(value))
            for name, value in zip(COLUMNS, row, strict=True)
        )


def export_tensorboard(run: Run, folder: Path) -> int:
    """Write TensorBoard event files: reports and metrics as scalars, and sample grids.

    An existing log of the same run in the folder is replaced.

    Returns:
        The number of events.

    Raises:
        RunError: The package tensorboard is missing; the folder cannot be written; or it holds
            another log, which TensorBoard would merge with this one.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RunError(
            "TensorBoard's files need one more package: pip install tensorboard."
        ) from error
    if folder.is_file():
        raise RunError(f"{folder} is a file, not a folder. Choose another name.")
    suffix = f".run-{run.id}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = list(folder.glob("events.out.tfevents.*"))
        if others := [log.name for log in before if not log.name.endswith(suffix)]:
            raise RunError(
                f"{folder} already contains another log ({others[0]}), and TensorBoard would "
                "mix the two. Choose another folder."
            )
        with tempfile.TemporaryDirectory(prefix=".tensorboard-", dir=folder) as half:
            events = _write_events(run, SummaryWriter(half, filename_suffix=suffix))
            for log in before:
                log.unlink()
            for log in Path(half).iterdir():
                log.replace(folder / log.name)
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return events


def _write_events(run: Run, opened: Any) -> int:
    columns = run.reports()
    events = 0
    with opened as writer:
        for name in COLUMNS[1:-1]:
            values = zip(columns["step"], columns[name], columns["time"], strict=True)
            for step, value, when in values:
                if np.isnan(value):
                    continue
                writer.add_scalar(name, value, int(step), walltime=when)
                events += 1
        for metric in run.metrics():
            writer.add_scalar(f"metrics/{metric.name}", metric.value, metric.step)
            events += 1
        for step in run.previews.spread_steps(MAX_PICTURES):
            preview = run.previews.read(step)
            if preview is not None and preview[0] == "webp":
                writer.add_image("samples", decode(preview[1]), step, dataformats="HWC")
                events += 1
    return events


def _opened(out: Path) -> TextIO:
    try:
        return out.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
