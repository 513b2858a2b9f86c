"""IdleCompiler: compiles training steps before they are needed, while no run is active."""

from wgan.config import TrainConfig
from wgan.rng import keyed_rng
from wgan.training import Engine
from wgan.training.acceleration import STEPS, Compiler, unsupported_reason


class IdleCompiler:
    """Compiles the steps of the settings on show, so that a run with them is fast from its first step.

    The steps stay in the cache on disk. A compiler takes most of a core for about a minute, so it is
    ended when a run begins.
    """

    def __init__(self) -> None:
        self._done: set[str] = set()  # keys that need no compiler, or had one
        self._compiler: Compiler | None = None

    def begin(self, config: TrainConfig, engine: Engine) -> None:
        """Start to compile the steps of a config, unless they are compiled or cannot be compiled."""
        if self._compiler is not None and self._compiler.working:
            return
        compiler = Compiler(config, engine)
        if compiler.key in self._done or all(compiler.path(name) for name in STEPS):
            return
        critic = config.networks(keyed_rng(0, "init"))[1]
        if engine.device != "cpu" or unsupported_reason(config, engine, critic) is not None:
            self._done.add(compiler.key)
        elif compiler.begin():
            self._compiler = compiler
            self._done.add(compiler.key)

    def end(self) -> None:
        """End the compiler if it is running. The next idle time begins its work anew."""
        if self._compiler is not None and self._compiler.working:
            self._compiler.end()
            self._done.discard(self._compiler.key)
        self._compiler = None
