"""An update as a CUDA graph: its kernels recorded once, launched together ever after.

Small networks are bound by the launching: an update of a hundred kernels takes Python and the driver longer
than the GPU. What is recorded reads and writes the same addresses each time. Weights and buffers never move,
so they are read where they are; examples, z, points and labels are copied into buffers of the graph's own;
the outputs are the graph's own, too, and the next launch overwrites them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from wgan.training.acceleration.checks import layout_of
from wgan.training.steps import TraceableStep

WARM_UP = 3
"""Calls before recording: kernels are chosen and loaded by then."""

GraphWork = Callable[[], list[Tensor]]


class GraphCapture(Protocol):
    """What can run a piece of work for warming up, and record it."""

    def warm_up(self, work: GraphWork, times: int) -> None:
        """Run it `times` times without recording."""

    def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
        """Return its outputs, and what runs it again into the same outputs."""


class OnCuda:
    """Records with `torch.cuda.CUDAGraph`."""

    def warm_up(self, work: GraphWork, times: int) -> None:
        """Run it on a stream of its own, as recording will: nothing of the usual stream's is touched."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch left it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(times):
                work()
        torch.cuda.current_stream().wait_stream(aside)

    def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
        """Return its outputs, and the graph's replay.

        Each graph has a memory pool of its own: of two in one, a launch might overwrite what the other gave.
        """
        graph = torch.cuda.CUDAGraph()
        # Another thread may use CUDA meanwhile: a second training, a latent walk.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = work()
        return outputs, graph.replay


class Graph:
    """A recorded step. It takes inputs of the recorded layout only.

    Raises RuntimeError if the step cannot be recorded.
    """

    def __init__(self, step: TraceableStep, recorder: GraphCapture | None = None) -> None:
        own, varying = step.inputs[: step.num_fixed], step.inputs[step.num_fixed :]
        self._like = layout_of(step.inputs)
        self._places = [value.data_ptr() for value in own]
        # Strides as they are given: kernels may be chosen by them.
        self._given = [
            torch.empty_strided(v.shape, v.stride(), dtype=v.dtype, device=v.device)
            for v in varying
        ]
        torch._foreach_copy_(self._given, list(varying))
        inputs = [*own, *self._given]
        recorder = recorder or OnCuda()
        recorder.warm_up(lambda: step.call(inputs), WARM_UP)
        self._outputs, self._run = recorder.record(lambda: step.call(inputs))

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor] | None:
        """Return the step's outputs; None if inputs or weights have moved in memory."""
        n = len(self._places)
        if layout_of(values) != self._like or [v.data_ptr() for v in values[:n]] != self._places:
            return None
        torch._foreach_copy_(self._given, list(values[n:]))
        self._run()
        return list(self._outputs)
