"""The training loop: a stepped object that knows no thread, no callback and no interface."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wgan.config import ConfigError, TrainConfig
from wgan.data import Data, Pictures, as_bytes
from wgan.rng import keyed_rng
from wgan.training.batches import Batches
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.engine import Engine, fetched
from wgan.training.reports import (
    EXPLODED,
    PREVIEW_PICTURES,
    PREVIEW_POINTS,
    Diverged,
    Preview,
    Report,
    likely_cause,
    look_at_critic,
)
from wgan.training.state import (
    State,
    by_parameter,
    optimizer_of,
    settings_of,
    steered,
    under,
)
from wgan.training.steps import (
    CompiledStep,
    TraceableStep,
    critic_step,
    generator_step,
    traceable_critic_step,
    traceable_generator_step,
)

AT_ONCE = 8
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
        ranks: ProcessGroup = ALONE,
    ) -> None:
        self.config = config
        self.ranks = ranks
        if config.batch_size % (ranks.of * (2 if config.split_updates else 1)):
            raise ConfigError(
                f"A batch of {config.batch_size} cannot be shared equally by {ranks.of} processes: choose "
                "a multiple of their number."
            )
        self.engine = replace(engine, compiled=False)  # until `set_compiled_steps`
        self.device = torch.device(engine.device)
        self.data = (data if data is not None else config.dataset.load(root)).to(self.device)
        # On MPS convolutions' backward is many times slower with channels last, and batch norm's fails in
        # some versions: pytorch/pytorch issue 193349, pull request 188371.
        channels_last = isinstance(self.data, Pictures) and self.device.type != "mps"
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.batches = Batches(config, self.data, ranks, self.device, layout)
        self.generator, self.critic = (
            network.to(self.device).to(memory_format=layout)
            for network in config.networks(keyed_rng(config.seed, "init"))
        )
        for network in (self.generator, self.critic):
            ranks.agree(network.state_dict().values())
            ranks.couple(network)
        self._couples = any(isinstance(m, nn.BatchNorm2d) for m in self.generator.modules())
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.generator_optimizer = optimizer_of(config, self.generator, "generator")
        self.critic_optimizer = optimizer_of(config, self.critic, "critic")
        self.steps = 0
        self.critic_updates = 0
        self._compiled_steps: dict[str, CompiledStep] = {}
        self._pending_critic_update: Callable[[], None] | None = None
        self._forget_sums()
        self._unfetched_reports: list[tuple[int, Tensor]] = []

    # ---- one step -----------------------------------------------------------------------------

    def step(self) -> None:
        """Make the step's critic updates and one generator update."""
        self.steps += 1
        reporting = self.steps % self.config.report_every == 0
        updates = self.config.critic_updates(self.steps)
        self._set_rates()
        for first in range(0, updates, AT_ONCE):
            draws = range(first, min(first + AT_ONCE, updates))
            batches = self.make_batches(draws)
            next_step, next_draws = self._next_draws(draws, updates)
            self.batches.read_ahead(next_step, next_draws, self.critic_updates + len(draws))
            for draw, batch in zip(draws, batches, strict=True):
                self.update_critic(draw, *batch, held_out=reporting and draw == updates - 1)
        # The critic used draws 0 to updates − 1 of z. The generator uses the next one.
        self.update_generator(draw=updates)
        self._update_average()
        if reporting:
            self._close_report()

    def _next_draws(self, draws: range, updates: int) -> tuple[int, range]:
        """Return the step and the draws whose batches are made together after these."""
        step, later = self.steps, range(draws.stop, updates)
        if not later:
            step += 1
            later = range(self.config.critic_updates(step))
        return step, later[:AT_ONCE]

    def update_critic(
        self, draw: int, real: Tensor, label: Tensor | None, fake: Tensor, *, held_out: bool
    ) -> None:
        if self.config.split_updates:
            scored = self._half_update(real, label, self.config.objective.real_loss)
            held_out_score = self.score_held_out() if held_out else None
            scores = scored, self._half_update(fake, label, self.config.objective.fake_loss)
            critic_loss = scores[0][0] + scores[1][0]
            penalty = critic_loss.new_zeros(())
            real_mean, fake_mean = scores[0][1], scores[1][1]
        else:
            critic_loss, penalty, real_mean, fake_mean, held_out_score = self._whole_update(
                real, fake, label, draw, held_out=held_out
            )
        if held_out_score is not None:
            self._held_out_gap = held_out_score - fake_mean
        self._critic_sums += torch.stack([critic_loss, penalty, real_mean - fake_mean])
        self._critic_count += 1
        self.critic_updates += 1

    def _whole_update(
        self, real: Tensor, fake: Tensor, label: Tensor | None, draw: int, *, held_out: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """Update the critic by real and fake together.

        Returns loss, penalty, mean real score, mean fake score and, if asked for, the mean score of
        held-out examples.
        """
        objective = self.config.objective
        points = self._penalty_points(real, fake, draw)
        if (compiled := self._compiled_steps.get("critic")) is not None:
            traceable = self._traceable_critic_step(real, fake, label, points)
            if (outputs := compiled(traceable.inputs)) is not None:
                held_out_score = self.score_held_out() if held_out else None
                *gradients, critic_loss, penalty, real_mean, fake_mean = outputs
                self.assign_gradients(self.critic, gradients)
                self.critic_optimizer.step()
                objective.project(self.critic)
                return critic_loss, penalty, real_mean, fake_mean, held_out_score
        with self.engine.autocast():
            step = critic_step(
                objective, self._score, real=real, fake=fake, label=label, points=points
            )
            held_out_score = self.score_held_out() if held_out else None
        self.critic_optimizer.zero_grad()
        torch.autograd.backward(step.loss + step.penalty)
        self._begin_critic_update()
        means = step.real_score.detach().mean(), step.fake_score.detach().mean()
        return step.loss.detach(), step.penalty.detach(), *means, held_out_score

    def _half_update(
        self, x: Tensor, label: Tensor | None, loss_of: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Update the critic by real examples alone, or by fakes; return loss and mean score."""
        with self.engine.autocast():
            score = self._score(x, label).float()
            loss = loss_of(score)
        self.critic_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._begin_critic_update()
        return loss.detach(), score.detach().mean()

    def _begin_critic_update(self) -> None:
        """Update the critic by its gradients; of several processes, once they have exchanged them.

        Meanwhile the generator makes the fakes of its own update, which do not need the critic.
        """
        wait_for_gradients = self.ranks.averaging(self.critic)

        def finish() -> None:
            wait_for_gradients()
            self.critic_optimizer.step()
            self.config.objective.project(self.critic)

        self._pending_critic_update = finish
        if self.ranks.of == 1:
            self._finish_critic_update()

    def _finish_critic_update(self) -> None:
        """Have the critic's last update done."""
        finish, self._pending_critic_update = self._pending_critic_update, None
        if finish is not None:
            finish()

    def update_generator(self, draw: int) -> None:
        label, z = (
            self.batches.labels(self.steps, draw),
            self.batches.z(self.steps, draw, self.config.batch_size),
        )
        if (compiled := self._compiled_steps.get("generator")) is not None:
            outputs = compiled(self._traceable_generator_step(z, label).inputs)
            if outputs is not None:
                n = sum(1 for _ in self.generator.parameters())
                self.assign_gradients(self.generator, outputs[:n])
                for buffer, new in zip(self.generator.buffers(), outputs[n:-1], strict=True):
                    buffer.copy_(new)
                self.generator_optimizer.step()
                self._generator_sum += outputs[-1]
                self._generator_count += 1
                return

        def score(x: Tensor, label: Tensor | None) -> Tensor:
            self._finish_critic_update()  # the critic's last update comes before its weights are fixed
            self.critic.requires_grad_(False)
            return self._score(x, label)

        with self.engine.autocast():
            loss = generator_step(self.config.objective, self._make, score, z, label)
        self.generator_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.critic.requires_grad_(True)
        self.ranks.averaging(self.generator)()
        self.generator_optimizer.step()
        self._generator_sum += loss.detach()
        self._generator_count += 1

    # ---- faster updates ------------------------------------------------------------------------

    def traceable_steps(self) -> dict[str, TraceableStep]:
        """Return the steps of critic and generator for a compiler, with the next step's examples."""
        # Making fakes moves batch norm's statistics: looking must change nothing.
        buffers_before = [buffer.clone() for buffer in self.generator.buffers()]
        ((real, label, fake),) = self.make_batches(range(1))
        for buffer, before in zip(self.generator.buffers(), buffers_before, strict=True):
            buffer.copy_(before)
        return {
            "critic": self._traceable_critic_step(
                real, fake, label, self._penalty_points(real, fake, 0)
            ),
            "generator": self._traceable_generator_step(
                self.batches.z(self.steps, 1, self.config.batch_size),
                self.batches.labels(self.steps, 1),
            ),
        }

    def set_compiled_steps(self, steps: Mapping[str, CompiledStep]) -> None:
        """Use compiled steps of "critic" and "generator" from now on; with an empty mapping, none.

        A compiled step may return the same tensors at its next call, so the optimiser must use them before
        that.
        """
        self._compiled_steps = dict(steps)
        self.engine = replace(self.engine, compiled=bool(steps))
        for network in (self.generator, self.critic):
            network.zero_grad(set_to_none=True)  # no gradient of the steps before is left

    def set_num_threads(self, threads: int) -> None:
        """Change the number of CPU threads. Compiled steps are dropped: they were made for another one."""
        self.set_compiled_steps({})
        self.engine = replace(self.engine, threads=threads)
        self.engine.activate()

    def _penalty_points(self, real: Tensor, fake: Tensor, draw: int) -> Tensor | None:
        """Return where the penalty holds the critic's slope in this update, (N, …)."""
        return self.config.objective.points(
            real=real,
            fake=fake,
            rng=self.batches.rng("epsilon", self.steps, draw),
            update=self.critic_updates,
            rows=self.ranks.rows,
        )

    def _traceable_critic_step(
        self, real: Tensor, fake: Tensor, label: Tensor | None, points: Tensor | None
    ) -> TraceableStep:
        return traceable_critic_step(
            self.config.objective,
            self.critic,
            real=real,
            fake=fake,
            label=label,
            points=points,
            engine=self.engine,
        )

    def _traceable_generator_step(self, z: Tensor, label: Tensor | None) -> TraceableStep:
        return traceable_generator_step(
            self.config.objective,
            self.generator,
            self.critic,
            z=z,
            label=label,
            layout=self.batches.layout,
            engine=self.engine,
        )

    @staticmethod
    def assign_gradients(network: nn.Module, gradients: Sequence[Tensor]) -> None:
        """Set the gradients of a network's parameters, in their order."""
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            # Fused optimisers go through memory in order.
            if gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient

    def _set_rates(self) -> None:
        if self.config.decay == "none":
            return
        share = self.config.decayed(self.steps)
        for optimizer, rate in self._rates():
            for group in optimizer.param_groups:
                group["lr"] = share * rate

    def _rates(self) -> tuple[tuple[torch.optim.Optimizer, float], ...]:
        return (
            (self.generator_optimizer, self.config.generator_learning_rate),
            (self.critic_optimizer, self.config.critic_learning_rate),
        )

    # ---- the networks, with labels where they take them -----------------------------------------

    def _score(self, x: Tensor, label: Tensor | None) -> Tensor:
        self._finish_critic_update()
        score: Tensor = self.critic(x) if label is None else self.critic(x, label)
        return score

    def _make(self, z: Tensor, label: Tensor | None) -> Tensor:
        samples = self.generator(z) if label is None else self.generator(z, label)
        return self.batches.lay_out(samples)

    def make_batches(self, draws: range) -> list[tuple[Tensor, Tensor | None, Tensor]]:
        """Return real examples, their labels and as many fakes for each of a step's critic updates."""
        n = self.config.batch_size // (2 if self.config.split_updates else 1)
        real_batch, z_batch = self.batches.real, self.batches.z
        reals = [
            real_batch(self.steps, draw, n, self.critic_updates + draw - draws[0]) for draw in draws
        ]
        z = [z_batch(self.steps, draw, n) for draw in draws]
        labels = [label for _, label in reals]
        # The generator does not change between critic updates, so one pass makes all fakes, except with
        # batch norm, which mixes samples.
        if self._couples and not self.config.inference_fakes:
            fakes = [self.make_fakes(*each) for each in zip(z, labels, strict=True)]
        else:
            class_labels = [label for label in labels if label is not None]
            fakes = list(
                self.make_fakes(
                    torch.cat(z), torch.cat(class_labels) if class_labels else None
                ).chunk(len(z))
            )
        return [(*real, fake) for real, fake in zip(reals, fakes, strict=True)]

    @torch.no_grad()
    def make_fakes(self, z: Tensor, label: Tensor | None) -> Tensor:
        """Return what the critic learns from: no gradient flows back to the generator."""
        if self.config.inference_fakes:
            self.generator.eval()
        with self.engine.autocast():
            fake = self.batches.lay_out(self._make(z, label).float())
        self.generator.train()
        return fake

    @torch.no_grad()
    def _update_average(self) -> None:
        # Begin with a small decay: otherwise the average keeps the random initial weights for long.
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps))
        slow: list[Tensor] = list(self.average.parameters())
        fast: list[Tensor] = list(self.generator.parameters())
        torch._foreach_lerp_(slow, fast, 1 - decay)
        for averaged, new in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            if averaged.is_floating_point():
                averaged.lerp_(new, 1 - decay)
            else:
                averaged.copy_(new)

    @torch.no_grad()
    def score_held_out(self) -> Tensor:
        self._finish_critic_update()
        real, label = self.batches.held_out(self.steps)
        inputs = (real,) if label is None else (real, label)
        # On copies of running statistics and power iterations: looking must change nothing.
        buffers = {name: value.clone() for name, value in self.critic.named_buffers()}
        score: Tensor = torch.func.functional_call(self.critic, buffers, inputs).float().mean()
        return score

    # ---- reports ------------------------------------------------------------------------------

    def _forget_sums(self) -> None:
        self._critic_sums = torch.zeros(3, device=self.device)  # loss, penalty, gap
        self._generator_sum = torch.zeros((), device=self.device)
        self._held_out_gap = torch.zeros((), device=self.device)
        self._critic_count = self._generator_count = 0

    def _close_report(self) -> None:
        critic_loss, penalty, gap = self._critic_sums / self._critic_count
        generator_loss = self._generator_sum / self._generator_count
        values = torch.stack([critic_loss, generator_loss, gap, self._held_out_gap, penalty])
        values = self.ranks.mean(values)
        self._unfetched_reports.append((self.steps, values))
        self._forget_sums()

    def reports(self) -> list[Report]:
        """Return the reports since the last call, fetched from the device at once.

        Raises Diverged at the first report that is not finite or has exploded.
        """
        if not self._unfetched_reports:
            return []
        steps = [step for step, _ in self._unfetched_reports]
        rows = torch.stack([values for _, values in self._unfetched_reports]).tolist()
        self._unfetched_reports.clear()
        reports = [Report(step, *row) for step, row in zip(steps, rows, strict=True)]
        for i, report in enumerate(reports):
            bad = [
                name
                for name, value in zip(Report._fields[1:], report[1:], strict=True)
                if not math.isfinite(value) or abs(value) > EXPLODED
            ]
            if bad:
                raise Diverged(likely_cause(self.config, report.step, bad), reports[:i])
        return reports

    # ---- steering -----------------------------------------------------------------------------

    def apply(self, **changes: Any) -> TrainConfig:
        """Change hyperparameters between two steps and return the new config.

        Keys are dotted for parts: `apply(**{"objective.clip_value": 0.1})`. Raises ConfigError for
        a value out of range and for one that cannot change while training.
        """
        before = self.config.objective
        self.config = self.batches.config = steered(self.config, changes)
        if self.config.objective != before or not self.config.compiled:
            self.set_compiled_steps({})  # the objective is compiled into the steps
        for optimizer, rate in self._rates():
            for group in optimizer.param_groups:
                group.update(settings_of(self.config), lr=rate)
        return self.config

    # ---- looking ------------------------------------------------------------------------------

    @torch.no_grad()
    def preview(self) -> Preview:
        """Return what the averaged generator makes now; it disturbs nothing."""
        n = PREVIEW_PICTURES if isinstance(self.data, Pictures) else PREVIEW_POINTS
        # Not the training's seed: runs that differ in it are still compared from the same z.
        rng = keyed_rng(0, "preview", self.config.preview_seed)
        labels = self.config.preview_labels()
        z = torch.randn(len(labels or range(n)), self.config.latent_dim, generator=rng)
        inputs = [z] if labels is None else [z, torch.tensor(labels)]
        samples = self.average(*(x.to(self.device) for x in inputs))
        if isinstance(self.data, Pictures):
            return Preview(self.steps, pictures=as_bytes(samples).cpu().numpy())
        # In eval mode, because power iterations would continue otherwise.
        self.critic.eval()
        surface, arrows = look_at_critic(self.critic, samples, self.data.extent)
        self.critic.train()
        return Preview(
            self.steps,
            points=samples.float().cpu().numpy(),
            surface=surface,
            arrows=arrows,
            extent=self.data.extent,
        )

    @property
    def finite(self) -> bool:
        """Whether all weights of the averaged generator and the critic are numbers."""
        weights = [*self.average.parameters(), *self.critic.parameters()]
        return bool(torch.stack([weight.isfinite().all() for weight in weights]).all())

    def weights(self) -> dict[str, Tensor]:
        """Return clones of the averaged generator's and the critic's weights, on the CPU."""
        return fetched(
            {
                f"{prefix}.{name}": value
                for prefix, module in (("average", self.average), ("critic", self.critic))
                for name, value in module.state_dict().items()
            }
        )

    # ---- state --------------------------------------------------------------------------------

    def state(self) -> State:
        """Return a copy of everything that an exact resume needs."""
        tensors = {
            f"{prefix}.{name}": value
            for prefix, module in self._modules().items()
            for name, value in module.state_dict().items()
        }
        for prefix, optimizer in self._optimizers().items():
            for i, values in optimizer.state_dict()["state"].items():
                tensors |= {f"{prefix}.{i}.{name}": value for name, value in values.items()}
        tensors["sums"] = torch.cat(
            [self._critic_sums, self._generator_sum[None], self._held_out_gap[None]]
        )
        return State(
            self.config,
            self.engine,
            self.steps,
            self.critic_updates,
            (self._critic_count, self._generator_count),
            fetched(tensors),
        )

    @classmethod
    def restore(
        cls,
        state: State,
        *,
        engine: Engine | None = None,
        data: Data | None = None,
        root: Path | None = None,
        ranks: ProcessGroup = ALONE,
    ) -> "Training":
        """Return a training that continues from a state; with the same engine, bit for bit.

        A state without optimisers, as of a shipped model, gets new ones, and its generator
        from the average. Raises ValueError where tensors are missing or have other shapes than the
        config's networks.
        """
        training = cls(
            state.config, engine=engine or state.engine, data=data, root=root, ranks=ranks
        )
        training.steps, training.critic_updates = state.step, state.critic_updates
        if {name.partition(".")[0] for name in state.tensors} == {"average", "critic"}:
            training._begin_with(state)
            return training
        try:
            for prefix, module in training._modules().items():
                module.load_state_dict(under(prefix, state.tensors))
            for prefix, optimizer in training._optimizers().items():
                whole = optimizer.state_dict()
                whole["state"] = by_parameter(under(prefix, state.tensors))
                optimizer.load_state_dict(whole)
            sums = state.tensors["sums"].to(training.device)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"The weights do not fit the config's networks: {error}") from error
        training._critic_sums, training._generator_sum, training._held_out_gap = (
            sums[:3].clone(),
            sums[3].clone(),
            sums[4].clone(),
        )
        training._critic_count, training._generator_count = state.counts
        return training

    def _begin_with(self, state: State) -> None:
        """Load the weights of a state that has nothing else."""
        try:
            average = under("average", state.tensors)
            for module in (self.generator, self.average):
                module.load_state_dict(average)
            self.critic.load_state_dict(under("critic", state.tensors))
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"The weights do not fit the config's networks: {error}") from error

    def _modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "critic": self.critic}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "generator_optimizer": self.generator_optimizer,
            "critic_optimizer": self.critic_optimizer,
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
