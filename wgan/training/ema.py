"""The exponential moving average of the generator's weights (EMA)."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, step: int, decay: float) -> None:
    """Move the averaged generator towards the generator: a ← d · a + (1 − d) · g.

    d is `decay`, but smaller in the first steps: min(decay, (1 + step) / (4 + step)). Otherwise the random
    initial weights would stay in the average for a long time. Until the limit is reached, the average reaches back over
    about a third of the training, as with the averages of Karras et al. 2024, arXiv:2312.02696, section 3.

    Batch norm's statistics are averaged in the same way, so that they fit the averaged weights.
    """
    decay = min(decay, (1 + step) / (4 + step))
    slow: list[Tensor] = list(average.parameters())
    fast: list[Tensor] = list(generator.parameters())
    torch._foreach_lerp_(slow, fast, 1 - decay)
    for averaged, new in zip(average.buffers(), generator.buffers(), strict=True):
        if averaged.is_floating_point():
            averaged.lerp_(new, 1 - decay)
        else:
            averaged.copy_(new)
