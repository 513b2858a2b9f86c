"""Scaling of stored runs: a run with a million reports, a long run, and five hundred runs.

python -m benchmarks.keeping million
python -m benchmarks.keeping long [--steps 100000]
python -m benchmarks.keeping shelf [--runs 500]
"""

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from benchmarks.live import quantile
from pages.ui.widgets.chart.chart import encode_figure
from wgan import figures
from wgan.jobs import RunReader
from wgan.runs import COLUMNS, Run, Status, StoredReport, list_runs
from wgan.training import Report

ROOT = Path(__file__).parents[1]

# Curves have 250 to 500 points, and are halved when there are more. With both of these sizes they
# begin with about 480.
SIZES = (960, 1_000_000)
TINY = [
    "--preset",
    "toy-ring",
    "--batch-size",
    "16",
    "--network.width",
    "16",
    "--network.depth",
    "1",
    "--threads",
    "1",
    "--compiled",
    "false",
    "--report-every",
    "5",
    "--preview-every",
    "200",
    "--checkpoint-every",
    "150",
    "--quiet",
]


def wgan(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "wgan", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def filled(folder: Path, count: int) -> Run:
    """Return a run with `count` reports, whose values form a random walk."""
    from wgan.config import PRESETS

    run = Run.create(PRESETS["toy-ring"].config.changed({"steps": 10_000_000}), folder)
    values = np.random.default_rng(0).normal(size=(count, 7)).cumsum(axis=0)
    marks = ", ".join("?" * len(COLUMNS))
    with contextlib.closing(sqlite3.connect(run.folder / "run.sqlite")) as db, db:
        db.executemany(
            f"INSERT INTO reports VALUES ({marks})",
            (
                (10 * (i + 1), *map(float, row), 160 * i, i / 10, 1e9 + i)
                for i, row in enumerate(values)
            ),
        )
    return run


def million() -> None:
    """Measure the time to open a run with a million reports and to add one more, and the same for
    a thousand reports.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = {n: filled(Path(folder) / str(n), n) for n in SIZES}
        program = (
            "import sys, time; from pathlib import Path; from wgan.jobs import RunReader; "
            "from wgan.runs import Run; begun = time.perf_counter(); "
            "RunReader(Run(Path(sys.argv[1]))).snapshot(); print(time.perf_counter() - begun)"
        )
        opening = {
            n: statistics.median(
                float(
                    subprocess.run(
                        [sys.executable, "-c", program, str(run.folder)],
                        cwd=ROOT,
                        check=True,
                        capture_output=True,
                    ).stdout
                )
                for _ in range(5)
            )
            for n, run in runs.items()
        }
        watched = {n: RunReader(run) for n, run in runs.items()}
        times: dict[int, list[float]] = {n: [] for n in runs}
        sizes: dict[int, int] = {}
        for i in range(40):
            for n, run in runs.items():
                step = 10 * (n + i + 1)
                report = Report(step, *np.random.default_rng(i).normal(size=7).tolist())
                run.add([StoredReport(report, step, step / 100, 1e9)])
                start = time.perf_counter()
                snapshot = watched[n].snapshot()
                data = [figures.critic_gap(snapshot.curves), figures.losses(snapshot.curves)]
                sent = json.dumps([encode_figure(figure) for figure in data])
                if i > 2:
                    times[n].append(1000 * (time.perf_counter() - start))
                sizes[n] = len(sent)
        for n in runs:
            print(
                f"{n:>9,} reports: opened in {opening[n]:.2f} s; an update takes "
                f"{statistics.median(times[n]):.1f} ms and sends {sizes[n] / 1000:.1f} kB"
            )
        ratios = [b / a for a, b in zip(*(times[n] for n in SIZES), strict=True)]
        print(f"median ratio of an update's time, alternated: {statistics.median(ratios):.2f}")


def long(steps: int) -> None:
    """Train a tiny run with many reports and pictures; measure its memory, folder and page at intervals."""
    from wgan.bench import peak_memory
    from wgan.config import PRESETS
    from wgan.jobs import TrainingJob

    tiny = {
        "batch_size": 4,
        "n_critic": 1,
        "network.width": 4,
        "network.depth": 1,
        "steps": steps,
        "report_every": 1,
        "preview_every": 10,
        "checkpoint_every": steps // 10,
        "threads": 1,
        "compiled": False,
        "measure": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(Run.create(PRESETS["toy-ring"].config.changed(tiny), Path(folder)))
        job.prepare()
        for tenth in range(1, 11):
            with peak_memory("cpu") as memory:
                start = time.perf_counter()
                while job.training.steps < steps * tenth // 10:
                    job.step()
                took = time.perf_counter() - start
            job.flush()
            times = []
            for _ in range(15):
                start = time.perf_counter()
                sent = [
                    encode_figure(f)
                    for f in (
                        figures.critic_gap(job.snapshot.curves),
                        figures.losses(job.snapshot.curves),
                    )
                ]
                times.append(1000 * (time.perf_counter() - start))
            folder_bytes = sum(f.stat().st_size for f in job.run.folder.rglob("*") if f.is_file())
            print(
                json.dumps(
                    {
                        "step": job.training.steps,
                        "most_memory_MB": round(memory["bytes"] / 1e6, 1),
                        "previews_made": job.training.steps // 10,
                        "previews_kept": len(job.snapshot.preview_steps),
                        "folder_MB": round(folder_bytes / 1e6, 1),
                        "chart_ms": round(statistics.median(times), 1),
                        "chart_kB": round(len(json.dumps(sent)) / 1000, 1),
                        "steps_per_second": round(steps / 10 / took),
                    }
                ),
                flush=True,
            )
        job.finish(Status.FINISHED)


def shelf(count: int) -> None:
    """Measure the Runs page with many runs in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        runs_folder = Path(folder) / "one"
        if wgan("train", *TINY, "--steps", "300", "--runs-dir", str(runs_folder)).wait() != 0:
            sys.exit("The run to copy failed.")
        runs = Path(folder) / "runs"
        (original,) = list_runs(runs_folder)
        for i in range(count):
            name = f"20260101-{i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}-ring-8-wgan-gp-s{i}"
            shutil.copytree(original.folder, runs / name)
        os.environ["WGAN_RUNS"] = str(runs)
        os.chdir(ROOT)
        app = AppTest.from_file(str(ROOT / "pages/ui/main.py"), default_timeout=120)
        start = time.perf_counter()
        app.run().switch_page("../runs.py").run()
        first = 1000 * (time.perf_counter() - start)
        time.sleep(12)  # a new server measures the forecast of the next run for some seconds
        times: list[float] = []
        for _ in range(60):
            start = time.perf_counter()
            app.run()
            times.append(1000 * (time.perf_counter() - start))
            assert not app.exception, app.exception
        print(
            f"{count} runs: Runs page, first with all imports {first:.0f} ms, then median "
            f"{statistics.median(times):.0f} ms, p95 {quantile(times, 0.95):.0f} ms"
        )
        os._exit(0)  # the app's threads have nothing left to write


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="what")
    commands.add_parser("million")
    commands.add_parser("long").add_argument("--steps", type=int, default=100_000)
    commands.add_parser("shelf").add_argument("--runs", type=int, default=500)
    options = parser.parse_args()
    if options.what == "million":
        million()
    elif options.what == "long":
        long(options.steps)
    else:
        shelf(options.runs)


if __name__ == "__main__":
    main()
