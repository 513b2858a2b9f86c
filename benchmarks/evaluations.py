"""Evaluations of every quick preset with three seeds, made with the command line like a user's.

    python -m benchmarks.evaluations [--presets quick-mnist toy-ring] [--seeds 0 1 2] [--jobs 2]

Each run is `python -m wgan train --preset NAME --seed K --steps N`, then `python -m wgan evaluate`.
Runs have a number of steps instead of a duration, one thread, and float32. So other machines, and a
machine with other load, give the same numbers. Runs are kept, and finished work is not repeated.
Writes docs/evaluations.md and docs/evaluations.json.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from wgan.config import PRESETS, TrainConfig
from wgan.metrics import METRICS, metric_of, title_of
from wgan.reproduce.report import versions
from wgan.runs import Run, list_runs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "evaluations.md"

STEPS = {
    "quick-mnist": 1_500,
    "quick-mnist-60k": 1_500,
    "quick-fashion": 1_500,
    "toy-ring": 10_000,
    "toy-grid": 8_000,
    "toy-swiss-roll": 10_000,
    "quick-pokemon": 2_000,
}
"""Steps of each training: those of the preset, except for the sprites, whose preset has 20,000."""

HEADLINES = ("fid", "kid", "coverage", "class_kl", "memorised", "emd", "modes", "high_quality")
"""Metrics of the short table; all others are in the tables below it."""


def config_of(preset: str, seed: int) -> TrainConfig:
    """Return the config of a run. Live metrics are off, because they take time and do not change
    the results.
    """
    changes = {
        "seed": seed,
        "steps": STEPS[preset],
        "threads": 1,
        "precision": "float32",
        "measure": False,
    }
    return PRESETS[preset].config.changed(changes)


def wgan(*arguments: str) -> str:
    """Run a command of the program and return its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "wgan", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"python -m wgan {' '.join(arguments)} ended with code {done.returncode}.")
    return done.stdout.splitlines()[-1]


def trained(preset: str, seed: int, folder: Path) -> Run:
    """Return the run of a preset and a seed; start it or continue it if needed."""
    config = config_of(preset, seed)
    for run in list_runs(folder):
        before = run.config()
        if before.changed({"steps": config.steps}) != config:
            continue
        if before.steps != config.steps and config.decay != "none":
            continue  # its learning rates decreased with another plan
        steps = run.checkpoints.steps()
        if not steps:  # killed before its first checkpoint
            run.delete()
        elif steps[-1] <= config.steps:
            if steps[-1] < config.steps:
                wgan("train", "--resume", str(run.folder), "--steps", str(config.steps), "--quiet")
            return run
    line = wgan(
        "train",
        "--preset",
        preset,
        "--seed",
        str(seed),
        "--steps",
        str(config.steps),
        "--threads",
        "1",
        "--precision",
        "float32",
        "--measure",
        "false",
        "--quiet",
        "--runs-dir",
        str(folder),
    )
    return Run(Path(json.loads(line)["run"]))


def evaluated(preset: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return the evaluation of a run; it is saved in the folder of the runs."""
    folder.mkdir(parents=True, exist_ok=True)
    run = trained(preset, seed, folder)
    path = folder / f"{run.id}-{STEPS[preset]}.json"
    if not path.is_file():
        line = wgan("evaluate", str(run.folder), "--json", "--quiet")
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
            file.write(line)
        os.replace(file.name, path)
    evaluation: dict[str, Any] = json.loads(path.read_text())
    last = run.last()
    evaluation |= {
        "preset": preset,
        "seed": seed,
        "seconds_of_training": last.seconds if last else None,
    }
    print(
        f"{preset}, seed {seed}: "
        + ", ".join(f"{v['name']} {v['value']:.4g}" for v in evaluation["values"]),
        flush=True,
    )
    return evaluation


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation over seeds."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def number(value: float | None, percent: bool) -> str:
    """Return a number in the format of the tables."""
    if value is None or math.isnan(value):
        return "–"
    text = (
        f"{100 * value:.1f} %"
        if percent
        else f"{value:.3g}"
        if abs(value) < 1000
        else f"{value:,.0f}"
    )
    return text.replace("-", "−")


def with_deviation(mean: float, deviation: float, percent: bool) -> str:
    """Return mean ± deviation as text."""
    if math.isnan(deviation):
        return number(mean, percent)
    if percent:
        return f"{100 * mean:.1f} ± {100 * deviation:.1f} %"
    return f"{number(mean, False)} ± {deviation:.2g}"


def rows(evaluations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each metric of one preset: mean, deviation and values over the seeds, and the floor."""
    table_rows = []
    for i, value in enumerate(evaluations[0]["values"]):
        values = [each["values"][i]["value"] for each in evaluations]
        mean, deviation = spread(values)
        table_rows.append(
            {
                "name": value["name"],
                "title": title_of(value["name"]),
                "mean": mean,
                "deviation": None if math.isnan(deviation) else deviation,
                "values": values,
                "floor": value["floor"],
                "percent": value["percent"],
                "better": value["better"],
            }
        )
    return table_rows


def key_of(name: str) -> str:
    """Return the key of METRICS that a name belongs to."""
    metric = metric_of(name)
    return next(key for key, each in METRICS.items() if each is metric)


def page(table: dict[str, list[dict[str, Any]]], absent: Sequence[str]) -> str:
    """Return the page docs/evaluations.md."""
    seeds = ", ".join(str(each["seed"]) for each in next(iter(table.values())))
    libraries = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        "# The quick presets, evaluated",
        "",
        "Written by `make evaluations` (`python -m benchmarks.evaluations`): each preset is trained with "
        f"the seeds {seeds} and measured by `python -m wgan evaluate`, mean ± deviation over the seeds. "
        "In brackets the floor: what real examples score at the same number, the best that can be "
        "asked for. The number of samples stands in a metric's name. Steps are counted instead of "
        "seconds, with one thread and in float32, so that the numbers do not depend on what else the machine does.",
        "",
        f"Measured with {libraries}.",
    ]
    if absent:
        lines += ["", f"Left out, as their pictures are not on this machine: {', '.join(absent)}."]
    lines += ["", *short(table)]
    for preset, evaluations in table.items():
        first = evaluations[0]
        lines += ["", f"## {preset}", ""]
        lines += [
            f"`python -m wgan train --preset {preset} --steps {STEPS[preset]} --threads 1 --precision float32 --seed K`, "
            f"then `python -m wgan evaluate last`. {first['note']}".rstrip()
        ]
        if first["protocol"]:
            protocol = first["protocol"]
            lines += [
                "",
                f"Features: {protocol['network']} `{protocol['hash']}`; reference: "
                f"{protocol['reference']}.",
            ]
        heads = [f"seed {each['seed']}" for each in evaluations]
        lines += ["", f"| metric | mean ± sd | floor | better | {' | '.join(heads)} |"]
        lines += ["|---" * (4 + len(heads)) + "|"]
        for row in rows(evaluations):
            percent = row["percent"]
            cells = [
                f"{row['title']} (`{row['name']}`)",
                with_deviation(
                    row["mean"], math.nan if row["deviation"] is None else row["deviation"], percent
                ),
                number(row["floor"], percent),
                {"neither": "near the floor"}.get(row["better"], row["better"]),
                *(number(value, percent) for value in row["values"]),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def short(table: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return the table with the main metrics of all presets."""
    lines = ["| preset | steps | mean ± sd over the seeds, [floor] |", "|---|---|---|"]
    for preset, evaluations in table.items():
        parts = []
        for row in rows(evaluations):
            if key_of(row["name"]) in HEADLINES:
                deviation = math.nan if row["deviation"] is None else row["deviation"]
                parts.append(
                    f"{row['title']} {with_deviation(row['mean'], deviation, row['percent'])} "
                    f"[{number(row['floor'], row['percent'])}]"
                )
        lines.append(f"| `{preset}` | {STEPS[preset]:,} | {'; '.join(parts)} |")
    return lines


def main() -> None:
    """Train, evaluate and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", choices=STEPS, default=list(STEPS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each (1)")
    parser.add_argument("--runs-dir", type=Path, default=ROOT / "checkpoints" / "evaluations")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    presets = [name for name in options.presets if PRESETS[name].config.dataset.present()]
    if not presets:
        sys.exit("None of these presets has its data on this machine: set WGAN_DATA.")
    # Do one seed after the other, so that all presets have first results early.
    pairs = [(preset, seed) for seed in options.seeds for preset in presets]
    folder = options.runs_dir.resolve()
    with ThreadPoolExecutor(options.jobs) as pool:
        evaluations = list(pool.map(lambda pair: evaluated(pair[0], pair[1], folder), pairs))
    table = {name: [each for each in evaluations if each["preset"] == name] for name in presets}
    absent = [name for name in options.presets if name not in presets]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(table, absent), encoding="utf-8")
    document = {
        "versions": versions(),
        "seeds": options.seeds,
        "presets": {
            name: {
                "steps": STEPS[name],
                "protocol": table[name][0]["protocol"],
                "metrics": rows(table[name]),
            }
            for name in presets
        },
    }
    options.out.with_suffix(".json").write_text(
        json.dumps(document, indent=1) + "\n", encoding="utf-8"
    )
    print("\n".join(short(table)))


if __name__ == "__main__":
    main()
