"""Evaluations: as tasks with progress and cancel, on the command line, and what they record."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import pictures, tiny
from wgan.cli import main as cli
from wgan.config import TrainConfig
from wgan.data import Mnist10k
from wgan.jobs import Evaluation, Task, TaskProgress, TaskSteps, TrainingJob, evaluate
from wgan.latent import Models
from wgan.metrics import METRICS
from wgan.runs import Run, Status
from wgan.session import Session

DIGITS = TrainConfig.parse(
    {
        "dataset": "mnist-10k",
        "network": {"name": "dcgan", "size": "small"},
        "latent_dim": 8,
        "batch_size": 8,
        "n_critic": 1,
        "steps": 2,
        "report_every": 1,
        "measure": False,
    }
)


def train_run(config: TrainConfig, runs_dir: Path) -> Run:
    job = TrainingJob(Run.create(config, runs_dir), threads=1)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    return job.run


def models(run: Run) -> Models:
    state, _ = run.checkpoints.read()
    return Models(state.config, state.tensors, state.step)


def run_to_end(work: TaskSteps) -> tuple[Evaluation, list[TaskProgress]]:
    values = list(work)
    assert isinstance(values[-1].result, Evaluation)
    return values[-1].result, values


def test_points_get_mean_deviation_and_floor(runs_dir: Path):
    run = train_run(tiny(), runs_dir)
    evaluation, progress = run_to_end(evaluate(models(run), run=run))
    assert [v.name for v in evaluation.values] == [
        "emd_512",
        "sliced_2500",
        "modes_2500",
        "high_quality_2500",
    ]
    for value in evaluation.values:
        assert value.floor is not None and value.deviation is not None
    w1 = evaluation.values[0]
    assert w1.value > w1.floor > 0 and w1.deviation > 0
    shares = [s.share for s in progress]
    assert shares == sorted(shares) and shares[-1] == 1
    stored_values = {m.name: m.value for m in run.metrics() if m.step == evaluation.step}
    assert stored_values["emd_512"] == w1.value and stored_values["emd_512_floor"] == w1.floor


def test_pictures_get_every_metric_once(runs_dir: Path):
    run = train_run(DIGITS, runs_dir)
    evaluation, _ = run_to_end(evaluate(models(run), samples=600, run=run))
    assert evaluation.samples == 600 and evaluation.step == 2
    titles = [value.title for value in evaluation.values]
    expected_titles = [m.title for m in METRICS.values() if m.kind == "pictures" and not m.stacked]
    assert titles == expected_titles
    # An untrained generator is far from digits by every number that should say so.
    by = {value.title: value for value in evaluation.values}
    assert by["FID"].value > 20 * by["FID"].floor
    assert by["Coverage"].value < 0.1 < by["Coverage"].floor
    assert run.protocol() == evaluation.protocol and evaluation.protocol["network"] == "mnist"
    json.dumps(evaluation.as_dict())


def test_every_number_stands_beside_its_floor(runs_dir: Path):
    """Of 1,000 held-out digits: FID's floor at 2,000 is that of MNIST's test set, the rest is of 1,000."""
    run = train_run(DIGITS, runs_dir)
    evaluation, progress = run_to_end(evaluate(models(run), samples=2_000))
    assert all(value.floor is not None for value in evaluation.values)
    by = {value.title: value for value in evaluation.values}
    assert by["FID"].name == "fid64_2k" and 0 < by["FID"].floor < 1
    assert by["KID"].name == "kid64_1k" and by["Coverage"].name == "coverage_1k"
    assert evaluation.note.startswith("FID: 2,000 samples; all other metrics: 1,000")
    shares = [s.share for s in progress]
    assert shares == sorted(shares)
    # Without a floor that is kept it is as many as are held out, and says so.
    evaluation, _ = run_to_end(evaluate(models(run), samples=1_500))
    assert evaluation.samples == 1000 and evaluation.note.startswith("1,000 samples")
    assert all(v.name.endswith("_1k") and v.floor is not None for v in evaluation.values)


def test_the_command_line_evaluates_and_records(runs_dir: Path, capsys: pytest.CaptureFixture[str]):
    run = train_run(tiny(), runs_dir)
    assert cli.main(["evaluate", run.id, "--runs-dir", str(runs_dir), "--quiet", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert {"emd_512", "modes_2500"} <= {value["name"] for value in values["values"]}
    assert cli.main(["evaluate", run.id, "--runs-dir", str(runs_dir), "--quiet"]) == 0
    output = capsys.readouterr().out
    assert "Exact W₁" in output and "real:" in output
    assert cli.main(["evaluate", run.id, "--runs-dir", str(runs_dir), "--samples", "3"]) == 2
    assert "at least 10" in capsys.readouterr().err


def test_pictures_of_ones_own_are_measured_by_random_convolutions_and_it_says_so(
    tmp_path: Path,
    runs_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    (tmp_path / "mine").mkdir()
    for i, pixels in enumerate(pictures(80, (3, 32, 32)).train[:].numpy()):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "mine" / f"{i}.png")
    assert cli.main(["data", "add", str(tmp_path / "mine"), "--quiet", "--held-out", "0.25"]) == 0
    key = json.loads(capsys.readouterr().out.splitlines()[-1])["key"]
    config = DIGITS.changed({"dataset": "own", "dataset.pictures": key})
    run = train_run(config, runs_dir)
    assert cli.main(["evaluate", run.id, "--runs-dir", str(runs_dir), "--quiet"]) == 0
    output = capsys.readouterr().out
    assert "Features: random convolutions" in output and "60 training pictures" in output
    assert "20 samples, because the data set has only so many held-out pictures" in output
    assert cli.main(["evaluate", run.id, "--runs-dir", str(runs_dir), "--quiet", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)["values"]
    by = {value["name"]: value for value in values}
    assert {"fid_random64_20", "kid_random64_20", "coverage_random_20", "memorised_20"} <= set(by)
    assert not any(name.startswith(("class_kl", "confidence")) for name in by)
    assert all(value["floor"] is not None for value in values)


@pytest.mark.slow
def test_stacked_digits_are_trained_on_and_their_modes_counted(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
):
    flags = [
        "--dataset",
        "stacked-mnist",
        "--dataset.bundled",
        "true",
        "--network.size",
        "small",
        "--batch-size",
        "8",
        "--n-critic",
        "1",
        "--steps",
        "2",
        "--measure",
        "false",
    ]
    assert cli.main(["train", *flags, "--quiet", "--runs-dir", str(runs_dir)]) == 0
    capsys.readouterr()
    options = ["--samples", "500", "--runs-dir", str(runs_dir), "--quiet", "--json"]
    assert cli.main(["evaluate", "last", *options]) == 0
    by = {v["name"]: v for v in json.loads(capsys.readouterr().out)["values"]}
    modes, kl = by["stacked_modes_500"], by["stacked_kl_500"]
    # 500 real stacks show 1000 (1 − e^−½) combinations.
    assert modes["floor"] == pytest.approx(1000 * (1 - np.exp(-0.5)), abs=40)
    assert modes["value"] < modes["floor"] and kl["value"] > kl["floor"] > 0


def test_the_command_line_trains_a_feature_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "net.safetensors"
    small = Mnist10k(classes=("0", "1")).load()
    monkeypatch.setattr(Mnist10k, "load", lambda *_, **__: small)
    assert (
        cli.main(["train-features", "mnist-10k", "--epochs", "1", "--out", str(out), "--quiet"])
        == 0
    )
    values = json.loads(capsys.readouterr().out)
    assert out.stat().st_size == values["bytes"] <= 300_000 and len(values["hash"]) == 8
    assert cli.main(["train-features", "ring-8"]) == 2
    assert "kmnist" in capsys.readouterr().err


# ---- tasks --------------------------------------------------------------------------------------


def counting(n: int, gate: threading.Event | None = None) -> Iterator[TaskProgress]:
    for i in range(n):
        if gate is not None:
            gate.wait(180)
        yield TaskProgress(f"{i}", (i + 1) / n, i)


def test_a_task_goes_from_nothing_to_its_last_result():
    task = Task("t", "Counting", "run", lambda: counting(3))
    statuses = []
    while not task.done:
        task.step()
        statuses.append((task.status.message, task.status.result, task.status.share))
    assert [result for _, result, _ in statuses] == [0, 1, 2, 2]
    assert task.status.share == 1 and not task.status.error


def test_a_task_that_fails_says_so_in_words():
    def broken() -> Iterator[TaskProgress]:
        yield TaskProgress("begins", 0.1, 7)
        raise ValueError("The moon is full.")

    task = Task("t", "Howling", "run", broken)
    task.step()
    with pytest.raises(ValueError, match="moon"):
        task.step()
    assert task.done and task.status.error == "The moon is full." and task.status.result == 7


@pytest.fixture
def session(runs_dir: Path) -> Iterator[Session]:
    session = Session(runs_dir, threads=1)
    yield session
    session.close(10)


def until(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_session_does_tasks_beside_a_training(session: Session):
    name = session.start(tiny(steps=1_000_000))
    until(lambda: session.snapshot(name).step > 10)
    key = session.begin_task("Counting", name, lambda: counting(200)).key
    until(lambda: session.task(key).done)
    before = session.snapshot(name).step
    assert session.task(key).result == 199
    until(lambda: session.snapshot(name).step > before)  # which goes on
    assert [t.key for t in session.tasks(name)] == [key] and session.tasks("other") == []
    session.stop(name)


def test_a_task_that_holds_its_run_has_the_worker_to_itself(session: Session):
    name = session.start(tiny(steps=1_000_000))
    until(lambda: session.snapshot(name).step > 10)
    gate = threading.Event()
    steps_seen: list[int] = []

    def work() -> Iterator[TaskProgress]:
        for i in range(50):
            time.sleep(0.002)
            steps_seen.append(session.snapshot(name).step)
            yield TaskProgress("", i / 50)

    key = session.begin_task("Alone", name, work, pauses_training=True).key
    until(lambda: session.task(key).done)
    gate.set()
    assert len(set(steps_seen[2:])) == 1  # no step was made meanwhile
    at = session.snapshot(name).step
    until(lambda: session.snapshot(name).step > at)
    session.stop(name)


def test_a_cancelled_task_ends_and_keeps_what_it_found(session: Session, runs_dir: Path):
    gate = threading.Event()
    key = session.begin_task("Counting", "none", lambda: counting(10, gate)).key
    gate.set()
    gate.clear()
    session.cancel_task(key)
    gate.set()
    until(lambda: session.task(key).done)
    assert session.task(key).cancelled and not session.task(key).error


def test_a_live_run_is_evaluated_while_it_goes_on(session: Session):
    name = session.start(tiny(steps=1_000_000))
    until(lambda: session.snapshot(name).step > 10)
    key = session.evaluate(name).key
    until(lambda: session.task(key).done, 60)
    status = session.task(key)
    assert not status.error and isinstance(status.result, Evaluation)
    assert {"emd_512", "modes_2500"} <= {m.name for m in session.library.run(name).metrics()}
    session.stop(name)
