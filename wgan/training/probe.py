"""What a training's critic and optimisers tell in passing. (Being written.)"""

from wgan.training.loop import Training

PROBES: dict[str, str] = {}


def probe(training: Training) -> dict[str, float]:
    """Return nothing yet."""
    return {}
