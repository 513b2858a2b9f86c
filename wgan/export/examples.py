"""The trained runs that come with the app, so that every page has something to show at once.

Each is made from a preset by one command, and shipped as a run's folder like any other, with
config, curves and previews. Its checkpoints hold only the averaged generator and the critic, so a
training that continues from them is a fork with new optimisers.
"""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan.config import PRESETS, TrainConfig
from wgan.metrics import FLOOR, metric_of, title_of
from wgan.paths import shipped_runs
from wgan.runs import Run, RunError, Status
from wgan.training import State

LICENCES = {
    "mnist-10k": "The test digits of MNIST (LeCun and Cortes), CC BY-SA 3.0.",
    "fashion-mnist": "Fashion-MNIST (Zalando Research), MIT licence.",
    "ring-8": "Drawn from a formula: no licence is needed.",
}
"""Sources of the data that the shipped runs were trained on."""

PREVIEWS = (28, 20, 14, 10)
"""Numbers of previews to keep: the first one with which the run is small enough is used."""

REPORTS = 400
MAX_BYTES = 3_000_000


@dataclass(frozen=True)
class Example:
    """A run to ship: what it shows, how it is trained, and which checkpoints it keeps."""

    title: str
    shows: str
    preset: str
    steps: int
    early: tuple[int, ...]  # steps of further checkpoints besides the last, in half precision
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def config(self) -> TrainConfig:
        """The config of the run. It uses one thread, so that machines with other cores give the
        same numbers.
        """
        every = int(np.gcd.reduce((*self.early, self.steps)))
        fixed = {"steps": self.steps, "seed": self.seed, "threads": 1, "checkpoint_every": every}
        kept = {"keep_checkpoints": 1000}
        return PRESETS[self.preset].config.changed({**self.changes, **fixed, **kept})


RING: dict[str, Any] = {
    "generator_learning_rate": 1e-3,
    "critic_learning_rate": 1e-3,
    "n_critic": 2,
    "objective.penalty_weight": 0.1,
    "decay": "none",
}
"""Settings for the ring with which the modes are found one after the other."""

DIGITS: dict[str, Any] = {"generator_learning_rate": 2e-3}
"""The learning rate with which the examples of digits were trained. That of the presets is higher now."""

EXAMPLES: dict[str, Example] = {
    "example-mnist-wgan-gp": Example(
        "Example: digits",
        "A WGAN-GP that learned handwritten digits, with its curves, all its samples over "
        "time, and five generators to explore.",
        "quick-mnist-unlabelled",
        4_000,
        (100, 300, 1_000),
        DIGITS,
    ),
    "example-mnist-classes": Example(
        "Example: digits by class",
        "A class-conditional WGAN-GP of digits: it draws the digit that you choose.",
        "quick-mnist",
        4_000,
        (100, 1_000),
        DIGITS,
    ),
    "example-fashion": Example(
        "Example: fashion",
        "A WGAN-GP that learned pictures of clothes (Fashion-MNIST).",
        "quick-fashion",
        4_000,
        (100, 300, 1_000),
        {"conditional": False},
    ),
    "example-ring-wgan-gp": Example(
        "Example: ring of 8",
        "A WGAN-GP that found all eight modes of the ring.",
        "toy-ring",
        3_000,
        (0, 100, 300, 600, 1_000, 2_000),
        RING,
    ),
    "example-ring-gan-collapsed": Example(
        "Example: a GAN that collapsed",
        "A GAN on the same ring, with high learning rates. At first it has samples at all eight modes. Then it "
        "loses one after the other, while the samples at the rest become better: mode collapse.",
        "toy-ring",
        4_000,
        (0, 200, 1_000, 2_000, 3_000),
        {
            "objective": "gan",
            "n_critic": 2,
            "optimizer.beta1": 0.5,
            "generator_learning_rate": 3e-3,
            "critic_learning_rate": 3e-3,
            "ema_decay": 0.99,
            "decay": "none",
            "compiled": False,  # which modes are lost, and when, depends on the rounding
        },
        seed=1,
    ),
}
"""The shipped runs. They are in the repository's folder `checkpoints/`."""


SHIPPED = shipped_runs()
"""The folder of the shipped runs."""


def missing_examples(runs_dir: Path) -> list[str]:
    """Return the names of the shipped runs that a folder of runs lacks."""

    def has(folder: Path, name: str) -> bool:
        return (folder / name / "config.json").is_file()

    return [name for name in EXAMPLES if has(SHIPPED, name) and not has(runs_dir, name)]


def copy_examples(runs_dir: Path) -> None:
    """Copy the missing shipped runs into a folder of runs. Raises RunError."""
    try:
        for name in missing_examples(runs_dir):
            half = runs_dir / f"{name}.part"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(SHIPPED / name, half)
            half.rename(runs_dir / name)
    except OSError as error:
        raise RunError(
            f"The examples cannot be copied to {runs_dir} ({error.strerror or error})."
        ) from error


COPIED = ".examples-copied"
"""Name of the file that marks a folder in which the examples were copied once. So deleted examples
stay deleted.
"""


def bring_once(runs_dir: Path) -> None:
    """Copy the shipped runs into a folder of runs when it is first used. Raises RunError."""
    mark = runs_dir / COPIED
    if mark.exists() or not missing_examples(runs_dir):
        return
    copy_examples(runs_dir)
    with contextlib.suppress(OSError):
        mark.touch()


def ship(run: Run, name: str, runs_dir: Path) -> Run:
    """Convert a finished and evaluated run to a shipped run, replacing an existing one.

    Args:
        run: The run.
        name: Name of the example.
        runs_dir: The folder of the shipped runs.

    Raises:
        RunError: A checkpoint is missing, or the result is larger than 3 MB.
    """
    example = EXAMPLES[name]
    half = runs_dir / f"{name}.part"
    shutil.rmtree(half, ignore_errors=True)
    (half / "previews").mkdir(parents=True)
    try:
        (half / "config.json").write_text(
            json.dumps(run.metadata(), indent=1) + "\n", encoding="utf-8"
        )
        for step in (*example.early, example.steps):
            state, facts = run.checkpoints.read(step)
            Run(half).add_checkpoint(_weights(state, exact=step == example.steps), facts)
        _copy_database(run, half, example)
        (half / "README.md").write_text(card(run, name), "utf-8")
        for previews in PREVIEWS:
            _copy_pictures(run, half, previews)
            size = Run(half).size()
            if size <= MAX_BYTES:
                break
        else:
            raise RunError(f"{name} takes {size:,} bytes, more than {MAX_BYTES:,}.")
        target = runs_dir / name
        shutil.rmtree(target, ignore_errors=True)
        half.rename(target)
        return Run(target)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _weights(state: State, *, exact: bool) -> State:
    """Return a state with only the averaged generator and the critic; unless `exact`, in half precision."""
    weights = {
        key: value if exact or not value.is_floating_point() else value.to(torch.float16)
        for key, value in state.tensors.items()
        if key.startswith(("average.", "critic."))
    }
    config = state.config.model_copy(update={"keep_checkpoints": 1000})
    return State(config, state.engine, state.step, state.critic_updates, (0, 0), weights)


def _copy_pictures(run: Run, folder: Path, previews: int) -> None:
    for old in (folder / "previews").iterdir():
        old.unlink()
    for step in run.previews.spread_steps(previews):
        preview = run.previews.read(step)
        if preview is not None:
            (folder / "previews" / f"{step:08d}.{preview[0]}").write_bytes(preview[1])
    for name in ("thumb.webp", "neighbours.webp"):
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)


def _copy_database(run: Run, folder: Path, example: Example) -> None:
    """Copy the thinned curves, and mark the run as shipped, which makes it read-only."""
    copy = sqlite3.connect(folder / "run.sqlite")
    try:
        with run.database.reading() as db:
            db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        rows = copy.execute("SELECT count(*) FROM reports").fetchone()[0]
        every = max(1, round(rows / REPORTS))
        copy.execute(
            "DELETE FROM reports WHERE step NOT IN (SELECT step FROM (SELECT step, row_number() "
            "OVER (ORDER BY step DESC) AS i FROM reports) WHERE (i - 1) % ? = 0)",
            (every,),
        )
        for key, value in (
            ("name", example.title),
            ("note", example.shows),
            ("status", str(Status.SHIPPED)),
        ):
            copy.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))
        copy.commit()
        copy.execute("VACUUM")
    finally:
        copy.close()


def card(run: Run, name: str) -> str:
    """Return the model card of a shipped run as Markdown: data, licence, metrics, and how to repeat it."""
    example, config = EXAMPLES[name], run.config()
    last = run.last()
    values = {m.name: m.value for m in run.metrics() if m.step == example.steps}
    lines = [
        f"# {example.title} (`{name}`)",
        "",
        example.shows,
        "",
        f"- **Objective, network**: {config.objective.title}; {config.network.title}.",
        f"- **Data**: {config.dataset.title}. {LICENCES[config.dataset.name]}",
        f"- **Trained**: {example.steps:,} steps, seed {example.seed}, one thread"
        + (f", {last.seconds:.0f} s" if last else "")
        + "; preset "
        f"`{example.preset}`.",
        "- **Weights**: averaged generator and critic, safetensors; the last step in float32, "
        f"{', '.join(f'{s:,}' for s in example.early)} in float16. Part of this program, under its "
        "licence.",
        f"- **Again**: `python -m wgan examples {name}`; all of them: `make checkpoints`.",
        "",
        "| metric | value | real ones in place of samples |",
        "|---|---|---|",
    ]
    for metric, value in sorted(values.items()):
        description = metric_of(metric)
        if description is None or metric.endswith((FLOOR, "_sd")) or metric + FLOOR not in values:
            continue
        lines.append(f"| {title_of(metric)} | {value:.4g} | {values[metric + FLOOR]:.4g} |")
    if protocol := run.protocol():
        lines += [
            "",
            f"Features: {protocol.get('network')} ({protocol.get('hash')}). Reference: "
            f"{protocol.get('reference')}.",
        ]
    lines += [
        "",
        "For teaching: a small generator of a small set. Nothing that it makes is a fact about anything.",
        "",
    ]
    return "\n".join(lines)
