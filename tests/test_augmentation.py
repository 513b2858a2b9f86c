"""Augmentation: each change against its definition, and a training that draws it with keys and adapts it."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conftest import THREADS, pictures
from wgan.config import TrainConfig
from wgan.data import Mnist10k
from wgan.rng import Rows, keyed_rng
from wgan.training import Engine, Training
from wgan.training.augmentation import (
    MAX_PROBABILITY,
    Parameters,
    Transforms,
    augment,
    change_colour,
    cut_out,
    draw_parameters,
    flip,
    hole_side,
    translate,
)
from wgan.training.diagnostics import training_diagnostics
from wgan.training.distributed import ProcessGroup

ALL = Transforms(True, True, True, True)
SMALL: dict[str, Any] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "batch_size": 8,
    "latent_dim": 4,
    "n_critic": 2,
    "report_every": 2,
    "threads": THREADS,
}
ADAPTIVE = {"augmentation": "adaptive", "augmentation_flips": True, "augmentation_rise": 1}


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=keyed_rng(0, "data"), dtype=dtype) * 2 - 1


def batch(n: int, value: float) -> Tensor:
    return torch.full((n,), value)


def drawn(n: int, probability: float, shape: tuple[int, int, int] = (3, 28, 20)) -> Parameters:
    parameters = draw_parameters(n, shape, probability, keyed_rng(0, "augment"))
    return Parameters(*parameters.unbind(1))


def training_of(changes: dict[str, Any], **options: Any) -> Training:
    config = TrainConfig.parse(SMALL | changes)
    engine = Engine("cpu", "float32", THREADS)
    return Training(config, engine=engine, data=pictures(40), **options)


def go(training: Training, steps: int) -> Training:
    for _ in range(steps):
        training.step()
    return training


def same(a: Training, b: Training) -> bool:
    left, right = a.state().tensors, b.state().tensors
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


# ---- the changes --------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, 0), (-3, 1), (0, -4), (6, 5), (-9, 9)])
def test_a_translation_shifts_the_picture_over_zeros(channels: int, down: int, right: int):
    x = noise(2, channels, 6, 5)
    expected = torch.zeros_like(x)
    for i in range(6):
        for j in range(5):
            if 0 <= i - down < 6 and 0 <= j - right < 5:
                expected[:, :, i, j] = x[:, :, i - down, j - right]
    assert torch.equal(translate(x, batch(2, down), batch(2, right)), expected)


def test_each_picture_gets_its_own_translation():
    x = noise(3, 2, 6, 6)
    down, right = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.0, 3.0, -1.0])
    each = [translate(x[i : i + 1], down[i : i + 1], right[i : i + 1]) for i in range(3)]
    assert torch.equal(translate(x, down, right), torch.cat(each))


@pytest.mark.parametrize("side", [28, 32, 15])
def test_a_cutout_is_a_square_of_half_the_side(side: int):
    x = noise(1, 3, side, side) + 3  # nowhere 0
    size = hole_side(side)
    assert size == math.floor(side / 2 + 0.5)
    cut = cut_out(x, batch(1, 2), batch(1, 5))
    hole = torch.zeros(side, side, dtype=torch.bool)
    hole[2 : 2 + size, 5 : 5 + size] = True
    assert torch.equal(cut == 0, hole.expand(1, 3, -1, -1))
    assert torch.equal(cut[:, :, ~hole], x[:, :, ~hole])


def test_a_cutout_ends_at_the_border():
    x = noise(1, 1, 28, 28) + 3
    assert int((cut_out(x, batch(1, -7), batch(1, 21)) == 0).sum()) == 7 * 7
    assert torch.equal(cut_out(x, batch(1, 28), batch(1, 28)), x)


def test_a_flip_mirrors_from_left_to_right_and_two_flips_change_nothing():
    x = noise(2, 3, 4, 5)
    mirrored = flip(x, torch.tensor([1.0, 0.0]))
    assert torch.equal(mirrored[0], torch.stack([x[0, :, :, 4 - j] for j in range(5)], -1))
    assert torch.equal(mirrored[1], x[1])
    assert torch.equal(flip(mirrored, torch.tensor([1.0, 0.0])), x)


def test_brightness_contrast_and_saturation_have_closed_forms():
    x, none = noise(2, 3, 8, 8, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    torch.testing.assert_close(change_colour(x, none + 0.3, none, none), x + 0.3)
    mean = x.flatten(1).mean(1)[:, None, None, None]
    contrast = change_colour(x, none, none, none - 0.5)
    torch.testing.assert_close(contrast, mean + 0.5 * (x - mean))
    grey = (x[:, :1] + x[:, 1:2] + x[:, 2:]) / 3
    saturation = change_colour(x, none, none + 0.7, none)
    torch.testing.assert_close(saturation, grey + 1.7 * (x - grey))
    without = change_colour(x, none, none - 1, none)  # no saturation: grey
    torch.testing.assert_close(without, grey.expand(-1, 3, -1, -1))


def test_grey_pictures_have_no_saturation():
    x, none = noise(2, 1, 8, 8), torch.zeros(2)
    assert torch.equal(change_colour(x, none, none + 0.9, none), x)


@pytest.mark.parametrize(
    "transforms", [Transforms(*(i == j for j in range(4))) for i in range(4)] + [ALL]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_equal_numerical_ones(transforms: Transforms, channels: int):
    x = noise(4, channels, 6, 5, dtype=torch.float64).requires_grad_()
    parameters = draw_parameters(4, (channels, 6, 5), 1.0, keyed_rng(1, "augment")).double()
    assert torch.autograd.gradcheck(lambda x: augment(x, parameters, transforms), x)


@pytest.mark.parametrize("channels", [1, 3])
def test_probability_0_changes_no_bit(channels: int):
    x = noise(32, channels, 28, 28)
    parameters = draw_parameters(32, (channels, 28, 28), 0.0, keyed_rng(0, "augment"))
    assert torch.equal(augment(x, parameters, ALL), x)


# ---- the random parameters ----------------------------------------------------------------------


def test_at_probability_1_the_parameters_cover_their_ranges():
    p, n = drawn(20_000, 1.0), 20_000
    assert set(p.flip.tolist()) == {0.0, 1.0}
    assert float(p.flip.mean()) == pytest.approx(0.5, abs=5 * 0.5 / n**0.5)
    assert set(p.down.tolist()) == set(range(-4, 5))  # 28 / 8 = 3.5, rounded up
    assert set(p.right.tolist()) == set(range(-3, 4))  # 20 / 8 = 2.5
    assert set(p.top.tolist()) == set(range(-7, 22))  # centre 0…28, 7 pixels above it
    assert set(p.left.tolist()) == set(range(-5, 16))
    for values, most in ((p.brightness, 0.5), (p.saturation, 1.0), (p.contrast, 0.5)):
        assert -most <= float(values.min()) < -0.99 * most
        assert 0.99 * most < float(values.max()) <= most
        # Uniform in ±most: its standard deviation is most / √3.
        assert float(values.std()) == pytest.approx(most / 3**0.5, rel=0.03)


@pytest.mark.parametrize("probability", [0.2, 0.8])
def test_each_change_is_made_with_the_probability_and_independently(probability: float):
    n = 20_000
    p = drawn(n, probability)
    moved, cut, coloured = p.down.abs() + p.right.abs() > 0, p.top < 28, p.brightness != 0
    room = 5 * (probability * (1 - probability) / n) ** 0.5
    # One of the 63 translations is by 0 pixels.
    assert float(moved.float().mean()) == pytest.approx(probability * 62 / 63, abs=room)
    assert float(p.flip.mean()) == pytest.approx(probability / 2, abs=room)
    for change in (cut, coloured):
        assert float(change.float().mean()) == pytest.approx(probability, abs=room)
    both = (cut & coloured).float().mean()
    assert float(both) == pytest.approx(probability**2, abs=room)


def test_a_higher_probability_only_adds_changes():
    less, more = (draw_parameters(500, (1, 28, 28), p, keyed_rng(0, "augment")) for p in (0.3, 0.6))
    unchanged = draw_parameters(500, (1, 28, 28), 0.0, keyed_rng(0, "augment"))
    is_made = less != unchanged
    assert torch.equal(less[is_made], more[is_made])


# ---- in a training ------------------------------------------------------------------------------


def test_real_fake_and_held_out_pictures_are_changed():
    plain, other = training_of({}), training_of({"augmentation": "fixed"})
    for training in (plain, other):
        training.steps = 1
    clean, changed = plain.make_batches(range(2)), other.make_batches(range(2))
    for draw in range(2):
        parameters = draw_parameters(16, (1, 28, 28), 0.8, keyed_rng(0, "augment", 1, draw))
        transforms = Transforms(True, True, True, flips=False)
        (real, _, fake), (real_changed, _, fake_changed) = clean[draw], changed[draw]
        assert torch.equal(real_changed, augment(real, parameters[:8], transforms))
        assert torch.equal(fake_changed, augment(fake, parameters[8:], transforms))
    assert not torch.equal(plain.score_held_out(), other.score_held_out())


def test_the_generator_learns_from_changed_samples():
    """The gradients of one update, computed by hand from the changed samples."""
    training = training_of({"augmentation": "fixed", "augmentation_probability": 1.0})
    training.steps = 1
    z = training.batches.z(1, 2, 8)
    parameters = training.augmentation.generator_parameters(1, 2)
    assert parameters is not None
    samples = training.updates.generate(z, None)
    scores = training.critic(augment(samples, parameters, Transforms(True, True, True, False)))
    loss = training.config.objective.generator_loss(fake=scores)
    expected = torch.autograd.grad(loss, list(training.generator.parameters()))
    training.updates.update_generator(z, None, augmentation=parameters)
    for parameter, gradient in zip(training.generator.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_real_pictures_of_a_generator_update_are_changed():
    """A relativistic objective compares samples with real pictures, which must be augmented alike."""
    plain, other = (
        training_of({"objective": "r3gan"} | changes) for changes in ({}, {"augmentation": "fixed"})
    )
    # The last inputs are z and the real pictures, and with augmentation its random parameters.
    real = plain.traceable_steps()["generator"].inputs[-1]
    changed = other.traceable_steps()["generator"].inputs[-2]
    parameters = draw_parameters(16, (1, 28, 28), 0.8, keyed_rng(0, "augment", 0, 1))
    transforms = Transforms(True, True, True, flips=False)
    assert torch.equal(changed, augment(real, parameters[:8], transforms))


def test_no_change_in_use_trains_as_without_augmentation():
    off = {f"augmentation_{name}": False for name in ("translation", "cutout", "colour", "flips")}
    plain, fixed = go(training_of({}), 4), go(training_of({"augmentation": "fixed"} | off), 4)
    assert same(plain, fixed)
    zero = {"augmentation": "fixed", "augmentation_probability": 0.0}
    assert same(plain, go(training_of(zero), 4))


@pytest.mark.parametrize("changes", [{"augmentation": "fixed"}, ADAPTIVE])
@pytest.mark.parametrize("objective", ["wgan-gp", "wgan", "r3gan"])
def test_resuming_an_augmented_training_is_exact(changes: dict[str, Any], objective: str):
    whole = go(training_of(changes | {"objective": objective}), 5)
    resumed = Training.restore(whole.state(), data=pictures(40))
    go(whole, 6), go(resumed, 6)
    assert same(whole, resumed)
    assert whole.reports()[-1] == resumed.reports()[-1]


def test_each_process_takes_its_rows_of_the_parameters():
    whole = training_of(ADAPTIVE).augmentation
    whole.adapt(**scores(1.0), pictures=700)
    parameters = whole.generator_parameters(3, 2)
    assert parameters is not None
    for rank in (0, 1):
        part = training_of(ADAPTIVE).augmentation
        part.adapt(**scores(1.0), pictures=700)
        group = ProcessGroup()
        group.rows = Rows(rank, 2)
        part.batches.process_group = group
        rows = part.generator_parameters(3, 2)
        assert rows is not None and torch.equal(rows, parameters[4 * rank : 4 * rank + 4])


def test_separate_updates_are_augmented_and_resume():
    split = {"objective": "wgan", "network": "brownlee", "split_updates": True}
    whole = go(training_of(ADAPTIVE | split), 2)
    resumed = Training.restore(whole.state(), data=pictures(40))
    assert same(go(whole, 2), go(resumed, 2))


def test_changes_in_use_can_change_during_the_training():
    training = go(training_of({"augmentation": "fixed"}), 1)
    stand_ins = {name: step.call for name, step in training.traceable_steps().items()}
    training.set_compiled_steps(stand_ins)
    training.apply(augmentation_probability=0.3)
    assert training.engine.compiled  # the probability is not compiled into the steps
    training.apply(augmentation_cutout=False)
    assert not training.engine.compiled
    training.apply(augmentation="none")
    assert training.augmentation.generator_parameters(1, 0) is None
    go(training, 2)


# ---- the adaptive probability -------------------------------------------------------------------


def scores(overfitting: float) -> dict[str, Tensor]:
    """Mean scores with r_v = `overfitting`: training pictures 5, fakes 1."""
    real, fake = torch.tensor(5.0), torch.tensor(1.0)
    return {"real": real, "held_out": real - overfitting * (real - fake), "fake": fake}


@pytest.mark.parametrize(("target", "overfitting"), [(0.6, 0.61), (0.6, 1.5), (0.2, 0.3)])
def test_the_probability_rises_above_the_target_and_falls_below_it(
    target: float, overfitting: float
):
    training = training_of(ADAPTIVE | {"augmentation_target": target})
    augmentation = training.augmentation
    values = [float(augmentation.probability)]
    for _ in range(3):
        augmentation.adapt(**scores(overfitting), pictures=100)
        values.append(float(augmentation.probability))
    # 100 of 1,000 pictures for the whole way.
    assert values == pytest.approx([0.0, 0.1, 0.2, 0.3])
    for _ in range(30):
        augmentation.adapt(**scores(overfitting), pictures=100)
    assert float(augmentation.probability) == pytest.approx(MAX_PROBABILITY)
    augmentation.reset()
    augmentation.adapt(**scores(overfitting), pictures=300)
    for _ in range(200):
        augmentation.adapt(**scores(target - 0.05), pictures=1)
    assert float(augmentation.probability) < 0.3
    for _ in range(20):
        augmentation.adapt(**scores(target - 0.05), pictures=100)
    assert float(augmentation.probability) == 0.0


def test_a_critic_that_prefers_fakes_does_not_count_as_overfitting():
    augmentation = training_of(ADAPTIVE).augmentation
    one = torch.tensor(1.0)
    augmentation.adapt(real=one, held_out=0 * one, fake=2 * one, pictures=500)
    assert float(augmentation.probability) == 0.0


def test_an_offset_or_a_scale_of_the_scores_does_not_matter():
    probabilities = []
    for scale, offset in ((1.0, 0.0), (100.0, -3000.0)):
        augmentation = training_of(ADAPTIVE).augmentation
        for overfitting in (0.9, 0.2, 0.7, 0.7):
            values = {k: scale * v + offset for k, v in scores(overfitting).items()}
            augmentation.adapt(**values, pictures=50)
        probabilities.append(float(augmentation.probability))
    assert probabilities[0] == pytest.approx(probabilities[1]) and probabilities[0] > 0


def test_the_probability_starts_at_0_again_after_another_setting():
    training = training_of(ADAPTIVE)
    training.augmentation.adapt(**scores(1.0), pictures=500)
    training.apply(augmentation_target=0.5)
    assert float(training.augmentation.probability) == 0.5
    training.apply(augmentation="none")
    training.apply(augmentation="adaptive")
    assert float(training.augmentation.probability) == 0.0


def test_the_pictures_since_the_last_report_are_counted():
    """A report covers 2 steps with 2 critic updates of 8 pictures each: 32 of 1,000 pictures."""
    training = training_of(ADAPTIVE)
    training.augmentation.adapt(**scores(1.0), pictures=400)
    probabilities = [0.4]
    for _ in range(5):
        go(training, 2)
        probabilities.append(float(training.augmentation.probability))
    changes = [abs(after - before) for before, after in pairwise(probabilities)]
    assert changes == pytest.approx([0.032] * 5, rel=1e-4)


def test_only_an_adaptive_training_has_a_state_of_it():
    assert "augmentation" not in training_of({}).state().tensors
    assert "augmentation" not in training_of({"augmentation": "fixed"}).state().tensors
    state = training_of(ADAPTIVE).state()
    broken = replace(state, tensors=state.tensors | {"augmentation": torch.zeros(7)})
    with pytest.raises(ValueError, match="augmentation has the shape"):
        Training.restore(broken, data=pictures(40))
    without = {k: v for k, v in state.tensors.items() if k != "augmentation"}
    training = Training.restore(replace(state, tensors=without), data=pictures(40))
    assert float(training.augmentation.probability) == 0.0


def test_the_diagnostics_state_the_probability():
    training = go(training_of({"augmentation": "fixed", "augmentation_probability": 0.25}), 1)
    before = training.state().tensors
    assert training_diagnostics(training)["augmentation_probability"] == 0.25
    after = training.state().tensors
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "augmentation_probability" not in training_diagnostics(go(training_of({}), 1))


@pytest.mark.slow
def test_on_100_digits_the_probability_rises():
    """The critic of 100 digits tells them from held-out ones within some hundred steps."""
    config = TrainConfig.parse(
        {
            "dataset": {"name": "mnist-10k"},
            "network": {"name": "dcgan", "size": "small"},
            "batch_size": 32,
            "n_critic": 1,
            "critic_learning_rate": 4e-3,
            "generator_learning_rate": 2e-3,
        }
        | {"augmentation": "adaptive", "augmentation_rise": 20}
    )
    data = Mnist10k().load()
    few = replace(data, train=data.train[:100], train_labels=data.train_labels[:100])
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=few)
    probability = 0.0
    while training.steps < 2_000 and probability < 0.2:
        training.step()
        probability = float(training.augmentation.probability)
    assert probability >= 0.2
