"""A run of the version before schema 3 opens, resumes with the same numbers, and its addresses lead where they did.

`old/run-of-schema-2.zip` was exported by that version: toy-ring, seed 3, 300 steps, one thread.
"""

import csv
import math
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch

from tests.conftest import THREADS, app_at, train_to_the_end
from wgan import figures
from wgan.export import import_zip
from wgan.export.tables import export_csv
from wgan.figures.curves import SCORE_NAMES
from wgan.jobs import RunReader, TrainingJob
from wgan.runs import Run, RunIndex, Status, fork
from wgan.session import close_shared_sessions
from wgan.training import Training

ROOT = Path(__file__).parents[1]
OLD = ROOT / "tests" / "old" / "run-of-schema-2.zip"


AS_WRITTEN = {
    "dataset": "ring-8",
    "dataset.sigma": 0.05,
    "objective": "wgan-gp",
    "objective.penalty_weight": 0.1,
    "network.width": 64,
    "optimizer.beta1": 0.5,
    "n_critic": 2,
    "ema_decay": 0.999,
    "seed": 3,
    "threads": 1,
}
"""Some of its `config.json`."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run, remarks = import_zip(OLD, tmp_path_factory.mktemp("old"))
    assert remarks == []
    return run


@pytest.fixture
def old(imported: Run, runs_dir: Path) -> Run:
    return Run(shutil.copytree(imported.folder, runs_dir / imported.id))


def test_everything_of_it_is_read(old: Run):
    config = old.config()
    values = config.flat()
    assert {name: values[name] for name in AS_WRITTEN} == AS_WRITTEN
    reports = old.reports()
    assert reports["step"].tolist() == list(range(10, 301, 10))
    # As that version's own SQLite file has it in its first row.
    assert reports["critic_loss"][0] == pytest.approx(-0.293003499507904, rel=1e-12)
    assert reports["seconds"][0] == pytest.approx(0.0635666190000848, rel=1e-12)
    assert np.isnan(reports["real_score"]).all() and np.isnan(old.curves(20)["fake_score"]).all()
    assert old.previews.steps() == [0, 1, *range(25, 301, 25)]
    assert old.checkpoints.steps() == [0, 300]
    snapshot = RunReader(old).snapshot()
    assert (snapshot.status, snapshot.step) == (Status.FINISHED, 300)


def test_the_first_steps_give_its_numbers_again(old: Run):
    """Within what float32 rounds on another processor: sums of 128 terms, over thirty steps."""
    state, _ = old.checkpoints.read(0)
    training = Training.restore(state)
    for _ in range(30):
        training.step()
    reports = training.reports()
    old_reports = old.reports()
    assert [report.step for report in reports] == [10, 20, 30]
    for i, report in enumerate(reports):
        for name in ("critic_loss", "generator_loss", "critic_gap"):
            assert getattr(report, name) == pytest.approx(old_reports[name][i], rel=1e-3, abs=1e-3)


def test_it_resumes_as_if_it_had_never_stopped(old: Run, runs_dir: Path):
    """From its last checkpoint, with a stop at step 320 and without one: bit for bit."""
    straight = train_to_the_end(fork(old, 300, {"steps": 340}, runs_dir), resume=True)
    half = train_to_the_end(fork(old, 300, {"steps": 320}, runs_dir), resume=True)
    stopped = train_to_the_end(fork(half, 320, {"steps": 340}, runs_dir), resume=True)
    left, right = (
        straight.checkpoints.read(340)[0].tensors,
        stopped.checkpoints.read(340)[0].tensors,
    )
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    for name in ("critic_loss", "generator_loss", "critic_gap"):
        assert np.array_equal(straight.reports()[name][-2:], stopped.reports()[name][-2:])


def test_its_scores_are_recorded_from_the_resume_on(old: Run, tmp_path: Path):
    """Its old reports have none, and none are invented: not in the curves, the CSV or the chart."""
    with sqlite3.connect(old.folder / "run.sqlite") as db:  # as an older version left it
        db.execute("ALTER TABLE reports DROP COLUMN real_score")
        db.execute("ALTER TABLE reports DROP COLUMN fake_score")
        db.execute("PRAGMA user_version = 3")
    db.close()
    assert np.isnan(old.reports()["real_score"]).all()
    last = old.last()
    assert last is not None and math.isnan(last.report.fake_score)
    (summary,) = RunIndex(old.folder.parent).summaries()
    assert not summary.problem and summary.step == 300
    chart = figures.losses(old.curves())
    assert {trace.get("name") for trace in chart["data"]} - {None} == {
        "Critic loss",
        "Generator loss",
    }
    train_to_the_end(fork(old, 300, {"steps": 320}, old.folder.parent), resume=True)

    old.set_fact("note", "the first write migrates it")
    job = TrainingJob(old, threads=THREADS, resume=True, changes={"steps": 320})
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    longer = job.run
    reports = longer.reports()
    recorded = np.isfinite(reports["real_score"])
    assert recorded.tolist() == (reports["step"] > 300).tolist()
    assert reports["real_score"][recorded] - reports["fake_score"][recorded] == pytest.approx(
        reports["critic_gap"][recorded], abs=1e-4
    )
    export_csv(longer, tmp_path / "curves.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert [row["real_score"] == "" for row in rows] == (~recorded).tolist()
    names = {trace.get("name") for trace in figures.losses(longer.curves())["data"]} - {None}
    assert names == set(SCORE_NAMES)


ADDRESSES = [
    ("train", {"run": "{run}"}, "Finished"),
    ("train", {"run": "{run}", "at": "150"}, "Finished"),
    ("train", {"run": "{run}", "setup": '{"n_critic":4}'}, "Finished"),
    ("train", {"fork": "{run}@300"}, "300"),
    ("runs", {"filter": "ring"}, "Runs"),
    ("compare", {"runs": "{run},{run}"}, ""),
    ("datasets", {"set": "grid-25"}, "25"),
    ("presets", {"preset": "paper-wgan-gp"}, "Gulrajani"),
    ("latent", {"run": "{run}", "section": "through"}, ""),
    ("critic", {"run": "{run}", "section": "slopes", "weights": "300"}, ""),
    ("wasserstein", {"lab": "dual"}, ""),
    ("stability", {"lab": "clipping"}, ""),
]


@pytest.fixture
def no_session_is_left() -> Iterator[None]:
    yield
    close_shared_sessions()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.mark.usefixtures("no_session_is_left")
@pytest.mark.parametrize(("page", "query", "text"), ADDRESSES)
def test_old_addresses(
    old: Run, monkeypatch: pytest.MonkeyPatch, page: str, query: dict[str, str], text: str
):
    monkeypatch.setenv("WGAN_RUNS", str(old.folder.parent))
    app = app_at(page)
    for name, value in query.items():
        app.query_params[name] = value.replace("{run}", old.id)
    app.run()
    assert not app.exception and not app.error
    page_text = " ".join(
        str(e.value) for e in (*app.markdown, *app.caption, *app.info, *app.title, *app.header)
    )
    widget_values = " ".join(
        str(w.value) for w in (*app.selectbox, *app.button_group, *app.text_input, *app.multiselect)
    )
    assert text in page_text + widget_values
    for name in ("lab", "section", "preset"):
        if name in query:  # the page did not replace what it does not know
            assert app.query_params.get(name) in (query[name], [query[name]])
