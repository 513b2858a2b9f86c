"""The record board: its statistics, and what it shows."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speedrun import board
from benchmarks.speedrun.entries import ENTRIES


def runs_of(entry: str, seconds: list[float | None]) -> list[dict[str, Any]]:
    return [
        {
            "entry": entry,
            "seed": seed,
            "seconds": value,
            "steps": 100,
            "checks": [],
            "processor": "A processor",
            "torch": "2",
            "commit": "abc",
            "day": "2026-01-02",
        }
        for seed, value in enumerate(seconds)
    ]


def test_the_p_value_is_that_of_welchs_test():
    """Welch's t of these samples is −2 with 8 degrees of freedom, whose lower tail is 0.0403 (tables)."""
    faster, slower = runs_of("a", [8.0, 9, 10, 11, 12]), runs_of("b", [10.0, 11, 12, 13, 14])
    t = (10 - 12) / math.sqrt(2.5 / 5 + 2.5 / 5)
    assert t == pytest.approx(-2)
    assert board.p_value(faster, slower) == pytest.approx(0.0403, abs=1e-4)
    assert board.p_value(slower, faster) == pytest.approx(1 - 0.0403, abs=1e-4)
    assert board.p_value(faster, faster) == pytest.approx(0.5)


def test_the_board_names_what_is_no_record():
    names = list(ENTRIES)[:3]
    first, second, third = names
    page = board.page(
        {
            first: {"runs": runs_of(first, [40.0, 41, 42, 43, 44]), "before": []},
            second: {
                "runs": runs_of(second, [40.0, 42, 42, 43, 43]),
                "before": runs_of(first, [40.0, 41, 42, 43, 44]),
            },
            third: {
                "runs": runs_of(third, [10.0, 11, None, 13, 14]),
                "before": runs_of(second, [40.0, 41, 42, 43, 44]),
            },
        }
    )
    rows = [line for line in page.splitlines() if line.startswith(("| 0", "| 1", "| 2"))]
    assert "42.0 ± 1.6" in rows[0]
    assert "(no record)" in rows[1]
    assert "goal reached by 4 of 5 seeds" in rows[2] and "| – |" in rows[2]


def test_an_entry_is_stored_with_the_record_before_it(tmp_path: Path):
    """The older of two entries is measured only for comparison: its own line stays as it was."""
    first, second = list(ENTRIES)[:2]
    board.write_board(runs_of(first, [40.0, 41, 42, 43, 44]), tmp_path)
    session = runs_of(first, [50.0, 51, 52, 53, 54]) + runs_of(second, [20.0, 21, 22, 23, 24])
    board.write_board(session, tmp_path)
    stored = json.loads((tmp_path / "speedrun.json").read_text())
    assert [run["seconds"] for run in stored[first]["runs"]] == [40, 41, 42, 43, 44]
    assert [run["seconds"] for run in stored[second]["before"]] == [50, 51, 52, 53, 54]
    assert "< 0.001" in (tmp_path / "speedrun.md").read_text()


def test_an_entry_that_is_no_record_is_not_what_the_next_one_must_beat(tmp_path: Path):
    first, slow, third = list(ENTRIES)[:3]
    session = (
        runs_of(first, [40.0, 41, 42, 43, 44])
        + runs_of(slow, [50.0, 51, 52, 53, 54])
        + runs_of(third, [45.0, 46, 47, 48, 49])
    )
    board.write_board(session, tmp_path)
    stored = board.stored_results(tmp_path)
    assert [run["entry"] for run in stored[third]["before"]] == [first] * 5
    assert board.records(stored) == [first]  # the third is faster only than the slow one
    faster = runs_of(first, [40.0, 41, 42, 43, 44]) + runs_of(third, [20.0, 21, 22, 23, 24])
    board.write_board(faster, tmp_path)
    stored = board.stored_results(tmp_path)
    assert board.records(stored) == [first, third]
    assert board.records(stored, before=third) == [first]


def test_the_stored_entries_are_compared_with_the_record_before_them():
    stored = board.stored_results()
    for name in list(ENTRIES)[1:]:
        if name in stored:
            last_record = board.records(stored, before=name)[-1]
            assert {run["entry"] for run in stored[name]["before"]} == {last_record}
    assert (board.DOCS / "speedrun.md").read_text("utf-8") == board.page(stored)
