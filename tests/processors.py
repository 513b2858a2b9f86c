"""Run the numeric tests as other processors would: `make test-processors`.

PyTorch chooses its kernels by the instructions of the processor, and oneDNN and MKL choose theirs. Each
setting below restricts one of them to older instructions, so sums are added in another order. A test that
passes here with one thread and with two rests on no single processor's arithmetic.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
FILES = (
    "acceleration",
    "convergence",
    "critic",
    "diagnosis",
    "lab_divergences",
    "lab_dual",
    "lab_transport",
    "evaluation",
    "examples",
    "fork",
    "live_metrics",
    "cuda_graph",
    "inversion",
    "latent",
    "metrics",
    "mistakes",
    "networks",
    "objectives",
    "training_diagnostics",
    "rng",
    "distributed",
    "reproduce",
    "stability",
    "syncs",
    "training",
    "transport",
)
"""The test files whose assertions depend on floating-point arithmetic."""

ATEN = ("default", "avx2", "avx512")
ONEDNN = ("AVX2", "AVX512_CORE", "AVX512_CORE_AMX")


def settings() -> list[tuple[str, str]]:
    """Return the (variable, value) pairs that this processor supports."""
    aten = ATEN.index(torch.backends.cpu.get_cpu_capability().lower()) + 1
    onednn = aten - 1 + _has_amx()
    pairs = [("ATEN_CPU_CAPABILITY", value) for value in ATEN[:aten]]
    return pairs + [("ONEDNN_MAX_CPU_ISA", value) for value in ONEDNN[:onednn]]


def _has_amx() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_tile" in flags.read_text()


def run(variable: str, value: str, threads: int, files: Sequence[str], more: Sequence[str]) -> str:
    """Run the tests under one setting, and return pytest's summary line, or "" if a test failed."""
    settings = {variable: value, "WGAN_TEST_THREADS": str(threads)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--numprocesses=auto",
        "--dist=worksteal",
        *(f"tests/test_{name}.py" for name in files),
        *more,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    if done.returncode:
        print(done.stdout[-20_000:], done.stderr[-2_000:], sep="\n", file=sys.stderr)
    return f"{'failed' if done.returncode else 'passed'}: {lines[-1].strip('= ') if lines else ''}"


def main() -> int:
    """Print one row for each setting and number of threads; return 1 if a test failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--files", nargs="+", default=FILES, choices=FILES, metavar="NAME")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--only", nargs="+", help="values to run, for example avx2 AVX512_CORE")
    arguments, more = parser.parse_known_args()
    rows = []
    for variable, value in settings():
        if arguments.only and value not in arguments.only:
            continue
        for threads in arguments.threads:
            start = time.monotonic()
            result = run(variable, value, threads, arguments.files, more)
            rows.append(result)
            seconds = time.monotonic() - start
            print(
                f"{variable}={value:<16} {threads} threads {seconds:5.0f} s  {result}", flush=True
            )
    return int(any(row.startswith("failed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
