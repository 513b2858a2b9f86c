"""The record board: seconds of training until the samples are good, docs/speedrun.md.

    python -m benchmarks.speedrun                         # the newest entry against the last record before it
    python -m benchmarks.speedrun --entries textbook product labels decay
    python -m benchmarks.speedrun --seeds 0 --limit 30    # one quick try

For each seed, the entries are trained one after the other, each in its own process. So a change of the
machine's speed affects all of them.
The results are written to docs/speedrun.json, and the board to docs/speedrun.md. The rules are on the
board.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.speedrun.board import MAX_FID, SAMPLES, records, stored_results, write_board
from benchmarks.speedrun.entries import ENTRIES
from benchmarks.trainings import Sampler
from wgan.data import Mnist, Pictures, as_bytes
from wgan.metrics import PictureInputs, ReferenceStats

THREADS = 2
CHECK_EVERY_S = 0.5
LIMIT_S = 900.0
SCREENING_SAMPLES = 2_000
"""Samples of a first check. Only if their FID is near the threshold, all samples are drawn."""
SCREENING_FACTOR = 1.5
"""The first check is passed below this multiple of the threshold. The FID of fewer samples is larger."""


def processor() -> str:
    """Return the name of the processor and its widest instructions."""
    name = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        lines = dict(
            line.split(":", 1) for line in cpu_info.read_text().split("\n\n")[0].splitlines()
        )
        values = {key.strip(): value.strip() for key, value in lines.items()}
        name = values.get("model name", name)
        flags = values.get("flags", "").split()
        widest = next((f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in flags), "")
        name += f" ({widest})" if widest else ""
    return name


def commit() -> str:
    """Return the commit of the working tree, with "+" if it was changed since."""
    text = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    ).stdout
    return text.strip() or "unknown"


def is_good(sampler: Sampler, reference: ReferenceStats) -> tuple[bool, float]:
    """Return whether the samples reach the threshold, and their FID.

    If the FID of a few samples is far from the threshold, it is returned instead.
    """
    few = PictureInputs(as_bytes(sampler(SCREENING_SAMPLES)), reference).fid()
    if few > SCREENING_FACTOR * MAX_FID:
        return False, few
    fid = PictureInputs(as_bytes(sampler(SAMPLES)), reference).fid()
    return fid <= MAX_FID, fid


def run(name: str, seed: int, limit: float) -> dict[str, Any]:
    """Train an entry until its samples are good; return seconds, steps and the FID at every check.

    The clock runs from the call of the entry, with the data in memory, and stops during checks.
    """
    torch.set_num_threads(THREADS)
    dataset = Mnist()
    data = dataset.load()
    assert isinstance(data, Pictures)
    reference = ReferenceStats(dataset, data)
    reference.real(SAMPLES)
    checks: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        seconds, start = 0.0, time.perf_counter()
        training = ENTRIES[name].start(seed, data, Path(folder) / "runs")
        next_check, good = CHECK_EVERY_S, False
        while not good and seconds < limit:
            training.step()
            if (now := seconds + time.perf_counter() - start) < next_check:
                continue
            seconds = now
            good, fid = is_good(training.sampler(), reference)
            checks.append((round(seconds, 2), round(fid, 3)))
            next_check = seconds + CHECK_EVERY_S
            start = time.perf_counter()
    return {
        "entry": name,
        "seed": seed,
        "seconds": round(seconds, 2) if good else None,
        "steps": training.steps,
        "checks": checks,
        "processor": processor(),
        "torch": torch.__version__,
        "commit": commit(),
        "day": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    """Run the entries in turns, and write the board."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(ENTRIES)
    newest = [records(stored_results(), before=names[-1])[-1], names[-1]]
    parser.add_argument("--entries", nargs="+", choices=names, default=newest, metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds (900)")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, seed = options.one
        print(json.dumps(run(name, int(seed), options.limit)))
        return
    results = []
    for seed in options.seeds:
        for name in options.entries:
            command = [sys.executable, "-m", "benchmarks.speedrun", "--limit", str(options.limit)]
            done = subprocess.run(
                [*command, "--one", name, str(seed)], check=True, stdout=subprocess.PIPE, text=True
            )
            result = json.loads(done.stdout.splitlines()[-1])
            results.append(result)
            print(
                f"{name}, seed {seed}: {result['seconds']} s, {result['steps']} steps", flush=True
            )
    for name in options.entries:
        reached = [r["seconds"] for r in results if r["entry"] == name and r["seconds"]]
        if reached:
            print(
                f"{name}: {statistics.fmean(reached):.1f} s, {len(reached)} of {len(options.seeds)}"
            )
    if len(options.seeds) >= 5:
        write_board(results)


if __name__ == "__main__":
    main()
