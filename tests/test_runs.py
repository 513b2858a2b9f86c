import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.conftest import tiny
from wgan.imaging import encode
from wgan.runs import (
    COLUMNS,
    KEEP_PREVIEWS,
    Change,
    Measured,
    Run,
    RunError,
    RunIndex,
    RunTakenOver,
    Status,
    StoredReport,
    list_runs,
    pack_arrays,
    unpack_arrays,
)
from wgan.runs.checkpoints import with_digest
from wgan.runs.tables import best_of
from wgan.schema import SCHEMA
from wgan.training import Engine, Report, Training


def report(step: int, value: float = 0.5) -> StoredReport:
    return StoredReport(
        Report(step, value, 2 * value, -value, -value, 0.1), step * 32, step / 10, 1e9
    )


@pytest.fixture
def run(runs_dir: Path) -> Run:
    return Run.create(tiny(), runs_dir)


@pytest.fixture
def training(engine: Engine) -> Training:
    training = Training(tiny(), engine=engine)
    for _ in range(3):
        training.step()
    return training


OUTSIDE = [
    "",
    ".",
    "..",
    "../outside",
    "/outside",
    "a/b",
    "a\\b",
    "C:run",
    ".hidden",
    "a\0b",
    5000 * "x",
]
"""Names that come from an address and must not lead out of the folder of runs."""


@pytest.mark.parametrize("name", OUTSIDE, ids=range(len(OUTSIDE)))
def test_no_name_from_outside_leads_out_of_the_folder(name: str, tmp_path: Path):
    runs_dir = tmp_path / "runs"
    own = Run.create(tiny(), runs_dir)
    for folder in ("outside", "runs/.hidden", "runs/a/b"):
        shutil.copytree(own.folder, tmp_path / folder)
    assert Run.named(own.id, runs_dir).config() == tiny()
    with pytest.raises(RunError) as error:
        Run.named(name, runs_dir)
    assert len(str(error.value)) < 400


def test_a_name_that_no_folder_can_have_is_not_found(runs_dir: Path):
    for name in (5000 * "x", "a\0b"):
        with pytest.raises(RunError, match="There is no run"):
            Run.find(name, runs_dir)


def test_a_run_keeps_its_config(run: Run):
    assert run.config() == tiny()
    described = json.loads((run.folder / "config.json").read_text())
    assert described["schema"] == SCHEMA and torch.__version__.startswith(
        described["versions"]["torch"]
    )
    assert run.id.endswith("-ring-8-wgan-gp-s0")


def test_runs_of_one_second_do_not_collide(runs_dir: Path):
    assert len({Run.create(tiny(), runs_dir).id for _ in range(5)}) == 5


def test_the_newest_comes_first_and_can_be_found(runs_dir: Path):
    runs = [Run.create(tiny(), runs_dir) for _ in range(3)]
    assert {run.id for run in list_runs(runs_dir)} == {run.id for run in runs}
    newest = list_runs(runs_dir)[0].id
    assert Run.find("last", runs_dir).id == newest
    assert Run.find(str(runs[0].folder), Path("elsewhere")).id == runs[0].id
    with pytest.raises(RunError, match="no run 'nothing'"):
        Run.find("nothing", runs_dir)
    with pytest.raises(RunError, match="no runs in"):
        Run.find("last", runs_dir / "empty")


def test_reports_come_back_exactly(run: Run):
    reports = [report(step, value) for step, value in ((5, 1 / 3), (10, 1e-17), (15, 2.5e6))]
    run.add(reports)
    columns = run.reports()
    assert list(columns) == list(COLUMNS)
    assert columns["step"].tolist() == [5, 10, 15]
    assert columns["critic_loss"].tolist() == [1 / 3, 1e-17, 2.5e6]
    assert run.last() == reports[-1] and run.at(12) == reports[1] and run.at(4) is None


def test_a_step_made_again_replaces_itself(run: Run):
    run.add([report(5, 1.0), report(10, 1.0)])
    run.add([report(10, 2.0), report(15, 3.0)])
    assert run.reports()["critic_loss"].tolist() == [1.0, 2.0, 3.0]


def test_changes_come_back_in_order(run: Run):
    changes = [
        Change(5, "n_critic", 5, 1),
        Change(5, "objective.clip_value", 0.01, 0.1),
        Change(9, "seconds", None, 60.0),
    ]
    run.add([], changes)
    assert run.changes() == changes


@pytest.mark.parametrize("n", [1, 7, 499, 1001, 5000])
def test_curves_are_means_of_equal_widths(run: Run, n: int):
    run.add(report(5 * (i + 1), float(i)) for i in range(n))
    curves = run.curves(500)
    assert 0 < len(curves["step"]) <= 500
    assert curves["step"][-1] == 5 * n
    every = len(curves["step"]) == n
    if every:
        assert curves["critic_loss"].tolist() == [float(i) for i in range(n)]
    width = -(-n // len(curves["step"]))
    assert curves["critic_loss"][0] == pytest.approx((width - 1) / 2, abs=width / 2)


def test_curves_of_nothing(run: Run):
    assert len(run.curves()["step"]) == 0 and run.last() is None


def test_the_status_of_a_dead_process_is_interrupted(run: Run):
    run.set_fact("status", Status.RUNNING)
    assert run.status() is Status.INTERRUPTED
    with run.lock():
        assert run.status() is Status.RUNNING
    assert run.status() is Status.INTERRUPTED
    run.set_fact("status", Status.FINISHED)
    assert run.status() is Status.FINISHED


def test_a_live_process_keeps_others_out(run: Run):
    with run.lock(), pytest.raises(RunError, match="trained by another process"), run.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(run: Run):
    code = (
        "import os, sys; from pathlib import Path; from wgan.runs import Run\n"
        "with Run(Path(sys.argv[1])).lock(): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.folder)], check=False, cwd=Path.cwd())
    assert (run.folder / "lock").exists() and not run.alive()
    with run.lock():
        assert run.alive()


def test_a_number_taken_by_another_process_does_not_count(run: Run):
    with run.lock():
        owner = json.loads((run.folder / "lock").read_text())
    (run.folder / "lock").write_text(json.dumps(owner | {"started": "12345"}))
    assert not run.alive()


def is_trained_by_other_process(run: Run, touched: float) -> None:
    """Make a lock as another machine leaves it, touched at a time of the file system."""
    (run.folder / "lock").unlink(missing_ok=True)
    with run.lock():
        owner = json.loads((run.folder / "lock").read_text())
    path = run.folder / "lock"
    path.write_text(json.dumps(owner | {"host": "elsewhere"}))
    os.utime(path, (touched, touched))


def test_another_machines_run_lives_by_its_heartbeat(run: Run):
    now = run.folder.stat().st_mtime
    is_trained_by_other_process(run, now)
    assert run.alive()
    with pytest.raises(RunError, match="machine elsewhere"), run.lock():
        pass
    # Long ago, and in the future as a clock that was set back leaves it: nobody beats there.
    for touched in (now - 600, now + 600):
        is_trained_by_other_process(run, touched)
        assert not run.alive()
        with run.lock():
            assert run.alive()


@pytest.mark.parametrize("wrong", [-86_400.0, 86_400.0])
def test_a_wrong_clock_does_no_harm(run: Run, monkeypatch: pytest.MonkeyPatch, wrong: float):
    now = time.time() + wrong
    is_trained_by_other_process(run, run.folder.stat().st_mtime)
    monkeypatch.setattr(time, "time", lambda: now)
    assert run.alive()
    is_trained_by_other_process(run, run.folder.stat().st_mtime - 600)
    assert not run.alive()


RACE = """
import sys, time
from pathlib import Path
from wgan.runs import Run, RunError
run = Run(Path(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    try:
        with run.lock():
            print("won", flush=True)
            sys.stdin.readline()
        print("left", flush=True)
    except RunError:
        print("lost", flush=True)
        sys.stdin.readline()
        print("left", flush=True)
"""


def test_of_two_processes_that_take_a_run_at_once_one_gets_it(run: Run):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(run.folder)],
            cwd=Path.cwd(),
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]

    def all_say() -> list[str]:
        return sorted(racer.stdout.readline().strip() for racer in racers)

    def tell_all() -> None:
        for racer in racers:
            racer.stdin.write("\n")

    try:
        assert all_say() == ["ready", "ready"]
        for _ in range(60):
            tell_all()
            assert all_say() == ["lost", "won"]
            tell_all()
            assert all_say() == ["left", "left"]
    finally:
        for racer in racers:
            racer.stdin.close()
            racer.wait()
            racer.stdout.close()


def test_who_lost_the_run_to_another_process_writes_no_more(run: Run, training: Training):
    """As on a file system whose locks do not reach other machines."""
    with run.lock():
        (run.folder / "lock").unlink()
        with Run(run.folder).lock():
            with pytest.raises(RunTakenOver, match="Another process is now training run"):
                run.set_fact("status", Status.FINISHED)
            with pytest.raises(RunTakenOver):
                run.add_checkpoint(training.state(), {})
    assert not run.checkpoints.steps() and run.fact("status") == Status.QUEUED


def test_a_checkpoint_comes_back_exactly(run: Run, training: Training):
    state = training.state()
    run.add_checkpoint(state, {"seconds": 1.5, "images": 96})
    back, facts = run.checkpoints.read()
    assert facts == {"seconds": 1.5, "images": 96}
    assert (back.config, back.engine, back.step) == (state.config, state.engine, 3)
    assert (back.critic_updates, back.counts) == (state.critic_updates, state.counts)
    assert all(torch.equal(back.tensors[k], v) for k, v in state.tensors.items())


def test_an_untrained_generator_is_never_the_best():
    measurements = [
        Measured(step, "emd_512", value) for step, value in ((0, 0.1), (5, 0.5), (9, 0.7))
    ]
    assert {name: m.step for name, m in best_of(measurements).items()} == {"emd_512": 5}
    assert best_of(measurements[:1]) == {}


def test_the_newest_the_first_the_best_and_the_starred_checkpoints_stay(
    run: Run, training: Training
):
    training.apply(keep_checkpoints=4)
    for _ in range(40):
        training.step()
        step = training.steps
        run.add_metrics([Measured(step, "emd_512", abs(step - 17) + 1.0)])
        run.add_checkpoint(training.state(), {})
        if step == 8:
            run.star(8, True)
    steps = run.checkpoints.steps()
    assert steps[0] == 4 and steps[-4:] == [40, 41, 42, 43]
    assert run.best_steps() == {"emd_512": 17}
    assert {8, 17} <= set(steps) and len(steps) <= 4 + 4 + 3
    run.star(8, False)
    for _ in range(10):
        training.step()
        run.add_checkpoint(training.state(), {})
    assert 17 in run.checkpoints.steps() and 8 not in run.checkpoints.steps()


def test_a_damaged_checkpoint_is_passed_over(run: Run, training: Training):
    run.add_checkpoint(training.state(), {})
    training.step()
    path = run.add_checkpoint(training.state(), {})
    path.write_bytes(path.read_bytes()[:-100])
    assert run.checkpoints.read()[0].step == 3
    with pytest.raises(RunError, match="damaged"):
        run.checkpoints.read(4)
    save_file({"x": torch.zeros(1)}, path)  # sound, but somebody else's
    with pytest.raises(RunError, match="of another program"):
        run.checkpoints.read(4)
    assert run.checkpoints.read()[0].step == 3


@pytest.mark.parametrize(
    ("harm", "pattern"),
    [
        (lambda t: t.pop("critic.0.weight"), "critic.0.weight is missing"),
        (lambda t: t.update({"critic.more": torch.zeros(1)}), "does not belong to any layer"),
        (
            lambda t: t.update({"average.0.weight": torch.zeros(3, 3)}),
            r"has the shape \(3, 3\) instead of",
        ),
        (
            lambda t: t["critic.0.weight"].__setitem__((0, 0), float("nan")),
            "infinite or undefined values",
        ),
    ],
)
def test_weights_that_do_not_fit_are_said_in_words(
    run: Run, training: Training, harm, pattern: str
):
    run.add_checkpoint(training.state(), {})
    training.step()
    path = run.add_checkpoint(training.state(), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    harm(tensors)
    path.write_bytes(with_digest(tensors, metadata))
    with pytest.raises(RunError, match=pattern):
        run.checkpoints.read(4)
    assert run.checkpoints.read()[0].step == 3  # the rest is usable


def test_every_flipped_bit_of_a_checkpoint_is_noticed(run: Run, training: Training):
    path = run.add_checkpoint(training.state(), {"seconds": 1.0, "images": 16})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * len(whole), 400, replace=False):
        harmed = bytearray(whole)
        harmed[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(harmed)
        with pytest.raises(RunError):
            run.checkpoints.read(3)
    path.write_bytes(whole)
    run.checkpoints.read(3)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_offered(run: Run, training: Training):
    run.add_checkpoint(training.state(), {})
    training.step()
    path = run.add_checkpoint(training.state(), {})
    harmed = bytearray(path.read_bytes())
    harmed[-5] ^= 16
    path.write_bytes(harmed)
    with pytest.raises(
        RunError, match=rf"{path.name} is damaged.*Use the one before it, at step 3"
    ):
        run.checkpoints.read(4)
    state, _, reasons = run.checkpoints.newest_resumable()
    assert state.step == 3 and len(reasons) == 1 and path.name in reasons[0]
    assert run.resume_point()[1] == 3


@pytest.mark.parametrize("group", ["generator", "sums", "generator_optimizer", "critic_optimizer"])
def test_a_checkpoint_that_lacks_a_group_of_tensors_is_not_resumed(
    run: Run, training: Training, group: str
):
    run.add_checkpoint(training.state(), {})
    training.step()
    state = training.state()
    left = {k: v for k, v in state.tensors.items() if k.partition(".")[0] != group}
    path = run.add_checkpoint(replace(state, tensors=left), {})
    assert run.checkpoints.read(4)[0].step == 4  # samples can be made of it
    state, _, reasons = run.checkpoints.newest_resumable()
    assert state.step == 3 and path.name in reasons[0] and group.split("_")[0] in reasons[0]


def test_a_checkpoint_of_a_newer_version_is_refused(run: Run, training: Training):
    path = run.add_checkpoint(training.state(), {})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() | {"schema": "99"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata)
    with pytest.raises(RunError, match="newer version"):
        run.checkpoints.read(3)


def test_a_run_of_schema_1_is_migrated(run: Run, training: Training):
    run.add_checkpoint(training.state(), {})
    path = run.folder / "config.json"
    described = json.loads(path.read_text("utf-8")) | {"schema": 1}
    del described["parent"]
    path.write_text(json.dumps(described), "utf-8")
    db = sqlite3.connect(run.folder / "run.sqlite")
    with db:
        db.execute("DROP TABLE metrics")
        db.execute("PRAGMA user_version = 0")
    db.close()
    assert run.parent() is None and run.metrics() == [] and run.config() == training.config
    assert RunIndex(run.folder.parent).summaries()[0].problem == ""
    run.add_metrics([Measured(3, "emd_512", 0.5)])
    assert run.metrics() == [Measured(3, "emd_512", 0.5)]
    described["schema"] = 99
    path.write_text(json.dumps(described), "utf-8")
    with pytest.raises(RunError, match="newer version"):
        run.config()


def test_a_step_without_a_checkpoint_is_said(run: Run, training: Training):
    run.add_checkpoint(training.state(), {})
    training.step()
    run.add_checkpoint(training.state(), {})
    with pytest.raises(
        RunError, match=r"no checkpoint at step 9\. It has checkpoints at steps 3, 4"
    ):
        run.checkpoints.read(9)


def test_what_is_not_finite_is_never_saved(run: Run, training: Training):
    with torch.no_grad():
        next(training.critic.parameters())[0] = float("inf")
    with pytest.raises(RunError, match="undefined values at step 3"):
        run.add_checkpoint(training.state(), {})
    assert run.checkpoints.steps() == [] and not list(run.folder.glob("*.part"))


def test_no_pickle_is_ever_read():
    evil = pack_arrays({"a": np.zeros(3)})
    assert unpack_arrays(evil)["a"].tolist() == [0, 0, 0]
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=True, a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(RunError, match="damaged"):
        unpack_arrays(buffer.getvalue())


def test_previews_are_thinned(run: Run):
    picture = encode(np.zeros((8, 8, 1), np.uint8))
    for step in range(1, KEEP_PREVIEWS + 40):
        run.previews.add(step, "webp", picture)
    steps = run.previews.steps()
    assert KEEP_PREVIEWS / 2 < len(steps) <= KEEP_PREVIEWS
    assert steps[0] == 1 and steps[-1] == KEEP_PREVIEWS + 39
    assert run.previews.read(steps[0]) == ("webp", picture) and run.previews.read(2) is None


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError, match="No run can be created"):
        Run.create(tiny(), blocked)


def test_foreign_folders_are_no_runs(runs_dir: Path, run: Run):
    (runs_dir / "notes").mkdir()
    assert [r.id for r in list_runs(runs_dir)] == [run.id]
    with pytest.raises(RunError, match="is not a run"):
        Run(runs_dir / "notes")


def test_damage_is_said_in_words(run: Run):
    (run.folder / "run.sqlite").write_bytes(b"not a database at all, but long enough" * 50)
    for leftover in ("run.sqlite-wal", "run.sqlite-shm"):
        (run.folder / leftover).unlink(missing_ok=True)
    with pytest.raises(RunError, match="cannot be used"):
        run.reports()
    os.unlink(run.folder / "run.sqlite")
    with pytest.raises(RunError, match=r"no run\.sqlite"):
        run.reports()
    (run.folder / "config.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        run.config()


def test_another_process_reads_while_this_one_writes(run: Run):
    run.add([report(5)])
    with sqlite3.connect(run.folder / "run.sqlite") as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM reports")
        assert run.last() == report(5)
        writer.rollback()
    writer.close()
