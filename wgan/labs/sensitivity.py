"""A small grid over two hyperparameters: what each does to the distance that is left at the end."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wgan.arrays import F32, F64
from wgan.config import PRESETS, ConfigError, TrainConfig
from wgan.data import Points
from wgan.jobs import TaskProgress, TaskSteps
from wgan.metrics import emd
from wgan.rng import keyed_rng
from wgan.training import Diverged, Engine, Training, resolve_engine
from wgan.training.live_metrics import make

SENSITIVITY = "Sensitivity"

SAMPLES = 512
"""Samples, and as many real points, whose exact W₁ is found."""

SHOWN = 128
"""Samples of each cell that are shown."""

BUDGETS = (100, 200, 400, 800)
"""Generator updates a cell."""

BUDGET = 200


@dataclass(frozen=True)
class Varied:
    """A hyperparameter that may be an axis of the grid."""

    title: str
    paths: tuple[str, ...]  # dotted names in the config that take its value
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
        "Critic updates a step",
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
"""What can be varied, with the values of a 4×4 grid; a 3×3 grid leaves out one."""

_THREE = {
    "learning_rate": (1e-4, 1e-3, 3e-3),
    "n_critic": (1, 2, 5),
    "batch_size": (16, 64, 256),
    "penalty_weight": (0.01, 0.1, 10.0),
    "beta1": (0.0, 0.5, 0.9),
    "latent_dim": (1, 2, 16),
}


def values_of(key: str, side: int) -> tuple[float, ...]:
    """Return the values of a hyperparameter on an axis of 3 or 4, rising."""
    return _THREE[key] if side == 3 else VARIED[key].values


def expected_seconds(side: int, steps: int) -> float:
    """Return about how long a grid trains if nothing else computes.

    Args:
        side: Values of each hyperparameter, 3 or 4.
        steps: Generator updates of each cell.
    """
    # A cell of the larger grid takes longer on average: its axes reach to ten critic updates a step.
    return side * side * steps * (0.011 if side == 3 else 0.014)


@dataclass(frozen=True)
class Grid:
    """Trainings from one seed, each with its own two values, as far as they have come.

    Row i has the i-th value of `rows`, column j the j-th of `columns`.
    """

    rows: str  # keys of VARIED
    columns: str
    row_values: tuple[float, ...]
    column_values: tuple[float, ...]
    steps: int  # generator updates a cell
    seed: int
    floor: float  # W₁ of real points against others, as many
    start: float  # W₁ before any training
    extent: float
    real: F32  # (N, 2)
    emds: F64  # (R, C), exact W₁ at the end; NaN: not yet, or diverged
    diverged: tuple[tuple[int, int], ...] = ()
    samples: Mapping[tuple[int, int], F32] | None = None  # (128, 2) of each cell

    @property
    def done(self) -> int:
        """How many cells have ended."""
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
        """How many times larger the mean distance is at the worst value than at the best: rows, columns.

        Means are geometric; a diverged cell counts as the start. NaN until all cells have ended.
        """
        if self.done < self.emds.size:
            return math.nan, math.nan
        logs = np.log(np.where(np.isfinite(self.emds), self.emds, max(self.start, 1e-12)))
        row, column = logs.mean(axis=1), logs.mean(axis=0)
        return float(np.exp(np.ptp(row))), float(np.exp(np.ptp(column)))


def base(*, seed: int = 0, steps: int = BUDGET) -> TrainConfig:
    """Return the config that all cells share: the preset of eight piles, without averaging."""
    return PRESETS["toy-ring"].config.changed(
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
    """Train a cell of the grid after the other, from the middle outwards; a `Grid` grows.

    W₁ is exact, of 512 samples against as many real points. Every cell has the same seed, so the same
    first weights wherever the networks are alike. Raises ValueError where both axes are one
    hyperparameter, or unknown.
    """
    if rows == columns or rows not in VARIED or columns not in VARIED:
        raise ValueError("Choose two different hyperparameters to vary.")
    row_values, column_values = values or (values_of(rows, side), values_of(columns, side))
    config = base(seed=seed, steps=steps)
    data = config.dataset.load()
    assert isinstance(data, Points)
    real, other = (
        data.sample(SAMPLES, keyed_rng(0, "metric", draw=draw)).double().numpy() for draw in (1, 2)
    )
    yield TaskProgress("Finding the floor", 0.0)
    engine = engine or resolve_engine(config, threads=1)
    begun = Training(config, engine=engine, data=data)
    grid = Grid(
        rows,
        columns,
        tuple(row_values),
        tuple(column_values),
        steps,
        seed,
        emd(other, real),
        emd(make(begun, SAMPLES).double().numpy(), real),
        data.extent,
        real[:SHOWN].astype(np.float32),
        np.full((len(row_values), len(column_values)), np.nan),
        samples={},
    )
    yield TaskProgress("Ready", 0.0, grid)
    cells = [(i, j) for i in range(len(row_values)) for j in range(len(column_values))]
    cells.sort(
        key=lambda at: sum(abs(2 * i + 1 - n) for i, n in zip(at, grid.emds.shape, strict=True))
    )
    for done, (i, j) in enumerate(cells):
        changes = _changes(rows, row_values[i]) | _changes(columns, column_values[j])
        words = f"Cell {done + 1} of {len(cells)}"
        try:
            training = Training(config.changed(changes), engine=engine, data=data)
        except ConfigError as reason:
            raise ValueError(f"{words} cannot be trained: {reason}") from reason
        try:
            while training.steps < steps:
                training.step()
                training.reports()
                share = (done + training.steps / steps) / len(cells)
                yield TaskProgress(f"{words}: step {training.steps:,} of {steps:,}", share)
            found = make(training, SAMPLES).double().numpy()
            if not np.isfinite(found).all():
                raise Diverged("Its samples are no numbers any more.", [])
        except Diverged:
            grid = replace(grid, diverged=(*grid.diverged, (i, j)))
        else:
            emds = grid.emds.copy()
            emds[i, j] = emd(found, real)
            samples = dict(grid.samples or {}) | {(i, j): found[:SHOWN].astype(np.float32)}
            grid = replace(grid, emds=emds, samples=samples)
        yield TaskProgress(words, (done + 1) / len(cells), grid)


def _changes(key: str, value: float) -> dict[str, float]:
    whole = key in ("n_critic", "batch_size", "latent_dim")
    return {path: int(value) if whole else value for path in VARIED[key].paths}
