"""One step in slow motion: it is an ordinary step, and its values are those of that step."""

from typing import Any

import numpy as np
import pytest
import torch

from wgan.config import PRESETS
from wgan.training import Training, resolve_engine, slow_step
from wgan.training.state import State

PICTURES: dict[str, Any] = {"batch_size": 8, "n_critic": 2, "device": "cpu", "threads": 1}
POINTS: dict[str, Any] = {"batch_size": 8, "device": "cpu", "threads": 1}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "clipping": ("toy-ring", POINTS | {"objective": "wgan", "n_critic": 3}),
    "penalty": ("toy-ring", POINTS),
    "penalty every second update": ("toy-ring", POINTS | {"objective.penalty_every": 2}),
    "many updates": ("toy-ring", POINTS | {"n_critic": 10}),
    "relativistic": ("toy-ring", POINTS | {"objective": "r3gan"}),
    "spectral norm": ("toy-ring", POINTS | {"objective": "wgan-sn"}),
    "classes": ("quick-mnist", PICTURES),
    "classes, few examples, penalty at real and fake": (
        "quick-mnist",
        PICTURES | {"batch_size": 4, "objective": "r3gan"},
    ),
    "halves, batch norm": ("seed-corrected", PICTURES | {"dataset": "mnist-10k"}),
    "adaptive augmentation": (
        "quick-mnist",
        PICTURES | {"augmentation": "adaptive", "report_every": 2},
    ),
    "augmentation": (
        "quick-mnist",
        PICTURES | {"augmentation": "fixed", "augmentation_probability": 0.8},
    ),
}


def state_after(steps: int, preset: str, changes: dict[str, Any]) -> State:
    config = PRESETS[preset].config.changed(changes)
    training = Training(config, engine=resolve_engine(config))
    for _ in range(steps):
        training.step()
    return training.state()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_slow_step_is_an_ordinary_step_bit_for_bit(name: str):
    state = state_after(1, *CONFIGS[name])
    ordinary = Training.restore(state)
    ordinary.step()
    slow, copied = slow_step(state)
    assert slow.step == 2 and len(slow.critic) == state.config.critic_updates(2)
    expected, made = ordinary.state(), copied.state()
    assert made.critic_updates == expected.critic_updates and made.counts == expected.counts
    assert made.tensors.keys() == expected.tensors.keys()
    for key, value in expected.tensors.items():
        assert torch.equal(made.tensors[key], value), key


def test_the_values_of_an_update_of_the_critic_are_those_of_the_formulas():
    """A batch as small as what is kept, so that every mean can be computed from what is kept."""
    state = state_after(20, "toy-ring", POINTS | {"n_critic": 2})
    slow, _ = slow_step(state)
    weight = state.config.flat()["objective.penalty_weight"]
    for stage in slow.critic:
        assert stage.points is not None and stage.slopes is not None
        # The same float32 sums of eight terms in another order.
        assert stage.loss == pytest.approx(
            stage.fake_scores.mean() - stage.real_scores.mean(), abs=1e-5
        )
        assert stage.penalty == pytest.approx(weight * ((stage.slopes - 1) ** 2).mean(), rel=1e-4)
        # Each x̂ lies between its real example and its fake, with one ε for all coordinates.
        share = (stage.points - stage.fake) / (stage.real - stage.fake)
        np.testing.assert_allclose(share[:, 0], share[:, 1], atol=1e-3)
        assert (share > -1e-4).all() and (share < 1 + 1e-4).all()
        assert stage.weight_change > 0
    # The second update begins where the first one ended, with other examples.
    first, second = slow.critic
    assert not np.array_equal(first.real, second.real)


def test_the_scores_are_those_of_a_critic_restored_by_hand():
    state = state_after(5, "toy-ring", POINTS | {"n_critic": 1})
    slow, copied = slow_step(state)
    (stage,), generator = slow.critic, slow.generator
    assert generator is not None
    before = Training.restore(state).critic
    with torch.no_grad():
        for critic, x, expected in (
            (before, stage.real, stage.real_scores),
            (before, stage.fake, stage.fake_scores),
            (copied.critic, stage.real, stage.real_scores_after),
            (copied.critic, stage.fake, stage.fake_scores_after),
            (copied.critic, generator.before, generator.scores),
            (copied.critic, generator.after, generator.scores_after),
        ):
            np.testing.assert_allclose(critic(torch.from_numpy(x)).numpy(), expected, atol=1e-5)
        z = torch.from_numpy(generator.z)
        samples = copied.generator(z).numpy()
        np.testing.assert_allclose(samples, generator.after, atol=1e-6)
        samples = Training.restore(state).generator(z).numpy()
        np.testing.assert_allclose(samples, generator.before, atol=1e-6)


def test_descent_is_the_slope_of_the_score_for_a_wasserstein_loss():
    """The generator's loss is −E f(fake), so −N ∂loss/∂x = ∇f(x): by central differences."""
    state = state_after(20, "toy-ring", POINTS)
    slow, copied = slow_step(state)
    assert slow.generator is not None
    x = torch.from_numpy(slow.generator.before).double()
    critic = copied.critic.double()
    for axis in range(2):
        e = torch.zeros(2, dtype=torch.float64)
        e[axis] = 1e-6
        with torch.no_grad():
            slope = (critic(x + e) - critic(x - e)) / 2e-6
        np.testing.assert_allclose(slow.generator.descent[:, axis], slope.numpy(), atol=1e-3)
    assert slow.generator.loss == pytest.approx(-slow.generator.scores.mean(), abs=1e-5)


@pytest.mark.parametrize("part", ["critic", "generator"])
def test_a_step_of_one_network_leaves_the_other_one(part):
    state = state_after(2, "toy-ring", POINTS)
    slow, copied = slow_step(state, part=part)
    after = copied.state().tensors
    same = {
        name: all(
            torch.equal(after[key], value)
            for key, value in state.tensors.items()
            if key.startswith(f"{name}.")
        )
        for name in ("generator", "critic")
    }
    assert same == {"generator": part == "critic", "critic": part == "generator"}
    assert (len(slow.critic) > 0) == (part == "critic")
    assert (slow.generator is None) == (part == "critic")


def test_the_state_is_not_changed():
    state = state_after(2, "toy-ring", POINTS)
    before = {key: value.clone() for key, value in state.tensors.items()}
    slow_step(state)
    assert all(torch.equal(before[key], value) for key, value in state.tensors.items())


def test_a_penalty_at_real_and_fake_keeps_points_of_both():
    changes = POINTS | {"batch_size": 256, "objective": "r3gan", "n_critic": 1}
    slow, _ = slow_step(state_after(2, "toy-ring", changes))
    (stage,) = slow.critic
    assert stage.points is not None and stage.slopes is not None
    half = len(stage.points) // 2
    assert len(stage.slopes) == len(stage.points) == 128
    np.testing.assert_array_equal(stage.points[:half], stage.real[:half])
    np.testing.assert_array_equal(stage.points[half:], stage.fake[:half])


def test_the_number_of_threads_is_as_before():
    before = torch.get_num_threads()
    state = state_after(1, "toy-ring", POINTS)
    torch.set_num_threads(2)
    try:
        slow_step(state)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
