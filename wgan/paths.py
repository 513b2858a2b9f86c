"""Locations of the runs, the data and the app, in a clone of the repository and in an installed package."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

PACKAGE = Path(__file__).parent

INSTALLED_APP = PACKAGE / "_app"
"""The app and the examples in an installed package; absent in a clone of the repository."""

APP_FOLDER = INSTALLED_APP if INSTALLED_APP.is_dir() else PACKAGE.parent


def app_script() -> Path | None:
    """Return the script for `streamlit run`; None if it does not exist."""
    script = APP_FOLDER / "streamlit_app.py"
    return script if script.is_file() else None


def browser_programs() -> Path:
    """Return the folder of the programs with which a browser runs generators."""
    return APP_FOLDER / "pages" / "ui" / "widgets" / "generator"


def shipped_runs() -> Path:
    """Return the folder of the trained examples. Nothing writes to it."""
    return APP_FOLDER / "checkpoints"


def default_runs_dir() -> Path:
    """Return the folder of the runs.

    It is WGAN_RUNS if set, else `checkpoints` in the current folder. An installed package uses the
    user data folder if the current folder has no `checkpoints`.
    """
    return _folder("WGAN_RUNS", "checkpoints", "runs")


def data_root() -> Path:
    """Return the folder of the data sets: WGAN_DATA, else `data` here, else in the user data folder."""
    return _folder("WGAN_DATA", "data", "data")


def _folder(variable: str, in_clone: str, installed: str) -> Path:
    if variable in os.environ:
        return Path(os.environ[variable])
    if INSTALLED_APP.is_dir() and not Path(in_clone).is_dir():
        return user_data_path("wgan-explorer", appauthor=False) / installed
    return Path(in_clone)


def cache_dir() -> Path:
    """Return the folder for files that can be recreated, such as compiled steps."""
    return user_cache_path("wgan-explorer", appauthor=False)
