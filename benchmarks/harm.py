"""Robustness of runs against kills at random moments, full disks and flipped bits.

python -m benchmarks.harm kills [--count 200] [--data points pictures]
python -m benchmarks.harm disks [--count 60]     (Linux, as root: it mounts small file systems)
python -m benchmarks.harm bits [--count 1000]

Each prints one JSON object (kills: one for points and one for pictures), and exits with 1 if anything was lost or
wrong.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan.export import export, import_zip
from wgan.jobs import RunReader, TrainingJob
from wgan.runs import COLUMNS, Run, RunError, Status, list_runs

ROOT = Path(__file__).parents[1]
QUICK = "--threads 1 --compiled false --report-every 5 --preview-every 20 --quiet"
TINY = f"--preset toy-ring --batch-size 16 --network.width 16 --network.depth 1 {QUICK}".split()
# A decay would depend on the number of steps, which differs between the runs that are compared.
TINY_PICTURES = (
    f"--preset quick-mnist --batch-size 8 --network.size small --decay none {QUICK}".split()
)


def start_wgan(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "wgan", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wgan(*arguments: str) -> tuple[int, str, str]:
    process = start_wgan(*arguments)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def problems_of(run: Run) -> list[str]:
    """Read everything of a run, and return what is unreadable or wrong."""
    problems = []
    try:
        snapshot = RunReader(run).snapshot()
        steps = run.reports()["step"]
        run.facts(), run.metrics(), run.protocol(), run.resume_point()
        if len(steps) and not np.array_equal(steps, 5 * np.arange(1, len(steps) + 1)):
            problems.append("reports are missing")
        for step in run.checkpoints.steps():
            run.checkpoints.read(step)
        if (
            snapshot.status is Status.FINISHED
            and snapshot.config.steps not in run.checkpoints.steps()
        ):
            problems.append("finished without its last checkpoint")
    except RunError as error:
        problems.append(str(error))
    return problems


def is_same(a: Run, b: Run) -> bool:
    """Return whether two runs have the same last weights and the same reports, except for clock times."""
    left, right = a.checkpoints.read()[0], b.checkpoints.read()[0]
    return (
        left.step == right.step
        and all(
            np.array_equal(a.reports()[name], b.reports()[name])
            for name in COLUMNS
            if name not in ("seconds", "time")
        )
        and left.tensors.keys() == right.tensors.keys()
        and all(torch.equal(left.tensors[name], right.tensors[name]) for name in left.tensors)
    )


def kills(count: int, kind_of_data: str) -> dict[str, Any]:
    """Kill processes that train, evaluate or export a run, at random moments from its start on.

    Args:
        count: Number of kills.
        kind_of_data: "points" or "pictures".
    """
    rng = random.Random(0)
    problems: list[str] = []
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        unharmed, harmed = Path(folder) / "whole", Path(folder) / "harmed"
        tiny = TINY if kind_of_data == "points" else TINY_PICTURES
        settings = [*tiny, "--checkpoint-every", "20", "--steps", "60"]
        start = time.monotonic()
        if wgan("train", *settings, "--runs-dir", str(Path(folder) / "first"))[0]:
            sys.exit("The first run failed.")
        span = 2 * (time.monotonic() - start)  # half of the kills are during the start
        settings[-1] = "1000000"
        while sum(killed.values()) < count:
            runs = list_runs(harmed)
            kind = rng.choice(["train"] * 6 + ["evaluate", "export"]) if runs else "train"
            if kind == "train":
                flags = ["--resume", "last", "--quiet"] if runs else settings
                process = start_wgan("train", *flags, "--runs-dir", str(harmed))
            elif kind == "evaluate":
                process = start_wgan("evaluate", "last", "--quiet", "--runs-dir", str(harmed))
            else:
                out = Path(folder) / "run.zip"
                process = start_wgan("export", "last", "--out", str(out), "--runs-dir", str(harmed))
            time.sleep(rng.uniform(0.0, span))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed[kind] += 1
            _, err = process.communicate()
            if "Traceback" in err or (process.returncode > 0 and kind != "evaluate"):
                problems.append(f"{kind}: {err.strip()[-300:]}")
            for run in list_runs(harmed):
                problems += problems_of(run)
            if kind == "export" and out.exists():
                if zipfile.ZipFile(out).testzip() is not None:
                    problems.append("a half ZIP file has the name of a whole one")
                out.unlink()
            if len(list_runs(harmed)) > 1:
                problems.append("a killed start left a second run")
        run = list_runs(harmed)[0]
        steps = str(run.resume_point()[1] + 100)
        code, _, err = wgan(
            "train", "--resume", "last", "--steps", steps, "--quiet", "--runs-dir", str(harmed)
        )
        problems += [err] if code else []
        settings[-1] = steps
        code, _, err = wgan("train", *settings, "--runs-dir", str(unharmed))
        problems += [err] if code else []
        same = is_same(list_runs(unharmed)[0], run)
        parts = len(list(run.folder.rglob("*.part")))
    return {
        "kills": dict(killed),
        "steps": int(steps),
        "equal_to_an_unharmed_run": same,
        "half_files": parts,
        "problems": problems,
    }


def disks(count: int) -> dict[str, Any]:
    """Train on disks of many sizes, from one that can hold nothing to one that can hold the run."""
    sizes = np.geomspace(60_000, 3_000_000, count).astype(int)
    settings = [
        *TINY,
        "--network.width",
        "64",
        "--network.depth",
        "2",
        "--checkpoint-every",
        "10",
        "--steps",
        "60",
        "--measure",
        "false",
    ]
    problems: list[str] = []
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        code, _, err = wgan("train", *settings, "--runs-dir", folder + "/whole")
        if code:
            sys.exit(err)
        (unharmed,) = list_runs(Path(folder) / "whole")
        for size in sizes:
            disk = Path(folder) / f"disk-{size}"
            disk.mkdir()
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True
            )
            try:
                problems += [
                    f"{size}: {problem}"
                    for problem in problems_on_disk(disk, settings, unharmed, outcomes)
                ]
            finally:
                subprocess.run(["umount", "--lazy", str(disk)], check=False)
    return {"disks": count, "outcomes": dict(outcomes), "problems": problems}


def problems_on_disk(
    disk: Path, settings: list[str], unharmed: Run, outcomes: Counter[str]
) -> list[str]:
    """Train on a small disk, then on the same disk after enlarging it; return what was lost or wrong."""
    problems = []
    code, _, err = wgan("train", *settings, "--runs-dir", str(disk))
    if "Traceback" in err:
        problems.append(err[-300:])
    if code and not err.strip():
        problems.append(f"exit code {code} without a word")
    runs = list_runs(disk)
    outcome = "finished" if code == 0 else "refused" if not runs else "stopped with a sentence"
    outcomes[outcome] += 1
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    for run in runs:
        status = RunReader(run).snapshot().status
        if (status is Status.FINISHED) != (code == 0):
            problems.append(f"exit code {code} of a run that is {status}")
        if code:
            problems += [p for p in problems_of(run) if p != "reports are missing"]
            code, _, err = wgan("train", "--resume", run.id, "--quiet", "--runs-dir", str(disk))
            if code:
                problems.append(f"not resumed: {err[-300:]}")
        if not is_same(run, unharmed):
            problems.append("differs from a run on a large disk")
    return problems


def bits(count: int) -> dict[str, Any]:
    """Flip bits of checkpoints and exported runs. Each must be detected, or have no effect on the content."""
    from tests.conftest import tiny

    rng = random.Random(0)
    problems: list[str] = []
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = TrainingJob(Run.create(tiny(), folder / "runs"), threads=1)
        job.prepare()
        while not job.done:
            job.step()
        job.finish(Status.FINISHED)
        export(job.run, folder / "run.zip")
        zipped = (folder / "run.zip").read_bytes()
        path = job.run.folder / f"step_{job.run.checkpoints.steps()[-1]:08d}.safetensors"
        weights = path.read_bytes()
        expected = contents_of(job.run)
        for i in range(count):
            if i % 5:
                path.write_bytes(flipped(weights, rng))
                try:
                    job.run.checkpoints.read(job.run.checkpoints.steps()[-1])
                    problems.append("a flipped bit of a checkpoint was not noticed")
                except RunError:
                    outcomes["checkpoint refused"] += 1
                continue
            (folder / "flipped.zip").write_bytes(flipped(zipped, rng))
            try:
                run, remarks = import_zip(folder / "flipped.zip", folder / "imported")
            except RunError:
                outcomes["ZIP file refused"] += 1
                continue
            outcomes["ZIP file imported with remarks" if remarks else "ZIP file imported"] += 1
            contents = contents_of(run)
            changed = [k for k in contents if contents[k] != expected.get(k)]
            missing = [] if remarks else sorted(expected.keys() - contents.keys())
            if changed or missing:
                problems.append(f"changed: {changed}, lost without a word: {missing}")
            shutil.rmtree(run.folder)
    return {"bits": count, "outcomes": dict(outcomes), "problems": problems}


def flipped(content: bytes, rng: random.Random) -> bytes:
    harmed = bytearray(content)
    bit = rng.randrange(8 * len(harmed))
    harmed[bit // 8] ^= 1 << (bit % 8)
    return bytes(harmed)


def contents_of(run: Run) -> dict[str, Any]:
    """Return the content of a run by name, for comparisons."""
    contents: dict[str, Any] = {
        "config": run.config(),
        "reports": {name: column.tolist() for name, column in run.reports().items()},
        "changes": run.changes(),
        "metrics": run.metrics(),
    }
    for step in run.checkpoints.steps():
        state, _ = run.checkpoints.read(step)
        contents[f"checkpoint {step}"] = {k: v.numpy().tobytes() for k, v in state.tensors.items()}
    for step in run.previews.steps():
        preview = run.previews.read(step)
        assert preview is not None
        with np.load(run.folder / "previews" / f"{step:08d}.{preview[0]}") as arrays:
            contents[f"preview {step}"] = {name: arrays[name].tobytes() for name in arrays.files}
    return contents


def main() -> None:
    """Run one of the trials."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="what")
    for name, count in (("kills", 200), ("disks", 60), ("bits", 1000)):
        command = commands.add_parser(name)
        command.add_argument("--count", type=int, default=count)
        if name == "kills":
            kinds = ["points", "pictures"]
            command.add_argument("--data", nargs="+", choices=kinds, default=kinds)
    options = parser.parse_args()
    os.chdir(ROOT)
    torch.set_num_threads(1)
    if options.what == "kills":
        share = options.count // len(options.data)
        results = [{"data": kind, **kills(share, kind)} for kind in options.data]
    else:
        results = [{"disks": disks, "bits": bits}[options.what](options.count)]
    for result in results:
        print(json.dumps(result))
    if any(r["problems"] or not r.get("equal_to_an_unharmed_run", True) for r in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
