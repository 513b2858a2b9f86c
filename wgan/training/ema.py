"""The exponential moving average of the generator's weights (EMA)."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, step: int, decay: float) -> None:
    """Move the averaged generator towards the generator: a ← d · a + (1 − d) · g.

    d is `decay`, but smaller in the first steps: min(decay, (1 + step) / (10 + step)). Otherwise the random
    initial weights would stay in the average for a long time.
    """
    decay = min(decay, (1 + step) / (10 + step))
    slow: list[Tensor] = list(average.parameters())
    fast: list[Tensor] = list(generator.parameters())
    torch._foreach_lerp_(slow, fast, 1 - decay)
    for averaged, new in zip(average.buffers(), generator.buffers(), strict=True):
        if averaged.is_floating_point():
            averaged.lerp_(new, 1 - decay)
        else:
            averaged.copy_(new)
