"""ModelCopies: networks of a run for whoever looks at them; only the worker touches those of a training."""

import time
from pathlib import Path

from wgan.jobs import TrainingJob
from wgan.latent import Models
from wgan.runs import Run, RunError
from wgan.session.scheduler import Scheduler

MODELS_EVERY = 1.0
"""Seconds for which a copy of a live run's weights counts as fresh."""


class ModelCopies:
    """Copies of weights, of a live training or of a checkpoint.

    Args:
        scheduler: makes the copies of a live training between two steps.
        runs_dir: the folder of runs.
    """

    def __init__(self, scheduler: Scheduler, runs_dir: Path) -> None:
        self._scheduler, self._runs_dir = scheduler, runs_dir
        self._copies: dict[str, tuple[float, Models]] = {}  # time and copy, by run
        self._ordered: set[str] = set()  # runs of which a copy is being made

    def get(self, run: str, step: int | None = None, *, wait: float = 10.0) -> Models:
        """Return generator and critic of a run, in modules of the caller's own. Raises RunError.

        With a `step`, they come from that checkpoint. Without one, they are the newest weights of a live run,
        or those of the newest checkpoint. A copy of a live run that is older than `MODELS_EVERY` is returned
        once more while the next one is made; only the first copy is waited for, at most `wait` seconds.
        """
        changed = self._scheduler.changed
        with changed:
            is_live, copy = self._is_live(run), self._copies.get(run)
        if step is None and is_live:
            if copy is None or time.monotonic() - copy[0] > MODELS_EVERY:
                self._order_copy(run)
                deadline = time.monotonic() + wait
                with changed:
                    # A run that ends at this moment makes no copy.
                    while copy is None and is_live and time.monotonic() < deadline:
                        changed.wait(0.1)
                        copy, is_live = self._copies.get(run), self._is_live(run)
            if copy is not None:
                return copy[1]
            if is_live:
                raise RunError("The run is busy with a long step. Try again in a moment.")
        state, _ = Run.find(run, self._runs_dir).checkpoints.read(step)
        return Models(state.config, state.tensors, state.step)

    def forget(self, run: str) -> None:
        """Drop the copy of a run."""
        with self._scheduler.changed:
            self._copies.pop(run, None)

    def forget_order(self, run: str) -> None:
        """Note that a copy will not be made, because the run has ended."""
        with self._scheduler.changed:
            self._ordered.discard(run)

    def _is_live(self, run: str) -> bool:
        return any(job.run.id == run and job.prepared for job in self._scheduler.active)

    def _order_copy(self, run: str) -> None:
        def copy(job: TrainingJob) -> None:
            weights, step = job.training.weights(), job.training.steps
            models = Models(job.config, weights, step)
            with self._scheduler.changed:
                self._ordered.discard(run)
                self._copies[run] = (time.monotonic(), models)
                self._scheduler.changed.notify_all()

        with self._scheduler.changed:
            if run in self._ordered:
                return
            self._ordered.add(run)
        self._scheduler.order(run, copy, wait=0.0)
