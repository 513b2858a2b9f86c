"""The files of a run's ZIP file: which may be in it, their sizes, their digests and their content."""

import hashlib
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from wgan.format import fmt_bytes
from wgan.sandbox import Refused
from wgan.schema import MAX_TEXT

MAX_MEMBERS = 3_000
MAX_BYTES = 4 << 30
MAX_RATIO = 200
"""Largest ratio of the unpacked to the packed size. Runs have at most ten."""
END_RECORD_BYTES = 22
CHUNK = 1 << 20

DIGESTS = "SHA256SUMS"
"""The file that lists the SHA-256 of every other file. Early versions of this program did not write it."""

REQUIRED = ("config.json", "run.sqlite")

_FILES = re.compile(
    r"config\.json|run\.sqlite|run\.sqlite-wal|thumb\.webp|neighbours\.webp|error\.log"
    r"|previews/\d{8}\.(webp|npz)|step_\d{8}\.safetensors|SHA256SUMS"
)
_IGNORED = re.compile(r"lock|README\.md|run\.sqlite-shm|run\.sqlite\.damaged(-wal|-shm)?|.*\.part")
"""Files of a run's folder that an import does not need."""
_SYSTEM = re.compile(
    r"(^|/)(__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$", re.IGNORECASE
)
"""Files that operating systems put into folders and archives."""


def has_complete_directory(archive: Path, member_count: int) -> bool:
    """Return whether `zipfile` found as many entries as the end record of a ZIP file says.

    A wrong length of one entry hides the entries after it, and `zipfile` does not notice this.
    """
    with archive.open("rb") as file:
        file.seek(-min(archive.stat().st_size, END_RECORD_BYTES + 65_535), 2)
        tail = file.read()
    offset = tail.rfind(b"PK\x05\x06")
    count = int.from_bytes(tail[offset + 10 : offset + 12], "little")
    # ZIP64 files have the largest number here, and the count in another record.
    return count in (member_count, 0xFFFF)


def list_members(
    archive: zipfile.ZipFile, free_bytes: int | None = None
) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Return the name of the run's folder, and its files by their path in the folder.

    Args:
        archive: The ZIP file.
        free_bytes: How many bytes the run may take; None: as many as a run can have.

    Raises:
        Refused: If the ZIP file does not hold exactly one run, or is too large.
    """
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not _SYSTEM.search(entry.filename)
    ]
    if not entries:
        raise Refused("This ZIP file is empty.")
    if len(entries) > MAX_MEMBERS:
        raise Refused(
            f"This ZIP file has {len(entries):,} files, but a run has at most {MAX_MEMBERS:,}."
        )
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if total > MAX_BYTES:
        raise Refused(
            f"This ZIP file would take {total / 1e9:.1f} GB when unpacked, which is too "
            "large for a run."
        )
    if free_bytes is not None and total > free_bytes:
        raise Refused(
            f"This ZIP file would take {fmt_bytes(total)} when unpacked, but you can store only "
            f"{fmt_bytes(free_bytes)} more on this server."
        )
    if total > MAX_RATIO * max(packed, 1) and total > 1 << 20:
        raise Refused("This ZIP file was refused, because it would unpack to far more than a run.")
    # Without a folder if somebody packed the files of a run and not their folder.
    flat = any(entry.filename in REQUIRED for entry in entries)
    names, members = set(), {}
    for entry in entries:
        name, _, file = ("", "", entry.filename) if flat else entry.filename.partition("/")
        match = _FILES.fullmatch(file)
        if name.startswith(".") or not (match or _IGNORED.fullmatch(file)) or "\\" in name:
            raise Refused(f"This is not an exported run: it contains {entry.filename[:80]!r}.")
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise Refused(
                f"This ZIP file was refused, because {entry.filename[:80]!r} is a link or is "
                "encrypted."
            )
        names.add(name)
        if match and file in members:
            raise Refused("This ZIP file does not contain exactly one run.")
        if match:
            members[file] = entry
    if len(names) != 1:
        raise Refused("This ZIP file does not contain exactly one run.")
    for file in REQUIRED:
        if file not in members:
            raise Refused(f"This is not an exported run: it has no {file}.")
    return names.pop(), members


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """Return the content of a member. Raises ValueError if it is larger than `max_bytes`."""
    if entry.file_size > max_bytes:
        raise ValueError(f"it is larger than {max_bytes:,} bytes")
    with archive.open(entry) as source:
        content = source.read(max_bytes + 1)
        source.read(1)  # At the end of the file zipfile compares the checksum.
    return content


def read_digests(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None, members: Mapping[str, object]
) -> dict[str, str]:
    """Return the listed SHA-256 of each member; empty if the ZIP file has no list.

    Raises:
        Refused: If the list is damaged, or its names differ from those of the members.
    """
    if entry is None:
        return {}
    try:
        text = read_member(archive, entry, MAX_TEXT).decode("ascii")
        pairs = [line.split("  ", 1) for line in text.splitlines()]
        digests = {name: digest for digest, name in pairs}
    except Exception as error:  # Bad bytes raise exceptions of nearly every type.
        raise Refused(
            f"The list of digests in this ZIP file is damaged ({error_summary(error)})."
        ) from error
    if differing_names := digests.keys() ^ members.keys():
        raise Refused(
            f"This ZIP file was changed or damaged after the export: {min(differing_names)!r} is "
            f"{'missing' if min(differing_names) in digests else 'not in its list of digests'}."
        )
    return digests


def check_digest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, expected: str) -> None:
    """Compare a member with its listed SHA-256. Raises ValueError if they differ."""
    digest = hashlib.sha256()
    with archive.open(entry) as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise ValueError("its content differs from its digest")


def error_summary(error: BaseException) -> str:
    """Return the message of an error in one line of at most 120 characters."""
    return " ".join(str(error).split())[:120] or type(error).__name__
