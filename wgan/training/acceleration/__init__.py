"""Training steps that run faster: compiled ahead of time into libraries, or recorded as CUDA graphs.

Both are a `CompiledStep` for the loop, and are used only if their numbers agree with the step as written
and if measured to be faster.
"""

from wgan.training.acceleration.aot import AotPackage, Compiler, build, folder, key
from wgan.training.acceleration.checks import (
    STEPS,
    mismatch_reason,
    no_speedup_reason,
    unsupported_reason,
)
from wgan.training.acceleration.cuda_graph import Graph, GraphCapture

__all__ = [
    "STEPS",
    "AotPackage",
    "Compiler",
    "Graph",
    "GraphCapture",
    "build",
    "folder",
    "key",
    "mismatch_reason",
    "no_speedup_reason",
    "unsupported_reason",
]
