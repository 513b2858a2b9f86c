"""The base of published sets of pictures that torchvision downloads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from wgan.data.base import Labelled, Pictures, Progress
from wgan.data.bundled import Mnist10k
from wgan.data.download import acquire, download, download_lock
from wgan.data.errors import DataError
from wgan.paths import data_root


class Fetched(Labelled):
    """A set of pictures that torchvision downloads into the data root, checks and reads."""

    files: ClassVar[tuple[str, ...]]
    """Paths of the unpacked files, relative to the data root; all in one folder."""
    download_glob: ClassVar[str]
    """Glob of the downloaded files, relative to the data root."""
    download_bytes: ClassVar[int]
    """Size of all downloaded files."""

    @abstractmethod
    def _urls(self) -> Sequence[str]:
        """Return addresses. At least one must respond before torchvision starts to download."""

    @abstractmethod
    def _download(self, root: Path) -> None:
        """Download and unpack the files with torchvision."""

    @abstractmethod
    def _read(self, root: Path) -> Pictures:
        """Read the unpacked files."""

    def present(self, root: Path | None = None) -> bool:
        data_folder = root or data_root()
        # During a download torchvision writes some files under their final names.
        return not download_lock(self._folder(data_folder)).locked() and self._complete(data_folder)

    def _folder(self, root: Path) -> Path:
        return (root / self.files[0]).parent

    def _complete(self, root: Path) -> bool:
        return all((root / file).exists() for file in self.files)

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        data_folder = root or data_root()
        folder, present = self._folder(data_folder), True
        try:
            lock = download_lock(folder)
            acquire(lock, self.title, progress)
            present = self._complete(data_folder)
            if present:
                lock.release()
            else:
                download(
                    self._urls(),
                    lambda: self._download(data_folder),
                    lambda: data_folder.glob(self.download_glob),
                    self.download_bytes,
                    self.title,
                    progress,
                    lock,
                )
            return self._read(data_folder).only(self.classes)
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            if present:
                raise DataError(
                    f"The files of {self.title} in {folder} cannot be read ({error}). Delete "
                    f"that folder to download them again, or choose “{Mnist10k.title}”, which "
                    "comes with the app."
                ) from error
            names = ", ".join(Path(file).name for file in self.files)
            raise DataError(
                f"{self.title} could not be downloaded. Check the network connection, choose "
                f"“{Mnist10k.title}”, which comes with the app, or put the files of "
                f"{self.title} into {folder}: {names}."
            ) from error
