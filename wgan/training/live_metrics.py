"""LiveEvaluator: measures samples and critic during training, a little at a time.

The draws have separate keys and nothing is changed, so a training gives the same numbers with and
without measurements. Their frequency depends on their cost.
"""

import contextlib
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

from wgan.arrays import F32, U8, evenly_spaced
from wgan.data import Pictures, as_bytes
from wgan.metrics import (
    LIVE_SAMPLES,
    METRICS,
    NUM_SHOWN,
    PictureInputs,
    PointInputs,
    ReferenceStats,
    load,
    measure,
    unmeasured_reason,
)
from wgan.rng import keyed_rng
from wgan.training.diagnostics import training_diagnostics
from wgan.training.loop import Training

MAX_MEASURING_SHARE = 0.04
"""Maximum share of the training time for measurements."""

ALWAYS_ALLOWED_SHARE = 0.02
"""Share of the training time for measurements between checkpoints, also if those at checkpoints take the rest."""

FIRST_METRICS_S, METRICS_INTERVAL_S = 1.0, 2.0
"""Seconds of training before the first measurement, and minimum time between two."""

BATCH = 250

FLOOR_DRAWS = 5
"""Pairs of real sets over which the floors of points are averaged."""


@dataclass(frozen=True)
class Neighbours:
    """Preview samples and the training picture nearest to each, (N, C, H, W) uint8."""

    step: int
    samples: U8
    nearest: U8
    distances: F32  # (N,), root mean square difference of the pixels, in 0…255
    copies: npt.NDArray[np.bool_]


@torch.no_grad()
def make(training: Training, n: int) -> Tensor:
    """Return samples of the averaged generator for n fixed z, on the CPU.

    A class-conditional generator gets classes with the frequencies of the data.

    Returns:
        Pictures, (n, C, H, W) uint8, or points, (n, 2) float32.
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
    """Measures one training in groups of metrics, and limits the time that this takes.

    Each call of `measure` measures the next group; `step` is then the step of its values. The first
    calls compute reference values. This is done once, so it does not count towards the limit.
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
        # The diagnosis needs several probes, and checkpoints measure quality, too.
        self._groups: list[Callable[[], dict[str, float]]] = [
            self.training_diagnostics,
            self.quality,
        ]
        if self._reference is not None:
            self._groups += [self.kernel, self.training_diagnostics, self.copies]
        self._samples: tuple[int, PictureInputs] | None = None
        self.step = 0
        self._turn = 0
        self._spent = 0.0
        self._spent_at_checkpoints = 0.0
        self._last = -METRICS_INTERVAL_S
        self._floors: dict[str, float] = {}
        # Import slow modules in the background, during the first steps.
        self._loading = threading.Thread(target=self._load, name="wgan-import", daemon=True)
        self._loading.start()

    def _load(self) -> None:
        # Where a module cannot be imported, the measurement that needs it says so.
        with contextlib.suppress(ImportError):
            if self._reference is None:
                import ot  # noqa: F401
            else:
                load()

    @property
    def ready(self) -> bool:
        """Whether all reference values have been computed."""
        return self._preparing is None

    @property
    def protocol(self) -> dict[str, Any]:
        """Settings that must be equal for the metrics of two runs to be comparable."""
        return self._reference.protocol if self._reference is not None else {}

    @property
    def unmeasured_reason(self) -> str:
        """A sentence that names the metrics for which there are too few pictures; "" if none."""
        return unmeasured_reason(self._inputs()) if self._reference is not None else ""

    def due(self, seconds: float) -> bool:
        """Return whether to call `measure` now, after `seconds` of training."""
        if seconds < FIRST_METRICS_S or self._loading.is_alive():
            return False
        in_all = self._spent + self._spent_at_checkpoints
        # Frequent checkpoints must not take all of the time: the diagnosis needs measurements of the critic.
        is_within_share = (
            in_all <= MAX_MEASURING_SHARE * seconds or self._spent <= ALWAYS_ALLOWED_SHARE * seconds
        )
        is_paced = seconds - self._last >= METRICS_INTERVAL_S and is_within_share
        return self._preparing is not None or (bool(self._groups) and is_paced)

    def measure(self, seconds: float) -> dict[str, float]:
        """Measure the next group and return its values by name; empty during the preparation."""
        if self._preparing is not None:
            if next(self._preparing, None) is None:
                self._preparing = None
            return {}
        if not self._training.finite:  # the next report raises Diverged
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
        """Compute all reference values now, which `measure` computes in several calls."""
        self._loading.join()
        while self._preparing is not None:
            self.measure(FIRST_METRICS_S)

    def measure_all(self) -> dict[str, float]:
        """Return the values of all groups, regardless of their pace. Call `prepare` first."""
        self.step = self._training.steps
        return {name: value for group in self._groups for name, value in group().items()}

    def groups_at_end(self) -> list[Callable[[], dict[str, float]]]:
        """Return the groups to measure at the last step; none if the preparation has not ended.

        Without those that a checkpoint has measured at this step.
        """
        if not self.ready or not self._training.finite:
            return []
        self.step = self._training.steps
        is_measured = self._samples is not None and self._samples[0] == self.step
        groups = dict.fromkeys(self._groups)  # the diagnostics are in the list twice
        return [group for group in groups if not (is_measured and group == self.quality)]

    def leave_out(self, group: Callable[[], dict[str, float]]) -> None:
        """Stop measuring a group that has failed, because it would fail again."""
        self._groups = [each for each in self._groups if each != group]

    def at_checkpoint(self) -> dict[str, float]:
        """Return the metrics by which checkpoints are compared; for pictures only after the preparation."""
        if not self._training.finite:
            return {}
        start = time.perf_counter()
        values: dict[str, float] = {}
        ready = self._preparing is None and not self._loading.is_alive()
        if self.quality in self._groups and (self._reference is None or ready):
            try:
                if self._reference is None:
                    values = measure(self._inputs(), [k for k, m in METRICS.items() if m.headline])
                else:
                    values = self.quality()
            except Exception:
                self.leave_out(self.quality)
                raise
        self._spent_at_checkpoints += time.perf_counter() - start
        return values

    def _prepare(self) -> Iterator[Any]:
        yield True
        if self._reference is not None:
            for share in self._reference.prepare():
                yield 1.0 + share
        if isinstance(self._training.data, Pictures):
            self._floors = _floors(measure(self._inputs(), floor=True))
        else:
            # Average the floors over several draws. W₁ of 512 points depends on the draw: a perfect
            # run would be below the floor of a single draw half of the time.
            draws = []
            for draw in range(FLOOR_DRAWS):
                points = make(self._training, LIVE_SAMPLES["points"]).numpy()
                inputs = PointInputs(points, self._training.data, draw)
                draws.append(_floors(measure(inputs, floor=True)))
                yield True
            self._floors = {name: float(np.mean([d[name] for d in draws])) for name in draws[0]}
        if self._reference is not None:
            real = self._reference.real(NUM_SHOWN)
            self._floors |= _floors(measure(real, ["memorised"], floor=True))
        yield True

    def _inputs(self) -> PictureInputs | PointInputs:
        data = self._training.data
        if isinstance(data, Pictures):
            assert self._reference is not None
            n = self._reference.most(LIVE_SAMPLES["pictures"])
            return PictureInputs(make(self._training, n), self._reference)
        return PointInputs(make(self._training, LIVE_SAMPLES["points"]).numpy(), data)

    # ---- the groups -----------------------------------------------------------------------------

    def quality(self) -> dict[str, float]:
        """Return metrics of the samples; the first time together with their floors."""
        floors, self._floors = self._floors, {}
        inputs = self._inputs()
        if isinstance(inputs, PointInputs):
            return measure(inputs) | floors
        # The kernel distance takes as long as all other metrics together, so it is a separate
        # group.
        self._samples = self._training.steps, inputs
        return measure(inputs, [k for k, m in METRICS.items() if m.live and k != "kid"]) | floors

    def kernel(self) -> dict[str, float]:
        """Return the kernel distance of the samples of the last call of `quality`."""
        if self._samples is None:
            return {}
        self.step, inputs = self._samples
        self._samples = None
        return measure(inputs, ["kid"])

    def training_diagnostics(self) -> dict[str, float]:
        """Return the diagnostics of critic and optimisers."""
        return training_diagnostics(self._training)

    def copies(self) -> dict[str, float]:
        """Return the share of preview samples that copy a training picture, and store their neighbours."""
        assert self._reference is not None
        preview = self._training.preview().pictures
        assert preview is not None
        samples = torch.from_numpy(preview[evenly_spaced(len(preview), NUM_SHOWN)])
        inputs = PictureInputs(samples, self._reference)
        values = measure(inputs, ["memorised"])
        distances, where = inputs.neighbours
        self.neighbours = Neighbours(
            self._training.steps,
            samples.numpy(),
            self._reference.data.train[where[:, 0]].numpy(),
            distances[:, 0].numpy(),
            inputs.copies.numpy(),
        )
        return values


def _floors(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name.endswith("_floor")}
