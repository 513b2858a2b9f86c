"""Whatever a run's folder holds: reading it raises RunError or gives a checked value, and lists go on."""

import json
import math
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import tiny
from wgan.cli.main import main
from wgan.export import export
from wgan.jobs import RunReader, TrainingJob
from wgan.runs import Change, Run, RunError, RunIndex, Status, list_runs, throw_away, trash
from wgan.session import Session

DEEP = "[" * 100_000
NASTY: dict[str, Any] = {
    "blob": b"\xff\x00",
    "text": "x",
    "number as text": "12",
    "empty": "",
    "null": None,
    "infinite": math.inf,
    "negative": -1,
    "huge": (1 << 63) - 1,
    "fraction": 1.5,
    "bracket": "[",
    "deep": DEEP,
    "object": '{"a": {}}',
    "list": '[1e999, null, "x"]',
    "long": "9" * 5_000,
    "markup": "<script>",
    "not utf-8": "\udc80",
}
FACTS = [
    "status",
    "engines",
    "protocol",
    "starred",
    "neighbours",
    "name",
    "note",
    "star",
    "error",
    "forgotten",
]
COLUMNS = {
    "reports": ["step", "critic_loss", "critic_gap_held_out", "images", "seconds", "time"],
    "changes": ["step", "path", "before", "after"],
    "metrics": ["step", "name", "value"],
    "facts": ["key"],
}
Harm = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with something in every place."""
    torch.set_num_threads(1)
    config = tiny(steps=20, report_every=2, preview_every=10, checkpoint_every=10, measure=True)
    run = Run.create(config, tmp_path_factory.mktemp("whole"))
    job = TrainingJob(run, threads=1)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    run.add([], [Change(5, "n_critic", 2, 1)])
    run.star(10, True)
    run.set_protocol({"network": "a", "hash": "b", "reference": "c"})
    with sqlite3.connect(run.folder / "run.sqlite") as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    return run


@pytest.fixture
def run(whole: Run, runs_dir: Path) -> Run:
    shutil.copytree(whole.folder, runs_dir / whole.id)
    return Run(runs_dir / whole.id)


def in_database(*statements: str, values: tuple[Any, ...] = (), untyped: str = "") -> Harm:
    """Change a database, after replacing a table by one that takes values of every type."""

    def harm(folder: Path) -> None:
        db = sqlite3.connect(folder / "run.sqlite")
        if untyped:
            names = [column[1] for column in db.execute(f"PRAGMA table_info({untyped})")]
            db.execute(f"ALTER TABLE {untyped} RENAME TO old")
            db.execute(f"CREATE TABLE {untyped} ({', '.join(names)})")
            db.execute(f"INSERT INTO {untyped} SELECT * FROM old")
            db.execute("DROP TABLE old")
        for statement in statements:
            db.execute(statement, values)
        db.commit()
        db.close()

    return harm


def set_fact(key: str, value: Any) -> Harm:
    statement = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
    if value == "\udc80":
        return in_database(statement.replace("?)", "CAST(X'80' AS TEXT))"), values=(key,))
    return in_database(statement, values=(key, value))


def set_column(table: str, column: str, value: Any, rows: str) -> Harm:
    where = {"last": f"rowid = (SELECT max(rowid) FROM {table})", "all": "1"}[rows]
    if value == "\udc80":
        return in_database(
            f"UPDATE {table} SET {column} = CAST(X'80' AS TEXT) WHERE {where}", untyped=table
        )
    return in_database(
        f"UPDATE {table} SET {column} = ? WHERE {where}", values=(value,), untyped=table
    )


def in_config(change: Callable[[dict[str, Any]], object]) -> Harm:
    def harm(folder: Path) -> None:
        described = json.loads((folder / "config.json").read_text())
        change(described)
        (folder / "config.json").write_text(json.dumps(described))

    return harm


def set_config(key: str, value: Any) -> Harm:
    return in_config(lambda described: described.update({key: value}))


def set_n_critic(value: Any) -> Harm:
    return in_config(lambda described: described["config"].update(n_critic=value))


def without_config(key: str) -> Harm:
    return in_config(lambda described: described.pop(key))


def write_file(name: str, content: bytes) -> Harm:
    return lambda folder: (folder / name).write_bytes(content)


def in_metadata(key: str, value: str) -> Harm:
    def harm(folder: Path) -> None:
        from safetensors import safe_open

        for path in folder.glob("*.safetensors"):
            with safe_open(path, "pt") as file:
                metadata = file.metadata()
            save_file(load_file(path), path, metadata | {key: value})

    return harm


HARMS: dict[str, Harm] = {}
for nasty, value in NASTY.items():
    for key in FACTS:
        HARMS[f"fact {key} = {nasty}"] = set_fact(key, value)
    for table, columns in COLUMNS.items():
        for column in columns:
            for rows in ("last", "all"):
                HARMS[f"{table}.{column} = {nasty}, {rows}"] = set_column(
                    table, column, value, rows
                )
    if not isinstance(value, bytes) and value != "\udc80":
        text = str(value)
        for key in ("schema", "config", "parent", "versions", "created"):
            HARMS[f"config {key} = {nasty}"] = set_config(key, value)
        HARMS[f"config n_critic = {nasty}"] = set_n_critic(value)
        HARMS[f"config.json = {nasty}"] = write_file("config.json", text.encode())
        HARMS[f"lock = {nasty}"] = write_file("lock", text.encode())
        for key in ("schema", "step", "counts", "config", "engine", "facts"):
            HARMS[f"checkpoint {key} = {nasty}"] = in_metadata(key, text)
for key in ("schema", "config", "parent", "versions", "created"):
    HARMS[f"config without {key}"] = without_config(key)
for table in COLUMNS:
    HARMS[f"no table {table}"] = in_database(f"DROP TABLE {table}")
    HARMS[f"table {table} is a view"] = in_database(
        f"DROP TABLE {table}", f"CREATE VIEW {table} AS SELECT 1"
    )
HARMS |= {
    "a parent of nonsense": in_config(lambda d: d.update(parent={"run": 5, "step": "x"})),
    "a huge value": in_database("UPDATE facts SET value = zeroblob(100000000)"),
    "a computed column": in_database(
        "DROP TABLE facts",
        "CREATE TABLE facts (key TEXT, value TEXT AS (zeroblob(500000000)))",
        "INSERT INTO facts (key) VALUES ('status')",
    ),
    "no database": lambda folder: (folder / "run.sqlite").unlink(),
    "no database but text": write_file("run.sqlite", b"hello" * 1000),
    "half a database": lambda folder: (folder / "run.sqlite").write_bytes(
        (folder / "run.sqlite").read_bytes()[:9_000]
    ),
    "lock of a list": write_file("lock", b'{"host": [], "pid": {}, "beat": 1e999}'),
    "previews of nonsense": lambda folder: [
        path.write_bytes(b"PK nonsense") for path in (folder / "previews").iterdir()
    ],
    "previews cut off": lambda folder: [
        path.write_bytes(path.read_bytes()[:-100]) for path in (folder / "previews").iterdir()
    ],
    "a thumb of nonsense": write_file("thumb.webp", b"RIFF"),
    "a checkpoint cut off": lambda folder: [
        path.write_bytes(path.read_bytes()[:-100]) for path in folder.glob("*.safetensors")
    ],
    "a checkpoint that claims a huge network": in_metadata(
        "config", tiny(network={"name": "mlp", "width": 1024, "depth": 6}).model_dump_json()
    ),
}

READERS: dict[str, Callable[[Run], Any]] = {
    "described": Run.metadata,
    "config": Run.config,
    "parent": Run.parent,
    "engine": Run.engine,
    "engines": Run.engines,
    "facts": Run.facts,
    "name": lambda run: run.fact("name"),
    "status": Run.status,
    "reports": Run.reports,
    "curves": Run.curves,
    "curves, coarse": lambda run: run.curves(3),
    "reports_after": lambda run: run.reports_after(0),
    "last": Run.last,
    "at": lambda run: run.at(10),
    "changes": Run.changes,
    "metrics": Run.metrics,
    "metrics_after": lambda run: run.metrics_after(0),
    "protocol": Run.protocol,
    "previews": lambda run: [run.previews.read(step) for step in run.previews.steps()],
    "neighbours": Run.neighbours,
    "starred": Run.starred,
    "best_steps": Run.best_steps,
    "checkpoint": lambda run: run.checkpoints.read(),
    "config_at": lambda run: run.checkpoints.config_at(max(run.checkpoints.steps(), default=0)),
    "resume_point": Run.resume_point,
    "alive": Run.alive,
    "size": Run.size,
    "view": lambda run: RunReader(run).snapshot().evidence,
}


def one_in_four(names: Iterable[str]) -> list[object]:
    """Return all names as parameters, and mark three of four as slow, drawn by a fixed seed."""
    names = list(names)
    quick = set(random.Random(0).sample(names, len(names) // 4))
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


def message_of(action: Callable[[], Any]) -> str:
    """Return the message of the RunError that an action raises; other errors go through."""
    try:
        action()
    except RunError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", one_in_four(HARMS))
def test_reading_a_damaged_run_raises_one_error(run: Run, runs_dir: Path, name: str):
    HARMS[name](run.folder)
    messages = [message_of(partial(read, run)) for read in READERS.values()]
    assert all("\n" not in message for message in messages)
    (summary,) = RunIndex(runs_dir).summaries()
    assert summary.run == run.id and (summary.problem or summary.config is not None)
    assert isinstance(summary.title + summary.note + summary.status, str) and math.isfinite(
        summary.seconds
    )
    assert [other.id for other in list_runs(runs_dir)] == [run.id]


def test_a_whole_run_is_read(run: Run, runs_dir: Path):
    for read in READERS.values():
        read(run)
    assert RunIndex(runs_dir).summaries()[0].problem == ""


SOME = [
    "fact engines = bracket",
    "fact name = blob",
    "fact status = text",
    "reports.critic_loss = text, all",
    "reports.step = text, all",
    "changes.after = deep, all",
    "metrics.value = text, all",
    "config.json = deep",
    "config without config",
    "no database",
]


@pytest.mark.parametrize("name", SOME)
def test_a_damaged_run_is_listed_and_can_be_deleted(
    run: Run, runs_dir: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    HARMS[name](run.folder)
    assert main(["runs", "--runs-dir", str(runs_dir)]) == 0
    assert run.id in capsys.readouterr().out
    assert main(["diagnose", run.id, "--runs-dir", str(runs_dir)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    session = Session(runs_dir, threads=1)
    try:
        with pytest.raises(RunError):
            session.snapshot(run.id)
        assert session.newest() is None  # a page shows another run, or none
        session.throw_away(run.id)
        assert session.library.summaries() == []
    finally:
        session.close()
    assert [trashed_run.run for trashed_run in trash(runs_dir)] == [run.id]


@pytest.mark.parametrize("suffix", [".zip", ".csv", ".html", ".gif"])
@pytest.mark.parametrize("name", ["previews cut off", "reports.critic_loss = text, all", *SOME[:2]])
def test_exporting_a_damaged_run_is_a_sentence(run: Run, tmp_path: Path, name: str, suffix: str):
    HARMS[name](run.folder)
    assert "\n" not in message_of(lambda: export(run, tmp_path / f"out{suffix}"))


def test_numbers_that_are_not_measured_are_no_damage(run: Run):
    in_database("UPDATE reports SET critic_gap_held_out = NULL", "UPDATE metrics SET value = NULL")(
        run.folder
    )
    assert np.isnan(run.reports()["critic_gap_held_out"]).all() and run.metrics() == []
    last = run.last()
    assert last is not None and math.isnan(last.report.critic_gap_held_out)
    throw_away(run)
