"""What `python -m wgan bench` measures: counts against closed forms, every row whole, errors in a sentence."""

import importlib.util
import json
import time
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import first_minute
from tests.conftest import tiny
from wgan import bench
from wgan.bench import measurement
from wgan.bench.app_costs import PartTimer
from wgan.cli.main import main
from wgan.training import Engine, Training


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices and short measurements."""
    monkeypatch.setattr(measurement, "MATRIX_SIDES", {"cpu": 32})
    monkeypatch.setattr(measurement, "MATRIX_PRODUCT_S", 0.0)


def test_operations_of_a_layer_are_those_of_its_formula():
    n, inside, outside = 7, 5, 3
    layer, x = nn.Linear(inside, outside), torch.randn(n, inside)
    forward = 2 * n * inside * outside
    assert bench.count_operations(lambda: layer(x)) == forward
    # Backward: the weight's gradient is as large a product; that of x besides, where it is asked for.
    assert bench.count_operations(lambda: layer(x).sum().backward()) == 2 * forward
    x_with_grad = x.clone().requires_grad_()
    assert bench.count_operations(lambda: layer(x_with_grad).sum().backward()) == 3 * forward


def test_operations_of_a_step_are_counted_with_the_penalty():
    def of(objective: str) -> int:
        config = tiny(objective=objective)
        return bench.step_flops(Training(config, engine=Engine("cpu", "float32", 1)))

    assert of("wgan-gp") > of("wgan") > 0


def test_rows_are_chosen_by_words():
    assert set(bench.bench_configs(["toy", "128"])) == {
        "toy 3×128 · wgan-gp",
        "toy 3×128 · wgan",
        "toy 3×128 · gan",
    }
    assert bench.bench_configs(["nothing like it"]) == {} and len(bench.bench_configs()) == 15


def test_a_spell_counts_steps_and_waits():
    calls: list[str] = []

    def step() -> None:
        calls.append("step")
        time.sleep(0.001)

    n, seconds = bench.run_steps(step, lambda: calls.append("fetch"), "cpu", 0.0)
    assert calls == ["step", "fetch"] * 2 and n == 2 and seconds >= 0.002


def test_memory_is_of_what_is_measured():
    with bench.peak_memory("cpu") as memory:
        block = torch.ones(64, 1024, 1024, dtype=torch.uint8)
    assert memory["bytes"] >= block.nbytes


def test_speeds_have_every_figure():
    (row,) = bench.measure_speeds({"tiny": tiny()}, "cpu", 1, 0.01, 1)
    assert row["images_per_second"] == pytest.approx(row["steps_per_second"] * 16 * 2)
    assert row["gigaflops_per_second"] == pytest.approx(
        row["gigaflops_a_step"] * row["steps_per_second"]
    )
    assert all(row[name] > 0 for name in ("share", "share_of_float32", "peak_memory_bytes"))
    table_row = bench.table_row(row)
    assert (
        table_row.count("|") == bench.TABLE_HEADS[bench.measure_speeds].count("|")
        and "GB" in table_row
    )


def test_what_cannot_be_compiled_says_so():
    (row,) = bench.measure_compiled({"tiny": tiny(compiled=False)}, "cpu", 1, 0.01, 1)
    assert "turned off" in row["unfit"] and "turned off" in bench.table_row(row)


@pytest.mark.slow
def test_costs_are_told_by_part():
    (row,) = bench.measure_costs(
        {"tiny": tiny(preview_every=1, checkpoint_every=2)}, "cpu", 1, 0.3, 1
    )
    assert set(row["parts"]) == {"reports", "previews", "checkpoints", "metrics", "recording"}
    assert all(0 <= share < 1 for share in row["parts"].values())
    assert sum(row["parts"].values()) < 1
    assert row["parts"]["previews"] > 0 and row["parts"]["checkpoints"] > 0
    assert row["steps_per_second"] > 0 and row["app_steps_per_second"] > 0 and row["lost"] < 1
    assert bench.table_row(row).count("|") == bench.TABLE_HEADS[bench.measure_costs].count("|")


def test_nested_parts_are_counted_once():
    class Metrics:
        def measure_checkpoint(self) -> None:
            time.sleep(0.05)

        def measure(self) -> None: ...

    class Recorder:
        """A recorder whose checkpoint measures for most of its time."""

        def __init__(self) -> None:
            self.metrics = Metrics()
            self.collect = self.save_preview = lambda: None

        def save_checkpoint(self) -> None:
            self.metrics.measure_checkpoint()

    class Clocked:
        def __init__(self) -> None:
            self.training = Training(tiny(), engine=Engine("cpu", "float32", 1))
            self.recorder = Recorder()

        def flush(self) -> None: ...

    job: Any = Clocked()
    parts = PartTimer(job)
    parts.is_running = True
    start = time.perf_counter()
    job.recorder.save_checkpoint()
    whole = time.perf_counter() - start
    assert parts.seconds["metrics"] >= 0.05 and parts.seconds["checkpoints"] >= 0
    assert sum(parts.seconds.values()) <= whole


def test_the_command(capsys: pytest.CaptureFixture[str]):
    arguments = [
        "bench",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--only",
        "toy 3×128 · gan",
        "--rounds",
        "1",
        "--seconds",
        "0.01",
    ]
    assert main([*arguments, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert row["row"] == "toy 3×128 · gan" and row["threads"] == 1 and row["device"] == "cpu"
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cpu: ") and len({line.count("|") for line in lines[2:]}) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--only", "nothing like it"], "No row"),
        (["--rounds", "0"], "at least 1"),
        (["--threads", "0"], "at least 1"),
        (["--device", "abacus"], "abacus"),
        (["--seconds", "-1"], "greater than 0"),
        (["--compiled", "--costs"], "cannot be combined"),
    ],
)
def test_wrong_arguments_are_answered_in_a_sentence(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["bench", *arguments]) == 2
    output = capsys.readouterr()
    assert word in output.err and not output.out


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_an_absent_device_is_said(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", "--device", "cuda"]) == 2
    assert "no cuda device" in capsys.readouterr().err


def test_the_modules_that_a_benchmark_imports_are_there():
    assert all(importlib.util.find_spec(name) is not None for name in first_minute.IMPORTS)
