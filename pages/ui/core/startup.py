"""Settings of the process: the import path, and garbage collection."""

import gc
import sys
from pathlib import Path

SCRIPT_FOLDER = str(Path(__file__).parents[1])
"""The folder of `main.py`, which Streamlit runs for every page."""

LOADING_THRESHOLDS = (100_000, 20, 100)
"""Thresholds during imports, which create a million objects and hardly any garbage."""

SERVING_THRESHOLDS = (2_000, 20, 50)

MIN_NEW_MODULES = 100
"""Freeze again only after at least this many further modules were imported."""

_modules_when_frozen = 0


def fix_import_path() -> None:
    """Add the folder of the app's script to the end of `sys.path`, unless it is there.

    Otherwise Streamlit inserts it before each run of the script and removes it afterwards. Another thread
    that imports a module at that moment may skip an entry of the path, and not find the module.
    """
    if SCRIPT_FOLDER not in sys.path:
        sys.path.append(SCRIPT_FOLDER)


def expect_imports() -> None:
    """Make garbage collection rare until the first page is drawn. Call it before torch is imported."""
    gc.set_threshold(*LOADING_THRESHOLDS)


def freeze_loaded_objects() -> None:
    """Call `gc.freeze()` once the first page is drawn, and again after many more imports.

    A full collection over the million objects of torch, Plotly and Streamlit would block pages and
    training for about 0.5 s, many times per hour. Existing garbage is frozen, too: it is little,
    and a collection would delay the first page by a quarter of a second.
    """
    global _modules_when_frozen
    if len(sys.modules) < _modules_when_frozen + MIN_NEW_MODULES:
        return
    _modules_when_frozen = len(sys.modules)
    gc.freeze()
    gc.set_threshold(*SERVING_THRESHOLDS)


def first_page_is_drawn() -> bool:
    """Return whether a page has been drawn. Slow work waits for this."""
    return _modules_when_frozen > 0
