"""The stability labs: closed forms, one seed and one outcome, alarms, and what a cancelled grid keeps."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import THREADS, pictures
from wgan.diagnosis import RULES
from wgan.jobs import Task, TaskProgress
from wgan.labs import clipping, collapse, gan_history, sensitivity, vanishing
from wgan.labs.clipping import Clipping, compare
from wgan.labs.collapse import Collapse, race
from wgan.labs.gan_history import GanHistory
from wgan.labs.sensitivity import VARIED, Grid, sweep, values_of
from wgan.labs.toys import log_spaced_updates, new_critic_trainer, score_surface
from wgan.labs.vanishing import LOSSES, Vanishing, parameter_gradient, sample_gradients, vanish
from wgan.networks import Mlp
from wgan.objectives import Gan, Wgan, WganGp, WganGroupSort
from wgan.session import Session
from wgan.training import Engine, Training
from wgan.training.live_metrics import make

ENGINE = Engine("cpu", "float32", THREADS)


def last(work: Iterator[TaskProgress]) -> object:
    """Go through work as the session does, and return its last result."""
    result, share = None, 0.0
    for progress in work:
        assert progress.message and 0.0 <= progress.share <= 1.0 + 1e-9
        assert progress.share >= share - 1e-9
        share = progress.share
        result = progress.result if progress.result is not None else result
    return result


# ---- vanishing gradients ----------------------------------------------------------------------------


def steep(sharpness: float) -> nn.Module:
    """A discriminator f(x) = −sharpness · x₁: sure that everything far to the right is fake."""
    linear = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[-sharpness, 0.0]]))
    return nn.Sequential(linear, nn.Flatten(0))


@pytest.mark.parametrize("sharpness", [0.5, 3.0, 20.0])
def test_each_loss_passes_on_its_share_of_the_slope(sharpness: float):
    critic = steep(sharpness)
    fake = torch.tensor([[2.0, 0.0], [0.1, 1.0], [-1.0, 0.5]])
    slope = torch.tensor([-sharpness, 0.0], dtype=torch.float64).expand(3, 2)
    probability = torch.sigmoid(-sharpness * fake[:, :1].double())  # D
    closed = {
        "minimax": -probability * slope,
        "non-saturating": -(1 - probability) * slope,
        "wasserstein": -slope,
    }
    for name, (_, objective) in LOSSES.items():
        gradients = sample_gradients(critic, objective, fake)
        torch.testing.assert_close(gradients, closed[name], rtol=1e-6, atol=1e-30)


def test_the_minimax_gradient_goes_to_0_at_a_perfect_discriminator_and_the_others_do_not():
    generator_network = vanishing.Shift()
    z = torch.zeros(4, 2)
    norms = {
        name: [
            parameter_gradient(generator_network, steep(k), objective, z) for k in (1.0, 10.0, 40.0)
        ]
        for name, (_, objective) in LOSSES.items()
    }
    assert norms["minimax"][0] > norms["minimax"][1] > norms["minimax"][2] > 0.0
    assert norms["minimax"][2] < 1e-30
    for name in ("non-saturating", "wasserstein"):
        assert norms[name] == pytest.approx([1.0, 10.0, 40.0], rel=0.2)


def test_the_gradient_of_the_parameters_is_that_of_the_shift():
    """x = z + b: ∂ loss / ∂ b is the mean of the samples' own gradients."""
    generator_network = vanishing.Shift()
    with torch.no_grad():
        generator_network.scale.copy_(torch.eye(2))
    generator_network.scale.requires_grad_(False)
    z = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    only = nn.Module()
    only.__class__ = type("Only", (nn.Module,), {"forward": lambda self, z: z + self.shift})
    only.shift = nn.Parameter(generator_network.shift.detach().clone())
    critic = new_critic_trainer(Mlp(width=8, depth=2), Gan(), 1e-3, 0).critic
    fake = (z + generator_network.shift).detach()
    mean = sample_gradients(critic, Gan(), fake).mean(0).norm()
    assert parameter_gradient(only, critic, Gan(), z) == pytest.approx(float(mean), rel=1e-6)


@pytest.mark.parametrize("name", vanishing.SETS)
def test_the_lab_grows_repeats_and_shows_that_minimax_vanishes(name: str):
    result = last(vanish(name, updates=160))
    assert isinstance(result, Vanishing)
    assert (
        result.updates[0] == 1 and result.updates[-1] == 160 and (np.diff(result.updates) > 0).all()
    )
    k = len(result.updates)
    assert result.discriminator_surfaces.shape == result.critic_surfaces.shape == (k, 40, 40)
    assert result.discriminator_surfaces.min() >= 0.0 and result.discriminator_surfaces.max() <= 1.0
    assert all(len(norms) == k and (norms > 0).all() for norms in result.norms.values())
    assert result.certainty[-1] < 0.1 < result.certainty[0]
    assert result.share_of_largest("minimax") < 0.5
    assert result.norms["minimax"][-1] < 0.1 * result.norms["non-saturating"][-1]
    assert result.share_of_largest("wasserstein") > 0.1
    again = last(vanish(name, updates=160))
    assert isinstance(again, Vanishing)
    for loss in LOSSES:
        np.testing.assert_array_equal(result.norms[loss], again.norms[loss])


def test_an_unknown_set_is_a_sentence():
    for work in (vanish("cats"), compare("cats"), race("cats")):
        with pytest.raises(ValueError, match="choose one of"):
            next(work)


def test_updates_to_measure_are_log_spaced_and_end_at_the_end():
    assert log_spaced_updates(1, 30) == [1]
    updates = log_spaced_updates(1000, 20)
    assert updates[0] == 1 and updates[-1] == 1000 and len(updates) <= 20
    assert log_spaced_updates(10, 30) == list(range(1, 11))


# ---- mode collapse ----------------------------------------------------------------------------------


def test_the_three_begin_alike():
    config = collapse.configs("ring-8", seed=3)
    assert list(config) == ["gan", "wgan", "wgan-gp"]
    trainings = {key: Training(value, engine=ENGINE) for key, value in config.items()}
    first = trainings["gan"].preview().points
    for training in trainings.values():
        np.testing.assert_array_equal(training.preview().points, first)
    # As many updates for each, unless the discriminator is given fewer.
    assert {each.n_critic for each in config.values()} == {collapse.CRITIC_UPDATES}
    fewer = collapse.configs("ring-8", discriminator_updates=1)
    assert [each.n_critic for each in fewer.values()] == [1, 5, 5]
    assert {c.seed for c in config.values()} == {3} and {c.ema_decay for c in config.values()} == {
        0
    }


def test_one_seed_one_outcome_and_all_three_grow_in_lockstep():
    result, repeated = (last(race("ring-8", seed=1, steps=4, engine=ENGINE)) for _ in range(2))
    assert isinstance(result, Collapse) and isinstance(repeated, Collapse)
    assert [gan.key for gan in result.gans] == ["gan", "wgan", "wgan-gp"]
    assert result.step == result.total == 4 and result.total_modes == 8
    assert 0.97 < result.floor <= 1.0
    for gan, repeated_gan in zip(result.gans, repeated.gans, strict=True):
        assert gan.steps.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(gan.points, repeated_gan.points)
        np.testing.assert_array_equal(gan.modes, repeated_gan.modes)
    # The same first weights, then each its own way.
    assert len({gan.variety[0] for gan in result.gans}) == 1
    assert len({gan.variety[-1] for gan in result.gans}) == 3


def history(
    modes: list[float], good: list[float], variety: list[float], kl: float = np.nan
) -> GanHistory:
    n = len(modes)
    steps = np.arange(n) * 100
    return GanHistory(
        "gan",
        "GAN",
        steps,
        np.array(modes, dtype=np.float64),
        np.array(good, dtype=np.float64),
        np.array(variety, dtype=np.float64),
        np.full(n, kl),
        np.zeros(n, dtype=np.bool_),
    )


def test_a_collapse_begins_and_ends_by_the_thresholds_of_the_diagnosis():
    limits, rule = gan_history.limits(), RULES["mode-collapse"]
    assert (limits.modes, limits.good) == (rule.limits["modes"], rule.limits["good"])
    assert limits.source == rule.source
    # Few modes while the samples are good: from the third look in a row on.
    alarms = gan_history.alarms(history([8, 8, 2, 2, 2, 2], [0.9] * 6, [1.0] * 6), 8, 500)
    assert alarms.tolist() == [False, False, False, False, True, True]
    # Not while they are no good yet, nor of one look alone.
    assert not gan_history.alarms(history([2] * 6, [0.1] * 6, [1.0] * 6), 8, 500).any()
    assert not gan_history.alarms(history([8, 8, 2, 8, 2, 8], [0.9] * 6, [1.0] * 6), 8, 500).any()
    # Nor if it never had more: few modes from the start are no collapse.
    assert not gan_history.alarms(history([2] * 6, [0.9] * 6, [1.0] * 6), 8, 500).any()
    assert not gan_history.alarms(history([1, 2, 3, 3, 3, 3], [0.9] * 6, [1.0] * 6), 8, 500).any()
    assert not gan_history.alarms(history([8] * 6, [0.9] * 6, [0.1] * 6), 8, 500).any()
    # All samples in one place, and apart again: it ends after three looks.
    narrow = [1.0, 0.1, 0.1, 0.1, 1.0, 0.1, 1.0, 1.0, 1.0]
    alarms = gan_history.alarms(history([8] * 9, [0.1] * 9, narrow), 8, 800)
    assert alarms.tolist() == [False, False, False, True, True, True, True, True, False]
    # The start does not count.
    assert not gan_history.alarms(history([0] * 4, [0.0] * 4, [0.01] * 4), 8, 100_000).any()


def test_digits_that_get_better_slowly_are_no_collapse_and_digits_lost_are():
    def alarms(kl: list[float]) -> list[bool]:
        gan = history([3.0] * len(kl), [0.9] * len(kl), [np.nan] * len(kl))
        gan = GanHistory(**{**gan.__dict__, "kl": np.array(kl)})
        return gan_history.alarms(gan, 10, 100).tolist()

    assert not any(alarms([2.3, 2.0, 1.8, 1.7, 1.6, 1.5]))
    assert alarms([2.0, 1.0, 1.2, 2.3, 2.3, 2.3])[-1]
    assert not any(alarms([2.0, 0.5, 0.7, 0.8, 0.7, 0.8]))


def test_a_network_knows_since_when_it_has_collapsed():
    gan = history([8, 8, 2, 2, 2, 2], [0.9] * 6, [1.0] * 6)
    gan = GanHistory(**{**gan.__dict__, "alarms": gan_history.alarms(gan, 8, 500)})
    assert gan.collapsed and gan.since == 400
    assert history([8], [0.9], [1.0]).since is None


def test_digits_are_counted_by_the_classifier(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collapse, "COMPARED_SAMPLES", 32)
    result = last(race("mnist-10k", steps=2, engine=ENGINE, data=_named(64)))
    assert isinstance(result, Collapse) and result.frequencies is not None
    assert result.total_modes == 10 and result.frequencies.sum() == pytest.approx(1.0)
    for gan in result.gans:
        assert gan.classes is not None and gan.classes.sum() == pytest.approx(1.0)
        assert gan.pictures is not None and gan.pictures.shape == (64, 1, 28, 28)
        assert np.isfinite(gan.kl).all() and 0 < gan.modes[-1] <= 10


def _named(n: int):
    data = pictures(n)
    return type(data)(
        data.train,
        data.held_out,
        data.train_labels,
        data.held_out_labels,
        tuple(map(str, range(10))),
    )


def test_a_network_that_breaks_says_so_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch):
    step = Training.step

    def breaks(self: Training) -> None:
        step(self)
        if self.config.objective.name == "gan" and self.steps == 2:
            with torch.no_grad():
                for weight in (*self.generator.parameters(), *self.average.parameters()):
                    weight.fill_(float("nan"))

    monkeypatch.setattr(Training, "step", breaks)
    result = last(race("ring-8", steps=4, engine=ENGINE))
    assert isinstance(result, Collapse)
    gan, *others = result.gans
    assert gan.broken and gan.steps.tolist() == [0, 1]
    assert all(not other.broken and other.steps[-1] == 4 for other in others)


# ---- clipping ---------------------------------------------------------------------------------------


def test_gradient_by_depth_of_a_linear_chain_is_a_product():
    """Weights a on a diagonal: each layer multiplies the gradient by a."""
    layers = [nn.Linear(2, 2, bias=False) for _ in range(4)]
    chain = nn.Sequential(*layers, nn.Linear(2, 1), nn.Flatten(0))
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(0.5 * torch.eye(2))
    real, fake = torch.ones(8, 2), torch.zeros(8, 2)
    norms = clipping.by_depth(chain, Wgan(), real, fake)
    assert norms.shape == (4,)
    np.testing.assert_allclose(norms[:-1] / norms[1:], 0.5, rtol=1e-5)
    critic = clipping.ConstrainedCritic("clip-1", "c = 1", 1.0, 1, 1, depth=norms)
    assert critic.growth == pytest.approx(0.5, rel=1e-4)


def test_clipping_vanishes_and_explodes_by_c_and_the_others_stay_flat():
    small = last(compare("swiss-roll", 0.001, updates=(20, 20)))
    assert isinstance(small, Clipping)
    both = last(compare("swiss-roll", 1.0, earlier=small, updates=(20, 20)))
    assert isinstance(both, Clipping)
    assert [a.clip_value for a in both.clipped] == [0.001, 1.0]
    vanished, exploded = both.clipped
    assert vanished.growth < 0.1 and exploded.growth > 2.0
    assert vanished.clip_saturation is not None and vanished.clip_saturation > 0.9
    for key in clipping.UNCLIPPED:
        critic = both.critic(key)
        assert critic is not None and critic is small.critic(key)  # not trained again
        assert 0.5 < critic.growth < 2.0
        assert critic.surface is not None and critic.shares is not None
        assert critic.surface.shape == (40, 40) and critic.shares.sum() == pytest.approx(1.0)
    assert exploded.edges is not None and exploded.edges[-1] == 1.0


def test_a_half_trained_critic_is_trained_again():
    work = compare("ring-8", 0.01, updates=(40, 5))
    partial = None
    while partial is None or not partial.critics:
        partial = next(work).result or partial
    assert not partial.critics[0].done
    complete = last(compare("ring-8", 0.01, earlier=partial, updates=(5, 5)))
    assert (
        isinstance(complete, Clipping)
        and all(a.done for a in complete.critics)
        and len(complete.critics) == 4
    )


def test_other_data_begin_anew():
    ring = last(compare("ring-8", 0.1, updates=(2, 2)))
    assert isinstance(ring, Clipping)
    grid = last(compare("grid-25", 0.01, earlier=ring, updates=(2, 2)))
    assert isinstance(grid, Clipping) and [a.clip_value for a in grid.clipped] == [0.01]


def test_a_surface_has_y_upwards():
    class Height(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, 1] + 10 * x[:, 0]

    surface = score_surface(Height(), 2.0, side=5)
    assert surface[0, 0] == pytest.approx(-22) and surface[-1, 0] == pytest.approx(-18)


@pytest.mark.parametrize("objective", [Wgan(clip_value=0.05), WganGp(), WganGroupSort(), Gan()])
def test_critics_of_one_seed_are_alike(objective):
    first, second = (
        new_critic_trainer(Mlp(width=8, depth=2), objective, 1e-3, 4).critic for _ in range(2)
    )
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    if isinstance(objective, Wgan):
        assert max(float(w.detach().abs().max()) for w in first.parameters()) < 0.0501


# ---- sensitivity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", VARIED)
def test_every_hyperparameter_can_be_varied_over_all_its_values(key: str):
    config = sensitivity.base_config()
    for side in (3, 4):
        values = values_of(key, side)
        assert len(values) == side and list(values) == sorted(set(values))
        for value in values:
            changed = config.changed(sensitivity.changes_of(key, value))
            assert changed != config or changed.model_dump() == config.model_dump()


def small_grid(**changes: Any) -> Iterator[TaskProgress]:
    values = (1e-4, 1e-3), (1.0, 2.0)
    return sweep("learning_rate", "n_critic", steps=3, values=values, engine=ENGINE, **changes)


def test_a_grid_is_filled_beside_its_floor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sensitivity, "SAMPLES", 64)
    grid, again = last(small_grid()), last(small_grid())
    assert isinstance(grid, Grid) and isinstance(again, Grid)
    assert grid.done == 4 and grid.emds.shape == (2, 2)
    np.testing.assert_array_equal(grid.emds, again.emds)
    assert 0 < grid.floor < grid.emds.min() and grid.best is not None
    assert grid.emds[grid.best] == grid.emds.min()
    assert set(grid.samples or {}) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert all(effect >= 1.0 for effect in grid.effects)


def test_effects_are_the_worst_over_the_best_mean():
    emds = np.array([[1.0, 2.0], [4.0, 8.0]])
    real = np.empty((0, 2), dtype=np.float32)
    grid = Grid("learning_rate", "n_critic", (1, 2), (1, 2), 1, 0, 0.1, 9.0, 1.0, real, emds)
    assert grid.effects == pytest.approx((4.0, 2.0))
    incomplete = Grid(**{**grid.__dict__, "emds": np.array([[1.0, 2.0], [4.0, np.nan]])})
    assert np.isnan(incomplete.effects).all()
    diverged = Grid(**{**incomplete.__dict__, "diverged": ((1, 1),)})
    assert diverged.effects == pytest.approx((np.sqrt(18.0), np.sqrt(4.5)))


def test_a_cell_that_diverges_is_a_cell_that_diverged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sensitivity, "SAMPLES", 32)

    def broken(training: Training, n: int) -> torch.Tensor:
        grid = make(training, n)
        return grid * torch.nan if training.config.n_critic == 2 and training.steps else grid

    monkeypatch.setattr(sensitivity, "make", broken)
    grid = last(small_grid())
    assert isinstance(grid, Grid)
    assert grid.diverged == ((0, 1), (1, 1)) and grid.done == 4
    assert np.isnan(grid.emds[:, 1]).all() and np.isfinite(grid.emds[:, 0]).all()


def test_one_hyperparameter_on_both_axes_is_a_sentence():
    with pytest.raises(ValueError, match="two different"):
        next(sweep("n_critic", "n_critic"))


def test_cancel_keeps_the_cells_that_were_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sensitivity, "SAMPLES", 32)
    task = Task("task-1", "Sensitivity", "", small_grid)
    while task.status.result is None or task.status.result.done < 2:
        task.step()
    task.cancel()
    assert task.status.cancelled and task.status.result.done == 2
    assert np.isfinite(task.status.result.emds[0]).all()


def test_the_session_runs_a_lab_and_finds_it_by_its_title(tmp_path: Path):
    session = Session(tmp_path / "runs", threads=THREADS)
    try:
        started = session.begin_task(vanishing.VANISHING, "", lambda: vanish(updates=20))
        end = time.monotonic() + 180
        while not session.tasks("")[0].done:
            assert time.monotonic() < end
            threading.Event().wait(0.02)
        ended = session.tasks("")[0]
        assert ended.key == started.key and ended.title == vanishing.VANISHING and not ended.error
        assert isinstance(ended.result, Vanishing) and ended.result.updates[-1] == 20
    finally:
        session.close()
