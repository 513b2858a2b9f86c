"""Diagnostics of a training: slopes and gradients of the critic, and the updates of both optimisers.

They are measured on copies of both networks and optimisers, which make some further updates like
the training. So they support every objective and change nothing.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from wgan.data import Pictures
from wgan.objectives import Objective
from wgan.objectives.gradients import clip_bounds, gradient_norm
from wgan.rng import Stream, keyed_rng
from wgan.training.augmentation import augment, draw_parameters
from wgan.training.batches import Batches
from wgan.training.distributed import ALONE
from wgan.training.loop import Training
from wgan.training.report_sums import ReportSums
from wgan.training.steps import critic_step

DIAGNOSTICS: dict[str, str] = {
    "slope_hat": "Mean slope ‖∇f‖ of the critic between real and fake examples, at x̂ = ε real + (1 − ε) "
    "fake, with ε drawn from U(0, 1) for each.",
    "slope_hat_spread": "Standard deviation of that slope.",
    "slope_above_1": "Share of those examples where the slope is above 1, the Lipschitz bound.",
    "slope_fake": "Mean slope of the critic at fakes.",
    "at_clip": "Share of the clipped weights that are at ±c.",
    "gap_seen": "Critic gap on 256 training examples.",
    "gap_unseen": "Critic gap on 256 held-out examples, with the same critic and the same fakes.",
    "score_spread": "Standard deviation of the critic's scores of real examples: the scale of the gap.",
    "variety": "Spread of the fakes divided by the spread of real examples. Near 0, all fakes are alike.",
    "gradient_depth": "log₁₀ of the gradient's norm at the critic's first hidden layer divided by that at its "
    "last hidden layer.",
    "critic_gradient": "Norm of the critic's gradient.",
    "generator_gradient": "Norm of the generator's gradient.",
    "generator_signal": "Mean |∂ generator loss / ∂ score| of a fake: the share of the critic's slope that "
    "reaches the generator. It is 1 for every Wasserstein loss.",
    "step_cosine": "Cosine between the step of the critic's optimiser and the downhill direction for the "
    "same batch. If it is negative, momentum goes uphill.",
    "generator_cosine": "The same cosine for the generator.",
    "penalty_pull": "Norm of the penalty's gradient divided by that of the critic loss. It is near 1 in "
    "balance.",
    "critic_lag": "Rise of the critic gap after a few more critic updates without generator updates, "
    "divided by the gap or by the spread of the scores, whichever is larger.",
    "augmentation_probability": "Probability of each random change of the pictures that the critic sees.",
    "critic_move": "Length of one critic update divided by the length of the critic's weights.",
    "generator_move": "Length of one generator update divided by the length of the generator's weights.",
}
"""All names that `probe` may return, with explanations for users."""

EXAMPLES = 256
SLOPES = {"pictures": 64, "points": 256}
UPDATES = {"pictures": 4, "points": 20}
"""Critic updates against the fixed generator: few, because they may take only a fraction of a second."""

_WATCHED_UPDATES = 3
"""Number of these updates that are observed. Later the critic differs too much from the training's."""

_STREAMS = ("data", "labels", "z", "epsilon", "held-out", "augment")
_TINY = 1e-30


def training_diagnostics(training: Training) -> dict[str, float]:
    """Return diagnostics of the critic and of both optimisers; see PROBES for their names.

    The draws have separate keys and the networks are copies, so the training is not affected.
    `at_clip` is missing if the objective does not clip, `penalty_pull` if it has no penalty,
    `step_cosine` with `split_updates`, and `augmentation_probability` without augmentation. Before
    the first step of a training, its optimiser moments are 0.
    """
    scratch = _ScratchTraining(training)
    real, unseen, labels, unseen_labels = scratch.examples(EXAMPLES)
    with torch.no_grad():
        fake = scratch.fakes(EXAMPLES, labels)
        variety = _spread(fake) / _spread(real).clamp_min(_TINY)
        # The critic learns from augmented pictures, so it is examined with such pictures.
        real, unseen, fake = scratch.augmented(real, unseen, fake)
        seen_scores = scratch.score(real, labels)
        unseen_scores = scratch.score(unseen, unseen_labels)
        fake_mean = scratch.score(fake, labels).mean()
    diagnostics = {
        "gap_seen": seen_scores.mean() - fake_mean,
        "gap_unseen": unseen_scores.mean() - fake_mean,
        "score_spread": seen_scores.std(),
        "variety": variety,
    }
    if training.augmentation.transforms is not None:
        diagnostics["augmentation_probability"] = torch.as_tensor(
            training.augmentation.probability, device=training.device
        )
    diagnostics |= scratch.slopes(real, fake, labels)
    diagnostics["gradient_depth"] = scratch.gradient_log_ratio(real, fake, labels)
    clipped = at_clip(scratch.critic, training.config.objective)
    if clipped is not None:
        diagnostics["at_clip"] = clipped
    if not training.config.split_updates:
        diagnostics |= scratch.penalty_gradient_ratio()
    diagnostics |= scratch.generator_update(seen_scores, fake, labels)
    diagnostics |= scratch.train_critic()
    with torch.no_grad():
        after = scratch.score(real, labels).mean() - scratch.score(fake, labels).mean()
    scale = torch.maximum(diagnostics["gap_seen"].abs(), diagnostics["score_spread"]).clamp_min(
        _TINY
    )
    diagnostics["critic_lag"] = (after - diagnostics["gap_seen"]) / scale
    values = torch.stack([value.float() for value in diagnostics.values()]).tolist()
    return dict(zip(diagnostics, values, strict=True))


def at_clip(critic: nn.Module, objective: Objective) -> Tensor | None:
    """Return the share of clipped weights with |w| ≥ 0.999 c; None without clipping."""
    bounds = zip(critic.parameters(), clip_bounds(objective, critic), strict=True)
    pairs = [(weight, bound) for weight, bound in bounds if bound is not None]
    if not pairs:
        return None
    clipped_count = sum((weight.abs() >= 0.999 * bound).sum() for weight, bound in pairs)
    return torch.as_tensor(clipped_count) / sum(weight.numel() for weight, _ in pairs)


def at_outputs(
    critic: nn.Module, loss: Callable[[], Tensor], *kinds: type[nn.Module]
) -> tuple[list[nn.Module], tuple[Tensor, ...]]:
    """Return a critic's layers in the order of computation, and a loss' gradient at each output.

    Args:
        critic: The critic.
        loss: Scores examples with the critic and returns a scalar.
        kinds: Types of the layers.

    Reference:
        Gulrajani et al. 2017, figure 1b, arXiv:1704.00028.
    """
    layers: list[nn.Module] = []
    outputs: list[Tensor] = []

    def keep(layer: nn.Module, _: Any, output: Tensor) -> None:
        layers.append(layer)
        outputs.append(output)

    handles = [m.register_forward_hook(keep) for m in critic.modules() if isinstance(m, kinds)]
    try:
        value = loss()
    finally:
        for handle in handles:
            handle.remove()
    return layers, torch.autograd.grad(value, outputs)


class _DiagnosticBatches(Batches):
    """Batches with other z and points than the training's."""

    def rng(self, stream: Stream, step: int, draw: int = 0) -> torch.Generator:
        # The metrics draw at step 0, and the training from other streams, so no key is used twice.
        own = 10 * draw + _STREAMS.index(stream)
        return keyed_rng(self.config.seed, "metric", step + 1, own, device=self.device)


class _ScratchTraining(Training):
    """Copies of a training's networks and optimisers, which can be trained without effect on it."""

    def __init__(self, training: Training) -> None:
        # Share everything that is only read: the data, the config, the engine.
        self.__dict__ = dict(training.__dict__) | {"process_group": ALONE}
        self.updates = training.updates.scratch_copy()
        source = training.batches
        self.batches = _DiagnosticBatches(
            source.config, source.data, ALONE, source.device, source.layout
        )
        self.augmentation = training.augmentation.with_batches(self.batches)
        self.sums = ReportSums(training.device, ALONE)

    def _rng(self, stream: Stream) -> torch.Generator:
        """Return the random number generator of a draw that belongs to no batch."""
        return self.batches.rng(stream, self.steps, -1)

    def examples(self, n: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Return n training and n held-out examples, and their labels for class-conditional networks."""
        seen, unseen = self._rng("data"), self._rng("held-out")
        if not isinstance(self.data, Pictures):
            return (
                self.data.batch("train", n, seen),
                self.data.batch("held-out", n, unseen),
                None,
                None,
            )
        real, labels = self.data.draw("train", n, seen)
        other, other_labels = self.data.draw("held-out", n, unseen)
        real, other = self.batches.lay_out(real), self.batches.lay_out(other)
        is_conditional = self.config.conditional
        return (
            real,
            other,
            labels if is_conditional else None,
            other_labels if is_conditional else None,
        )

    def fakes(self, n: int, labels: Tensor | None) -> Tensor:
        """Return n fakes, generated like those for the critic."""
        z = torch.randn(n, self.config.latent_dim, generator=self._rng("z"), device=self.device)
        self.generator.train(not self.config.inference_fakes)
        fake = self.batches.lay_out(self.updates.generate(z, labels).float())
        self.generator.train()
        return fake

    def augmented(self, *examples: Tensor) -> tuple[Tensor, ...]:
        """Return sets of examples, (N, …) each, changed like those of the critic's updates."""
        if (transforms := self.augmentation.transforms) is None:
            return examples
        together = torch.cat(examples)
        parameters = draw_parameters(
            len(together),
            self.config.dataset.shape,
            self.augmentation.probability,
            self._rng("augment"),
        )
        changed = self.batches.lay_out(augment(together, parameters, transforms))
        return torch.split(changed, [len(x) for x in examples])

    def score(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return the critic's scores in float32: (N, …) → (N,)."""
        return self.updates.score(x, labels).float()

    def slopes(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """Return statistics of the critic's slopes at x̂ and at fakes.

        Args:
            real: Real examples, (N, …).
            fake: Fakes, (N, …).
            labels: Classes of both, (N,), for class-conditional networks.
        """
        n = SLOPES[self.config.dataset.kind]
        label = None if labels is None else labels[:n]
        epsilon = torch.rand(n, generator=self._rng("epsilon"), device=self.device)
        x_hat = torch.lerp(fake[:n], real[:n], epsilon.view(n, *[1] * (real.dim() - 1)))
        # Use eval mode, because batch norm would mix the slopes of the samples.
        self.critic.eval()
        at_hat, at_fake = (
            gradient_norm(lambda x: self.updates.score(x, label), points)
            for points in (x_hat, fake[:n])
        )
        self.critic.train()
        return {
            "slope_hat": at_hat.mean(),
            "slope_hat_spread": at_hat.std(),
            "slope_above_1": (at_hat > 1).float().mean(),
            "slope_fake": at_fake.mean(),
        }

    def gradient_log_ratio(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        """Return log₁₀ of the loss' gradient norm at the first hidden layer over that at the last.

        Args:
            real: Real examples, (N, …).
            fake: Fakes, (N, …).
            labels: Classes of both, (N,), for class-conditional networks.
        """
        n = SLOPES[self.config.dataset.kind]
        label = None if labels is None else torch.cat([labels[:n], labels[:n]])

        def loss() -> Tensor:
            both = self.score(torch.cat([real[:n], fake[:n]]), label)
            real_score, fake_score = torch.chunk(both, 2)
            return self.config.objective.critic_loss(real=real_score, fake=fake_score)

        _, gradients = at_outputs(self.critic, loss, nn.Linear, nn.Conv2d)
        first, last = (
            torch.linalg.vector_norm(_exact(gradient)).clamp_min(_TINY)
            for gradient in (gradients[0], gradients[max(0, len(gradients) - 2)])
        )
        return torch.log10(first / last)

    def penalty_gradient_ratio(self) -> dict[str, Tensor]:
        """Return the norm of the penalty's gradient over that of the loss."""
        ((real, label, fake),) = self.make_batches(range(1))
        objective = self.config.objective
        # A lazy penalty is computed at update 0.
        points = objective.penalty_points(
            real=real, fake=fake, rng=self.batches.rng("epsilon", self.steps), update=0
        )
        loss, penalty, *_ = critic_step(
            objective, self.updates.score, real=real, fake=fake, label=label, points=points
        )
        if not penalty.requires_grad:
            return {}
        norms = []
        for value, again in ((loss, True), (penalty, False)):
            gradients = torch.autograd.grad(
                value, list(self.critic.parameters()), retain_graph=again, allow_unused=True
            )
            norms.append(_flat([g for g in gradients if g is not None]).norm())
        return {"penalty_pull": norms[1] / norms[0].clamp_min(_TINY)}

    def generator_update(
        self, real_scores: Tensor, fake: Tensor, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Make one generator update and return diagnostics of it.

        Args:
            real_scores: Scores of real examples, (N,).
            fake: Fakes, (N, …).
            labels: Classes of both, (N,), for class-conditional networks.
        """
        scores = self.score(fake, labels).detach().requires_grad_()
        loss = self.config.objective.generator_loss(real=real_scores, fake=scores)
        (signal,) = torch.autograd.grad(loss, scores)
        before = copy.deepcopy(self.generator.state_dict())
        watch = _StepStatistics(self.generator, self.updates.generator_optimizer)
        self.update_generator(draw=0)
        watch.stop()
        # Restore the generator, because the critic's next updates are against the fixed one.
        self.generator.load_state_dict(before)
        return {
            "generator_gradient": watch.norms[0],
            "generator_move": watch.moves[0],
            "generator_cosine": watch.cosines[0],
            "generator_signal": signal.abs().sum(),
        }

    def train_critic(self) -> dict[str, Tensor]:
        """Train the critic further against the fixed generator; return diagnostics of the first updates."""
        watch = _StepStatistics(self.critic, self.updates.critic_optimizer)
        for i in range(UPDATES[self.config.dataset.kind]):
            self.update_critic(1 + i, *self.make_batches(range(1 + i, 2 + i))[0], held_out=False)
            if i + 1 == _WATCHED_UPDATES:
                watch.stop()
        values = {
            "critic_gradient": _mean(watch.norms),
            "critic_move": _mean(watch.moves),
        }
        # With separate updates for real and fake, each reverses part of the other.
        if not self.config.split_updates:
            values["step_cosine"] = _mean(watch.cosines)
        return values


class _StepStatistics:
    """Records the norm of the gradient, the relative length and the cosine of an optimiser's steps."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._parameters = list(network.parameters())
        self.cosines: list[Tensor] = []
        self.moves: list[Tensor] = []
        self.norms: list[Tensor] = []
        self._handles = (
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
        )

    def stop(self) -> None:
        """Stop recording."""
        for handle in self._handles:
            handle.remove()

    @torch.no_grad()
    def _before(self, *_: Any) -> None:
        self._weights = _flat(self._parameters)

    @torch.no_grad()
    def _after(self, *_: Any) -> None:
        gradient = _flat([_gradient(weight) for weight in self._parameters])
        step = _flat(self._parameters) - self._weights
        lengths = [x.norm().clamp_min(_TINY) for x in (gradient, step, self._weights)]
        self.norms.append(lengths[0])
        self.moves.append(lengths[1] / lengths[2])
        self.cosines.append(-(gradient / lengths[0]) @ (step / lengths[1]))


def _gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _exact(x: Tensor) -> Tensor:
    return x if x.device.type == "mps" else x.double()  # MPS has no float64


def _flat(tensors: list[Tensor] | list[nn.Parameter]) -> Tensor:
    return torch.cat([tensor.detach().float().flatten() for tensor in tensors])


def _spread(x: Tensor) -> Tensor:
    """Return the standard deviation of examples, (N, …), around their mean: a scalar."""
    return x.flatten(1).float().var(0).sum().sqrt()


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
