"""The search for the quick presets: variants of one, at equal seconds, the better half going on.

    python -m benchmarks.recipe [--preset quick-mnist] [--rounds 20 40 80] [--folder recipe]
    python -m benchmarks.recipe --preset toy-grid --rounds 10 20 30
    python -m benchmarks.recipe --base generator_learning_rate=1e-3,critic_learning_rate=2e-3 \\
        --also "rates doubled: generator_learning_rate=2e-3,critic_learning_rate=4e-3" --only resize

Every variant is one change to the preset (or a pair that belongs together), trained for the first round's
seconds with one seed; the better half goes on with the next round's seconds and another seed, and so on. The
preset itself runs in every round. Trainings and numbers are those of `benchmarks.quality`: of pictures the
Fréchet distance of 4,000 samples orders them, of points W₁ of 512. Lines of JSON are kept in the folder, and what
is there already is not done again.
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
"""What is tried of pictures."""

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
"""What is tried of points."""


def changes(words: str) -> dict[str, Any]:
    """Return changes from words like "n_critic=2,optimizer.beta1=0.5"; values stay words, as on a command line."""
    return dict(part.strip().split("=", 1) for part in words.split(",") if part)


def variants(
    tried: Mapping[str, dict[str, Any]], pairs: list[tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    """Return the changes to try, by name; `pairs` are names whose changes are made together."""
    found: dict[str, dict[str, Any]] = {"": {}, **tried}
    for one, other in pairs:
        found[f"{one} + {other}"] = tried[one] | tried[other]
    return found


def main() -> None:
    """Print each round's order, best first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="quick-mnist")
    parser.add_argument("--rounds", type=float, nargs="+", default=[20, 40, 80])
    parser.add_argument("--pair", nargs=2, action="append", default=[], metavar="VARIANT")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="these and the preset itself")
    parser.add_argument("--folder", type=Path, default=Path("recipe"))
    parser.add_argument(
        "--base",
        default="",
        metavar="CHANGES",
        help="changes to the preset that all are tried on: to search as before it was changed",
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="VARIANT",
        help='one more, as "its name: its changes"',
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / f"{given.preset}.jsonl"
    known = (
        [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []
    )
    points = PRESETS[given.preset].config.dataset.kind == "points"
    key, what = ("emd_512", "W₁ of 512") if points else ("fid64_4k", "FID of 4,000")
    listed = dict(POINTS if points else PICTURES)
    try:
        base = changes(given.base)
        listed |= {name: changes(words) for name, words in (a.split(":", 1) for a in given.also)}
    except ValueError:
        parser.error('Changes are given as PATH=VALUE,PATH=VALUE; --also as "name: PATH=VALUE,…".')
    asked = {*(given.only or ()), *(name for pair in given.pair for name in pair)}
    if lost := asked - listed.keys():
        parser.error(f"There is no variant {sorted(lost)[0]!r}. There are: {', '.join(listed)}.")
    tried = variants(listed, given.pair)
    going = list(tried)
    if given.only:
        also = {one.split(":", 1)[0] for one in given.also}
        going = ["", *(n for n in tried if n in also or n in given.only or "+" in n)]
    for seed, seconds in enumerate(given.rounds):
        print(f"\n{given.preset}, {seconds:g} s, seed {seed}: {what} samples, and steps")
        found: dict[str, dict[str, Any]] = {}
        for name in going:
            before = [
                r
                for r in known
                if (r["variant"], r["mark"], r["seed"]) == (name, seconds, seed)
                # Rows from before changes were kept are of what is listed, on the preset as it is.
                and r.get("changes", tried[name]) == base | tried[name]
            ]
            if not before:
                config = config_of(given.preset, seed, base | tried[name])
                training = {
                    "arm": "ours",
                    "config": config.model_dump(mode="json"),
                    "seconds": [seconds],
                }
                before = [
                    row | {"variant": name, "changes": base | tried[name]}
                    for row in run(given.preset, seed, training)
                ]
                with kept.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in before)
            found[name] = before[0]
        order = sorted(going, key=lambda name: float(found[name][key]))
        for name in order:
            row = found[name]
            modes = (
                f"  {row['modes']:3} modes  {row['high_quality']:6.1%} high quality"
                if "modes" in row
                else ""
            )
            print(f"{row[key]:8.3f}{modes}  {row['steps']:7,}  {name or 'the preset itself'}")
        best = order[: math.ceil(len(order) / 2)]
        going = best if "" in best else ["", *best]


if __name__ == "__main__":
    main()
