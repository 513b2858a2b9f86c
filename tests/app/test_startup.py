"""A run of a page does not change the import path, on which other threads look for modules."""

import sys
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path

from pages.ui import server
from pages.ui.core import startup

SCRIPT = Path(startup.SCRIPT_FOLDER) / "main.py"


def test_the_server_adds_the_folder_of_the_script_once(monkeypatch: pytest.MonkeyPatch):
    assert SCRIPT.is_file()
    assert server.__name__ and sys.path.count(startup.SCRIPT_FOLDER) == 1  # by its import
    before = [*sys.path]
    startup.fix_import_path()
    assert sys.path == before
    with modified_sys_path(str(SCRIPT)):  # what Streamlit does for each run of the script
        assert sys.path == before
    assert sys.path == before
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != startup.SCRIPT_FOLDER])
    with modified_sys_path(str(SCRIPT)):
        assert sys.path != before  # so the folder must be there before
