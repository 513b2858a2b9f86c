"""Generators for the browser: their files, by an address that contains a hash of the content."""

import base64
import hashlib
import threading
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np

from pages.ui.widgets.base.assets import FOLDER
from wgan.export.browser_generator import pack_generator
from wgan.latent import Models

ROUTE = f"{FOLDER}/generators"
"""The first parts of the address, after `server.baseUrlPath`."""

MAX_FILES = 32
"""Number of files that the server keeps: at most 64 MB."""

_files: OrderedDict[str, bytes] = OrderedDict()  # by digest, the newest last
_packed: weakref.WeakKeyDictionary[Models, tuple[str, bytes | None]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def on_browser(models: Models, label: int | None) -> dict[str, Any] | None:
    """Return what the browser needs to make samples itself: `Source` in renderer.js.

    Args:
        models: Pictures are made with its averaged generator.
        label: The class; None if the generator takes none.

    Returns:
        None if the browser cannot make the samples. Then the server does.
    """
    digest, content = _file_of(models)
    if content is None:
        return None
    with _lock:
        _files[digest] = content
        _files.move_to_end(digest)
        while len(_files) > MAX_FILES:
            _files.popitem(last=False)
    return {
        "address": f"{ROUTE}/{digest}",
        "latentDim": models.config.latent_dim,
        "label": -1 if label is None else label,
    }


def _file_of(models: Models) -> tuple[str, bytes | None]:
    with _lock:
        known = _packed.get(models)
    if known is None:
        content = pack_generator(models) if models.config.dataset.kind == "pictures" else None
        digest = hashlib.sha256(content).hexdigest()[:32] if content is not None else ""
        known = digest, content
        with _lock:
            _packed[models] = known
    return known


def generator_file(digest: str) -> bytes | None:
    """Return the file of an address; None if the server does not keep it."""
    with _lock:
        return _files.get(digest)


def numbers(values: np.ndarray[Any, Any]) -> str:
    """Return an array as float32 in base64, for `rowsOf` in renderer.js."""
    content = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return base64.b64encode(content).decode("ascii")
