"""The search for the settings of the quick presets, with Optuna.

    python -m benchmarks.recipe search --dataset mnist --hours 1
    python -m benchmarks.recipe list --dataset mnist            # all trials, best first
    python -m benchmarks.recipe verdict --dataset mnist --best 3 --seconds 30

A trial is one choice of settings. It trains three times, for 10, 20 and 40 seconds, each time from the
beginning and with a schedule that is planned for that time. After each training, Optuna ends the trial
unless it is among the best third of those that trained for as long (successive halving). The first trial
is the present preset. Pictures are judged by the FID of 4,000 samples; points by the share of samples that are
not near a mode, or of modes that are missed.

Trials are stored in recipe/DATASET.sqlite. A search that is stopped continues from there, and several
processes may search at the same time. `--clock process` counts the processor time of the training in place of the
time on the clock, for a machine that is also used otherwise. `verdict` trains the best settings and the preset with
three new seeds, in turns.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from benchmarks.quality import sample_metrics
from benchmarks.trainings import sampler_of
from wgan.config import PRESETS, ConfigError, TrainConfig
from wgan.data import Data, Pictures
from wgan.metrics import ReferenceStats
from wgan.training import Diverged, Training, resolve_engine

KEPT = 3
"""After each round, the best of every three trials continues."""
TIMED_STEPS = 25
"""Steps that are timed to plan a training."""

PRESET_OF = {
    "mnist": "quick-mnist-60k",
    "mnist-10k": "quick-mnist",
    "fashion-mnist": "quick-fashion",
    "pokemon": "quick-pokemon",
    "ring-8": "toy-ring",
    "grid-25": "toy-grid",
    "swiss-roll": "toy-swiss-roll",
}
"""The preset that a search would change, by data set."""

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "process": time.process_time}

Settings = dict[str, Any]
"""Changes to a preset, by their path in the config."""

Space = dict[str, BaseDistribution]
"""The values among which a search chooses, by their path in the config."""

NOT_KEPT = "1 - ema_decay"
"""The share of the generator's average that a step replaces. It is searched on a logarithmic scale."""


def space_of(preset: TrainConfig) -> Space:
    """Return what is searched for a preset.

    Before the search, single changes were tried, each with one seed: `docs/recipe.md`. What
    was clearly worse is left out: momentum (β₁ 0.5), other starting weights, an auxiliary classifier in place
    of the projection, and the standard deviation over a minibatch as a feature.
    """
    choice = CategoricalDistribution

    def scale(low: float, high: float) -> FloatDistribution:
        return FloatDistribution(low, high, log=True)

    space: Space = {
        "decay": choice(["linear", "cosine"]),
        "generator_learning_rate": scale(1e-3, 1e-2),
        "critic_learning_rate": scale(2e-3, 2e-2),
        "optimizer.beta2": choice([0.9, 0.95, 0.99]),
        "objective.one_sided": choice([False, True]),
        "objective.penalty_every": choice([1, 2]),
    }
    if preset.dataset.kind == "points":
        return space | {
            "n_critic": choice([1, 2, 4]),
            "batch_size": choice([64, 128, 256, 512]),
            "objective.penalty_weight": scale(0.03, 3.0),
            "network.width": choice([64, 128, 256]),
            "network.depth": choice([2, 3, 4]),
            "network.activation": choice(["relu", "leaky-relu"]),
            "latent_dim": choice([2, 4, 8]),
            NOT_KEPT: scale(1e-3, 5e-2),
        }
    return space | {
        "batch_size": choice([16, 32, 64, 128]),
        "objective.penalty_weight": scale(3.0, 30.0),
        "network.size": choice(["small", "medium", "large"]),
        "network.upsampling": choice(["transposed", "resize"]),
        "latent_dim": choice([16, 32, 64, 128]),
        NOT_KEPT: scale(2e-3, 1e-1),
    }


def base_of(dataset: str) -> TrainConfig:
    """Return the preset of a data set, class-conditional if there are classes, with a decay of the learning rates."""
    preset = PRESETS[PRESET_OF[dataset]].config
    has_classes = bool(preset.dataset.class_names())
    decay = "linear" if preset.decay == "none" else preset.decay
    return preset.changed({"conditional": has_classes, "decay": decay})


def settings_of(params: Mapping[str, Any]) -> Settings:
    """Return the changes to the preset that a trial's values mean."""
    settings = dict(params)
    settings["ema_decay"] = 1 - settings.pop(NOT_KEPT)
    return settings


def values_of(preset: TrainConfig, space: Space) -> dict[str, Any]:
    """Return the preset's own values of what is searched."""
    values = {**preset.flat(), NOT_KEPT: 1 - preset.ema_decay}
    return {path: values[path] for path in space}


@dataclass
class Bench:
    """Trains configs on one data set for a given time, and judges their samples.

    Args:
        preset: The config to which settings are changes.
        clock: What counts as time, in seconds.
    """

    preset: TrainConfig
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._data: Data = self.preset.dataset.load()
        self._reference = (
            ReferenceStats(self.preset.dataset, self._data)
            if isinstance(self._data, Pictures)
            else None
        )
        means = None if isinstance(self._data, Pictures) else self._data.means
        self.modes = 0 if means is None else len(means)

    def _training(self, config: TrainConfig) -> Training:
        engine = resolve_engine(config)
        engine.activate()
        return Training(config, engine=engine, data=self._data)

    def _timed_step(self, training: Training) -> float:
        """Make a step and return its seconds."""
        start = self.clock()
        training.step()
        if training.steps % training.config.report_every == 0:
            training.reports()  # raises Diverged
        return self.clock() - start

    def run(self, settings: Settings, seed: int, seconds: float) -> dict[str, float]:
        """Train with a schedule that is planned for a time; return the metrics of the samples.

        Raises:
            ConfigError: The settings cannot be combined.
            Diverged: The training diverged.
        """
        limits = {"seed": seed, "measure": False, "steps": 10_000_000}
        config = self.preset.changed(limits).changed(settings)
        trial = self._training(config)
        times = [self._timed_step(trial) for _ in range(TIMED_STEPS + 5)][5:]
        config = config.changed({"steps": max(1, round(seconds / statistics.mean(times)))})
        training = self._training(config)
        used = 0.0
        while training.steps < config.steps:
            used += self._timed_step(training)
        metrics = sample_metrics(self._data, self._reference, sampler_of(training.average, config))
        return {"steps": training.steps, "seconds": round(used, 2), **metrics}


def badness(metrics: Mapping[str, float], modes: int) -> float:
    """Return what the search minimises: the FID, or the share of points that are not near a mode, or W₁.

    Args:
        metrics: The metrics of `sample_metrics`.
        modes: Number of modes of the data. If some are missed, the share counts for the found ones only.
    """
    if "fid64_4k" in metrics:
        return metrics["fid64_4k"]
    if "modes" in metrics:
        return 1 - metrics["high_quality"] * metrics["modes"] / modes
    return metrics["emd_512"]


def study_of(dataset: str, folder: Path) -> optuna.Study:
    """Return the stored study of a data set, or a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=dataset,
        storage=f"sqlite:///{folder / dataset}.sqlite",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(multivariate=True, constant_liar=True),
        pruner=optuna.pruners.SuccessiveHalvingPruner(reduction_factor=KEPT),
    )


def search(
    study: optuna.Study,
    bench: Bench,
    hours: float,
    rounds: Sequence[float],
    wanted: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Make trials for a time.

    Args:
        study: Where they are stored.
        bench: What trains and judges them.
        hours: The time.
        rounds: Seconds of each training of a trial.
        wanted: Changes to the preset, by their name in the search space, that are tried first.
    """
    space = space_of(bench.preset)
    own = values_of(bench.preset, space)
    if not study.trials:
        study.enqueue_trial(own)
    for values in wanted:
        study.enqueue_trial({**own, **values})
    end = time.perf_counter() + 3600 * hours
    while time.perf_counter() < end:
        trial = study.ask(space)
        print(f"trial {trial.number}: {json.dumps(trial.params)}", flush=True)
        study.tell(trial, *try_settings(trial, bench, rounds))


def try_settings(
    trial: optuna.Trial, bench: Bench, rounds: Sequence[float]
) -> tuple[float | None, TrialState]:
    """Train the settings of a trial in each round, until it is pruned; return its value and state."""
    settings, value = settings_of(trial.params), math.inf
    for number, seconds in enumerate(rounds):
        try:
            metrics = bench.run(settings, seed=number, seconds=seconds)
        except ConfigError as error:
            trial.set_user_attr("problem", str(error))
            return None, TrialState.FAIL
        except Diverged as error:
            trial.set_user_attr("problem", str(error))
            return None, TrialState.PRUNED
        value = badness(metrics, bench.modes)
        trial.set_user_attr(f"{seconds:g} s", metrics)
        print(f"  {seconds:g} s, {metrics['steps']:,} steps: {value:.3f}", flush=True)
        trial.report(value, KEPT**number)
        if number < len(rounds) - 1 and trial.should_prune():
            return None, TrialState.PRUNED  # Optuna takes the last reported value
    return value, TrialState.COMPLETE


def ordered(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials with a result: those of more rounds first, then by their last value."""
    done = [trial for trial in study.trials if trial.intermediate_values]

    def key(trial: optuna.trial.FrozenTrial) -> tuple[int, float]:
        last = max(trial.intermediate_values)
        return -last, trial.intermediate_values[last]

    return sorted(done, key=key)


def print_trials(study: optuna.Study, rounds: Sequence[float]) -> None:
    """Print a table of all trials, best first."""
    trials = ordered(study)
    failed = sum(trial.state is TrialState.FAIL for trial in study.trials)
    print(f"{len(study.trials)} trials, of which {failed} could not be trained\n")
    heads = [f"{seconds:g} s" for seconds in rounds]
    print(f"| trial | {' | '.join(heads)} | settings |")
    print("|---" * (2 + len(heads)) + "|")
    for trial in trials:
        cells = [
            f"{trial.intermediate_values[KEPT**i]:.3f}"
            if KEPT**i in trial.intermediate_values
            else ""
            for i in range(len(rounds))
        ]
        settings = ", ".join(
            f"{path} {value:.3g}" if isinstance(value, float) else f"{path} {value}"
            for path, value in trial.params.items()
        )
        print(f"| {trial.number} | {' | '.join(cells)} | {settings} |")


def verdict(
    study: optuna.Study, bench: Bench, best: int, seeds: Sequence[int], seconds: float
) -> None:
    """Train the best trials and the preset with other seeds, in turns, and print a table."""
    arms: dict[str, Settings] = {"the preset": {}}
    arms |= {f"trial {t.number}": settings_of(t.params) for t in ordered(study)[:best]}
    values: dict[str, list[float]] = {name: [] for name in arms}
    for seed in seeds:
        for name, settings in arms.items():
            metrics = bench.run(settings, seed, seconds)
            values[name].append(badness(metrics, bench.modes))
            print(json.dumps({"arm": name, "seed": seed, **metrics}), flush=True)
    print(f"\n| settings | {', '.join(f'seed {seed}' for seed in seeds)} | mean |\n|---|---|---|")
    for name, each in values.items():
        print(f"| {name} | {', '.join(f'{v:.3f}' for v in each)} | {statistics.fmean(each):.3f} |")


def main() -> None:
    """Search, list the trials, or compare the best."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["search", "list", "verdict"])
    parser.add_argument("--dataset", choices=PRESET_OF, default="mnist")
    parser.add_argument("--folder", type=Path, default=Path("recipe"))
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--hours", type=float, default=1.0, help="length of a search (1)")
    parser.add_argument("--rounds", type=float, nargs="+", default=[10.0, 20.0, 40.0])
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (0: all cores)")
    parser.add_argument("--best", type=int, default=3, help="trials in a verdict (3)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12], help="of a verdict")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a verdict's trainings (30)")
    parser.add_argument(
        "--wanted",
        type=json.loads,
        nargs="+",
        default=[],
        metavar="JSON",
        help="changes to the preset that a search tries first, such as '{\"batch_size\": 64}'",
    )
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = study_of(options.dataset, options.folder)
    if options.what == "list":
        print_trials(study, options.rounds)
        return
    preset = base_of(options.dataset).changed({"threads": options.threads})
    bench = Bench(preset, CLOCKS[options.clock])
    if options.what == "search":
        search(study, bench, options.hours, options.rounds, options.wanted)
    else:
        verdict(study, bench, options.best, options.seeds, options.seconds)


if __name__ == "__main__":
    main()
