"""The layers of a critic: histograms of their weights, and the gradients at their outputs and weights."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wgan.arrays import F64
from wgan.critic.examples import EPSILON, RealFakeBatch
from wgan.critic.inside import title_of
from wgan.critic.scores import score_of
from wgan.latent import Models
from wgan.objectives.gradients import clip_bounds
from wgan.rng import keyed_rng
from wgan.training.diagnostics import at_clip, at_outputs
from wgan.training.steps import critic_step

BINS = 41


@dataclass(frozen=True)
class Weights:
    """The histogram of one layer's weights."""

    name: str
    edges: F64  # (B + 1,), rising
    shares: F64  # (B,), share of the layer's weights in each bin
    count: int
    bound: float | None  # c, if they are clipped to [−c, c]
    clip_saturation: float | None  # share of the clipped weights at ±c

    @property
    def spread(self) -> float:
        """The largest |w| of the histogram."""
        return float(np.abs(self.edges).max())


def weights(models: Models) -> list[Weights]:
    """Return a histogram of each layer's weights, from the first layer to the last.

    For orthonormal or spectrally normalised layers these are the normalised weights.
    """
    histograms = []
    objective = models.config.objective
    for part in models.critic.modules():
        if not isinstance(part, nn.Linear | nn.Conv2d | nn.Embedding):
            continue
        values = part.weight.detach().float().flatten().numpy()
        own = dict(part.named_parameters(recurse=False))
        bounds = dict(zip(own, clip_bounds(objective, part), strict=False)) if own else {}
        bound = bounds.get("weight")
        clipped_share = at_clip(part, objective) if own else None
        # With a bound, the outermost bins hold the weights at ±c.
        reach = float(np.abs(values).max()) if bound is None else bound
        reach = reach or 1.0
        shares, edges = np.histogram(values.clip(-reach, reach), bins=BINS, range=(-reach, reach))
        histograms.append(
            Weights(
                title_of(part),
                edges.astype(np.float64),
                shares / len(values),
                len(values),
                bound,
                None if clipped_share is None else float(clipped_share),
            )
        )
    return histograms


def at_bounds(models: Models) -> float | None:
    """Return the share of all clipped weights that are at ±c; None if nothing is clipped."""
    clipped_share = at_clip(models.critic, models.config.objective)
    return None if clipped_share is None else float(clipped_share)


@dataclass(frozen=True)
class Gradients:
    """Norms of the gradient of the critic's loss in each layer, from the first to the last."""

    names: tuple[str, ...]
    outputs: F64  # (L,), ‖∂ critic loss / ∂ the layer's output‖
    weights: F64  # (L,), ‖∂ (critic loss + penalty) / ∂ the layer's weights‖


def gradients(models: Models, batch: RealFakeBatch) -> Gradients:
    """Return the norms of the gradient in each layer: by its output, and by its weights.

    The norms by the outputs leave the penalty out. They are about equal in all layers if the critic
    passes the gradient on, and change exponentially with depth if it vanishes or explodes.

    Reference:
        Gulrajani et al. 2017, figure 1b, arXiv:1704.00028.
    """
    critic = copy.deepcopy(models.critic).requires_grad_(True)
    objective = models.config.objective
    is_conditional = models.config.conditional
    real, fake = torch.from_numpy(batch.real), torch.from_numpy(batch.fake)
    label = torch.from_numpy(batch.labels) if is_conditional else None

    def critic_loss() -> Tensor:
        both = score_of(
            critic, torch.cat([real, fake]), None if label is None else torch.cat([label, label])
        )
        real_score, fake_score = torch.chunk(both, 2)
        return objective.critic_loss(real=real_score, fake=fake_score)

    parts, output_gradients = at_outputs(critic, critic_loss, nn.Linear, nn.Conv2d)
    rng = keyed_rng(0, "metric", draw=EPSILON)
    # A lazy penalty, which is not computed at every update, is computed at update 0.
    points = objective.penalty_points(real=real, fake=fake, rng=rng, update=0)
    loss, penalty, *_ = critic_step(
        objective,
        lambda x, label: score_of(critic, x, label),
        real=real,
        fake=fake,
        label=label,
        points=points,
    )
    torch.autograd.backward(loss + penalty)
    return Gradients(
        tuple(f"{i + 1}. {title_of(part)}" for i, part in enumerate(parts)),
        # In double precision: squares of tiny gradients would be 0 in float32.
        np.array([float(g.double().norm()) for g in output_gradients]),
        np.array([_weight_gradient(part) for part in parts]),
    )


def _weight_gradient(part: nn.Module) -> float:
    """Return the gradient norm of a layer's weight; of the original weight if it is parametrised."""
    parametrizations: Any = getattr(part, "parametrizations", None)
    weight: Any = parametrizations.weight.original if parametrizations is not None else part.weight
    return 0.0 if weight.grad is None else float(weight.grad.double().norm())
