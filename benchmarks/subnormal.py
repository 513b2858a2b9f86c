"""Whether flushing subnormal numbers to zero makes steps faster.

    python -m benchmarks.subnormal [--preset toy-ring quick-mnist] [--warm 20] [--rounds 9]

Where a gradient remains 0, the optimiser's averages decay below 10⁻³⁸, and processors are slow with
such numbers. A training first runs for a while, so that such numbers can appear. Then two copies of
it take turns, one of which flushes. They use one thread, because the setting belongs to a thread.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from wgan.config import PRESETS
from wgan.training import Engine, Training
from wgan.training.cost import step_times

SMALLEST = torch.finfo(torch.float32).tiny


def saved_tensors(training: Training) -> Iterator[Tensor]:
    """Yield all tensors that persist between steps: parameters and optimiser states."""
    for network in (training.critic, training.generator):
        yield from (p.detach() for p in network.parameters())
    for name, tensor in training.state().tensors.items():
        if "optimizer" in name and tensor.is_floating_point():
            yield tensor


def main() -> None:
    """Print a row for each preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--preset", nargs="+", default=["toy-ring", "paper-wgan-gp-toy", "quick-mnist"]
    )
    parser.add_argument("--warm", type=float, default=20.0, help="seconds of training before")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each stretch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| preset | subnormal numbers kept | steps/s as they are | flushed | times as fast |")
    print("|---|---|---|---|---|")
    for preset in options.preset:
        training = Training(PRESETS[preset].config, engine=Engine("cpu", "float32", 1))
        end = time.perf_counter() + options.warm
        while time.perf_counter() < end:
            training.step()
        sizes = [tensor.abs() for tensor in saved_tensors(training)]
        count = sum(int(((x > 0) & (x < SMALLEST)).sum()) for x in sizes)
        share = count / sum(x.numel() for x in sizes)
        # Use two copies: flushing leaves zeros in the tensors, which the other copy must not get.
        state = training.state()
        copies = {
            flushed: Training.restore(state, engine=training.engine) for flushed in (False, True)
        }
        rates: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(options.rounds):
            for flushed, values in rates.items():
                torch.set_flush_denormal(flushed)
                values.append(1 / statistics.median(step_times(copies[flushed], options.seconds)))
                copies[flushed].reports()
        torch.set_flush_denormal(False)
        ratio = statistics.median(b / a for a, b in zip(*rates.values(), strict=True))
        as_is, flushed_rate = (statistics.median(values) for values in rates.values())
        print(
            f"| `{preset}` | {share:.2%} | {as_is:.1f} | {flushed_rate:.1f} | {ratio:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
