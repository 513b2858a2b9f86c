"""Updates compiled ahead of time: fewer passes over memory, no Python between the operations.

`torch.compile` cannot differentiate twice, but tracing can: the gradients of an update, the inner one of a
penalty among them, are written down as one graph of tensor operations, and torch's AOTInductor makes a
library of it, in a process of its own. Loading that takes milliseconds. Until it is there, where there is no
compiler, and where the library is not faster or not right, the training goes on as before.
"""

import atexit
import contextlib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wgan.config import TrainConfig
from wgan.objectives import Objective
from wgan.training.engine import Engine

KEPT = 24
"""Libraries that stay in the cache, the newest; each takes about 2 MB."""

WORTH = 1.05
"""A library must be this much faster to be used."""

CLOSE = 1e-3
"""How far a gradient may be off, relative to the largest of its tensor: rounding in another order."""

PATIENCE = 20.0
"""Seconds of training before a compiler is started: most runs that are stopped soon need none."""

LASTS = 60.0
"""Seconds that a run must still have before it, for compiling to be worth its while."""

BESIDE = 10
"""How much the compiler steps back for others: the niceness of its process."""

UPDATES = ("critic", "generator")

Call = Callable[[Sequence[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Update:
    """What is compiled of an update: its gradients, as a function of everything they depend on."""

    call: Call
    inputs: list[Tensor]  # as they are now


def critic_update(
    objective: Objective, critic: nn.Module, real: Tensor, label: Tensor | None, fake: Tensor,
    points: Tensor | None,
) -> Update:  # fmt: skip
    """Return the critic's update: (gradients …, loss, penalty, mean score of real, of fake).

    Takes parameters, real, fake, then `points` and labels where there are any.
    """
    names = [name for name, _ in critic.named_parameters()]
    inputs = [*(p.detach() for p in critic.parameters()), real, fake]
    inputs += [x for x in (points, label) if x is not None]
    penalised = points is not None
    n = len(names)

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients and means."""
        weights = [value.detach().requires_grad_() for value in values[:n]]
        given = dict(zip(names, weights, strict=True))
        one, other, *rest = values[n:]
        at = rest.pop(0) if penalised else None
        told = rest.pop(0) if rest else None

        def score(x: Tensor, classes: Tensor | None) -> Tensor:
            arguments = (x,) if classes is None else (x, classes)
            found: Tensor = functional_call(critic, given, arguments)
            return found

        both = None if told is None else torch.cat([told, told])
        scores = score(torch.cat([one, other]), both).float()
        real_score, fake_score = torch.chunk(scores, 2)
        loss = objective.critic_loss(real=real_score, fake=fake_score)
        penalty = (
            loss.new_zeros(()) if at is None else objective.penalise(lambda x: score(x, told), at)
        )
        gradients = torch.autograd.grad(loss + penalty, weights)
        means = (real_score.detach().mean(), fake_score.detach().mean())
        return [*gradients, loss.detach(), penalty.detach(), *means]

    return Update(call, inputs)


def generator_update(
    objective: Objective, generator: nn.Module, critic: nn.Module, z: Tensor, label: Tensor | None
) -> Update:
    """Return the generator's update: (gradients …, its buffers afterwards …, loss).

    Takes its parameters, its buffers, the critic's parameters, z, and labels where there are any.
    """
    names = [name for name, _ in generator.named_parameters()]
    held = [name for name, _ in generator.named_buffers()]
    judged = [name for name, _ in critic.named_parameters()]
    inputs = [
        *(p.detach() for p in generator.parameters()),
        *generator.buffers(),
        *(p.detach() for p in critic.parameters()),
        z,
        *([] if label is None else [label]),
    ]
    a, b = len(names), len(names) + len(held)
    c = b + len(judged)

    def call(values: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients, buffers and loss."""
        weights = [value.detach().requires_grad_() for value in values[:a]]
        buffers = [value.clone() for value in values[a:b]]  # batch norm writes into them
        given = dict(zip(names, weights, strict=True)) | dict(zip(held, buffers, strict=True))
        judge = dict(zip(judged, values[b:c], strict=True))
        z, *told = values[c:]
        made = functional_call(generator, given, (z, *told))
        if made.dim() == 4:
            made = made.contiguous(memory_format=torch.channels_last)
        scores = functional_call(critic, judge, (made, *told)).float()
        loss = objective.generator_loss(fake=scores)
        return [*torch.autograd.grad(loss, weights), *buffers, loss.detach()]

    return Update(call, inputs)


def unfit(config: TrainConfig, engine: Engine, critic: nn.Module) -> str | None:
    """Say why a training's updates cannot be compiled; None if they can."""
    if not config.compiled or os.environ.get("WGAN_COMPILE") == "off":
        return "it is turned off"
    if engine.device != "cpu" or engine.precision != "float32":
        return "only float32 on the CPU is compiled"
    if engine.processes > 1:
        return "of several processes none may run ahead of the others"
    if config.split_updates or getattr(config.objective, "penalty_every", 1) > 1:
        return "its critic updates are not all alike"
    if config.objective.layers != "plain" or next(critic.buffers(), None) is not None:
        return "its critic keeps more than weights"
    return None


# ---- the cache ----------------------------------------------------------------------------------


def folder() -> Path:
    """Return where libraries are kept: in the user's cache, as what is loaded from there runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "wgan-explorer" / "compiled"


def key(config: TrainConfig, engine: Engine) -> str:
    """Return the name of a config's libraries: of all that is written into them."""
    here = Path(__file__)
    sources = [here, here.parents[1] / "networks.py", here.parents[1] / "objectives.py"]
    parts = [
        config.network.model_dump_json(),
        config.objective.model_dump_json(),
        str(config.dataset.shape),
        str(len(config.dataset.class_names()) if config.conditional else 0),
        f"{config.batch_size} {config.latent_dim} {engine.threads} {engine.precision}",
        torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
        *(source.read_text("utf-8") for source in sources),
    ]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def build(config: TrainConfig, engine: Engine, updates: dict[str, Update]) -> None:
    """Make the libraries of a config's updates and put them into the cache; takes half a minute."""
    from torch._inductor import aoti_compile_and_package
    from torch.fx.experimental.proxy_tensor import make_fx

    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    for name, update in updates.items():
        graph = make_fx(update.call)(update.inputs)
        with torch.no_grad():
            program = torch.export.export(_Traced(graph), (update.inputs,), strict=False)
        half = place / f"{key(config, engine)}-{name}.{os.getpid()}.part.pt2"
        aoti_compile_and_package(program, package_path=str(half))
        half.replace(place / f"{key(config, engine)}-{name}.pt2")
    for old in sorted(place.glob("*.pt2"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


class _Traced(nn.Module):
    def __init__(self, graph: Callable[[list[Tensor]], list[Tensor]]) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, values: list[Tensor]) -> list[Tensor]:
        return self.graph(values)


# ---- in use -------------------------------------------------------------------------------------


class Library:
    """A compiled update that takes what it was made for, and nothing else."""

    def __init__(self, path: Path, like: Sequence[Tensor]) -> None:
        from torch._inductor import aoti_load_package

        self._run = aoti_load_package(str(path))
        self._like = [(value.shape, value.stride(), value.dtype) for value in like]

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor] | None:
        """Return what the update does; None where the inputs lie otherwise in memory than planned."""
        if [(v.shape, v.stride(), v.dtype) for v in values] != self._like:
            return None
        with torch.no_grad():
            found: list[Tensor] = self._run(list(values))
        return found


def tried(path: Path, update: Update, rounds: int = 7, seconds: float = 0.6) -> Library | str:
    """Return the library where it is right and faster than the update itself, else why it is not."""
    try:
        library = Library(path, update.inputs)
        found = library(update.inputs)
    except Exception as error:  # whatever is wrong with the file, a training goes on without it
        path.unlink(missing_ok=True)
        return f"it cannot be loaded ({error})"
    expected = update.call(update.inputs)
    if found is None or len(found) != len(expected):
        return "it takes other inputs"
    for one, other in zip(expected, found, strict=True):
        if one.is_floating_point():
            room = CLOSE * float(one.abs().max()) + 1e-7
            if not float((one - other).abs().max()) <= room:
                return "its numbers differ"
        elif not torch.equal(one, other):
            return "its numbers differ"
    times: dict[str, list[float]] = {"eager": [], "compiled": []}
    begun = time.perf_counter()
    for i in range(rounds):
        if i > 2 and time.perf_counter() - begun > seconds:
            break
        for name, call in (("eager", update.call), ("compiled", library)):
            start = time.perf_counter()
            call(update.inputs)
            times[name].append(time.perf_counter() - start)
    ratio = statistics.median(times["eager"]) / statistics.median(times["compiled"])
    return library if ratio >= WORTH else f"it is not faster ({ratio:.2f} times)"


class Compiler:
    """Has a config's libraries made beside the training, by a process that steps back for others.

    One at a time: several trainings take turns.
    """

    _latest: "ClassVar[Compiler | None]" = None

    def __init__(self, config: TrainConfig, engine: Engine) -> None:
        self.key = key(config, engine)
        self._asked = json.dumps([config.model_dump(mode="json"), engine.as_dict()])
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = False

    def path(self, name: str) -> Path | None:
        """Return the file of an update's library, where it is there."""
        path = folder() / f"{self.key}-{name}.pt2"
        return path if path.exists() else None

    def begin(self) -> None:
        """Begin to make them, unless it has been tried, or another is at it."""
        if self._begun or (Compiler._latest is not None and Compiler._latest.working):
            return
        self._begun, Compiler._latest = True, self
        atexit.register(self.end)
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wgan.training.compiled"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
            assert self._process.stdin is not None
            self._process.stdin.write(self._asked.encode())
            self._process.stdin.close()

    @property
    def working(self) -> bool:
        """Whether they are being made."""
        return self._process is not None and self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether they could not be made: no compiler, mostly."""
        return self._process is not None and self._process.poll() not in (None, 0)

    def end(self) -> None:
        """End what is under way."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGTERM)  # the compiler it started, too
                else:
                    self._process.terminate()
            self._process.wait()


def main() -> None:
    """Read a config and an engine as JSON, and make their libraries."""
    from wgan.training.forecast import rehearsal

    if hasattr(os, "nice"):
        os.nice(BESIDE)
    values, settings = json.load(sys.stdin)
    config, engine = TrainConfig.parse(values), Engine(**settings)
    engine.activate()
    build(config, engine, rehearsal(config, engine).updates())


if __name__ == "__main__":
    main()
