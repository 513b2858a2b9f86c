"""Recorded updates: buffers of their own, weights where they are, and the same numbers to the last bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conftest import THREADS, pictures, tiny
from wgan.config import TrainConfig
from wgan.training import Engine, Training
from wgan.training.acceleration import Graph, mismatch_reason
from wgan.training.acceleration.cuda_graph import WARM_UP, GraphWork
from wgan.training.acceleration.step_accelerator import StepAccelerator
from wgan.training.steps import TraceableStep

SMALL: dict[str, Any] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "batch_size": 8,
    "latent_dim": 4,
    "threads": THREADS,
    "n_critic": 2,
    "report_every": 5,
    "replacement": True,
}
CASES: dict[str, TrainConfig] = {
    "points, wgan-gp": tiny(),
    "points, wgan": tiny(objective="wgan", optimizer="rmsprop"),
    "pictures, wgan-gp": TrainConfig.parse(SMALL | {"objective": "wgan-gp"}),
    "pictures, wgan": TrainConfig.parse(SMALL | {"objective": "wgan"}),
    "pictures, told the class": TrainConfig.parse(SMALL | {"conditional": True}),
    "pictures, augmented": TrainConfig.parse(
        SMALL | {"conditional": True, "augmentation": "adaptive", "augmentation_rise": 1}
    ),
    "pictures, relativistic, told the class": TrainConfig.parse(
        SMALL | {"objective": "r3gan", "conditional": True}
    ),
}

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="this machine has no CUDA device"
)


class Again:
    """Stands for CUDA: records nothing, and runs the work again on the same inputs, into the same outputs."""

    def __init__(self) -> None:
        self.warm, self.runs = 0, 0

    def warm_up(self, work: GraphWork, times: int) -> None:
        for _ in range(times):
            work()
        self.warm += times

    def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
        outputs = [torch.empty_like(value).fill_(-1) for value in work()]

        def run() -> None:
            self.runs += 1
            for output, new in zip(outputs, work(), strict=True):
                output.copy_(new)

        return outputs, run


def training_of(config: TrainConfig, device: str = "cpu", precision: Any = "float32") -> Training:
    data = pictures() if config.dataset.kind == "pictures" else None
    engine = Engine(device, precision, THREADS)
    engine.activate()
    return Training(config, engine=engine, data=data)


def recorded(training: Training) -> list[Again]:
    """Have a training use recorded updates of a stand-in, which are returned."""
    recorders = {name: Again() for name in ("critic", "generator")}
    training.set_compiled_steps(
        {n: Graph(update, recorders[n]) for n, update in training.traceable_steps().items()}
    )
    return list(recorders.values())


def same(first: Training, second: Training) -> bool:
    a, b = first.state().tensors, second.state().tensors
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def go(training: Training, steps: int) -> list[Any]:
    for _ in range(steps):
        training.step()
    return training.reports()


@pytest.mark.parametrize("name", CASES)
def test_recorded_updates_give_the_same_numbers(name: str):
    usual, other = (training_of(CASES[name]) for _ in range(2))
    critic, generator = recorded(other)
    assert critic.warm == generator.warm == WARM_UP and same(usual, other)
    assert go(usual, 20) == go(other, 20)
    assert (critic.runs, generator.runs) == (40, 20) and same(usual, other)
    assert other.engine.compiled and not usual.engine.compiled


@pytest.mark.parametrize("name", CASES)
def test_in_bfloat16_they_agree_to_its_rounding(name: str):
    usual, other = (training_of(CASES[name], precision="bfloat16") for _ in range(2))
    recorded(other)
    go(usual, 1), go(other, 1)
    for weights in ("critic", "generator"):
        networks = (getattr(training, weights) for training in (usual, other))
        for expected, actual in zip(*(network.parameters() for network in networks), strict=True):
            assert expected.grad is not None and actual.grad is not None
            assert expected.grad.dtype == actual.grad.dtype == torch.float32
            torch.testing.assert_close(
                expected.grad,
                actual.grad,
                rtol=0.1,
                atol=0.02 * float(expected.grad.abs().max()) + 1e-5,
            )
    for update in training_of(CASES[name], precision="bfloat16").traceable_steps().values():
        assert mismatch_reason(Graph(update, Again()), update, other.engine) is None


@pytest.mark.parametrize("name", ["points, wgan-gp", "pictures, wgan-gp"])
def test_steering_and_the_way_back_leave_no_trace_of_them(name: str):
    usual, other = (training_of(CASES[name]) for _ in range(2))
    (critic, _) = recorded(other)
    for training in (usual, other):
        go(training, 5)
        training.apply(critic_learning_rate=3e-4)  # is not written into them
        go(training, 5)
    assert critic.runs == 20 and same(usual, other)
    for training in (usual, other):
        training.apply(**{"objective.penalty_weight": 3.0})  # is: they are left
        assert all(weight.grad is None for weight in training.critic.parameters())
        go(training, 3)
    assert critic.runs == 20 and not other.engine.compiled and same(usual, other)
    (again, _) = recorded(other)
    assert go(usual, 7) == go(other, 7)
    assert again.runs == 14 and same(usual, other)


@pytest.mark.parametrize("name", ["points, wgan", "pictures, told the class"])
def test_a_checkpoint_of_them_is_gone_on_with_and_without_them(name: str):
    usual, other = (training_of(CASES[name]) for _ in range(2))
    recorded(other)
    go(usual, 6), go(other, 6)
    data = pictures() if CASES[name].dataset.kind == "pictures" else None
    state = other.state()
    held = {key: value.clone() for key, value in state.tensors.items()}
    plain, with_them = (Training.restore(state, data=data) for _ in range(2))
    recorded(with_them)
    go(other, 8)
    assert all(torch.equal(held[key], state.tensors[key]) for key in held)  # a copy, not a view
    for training in (usual, plain, with_them):
        go(training, 8)
        assert same(training, other)


def test_what_lies_elsewhere_is_computed_as_written():
    training = training_of(tiny())
    update = training.traceable_steps()["critic"]
    graph = Graph(update, Again())
    assert graph(update.inputs) is not None
    assert graph([*update.inputs[:-1], update.inputs[-1][:8]]) is None  # fewer examples
    assert graph([update.inputs[0].clone(), *update.inputs[1:]]) is None  # other weights
    assert graph([x.double() for x in update.inputs]) is None
    # Weights are read where they are: what an optimiser writes is seen.
    before = [x.clone() for x in graph(update.inputs) or ()]
    with torch.no_grad():
        next(training.critic.parameters()).mul_(2)
    after = graph(update.inputs) or []
    assert not torch.equal(before[0], after[0])
    torch.testing.assert_close(after, update.call(update.inputs), rtol=0, atol=0)


def test_inputs_are_copied_not_kept():
    training = training_of(tiny())
    update = training.traceable_steps()["critic"]
    graph = Graph(update, Again())
    first = [x.clone() for x in graph(update.inputs) or ()]
    moved = [
        *update.inputs[: update.num_fixed],
        *(x + 1 for x in update.inputs[update.num_fixed :]),
    ]
    assert not torch.equal(first[0], (graph(moved) or [])[0])
    torch.testing.assert_close(graph(update.inputs), first, rtol=0, atol=0)


def test_they_are_taken_where_they_are_right_and_faster(monkeypatch: pytest.MonkeyPatch):
    messages: list[str] = []
    training = training_of(tiny())
    monkeypatch.setattr("wgan.training.acceleration.checks.MIN_COMPILED_SPEEDUP", 0.0)
    accelerator = StepAccelerator(messages.append, Again())
    assert (
        accelerator.maybe_switch(training, 1.0, 0.0) and training.engine.compiled and not messages
    )
    assert not accelerator.maybe_switch(training, 2.0, 0.0)  # one verdict each
    training.apply(**{"objective.penalty_weight": 3.0})
    assert not training.engine.compiled
    assert accelerator.maybe_switch(training, 3.0, 0.0) and training.engine.compiled
    # Turned off by the config, and by the environment.
    training.apply(compiled=False)
    assert not accelerator.maybe_switch(training, 4.0, 0.0) and not training.engine.compiled
    monkeypatch.setenv("WGAN_COMPILE", "off")
    other = training_of(tiny())
    assert (
        not StepAccelerator(messages.append, Again()).maybe_switch(other, 1.0, 0.0)
        and not other.engine.compiled
    )
    monkeypatch.delenv("WGAN_COMPILE")
    # Not faster: a line in the log, and the usual updates.
    monkeypatch.setattr("wgan.training.acceleration.checks.MIN_COMPILED_SPEEDUP", 1e9)
    assert (
        not StepAccelerator(messages.append, Again()).maybe_switch(other, 1.0, 0.0)
        and not other.engine.compiled
    )
    assert len(messages) == 1 and "not faster" in messages[0]


def test_what_cannot_be_recorded_is_said():
    class Broken(Again):
        def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
            raise RuntimeError("operation not permitted when stream is capturing")

    messages: list[str] = []
    training = training_of(tiny())
    assert not StepAccelerator(messages.append, Broken()).maybe_switch(training, 1.0, 0.0)
    assert len(messages) == 2 and "not permitted" in messages[0] and not training.engine.compiled
    training.step()


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_cuda_graphs_agree_with_the_usual_updates(name: str, precision: str):
    usual, other = (training_of(CASES[name], "cuda", precision) for _ in range(2))
    update: TraceableStep
    for update in other.traceable_steps().values():
        assert mismatch_reason(Graph(update), update, other.engine) is None
    other.set_compiled_steps({n: Graph(update) for n, update in other.traceable_steps().items()})
    go(usual, 20), go(other, 20)
    rtol, atol = (1e-3, 1e-5) if precision == "float32" else (0.1, 0.01)
    for expected, actual in zip(
        usual.state().tensors.values(), other.state().tensors.values(), strict=True
    ):
        torch.testing.assert_close(expected, actual, rtol=rtol, atol=atol)


@needs_cuda
def test_float32_on_cuda_is_float32():
    training_of(tiny(), "cuda")
    a = torch.rand(1, 64, 32, 32, device="cuda")
    weight = torch.rand(64, 64, 3, 3, device="cuda")
    exact = torch.nn.functional.conv2d(a.double(), weight.double())
    output = torch.nn.functional.conv2d(a, weight)
    assert float((output - exact).abs().max() / exact.abs().max()) < 1e-5  # TF32: 1e-3
