"""Memory-mapped pictures: only the requested pictures of a large data set are read into memory."""

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
    """Pictures in a file, (N, C, H, W) uint8, which are read when they are indexed.

    Indexing along the first axis works as for a tensor, and returns new tensors on the CPU. The
    operating system caches recent pictures and drops them when memory is short. A file that is
    deleted or replaced during use remains readable. For a file that is truncated, `read` raises
    DataError. If the truncation happens during a read, the system ends the process (SIGBUS).

    Args:
        file: The open file.
        offset: Position of the first picture, in bytes.
        shape: (N, C, H, W).

    Raises:
        ValueError: The file is too short.
    """

    def __init__(self, file: IO[bytes], offset: int, shape: tuple[int, ...]) -> None:
        """Map the pictures of `file` into memory."""
        n, *picture_shape = shape
        bulk = int(np.prod(picture_shape))
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._begin, self._bulk, self._end = offset, bulk, offset + n * bulk
        flat = np.frombuffer(self._map, np.uint8, n * bulk, offset)
        self._stored = flat.reshape(n, bulk)
        # Row of each picture in the file; ~row for its mirror image.
        self._places: I64 = np.arange(n)
        self._one = tuple(picture_shape)
        if hasattr(mmap, "MADV_RANDOM"):
            # Without this, the system reads ahead around each picture, mostly in vain.
            self._map.madvise(mmap.MADV_RANDOM)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> torch.Size:
        """Shape of all pictures: (N, C, H, W)."""
        import torch

        return torch.Size((len(self), *self._one))

    def __getitem__(self, index: int | slice | Tensor) -> Tensor:
        self.prefetch(index)
        return self.read(index)

    def read(self, index: int | slice | Tensor) -> Tensor:
        """Return pictures after `prefetch` was called with the same index."""
        import torch

        if self._map.size() < self._end:
            raise DataError(
                "The file of the pictures was truncated while it was in use. Add the "
                "pictures again."
            )
        indices = np.asarray(self._places[_plain(index)])
        is_mirrored = indices < 0
        rows = np.take(self._stored, np.where(is_mirrored, ~indices, indices), axis=0)
        pictures = torch.from_numpy(rows).view(*indices.shape, *self._one)
        if is_mirrored.any():
            mask = torch.from_numpy(np.asarray(is_mirrored))
            pictures[mask] = pictures[mask].flip(-1)
        return pictures

    def only(self, is_kept: Tensor) -> Mapped:
        """Return the pictures that a mask or indices select; they stay in the file."""
        return self._with(self._places[_plain(is_kept)])

    def mirrored(self) -> Mapped:
        """Return all pictures followed by their mirror images; they stay in the file."""
        return self._with(np.concatenate([self._places, ~self._places]))

    def _with(self, indices: I64) -> Mapped:
        copied = copy.copy(self)
        copied._places = indices
        return copied

    def prefetch(self, index: int | slice | Tensor) -> None:
        """Tell the system to read pictures ahead, all at once. Does not wait for them.

        Without this, each page would be read on first access, one after the other.
        """
        indices = np.asarray(self._places[_plain(index)])
        rows = np.unique(np.where(indices < 0, ~indices, indices))
        if not len(rows) or not hasattr(mmap, "MADV_WILLNEED"):
            return
        # Request neighbouring pictures in one call.
        cuts = np.flatnonzero(np.diff(rows) > 1) + 1
        first = self._begin + rows[np.r_[0, cuts]] * self._bulk
        end = self._begin + (rows[np.r_[cuts - 1, -1]] + 1) * self._bulk
        first -= first % mmap.PAGESIZE
        for start, stop in zip(first.tolist(), end.tolist(), strict=True):
            self._map.madvise(mmap.MADV_WILLNEED, start, stop - start)


def _plain(index: int | slice | Tensor) -> int | slice | I64:
    from torch import Tensor

    return index.cpu().numpy() if isinstance(index, Tensor) else index
