"""A run's ZIP file, from wherever it comes: what is sound of it is written anew, and nothing else."""

import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.conftest import tiny
from tests.test_damaged_runs import READERS
from wgan.background import BackgroundTask
from wgan.cli.main import main
from wgan.export import export, import_zip
from wgan.imaging import decode, encode
from wgan.jobs import TrainingJob
from wgan.runs import Run, RunError, RunIndex, Status, StoredNeighbours, list_runs, throw_away
from wgan.schema import SCHEMA
from wgan.untrusted.run_members import DIGESTS

EXAMPLES = Path(__file__).parents[1] / "checkpoints"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of an exported run, by their paths in its folder, without the list of their digests.

    So they can be changed, as by somebody who means harm and leaves that list away.
    """
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("exported")
    config = tiny(steps=20, report_every=2, preview_every=10, checkpoint_every=10, measure=True)
    job = TrainingJob(Run.create(config, folder), threads=1)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    export(job.run, folder / "run.zip")
    with zipfile.ZipFile(folder / "run.zip") as archive:
        contents = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        del contents[DIGESTS]
        return contents


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., tuple[Run, list[str]]]:
    """Import a ZIP file of some files, in a folder of some name."""

    def take(
        files: Files, folder: str = "20260101-000000-x", **more: bytes
    ) -> tuple[Run, list[str]]:
        with zipfile.ZipFile(tmp_path / "my run.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(f"{folder}/{name}" if folder else name, content)
            for name, content in more.items():
                archive.writestr(name, content)
        return import_zip(tmp_path / "my run.zip", tmp_path / "runs")

    return take


def changed(files: Files, *statements: str) -> Files:
    db = sqlite3.connect(":memory:")
    db.deserialize(files["run.sqlite"])
    for statement in statements:
        db.execute(statement)
    db.commit()
    changed_files = files | {"run.sqlite": db.serialize()}
    db.close()
    return changed_files


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("20260101-000000-x", "20260101-000000-x"),
        ("20260101-000000-x (copy)", "20260101-000000-x-copy"),
        ("My best run!", "My-best-run"),
        ("Läufe", "L-ufe"),
        ("日本", "my-run"),
        ("", "my-run"),
        ("-", "my-run"),
        ("example-mnist", "copy-of-example-mnist"),
    ],
)
def test_a_folder_of_any_name_becomes_a_run(
    take: Callable[..., tuple[Run, list[str]]], files: Files, folder: str, name: str
):
    run, remarks = take(files, folder)
    assert run.id == name and remarks == []
    for read in READERS.values():
        read(run)


def test_what_operating_systems_add_is_passed_over(
    take: Callable[..., tuple[Run, list[str]]], files: Files
):
    more = {
        "x/.DS_Store": b"\0",
        "x/previews/._00000000.npz": b"\0",
        "__MACOSX/x/._config.json": b"\0",
        "x/Thumbs.db": b"\0",
        "x/desktop.ini": b"",
        "x/lock": b"{}",
        "x/README.md": b"# A run",
        "x/run.sqlite-shm": b"\0",
    }
    run, remarks = take(files, "x", **more)
    assert remarks == [] and run.config() == tiny(
        steps=20, report_every=2, preview_every=10, checkpoint_every=10, measure=True
    )
    assert {path.name for path in run.folder.iterdir()} == {
        name.partition("/")[0] for name in files
    }


def test_rows_that_are_still_in_the_write_ahead_log_are_taken_in(
    take: Callable[..., tuple[Run, list[str]]], files: Files, tmp_path: Path
):
    (tmp_path / "run.sqlite").write_bytes(files["run.sqlite"])
    db = sqlite3.connect(tmp_path / "run.sqlite")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("INSERT OR REPLACE INTO facts VALUES ('name', 'newest')")
    db.commit()
    packed = {name: (tmp_path / name).read_bytes() for name in ("run.sqlite", "run.sqlite-wal")}
    db.close()
    run, _ = take(files | packed)
    assert run.fact("name") == "newest" and not (run.folder / "run.sqlite-wal").exists()


def test_an_example_that_comes_back_is_an_ordinary_run(tmp_path: Path):
    export(Run(EXAMPLES / "example-ring-gan-collapsed"), tmp_path / "run.zip")
    run, remarks = import_zip(tmp_path / "run.zip", tmp_path / "runs")
    assert remarks == [] and run.status() is Status.FINISHED and len(run.checkpoints.steps()) > 3
    throw_away(run)


def test_pictures_are_encoded_anew(take: Callable[..., tuple[Run, list[str]]], files: Files):
    picture = np.repeat(np.arange(0, 256, 16, dtype=np.uint8), 48).reshape(16, 16, 3)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", lossless=True, exif=b"Exif\0\0a secret")
    image_files = {"previews/00000005.webp": buffer.getvalue(), "neighbours.webp": encode(picture)}
    run, remarks = take(files | image_files)
    suffix, content = run.previews.read(5) or ("", b"")
    assert remarks == [] and suffix == "webp" and b"secret" not in content
    assert np.abs(decode(content).astype(int) - picture).mean() < 8
    assert b"secret" in image_files["previews/00000005.webp"]


def test_the_nearest_training_pictures_go_along(tmp_path: Path, files: Files, runs_dir: Path):
    run = Run.create(tiny(), runs_dir)
    run.set_neighbours(StoredNeighbours(7, encode(np.zeros((8, 8, 1), np.uint8)), (1.5,), (False,)))
    export(run, tmp_path / "run.zip")
    other, _ = import_zip(tmp_path / "run.zip", tmp_path / "elsewhere")
    neighbours = other.neighbours()
    assert neighbours is not None and (
        neighbours.step,
        neighbours.distances,
        neighbours.copies,
    ) == (
        7,
        (1.5,),
        (False,),
    )


@pytest.mark.parametrize(
    ("statements", "pattern"),
    [
        (
            ["DROP TABLE facts", "CREATE TABLE facts (key TEXT, value AS (zeroblob(50000000)))"],
            "other data than a run's records",
        ),
        (["UPDATE reports SET critic_loss = 'x'"], "critic_loss must be a number"),
        (["UPDATE reports SET seconds = 9e999"], "seconds must be a number"),
        (["INSERT INTO changes (step, path, before, after) VALUES (1, 'a', '[', '1')"], "not JSON"),
        ([f"PRAGMA user_version = {SCHEMA + 1}"], "newer version"),
        (["DROP TABLE reports"], "has no table reports"),
    ],
)
def test_a_database_that_this_program_did_not_write_is_refused(
    take: Callable[..., tuple[Run, list[str]]], files: Files, statements: list[str], pattern: str
):
    with pytest.raises(RunError, match=pattern):
        take(changed(files, *statements))


def test_values_that_are_not_needed_are_left_out(
    take: Callable[..., tuple[Run, list[str]]], files: Files
):
    run, remarks = take(
        changed(
            files,
            "INSERT OR REPLACE INTO facts VALUES ('status', 'banana')",
            "INSERT OR REPLACE INTO facts VALUES ('engines', '[{\"bad\": 1}]')",
            "INSERT OR REPLACE INTO facts VALUES ('name', X'FF00')",
            "INSERT INTO metrics VALUES (1, 'emd_512', 'x')",
        )
    )
    assert len(remarks) == 4 and all("left out" in remark for remark in remarks)
    assert run.status() is Status.INTERRUPTED and run.engine() is None and run.fact("name") == ""


def test_a_run_of_the_first_version_is_taken_in(
    take: Callable[..., tuple[Run, list[str]]], files: Files
):
    described = json.loads(files["config.json"]) | {"schema": 1}
    del described["parent"]
    old = changed(
        files,
        "DROP TABLE metrics",
        "ALTER TABLE reports DROP COLUMN real_score",
        "ALTER TABLE reports DROP COLUMN fake_score",
        "PRAGMA user_version = 0",
    )
    run, remarks = take(old | {"config.json": json.dumps(described).encode()})
    assert remarks == [] and run.parent() is None and run.metrics() == []
    assert run.metadata()["schema"] == SCHEMA
    reports = run.reports()
    assert np.isnan(reports["real_score"]).all() and np.isfinite(reports["critic_gap"]).all()


def test_checkpoints_that_claim_huge_networks_are_left_out(
    take: Callable[..., tuple[Run, list[str]]], files: Files, tmp_path: Path
):
    name = next(name for name in files if name.endswith(".safetensors"))
    (tmp_path / "small").write_bytes(files[name])
    with safe_open(tmp_path / "small", "pt") as file:
        metadata = file.metadata()
    huge = tiny(dataset="cifar10", network={"name": "resnet", "size": "large"}, latent_dim=512)
    save_file(
        load_file(tmp_path / "small"),
        tmp_path / "huge",
        metadata | {"config": huge.model_dump_json()},
    )
    content = (tmp_path / "huge").read_bytes()
    run, remarks = take(files | {f"step_{i:08d}.safetensors": content for i in range(100, 140)})
    assert len(remarks) == 40 and all("left out" in remark for remark in remarks)
    assert run.checkpoints.steps() == [0, 10, 20]


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_stream_is_a_sentence(files: Files, tmp_path: Path, compression: int):
    with zipfile.ZipFile(tmp_path / "run.zip", "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(f"x/{name}", content)
        entry = archive.getinfo("x/run.sqlite")
    damaged = bytearray((tmp_path / "run.zip").read_bytes())
    middle = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
    damaged[middle : middle + 40] = bytes(40)
    (tmp_path / "run.zip").write_bytes(damaged)
    with pytest.raises(RunError, match=r"run\.sqlite in this ZIP file is damaged|cannot be read"):
        import_zip(tmp_path / "run.zip", tmp_path / "runs")


def test_a_cancelled_import_leaves_nothing(files: Files, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"x/{name}", content)

    class Cancelled(Exception):
        pass

    messages: list[str] = []

    def progress(message: str, share: float) -> None:
        messages.append(message)
        if "safetensors" in message:
            raise Cancelled

    with (tmp_path / "run.zip").open("rb") as upload, pytest.raises(Cancelled):
        import_zip(upload, tmp_path / "runs", progress)
    assert messages[0] == "Receiving" and list((tmp_path / "runs").iterdir()) == []
    chore = BackgroundTask(
        "Import", lambda tell: import_zip(tmp_path / "none.zip", tmp_path / "runs", tell)
    )
    chore.wait()
    assert "No such file" in chore.error and list((tmp_path / "runs").iterdir()) == []


def test_the_command_imports_and_says_what_it_left_out(
    files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        for name, content in (files | {"thumb.webp": b"nonsense"}).items():
            archive.writestr(f"x/{name}", content)
    arguments = ["import", str(tmp_path / "run.zip"), "--runs-dir", str(tmp_path / "runs")]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["remarks"] and "cannot be read and were left out" in err
    (summary,) = RunIndex(tmp_path / "runs").summaries()
    assert summary.run == "x" and summary.thumb is None and summary.problem == ""
    (tmp_path / "run.zip").write_bytes(b"PK\x05\x06")
    assert main(arguments) == 2
    assert "not a ZIP file" in capsys.readouterr().err


def test_the_newest_run_is_the_one_created_last(runs_dir: Path):
    created = {
        "20260102-090000-tokyo": "2026-01-02T09:00:00+09:00",  # midnight in UTC
        "20260101-180000-los-angeles": "2026-01-01T18:00:00-08:00",  # two hours later
        "renamed": "2026-01-02T01:00:00+00:00",
        "20260102-030000-unknown": "",
        "example-of-today": "2026-01-03T00:00:00+00:00",
    }
    for name, instant in created.items():
        run = Run.create(tiny(), runs_dir)
        described = json.loads((run.folder / "config.json").read_text()) | {"created": instant}
        (run.folder / "config.json").write_text(json.dumps(described))
        run.folder.rename(runs_dir / name)
    shutil.copytree(runs_dir / "renamed", runs_dir / ".import-x" / "run")  # no run yet
    ids = [run.id for run in list_runs(runs_dir)]
    assert ids.index("20260101-180000-los-angeles") < ids.index("renamed")
    assert ids.index("renamed") < ids.index("20260102-090000-tokyo")
    assert ids[-1] == "example-of-today" and len(ids) == len(created)
    assert [summary.run for summary in RunIndex(runs_dir).summaries()] == ids


def digests_of(files: Files) -> bytes:
    return "".join(f"{sha256(c).hexdigest()}  {name}\n" for name, c in files.items()).encode()


@pytest.mark.parametrize(
    ("harm", "pattern"),
    [
        (
            lambda f: f.update({"previews/00000011.npz": f.pop("previews/00000010.npz")}),
            "changed or damaged",
        ),
        (lambda f: f.pop("thumb.webp"), r"'thumb.webp' is missing"),
        (lambda f: f.update({"thumb.webp": b""}), None),
        (
            lambda f: f.update({"run.sqlite": f["run.sqlite"] + b"x"}),
            "run.sqlite in this ZIP file is damaged",
        ),
        (lambda f: f.update({DIGESTS: b"\xff"}), "list of digests in this ZIP file is damaged"),
        (lambda f: f.update({DIGESTS: b"no list"}), "list of digests in this ZIP file is damaged"),
    ],
    ids=["renamed", "missing", "picture", "database", "no text", "no list"],
)
def test_an_export_carries_digests_that_an_import_compares(
    take: Callable[..., tuple[Run, list[str]]], files: Files, harm: Any, pattern: str | None
):
    harmed = files | {DIGESTS: digests_of(files)}
    assert take(harmed)[1] == []
    harm(harmed)
    if pattern is None:
        assert "1 of its pictures cannot be read" in take(harmed)[1][0]
    else:
        with pytest.raises(RunError, match=pattern):
            take(harmed)


def test_files_that_a_damaged_directory_hides_are_missed(tmp_path: Path, files: Files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"x/{name}", content)
        start = archive.start_dir
    crafted = bytearray(buffer.getvalue())
    second = crafted.index(b"PK\x01\x02", crafted.index(b"PK\x01\x02", start) + 4)
    after = crafted.index(b"PK\x01\x02", second + 4)
    rest = crafted.rindex(b"PK\x05\x06") - after
    crafted[second + 32 : second + 34] = rest.to_bytes(2, "little")  # the length of its comment
    (tmp_path / "run.zip").write_bytes(crafted)
    assert len(zipfile.ZipFile(tmp_path / "run.zip").infolist()) == 2  # what zipfile makes of it
    with pytest.raises(RunError, match="list of files is incomplete"):
        import_zip(tmp_path / "run.zip", tmp_path / "runs")
