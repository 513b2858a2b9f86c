"""One update of the critic and one of the generator, as pure functions.

The training loop, the compiler, CUDA graphs, `CriticTrainer` and the diagnostics all call `critic_step`
and `generator_step`. Nothing here changes a weight: the callers differentiate the result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wgan.objectives import Objective
from wgan.training.augmentation import Transforms, augmented
from wgan.training.engine import Engine, to_layout

Score = Callable[[Tensor, Tensor | None], Tensor]
"""A critic: examples (N, …) and their classes (N,), None without classes → scores (N,)."""

Generate = Callable[[Tensor, Tensor | None], Tensor]
"""A generator: z (N, latent_dim) and classes (N,), None without classes → samples (N, …)."""


class CriticStep(NamedTuple):
    """The loss and penalty that a critic update minimises, with their gradients, and the scores."""

    loss: Tensor  # scalar, without the penalty
    penalty: Tensor  # scalar
    real_score: Tensor  # (N,), of real examples
    fake_score: Tensor  # (N,), of fakes


def critic_step(
    objective: Objective,
    score: Score,
    *,
    real: Tensor,
    fake: Tensor,
    label: Tensor | None,
    points: Tensor | None,
) -> CriticStep:
    """Return the loss and penalty of the critic on a batch.

    Real examples and fakes are scored in one pass.

    Args:
        objective: The loss and the penalty.
        score: The critic.
        real: Real examples, (N, …).
        fake: Fakes, (N, …).
        label: The classes of both, (N,); None if the critic takes none.
        points: The points at which the penalty acts, (N, …) or (2N, …), as returned by
            `objective.penalty_points`; None for no penalty in this update.
    """
    labels = None if label is None else torch.cat([label, label])
    scores = score(torch.cat([real, fake]), labels).float()
    real_score, fake_score = torch.chunk(scores, 2)
    loss = objective.critic_loss(real=real_score, fake=fake_score)
    penalty = (
        loss.new_zeros(())
        if points is None
        else objective.penalise(
            lambda x: score(x, label if len(x) == len(real) else labels), points
        )
    )
    return CriticStep(loss, penalty, real_score, fake_score)


def generator_step(
    objective: Objective,
    generate: Generate,
    score: Score,
    z: Tensor,
    label: Tensor | None,
    real: Tensor | None = None,
) -> Tensor:
    """Return the generator's loss, a scalar.

    Args:
        objective: The loss.
        generate: The generator.
        score: The critic, whose weights the caller keeps fixed.
        z: (N, latent_dim).
        label: Classes of the samples, (N,); None if the networks take none.
        real: Real examples of the same classes, (N, …), for a relativistic objective.
    """
    fake_score = score(generate(z, label), label).float()
    real_score = None if real is None else score(real, label).float()
    return objective.generator_loss(real=real_score, fake=fake_score)


def module_score(critic: nn.Module) -> Score:
    """Return a critic module as a `Score` function."""

    def score(x: Tensor, label: Tensor | None) -> Tensor:
        scores: Tensor = critic(x) if label is None else critic(x, label)
        return scores

    return score


# ---- as functions of everything that they depend on, for compilers --------------------------------


CompiledStep = Callable[[Sequence[Tensor]], list[Tensor] | None]
"""Runs a step: inputs → outputs, or None if the inputs have another layout in memory.

The next call may overwrite the outputs, so the loop uses them before that.
"""


@dataclass(frozen=True)
class TraceableStep:
    """The gradients of a step as a function of all its inputs."""

    call: Callable[[Sequence[Tensor]], list[Tensor]]
    inputs: list[Tensor]  # the current values
    num_fixed: int  # the first inputs belong to the networks: they never move in memory
    num_gradients: int  # the first outputs are gradients


def _functional(module: nn.Module, state: Mapping[str, Tensor]) -> Callable[..., Tensor]:
    """Return a critic or generator as a function of its parameters and buffers."""

    def call(x: Tensor, label: Tensor | None) -> Tensor:
        result: Tensor = functional_call(module, dict(state), (x,) if label is None else (x, label))
        return result

    return call


def traceable_critic_step(
    objective: Objective,
    critic: nn.Module,
    *,
    real: Tensor,
    fake: Tensor,
    label: Tensor | None,
    points: Tensor | None,
    engine: Engine,
) -> TraceableStep:
    """Return the critic's step in a form that can be traced.

    Its inputs are the parameters, `real`, `fake`, then `points` and `label` if given. Its outputs
    are the gradients, the loss, the penalty, the mean score of real examples and that of fakes.
    """
    names = [name for name, _ in critic.named_parameters()]
    n = len(names)
    inputs = [*(p.detach() for p in critic.parameters()), real, fake]
    inputs += [x for x in (points, label) if x is not None]
    has_points = points is not None

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients, loss, penalty and mean scores."""
        weights = [value.detach().requires_grad_() for value in values[:n]]
        state = dict(zip(names, weights, strict=True))
        real, fake, *rest = values[n:]
        points = rest.pop(0) if has_points else None
        label = rest.pop(0) if rest else None

        with engine.autocast():
            score = _functional(critic, state)
            step = critic_step(objective, score, real=real, fake=fake, label=label, points=points)
        gradients = torch.autograd.grad(step.loss + step.penalty, weights)
        means = (step.real_score.detach().mean(), step.fake_score.detach().mean())
        return [*gradients, step.loss.detach(), step.penalty.detach(), *means]

    return TraceableStep(call, inputs, num_fixed=n, num_gradients=n)


def traceable_generator_step(
    objective: Objective,
    generator: nn.Module,
    critic: nn.Module,
    *,
    z: Tensor,
    label: Tensor | None,
    real: Tensor | None,
    augmentation: Tensor | None,
    transforms: Transforms | None,
    layout: torch.memory_format,
    engine: Engine,
) -> TraceableStep:
    """Return the generator's step in a form that can be traced.

    Its inputs are the generator's parameters and buffers, the critic's parameters, `z`, then `real`,
    `label` and `augmentation` if given. Pictures reach the critic in the memory format `layout`. Its outputs are the
    gradients, the generator's buffers after the step, and the loss.
    """
    names = [name for name, _ in generator.named_parameters()]
    buffer_names = [name for name, _ in generator.named_buffers()]
    critic_names = [name for name, _ in critic.named_parameters()]
    inputs = [
        *(p.detach() for p in generator.parameters()),
        *generator.buffers(),
        *(p.detach() for p in critic.parameters()),
        z,
        *(x for x in (real, label, augmentation) if x is not None),
    ]
    has_real, has_label, is_augmented = (x is not None for x in (real, label, augmentation))
    a, b = len(names), len(names) + len(buffer_names)
    c = b + len(critic_names)

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients, buffers and loss."""
        weights = [value.detach().requires_grad_() for value in values[:a]]
        buffers = [value.clone() for value in values[a:b]]  # batch norm writes into them
        state = dict(zip(names, weights, strict=True))
        state |= dict(zip(buffer_names, buffers, strict=True))
        critic_state = dict(zip(critic_names, values[b:c], strict=True))
        z, *rest = values[c:]
        real = rest.pop(0) if has_real else None
        label = rest.pop(0) if has_label else None
        augmentation = rest.pop(0) if is_augmented else None

        sample, score = _functional(generator, state), _functional(critic, critic_state)

        def generate(z: Tensor, label: Tensor | None) -> Tensor:
            samples = sample(z, label)
            return to_layout(samples, layout)

        with engine.autocast():
            changed = augmented(generate, augmentation, transforms, layout)
            loss = generator_step(objective, changed, score, z, label, real)
        return [*torch.autograd.grad(loss, weights), *buffers, loss.detach()]

    return TraceableStep(call, inputs, num_fixed=c, num_gradients=a)


def assign_gradients(network: nn.Module, gradients: Sequence[Tensor]) -> None:
    """Set the gradients of a network's parameters, in their order."""
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        # A fused optimiser reads gradients in memory order, so their strides must be the parameter's.
        if gradient.stride() != parameter.stride():
            gradient = torch.empty_like(parameter).copy_(gradient)
        parameter.grad = gradient
