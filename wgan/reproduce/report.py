"""Results of experiments: as JSON, as a table in a terminal, and as docs/reproduction.md."""

import dataclasses
import math
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import torch

from wgan.reproduce.base import Bench, Experiment, Row
from wgan.training.engine import cores


@dataclass(frozen=True)
class Outcome:
    """The rows of an experiment, and the time that it took."""

    experiment: Experiment
    rows: list[Row]
    seconds: float
    seed: int
    scale: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; infinity, which JSON cannot express, is text."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        for row in rows:
            if not math.isfinite(row["measured"]):
                row["measured"] = str(row["measured"])
        return {
            "name": self.experiment.name,
            "title": self.experiment.title,
            "source": self.experiment.source,
            "settings": self.experiment.settings,
            "seed": self.seed,
            "scale": self.scale,
            "seconds": round(self.seconds, 1),
            "rows": rows,
            "versions": versions(),
        }

    @property
    def verdict(self) -> str:
        """Number of rows that agree, as a phrase."""
        rows = [row for row in self.rows if row.agrees is not None]
        agreeing = sum(bool(row.agrees) for row in rows)
        return f"{agreeing} of {len(rows)} expectations met"


def run_experiment(experiment: Experiment, bench: Bench) -> Outcome:
    """Run an experiment, and return its rows and the time that it took."""
    start = time.monotonic()
    rows = experiment.run(bench)
    return Outcome(experiment, rows, time.monotonic() - start, bench.seed, bench.scale)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the numeric libraries."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


HEAD = ("", "quantity", "expected", "measured", "floor", "note")


def table(outcome: Outcome) -> str:
    """Return an outcome as aligned lines; notes come last, as they may be long."""
    cells = [HEAD, *(_cells(row) for row in outcome.rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD) - 1)]
    lines = [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        )
        for line in cells
    ]
    head = f"{outcome.experiment.name}: {outcome.experiment.title}"
    foot = f"{outcome.verdict}; {outcome.seconds:.0f} s, seed {outcome.seed}"
    return "\n".join([head, *(line.rstrip() for line in lines), foot])


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the page docs/reproduction.md."""
    libraries = ", ".join(f"{name} {version}" for name, version in versions().items())
    parts = [
        "# Published results, measured again",
        "",
        "Written by `make reproduce` (`python -m wgan reproduce --all --out "
        "docs/reproduction.md`). All numbers are as measured; if one differs from its "
        "source, the note says so. ✓: as expected; ✗: not as expected; empty: the source "
        "gives no expectation. The floor is the value of real samples of the same size. The "
        "numbers of steps are reduced so that two processor cores need minutes; the settings "
        "of each experiment say what was changed.",
        "",
        f"Measured on {cores()} cores with {libraries}. The same seed on the same machine and number "
        "of threads repeats the numbers; seconds depend on what else the machine does.",
        "",
        "| experiment | what | expectations met | seconds |",
        "|---|---|---|---|",
        *(
            f"| [{o.experiment.name}](#{o.experiment.name}) | {o.experiment.title} | "
            f"{o.verdict.removesuffix(' expectations met')} | {o.seconds:.0f} |"
            for o in outcomes
        ),
    ]
    for outcome in outcomes:
        parts += ["", *_section(outcome)]
    return "\n".join(parts) + "\n"


def _section(outcome: Outcome) -> list[str]:
    experiment = outcome.experiment
    seed = f" --seed {outcome.seed}" if outcome.seed else ""
    scale = f" --scale {outcome.scale:g}" if outcome.scale != 1 else ""
    lines = [
        f"## {experiment.name}",
        "",
        f"{experiment.title}. {experiment.source}.",
        "",
        f"`python -m wgan reproduce {experiment.name}{seed}{scale}`, {outcome.seconds:.0f} seconds. "
        f"{experiment.settings}",
        "",
        "| | quantity | expected | measured | floor | note |",
        "|---|---|---|---|---|---|",
        *("| " + " | ".join(c.replace("|", "\\|") for c in _cells(r)) + " |" for r in outcome.rows),
    ]
    if experiment.picture:
        lines += ["", f"![{experiment.title}]({experiment.picture})"]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    mark = {True: "✓", False: "✗", None: ""}[row.agrees]
    error = "" if row.error is None else f" ± {_number(row.error)}"
    floor = "" if row.floor is None else _number(row.floor)
    return mark, row.quantity, row.expected, _number(row.measured) + error, floor, row.note


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}"
