"""Diagnosis in a real browser: a fault is named, one click changes the run, another takes it back."""

from pathlib import Path

import pytest

from tests.browser.actions import press
from tests.browser.conftest import hyperparameter, until
from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import Measured, Run, Status, list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a penalty of 1,000, stopped after some steps."""
    folder = tmp_path_factory.mktemp("runs")
    config = PRESETS["toy-ring"].config.changed(
        {
            "objective.penalty_weight": 1000.0,
            "steps": 1_000_000,
            "threads": 1,
            "network.width": 32,
            "measure": False,
        }
    )
    job = TrainingJob(Run.create(config, folder), threads=1)
    job.prepare()
    for _ in range(200):
        job.step()
    job.finish(Status.STOPPED)
    # Looks at the critic such as a minute of training makes.
    job.run.add_metrics([Measured(step, "penalty_pull", 50.0) for step in (50, 100, 150)])
    return folder


@pytest.mark.slow
def test_a_fault_is_named_mended_and_taken_back(page, url: str, runs: Path):
    (run,) = list_runs(runs)

    def weights() -> list[float]:
        return [c.after for c in run.changes() if c.path == "objective.penalty_weight"]

    page.goto(url)
    page.get_by_role("button", name="Resume", exact=True).click(timeout=120_000)
    finding = page.locator(".st-key-finding-strong-penalty")
    finding.wait_for(timeout=120_000)
    assert "times as large as the loss's" in finding.inner_text()
    finding.get_by_role("button", name="Penalty weight λ 1,000 → 100", exact=True).click(
        timeout=120_000
    )
    until(lambda: weights() == [100.0])
    # The sidebar follows, the evidence of before is not held against the run, and undo is offered.
    page.get_by_text("Settings changed at step").wait_for(timeout=120_000)
    finding.wait_for(state="detached", timeout=120_000)
    slider = hyperparameter(page, "objective.penalty_weight")
    slider.get_by_text("100", exact=True).first.wait_for(timeout=120_000)
    page.get_by_role("button", name="Undo this").click()
    until(lambda: weights() == [100.0, 1000.0])
    slider.get_by_text("1,000", exact=True).first.wait_for(timeout=120_000)
    # The list of all rules opens.
    page.get_by_text("All checks").click()
    page.get_by_text("Not enough data.").first.wait_for(timeout=120_000)
    press(page, "Stop")
    until(lambda: run.status() is Status.STOPPED)
