"""EngineTuner: makes a running training faster."""

from wgan.runs import Run
from wgan.training import ThreadTuner, Training
from wgan.training.acceleration.step_accelerator import StepAccelerator


class EngineTuner:
    """Switches a training to compiled steps and to the fastest number of threads, and records the engine.

    Args:
        run: The run in which the engine is recorded.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.accelerator = StepAccelerator(run.log)
        self._thread_tuner: ThreadTuner | None = None
        self._seconds, self._steps = 0.0, 0  # time and number of the steps since the last tuning

    def choose_threads(self, most_threads: int, seconds: float) -> None:
        """Start to measure which number of threads is fastest.

        Args:
            most_threads: The largest number of threads.
            seconds: Training time so far.
        """
        self._thread_tuner = ThreadTuner(most_threads, seconds)

    def record_step(self, seconds: float) -> None:
        """Count one step that took `seconds`."""
        self._seconds += seconds
        self._steps += 1

    def switch_steps(
        self, training: Training, seconds: float, *, was_compiled: bool = False
    ) -> bool:
        """Switch to compiled steps if they are ready and faster; return whether the engine has changed.

        Args:
            training: The training.
            seconds: Training time so far.
            was_compiled: Whether the run was trained with compiled steps before. Their speed is not
                checked then.
        """
        left = seconds_left(training, seconds)
        if not self.accelerator.maybe_switch(training, seconds, left, was_compiled=was_compiled):
            return False
        self._run.set_engine(training.engine)
        return True

    def switch_threads(self, training: Training, seconds: float) -> bool:
        """Switch to another number of threads if it was measured to be faster; return whether it was.

        Args:
            training: The training.
            seconds: Training time so far.
        """
        tuner = self._thread_tuner
        if tuner is None:
            return False
        tuner.record(self._seconds, self._steps)
        self._seconds, self._steps = 0.0, 0
        # A running compiler takes part of a core for about a minute, so measurements would be
        # meaningless.
        if not tuner.should_tune(seconds) or self.accelerator.working:
            return False
        threads = tuner.tune(training.config, training.engine, seconds)
        if threads == training.engine.threads:
            return False
        training.set_num_threads(threads)
        self._run.set_engine(training.engine)
        return True


def seconds_left(training: Training, seconds: float) -> float:
    """Estimate the remaining seconds of training."""
    steps, config = training.steps, training.config
    by_steps = (config.steps - steps) * seconds / max(1, steps)
    return by_steps if config.seconds is None else min(by_steps, config.seconds - seconds)
