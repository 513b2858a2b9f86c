"""What an experiment is: a name, its source and settings, and a function that gives rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wgan.training import Engine
from wgan.training.engine import cores

Tell = Callable[[str, float], None]
"""Told what is happening and which share of it is done, in [0, 1]."""


@dataclass(frozen=True)
class Row:
    """One measured quantity beside what its source leads one to expect."""

    quantity: str
    expected: str
    measured: float
    error: float | None = None
    """Standard error of the mean over seeds."""
    floor: float | None = None
    """The value that true samples score at the same size: nothing can be better."""
    agrees: bool | None = None
    """None where there is nothing to agree with: the number stands for comparison."""
    note: str = ""


def _silent(words: str, share: float) -> None:
    pass


@dataclass(frozen=True)
class Bench:
    """What an experiment is given: its seed, how long it may train, whom to tell, where to draw."""

    seed: int = 0
    scale: float = 1.0
    """Multiplies the steps of every training; below 1 only to see that all of it runs."""
    tell: Tell = _silent
    folder: Path | None = None
    """Where pictures are written; None: nowhere."""

    def steps(self, n: int) -> int:
        """Return how many steps stand for n at this scale: at least one."""
        return max(1, round(self.scale * n))

    def samples(self, n: int) -> int:
        """Return how many samples stand for n: fewer only where all is tiny."""
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
    """0: all cores. Small networks are faster on one, as threads cost more than they carry."""
    picture: str = ""
    """File that it writes into the bench's folder."""

    def engine(self) -> Engine:
        """Return what its trainings run on: the processor, in float32."""
        return Engine("cpu", "float32", self.threads or cores())

    def run(self, bench: Bench) -> list[Row]:
        """Measure, on the experiment's number of threads."""
        self.engine().activate()
        return self.rows(bench)
