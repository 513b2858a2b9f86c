"""Helpers of the experiments on digits: metrics in pixels, samples of a generator, whole trainings."""

import numpy as np
import torch
from torch import Tensor

from wgan.arrays import Real
from wgan.data import Pictures, Stack, as_bytes, as_floats
from wgan.reproduce.base import Tell
from wgan.rng import keyed_rng
from wgan.training import Diverged, Report, Training

COMPONENTS = 50


class PixelMetrics:
    """Metrics from pixels alone, which depend on no trained network."""

    def __init__(self, data: Pictures) -> None:
        flat = flat_pixels(data.train)  # (N, 784)
        self._mean = flat.mean(axis=0)
        covariance = np.cov(flat, rowvar=False)
        self._axes = np.linalg.eigh(covariance)[1][:, -COMPONENTS:]  # (784, 50)
        labels = data.train_labels.numpy()
        self.means = np.stack([flat[labels == k].mean(axis=0) for k in range(len(data.names))])
        self._real = self._fit(flat_pixels(data.held_out))

    def _fit(self, flat: Real) -> tuple[Real, Real]:
        components = (flat - self._mean) @ self._axes
        return components.mean(axis=0), np.cov(components, rowvar=False)

    def frechet(self, pictures: Tensor) -> float:
        """Return the Fréchet distance of pictures, uint8 (N, C, H, W), to the held-out ones.

        It compares Gaussians fitted to the first 50 principal components of the training pictures.
        """
        (mean, covariance), (real_mean, real_covariance) = (
            self._fit(flat_pixels(pictures)),
            self._real,
        )
        values = np.linalg.eigvals(covariance @ real_covariance)
        root = np.sqrt(np.clip(values.real, 0, None)).sum()
        between = ((mean - real_mean) ** 2).sum()
        return float(between + np.trace(covariance) + np.trace(real_covariance) - 2 * root)

    def shares(self, pictures: Stack) -> Real:
        """Return the share of pictures that are nearest to the mean of each class, (K,)."""
        nearest = ((flat_pixels(pictures)[:, None] - self.means) ** 2).sum(axis=2).argmin(axis=1)
        return np.bincount(nearest, minlength=len(self.means)) / len(pictures)

    def classes(self, pictures: Tensor) -> int:
        """Return how many classes have at least 1 % of the pictures, (N, C, H, W), by the nearest
        class mean.
        """
        return int((self.shares(pictures) >= 0.01).sum())


def flat_pixels(pictures: Stack) -> Real:
    """Return pictures, uint8 (N, C, H, W), as numbers in [−1, 1], (N, C·H·W)."""
    return as_floats(pictures[:]).flatten(1).double().numpy()


@torch.no_grad()
def make_pictures(training: Training, n: int, averaged: bool = True) -> Tensor:
    """Return n pictures of a training's generator in eval mode, uint8 (n, C, H, W)."""
    z = torch.randn(
        n, training.config.latent_dim, generator=keyed_rng(training.config.seed, "metric")
    )
    network = training.average if averaged else training.generator
    was_training = network.training
    network.eval()
    pictures = torch.cat([as_bytes(network(part)) for part in torch.split(z, 250)])
    network.train(was_training)
    return pictures


def train_to_end(training: Training, report_progress: Tell, words: str) -> list[Report]:
    """Train to the end of the config, or until the training diverges, and return the reports."""
    steps, reports = training.config.steps, []
    while training.steps < steps:
        training.step()
        if training.steps % 10 == 0 or training.steps == steps:
            report_progress(words, training.steps / steps)
            try:
                reports += training.reports()
            except Diverged as divergence:
                return reports + divergence.reports
    return reports
