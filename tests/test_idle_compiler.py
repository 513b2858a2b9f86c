"""Steps are compiled while no run is active, for the engine with which the next run begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import tiny, until
from wgan.config import TrainConfig
from wgan.session import Session, idle_compiler
from wgan.training import Engine
from wgan.training.acceleration import STEPS, Compiler, folder, key


class StandInCompiler(Compiler):
    """It starts no process, and works until it is ended."""

    begun: "list[StandInCompiler]"

    def __init__(self, config: TrainConfig, engine: Engine) -> None:
        super().__init__(config, engine)
        self.is_working = False

    def begin(self) -> bool:
        self.begun.append(self)
        self.is_working = True
        return True

    @property
    def working(self) -> bool:
        return self.is_working

    def end(self) -> None:
        self.is_working = False


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[StandInCompiler]:
    """The compilers that were begun in idle time."""
    StandInCompiler.begun = []
    monkeypatch.setattr(idle_compiler, "Compiler", StandInCompiler)
    return StandInCompiler.begun


@pytest.fixture
def session(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr("wgan.session.scheduler.IDLE_S", 0.02)
    session = Session(runs_dir, threads=1)
    yield session
    session.close(timeout=60)


def test_the_settings_on_show_are_compiled_for_the_engine_of_their_run(
    session: Session, begun: list[StandInCompiler]
):
    config = tiny(steps=1_000_000, checkpoint_every=100_000)
    until(lambda: session.forecast(config) is not None, 60)
    until(lambda: begun, 60)
    run = session.start(config)
    until(lambda: session.snapshot(run).step > 0, 60)
    engine = session.snapshot(run).engine
    assert engine is not None
    assert [compiler.key for compiler in begun] == [key(config, engine)]
    assert not begun[0].working  # the run ended it
    session.stop(run)
    until(lambda: len(begun) == 2, 60)  # it begins anew
    assert begun[1].key == begun[0].key


def test_a_finished_compiler_is_not_begun_again(session: Session, begun: list[StandInCompiler]):
    first, second = tiny(), tiny(batch_size=32)
    until(lambda: session.forecast(first) is not None, 60)
    until(lambda: begun, 60)
    begun[0].end()
    until(lambda: session.forecast(second) is not None, 60)
    until(lambda: len(begun) == 2, 60)
    begun[1].end()
    session.forecast(first)
    third = tiny(batch_size=8)
    until(lambda: session.forecast(third) is not None, 60)
    until(lambda: len(begun) == 3, 60)
    assert len({compiler.key for compiler in begun}) == 3


@pytest.mark.parametrize("is_cached", [True, False])
def test_what_is_cached_or_cannot_be_compiled_is_left_out(
    is_cached: bool, begun: list[StandInCompiler]
):
    engine = Engine("cpu", "float32", 1)
    config = tiny() if is_cached else tiny(compiled=False)
    if is_cached:
        folder().mkdir(parents=True)
        for name in STEPS:
            (folder() / f"{key(config, engine)}-{name}.pt2").touch()
    compiler = idle_compiler.IdleCompiler()
    compiler.begin(config, engine)
    assert begun == []
    compiler.begin(tiny(batch_size=8), engine)
    assert len(begun) == 1


def test_settings_before_their_forecast_are_not_compiled(
    session: Session, begun: list[StandInCompiler]
):
    bad = tiny(dataset="svhn", network={"name": "dcgan", "size": "small"}, device="cuda")
    until(lambda: session.forecast(bad) is not None, 60)
    good = tiny()
    until(lambda: session.forecast(good) is not None, 60)
    until(lambda: begun, 60)
    assert len(begun) == 1
