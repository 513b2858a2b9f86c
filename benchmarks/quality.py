"""How good samples are after so many seconds of training, through the command line as a user would.

    python -m benchmarks.quality --seconds 10 30 60 --seeds 0 1 2
    python -m benchmarks.quality --preset toy-ring --seconds 60 --seeds 0 1 2
    python -m benchmarks.quality --seconds 60 --variant "" --variant "--batch-size 64"

Pictures: the 64-feature FID of `benchmarks.fid` on 4,000 samples, beside its floor. Points: modes and
high-quality share of 2,500 samples and the exact W₁ of 512, beside its floor. Variants are flags of
`python -m wgan train`, taken in turn within each seed, so that the machine's drift hits all of them.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fid import fid64
from wgan.data import Points, data_root
from wgan.metrics import emd, mixture_modes
from wgan.randomness import generator
from wgan.runs import Run


def measure(flags: list[str], seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """Train, sample and measure; everything in processes of their own."""
    wgan = [sys.executable, "-m", "wgan"]
    trained = subprocess.run(
        [*wgan, "train", *flags, "--seconds", str(seconds), "--seed", str(seed), "--quiet",
         "--runs-dir", str(folder)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(trained.stdout.splitlines()[-1])
    run = Run(Path(result["run"]))
    out = folder / "samples.npz"
    pictures = run.config().dataset.kind == "pictures"
    count = 4000 if pictures else 2500
    subprocess.run(
        [*wgan, "sample", result["run"], "--count", str(count), "--seed", "1", "--out", str(out)],
        check=True, capture_output=True,
    )  # fmt: skip
    with np.load(out) as file:
        made = file["images" if pictures else "points"]
    numbers: dict[str, Any] = {
        "seconds": seconds, "seed": seed, "step": result["step"],
        "steps_per_second": result["steps_per_second"], "engine": result["engine"],
    }  # fmt: skip
    if pictures:
        name = "fashion-mnist" if "fashion" in run.config().dataset.name else "mnist"
        cache = Path("data") / f"fid64-{name}-s0.safetensors"
        found = fid64(made, name, data_root(), cache=cache)
        return numbers | {"fid64_4k": found["fid64"], "floor": found["floor"]}
    data = run.config().dataset.load()
    assert isinstance(data, Points)
    if data.means is not None:
        modes, share = mixture_modes(made, data.means.numpy(), data.sigma)
        numbers |= {"modes": modes, "of": len(data.means), "high_quality": share}
    real, other = (data.sample(512, generator(k, "metric")).numpy() for k in (0, 1))
    return numbers | {"emd_512": emd(made[:512], real), "floor": emd(other, real)}


def main() -> None:
    """Print a line for each run and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick-mnist")
    parser.add_argument("--dataset", help="default: the full MNIST for pictures")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variant", action="append", default=None, metavar="FLAGS")
    given = parser.parse_args()
    dataset = given.dataset or ("mnist" if given.preset.endswith("mnist") else None)
    base = ["--preset", given.preset, *(["--dataset", dataset] if dataset else [])]
    table: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for seed in given.seeds:
        for seconds in given.seconds:
            for variant in given.variant or [""]:
                with tempfile.TemporaryDirectory() as folder:
                    found = measure([*base, *shlex.split(variant)], seconds, seed, Path(folder))
                load = os.getloadavg()[0]
                print(json.dumps({"variant": variant, **found, "load": round(load, 1)}), flush=True)
                table.setdefault((variant, seconds), []).append(found)
    for (variant, seconds), rows in table.items():
        keys = ("fid64_4k", "modes", "high_quality", "emd_512", "floor", "steps_per_second")
        medians = {k: round(statistics.median(r[k] for r in rows), 3) for k in keys if k in rows[0]}
        print(f"{variant or base} {seconds:g} s, {len(rows)} seeds, medians: {medians}")


if __name__ == "__main__":
    main()
