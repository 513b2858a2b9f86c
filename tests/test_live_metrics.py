"""Measuring in passing: it changes nothing, keeps its pace, and its numbers are the run's."""

import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import THREADS, pictures, tiny
from wgan.config import TrainConfig
from wgan.data import Pictures
from wgan.imaging import decode
from wgan.jobs import TrainingJob
from wgan.jobs.snapshot import SERIES_POINTS, Series, pack_neighbours
from wgan.metrics import METRICS, emd, metric_of
from wgan.rng import keyed_rng
from wgan.runs import Measured, Run, Status
from wgan.training import Engine, LiveEvaluator, Training, live_metrics

DIGITS = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "latent_dim": 8,
    "batch_size": 8,
    "n_critic": 1,
    "steps": 10,
    "report_every": 1,
}


def ready(live_evaluator: LiveEvaluator) -> LiveEvaluator:
    live_evaluator.prepare()
    return live_evaluator


def test_what_comes_once_is_prepared_in_shares_that_are_not_counted(engine: Engine):
    live_evaluator = LiveEvaluator(Training(tiny(), engine=engine))
    end = time.monotonic() + 180
    while not live_evaluator.due(
        live_metrics.FIRST_METRICS_S
    ):  # what takes seconds to import is imported beside
        assert time.monotonic() < end
        time.sleep(0.01)
    shares = 0
    while not live_evaluator.ready:
        assert live_evaluator.measure(live_metrics.FIRST_METRICS_S) == {}
        shares += 1
    assert shares > 1 and live_evaluator.due(live_metrics.FIRST_METRICS_S)


BY_CLASS = TrainConfig.parse(DIGITS | {"conditional": True})


@pytest.mark.parametrize(
    ("config", "data"),
    [
        (tiny(), None),
        (tiny(objective="wgan-sn"), None),
        (TrainConfig.parse(DIGITS), None),
        (BY_CLASS, pictures()),
        pytest.param(BY_CLASS, None, marks=pytest.mark.slow),
    ],
    ids=["points", "spectral norm", "digits", "noise by class", "digits by class"],
)
def test_a_measured_training_is_the_same_training(
    config: TrainConfig, data: Pictures | None, engine: Engine
):
    plain, watched = (Training(config, engine=engine, data=data) for _ in range(2))
    live_evaluator = ready(LiveEvaluator(watched))
    for _ in range(2):
        plain.step()
        watched.step()
        assert all(math.isfinite(value) for value in live_evaluator.measure_all().values())
    assert plain.reports() == watched.reports()
    for a, b in ((plain.critic, watched.critic), (plain.generator, watched.generator)):
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            assert torch.equal(x, y)


def test_the_numbers_are_those_of_the_averaged_generator(engine: Engine):
    training = Training(tiny(), engine=engine)
    for _ in range(3):
        training.step()
    z = torch.randn(2500, 2, generator=keyed_rng(0, "metric"))
    with torch.no_grad():
        fake = training.average(z).numpy()
    real = training.data.batch("train", 512, keyed_rng(0, "metric", draw=1)).numpy()
    metrics = ready(LiveEvaluator(training)).quality()
    assert metrics["emd_512"] == pytest.approx(emd(fake[:512], real), rel=1e-6)
    assert {"modes_2500", "high_quality_2500", "sliced_2500", "emd_512_floor"} <= set(metrics)
    assert 0 < metrics["emd_512_floor"] < metrics["emd_512"]


def test_the_samples_beside_training_pictures_are_of_all_classes(engine: Engine):
    """A preview has ten rows, one for each class. Eight samples are shown, and 64 are counted."""
    training = Training(TrainConfig.parse(DIGITS | {"conditional": True}), engine=engine)

    class Labels(torch.nn.Module):
        def forward(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            grey = (labels / 9 * 2 - 1).view(-1, 1, 1, 1)  # the class as a shade of grey
            return grey.expand(-1, 1, 28, 28)

    training.average = Labels()
    live_evaluator = ready(LiveEvaluator(training))
    live_evaluator.copies()
    neighbours = live_evaluator.neighbours
    assert neighbours is not None
    shades = neighbours.samples[:, 0, 0, 0]
    assert len(shades) == 64 and len(set(shades.tolist())) == 10
    shown = decode(pack_neighbours(neighbours).content)  # two rows of eight
    assert len({int(shown[14, 28 * i + 14, 0]) // 20 for i in range(8)}) == 8


def test_a_generator_that_repeats_one_training_picture_is_called_a_copier(engine: Engine):
    config = TrainConfig.parse(DIGITS)
    training = Training(config, engine=engine)

    class Copier(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            picture = training.data.batch("train", 1, keyed_rng(0, "sample"))
            return picture.expand(len(z), -1, -1, -1)

    training.average = Copier()
    live_evaluator = ready(LiveEvaluator(training))
    assert live_evaluator.copies()["memorised_64"] == 1
    assert live_evaluator.neighbours is not None and live_evaluator.neighbours.copies.all()
    assert np.array_equal(
        live_evaluator.neighbours.samples[0], live_evaluator.neighbours.nearest[0]
    )
    metrics = live_evaluator.quality()
    assert metrics["duplicates_1k"] == 1 and metrics["class_kl_1k"] > 2
    assert metrics["memorised_64_floor"] == 0


def test_measuring_waits_until_it_has_been_paid_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    live_evaluator = ready(LiveEvaluator(Training(tiny(), engine=engine)))
    clock = iter(float(n) for n in range(1000))  # a second between two looks at the clock
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert not live_evaluator.due(0.5)
    assert live_evaluator.due(2.0) and live_evaluator.measure(2.0)  # costs a second
    assert not live_evaluator.due(10.0)  # one of ten
    assert not live_evaluator.due(1 / live_metrics.MAX_MEASURING_SHARE - 0.1)
    assert live_evaluator.due(1 / live_metrics.MAX_MEASURING_SHARE + 0.1)
    live_evaluator.measure(26.0)
    assert not live_evaluator.due(49.0) and live_evaluator.due(
        2 / live_metrics.MAX_MEASURING_SHARE + 0.1
    )


def test_frequent_checkpoints_leave_time_for_the_measurements_between_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    live_evaluator = ready(LiveEvaluator(Training(tiny(), engine=engine)))
    clock = iter(float(n) for n in range(1000))  # a second between two looks at the clock
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    for _ in range(20):
        assert live_evaluator.at_checkpoint()
    assert live_evaluator.due(2.0) and live_evaluator.measure(2.0)
    enough = 1 / live_metrics.ALWAYS_ALLOWED_SHARE
    assert not live_evaluator.due(enough - 0.1) and live_evaluator.due(enough + 0.1)


def test_a_run_records_what_is_measured_and_can_do_without(runs_dir: Path, monkeypatch):
    monkeypatch.setattr(live_metrics, "FIRST_METRICS_S", 0.0)
    monkeypatch.setattr(live_metrics, "METRICS_INTERVAL_S", 0.0)
    monkeypatch.setattr(
        live_metrics, "MAX_MEASURING_SHARE", math.inf
    )  # at every step, however long one takes
    runs = {}
    for measure in (True, False):
        run = Run.create(tiny(measure=measure, steps=10), runs_dir)
        job = TrainingJob(run, threads=THREADS)
        job.prepare()
        job.live_evaluator.prepare()
        while not job.done:
            job.step()
        job.finish(Status.FINISHED)
        runs[measure] = run
    assert runs[False].metrics() == []
    names = {m.name for m in runs[True].metrics()}
    assert {"emd_512", "sliced_2500", "emd_512_floor"} <= names
    assert all(math.isfinite(m.value) for m in runs[True].metrics())
    assert [r.report for r in runs[True].reports_after(0)] == [
        r.report for r in runs[False].reports_after(0)
    ]
    # Of what is measured, only the headline numbers say which checkpoint is best.
    assert set(runs[True].best_steps()) == {"emd_512", "modes_2500", "high_quality_2500"}


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (tiny(steps=6, measure=True), Status.FINISHED),
        (TrainConfig.parse(DIGITS | {"steps": 3}), Status.FINISHED),
        (tiny(steps=6, measure=True), Status.STOPPED),
    ],
    ids=["points", "digits", "stopped"],
)
def test_all_values_of_a_finished_run_are_of_its_last_step(
    config: TrainConfig, status: Status, runs_dir: Path
):
    run = Run.create(config, runs_dir)
    job = TrainingJob(run, threads=THREADS)
    job.prepare()
    job.step()
    job.live_evaluator.prepare()
    job.recorder.metrics.measure(job.training, 0.0)  # the critic, at step 1
    while not job.done:
        job.step()
    job.finish(status)
    last = {m.name: m.step for m in run.metrics()}
    if status is Status.FINISHED:
        assert len(last) > 8 and set(last.values()) == {config.steps}
        neighbours = run.neighbours()
        assert neighbours is None or neighbours.step == config.steps
    else:
        assert last["slope_hat"] == 1


def test_what_was_measured_after_the_checkpoint_is_measured_again(runs_dir: Path):
    run = Run.create(tiny(steps=60, measure=True), runs_dir)
    job = TrainingJob(run, threads=THREADS)
    job.prepare()
    while job.training.steps < 40:
        job.step()
    job.finish(Status.STOPPED)
    run.add_metrics([Measured(55, "emd_512", 9.0)])  # as if killed at 59, with a checkpoint at 40
    job = TrainingJob(run, threads=THREADS, resume=True)
    job.prepare()
    while not job.done:
        job.step()
    job.finish(Status.FINISHED)
    # A measurement at step 55 may be due again: measurements are due by time.
    assert 9.0 not in {m.value for m in run.metrics()}
    assert 60 in {m.step for m in run.metrics()}


def test_series_stay_small_and_keep_both_ends():
    series = Series(Measured(i, "emd_512", float(i)) for i in range(5000))
    steps = [m.step for m in series.shown]
    assert steps == sorted(steps) and SERIES_POINTS / 2 <= len(steps) <= 2 * SERIES_POINTS
    assert (steps[0], steps[-1]) == (0, 4999)
    series.add([Measured(4999, "emd_512", 1.0)])
    assert len([m for m in series.shown if m.step == 4999]) == 1


def test_pictures_of_a_stand_in_set_are_measured_too(engine: Engine):
    """No family, few held out: random convolutions, and as many samples as real ones."""
    data = pictures(64)
    config = TrainConfig.parse(DIGITS | {"dataset": {"name": "mnist-10k", "classes": ["0", "1"]}})
    live_evaluator = ready(LiveEvaluator(Training(config, engine=engine, data=data)))
    metrics = live_evaluator.quality()
    assert {"fid64_32", "fid64_32_floor"} <= set(metrics)
    assert all(
        metric_of(n) in METRICS.values() for n in metrics if not n.endswith(("_sd", "_floor"))
    )


def test_the_kernel_distance_tells_of_the_samples_that_the_rest_was_measured_of(engine: Engine):
    training = Training(TrainConfig.parse(DIGITS), engine=engine)
    live_evaluator = ready(LiveEvaluator(training))
    assert live_evaluator.kernel() == {}
    training.step()
    first = live_evaluator.quality()
    assert "kid64_1k" not in first and "fid64_1k" in first
    inputs = live_evaluator._samples[1] if live_evaluator._samples else None
    expected = inputs.kid() if inputs is not None else None
    training.step()
    metrics = live_evaluator.kernel()
    assert metrics["kid64_1k"] == pytest.approx(expected) and live_evaluator.step == 1
    assert live_evaluator.kernel() == {}


def test_no_thread_imports_scipy_while_another_uses_it():
    """A training imports slow modules in a thread, and they import parts of SciPy.

    Two threads that import parts of SciPy at the same time can get a half-imported module. So what this program
    uses of SciPy is imported with the program.
    """
    code = (
        "import sys, wgan.session; before = set(sys.modules); import wgan.transport, wgan.labs.transport, "
        "wgan.labs.divergences, wgan.metrics, wgan.critic, wgan.jobs; "
        "print(*(name for name in set(sys.modules) - before if name.startswith('scipy')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []
