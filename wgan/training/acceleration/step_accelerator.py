"""StepAccelerator: switches a training to compiled libraries or CUDA graphs."""

from collections.abc import Callable

from wgan.training.acceleration import (
    STEPS,
    AotPackage,
    Compiler,
    Graph,
    GraphCapture,
    mismatch_reason,
    no_speedup_reason,
    unsupported_reason,
)
from wgan.training.augmentation import transforms_of
from wgan.training.loop import Training
from wgan.training.steps import CompiledStep

COMPILE_AFTER_S = 60.0
"""Seconds of training before the compiler starts.

It takes part of a core for most of a minute. Users watch the first minute, and runs that end soon
need no compiler.
"""

MIN_SECONDS_LEFT = 120.0
"""Minimum remaining training time, in seconds, for which compiling pays off."""


class StepAccelerator:
    """Switches a training to compiled steps once they are ready, correct and faster.

    On the CPU, a background process compiles libraries for trainings that last long enough. On
    CUDA, graphs are captured at once.

    Args:
        log: Called with a sentence why compiled steps are not used.
        recorder: Replaces CUDA graph capture in tests.
    """

    def __init__(self, log: Callable[[str], None], recorder: GraphCapture | None = None) -> None:
        self._log, self._recorder = log, recorder
        self._target = (
            ""  # the current target: `compiled` setting, threads, objective, augmentation
        )
        self._since = 0.0  # training time at which the target was set
        self._undecided = False  # whether the target is undecided
        self._compiler: Compiler | None = None

    @property
    def settled(self) -> bool:
        """Whether the decision is final until the objective, the augmentation or the threads change."""
        return bool(self._target) and not self._undecided

    @property
    def working(self) -> bool:
        """Whether a compiler is running in the background."""
        return self._compiler is not None and self._compiler.working

    def maybe_switch(
        self, training: Training, seconds: float, left: float, *, was_compiled: bool = False
    ) -> bool:
        """Switch to compiled steps if there are new ones; return whether the training has switched.

        Args:
            training: The training.
            seconds: Training time so far.
            left: Estimated remaining training time, in seconds.
            was_compiled: Whether the resumed checkpoint was trained with compiled steps. They are then
                used without a speed check, because only they continue with the same numbers.
        """
        config, engine = training.config, training.engine
        target = (
            f"{config.compiled} {engine.threads} {config.objective.model_dump_json()} "
            f"{transforms_of(config)}"
        )
        if target != self._target:
            self._target, self._since = target, seconds
            self._undecided = unsupported_reason(config, engine, training.critic) is None
            libraries = self._undecided and engine.device == "cpu" and self._recorder is None
            self._compiler = Compiler(config, engine) if libraries else None
        if not self._undecided:
            return False
        if self._compiler is None:
            return self.switch_if_faster(training, self._captured_graphs(training), was_compiled)
        compiler = self._compiler
        if compiler.working:
            return False
        if all(compiler.path(name) for name in STEPS):
            return self.switch_if_faster(
                training, self._loaded_packages(training, compiler), was_compiled
            )
        if compiler.failed:
            self._undecided = False
            self._log(
                "The steps could not be compiled. Is a C++ compiler installed? The training "
                "continues with steps that are not compiled."
            )
        elif seconds - self._since >= COMPILE_AFTER_S and left >= MIN_SECONDS_LEFT:
            compiler.begin()
        return False

    def _captured_graphs(self, training: Training) -> dict[str, CompiledStep | str]:
        """Return a CUDA graph of each step, or the reason why it cannot be used."""
        steps: dict[str, CompiledStep | str] = {}
        for name, step in training.traceable_steps().items():
            try:
                graph = Graph(step, self._recorder)
                steps[name] = mismatch_reason(graph, step, training.engine) or graph
            except Exception as error:  # training continues with eager steps whatever the error
                steps[name] = f"it cannot be captured ({error})"
        return steps

    def _loaded_packages(
        self, training: Training, compiler: Compiler
    ) -> dict[str, CompiledStep | str]:
        """Return the library of each step, or the reason why it cannot be used."""
        steps: dict[str, CompiledStep | str] = {}
        for name, step in training.traceable_steps().items():
            path = compiler.path(name)
            assert path is not None
            try:
                library = AotPackage(path, step.inputs)
                steps[name] = mismatch_reason(library, step, training.engine) or library
            except Exception as error:  # the file may be damaged in any way
                path.unlink(missing_ok=True)
                steps[name] = f"it cannot be loaded ({error})"
        return steps

    def switch_if_faster(
        self, training: Training, compiled_steps: dict[str, CompiledStep | str], was_compiled: bool
    ) -> bool:
        self._undecided = False  # decide only once
        for name, reason in compiled_steps.items():
            if isinstance(reason, str):
                self._log(f"The compiled {name} step is not used: {reason}.")
        steps = {name: step for name, step in compiled_steps.items() if not isinstance(step, str)}
        if len(steps) < len(compiled_steps):
            return False
        if not was_compiled:
            traceable = training.traceable_steps()
            counts = {"critic": training.config.n_critic, "generator": 1}
            pairs = [(step, traceable[name], counts[name]) for name, step in steps.items()]
            slow = no_speedup_reason(pairs, training.engine)
            if slow is not None:
                self._log(f"Compiled steps are not used: {slow}.")
                return False
        training.set_compiled_steps(steps)
        return True
