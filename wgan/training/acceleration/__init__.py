"""Updates that run faster than as written: as libraries compiled ahead of time, or as CUDA graphs.

Both take the place of an update in the loop by one interface, a `Substitute`, and are taken only where they
are right and measured to be faster.
"""

from wgan.training.acceleration.aot import AotPackage, Compiler, build, folder, key
from wgan.training.acceleration.cuda_graph import Graph, GraphCapture
from wgan.training.acceleration.functional import (
    UPDATES,
    Substitute,
    Update,
    critic_update,
    generator_update,
    mismatch_reason,
    no_speedup_reason,
    unsupported_reason,
)

__all__ = [
    "UPDATES",
    "AotPackage",
    "Compiler",
    "Graph",
    "GraphCapture",
    "Substitute",
    "Update",
    "build",
    "critic_update",
    "folder",
    "generator_update",
    "key",
    "mismatch_reason",
    "no_speedup_reason",
    "unsupported_reason",
]
