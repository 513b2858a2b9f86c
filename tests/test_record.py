"""The record of a run is true whatever happened to it: abandoned continuations, full disks, closed pipes, signals.

Everything is done from outside, through the command line and the files of a run. Only a command that is
killed, signalled or cut off from its pipe needs a process; the others are called in this one, which saves
loading PyTorch each time.
"""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from tests.conftest import paths_below
from wgan.cli.main import main
from wgan.metrics import load

ROOT = Path(__file__).parents[1]
TINY = (
    "--preset",
    "toy-ring",
    "--n-critic",
    "2",
    "--network.width",
    "16",
    "--network.depth",
    "1",
    "--batch-size",
    "16",
    "--report-every",
    "5",
    "--preview-every",
    "10",
    "--checkpoint-every",
    "1000000",
    "--threads",
    "1",
    "--compiled",
    "false",
    "--measure",
    "false",
    "--quiet",
)


class Done(NamedTuple):
    code: int
    out: str
    err: str


STARTED: list["subprocess.Popen[str]"] = []


def begin(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """Start the command in a process, which ends with the test at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wgan", *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    STARTED.append(process)
    return process


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


def wgan(*arguments: str) -> Done:
    """Call the command in this process, and return what it returns and writes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    assert "Traceback" not in err.getvalue()
    return Done(code, out.getvalue(), err.getvalue())


def train(runs_dir: Path, *arguments: str) -> Done:
    return wgan("train", *arguments, "--runs-dir", str(runs_dir))


def only_run(runs_dir: Path) -> Path:
    (folder,) = (path for path in runs_dir.iterdir() if (path / "config.json").is_file())
    return folder


def steps_reported(run: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{run}/run.sqlite?mode=ro", uri=True)) as db:
        (step,) = db.execute("SELECT coalesce(max(step), 0) FROM reports").fetchone()
    return int(step)


def wait_until(condition: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 180
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def wait_for_step(run: Path, step: int, process: "subprocess.Popen[str]") -> None:
    wait_until(lambda: steps_reported(run) >= step, process)


def record_of(run: Path, out: Path) -> dict[str, Any]:
    """Everything that the product tells of a run, but for times of the clock."""
    runs_dir = str(run.parent)
    out.mkdir()
    for name in ("run.zip", "curves.csv"):
        assert wgan("export", run.name, "--out", str(out / name), "--runs-dir", runs_dir).code == 0
    with (out / "curves.csv").open() as file:
        rows = [
            {k: v for k, v in row.items() if k not in ("seconds", "time")}
            for row in csv.DictReader(file)
        ]
    listed = json.loads(wgan("runs", "--json", "--runs-dir", runs_dir).out)
    with contextlib.closing(sqlite3.connect(f"file:{run}/run.sqlite?mode=ro", uri=True)) as db:
        changes = db.execute("SELECT step, path, before, after FROM changes ORDER BY id").fetchall()
        metrics = db.execute("SELECT step, name FROM metrics ORDER BY step, name").fetchall()
        clockless = ("owner", "forgotten", "launch", "neighbours", "seconds")
        facts = {
            key: value
            for key, value in db.execute("SELECT key, value FROM facts")
            if key not in clockless
        }
    with ZipFile(out / "run.zip") as archive:
        # The log of errors is a log: what went wrong stays in it.
        names = sorted({name.partition("/")[2] for name in archive.namelist()} - {"error.log"})
    return {
        "curves": rows,
        "listed": {k: listed[k] for k in ("run", "status", "step", "best")},
        "changes": changes,
        "metrics": metrics,
        "facts": facts,
        "zip": names,
        "previews": {p.name: p.read_bytes() for p in sorted((run / "previews").iterdir())},
        "thumb": (run / "thumb.webp").read_bytes(),
    }


@pytest.mark.parametrize("end", ["killed", "diverged"])
def test_nothing_of_an_abandoned_continuation_remains(runs_dir: Path, tmp_path: Path, end: str):
    """A run that was continued, abandoned and continued otherwise equals one that never was abandoned."""
    assert train(runs_dir, *TINY, "--network.depth", "8", "--steps", "20").code == 0
    run = only_run(runs_dir)
    straight = tmp_path / "straight" / run.name
    shutil.copytree(run, straight)
    if end == "killed":
        process = begin(
            "train",
            "--resume",
            run.name,
            "--steps",
            "1000000",
            "--critic-learning-rate",
            "0.002",
            "--generator-learning-rate",
            "0.002",
            "--quiet",
            "--runs-dir",
            str(runs_dir),
        )
        wait_for_step(run, 60, process)
        process.kill()
        process.communicate()
    else:
        failed = train(
            runs_dir,
            "--resume",
            run.name,
            "--steps",
            "100000",
            "--critic-learning-rate",
            "0.1",
            "--objective.penalty-weight",
            "0",
            "--quiet",
        )
        assert failed.code == 1 and "step 20" in failed.err
    for each in (run, straight):
        again = train(
            each.parent,
            "--resume",
            each.name,
            "--steps",
            "40",
            "--critic-learning-rate",
            "0.0005",
            "--generator-learning-rate",
            "0.0001",
            "--objective.penalty-weight",
            "0.1",
            "--quiet",
        )
        assert again.code == 0, again.err
    record, expected = record_of(run, tmp_path / "a"), record_of(straight, tmp_path / "b")
    assert record == expected
    assert [change[3] for change in record["changes"] if change[1] == "critic_learning_rate"] == [
        "0.0005"
    ]


def test_a_change_that_was_made_after_the_checkpoint_is_made_again(runs_dir: Path, tmp_path: Path):
    """Values that nobody gives anew are those of the run: a resumed run equals an uninterrupted one."""
    assert train(runs_dir, *TINY, "--steps", "20").code == 0
    run = only_run(runs_dir)
    straight = tmp_path / "straight" / run.name
    shutil.copytree(run, straight)
    rate = ("--critic-learning-rate", "0.002")
    process = begin(
        "train",
        "--resume",
        run.name,
        "--steps",
        "100000",
        *rate,
        "--quiet",
        "--runs-dir",
        str(runs_dir),
    )
    wait_for_step(run, 60, process)
    process.kill()
    process.communicate()
    assert train(runs_dir, "--resume", run.name, "--steps", "40", "--quiet").code == 0
    assert train(straight.parent, "--resume", run.name, "--steps", "40", *rate, "--quiet").code == 0
    record, expected = record_of(run, tmp_path / "a"), record_of(straight, tmp_path / "b")
    assert sorted(record.pop("changes")) == sorted(expected.pop("changes"))
    assert record == expected


# ---- full disks --------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root on Linux")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the disk with one file, but for some bytes."""
    filler = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with filler.open("wb") as file, contextlib.suppress(OSError):
        file.write(b"x" * max(0, free - leave))
        file.flush()
    return filler


@pytest.mark.parametrize("leave", [300_000, 150_000, 60_000])
def test_a_full_disk_is_no_success(small_disk: Path, leave: int):
    filler = fill(small_disk, leave)
    runs_dir = small_disk / "runs"
    done = train(
        runs_dir,
        *TINY[:-1],
        "--network.width",
        "64",
        "--network.depth",
        "2",
        "--checkpoint-every",
        "10",
        "--steps",
        "60",
    )
    assert done.code in (1, 2) and done.err.strip()
    run_folders = (
        [p for p in runs_dir.iterdir() if (p / "config.json").is_file()]
        if runs_dir.is_dir()
        else []
    )
    for run in run_folders:
        (listed,) = map(
            json.loads, wgan("runs", "--json", "--runs-dir", str(runs_dir)).out.splitlines()
        )
        assert listed["status"] != "finished" and not listed["problem"]
        if list(run.glob("step_*.safetensors")):
            filler.unlink()
            again = train(runs_dir, "--resume", run.name, "--quiet")
            assert again.code == 0, again.err
            assert json.loads(again.out.splitlines()[-1])["status"] == "finished"
            assert steps_reported(run) == 60


def test_a_run_on_a_completely_full_disk_can_be_read(small_disk: Path, tmp_path: Path):
    runs_dir = small_disk / "runs"
    process = begin("train", *TINY, "--steps", "1000000", "--runs-dir", str(runs_dir))
    wait_until(lambda: paths_below(runs_dir, "*/config.json"), process)
    run = only_run(runs_dir)
    wait_for_step(run, 30, process)
    process.kill()  # The newest reports are in the write-ahead log.
    process.communicate()
    step = steps_reported(run)
    for name in ("run.sqlite-shm",):
        (run / name).unlink(missing_ok=True)
    fill(small_disk)
    (listed,) = map(
        json.loads, wgan("runs", "--json", "--runs-dir", str(runs_dir)).out.splitlines()
    )
    assert listed["step"] == step and listed["status"] == "interrupted" and not listed["problem"]
    out = tmp_path / "curves.csv"
    assert wgan("export", run.name, "--out", str(out), "--runs-dir", str(runs_dir)).code == 0
    assert wgan("diagnose", run.name, "--runs-dir", str(runs_dir)).code == 0
    refused = train(runs_dir, *TINY, "--steps", "20")
    assert refused.code == 2 and "space" in refused.err and only_run(runs_dir) == run


def test_weights_are_saved_even_if_the_database_is_damaged(runs_dir: Path):
    process = begin("train", *TINY, "--steps", "1000000", "--runs-dir", str(runs_dir))
    wait_until(lambda: paths_below(runs_dir, "*/step_*.safetensors"), process)
    run = only_run(runs_dir)
    wait_for_step(run, 10, process)
    for name in ("run.sqlite", "run.sqlite-wal"):
        (run / name).write_bytes(b"no database" * 1000)
    time.sleep(1.0)  # it tries to write meanwhile; however often, the last attempt counts
    process.terminate()
    out, err = process.communicate(timeout=180)
    assert process.returncode == 1 and "could not be saved" in err and "Traceback" not in err
    last = json.loads(out.splitlines()[-1])["step"]
    assert (run / f"step_{last:08d}.safetensors").is_file()
    again = train(runs_dir, "--resume", run.name, "--steps", str(last + 10), "--quiet")
    assert again.code == 0 and "run.sqlite.damaged" in again.err, again.err
    assert steps_reported(run) == (last + 10) // 5 * 5 and (run / "run.sqlite.damaged").is_file()


# ---- what is beside the training ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length",
    [
        ("--steps", "50"),  # its last line, the result, is written to a closed pipe
        pytest.param(("--seconds", "11"), marks=pytest.mark.slow),  # progress: every ten seconds
    ],
)
def test_a_closed_pipe_ends_no_training(runs_dir: Path, length: tuple[str, str]):
    process = begin("train", *TINY[:-1], *length, "--runs-dir", str(runs_dir))
    process.stderr.close()
    process.stdout.close()
    assert process.wait(timeout=180) == 0
    run = only_run(runs_dir)
    (listed,) = map(
        json.loads, wgan("runs", "--json", "--runs-dir", str(runs_dir)).out.splitlines()
    )
    assert listed["status"] == "finished" and not (run / "error.log").exists()
    listing = begin("runs", "--runs-dir", str(runs_dir))
    listing.stdout.close()
    assert "Traceback" not in listing.stderr.read()
    listing.stderr.close()
    listing.wait(timeout=180)


def test_ten_pictures_of_ones_own_train_and_are_evaluated(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    load()  # else the four seconds can end before the metrics' packages are imported
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "data"))
    (tmp_path / "own").mkdir()
    for i in range(10):
        noise = np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "own" / f"{i}.png")
    result = wgan("data", "add", str(tmp_path / "own"), "--side", "32", "--quiet", "--json")
    key = json.loads(result.out.splitlines()[-1])["key"]
    flags: tuple[str, ...] = (
        "--dataset",
        "own",
        "--dataset.pictures",
        key,
        "--network",
        "mlp-pictures",
        "--batch-size",
        "8",
        "--n-critic",
        "1",
        "--threads",
        "1",
        "--compiled",
        "false",
    )
    # It is said once the metrics are prepared, which takes longer on a busy machine.
    for seconds in ("3", "6", "12", "24", "48", "96"):
        done = train(runs_dir, *flags, "--seconds", seconds, "--quiet")
        assert done.code == 0
        if "Not measured: FID" in done.err:
            break
        flags = ("--resume", "last")
    assert "Not measured: FID" in done.err
    judged = wgan("evaluate", "last", "--quiet", "--runs-dir", str(runs_dir))
    assert judged.code == 0 and "Not measured: FID" in judged.out


# ---- signals while a run is prepared ---------------------------------------------------------------------


@pytest.fixture
def stalling_proxy() -> Iterator[str]:
    """A proxy that answers the beginning of every download, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                request = connection.recv(65536).lower()
                if b"range" in request:
                    connection.sendall(
                        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n"
                        b"Content-Range: bytes 0-0/100\r\n\r\nx"
                    )
                    connection.close()
                else:
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 18165135\r\n\r\n" + b"y" * 1000
                    )
                    connections.append(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()

        connections: list[socket.socket] = []
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_during_a_download_acts_at_once(
    runs_dir: Path, tmp_path: Path, stalling_proxy: str, number: signal.Signals
):
    (tmp_path / "data").mkdir()
    process = begin(
        "train",
        "--dataset",
        "kmnist",
        "--steps",
        "5",
        "--runs-dir",
        str(runs_dir),
        env=os.environ | {"http_proxy": stalling_proxy, "WGAN_DATA": str(tmp_path / "data")},
    )
    wait_until(
        lambda: paths_below(tmp_path, "data/KMNIST/raw/*"), process
    )  # the download has begun
    process.send_signal(number)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err
    assert not paths_below(runs_dir, "*/config.json")  # nothing was made, and nothing is left


def test_an_interrupted_evaluation_ends_with_a_sentence(runs_dir: Path):
    process = begin("evaluate", "example-mnist-wgan-gp", "--runs-dir", str(ROOT / "checkpoints"))
    for line in process.stderr:
        if "%" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err
