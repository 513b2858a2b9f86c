"""ModelCopies: copies of a run's networks for pages. Only the worker thread touches the originals."""

import threading
import time
from dataclasses import replace
from pathlib import Path

from wgan.data import Data, DataError
from wgan.jobs import TrainingJob
from wgan.latent import Models
from wgan.runs import Run, RunError
from wgan.session.scheduler import Scheduler
from wgan.training import Engine, Part, SlowStep, State, slow_step, this_machine

MODELS_INTERVAL_S = 1.0
"""Seconds for which a copy of a live run's weights counts as recent."""


def _available(engine: Engine) -> Engine:
    """Return an engine, or the CPU if this machine does not have its device."""
    if engine.device.partition(":")[0] in this_machine().devices:
        return engine
    return replace(engine, device="cpu", precision="float32")


class ModelCopies:
    """Copies of the weights of live trainings and of checkpoints.

    Args:
        scheduler: Makes the copies of a live training between two steps.
        runs_dir: The folder of runs.
    """

    def __init__(self, scheduler: Scheduler, runs_dir: Path) -> None:
        self._scheduler, self._runs_dir = scheduler, runs_dir
        self._copies: dict[str, tuple[float, Models]] = {}  # time of the copy, and the copy, by run
        self._ordered: set[str] = set()  # runs for which a copy has been requested

    def get(self, run: str, step: int | None = None, *, wait: float = 10.0) -> Models:
        """Return the generator and critic of a run, in modules that the caller may use freely.

        If the copy of a live run is older than `MODELS_EVERY`, it is returned once more while a new
        one is made. Only the first copy of a run is waited for.

        Args:
            run: Name of the run.
            step: Step of a checkpoint. Default: the newest weights of a live run, or the newest
                checkpoint.
            wait: Maximum time to wait for the first copy, in seconds.

        Raises:
            RunError: There is no such run or checkpoint, or it cannot be read.
        """
        changed = self._scheduler.changed
        with changed:
            is_live, copy = self._is_live(run), self._copies.get(run)
        if step is None and is_live:
            if copy is None or time.monotonic() - copy[0] > MODELS_INTERVAL_S:
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
                raise RunError("The run is busy. Try again in a moment.")
        state, _ = Run.named(run, self._runs_dir).checkpoints.read(step)
        return Models(state.config, state.tensors, state.step)

    def slow_step(
        self, run: str, step: int | None, *, part: Part, root: Path | None, wait: float = 20.0
    ) -> SlowStep:
        """Return the stages of a run's next step, made on a copy.

        The worker makes that of a live run, with the threads and the data of its training.

        Args:
            run: Name of the run.
            step: Step of a checkpoint. Default: the newest state of a live run, else the newest checkpoint.
            part: With "critic" or "generator", the other network is not updated.
            root: The folder of the data sets.
            wait: Maximum time to wait for a live run, in seconds.

        Raises:
            RunError: There is no such run or checkpoint, the step cannot be made, or the run is busy.
            DataError: The data set is not on this machine, or damaged.
        """
        with self._scheduler.changed:
            is_live = self._is_live(run)
        if step is not None or not is_live:
            state, _ = Run.named(run, self._runs_dir).checkpoints.read(step)
            dataset = state.config.dataset
            if not dataset.present(root):
                raise DataError(
                    f"{dataset.title} is not on this machine. You can download it on the Data page."
                )
            return self._made(state, part, _available(state.engine), dataset.load(root))
        results: list[SlowStep | RunError] = []
        is_late = threading.Event()

        def make(job: TrainingJob) -> None:
            if is_late.is_set():
                return
            # Whatever goes wrong with the copy must not end the run.
            try:
                state, training = job.training.state(), job.training
                results.append(self._made(state, part, training.engine, training.data))
            except RunError as error:
                results.append(error)

        self._scheduler.call_between_steps(run, make, wait=wait)
        is_late.set()
        if not results:
            raise RunError("The run is busy. Try again in a moment.")
        if isinstance(results[0], RunError):
            raise results[0]
        return results[0]

    @staticmethod
    def _made(state: State, part: Part, engine: Engine, data: Data) -> SlowStep:
        """Return the stages of the step after a state. Raises RunError for whatever goes wrong."""
        try:
            return slow_step(state, part=part, engine=engine, data=data)[0]
        except Exception as error:
            raise RunError(f"The next step could not be made: {error}") from error

    def forget(self, run: str) -> None:
        """Drop the copy of a run."""
        with self._scheduler.changed:
            self._copies.pop(run, None)

    def forget_order(self, run: str) -> None:
        """Mark a requested copy as cancelled, because the run has ended."""
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
        self._scheduler.call_between_steps(run, copy, wait=0.0)
