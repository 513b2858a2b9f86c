"""Damaged runs, as ZIP files to import and as folders to read, each made from one number.

Every case starts from a small run that comes with the program, so that a number always makes the same case.
"""

import contextlib
import io
import json
import random
import shutil
import sqlite3
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.pictures import flipped
from tests.test_damaged_runs import NASTY, READERS
from wgan.export import import_zip
from wgan.export.archive import IMPORT_LIMITS, validate_unpacked_run
from wgan.runs import Run, RunError, RunIndex
from wgan.sandbox import attempt, result_of

EXAMPLE = Path(__file__).parents[2] / "checkpoints" / "example-ring-gan-collapsed"
NAME = "20260101-000000-fuzzed"
Files = dict[str, bytes]

JSON_VALUES = [
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    float("nan"),
    "",
    "x",
    "\0",
    [],
    {},
    [[]] * 50,
    {"a": {}},
]
NAMES = [
    "../evil",
    "/etc/passwd",
    "a\\b",
    "",
    ".trash/x",
    "config.json",
    "step_99999999.safetensors",
    "ü" * 300,
]
STATEMENTS = [
    "DROP TABLE reports",
    "DROP TABLE metrics",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM reports; END",
    "CREATE TABLE more (x)",
    "CREATE INDEX i ON reports (seconds)",
    "ALTER TABLE reports ADD COLUMN more AS (zeroblob(500000000))",
    "ALTER TABLE facts ADD COLUMN more",
    "PRAGMA user_version = 99",
    "PRAGMA user_version = -1",
    "DELETE FROM facts",
    "DELETE FROM reports",
    "INSERT INTO changes VALUES (NULL, 1, 'dataset', '1', '{}')",
    "INSERT INTO changes VALUES (NULL, 1, 'engine', '{}', '[]')",
    "INSERT INTO facts VALUES ('engines', '[{}]')",
]


@cache
def base() -> Files:
    """Return the files of a small run: few reports, two previews, one checkpoint."""
    with sqlite3.connect(f"{EXAMPLE.joinpath('run.sqlite').as_uri()}?mode=ro", uri=True) as source:
        db = sqlite3.connect(":memory:")
        source.backup(db)
    source.close()
    db.execute("DELETE FROM reports WHERE step > (SELECT step FROM reports LIMIT 1 OFFSET 20)")
    db.execute("DELETE FROM metrics WHERE rowid > 50")
    db.execute("INSERT INTO changes (step, path, before, after) VALUES (5, 'n_critic', '2', '1')")
    db.execute("UPDATE facts SET value = 'finished' WHERE key = 'status'")
    db.commit()
    db.execute("VACUUM")
    files = {
        "config.json": (EXAMPLE / "config.json").read_bytes(),
        "run.sqlite": db.serialize(),
        "thumb.webp": (EXAMPLE / "thumb.webp").read_bytes(),
    }
    db.close()
    previews = sorted((EXAMPLE / "previews").iterdir())
    for path in (previews[0], previews[-1], sorted(EXAMPLE.glob("step_*.safetensors"))[0]):
        files[path.relative_to(EXAMPLE).as_posix()] = path.read_bytes()
    return files


# ---- mutations of files -----------------------------------------------------------------------


def nested(value: Any, rng: random.Random) -> Any:
    """Return a JSON value with something in it replaced, removed or added."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(JSON_VALUES)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        return [nested(inner, rng) if i == at else inner for i, inner in enumerate(value)]
    key = rng.choice(list(value))
    kind = rng.random()
    if kind < 0.15:
        return {k: v for k, v in value.items() if k != key}
    if kind < 0.25:
        return value | {f"{key}x": rng.choice(JSON_VALUES)}
    return value | {key: nested(value[key], rng)}


def change_json(files: Files, rng: random.Random) -> None:
    """Change a value of config.json."""
    files["config.json"] = json.dumps(nested(json.loads(files["config.json"]), rng)).encode()


def change_database(files: Files, rng: random.Random) -> None:
    """Change rows or tables of the database."""
    db = sqlite3.connect(":memory:")
    db.deserialize(files["run.sqlite"])
    for _ in range(rng.randrange(1, 3)):
        statement = rng.choice(STATEMENTS) if rng.random() < 0.3 else ""
        table = rng.choice(["reports", "changes", "metrics", "facts"])
        try:
            if statement:
                db.execute(statement)
                continue
            names = [column[1] for column in db.execute(f"PRAGMA table_info({table})")]
            db.execute(f"CREATE TABLE new ({', '.join(names)})")
            db.execute(f"INSERT INTO new SELECT * FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE new RENAME TO {table}")
            value = rng.choice(list(NASTY.values()))
            value = "\ufffd" if value == "\udc80" else value
            db.execute(
                f"UPDATE {table} SET {rng.choice(names)} = ? WHERE rowid % ? = 0",
                (value, rng.choice([1, 1, 3, 7])),
            )
        except sqlite3.Error:  # The table is gone, or does not take this value.
            db.rollback()
    db.commit()
    files["run.sqlite"] = db.serialize()
    db.close()


def change_weights(files: Files, rng: random.Random) -> None:
    """Change the header of the checkpoint."""
    name = next(name for name in files if name.endswith(".safetensors"))
    length = int.from_bytes(files[name][:8], "little")
    header = json.loads(files[name][8 : 8 + length])
    if rng.random() < 0.5:
        metadata = header["__metadata__"]
        key = rng.choice(list(metadata))
        try:
            metadata[key] = json.dumps(nested(json.loads(metadata[key]), rng))
        except ValueError:
            metadata[key] = "x"
    else:
        header = nested(header, rng)
    written = json.dumps(header).encode()
    files[name] = len(written).to_bytes(8, "little") + written + files[name][8 + length :]


def change_bytes(files: Files, rng: random.Random) -> None:
    """Change the bytes of one file."""
    name = rng.choice(list(files))
    files[name] = flipped(files[name], rng)


def swap(files: Files, rng: random.Random) -> None:
    """Swap the contents of two files."""
    a, b = rng.sample(list(files), 2)
    files[a], files[b] = files[b], files[a]


def drop(files: Files, rng: random.Random) -> None:
    """Remove a file."""
    del files[rng.choice(list(files))]


CHANGES: list[Callable[[Files, random.Random], None]] = [
    change_json,
    change_database,
    change_database,
    change_database,
    change_weights,
    change_bytes,
    swap,
    drop,
]


def case(seed: int) -> tuple[Files, bytes]:
    """Return the files of a case, and its ZIP file."""
    rng = random.Random(seed)
    files = dict(base())
    in_zip = rng.random() < 0.3
    if not in_zip:
        for _ in range(rng.choice([1, 1, 2])):
            # The change before may have left nothing that the second one can change.
            with contextlib.suppress(
                LookupError, ValueError, TypeError, StopIteration, sqlite3.Error
            ):
                rng.choice(CHANGES)(files, rng)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for name, content in files.items():
            packed = rng.choice([0, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
            archive.writestr(f"{NAME}/{name}", content, packed)
        if in_zip and rng.random() < 0.3:
            archive.writestr(rng.choice([f"{NAME}/", ""]) + (rng.choice(NAMES) or "x"), b"x")
    return files, flipped(buffer.getvalue(), rng) if in_zip else buffer.getvalue()


# ---- checks -----------------------------------------------------------------------------------


def check_import(seed: int, place: Path, *, child: bool) -> str:
    """Import a case, in a child process or here; return what became of it.

    Raises whatever is no RunError, and AssertionError if an imported run cannot be read.
    """
    place.mkdir()
    archive = place / "case.zip"
    archive.write_bytes(case(seed)[1])
    try:
        if child:
            run, _ = import_zip(archive, place / "runs")
        else:
            run = import_here(archive, place / "runs" / NAME)
    except RunError as error:
        assert_sentence(error)
        return f"refused: {error}"
    for name, read in READERS.items():
        if name in ("checkpoint", "config_at", "resume_point") and not run.checkpoints.steps():
            continue
        try:
            read(run)
        except RunError as error:
            raise AssertionError(f"{name} of the imported run: {error}") from error
    (summary,) = RunIndex(run.folder.parent).summaries()
    assert not summary.problem, summary.problem
    return "imported"


def import_here(archive: Path, folder: Path) -> Run:
    """Import without a child process, which takes half a second to start."""
    folder.mkdir(parents=True)
    outcome = attempt(
        "wgan.untrusted.run_zip:unpack_run",
        {"archive": str(archive), "out": str(folder)},
        lambda message, share: None,
    )
    result = result_of(outcome, limits=IMPORT_LIMITS, failure=RunError, subject="This ZIP file")
    validate_unpacked_run(folder, list(result["remarks"]))
    return Run(folder)


def check_folder(seed: int, place: Path) -> str:
    """Read a case as a run's folder; every reader gives a value or raises RunError."""
    folder = place / NAME
    for name, content in case(seed)[0].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        run = Run(folder)
    except RunError:
        return "no run"
    problems = 0
    for read in READERS.values():
        try:
            read(run)
        except RunError as error:
            problems += 1
            assert_sentence(error)
    (summary,) = RunIndex(place).summaries()
    return "damaged" if problems or summary.problem else "read"


def assert_sentence(error: Exception) -> None:
    """Check that a message is one sentence for users."""
    message = str(error)
    assert message and "\n" not in message and "Traceback" not in message, message


def check(seed: int, place: Path, *, child: bool = False) -> str:
    """Import a case and read it as a folder; return what became of it."""
    try:
        return f"{check_import(seed, place, child=child)}; folder {check_folder(seed, place / 'f')}"
    finally:
        shutil.rmtree(place, ignore_errors=True)
