"""Keyed random number generators: one for each (seed, stream, step, draw).

Each random draw of a training uses a generator that is created for it. So there is no generator
state to checkpoint, and previews or metrics cannot change the training.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import torch


Stream = Literal[
    "init",
    "data",
    "labels",
    "z",
    "epsilon",
    "augment",
    "preview",
    "held-out",
    "metric",
    "sample",
    "forecast",
]


class Rows(NamedTuple):
    """The rows of a batch that belong to this process: the `rank`-th of `size` equal parts.

    Every process draws the whole batch and takes its rows, so several processes see the same batch
    as one.
    """

    rank: int = 0
    size: int = 1

    def part(self, n: int) -> slice:
        """Return this process' rows of a batch of n.

        Raises:
            ValueError: n is not a multiple of the number of processes.
        """
        own, rest = divmod(n, self.size)
        if rest:
            raise ValueError(
                f"A batch of {n} cannot be divided equally among {self.size} processes. Choose a multiple of "
                f"{self.size}."
            )
        return slice(self.rank * own, (self.rank + 1) * own)


WHOLE = Rows()
"""Every row of the batch: training on a single process."""


def keyed_rng(
    seed: int,
    stream: Stream,
    step: int = 0,
    draw: int = 0,
    *,
    device: str | torch.device = "cpu",
) -> torch.Generator:
    """Return the random number generator of one draw. The same four values always give the same numbers.

    The key is hashed, so that neighbouring seeds and steps are independent. CPU generators use 32
    bits of the hash: among a million draws some collide by chance, which does not affect any
    statistic.
    """
    import torch

    key = hashlib.blake2b(f"{seed}/{stream}/{step}/{draw}".encode(), digest_size=8).digest()
    rng = torch.Generator(device)
    rng.manual_seed(int.from_bytes(key) >> 1)
    return rng
