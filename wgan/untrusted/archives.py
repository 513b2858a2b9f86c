"""The files of a .zip or .tar archive, which may be damaged or hostile."""

import bz2
import gzip
import lzma
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO, Any

from wgan.sandbox import Refused
from wgan.untrusted import tar
from wgan.untrusted.limits import Meter, size_text
from wgan.untrusted.member_paths import is_hidden, path_inside
from wgan.untrusted.members import CHUNK, Member, read_bounded

ARCHIVE_SUFFIXES = ("zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz")
SMALL_CHUNK = 1 << 12
"""Chunk size for decoders that cannot stop in the middle of a chunk: it unpacks to at most 100 MB."""
DAMAGED = "it is damaged"
BREAKS_OFF = "it is cut off or broken"
TOO_MUCH_MEMORY = "it needs too much memory to unpack"
NO_ARCHIVE = "The archive cannot be read. Use .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz."


def archive_members(
    file: IO[bytes], size: int, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    """Iterate over the accepted files of an archive of `size` bytes. Its content decides the format.

    Raises:
        Refused: If it is no archive, or exceeds a limit.
    """
    if size > meter.limits.archive:
        raise Refused(
            f"The archive is larger than {size_text(meter.limits.archive)}. Use a smaller one."
        )
    if not size:
        raise Refused(NO_ARCHIVE)
    head = file.read(10)
    file.seek(0)
    # Compare whole signatures: a plain tar begins with a name, which may be PK.png.
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        yield from _zip_members(file, accepts, meter)
        return
    unpacked: IO[bytes] | Any = file
    if head.startswith(b"\x1f\x8b"):
        unpacked = gzip.GzipFile(fileobj=file)
    elif re.fullmatch(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head):
        unpacked = bz2.BZ2File(file)
    elif head.startswith(b"\xfd7zXZ\0"):
        unpacked = lzma.LZMAFile(file)  # noqa: SIM115
    stream = tar.Stream(unpacked, size if unpacked is file else None)
    has_members = False
    try:
        for member in _tar_members(stream, accepts, meter):
            has_members = True
            share = min(1.0, file.tell() / size) if size else 1.0
            yield replace(member, share=share)
    except Refused:
        raise
    except Exception as error:  # Bad bytes raise exceptions of many types.
        if not has_members:
            raise Refused(NO_ARCHIVE) from error
        problem = TOO_MUCH_MEMORY if isinstance(error, MemoryError) else BREAKS_OFF
        yield Member("the archive", problem=problem, share=1.0, is_file=False)


def _zip_members(file: IO[bytes], accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    # zipfile creates an object for every entry when it opens. So first count the possible entries.
    entries, tail = 0, b""
    while chunk := file.read(CHUNK):
        meter.check_time()
        entries += (tail + chunk).count(b"PK\x01\x02")
        tail = chunk[-3:]
        meter.allow_members(entries)
    file.seek(0)
    try:
        opened = zipfile.ZipFile(file)
        infos = opened.infolist()
    except Exception as error:
        raise Refused("The .zip file is damaged or incomplete.") from error
    for i, info in enumerate(infos):
        meter.count_member()
        name = _zip_name(info)
        path = path_inside(name)
        # `ZipInfo.is_dir` fails for an empty name.
        if name.endswith("/") or (path is not None and (is_hidden(path) or not accepts(path))):
            continue
        content, problem = b"", "its path leads outside the archive" if name else "it has no name"
        if path is not None:
            content, problem = _zip_content(opened, info, meter)
        yield Member(path or name, content, problem, share=(i + 1) / len(infos))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the name of a member. Many programs write UTF-8 without its flag, and zipfile reads CP437 then."""
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
    """Return (content, problem) of a member. The problem is empty if the content could be read."""
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    if stat.S_ISLNK(info.external_attr >> 16):
        return b"", "it is a link"
    if kind not in (0, stat.S_IFREG):
        return b"", "it is not an ordinary file"
    if info.flag_bits & 1:
        return b"", "it is encrypted"
    if info.file_size > meter.limits.member:
        return b"", meter.too_large_reason()
    # zipfile unpacks whole chunks of these formats, even if a chunk becomes very large.
    unpacks_whole_chunks = info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    try:
        with archive.open(info) as member:
            content = read_bounded(member, meter, SMALL_CHUNK if unpacks_whole_chunks else CHUNK)
            # This raises if the checksum is wrong, or if zipfile has not reached it.
            member.read(1)
    except Refused:
        raise
    except MemoryError:
        return b"", TOO_MUCH_MEMORY
    except (NotImplementedError, RuntimeError):
        return b"", "its compression method is not supported"
    except Exception:  # Bad bytes raise exceptions of nearly every type.
        return b"", DAMAGED
    if content is None:
        return b"", meter.too_large_reason()
    return (content, "") if len(content) == info.file_size else (b"", DAMAGED)


def _tar_members(
    stream: tar.Stream, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    for entry in tar.entries(stream):
        meter.count_member()
        if stream.left is not None and entry.size > stream.left:
            yield Member("the archive", problem=BREAKS_OFF, is_file=False)
            return
        if stream.left is None:
            meter.allow_bytes(entry.size)  # Refuse the claimed size before unpacking.
        path = path_inside(entry.name)
        content, problem = b"", ""
        if path is None:
            problem = "its path leads outside the archive"
        elif entry.kind != "file":
            problem = f"it is {('a link' if entry.kind == 'link' else 'not an ordinary file')}"
        elif entry.size > meter.limits.member:
            problem = meter.too_large_reason()
        is_skipped = path is not None and (is_hidden(path) or not accepts(path))
        if problem or is_skipped or entry.kind == "folder":
            _skip(stream, entry.size, meter)
        else:
            meter.allow_bytes(entry.size)
            content = stream.exactly(entry.size)
            meter.count_bytes(entry.size)
        if not is_skipped and entry.kind != "folder":
            yield Member(path or entry.name, content, problem)
        _skip(stream, tar.padding(entry.size), meter)


def _skip(stream: tar.Stream, n: int, meter: Meter) -> None:
    """Skip `n` bytes. A packed archive must unpack them for this."""
    if stream.left is not None:
        stream.skip(min(n, stream.left))  # The last block may lack its padding.
        return
    while n > 0 and (piece := stream.read(min(CHUNK, n))):
        meter.count_bytes(len(piece))
        n -= len(piece)
