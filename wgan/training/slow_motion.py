"""One training step in slow motion: what each update sees, and what it changes."""

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from wgan.arrays import F32
from wgan.config import TrainConfig
from wgan.data import Data
from wgan.training.augmentation import augmented, transforms_of
from wgan.training.engine import Engine, use_threads
from wgan.training.loop import Training
from wgan.training.state import State
from wgan.training.steps import Generate, critic_step, generator_step, module_score

SHOWN = {"pictures": 8, "points": 128}
"""Maximum number of examples of a batch that are kept."""

Part = Literal["both", "critic", "generator"]
"""Which networks a step updates."""


@dataclass(frozen=True)
class CriticStage:
    """One update of the critic.

    M is the number of examples that are kept, at most that of `SHOWN`; N is the batch size. Scores before and after
    are those of the same examples.
    """

    z: F32  # from which the fakes are made, (M, latent_dim)
    real: F32  # (M, …), as the critic sees them
    fake: F32  # (M, …)
    points: F32 | None  # where the penalty acts, (M, …); None: no penalty in this update
    slopes: F32 | None  # ‖∇f‖ at these points, (M,)
    loss: float  # without the penalty
    penalty: float
    real_scores: F32  # (N,)
    fake_scores: F32  # (N,)
    real_scores_after: F32  # (N,)
    fake_scores_after: F32  # (N,)
    weight_change: float  # Euclidean norm of the change of all weights


@dataclass(frozen=True)
class GeneratorStage:
    """The update of the generator; M and N as in `CriticStage`."""

    z: F32  # (M, latent_dim)
    before: F32  # samples of z before the update, (M, …)
    after: F32  # samples of the same z after it, (M, …)
    descent: F32  # −N ∂loss/∂sample at the samples before the update, (M, …)
    loss: float
    scores: F32  # of all samples before the update, as the critic sees them, (N,)
    scores_after: F32  # the same after the update, by the same critic, (N,)
    weight_change: float  # Euclidean norm of the change of all weights


@dataclass(frozen=True)
class SlowStep:
    """The stages of one training step. Without an update of the generator, `generator` is None."""

    config: TrainConfig
    step: int  # number of the step
    critic: tuple[CriticStage, ...]
    generator: GeneratorStage | None
    learning_rates: dict[str, float]  # of this step, of "generator" and "critic"
    has_optimizers: bool  # whether the state has the optimisers' averages; else they begin anew


def slow_step(
    state: State, *, part: Part = "both", engine: Engine | None = None, data: Data | None = None
) -> tuple[SlowStep, Training]:
    """Make the step that follows a state, on a copy, and return its stages and the copy after it.

    The copy runs the same code as a training that continues from the state, without compiled steps. Looking
    at it changes nothing, so the copy is equal bit for bit to such a training on the same engine after one step.

    Args:
        state: The state of a training between two steps.
        part: With "critic" or "generator", the other network is not updated.
        engine: Default: the engine of the state.
        data: The data set, if it is loaded already.

    Raises:
        DataError: The data set cannot be loaded.
        ValueError: The state does not fit its config.
    """
    threads = torch.get_num_threads()
    (engine or state.engine).activate()
    try:
        training = _SlowTraining.restore(state, engine=engine, data=data)
        assert isinstance(training, _SlowTraining)
        training.part = part
        training.step()
    finally:
        use_threads(threads)
    updates = training.updates
    stages = SlowStep(
        training.config,
        training.steps,
        training.critic_stages,
        training.generator_stage,
        {
            "generator": updates.generator_optimizer.param_groups[0]["lr"],
            "critic": updates.critic_optimizer.param_groups[0]["lr"],
        },
        any("_optimizer." in name for name in state.tensors),
    )
    return stages, training


class _SlowTraining(Training):
    """A training that records what its next updates see and change."""

    part: Part = "both"
    critic_stages: tuple[CriticStage, ...] = ()
    generator_stage: GeneratorStage | None = None

    @property
    def _shown(self) -> int:
        return SHOWN[self.config.dataset.kind]

    def update_critic(
        self, draw: int, real: Tensor, label: Tensor | None, fake: Tensor, *, held_out: bool
    ) -> None:
        """Update the critic, and record the update."""
        if self.part == "generator":
            return
        objective = self.config.objective
        points = None if self.config.split_updates else self._penalty_points(real, fake, draw)
        real_scores, fake_scores = self._both_scores(real, fake, label)
        loss = objective.critic_loss(real=real_scores, fake=fake_scores)
        penalty, slopes = 0.0, None
        if points is not None:
            with self.engine.autocast():
                score = module_score(_copied(self.critic))
                update = critic_step(
                    objective, score, real=real, fake=fake, label=label, points=points
                )
                penalty = float(update.penalty.detach())
                points, point_labels = self._shown_points(points.detach(), len(real), label)
                slopes = _slopes(_copied(self.critic), points, point_labels)
        weights = _weights(self.critic)
        super().update_critic(draw, real, label, fake, held_out=held_out)
        self.updates.finish_critic_update()
        real_after, fake_after = self._both_scores(real, fake, label)
        self.critic_stages += (
            CriticStage(
                z=_array(self.batches.z(self.steps, draw, len(real))[: self._shown]),
                real=_array(real[: self._shown]),
                fake=_array(fake[: self._shown]),
                points=None if points is None else _array(points),
                slopes=None if slopes is None else _array(slopes),
                loss=float(loss),
                penalty=penalty,
                real_scores=_array(real_scores),
                fake_scores=_array(fake_scores),
                real_scores_after=_array(real_after),
                fake_scores_after=_array(fake_after),
                weight_change=float((_weights(self.critic) - weights).norm()),
            ),
        )

    def update_generator(self, draw: int) -> None:
        """Update the generator, and record the update."""
        if self.part == "critic":
            return
        z, label, real, parameters = self._generator_inputs(draw)
        before = self._samples(z, label).requires_grad_()
        seen_before = self._augmented(before, parameters)
        with self.engine.autocast():
            score = module_score(_copied(self.critic))
            loss = generator_step(self.config.objective, seen_before, score, z, label, real)
            (gradient,) = torch.autograd.grad(loss, before)
        scores = self._scores(seen_before(z, label).detach(), label)
        weights = _weights(self.generator)
        super().update_generator(draw)
        after = self._samples(z, label)
        seen_after = self._augmented(after, parameters)(z, label)
        self.generator_stage = GeneratorStage(
            z=_array(z[: self._shown]),
            before=_array(before[: self._shown]),
            after=_array(after[: self._shown]),
            descent=_array(-len(z) * gradient[: self._shown]),
            loss=float(loss.detach()),
            scores=_array(scores),
            scores_after=_array(self._scores(seen_after, label)),
            weight_change=float((_weights(self.generator) - weights).norm()),
        )

    def _augmented(self, samples: Tensor, parameters: Tensor | None) -> Generate:
        """Return a generator of given samples, as the critic sees them."""
        return augmented(
            lambda _z, _label: samples, parameters, transforms_of(self.config), self.batches.layout
        )

    @torch.no_grad()
    def _samples(self, z: Tensor, label: Tensor | None) -> Tensor:
        """Return samples of the generator as it trains, (N, …)."""
        generator = _copied(self.generator)
        with self.engine.autocast():
            samples: Tensor = generator(z) if label is None else generator(z, label)
        return self.batches.lay_out(samples.float())

    def _both_scores(
        self, real: Tensor, fake: Tensor, label: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the critic's scores of real examples and of fakes, (N,) each.

        They share a pass unless the critic's updates are split: batch norm mixes what shares a pass.
        """
        if self.config.split_updates:
            return self._scores(real, label), self._scores(fake, label)
        labels = None if label is None else torch.cat([label, label])
        real_scores, fake_scores = self._scores(torch.cat([real, fake]), labels).chunk(2)
        return real_scores, fake_scores

    def _scores(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Return the critic's scores, (N,).

        Autograd is on, because some CPUs compute bfloat16 in another way without it.
        """
        with self.engine.autocast():
            return module_score(_copied(self.critic))(x, label).detach().float()

    def _shown_points(
        self, points: Tensor, n: int, label: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the points of the penalty that are kept, and their classes.

        Args:
            points: (N, …), or (2N, …): real examples and fakes.
            n: N.
            label: Classes of the batch, (N,).
        """
        if len(points) == n:
            return points[: self._shown], None if label is None else label[: self._shown]
        half = self._shown // 2
        real_and_fake = torch.cat([points[:n][:half], points[n:][:half]])
        return real_and_fake, None if label is None else torch.cat([label[:half], label[:half]])


def _copied(network: nn.Module) -> nn.Module:
    """Return a copy of a network, because its use moves running statistics and power iterations."""
    return copy.deepcopy(network)


def _slopes(critic: nn.Module, points: Tensor, label: Tensor | None) -> Tensor:
    """Return ‖∇f‖ at points, (M,)."""
    x = points.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(module_score(critic)(x, label).float().sum(), x)
    slopes: Tensor = gradient.flatten(1).norm(dim=1)
    return slopes


def _weights(network: nn.Module) -> Tensor:
    """Return a copy of all parameters as one vector."""
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def _array(x: Tensor) -> F32:
    array: F32 = x.detach().float().contiguous().cpu().numpy().copy()
    return array
