"""A run, taken elsewhere: curves as CSV, samples as PNG or npz."""

import csv
from pathlib import Path
from typing import TextIO

from wgan.latent import Models, draw_z
from wgan.pictures import encode, tile
from wgan.runs import COLUMNS, Run, RunError, pack_arrays


def export_csv(run: Run, out: Path) -> int:
    """Write every report of a run as CSV, clock columns last; return how many there are.

    Numbers are written so that reading them gives the same floats.
    """
    columns = run.reports()
    with _opened(out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        whole = {"step", "images"}
        for row in zip(*(columns[name] for name in COLUMNS), strict=True):
            writer.writerow(
                int(value) if name in whole else repr(float(value))
                for name, value in zip(COLUMNS, row, strict=True)
            )
    return len(columns["step"])


def export_samples(run: Run, out: Path, *, count: int, seed: int, step: int | None = None) -> int:
    """Write samples of the averaged generator as a PNG grid or an npz; return the step it is at.

    The npz holds `images`, uint8 (N, C, H, W), or `points`, float32 (N, 2). Raises RunError.
    """
    state, _ = run.checkpoint(step)
    models = Models(state.config, state.tensors, state.step)
    made = models.make(draw_z(seed, count, state.config.latent_dim))
    pictures = state.config.dataset.kind == "pictures"
    if out.suffix == ".npz":
        content = pack_arrays({"images" if pictures else "points": made})
    elif out.suffix == ".png" and pictures:
        content = encode(tile(made, max(1, round(count**0.5)), gap=1), "PNG")
    else:
        kinds = ".npz or .png" if pictures else ".npz (its samples are points)"
        raise RunError(f"Samples of run {run.id} can be written as {kinds}, not {out.suffix!r}.")
    try:
        out.write_bytes(content)
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
    return state.step


def _opened(out: Path) -> TextIO:
    try:
        return out.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
