"""Between two reports nothing has the CPU wait for the device: no number is fetched, no shape depends on one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.conftest import THREADS, pictures, tiny
from tests.test_cuda_graph import Again
from wgan.config import TrainConfig
from wgan.jobs import TrainingJob
from wgan.objectives import OBJECTIVES
from wgan.runs import COLUMNS, Run, Status
from wgan.training import Engine, Training
from wgan.training.acceleration import Graph

FETCHES = {
    "aten::_local_scalar_dense",  # item, tolist of one, float, bool and int of a tensor
    "aten::item",
    "aten::is_nonzero",
    "aten::equal",
    "aten::nonzero",  # indexing by a mask, too
    "aten::masked_select",
    "aten::unique_consecutive",
    "aten::_unique2",
    "aten::bincount",
}
"""What waits for a device, or gives a shape that only the device knows."""


METHODS = {
    "item",
    "tolist",
    "cpu",
    "numpy",
    "__bool__",
    "__float__",
    "__int__",
    "__index__",
    "__contains__",
}
"""The same as they are called, where nothing on the CPU is left to dispatch."""


class Called(TorchFunctionMode):
    """Notes every call of a method that fetches."""

    def __init__(self, fetches: list[str]) -> None:
        super().__init__()
        self.fetches = fetches

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in METHODS:
            self.fetches.append(func.__name__)
        return func(*args, **kwargs or {})


class Dispatched(TorchDispatchMode):
    """Notes every operation that would have the CPU wait for a GPU."""

    def __init__(self, fetches: list[str]) -> None:
        super().__init__()
        self.fetches = fetches

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        devices = {x.device.type for x in args if isinstance(x, torch.Tensor)}
        target = (kwargs or {}).get("device")
        crosses = target is not None and devices and torch.device(target).type not in devices
        masks = "aten::index" in name and any(
            x is not None and x.dtype in (torch.bool, torch.uint8)
            for x in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ())
        )
        if name in FETCHES or crosses or masks:
            self.fetches.append(name)
        return func(*args, **kwargs or {})


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Collect what is fetched meanwhile."""
    fetches: list[str] = []
    with Called(fetches), Dispatched(fetches):
        yield fetches


def config_of(kind: str, **changes: object) -> TrainConfig:
    if kind == "points":
        return tiny(**changes)
    base: dict[str, Any] = {
        "dataset": "mnist-10k",
        "network": {"name": "dcgan", "size": "small"},
        "batch_size": 8,
        "latent_dim": 4,
        "threads": THREADS,
        "n_critic": 2,
        "report_every": 5,
    }
    return TrainConfig.parse(base | changes)


def fetches_in(config: TrainConfig, steps: int = 4) -> list[str]:
    """Return what some steps fetched, of which the first report comes after."""
    data = pictures() if config.dataset.kind == "pictures" else None
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=data)
    training.step()  # optimisers make their state
    with watched() as fetches:
        for _ in range(steps):
            training.step()
    assert training.reports()
    return fetches


@pytest.mark.parametrize("kind", ["points", "pictures"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_steps_fetch_nothing(objective: str, kind: str):
    assert fetches_in(config_of(kind, objective=objective)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "rmsprop", "objective": "wgan"},
        {"split_updates": True, "objective": "wgan"},
        {"replacement": True, "conditional": True},
        {"decay": "linear"},
        {"objective": {"name": "wgan-gp", "penalty_at": "noise"}},
        {"objective": {"name": "wgan-gp", "penalty_every": 4}},
    ],
)
def test_nor_in_other_settings(changes: dict[str, Any]):
    assert fetches_in(config_of("pictures", **changes)) == []


def test_nor_with_recorded_updates():
    training = Training(tiny(), engine=Engine("cpu", "float32", THREADS))
    training.set_compiled_steps(
        {n: Graph(update, Again()) for n, update in training.traceable_steps().items()}
    )
    training.step()
    with watched() as fetches:
        for _ in range(4):
            training.step()
    assert fetches == []


def paced(config: TrainConfig, runs_dir: Path) -> TrainingJob:
    """A job whose reports are fetched as seldom as on a GPU."""
    job = TrainingJob(Run.create(config, runs_dir))
    job.prepare()
    job.fetch_reports_lazily = True
    return job


def test_a_job_fetches_when_somebody_looks(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 1e9)
    job = paced(tiny(report_every=1, preview_every=10, measure=False, steps=1000), runs_dir)
    job.step()  # with a preview
    with watched() as fetches:
        for _ in range(8):
            job.step()
    snapshot = job.snapshot
    assert fetches == [] and snapshot.last is None
    job.step()
    job.step()  # with a preview, and the reports till then
    job.flush()
    assert job.snapshot.last.report.step == 10
    job.finish(Status.STOPPED)
    assert list(job.run.reports()["step"]) == list(range(1, 12))


def test_a_paced_job_records_the_same(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 1e9)
    jobs = [TrainingJob(Run.create(tiny(), runs_dir)), paced(tiny(), runs_dir)]
    jobs[0].prepare()
    for job in jobs:
        while not job.done:
            job.step()
        job.finish(Status.FINISHED)
    usual_reports, paced_reports = (job.run.reports() for job in jobs)
    assert len(usual_reports["step"]) == 8
    for name in set(COLUMNS) - {"seconds", "time"}:
        assert np.array_equal(usual_reports[name], paced_reports[name])
    assert (np.diff(paced_reports["seconds"]) > 0).all() and (
        np.diff(paced_reports["time"]) > 0
    ).all()


def test_a_paced_job_that_diverged_fails_though_it_was_stopped_before_it_looked(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 1e9)
    job = paced(tiny(preview_every=1000, checkpoint_every=1000, steps=1000), runs_dir)
    for _ in range(7):
        job.step()
    with torch.no_grad():
        next(job.training.critic.parameters()).fill_(float("nan"))
    for _ in range(5):
        job.step()
    job.finish(Status.STOPPED)
    assert job.run.status() is Status.FAILED and "became too large" in job.run.fact("error")
    assert list(job.run.reports()["step"]) == [5] and job.run.checkpoints.steps() == [0]


def test_fetching_is_found():
    x = torch.arange(3.0)
    with watched() as fetches:
        x.sum().item()
    assert fetches
    for fetch in (
        lambda: float(x.sum()),
        lambda: x[x > 1],
        lambda: bool((x > 0).all()),
        x.nonzero,
        x.tolist,
        x.cpu,
    ):
        with watched() as fetches:
            fetch()
        assert fetches
