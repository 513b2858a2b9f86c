"""Finding the z of a picture, as work beside the trainings."""

from dataclasses import dataclass
from pathlib import Path

import torch

from wgan.arrays import F32, U8
from wgan.data import Data, Pictures
from wgan.jobs.task import TaskProgress, TaskSteps
from wgan.latent import Models, Search, search
from wgan.metrics import nearest

SEARCH = "Finding a picture"

OTHERS = 4
"""Held-out pictures that are searched for at the same time, as a baseline."""

NEAREST = 8


@dataclass(frozen=True)
class Found:
    """A search as far as it has come; at its end with the training pictures nearest to the target."""

    step: int  # of the run, whose generator it is
    search: Search
    others: U8 | None  # (B, C, H, W), the held-out pictures
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
    """Search the z that makes a picture, (C, H, W) uint8; the result is a `Found`.

    Where the data set is not on this machine there is no baseline and no nearest picture. Raises
    ValueError for a picture of another shape.
    """
    yield TaskProgress("Loading the data", 0.0)
    dataset = models.config.dataset
    if data is None and dataset.present(root):
        data = dataset.load(root)
    pictures = data if isinstance(data, Pictures) else None
    others = None if pictures is None else pictures.held_out[:OTHERS].numpy()
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
            message, 0.9 * latest.update / updates, Found(models.step, latest, others)
        )
    assert latest is not None
    if pictures is None:
        return
    for part in nearest(torch.from_numpy(target)[None], pictures.train, NEAREST):
        if isinstance(part, float):
            yield TaskProgress("Looking for the nearest training pictures", 0.9 + 0.1 * part)
            continue
        distances, where = part
        nearest_picture = pictures.train[where[0]].numpy()
        yield TaskProgress(
            "Done", 1.0, Found(models.step, latest, others, nearest_picture, distances[0].numpy())
        )
