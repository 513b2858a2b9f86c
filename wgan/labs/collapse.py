"""GAN, WGAN and WGAN-GP, trained in lockstep from one seed: how many modes each captures."""

import itertools
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from wgan.arrays import F32, F64
from wgan.config import TrainConfig
from wgan.data import Data, Pictures, Points
from wgan.jobs import TaskProgress, TaskSteps
from wgan.labs.gan_history import GanHistory, alarms
from wgan.metrics import LIVE_SAMPLES, PictureInputs, ReferenceStats, mixture_modes
from wgan.metrics.images import CLASS_FREQUENCY_PICTURES
from wgan.rng import keyed_rng
from wgan.training import Diverged, Engine, Training, resolve_engine
from wgan.training.live_metrics import make

COLLAPSE = "Mode collapse"

SETS = {
    "ring-8": "Ring of 8 Gaussians",
    "grid-25": "Grid of 25 Gaussians",
    "mnist-10k": "MNIST, 10,000 digits",
}
"""Data sets and their titles."""

STEPS = {"ring-8": 600, "grid-25": 800, "mnist-10k": 300}
NUM_MEASUREMENTS = {"points": 50, "pictures": 20}
"""Number of measurements in a training."""

CRITIC_UPDATES = 5
"""Updates of each WGAN's critic in each step, and of the GAN's discriminator unless it is given fewer."""

NUM_SHOWN = 512
"""Points of each network that the chart shows."""

COMPARED_SAMPLES = 500
"""Digits that are classified at each measurement."""

ARMS: dict[str, tuple[str, dict[str, object]]] = {
    "gan": (
        "GAN",
        {
            "objective": "gan",
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
        },
    ),
    "wgan": (
        "WGAN",
        {
            "objective": {"name": "wgan", "clip_value": 0.1},
            "optimizer": "rmsprop",
            "generator_learning_rate": 3e-4,
        },
    ),
    "wgan-gp": (
        "WGAN-GP",
        {
            "objective": {"name": "wgan-gp", "penalty_weight": 0.1},
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.9},
        },
    ),
}
"""The three networks: title, and the hyperparameters in which they differ."""

_SHARED: dict[str, dict[str, object]] = {
    "points": {
        "network": {"name": "mlp", "width": 64, "depth": 3},
        "generator_learning_rate": 1e-3,
        "critic_learning_rate": 3e-4,
        "batch_size": 128,
        "latent_dim": 2,
    },
    "pictures": {
        # Without batch norm in the generator, as in figure 6 of the WGAN paper.
        "network": {"name": "dcgan", "size": "small", "batch_norm": False},
        "generator_learning_rate": 1e-3,
        "critic_learning_rate": 3e-4,
        "batch_size": 32,
        "latent_dim": 32,
    },
}

_OF_PICTURES: dict[str, dict[str, object]] = {
    "wgan": {"generator_learning_rate": 1e-3, "critic_learning_rate": 1e-3},
    "wgan-gp": {"objective": {"name": "wgan-gp", "penalty_weight": 10.0}},
}
"""Changes to ARMS for pictures."""

_DATASETS: dict[str, dict[str, object]] = {
    "ring-8": {"name": "ring-8", "scale": 2.0, "sigma": 0.05},
    "grid-25": {"name": "grid-25", "scale": 4.0, "sigma": 0.1},
    "mnist-10k": {"name": "mnist-10k"},
}


@dataclass(frozen=True)
class Collapse:
    """The three networks at the current state of their training."""

    name: str
    seed: int
    step: int
    total: int
    total_modes: int  # modes, or classes, of the data
    gans: tuple[GanHistory, ...]
    real: F32 | None = None  # (512, 2)
    extent: float = 0.0
    discriminator_updates: int = CRITIC_UPDATES  # of the GAN, in each step
    frequencies: F64 | None = None  # (10,), of the data's classes
    floor: float = math.nan  # share of high quality of real points


def configs(
    name: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    discriminator_updates: int = CRITIC_UPDATES,
) -> dict[str, TrainConfig]:
    """Return the configs of the three networks, by key.

    Args:
        name: A key of `SETS`.
        seed: Seed of all three.
        steps: Steps of each training. Default: those of `STEPS`.
        discriminator_updates: Updates of the GAN's discriminator in each step. Default: as many as
            the critics make.

    Raises:
        ValueError: There is no such data set.
    """
    if name not in SETS:
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    kind = "pictures" if name == "mnist-10k" else "points"
    shared = _SHARED[kind] | {
        "dataset": _DATASETS[name],
        "steps": steps or STEPS[name],
        "seed": seed,
        # No weight averaging: it would hide what the generator does at one moment.
        "ema_decay": 0.0,
        "report_every": 25,
        "precision": "float32",
    }
    by_name = {}
    for key, (_, changes) in ARMS.items():
        updates = discriminator_updates if key == "gan" else CRITIC_UPDATES
        values = shared | changes | {"n_critic": updates}
        if kind == "pictures":
            values |= _OF_PICTURES.get(key, {})
        by_name[key] = TrainConfig.parse(values)
    return by_name


def race(
    name: str = "ring-8",
    *,
    seed: int = 0,
    steps: int | None = None,
    discriminator_updates: int = CRITIC_UPDATES,
    engine: Engine | None = None,
    data: Data | None = None,
    root: Path | None = None,
) -> TaskSteps:
    """Train the three networks from one seed, one step each in turn, as a task.

    The generators begin with the same weights, and all networks get the same batches and the same z at
    each step. They differ only in ARMS.

    Args:
        name: A key of `SETS`.
        seed: Seed of all three.
        steps: Steps of each training. Default: those of `STEPS`.
        discriminator_updates: Updates of the GAN's discriminator in each step. Default: as many as
            the critics make.
        engine: What the trainings run on. Default: one thread.
        data: The data, if they are loaded already.
        root: Folder of the data sets.

    Yields:
        Progress; its results are `Collapse`.

    Raises:
        DataError: The data set cannot be read.
        ValueError: There is no such data set.

    Reference:
        Srivastava et al. 2017, arXiv:1705.07761; Arjovsky et al. 2017, section 4.3, arXiv:1701.07875.
    """
    run_configs = configs(name, seed=seed, steps=steps, discriminator_updates=discriminator_updates)
    first = next(iter(run_configs.values()))
    yield TaskProgress("Loading the data", 0.0)
    data = data if data is not None else first.dataset.load(root)
    runners = []
    for key, config in run_configs.items():
        training = Training(config, engine=engine or resolve_engine(config, threads=1), data=data)
        runners.append(_GanRunner(key, training))
    progress = replace(
        _empty_progress(name, first, data), discriminator_updates=discriminator_updates
    )
    reference_stats = None
    if isinstance(data, Pictures):
        yield TaskProgress("Loading the classifier", 0.0)
        reference_stats = ReferenceStats(first.dataset, data, root)
        for share in reference_stats.training(CLASS_FREQUENCY_PICTURES).features_in_shares():
            yield TaskProgress(f"Classes of the training pictures: {100 * share:.0f} %", 0.0)
        progress = replace(
            progress, frequencies=reference_stats.frequencies.numpy().astype(np.float64)
        )
    kind = first.dataset.kind
    look_interval = max(1, first.steps // NUM_MEASUREMENTS[kind])
    for step in itertools.count():
        share = step / first.steps
        if step % look_interval == 0 or step == first.steps:
            for runner in runners:
                for _ in runner.measure(progress, reference_stats):
                    yield TaskProgress(
                        f"Step {step:,} of {first.steps:,}: measuring {runner.title}", share
                    )
            progress = replace(
                progress, step=step, gans=tuple(runner.history for runner in runners)
            )
            yield TaskProgress(f"Step {step:,} of {first.steps:,}", share, progress)
        if step == first.steps:
            return
        for runner in runners:
            runner.step()
            # After each network, because a step of pictures takes about 0.05 s.
            yield TaskProgress(f"Step {step:,} of {first.steps:,}", share)


def _empty_progress(name: str, config: TrainConfig, data: Data) -> Collapse:
    if isinstance(data, Points):
        assert data.means is not None
        real = data.sample(LIVE_SAMPLES["points"], keyed_rng(0, "metric", draw=1)).numpy()
        floor = mixture_modes(real, data.means.numpy(), data.sigma)[1]
        return Collapse(
            name,
            config.seed,
            0,
            config.steps,
            len(data.means),
            (),
            real[:NUM_SHOWN],
            data.extent,
            floor=floor,
        )
    return Collapse(name, config.seed, 0, config.steps, len(data.names), ())


class _GanRunner:
    """The training of one of the three networks, and its measurements."""

    def __init__(self, key: str, training: Training) -> None:
        self.title = ARMS[key][0]
        self._training = training
        self._rows: list[tuple[float, ...]] = []
        empty = np.empty(0)
        self.history = GanHistory(
            key,
            self.title,
            empty.astype(np.int64),
            empty,
            empty,
            empty,
            empty,
            empty.astype(np.bool_),
        )

    def step(self) -> None:
        if self.history.broken:
            return
        self._training.step()
        try:
            self._training.reports()
        except Diverged as reason:
            self.history = replace(self.history, broken=str(reason))

    def measure(self, progress: Collapse, reference_stats: ReferenceStats | None) -> Iterator[None]:
        """Measure the network now, in several steps."""
        if self.history.broken:
            return
        row: tuple[float, float, float, float] | None
        if reference_stats is not None:
            row = yield from self._digits(progress, reference_stats)
        else:
            row = self._points(progress)
            yield
        if row is None:
            self.history = replace(self.history, broken="Its samples are no longer finite.")
            return
        self._rows.append((float(self._training.steps), *row))
        table = np.array(self._rows, dtype=np.float64)
        history = replace(
            self.history,
            steps=table[:, 0].astype(np.int64),
            modes=table[:, 1],
            good=table[:, 2],
            variety=table[:, 3],
            kl=table[:, 4],
        )
        self.history = replace(
            history, alarms=alarms(history, progress.total_modes, progress.total)
        )

    def _digits(
        self, progress: Collapse, reference_stats: ReferenceStats
    ) -> Generator[None, None, tuple[float, float, float, float]]:
        samples = make(self._training, min(COMPARED_SAMPLES, len(reference_stats.data.held_out)))
        yield
        inputs = PictureInputs(samples, reference_stats)
        for _ in inputs.features_in_shares():
            yield
        counts = torch.bincount(
            inputs.probabilities.argmax(1), minlength=progress.total_modes
        ).double()
        classes = (counts / counts.sum()).numpy().astype(np.float64)
        pictures = self._training.preview().pictures
        self.history = replace(self.history, pictures=pictures, classes=classes)
        return float((classes >= 0.01).sum()), inputs.confidence(), math.nan, inputs.class_kl()

    def _points(self, progress: Collapse) -> tuple[float, float, float, float] | None:
        data = self._training.data
        assert isinstance(data, Points) and data.means is not None and progress.real is not None
        points = make(self._training, LIVE_SAMPLES["points"]).numpy()
        if not np.isfinite(points).all():
            return None
        modes, good = mixture_modes(points, data.means.numpy(), data.sigma)
        fake_spread, real = (
            math.sqrt(x.var(0, dtype=np.float64).sum()) for x in (points, progress.real)
        )
        self.history = replace(self.history, points=points[:NUM_SHOWN])
        return float(modes), good, fake_spread / real, math.nan
