"""Keyed random number generators: one for each (seed, stream, step, draw), so there is no state to save or share.

Every random number of a training is drawn from a generator made for that one draw, so there is no
state to checkpoint, and previews or metrics cannot disturb the training beside them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import torch


Stream = Literal[
    "init", "data", "labels", "z", "epsilon", "preview", "held-out", "metric", "sample", "forecast"
]


class Rows(NamedTuple):
    """Which rows of a batch are this process' own: the `rank`-th of `of` equal parts.

    Draws are made for the whole batch and cut, so that many processes see what one would.
    """

    rank: int = 0
    of: int = 1

    def part(self, n: int) -> slice:
        """Return the own rows among n. Raises ValueError where n cannot be shared equally."""
        own, rest = divmod(n, self.of)
        if rest:
            raise ValueError(
                f"A batch of {n} cannot be shared equally by {self.of} processes: choose a multiple of "
                f"{self.of}."
            )
        return slice(self.rank * own, (self.rank + 1) * own)


WHOLE = Rows()
"""Every row: a process of its own."""


def keyed_rng(
    seed: int,
    stream: Stream,
    step: int = 0,
    draw: int = 0,
    *,
    device: str | torch.device = "cpu",
) -> torch.Generator:
    """Return the random number generator of one draw: the same four values always give the same numbers.

    The key is hashed, so that neighbouring seeds and steps share nothing. CPU generators use 32
    bits of it: over a million draws some will meet by chance, which harms no statistic.
    """
    import torch

    key = hashlib.blake2b(f"{seed}/{stream}/{step}/{draw}".encode(), digest_size=8).digest()
    rng = torch.Generator(device)
    rng.manual_seed(int.from_bytes(key) >> 1)
    return rng
