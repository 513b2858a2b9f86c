"""Several processes train what one would: the same numbers, and on after one of them is lost."""

import contextlib
import copy
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.conftest import THREADS, tiny
from tests.ranked import CONFIGS, STEPS, train_and_collect
from wgan.cli import train
from wgan.cli.train import _launch
from wgan.config import Adam, ConfigError, TrainConfig
from wgan.rng import Rows
from wgan.runs import Run, Status, list_runs
from wgan.training import Diverged, Engine, Report, Training
from wgan.training.distributed import ALONE, ProcessGroup

pytestmark = pytest.mark.timeout(900)  # processes wait for each other, three times in one test

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def together(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, Path]:
    """Every config trained by 2 and by 4 processes, over gloo."""
    of, folder, port = request.param, tmp_path_factory.mktemp("ranked"), free_port()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.ranked", str(folder)],
            cwd=ROOT,
            env=os.environ
            | {
                "RANK": str(rank),
                "WORLD_SIZE": str(of),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(of)
    ]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=600)
            assert process.returncode == 0, output
    finally:
        for process in processes:
            process.kill()
    return of, folder


@pytest.mark.parametrize("name", CONFIGS)
def test_many_processes_train_what_one_does(together: tuple[int, Path], name: str):
    of, folder = together
    i, single_process = list(CONFIGS).index(name), train_and_collect(CONFIGS[name])
    per_rank = [load_file(folder / f"{i}-{rank}.safetensors") for rank in range(of)]
    for other in per_rank[1:]:  # bit for bit: nothing may drift apart
        assert all(
            torch.equal(per_rank[0][key], other[key]) for key in single_process if key != "sums"
        )
    config = CONFIGS[name]
    sizes = {
        key: float(value.norm())
        for key, value in single_process.items()
        if key.startswith("gradient")
    }
    # A bias before batch norm, or of a Wasserstein critic's last layer, changes nothing that is learned from:
    # its gradient is 0 but for rounding. Adam divides by the gradient's size, so it makes whole steps of it.
    rounding = {
        key.removeprefix("gradient.")
        for key, size in sizes.items()
        if size <= 1e-5 * max(sizes.values())
    }
    for key, size in sizes.items():
        if key.removeprefix("gradient.") not in rounding:
            # The second critic update follows a first: rounding has then been through the batch norms.
            room = 3e-2 if config.network.uses_batch_norm else 1e-4
            assert float((per_rank[0][key] - single_process[key]).norm()) < room * size, key
    # The critic's last bias is an offset of its scores: differences of scores do not see it, scores do.
    offset = adam_reach(config) if name.startswith("points") else 1e-5
    rooms = {"step": 0.0, "generator_loss": offset, "real_score": offset, "fake_score": offset}
    compared = slice(None) if name.startswith("points") else slice(1)  # reports
    for i, column in enumerate(Report._fields):
        room = rooms.get(column, 1e-5)
        reports = per_rank[0]["reports"][compared, i], single_process["reports"][compared, i]
        torch.testing.assert_close(*reports, rtol=1e-4, atol=room)
    if name.startswith("points"):
        for key, value in single_process.items():
            if value.is_floating_point() and not key.startswith(("gradient", "sums", "reports")):
                room = adam_reach(config) if key in rounding else 1e-6
                torch.testing.assert_close(per_rank[0][key], value, rtol=1e-3, atol=room)


def adam_reach(config: TrainConfig) -> float:
    """Return how far Adam can move a parameter in the steps trained, whatever its gradients.

    One step is at most lr · (1 − β₁) / √(1 − β₂). Reference: Kingma and Ba 2015, arXiv:1412.6980, §2.1.
    """
    if not isinstance(config.optimizer, Adam):
        return 1e-5
    step = (1 - config.optimizer.beta1) / (1 - config.optimizer.beta2) ** 0.5
    return STEPS * config.n_critic * config.critic_learning_rate * step


def test_rows_are_shared_equally_or_refused():
    shares = [list(range(12))[Rows(rank, 4).part(12)] for rank in range(4)]
    assert [row for own in shares for row in own] == list(range(12)) and {
        len(own) for own in shares
    } == {3}
    assert list(range(12))[Rows().part(12)] == list(range(12))
    with pytest.raises(ValueError, match="cannot be divided equally among 5 processes"):
        Rows(0, 5).part(12)
    with pytest.raises(ConfigError, match="multiple"):
        Training(
            tiny(batch_size=15),
            engine=Engine("cpu", "float32", THREADS),
            process_group=ProcessGroup(0, 2),
        )
    with pytest.raises(ConfigError, match="multiple"):  # halves of it are shared
        Training(
            tiny(objective="wgan", batch_size=18, split_updates=True),
            engine=Engine("cpu", "float32", THREADS),
            process_group=ProcessGroup(0, 2),
        )


def test_the_critics_last_exchange_goes_on_while_the_generator_makes_its_fakes():
    happened: list[str] = []

    class Recorded(ProcessGroup):
        def start_all_reduce(self, network: nn.Module) -> Callable[[], None]:
            whose = "critic" if network is training.critic else "generator"
            happened.append(f"{whose} sent")
            return lambda: happened.append(f"{whose} arrived")

        def mean(self, value: torch.Tensor) -> torch.Tensor:
            return value

        def broadcast_parameters(self, tensors: Iterable[torch.Tensor]) -> None: ...

        def sync_batch_norm(self, network: nn.Module) -> None: ...

    engine = Engine("cpu", "float32", THREADS)
    training = Training(
        tiny(objective="wgan-gp", n_critic=2), engine=engine, process_group=Recorded(0, 2)
    )
    training.generator.register_forward_hook(lambda *_: happened.append("fakes"))
    training.step()
    assert happened == [
        "fakes",
        "critic sent",
        "critic arrived",
        "critic sent",
        "fakes",
        "critic arrived",
        "generator sent",
        "generator arrived",
    ]


def test_a_copied_network_waits_for_nobody():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    plain = copy.deepcopy(network)
    ProcessGroup(0, 2).sync_batch_norm(network)
    copied = copy.deepcopy(network)
    norm: Any = copied[1]
    assert norm.process_group is ALONE
    x = torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(copied(x), plain(x))
    assert copied.state_dict().keys() == plain.state_dict().keys()


@contextlib.contextmanager
def launched(runs: Path, steps: int, *flags: str) -> "Iterator[subprocess.Popen[str]]":
    """A training of two processes, through torchrun and the command line; none of them outlives the test."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            *flags,
            "-m",
            "wgan",
            "train",
            "--preset",
            "toy-ring",
            "--steps",
            str(steps),
            "--checkpoint-every",
            "20",
            "--network.width",
            "16",
            "--batch-size",
            "32",
            "--measure",
            "false",
            "--runs-dir",
            str(runs),
            "--quiet",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            for pid in (process.pid, *workers(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def workers(of: int) -> list[int]:
    """Return the processes that a launcher has started."""
    pids = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(parts[1]) == of:
            pids.append(int(status.parent.name))
    return sorted(pids)


def worker(of: int, rank: int) -> int:
    """Return the process of a rank."""
    for pid in workers(of):
        with contextlib.suppress(OSError):
            if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                return pid
    raise AssertionError(f"no process has rank {rank}")


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="finds the processes through /proc"
)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "failures"),
    [
        (300, [(20, 0)]),  # the one that records and holds the run's lock
        (600, [(20, 1), (200, 0)]),  # a follower before it
    ],
)
def test_a_lost_process_is_replaced_and_the_run_goes_on(
    tmp_path: Path, steps: int, failures: list[tuple[int, int]]
):
    runs = tmp_path / "runs"
    with launched(runs, steps, "--max-restarts", "2") as process:
        for step, rank in failures:
            end = time.monotonic() + 180
            while not (run_list := list_runs(runs)) or step not in run_list[0].checkpoints.steps():
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.01)
            os.kill(worker(process.pid, rank), signal.SIGKILL)
        out, stderr = process.communicate(timeout=180)
    assert process.returncode == 0, stderr
    assert stderr.count("continues from step") == len(failures)
    assert len(list_runs(runs)) == 1
    run = list_runs(runs)[0]
    result = json.loads(out.splitlines()[-1])
    assert result["step"] == steps and result["engine"]["processes"] == 2
    assert run.status() is Status.FINISHED and run.fact("error") == ""

    with launched(tmp_path / "whole", steps) as whole:
        _, stderr = whole.communicate(timeout=180)
    assert whole.returncode == 0, stderr
    unharmed = list_runs(tmp_path / "whole")[0]
    a, b = (
        Run.find(r.id, r.folder.parent).checkpoints.read(steps)[0].tensors for r in (run, unharmed)
    )
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_launch_on_several_nodes_without_an_id_is_known_by_its_agent(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert _launch() == ""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7f3c")
    assert _launch() == "7f3c"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    launch_id = _launch()
    other_agent = os.getppid() + 1
    monkeypatch.setattr(os, "getppid", lambda: other_agent)
    assert launch_id != _launch() != "none"


@pytest.mark.parametrize("how", ["cannot begin", "nothing to train", "diverges", "alone"])
def test_a_process_that_fails_waits_until_the_first_has_printed_its_error(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """torchrun ends all processes as soon as one of them has failed."""

    def run_worker(process_group: ProcessGroup) -> bool:
        if how == "nothing to train":
            return False
        if how == "diverges":
            raise Diverged("Too large.", [])
        raise ConfigError("33 cannot be shared.")

    monkeypatch.setattr(train, "run_worker", run_worker)
    monkeypatch.setattr(train, "FIRST_PROCESS_S", 0.2 if how == "alone" else 120.0)
    signals_sent: list[int] = []

    def end_as_torchrun_does() -> None:
        time.sleep(0.5)
        signals_sent.append(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    if how != "alone":
        threading.Thread(target=end_as_torchrun_does).start()
    assert train.run_worker_process(ProcessGroup(1, 2)) == (1 if how == "diverges" else 2)
    assert capsys.readouterr().err == ("33 cannot be shared.\n" if how == "alone" else "")
    assert len(signals_sent) == (how != "alone")


def test_what_many_processes_cannot_do_is_said_once(tmp_path: Path):
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "wgan",
            "train",
            "--preset",
            "toy-ring",
            "--batch-size",
            "33",
            "--runs-dir",
            str(tmp_path / "none"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode != 0
    assert result.stderr.count("cannot be divided equally among 2 processes") == 1
    assert not list_runs(tmp_path / "none")
