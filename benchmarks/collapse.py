"""The lab of mode collapse over several seeds: modes, good samples and collapses of each network.

python -m benchmarks.collapse [--seeds 5] [--out FILE]

Trains GAN, WGAN and WGAN-GP as the lab does, with as many updates for the GAN's discriminator as for the critics,
and with one. Writes a line of JSON for each training, and prints medians over the seeds. Ten minutes of one
core for each seed.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import torch

from wgan.labs.collapse import CRITIC_UPDATES, Collapse, race

SETS = ("ring-8", "grid-25")


def measure(name: str, seed: int, discriminator_updates: int) -> list[dict[str, Any]]:
    """Return a row for each of the three networks after their training."""
    result = None
    for progress in race(name, seed=seed, discriminator_updates=discriminator_updates):
        if isinstance(progress.result, Collapse):
            result = progress.result
    assert result is not None
    return [
        {
            "set": name,
            "seed": seed,
            "discriminator_updates": discriminator_updates,
            "network": gan.title,
            "modes": float(gan.modes[-1]),
            "good": round(float(gan.good[-1]), 4),
            "collapsed_at": gan.since,
            "collapsed": gan.collapsed,
            "diverged": bool(gan.broken),
        }
        for gan in result.gans
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        for name in SETS:
            for updates in (CRITIC_UPDATES, 1):
                for row in measure(name, seed, updates):
                    rows.append(row)
                    print(json.dumps(row), flush=True)
                    if arguments.out is not None:
                        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return medians over the seeds as a Markdown table."""
    lines = [
        "| data | updates of the discriminator | network | modes | good samples | collapsed |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["set"], row["discriminator_updates"], row["network"]), []).append(
            row
        )
    for (name, updates, network), group in groups.items():
        modes = statistics.median(row["modes"] for row in group)
        good = statistics.median(row["good"] for row in group)
        collapsed = sum(row["collapsed_at"] is not None for row in group)
        lines.append(
            f"| {name} | {updates} | {network} | {modes:g} | {100 * good:.0f} % | "
            f"{collapsed} of {len(group)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
