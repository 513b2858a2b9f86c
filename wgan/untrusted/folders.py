"""The files of a folder."""

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from wgan.sandbox import Refused
from wgan.untrusted.limits import Meter
from wgan.untrusted.member_paths import is_hidden, path_inside
from wgan.untrusted.members import Member, read_bounded


def folder_members(folder: Path, accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    """Iterate over the accepted files of a folder. An unreadable folder in it is a member with a problem."""
    paths, unreadable = list_files(folder, meter)
    for name, problem in unreadable:
        yield Member(name, problem=problem, is_file=False)
    for name in paths:
        meter.count_member()
        # Apply the same rules as in an archive of this folder.
        path = path_inside(name)
        if path is not None and (is_hidden(path) or not accepts(path)):
            continue
        content, problem = (
            _content_of(folder / name, meter)
            if path is not None
            else (b"", "its path leads outside the folder")
        )
        yield Member(path or name, content, problem)


def _content_of(file: Path, meter: Meter) -> tuple[bytes, str]:
    """Return (content, problem) of a file. The problem is empty if the content could be read."""
    try:
        if file.is_symlink():
            return b"", "it is a link"
        with open_regular(file, follow_link=False) as opened:
            content = read_bounded(opened, meter)
    except NotRegular:
        return b"", "it is not an ordinary file"
    except OSError as error:
        return b"", f"it cannot be read ({error.strerror or error})"
    return (b"", meter.too_large_reason()) if content is None else (content, "")


class NotRegular(Exception):
    """A file is a device, a pipe, a socket or a folder."""


@contextlib.contextmanager
def open_regular(path: Path, *, follow_link: bool = True) -> Iterator[IO[bytes]]:
    """Open an ordinary file for reading. Neither opening nor reading can wait for another process.

    Reading a pipe waits for a writer, and reading some files below `/proc` waits for events. So pipes
    and devices are refused. Files below `/proc` claim to be empty, and a file that does is not read.

    Args:
        path: The file.
        follow_link: Whether a symbolic link is followed. Otherwise it raises OSError.

    Raises:
        NotRegular: It is not an ordinary file.
        OSError: It cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow_link:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular
        yield file if status.st_size else io.BytesIO()


def list_files(folder: Path, meter: Meter) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the sorted relative paths of all files below a folder, without following links.

    Returns:
        The paths, and the unreadable folders with their problems.

    Raises:
        Refused: If the folder itself cannot be read, or exceeds a limit.
    """
    paths: list[str] = []
    unreadable: list[tuple[str, str]] = []
    pending = [""]
    while pending:
        subfolder = pending.pop()
        try:
            with os.scandir(folder / subfolder) as entries:
                for entry in entries:
                    path = f"{subfolder}/{entry.name}" if subfolder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(path)
                    else:
                        paths.append(path)
        except OSError as error:
            reason = error.strerror or str(error)
            if not subfolder:
                raise Refused(f"The folder {folder} cannot be read ({reason}).") from error
            if not is_hidden(subfolder):
                unreadable.append((subfolder, f"it is a folder that cannot be read ({reason})"))
        meter.allow_members(len(paths))
        meter.check_time()
    return sorted(paths), sorted(unreadable)
