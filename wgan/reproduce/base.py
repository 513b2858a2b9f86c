"""The parts of an experiment: name, source, settings, and the function that measures its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wgan.training import Engine
from wgan.training.engine import cores

Tell = Callable[[str, float], None]
"""Receives the progress: a text, and the share that is done, in [0, 1]."""


@dataclass(frozen=True)
class Row:
    """A measured quantity, and the value expected from its source."""

    quantity: str
    expected: str
    measured: float
    error: float | None = None
    """Standard error of the mean over seeds."""
    floor: float | None = None
    """The value of real samples of the same size: the best that is possible."""
    agrees: bool | None = None
    """None if the source states no value."""
    note: str = ""


def _silent(words: str, share: float) -> None:
    pass


@dataclass(frozen=True)
class Bench:
    """The settings of an experiment's run: seed, scale, progress callback, and folder for pictures."""

    seed: int = 0
    scale: float = 1.0
    """Factor on the steps of every training. A value below 1 only tests that the experiment runs."""
    report_progress: Tell = _silent
    folder: Path | None = None
    """The folder for pictures; None for no pictures."""

    def part(self, done: int, total: int) -> Tell:
        """Return the progress callback of one of `total` equal parts, after `done` of them."""
        return lambda words, share: self.report_progress(words, (done + share) / total)

    def steps(self, n: int) -> int:
        """Return the number of steps at this scale: at least one."""
        return max(1, round(self.scale * n))

    def samples(self, n: int) -> int:
        """Return the number of samples at this scale: fewer than n only below a scale of 0.1."""
        return n if self.scale >= 0.1 else max(32, round(self.scale * n))


@dataclass(frozen=True)
class Experiment:
    """A published result that can be measured again."""

    name: str
    title: str
    source: str
    settings: str
    rows: Callable[[Bench], list[Row]]
    threads: int = 1
    """0 means all cores. Small networks are faster on one core, because threads have a cost."""
    picture: str = ""
    """Name of the picture that it writes into the bench's folder."""

    def engine(self) -> Engine:
        """Return the engine of its trainings: the CPU, in float32."""
        return Engine("cpu", "float32", self.threads or cores())

    def run(self, bench: Bench) -> list[Row]:
        """Measure the rows with the experiment's number of threads."""
        self.engine().activate()
        return self.rows(bench)
