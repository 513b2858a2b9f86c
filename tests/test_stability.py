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
from wgan.labs import clipping, collapse, sensitivity, vanishing
from wgan.labs.clipping import Clipping, compare
from wgan.labs.collapse import Collapse, GanHistory, race
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
    found, share = None, 0.0
    for said in work:
        assert said.words and 0.0 <= said.share <= 1.0 + 1e-9
        assert said.share >= share - 1e-9
        share = said.share
        found = said.result if said.result is not None else found
    return found


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
    said = torch.sigmoid(-sharpness * fake[:, :1].double())  # D
    closed = {
        "minimax": -said * slope,
        "non-saturating": -(1 - said) * slope,
        "wasserstein": -slope,
    }
    for name, (_, objective) in LOSSES.items():
        found = sample_gradients(critic, objective, fake)
        torch.testing.assert_close(found, closed[name], rtol=1e-6, atol=1e-30)


def test_the_minimax_gradient_goes_to_0_at_a_perfect_discriminator_and_the_others_do_not():
    made = vanishing.Shift()
    z = torch.zeros(4, 2)
    norms = {
        name: [parameter_gradient(made, steep(k), objective, z) for k in (1.0, 10.0, 40.0)]
        for name, (_, objective) in LOSSES.items()
    }
    assert norms["minimax"][0] > norms["minimax"][1] > norms["minimax"][2] > 0.0
    assert norms["minimax"][2] < 1e-30
    for name in ("non-saturating", "wasserstein"):
        assert norms[name] == pytest.approx([1.0, 10.0, 40.0], rel=0.2)


def test_the_gradient_of_the_parameters_is_that_of_the_shift():
    """x = z + b: ∂ loss / ∂ b is the mean of the samples' own gradients."""
    made = vanishing.Shift()
    with torch.no_grad():
        made.scale.copy_(torch.eye(2))
    made.scale.requires_grad_(False)
    z = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    only = nn.Module()
    only.__class__ = type("Only", (nn.Module,), {"forward": lambda self, z: z + self.shift})
    only.shift = nn.Parameter(made.shift.detach().clone())
    critic = new_critic_trainer(Mlp(width=8, depth=2), Gan(), 1e-3, 0).critic
    fake = (z + made.shift).detach()
    mean = sample_gradients(critic, Gan(), fake).mean(0).norm()
    assert parameter_gradient(only, critic, Gan(), z) == pytest.approx(float(mean), rel=1e-6)


@pytest.mark.parametrize("name", vanishing.SETS)
def test_the_lab_grows_repeats_and_shows_that_minimax_vanishes(name: str):
    found = last(vanish(name, updates=160))
    assert isinstance(found, Vanishing)
    assert found.updates[0] == 1 and found.updates[-1] == 160 and (np.diff(found.updates) > 0).all()
    k = len(found.updates)
    assert found.judged.shape == found.scored.shape == (k, 40, 40)
    assert found.judged.min() >= 0.0 and found.judged.max() <= 1.0
    assert all(len(norms) == k and (norms > 0).all() for norms in found.norms.values())
    assert found.certainty[-1] < 0.1 < found.certainty[0]
    assert found.fallen("minimax") < 0.5
    assert found.norms["minimax"][-1] < 0.1 * found.norms["non-saturating"][-1]
    assert found.fallen("wasserstein") > 0.1
    again = last(vanish(name, updates=160))
    assert isinstance(again, Vanishing)
    for loss in LOSSES:
        np.testing.assert_array_equal(found.norms[loss], again.norms[loss])


def test_an_unknown_set_is_a_sentence():
    for work in (vanish("cats"), compare("cats"), race("cats")):
        with pytest.raises(ValueError, match="choose one of"):
            next(work)


def test_looks_are_log_spaced_and_end_at_the_end():
    assert log_spaced_updates(1, 30) == [1]
    found = log_spaced_updates(1000, 20)
    assert found[0] == 1 and found[-1] == 1000 and len(found) <= 20
    assert log_spaced_updates(10, 30) == list(range(1, 11))


# ---- mode collapse ----------------------------------------------------------------------------------


def test_the_three_begin_alike():
    config = collapse.configs("ring-8", seed=3)
    assert list(config) == ["gan", "wgan", "wgan-gp"]
    trainings = {key: Training(value, engine=ENGINE) for key, value in config.items()}
    first = trainings["gan"].preview().points
    for training in trainings.values():
        np.testing.assert_array_equal(training.preview().points, first)
    assert config["gan"].n_critic == 1 and config["wgan-gp"].n_critic == 5
    assert collapse.configs("ring-8", discriminator_updates=5)["gan"].n_critic == 5
    assert {c.seed for c in config.values()} == {3} and {c.ema_decay for c in config.values()} == {
        0
    }


def test_one_seed_one_outcome_and_all_three_grow_in_lockstep():
    found, again = (last(race("ring-8", seed=1, steps=4, engine=ENGINE)) for _ in range(2))
    assert isinstance(found, Collapse) and isinstance(again, Collapse)
    assert [arm.key for arm in found.gans] == ["gan", "wgan", "wgan-gp"]
    assert found.step == found.total == 4 and found.total_modes == 8
    assert 0.97 < found.floor <= 1.0
    for one, other in zip(found.gans, again.gans, strict=True):
        assert one.steps.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.modes, other.modes)
    # The same first weights, then each its own way.
    assert len({arm.variety[0] for arm in found.gans}) == 1
    assert len({arm.variety[-1] for arm in found.gans}) == 3


def arm(
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


def test_collapse_is_told_by_the_thresholds_of_the_diagnosis():
    told, rule = collapse.limits(), RULES["mode-collapse"]
    assert (told.modes, told.good) == (rule.limits["modes"], rule.limits["good"])
    assert told.source == rule.source
    # Few modes while the samples are good: from the third look in a row on.
    found = collapse.alarms(arm([8, 8, 2, 2, 2, 2], [0.9] * 6, [1.0] * 6), 8, 500)
    assert found.tolist() == [False, False, False, False, True, True]
    # Not while they are no good yet, nor of one look alone.
    assert not collapse.alarms(arm([2] * 6, [0.1] * 6, [1.0] * 6), 8, 500).any()
    assert not collapse.alarms(arm([8, 8, 2, 8, 2, 8], [0.9] * 6, [1.0] * 6), 8, 500).any()
    # All samples in one place, and apart again: it ends after three looks.
    narrow = [1.0, 0.1, 0.1, 0.1, 1.0, 0.1, 1.0, 1.0, 1.0]
    found = collapse.alarms(arm([8] * 9, [0.1] * 9, narrow), 8, 800)
    assert found.tolist() == [False, False, False, True, True, True, True, True, False]
    # The start does not count.
    assert not collapse.alarms(arm([0] * 4, [0.0] * 4, [0.01] * 4), 8, 100_000).any()


def test_digits_that_get_better_slowly_are_no_collapse_and_digits_lost_are():
    def told(kl: list[float]) -> list[bool]:
        one = arm([3.0] * len(kl), [0.9] * len(kl), [np.nan] * len(kl))
        one = GanHistory(**{**one.__dict__, "kl": np.array(kl)})
        return collapse.alarms(one, 10, 100).tolist()

    assert not any(told([2.3, 2.0, 1.8, 1.7, 1.6, 1.5]))
    assert told([2.0, 1.0, 1.2, 2.3, 2.3, 2.3])[-1]
    assert not any(told([2.0, 0.5, 0.7, 0.8, 0.7, 0.8]))


def test_an_arm_knows_since_when():
    one = arm([8, 8, 2, 2, 2, 2], [0.9] * 6, [1.0] * 6)
    one = GanHistory(**{**one.__dict__, "alarms": collapse.alarms(one, 8, 500)})
    assert one.collapsed and one.since == 400
    assert arm([8], [0.9], [1.0]).since is None


def test_digits_are_counted_by_the_classifier(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collapse, "COMPARED", 32)
    found = last(race("mnist-10k", steps=2, engine=ENGINE, data=_named(64)))
    assert isinstance(found, Collapse) and found.frequencies is not None
    assert found.total_modes == 10 and found.frequencies.sum() == pytest.approx(1.0)
    for one in found.gans:
        assert one.classes is not None and one.classes.sum() == pytest.approx(1.0)
        assert one.pictures is not None and one.pictures.shape == (64, 1, 28, 28)
        assert np.isfinite(one.kl).all() and 0 < one.modes[-1] <= 10


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
    found = last(race("ring-8", steps=4, engine=ENGINE))
    assert isinstance(found, Collapse)
    gan, *others = found.gans
    assert gan.broken and gan.steps.tolist() == [0, 1]
    assert all(not one.broken and one.steps[-1] == 4 for one in others)


# ---- clipping ---------------------------------------------------------------------------------------


def test_gradient_by_depth_of_a_linear_chain_is_a_product():
    """Weights a on a diagonal: each layer multiplies the gradient by a."""
    layers = [nn.Linear(2, 2, bias=False) for _ in range(4)]
    chain = nn.Sequential(*layers, nn.Linear(2, 1), nn.Flatten(0))
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(0.5 * torch.eye(2))
    real, fake = torch.ones(8, 2), torch.zeros(8, 2)
    found = clipping.by_depth(chain, Wgan(), real, fake)
    assert found.shape == (4,)
    np.testing.assert_allclose(found[:-1] / found[1:], 0.5, rtol=1e-5)
    shown = clipping.ConstrainedCritic("clip-1", "c = 1", 1.0, 1, 1, depth=found)
    assert shown.growth == pytest.approx(0.5, rel=1e-4)


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
        kept = both.critic(key)
        assert kept is not None and kept is small.critic(key)  # not trained again
        assert 0.5 < kept.growth < 2.0
        assert kept.surface is not None and kept.shares is not None
        assert kept.surface.shape == (40, 40) and kept.shares.sum() == pytest.approx(1.0)
    assert exploded.edges is not None and exploded.edges[-1] == 1.0


def test_a_half_trained_critic_is_trained_again():
    work = compare("ring-8", 0.01, updates=(40, 5))
    found = None
    while found is None or not found.critics:
        found = next(work).result or found
    assert not found.critics[0].done
    whole = last(compare("ring-8", 0.01, earlier=found, updates=(5, 5)))
    assert (
        isinstance(whole, Clipping)
        and all(a.done for a in whole.critics)
        and len(whole.critics) == 4
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

    found = score_surface(Height(), 2.0, side=5)
    assert found[0, 0] == pytest.approx(-22) and found[-1, 0] == pytest.approx(-18)


@pytest.mark.parametrize("objective", [Wgan(clip_value=0.05), WganGp(), WganGroupSort(), Gan()])
def test_critics_of_one_seed_are_alike(objective):
    one, other = (
        new_critic_trainer(Mlp(width=8, depth=2), objective, 1e-3, 4).critic for _ in range(2)
    )
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    if isinstance(objective, Wgan):
        assert max(float(w.detach().abs().max()) for w in one.parameters()) < 0.0501


# ---- sensitivity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", VARIED)
def test_every_hyperparameter_can_be_varied_over_all_its_values(key: str):
    config = sensitivity.base()
    for side in (3, 4):
        values = values_of(key, side)
        assert len(values) == side and list(values) == sorted(set(values))
        for value in values:
            changed = config.changed(sensitivity._changes(key, value))
            assert changed != config or changed.model_dump() == config.model_dump()


def small_grid(**more: Any) -> Iterator[TaskProgress]:
    values = (1e-4, 1e-3), (1.0, 2.0)
    return sweep("learning_rate", "n_critic", steps=3, values=values, engine=ENGINE, **more)


def test_a_grid_is_filled_beside_its_floor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sensitivity, "SAMPLES", 64)
    found, again = last(small_grid()), last(small_grid())
    assert isinstance(found, Grid) and isinstance(again, Grid)
    assert found.done == 4 and found.emds.shape == (2, 2)
    np.testing.assert_array_equal(found.emds, again.emds)
    assert 0 < found.floor < found.emds.min() and found.best is not None
    assert found.emds[found.best] == found.emds.min()
    assert set(found.samples or {}) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert all(effect >= 1.0 for effect in found.effects)


def test_effects_are_the_worst_over_the_best_mean():
    emds = np.array([[1.0, 2.0], [4.0, 8.0]])
    real = np.empty((0, 2), dtype=np.float32)
    grid = Grid("learning_rate", "n_critic", (1, 2), (1, 2), 1, 0, 0.1, 9.0, 1.0, real, emds)
    assert grid.effects == pytest.approx((4.0, 2.0))
    lost = Grid(**{**grid.__dict__, "emds": np.array([[1.0, 2.0], [4.0, np.nan]])})
    assert np.isnan(lost.effects).all()
    diverged = Grid(**{**lost.__dict__, "diverged": ((1, 1),)})
    assert diverged.effects == pytest.approx((np.sqrt(18.0), np.sqrt(4.5)))


def test_a_cell_that_diverges_is_a_cell_that_diverged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sensitivity, "SAMPLES", 32)

    def broken(training: Training, n: int) -> torch.Tensor:
        found = make(training, n)
        return found * torch.nan if training.config.n_critic == 2 and training.steps else found

    monkeypatch.setattr(sensitivity, "make", broken)
    found = last(small_grid())
    assert isinstance(found, Grid)
    assert found.diverged == ((0, 1), (1, 1)) and found.done == 4
    assert np.isnan(found.emds[:, 1]).all() and np.isfinite(found.emds[:, 0]).all()


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
        begun = session.begin(vanishing.VANISHING, "", lambda: vanish(updates=20))
        end = time.monotonic() + 180
        while not session.tasks("")[0].done:
            assert time.monotonic() < end
            threading.Event().wait(0.02)
        ended = session.tasks("")[0]
        assert ended.key == begun.key and ended.title == vanishing.VANISHING and not ended.error
        assert isinstance(ended.result, Vanishing) and ended.result.updates[-1] == 20
    finally:
        session.close()
