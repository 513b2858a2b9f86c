"""`python -m wgan data`: pictures of yours without a browser."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import paths_below
from wgan.cli.main import main
from wgan.data import DATASETS


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(40):
        file = tmp_path / "pets" / ("cats" if i % 2 else "dogs") / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(file)
    (tmp_path / "pets" / "cats" / "note.txt").write_text("no picture")
    return tmp_path / "pets"


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(values, dict)
    return values


def test_pictures_are_added_trained_on_and_removed(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flags = ["--title", "My pets", "--side", "28", "--colours", "grey", "--held-out", "0.25"]
    assert main(["data", "add", str(pets), *flags, "--quiet"]) == 0
    report = last(capsys)
    key = str(report["key"])
    assert key.startswith("my-pets-")
    assert (report["kept"], report["held_out"], report["skipped"], report["duplicates"]) == (
        40,
        10,
        1,
        0,
    )
    assert report["shape"] == [1, 28, 28] and report["classes"] == ["cats", "dogs"]

    assert main(["data", "list"]) == 0
    assert f"own {key}  30 + 10  My pets" in capsys.readouterr().out
    assert main(["data", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["dataset"] for row in rows] == [*DATASETS, "own"]
    assert rows[-1]["key"] == key and rows[0]["present"] is True

    dataset = ["--dataset", "own", "--dataset.pictures", key, "--dataset.classes", "dogs"]
    short = ["--steps", "1", "--batch-size", "4", "--network.size", "small", "--n-critic", "1"]
    runs = ["--runs-dir", str(tmp_path / "runs"), "--quiet", "--threads", "1"]
    assert main(["train", *dataset, *short, *runs, "--precision", "float32"]) == 0
    run = Path(str(last(capsys)["run"]))
    config = json.loads((run / "config.json").read_text())
    dataset_config = config.get("config", config)["dataset"]
    assert (dataset_config["side"], dataset_config["colours"], dataset_config["called"]) == (
        28,
        "grey",
        "My pets",
    )

    assert main(["data", "remove", key]) == 0
    assert last(capsys) == {"removed": key}
    assert main(["data", "remove", key]) == 2
    assert "There are no added pictures" in capsys.readouterr().err


def test_a_title_is_taken_from_the_source_and_stdout_is_only_json(
    pets: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["data", "add", str(pets), "--json", "--pattern", "cats/*", "--quiet"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1
    report = json.loads(out[0])
    assert report["key"].startswith("pets-") and report["kept"] == 20 and report["classes"] == []


@pytest.mark.parametrize(
    ("flags", "phrase"),
    [
        (["--side", "30"], "side cannot be 30: choose 28, 32 or 64."),
        (["--fit", "squash"], "fit cannot be 'squash': choose 'crop' or 'pad'."),
        (["--held-out", "0.9"], "held_out must be at most 0.5"),
        (["--held-out", "some"], "held_out must be a number, not 'some'."),
        (["--near", "maybe"], "near must be true or false, not 'maybe'."),
        (["--background", "puce"], "Use white, black or a code"),
        (["--pattern", "*.gif"], "no file fits the pattern '*.gif'"),
        (["--no-such"], "There is no option --no-such"),
    ],
)
def test_bad_flags_are_one_sentence(
    flags: list[str], phrase: str, pets: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["data", "add", str(pets), "--quiet", *flags]) == 2
    output = capsys.readouterr()
    assert phrase in output.err and output.out == ""
    assert len(output.err.splitlines()) == 1
    assert not [p for p in paths_below(root) if p.is_file()]


def test_a_source_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["data", "add", str(tmp_path / "nothing"), "--quiet"]) == 2
    assert "The file or folder" in capsys.readouterr().err
