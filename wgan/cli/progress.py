"""Progress on stderr: a bar on a terminal, otherwise occasional lines. stdout is for results."""

import contextlib
import math
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

from wgan.jobs import RunSnapshot, TrainingJob

TERMINAL_INTERVAL_S = 0.2
LINE_INTERVAL_S = 10.0
PREPARING_LINE_INTERVAL_S = 2.0

_FORMAT = "{desc}{percentage:3.0f} %|{bar:24}| {elapsed}{postfix}"


class Progress:
    """The progress of a command. If stderr is closed, the command continues without it."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._shown = self._begun = time.monotonic()
        self._first_step = 0
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None

    def mark(self, step: int) -> None:
        """Measure the speed from this step."""
        self._first_step, self._begun = step, time.monotonic()

    def tell(self, message: str, share: float) -> None:
        """Show a message and the share that is done, in [0, 1]."""
        self._show(message, share, "", PREPARING_LINE_INTERVAL_S)

    def preparing(self, snapshot: RunSnapshot) -> None:
        """Show what a run waits for, such as a download."""
        if snapshot.phase_share:
            self.tell(snapshot.phase, snapshot.phase_share)

    def training(self, job: TrainingJob) -> None:
        """Show the step, the speed and the critic gap of a training."""
        step, config = job.training.steps, job.config
        share = step / config.steps
        if config.seconds is not None:
            share = max(share, job.seconds / config.seconds)
        rate = (step - self._first_step) / max(time.monotonic() - self._begun, 1e-9)
        gap = job.snapshot.last.report.critic_gap if job.snapshot.last else math.nan
        self._show(
            f"step {step:,}", share, f"{rate:.1f} steps/s, critic gap {gap:.3g}", LINE_INTERVAL_S
        )

    def _show(self, message: str, share: float, values: str, line_interval: float) -> None:
        now = time.monotonic()
        interval = TERMINAL_INTERVAL_S if self._is_terminal else line_interval
        if self._quiet or now - self._shown < interval:
            return
        self._shown = now
        try:
            if self._is_terminal:
                self._draw(message, share, values)
            else:
                ending = f", {values}" if values else ""
                print(f"{message}: {100 * share:.0f} %{ending}", file=sys.stderr, flush=True)
        except (OSError, ValueError):
            self._quiet = True

    def _draw(self, message: str, share: float, values: str) -> None:
        if self._bar is None:
            # tqdm's own lock works across processes, and its semaphore would leak at exit.
            tqdm.set_lock(threading.RLock())
            self._bar = tqdm(total=1.0, bar_format=_FORMAT, file=sys.stderr, dynamic_ncols=True)
        self._bar.set_description_str(f"{message}: ", refresh=False)
        self._bar.set_postfix_str(values, refresh=False)
        self._bar.n = min(1.0, share)
        self._bar.refresh()
