"""Pictures that stay in their file: of a set larger than memory only what is asked for is read."""

from __future__ import annotations

import copy
import mmap
from typing import IO, TYPE_CHECKING

import numpy as np

from wgan.arrays import I64
from wgan.data.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Mapped:
    """Pictures in a file, (N, C, H, W) uint8, that are read as they are indexed.

    Indexed along the first axis as a tensor is, it gives tensors of their own on the CPU, the same
    that the whole in memory would give. The system keeps what was read lately, and drops it before
    any program lacks memory. A file that is deleted or replaced meanwhile stays readable here. One that
    is cut short raises DataError, unless that happens in the very moment of reading: then the system
    ends the process (SIGBUS).
    """

    def __init__(self, file: IO[bytes], offset: int, shape: tuple[int, ...]) -> None:
        """Raises ValueError where the file is too short."""
        n, *picture_shape = shape
        bulk = int(np.prod(picture_shape))
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._begin, self._bulk, self._end = offset, bulk, offset + n * bulk
        flat = np.frombuffer(self._map, np.uint8, n * bulk, offset)
        self._stored = flat.reshape(n, bulk)
        # Which row of the file each picture is; ~row for its mirror image.
        self._places: I64 = np.arange(n)
        self._one = tuple(picture_shape)
        if hasattr(mmap, "MADV_RANDOM"):
            # Else the system reads far around each picture, and nearly all of it for nothing.
            self._map.madvise(mmap.MADV_RANDOM)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> torch.Size:
        """Shape of all of them: (N, C, H, W)."""
        import torch

        return torch.Size((len(self), *self._one))

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        self.expect(index)
        return self.read(index)

    def read(self, index: int | slice | Tensor) -> Tensor:
        """Return what indexing does, where these pictures were expected: nothing is asked for again."""
        import torch

        if self._map.size() < self._end:
            raise DataError(
                "The file of the prepared pictures was cut short while it was in use: prepare them again."
            )
        places = np.asarray(self._places[_plain(index)])
        is_mirrored = places < 0
        rows = np.take(self._stored, np.where(is_mirrored, ~places, places), axis=0)
        pictures = torch.from_numpy(rows).view(*places.shape, *self._one)
        if is_mirrored.any():
            mask = torch.from_numpy(np.asarray(is_mirrored))
            pictures[mask] = pictures[mask].flip(-1)
        return pictures

    def only(self, is_kept: Tensor) -> Mapped:
        """Return those that a mask or places choose; they stay in the file."""
        return self._with(self._places[_plain(is_kept)])

    def mirrored(self) -> Mapped:
        """Return all with the mirror image of each after them; they stay in the file."""
        return self._with(np.concatenate([self._places, ~self._places]))

    def _with(self, places: I64) -> Mapped:
        copied = copy.copy(self)
        copied._places = places
        return copied

    def expect(self, index: int | slice | Tensor) -> None:
        """Have the system begin to read pictures that are needed soon, all at the same time.

        Nobody waits for them here. Touched unannounced they would be read page after page.
        """
        places = np.asarray(self._places[_plain(index)])
        rows = np.unique(np.where(places < 0, ~places, places))
        if not len(rows) or not hasattr(mmap, "MADV_WILLNEED"):
            return
        # Runs of neighbours are asked for in one.
        cuts = np.flatnonzero(np.diff(rows) > 1) + 1
        first = self._begin + rows[np.r_[0, cuts]] * self._bulk
        end = self._begin + (rows[np.r_[cuts - 1, -1]] + 1) * self._bulk
        first -= first % mmap.PAGESIZE
        for start, stop in zip(first.tolist(), end.tolist(), strict=True):
            self._map.madvise(mmap.MADV_WILLNEED, start, stop - start)


def _plain(index: int | slice | Tensor) -> int | slice | I64:
    from torch import Tensor

    return index.cpu().numpy() if isinstance(index, Tensor) else index
