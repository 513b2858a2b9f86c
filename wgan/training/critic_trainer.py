"""CriticTrainer: trains a critic alone, against a fixed generator."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wgan.objectives import Objective
from wgan.rng import keyed_rng
from wgan.training.steps import critic_step, module_score

DrawExamples = Callable[[int], tuple[Tensor, Tensor]]
"""Returns the real and the fake batch of an update; updates are counted from 0."""


@dataclass
class CriticTrainer:
    """A critic with its objective and optimiser, to be trained against a fixed generator."""

    critic: nn.Module
    objective: Objective
    optimizer: torch.optim.Optimizer
    seed: int = 0
    apart: bool = False  # separate updates for real and fake, as with `split_updates`
    updates: int = 0

    def update(self, *, real: Tensor, fake: Tensor, label: Tensor | None = None) -> None:
        """Make one critic update like the training loop.

        Args:
            real: Real examples, (N, …).
            fake: Fakes, (N, …).
            label: Classes of both, (N,), for a class-conditional critic.
        """
        score = module_score(self.critic)
        if self.apart:
            self._step(self.objective.real_loss(score(real, label).float()))
            self._step(self.objective.fake_loss(score(fake, label).float()))
            self.updates += 1
            return
        points = self.objective.penalty_points(
            real=real,
            fake=fake,
            rng=keyed_rng(self.seed, "epsilon", self.updates),
            update=self.updates,
        )
        step = critic_step(self.objective, score, real=real, fake=fake, label=label, points=points)
        self._step(step.loss + step.penalty)
        self.updates += 1

    def _step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.objective.project(self.critic)

    def run(
        self,
        draw_examples: DrawExamples,
        steps: int,
        report_progress: Callable[[str, float], None],
        message: str,
    ) -> None:
        """Make `steps` updates, and report progress every 50 updates."""
        for step in range(steps):
            if step % 50 == 0:
                report_progress(message, step / steps)
            real, fake = draw_examples(step)
            self.update(real=real, fake=fake)
