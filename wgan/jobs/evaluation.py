"""Evaluation: all metrics of many samples of a generator, with the values of real examples."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan.data import Data, Pictures
from wgan.jobs.task import TaskProgress, TaskSteps
from wgan.latent import Models
from wgan.metrics import (
    DEVIATION,
    FLOOR,
    METRICS,
    PictureInputs,
    PointInputs,
    ReferenceStats,
    load,
    measure,
    metric_of,
    unmeasured_reason,
)
from wgan.rng import keyed_rng
from wgan.runs import Measured, Run, Status

SAMPLES = 10_000
STACKED = 26_000
POINTS, DRAWS = 2_500, 5
BATCH = 250


@dataclass(frozen=True)
class Value:
    """One metric of an evaluation. `floor` is the value of the same number of real examples."""

    name: str
    title: str
    value: float
    deviation: float | None
    floor: float | None
    better: str
    percent: bool
    meaning: str


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a generator that have been measured so far."""

    step: int
    samples: int
    seed: int
    protocol: dict[str, Any]
    values: tuple[Value, ...]
    seconds: float = 0.0
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    def measured(self) -> list[Measured]:
        """Return the values in the form in which a run records them."""
        values = []
        for value in self.values:
            for name, number in (
                (value.name, value.value),
                (value.name + DEVIATION, value.deviation),
                (value.name + FLOOR, value.floor),
            ):
                if number is not None:
                    values.append(Measured(self.step, name, number))
        return values


def evaluate(
    models: Models,
    *,
    samples: int | None = None,
    seed: int = 0,
    root: Path | None = None,
    data: Data | None = None,
    run: Run | None = None,
) -> TaskSteps:
    """Measure all metrics of a generator, as a task.

    Without a floor a value cannot be interpreted, so each metric uses only as many samples as its
    floor is known for. That is the number of held-out pictures, except for the Fréchet distance,
    whose floors can be stored with the feature network. Points are measured with five draws of
    2,500 samples, and so are their floors.

    Args:
        models: The networks.
        samples: Number of pictures. Default: `SAMPLES`, or `STACKED` for stacked digits.
        seed: Seed of the samples.
        root: The data folder.
        data: The data, if they are loaded already.
        run: The run in which the values are recorded, unless it is a shipped example.

    Yields:
        Progress; its results are `Evaluation`, the last one complete.

    Raises:
        DataError: The data set cannot be loaded.
    """
    began = time.perf_counter()
    yield TaskProgress("Loading the data", 0.0)
    data = data if data is not None else models.config.dataset.load(root)
    pictures = isinstance(data, Pictures)
    parts = (
        _pictures(models, data, samples, seed, root)
        if isinstance(data, Pictures)
        else _points(models, data, seed)
    )
    result = None
    for progress in parts:
        result = progress.result or result
        yield progress
    assert isinstance(result, Evaluation)
    whole = Evaluation(**{**result.__dict__, "seconds": time.perf_counter() - began})
    # Shipped examples are read-only: their values are shown but not recorded.
    if run is not None and run.status() is not Status.SHIPPED:
        run.add_metrics(whole.measured())
        if pictures:
            run.set_protocol(whole.protocol)
    yield TaskProgress("Done", 1.0, whole)


def _pictures(
    models: Models, data: Pictures, requested_samples: int | None, seed: int, root: Path | None
) -> TaskSteps:
    yield TaskProgress("Loading the metrics", 0.01)
    load()
    reference_stats = ReferenceStats(models.config.dataset, data, root)
    for share in reference_stats.prepare():
        yield TaskProgress("Computing features of the training pictures", 0.02 + 0.08 * share)
    count = requested_samples or (STACKED if models.config.dataset.stacked else SAMPLES)
    n = reference_stats.most(count)
    batches = []
    for part in _inputs(models, data, n, seed):
        batches.append(torch.from_numpy(models.make(*part)))
        yield TaskProgress("Making samples", 0.1 + 0.2 * len(batches) * BATCH / n)
    whole = PictureInputs(torch.cat(batches), reference_stats)
    for share in whole.features_in_shares():
        yield TaskProgress("Computing features of the samples", 0.3 + 0.1 * share)
    inputs = whole.first(min(len(data.held_out), requested_samples or SAMPLES))
    for share in inputs.shares():
        yield TaskProgress("Comparing samples with real pictures", 0.4 + 0.25 * share)
    for share in inputs.other.shares():
        yield TaskProgress("Comparing real pictures with each other", 0.65 + 0.25 * share)
    keys = [key for key, metric in METRICS.items() if metric.fits(inputs)]
    reference_floor = reference_stats.floors.get(n)
    of_all = [k for k in keys if METRICS[k].stacked or (k == "fid" and reference_floor is not None)]
    note = ""
    if len(inputs) < n:
        titles = " and ".join(METRICS[key].title for key in of_all)
        note = f"{titles}: {n:,} samples; all other metrics: {len(inputs):,}, "
        note += "so that each value has a floor of the same size."
    elif n < count:
        note = f"{n:,} samples, because the data set has only so many held-out pictures to compare with (the floor)."
    note = f"{note} {unmeasured_reason(inputs)}".strip()
    values: tuple[Value, ...] = ()
    if not keys:
        yield TaskProgress(
            "No metric fits this data set",
            1.0,
            Evaluation(models.step, n, seed, reference_stats.protocol, (), note=note),
        )
    for i, key in enumerate(keys):
        floor = reference_floor if key == "fid" else None
        values_of_key = measure(whole if key in of_all else inputs, [key], floor=floor is None)
        name = next(iter(values_of_key))
        if floor is not None:
            # This floor is stored with the network, from more real pictures than are held out here.
            values_of_key[name + FLOOR] = floor[0]
        values += (_value(name, values_of_key),)
        yield TaskProgress(
            f"Measured {METRICS[key].title}",
            0.9 + 0.1 * (i + 1) / len(keys),
            Evaluation(models.step, n, seed, reference_stats.protocol, values, note=note),
        )


def _points(models: Models, data: Any, seed: int) -> TaskSteps:
    rows: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        rng = keyed_rng(seed, "metric", draw=draw)
        z = torch.randn(POINTS, models.config.latent_dim, generator=rng).numpy()
        inputs = PointInputs(models.make(z), data, draw)
        for name, number in measure(inputs, floor=True).items():
            rows.setdefault(name, []).append(number)
        values = []
        for name in (name for name in rows if metric_of(name) is not None):
            means = {name: float(np.mean(rows[name]))}
            if draw:
                means[name + DEVIATION] = float(np.std(rows[name], ddof=1))
            means[name + FLOOR] = float(np.mean(rows[name + FLOOR]))
            values.append(_value(name, means))
        yield TaskProgress(
            f"Draw {draw + 1} of {DRAWS}",
            (draw + 1) / DRAWS,
            Evaluation(
                models.step,
                POINTS,
                seed,
                {},
                tuple(values),
                note=f"Mean and standard deviation over {DRAWS} draws of {POINTS:,} samples. The "
                "floor is the mean over the same number of draws of real points.",
            ),
        )


def _inputs(models: Models, data: Pictures, n: int, seed: int) -> Iterator[tuple[Any, ...]]:
    """Yield chunks of z and, for a class-conditional generator, of classes as frequent as in the data."""
    rng = keyed_rng(seed, "metric")
    z = torch.randn(n, models.config.latent_dim, generator=rng)
    labels = data.train_labels[torch.randint(len(data.train_labels), (n,), generator=rng)]
    for i in range(0, n, BATCH):
        part = z[i : i + BATCH].numpy()
        yield (part, labels[i : i + BATCH].tolist()) if models.config.conditional else (part,)


def _value(name: str, values: dict[str, float]) -> Value:
    metric = metric_of(name)
    assert metric is not None
    return Value(
        name,
        metric.title,
        values[name],
        values.get(name + DEVIATION),
        values.get(name + FLOOR),
        metric.better,
        metric.percent,
        metric.meaning,
    )
