"""The files that the browser loads: our JavaScript modules and style sheets, and Plotly's bundle.

Their address holds a hash of all of them, so a browser may keep them for ever, and asks for all anew
after an update.
"""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

FOLDER = "wgan-assets"
"""The first part of the address, after `server.baseUrlPath`."""

WIDGETS = Path(__file__).parents[1]

PLOTLY = "plotly.min.js"

KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@cache
def files() -> Mapping[str, Path]:
    """Return every file that is served, by its path relative to the version."""
    served = {
        path.relative_to(WIDGETS).as_posix(): path
        for path in sorted(WIDGETS.rglob("*"))
        if path.suffix in KINDS and not path.name.endswith(".test.js")
    }
    plotly = _plotly_bundle()
    return served if plotly is None else served | {PLOTLY: plotly}


def _plotly_bundle() -> Path | None:
    """Return the bundle in Plotly's wheel; None if that package has none."""
    try:
        path = Path(str(distribution("plotly").locate_file(f"plotly/package_data/{PLOTLY}")))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


@cache
def version() -> str:
    """Return a hash of all files, 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, path in files().items():
        digest.update(name.encode())
        # Plotly's 4.8 MB need not be read: its version stands for them.
        is_plotly = name == PLOTLY
        digest.update(distribution("plotly").version.encode() if is_plotly else path.read_bytes())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return the address of a file, relative to the app's; empty if there is no such file.

    The charts say in a sentence that Plotly's bundle is missing.
    """
    return f"{FOLDER}/{version()}/{name}" if name in files() else ""


def compressed(asked_version: str, name: str) -> tuple[bytes, str] | None:
    """Return a file with gzip and its media type; None if there is none of this version."""
    if asked_version != version() or name not in files():
        return None
    return _gzip(name), KINDS[PurePosixPath(name).suffix]


@cache
def _gzip(name: str) -> bytes:
    return gzip.compress(files()[name].read_bytes(), compresslevel=6, mtime=0)


def decompressed(content: bytes) -> bytes:
    """Return the file for a browser that does not read gzip."""
    return gzip.decompress(content)
