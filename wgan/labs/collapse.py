"""GAN, WGAN and WGAN-GP from one seed, in lockstep: how many modes each keeps."""

import itertools
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from wgan.arrays import F32, F64, I64, U8
from wgan.config import TrainConfig
from wgan.data import Data, Pictures, Points
from wgan.diagnosis import RULES
from wgan.jobs import TaskProgress, TaskSteps
from wgan.metrics import LIVE_SAMPLES, PictureSides, ReferenceStats, mixture_modes
from wgan.metrics.images import KNOWN
from wgan.rng import keyed_rng
from wgan.training import Diverged, Engine, Training, resolve_engine
from wgan.training.live_metrics import make

COLLAPSE = "Mode collapse"

SETS = {
    "ring-8": "Ring of 8 Gaussians",
    "grid-25": "Grid of 25 Gaussians",
    "mnist-10k": "MNIST, 10,000 digits",
}
"""What the three can be trained on, and what it is called."""

STEPS = {"ring-8": 600, "grid-25": 800, "mnist-10k": 300}
LOOKS = {"points": 50, "pictures": 20}
"""How often it is looked at."""

ENOUGH = 3
"""Looks in a row that make a collapse: one alone may be chance."""

GRACE = {"points": 0.1, "pictures": 0.5}
"""Share of the steps before which nothing counts as collapsed: of points, and of pictures, which a
classifier takes for one digit until they have strokes."""

SHOWN = 512
"""Points that are shown of each network."""

COMPARED = 500
"""Digits whose classes are counted."""

ARMS: dict[str, tuple[str, dict[str, object]]] = {
    "gan": (
        "GAN",
        {
            "objective": "gan",
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
            "n_critic": 1,
        },
    ),
    "wgan": (
        "WGAN",
        {
            "objective": {"name": "wgan", "clip_value": 0.1},
            "optimizer": "rmsprop",
            "generator_learning_rate": 3e-4,
            "n_critic": 5,
        },
    ),
    "wgan-gp": (
        "WGAN-GP",
        {
            "objective": {"name": "wgan-gp", "penalty_weight": 0.1},
            "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.9},
            "n_critic": 5,
        },
    ),
}
"""The three: what each is called, and what sets it apart from the others."""

_SHARED: dict[str, dict[str, object]] = {
    "points": {
        "network": {"name": "mlp", "width": 64, "depth": 3},
        "generator_learning_rate": 1e-3,
        "critic_learning_rate": 3e-4,
        "batch_size": 128,
        "latent_dim": 2,
    },
    "pictures": {
        # Without batch norm in the generator, as in figure 6 of the WGAN paper.
        "network": {"name": "dcgan", "size": "small", "batch_norm": False},
        "generator_learning_rate": 1e-3,
        "critic_learning_rate": 3e-4,
        "batch_size": 32,
        "latent_dim": 32,
    },
}

_OF_PICTURES: dict[str, dict[str, object]] = {
    "wgan": {"generator_learning_rate": 1e-3, "critic_learning_rate": 1e-3},
    "wgan-gp": {"objective": {"name": "wgan-gp", "penalty_weight": 10.0}},
}
"""What of ARMS is otherwise for pictures."""

_DATASETS: dict[str, dict[str, object]] = {
    "ring-8": {"name": "ring-8", "scale": 2.0, "sigma": 0.05},
    "grid-25": {"name": "grid-25", "scale": 4.0, "sigma": 0.1},
    "mnist-10k": {"name": "mnist-10k"},
}


@dataclass(frozen=True)
class Limits:
    """When samples count as collapsed; of the rule of the diagnosis that tells it of any run."""

    modes: float  # share of the modes: so few are captured, …
    good: float  # … while so many samples are of high quality
    variety: float  # spread of the samples around their mean over that of real ones
    class_kl: float  # nats between the classes of the samples and of the data
    source: str


def limits() -> Limits:
    """Return the thresholds of the rule "mode-collapse"."""
    rule = RULES["mode-collapse"]
    rule_limits = rule.limits
    return Limits(
        rule_limits["modes"],
        rule_limits["good"],
        rule_limits["variety"],
        rule_limits["class_kl"],
        rule.source,
    )


@dataclass(frozen=True)
class GanHistory:
    """One of the three, as far as it has come: K looks."""

    key: str
    title: str
    steps: I64  # (K,), rising
    modes: F64  # (K,), modes captured of 2,500 samples; of digits: classes with 1 % of the samples
    good: F64  # (K,), share of high quality; of digits: mean certainty of the classifier
    variety: F64  # (K,), spread of the samples over that of real ones
    kl: F64  # (K,), nats between the classes; NaN for points
    alarms: npt.NDArray[np.bool_]  # (K,), whether it counts as collapsed
    points: F32 | None = None  # (512, 2)
    pictures: U8 | None = None  # (64, 1, 28, 28)
    classes: F64 | None = None  # (10,), shares of the samples
    broken: str = ""  # what ended its training early

    @property
    def since(self) -> int | None:
        """The first step at which it counted as collapsed; None: never."""
        return int(self.steps[self.alarms.argmax()]) if self.alarms.any() else None

    @property
    def collapsed(self) -> bool:
        """Whether it counts as collapsed now."""
        return bool(len(self.alarms) and self.alarms[-1])


@dataclass(frozen=True)
class Collapse:
    """The three side by side."""

    name: str
    seed: int
    step: int
    total: int
    total_modes: int  # modes, or classes, of the data
    gans: tuple[GanHistory, ...]
    real: F32 | None = None  # (512, 2)
    extent: float = 0.0
    discriminator_updates: int = 1  # updates a step of the GAN's discriminator
    frequencies: F64 | None = None  # (10,), of the data's classes
    floor: float = math.nan  # share of high quality of real points


def configs(
    name: str, *, seed: int = 0, steps: int | None = None, discriminator_updates: int = 1
) -> dict[str, TrainConfig]:
    """Return the configs of the three for a set, by key. Raises ValueError for an unknown one.

    `judged` is how many updates a step the GAN's discriminator gets; the critics get five.
    """
    if name not in SETS:
        raise ValueError(f"There is no set {name!r} here: choose one of {', '.join(SETS)}.")
    kind = "pictures" if name == "mnist-10k" else "points"
    shared = _SHARED[kind] | {
        "dataset": _DATASETS[name],
        "steps": steps or STEPS[name],
        "seed": seed,
        # The generator as it is: an average of its weights would hide what it does at a moment.
        "ema_decay": 0.0,
        "report_every": 25,
        "precision": "float32",
    }
    by_name = {}
    for key, (_, changes) in ARMS.items():
        values = shared | changes | ({"n_critic": discriminator_updates} if key == "gan" else {})
        if kind == "pictures":
            values |= _OF_PICTURES.get(key, {})
        by_name[key] = TrainConfig.parse(values)
    return by_name


def alarms(gan: GanHistory, total_modes: int, total: int) -> npt.NDArray[np.bool_]:
    """Tell at which looks an arm counts as collapsed, (K,): from three looks in a row on.

    Points: at most 0.75 of the modes while 0.3 of the samples are good, or all of them narrower than 0.35
    of the data. Digits: 0.9 nats between the classes, and 15 % more than at its best so far. It ends
    with three looks in a row at which that is not so and, of points, most modes are captured. At the start
    every network makes one thing, which is no collapse: what is seen in the first GRACE of `total` steps
    does not count.
    """
    thresholds = limits()
    pictures = bool(np.isfinite(gan.kl).any())
    if pictures:
        is_bad = gan.kl > thresholds.class_kl
        # Who learns slowly is at its best all the time: that is no collapse.
        is_bad &= gan.kl >= 1.15 * np.minimum.accumulate(gan.kl)
    else:
        is_bad = (gan.modes <= thresholds.modes * total_modes) & (gan.good >= thresholds.good)
        is_bad |= gan.variety < thresholds.variety
    # What was lost is there again only when the modes are.
    not_recovered = is_bad if pictures else is_bad | (gan.modes <= thresholds.modes * total_modes)
    is_bad &= gan.steps >= GRACE["pictures" if pictures else "points"] * total
    raised = np.zeros(len(is_bad), dtype=np.bool_)
    is_raised = False
    for i in range(ENOUGH - 1, len(is_bad)):
        recent_looks = is_bad[i - ENOUGH + 1 : i + 1]
        is_raised = (
            bool(not_recovered[i - ENOUGH + 1 : i + 1].any())
            if is_raised
            else bool(recent_looks.all())
        )
        raised[i] = is_raised
    return raised


def race(
    name: str = "ring-8",
    *,
    seed: int = 0,
    steps: int | None = None,
    discriminator_updates: int = 1,
    engine: Engine | None = None,
    data: Data | None = None,
    root: Path | None = None,
) -> TaskSteps:
    """Train the three from one seed, a step each in turn; a `Collapse` grows.

    The same first weights of the generator, the same batches and the same z at each step: they differ
    only in ARMS. Srivastava et al. 2017, arXiv:1705.07761; Arjovsky et al. 2017, section 4.3.
    Raises DataError, ValueError.
    """
    run_configs = configs(name, seed=seed, steps=steps, discriminator_updates=discriminator_updates)
    first = next(iter(run_configs.values()))
    yield TaskProgress("Loading the data", 0.0)
    data = data if data is not None else first.dataset.load(root)
    runners = []
    for key, config in run_configs.items():
        training = Training(config, engine=engine or resolve_engine(config, threads=1), data=data)
        runners.append(_GanRunner(key, training))
    progress = replace(
        _empty_progress(name, first, data), discriminator_updates=discriminator_updates
    )
    reference_stats = None
    if isinstance(data, Pictures):
        yield TaskProgress("Reading the classifier", 0.0)
        reference_stats = ReferenceStats(first.dataset, data, root)
        for share in reference_stats.training(KNOWN).features_in_shares():
            yield TaskProgress(f"Classes of the training pictures: {100 * share:.0f} %", 0.0)
        progress = replace(
            progress, frequencies=reference_stats.frequencies.numpy().astype(np.float64)
        )
    kind = first.dataset.kind
    look_interval = max(1, first.steps // LOOKS[kind])
    for step in itertools.count():
        share = step / first.steps
        if step % look_interval == 0 or step == first.steps:
            for runner in runners:
                for _ in runner.look(progress, reference_stats):
                    yield TaskProgress(
                        f"Step {step:,} of {first.steps:,}: looking at {runner.title}", share
                    )
            progress = replace(
                progress, step=step, gans=tuple(runner.history for runner in runners)
            )
            yield TaskProgress(f"Step {step:,} of {first.steps:,}", share, progress)
        if step == first.steps:
            return
        for runner in runners:
            runner.step()
            # After each one: a step of pictures takes half a tenth of a second.
            yield TaskProgress(f"Step {step:,} of {first.steps:,}", share)


def _empty_progress(name: str, config: TrainConfig, data: Data) -> Collapse:
    if isinstance(data, Points):
        assert data.means is not None
        real = data.sample(LIVE_SAMPLES["points"], keyed_rng(0, "metric", draw=1)).numpy()
        floor = mixture_modes(real, data.means.numpy(), data.sigma)[1]
        return Collapse(
            name,
            config.seed,
            0,
            config.steps,
            len(data.means),
            (),
            real[:SHOWN],
            data.extent,
            floor=floor,
        )
    return Collapse(name, config.seed, 0, config.steps, len(data.names), ())


class _GanRunner:
    """One of the three, and what has been seen of it."""

    def __init__(self, key: str, training: Training) -> None:
        self.title = ARMS[key][0]
        self._training = training
        self._rows: list[tuple[float, ...]] = []
        empty = np.empty(0)
        self.history = GanHistory(
            key,
            self.title,
            empty.astype(np.int64),
            empty,
            empty,
            empty,
            empty,
            empty.astype(np.bool_),
        )

    def step(self) -> None:
        if self.history.broken:
            return
        self._training.step()
        try:
            self._training.reports()
        except Diverged as reason:
            self.history = replace(self.history, broken=str(reason))

    def look(self, progress: Collapse, reference_stats: ReferenceStats | None) -> Iterator[None]:
        """Measure what it makes now, in shares."""
        if self.history.broken:
            return
        row: tuple[float, float, float, float] | None
        if reference_stats is not None:
            row = yield from self._digits(progress, reference_stats)
        else:
            row = self._points(progress)
            yield
        if row is None:
            self.history = replace(self.history, broken="Its samples are no numbers any more.")
            return
        self._rows.append((float(self._training.steps), *row))
        table = np.array(self._rows, dtype=np.float64)
        history = replace(
            self.history,
            steps=table[:, 0].astype(np.int64),
            modes=table[:, 1],
            good=table[:, 2],
            variety=table[:, 3],
            kl=table[:, 4],
        )
        self.history = replace(
            history, alarms=alarms(history, progress.total_modes, progress.total)
        )

    def _digits(
        self, progress: Collapse, reference_stats: ReferenceStats
    ) -> Generator[None, None, tuple[float, float, float, float]]:
        samples = make(self._training, min(COMPARED, len(reference_stats.data.held_out)))
        yield
        sides = PictureSides(samples, reference_stats)
        for _ in sides.features_in_shares():
            yield
        counts = torch.bincount(
            sides.probabilities.argmax(1), minlength=progress.total_modes
        ).double()
        classes = (counts / counts.sum()).numpy().astype(np.float64)
        pictures = self._training.preview().pictures
        self.history = replace(self.history, pictures=pictures, classes=classes)
        return float((classes >= 0.01).sum()), sides.confidence(), math.nan, sides.class_kl()

    def _points(self, progress: Collapse) -> tuple[float, float, float, float] | None:
        data = self._training.data
        assert isinstance(data, Points) and data.means is not None and progress.real is not None
        points = make(self._training, LIVE_SAMPLES["points"]).numpy()
        if not np.isfinite(points).all():
            return None
        modes, good = mixture_modes(points, data.means.numpy(), data.sigma)
        fake_spread, real = (
            math.sqrt(x.var(0, dtype=np.float64).sum()) for x in (points, progress.real)
        )
        self.history = replace(self.history, points=points[:SHOWN])
        return float(modes), good, fake_spread / real, math.nan
