import dataclasses
import shutil
import sqlite3
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import pictures, tiny
from wgan import jobs
from wgan.config import ConfigError, TrainConfig
from wgan.data import Mnist10k
from wgan.jobs import Curves, RunReader, Task, TaskProgress, TrainingJob
from wgan.jobs.snapshot import SERIES_POINTS
from wgan.runs import (
    COLUMNS,
    Change,
    Measured,
    Run,
    RunError,
    RunIndex,
    Status,
    StoredReport,
    unpack_arrays,
)
from wgan.training import Diverged, Report


def job(runs_dir: Path, **changes: object) -> TrainingJob:
    job = TrainingJob(Run.create(tiny(**changes), runs_dir), threads=1)
    job.prepare()
    return job


def finish(training_job: TrainingJob) -> TrainingJob:
    while not training_job.done:
        training_job.step()
    training_job.finish(Status.FINISHED)
    return training_job


def numbers(run: Run) -> dict[str, list[float]]:
    """Every column that must repeat: all but the clock's."""
    return {k: v.tolist() for k, v in run.reports().items() if k not in ("seconds", "time")}


def final(run: Run) -> dict[str, torch.Tensor]:
    return run.checkpoints.read()[0].tensors


def identical(a: Run, b: Run) -> bool:
    left, right = final(a), final(b)
    return numbers(a) == numbers(b) and all(torch.equal(left[k], right[k]) for k in left)


def test_no_view_of_a_resumed_run_is_taken_for_one_from_before(runs_dir: Path):
    # Pages cache what they make of a snapshot by its version, and a resumed run has another job.
    before = finish(job(runs_dir, steps=20))
    versions = {before.snapshot.version}
    again = TrainingJob(before.run, threads=1, resume=True, changes={"steps": 40})
    again.prepare()
    while not again.done:
        versions.add(again.snapshot.version)
        again.step()
        again.flush()
    again.finish(Status.FINISHED)
    assert len(versions) >= 20 and again.snapshot.version not in versions


def test_a_finished_run_holds_everything(runs_dir: Path):
    training_job = finish(job(runs_dir))
    run = training_job.run
    assert run.status() is Status.FINISHED and not run.alive()
    assert run.reports()["step"].tolist() == list(range(5, 41, 5))
    assert run.previews.steps() == [0, 1, 10, 20, 30, 40]
    assert run.checkpoints.steps() == [0, 20, 40]
    assert run.reports()["images"].tolist() == [step * 16 * 2 for step in range(5, 41, 5)]
    assert np.all(np.diff(run.reports()["seconds"]) > 0)
    arrays = unpack_arrays(run.previews.read(40)[1])
    assert arrays["points"].shape == (1024, 2) and arrays["surface"].shape == (48, 48)


def test_views_of_a_live_and_of_a_stored_run_agree(runs_dir: Path):
    training_job = finish(job(runs_dir))
    live_snapshot, stored_snapshot = training_job.snapshot, RunReader(training_job.run).snapshot()
    assert (live_snapshot.step, live_snapshot.status, live_snapshot.config) == (
        stored_snapshot.step,
        stored_snapshot.status,
        stored_snapshot.config,
    )
    assert (
        live_snapshot.preview == stored_snapshot.preview
        and live_snapshot.last == stored_snapshot.last
    )
    assert live_snapshot.preview_steps == stored_snapshot.preview_steps
    # The training goes on after the last report, and takes time.
    (summary,) = RunIndex(runs_dir).summaries()
    assert live_snapshot.seconds == stored_snapshot.seconds == summary.seconds
    assert live_snapshot.last is not None and live_snapshot.seconds > live_snapshot.last.seconds
    for name in COLUMNS:
        assert live_snapshot.curves[name] == pytest.approx(stored_snapshot.curves[name])


def test_a_stopped_run_resumes_to_the_same_end(runs_dir: Path):
    whole = finish(job(runs_dir)).run
    part = job(runs_dir)
    for _ in range(13):
        part.step()
    part.finish(Status.STOPPED)
    assert part.run.status() is Status.STOPPED and part.run.checkpoints.steps()[-1] == 13
    again = TrainingJob(part.run, resume=True)
    again.prepare()
    assert identical(finish(again).run, whole)


def test_an_abandoned_run_resumes_to_the_same_end(runs_dir: Path):
    """As after kill −9: no final checkpoint, reports beyond the last one, and a change by hand."""

    def change(training_job: TrainingJob) -> None:
        training_job.change({"critic_learning_rate": 5e-4})

    whole = job(runs_dir)
    while not whole.done:
        if whole.training.steps == 23:
            change(whole)
        whole.step()
    whole.finish(Status.FINISHED)
    abandoned_job = job(runs_dir)
    for _ in range(36):
        if abandoned_job.training.steps == 23:
            change(abandoned_job)
        abandoned_job.step()
    abandoned_job.flush()
    (abandoned_job.run.folder / "lock").unlink()
    assert abandoned_job.run.status() is Status.INTERRUPTED
    assert (
        abandoned_job.run.checkpoints.steps()[-1] == 20
        and abandoned_job.run.last().report.step == 35
    )
    again = TrainingJob(abandoned_job.run, resume=True)
    again.prepare()
    assert again.training.steps == 20 and again.config.critic_learning_rate != 5e-4
    assert identical(finish(again).run, whole.run)
    assert [c.path for c in abandoned_job.run.changes()] == ["critic_learning_rate"]
    assert again.snapshot.config.critic_learning_rate == 5e-4


def test_resuming_further_and_with_changes(runs_dir: Path):
    training_job = finish(job(runs_dir))
    again = TrainingJob(training_job.run, resume=True, changes={"steps": 50, "n_critic": 1})
    again.prepare()
    finish(again)
    assert again.run.checkpoints.steps()[-1] == 50
    assert {c.path for c in again.run.changes()} == {"steps", "n_critic"}
    assert RunReader(again.run).snapshot().config.steps == 50


def test_seconds_end_a_run_too(runs_dir: Path):
    training_job = finish(job(runs_dir, seconds=0.05, steps=1_000_000))
    assert training_job.training.steps < 100_000 and training_job.seconds >= 0.05
    assert training_job.snapshot.share == 1.0


def test_a_change_is_recorded_and_refused_in_words(runs_dir: Path):
    training_job = job(runs_dir)
    training_job.step()
    training_job.change({"objective.penalty_weight": 3.0})
    assert [(c.step, c.path, c.before, c.after) for c in training_job.run.changes()] == [
        (1, "objective.penalty_weight", 10.0, 3.0)
    ]
    with pytest.raises(ConfigError):
        training_job.change({"batch_size": 3})
    training_job.finish(Status.STOPPED)


def test_new_z_makes_another_preview_of_the_same_weights(runs_dir: Path):
    training_job = job(runs_dir)
    training_job.step()
    before = training_job.snapshot.preview
    training_job.change({"preview_seed": 1})
    after = training_job.snapshot.preview
    assert after.step == 1 and after.content != (before.content if before else b"")
    training_job.finish(Status.STOPPED)


def test_a_diverging_run_keeps_its_last_good_checkpoint(runs_dir: Path):
    training_job = job(runs_dir, critic_learning_rate=0.1)
    for _ in range(22):
        training_job.step()
    with torch.no_grad():
        next(training_job.training.critic.parameters()).fill_(float("nan"))
    assert (
        training_job.live_evaluator.measure(1e6) == {}
        and training_job.live_evaluator.at_checkpoint() == {}
    )  # nothing to measure
    for _ in range(2):
        training_job.step()
    with pytest.raises(Diverged) as caught:
        training_job.step()  # step 25: the next report
    training_job.finish(Status.FAILED, str(caught.value))
    assert training_job.run.status() is Status.FAILED
    assert "critic learning rate 0.1" in training_job.run.fact("error")
    assert training_job.run.checkpoints.steps() == [0, 20]
    assert np.isfinite(training_job.run.reports()["critic_loss"]).all()
    assert training_job.run.last().report.step == 20


def test_a_full_disk_loses_nothing(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    training_job = job(runs_dir)
    real_add = Run.add

    def full(*_: object, **__: object) -> None:
        raise RunError("run.sqlite could not be written (No space left on device).")

    monkeypatch.setattr(Run, "add", full)
    for _ in range(30):
        training_job.step()
    training_job.change({"n_critic": 1})
    assert (
        "No space left" in training_job.snapshot.warning
        and "stay in memory" in training_job.snapshot.warning
    )
    assert training_job.snapshot.status is Status.RUNNING
    monkeypatch.setattr(Run, "add", real_add)
    finish(training_job)
    assert training_job.snapshot.warning == ""
    assert training_job.run.reports()["step"].tolist() == list(range(5, 41, 5))
    assert [change.path for change in training_job.run.changes()] == ["n_critic"]


def test_another_machines_engine_is_recorded_as_a_change(runs_dir: Path):
    training_job = job(runs_dir, threads=0)
    for _ in range(5):
        training_job.step()
    training_job.finish(Status.STOPPED)
    state, facts = training_job.run.checkpoints.read()
    wide = dataclasses.replace(state, engine=dataclasses.replace(state.engine, threads=64))
    training_job.run.add_checkpoint(wide, facts)
    again = TrainingJob(training_job.run, resume=True, threads=1)
    again.prepare()
    assert again.training.engine.threads == 1
    assert [c.path for c in again.run.changes()] == ["engine"]
    finish(again)


def test_curves_merge_and_keep_their_means():
    curves = Curves(5)
    for i in range(1, 20_001):
        curves.add(StoredReport(Report(5 * i, float(i), 0, 0, 0, 0), i, i, i))
    arrays = curves.arrays()
    n = len(arrays["step"])
    assert jobs.CURVE_POINTS / 2 <= n <= jobs.CURVE_POINTS
    assert arrays["step"][-1] == 5 * 20_000
    width = 64  # 20,000 / 64 = 312.5
    assert arrays["critic_loss"][0] == pytest.approx((1 + width) / 2)
    assert arrays["critic_loss"][10] == pytest.approx(10 * width + (1 + width) / 2)
    assert arrays["step"][0] == 5 * width


def test_live_curves_equal_those_from_sql(runs_dir: Path):
    run = Run.create(tiny(), runs_dir)
    rng = np.random.default_rng(0)
    rows = [
        StoredReport(Report(5 * i, *rng.normal(size=7)), i, float(i), float(i))
        for i in range(1, 1801)
    ]
    run.add(rows)
    curves = Curves(5)
    for row in rows:
        curves.add(row)
    expected = run.curves(jobs.CURVE_POINTS)
    for name, values in curves.arrays().items():
        assert values == pytest.approx(expected[name]), name


def test_pictures_are_kept_as_a_grid_of_64(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Mnist10k, "load", lambda *_: pictures())
    config = TrainConfig.parse(
        {"batch_size": 4, "n_critic": 1, "steps": 2, "threads": 1, "precision": "float32"}
    )
    job = TrainingJob(Run.create(config, runs_dir))
    job.prepare()
    finish(job)
    suffix, content = job.run.previews.read(2)
    with Image.open(BytesIO(content)) as grid:
        assert suffix == "webp" and grid.size == (224, 224)


def test_a_folder_deleted_under_a_live_run_is_made_again(runs_dir: Path):
    training_job = job(runs_dir)
    for _ in range(12):
        training_job.step()
    training_job.change({"critic_learning_rate": 0.002})
    shutil.rmtree(training_job.run.folder)
    training_job.step()
    training_job.flush()
    assert "was deleted at step 13 and has been created again" in training_job.snapshot.warning
    while not training_job.done:
        training_job.step()
    training_job.finish(Status.FINISHED)
    assert training_job.run.reports()["step"].tolist() == [5, 10, 15, 20, 25, 30, 35, 40]
    assert [c.path for c in training_job.run.changes()] == ["critic_learning_rate"]
    assert (
        training_job.run.checkpoints.steps() == [13, 20, 40]
        and training_job.run.previews.steps()[0] == 13
    )
    assert RunReader(training_job.run).snapshot().status is Status.FINISHED


def test_reports_come_in_as_another_process_makes_them(runs_dir: Path):
    """What a reader keeps and adds to is what a fresh reader reads."""
    training_job = job(
        runs_dir, steps=1200, report_every=1, preview_every=1200, checkpoint_every=1200
    )
    watcher = RunReader(Run(training_job.run.folder))
    for until in (7, 400, 1100, 1101, 1200):
        while training_job.training.steps < until:
            training_job.step()
        training_job.pause(False)  # all reports are written
        snapshot, fresh = watcher.snapshot(), RunReader(Run(training_job.run.folder)).snapshot()
        assert snapshot.is_trained_by_other_process and snapshot.step == until
        for name in COLUMNS:
            assert np.allclose(snapshot.curves[name], fresh.curves[name]), (name, until)
    training_job.finish(Status.FINISHED)
    assert not watcher.snapshot().is_trained_by_other_process


def test_measurements_are_read_once_and_as_they_are(runs_dir: Path, monkeypatch):
    """A reader who keeps what it read shows what a fresh reader shows, whatever was done to the run."""
    run = Run.create(tiny(), runs_dir)
    watcher, read = RunReader(run), []
    whole = Run.metrics

    def recorded(run: Run) -> list[Measured]:
        read.append(run)
        return whole(run)

    monkeypatch.setattr(Run, "metrics", recorded)

    def same(rereads: int = 0) -> None:
        read.clear()
        metrics = watcher.snapshot().metrics
        assert len(read) == rereads
        assert metrics == RunReader(run).snapshot().metrics and metrics

    for step in range(0, 5000, 10):
        run.add_metrics([Measured(step, name, float(step)) for name in ("emd_512", "kid")])
        if step % 900 == 0:
            same()
    same()
    assert len(watcher.snapshot().metrics) <= 4 * SERIES_POINTS
    run.add_metrics([Measured(4990, "emd_512", 7.0), Measured(4990, "modes", 8.0)])
    same()
    run.add_metrics([Measured(100, "modes_2500", 8.0), Measured(100, "emd_512", 1.0)])
    same(rereads=1)
    # Trained again from a checkpoint: as many were forgotten as are new.
    run.rewind(4000, [], [])
    run.add_metrics([Measured(step, "kid", -1.0) for step in range(4005, 6000, 5)])
    same()
    # The folder was deleted, and made again.
    with sqlite3.connect(run.folder / "run.sqlite") as db:
        db.execute("DELETE FROM metrics")
    run.add_metrics([Measured(6000, "kid", 3.0)])
    same()
    assert len(watcher.snapshot().metrics) == 1


def test_a_resumed_run_forgets_where_its_engine_was_switched_after_the_checkpoint(runs_dir: Path):
    training_job = job(runs_dir, steps=100, checkpoint_every=10)
    one_thread, two_threads = (
        training_job.training.engine,
        replace(training_job.training.engine, threads=2),
    )
    while training_job.training.steps < 10:
        training_job.step()
    for step, before, after in (
        (5, two_threads, one_thread),
        (10, one_thread, two_threads),
        (12, one_thread, two_threads),
    ):
        training_job.recorder.buffer.add_change(
            Change(step, "engine", before.as_dict(), after.as_dict())
        )
    training_job.flush()
    assert training_job.run.checkpoints.read()[0].engine == one_thread
    training_job.release()  # as if it was killed
    again = TrainingJob(training_job.run, threads=1, resume=True)
    assert len(again.run.changes()) == 3
    again.prepare()
    assert (
        [c.step for c in again.recorder.buffer.changes]
        == [c.step for c in again.run.changes()]
        == [5]
    )
    again.finish(Status.STOPPED)


def test_a_run_killed_before_its_first_checkpoint_begins_again(runs_dir: Path):
    run = Run.create(tiny(), runs_dir)
    assert run.resume_point() == (tiny(), 0)
    again = TrainingJob(run, threads=1, resume=True)
    again.prepare()
    finish(again)
    assert numbers(run) == numbers(finish(job(runs_dir)).run)
    assert run.resume_point()[1] == 40


def test_a_full_disk_at_the_end_is_one_sentence_that_says_what_to_do(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    training_job = job(runs_dir)
    for _ in range(25):
        training_job.step()
    training_job.flush()
    last_checkpoint = max(training_job.snapshot.checkpoint_steps)

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", full)
    for _ in range(5):
        training_job.step()
    training_job.flush()
    assert "the disk is full or faulty; free some space" in training_job.snapshot.warning
    training_job.finish(Status.STOPPED)
    assert training_job.snapshot.warning == "" and training_job.snapshot.status is Status.FAILED
    assert "The end of this run could not be saved." in training_job.snapshot.error
    # The weights are saved all the same: only the database could not be written.
    assert (
        training_job.snapshot.error.endswith("Then resume the run: it continues from step 30.")
        and last_checkpoint == 20
    )


def test_cancelled_work_stands_where_its_result_does():
    progress = iter(
        [TaskProgress("one", 0.1, "found"), TaskProgress("two", 0.2), TaskProgress("three", 0.3)]
    )
    task = Task("key", "title", "", lambda: progress)
    for _ in range(3):
        task.step()
    assert (task.status.share, task.status.result) == (0.3, "found")
    task.cancel()
    assert (task.status.share, task.status.result) == (0.1, "found")


@pytest.mark.parametrize(
    ("target", "title", "sentence"),
    [
        ("Training.preview", "The preview could not be made", "The preview could not be made: "),
        (
            "LiveEvaluator.at_checkpoint",
            "a measurement failed",
            "A measurement failed and will not be repeated. ",
        ),
    ],
)
def test_what_fails_beside_a_training_is_named_logged_and_ends_nothing(
    target: str, title: str, sentence: str, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    training_job = job(
        runs_dir, checkpoint_every=20, preview_every=20, report_every=5, measure=True
    )

    def fail(*_: object) -> None:
        raise ValueError("Out of luck.")

    with monkeypatch.context() as patched:
        patched.setattr(f"wgan.training.{target}", fail)
        while training_job.training.steps < 20:
            training_job.step()
        training_job.flush()
    assert f"{sentence}Out of luck." in training_job.snapshot.warning
    log = (training_job.run.folder / "error.log").read_text("utf-8")
    assert f"step 20: {title}: Traceback" in log and "Out of luck." in log
    finish(training_job)
    assert (
        training_job.run.status() is Status.FINISHED
        and training_job.run.checkpoints.steps()[-1] == 40
    )
    # The next preview succeeded and takes its warning back; what is left out for good stays named.
    assert (sentence in training_job.snapshot.warning) == (title == "a measurement failed")
