"""A set of pictures larger than memory: the time and memory of preparing it and training on it.

python -m benchmarks.big [--pictures 1000000] [--side 64] [--rounds 7] [--seconds 60] [--folder DIR]

The source is a tar archive of JPEG files in ten folders, which are the classes. Millions of
separate files would fill the file system's table, and files of an archive are decoded, fitted and
hashed like files of a folder. The set is prepared by `python -m wgan data add` and trained on by
`python -m wgan train`. The anonymous memory of each process (RssAnon) is sampled ten times a
second. Then one process trains in turns on the mapped set, and on 2 GiB of its pictures in memory.
Finally the file is dropped from the system's cache, and batches are read with and without reading
ahead.
"""

import argparse
import gc
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from wgan.bench import steps_per_second
from wgan.config import TrainConfig
from wgan.data import Pictures
from wgan.data.prepared_sets import FOLDER, read_pictures
from wgan.training import Engine, Training

ROOT = Path(__file__).parents[1]
IN_MEMORY = 2 << 30
"""Bytes of pictures that are trained on from memory, in comparison with the mapped ones."""
FILE = 2_600
"""Estimated bytes of a picture in the source, rounded up."""


def write_source(path: Path, count: int, side: int) -> None:
    """Write a tar archive of JPEG files, each with a different smooth picture."""
    rng = np.random.default_rng(0)
    with path.open("wb", buffering=1 << 20) as file:
        for i in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            packed = io.BytesIO()
            coarse.resize((side, side), Image.Resampling.BICUBIC).save(packed, "JPEG", quality=85)
            content = packed.getvalue()
            info = tarfile.TarInfo(f"pictures/class {i % 10}/{i}.jpg")
            info.size = len(content)
            file.write(info.tobuf())
            file.write(content + bytes(-len(content) % 512))
        file.write(bytes(1024))


def anonymous(pid: int) -> tuple[int, int]:
    """Return the anonymous and the mapped memory of a process in bytes; zeros if it has ended."""
    bytes_by_kind = {"RssAnon": 0, "RssFile": 0}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in bytes_by_kind:
                bytes_by_kind[name] = int(rest.split()[0]) * 1024
    except OSError:
        pass
    return bytes_by_kind["RssAnon"], bytes_by_kind["RssFile"]


def watched(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run `python -m wgan`; return its last line, its seconds, and its peaks of memory in MiB."""
    start, anon, file = time.monotonic(), 0, 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "wgan", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
        )
        while process.poll() is None:
            now = anonymous(process.pid)
            anon, file = max(anon, now[0]), max(file, now[1])
            time.sleep(0.1)
        output.seek(0)
        lines = output.read().decode().splitlines()
    if process.returncode:
        sys.exit(f"python -m wgan {' '.join(arguments)} failed.")
    report: dict[str, Any] = json.loads(lines[-1])
    return report | {
        "seconds": round(time.monotonic() - start, 1),
        "anonymous MiB": anon >> 20,
        "mapped MiB": file >> 20,
    }


def beside(path: Path, key: str, rounds: int, seconds: float) -> None:
    """Train on mapped pictures and on pictures in memory in turns, then on a file that is not cached."""
    mapped = read_pictures(path, mapped=True)
    count = max(64, min(len(mapped.train), IN_MEMORY // (mapped.train[:1].numel())))
    labels = mapped.train_labels[:count]
    some = mapped.held_out[:1000]
    in_memory = Pictures(
        mapped.train[:count], some, labels, mapped.held_out_labels[:1000], mapped.names
    )
    config = TrainConfig.parse(
        {
            "dataset": {"name": "own", "pictures": key},
            "network": {"name": "dcgan", "size": "small"},
            "objective": "wgan-gp",
            "n_critic": 1,
            "batch_size": 64,
            "replacement": True,
        }
    )
    engine = Engine("cpu", "float32", torch.get_num_threads())
    both = {
        "mapped": Training(config, engine=engine, data=mapped),
        "in memory": Training(config, engine=engine, data=in_memory),
    }
    with path.open("rb") as file:  # load it into the system's cache
        while file.read(1 << 22):
            pass
    for training in both.values():
        steps_per_second(training, 2)
    rates: dict[str, list[float]] = {name: [] for name in both}
    for i in range(rounds):
        for name in list(both)[:: 1 if i % 2 else -1]:
            rates[name].append(steps_per_second(both[name], seconds))
    ratios = [a / b for a, b in zip(rates["mapped"], rates["in memory"], strict=True)]
    print(
        f"warm, {rounds} turns of {seconds:g} s: mapped {statistics.median(rates['mapped']):.2f} steps/s, "
        f"{count:,} in memory {statistics.median(rates['in memory']):.2f}; median ratio "
        f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def gathering(path: Path) -> None:
    """Time the reading of one batch from a file that is not cached, and from a cached one."""
    rng = torch.Generator().manual_seed(0)
    ahead, now, warm = "cold, asked for an update ahead", "cold, asked for when needed", "warm"
    for name in (ahead, now, "cold, not asked for", warm):
        if name != warm:
            gc.collect()  # a file that is still mapped cannot be dropped from the cache
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        mapped, times = read_pictures(path, mapped=True), []
        batches = torch.split(mapped.draw_indices("train", 64 * 60, rng), 64)
        for rows in batches if name == warm else ():
            mapped.gather("train", rows)
        for rows in batches:
            if name == ahead:
                mapped.prefetch(rows)
                time.sleep(0.05)  # about the duration of an update
            start = time.perf_counter()
            if name == now:
                mapped.prefetch(rows)
            mapped.gather("train", rows)
            times.append(1000 * (time.perf_counter() - start))
        del mapped
        print(f"64 pictures, {name}: {statistics.median(times):.2f} ms", flush=True)


def require_space(folder: Path, pictures: int, side: int, *, has_source: bool) -> None:
    """Exit with a sentence if the disk has too little space for the pictures."""
    needed = 2 * pictures * 3 * side**2 + (0 if has_source else pictures * FILE)
    free = shutil.disk_usage(folder).free
    if free < 1.05 * needed:
        sys.exit(
            f"{pictures:,} pictures need {needed / 1e9:.0f} GB of disk while they are prepared, "
            f"and {folder} has {free / 1e9:.0f} GB. Make room, name another --folder, or fewer --pictures."
        )


def make_source(source: Path, pictures: int, side: int) -> None:
    """Write the archive of pictures, unless it exists."""
    start = time.monotonic()
    if not source.exists():
        partial = source.with_suffix(".part")
        write_source(partial, pictures, side)
        partial.replace(source)
    print(
        f"source: {source.stat().st_size / 1e9:.2f} GB in {time.monotonic() - start:.0f} s",
        flush=True,
    )


def training_flags(key: str, seconds: float, folder: Path) -> list[str]:
    """Return the command line of a training on a prepared set."""
    flags = {
        "--dataset": "own",
        "--dataset.pictures": key,
        "--network": "dcgan",
        "--network.size": "small",
        "--objective": "wgan-gp",
        "--seconds": str(seconds),
        "--steps": "1000000",
        "--runs-dir": str(folder / "runs"),
    }
    return [*(word for pair in flags.items() for word in pair), "--quiet"]


def main() -> None:
    """Make, prepare and train a large set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, choices=(28, 32, 64), default=64)
    parser.add_argument("--rounds", type=int, default=7, help="turns of both trainings")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training by the program")
    parser.add_argument("--folder", type=Path, help="keep all files there, and use them again")
    options = parser.parse_args()
    if not Path("/proc/self/status").exists() or not hasattr(os, "posix_fadvise"):
        sys.exit("Anonymous memory and the system's cache are told by Linux alone: run it there.")
    with tempfile.TemporaryDirectory(prefix="wgan-big-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"source-{options.pictures}-{options.side}.tar"
        require_space(folder, options.pictures, options.side, has_source=source.exists())
        make_source(source, options.pictures, options.side)
        environment = {"WGAN_DATA": str(folder / "data")}
        title = ["--title", f"Big {options.pictures}", "--side", str(options.side)]
        prepared = watched(["data", "add", str(source), *title, "--json"], environment)
        print(json.dumps({"prepare": prepared}), flush=True)
        key = prepared["key"]
        os.environ |= environment
        path = folder / "data" / FOLDER / f"{key}.safetensors"
        print(f"{path.stat().st_size / 1e9:.2f} GB of prepared pictures", flush=True)
        flags = training_flags(key, options.seconds, folder)
        print(json.dumps({"train": watched(["train", *flags], environment)}), flush=True)
        beside(path, key, options.rounds, 6.0)
        gathering(path)


if __name__ == "__main__":
    main()
