"""Metrics of the quality of samples: one function and one line of METRICS for each.

The name of a metric contains its settings, so that values that cannot be compared have different
names.
"""

from wgan.metrics.extractor import Network, Trained, find_network, read_network, train_features
from wgan.metrics.feature_distances import Sums, frechet, kid, last, load, memorised, nearest, prdc
from wgan.metrics.images import PictureInputs, ReferenceStats, pooled
from wgan.metrics.points import PointInputs, emd, mixture_modes, sliced
from wgan.metrics.registry import (
    DEVIATION,
    FLOOR,
    LIVE_SAMPLES,
    METRICS,
    NUM_SHOWN,
    Metric,
    MetricInputs,
    better,
    count_of,
    measure,
    metric_of,
    name_of,
    short,
    title_of,
    unmeasured_reason,
    value_and_unit,
)

__all__ = [
    "DEVIATION",
    "FLOOR",
    "LIVE_SAMPLES",
    "METRICS",
    "NUM_SHOWN",
    "Metric",
    "MetricInputs",
    "Network",
    "PictureInputs",
    "PointInputs",
    "ReferenceStats",
    "Sums",
    "Trained",
    "better",
    "count_of",
    "emd",
    "find_network",
    "frechet",
    "kid",
    "last",
    "load",
    "measure",
    "memorised",
    "metric_of",
    "mixture_modes",
    "name_of",
    "nearest",
    "pooled",
    "prdc",
    "read_network",
    "short",
    "sliced",
    "title_of",
    "train_features",
    "unmeasured_reason",
    "value_and_unit",
]
