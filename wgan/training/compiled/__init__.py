"""Updates that run faster than as written: as libraries compiled ahead of time, or as CUDA graphs.

Both take the place of an update in the loop by one interface, a `Substitute`, and are taken only where they
are right and measured to be faster.
"""

from wgan.training.compiled.graphs import Graph, Recorder
from wgan.training.compiled.library import Compiler, Library, build, folder, key
from wgan.training.compiled.update import (
    UPDATES,
    Substitute,
    Update,
    critic_update,
    flaw,
    generator_update,
    idle,
    unfit,
)

__all__ = [
    "UPDATES",
    "Compiler",
    "Graph",
    "Library",
    "Recorder",
    "Substitute",
    "Update",
    "build",
    "critic_update",
    "flaw",
    "folder",
    "generator_update",
    "idle",
    "key",
    "unfit",
]
