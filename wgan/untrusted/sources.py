"""The files of a foreign source (a folder, an archive or an upload), one after the other.

Uploads count as hostile. The reader trusts nothing that an archive says about itself, counts only what it
reads, and has a limit for everything. Nothing is unpacked to disk. A member that cannot be read comes with
a problem and does not end the reading.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wgan.sandbox import Refused
from wgan.untrusted.archives import archive_members
from wgan.untrusted.folders import NotRegular, folder_members, open_regular
from wgan.untrusted.limits import Meter
from wgan.untrusted.member_paths import path_inside
from wgan.untrusted.members import Member

Files = Sequence[tuple[str, bytes]]
"""Files as (name, content)."""


def read_members(
    source: Path | bytes | Files, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    """Iterate over the files of a source whose path is accepted; skip hidden files.

    Links, devices, encrypted or damaged members, unreadable folders and paths that lead out of the source
    have a problem instead of content.

    Args:
        source: A folder or an archive, the bytes of an archive, or files by name.
        accepts: Returns whether a path is wanted.
        meter: Counts the cost.

    Raises:
        Refused: If the source is neither a folder nor an archive, or exceeds a limit.
    """
    if isinstance(source, Path) and os.path.isdir(source):
        yield from folder_members(source, accepts, meter)
    elif isinstance(source, Path):
        yield from _archive_file_members(source, accepts, meter)
    elif isinstance(source, bytes):
        yield from archive_members(io.BytesIO(source), len(source), accepts, meter)
    else:
        yield from _upload_members(source, accepts, meter)


def _archive_file_members(
    path: Path, accepts: Callable[[str], bool], meter: Meter
) -> Iterator[Member]:
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            yield from archive_members(file, size, accepts, meter)
    except NotRegular:
        raise Refused(f"{path} is not an ordinary file.") from None
    except FileNotFoundError:
        raise Refused(f"The file or folder {path} does not exist.") from None
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror or error}).") from error


def _upload_members(files: Files, accepts: Callable[[str], bool], meter: Meter) -> Iterator[Member]:
    for i, (name, content) in enumerate(files):
        meter.count_member()
        path = path_inside(name)
        share = (i + 1) / len(files)
        if path is None:
            yield Member(name, problem="its path leads outside the upload", share=share)
        elif accepts(path):
            if len(content) > meter.limits.member:
                yield Member(path, problem=meter.too_large_reason(), share=share)
            else:
                meter.count_bytes(len(content))
                yield Member(path, content, share=share)
