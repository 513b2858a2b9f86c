"""Faster training steps: compiled ahead of time into libraries, or captured as CUDA graphs.

Both kinds are a `CompiledStep` for the loop. They are used only if their outputs agree with the
eager step and if they are measurably faster.
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
