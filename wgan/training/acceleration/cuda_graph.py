"""A step as a CUDA graph: its kernels are captured once and then launched together.

With small networks, launching a hundred kernels from Python takes longer than running them on the
GPU. A graph reads and writes fixed addresses. Weights and buffers never move, so the graph uses
them in place. Examples, z, points and labels are copied into static buffers of the graph. The
outputs are static, too, and the next launch overwrites them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from wgan.training.acceleration.checks import layout_of
from wgan.training.steps import TraceableStep

WARM_UP = 3
"""Calls before the capture, in which kernels are chosen and loaded."""

GraphWork = Callable[[], list[Tensor]]


class GraphCapture(Protocol):
    """The capture of CUDA graphs; tests replace it."""

    def warm_up(self, work: GraphWork, times: int) -> None:
        """Call `work` some times without capturing it."""

    def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
        """Capture `work`; return its outputs, and a function that computes them again in place."""


class OnCuda:
    """Capture with `torch.cuda.CUDAGraph`."""

    def warm_up(self, work: GraphWork, times: int) -> None:
        """Call `work` on a side stream, as the capture requires."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch left it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(times):
                work()
        torch.cuda.current_stream().wait_stream(aside)

    def record(self, work: GraphWork) -> tuple[list[Tensor], Callable[[], None]]:
        """Capture `work`; return its outputs, and the graph's replay function.

        Each graph has a separate memory pool. In a shared pool, a launch could overwrite another
        graph's outputs.
        """
        graph = torch.cuda.CUDAGraph()
        # Other threads may use CUDA during the capture: a second training, a latent walk.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = work()
        return outputs, graph.replay


class Graph:
    """A step captured as a CUDA graph. It accepts only inputs of the captured layout.

    Raises:
        RuntimeError: The step cannot be captured.
    """

    def __init__(self, step: TraceableStep, recorder: GraphCapture | None = None) -> None:
        own, varying = step.inputs[: step.num_fixed], step.inputs[step.num_fixed :]
        self._like = layout_of(step.inputs)
        self._indices = [value.data_ptr() for value in own]
        # Keep the strides of the inputs, because the choice of kernels may depend on them.
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
        """Return the step's outputs; None if the layout has changed or weights have moved in memory."""
        n = len(self._indices)
        if layout_of(values) != self._like or [v.data_ptr() for v in values[:n]] != self._indices:
            return None
        torch._foreach_copy_(self._given, list(values[n:]))
        self._run()
        return list(self._outputs)
