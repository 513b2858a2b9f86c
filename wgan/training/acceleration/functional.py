"""An update as a function of everything it depends on, and whether another may take its place."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wgan.config import TrainConfig
from wgan.objectives import Objective
from wgan.training.engine import Engine, Precision, wait

WORTH = 1.05
"""Steps must be this much faster with substitutes for them to be used."""

CLOSE: dict[Precision, float] = {"float32": 1e-3, "bfloat16": 3e-2}
"""How far a gradient may be off, relative to the largest of its tensor: rounding in another order, of
numbers of 24 bits or of 8."""

UPDATES = ("critic", "generator")

Call = Callable[[Sequence[Tensor]], list[Tensor]]

Substitute = Callable[[Sequence[Tensor]], list[Tensor] | None]
"""Does an update's work: its inputs → its outputs, None where the inputs lie otherwise in memory than planned.

The outputs may be overwritten by the next call: the loop is done with them by then.
"""


@dataclass(frozen=True)
class Update:
    """What is compiled of an update: its gradients, as a function of everything they depend on."""

    call: Call
    inputs: list[Tensor]  # as they are now
    own: int  # so many inputs come first that are the networks' own: they never move in memory
    gradients: int  # so many outputs come first that are gradients


def critic_update(
    objective: Objective,
    critic: nn.Module,
    real: Tensor,
    label: Tensor | None,
    fake: Tensor,
    points: Tensor | None,
    engine: Engine,
) -> Update:
    """Return the critic's update: (gradients …, loss, penalty, mean score of real, of fake).

    Takes parameters, real, fake, then `points` and labels where there are any.
    """
    names = [name for name, _ in critic.named_parameters()]
    inputs = [*(p.detach() for p in critic.parameters()), real, fake]
    inputs += [x for x in (points, label) if x is not None]
    penalised = points is not None
    n = len(names)

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients and means."""
        weights = [value.detach().requires_grad_() for value in values[:n]]
        given = dict(zip(names, weights, strict=True))
        one, other, *rest = values[n:]
        at = rest.pop(0) if penalised else None
        told = rest.pop(0) if rest else None

        def score(x: Tensor, classes: Tensor | None) -> Tensor:
            arguments = (x,) if classes is None else (x, classes)
            found: Tensor = functional_call(critic, given, arguments)
            return found

        both = None if told is None else torch.cat([told, told])
        with engine.autocast():
            scores = score(torch.cat([one, other]), both).float()
            real_score, fake_score = torch.chunk(scores, 2)
            loss = objective.critic_loss(real=real_score, fake=fake_score)
            penalty = (
                loss.new_zeros(())
                if at is None
                else objective.penalise(lambda x: score(x, told), at)
            )
        gradients = torch.autograd.grad(loss + penalty, weights)
        means = (real_score.detach().mean(), fake_score.detach().mean())
        return [*gradients, loss.detach(), penalty.detach(), *means]

    return Update(call, inputs, own=n, gradients=n)


def generator_update(
    objective: Objective,
    generator: nn.Module,
    critic: nn.Module,
    z: Tensor,
    label: Tensor | None,
    layout: torch.memory_format,
    engine: Engine,
) -> Update:
    """Return the generator's update: (gradients …, its buffers afterwards …, loss).

    Takes its parameters, its buffers, the critic's parameters, z, and labels where there are any; pictures
    come to the critic in a `layout`.
    """
    names = [name for name, _ in generator.named_parameters()]
    held = [name for name, _ in generator.named_buffers()]
    judged = [name for name, _ in critic.named_parameters()]
    inputs = [
        *(p.detach() for p in generator.parameters()),
        *generator.buffers(),
        *(p.detach() for p in critic.parameters()),
        z,
        *([] if label is None else [label]),
    ]
    a, b = len(names), len(names) + len(held)
    c = b + len(judged)

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients, buffers and loss."""
        weights = [value.detach().requires_grad_() for value in values[:a]]
        buffers = [value.clone() for value in values[a:b]]  # batch norm writes into them
        given = dict(zip(names, weights, strict=True)) | dict(zip(held, buffers, strict=True))
        judge = dict(zip(judged, values[b:c], strict=True))
        z, *told = values[c:]
        with engine.autocast():
            made = functional_call(generator, given, (z, *told))
            if made.dim() == 4:
                made = made.contiguous(memory_format=layout)
            scores = functional_call(critic, judge, (made, *told)).float()
            loss = objective.generator_loss(fake=scores)
        return [*torch.autograd.grad(loss, weights), *buffers, loss.detach()]

    return Update(call, inputs, own=c, gradients=a)


def unsupported_reason(config: TrainConfig, engine: Engine, critic: nn.Module) -> str | None:
    """Say why a training's updates can be given no substitutes; None if they can."""
    if not config.compiled or os.environ.get("WGAN_COMPILE") == "off":
        return "it is turned off"
    if engine.device not in ("cpu", "cuda"):
        return "updates are compiled for the CPU and for CUDA only"
    if engine.processes > 1:
        return "of several processes none may run ahead of the others"
    if config.split_updates or getattr(config.objective, "penalty_every", 1) > 1:
        return "its critic updates are not all alike"
    if config.objective.layers != "plain" or next(critic.buffers(), None) is not None:
        return "its critic keeps more than weights"
    return None


def mismatch_reason(substitute: Substitute, update: Update, engine: Engine) -> str | None:
    """Say why a substitute must not be taken: its inputs, or its numbers; None if it may."""
    found = substitute(update.inputs)
    expected = update.call(update.inputs)
    if found is None or len(found) != len(expected):
        return "it takes other inputs"
    close = CLOSE[engine.precision]
    # A bias before a batch norm has a gradient of 0, of which rounding leaves a trace.
    least = close * max(float(gradient.abs().max()) for gradient in expected[: update.gradients])
    for i, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one.is_floating_point():
            size = float(one.abs().max())
            room = close * (max(size, least) if i < update.gradients else size) + 1e-7
            if one.dtype != other.dtype or not float((one - other).abs().max()) <= room:
                return "its numbers differ"
        elif not torch.equal(one, other):
            return "its numbers differ"
    return None


def no_speedup_reason(
    pairs: Sequence[tuple[Substitute, Update, int]],
    engine: Engine,
    rounds: int = 7,
    seconds: float = 1.2,
) -> str | None:
    """Say that steps are not faster with substitutes; None if they are.

    Each comes with its update, and how often a step makes that. As written and substitute take turns.
    """
    written = substituted = 0.0
    for substitute, update, often in pairs:
        times: tuple[list[float], list[float]] = ([], [])
        begun = time.perf_counter()
        for i in range(rounds):
            if i > 2 and time.perf_counter() - begun > seconds / len(pairs):
                break
            for found, call in zip(times, (update.call, substitute), strict=True):
                wait(engine.device)
                start = time.perf_counter()
                call(update.inputs)
                wait(engine.device)
                found.append(time.perf_counter() - start)
        written += often * statistics.median(times[0])
        substituted += often * statistics.median(times[1])
    ratio = written / substituted
    return None if ratio >= WORTH else f"steps are not faster ({ratio:.2f} times)"


def layout_of(values: Sequence[Tensor]) -> list[tuple[torch.Size, tuple[int, ...], torch.dtype]]:
    """Return how tensors lie in memory: what a substitute was made for, and nothing else."""
    return [(value.shape, value.stride(), value.dtype) for value in values]
