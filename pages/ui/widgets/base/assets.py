"""The files that the browser loads: our JavaScript modules, style sheets and pictures, Plotly's bundle, and
what pages publish.

The address of the program's files contains a hash of all of them. So a browser may cache them
permanently, and requests them again after an update. The address of a published file contains a hash of its
content. A browser may keep it for an hour, because newer files of a training soon take its place.
"""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

FOLDER = "wgan-assets"
"""The first part of the address, after `server.baseUrlPath`."""

WIDGETS = Path(__file__).parents[1]

PLOTLY = "plotly.min.js"

KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".webp": "image/webp",
}


@cache
def files() -> Mapping[str, Path]:
    """Return all served files by their path relative to the version."""
    served = {
        path.relative_to(WIDGETS).as_posix(): path
        for path in sorted(WIDGETS.rglob("*"))
        if path.suffix in KINDS and not path.name.endswith(".test.js")
    }
    plotly = _plotly_bundle()
    return served if plotly is None else served | {PLOTLY: plotly}


def _plotly_bundle() -> Path | None:
    """Return the bundle in Plotly's wheel; None if the package contains none."""
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
        # Hash the version of Plotly in place of its 4.8 MB.
        is_plotly = name == PLOTLY
        digest.update(distribution("plotly").version.encode() if is_plotly else path.read_bytes())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return the address of a file, relative to the app's; empty if there is no such file.

    Without Plotly's bundle, the charts show a sentence about it.
    """
    return f"{FOLDER}/{version()}/{name}" if name in files() else ""


def compressed(asked_version: str, name: str) -> tuple[bytes, str] | None:
    """Return a file compressed with gzip, and its media type; None if this version has no such file."""
    if asked_version != version() or name not in files():
        return None
    return _gzip(name), KINDS[PurePosixPath(name).suffix]


@cache
def _gzip(name: str) -> bytes:
    return gzip.compress(files()[name].read_bytes(), compresslevel=6, mtime=0)


def decompressed(content: bytes) -> bytes:
    """Decompress a file for a browser that does not accept gzip."""
    return gzip.decompress(content)


PUBLISHED = f"{FOLDER}/published"
"""The first parts of the address of a published file."""

MAX_PUBLISHED_BYTES = 64_000_000

_published: OrderedDict[str, bytes] = OrderedDict()  # by digest, the newest last
_lock = threading.Lock()


def publish(content: bytes) -> str:
    """Keep a file for browsers that know its address, and return the address, relative to the app's.

    The oldest files are dropped when all together exceed MAX_PUBLISHED_BYTES.
    """
    digest = hashlib.sha256(content).hexdigest()
    with _lock:
        _published[digest] = content
        _published.move_to_end(digest)
        while len(_published) > 1 and sum(map(len, _published.values())) > MAX_PUBLISHED_BYTES:
            _published.popitem(last=False)
    return f"{PUBLISHED}/{digest}"


def published(digest: str) -> bytes | None:
    """Return a published file; None if there is none with this digest any more."""
    with _lock:
        return _published.get(digest)
