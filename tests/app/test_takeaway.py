"""A file made at the press of a button is there when the browser comes for it."""

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from pages.ui.core.downloads import download


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> MediaFileManager:
    """Streamlit's own keeper of files, without a server."""
    keeper = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(media_file_mgr=keeper))
    return keeper


def pressed(files: MediaFileManager, monkeypatch: pytest.MonkeyPatch, content: bytes) -> str:
    """Draw the button and press it, as Streamlit does both; return the file's name in the address."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(st, "download_button", lambda *args, **_: calls.append(args))
    download("Film", lambda: content, "walk.gif", key="film")
    ((_, make, name, kind),) = calls
    url = files.execute_deferred(files.add_deferred(make, kind, "0.1", file_name=name))
    return url.rsplit("/", 1)[1]


def test_a_made_file_outlives_the_updates_of_other_visitors(files, monkeypatch):
    name = pressed(files, monkeypatch, b"a film")
    for _ in range(20):  # the end of any visitor's script
        files.remove_orphaned_files()
    file = files.read_file(name)
    assert file is not None and file.content == b"a film"
    assert (file.filename, file.mimetype) == ("walk.gif", "image/gif")


def test_made_files_do_not_pile_up(files, monkeypatch):
    names = [pressed(files, monkeypatch, f"film {i}".encode()) for i in range(20)]
    for _ in range(2):
        files.remove_orphaned_files()
    assert [name for name in names if files.read_file(name)] == names[-1:]
    files.clear_session_refs()  # the page is drawn anew, or left
    for _ in range(2):
        files.remove_orphaned_files()
    assert files.read_file(names[-1]) is None
