"""The mistakes of reference code, FACTS.md §5: one test for each line, by its number.

Closed forms, so that none of them can come back unnoticed. What other files test more closely is
tested here once more in its plainest form.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.conftest import THREADS, pictures, tiny
from wgan.config import PRESETS, ConfigError, TrainConfig
from wgan.latent import lerp, slerp, walk
from wgan.metrics import emd, mixture_modes
from wgan.networks import NETWORKS
from wgan.objectives import OBJECTIVES, Wgan
from wgan.objectives.gradients import gradient_norm
from wgan.rng import keyed_rng
from wgan.training import Engine, Training

PENALISED = [name for name, kind in OBJECTIVES.items() if "penalty_weight" in kind.model_fields]


class Plane(nn.Module):
    """f(x) = w·x."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


def draw(*shape: int, key: int = 0) -> Tensor:
    return torch.randn(*shape, generator=keyed_rng(key, "data"))


@pytest.mark.parametrize("name", PENALISED)
@pytest.mark.parametrize("n", [1, 7, 64])
def test_1_one_norm_for_each_sample(name: str, n: int):
    """The penalty of a linear critic is the same at every batch size and shape."""
    slope = Plane(torch.full((48,), 2 / math.sqrt(48)))  # ‖w‖ = 2

    def paid(count: int) -> float:
        real, fake = draw(count, 3, 4, 4), draw(count, 3, 4, 4, key=1)
        penalty = OBJECTIVES[name]().penalty(
            slope, real=real, fake=fake, rng=keyed_rng(0, "epsilon")
        )
        return float(penalty.detach())

    assert paid(n) == pytest.approx(paid(256), rel=1e-4) and paid(n) > 0


@pytest.mark.parametrize("name", PENALISED)
def test_2_no_nan_where_the_slope_is_0(name: str):
    flat = Plane(torch.zeros(4))
    penalty = OBJECTIVES[name]().penalty(
        flat, real=draw(5, 4), fake=draw(5, 4, key=1), rng=keyed_rng(0, "epsilon")
    )
    penalty.backward()
    assert torch.isfinite(flat.w.grad).all()


@pytest.mark.parametrize("name", PENALISED)
def test_3_epsilon_is_uniform_and_one_a_sample(name: str):
    objective = OBJECTIVES[name].model_validate({"penalty_at": "interpolates"})
    inputs = []

    def critic(x: Tensor) -> Tensor:
        inputs.append(x.detach())
        return x.sum(1)

    objective.penalty(
        critic, real=torch.ones(2000, 2), fake=torch.zeros(2000, 2), rng=keyed_rng(0, "epsilon")
    )
    epsilon = inputs[0]
    assert torch.equal(epsilon[:, 0], epsilon[:, 1]) and len(epsilon[:, 0].unique()) > 1900
    assert epsilon.min() >= 0 and epsilon.max() <= 1
    assert float(epsilon.mean()) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("name", PENALISED)
def test_4_no_batch_norm_in_a_critic_whose_slopes_are_held(name: str):
    with pytest.raises(ConfigError, match="has batch norm, which mixes samples"):
        TrainConfig.parse({"network": "brownlee", "objective": name})


def test_5_other_data_and_other_z_for_every_update(monkeypatch: pytest.MonkeyPatch):
    training = Training(tiny(n_critic=3), engine=Engine("cpu", "float32", THREADS))
    batches: dict[str, list[bytes]] = {"real": [], "z": []}
    draw_real, draw_z = training.batches.real, training.batches.z

    def recorded_real(*key: Any) -> Any:
        batch = draw_real(*key)
        batches["real"].append(batch[0].numpy().tobytes())
        return batch

    def recorded_z(*key: Any) -> torch.Tensor:
        z = draw_z(*key)
        batches["z"].append(z.numpy().tobytes())
        return z

    monkeypatch.setattr(training.batches, "real", recorded_real)
    monkeypatch.setattr(training.batches, "z", recorded_z)
    for _ in range(4):
        training.step()
    assert len(set(batches["real"])) == len(batches["real"]) == 12
    assert len(set(batches["z"])) == len(batches["z"]) == 16  # the generator's own among them


def test_6_clipped_after_the_optimisers_step_and_no_scale_of_a_norm():
    training = Training(
        tiny(objective={"name": "wgan", "clip_value": 0.01}, critic_learning_rate=0.1),
        engine=Engine("cpu", "float32", THREADS),
    )
    training.update_critic(0, *training.make_batches(range(1))[0], held_out=False)
    assert max(float(p.detach().abs().max()) for p in training.critic.parameters()) <= 0.01
    norm = nn.BatchNorm2d(3)
    Wgan(clip_value=0.01).project(nn.Sequential(norm))
    assert torch.all(norm.weight == 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_7_a_critic_ends_without_a_sigmoid_and_has_no_dropout(name: str):
    shape = (2,) if NETWORKS[name].kind == "points" else (1, 28, 28)
    _, critic = NETWORKS[name]().build(shape, 3, keyed_rng(0, "init"))
    assert not any(isinstance(m, nn.Sigmoid | nn.Dropout | nn.Dropout2d) for m in critic.modules())
    norms = [m for m in critic.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(m.eps == 1e-3 for m in norms)  # Keras' own, and not 0.8
    last = [m for m in critic.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(1e4)
    assert critic.eval()(10 * draw(64, *shape)).abs().max() > 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_8_the_generator_is_pulled_towards_the_data(name: str):
    """One sign flipped in one branch, and the fakes run away: here their mean must come closer."""
    config = tiny(
        objective=name,
        dataset={"name": "ring-8", "scale": 0.01},
        n_critic=5,
        batch_size=64,
        generator_learning_rate=3e-3,
        critic_learning_rate=3e-3,
        ema_decay=0.0,
    )
    training = Training(config, engine=Engine("cpu", "float32", THREADS))
    last = [m for m in training.generator.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.bias.copy_(torch.tensor([3.0, 0.0]))  # the fakes begin at (3, 0), the data is at 0
    training.critic.train()

    def far() -> float:
        with torch.no_grad():
            return float(training.generator(draw(256, 2)).mean(0).norm())

    before = far()
    for _ in range(150):
        training.step()
        if training.steps % 10 == 0 and far() < 0.8 * before:
            break
    assert before > 2.5 and far() < 0.8 * before


def test_9_previews_in_eval_mode_and_training_in_train_mode():
    config = TrainConfig.parse(
        {"network": "dcgan", "batch_size": 8, "latent_dim": 4, "n_critic": 1, "threads": 1}
    )
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=pictures())
    training.step()
    assert training.generator.training and not training.average.training
    before = {k: v.clone() for k, v in training.average.named_buffers()}
    training.preview()
    assert all(torch.equal(v, before[k]) for k, v in training.average.named_buffers())


def test_10_the_norm_is_taken_in_full_precision():
    """Mixed precision: the slope of 1 ± 1/1000 is told from 1, which bfloat16 cannot."""
    critic = Plane(torch.tensor([1.001, 0.0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        norm = gradient_norm(critic, draw(8, 2))
    assert norm.dtype == torch.float32


def test_11_walks_go_evenly_and_keep_the_length():
    a, b = np.array([3.0, 0.0], np.float32), np.array([0.0, 3.0], np.float32)
    t = np.linspace(0, 1, 9, dtype=np.float32)
    arc, line = slerp(a, b, t), lerp(a, b, t)
    assert np.allclose(np.linalg.norm(arc, axis=1), 3, atol=1e-5)
    assert np.linalg.norm(line, axis=1).min() < 2.2  # which is why slerp is the default
    turn = np.diff(np.arctan2(arc[:, 1], arc[:, 0]))
    assert np.allclose(turn, turn[0], atol=1e-5)
    path, _ = walk(np.stack([a, b]), 8)
    assert np.allclose(np.linalg.norm(path, axis=1), 3, atol=1e-5)


def test_12_statistics_have_their_known_values_where_all_is_perfect():
    points = draw(200, 2).numpy()
    assert emd(points, points[::-1]) == pytest.approx(0, abs=1e-6)
    assert emd(points, points + np.array([3.0, 4.0])) == pytest.approx(5, abs=1e-6)
    means = np.array([[0.0, 0.0], [4.0, 0.0]])
    perfect = np.repeat(means, 50, axis=0)
    assert mixture_modes(perfect, means, 0.1) == (2, 1.0)
    assert mixture_modes(perfect[:50], means, 0.1) == (1, 1.0)


def test_the_one_preset_with_batch_norm_in_its_critic_declares_it():
    coupled = {name for name, p in PRESETS.items() if p.config.network.uses_batch_norm}
    assert coupled == {"brownlee", "seed-corrected", "seed-as-published"}
    assert all(PRESETS[name].config.objective.allows_batch_norm for name in coupled)
