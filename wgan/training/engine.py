"""Engine: what a training runs on. Runs of one config on equal engines give equal numbers."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from wgan.config import Machine

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Engine:
    """Device, precision, threads, processes, and whether steps are compiled. A run records it."""

    device: str
    precision: Precision
    threads: int
    processes: int = 1
    compiled: bool = False

    def activate(self) -> None:
        """Set the CPU threads of the calling thread, and the precision and determinism of CUDA."""
        use_threads(self.threads)
        if torch.device(self.device).type == "cuda":
            # Turn off TF32, with which torch would round the inputs of convolutions to 10 bits (but
            # not those of matrix products). bfloat16 is faster, and its use is measured and
            # recorded.
            torch.backends.cudnn.allow_tf32 = False
            # For equal numbers on equal engines, use no kernel with nondeterministic order of
            # summation, and none chosen by timing.
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which networks are evaluated, for `with`."""
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def use_threads(threads: int) -> None:
    """Set the number of CPU threads of the calling thread."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def wait(device: str) -> None:
    """Wait until a device has finished its queue. Without this, time measurements are wrong."""
    kind = torch.device(device).type
    if kind != "cpu":
        getattr(torch, kind).synchronize()


def to_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies on the CPU, with one synchronisation for each device instead of one for each tensor."""
    copies = {
        name: value.detach().to("cpu", copy=True, non_blocking=True)
        for name, value in tensors.items()
    }
    for device in {value.device.type for value in tensors.values()}:
        wait(device)
    return copies


@cache
def this_machine() -> Machine:
    """Return the devices of this machine, and those on which bfloat16 is worth measuring."""
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    devices = tuple(device for device, is_present in present.items() if is_present)
    return Machine(devices, frozenset(filter(_supports_bfloat16, devices)))


def pick_device(name: str) -> str:
    """Return the requested device; for "auto" CUDA, else MPS, else CPU.

    Raises:
        ValueError: The requested device does not exist.
    """
    devices = this_machine().devices
    if name == "auto":
        return devices[0]
    if name not in devices:
        raise ValueError(
            f"torch finds no {name} device on this machine. Choose from: {', '.join(devices)}, auto."
        )
    return name


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def might_gain_from_bfloat16(device: str, kind: str) -> bool:
    """Return whether bfloat16 is worth measuring: the hardware supports it, and there are convolutions."""
    return kind == "pictures" and device in this_machine().bfloat16


def _supports_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    cpu = torch.backends.cpu.get_cpu_capability()
    return device == "cpu" and "AVX512" in cpu and _has_bfloat16_instructions()


def _has_bfloat16_instructions() -> bool:
    # These functions are private, but torch has no public ones. Without them, training uses
    # float32.
    flags = [
        getattr(torch.cpu, name, None)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    ]
    return any(ask is not None and ask() for ask in flags)


def to_layout(batch: Tensor, layout: torch.memory_format) -> Tensor:
    """Return a batch in a memory format; only pictures, (N, C, H, W), change."""
    return batch.contiguous(memory_format=layout) if batch.dim() == 4 else batch
