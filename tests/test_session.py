import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import tiny, until
from wgan.access import LOCAL_VISITOR, Owners
from wgan.config import PRESETS, ConfigError
from wgan.data import DataError, Mnist10k, Ring8
from wgan.jobs import RunSnapshot, TaskProgress, TrainingJob
from wgan.paths import shipped_runs
from wgan.runs import Change, Measured, Run, RunError, Status, list_runs
from wgan.session import Busy, Session, datasets, library
from wgan.session.forecasts import MIN_STEPS
from wgan.session.history import undo_and_redo
from wgan.session.permissions import Permissions
from wgan.session.scheduler import Scheduler
from wgan.session.snapshots import Snapshots
from wgan.training import Forecast, Training

LONG = {"steps": 1_000_000, "checkpoint_every": 100_000, "preview_every": 10_000}


@pytest.fixture
def session(runs_dir: Path) -> Iterator[Session]:
    session = Session(runs_dir, threads=1)
    yield session
    session.close(timeout=60)


def ended(session: Session, run: str) -> bool:
    return not session.snapshot(run).status.active


def reaches(session: Session, run: str, step: int) -> None:
    until(lambda: session.snapshot(run).step >= step)


def test_a_run_is_trained_to_its_end(session: Session):
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    snapshot = session.snapshot(run)
    assert snapshot.step == 40 and snapshot.share == 1.0 and session.live() is None
    assert session.newest() == run and [r.id for r in list_runs(session.runs_dir)] == [run]


def test_the_app_trains_the_same_numbers_as_a_script(session: Session, runs_dir: Path):
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    job = TrainingJob(Run.create(tiny(), runs_dir), threads=1)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    a, b = Run.find(run, runs_dir), job.run
    left, right = a.checkpoints.read()[0].tensors, b.checkpoints.read()[0].tensors
    assert all(torch.equal(left[k], right[k]) for k in left)
    for name in ("critic_loss", "critic_gap_held_out"):
        assert np.array_equal(a.reports()[name], b.reports()[name])


def test_step_once_makes_the_step_that_was_shown_in_slow_motion(session: Session, runs_dir: Path):
    run = session.start(tiny(**LONG, batch_size=8, n_critic=2))
    reaches(session, run, 3)
    session.pause(run)
    until(lambda: session.snapshot(run).status is Status.PAUSED)
    step = session.snapshot(run).step
    shown = session.slow_step(run)
    assert shown.step == step + 1 and shown.has_optimizers and shown.generator is not None
    assert session.slow_step(run, part="critic").generator is None
    assert session.snapshot(run).step == step  # looking trains nothing
    session.step_once(run)
    session.stop(run)
    until(lambda: ended(session, run))
    training = Training.restore(Run.find(run, runs_dir).checkpoints.read(step + 1)[0])
    with torch.no_grad():
        samples = training.updates.generate(torch.from_numpy(shown.generator.z), None)
        scores = training.updates.score(torch.from_numpy(shown.generator.after), None)
    assert np.array_equal(samples.numpy(), shown.generator.after)
    assert np.array_equal(scores.numpy(), shown.generator.scores_after)
    # A run that has ended shows the step after its checkpoint.
    assert session.slow_step(run).step == step + 2


def test_a_slow_step_of_a_machine_with_a_gpu_is_made_on_the_cpu(session: Session, runs_dir: Path):
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    expected = session.slow_step(run)
    checkpoints = Run.find(run, runs_dir).checkpoints
    state, facts = checkpoints.read()
    assert state.engine.device == "cpu"
    moved = replace(state, engine=replace(state.engine, device="cuda:7"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wgan.runs.checkpoints.Checkpoints.read", lambda *_: (moved, facts))
        made = session.slow_step(run)
    assert made.generator is not None and expected.generator is not None
    assert np.array_equal(made.generator.after, expected.generator.after)


def test_a_slow_step_downloads_nothing(tmp_path: Path):
    runs = tmp_path / "runs"
    shutil.copytree(shipped_runs() / "example-fashion", runs / "example-fashion")
    session = Session(runs, root=tmp_path / "data", threads=1)
    try:
        with pytest.raises(DataError, match=r"is not on this machine\. You can download it"):
            session.slow_step("example-fashion")
    finally:
        session.close(timeout=60)
    assert not (tmp_path / "data").exists()


def test_only_the_step_that_was_shown_is_made(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)
    session.pause(run)
    until(lambda: session.snapshot(run).status is Status.PAUSED)
    step = session.snapshot(run).step
    session.step_once(run, only_step=step)
    session.step_once(run, only_step=step + 2)
    assert session.snapshot(run).step == step
    session.step_once(run, only_step=step + 1)
    assert session.snapshot(run).step == step + 1
    session.stop(run)


def test_a_slow_step_that_fails_ends_no_run(session: Session, monkeypatch: pytest.MonkeyPatch):
    run = session.start(tiny(**LONG))
    reaches(session, run, 1)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("wgan.session.model_copies.slow_step", fail)
    with pytest.raises(RunError, match="The next step could not be made: out of memory"):
        session.slow_step(run)
    step = session.snapshot(run).step
    reaches(session, run, step + 2)
    with pytest.raises(RunError):
        session.slow_step("no-such-run")
    session.stop(run)


def test_a_second_start_says_what_is_running(session: Session):
    run = session.start(tiny(**LONG))
    with pytest.raises(Busy, match=rf"\(run {run}\)\. Add the new run to the queue, or stop this"):
        session.start(tiny())
    second = session.start(tiny(seed=1), queue=True)
    assert session.queued()[-1].run == second
    assert session.snapshot(second).status is Status.QUEUED
    reaches(session, run, 1)
    session.stop(run)
    until(lambda: session.snapshot(second).status is Status.FINISHED)
    assert session.snapshot(run).status is Status.STOPPED


def test_a_cancelled_run_leaves_nothing(session: Session, runs_dir: Path):
    run = session.start(tiny(**LONG))
    reaches(session, run, 1)
    second = session.start(tiny(seed=1), queue=True)
    session.stop(second)
    assert second not in [snapshot.run for snapshot in session.queued()]
    assert not (runs_dir / second).exists()
    with pytest.raises(RunError, match="no run"):
        session.snapshot(second)
    session.stop(run)
    until(lambda: not session.snapshot(run).status.active)
    assert [path.name for path in runs_dir.iterdir() if path.is_dir()] == [run]


def test_pause_holds_the_step_and_one_step_is_one_step(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 5)
    session.pause(run)
    until(lambda: session.snapshot(run).status is Status.PAUSED)
    held = session.snapshot(run).step
    time.sleep(0.2)
    assert session.snapshot(run).step == held
    assert session.snapshot(run).preview.step == held
    session.step_once(run)
    until(lambda: session.snapshot(run).step == held + 1)
    time.sleep(0.1)
    assert session.snapshot(run).step == held + 1
    session.unpause(run)
    reaches(session, run, held + 20)
    assert session.snapshot(run).status is Status.RUNNING


def test_stopping_finishes_the_step_at_hand_with_a_checkpoint(session: Session, runs_dir: Path):
    run = session.start(tiny(**LONG))
    reaches(session, run, 3)
    session.stop(run)
    until(lambda: session.snapshot(run).status is Status.STOPPED)
    assert Run.find(run, runs_dir).checkpoints.steps()[-1] == session.snapshot(run).step
    assert not Run.find(run, runs_dir).alive()


def test_a_stopped_run_can_be_resumed_in_the_same_session(session: Session):
    run = session.start(tiny(steps=1_000_000))
    reaches(session, run, 3)
    session.stop(run)
    until(lambda: session.snapshot(run).status is Status.STOPPED)
    at = session.snapshot(run).step
    session.resume(run)
    reaches(session, run, at + 5)


def test_a_change_counts_at_once_and_leaves_a_mark(session: Session, runs_dir: Path):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)
    session.change(run, critic_learning_rate=0.01)
    assert session.snapshot(run).config.critic_learning_rate == 0.01
    until(lambda: session.snapshot(run).changes)
    (change,) = session.snapshot(run).changes
    assert (change.path, change.after) == ("critic_learning_rate", 0.01)
    assert Run.find(run, runs_dir).changes() == [change]
    session.undo(run)
    until(lambda: len(session.snapshot(run).changes) == 2)
    assert session.snapshot(run).config.critic_learning_rate == 1e-4


def test_what_cannot_change_is_refused_and_nothing_is_lost(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)
    for changes in ({"batch_size": 3}, {"n_critic": 0}, {"nonsense": 1}):
        with pytest.raises(ConfigError):
            session.change(run, **changes)
    at = session.snapshot(run).step
    reaches(session, run, at + 5)
    session.stop(run)
    until(lambda: not session.snapshot(run).status.active)
    with pytest.raises(RunError, match="not running"):
        session.change(run, n_critic=1)


def test_an_exception_in_the_worker_becomes_words(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    def no_data(*_: object) -> None:
        raise DataError("The data are gone. Put them back.")

    monkeypatch.setattr(Ring8, "load", no_data)
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FAILED)
    assert session.snapshot(run).error == "The data are gone. Put them back."
    until(lambda: list_runs(session.runs_dir) == [])  # nothing was made, so nothing is left
    monkeypatch.undo()
    again = session.start(tiny())
    until(lambda: session.snapshot(again).status is Status.FINISHED)


def test_an_unforeseen_exception_fails_the_run_and_not_the_worker(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    real_step = Training.step

    def broken(self: Training) -> None:
        if self.steps == 12:
            raise ZeroDivisionError("by hand")
        real_step(self)

    monkeypatch.setattr(Training, "step", broken)
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FAILED)
    assert "ZeroDivisionError: by hand" in session.snapshot(run).error
    monkeypatch.undo()
    session.resume(run)
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    assert session.snapshot(run).error == ""


def test_closing_leaves_an_interrupted_run_that_can_be_resumed(runs_dir: Path):
    first = Session(runs_dir, threads=1)
    run = first.start(tiny(**LONG))
    reaches(first, run, 3)
    first.close(timeout=60)
    stopped_run = Run.find(run, runs_dir)
    assert stopped_run.status() is Status.INTERRUPTED
    at = stopped_run.checkpoints.steps()[-1]
    assert at >= 3
    second = Session(runs_dir, threads=1)
    try:
        assert second.newest() == run
        second.resume(run, changes={"steps": at + 10})
        until(lambda: second.snapshot(run).status is Status.FINISHED)
        assert second.snapshot(run).step == at + 10
        with pytest.raises(RunError, match="reached its last step"):
            second.resume(run)
    finally:
        second.close(timeout=60)


def test_copies_follow_the_live_run_and_stay_as_they_are(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)
    first = session.models(run)
    points = first.make(np.zeros((1, 2), dtype=np.float32))
    until(lambda: session.models(run).step > first.step)
    assert np.array_equal(points, first.make(np.zeros((1, 2), dtype=np.float32)))
    checkpoint = session.models(run, 0)
    assert checkpoint.step == 0
    session.stop(run)
    until(lambda: not session.snapshot(run).status.active)
    assert session.models(run).step == session.snapshot(run).step


def test_ten_starts_and_stops_leave_no_thread(session: Session):
    before = set(threading.enumerate())
    for seed in range(10):
        run = session.start(tiny(seed=seed, **LONG))
        reaches(session, run, 1)
        session.stop(run)
        until(partial(ended, session, run))
    assert set(threading.enumerate()) <= before


def test_views_can_be_read_from_many_threads(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 1)
    faults: list[Exception] = []

    def read() -> None:
        try:
            last = 0
            for _ in range(50):
                snapshot = session.snapshot(run)
                assert snapshot.step >= last
                last = snapshot.step
                steps = snapshot.curves["step"]
                assert np.all(np.diff(steps) > 0)
        except Exception as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert not faults


def test_a_forecast_comes_when_nothing_trains(session: Session):
    config = tiny()
    until(lambda: session.forecast(config) is not None)
    cost = session.forecast(config)
    assert not isinstance(cost, str) and cost.seconds_per_step > 0
    assert session.forecast(config.changed({"steps": 77, "seed": 5})) == cost
    run = session.start(tiny(**LONG))
    reaches(session, run, 1)
    assert session.forecast(config.changed({"batch_size": 3})) is None


def test_a_forecast_is_corrected_by_the_speed_of_an_ended_run(session: Session):
    config = tiny(steps=150, network={"name": "mlp", "width": 12})
    until(lambda: session.forecast(config) is not None)
    measured = session.forecast(config)
    run = session.start(config)
    until(lambda: session.live() is None)
    snapshot, corrected = session.snapshot(run), session.forecast(config)
    assert isinstance(measured, Forecast) and isinstance(corrected, Forecast)
    assert corrected.seconds_per_step == snapshot.seconds / 150
    assert corrected.memory_bytes == measured.memory_bytes
    # A run whose settings were changed, or a very short one, says nothing.
    short = config.changed({"steps": MIN_STEPS - 1})
    session.start(short)
    until(lambda: session.live() is None)
    assert session.forecast(config) == corrected


def test_a_run_that_is_started_ends_a_forecast(session: Session):
    for batch_size in range(400, 500):
        slow = tiny(network={"name": "mlp", "width": 512, "depth": 3}, batch_size=batch_size)
        assert session.forecast(slow) is None
        run = session.start(tiny(**LONG))
        if session.forecast(slow) is None:
            break
        # This machine had measured it before the run was started.
        session.stop(run)
        while session.snapshot(run).status.active:
            time.sleep(0.01)
    reaches(session, run, 1)
    assert session.forecast(slow) is None


def test_own_presets(session: Session):
    session.presets.save("My ring (2)", tiny())
    assert session.presets.all() == {"My ring (2)": tiny()}
    for bad in ("", "../x", "a/b", next(iter(PRESETS)), "x" * 41):
        with pytest.raises(RunError, match="name of a preset"):
            session.presets.save(bad, tiny())
    session.presets.delete("My ring (2)")
    session.presets.delete("../../etc")
    assert session.presets.all() == {}


def test_unreadable_runs_do_not_hide_the_others(session: Session, runs_dir: Path):
    good = Run.create(tiny(), runs_dir)
    bad = runs_dir / "99999999-999999-x"
    bad.mkdir()
    (bad / "config.json").write_text("{")
    assert session.newest() == good.id
    with pytest.raises(RunError, match="cannot be read"):
        session.snapshot(bad.name)


def test_rows_of_real_pictures_are_of_their_class(session: Session):
    dataset = Mnist10k()
    pictures = session.datasets.of_classes(dataset, (3, 3, 7), 4)
    assert pictures is not None and pictures.shape == (12, 1, 28, 28)
    data = dataset.load()
    known = {
        p.numpy().tobytes(): int(k) for p, k in zip(data.train[:], data.train_labels, strict=True)
    }
    assert [known[p.tobytes()] for p in pictures] == [3] * 8 + [7] * 4
    assert len({p.tobytes() for p in pictures}) == 12


def test_a_diagnosis_follows_the_run_and_forgets_what_a_change_made_stale(session: Session):
    run = session.start(tiny(**LONG, measure=False))
    reaches(session, run, 20)
    session.pause(run)
    until(lambda: session.snapshot(run).status is Status.PAUSED)
    assert session.diagnosis(run) is session.diagnosis(run)  # made once for each snapshot
    folder = Run.find(run, session.runs_dir)
    session.stop(run)
    until(lambda: not session.snapshot(run).status.active)
    folder.add_metrics([Measured(s, "penalty_pull", 30.0) for s in (1, 2, 3)])
    assert "strong-penalty" in [f.key for f in session.diagnosis(run) if f.reading.raised]


def test_a_run_that_waits_or_is_prepared_says_that_it_cannot_be_steered_yet(session: Session):
    first = session.start(tiny(**LONG))
    second = session.start(tiny(), queue=True)
    with pytest.raises(RunError, match="still being prepared"):
        session.change(second, n_critic=1)
    assert session.snapshot(second).config.n_critic == 2
    session.stop(second)
    session.stop(first)


def test_a_run_that_waits_is_withdrawn_and_one_that_trains_by_now_goes_on(session: Session):
    first = session.start(tiny(**LONG))
    second = session.start(tiny(**LONG), queue=True)
    reaches(session, first, 1)
    assert not session.withdraw(first) and session.snapshot(first).status.active
    assert session.withdraw(second) and session.queued() == []
    with pytest.raises(RunError):
        session.snapshot(second)
    at = session.snapshot(first).step
    reaches(session, first, at + 1)
    session.stop(first)


def test_a_change_that_was_asked_for_is_in_every_view(session: Session):
    run = session.start(tiny(**LONG))
    reaches(session, run, 1)
    session.change(run, n_critic=7)
    live = session.live()
    assert live is not None and live.config.n_critic == session.snapshot(run).config.n_critic == 7


def test_what_is_asked_of_a_run_as_it_ends_is_forgotten_with_it(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    """Else a run that goes on later has values that nobody gave it, and pages stand at its old weights."""
    ending, end, finish = threading.Event(), threading.Event(), TrainingJob.finish

    def slowly(job: TrainingJob, *args: Any) -> None:
        ending.set()
        assert end.wait(180)
        finish(job, *args)

    run = session.start(tiny(**LONG))
    reaches(session, run, 5)
    monkeypatch.setattr(TrainingJob, "finish", slowly)
    session.stop(run)
    assert ending.wait(180) and session.snapshot(run).status.active
    session.change(run, steps=7_000_000)
    with pytest.raises(RunError, match="busy"):
        session.models(run, wait=0.0)
    monkeypatch.setattr(TrainingJob, "finish", finish)
    end.set()
    until(lambda: not session.snapshot(run).status.active)
    at = session.snapshot(run).step
    session.resume(run)
    reaches(session, run, at + 1)
    assert session.snapshot(run).config.steps == LONG["steps"]
    until(lambda: session.models(run).step > at)
    session.stop(run)


def test_many_who_watch_a_run_of_another_process_read_it_one_after_the_other(
    session: Session, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    job = TrainingJob(Run.create(tiny(report_every=1), runs_dir), threads=1)
    job.prepare()
    for _ in range(5):
        job.step()
    name = job.run.id
    before = session.snapshot(name)
    for _ in range(20):
        job.step()
    job.finish(Status.STOPPED)
    read, reports = threading.Barrier(2), Run.reports_after

    def slowly(run: Run, *args: Any) -> object:
        result = reports(run, *args)
        with contextlib.suppress(threading.BrokenBarrierError):
            read.wait(0.5)  # both have read the same reports, if both may
        return result

    monkeypatch.setattr(Run, "reports_after", slowly)
    with ThreadPoolExecutor(2) as pool:
        snapshots = list(pool.map(session.snapshot, [name, name]))
    for snapshot in snapshots:
        steps = snapshot.curves["step"]
        assert len(before.curves["step"]) < len(steps) == 25 and (np.diff(steps) > 0).all()


def test_a_damaged_set_is_not_read_at_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tried: list[object] = []

    def load(self: object, root: object = None) -> None:
        tried.append(root)
        raise DataError("It cannot be read.")

    dataset = Mnist10k()
    monkeypatch.setattr(type(dataset), "load", load)
    sets = datasets.DatasetLibrary(tmp_path, Permissions(LOCAL_VISITOR, Owners(tmp_path), list))
    assert [sets.examples(dataset, 3) for _ in range(5)] == [None] * 5 and len(tried) == 1
    monkeypatch.setattr(datasets, "DAMAGED_RETRY_S", 0.0)
    sets = datasets.DatasetLibrary(tmp_path, Permissions(LOCAL_VISITOR, Owners(tmp_path), list))
    assert [sets.examples(dataset, 3) for _ in range(2)] == [None] * 2 and len(tried) == 3


class Panic(BaseException):
    """What a library written in Rust throws: no Exception."""


@pytest.mark.parametrize("error", [ValueError, Panic, MemoryError])
def test_work_that_fails_ends_alone_and_the_next_begins(
    session: Session, error: type[BaseException], caplog: pytest.LogCaptureFixture
):
    def failing() -> Iterator[TaskProgress]:
        yield TaskProgress("begins", 0.1)
        raise error("as never seen before")

    def sound() -> Iterator[TaskProgress]:
        yield TaskProgress("done", 1.0, "result")

    broken = session.begin_task("Broken", "", failing).key
    whole = session.begin_task("Whole", "", sound).key
    until(lambda: session.task(broken).done and session.task(whole).done)
    assert session.task(broken).error and session.task(whole).result == "result"
    run = session.start(tiny())
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    assert "as never seen before" in caplog.text


def test_a_training_that_cannot_end_does_not_end_the_worker(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    """Whatever goes wrong in the worker's own code, the next run begins."""
    first = session.start(tiny(**LONG))
    reaches(session, first, 5)
    monkeypatch.setattr(TrainingJob, "finish", lambda *_: 1 / 0)
    session.stop(first)
    until(lambda: session.live() is None)
    monkeypatch.undo()
    second = session.start(tiny(seed=1))
    until(lambda: session.snapshot(second).status is Status.FINISHED)


OUT_OF_MEMORY = """
import resource, sys, time
from pathlib import Path
from tests.conftest import tiny, until
from wgan.config import TrainConfig
from wgan.runs import Status
from wgan.session import Session
session = Session(Path(sys.argv[1]), threads=1)

def ended(run):
    while session.snapshot(run).status.active:
        time.sleep(0.05)
    return session.snapshot(run)

assert ended(session.start(tiny())).status is Status.FINISHED  # everything is imported by now
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (mapped + (200 << 20), hard))
config = TrainConfig.parse({"dataset": "ring-8", "network": {"name": "mlp", "width": 1024, "depth": 12},
                            "batch_size": 512, "threads": 1, "measure": False})
view = ended(session.start(config))
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(view.status, view.error)
print(ended(session.start(tiny(seed=1))).status)
session.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process' memory")
def test_a_run_for_which_there_is_no_memory_ends_with_a_sentence(runs_dir: Path):
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY, str(runs_dir)],
        cwd=Path(__file__).parents[1],
        text=True,
        capture_output=True,
        timeout=250,
        check=False,
    )
    first, second = done.stdout.splitlines() or [done.stderr, ""]
    assert (
        first
        == "failed The machine ran out of memory. Choose a smaller network or a smaller batch."
    )
    assert second == "finished"


def test_undo_goes_back_change_by_change_and_redo_forth(session: Session, runs_dir: Path):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)

    def values() -> tuple[float, int]:
        config = session.snapshot(run).config
        return config.critic_learning_rate, config.n_critic

    start = values()
    states = [start]
    for changes in (
        {"critic_learning_rate": 0.01},
        {"n_critic": 3},
        {"critic_learning_rate": 0.02},
    ):
        session.change(run, **changes)
        states.append(values())
    for expected in reversed(states[:-1]):
        session.undo(run)  # at once, whether the worker has recorded the last one or not
        assert values() == expected
    session.undo(run)
    assert values() == start
    session.redo(run)
    session.redo(run)
    assert values() == states[2]
    session.change(run, n_critic=4)  # a new change: what was undone before cannot be redone
    session.redo(run)
    assert values() == (0.01, 4)
    session.undo(run)
    assert values() == states[2]
    # The record alone tells it, as after a reload or a restart.
    until(lambda: len(session.snapshot(run).changes) == 10)
    assert session.history(run) == undo_and_redo(Run.find(run, runs_dir).changes())


def test_what_can_be_undone_is_read_from_the_record():
    a, b = Change(1, "a", 1, 2), Change(2, "b", 5, 6)
    engine = Change(3, "engine", {}, {"threads": 2})
    b_undone, a_undone = Change(4, "b", 6, 5), Change(5, "a", 2, 1)
    assert undo_and_redo([]) == ([], [])
    assert undo_and_redo([a, b, engine]) == ([a, b], [])
    assert undo_and_redo([a, b, engine, b_undone]) == ([a], [b])
    assert undo_and_redo([a, b, b_undone, a_undone]) == ([], [b, a])
    again = Change(6, "a", 1, 2)
    assert undo_and_redo([a, b, b_undone, a_undone, again]) == ([a], [b])
    other = Change(7, "a", 1, 3)
    assert undo_and_redo([a, b, b_undone, a_undone, other]) == ([other], [])


def test_models_of_a_run_that_ends_at_this_moment_are_those_of_its_checkpoint(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    """It ends after it was seen training, and before the worker could make a copy."""
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)

    order = Scheduler.call_between_steps

    def end_first(
        self: Scheduler, name: str, act: Callable[[TrainingJob], None], wait: float = 1.0
    ) -> None:
        monkeypatch.undo()
        session.stop(name)
        end = time.monotonic() + 180
        while session.snapshot(name).status.active:
            assert time.monotonic() < end
            time.sleep(0.01)
        order(self, name, act, wait)

    monkeypatch.setattr(Scheduler, "call_between_steps", end_first)
    models = session.models(run, wait=10_000.0)
    assert models.step == max(session.snapshot(run).checkpoint_steps)


def test_the_list_of_runs_follows_the_status_of_a_run(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    """A page is drawn anew when the status changes, and then not again: the list must not be older."""
    monkeypatch.setattr(library, "SUMMARY_CACHE_S", 1_000.0)
    run = session.start(tiny(steps=150_000, checkpoint_every=100_000))

    def listed() -> Status:
        (summary,) = session.library.summaries()
        return summary.status

    def reached(status: Status) -> bool:
        return session.snapshot(run).status is status

    listed()  # from now on it is cached
    until(partial(reached, Status.RUNNING))
    assert listed() is Status.RUNNING
    for act, status in (
        (session.pause, Status.PAUSED),
        (session.unpause, Status.RUNNING),
        (session.stop, Status.STOPPED),
    ):
        act(run)
        until(partial(reached, status))
        assert listed() is status


def test_a_requested_config_is_shown_until_the_training_has_taken_it(tmp_path: Path):
    """No snapshot in between shows the config from before: a slider would jump back."""
    first, second, third = (tiny(preview_seed=seed) for seed in (1, 2, 3))
    snapshots = Snapshots(tmp_path)
    snapshot = RunSnapshot("a-run", Status.RUNNING, first)

    def seeds() -> tuple[int, int]:
        published = snapshots.published("a-run")
        return snapshots.snapshot("a-run").config.preview_seed, published.config.preview_seed

    snapshots.publish(snapshot)
    assert seeds() == (1, 1)
    to_second = snapshots.request("a-run", second)
    assert seeds() == (2, 2)
    snapshots.publish(snapshot)  # by a step that began before
    assert seeds() == (2, 2)
    to_third = snapshots.request("a-run", third)
    with snapshots.making("a-run", to_second):  # the training has made the first change only
        snapshots.publish(replace(snapshot, config=second))
        assert seeds() == (3, 3) and snapshots.live("a-run")[1] == (to_third,)
    assert seeds() == (3, 3)
    with snapshots.making("a-run", to_third):
        snapshots.publish(replace(snapshot, config=third))
        assert seeds() == (3, 3) and snapshots.live("a-run")[1] == ()
    assert seeds() == (3, 3)


def test_undo_knows_changes_that_the_training_has_not_made_yet(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    run = session.start(tiny(**LONG))
    reaches(session, run, 2)
    # A busy worker makes no change between two steps for a while.
    waiting: list[Callable[[], None]] = []
    order = Scheduler.call_between_steps

    def later(
        self: Scheduler, name: str, act: Callable[[TrainingJob], None], wait: float = 1.0
    ) -> None:
        waiting.append(lambda: order(self, name, act, wait))

    monkeypatch.setattr(Scheduler, "call_between_steps", later)
    for n_critic in (3, 4, 5):
        session.change(run, n_critic=n_critic)
    for expected in (4, 3):
        session.undo(run)
        assert session.snapshot(run).config.n_critic == expected
    session.redo(run)
    assert session.snapshot(run).config.n_critic == 4
    monkeypatch.undo()
    for act in waiting:
        act()
    until(lambda: len(user_changes(session, run)) == 6)
    assert [change.after for change in user_changes(session, run)] == [3, 4, 5, 4, 3, 4]
    assert session.snapshot(run).config.n_critic == 4


def user_changes(session: Session, run: str) -> list[Change]:
    return [change for change in session.snapshot(run).changes if change.path == "n_critic"]
