"""The search for the quick presets: variants train for equal times, and the better half continues.

    python -m benchmarks.recipe [--preset quick-mnist] [--rounds 20 40 80] [--folder recipe]
    python -m benchmarks.recipe --preset toy-grid --rounds 10 20 30
    python -m benchmarks.recipe --base generator_learning_rate=1e-3,critic_learning_rate=2e-3 \\
        --also "rates doubled: generator_learning_rate=2e-3,critic_learning_rate=4e-3" --only resize

Every variant is one change to the preset (or a pair of changes that belong together). It trains for
the first round's seconds with one seed. The better half of the variants trains for the next round's
seconds with another seed, and so on. The preset itself takes part in every round. Trainings and
metrics are those of `benchmarks.quality`: variants are ordered by the Fréchet distance of 4,000
pictures, or by W₁ of 512 points. Results are stored as lines of JSON in the folder, and finished
work is not repeated.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.quality import config_of, run
from wgan.config import PRESETS

PICTURES: dict[str, dict[str, Any]] = {
    "size small": {"network.size": "small"},
    "size small, batch 64": {"network.size": "small", "batch_size": 64},
    "size large": {"network.size": "large"},
    "no batch norm": {"network.batch_norm": False},
    "resize": {"network.upsampling": "resize"},
    "batch 16": {"batch_size": 16},
    "batch 64": {"batch_size": 64},
    "rates halved": {"generator_learning_rate": 1e-3, "critic_learning_rate": 2e-3},
    "rates × 1.5": {"generator_learning_rate": 3e-3, "critic_learning_rate": 6e-3},
    "generator 4e-3": {"generator_learning_rate": 4e-3},
    "critic 2e-3": {"critic_learning_rate": 2e-3},
    "n_critic 2": {"n_critic": 2},
    "β₁ 0.5": {"optimizer.beta1": 0.5},
    "β₂ 0.99": {"optimizer.beta2": 0.99},
    "λ 1": {"objective.penalty_weight": 1.0},
    "λ 3": {"objective.penalty_weight": 3.0},
    "λ 3, one-sided": {"objective.penalty_weight": 3.0, "objective.one_sided": True},
    "penalty every 2nd": {"objective.penalty_every": 2},
    "penalty every 4th": {"objective.penalty_every": 4},
    "EMA 0.98": {"ema_decay": 0.98},
    "EMA 0.999": {"ema_decay": 0.999},
    "z of 16": {"latent_dim": 16},
    "z of 64": {"latent_dim": 64},
    "hinge": {"objective": "hinge"},
    "GAN": {"objective": "gan"},
    "R1": {"objective": "r1"},
    "spectral norm": {"objective": "wgan-sn"},
    "clipping": {"objective": "wgan"},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
}
"""Variants for pictures: their changes to the preset."""

POINTS: dict[str, dict[str, Any]] = {
    "width 64": {"network.width": 64},
    "width 256": {"network.width": 256},
    "depth 2": {"network.depth": 2},
    "depth 4": {"network.depth": 4},
    "leaky": {"network.activation": "leaky-relu"},
    "batch 64": {"batch_size": 64},
    "batch 256": {"batch_size": 256},
    "rates halved": {"generator_learning_rate": 5e-4, "critic_learning_rate": 2e-3},
    "rates doubled": {"generator_learning_rate": 2e-3, "critic_learning_rate": 8e-3},
    "generator 5e-4": {"generator_learning_rate": 5e-4},
    "critic 1e-3": {"critic_learning_rate": 1e-3},
    "critic 2e-3": {"critic_learning_rate": 2e-3},
    "critic 8e-3": {"critic_learning_rate": 8e-3},
    "n_critic 1": {"n_critic": 1},
    "n_critic 4": {"n_critic": 4},
    "β₁ 0.5": {"optimizer.beta1": 0.5},
    "β₂ 0.99": {"optimizer.beta2": 0.99},
    "λ 0.03": {"objective.penalty_weight": 0.03},
    "λ 0.3": {"objective.penalty_weight": 0.3},
    "λ 1": {"objective.penalty_weight": 1.0},
    "λ 1, one-sided": {"objective.penalty_weight": 1.0, "objective.one_sided": True},
    "EMA 0.99": {"ema_decay": 0.99},
    "EMA 0.9995": {"ema_decay": 0.9995},
    "z of 4": {"latent_dim": 4},
    "z of 16": {"latent_dim": 16},
    "GAN": {"objective": "gan"},
    "R1": {"objective": "r1"},
    "spectral norm": {"objective": "wgan-sn"},
    "GroupSort": {"objective": "wgan-groupsort"},
}
"""Variants for points: their changes to the preset."""


Changes = dict[str, Any]


def parse_changes(text: str) -> Changes:
    """Parse changes from text like "n_critic=2,optimizer.beta1=0.5". Values remain text, as on a
    command line.
    """
    return dict(part.strip().split("=", 1) for part in text.split(",") if part)


def with_pairs(variants: Mapping[str, Changes], pairs: list[tuple[str, str]]) -> dict[str, Changes]:
    """Return the preset itself, named "", all variants, and for each pair the variant with both changes."""
    all_variants: dict[str, Changes] = {"": {}, **variants}
    for first, second in pairs:
        all_variants[f"{first} + {second}"] = variants[first] | variants[second]
    return all_variants


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    commands = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands.add_argument("--preset", default="quick-mnist")
    commands.add_argument("--rounds", type=float, nargs="+", default=[20, 40, 80])
    commands.add_argument("--pair", nargs=2, action="append", default=[], metavar="VARIANT")
    commands.add_argument(
        "--only", nargs="+", metavar="VARIANT", help="these and the preset itself"
    )
    commands.add_argument("--folder", type=Path, default=Path("recipe"))
    commands.add_argument(
        "--base",
        default="",
        metavar="CHANGES",
        help="changes to the preset that all are tried on: to search as before it was changed",
    )
    commands.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="VARIANT",
        help='one more, as "its name: its changes"',
    )
    return commands


class ResultFile:
    """Results of earlier and new trainings, one line of JSON each."""

    def __init__(self, path: Path, preset: str) -> None:
        self._path, self._preset = path, preset
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        self._rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def result(self, name: str, seed: int, seconds: float, changes: Changes) -> dict[str, Any]:
        """Return a variant's result; train it if the file does not have it yet."""
        for row in self._rows:
            same = (row["variant"], row["mark"], row["seed"]) == (name, seconds, seed)
            # Old results without changes belong to the listed variant of the unchanged preset.
            if same and row.get("changes", changes) == changes:
                return row
        config = config_of(self._preset, seed, changes)
        training = {"arm": "ours", "config": config.model_dump(mode="json"), "seconds": [seconds]}
        rows = [
            row | {"variant": name, "changes": changes} for row in run(self._preset, seed, training)
        ]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        return rows[0]


def print_order(order: list[str], results: Mapping[str, dict[str, Any]], key: str) -> None:
    """Print the variants of a round, best first."""
    for name in order:
        row = results[name]
        modes = (
            f"  {row['modes']:3} modes  {row['high_quality']:6.1%} high quality"
            if "modes" in row
            else ""
        )
        print(f"{row[key]:8.3f}{modes}  {row['steps']:7,}  {name or 'the preset itself'}")


def main() -> None:
    """Print each round's order, best first."""
    commands = parser()
    options = commands.parse_args()
    is_points = PRESETS[options.preset].config.dataset.kind == "points"
    key, metric = ("emd_512", "W₁ of 512") if is_points else ("fid64_4k", "FID of 4,000")
    listed = dict(POINTS if is_points else PICTURES)
    try:
        base = parse_changes(options.base)
        added = {
            name: parse_changes(text) for name, text in (a.split(":", 1) for a in options.also)
        }
    except ValueError:
        commands.error(
            'Changes are given as PATH=VALUE,PATH=VALUE; --also as "name: PATH=VALUE,…".'
        )
    listed |= added
    named = {*(options.only or ()), *(name for pair in options.pair for name in pair)}
    if unknown := named - listed.keys():
        commands.error(
            f"There is no variant {sorted(unknown)[0]!r}. There are: {', '.join(listed)}."
        )
    variants = with_pairs(listed, options.pair)
    names = list(variants)
    if options.only:
        names = ["", *(n for n in names if n in added or n in options.only or "+" in n)]
    options.folder.mkdir(parents=True, exist_ok=True)
    file = ResultFile(options.folder / f"{options.preset}.jsonl", options.preset)
    for seed, seconds in enumerate(options.rounds):
        print(f"\n{options.preset}, {seconds:g} s, seed {seed}: {metric} samples, and steps")
        results = {name: file.result(name, seed, seconds, base | variants[name]) for name in names}
        order = sorted(names, key=lambda name: float(results[name][key]))
        print_order(order, results, key)
        best = order[: math.ceil(len(order) / 2)]
        names = best if "" in best else ["", *best]


if __name__ == "__main__":
    main()
