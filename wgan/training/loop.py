"""The training loop: a stepped object that knows no thread, no callback and no interface."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wgan.config import ConfigError, TrainConfig
from wgan.data import Data, Pictures
from wgan.rng import keyed_rng
from wgan.training.augmentation import HELD_OUT_DRAW, Augmentation
from wgan.training.batches import Batches
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.ema import update_average
from wgan.training.engine import Engine, to_cpu
from wgan.training.previews import Preview, make_preview
from wgan.training.report_sums import ReportSums
from wgan.training.reports import Report
from wgan.training.state import (
    State,
    load_tensors,
    mismatch_as_value_error,
    named_tensors,
    steered,
    under,
)
from wgan.training.steps import CompiledStep, TraceableStep
from wgan.training.updates import NetworkUpdates

MAX_BATCHES_TOGETHER = 8
"""Critic updates whose batches are made together."""


class Training:
    """One training: `step()` makes one generator update and the critic updates before it.

    `data` may be given if it is loaded already. `engine` is the device, precision and threads; see
    `resolve_engine`. Raises DataError or ConfigError where the config cannot be trained.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        engine: Engine,
        data: Data | None = None,
        root: Path | None = None,
        process_group: ProcessGroup = ALONE,
    ) -> None:
        self.config = config
        self.process_group = process_group
        if config.batch_size % (process_group.size * (2 if config.split_updates else 1)):
            raise ConfigError(
                f"A batch of {config.batch_size} cannot be divided equally among "
                f"{process_group.size} processes. Choose a multiple of this number."
            )
        self.device = torch.device(engine.device)
        self.data = (data if data is not None else config.dataset.load(root)).to(self.device)
        # On MPS convolutions' backward is many times slower with channels last, and batch norm's fails in
        # some versions: pytorch/pytorch issue 193349, pull request 188371.
        channels_last = isinstance(self.data, Pictures) and self.device.type != "mps"
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.batches = Batches(config, self.data, process_group, self.device, layout)
        self.augmentation = Augmentation(self.batches)
        generator, critic = (
            network.to(self.device).to(memory_format=layout)
            for network in config.networks(keyed_rng(config.seed, "init"))
        )
        for network in (generator, critic):
            process_group.broadcast_parameters(network.state_dict().values())
            process_group.sync_batch_norm(network)
        self.updates = NetworkUpdates(config, generator, critic, engine, process_group, layout)
        self._mixes_samples = any(isinstance(m, nn.BatchNorm2d) for m in self.generator.modules())
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.steps = 0
        self.critic_updates = 0
        self.sums = ReportSums(self.device, process_group)

    @property
    def generator(self) -> nn.Module:
        """The generator in training; `average` holds its averaged weights."""
        return self.updates.generator

    @property
    def critic(self) -> nn.Module:
        """The critic."""
        return self.updates.critic

    @property
    def engine(self) -> Engine:
        """Device, precision, threads, and whether compiled steps are used now."""
        return self.updates.engine

    # ---- one step -----------------------------------------------------------------------------

    def step(self) -> None:
        """Make the step's critic updates and one generator update."""
        self.steps += 1
        reporting = self.steps % self.config.report_every == 0
        updates = self.config.critic_updates(self.steps)
        self.updates.set_rates(self.steps)
        for first in range(0, updates, MAX_BATCHES_TOGETHER):
            draws = range(first, min(first + MAX_BATCHES_TOGETHER, updates))
            batches = self.make_batches(draws)
            next_step, next_draws = self._next_draws(draws, updates)
            self.batches.read_ahead(next_step, next_draws, self.critic_updates + len(draws))
            for draw, batch in zip(draws, batches, strict=True):
                self.update_critic(draw, *batch, held_out=reporting and draw == updates - 1)
        # The critic used draws 0 to updates − 1 of z. The generator uses the next one.
        self.update_generator(draw=updates)
        update_average(self.average, self.generator, self.steps, self.config.ema_decay)
        if reporting:
            self.sums.close_report(self.steps)

    def _next_draws(self, draws: range, updates: int) -> tuple[int, range]:
        """Return the step and the draws whose batches are made together after these."""
        step, later = self.steps, range(draws.stop, updates)
        if not later:
            step += 1
            later = range(self.config.critic_updates(step))
        return step, later[:MAX_BATCHES_TOGETHER]

    def update_critic(
        self, draw: int, real: Tensor, label: Tensor | None, fake: Tensor, *, held_out: bool
    ) -> None:
        """Update the critic by one of the batches of `make_batches`.

        Args:
            draw: number of the batch in the step.
            real: real examples, (N, …).
            label: their classes, (N,); None if the networks take none.
            fake: as many fakes, (N, …).
            held_out: whether held-out examples are scored as well, for the report.
        """
        score_held_out = self.score_held_out if held_out else None
        if self.config.split_updates:
            values = self.updates.update_critic_in_halves(
                real=real, fake=fake, label=label, score_held_out=score_held_out
            )
        else:
            points = self._penalty_points(real, fake, draw)
            values = self.updates.update_critic(
                real=real, fake=fake, label=label, points=points, score_held_out=score_held_out
            )
        self.sums.add_critic_update(values)
        self.critic_updates += 1
        if values.held_out_mean is not None:
            self.augmentation.adapt(
                real=values.real_mean,
                held_out=values.held_out_mean,
                fake=values.fake_mean,
                pictures=self.sums.counts[0] * len(real) * self.process_group.size,
            )

    def update_generator(self, draw: int) -> None:
        """Update the generator by a draw of this step."""
        inputs = self._generator_inputs(draw)
        self.sums.add_generator_update(self.updates.update_generator(*inputs))

    def _generator_inputs(
        self, draw: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """Return the inputs of a generator update.

        They are the z of a draw, the classes, real examples of them if the objective needs them, and the random
        parameters of an augmentation.
        """
        z = self.batches.z(self.steps, draw, self.config.batch_size)
        augmentation = self.augmentation.generator_parameters(self.steps, draw)
        if not self.config.objective.relativistic:
            return z, self.batches.labels(self.steps, draw), None, augmentation
        real, label = self.batches.generator_real(self.steps, draw)
        real = self.augmentation.augment_real(self.steps, draw, real)
        return z, label, real, augmentation

    # ---- faster updates ------------------------------------------------------------------------

    def traceable_steps(self) -> dict[str, TraceableStep]:
        """Return the steps of critic and generator for a compiler, with the next step's examples."""
        # Making fakes moves batch norm's statistics: looking must change nothing.
        buffers_before = [buffer.clone() for buffer in self.generator.buffers()]
        ((real, label, fake),) = self.make_batches(range(1))
        for buffer, before in zip(self.generator.buffers(), buffers_before, strict=True):
            buffer.copy_(before)
        return {
            "critic": self.updates.traceable_critic_step(
                real=real, fake=fake, label=label, points=self._penalty_points(real, fake, 0)
            ),
            "generator": self.updates.traceable_generator_step(*self._generator_inputs(1)),
        }

    def set_compiled_steps(self, steps: Mapping[str, CompiledStep]) -> None:
        """Use compiled steps of "critic" and "generator" from now on; with an empty mapping, none."""
        self.updates.set_compiled_steps(steps)

    def set_num_threads(self, threads: int) -> None:
        """Change the number of CPU threads. Compiled steps are dropped: they fit the old number only."""
        self.updates.set_num_threads(threads)

    def _penalty_points(self, real: Tensor, fake: Tensor, draw: int) -> Tensor | None:
        """Return where the penalty holds the critic's slope in this update, (N, …)."""
        return self.config.objective.penalty_points(
            real=real,
            fake=fake,
            rng=self.batches.rng("epsilon", self.steps, draw),
            update=self.critic_updates,
            rows=self.process_group.rows,
        )

    def make_batches(self, draws: range) -> list[tuple[Tensor, Tensor | None, Tensor]]:
        """Return real examples, their labels and as many fakes for each of a step's critic updates.

        Pictures are augmented if the config asks for it.
        """
        n = self.config.batch_size // (2 if self.config.split_updates else 1)
        real_batch, z_batch = self.batches.real, self.batches.z
        reals = [
            real_batch(self.steps, draw, n, self.critic_updates + draw - draws[0]) for draw in draws
        ]
        z = [z_batch(self.steps, draw, n) for draw in draws]
        labels = [label for _, label in reals]
        # The generator does not change between critic updates, so one pass makes all fakes, except with
        # batch norm, which mixes samples.
        if self._mixes_samples and not self.config.inference_fakes:
            fakes = [self.updates.make_fakes(*each) for each in zip(z, labels, strict=True)]
        else:
            class_labels = [label for label in labels if label is not None]
            fakes = list(
                self.updates.make_fakes(
                    torch.cat(z), torch.cat(class_labels) if class_labels else None
                ).chunk(len(z))
            )
        batches = []
        for draw, (real, label), fake in zip(draws, reals, fakes, strict=True):
            real, fake = self.augmentation.augment_batch(self.steps, draw, real=real, fake=fake)
            batches.append((real, label, fake))
        return batches

    @torch.no_grad()
    def score_held_out(self) -> Tensor:
        """Return the critic's mean score of a batch of held-out examples, a scalar; nothing is changed."""
        self.updates.finish_critic_update()
        real, label = self.batches.held_out(self.steps)
        real = self.augmentation.augment_real(self.steps, HELD_OUT_DRAW, real)
        inputs = (real,) if label is None else (real, label)
        # On copies of running statistics and power iterations: looking must change nothing.
        buffers = {name: value.clone() for name, value in self.critic.named_buffers()}
        score: Tensor = torch.func.functional_call(self.critic, buffers, inputs).float().mean()
        return score

    def reports(self) -> list[Report]:
        """Return the reports since the last call, fetched from the device at once.

        Raises Diverged at the first report that is not finite or has exploded.
        """
        return self.sums.fetch_reports(self.config)

    # ---- steering -----------------------------------------------------------------------------

    def apply(self, **changes: Any) -> TrainConfig:
        """Change hyperparameters between two steps and return the new config.

        Keys are dotted for parts: `apply(**{"objective.clip_value": 0.1})`. Raises ConfigError for
        a value out of range and for one that cannot change while training.
        """
        self.config = self.batches.config = steered(self.config, changes)
        self.updates.change_config(self.config)
        if not self.augmentation.is_adaptive:
            self.augmentation.reset()
        return self.config

    # ---- looking ------------------------------------------------------------------------------

    def preview(self) -> Preview:
        """Return samples of the averaged generator; the training is not changed."""
        return make_preview(
            self.config, self.steps, self.average, self.critic, self.data, self.device
        )

    @property
    def finite(self) -> bool:
        """Whether all weights of the averaged generator and the critic are numbers."""
        weights = [*self.average.parameters(), *self.critic.parameters()]
        return bool(torch.stack([weight.isfinite().all() for weight in weights]).all())

    def weights(self) -> dict[str, Tensor]:
        """Return clones of the averaged generator's and the critic's weights, on the CPU."""
        return to_cpu(
            {
                f"{prefix}.{name}": value
                for prefix, module in (("average", self.average), ("critic", self.critic))
                for name, value in module.state_dict().items()
            }
        )

    # ---- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return a copy of everything that an exact resume needs."""
        tensors = named_tensors(self._modules(), self._optimizers())
        tensors["sums"] = self.sums.tensor()
        tensors |= self.augmentation.tensors()
        return State(
            self.config,
            self.engine,
            self.steps,
            self.critic_updates,
            self.sums.counts,
            to_cpu(tensors),
        )

    @classmethod
    def restore(
        cls,
        state: State,
        *,
        engine: Engine | None = None,
        data: Data | None = None,
        root: Path | None = None,
        process_group: ProcessGroup = ALONE,
    ) -> "Training":
        """Return a training that continues from a state; with the same engine, bit for bit.

        A state without optimisers, as of a shipped model, gets new ones, and its generator
        from the average. Raises ValueError where tensors are missing or have other shapes than the
        config's networks.
        """
        training = cls(
            state.config,
            engine=engine or state.engine,
            data=data,
            root=root,
            process_group=process_group,
        )
        training.steps, training.critic_updates = state.step, state.critic_updates
        if state.has_only_weights:
            training._begin_with(state)
            return training
        with mismatch_as_value_error():
            load_tensors(training._modules(), training._optimizers(), state.tensors)
            training.sums.load(state.tensors["sums"], state.counts)
        training.augmentation.load(state.tensors)
        return training

    def _begin_with(self, state: State) -> None:
        """Load the weights of a state without optimisers: a shipped model."""
        average = under("average", state.tensors)
        with mismatch_as_value_error():
            for module in (self.generator, self.average):
                module.load_state_dict(average)
            self.critic.load_state_dict(under("critic", state.tensors))

    def _modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "critic": self.critic}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "generator_optimizer": self.updates.generator_optimizer,
            "critic_optimizer": self.updates.critic_optimizer,
        }


def train(
    config: TrainConfig,
    *,
    engine: Engine,
    data: Data | None = None,
    watch: Callable[[Report], None] | None = None,
) -> Training:
    """Train to the config's last step and return the training: the loop for scripts and tests."""
    training = Training(config, engine=engine, data=data)
    while training.steps < config.steps:
        training.step()
        for report in training.reports():
            if watch is not None:
                watch(report)
    return training
