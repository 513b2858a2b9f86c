"""RunRecorder: everything that a training writes into its run's folder, and the values that pages show of it."""

import contextlib
from collections import deque
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgan.config import TrainConfig
from wgan.jobs.metric_recorder import MetricRecorder
from wgan.jobs.problems import Problems
from wgan.jobs.record_buffer import RecordBuffer
from wgan.jobs.snapshot import CURVE_POINTS, Curves, StoredPreview, pack_preview, thumb
from wgan.runs import COLUMNS, Change, Run, RunError, Status, StoredReport
from wgan.training import Diverged, Engine, Training

IN_MEMORY = "The training continues, and the curves stay in memory until then."


class RunRecorder:
    """Records reports, metrics, changes, previews and checkpoints of one training.

    Records that cannot be written are kept in memory and written with the next ones.

    Args:
        run: the run that is recorded.
        config: its config.
        problems: where failures to write are reported.
        root: the folder of the data sets.
        resumed: whether the run continues.
    """

    def __init__(
        self,
        run: Run,
        config: TrainConfig,
        problems: Problems,
        root: Path | None,
        *,
        resumed: bool,
    ) -> None:
        self._run, self._problems = run, problems
        self.buffer = RecordBuffer(run, run.changes() if resumed else ())
        self.metrics = MetricRecorder(run, problems, root, resumed=resumed)
        self.seconds = 0.0
        """Seconds of training so far, over all sessions of the run."""
        self.images = 0
        """Real examples that the critic has learned from so far."""
        self.checkpoint_step = -1
        """The step of the newest checkpoint of this training; −1 before the first."""
        # Of each report that is not fetched yet: step, images, seconds of training, time.
        self._report_clocks: deque[tuple[int, int, float, float]] = deque()
        self._last_report: StoredReport | None = None
        self._curves = Curves(config.report_every)
        self._preview: StoredPreview | None = None
        self._preview_steps = run.previews.steps() if resumed else []
        self._checkpoint_steps = run.checkpoints.steps() if resumed else []
        self._metadata = run.metadata()

    def load_history(self) -> None:
        """Read what the folder of a resumed run holds, after it was rewound to its checkpoint."""
        self.metrics.reload()
        self._preview_steps = self._run.previews.steps()
        self._checkpoint_steps = self._run.checkpoints.steps()
        table = self._run.curves(CURVE_POINTS)
        for row in zip(*(table[name] for name in COLUMNS), strict=True):
            self._curves.add(StoredReport.from_row(row))
        self._last_report = self._run.last()
        steps = self._preview_steps
        preview = self._run.previews.read(steps[-1]) if steps else None
        self._preview = StoredPreview(steps[-1], *preview) if preview else None
        with contextlib.suppress(RunError):
            self._save_thumbnail()  # the old one may show a preview that was removed

    # ---- reports and changes --------------------------------------------------------------------

    def count_step(self, config: TrainConfig) -> None:
        """Count the examples of one step."""
        self.images += config.batch_size * config.n_critic

    def note_report(self, step: int, seconds: float, now: float) -> None:
        """Note when the training made a report, which may be fetched from the device later.

        Args:
            step: the step of the report.
            seconds: seconds of training so far.
            now: the time, in seconds since the epoch.
        """
        self._report_clocks.append((step, self.images, seconds, now))

    def collect(self, training: Training) -> None:
        """Take the training's new reports. Raises Diverged after recording those before it.

        Fetching reports makes the CPU wait for a GPU. So call it only when the CPU waits anyway, or before
        the curves are shown.
        """
        failure: Diverged | None = None
        try:
            reports = training.reports()
        except Diverged as error:
            failure, reports = error, error.reports
        for report in reports:
            while self._report_clocks[0][0] < report.step:
                self._report_clocks.popleft()
            _, images, seconds, now = self._report_clocks.popleft()
            stored_report = StoredReport(report, images, seconds, now)
            self.buffer.unwritten_reports.append(stored_report)
            self._curves.add(stored_report)
            self._last_report = stored_report
        if failure is not None:
            raise failure

    def add_engine_change(self, step: int, before: Engine, after: Engine) -> None:
        """Record another engine as a change, if it is another one."""
        if after != before:
            self.buffer.add_change(Change(step, "engine", before.as_dict(), after.as_dict()))

    def write(self) -> None:
        """Write reports, changes and metrics that are not written yet. Raises RunError."""
        self.buffer.write()
        self.metrics.write()

    def flush(self, training: Training, status: Status) -> None:
        """Write pending records. A failure becomes a warning, and the records are kept."""
        with self._problems.writing("curves", IN_MEMORY):
            if not (self._run.folder / "config.json").exists():
                self._rebuild(training, status)
            self.write()
            self._run.refresh_lock()

    def _rebuild(self, training: Training, status: Status) -> None:
        """Make the run's folder again after somebody deleted it, from the records in memory.

        Its curves are then as fine as they are shown; earlier pictures and checkpoints are gone.
        """
        self._run.build(self._metadata)
        self._run.refresh_lock()  # takes the lock of the new folder
        self._run.set_engine(training.engine)
        self._run.set_fact("status", status)
        arrays = self._curves.arrays()
        rows = zip(*(arrays[name] for name in COLUMNS), strict=True)
        self._run.add([StoredReport.from_row(row) for row in rows], self.buffer.changes)
        self.buffer.forget_unwritten()
        self._problems.add_notice(
            f"The folder of this run was deleted at step {training.steps:,} and has been "
            "created again. The curves are kept, but earlier pictures and checkpoints are "
            "lost."
        )
        self.save_preview(training)
        self.save_checkpoint(training)

    # ---- previews and checkpoints ---------------------------------------------------------------

    @property
    def preview_step(self) -> int | None:
        """The step of the newest preview; None before the first."""
        return None if self._preview is None else self._preview.step

    def save_preview(self, training: Training) -> None:
        """Make a preview and write it. A failure becomes a warning."""
        with self._problems.computing("preview", "The preview could not be made"):
            self._preview = pack_preview(training.preview())
            self._run.previews.add(self._preview.step, self._preview.suffix, self._preview.content)
            self._preview_steps = self._run.previews.steps()

    def save_checkpoint(self, training: Training) -> None:
        """Write a checkpoint, even if reports and metrics, which are written first, cannot be written."""
        self.metrics.measure_checkpoint(training)
        with self._problems.writing("curves", IN_MEMORY):
            self.write()
        with self._problems.writing("checkpoint"):
            state = training.state()
            self._run.add_checkpoint(state, {"seconds": self.seconds, "images": self.images})
            self.checkpoint_step = state.step
            self._checkpoint_steps = self._run.checkpoints.steps()
        with self._problems.writing("thumb"):
            self._save_thumbnail()

    def _save_thumbnail(self) -> None:
        self._run.previews.set_thumbnail(thumb(self._preview) if self._preview is not None else b"")

    # ---- the end --------------------------------------------------------------------------------

    def missing_reason(self, training: Training) -> str:
        """Return why the end of the training could not be written; empty if everything is on disk."""
        is_complete = self.checkpoint_step == training.steps and not (
            self.buffer.unwritten_reports or self.metrics.unwritten
        )
        if is_complete:
            return ""
        reason = self._problems.warnings.get("checkpoint") or self._problems.last_write_error
        return self.unfinished_sentence(reason)

    def unfinished_sentence(self, reason: str) -> str:
        """Return the error of a run whose end could not be written; it replaces the warnings."""
        self._problems.warnings.clear()
        newest_checkpoint = max(self._run.checkpoints.steps(), default=None)
        advice = (
            ""
            if newest_checkpoint is None
            else f" Then resume the run: it continues from step {newest_checkpoint:,}."
        )
        return f"The end of this run could not be saved. {reason}{advice}"

    # ---- showing --------------------------------------------------------------------------------

    def shown_values(self) -> dict[str, Any]:
        """Return the fields of a RunSnapshot that come from the records."""
        return {
            "seconds": self.seconds,
            "images": self.images,
            "curves": MappingProxyType(self._curves.arrays()),
            "last": self._last_report,
            "changes": tuple(self.buffer.changes),
            "preview": self._preview,
            "preview_steps": tuple(self._preview_steps),
            "checkpoint_steps": tuple(self._checkpoint_steps),
            "metrics": self.metrics.series.shown,
            "neighbours": self.metrics.neighbours,
            "warning": self._problems.message,
        }
