import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from wgan.cli.main import main
from wgan.data import Mnist10k
from wgan.labs.toys import new_critic_trainer
from wgan.metrics import emd
from wgan.networks import Mlp
from wgan.objectives import WganGp
from wgan.reproduce import EXPERIMENTS, Bench, Outcome, Row, page, run_experiment, table
from wgan.reproduce.critics import explained, gap, straightness
from wgan.reproduce.pictures import PixelMetrics
from wgan.rng import keyed_rng

TINY = 0.005


@pytest.fixture(autouse=True)
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGAN_DATA", str(tmp_path))


SLOW = {"brownlee", "mixtures", "no-batch-norm", "overfitting"}
"""Experiments that take longest; what they have in common with the others is tested with those."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in EXPERIMENTS]
)
def test_every_experiment_runs_and_gives_rows(name: str, tmp_path: Path):
    heard: list[float] = []
    bench = Bench(1, TINY, lambda _, share: heard.append(share), tmp_path)
    outcome = run_experiment(EXPERIMENTS[name], bench)
    assert outcome.rows and heard and all(0 <= share <= 1 for share in heard)
    for row in outcome.rows:
        assert row.quantity and row.expected and isinstance(row.measured, float)
        assert not math.isnan(row.measured), row
        assert row.agrees in (True, False, None)
    assert any(row.agrees is not None for row in outcome.rows) or name == "brownlee"
    json.loads(json.dumps(outcome.as_dict(), allow_nan=False))
    assert name in table(outcome) and f"## {name}" in page([outcome])
    picture = EXPERIMENTS[name].picture
    if picture:
        assert (tmp_path / picture).stat().st_size < 60_000
        with Image.open(tmp_path / picture) as image:
            assert image.size == (280, 280)


def test_parallel_lines_are_exactly_right():
    rows = EXPERIMENTS["parallel-lines"].run(Bench())
    assert len(rows) == 20 and all(row.agrees for row in rows)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_sorting_critic_never_exceeds_w1(seed: int):
    rows = [r for r in EXPERIMENTS["groupsort"].run(Bench(seed, 0.02)) if "gap" in r.quantity]
    assert len(rows) == 4 and all(row.measured <= 1 + 1e-5 for row in rows)


def test_the_gap_over_the_steepest_slope_is_below_w1():
    real = torch.randn(200, 2, generator=keyed_rng(0, "data"))
    fake = real + torch.tensor([0.3, 0.4])
    layer = torch.nn.Linear(2, 1, bias=False)
    linear = torch.nn.Sequential(layer, torch.nn.Flatten(0))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-3.0, -4.0]]))
    assert gap(linear, real, fake) / 5 == pytest.approx(0.5, rel=1e-5)
    assert gap(linear, real, fake) / 5 <= emd(real.numpy(), fake.numpy()) + 1e-6


def test_a_fitted_critic_separates():
    trainer = new_critic_trainer(Mlp(width=16, depth=1), WganGp(), 1e-2, 0, shape=(1,))
    real, fake = torch.ones(32, 1), torch.zeros(32, 1)
    before = gap(trainer.critic, real, fake)
    trainer.run(lambda _: (real, fake), 60, lambda *_: None, "")
    assert gap(trainer.critic, real, fake) > max(before, 0.7)


def test_fits_of_a_line_and_of_noise():
    x = torch.linspace(-1, 1, 50).double().numpy()
    assert straightness(x, 3 * x + 1) == pytest.approx(1)
    assert straightness(x, x**2) == pytest.approx(0, abs=1e-9)
    assert explained(x[:, None] ** 2, x**2) == pytest.approx(1)


def test_pixel_metrics_know_digits_from_copies_of_one():
    data = Mnist10k().load()
    metrics = PixelMetrics(data)
    good, copies = data.train[::10], data.train[:1].repeat(1000, 1, 1, 1)
    assert metrics.frechet(data.held_out[:]) == pytest.approx(0, abs=1e-3)
    assert metrics.frechet(good) < 0.1 * metrics.frechet(copies)
    assert (metrics.classes(good), metrics.classes(copies)) == (10, 1)
    assert metrics.shares(good).sum() == pytest.approx(1)


def test_a_table_is_aligned_and_infinity_is_no_json_number():
    rows = [Row("KL", "∞", math.inf, agrees=True), Row("longer", "1 | 2", 1234.5, 0.5, 2.0, False)]
    outcome = Outcome(EXPERIMENTS["parallel-lines"], rows, 1.0, 0, 1.0)
    lines = table(outcome).splitlines()
    assert lines[2].index("∞") == lines[1].index("expected")
    assert "1,234 ± 0.5" in lines[3] or "1,235 ± 0.5" in lines[3]
    assert outcome.as_dict()["rows"][0]["measured"] == "inf"
    assert "1 of 2 expectations met" in lines[-1]
    assert "1 \\| 2" in page([outcome])


def test_the_command_lists_and_measures(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["reproduce", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(EXPERIMENTS)
    out = tmp_path / "docs" / "page.md"
    assert main(["reproduce", "parallel-lines", "--json", "--seed", "3", "--out", str(out)]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["name"], outcome["seed"], len(outcome["rows"])) == ("parallel-lines", 3, 20)
    assert {"seconds", "versions"} <= set(outcome)
    assert out.read_text(encoding="utf-8").startswith("# Published results")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], [], ["parallel-lines", "--scale", "0"], ["--seed", "x"]]
)
def test_bad_arguments_are_said_in_a_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(["reproduce", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1
    if arguments in (["nonsense"], []):
        assert all(name in err for name in EXPERIMENTS)
