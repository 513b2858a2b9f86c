"""Forecasts of the time and memory of runs. Each is measured once per process; ended runs correct its time."""

import threading
from collections.abc import Callable
from dataclasses import replace

from wgan.config import TrainConfig
from wgan.jobs import Cancelled, error_message
from wgan.training import Engine, Forecast, forecast, resolve_engine

Key = tuple[str, int | None, int]
"""The values on which a forecast depends: the config without seed and length, and both thread counts."""

_KNOWN: dict[Key, Forecast | str] = {}
_ENGINES: dict[Key, Engine] = {}
"""The engine of each forecast. A run with the same settings begins with it."""

_SPEEDS: dict[Key, float] = {}
"""Seconds per step of ended runs. They are shorter than those of a forecast if the run had compiled steps."""

MIN_STEPS = 100
"""Number of steps from which the mean time of a run's steps is used for forecasts."""


class Forecaster:
    """Measures forecasts on the worker thread, one at a time.

    Args:
        fixed_threads: The number of CPU threads of all trainings; None if it is tuned.
        most_threads: The largest number of CPU threads.
    """

    def __init__(self, fixed_threads: int | None, most_threads: int) -> None:
        self._threads = fixed_threads, most_threads
        self._lock = threading.Lock()
        self._next: TrainConfig | None = None
        self._newest: TrainConfig | None = None
        self._measuring: Key | None = None

    def known(self, config: TrainConfig) -> Forecast | str | None:
        """Return a forecast, a sentence if the config cannot run, or None if it was not measured yet."""
        key = self._key(config)
        forecast = _KNOWN.get(key)
        if isinstance(forecast, Forecast) and key in _SPEEDS:
            return replace(forecast, seconds_per_step=_SPEEDS[key])
        return forecast

    def learn(self, config: TrainConfig, seconds: float, steps: int) -> None:
        """Use the speed of an ended run for the forecasts of runs with the same settings.

        Args:
            config: The settings of the whole run.
            seconds: Its training time.
            steps: Its number of steps; with fewer than `MIN_STEPS` nothing is learned.
        """
        if steps >= MIN_STEPS:
            _SPEEDS[self._key(config)] = seconds / steps

    def ask(self, config: TrainConfig) -> bool:
        """Request a forecast, unless it is known or being measured; return whether it was requested.

        The most recent request is measured first.
        """
        key = self._key(config)
        with self._lock:
            self._newest = config
            if key in _KNOWN or key == self._measuring:
                return False
            self._next = config
            return True

    def newest(self) -> tuple[TrainConfig, Engine] | None:
        """Return the config of the most recent request and its engine; None before it is measured."""
        with self._lock:
            config = self._newest
        engine = None if config is None else _ENGINES.get(self._key(config))
        return None if config is None or engine is None else (config, engine)

    @property
    def waiting(self) -> bool:
        """Whether a forecast is waiting to be measured."""
        return self._next is not None

    def measure_next(self, check: Callable[[], None]) -> None:
        """Measure the next forecast.

        Args:
            check: Called between trial steps. It may raise Cancelled.
        """
        with self._lock:
            config, self._next = self._next, None
            self._measuring = None if config is None else self._key(config)
        if config is None:
            return
        fixed, most = self._threads
        try:
            check()
            engine = resolve_engine(config, threads=fixed, most_threads=most, check=check)
            engine.activate()
            _KNOWN[self._key(config)] = forecast(config, engine, check)
            _ENGINES[self._key(config)] = engine
        except Cancelled:
            pass
        except Exception as error:
            _KNOWN[self._key(config)] = error_message(error)
        finally:
            with self._lock:
                self._measuring = None

    def _key(self, config: TrainConfig) -> Key:
        plain = config.model_copy(update={"seed": 0, "steps": 1, "seconds": None})
        return plain.model_dump_json(), *self._threads
