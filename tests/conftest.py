"""Small stand-ins: configs that train in milliseconds, and pictures made by a formula."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from streamlit.testing.v1 import AppTest

from pages.ui.core import startup
from wgan.config import TrainConfig
from wgan.data import Pictures
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training import Engine

ROOT = Path(__file__).parents[1]
THREADS = int(os.environ.get("WGAN_TEST_THREADS", "1"))
"""CPU threads of the numeric tests; `make test-processors` sets 1 and 2."""

# On a busy machine an example that takes milliseconds can take seconds.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.fixture
def engine() -> Engine:
    return Engine("cpu", "float32", THREADS)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache for what several tests share: servers, and runs that are trained once for a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with few threads, its own cache, and float32.

    Nothing is compiled in idle time, and no training measures for a second whether bfloat16 is faster.
    """
    torch.set_num_threads(THREADS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("wgan.training.cost.might_gain_from_bfloat16", lambda *_: False)
    monkeypatch.setattr("wgan.session.scheduler.IDLE_S", 3600.0)


def tiny(**changes: object) -> TrainConfig:
    """A training of points that takes a millisecond a step, and is not measured unless `changes` say so."""
    values: dict[str, object] = {
        "dataset": "ring-8",
        "network": {"name": "mlp", "width": 16, "depth": 1},
        "optimizer": "adam",
        "batch_size": 16,
        "latent_dim": 2,
        "n_critic": 2,
        "steps": 40,
        "report_every": 5,
        "preview_every": 10,
        "checkpoint_every": 20,
        "threads": THREADS,
        "measure": False,  # a measurement takes as long as many steps
    }
    return TrainConfig.parse(values | changes)


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is true: no test asserts how long it takes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def paths_below(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the files and folders below a folder whose path ends in `pattern`, sorted.

    Another process may delete them at the same time. `Path.rglob` then raises FileNotFoundError before
    Python 3.13; `os.walk` does not.
    """
    entries = [
        Path(parent, name)
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    ]
    return sorted(path for path in entries if path.match(pattern))


def pictures(n: int = 64, shape: tuple[int, int, int] = (1, 28, 28)) -> Pictures:
    """Noise pictures with labels; no files needed."""
    rng = torch.Generator().manual_seed(0)
    train = torch.randint(256, (n, *shape), generator=rng, dtype=torch.uint8)
    labels = torch.arange(n) % 10
    return Pictures(train, train[: n // 2] // 2, labels, labels[: n // 2])


def train_to_the_end(
    run: Run, *, resume: bool = False, change: bool = False, until: int | None = None
) -> Run:
    """Train a run, or end it at step `until`; with a `change` of a learning rate at step 12."""
    job = TrainingJob(run, threads=THREADS, resume=resume)
    job.prepare()
    while not job.done and (until is None or job.training.steps < until):
        if change and job.training.steps == 12:
            job.change({"critic_learning_rate": 0.002})
        job.step()
    job.finish(Status.FINISHED)
    return run


@pytest.fixture(scope="session")
def shared_ring(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run that all tests copy, in place of training it again."""
    torch.set_num_threads(THREADS)
    config = tiny(measure=True)
    return train_to_the_end(Run.create(config, tmp_path_factory.mktemp("shared")), change=True)


@pytest.fixture
def ring(shared_ring: Run, runs_dir: Path) -> Run:
    """A finished run of this test's own."""
    return Run(shutil.copytree(shared_ring.folder, runs_dir / shared_ring.id))


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def app_at(page: str = "train") -> AppTest:
    """The app as a visitor meets it who opens the address of a page."""
    startup.fix_import_path()  # as the server does
    app = AppTest.from_file(str(ROOT / "pages" / "ui" / "main.py"), default_timeout=180)
    return app if page == "train" else app.switch_page(f"../{page}.py")
