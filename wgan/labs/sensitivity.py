"""A grid of short trainings over two hyperparameters: how much each changes the final distance."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wgan.arrays import F32, F64
from wgan.config import TOY, ConfigError, TrainConfig
from wgan.data import Points
from wgan.jobs import TaskProgress, TaskSteps
from wgan.metrics import emd
from wgan.rng import keyed_rng
from wgan.training import Diverged, Engine, Training, resolve_engine
from wgan.training.live_metrics import make

SENSITIVITY = "Sensitivity"

SAMPLES = 512
"""Samples, and as many real points, between which the exact W₁ is measured."""

NUM_SHOWN = 128
"""Samples of each cell that the chart shows."""

BUDGETS = (100, 200, 400, 800)
"""Numbers of generator updates of each cell to choose from."""

BUDGET = 200


@dataclass(frozen=True)
class Varied:
    """A hyperparameter that can be an axis of the grid."""

    title: str
    paths: tuple[str, ...]  # dotted names in the config that get its value
    values: tuple[float, ...]  # rising
    help: str


VARIED: dict[str, Varied] = {
    "learning_rate": Varied(
        "Learning rate",
        ("generator_learning_rate", "critic_learning_rate"),
        (1e-4, 3e-4, 1e-3, 3e-3),
        "Size of the steps of both networks.",
    ),
    "n_critic": Varied(
        "Critic updates per step",
        ("n_critic",),
        (1, 2, 5, 10),
        "Critic updates before each generator update: more of them make each step longer.",
    ),
    "batch_size": Varied(
        "Batch size",
        ("batch_size",),
        (16, 64, 128, 256),
        "Examples in each update.",
    ),
    "penalty_weight": Varied(
        "Penalty weight λ",
        ("objective.penalty_weight",),
        (0.01, 0.1, 1.0, 10.0),
        "How strongly the critic's slope is held at 1.",
    ),
    "beta1": Varied(
        "β₁, momentum",
        ("optimizer.beta1",),
        (0.0, 0.5, 0.7, 0.9),
        "How much of the last gradients Adam keeps, in both networks.",
    ),
    "latent_dim": Varied(
        "Latent dimensions",
        ("latent_dim",),
        (1, 2, 8, 32),
        "Length of z.",
    ),
}
"""The hyperparameters to choose from, with the values of a 4×4 grid."""

_THREE = {
    "learning_rate": (1e-4, 1e-3, 3e-3),
    "n_critic": (1, 2, 5),
    "batch_size": (16, 64, 256),
    "penalty_weight": (0.01, 0.1, 10.0),
    "beta1": (0.0, 0.5, 0.9),
    "latent_dim": (1, 2, 16),
}


def values_of(key: str, side: int) -> tuple[float, ...]:
    """Return the values of a hyperparameter on an axis of `side` values, 3 or 4, rising."""
    return _THREE[key] if side == 3 else VARIED[key].values


def expected_seconds(side: int, steps: int) -> float:
    """Return the approximate training time of a grid, in seconds, without other load.

    Args:
        side: Values of each hyperparameter, 3 or 4.
        steps: Generator updates of each cell.
    """
    # A cell of the larger grid takes longer on average: its axes reach to ten critic updates a step.
    return side * side * steps * (0.011 if side == 3 else 0.014)


@dataclass(frozen=True)
class Grid:
    """Trainings with one seed that differ in two hyperparameters, as far as they are done.

    Row i has the i-th value of `rows`, column j the j-th value of `columns`.
    """

    rows: str  # keys of VARIED
    columns: str
    row_values: tuple[float, ...]
    column_values: tuple[float, ...]
    steps: int  # generator updates a cell
    seed: int
    floor: float  # W₁ between real points and as many others
    start: float  # W₁ before any training
    extent: float
    real: F32  # (N, 2)
    emds: F64  # (R, C), exact W₁ at the end; NaN if a cell is not trained or diverged
    diverged: tuple[tuple[int, int], ...] = ()
    samples: Mapping[tuple[int, int], F32] | None = None  # (128, 2) of each cell

    def with_cell(self, cell: tuple[int, int], samples: F64 | None, real: F64) -> "Grid":
        """Return the grid with the samples of one more cell, (N, 2); None: the cell diverged."""
        if samples is None:
            return replace(self, diverged=(*self.diverged, cell))
        emds = self.emds.copy()
        emds[cell] = emd(samples, real)
        points = dict(self.samples or {}) | {cell: samples[:NUM_SHOWN].astype(np.float32)}
        return replace(self, emds=emds, samples=points)

    @property
    def done(self) -> int:
        """Number of cells that are trained or have diverged."""
        return int(np.isfinite(self.emds).sum()) + len(self.diverged)

    @property
    def best(self) -> tuple[int, int] | None:
        """The cell with the smallest distance; None until there is one."""
        if not np.isfinite(self.emds).any():
            return None
        row, column = np.unravel_index(int(np.nanargmin(self.emds)), self.emds.shape)
        return int(row), int(column)

    @property
    def effects(self) -> tuple[float, float]:
        """Mean distance at the worst value over that at the best: of the rows, and of the columns.

        Means are geometric. A diverged cell counts with the distance before training. NaN until all cells
        are done.
        """
        if self.done < self.emds.size:
            return math.nan, math.nan
        logs = np.log(np.where(np.isfinite(self.emds), self.emds, max(self.start, 1e-12)))
        row, column = logs.mean(axis=1), logs.mean(axis=0)
        return float(np.exp(np.ptp(row))), float(np.exp(np.ptp(column)))


def base_config(*, seed: int = 0, steps: int = BUDGET) -> TrainConfig:
    """Return the config that all cells share: that of the presets of points, without weight averaging."""
    return TOY.changed(
        {"seed": seed, "steps": steps, "ema_decay": 0.0, "report_every": 10, "precision": "float32"}
    )


def sweep(
    rows: str = "learning_rate",
    columns: str = "n_critic",
    *,
    side: int = 3,
    steps: int = BUDGET,
    seed: int = 0,
    values: tuple[Sequence[float], Sequence[float]] | None = None,
    engine: Engine | None = None,
) -> TaskSteps:
    """Train the cells of a grid one after the other, from the middle outwards, as a task.

    W₁ is exact, between 512 samples and as many real points. All cells have the same seed, so networks
    of the same shape begin with the same weights.

    Args:
        rows: Hyperparameter of the rows, a key of `VARIED`.
        columns: Hyperparameter of the columns, another key of `VARIED`.
        side: Values of each hyperparameter, 3 or 4.
        steps: Generator updates of each cell.
        seed: Seed of all trainings.
        values: Values of the rows and of the columns, in place of the usual ones.
        engine: What the trainings run on. Default: one thread.

    Yields:
        Progress; its results are `Grid`.

    Raises:
        ValueError: Both axes are the same hyperparameter, one is unknown, or a cell has an invalid config.
    """
    if rows == columns or rows not in VARIED or columns not in VARIED:
        raise ValueError("Choose two different hyperparameters to vary.")
    row_values, column_values = values or (values_of(rows, side), values_of(columns, side))
    config = base_config(seed=seed, steps=steps)
    data = config.dataset.load()
    assert isinstance(data, Points)
    real, other_real = (
        data.sample(SAMPLES, keyed_rng(0, "metric", draw=draw)).double().numpy() for draw in (1, 2)
    )
    yield TaskProgress("Measuring the floor", 0.0)
    engine = engine or resolve_engine(config, threads=1)
    untrained = Training(config, engine=engine, data=data)
    grid = Grid(
        rows,
        columns,
        tuple(row_values),
        tuple(column_values),
        steps,
        seed,
        emd(other_real, real),
        emd(make(untrained, SAMPLES).double().numpy(), real),
        data.extent,
        real[:NUM_SHOWN].astype(np.float32),
        np.full((len(row_values), len(column_values)), np.nan),
        samples={},
    )
    yield TaskProgress("Ready", 0.0, grid)
    cells = _cells_from_the_middle(len(row_values), len(column_values))
    for number, (i, j) in enumerate(cells):
        changes = changes_of(rows, row_values[i]) | changes_of(columns, column_values[j])
        title = f"Cell {number + 1} of {len(cells)}"
        try:
            training = Training(config.changed(changes), engine=engine, data=data)
        except ConfigError as reason:
            raise ValueError(f"{title} cannot be trained: {reason}") from reason
        samples = yield from _train_cell(training, title, number, len(cells))
        grid = grid.with_cell((i, j), samples, real)
        yield TaskProgress(title, (number + 1) / len(cells), grid)


def _cells_from_the_middle(rows: int, columns: int) -> list[tuple[int, int]]:
    """Return all cells of a grid, those near its middle first."""
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    return sorted(
        cells, key=lambda cell: abs(2 * cell[0] + 1 - rows) + abs(2 * cell[1] + 1 - columns)
    )


def _train_cell(
    training: Training, title: str, number: int, total: int
) -> Generator[TaskProgress, None, F64 | None]:
    """Train one of `total` cells; return its samples, (SAMPLES, 2), or None if it diverges."""
    steps = training.config.steps
    try:
        while training.steps < steps:
            training.step()
            training.reports()
            share = (number + training.steps / steps) / total
            yield TaskProgress(f"{title}: step {training.steps:,} of {steps:,}", share)
    except Diverged:
        return None
    samples: F64 = make(training, SAMPLES).double().numpy()
    return samples if np.isfinite(samples).all() else None


def changes_of(key: str, value: float) -> dict[str, float]:
    """Return the changes of a config that set one of the varied hyperparameters to a value."""
    is_integer = key in ("n_critic", "batch_size", "latent_dim")
    return {path: int(value) if is_integer else value for path in VARIED[key].paths}
