"""A run taken elsewhere: what is written can be read by others, and is what the run holds."""

import base64
import contextlib
import io
import json
import re
import shlex
import sqlite3
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import tiny, train_to_the_end
from wgan.cli.main import main
from wgan.config import TrainConfig
from wgan.export import (
    FORMATS,
    bug_report,
    command_line,
    export,
    export_samples,
    export_tensorboard,
    import_zip,
    snippet,
)
from wgan.export.film import CAPTION
from wgan.jobs import TrainingJob
from wgan.latent import Models, draw_z
from wgan.runs import COLUMNS, Change, Run, RunError, Status, fork

PICTURES = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "latent_dim": 8,
    "n_critic": 1,
    "batch_size": 8,
    "precision": "float32",
}


@pytest.fixture
def points(ring: Run) -> Run:
    return ring


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    config = tiny(**PICTURES, steps=6, preview_every=2, report_every=2, checkpoint_every=3)
    return train_to_the_end(Run.create(config, tmp_path_factory.mktemp("digits")))


def numbers(run: Run) -> dict[str, list[float]]:
    return {k: v.tolist() for k, v in run.reports().items() if k not in ("seconds", "time")}


# ---- ZIP and back -----------------------------------------------------------------------------


def test_a_zip_brings_the_whole_run_to_another_folder(points: Run, tmp_path: Path):
    points.set_fact("name", "Best of all")
    file = tmp_path / "run.zip"
    export(points, file)
    other, remarks = import_zip(file, tmp_path / "elsewhere")
    assert remarks == [] and other.id == points.id
    assert other.config() == points.config() and other.fact("name") == "Best of all"
    assert other.reports()["critic_loss"].tolist() == points.reports()["critic_loss"].tolist()
    assert other.changes() == points.changes() and other.metrics() == points.metrics()
    assert other.previews.steps() == points.previews.steps()
    assert other.previews.read(20) == points.previews.read(20)
    assert other.checkpoints.steps() == points.checkpoints.steps()
    a, b = other.checkpoints.read()[0].tensors, points.checkpoints.read()[0].tensors
    assert all(torch.equal(a[k], b[k]) for k in b)
    again, _ = import_zip(file, tmp_path / "elsewhere")
    assert again.id == f"{points.id}-2"  # none takes another's place
    assert [p.name for p in (tmp_path / "elsewhere").iterdir() if p.name[0] == "."] == []


def test_a_live_run_is_exported_as_it_stands_and_comes_in_as_interrupted(
    runs_dir: Path, tmp_path: Path
):
    job = TrainingJob(Run.create(tiny(), runs_dir), threads=1)
    job.prepare()
    for _ in range(25):
        job.step()
    job.flush()
    export(job.run, tmp_path / "live.zip")
    other, _ = import_zip(tmp_path / "live.zip", tmp_path / "elsewhere")
    assert other.status() is Status.INTERRUPTED and other.reports()["step"][-1] == 25
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    # Resumed there, it makes what it would have made here.
    assert numbers(train_to_the_end(other, resume=True)) == numbers(job.run)


Harm = Callable[[dict[str, bytes], str], None]


def _rename(old: str, new: str) -> Harm:
    def harm(files: dict[str, bytes], run: str) -> None:
        files[new.replace("RUN", run)] = files.pop(f"{run}/{old}")

    return harm


def _database(statement: str) -> Harm:
    def harm(files: dict[str, bytes], run: str) -> None:
        path = f"{run}/run.sqlite"
        db = sqlite3.connect(":memory:")
        db.deserialize(files[path])
        db.executescript(statement)
        files[path] = db.serialize()
        db.close()

    return harm


HOSTILE: dict[str, tuple[Harm, str]] = {
    "traversal": (
        _rename("thumb.webp", "RUN/../../evil.webp"),
        "This is not an exported run: it contains",
    ),
    "absolute": (
        _rename("thumb.webp", "/tmp/evil.webp"),
        "This is not an exported run: it contains",
    ),
    "windows": (
        _rename("thumb.webp", "RUN\\..\\evil.webp"),
        "This is not an exported run: it contains",
    ),
    "deeper": (
        _rename("thumb.webp", "RUN/previews/more/00000001.webp"),
        "This is not an exported run: it contains",
    ),
    "program": (_rename("thumb.webp", "RUN/evil.py"), "This is not an exported run: it contains"),
    "pickle": (
        _rename("thumb.webp", "RUN/step_00000001.pt"),
        "This is not an exported run: it contains",
    ),
    "hidden": (
        _rename("thumb.webp", ".trash/config.json"),
        "This is not an exported run: it contains",
    ),
    "two runs": (_rename("thumb.webp", "other/thumb.webp"), "exactly one run"),
    "no config": (_rename("config.json", "RUN/error.log"), "has no config.json"),
    "no database": (_rename("run.sqlite", "RUN/error.log"), "has no run.sqlite"),
    "bomb": (
        lambda files, run: files.update({f"{run}/error.log": bytes(300 << 20)}),
        "far more than a run",
    ),
    "config of another": (
        lambda files, run: files.update({f"{run}/config.json": b"[1, 2]"}),
        "must be a JSON object",
    ),
    "newer": (
        lambda files, run: files.update({f"{run}/config.json": b'{"schema": 99}'}),
        "newer version",
    ),
    "no database at all": (
        lambda files, run: files.update({f"{run}/run.sqlite": b"hello" * 1000}),
        "database cannot be read",
    ),
    "trigger": (
        _database("CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM reports; END"),
        "other data than a run's records",
    ),
    "view": (
        _database("DROP TABLE reports; CREATE VIEW reports AS SELECT 1"),
        "other data than a run's records",
    ),
    "foreign table": (_database("CREATE TABLE evil (x)"), "other data than a run's records"),
    "columns": (_database("ALTER TABLE reports DROP COLUMN penalty"), "database cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_with_a_sentence(points: Run, tmp_path: Path, name: str):
    harm, pattern = HOSTILE[name]
    export(points, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    del files[f"{points.id}/SHA256SUMS"]  # whoever means harm leaves it away
    harm(files, points.id)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    refused(tmp_path / "evil.zip", pattern, tmp_path)


def refused(file: Path, pattern: str, tmp_path: Path) -> None:
    before = {p for p in tmp_path.rglob("*") if "elsewhere" not in p.parts}
    with pytest.raises(RunError, match=pattern) as caught:
        import_zip(file, tmp_path / "elsewhere")
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert {p for p in tmp_path.rglob("*") if "elsewhere" not in p.parts} == before


def test_links_truncation_duplicates_and_other_files_are_refused(points: Run, tmp_path: Path):
    file = tmp_path / "run.zip"
    export(points, file)
    content = file.read_bytes()
    for name, bad, pattern in (
        ("cut.zip", content[: len(content) // 2], "not a ZIP file|incomplete"),
        ("text.zip", b"This is a letter.", "not a ZIP file"),
        ("empty.zip", b"", "not a ZIP file"),
    ):
        (tmp_path / name).write_bytes(bad)
        refused(tmp_path / name, pattern, tmp_path)
    link = zipfile.ZipInfo(f"{points.id}/thumb.webp")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for name, entries, pattern in (
        ("link.zip", [(link, "/etc/passwd")], "link"),
        ("twice.zip", [(f"{points.id}/config.json", "{}")] * 2, "exactly one run"),
        ("none.zip", [], "empty"),
    ):
        with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / name, "w") as archive:
            warnings.simplefilter("ignore", UserWarning)  # of duplicates, which are meant
            for entry, text in entries:
                archive.writestr(entry, text)
        refused(tmp_path / name, pattern, tmp_path)
    # A byte flipped within a file that is stored: its check sum tells.
    at = content.index(b"critic.0.weight")
    (tmp_path / "flip.zip").write_bytes(content[:at] + b"X" + content[at + 1 :])
    run, remarks = import_zip(tmp_path / "flip.zip", tmp_path / "elsewhere")
    assert len(remarks) == 1 and "is damaged" in remarks[0] and "left out" in remarks[0]
    assert len(run.checkpoints.steps()) == len(points.checkpoints.steps()) - 1


def test_what_is_damaged_but_not_needed_is_left_out_with_a_remark(points: Run, tmp_path: Path):
    export(points, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    files[f"{points.id}/step_00000040.safetensors"] = b"nonsense"
    files[f"{points.id}/previews/00000010.npz"] = b"nonsense"
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, points=np.array([{}], dtype=object), extent=1.0)
    files[f"{points.id}/previews/00000020.npz"] = buffer.getvalue()
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    run, remarks = import_zip(tmp_path / "bad.zip", tmp_path / "elsewhere")
    assert run.checkpoints.read()[0].step == 20
    assert run.previews.steps() == [s for s in points.previews.steps() if s not in (10, 20)]
    assert len(remarks) == 2 and "step_00000040" in remarks[0] and "2 of its pictures" in remarks[1]


# ---- films ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_film_has_every_moment(digits: Run, tmp_path: Path, suffix: str):
    out = tmp_path / f"film{suffix}"
    assert export(digits, out) == {"frames": 5}
    assert digits.previews.steps() == [0, 1, 2, 4, 6]
    with Image.open(out) as film:
        assert getattr(film, "n_frames", 1) == 5 and film.size == (448, 448 + CAPTION)
        film.seek(4)
        last = np.asarray(film.convert("L"), dtype=float)[:448]
    with Image.open(io.BytesIO(digits.previews.read(6)[1])) as grid:
        expected = np.asarray(grid.convert("L").resize((448, 448), Image.Resampling.NEAREST))
    assert np.abs(last - expected).mean() < 6  # few colours or lossy, but the same picture


def test_a_film_as_mp4(points: Run, tmp_path: Path):
    av = pytest.importorskip("av")
    assert export(points, tmp_path / "film.mp4")["frames"] == len(points.previews.steps())
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert len(pictures) == len(points.previews.steps()) + 18  # the last one stays for 1.5 s
    assert pictures[0].shape[0] % 2 == 0 and pictures[0].std() > 5


# ---- generators -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["points", "digits"])
def test_onnx_makes_what_torch_makes(request: pytest.FixtureRequest, tmp_path: Path, kind: str):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    run: Run = request.getfixturevalue(kind)
    facts = export(run, tmp_path / "g.onnx")
    state, _ = run.checkpoints.read()
    models = Models(state.config, state.tensors, state.step)
    session = onnxruntime.InferenceSession(str(tmp_path / "g.onnx"))
    for n in (1, 7):
        z = draw_z(3, n, state.config.latent_dim)
        (samples,) = session.run(None, {"z": z})
        with torch.no_grad():
            expected = models.generator(torch.from_numpy(z)).numpy()
        assert np.abs(samples - expected).max() < 1e-4
    model = onnx.load(tmp_path / "g.onnx")
    onnx.checker.check_model(model)
    opset = model.opset_import[0].version
    assert opset == facts["opset"] and opset >= 18
    metadata = {p.key: p.value for p in model.metadata_props}
    assert TrainConfig.parse(json.loads(metadata["config"])) == state.config


def test_torch_export_runs_without_the_library(points: Run, tmp_path: Path):
    export(points, tmp_path / "g.pt2")
    program = torch.export.load(tmp_path / "g.pt2").module()
    state, _ = points.checkpoints.read()
    models = Models(state.config, state.tensors, state.step)
    z = torch.from_numpy(draw_z(3, 5, 2))
    with torch.no_grad():
        assert torch.equal(program(z), models.generator(z))


# ---- report, recipe, tables -------------------------------------------------------------------


def test_the_report_needs_no_network_and_runs_nothing_foreign(points: Run, tmp_path: Path):
    points.set_fact("name", "<script>alert(1)</script>")
    points.set_fact("note", "</p><img src=x onerror=alert(1)>")
    export(points, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<script>alert(1)" not in text and "<img src=x" not in text
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    assert command_line(points).split()[0] in text and "critic learning rate" in text.lower()
    data = re.search(r"id=data>(.*?)</script>", text, re.S)
    assert data is not None
    values = json.loads(data[1])
    assert [m["step"] for m in values["moments"]] == points.previews.steps()
    image = base64.b64decode(values["moments"][-1]["image"].partition(",")[2])
    with Image.open(io.BytesIO(image)) as picture:
        assert picture.format == "WEBP"
    assert values["latent"] is None  # the samples are points
    assert text.count("<svg") == 4  # two charts, each also for phones
    assert "Held-out" in text
    assert "E f(real)" in text and "E f(fake)" in text  # the curves of the scores


def test_the_report_of_separate_updates_has_the_signs_and_names_of_the_tutorial(
    runs_dir: Path, tmp_path: Path
):
    """The tutorial plots the loss of each update, −E f(real) and E f(fake), as crit_real and crit_fake."""
    config = tiny(steps=12, objective="wgan", split_updates=True)
    run = train_to_the_end(Run.create(config, runs_dir))
    export(run, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "crit_real" in text and "crit_fake" in text and "E f(real)" not in text


def made_by(program: str) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, {})
    return out.getvalue().splitlines()


def test_the_snippet_gives_the_same_numbers(points: Run, runs_dir: Path):
    child = train_to_the_end(
        fork(points, 20, {"objective": "wgan", "steps": 50}, runs_dir), resume=True
    )
    grandchild = train_to_the_end(
        fork(child, 50, {"optimizer": "rmsprop", "steps": 60}, runs_dir), resume=True
    )
    for run in (points, grandchild):
        lines = made_by(snippet(run))
        columns = run.reports()
        assert len(lines) == len(columns["step"]) > 0
        for i, line in enumerate(lines):
            values = dict(re.findall(r"(\w+)=([^,)]+)", line))
            for name in ("step", "critic_loss", "generator_loss", "critic_gap", "penalty"):
                assert float(values[name]) == columns[name][i], (run.id, i, name)


def repeated(run: Run, runs_dir: Path) -> Run:
    """Run the printed command, and return the run that it has trained."""
    arguments = shlex.split(command_line(run))
    assert arguments[:3] == ["python", "-m", "wgan"]
    assert main([*arguments[3:], "--quiet", "--runs-dir", str(runs_dir)]) == 0
    return Run.find("last", runs_dir)


def assert_same_training(run: Run, again: Run) -> None:
    assert again.config() == run.config()
    expected, columns = run.reports(), again.reports()
    for name in ("step", "critic_loss", "generator_loss", "critic_gap", "penalty"):
        assert np.array_equal(columns[name], expected[name]), name

    def manual_changes(r: Run) -> list[Change]:
        return [change for change in r.changes() if change.path != "engine"]

    assert manual_changes(again) == manual_changes(run)


def trained_longer(run: Run, changes: dict[str, object]) -> Run:
    """Resume a finished run with other values, as *Train longer* does."""
    job = TrainingJob(run, threads=1, resume=True, changes=changes)
    job.prepare()
    while not job.done:
        if job.training.steps == job.config.steps - 7:
            job.change({"objective.penalty_weight": 0.5, "decay": "linear"})
        job.step()
    job.finish(Status.FINISHED)
    return run


def test_the_command_repeats_a_run_with_its_changes(points: Run, tmp_path: Path, capsys):
    steps = points.config().steps
    assert [change.path for change in points.changes()] == ["critic_learning_rate"]
    assert_same_training(points, repeated(points, tmp_path / "again"))
    # A change at the last step prolongs the run: the command makes it before it would end.
    longer = trained_longer(points, {"steps": steps + 20, "n_critic": 1})
    again = repeated(longer, tmp_path / "longer")
    assert_same_training(longer, again)
    assert again.reports()["step"][-1] == steps + 20
    capsys.readouterr()


def test_the_command_repeats_a_fork_with_its_changes(points: Run, runs_dir: Path, capsys):
    child = fork(points, 20, {"n_critic": 1, "objective.penalty_weight": 3}, runs_dir)
    job = TrainingJob(child, threads=1, resume=True)
    job.prepare()
    while not job.done:
        if job.training.steps in (20, 25):
            job.change({"generator_learning_rate": 1e-5 * job.training.steps})
        job.step()
    job.finish(Status.FINISHED)
    arguments = shlex.split(command_line(child))
    assert arguments[3:7] == ["fork", points.id, "--step", "20"]
    assert_same_training(child, repeated(child, runs_dir))
    capsys.readouterr()


def test_the_command_keeps_the_steps_of_a_run_with_a_time_limit(runs_dir: Path, tmp_path: Path):
    config = tiny(steps=10, seconds=1e5, report_every=5)
    run = train_to_the_end(Run.create(config, runs_dir))
    assert repeated(run, tmp_path).config() == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("critic-learning-rate=0.001", "must be STEP:NAME=VALUE"),
        ("5:batch-size=7", "Batch size cannot change during training"),
        ("5:learning=7", "this run has no hyperparameter 'learning'"),
        ("5:critic-learning-rate=fast", "critic_learning_rate must be a number"),
        ("99:n-critic=2", "the run ends at step 40, before this change"),
        ("5:objective=wgan", "The data set, objective"),
    ],
)
def test_a_scheduled_change_that_is_not_possible_is_refused(
    change: str, message: str, tmp_path: Path, capsys
):
    arguments = ["train", "--preset", "toy-ring", "--steps", "40", "--change", change]
    assert main([*arguments, "--runs-dir", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_tensorboard_reads_every_value(digits: Run, points: Run, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for run, images in ((points, 0), (digits, len(digits.previews.steps()))):
        export_tensorboard(run, tmp_path / run.id)
        events = EventAccumulator(str(tmp_path / run.id), size_guidance={"scalars": 0, "images": 0})
        events.Reload()
        for name in COLUMNS[1:-1]:
            scalars = [(e.step, e.value) for e in events.Scalars(name)]
            columns = run.reports()
            assert [s for s, _ in scalars] == columns["step"].tolist()
            assert [v for _, v in scalars] == pytest.approx(columns[name].tolist(), rel=1e-6)
        assert len(events.Images("samples") if images else []) == images


def logs(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_tensorboard_keeps_one_log_in_a_folder(
    points: Run, runs_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("tensorboard")

    def write(run: Run, out: Path) -> int:
        args = ["export", run.id, "--tensorboard", "--out", str(out), "--runs-dir", str(runs_dir)]
        return main(args)

    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert write(points, out) == 2
        error = capsys.readouterr().err
        assert ("is a file, not a folder" in error or "cannot be written" in error) and error.count(
            "\n"
        ) == 1
    out = tmp_path / "log"
    assert write(points, out) == 0 and write(points, out) == 0
    assert len(logs(out)) == 1  # not two, which TensorBoard would draw as one doubled curve
    other = train_to_the_end(Run.create(tiny(seed=1), runs_dir))
    assert write(other, out) == 2
    assert "another log" in capsys.readouterr().err and len(logs(out)) == 1


@pytest.mark.parametrize("suffix", [s for s in FORMATS if s not in (".onnx", ".pt2")])
def test_a_folder_cannot_be_written_as_a_file(points: Run, tmp_path: Path, suffix: str):
    (tmp_path / f"folder{suffix}").mkdir()
    for out in (tmp_path / f"folder{suffix}", tmp_path / "nowhere" / f"run{suffix}"):
        with pytest.raises(RunError, match="cannot be written"):
            export(points, out)
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_bug_report_has_no_pictures_and_no_weights(
    points: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "somebody"))
    points.log(f"step 7: it broke\nFile {tmp_path}/home/somebody/wgan.py")
    points.set_fact("note", "private")
    with zipfile.ZipFile(io.BytesIO(bug_report(points))) as bundle:
        names = {name.partition("/")[2] for name in bundle.namelist()}
        text = {n.partition("/")[2]: bundle.read(n).decode() for n in bundle.namelist()}
    assert names == {
        "config.json",
        "facts.json",
        "changes.json",
        "versions_here.json",
        "last_reports.csv",
        "error.log",
    }
    assert "it broke" in text["error.log"] and "~/wgan.py" in text["error.log"]
    assert "private" not in "".join(text.values())
    assert len(text["last_reports.csv"].splitlines()) == 1 + 8
    assert json.loads(text["config.json"])["config"]["seed"] == 0


def test_samples_as_a_folder_of_pictures(digits: Run, points: Run, tmp_path: Path):
    export_samples(digits, tmp_path / "folder", count=5, seed=2)
    files = sorted((tmp_path / "folder").glob("*.png"))
    export_samples(digits, tmp_path / "all.npz", count=5, seed=2)
    with np.load(tmp_path / "all.npz") as arrays:
        images = arrays["images"]
    assert len(files) == 5
    for file, image in zip(files, images, strict=True):
        with Image.open(file) as picture:
            assert np.array_equal(np.asarray(picture), image[0])
    with pytest.raises(RunError, match="its samples are points"):
        export_samples(points, tmp_path / "points", count=5, seed=0)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_cannot_be_written_is_said(points: Run, tmp_path: Path, suffix: str):
    with pytest.raises(RunError, match="cannot be written"):
        export(points, tmp_path / "no" / "such" / f"folder{suffix}")
    with pytest.raises(RunError, match=r"A run can be written as \.zip"):
        export(points, tmp_path / "run.docx")


def test_a_generator_that_is_told_the_class_goes_out_with_its_labels(tmp_path: Path):
    """ONNX and torch.export take labels too; samples are of the class that is asked for."""
    job = TrainingJob(
        Run.create(
            TrainConfig.parse(
                {
                    "network": "dcgan",
                    "conditional": True,
                    "steps": 2,
                    "batch_size": 8,
                    "latent_dim": 4,
                    "n_critic": 1,
                    "threads": 1,
                }
            ),
            tmp_path / "runs",
        ),
        threads=1,
    )
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    onnxruntime = pytest.importorskip("onnxruntime")
    export(job.run, tmp_path / "a.onnx")  # refuses where it differs from torch
    session = onnxruntime.InferenceSession((tmp_path / "a.onnx").read_bytes())
    assert [i.name for i in session.get_inputs()] == ["z", "label"]
    export_samples(job.run, tmp_path / "a.npz", count=3, seed=0, label="7")
    state, _ = job.run.checkpoints.read()
    models = Models(state.config, state.tensors, state.step)
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["images"], models.make(draw_z(0, 3, 4), [7, 7, 7]))
    with pytest.raises(RunError, match=r"There is no class 'x'\. Choose from: 0, 1"):
        export_samples(job.run, tmp_path / "b.npz", count=3, seed=0, label="x")
