"""All runs at a glance, and the trash."""

from pathlib import Path

import pytest

from tests.conftest import tiny
from wgan.runs import (
    Parent,
    Run,
    RunError,
    RunIndex,
    Status,
    empty_trash,
    fork,
    list_runs,
    restore,
    throw_away,
    trash,
    trash_title,
)


@pytest.fixture
def finished(ring: Run) -> Run:
    return ring


def test_a_card_says_what_the_folder_holds(finished: Run, runs_dir: Path):
    finished.set_fact("name", "The first")
    finished.set_fact("note", "It works.")
    finished.set_fact("star", "1")
    (summary,) = RunIndex(runs_dir).summaries()
    assert (summary.run, summary.status, summary.step) == (finished.id, Status.FINISHED, 40)
    assert (summary.title, summary.note, summary.star) == ("The first", "It works.", True)
    assert summary.config == tiny(measure=True) and summary.parent is None
    assert summary.size == sum(f.stat().st_size for f in finished.folder.rglob("*") if f.is_file())
    assert summary.thumb is not None and summary.thumb[8:12] == b"WEBP"
    assert set(summary.best) == {"emd_512", "modes_2500", "high_quality_2500"}
    assert summary.best["emd_512"].value == min(
        m.value for m in finished.metrics() if m.name == "emd_512"
    )


def test_cards_are_read_again_when_the_folder_changes(finished: Run, runs_dir: Path):
    run_index = RunIndex(runs_dir)
    first = run_index.summaries()[0]
    assert run_index.summaries()[0] is first  # not read again
    finished.set_fact("name", "Renamed")
    assert run_index.summaries()[0].title == "Renamed"
    child = fork(finished, 20, {}, runs_dir)
    summaries = {summary.run: summary for summary in run_index.summaries()}
    assert summaries[child.id].parent == Parent(finished.id, 20)
    throw_away(finished)
    assert [summary.run for summary in run_index.summaries()] == [child.id]


def test_a_run_that_cannot_be_read_has_a_card_that_says_so(finished: Run, runs_dir: Path):
    (finished.folder / "config.json").write_text("{")
    (summary,) = RunIndex(runs_dir).summaries()
    assert "cannot be read" in summary.problem and summary.title == finished.id and summary.size > 0


def test_the_trash_gives_back_what_it_took(finished: Run, runs_dir: Path):
    before = {f.name: f.read_bytes() for f in finished.folder.iterdir() if f.is_file()}
    trashed_run = throw_away(finished)
    assert list_runs(runs_dir) == [] and [t.run for t in trash(runs_dir)] == [finished.id]
    assert trashed_run.size == trash(runs_dir)[0].size > 0
    back = restore(runs_dir, trashed_run.key)
    assert {f.name: f.read_bytes() for f in back.folder.iterdir() if f.is_file()} == before
    assert trash(runs_dir) == []
    with pytest.raises(RunError, match="no longer in the trash"):
        restore(runs_dir, trashed_run.key)


def test_a_run_in_the_trash_has_a_title(finished: Run, runs_dir: Path):
    trashed_run = throw_away(finished)
    assert trash_title(runs_dir, trashed_run) == "Ring of 8 Gaussians · WGAN-GP (gradient penalty)"
    finished = restore(runs_dir, trashed_run.key)
    finished.set_fact("name", "The first")
    trashed_run = throw_away(finished)
    assert trash_title(runs_dir, trashed_run) == "The first"
    for file in (runs_dir / ".trash" / trashed_run.key).glob("*.*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    assert trash_title(runs_dir, trashed_run) == ""


def test_a_name_that_is_taken_and_a_live_run_are_refused(finished: Run, runs_dir: Path):
    trashed_run = throw_away(finished)
    (runs_dir / finished.id).mkdir()
    with pytest.raises(RunError, match="already"):
        restore(runs_dir, trashed_run.key)
    (runs_dir / finished.id).rmdir()
    back = restore(runs_dir, trashed_run.key)
    with back.lock(), pytest.raises(RunError, match="Stop it first"):
        throw_away(back)


def test_emptying_frees_what_it_says(finished: Run, runs_dir: Path):
    size = throw_away(finished).size
    assert empty_trash(runs_dir, []) == 0 and len(trash(runs_dir)) == 1
    assert empty_trash(runs_dir) == size
    assert trash(runs_dir) == [] and not list((runs_dir / ".trash").iterdir())
