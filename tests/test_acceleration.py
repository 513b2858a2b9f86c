"""Compiled updates: the same gradients, taken only where they are right and faster, and never in the way."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import Tensor

from tests.conftest import THREADS, pictures, tiny
from wgan.config import TrainConfig
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status
from wgan.training import Engine, Training
from wgan.training.acceleration import (
    STEPS,
    AotPackage,
    Compiler,
    aot,
    folder,
    key,
    mismatch_reason,
    no_speedup_reason,
    step_accelerator,
    unsupported_reason,
)
from wgan.training.engine import Precision
from wgan.training.steps import CompiledStep, TraceableStep, assign_gradients

SMALL: dict[str, Any] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "batch_size": 8,
    "latent_dim": 4,
    "threads": THREADS,
}
KINDS: dict[str, TrainConfig] = {
    "points, penalty": tiny(),
    "points, one-sided at real": tiny(objective={"name": "wgan-lp", "penalty_at": "real"}),
    "points, clipped": tiny(objective="wgan", optimizer="rmsprop"),
    "points, cross-entropy": tiny(objective="gan"),
    "points, hinge": tiny(objective="hinge"),
    "points, relativistic": tiny(objective="r3gan"),
    "pictures": TrainConfig.parse(SMALL),
    "pictures, told the class": TrainConfig.parse(SMALL | {"conditional": True}),
    "pictures, augmented": TrainConfig.parse(
        SMALL | {"conditional": True, "augmentation": "fixed", "augmentation_flips": True}
    ),
    "pictures, relativistic, augmented": TrainConfig.parse(
        SMALL | {"objective": "r3gan", "augmentation": "adaptive"}
    ),
    "pictures, relativistic, told the class": TrainConfig.parse(
        SMALL | {"objective": "r3gan", "conditional": True}
    ),
}

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="there is no C++ compiler on this machine",
)


def training_of(config: TrainConfig, precision: Precision = "float32") -> Training:
    data = pictures() if config.dataset.kind == "pictures" else None
    return Training(config, engine=Engine("cpu", precision, THREADS), data=data)


def state_of(training: Training) -> dict[str, Tensor]:
    return training.state().tensors


class Plain:
    """Stands for a library: computes an update as it is written, without a compiler."""

    def __init__(self, call: Callable[[Sequence[Tensor]], list[Tensor]]) -> None:
        self.call, self.calls = call, 0

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor]:
        self.calls += 1
        return self.call(values)


@pytest.mark.parametrize("name", KINDS)
def test_an_update_as_a_function_trains_as_the_loop_does(name: str):
    usual, other = (training_of(KINDS[name]) for _ in range(2))
    stand_ins = {name: Plain(update.call) for name, update in other.traceable_steps().items()}
    other.set_compiled_steps(stand_ins)
    for training in (usual, other):
        for _ in range(5):
            training.step()
    assert stand_ins["critic"].calls == 5 * KINDS[name].n_critic
    assert stand_ins["generator"].calls == 5
    for expected, actual in zip(state_of(usual).values(), state_of(other).values(), strict=True):
        torch.testing.assert_close(expected, actual, rtol=1e-4, atol=1e-6)
    assert other.engine.compiled and not usual.engine.compiled
    assert [r.step for r in usual.reports()] == [r.step for r in other.reports()]


def test_looking_for_what_to_compile_changes_nothing():
    training = training_of(TrainConfig.parse(SMALL))
    for _ in range(2):
        training.step()
    before = {name: value.clone() for name, value in state_of(training).items()}
    training.traceable_steps()
    after = state_of(training)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_gradients_lie_in_memory_as_their_weights_do():
    training = training_of(TrainConfig.parse(SMALL))
    weight = next(p for p in training.critic.parameters() if p.dim() == 4)
    contiguous_gradient = (
        torch.arange(weight.numel(), dtype=torch.float32).view(weight.shape).contiguous()
    )
    gradients = [
        contiguous_gradient if p is weight else torch.zeros_like(p)
        for p in training.critic.parameters()
    ]
    assign_gradients(training.critic, gradients)
    assert weight.grad is not None and weight.grad.stride() == weight.stride()
    assert torch.equal(weight.grad, contiguous_gradient)


def test_an_objective_steered_in_mid_run_is_computed_as_written():
    training = training_of(tiny())
    stand_ins = {name: Plain(update.call) for name, update in training.traceable_steps().items()}
    training.set_compiled_steps(stand_ins)
    training.step()
    training.apply(critic_learning_rate=1e-4)
    training.step()
    assert stand_ins["generator"].calls == 2  # a rate is not written into them
    training.apply(**{"objective.penalty_weight": 3.0})
    training.step()
    assert stand_ins["generator"].calls == 2 and not training.engine.compiled


def test_compiled_updates_are_left_in_mid_run_by_their_switch():
    training = training_of(tiny())
    stand_ins = {name: Plain(update.call) for name, update in training.traceable_steps().items()}
    training.set_compiled_steps(stand_ins)
    training.step()
    calls = {name: stand_in.calls for name, stand_in in stand_ins.items()}
    assert training.engine.compiled and min(calls.values()) > 0
    training.apply(compiled=False)
    training.step()
    assert not training.engine.compiled
    assert {name: stand_in.calls for name, stand_in in stand_ins.items()} == calls


@pytest.mark.parametrize(
    ("config", "engine", "word"),
    [
        (tiny(compiled=False), Engine("cpu", "float32", THREADS), "turned off"),
        (tiny(), Engine("mps", "float32", THREADS), "CUDA"),
        (tiny(), Engine("cpu", "float32", THREADS, processes=2), "processes"),
        (
            tiny(objective={"name": "wgan-gp", "penalty_every": 4}),
            Engine("cpu", "float32", THREADS),
            "all the same",
        ),
        (tiny(objective="wgan-sn"), Engine("cpu", "float32", THREADS), "state besides its weights"),
        (
            tiny(objective="wgan-groupsort"),
            Engine("cpu", "float32", THREADS),
            "state besides its weights",
        ),
    ],
)
def test_what_cannot_be_compiled_says_why(config: TrainConfig, engine: Engine, word: str):
    reason = unsupported_reason(config, engine, training_of(config).critic)
    assert reason is not None and word in reason


def test_a_library_belongs_to_one_config_and_kind_of_processor(monkeypatch: pytest.MonkeyPatch):
    engine = Engine("cpu", "float32", THREADS)
    keys = {
        key(config, engine)
        for config in (
            tiny(),
            tiny(batch_size=32),
            tiny(objective={"name": "wgan-gp", "penalty_weight": 3.0}),
            *(
                TrainConfig.parse(SMALL | changes)
                for changes in (
                    {},
                    {"augmentation": "fixed"},
                    {"augmentation": "fixed", "augmentation_flips": True},
                )
            ),
        )
    }
    keys.add(key(tiny(), Engine("cpu", "float32", THREADS + 1)))
    assert len(keys) == 7
    assert key(tiny(), engine) == key(tiny(seed=7, critic_learning_rate=1e-5, steps=9), engine)
    # A cache on a disk that machines share: what one's compiler may use, another's processor may lack.
    monkeypatch.setattr(aot, "_processor", lambda: "flags : sse2")
    assert key(tiny(), engine) not in keys


def test_wrong_and_slow_libraries_are_not_used(monkeypatch: pytest.MonkeyPatch):
    update = training_of(tiny()).traceable_steps()["critic"]
    now = 0.0
    monkeypatch.setattr("wgan.training.acceleration.checks.time.perf_counter", lambda: now)

    def wrong(values: Sequence[Tensor]) -> list[Tensor]:
        return [x + 0.1 if i == 0 else x for i, x in enumerate(update.call(values))]

    def lasting(seconds: float) -> CompiledStep:
        def call(values: Sequence[Tensor]) -> list[Tensor]:
            nonlocal now
            now += seconds
            return update.call(values)

        return call

    slow, replaced = lasting(0.02), replace(update, call=lasting(0.01))

    engine = Engine("cpu", "float32", THREADS)
    for call, phrase in ((wrong, "differ"), (lambda _: None, "other inputs")):
        reason = mismatch_reason(call, update, engine)
        assert reason is not None and phrase in reason
    assert mismatch_reason(slow, update, engine) is None
    reason = no_speedup_reason([(slow, replaced, 1)], engine)
    assert reason is not None and "not faster (0.50 times)" in reason
    assert no_speedup_reason([(lasting(0.009), replaced, 1)], engine) is None


def test_what_a_whole_step_gains_decides(monkeypatch: pytest.MonkeyPatch):
    """The critic's update is made five times a step: what it gains outweighs a slower generator's."""
    training = training_of(tiny())
    now = 0.0
    # A clock that only these updates move: on a busy machine a real one says nothing.
    monkeypatch.setattr("wgan.training.acceleration.checks.time.perf_counter", lambda: now)

    def lasting(update: TraceableStep, seconds: float) -> TraceableStep:
        def call(values: Sequence[Tensor]) -> list[Tensor]:
            nonlocal now
            now += seconds
            return update.call(values)

        return replace(update, call=call)

    updates = {name: lasting(update, 0.03) for name, update in training.traceable_steps().items()}
    quick, slow = (
        lasting(training.traceable_steps()[name], seconds).call
        for name, seconds in (("critic", 0.001), ("generator", 0.09))
    )
    engine = training.engine
    pairs = [(quick, updates["critic"], 5), (slow, updates["generator"], 1)]
    assert no_speedup_reason(pairs, engine, rounds=3) is None
    assert (
        no_speedup_reason([(quick, updates["critic"], 1), pairs[1]], engine, rounds=3) is not None
    )


def test_of_two_updates_none_is_taken_alone():
    training = training_of(tiny())
    messages: list[str] = []
    accelerator = step_accelerator.StepAccelerator(messages.append)
    compiled_steps: dict[str, CompiledStep | str] = {
        "critic": Plain(training.traceable_steps()["critic"].call),
        "generator": "it cannot be loaded",
    }
    assert not accelerator.switch_if_faster(training, compiled_steps, was_compiled=True)
    assert not training.engine.compiled and len(messages) == 1


def test_those_of_a_checkpoint_are_taken_whatever_the_clock_says():
    training = training_of(tiny())
    stand_ins = {name: Plain(update.call) for name, update in training.traceable_steps().items()}
    assert step_accelerator.StepAccelerator(lambda _: None).switch_if_faster(
        training, dict(stand_ins), was_compiled=True
    )
    assert training.engine.compiled


def test_no_compiler_is_no_trouble(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(step_accelerator, "COMPILE_AFTER_S", 0.0)
    monkeypatch.setattr(step_accelerator, "MIN_SECONDS_LEFT", -1e9)
    monkeypatch.setattr("wgan.jobs.training.FLUSH_INTERVAL_S", 0.0)
    monkeypatch.setattr("wgan.training.acceleration.aot.sys.executable", "/bin/false")
    job = TrainingJob(Run.create(tiny(steps=10**6), runs_dir))
    job.prepare()
    end = time.monotonic() + 180
    while not job.engine_tuner.accelerator.settled and time.monotonic() < end:
        job.step()
    job.finish(Status.STOPPED)
    assert job.engine_tuner.accelerator.settled and not job.training.engine.compiled
    assert "could not be compiled" in (job.run.folder / "error.log").read_text("utf-8")
    assert job.run.status() is Status.STOPPED and job.run.fact("error") == ""


BUILT = tiny(steps=10**6)


@pytest.fixture(scope="session")
def library_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the libraries of `BUILT`, which only one of pytest's workers compiles."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    with FileLock(f"{shared}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared))
        if not folder().exists():
            compiled_beside(BUILT, "float32")
    return shared


def compiled_beside(config: TrainConfig, precision: Precision) -> Compiler:
    """Have another process compile a config's libraries, and wait for them."""
    compiler = Compiler(config, Engine("cpu", precision, THREADS))
    compiler.begin()
    compiler.begin()  # once
    end = time.monotonic() + 1100
    while compiler.working and time.monotonic() < end:
        time.sleep(0.2)
    assert not compiler.working and not compiler.failed
    return compiler


@pytest.fixture
def built(library_cache: Path) -> TrainConfig:
    """A config whose libraries are in this test's cache."""
    shutil.copytree(library_cache, folder().parents[1], dirs_exist_ok=True)
    return BUILT


@needs_compiler
@pytest.mark.timeout(1200)
def test_libraries_are_built_used_recorded_and_found_again(
    built: TrainConfig, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = Engine("cpu", "float32", THREADS)
    compiler = Compiler(built, engine)
    paths = {name: compiler.path(name) for name in STEPS}
    assert all(paths.values()) and not list(folder().glob("*.part*"))

    # Right, whatever the time says; and only for inputs that lie as planned.
    usual, fast = training_of(built), training_of(built)
    fast.set_compiled_steps(
        {
            name: AotPackage(path, fast.traceable_steps()[name].inputs)
            for name, path in paths.items()
            if path
        }
    )
    for training in (usual, fast):
        for _ in range(10):
            training.step()
    for expected, actual in zip(state_of(usual).values(), state_of(fast).values(), strict=True):
        torch.testing.assert_close(expected, actual, rtol=1e-3, atol=1e-5)
    update = fast.traceable_steps()["critic"]
    library = AotPackage(paths["critic"], update.inputs)
    assert library(update.inputs) is not None
    transposed_inputs = [x.t().contiguous().t() if x.dim() == 2 else x for x in update.inputs]
    assert library(transposed_inputs) is None

    # In a run: taken at the first look, recorded, and taken again when it is resumed.
    monkeypatch.setattr("wgan.training.acceleration.checks.MIN_COMPILED_SPEEDUP", 0.0)
    job = TrainingJob(Run.create(built, runs_dir))
    job.prepare()
    job._last_flush = 0.0
    for _ in range(3):
        job.step()
    assert job.training.engine.compiled
    assert [c.path for c in job.recorder.buffer.changes] == [
        "engine"
    ] and job.recorder.buffer.changes[0].after["compiled"]
    job.finish(Status.STOPPED)
    assert job.run.checkpoints.read()[0].engine.compiled
    again = TrainingJob(job.run, resume=True)
    again.prepare()
    assert again.training.engine.compiled and [c.path for c in again.recorder.buffer.changes] == [
        "engine"
    ]
    again.finish(Status.STOPPED)
    shutil.rmtree(folder())
    last_job = TrainingJob(job.run, resume=True)
    last_job.prepare()
    assert not last_job.training.engine.compiled and len(last_job.recorder.buffer.changes) == 2
    last_job.step()
    last_job.finish(Status.STOPPED)


@needs_compiler
@pytest.mark.timeout(1200)
def test_a_process_beside_builds_them(built: TrainConfig):
    check_libraries(built, "float32")


@needs_compiler
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("objective", ["wgan-gp", "r3gan"])
def test_a_process_beside_builds_those_of_pictures(objective: str, precision: Precision):
    config = TrainConfig.parse(
        SMALL
        | {"objective": objective, "conditional": True}
        | {"augmentation": "fixed", "augmentation_flips": True}
    )
    compiled_beside(config, precision)
    check_libraries(config, precision)


def check_libraries(config: TrainConfig, precision: Precision) -> None:
    engine = Engine("cpu", precision, THREADS)
    for name, update in training_of(config, precision).traceable_steps().items():
        path = Compiler(config, engine).path(name)
        assert path is not None
        library = AotPackage(path, update.inputs)
        assert mismatch_reason(library, update, engine) is None
        outputs, expected = library(update.inputs), update.call(update.inputs)
        assert outputs is not None
        assert [x.dtype for x in outputs] == [x.dtype for x in expected]
        if precision == "float32":
            torch.testing.assert_close(outputs, expected, rtol=1e-3, atol=1e-5)


def test_a_damaged_library_is_thrown_away():
    training = training_of(tiny())
    compiler = Compiler(training.config, training.engine)
    folder().mkdir(parents=True)
    paths = [folder() / f"{compiler.key}-{name}.pt2" for name in STEPS]
    for path in paths:
        path.write_bytes(b"not a library")
    messages: list[str] = []
    assert not step_accelerator.StepAccelerator(messages.append).maybe_switch(training, 1.0, 1e9)
    assert len(messages) == 2 and all("cannot be loaded" in message for message in messages)
    assert not any(path.exists() for path in paths) and not training.engine.compiled


def test_one_compiler_at_a_time(monkeypatch: pytest.MonkeyPatch):
    class Busy:
        working = True

    monkeypatch.setattr(Compiler, "_latest", Busy())
    compiler = Compiler(tiny(), Engine("cpu", "float32", THREADS))
    compiler.begin()
    assert not compiler.working and not compiler.failed and compiler._process is None
