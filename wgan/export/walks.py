"""Export of a walk through latent space as a film, or of its z as an array."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from wgan.arrays import F32, U8
from wgan.data import examples
from wgan.export.film import FAKE, REAL, SIDE, write_frames
from wgan.export.samples import class_index
from wgan.imaging import scatter
from wgan.latent import Method, Models, draw_z, walk
from wgan.runs import Run, RunError

PER_LEG, FPS = 24, 20
TRAIL = 12
"""Number of previous points that are drawn, so that the direction of the walk is visible."""


def export_walk(
    run: Run,
    out: Path,
    *,
    waypoints: int = 5,
    seed: int = 0,
    method: Method = "slerp",
    step: int | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Write a closed walk through random waypoints; return its step and number of frames.

    Args:
        run: The run.
        out: .gif, .webp or .mp4 for a film; .npy for z, (F, latent_dim) float32.
        waypoints: Number of waypoints, from 2 to 8.
        seed: Seed of the waypoints.
        method: Spherical ("slerp") or linear ("lerp") interpolation.
        step: Step of a checkpoint. Default: the newest.
        label: Name of the class of all frames.

    Raises:
        RunError: The suffix or the class is unknown, or the file cannot be written.
    """
    if not 2 <= waypoints <= 8:
        raise RunError(f"A walk needs two to eight waypoints, not {waypoints}.")
    state, _ = run.checkpoints.read(step)
    config = state.config
    models = Models(config, state.tensors, state.step)
    stops = draw_z(1000 + seed, waypoints, config.latent_dim)
    path, _ = walk(stops, PER_LEG * waypoints, method=method)
    write_walk(models, path, out, label=None if label is None else class_index(config, label))
    return {"step": state.step, "frames": len(path)}


def write_walk(models: Models, path: F32, out: Path, *, label: int | None = None) -> None:
    """Write a path through latent space, (F, latent_dim), in the formats of `export_walk`.

    Args:
        models: The networks.
        path: z of each frame, (F, latent_dim).
        out: The file.
        label: Index of the class of all frames.

    Raises:
        RunError: The suffix is unknown, or the file cannot be written.
    """
    if out.suffix == ".npy":
        try:
            with out.open("wb") as file:
                np.save(file, path, allow_pickle=False)
        except OSError as error:
            raise RunError(f"{out} cannot be written ({error.strerror}).") from error
        return
    # Without a label the generator would use all classes in turn, which flickers: take the first
    # class.
    index = label if label is not None or not models.config.conditional else 0
    frames = models.make(path, None if index is None else [index] * len(path))
    if models.config.dataset.kind == "pictures":
        write_film(frames, out)
    else:
        write_frames(_points(models, frames), out, FPS, hold=0.0)


def write_film(frames: U8, out: Path) -> None:
    """Write pictures, (F, C, H, W), as the frames of a .gif, .webp or .mp4 file. Raises RunError."""
    write_frames(_pictures(frames), out, FPS, hold=0.0)


def _pictures(pictures: U8) -> list[Image.Image]:
    """Return pictures, (F, C, H, W), enlarged by an integer factor."""
    scale = max(1, SIDE // pictures.shape[-1])
    large = pictures.transpose(0, 2, 3, 1).repeat(scale, 1).repeat(scale, 2)
    return [Image.fromarray(np.broadcast_to(x, (*x.shape[:2], 3)).copy()) for x in large]


def _points(models: Models, points: F32) -> list[Image.Image]:
    """Draw the points of a walk, (F, 2), with a trail, over real points."""
    real = examples(models.config.dataset.load(), 1000)
    extent = float(max(abs(real).max(), abs(points).max()) * 1.1)
    ground = Image.fromarray(scatter([(real, REAL)], extent, side=SIDE, dot=3))
    at = (points / extent * [1, -1] + 1) / 2 * SIDE  # y points upwards in the plane
    frames = []
    for i in range(len(points)):
        frame = ground.copy()
        draw = ImageDraw.Draw(frame)
        for age in range(TRAIL, -1, -1):
            x, y = at[(i - age) % len(at)]  # the walk is closed
            radius = 8 if age == 0 else 5 * (1 - age / (TRAIL + 1))
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=FAKE, outline="white" if age == 0 else None)
        frames.append(frame)
    return frames
