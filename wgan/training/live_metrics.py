"""Measures a training in passing: its samples and its critic, a little at a time.

It draws with keys of its own and changes nothing, so a training that is measured gives the same numbers
as one that is not. How often it measures follows from what measuring costs.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wgan.arrays import F32, U8
from wgan.data import Pictures, as_bytes
from wgan.metrics import (
    LIVE_SAMPLES,
    METRICS,
    SHOWN,
    PictureSides,
    PointSides,
    ReferenceStats,
    left_out,
    load,
    measure,
)
from wgan.rng import keyed_rng
from wgan.training.diagnostics import probe
from wgan.training.loop import Training

SHARE = 0.04
"""Of a training's time, what measuring may take."""

FIRST, EVERY = 1.0, 2.0
"""Seconds of training before the first measurement, and at least between two."""

BATCH = 250

FLOOR_DRAWS = 5
"""Pairs of real sets whose mean is the floor of points."""


@dataclass(frozen=True)
class Neighbours:
    """Shown samples and the training picture nearest to each, (N, C, H, W) uint8, and how near."""

    step: int
    samples: U8
    nearest: U8
    distances: F32  # root mean square difference of the pixels, in 0…255
    copies: npt.NDArray[np.bool_]


@torch.no_grad()
def make(training: Training, n: int) -> Tensor:
    """Return what the averaged generator makes of n fixed z of the metrics' own.

    (n, C, H, W) uint8 or (n, 2) float32, on the CPU. Told the class, it gets those of the data, each as
    often as there.
    """
    rng = keyed_rng(training.config.seed, "metric")
    z = torch.randn(n, training.config.latent_dim, generator=rng)
    inputs: tuple[Tensor, ...] = (z,)
    if training.config.conditional and isinstance(training.data, Pictures):
        labels = training.data.train_labels
        labels_drawn = torch.randint(len(labels), (n,), generator=rng)
        inputs = z, labels[labels_drawn.to(labels.device)]
    parts = []
    for part in zip(*(torch.split(x, BATCH) for x in inputs), strict=True):
        out = training.average(*(x.to(training.device) for x in part))
        parts.append((as_bytes(out) if isinstance(training.data, Pictures) else out.float()).cpu())
    return torch.cat(parts)


class LiveEvaluator:
    """Measures one training, group after group of numbers, and paces itself.

    `measure` does the group whose turn it is; `step` is then the step of its numbers. The first calls
    compute reference values. They come once, so they do not count against the pace.
    """

    def __init__(self, training: Training, root: Path | None = None) -> None:
        self._training = training
        self.neighbours: Neighbours | None = None
        self._reference = (
            ReferenceStats(training.config.dataset, training.data, root)
            if isinstance(training.data, Pictures)
            else None
        )
        self._preparing: Iterator[Any] | None = self._prepare()
        # A diagnosis needs a few probes, and checkpoints measure quality besides.
        self._groups: list[Callable[[], dict[str, float]]] = [self.probe, self.quality]
        if self._reference is not None:
            self._groups += [self.kernel, self.probe, self.copies]
        self._samples: tuple[int, PictureSides] | None = None
        self.step = 0
        self._turn = 0
        self._spent = 0.0
        self._last = -EVERY
        self._floors: dict[str, float] = {}
        # What takes seconds to import is imported beside the first steps.
        self._loading = threading.Thread(target=self._load, name="wgan-import", daemon=True)
        self._loading.start()

    def _load(self) -> None:
        if self._reference is None:
            import ot  # noqa: F401
        else:
            load()

    @property
    def ready(self) -> bool:
        """Whether what comes once, before the first measurement, is done."""
        return self._preparing is None

    @property
    def protocol(self) -> dict[str, Any]:
        """What must be equal for two runs' numbers to be compared."""
        return self._reference.protocol if self._reference is not None else {}

    @property
    def left_out(self) -> str:
        """Which metrics there are too few pictures for, in a sentence; "" if none."""
        return left_out(self._sides()) if self._reference is not None else ""

    def due(self, seconds: float) -> bool:
        """Tell whether a training that has run for so many seconds is to be measured now."""
        if seconds < FIRST or self._loading.is_alive():
            return False
        is_paced = seconds - self._last >= EVERY and self._spent <= SHARE * seconds
        return self._preparing is not None or (bool(self._groups) and is_paced)

    def measure(self, seconds: float) -> dict[str, float]:
        """Measure the next group and return its numbers by name, none while it prepares."""
        if self._preparing is not None:
            if next(self._preparing, None) is None:
                self._preparing = None
            return {}
        if not self._training.finite:  # the next report says so
            return {}
        start = time.perf_counter()
        self.step = self._training.steps
        group = self._groups[self._turn % len(self._groups)]
        try:
            values = group()
        except Exception:
            self.leave_out(group)
            raise
        self._turn += 1
        self._spent += time.perf_counter() - start
        self._last = seconds
        return values

    def prepare(self) -> None:
        """Compute at once what others compare with, which `measure` does a share at a call."""
        self._loading.join()
        while self._preparing is not None:
            self.measure(FIRST)

    def measure_all(self) -> dict[str, float]:
        """Return the numbers of every group, whatever the pace says; prepare first."""
        self.step = self._training.steps
        return {name: value for group in self._groups for name, value in group().items()}

    def leave_out(self, group: Callable[[], dict[str, float]]) -> None:
        """Measure a group no more: it has failed, and would again."""
        self._groups = [each for each in self._groups if each != group]

    def at_checkpoint(self) -> dict[str, float]:
        """Measure what tells the best checkpoint: of points always, of pictures once prepared."""
        if not self._training.finite:
            return {}
        start = time.perf_counter()
        values: dict[str, float] = {}
        ready = self._preparing is None and not self._loading.is_alive()
        if self.quality in self._groups and (self._reference is None or ready):
            try:
                if self._reference is None:
                    values = measure(self._sides(), [k for k, m in METRICS.items() if m.headline])
                else:
                    values = self.quality()
            except Exception:
                self.leave_out(self.quality)
                raise
        self._spent += time.perf_counter() - start
        return values

    def _prepare(self) -> Iterator[Any]:
        yield True
        if self._reference is not None:
            for share in self._reference.prepare():
                yield 1.0 + share
        if isinstance(self._training.data, Pictures):
            self._floors = _floors(measure(self._sides(), floor=True))
        else:
            # W₁ of 512 points depends on which they are: a run that is as good as real points would
            # lie below the floor of one draw every other time.
            draws = []
            for draw in range(FLOOR_DRAWS):
                points = make(self._training, LIVE_SAMPLES["points"]).numpy()
                sides = PointSides(points, self._training.data, draw)
                draws.append(_floors(measure(sides, floor=True)))
                yield True
            self._floors = {name: float(np.mean([d[name] for d in draws])) for name in draws[0]}
        if self._reference is not None:
            real = self._reference.real(SHOWN)
            self._floors |= _floors(measure(real, ["memorised"], floor=True))
        yield True

    def _sides(self) -> PictureSides | PointSides:
        data = self._training.data
        if isinstance(data, Pictures):
            assert self._reference is not None
            n = self._reference.most(LIVE_SAMPLES["pictures"])
            return PictureSides(make(self._training, n), self._reference)
        return PointSides(make(self._training, LIVE_SAMPLES["points"]).numpy(), data)

    # ---- the groups -----------------------------------------------------------------------------

    def quality(self) -> dict[str, float]:
        """Return metrics of the samples; for the first time with their floors."""
        floors, self._floors = self._floors, {}
        sides = self._sides()
        if isinstance(sides, PointSides):
            return measure(sides) | floors
        # The kernel distance takes as long as all the rest, so it has a turn of its own.
        self._samples = self._training.steps, sides
        return measure(sides, [k for k, m in METRICS.items() if m.live and k != "kid"]) | floors

    def kernel(self) -> dict[str, float]:
        """Return the kernel distance of the samples that `quality` was measured of last."""
        if self._samples is None:
            return {}
        self.step, sides = self._samples
        self._samples = None
        return measure(sides, ["kid"])

    def probe(self) -> dict[str, float]:
        """Return what the critic's slopes and both optimisers tell."""
        return probe(self._training)

    def copies(self) -> dict[str, float]:
        """Return the share of shown samples that copy a training picture, and keep the neighbours."""
        assert self._reference is not None
        samples = torch.from_numpy(self._training.preview().pictures)[:SHOWN]
        sides = PictureSides(samples, self._reference)
        values = measure(sides, ["memorised"])
        distances, where = sides.neighbours
        self.neighbours = Neighbours(
            self._training.steps,
            samples.numpy(),
            self._reference.data.train[where[:, 0]].numpy(),
            distances[:, 0].numpy(),
            sides.copies.numpy(),
        )
        return values


def _floors(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name.endswith("_floor")}
