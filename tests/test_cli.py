import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wgan.arrays import F32
from wgan.cli.main import COMMANDS, main
from wgan.config import hyperparameters
from wgan.latent import draw_z, walk
from wgan.latent.paths import Method
from wgan.runs import Measured, Run, Status

TINY = [
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
    "20",
    "--checkpoint-every",
    "20",
    "--threads",
    "1",
    "--measure",  # it takes seconds, and more with every checkpoint; `test_record` resumes measured runs
    "false",
]

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(runs_dir: Path, capfd: pytest.CaptureFixture[str]) -> Cli:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--runs-dir", str(runs_dir)])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def train(cli: Cli, *more: str) -> dict[str, object]:
    code, out, err = cli("train", *TINY, *more)
    assert code == 0, err
    result: dict[str, object] = json.loads(out.splitlines()[-1])
    return result


def test_train_prints_its_result(cli: Cli):
    result = train(cli, "--steps", "25")
    assert result["step"] == 25 and result["status"] == "finished"
    assert Path(str(result["run"])).is_dir()
    for key in ("seconds", "steps_per_second", "critic_gap"):
        assert isinstance(result[key], float)


def test_the_same_seed_gives_the_same_csv(cli: Cli, tmp_path: Path):
    tables = []
    for i, seed in enumerate(("3", "3", "4")):
        run = str(train(cli, "--steps", "30", "--seed", seed)["run"])
        out = tmp_path / f"{i}.csv"
        assert cli("export", run, "--out", str(out))[0] == 0
        with out.open() as file:
            tables.append(list(csv.reader(file)))
    heads = tables[0][0]
    assert heads[:4] == ["step", "critic_loss", "generator_loss", "critic_gap"]
    assert heads[-2:] == ["seconds", "time"]  # clock columns last
    without_clock = [[row[:-2] for row in table] for table in tables]
    assert len(without_clock[0]) == 7 and without_clock[0] == without_clock[1] != without_clock[2]


def test_steps_are_the_total_also_on_resume(cli: Cli):
    run = str(train(cli, "--steps", "10")["run"])
    code, out, _ = cli("train", "--resume", run, "--steps", "30")
    result = json.loads(out.splitlines()[-1])
    assert code == 0 and result["step"] == 30 and result["run"] == run
    code, _, err = cli("train", "--resume", run, "--steps", "30")
    assert code == 2 and "is already at step 30" in err


def test_seconds_count_training_time(cli: Cli):
    result = train(cli, "--seconds", "0.3")
    assert float(str(result["seconds"])) >= 0.3
    assert 1 < int(str(result["step"])) < 100_000  # not those of the preset
    assert result["status"] == "finished"


def test_seconds_plan_the_steps_of_a_decay(cli: Cli, runs_dir: Path):
    """Otherwise the learning rates would not reach 0 before the time is over."""
    result = train(cli, "--seconds", "0.3", "--decay", "linear")
    config = Run.find(str(result["run"]), runs_dir).config()
    assert config.seconds is None and 1 < config.steps < 100_000
    assert result["step"] == config.steps and result["status"] == "finished"
    limited = train(cli, "--seconds", "1000", "--steps", "5", "--decay", "linear")
    assert limited["step"] == 5
    total = str(float(str(result["seconds"])) + 0.3)
    code, out, _ = cli("train", "--resume", str(result["run"]), "--seconds", total)
    longer = json.loads(out.splitlines()[-1])
    assert code == 0 and longer["status"] == "finished"
    assert config.steps < longer["step"] < 100_000


def test_choosing_an_objective_replaces_the_presets(cli: Cli, runs_dir: Path):
    run = str(
        train(cli, "--steps", "1", "--objective", "wgan", "--objective.clip-value", "0.2")["run"]
    )
    assert Run.find(run, runs_dir).config().flat()["objective.clip_value"] == 0.2


def test_samples_as_pictures_and_points(cli: Cli, tmp_path: Path):
    run = str(train(cli, "--steps", "1")["run"])
    out = tmp_path / "s.npz"
    assert cli("sample", run, "--count", "70", "--seed", "1", "--out", str(out))[0] == 0
    with np.load(out) as file:
        points = file["points"]
    assert points.shape == (70, 2) and points.dtype == np.float32
    code, _, err = cli("sample", run, "--out", str(tmp_path / "s.png"))
    assert code == 2 and "its samples are points" in err
    code, text, err = cli(
        "train",
        "--dataset",
        "mnist-10k",
        "--batch-size",
        "4",
        "--n-critic",
        "1",
        "--steps",
        "1",
        "--precision",
        "float32",
    )
    assert code == 0, err
    run = json.loads(text.splitlines()[-1])["run"]
    assert cli("sample", run, "--count", "5", "--seed", "1", "--out", str(out))[0] == 0
    with np.load(out) as file:
        first = file["images"]
    assert first.shape == (5, 1, 28, 28) and first.dtype == np.uint8
    assert cli("sample", run, "--count", "5", "--seed", "1", "--out", str(out))[0] == 0
    with np.load(out) as file:
        assert np.array_equal(first, file["images"])
    grid = tmp_path / "g.png"
    assert cli("sample", run, "--count", "16", "--out", str(grid))[0] == 0
    with Image.open(grid) as image:
        assert image.size == (4 * 29 - 1, 4 * 29 - 1)


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["train", "--n-critic", "0"], "n_critic must be at least 1, not 0."),
        (["train", "--n-critic", "two"], "n_critic must be a whole number, not 'two'."),
        (["train", "--objective", "wgan-gp", "--objective.clip-value", "3"], "has no clip_value"),
        (["train", "--dataset", "nothing"], "There is no dataset 'nothing'"),
        (["train", "--dataset", "ring-8", "--network", "dcgan"], "Choose the network mlp"),
        (["train", "--preset", "nothing"], "'nothing' is not one of"),
        (
            ["train", "--batchsize", "3"],
            "There is no option --batchsize. Did you mean --batch-size",
        ),
        (["train", "--resume", "nothing"], "There is no run 'nothing'"),
        (["train", "--device", "tpu"], "device cannot be 'tpu'"),
        (["train", "--resume", "--quiet"], "Option '--resume' requires an argument"),
        (["reproduce", "--out", "--quiet"], "Option '--out' requires an argument"),
        (["bench", "--threads", "--json"], "Option '--threads' requires an argument"),
        (["bench", "--threads", "--only", "x"], "Option '--threads' requires an argument"),
        (["evaluate", "nothing", "--seed", "²"], "must be a whole number, not '²'"),
        (["train", "--replacement", "maybe"], "replacement must be true or false"),
        (["export", "nothing", "--out", "x.csv"], "There is no run 'nothing'"),
        (["sample", "nothing", "--count", "-3", "--out", "x.png"], "must be a whole number"),
    ],
)
def test_bad_arguments_give_one_sentence_and_2(
    cli: Cli, runs_dir: Path, arguments: list[str], phrase: str
):
    code, out, err = cli(*arguments)
    assert code == 2 and out == ""
    assert phrase in err and err.count("\n") == 1
    assert not list(runs_dir.glob("2*"))


def test_what_cannot_change_on_resume_is_refused(cli: Cli):
    run = str(train(cli, "--steps", "5")["run"])
    code, _, err = cli("train", "--resume", run, "--steps", "9", "--batch-size", "3")
    assert code == 2 and "cannot change during training" in err
    code, _, err = cli("train", "--resume", run, "--preset", "toy-ring")
    assert code == 2 and "Leave out --preset" in err


def test_every_hyperparameter_is_a_flag(capfd: pytest.CaptureFixture[str]):
    assert main(["train", "--help"]) == 0
    text = capfd.readouterr().out
    for value in hyperparameters():
        assert "--" + value.path.replace("_", "-") in text, value.path


def test_every_command_describes_itself_and_help_needs_no_torch(capfd: pytest.CaptureFixture[str]):
    for name in COMMANDS:
        for flag in ("--help", "-h"):
            assert main([name, flag]) == 0
            assert f" {name} " in capfd.readouterr().out
    script = "import sys; from wgan.cli.main import COMMANDS, main; main(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert all(name in done.stdout for name in COMMANDS)


def test_the_shell_completes_commands_and_options():
    script = "import sys; from wgan.cli.main import main; main(); sys.exit('torch' in sys.modules)"
    completion_env = {
        "COMP_WORDS": "wgan tra",
        "COMP_CWORD": "1",
        "_WGAN_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **completion_env},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["plain,train", "plain,train-features"]


Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start `python -m wgan train …`; what still runs at the end of the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(runs_dir: Path, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "wgan", "train", "--runs-dir", str(runs_dir), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_step(runs_dir: Path, step: int, process: "subprocess.Popen[str]") -> Run:
    end = time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        for folder in runs_dir.glob("2*"):
            if (folder / "config.json").exists():
                last = Run(folder).last()
                if last is not None and last.report.step >= step:
                    return Run(folder)
        time.sleep(0.02)
    raise AssertionError("it did not train")


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_ends_with_a_checkpoint_and_0(
    runs_dir: Path, number: signal.Signals, spawn: Spawn
):
    process = spawn(runs_dir, *TINY, "--steps", "1000000")
    run = wait_for_step(runs_dir, 10, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["status"] == "stopped" and run.status() is Status.STOPPED
    assert run.checkpoints.steps()[-1] == result["step"]


def test_killed_and_resumed_equals_never_killed(
    runs_dir: Path, tmp_path: Path, cli: Cli, spawn: Spawn
):
    """A kill −9 at a moment of no choosing; all reports and weights, bit for bit."""
    flags = ("--steps", "300")
    whole = Run.find(str(train(cli, *flags)["run"]), runs_dir)
    other = tmp_path / "other"
    process = spawn(other, *TINY, *flags)
    run = wait_for_step(other, 30, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert run.status() is Status.INTERRUPTED
    assert run.checkpoints.read() and run.last().report.step >= 30
    process = spawn(other, "--resume", run.id)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    left, right = whole.checkpoints.read()[0], run.checkpoints.read()[0]
    assert left.step == right.step == 300
    assert all(torch.equal(left.tensors[k], right.tensors[k]) for k in left.tensors)
    a, b = whole.reports(), run.reports()
    for name in a:
        if name not in ("seconds", "time"):
            assert np.array_equal(a[name], b[name]), name
    assert not list(run.folder.rglob("*.part"))


def test_diagnose_says_what_is_wrong_and_what_would_help(cli: Cli, runs_dir: Path):
    train(cli, "--steps", "30", "--objective.penalty-weight", "1000", "--measure", "false")
    code, out, _ = cli("diagnose", "last")
    assert code == 0 and "no problems found" in out
    run = Run.find("last", runs_dir)
    run.add_metrics([Measured(step, "penalty_pull", 30.0) for step in (10, 20, 30)])
    code, out, _ = cli("diagnose", "last")
    assert code == 0 and out.startswith("! The penalty is too strong: On average")
    assert "may help: Penalty weight λ 1,000 → 100\n" in out
    code, out, _ = cli("diagnose", "last", "--json")
    (finding,) = [json.loads(line) for line in out.splitlines()]
    assert finding["rule"] == "strong-penalty" and finding["raised"]
    assert finding["proposals"][0] == {"objective.penalty_weight": 100.0}
    assert len(cli("diagnose", "last", "--all")[1].splitlines()) > 1
    assert cli("diagnose", "nowhere")[0] == 2


def test_commands_find_the_runs_where_the_app_keeps_them(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("WGAN_RUNS", str(runs_dir))
    assert main(["train", *TINY, "--steps", "5", "--quiet"]) == 0
    run = json.loads(capfd.readouterr().out.splitlines()[-1])["run"]
    assert Path(run).parent == runs_dir
    assert main(["runs"]) == 0
    assert Path(run).name in capfd.readouterr().out


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_a_walk_is_written_as_a_film(cli: Cli, tmp_path: Path, suffix: str):
    train(cli, "--steps", "10")
    out = tmp_path / f"walk{suffix}"
    code, stdout, err = cli("walk", "last", "--out", str(out), "--waypoints", "3", "--seed", "2")
    assert code == 0, err
    assert json.loads(stdout)["frames"] == 3 * 24
    if suffix == ".mp4":
        import av

        with av.open(str(out)) as film:
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(frames) == 72
    else:
        with Image.open(out) as film:
            assert getattr(film, "n_frames", 1) == 72 and film.info.get("loop", 0) == 0
            frames = []
            for i in (0, 36):
                film.seek(i)
                frames.append(np.asarray(film.convert("RGB")))
    assert not np.array_equal(frames[0], frames[-1])


def test_a_walk_as_z_is_the_path_of_the_latent_page(cli: Cli, tmp_path: Path):
    train(cli, "--steps", "10")
    paths: dict[Method, F32] = {}
    methods: tuple[Method, ...] = ("slerp", "lerp")
    for method in methods:
        out = tmp_path / f"{method}.npy"
        code, _, err = cli("walk", "last", "--out", str(out), "--method", method, "--seed", "4")
        assert code == 0, err
        paths[method] = np.load(out)
    stops = draw_z(1004, 5, 2)
    for method, path in paths.items():
        assert path.shape == (120, 2) and path.dtype == np.float32
        assert np.allclose(path[::24], stops), method
        assert np.allclose(path, walk(stops, 120, method=method)[0])


@pytest.mark.parametrize(
    ("more", "phrase"),
    [
        (["--out", "walk.avi"], "can be written as .gif, .webp or .mp4"),
        (["--out", "walk.gif", "--waypoints", "9"], "two to eight waypoints, not 9"),
        (["--out", "walk.gif", "--class", "7"], "not class-conditional"),
        (["--out", "nowhere/walk.gif"], "cannot be written"),
        (["--out", "walk.gif", "--step", "7"], "7"),
    ],
)
def test_a_walk_that_cannot_be_is_refused_in_words(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], phrase: str
):
    monkeypatch.chdir(tmp_path)
    train(cli, "--steps", "10")
    code, _, err = cli("walk", "last", *more)
    assert code == 2 and phrase in err
    assert not list(tmp_path.glob("walk*"))


# ---- sharing the app ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--url", "https://gan.example.org"], {}, "need --share"),
        (["--new-links"], {}, "need --share"),
        (["--share", "--url", "gan.example.org"], {}, "WGAN_URL"),
        (["--share", "--url", "http://h:99999"], {}, "WGAN_URL"),
        (["--share", "--url", "http://[::1"], {}, "WGAN_URL"),
        (["--folder", "/nonexistent/pictures"], {}, "does not exist"),
        ([], {"WGAN_MAX_QUEUED": "many"}, "WGAN_MAX_QUEUED"),
        ([], {"WGAN_SHARE": "perhaps"}, "WGAN_SHARE"),
    ],
)
def test_a_wrong_option_of_sharing_is_a_sentence(
    arguments: list[str], environment: dict[str, str], message: str, cli: Cli, runs_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, err = cli("app", *arguments)
    assert code == 2 and message in err and not out and "Traceback" not in err
    assert not (runs_dir / ".access").exists()  # no links were made
