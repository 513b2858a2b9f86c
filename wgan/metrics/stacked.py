"""Stacked MNIST: a digit in each colour channel. A classifier can count its 1,000 modes.

Metz et al. 2017, arXiv:1611.02163. PacGAN, arXiv:1712.04086, uses 26,000 samples.
"""

import numpy as np
import torch
from torch import Tensor

from wgan.metrics.extractor import Network
from wgan.transport import kl

MODES = 1_000


def combinations(pictures: Tensor, digits: Network) -> Tensor:
    """Return the number that the three digits of each picture form: (N, 3, 28, 28) → (N,) in 0…999."""
    predicted = [
        digits.probabilities(digits.features(pictures[:, c : c + 1])).argmax(1) for c in range(3)
    ]
    return 100 * predicted[0] + 10 * predicted[1] + predicted[2]


def stacked_modes(combinations_shown: Tensor) -> float:
    """Return how many of the 1,000 combinations occur among samples, (N,) in 0…999."""
    return float(len(torch.unique(combinations_shown)))


def stacked_kl(combinations_shown: Tensor) -> float:
    """Return KL(combinations of samples ‖ uniform), in nats; the combinations are (N,) in 0…999."""
    frequencies = np.bincount(combinations_shown.numpy(), minlength=MODES) / len(combinations_shown)
    return kl(frequencies, np.full(MODES, 1 / MODES))
