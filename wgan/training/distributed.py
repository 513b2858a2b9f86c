"""Distributed training: each process takes its rows of every batch, and gradients are averaged.

torchrun starts the processes. DistributedDataParallel does not support `torch.autograd.grad`, which
a gradient penalty needs. So gradients are averaged here, after backward, in one flat bucket.
"""

import datetime
import os
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from wgan.rng import Rows


class ProcessGroup:
    """The processes of one training, and the rank of this one.

    `ALONE` is a single process; its methods do nothing.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rows = Rows(rank, size)

    @property
    def size(self) -> int:
        """Number of processes."""
        return self.rows.size

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, the process that records."""
        return self.rows.rank == 0

    def __deepcopy__(self, memo: Any) -> "ProcessGroup":
        """Return `ALONE`: a copied network belongs to this process only and must not wait for others."""
        return ALONE

    def start_all_reduce(self, network: nn.Module) -> Callable[[], None]:
        """Start to average the gradients of a network over all processes, in one all-reduce.

        Returns:
            A function that waits for the result. Before it is called, the process can compute
            anything that does not need the gradients.
        """
        if self.size == 1:
            return lambda: None
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        bucket = torch.cat([gradient.flatten() for gradient in gradients])
        under_way = dist.all_reduce(bucket, async_op=True)

        def arrive() -> None:
            under_way.wait()
            parts = torch.split(bucket / self.size, [gradient.numel() for gradient in gradients])
            torch._foreach_copy_(
                gradients, [part.view_as(g) for part, g in zip(parts, gradients, strict=True)]
            )

        return arrive

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes. Gradients flow through it."""
        if self.size == 1:
            return value
        total: Tensor = _Sum.apply(value)
        return total / self.size

    def broadcast_object(self, value: Any) -> Any:
        """Return the value of rank 0, any picklable object, in every process."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return held[0]

    def broadcast_parameters(self, tensors: Iterable[Tensor]) -> None:
        """Broadcast the tensors of rank 0 to all processes, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def sync_batch_norm(self, network: nn.Module) -> None:
        """Make a network's batch norms compute their statistics over all processes."""
        if self.size == 1:
            return
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                kind = type(part)
                bases = (_SyncedBatchNorm,) if kind is nn.BatchNorm2d else (kind, _SyncedBatchNorm)
                part.__class__ = type(f"Coupled{kind.__name__}", bases, {})
                assert isinstance(part, _SyncedBatchNorm)
                part.process_group = self


ALONE = ProcessGroup()


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes. torch's SyncBatchNorm does not support the CPU."""

    process_group: ProcessGroup = ALONE

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if not self.training or self.process_group.size == 1:
            plain: Tensor = super().forward(x)
            return plain
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        # Sum differences to a common origin: the squares of large numbers would cancel.
        origin = self.running_mean.clone()
        distance = x.float() - origin[:, None, None]
        moments = torch.stack([distance.mean((0, 2, 3)), distance.square().mean((0, 2, 3))])
        shift, square = self.process_group.mean(moments)
        variance = square - shift.square()
        scaled = (distance - shift[:, None, None]) * (variance + self.eps).rsqrt()[:, None, None]
        with torch.no_grad():
            n = x.numel() // x.shape[1] * self.process_group.size
            self.num_batches_tracked += 1
            self.running_mean.lerp_(origin + shift, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
        normalised: Tensor = scaled * self.weight[:, None, None] + self.bias[:, None, None]
        return normalised.to(x.dtype)


def is_launched() -> bool:
    """Return whether torchrun, or a launcher with its environment variables, started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def init() -> ProcessGroup:
    """Join the processes that torchrun started, and return the process group; `ALONE` without torchrun.

    CUDA tensors use NCCL, and each process uses the GPU of its local rank. Other tensors use gloo.
    """
    if not is_launched():
        return ALONE
    if cuda := torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        store, rank, size = next(iter(rendezvous("env://")))
        # torchrun keeps one store over its restarts. Without a separate prefix, a process would
        # find the addresses of processes that have died, and wait for them.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if cuda else "gloo",
            store=dist.PrefixStore(f"attempt-{attempt}", store),  # type: ignore[attr-defined]  # torch has no stub for it
            rank=rank,
            world_size=size,
            # Long enough for rank 0 to write a checkpoint or to measure metrics.
            timeout=datetime.timedelta(minutes=30),
        )
    return ProcessGroup(dist.get_rank(), dist.get_world_size())


def shutdown() -> None:
    """Leave the process group."""
    if dist.is_initialized():
        dist.destroy_process_group()
