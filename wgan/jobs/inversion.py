"""Inversion as a task: find the z of a picture."""

from dataclasses import dataclass
from pathlib import Path

import torch

from wgan.arrays import F32, U8
from wgan.data import Data, Pictures
from wgan.jobs.task import TaskProgress, TaskSteps
from wgan.latent import Models, Search, search
from wgan.metrics import nearest

SEARCH = "Finding a picture"

NUM_BASELINE_PICTURES = 4
"""Held-out pictures that are inverted at the same time, as a baseline."""

NEAREST = 8


@dataclass(frozen=True)
class InversionResult:
    """The state of an inversion. Its last one has the training pictures nearest to the target."""

    step: int  # step of the run from which the generator comes
    search: Search
    others: U8 | None  # (B, C, H, W), held-out pictures; None without the data
    nearest: U8 | None = None  # (K, C, H, W)
    distances: F32 | None = None  # (K,), in 0…255


def invert(
    models: Models,
    target: U8,
    *,
    starts: int = 8,
    updates: int = 200,
    label: int | None = None,
    seed: int = 0,
    data: Data | None = None,
    root: Path | None = None,
) -> TaskSteps:
    """Find the z whose picture is closest to a target, as a task; see `search`.

    Without the data set on this machine, the result has no baseline and no nearest pictures.

    Args:
        models: The networks.
        target: The picture, (C, H, W) uint8.
        starts: Number of starts for each picture.
        updates: Updates of z.
        label: Class of the picture, for a class-conditional generator.
        seed: Seed of the starts.
        data: The data, if they are loaded already.
        root: The data folder.

    Yields:
        Progress; its results are `InversionResult`.

    Raises:
        ValueError: The picture has another shape than the generator's.
    """
    yield TaskProgress("Loading the data", 0.0)
    dataset = models.config.dataset
    if data is None and dataset.present(root):
        data = dataset.load(root)
    pictures = data if isinstance(data, Pictures) else None
    others = None if pictures is None else pictures.held_out[:NUM_BASELINE_PICTURES].numpy()
    latest: Search | None = None
    for search_state in search(
        models, target, others=others, starts=starts, updates=updates, seed=seed, label=label
    ):
        if isinstance(search_state, float):
            yield TaskProgress(
                f"Update {round(search_state * updates):,} of {updates:,}", 0.9 * search_state
            )
            continue
        latest = search_state
        message = f"Update {latest.update:,} of {updates:,}"
        yield TaskProgress(
            message, 0.9 * latest.update / updates, InversionResult(models.step, latest, others)
        )
    assert latest is not None
    if pictures is None:
        return
    for part in nearest(torch.from_numpy(target)[None], pictures.train, NEAREST):
        if isinstance(part, float):
            yield TaskProgress("Finding the nearest training pictures", 0.9 + 0.1 * part)
            continue
        distances, where = part
        nearest_picture = pictures.train[where[0]].numpy()
        yield TaskProgress(
            "Done",
            1.0,
            InversionResult(models.step, latest, others, nearest_picture, distances[0].numpy()),
        )
