"""NetworkUpdates: the networks of a training, their optimisers, and one update of each."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wgan.config import TrainConfig
from wgan.training.augmentation import augmented, transforms_of
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.engine import Engine, to_layout
from wgan.training.state import optimizer_of, settings_of
from wgan.training.steps import (
    CompiledStep,
    TraceableStep,
    assign_gradients,
    critic_step,
    generator_step,
    traceable_critic_step,
    traceable_generator_step,
)


class CriticValues(NamedTuple):
    """The values of one critic update, scalars on the device."""

    loss: Tensor  # without the penalty
    penalty: Tensor
    real_mean: Tensor  # mean score of the real examples
    fake_mean: Tensor  # mean score of the fakes
    held_out_mean: Tensor | None  # mean score of held-out examples, if it was asked for


class NetworkUpdates:
    """Updates the generator and the critic, eagerly or with compiled steps.

    Args:
        config: the config; `change_config` replaces it.
        generator: the generator, on the device.
        critic: the critic, on the device.
        engine: device, precision and threads.
        process_group: the processes that train together; they average their gradients.
        layout: memory format of pictures.
    """

    def __init__(
        self,
        config: TrainConfig,
        generator: nn.Module,
        critic: nn.Module,
        engine: Engine,
        process_group: ProcessGroup,
        layout: torch.memory_format,
    ) -> None:
        self._config, self._process_group, self._layout = config, process_group, layout
        self.generator, self.critic = generator, critic
        self.engine = replace(engine, compiled=False)  # until `set_compiled_steps`
        self.generator_optimizer = optimizer_of(config, generator, "generator")
        self.critic_optimizer = optimizer_of(config, critic, "critic")
        self._compiled_steps: dict[str, CompiledStep] = {}
        self._pending_critic_update: Callable[[], None] | None = None

    def scratch_copy(self) -> "NetworkUpdates":
        """Return copies of networks and optimisers for this process alone, which update eagerly."""
        copied = copy.copy(self)
        copied._process_group, copied._compiled_steps, copied._pending_critic_update = (
            ALONE,
            {},
            None,
        )
        # Copied together, so that the copied optimisers hold the parameters of the copied networks.
        (
            copied.generator,
            copied.critic,
            copied.generator_optimizer,
            copied.critic_optimizer,
        ) = copy.deepcopy(
            (self.generator, self.critic, self.generator_optimizer, self.critic_optimizer)
        )
        return copied

    # ---- the networks ---------------------------------------------------------------------------

    def score(self, x: Tensor, label: Tensor | None) -> Tensor:
        """Return the critic's scores, (N,), after its last update."""
        self.finish_critic_update()
        score: Tensor = self.critic(x) if label is None else self.critic(x, label)
        return score

    def generate(self, z: Tensor, label: Tensor | None) -> Tensor:
        """Return samples of the generator, (N, …)."""
        samples = self.generator(z) if label is None else self.generator(z, label)
        return to_layout(samples, self._layout)

    @torch.no_grad()
    def make_fakes(self, z: Tensor, label: Tensor | None) -> Tensor:
        """Return fakes for the critic, (N, …), without a gradient to the generator."""
        if self._config.inference_fakes:
            self.generator.eval()
        with self.engine.autocast():
            fake = to_layout(self.generate(z, label).float(), self._layout)
        self.generator.train()
        return fake

    # ---- the critic -----------------------------------------------------------------------------

    def update_critic(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        label: Tensor | None,
        points: Tensor | None,
        score_held_out: Callable[[], Tensor] | None = None,
    ) -> CriticValues:
        """Update the critic by real and fake examples together.

        Args:
            real: real examples, (N, …).
            fake: as many fakes, (N, …).
            label: the classes of both, (N,); None if the networks take none.
            points: where the penalty holds the critic's slope, (N, …); None: no penalty in this update.
            score_held_out: returns the mean score of held-out examples; it is called before the weights change.
        """
        if (compiled := self._compiled_steps.get("critic")) is not None:
            traceable = self.traceable_critic_step(real=real, fake=fake, label=label, points=points)
            if (outputs := compiled(traceable.inputs)) is not None:
                held_out_mean = score_held_out() if score_held_out is not None else None
                *gradients, loss, penalty, real_mean, fake_mean = outputs
                assign_gradients(self.critic, gradients)
                self.critic_optimizer.step()
                self._config.objective.project(self.critic)
                return CriticValues(loss, penalty, real_mean, fake_mean, held_out_mean)
        with self.engine.autocast():
            step = critic_step(
                self._config.objective, self.score, real=real, fake=fake, label=label, points=points
            )
            held_out_mean = score_held_out() if score_held_out is not None else None
        self.critic_optimizer.zero_grad()
        torch.autograd.backward(step.loss + step.penalty)
        self._begin_critic_update()
        means = step.real_score.detach().mean(), step.fake_score.detach().mean()
        return CriticValues(step.loss.detach(), step.penalty.detach(), *means, held_out_mean)

    def update_critic_in_halves(
        self,
        *,
        real: Tensor,
        fake: Tensor,
        label: Tensor | None,
        score_held_out: Callable[[], Tensor] | None = None,
    ) -> CriticValues:
        """Update the critic by real examples, and then by fakes; the arguments are those of `update_critic`.

        `score_held_out` is called between the two updates.
        """
        objective = self._config.objective
        real_loss, real_mean = self._half_update(real, label, objective.real_loss)
        held_out_mean = score_held_out() if score_held_out is not None else None
        fake_loss, fake_mean = self._half_update(fake, label, objective.fake_loss)
        penalty = real_loss.new_zeros(())
        return CriticValues(real_loss + fake_loss, penalty, real_mean, fake_mean, held_out_mean)

    def _half_update(
        self, x: Tensor, label: Tensor | None, loss_of: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Update the critic by real examples alone, or by fakes; return loss and mean score."""
        with self.engine.autocast():
            score = self.score(x, label).float()
            loss = loss_of(score)
        self.critic_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._begin_critic_update()
        return loss.detach(), score.detach().mean()

    def _begin_critic_update(self) -> None:
        """Update the critic by its gradients; several processes exchange them first.

        During the exchange the generator can make the fakes of its own update, which do not need the critic.
        """
        wait_for_gradients = self._process_group.start_all_reduce(self.critic)

        def finish() -> None:
            wait_for_gradients()
            self.critic_optimizer.step()
            self._config.objective.project(self.critic)

        self._pending_critic_update = finish
        if self._process_group.size == 1:
            self.finish_critic_update()

    def finish_critic_update(self) -> None:
        """Complete the critic's last update, if its gradients are still being exchanged."""
        finish, self._pending_critic_update = self._pending_critic_update, None
        if finish is not None:
            finish()

    # ---- the generator --------------------------------------------------------------------------

    def update_generator(
        self,
        z: Tensor,
        label: Tensor | None,
        real: Tensor | None = None,
        augmentation: Tensor | None = None,
    ) -> Tensor:
        """Update the generator by samples of z, (N, latent_dim), and return its loss, a scalar.

        Args:
            z: the latent vectors, (N, latent_dim).
            label: the classes of the samples, (N,); None if the networks take none.
            real: real examples of the same classes, (N, …), for a relativistic objective.
            augmentation: random parameters with which the samples are augmented, (N, 8); None: they are not.
        """
        if (compiled := self._compiled_steps.get("generator")) is not None:
            outputs = compiled(self.traceable_generator_step(z, label, real, augmentation).inputs)
            if outputs is not None:
                n = sum(1 for _ in self.generator.parameters())
                assign_gradients(self.generator, outputs[:n])
                for buffer, new in zip(self.generator.buffers(), outputs[n:-1], strict=True):
                    buffer.copy_(new)
                self.generator_optimizer.step()
                return outputs[-1]

        def score(x: Tensor, label: Tensor | None) -> Tensor:
            self.finish_critic_update()  # before its weights are fixed
            self.critic.requires_grad_(False)
            return self.score(x, label)

        generate = augmented(self.generate, augmentation, transforms_of(self._config), self._layout)
        with self.engine.autocast():
            loss = generator_step(self._config.objective, generate, score, z, label, real)
        self.generator_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.critic.requires_grad_(True)
        self._process_group.start_all_reduce(self.generator)()
        self.generator_optimizer.step()
        return loss.detach()

    # ---- settings -------------------------------------------------------------------------------

    def change_config(self, config: TrainConfig) -> None:
        """Use the hyperparameters of another config of the same networks and optimiser."""
        before, self._config = self._config, config
        if config.objective != before.objective or not config.compiled:
            self.set_compiled_steps({})  # the objective is compiled into the steps
        if transforms_of(config) != transforms_of(before):
            self.set_compiled_steps({})  # and so are the transforms of the augmentation
        for optimizer, rate in self._rates():
            for group in optimizer.param_groups:
                group.update(settings_of(config), lr=rate)

    def set_rates(self, step: int) -> None:
        """Set the learning rates of a step, if the config lets them decay."""
        if self._config.decay == "none":
            return
        share = self._config.decayed(step)
        for optimizer, rate in self._rates():
            for group in optimizer.param_groups:
                group["lr"] = share * rate

    def _rates(self) -> tuple[tuple[torch.optim.Optimizer, float], ...]:
        return (
            (self.generator_optimizer, self._config.generator_learning_rate),
            (self.critic_optimizer, self._config.critic_learning_rate),
        )

    # ---- compiled steps -------------------------------------------------------------------------

    def set_compiled_steps(self, steps: Mapping[str, CompiledStep]) -> None:
        """Use compiled steps of "critic" and "generator" from now on; with an empty mapping, none.

        A compiled step may return the same tensors at its next call, so the optimiser must use them before
        that.
        """
        self._compiled_steps = dict(steps)
        self.engine = replace(self.engine, compiled=bool(steps))
        for network in (self.generator, self.critic):
            network.zero_grad(set_to_none=True)  # remove the gradients of the previous steps

    def set_num_threads(self, threads: int) -> None:
        """Change the number of CPU threads. Compiled steps are dropped: they fit the old number only."""
        self.set_compiled_steps({})
        self.engine = replace(self.engine, threads=threads)
        self.engine.activate()

    def traceable_critic_step(
        self, *, real: Tensor, fake: Tensor, label: Tensor | None, points: Tensor | None
    ) -> TraceableStep:
        """Return the critic's step for a compiler; the arguments are those of `update_critic`."""
        return traceable_critic_step(
            self._config.objective,
            self.critic,
            real=real,
            fake=fake,
            label=label,
            points=points,
            engine=self.engine,
        )

    def traceable_generator_step(
        self,
        z: Tensor,
        label: Tensor | None,
        real: Tensor | None = None,
        augmentation: Tensor | None = None,
    ) -> TraceableStep:
        """Return the generator's step for a compiler; the arguments are those of `update_generator`."""
        return traceable_generator_step(
            self._config.objective,
            self.generator,
            self.critic,
            z=z,
            label=label,
            real=real,
            augmentation=augmentation,
            transforms=transforms_of(self._config),
            layout=self._layout,
            engine=self.engine,
        )
