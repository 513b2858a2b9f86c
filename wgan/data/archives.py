"""The files in a folder, an archive or an upload, one after the other and never unpacked to disk.

Uploads are hostile until proven otherwise: what an archive says about itself is not believed, only
what is read of it counts, and everything has a limit.
"""

import gzip
import io
import os
import re
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from wgan.data.errors import DataError

Source = Path | bytes | Sequence[tuple[str, bytes]]
"""A folder or an archive, an archive's bytes, or files by name."""

CHUNK = 1 << 20
HEADERS = 1 << 20
"""Bytes that a tar may spend on what stands between two members."""


@dataclass(frozen=True)
class Limits:
    """What one source may cost."""

    archive: int = 1 << 30  # bytes as it comes
    members: int = 200_000
    member: int = 64 << 20  # bytes of one file, unpacked
    unpacked: int = 4 << 30  # bytes of all files
    pixels: int = 64_000_000  # of one picture
    kept: int = 1 << 30  # bytes of the prepared pictures
    seconds: float = 900.0


OF_YOUR_OWN = Limits(
    archive=1 << 40, members=2_000_000, unpacked=1 << 40, kept=1 << 38, seconds=86_400.0
)
"""What a source may cost that is named on the command line: nobody else can have sent it."""


@dataclass(frozen=True)
class Member:
    """A file of a source: its path inside, and its content or why it has none."""

    name: str
    content: bytes = b""
    problem: str = ""
    share: float = 0.0  # of the source, read so far


@dataclass
class Meter:
    """Counts what has been spent of the limits. Raises DataError when it is too much."""

    limits: Limits
    members: int = 0
    unpacked: int = 0
    begun: float = field(default_factory=time.monotonic)

    def member(self) -> None:
        """Count a member."""
        self.members += 1
        if self.members > self.limits.members:
            raise DataError(
                f"There are more than {self.limits.members:,} files in it. Use a smaller part."
            )
        self.tick()

    def read(self, n: int) -> None:
        """Count unpacked bytes."""
        self.unpacked += n
        if self.unpacked > self.limits.unpacked:
            raise DataError(
                f"Unpacked it is larger than {_size(self.limits.unpacked)}. Use a smaller part."
            )
        self.tick()

    def tick(self) -> None:
        """Look at the clock."""
        if time.monotonic() - self.begun > self.limits.seconds:
            raise DataError(
                f"It took longer than {self.limits.seconds:,.0f} seconds. Use a smaller part."
            )


def members(source: Source, wanted: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    """Iterate over the files whose path is wanted; hidden files are passed over.

    Links, devices, encrypted or damaged members and paths that lead out come with a problem instead
    of content. Raises DataError for what is no archive, and beyond a limit.
    """
    if isinstance(source, Path) and source.is_dir():
        yield from _folder(source, wanted, meter)
    elif isinstance(source, Path):
        if not source.is_file():
            raise DataError(f"There is no file or folder {source}.")
        with source.open("rb") as file:
            yield from _archive(file, source.stat().st_size, wanted, meter)
    elif isinstance(source, bytes):
        yield from _archive(io.BytesIO(source), len(source), wanted, meter)
    else:
        for i, (name, content) in enumerate(source):
            meter.member()
            path = _inside(name)
            if path is None:
                yield Member(name, problem="its path leads out of the upload")
            elif wanted(path):
                share = (i + 1) / len(source)
                if len(content) > meter.limits.member:
                    yield Member(path, problem=_too_large(meter), share=share)
                else:
                    meter.read(len(content))
                    yield Member(path, content, share=share)


def pattern(glob: str) -> re.Pattern[str]:
    """Return the expression of a glob: * and ? stay in a folder, ** crosses them.

    A glob without a slash is matched with the file's name, in whatever folder.
    """
    if not glob:
        return re.compile(".*", re.DOTALL)
    if "/" not in glob:
        glob = f"**/{glob}"
    made, i = "", 0
    while i < len(glob):
        if glob.startswith("**/", i) and (i == 0 or glob[i - 1] == "/"):
            made, i = f"{made}(?:.*/)?", i + 3
        elif glob.startswith("**", i):
            made, i = f"{made}.*", i + 2
        elif glob[i] == "*":
            made, i = f"{made}[^/]*", i + 1
        elif glob[i] == "?":
            made, i = f"{made}[^/]", i + 1
        elif glob[i] == "[" and (end := glob.find("]", i + 2)) > 0:
            among = glob[i + 1 : end].replace("\\", r"\\").replace("[", r"\[").replace("&", r"\&")
            among = among.replace("~", r"\~").replace("|", r"\|")
            made, i = f"{made}[{'^' + among[1:] if among[0] == '!' else among}]", end + 1
        else:
            made, i = f"{made}{re.escape(glob[i])}", i + 1
    return re.compile(made, re.DOTALL)


def _size(n: int) -> str:
    return f"{n / (1 << 30):g} GB" if n >= 1 << 30 else f"{n / (1 << 20):g} MB"


def _too_large(meter: Meter) -> str:
    return f"it is larger than {_size(meter.limits.member)}"


def _inside(name: str) -> str | None:
    """Return a path without oddities, or None where it is absolute or leads out."""
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if not parts or plain.startswith("/") or ".." in parts or ":" in parts[0] or "\0" in plain:
        return None
    return "/".join(parts)


def _hidden(path: str) -> bool:
    parts = path.split("/")
    return (
        any(part.startswith(".") for part in parts)
        or "__MACOSX" in parts
        or parts[-1].lower() in ("thumbs.db", "desktop.ini")
    )


def _bounded(file: IO[bytes], meter: Meter) -> bytes | None:
    """Read a member in chunks, whatever size it claims; None beyond the limit of one member."""
    read = bytearray()
    while chunk := file.read(min(CHUNK, meter.limits.member + 1 - len(read))):
        meter.read(len(chunk))
        read += chunk
        if len(read) > meter.limits.member:
            return None
    return bytes(read)


def _folder(folder: Path, wanted: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    for path in files_below(folder):
        meter.member()
        if _hidden(path) or not wanted(path):
            continue
        file = folder / path
        try:
            mode = file.lstat().st_mode
            if not stat.S_ISREG(mode):
                what = "a link" if stat.S_ISLNK(mode) else "no ordinary file"
                yield Member(path, problem=f"it is {what}")
                continue
            with file.open("rb") as opened:
                content = _bounded(opened, meter)
        except OSError as error:
            yield Member(path, problem=f"it cannot be read ({error.strerror or error})")
            continue
        if content is None:
            yield Member(path, problem=_too_large(meter))
        else:
            yield Member(path, content)


def files_below(folder: Path) -> list[str]:
    """Return the path inside of everything in a folder that is no folder, in order.

    Links to folders are not followed.
    """
    found = []
    open_folders = [""]
    while open_folders:
        inside = open_folders.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                path = f"{inside}/{entry.name}" if inside else entry.name
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append(path)
                else:
                    found.append(path)
    return sorted(found)


def _archive(
    file: IO[bytes], size: int, wanted: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    if size > meter.limits.archive:
        raise DataError(
            f"The archive is larger than {_size(meter.limits.archive)}. Use a smaller one."
        )
    head = file.read(4)
    file.seek(0)
    if head.startswith(b"PK"):
        yield from _zip(file, wanted, meter)
        return
    packed = head.startswith(b"\x1f\x8b")
    plain: Any = gzip.GzipFile(fileobj=file) if packed else file
    found = False
    try:
        for member in _tar(_Gauge(plain, meter), wanted, meter):
            found = True
            share = min(1.0, file.tell() / size) if size else 1.0
            yield Member(member.name, member.content, member.problem, share)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        if not found:
            raise DataError(
                "It is no archive that can be read: .zip, .tar, .tar.gz and .tgz are."
            ) from error
        yield Member("the archive", problem="it ends or breaks in the middle", share=1.0)


def _zip(file: IO[bytes], wanted: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    # zipfile makes an object of every entry as it opens: count first how many there can be.
    entries, tail = 0, b""
    while chunk := file.read(CHUNK):
        meter.tick()
        entries += (tail + chunk).count(b"PK\x01\x02")
        tail = chunk[-3:]
        if entries > meter.limits.members:
            raise DataError(
                f"There are more than {meter.limits.members:,} files in it. Use a smaller part."
            )
    file.seek(0)
    try:
        opened = zipfile.ZipFile(file)
        infos = opened.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise DataError("The .zip file is damaged or not complete.") from error
    for i, info in enumerate(infos):
        meter.member()
        share = (i + 1) / len(infos)
        path = _inside(info.filename)
        if info.is_dir() or (path is not None and (_hidden(path) or not wanted(path))):
            continue
        if path is None:
            problem = "its path leads out of the archive"
        elif stat.S_ISLNK(info.external_attr >> 16):
            problem = "it is a link"
        elif info.flag_bits & 1:
            problem = "it is encrypted"
        else:
            try:
                with opened.open(info) as member:
                    content = _bounded(member, meter)
                if content is not None:
                    yield Member(path, content, share=share)
                    continue
                problem = _too_large(meter)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
                problem = f"it is damaged ({error})" if str(error) else "it is damaged"
            except (NotImplementedError, RuntimeError):
                problem = "it is packed in a way that is not known here"
        yield Member(path or info.filename, problem=problem, share=share)


class _Gauge:
    """A stream that may only give so many bytes for the headers between two members."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        self._stream, self._meter = stream, meter
        self.headers: int | None = HEADERS

    def read(self, n: int) -> bytes:
        read = self._stream.read(n)
        self._meter.tick()
        if self.headers is not None:
            self.headers -= len(read)
            if self.headers < 0:
                raise tarfile.ReadError("the headers are too long")
        return read


def _tar(gauge: _Gauge, wanted: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    # "r|" only ever reads forward. tarfile keeps a list of members for random access: emptied here.
    with tarfile.open(fileobj=gauge, mode="r|") as opened:  # type: ignore[call-overload]
        while True:
            # tarfile holds the long headers in memory, so they are what must be bounded.
            gauge.headers = HEADERS
            info = opened.next()
            gauge.headers = None
            if info is None:
                return
            opened.members = []
            meter.member()
            path = _inside(info.name)
            content: bytes | None = b""
            problem = ""
            if info.isdir():
                continue
            if path is None:
                problem = "its path leads out of the archive"
            elif info.issym() or info.islnk():
                problem = "it is a link"
            elif not info.isreg() or info.issparse():
                problem = "it is no ordinary file"
            if info.isreg() and not info.issparse():
                content = _drained(opened.extractfile(info), meter)
                problem = problem or ("" if content is not None else _too_large(meter))
            if path is None or (not _hidden(path) and wanted(path)):
                yield Member(path or info.name, b"" if problem else content or b"", problem)


def _drained(file: IO[bytes] | None, meter: Meter) -> bytes | None:
    """Read a tar's member to its end, so that only headers lie before the next one."""
    if file is None:
        return b""
    content = _bounded(file, meter)
    while content is None and (chunk := file.read(CHUNK)):
        meter.read(len(chunk))
    return content
