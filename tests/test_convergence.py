"""The critic trained to convergence: the bound that never crosses the exact distance, and the job around it."""

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pages.ui.critic import convergence, inputs
from tests.conftest import THREADS, pictures, tiny
from wgan import critic
from wgan.config import TrainConfig
from wgan.data import Data, Points
from wgan.format import fmt_sig
from wgan.jobs import (
    CONVERGENCE,
    CriticConvergence,
    Task,
    TaskProgress,
    TaskStatus,
    TrainingJob,
    converge,
)
from wgan.jobs import convergence as module
from wgan.latent import Models
from wgan.objectives import OBJECTIVES
from wgan.runs import Run, Status
from wgan.session import Session
from wgan.training import Engine, Training

PICTURES: dict[str, object] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "latent_dim": 8,
    "batch_size": 8,
}
WIDE = {"name": "mlp", "width": 64, "depth": 2}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few examples and looks, so that exact distances take no time."""
    monkeypatch.setattr(module, "COMPARED", {"pictures": 12, "points": 64})
    monkeypatch.setattr(module, "NUM_MEASUREMENTS", 12)


def models(config: TrainConfig, data: Data | None = None, steps: int = 1) -> Models:
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=data)
    for _ in range(steps):
        training.step()
    return Models(config, training.weights(), training.steps)


def models_with_z_as_fakes(config: TrainConfig) -> Models:
    """Models whose fakes are z itself."""
    opened = models(config)
    opened.generator = nn.Identity()
    return opened


def run_to_end(
    opened: Models, updates: int, **more: Any
) -> tuple[CriticConvergence, list[TaskProgress]]:
    values = list(converge(opened, updates=updates, **more))
    result = values[-1].result
    assert isinstance(result, CriticConvergence)
    return result, values


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_critic_proves_more_than_the_exact_distance(objective: str):
    """Whatever it is trained for, however fast: weak duality."""
    for faster in (1.0, 30.0):
        result, _ = run_to_end(models(tiny(objective=objective)), 60, faster=faster)
        assert (result.bounds <= result.exact * (1 + 1e-6) + 1e-9).all()
        assert 0 <= result.best <= result.exact * (1 + 1e-6) and 0 <= result.share <= 1
        assert (result.slopes >= 0).all()
        assert result.bounds * result.slopes == pytest.approx(result.gaps, rel=1e-4, abs=1e-7)


def test_every_section_has_one_w1_and_the_same_proof():
    """W₁ was 0.208 on one tab and 0.166 on another, of 256 and 512 samples."""
    assert inputs.EXAMPLES["points"] == critic.COMPARED["points"]
    opened = models(tiny(), steps=3)
    data = opened.config.dataset.load()
    assert isinstance(data, Points)
    result, _ = run_to_end(opened, 1)
    batch = critic.with_fakes(opened, critic.examples_of(data, result.samples))
    surfaces = critic.surfaces(opened, batch, data.extent)
    assert result.exact == pytest.approx(surfaces.exact)
    assert result.bounds[0] == pytest.approx(surfaces.lower_bound, rel=1e-5)
    assert result.gaps[0] == pytest.approx(surfaces.gap, rel=1e-5)


def test_what_is_proved_now_is_told_from_the_best():
    result, _ = run_to_end(models(tiny()), 4)
    bounds = np.array([0.2, 0.9, 0.5, 0.6, 0.4]) * result.exact
    updates = np.array([0, 10, 76, 80, 100])
    result = replace(result, bounds=bounds, updates=updates)
    assert result.share_now == pytest.approx(0.4) and result.share == pytest.approx(0.9)
    assert result.range_of_late == pytest.approx((0.4, 0.6)) and not result.rising
    # The card shows the bound of now and its share.
    (card,) = [
        card for card in convergence.cards(result, pictures=False) if card.label == "Lower bound"
    ]
    assert (card.value, card.unit) == (fmt_sig(0.4 * result.exact), "40 % of W₁")
    result = replace(result, bounds=-bounds)
    assert result.share_now == 0 and result.range_of_late == (0, 0)


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp"])
@pytest.mark.parametrize(("weight", "distance"), [(0.1, 1.98), (10.0, 1.98), (0.5, 0.2)])
def test_the_best_slope_between_two_points(name: str, weight: float, distance: float):
    config = tiny(objective={"name": name, "penalty_weight": weight})
    objective: Any = config.objective
    penalty = objective.deviation
    slopes = torch.linspace(0, 1 + distance / weight, 100_001, dtype=torch.float64)
    best = float(slopes[(weight * penalty(slopes) - slopes * distance).argmin()])
    text = convergence.slope_of_two_points(config, distance)
    shown = float(text.rstrip(".").rpartition(" ")[2])
    assert shown == pytest.approx(best, rel=5e-3)
    assert convergence.slope_of_two_points(tiny(objective="wgan"), distance) == ""
    assert not convergence.slope_of_two_points(
        tiny(objective={"name": name, "penalty_weight": 0.0}), distance
    )


PAIRS = {
    "penalty": PICTURES | {"objective": "wgan-gp"},
    "told the class": PICTURES | {"conditional": True},
    "relativistic, told the class": PICTURES | {"objective": "r3gan", "conditional": True},
    "spectral": PICTURES | {"objective": "wgan-sn"},
    "groupsort": PICTURES | {"objective": "wgan-groupsort"},
    "split updates": PICTURES
    | {"network": "brownlee", "objective": "wgan", "split_updates": True, "latent_dim": 50},
}


@pytest.mark.parametrize("name", PAIRS)
def test_pictures_of_every_kind_of_critic(name: str):
    config, data = TrainConfig.parse(PAIRS[name]), pictures(40)
    opened = models(config, data)
    before = {k: v.clone() for k, v in opened.critic.state_dict().items()}
    result, _ = run_to_end(opened, 6, data=data)
    assert result.samples == 12 and result.exact > 0 and result.surfaces is None
    assert (result.bounds <= result.exact * (1 + 1e-6)).all()
    assert result.updates.tolist()[0] == 0 and result.updates.tolist()[-1] == 6
    assert result.floor > 0
    # The copy was trained, the one that was given was not.
    assert len(set(result.gaps.tolist())) > 1
    after = opened.critic.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_bound_tightens_under_a_penalty_and_fails_to_under_clipping():
    """Fakes from one pile, real points from eight: the best critic has eight peaks, a clipped one none."""
    tight, progress = run_to_end(
        models_with_z_as_fakes(tiny(objective="wgan-gp", network=WIDE, batch_size=64)),
        700,
        faster=20,
    )
    assert 0.68 < tight.share <= 1 and tight.dual
    assert tight.bounds[-1] > max(0.0, tight.bounds[0]) + 0.3 * tight.exact
    clipped, _ = run_to_end(
        models_with_z_as_fakes(
            tiny(objective={"name": "wgan", "clip_value": 0.01}, network=WIDE, batch_size=64)
        ),
        700,
        faster=20,
    )
    assert clipped.share < 0.6 < tight.share and clipped.clip_saturation is not None
    assert clipped.clip_saturation[-1] > 0.8 and tight.clip_saturation is None
    shares = [s.share for s in progress]
    assert shares == sorted(shares) and shares[-1] == 1
    # As it works, the result grows.
    sizes = [len(s.result.updates) for s in progress if s.result is not None]
    assert sizes == list(range(1, len(sizes) + 1)) and (np.diff(tight.updates) > 0).all()
    assert tight.surfaces is not None and tight.surfaces.exact == pytest.approx(tight.exact)


def test_what_is_shown_of_points_is_the_trained_critic():
    result, _ = run_to_end(models(tiny(objective="wgan-gp", network=WIDE)), 20)
    assert result.surfaces is not None
    assert result.surfaces.gap == pytest.approx(result.gaps[-1], rel=1e-5)
    assert result.surfaces.lower_bound == pytest.approx(result.bounds[-1], rel=1e-5)


def test_the_same_work_gives_the_same_numbers():
    opened = models(tiny(objective="wgan-gp"))
    (first, _), (second, _) = run_to_end(opened, 15), run_to_end(opened, 15)
    assert (
        first.bounds.tolist() == second.bounds.tolist()
        and first.gaps.tolist() == second.gaps.tolist()
    )


def test_a_gan_is_not_asked_for_a_distance():
    assert not run_to_end(models(tiny(objective="gan")), 3)[0].dual


def test_scores_that_explode_end_it_and_what_was_found_is_kept():
    config = tiny(objective="lsgan", optimizer="rmsprop")
    result, progress = run_to_end(models(config), 400, faster=1e30)
    assert "no longer finite" in result.note and len(result.updates) >= 1
    assert np.isfinite(result.bounds).all() and progress[-1].share < 1


def test_a_critic_of_nothing_finite_is_a_sentence():
    opened = models(tiny())
    with torch.no_grad():
        next(iter(opened.critic.parameters())).fill_(torch.nan)
    task = Task("a", CONVERGENCE, "run", lambda: converge(opened, updates=5))
    while not task.done:
        with contextlib.suppress(ValueError):  # for the worker's log; the words are in the standing
            task.step()
    assert task.done and "there is nothing to compare" in task.status.error


# ---- as a task of a session -----------------------------------------------------------------------


@pytest.fixture
def session(runs_dir: Path) -> Iterator[Session]:
    session = Session(runs_dir, threads=THREADS)
    yield session
    session.close(10)
    assert not session.worker_is_alive()


def until(done: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def task_status(session: Session, key: str) -> TaskStatus:
    status = session.task(key)
    assert status is not None
    return status


def train_run(config: TrainConfig, runs_dir: Path) -> Run:
    job = TrainingJob(Run.create(config, runs_dir), threads=THREADS)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    return job.run


def test_a_session_trains_a_critic_on_and_the_run_is_as_before(session: Session, runs_dir: Path):
    run = train_run(tiny(objective="wgan-gp"), runs_dir)
    before = {f.name: f.read_bytes() for f in run.folder.glob("*.safetensors")}
    task = session.converge(run.id, updates=30, faster=2.0)
    assert task.title == CONVERGENCE and task.run == run.id
    until(lambda: task_status(session, task.key).done)
    ended = task_status(session, task.key)
    assert not ended.error and isinstance(ended.result, CriticConvergence)
    assert ended.result.step == 40 and ended.result.updates[-1] == 30
    assert ended.result.rate == pytest.approx(2 * run.config().critic_learning_rate)
    assert {f.name: f.read_bytes() for f in run.folder.glob("*.safetensors")} == before
    of_a_checkpoint = session.converge(run.id, 20, updates=2)
    until(lambda: task_status(session, of_a_checkpoint.key).done)
    assert task_status(session, of_a_checkpoint.key).result.step == 20


def test_cancelling_keeps_what_was_found(session: Session, runs_dir: Path):
    run = train_run(tiny(objective="wgan-gp"), runs_dir)
    task = session.converge(run.id, updates=10_000_000)
    until(lambda: task_status(session, task.key).result is not None)
    session.cancel_task(task.key)
    ended = task_status(session, task.key)
    assert ended.done and ended.cancelled and len(ended.result.updates) >= 1


def test_a_training_beside_it_gets_the_numbers_that_it_would_get_alone(
    session: Session, runs_dir: Path
):
    config = tiny(objective="wgan-gp", steps=60)
    alone = train_run(config, runs_dir)
    name = session.start(config)
    until(lambda: session.snapshot(name).step >= 5 or not session.snapshot(name).status.active)
    task = session.converge(name, updates=60)
    until(lambda: session.snapshot(name).status is Status.FINISHED)
    until(lambda: task_status(session, task.key).done)
    assert not task_status(session, task.key).error
    checkpoint, _ = Run.find(name, runs_dir).checkpoints.read()
    expected, _ = alone.checkpoints.read()
    assert checkpoint.step == expected.step == 60
    assert all(
        torch.equal(checkpoint.tensors[key], value) for key, value in expected.tensors.items()
    )


def fresh_step(session: Session, name: str) -> int:
    """The step of a copy that was made after this call."""
    before = session.models(name)
    until(lambda: session.models(name) is not before)
    return session.models(name).step


def test_a_run_waits_where_the_visitor_says_so(session: Session):
    name = session.start(tiny(objective="wgan-gp", steps=1_000_000))
    until(lambda: session.snapshot(name).step >= 5)
    task = session.converge(name, updates=10_000_000, pauses_training=True)
    until(lambda: task_status(session, task.key).result is not None)
    held = fresh_step(session, name)
    assert fresh_step(session, name) == held
    session.cancel_task(task.key)
    until(lambda: session.snapshot(name).step > held + 5)
    session.stop(name)


def test_looking_at_it_is_made_of_copies():
    opened = models(tiny())
    other = opened.with_critic(copy.deepcopy(opened.critic))
    assert other.critic is not opened.critic and other.generator is opened.generator
    assert opened.step == other.step
