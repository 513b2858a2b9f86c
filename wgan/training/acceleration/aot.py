"""Steps compiled ahead of time: fewer passes over memory, and no Python between the operations.

`torch.compile` does not support double backward, but tracing does. The gradients of an update,
including the inner gradient of a penalty, are traced into one graph of tensor operations. A
separate process compiles it with AOTInductor into a library, which loads within milliseconds. The
training uses eager steps until the library exists, and also if there is no C++ compiler, or if the
library is not faster or not correct.
"""

import atexit
import contextlib
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from wgan.config import TrainConfig
from wgan.paths import cache_dir
from wgan.training.acceleration.checks import layout_of
from wgan.training.augmentation import transforms_of
from wgan.training.engine import Engine
from wgan.training.steps import TraceableStep

MAX_CACHED_LIBRARIES = 24
"""Number of newest libraries that stay in the cache; each takes about 2 MB."""

COMPILER_NICENESS = 10
"""Niceness of the compiler process, so that it yields to other processes."""

# ---- the cache ----------------------------------------------------------------------------------


def folder() -> Path:
    """Return the folder of libraries. It is in the user's cache, because their code is executed."""
    return cache_dir() / "compiled"


def key(config: TrainConfig, engine: Engine) -> str:
    """Return the name of a config's libraries: a hash of everything that their code depends on."""
    this_file = Path(__file__)
    library = this_file.parents[2]
    sources = [
        this_file,
        library / "training" / "steps.py",
        library / "training" / "augmentation.py",
        library / "training" / "engine.py",  # autocast and memory format
        *sorted((library / "networks").glob("*.py")),
        *sorted((library / "objectives").glob("*.py")),
    ]
    parts = [
        config.network.model_dump_json(),
        config.objective.model_dump_json(),
        str(config.dataset.shape),
        str(len(config.dataset.class_names()) if config.conditional else 0),
        str(transforms_of(config)),
        f"{config.batch_size} {config.latent_dim} {engine.threads} {engine.precision}",
        torch.__version__,
        _processor(),
        *(source.read_text("utf-8") for source in sources),
    ]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def _processor() -> str:
    """Return the processor features that compiled code depends on, because machines may share a cache."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{platform.machine()} {platform.processor()} {torch.backends.cpu.get_cpu_capability()}"


def build(config: TrainConfig, engine: Engine, steps: dict[str, TraceableStep]) -> None:
    """Compile the steps of a config into libraries in the cache. This takes about half a minute."""
    from torch._inductor import aoti_compile_and_package
    from torch.fx.experimental.proxy_tensor import make_fx

    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    for name, step in steps.items():
        graph = make_fx(step.call)(step.inputs)
        with torch.no_grad():
            program = torch.export.export(_Traced(graph), (step.inputs,), strict=False)
        half = place / f"{key(config, engine)}-{name}.{os.getpid()}.part.pt2"
        aoti_compile_and_package(program, package_path=str(half))
        half.replace(place / f"{key(config, engine)}-{name}.pt2")
    for old in sorted(place.glob("*.pt2"), key=lambda p: p.stat().st_mtime)[:-MAX_CACHED_LIBRARIES]:
        old.unlink(missing_ok=True)


class _Traced(nn.Module):
    def __init__(self, graph: Callable[[list[Tensor]], list[Tensor]]) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, values: list[Tensor]) -> list[Tensor]:
        return self.graph(values)


# ---- in use -------------------------------------------------------------------------------------


class AotPackage:
    """A step compiled into a library. It accepts only inputs of the compiled layout."""

    def __init__(self, path: Path, like: Sequence[Tensor]) -> None:
        from torch._inductor import aoti_load_package

        self._run = aoti_load_package(str(path))
        self._like = layout_of(like)

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor] | None:
        """Return the step's outputs; None if the inputs have another layout."""
        if layout_of(values) != self._like:
            return None
        with torch.no_grad():
            outputs: list[Tensor] = self._run(list(values))
        return outputs


class Compiler:
    """Compiles a config's libraries in a background process of low priority.

    Only one compiler runs at a time; several trainings take turns.
    """

    _latest: "ClassVar[Compiler | None]" = None

    def __init__(self, config: TrainConfig, engine: Engine) -> None:
        self.key = key(config, engine)
        self._asked = json.dumps([config.model_dump(mode="json"), engine.as_dict()])
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = False

    def path(self, name: str) -> Path | None:
        """Return the library of a step; None if it does not exist."""
        path = folder() / f"{self.key}-{name}.pt2"
        return path if path.exists() else None

    def begin(self) -> bool:
        """Start the compiler, unless it was started before or another one is running; return whether it was."""
        if self._begun or (Compiler._latest is not None and Compiler._latest.working):
            return False
        self._begun, Compiler._latest = True, self
        atexit.register(self.end)
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wgan.training.acceleration"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[3],
                start_new_session=True,
            )
            assert self._process.stdin is not None
            self._process.stdin.write(self._asked.encode())
            self._process.stdin.close()
        return True

    @property
    def working(self) -> bool:
        """Whether the compiler is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the compiler has failed, usually because there is no C++ compiler."""
        return self._process is not None and self._process.poll() not in (None, 0)

    @classmethod
    def end_latest(cls) -> None:
        """End the latest compiler of this process, before an exit that skips `atexit`."""
        if cls._latest is not None:
            cls._latest.end()

    def end(self) -> None:
        """End the compiler if it is running."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGTERM)  # also the C++ compiler
                else:
                    self._process.terminate()
            self._process.wait()
