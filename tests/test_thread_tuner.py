"""Threads are chosen by measuring, at times that cost little, and a switch is on record."""

import importlib
import math
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training import Engine, ThreadTuner, Training, resolve_engine, thread_tuner
from wgan.training.cost import remember_threads


def note_pace(pace: ThreadTuner, seconds: float, n: int = 5) -> None:
    for _ in range(n):
        pace.record(10 * seconds, 10)


@pytest.mark.parametrize(
    ("now", "most", "expected"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (2, 2, [2, 1]),
        (4, 16, [4, 2, 8]),
        (6, 8, [6, 3, 8]),
        (8, 4, [8, 4]),
    ],
)
def test_it_compares_with_half_and_twice_as_many(now: int, most: int, expected: list[int]):
    assert thread_tuner.neighbours(now, most) == expected


def test_it_measures_after_a_while_and_when_the_pace_changes():
    pace = ThreadTuner(2)
    assert not pace.should_tune(100.0)  # no step yet
    note_pace(pace, 0.1)
    assert not pace.should_tune(thread_tuner.FIRST_TUNING_S - 0.1)
    assert pace.should_tune(thread_tuner.FIRST_TUNING_S)
    pace = ThreadTuner(2, start_s=50.0)
    note_pace(pace, 0.1)
    assert not pace.should_tune(50.0) and pace.should_tune(50.0 + thread_tuner.FIRST_TUNING_S)
    pace._next = pace._rescue = math.inf
    note_pace(pace, 0.13, n=50)
    assert not pace.should_tune(1e6)
    note_pace(pace, 0.14)
    assert pace.should_tune(1e6)
    note_pace(pace, 0.07)
    assert pace.should_tune(1e6)
    note_pace(pace, thread_tuner.MAX_STEP_S * 1.1)
    assert not pace.should_tune(1e6)  # it would take too long


def test_a_collapse_is_looked_into_soon(monkeypatch: pytest.MonkeyPatch):
    """The pace falls from 14 steps a second to one in two seconds, as the issue's did."""
    times: list[float | None] = []

    def take(config: object, engine: Engine, counts: list[int], now: float | None = None) -> int:
        times.append(now)
        return counts[-1]

    monkeypatch.setattr(thread_tuner, "fastest", take)
    clock = iter((0.0, 2.0, 2.0, 10.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    pace, engine = ThreadTuner(2), Engine("cpu", "float32", 2)
    note_pace(pace, 0.07)
    pace.tune(tiny(), engine, 10.0)  # took 2 s: a drift alone is looked into after 100 s
    note_pace(pace, 0.07)
    note_pace(pace, 0.2)
    assert not pace.should_tune(10.0 + thread_tuner.MIN_TUNING_INTERVAL_S)
    note_pace(pace, 2.0)
    assert not pace.should_tune(10.0 + thread_tuner.MIN_TUNING_INTERVAL_S - 1) and pace.should_tune(
        10.0 + thread_tuner.MIN_TUNING_INTERVAL_S
    )
    assert pace.tune(tiny(), engine, 40.0) == 1 and times[-1] == 2.0
    note_pace(pace, 2.0)  # no better: that is the pace now
    assert not pace.should_tune(40.0 + thread_tuner.MIN_TUNING_INTERVAL_S)


def test_what_it_measures_is_paced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_tuner, "fastest", lambda config, engine, counts, now: counts[-1])
    pace, engine = ThreadTuner(4), Engine("cpu", "float32", 2)
    note_pace(pace, 0.1)
    assert pace.tune(tiny(), engine, 10.0) == 4
    assert not pace.should_tune(
        10.0 + thread_tuner.TUNING_INTERVAL_S
    )  # nothing is known of the new pace
    note_pace(pace, 0.1)
    assert not pace.should_tune(10.0 + thread_tuner.TUNING_INTERVAL_S - 1) and pace.should_tune(
        10.0 + thread_tuner.TUNING_INTERVAL_S
    )
    note_pace(pace, 0.3)
    assert not pace.should_tune(10.0 + thread_tuner.MIN_TUNING_INTERVAL_S - 1) and pace.should_tune(
        10.0 + thread_tuner.MIN_TUNING_INTERVAL_S
    )
    # It cost at most its share: what takes 3 s is not done again within 100 times as many.
    clock = iter((0.0, 3.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    pace.tune(tiny(), engine, 100.0)
    note_pace(pace, 0.1)
    assert not pace.should_tune(
        100.0 + 3.0 / thread_tuner.MAX_TUNING_SHARE - 1
    ) and pace.should_tune(100.0 + 3.0 / thread_tuner.MAX_TUNING_SHARE)


def test_the_measurement_leaves_all_as_it_was():
    torch.set_num_threads(1)
    assert thread_tuner.fastest(tiny(), Engine("cpu", "float32", 3), [3]) == 3
    thread_tuner.fastest(tiny(), Engine("cpu", "float32", 1), [1, 2])
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("seconds", "now", "compiled", "best"),
    [
        ({1: 0.10, 2: 0.05}, 0.1, False, 2),
        ({1: 0.10, 2: 0.095}, 0.1, False, 1),  # not by the margin
        ({2: 0.10, 1: 0.05}, 0.1, False, 1),
        ({2: 2.00, 1: 0.07}, 2.0, False, 1),  # two that wait for each other
        ({1: 0.10, 2: 0.05}, 0.04, True, 1),  # compiled, it is faster than two as written
        ({1: 0.10, 2: 0.05}, 0.08, True, 2),
    ],
)
def test_the_faster_number_wins_by_a_margin(
    seconds: dict[int, float],
    now: float,
    compiled: bool,
    best: int,
    monkeypatch: pytest.MonkeyPatch,
):
    class Rehearsed:
        steps = 0

        def step(self) -> None:
            self.steps += 1

        def reports(self) -> None:
            pass

    rehearsed = Rehearsed()

    def times(training: Rehearsed, budget: float) -> list[float]:
        training.steps += 2
        return [9.0 if budget == 0 else 0.0, *[seconds[torch.get_num_threads()]] * 2]

    monkeypatch.setattr(thread_tuner, "synthetic_training", lambda config, engine: rehearsed)
    monkeypatch.setattr(thread_tuner, "step_times", times)
    engine = Engine("cpu", "float32", next(iter(seconds)), compiled=compiled)
    assert thread_tuner.fastest(tiny(), engine, list(seconds), now) == best
    assert rehearsed.steps <= (4 if now > thread_tuner.SLOW_STEP_S else 14)


def test_the_next_run_begins_with_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cache = tmp_path / "engines.json"
    points = tiny(threads=0)
    monkeypatch.setattr(importlib.import_module("wgan.training.cost"), "cores", lambda: 8)
    assert resolve_engine(points, cache=cache).threads == 1
    remember_threads(points, 4, 8, cache)
    assert resolve_engine(points, cache=cache).threads == 4
    assert resolve_engine(points, threads=2, cache=cache).threads == 2
    assert resolve_engine(points.changed({"threads": 3}), cache=cache).threads == 3
    assert resolve_engine(points.changed({"batch_size": 512}), cache=cache).threads == 1
    remember_threads(points, 64, 8, cache)  # more than there can be
    assert resolve_engine(points, cache=cache).threads == 8
    cache.write_text("[]")
    assert resolve_engine(points, cache=cache).threads == 1


def test_a_switch_is_recorded_and_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_tuner, "FIRST_TUNING_S", 0.0)
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 0.0)
    # A busy machine may have it measured again: two threads stay the fastest.
    monkeypatch.setattr(thread_tuner, "fastest", lambda config, engine, counts, now: 2)
    remember_threads(tiny(threads=0, steps=30), 1, 2)
    run = Run.create(tiny(threads=0, steps=30), tmp_path / "runs")
    job = TrainingJob(run, most_threads=2)
    job.prepare()
    assert job.training.engine.threads == 1
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    (change,) = [c for c in job.run.changes() if c.path == "engine"]
    assert (change.before["threads"], change.after["threads"]) == (1, 2)
    assert job.run.checkpoints.read()[0].engine.threads == 2 and torch.get_num_threads() == 2
    # Other roundings, the same training.
    straight = Training(tiny(steps=30), engine=Engine("cpu", "float32", 1))
    while straight.steps < 30:
        straight.step()
    report, last = straight.reports()[-1], job.run.last()
    assert last is not None and last.report.step == report.step
    assert all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-4)
        for a, b in zip(report[1:], last.report[1:], strict=True)
    )
    again = TrainingJob(job.run, resume=True, most_threads=2)
    again.prepare()
    assert again.training.engine.threads == 2
    again.finish(Status.STOPPED)


def test_a_number_that_the_user_gave_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_tuner, "FIRST_TUNING_S", 0.0)
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 0.0)

    def never(*args: object) -> int:
        raise AssertionError("measured though the number was given")

    monkeypatch.setattr(thread_tuner, "fastest", never)
    for config, threads in ((tiny(threads=1), None), (tiny(threads=0), 1)):
        job = TrainingJob(Run.create(config, tmp_path / "runs"), threads=threads)
        job.prepare()
        for _ in range(8):
            job.step()
        job.finish(Status.STOPPED)
        assert job.training.engine.threads == 1


def test_the_app_keeps_a_core_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thread_tuner, "FIRST_TUNING_S", 0.0)
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 0.0)
    offered_counts: list[list[int]] = []

    def most_of_them(config: object, engine: Engine, counts: list[int], now: float) -> int:
        offered_counts.append(counts)
        return max(counts)

    monkeypatch.setattr(thread_tuner, "fastest", most_of_them)
    for most in (1, 3):
        config = tiny(threads=0, steps=1000)
        remember_threads(config, 8, most)
        job = TrainingJob(Run.create(config, tmp_path / "runs"), most_threads=most)
        job.prepare()
        assert job.training.engine.threads <= most
        for _ in range(8):
            job.step()
        assert job.training.engine.threads <= most and max(map(max, offered_counts)) <= most
        job.finish(Status.STOPPED)
