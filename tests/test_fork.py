"""A run continued differently: exact where nothing differs, and independent of its parent."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import THREADS, tiny, train_to_the_end
from wgan.config import ConfigError, differences
from wgan.jobs import RunReader, TrainingJob
from wgan.runs import Change, Measured, Parent, Run, RunError, Status, fork


@pytest.fixture(scope="module")
def shared_parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(THREADS)
    return train_to_the_end(Run.create(tiny(), tmp_path_factory.mktemp("parent")))


@pytest.fixture
def parent(shared_parent: Run, runs_dir: Path) -> Run:
    return Run(shutil.copytree(shared_parent.folder, runs_dir / shared_parent.id))


def test_a_fork_without_a_change_is_the_parent_bit_for_bit(parent: Run, runs_dir: Path):
    child = train_to_the_end(fork(parent, 20, {}, runs_dir), resume=True)
    child_state, parent_state = child.checkpoints.read()[0], parent.checkpoints.read()[0]
    assert child_state.step == parent_state.step == 40
    assert all(torch.equal(child_state.tensors[k], v) for k, v in parent_state.tensors.items())
    for name, column in parent.reports().items():
        if name not in ("seconds", "time"):
            assert np.array_equal(child.reports()[name], column), name


def test_a_fork_with_another_objective_goes_its_own_way(parent: Run, runs_dir: Path):
    child = fork(parent, 20, {"objective": "wgan", "objective.clip_value": 0.05}, runs_dir)
    assert child.parent() == Parent(parent.id, 20)
    assert child.config().objective.name == "wgan" and child.status() is Status.STOPPED
    assert differences(child.config(), parent.config())[0] == ("objective", "wgan-gp", "wgan")
    train_to_the_end(child, resume=True)
    assert float(child.checkpoints.read()[0].tensors["critic.0.weight"].abs().max()) <= 0.05 + 1e-6
    child_reports, parent_reports = child.reports(), parent.reports()
    before = child_reports["step"] <= 20
    assert np.array_equal(
        child_reports["critic_loss"][before], parent_reports["critic_loss"][before]
    )
    assert not np.array_equal(
        child_reports["critic_loss"][~before], parent_reports["critic_loss"][~before]
    )
    # Its history is its own: the parent may go.
    shutil.rmtree(parent.folder)
    snapshot = RunReader(child).snapshot()
    assert snapshot.step == 40 and snapshot.curves["step"][0] == 5 and 10 in snapshot.preview_steps


def test_another_optimiser_begins_without_memory(parent: Run, runs_dir: Path):
    child = fork(parent, 20, {"optimizer": "rmsprop"}, runs_dir)
    assert not any("_optimizer" in name for name in child.checkpoints.read()[0].tensors)
    train_to_the_end(child, resume=True)
    assert child.checkpoints.read()[0].step == 40


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"dataset": "grid-25"}, "A fork keeps the data set"),
        ({"network.width": 32}, "A fork keeps the network"),
        ({"latent_dim": 5}, "A fork keeps the number of latent dimensions"),
        ({"steps": 20}, "begins at step 20, but its last step is 20"),
        ({"n_critic": 0}, "at least 1|greater than or equal to 1|1 or more"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_a_fork_cannot_change_is_said(parent: Run, runs_dir: Path, changes, pattern: str):
    with pytest.raises(ConfigError, match=pattern):
        fork(parent, 20, changes, runs_dir)
    assert [run.name for run in runs_dir.iterdir()] == [parent.id]  # nothing is left


def test_a_fork_of_no_checkpoint_is_refused(parent: Run, runs_dir: Path):
    with pytest.raises(
        RunError, match=r"no checkpoint at step 17\. It has checkpoints at steps 0, 20, 40"
    ):
        fork(parent, 17, {}, runs_dir)


def test_changes_and_metrics_up_to_the_fork_are_copied_and_not_replayed(runs_dir: Path):
    run = Run.create(tiny(measure=True), runs_dir)
    job = TrainingJob(run, threads=THREADS)
    job.prepare()
    while not job.done:
        if job.training.steps in (10, 20, 30):
            job.change({"critic_learning_rate": job.training.steps * 1e-4})
        job.step()
    job.finish(Status.FINISHED)
    child = fork(run, 20, {"generator_learning_rate": 0.002}, runs_dir)
    (change,) = child.changes()
    assert isinstance(change, Change) and change.step == 10
    assert all(isinstance(m, Measured) and m.step <= 20 for m in child.metrics())
    assert child.metrics()
    train_to_the_end(child, resume=True)
    # The change made at the very step of the fork acts after its checkpoint: it is the parent's.
    last = child.checkpoints.read()[0].config
    assert last.critic_learning_rate == pytest.approx(1e-3)
    assert last.generator_learning_rate == pytest.approx(0.002)


def test_a_fork_of_a_fork(parent: Run, runs_dir: Path):
    child = train_to_the_end(fork(parent, 20, {"n_critic": 1}, runs_dir), resume=True)
    grandchild = fork(child, 40, {"steps": 60}, runs_dir)
    assert grandchild.parent() == Parent(child.id, 40)
    assert train_to_the_end(grandchild, resume=True).checkpoints.read()[0].step == 60
