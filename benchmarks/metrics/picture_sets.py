"""Test sets of pictures whose quality is known: real, blurred, noisy, incomplete and repeated pictures."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import torch
from torch import Tensor

from wgan.data import Dataset, Pictures
from wgan.metrics import PictureInputs, ReferenceStats
from wgan.rng import keyed_rng

REPEATED = 100
FLOOR, BLURRED, NOISE = "test pictures", "blurred, σ = 1 pixel", "nothing but uniform noise"
FEW_CLASSES, REPEATS = "classes 0 to 4 only", f"{REPEATED} pictures repeated"


@dataclass(frozen=True)
class PictureSets:
    """Test sets of pictures and their labels by name, and the statistics of the real pictures."""

    title: str
    reference_stats: ReferenceStats
    sides: dict[str, PictureInputs]
    labels: dict[str, Tensor]


def picture_sets(dataset: Dataset, data: Pictures) -> PictureSets:
    """Return the sets of FACTS.md §4, made of held-out pictures."""
    real, labels = data.held_out[:], data.held_out_labels
    rng = keyed_rng(0, "metric", draw=7)
    blurred = scipy.ndimage.gaussian_filter(real.numpy().astype(np.float32), (0, 0, 1, 1))
    noisy = real + 25 * torch.randn(real.shape, generator=rng)
    is_in_few_classes = labels < len(data.names) // 2
    repeated_indices = torch.randperm(len(real), generator=rng)[:REPEATED]
    copies = len(real) // REPEATED
    sets = {
        FLOOR: (real, labels),
        BLURRED: (torch.from_numpy(blurred).round().byte(), labels),
        "Gaussian noise added, σ = 25 of 255": (noisy.clamp(0, 255).round().byte(), labels),
        NOISE: (torch.randint(0, 256, real.shape, generator=rng).byte(), labels),
        FEW_CLASSES: (real[is_in_few_classes], labels[is_in_few_classes]),
        REPEATS: (
            real[repeated_indices].repeat(copies, 1, 1, 1),
            labels[repeated_indices].repeat(copies),
        ),
    }
    reference_stats = ReferenceStats(dataset, data)
    return PictureSets(
        dataset.title,
        reference_stats,
        {what: PictureInputs(pictures, reference_stats) for what, (pictures, _) in sets.items()},
        {what: labels for what, (_, labels) in sets.items()},
    )
