"""What is probed of a training in passing, on networks whose answers are known."""

import math
from collections.abc import Iterable

import pytest
import torch
from torch import nn

from tests.conftest import tiny
from wgan.data import Ring8
from wgan.networks.modules import Score
from wgan.training import Engine, Training
from wgan.training.diagnostics import DIAGNOSTICS, training_diagnostics
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.state import optimizer_of


def training(engine: Engine, critic: nn.Module | None = None, **changes: object) -> Training:
    training = Training(tiny(**changes), engine=engine)
    if critic is not None:
        training.updates.critic = critic
        training.updates.critic_optimizer = optimizer_of(training.config, critic, "critic")
    return training


def linear(*weights: float) -> nn.Module:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights]))
    return nn.Sequential(layer, Score())


def test_a_relativistic_generator_receives_half_of_the_slope_of_an_undecided_critic(engine: Engine):
    """∂ softplus(f(real) − f(fake)) / ∂ f(fake) is −σ(0) = −½ if all scores are equal."""
    diagnostics = training_diagnostics(training(engine, linear(0.0, 0.0), objective="r3gan"))
    assert diagnostics["generator_signal"] == pytest.approx(0.5)


def test_everything_that_is_probed_is_explained(engine: Engine):
    ring_training = training(engine)
    ring_training.step()
    diagnostics = training_diagnostics(ring_training)
    assert set(diagnostics) <= set(DIAGNOSTICS)
    assert all(math.isfinite(value) for value in diagnostics.values())
    # Nothing is clipped or augmented here.
    assert set(DIAGNOSTICS) - set(diagnostics) == {"at_clip", "augmentation_probability"}


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_a_linear_critic_has_one_slope(engine: Engine, slope: float):
    diagnostics = training_diagnostics(training(engine, linear(0.6 * slope, 0.8 * slope)))
    assert diagnostics["slope_hat"] == pytest.approx(slope, rel=1e-5)
    assert diagnostics["slope_fake"] == pytest.approx(slope, rel=1e-5)
    assert diagnostics["slope_hat_spread"] == pytest.approx(0, abs=1e-5)
    if slope != 1:
        assert diagnostics["slope_above_1"] == (slope > 1)
    assert diagnostics["generator_signal"] == pytest.approx(1)


def test_the_pull_of_the_penalty_is_0_at_slope_1_and_grows_with_it(engine: Engine):
    """∇ of λ(‖w‖ − 1)² is 2λ(‖w‖ − 1) w/‖w‖, and that of the loss does not depend on w."""
    pulls = [
        training_diagnostics(training(engine, linear(0.6 * s, 0.8 * s)))["penalty_pull"]
        for s in (1.0, 2.0, 4.0)
    ]
    assert pulls[0] == pytest.approx(0, abs=1e-4)
    assert pulls[2] / pulls[1] == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize("factor", [100.0, 1.0, 0.001])
def test_a_gradient_grows_by_what_a_layer_multiplies(engine: Engine, factor: float):
    first, second, last = nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1)
    with torch.no_grad():
        second.weight.copy_(factor * torch.eye(4))
        for layer in (first, second):
            layer.bias.fill_(1e4)  # every ReLU is open
    critic = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last, Score())
    diagnostics = training_diagnostics(training(engine, critic, objective="wgan"))
    assert diagnostics["gradient_depth"] == pytest.approx(math.log10(factor), abs=1e-4)


def test_variety_is_0_for_one_point_and_1_for_the_data(engine: Engine):
    ring_training = training(engine)
    assert isinstance(ring_training.config.dataset, Ring8)
    scale = ring_training.config.dataset.scale

    class Fixed(nn.Module):
        def __init__(self, spread: float) -> None:
            super().__init__()
            self.spread = nn.Parameter(torch.tensor(spread))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            # Eight points on the ring, as the data has them.
            angle = 2 * math.pi * torch.arange(len(z)) / 8
            ring = torch.stack([angle.cos(), angle.sin()], 1)
            return self.spread * ring * scale

    for spread, expected in ((0.0, 0.0), (1.0, 1.0), (0.25, 0.25)):
        ring_training.updates.generator = Fixed(spread)
        ring_training.updates.generator_optimizer = optimizer_of(
            ring_training.config, ring_training.generator, "generator"
        )
        assert training_diagnostics(ring_training)["variety"] == pytest.approx(expected, abs=0.05)


def test_weights_at_the_bound_are_counted(engine: Engine):
    critic = linear(0.02, 0.005)
    assert training_diagnostics(training(engine, critic, objective="wgan"))["at_clip"] == 0.5


def test_every_process_of_a_training_measures_the_same(engine: Engine):
    """The copies belong to one process: they neither wait for others nor take only its rows of a batch."""

    class OneOfTwo(ProcessGroup):
        def broadcast_parameters(self, tensors: Iterable[torch.Tensor]) -> None: ...

        def sync_batch_norm(self, network: nn.Module) -> None: ...

    alone, second = (
        training_diagnostics(Training(tiny(), engine=engine, process_group=group))
        for group in (ALONE, OneOfTwo(1, 2))
    )
    assert alone == second
