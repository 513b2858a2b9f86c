"""The quality of samples after some time of training, compared with a textbook loop with the same settings.

    python -m benchmarks.quality                                    # quick-mnist on full MNIST, 10 to 300 s, three seeds
    python -m benchmarks.quality --preset quick-fashion toy-ring toy-grid --seconds 10 30 60
    python -m benchmarks.quality --seconds 30 --ours "" --ours "--batch-size 64 --network.size small"

Each training is a separate process with an empty cache, so it compiles, chooses threads and warms
up as on first use. Its clock stops during measurements. "Ours" is the job of `python -m wgan train`
with reports, pictures and checkpoints, but without live metrics. "Textbook" uses a DataLoader,
float32, torch's default number of threads, separate passes for real, fake and penalty, and reads
the losses at every step. The two take turns for each seed. Pictures are measured by the Fréchet
distance between 4,000 samples and the training set in the 64 features of the shipped network; its
floor is that of 4,000 held-out pictures. Points are measured by W₁ of 512 samples and its floor,
and by captured modes and the share of high quality of 2,500 samples.
"""

import argparse
import copy
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from wgan.config import PRESETS, Adam, TrainConfig
from wgan.data import Data, Pictures, Stack, as_bytes
from wgan.jobs import TrainingJob
from wgan.metrics import PictureInputs, PointInputs, ReferenceStats
from wgan.objectives import WganGp
from wgan.rng import keyed_rng
from wgan.runs import Run, Status

FULL = {"quick-mnist": {"dataset": "mnist"}}
"""Presets that use a part of a data set. Here they use all of it."""


def config_of(preset: str, seed: int, changes: dict[str, Any]) -> TrainConfig:
    """Return the config of a preset with changes and without a limit of steps."""
    timed = {"measure": False, "steps": 10_000_000, "seed": seed}
    return PRESETS[preset].config.changed(FULL.get(preset, {}) | timed).changed(changes)


Samples = Callable[[int], Tensor]


# ---- the textbook -------------------------------------------------------------------------------


class PictureFiles(Dataset[Tensor]):
    """A data set that converts each picture to [−1, 1] when it is read."""

    def __init__(self, pictures: Stack) -> None:
        self.pictures = pictures
        self.transform = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> Tensor:
        picture: Tensor = self.transform(self.pictures[i])
        return picture


def batches(config: TrainConfig, data: Data) -> Iterator[Tensor]:
    """Yield batches of real examples without end."""
    if not isinstance(data, Pictures):
        rng = keyed_rng(config.seed, "data")
        while True:
            yield data.batch("train", config.batch_size, rng)
    loader = DataLoader(PictureFiles(data.train), config.batch_size, shuffle=True, drop_last=True)
    while True:
        yield from loader


def textbook(
    config: TrainConfig, data: Data, marks: list[float]
) -> Iterator[tuple[float, int, Samples]]:
    """Train WGAN-GP with the usual textbook loop; yield seconds, steps and averaged generator at each mark."""
    optimizer, objective = config.optimizer, config.objective
    if not isinstance(optimizer, Adam) or not isinstance(objective, WganGp):
        raise SystemExit("The textbook loop knows WGAN-GP with Adam only.")
    torch.manual_seed(config.seed)
    make, critic = config.networks(keyed_rng(config.seed, "init"))
    average = copy.deepcopy(make)
    betas = (optimizer.beta1, optimizer.beta2)
    of_critic = torch.optim.Adam(critic.parameters(), lr=config.critic_learning_rate, betas=betas)
    of_make = torch.optim.Adam(make.parameters(), lr=config.generator_learning_rate, betas=betas)
    real_batches = batches(config, data)
    clock, steps, losses = 0.0, 0, []
    start = time.perf_counter()
    while marks:
        for _ in range(config.n_critic):
            real = next(real_batches)
            with torch.no_grad():
                fake = make(torch.randn(config.batch_size, config.latent_dim))
            gap = critic(real).mean() - critic(fake).mean()
            penalty = objective.penalty_weight * slope_penalty(critic, real, fake)
            of_critic.zero_grad()
            (penalty - gap).backward()
            of_critic.step()
            losses.append(((penalty - gap).item(), gap.item()))
        loss = -critic(make(torch.randn(config.batch_size, config.latent_dim))).mean()
        of_make.zero_grad()
        loss.backward()
        of_make.step()
        losses.append((loss.item(), 0.0))
        steps += 1
        with torch.no_grad():
            decay = min(config.ema_decay, (1 + steps) / (10 + steps))
            for slow, fast in zip(average.parameters(), make.parameters(), strict=True):
                slow.mul_(decay).add_(fast, alpha=1 - decay)
            for averaged, current in zip(average.buffers(), make.buffers(), strict=True):
                averaged.copy_(current)
        if clock + time.perf_counter() - start >= marks[0]:
            clock += time.perf_counter() - start
            marks = marks[1:]
            yield clock, steps, sampler(average, config)
            start = time.perf_counter()


def slope_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of (‖∇f‖ − 1)² at points between real and fake."""
    epsilon = torch.rand(len(real), *[1] * (real.dim() - 1))
    between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    return penalty


# ---- ours ---------------------------------------------------------------------------------------


def ours(
    config: TrainConfig, folder: Path, marks: list[float]
) -> Iterator[tuple[float, int, Samples]]:
    """Train as the app does; yield seconds, steps and averaged generator at each mark."""
    job = TrainingJob(Run.create(config, folder))
    job.prepare()
    for mark in marks:
        while job.seconds < mark:
            job.step()
        print(json.dumps(job.training.engine.as_dict()), file=sys.stderr)
        yield job.seconds, job.training.steps, sampler(job.training.average, config)
    job.finish(Status.STOPPED)


# ---- measuring ----------------------------------------------------------------------------------


def sampler(network: nn.Module, config: TrainConfig) -> Samples:
    """Return a function that makes n samples with the current weights of a generator."""
    frozen = copy.deepcopy(network).eval()

    @torch.no_grad()
    def make(n: int) -> Tensor:
        z = torch.randn(n, config.latent_dim, generator=keyed_rng(1, "sample"))
        return torch.cat([frozen(part) for part in torch.split(z, 500)])

    return make


def sample_metrics(
    data: Data, reference_stats: ReferenceStats | None, make: Samples
) -> dict[str, float]:
    """Return the metrics of samples, and the floor."""
    if isinstance(data, Pictures):
        assert reference_stats is not None
        sides = PictureInputs(as_bytes(make(4000)), reference_stats)
        return {"fid64_4k": sides.fid(), "floor": reference_stats.real(4000).fid()}
    points = PointInputs(make(2500).numpy(), data)
    first = points.first(512)
    metrics = {"emd_512": first.emd(), "floor": first.other.emd()}
    if data.means is not None:
        metrics |= {"modes": points.modes[0], "high_quality": points.modes[1]}
    return metrics


def train_arm(arm: dict[str, Any]) -> None:
    """Train with one of the two loops, and print a line of JSON at each mark."""
    config = TrainConfig.parse(arm["config"])
    data = config.dataset.load()
    reference_stats = ReferenceStats(config.dataset, data) if isinstance(data, Pictures) else None
    if reference_stats is not None:
        reference_stats.real(4000).fid()  # before the clock starts
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        marks = [float(mark) for mark in arm["seconds"]]
        if arm["arm"] == "textbook":
            trained = textbook(config, data, marks)
        else:
            trained = ours(config, Path(folder) / "runs", marks)
        for mark, (seconds, steps, make) in zip(marks, trained, strict=True):
            metrics = sample_metrics(data, reference_stats, make)
            print(
                json.dumps({"mark": mark, "seconds": seconds, "steps": steps, **metrics}),
                flush=True,
            )


def main() -> None:
    """Print a line for each run and mark, and a table of means over seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", nargs="+", default=["quick-mnist"])
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 20, 30, 60, 120, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--ours",
        action="append",
        metavar="FLAGS",
        help='flags of `python -m wgan train`, or "": the preset itself; may be repeated',
    )
    parser.add_argument(
        "--textbook",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="the textbook loop's last mark (60; 0: none)",
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train_arm(json.loads(options.one))
        return
    variants = options.ours or [""]
    arms = [("ours " + flags).strip() for flags in variants]
    arms += ["textbook"] if options.textbook else []
    rows: list[dict[str, Any]] = []
    for preset in options.preset:
        for seed in options.seeds:
            for arm in arms:
                flags = shlex.split(arm.removeprefix("ours")) if arm != "textbook" else []
                named = [flag.removeprefix("--").replace("-", "_") for flag in flags[::2]]
                config = config_of(preset, seed, dict(zip(named, flags[1::2], strict=True)))
                longest = options.textbook if arm == "textbook" else max(options.seconds)
                training = {
                    "arm": arm,
                    "config": config.model_dump(mode="json"),
                    "seconds": [mark for mark in options.seconds if mark <= longest],
                }
                rows += run(preset, seed, training)
    report(rows, options.seconds)


def run(
    preset: str, seed: int, training: dict[str, Any], *, module: str = "benchmarks.quality"
) -> list[dict[str, Any]]:
    """Train with `MODULE --one` in another process, and return its lines."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--one", json.dumps(training)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    rows = []
    for line in done.stdout.splitlines():
        row = {"preset": preset, "seed": seed, "arm": training["arm"], **json.loads(line)}
        rows.append(row)
        print(json.dumps(row | {"load": round(os.getloadavg()[0], 1)}), flush=True)
    return rows


def mean_and_deviation(values: list[float]) -> str:
    """Return "mean ± deviation"; the mean alone for a single value."""
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{spread}"


def report(rows: list[dict[str, Any]], marks: list[float]) -> None:
    """Print a table for each preset: mean ± deviation over seeds."""
    for preset in dict.fromkeys(row["preset"] for row in rows):
        preset_rows = [row for row in rows if row["preset"] == preset]
        keys = [
            k
            for k in ("fid64_4k", "emd_512", "modes", "high_quality", "steps")
            if k in preset_rows[0]
        ]
        print(
            f"\n{preset}, seeds {sorted({row['seed'] for row in preset_rows})}, "
            f"floor {statistics.fmean(row['floor'] for row in preset_rows):.3g}"
        )
        print("| arm | number | " + " | ".join(f"{mark:g} s" for mark in marks) + " |")
        print("|---|---|" + "---|" * len(marks))
        for arm in dict.fromkeys(row["arm"] for row in preset_rows):
            for key in keys:
                cells = []
                for mark in marks:
                    of = [r[key] for r in preset_rows if r["arm"] == arm and r["mark"] == mark]
                    if not of:
                        cells.append("")
                        continue
                    cells.append(
                        f"{statistics.fmean(of):.4g}" if key == "steps" else mean_and_deviation(of)
                    )
                print(f"| {arm} | {key} | " + " | ".join(cells) + " |")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
