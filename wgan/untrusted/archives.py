"""The files in a folder, an archive or an upload, one after the other and never unpacked to disk.

Uploads are hostile until proven otherwise: what an archive says about itself is not believed, only
what is read of it counts, and everything has a limit. A member that cannot be read comes with one of a
few reasons; it never ends the whole.
"""

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from wgan.sandbox import Refused
from wgan.untrusted import tar

Files = Sequence[tuple[str, bytes]]
"""Files by name."""

ARCHIVE_SUFFIXES = ("zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz")
CHUNK = 1 << 20
SMALL_CHUNK = 1 << 12
"""Bytes that are unpacked at a time by decoders that cannot stop in the middle: at most 100 MB of them."""
DAMAGED = "it is damaged"
BREAKS_OFF = "it ends or breaks in the middle"
TOO_MUCH_MEMORY = "it needs too much memory to be unpacked"
NO_ARCHIVE = "It is no archive that can be read: .zip, .tar, .tar.gz, .tar.bz2 and .tar.xz are."


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
    memory: int = 1536 << 20  # bytes that reading may take; the largest picture takes about 1 GB


OF_YOUR_OWN = Limits(
    archive=1 << 40,
    members=2_000_000,
    unpacked=1 << 40,
    kept=1 << 38,
    seconds=86_400.0,
    memory=4 << 30,
)
"""What a source may cost that is named on the command line: nobody else can have sent it."""


@dataclass(frozen=True)
class Member:
    """A file of a source: its path inside, and its content or why it has none."""

    name: str
    content: bytes = b""
    problem: str = ""
    share: float = 0.0  # of the source, read so far
    is_file: bool = True  # False for a folder that cannot be read, and for the archive as a whole


@dataclass
class Meter:
    """Counts what has been spent of the limits. Raises Refused when it is too much."""

    limits: Limits
    members: int = 0
    unpacked: int = 0
    begun: float = field(default_factory=time.monotonic)

    def member(self) -> None:
        """Count a member."""
        self.members += 1
        self.allow_members(self.members)
        self.tick()

    def allow_members(self, n: int) -> None:
        """Check a number of members."""
        if n > self.limits.members:
            raise Refused(
                f"There are more than {self.limits.members:,} files in it. Use a smaller part."
            )

    def read(self, n: int) -> None:
        """Count unpacked bytes."""
        self.allow_bytes(n)
        self.unpacked += n
        self.tick()

    def allow_bytes(self, n: int) -> None:
        """Raise Refused if `n` more bytes may not be unpacked."""
        if self.unpacked + n > self.limits.unpacked:
            raise Refused(
                f"Unpacked it is larger than {_size(self.limits.unpacked)}. Use a smaller part."
            )

    def tick(self) -> None:
        """Look at the clock."""
        if time.monotonic() - self.begun > self.limits.seconds:
            raise Refused(
                f"It took longer than {self.limits.seconds:,.0f} seconds. Use a smaller part."
            )


def members(
    source: Path | bytes | Files, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    """Iterate over the files whose path is wanted; hidden files are passed over.

    Args:
        source: A folder or an archive, an archive's bytes, or files by name.

    Links, devices, encrypted or damaged members, unreadable folders and paths that lead out come with a
    problem instead of content. Raises Refused for what is no archive, and beyond a limit.
    """
    if isinstance(source, Path) and os.path.isdir(source):
        yield from _folder(source, accepts, meter)
    elif isinstance(source, Path):
        try:
            with source.open("rb") as file:
                size = os.fstat(file.fileno())
                if not stat.S_ISREG(size.st_mode):
                    raise Refused(f"{source} is no ordinary file.")
                yield from _archive(file, size.st_size, accepts, meter)
        except FileNotFoundError:
            raise Refused(f"There is no file or folder {source}.") from None
        except OSError as error:
            raise Refused(f"{source} cannot be read ({error.strerror or error}).") from error
    elif isinstance(source, bytes):
        yield from _archive(io.BytesIO(source), len(source), accepts, meter)
    else:
        for i, (name, content) in enumerate(source):
            meter.member()
            path = _inside(name)
            share = (i + 1) / len(source)
            if path is None:
                yield Member(name, problem="its path leads out of the upload", share=share)
            elif accepts(path):
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
    expression, i = "", 0
    while i < len(glob):
        if glob.startswith("**/", i) and (i == 0 or glob[i - 1] == "/"):
            expression, i = f"{expression}(?:.*/)?", i + 3
        elif glob.startswith("**", i):
            expression, i = f"{expression}.*", i + 2
        elif glob[i] == "*":
            expression, i = f"{expression}[^/]*", i + 1
        elif glob[i] == "?":
            expression, i = f"{expression}[^/]", i + 1
        elif glob[i] == "[" and (end := glob.find("]", i + 2)) > 0:
            among = glob[i + 1 : end].replace("\\", r"\\").replace("[", r"\[").replace("&", r"\&")
            among = among.replace("~", r"\~").replace("|", r"\|")
            expression, i = (
                f"{expression}[{'^' + among[1:] if among[0] == '!' else among}]",
                end + 1,
            )
        else:
            expression, i = f"{expression}{re.escape(glob[i])}", i + 1
    return re.compile(expression, re.DOTALL)


def _size(n: int) -> str:
    return f"{n / (1 << 30):g} GB" if n >= 1 << 30 else f"{n / (1 << 20):g} MB"


def _too_large(meter: Meter) -> str:
    return f"it is larger than {_size(meter.limits.member)}"


def _inside(name: str) -> str | None:
    r"""Return a path without oddities, or None if it is absolute or leads out.

    A colon is a letter like any other, except in the drive of a Windows path (`C:\evil.png`).
    """
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if not parts or plain.startswith("/") or ".." in parts or "\0" in plain:
        return None
    if re.match(r"[A-Za-z]:\\", name):
        return None
    return "/".join(parts)


def _hidden(path: str) -> bool:
    parts = path.split("/")
    return (
        any(part.startswith(".") for part in parts)
        or "__MACOSX" in parts
        or parts[-1].lower() in ("thumbs.db", "desktop.ini")
    )


def _bounded(file: IO[bytes], meter: Meter, step: int = CHUNK) -> bytes | None:
    """Read a member in chunks, whatever size it claims; None beyond the limit of one member."""
    read = bytearray()
    while chunk := file.read(min(step, meter.limits.member + 1 - len(read))):
        meter.read(len(chunk))
        read += chunk
        if len(read) > meter.limits.member:
            return None
    return bytes(read)


# ---- folders ----------------------------------------------------------------------------------


def _folder(folder: Path, accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    paths, unreadable = names_below(folder, meter)
    for name, problem in unreadable:
        yield Member(name, problem=problem, is_file=False)
    for name in paths:
        meter.member()
        # The same rules as in an archive of this folder.
        path = _inside(name)
        if path is not None and (_hidden(path) or not accepts(path)):
            continue
        content, problem = (
            _content_of(folder / name, meter)
            if path is not None
            else (b"", "its path leads out of the folder")
        )
        yield Member(path or name, content, problem)


def _content_of(file: Path, meter: Meter) -> tuple[bytes, str]:
    """Return a file's content, or why it has none."""
    try:
        mode = file.lstat().st_mode
        if not stat.S_ISREG(mode):
            return b"", f"it is {'a link' if stat.S_ISLNK(mode) else 'no ordinary file'}"
        with file.open("rb") as opened:
            content = _bounded(opened, meter)
    except OSError as error:
        return b"", f"it cannot be read ({error.strerror or error})"
    return (b"", _too_large(meter)) if content is None else (content, "")


def names_below(folder: Path, meter: Meter) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the path inside of everything in a folder that is no folder, in order.

    Links to folders are not followed. Folders that cannot be read come second, each with the reason.
    Raises Refused if the folder itself cannot be read, and beyond a limit.
    """
    paths: list[str] = []
    unreadable: list[tuple[str, str]] = []
    open_folders = [""]
    while open_folders:
        inside = open_folders.pop()
        try:
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    path = f"{inside}/{entry.name}" if inside else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(path)
                    else:
                        paths.append(path)
        except OSError as error:
            why = error.strerror or str(error)
            if not inside:
                raise Refused(f"The folder {folder} cannot be read ({why}).") from error
            if not _hidden(inside):
                unreadable.append((inside, f"it is a folder that cannot be read ({why})"))
        meter.allow_members(len(paths))
        meter.tick()
    return sorted(paths), sorted(unreadable)


# ---- archives ---------------------------------------------------------------------------------


def _archive(
    file: IO[bytes], size: int, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    if size > meter.limits.archive:
        raise Refused(
            f"The archive is larger than {_size(meter.limits.archive)}. Use a smaller one."
        )
    if not size:
        raise Refused(NO_ARCHIVE)
    head = file.read(10)
    file.seek(0)
    # All of each mark: a plain tar begins with a name, which may be PK.png.
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        yield from _zip(file, accepts, meter)
        return
    plain: IO[bytes] | Any = file
    if head.startswith(b"\x1f\x8b"):
        plain = gzip.GzipFile(fileobj=file)
    elif re.fullmatch(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head):
        plain = bz2.BZ2File(file)
    elif head.startswith(b"\xfd7zXZ\0"):
        plain = lzma.LZMAFile(file)  # noqa: SIM115
    stream = tar.Stream(plain, size if plain is file else None)
    has_members = False
    try:
        for member in _tar(stream, accepts, meter):
            has_members = True
            share = min(1.0, file.tell() / size) if size else 1.0
            yield replace(member, share=share)
    except Refused:
        raise
    except Exception as error:  # Decoders answer bad bytes with exceptions of many types.
        if not has_members:
            raise Refused(NO_ARCHIVE) from error
        why = TOO_MUCH_MEMORY if isinstance(error, MemoryError) else BREAKS_OFF
        yield Member("the archive", problem=why, share=1.0, is_file=False)


def _zip(file: IO[bytes], accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    # zipfile makes an object of every entry as it opens: count first how many there can be.
    entries, tail = 0, b""
    while chunk := file.read(CHUNK):
        meter.tick()
        entries += (tail + chunk).count(b"PK\x01\x02")
        tail = chunk[-3:]
        meter.allow_members(entries)
    file.seek(0)
    try:
        opened = zipfile.ZipFile(file)
        infos = opened.infolist()
    except Exception as error:
        raise Refused("The .zip file is damaged or not complete.") from error
    for i, info in enumerate(infos):
        meter.member()
        name = _zip_name(info)
        path = _inside(name)
        # `is_dir` of zipfile fails for an empty name.
        if name.endswith("/") or (path is not None and (_hidden(path) or not accepts(path))):
            continue
        content, problem = b"", "its path leads out of the archive" if name else "it has no name"
        if path is not None:
            content, problem = _zip_content(opened, info, meter)
        yield Member(path or name, content, problem, share=(i + 1) / len(infos))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name. Many programs write UTF-8 without saying so; zipfile reads CP437 then."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
        return raw.decode("utf-8", "surrogateescape" if info.create_system == 3 else "strict")
    except UnicodeError:
        return info.filename


def _zip_content(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter
) -> tuple[bytes, str]:
    """Return a member's content, or why it has none."""
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    if stat.S_ISLNK(info.external_attr >> 16):
        return b"", "it is a link"
    if kind not in (0, stat.S_IFREG):
        return b"", "it is no ordinary file"
    if info.flag_bits & 1:
        return b"", "it is encrypted"
    if info.file_size > meter.limits.member:
        return b"", _too_large(meter)
    # zipfile unpacks whole chunks of these, however large they become.
    whole = info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    try:
        with archive.open(info) as member:
            content = _bounded(member, meter, SMALL_CHUNK if whole else CHUNK)
            # A check sum that is wrong, or that zipfile did not come to, makes this raise.
            member.read(1)
    except Refused:
        raise
    except MemoryError:
        return b"", TOO_MUCH_MEMORY
    except (NotImplementedError, RuntimeError):
        return b"", "it is packed in a way that is not known here"
    except Exception:  # zipfile, zlib, bz2 and lzma answer bad bytes with nearly every type.
        return b"", DAMAGED
    if content is None:
        return b"", _too_large(meter)
    return (content, "") if len(content) == info.file_size else (b"", DAMAGED)


def _tar(stream: tar.Stream, accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    for entry in tar.entries(stream):
        meter.member()
        if stream.left is not None and entry.size > stream.left:
            yield Member("the archive", problem=BREAKS_OFF, is_file=False)
            return
        if stream.left is None:
            meter.allow_bytes(entry.size)  # Refused by what it claims, not after gigabytes of it.
        path = _inside(entry.name)
        content, problem = b"", ""
        if path is None:
            problem = "its path leads out of the archive"
        elif entry.kind != "file":
            problem = f"it is {'a link' if entry.kind == 'link' else 'no ordinary file'}"
        elif entry.size > meter.limits.member:
            problem = _too_large(meter)
        passed_over = path is not None and (_hidden(path) or not accepts(path))
        if problem or passed_over or entry.kind == "folder":
            _pass_over(stream, entry.size, meter)
        else:
            meter.allow_bytes(entry.size)
            content = stream.exactly(entry.size)
            meter.read(entry.size)
        if not passed_over and entry.kind != "folder":
            yield Member(path or entry.name, content, problem)
        _pass_over(stream, tar.padding(entry.size), meter)


def _pass_over(stream: tar.Stream, n: int, meter: Meter) -> None:
    """Go on behind `n` bytes; those of a packed archive must be unpacked for that."""
    if stream.left is not None:
        stream.skip(min(n, stream.left))  # The last block may lack its filling.
        return
    while n > 0 and (piece := stream.read(min(CHUNK, n))):
        meter.read(len(piece))
        n -= len(piece)
