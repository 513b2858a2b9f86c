"""The critic, opened up: what it says of examples, how steep it is, what its layers hold and look at.

Everything is found on a reader's own copies (`Models`), with the critic in eval mode, and comes back as
NumPy arrays. Real examples, fakes and ε are keyed draws, the same at each call: what changes from one
step to the next is the networks, not the luck of a draw.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from wgan.data import Data, DataError, Pictures, as_bytes, as_floats
from wgan.data.decode import Unusable, open_image, prepare_picture
from wgan.latent import Models
from wgan.objectives import Objective, clip_bounds, gradient_norm
from wgan.randomness import generator
from wgan.training.loop import critic_losses
from wgan.training.probe import at_clip
from wgan.transport import Potential, assignment, kantorovich, proved

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

REAL, HELD_OUT, Z, EPSILON = 21, 22, 23, 24
"""Draws of the metrics' stream that are this module's own."""

CHUNK = 128
"""Examples that go through a critic at once."""

SIDE = 48
"""Points along each side of a surface over the plane."""

MOST_PIXELS = 64_000_000
"""The largest picture that is taken from a visitor."""

BINS = 41


# ---- examples -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Examples:
    """Real examples and as many held-out ones, as critics take them: pictures in [−1, 1]."""

    real: Floats  # (N, …)
    held_out: Floats  # (N, …)
    labels: Labels  # (N,), of `real`; 0 where there are no classes
    held_out_labels: Labels  # (N,)


@dataclass(frozen=True)
class Sides(Examples):
    """Examples beside as many fakes; fake i is made of the class of real example i."""

    fake: Floats  # (N, …)


def examples_of(data: Data, n: int) -> Examples:
    """Draw n training examples and n held-out ones, the same at each call."""
    found: list[Any] = []
    for part, draw in (("train", REAL), ("held-out", HELD_OUT)):
        rng = generator(0, "metric", draw=draw)
        if isinstance(data, Pictures):
            drawn, labels = data.draw(part, n, rng)  # type: ignore[arg-type]
        else:
            drawn, labels = data.batch(part, n, rng), torch.zeros(n)  # type: ignore[arg-type]
        found += [drawn.cpu().float().numpy(), labels.cpu().long().numpy()]
    real, labels_, held_out, held_out_labels = found
    return Examples(real, held_out, labels_, held_out_labels)


def floor(examples: Examples) -> float:
    """Return the exact W₁ of real examples to as many held-out ones: what luck alone leaves."""
    n = len(examples.real)
    return assignment(examples.real.reshape(n, -1), examples.held_out.reshape(n, -1))


def beside(models: Models, examples: Examples, n: int | None = None) -> Sides:
    """Return the first n examples (default: all) beside as many fakes of the averaged generator."""
    e, n = examples, len(examples.real) if n is None else n
    z = torch.randn(n, models.config.latent_dim, generator=generator(0, "metric", draw=Z)).numpy()
    labels = e.labels[:n]
    fake = models.raw(z, labels.tolist() if models.config.conditional else None).numpy()
    return Sides(e.real[:n], e.held_out[:n], labels, e.held_out_labels[:n], fake)


def few(sides: Sides, n: int) -> Sides:
    """Return the first n of each side."""
    s = sides
    return Sides(s.real[:n], s.held_out[:n], s.labels[:n], s.held_out_labels[:n], s.fake[:n])


def pictures_of(x: Floats) -> Bytes:
    """Return pictures that a critic takes as pictures to show: floats in [−1, 1] → uint8."""
    shown: Bytes = as_bytes(torch.from_numpy(x)).numpy()
    return shown


def floats_of(pictures: Bytes) -> Floats:
    """Return pictures, uint8, as a critic takes them: floats in [−1, 1]."""
    taken: Floats = as_floats(torch.tensor(pictures)).numpy()
    return taken


def picture_from(content: bytes, shape: tuple[int, ...], *, invert: bool = False) -> Bytes:
    """Return an image file as a picture of a data set's shape, (C, H, W) uint8.

    It covers the square; `invert` turns light and dark round. Raises DataError with a sentence.
    """
    channels, side, _ = shape
    try:
        image = open_image(content, pixels=MOST_PIXELS)
        made = prepare_picture(
            image, side=side, grey=channels == 1, fit="crop", background=(0, 0, 0)
        )
    except Unusable as reason:
        raise DataError(f"This picture cannot be used: {reason}.") from None
    return 255 - made if invert else made


# ---- scores and slopes --------------------------------------------------------------------------


def _parts(
    models: Models, x: Floats, labels: Labels | None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    told = models.config.conditional
    if told and labels is None:
        raise ValueError("A critic that is told the class needs labels.")
    for start in range(0, len(x), CHUNK):
        part = torch.from_numpy(np.ascontiguousarray(x[start : start + CHUNK], np.float32))
        label = (
            torch.as_tensor(labels[start : start + CHUNK]) if told and labels is not None else None
        )
        yield part, label


def _score(critic: nn.Module, x: Tensor, label: Tensor | None) -> Tensor:
    score: Tensor = critic(x) if label is None else critic(x, label)
    return score.float()


@torch.no_grad()
def scores(models: Models, x: Floats, labels: Labels | None = None) -> Floats:
    """Return the critic's scores: (N, …) → (N,). A critic that is told the class needs `labels`."""
    found = [_score(models.critic, *part) for part in _parts(models, x, labels)]
    return torch.cat(found).numpy() if found else np.empty(0, np.float32)


def slopes(models: Models, x: Floats, labels: Labels | None = None) -> Floats:
    """Return the critic's slope ‖∇f‖ at each example: (N, …) → (N,)."""
    found = []
    for part, label in _parts(models, x, labels):
        found.append(gradient_norm(lambda t, told=label: _score(models.critic, t, told), part))  # type: ignore[misc]
    return torch.cat(found).numpy()


def between(sides: Sides) -> Floats:
    """Return x̂ = ε real + (1 − ε) fake, one ε from U(0, 1) for each: where WGAN-GP holds the slope."""
    rng = generator(0, "metric", draw=EPSILON)
    epsilon = torch.rand(len(sides.real), generator=rng).numpy()
    weight = epsilon.reshape(-1, *[1] * (sides.real.ndim - 1))
    mixed: Floats = (weight * sides.real + (1 - weight) * sides.fake).astype(np.float32)
    return mixed


@dataclass(frozen=True)
class Scores:
    """What the critic says of each side."""

    real: Floats  # (N,)
    held_out: Floats  # (N,)
    fake: Floats  # (N,)

    @property
    def gap(self) -> float:
        """E f(real) − E f(fake) on these examples."""
        return float(self.real.mean() - self.fake.mean())

    @property
    def gap_held_out(self) -> float:
        """The same with examples that training never saw."""
        return float(self.held_out.mean() - self.fake.mean())

    @property
    def told_apart(self) -> float:
        """Share of pairs of a real example and a fake in which the real one scores higher."""
        order = np.sort(self.fake)
        below = np.searchsorted(order, self.real, "left") + np.searchsorted(
            order, self.real, "right"
        )
        return float(below.mean() / (2 * len(order)))


def scored(models: Models, sides: Sides) -> Scores:
    """Return the scores of each side."""
    return Scores(
        scores(models, sides.real, sides.labels),
        scores(models, sides.held_out, sides.held_out_labels),
        scores(models, sides.fake, sides.labels),
    )


def bounds_the_distance(objective: Objective) -> bool:
    """Tell whether a critic is asked for a large gap, E f(real) − E f(fake), and for nothing else.

    So it is with the Wasserstein losses, and asked of the loss itself: is it minus the gap?
    """
    real, fake = torch.tensor([0.7, -1.3]), torch.tensor([2.1, 0.4])
    loss = objective.critic_loss(real=real, fake=fake)
    return bool(torch.isclose(loss, fake.mean() - real.mean()))


@dataclass(frozen=True)
class Ranked:
    """Examples from most to least convincing."""

    examples: Floats  # (N, …)
    scores: Floats  # (N,), falling
    order: npt.NDArray[np.intp]  # (N,), where each stood


def ranked(examples: Floats, found: Floats, *, most: int | None = None) -> Ranked:
    """Return examples by falling score, the first `most` that are given; equal ones in their order."""
    order = np.argsort(-found[:most], kind="stable")
    return Ranked(examples[order], found[order], order)


@dataclass(frozen=True)
class Slopes:
    """How steep the critic is on each side, ‖∇f‖ of each example."""

    real: Floats  # (N,)
    fake: Floats  # (N,)
    between: Floats  # (N,), at x̂


def steepness(models: Models, sides: Sides) -> Slopes:
    """Return the slopes at real examples, at fakes and between them."""
    return Slopes(
        slopes(models, sides.real, sides.labels),
        slopes(models, sides.fake, sides.labels),
        slopes(models, between(sides), sides.labels),
    )


# ---- one picture --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saliency:
    """What one picture's score hangs on."""

    score: float
    gradient: Floats  # (C, H, W), ∂f/∂ pixel: how the score rises when the pixel gets lighter

    @property
    def slope(self) -> float:
        """‖∇f‖ at the picture."""
        return float(np.linalg.norm(self.gradient))


def saliency(models: Models, picture: Floats, label: int | None = None) -> Saliency:
    """Return a picture's score and its gradient: (C, H, W) in [−1, 1], and the class it is told.

    Source: Simonyan et al. 2013, section 3, arXiv:1312.6034.
    """
    ((x, told),) = _parts(models, picture[None], None if label is None else np.array([label]))
    x = x.requires_grad_()
    with torch.enable_grad():
        score = _score(models.critic, x, told)
        (gradient,) = torch.autograd.grad(score.sum(), x)
    return Saliency(float(score.detach()), gradient[0].float().numpy())


@dataclass(frozen=True)
class Activation:
    """What one layer makes of an input."""

    name: str
    values: Floats  # (K, h, w): K maps, or (K,): K units


def activations(models: Models, picture: Floats, label: int | None = None) -> list[Activation]:
    """Return what each layer makes of one example, (C, H, W) or (2,), from the first to the last."""
    ((x, told),) = _parts(models, picture[None], None if label is None else np.array([label]))
    found = _outputs(models.critic, x, told)
    return [Activation(name, values[0].numpy()) for name, values in found if values.dim() > 1]


def units(models: Models, extent: float, layer: int, side: int = 32) -> Activation:
    """Return what each unit of a layer says over the plane [−extent, extent]².

    `layer` counts as `activations` does. The values are (K, side, side), row = y upwards.
    """
    grid = torch.from_numpy(_grid(extent, side))
    found = [(name, values) for name, values in _outputs(models.critic, grid, None)]
    name, values = [(n, v) for n, v in found if v.dim() > 1][layer]
    return Activation(name, values.T.reshape(-1, side, side).numpy())


@torch.no_grad()
def _outputs(critic: nn.Module, x: Tensor, label: Tensor | None) -> list[tuple[str, Tensor]]:
    """Return each layer's output in the order of the computation, with a name to show."""
    critic = copy.deepcopy(critic)  # hooks on the reader's own would be seen by other threads
    found: list[tuple[str, Tensor]] = []

    def keep(part: nn.Module, _: object, output: Tensor) -> None:
        found.append((f"{len(found) + 1}. {_named(part)}", output.float()))

    for part in _layers(critic):
        part.register_forward_hook(keep)
    _score(critic, x, label)
    return found


_SILENT = ("Flatten", "Score", "Sequential", "Embedding", "_Classes")
_KINDS = {
    "LeakyReLU": "LeakyReLU",
    "ReLU": "ReLU",
    "MaxMin": "GroupSort",
    "_DebiasedBatchNorm": "Batch norm",
    "BatchNorm2d": "Batch norm",
    "AvgPool2d": "Mean of 2×2",
    "AdaptiveAvgPool2d": "Mean over the map",
}


def _layers(critic: nn.Module) -> list[nn.Module]:
    """Return the parts of a critic whose output is worth a look."""
    inside = {
        id(own)
        for part in critic.modules()
        if hasattr(part, "parametrizations")
        for own in part.parametrizations.modules()  # type: ignore[union-attr]
    }
    return [
        part
        for part in critic.modules()
        if id(part) not in inside
        and (isinstance(part, nn.Linear | nn.Conv2d) or not any(part.children()))
        and _kind(part) not in _SILENT
    ]


def _kind(part: nn.Module) -> str:
    # A parametrised layer is of a class that torch makes, named after the layer's own.
    return type(part).__name__.removeprefix("Parametrized")


def _named(part: nn.Module) -> str:
    if isinstance(part, nn.Conv2d):
        return (
            f"Convolution {part.kernel_size[0]}×{part.kernel_size[1]}, "
            f"{part.in_channels} → {part.out_channels}"
        )
    if isinstance(part, nn.Linear):
        return f"Linear {part.in_features} → {part.out_features}"
    if isinstance(part, nn.Embedding):
        return f"Classes, {part.num_embeddings} × {part.embedding_dim}"
    return _KINDS.get(_kind(part), _kind(part))


# ---- weights and gradients ----------------------------------------------------------------------


@dataclass(frozen=True)
class Weights:
    """How one layer's weights are spread."""

    name: str
    edges: Doubles  # (B + 1,), rising
    shares: Doubles  # (B,), of all the layer's weights
    count: int
    bound: float | None  # c, where they are clipped to [−c, c]
    stuck: float | None  # share of the clipped ones that stand at ±c

    @property
    def spread(self) -> float:
        """The largest |w| of the histogram."""
        return float(np.abs(self.edges).max())


def weights(models: Models) -> list[Weights]:
    """Return how the weights of each layer are spread, from the first to the last.

    Layers that are kept orthonormal or spectrally normalised show the weights they compute with.
    """
    found = []
    objective = models.config.objective
    for part in models.critic.modules():
        if not isinstance(part, nn.Linear | nn.Conv2d | nn.Embedding):
            continue
        values = part.weight.detach().float().flatten().numpy()
        own = dict(part.named_parameters(recurse=False))
        bounds = dict(zip(own, clip_bounds(objective, part), strict=False)) if own else {}
        bound = bounds.get("weight")
        stuck = at_clip(part, objective) if own else None
        # With a bound, the last bins hold what stands at it.
        reach = float(np.abs(values).max()) if bound is None else bound
        reach = reach or 1.0
        shares, edges = np.histogram(values.clip(-reach, reach), bins=BINS, range=(-reach, reach))
        found.append(
            Weights(
                _named(part),
                edges.astype(np.float64),
                shares / len(values),
                len(values),
                bound,
                None if stuck is None else float(stuck),
            )
        )
    return found


def at_bounds(models: Models) -> float | None:
    """Return the share of all clipped weights that stand at ±c; None where nothing is clipped."""
    found = at_clip(models.critic, models.config.objective)
    return None if found is None else float(found)


@dataclass(frozen=True)
class Gradients:
    """How strong the critic loss' gradient is in each layer, from the first to the last."""

    names: tuple[str, ...]
    outputs: Doubles  # (L,), ‖∂ critic loss / ∂ the layer's output‖
    weights: Doubles  # (L,), ‖∂ (critic loss + penalty) / ∂ the layer's weights‖


def gradients(models: Models, sides: Sides) -> Gradients:
    """Return the gradient's norm in each layer: at its output, and of its weights.

    At the output without the penalty, as in Gulrajani et al. 2017, figure 1b, arXiv:1704.00028: flat
    where the critic passes the gradient on, exponential where it vanishes or explodes.
    """
    critic = copy.deepcopy(models.critic).requires_grad_(True)
    objective = models.config.objective
    told = models.config.conditional
    real, fake = torch.from_numpy(sides.real), torch.from_numpy(sides.fake)
    label = torch.from_numpy(sides.labels) if told else None
    parts: list[nn.Module] = []
    outputs: list[Tensor] = []

    def keep(part: nn.Module, _: object, output: Tensor) -> None:
        parts.append(part)
        outputs.append(output)

    layers = [part for part in critic.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    hooks = [part.register_forward_hook(keep) for part in layers]
    both = _score(
        critic, torch.cat([real, fake]), None if label is None else torch.cat([label, label])
    )
    for hook in hooks:
        hook.remove()
    real_score, fake_score = torch.chunk(both, 2)
    loss = objective.critic_loss(real=real_score, fake=fake_score)
    at_outputs = torch.autograd.grad(loss, outputs)
    loss, penalty, *_ = critic_losses(
        objective,
        lambda x, told: _score(critic, x, told),
        real=real,
        fake=fake,
        label=label,
        rng=generator(0, "metric", draw=EPSILON),
        update=0,  # one at which a lazy penalty is due
    )
    torch.autograd.backward(loss + penalty)
    return Gradients(
        tuple(f"{i + 1}. {_named(part)}" for i, part in enumerate(parts)),
        # The squares of what has vanished would vanish once more in float32.
        np.array([float(g.double().norm()) for g in at_outputs]),
        np.array([_weight_gradient(part) for part in parts]),
    )


def _weight_gradient(part: nn.Module) -> float:
    """Return the norm of the gradient of a layer's weight, or of what its weight is made from."""
    made: Any = getattr(part, "parametrizations", None)
    weight: Any = made.weight.original if made is not None else part.weight
    return 0.0 if weight.grad is None else float(weight.grad.double().norm())


# ---- surfaces over the plane --------------------------------------------------------------------


def _grid(extent: float, side: int) -> Floats:
    """Return a square grid of points over [−extent, extent]², row by row upwards: (side², 2)."""
    axis = np.linspace(-extent, extent, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel()], axis=1)


@dataclass(frozen=True)
class Surfaces:
    """A critic of points beside the optimal potential of the same samples, over [−extent, extent]²."""

    extent: float
    critic: Floats  # (S, S), row = y: scores ÷ `steepest`, mean over the samples 0
    optimal: Floats  # (S, S), likewise: slope at most 1, mean over the samples 0
    slope: Floats  # (S, S), ‖∇f‖ of the critic as it is
    real: Floats  # (N, 2)
    fake: Floats  # (N, 2)
    exact: float  # W₁ of these samples
    gap: float  # E f(real) − E f(fake) on them
    steepest: float  # the critic's Lipschitz constant, as far as it was looked at
    proved: float  # the W₁ that the critic proves

    @property
    def difference(self) -> Floats:
        """How much higher the critic stands than the potential: (S, S)."""
        return self.critic - self.optimal


def surfaces(
    models: Models,
    sides: Sides,
    extent: float,
    side: int = SIDE,
    *,
    potential: Potential | None = None,
) -> Surfaces:
    """Return a critic of points beside the optimal potential of the same samples.

    The critic's scores are divided by its steepest slope over the grid and the samples, so that both
    are 1-Lipschitz and can be compared: they are the same where the critic is perfect. `potential`
    may be given where it is known already.
    """
    grid = _grid(extent, side)
    at_real, at_fake = scores(models, sides.real), scores(models, sides.fake)
    bound, pairs = proved(at_real, at_fake, cdist(sides.real, sides.fake))
    slope = slopes(models, grid)
    known = slopes(models, np.concatenate([sides.real, sides.fake]))
    steepest = max(pairs, float(slope.max()), float(known.max()))
    potential = potential or kantorovich(sides.real, sides.fake)
    middle = np.concatenate([at_real, at_fake]).mean()
    height = (scores(models, grid) - middle) / (steepest or 1.0)
    return Surfaces(
        extent,
        height.reshape(side, side),
        potential(grid).astype(np.float32).reshape(side, side),
        slope.reshape(side, side),
        sides.real,
        sides.fake,
        potential.cost,
        float(at_real.mean() - at_fake.mean()),
        steepest,
        bound,
    )
