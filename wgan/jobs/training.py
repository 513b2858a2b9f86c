"""A training that records itself as it goes."""

import contextlib
import json
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wgan.config import PARTS, ConfigError, TrainConfig
from wgan.data import Data
from wgan.jobs.snapshot import (
    CURVE_POINTS,
    VERSIONS,
    Curves,
    RunReader,
    RunSnapshot,
    Series,
    StoredPreview,
    in_words,
    pack_neighbours,
    pack_preview,
    thumb,
)
from wgan.jobs.worker import Plan
from wgan.runs import (
    COLUMNS,
    Change,
    Measured,
    Run,
    RunError,
    RunTakenOver,
    Status,
    StoredReport,
)
from wgan.runs.repair import has_damaged_database, repair_database
from wgan.training import (
    Diverged,
    Engine,
    LiveEvaluator,
    State,
    ThreadTuner,
    Training,
    resolve_engine,
)
from wgan.training.acceleration.manager import StepAccelerator
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.engine import cores

FLUSH_EVERY = 0.5
"""Seconds between two writes of reports, and between two views for those who watch."""

IN_MEMORY = "Training goes on; the curves are kept in memory till then."

RATE_WINDOW = 6.0  # seconds over which speed is averaged


class Cancelled(Exception):
    """A job was told to stop while it was preparing."""


class TrainingJob:
    """A training that records itself into its run's folder as it goes.

    `threads` is the number of CPU threads where the config leaves it open (None: measured while it
    trains, at most `most_threads`, default: all cores); `publish` is told of every new view; `ranks`
    are the processes that train it together, of which this is the first. The job is driven by one
    thread: a session's worker, or the command line.
    """

    def __init__(
        self,
        run: Run,
        *,
        root: Path | None = None,
        threads: int | None = None,
        most_threads: int | None = None,
        resume: bool = False,
        changes: Mapping[str, Any] | None = None,
        publish: Callable[[RunSnapshot], None] | None = None,
        ranks: ProcessGroup = ALONE,
    ) -> None:
        self.ranks = ranks
        self.run = run
        self.config = run.config()
        self._warnings: dict[str, str] = {}  # by what failed, until it succeeds
        self._failure = ""  # the newest failure to write
        self._notices: list[str] = []  # what stays to be known
        stored = self._read_stored() if resume else None
        self.paused = False
        self.cost = 0.0  # seconds of work it was given, for fair shares
        self.new = not resume  # whether its folder was made for it
        self.group = ""  # jobs of one group start together
        self._root, self._threads = root, threads
        self._most_threads = threads or most_threads or cores()
        self._resume = resume and bool(run.checkpoint_steps())
        self._first_changes = dict(changes or {})
        self._publish = publish
        self._training: Training | None = None
        self._pending: list[StoredReport] = []
        self._pending_changes: list[Change] = []
        self._replay: deque[Change] = deque()
        self._replay_is_saved = True
        self._changes: list[Change] = run.changes() if resume else []
        self._seconds = 0.0
        self._images = 0
        self._clocks: deque[tuple[int, int, float, float]] = deque()
        self._rates: deque[tuple[float, int]] = deque()
        self._last_flush = 0.0
        self._last: StoredReport | None = None
        self._preview: StoredPreview | None = None
        self._preview_steps = run.preview_steps() if resume else []
        self._checkpoint_steps = run.checkpoint_steps() if resume else []
        self._metrics = Series(run.metrics() if resume else ())
        self._unwritten: list[Measured] = []
        self._neighbours = run.neighbours() if resume else None
        self._live_evaluator: LiveEvaluator | None = None
        self._protocol_kept = False
        self._can_measure = True
        self._is_untouched = True  # whether the folder is as it was before this job
        self._status_before = run.fact("status") if resume else Status.QUEUED
        self._described = run.described()
        self._checkpointed = -1
        self._curves = Curves(self.config.report_every)
        self._held: contextlib.ExitStack | None = None
        self._told = False
        self._faster = StepAccelerator(run.log)
        self._paced = False  # whether reports are fetched less often than they are made
        self._pace: ThreadTuner | None = None
        self._stretch = (0.0, 0)  # seconds and number of the steps since the last flush
        self._view = replace(
            stored or RunSnapshot(run.id, Status.QUEUED, self.config, parent=run.parent()),
            elsewhere=False,
            status=Status.QUEUED,
            phase="Waiting for its turn",
            error="",
            steps_per_second=0.0,
        )

    # ---- life ---------------------------------------------------------------------------------

    def _read_stored(self) -> RunSnapshot:
        """Return how the run stands in its folder, whose database is repaired if it is damaged."""
        try:
            self.run.replay()
            return RunReader(self.run).view()
        except RunError:
            if not has_damaged_database(self.run):
                raise
        with self.run.lock():
            self._notices.append(repair_database(self.run))
        return RunReader(self.run).view()

    def own(self) -> None:
        """Take the run's lock, for as long as the job lives. Raises RunError."""
        if self._held is None:
            resources = contextlib.ExitStack()
            resources.enter_context(self.run.lock())
            self._held = resources

    def prepare(self, check: Callable[[], None] = lambda: None) -> None:
        """Load the data, choose the engine, build or restore the training.

        `check` is called now and then and may raise Cancelled. Raises DataError, RunError or
        ValueError with a sentence.
        """
        self.own()

        def progress(words: str, share: float) -> None:
            check()
            self._show(phase=words, phase_share=share)

        progress("Loading the data", 0.0)
        data: Data = self.config.dataset.load(self._root, progress)
        if self._resume:
            self._restore(data, check)
        else:
            progress("Choosing the fastest precision", 0.0)
            engine = self._resolved(self.config, check)
            engine.activate()
            self._tell(Plan(self.config, engine, None, self._first_changes, ()))
            self._training = Training(self.config, engine=engine, data=data, ranks=self.ranks)
        check()
        # A CPU has them at hand. Several processes must find at the same report that they diverged.
        self._paced = self.training.device.type != "cpu" and self.ranks.of == 1
        chosen = self.config.threads or self._threads
        if not chosen and self.ranks.of == 1 and self.training.device.type == "cpu":
            self._pace = ThreadTuner(self._most_threads, self._seconds)
        self._is_untouched = False
        self._write_pending()
        self.run.set_engine(self.training.engine)
        self.run.set_fact("error", "")
        self.run.set_fact("status", Status.RUNNING)
        if self._first_changes:
            self.change(self._first_changes)
        if not self._resume:
            # A run killed before its first checkpoint can still be resumed, from its start.
            self._save_preview()
            self._save_checkpoint()
        self._show(status=Status.RUNNING, phase="", phase_share=0.0)

    def _restore(self, data: Data, check: Callable[[], None]) -> None:
        state, facts, damaged = self.run.newest_checkpoint()
        if damaged:
            self._notices.append(f"{' '.join(damaged)} The run goes on from step {state.step:,}.")
        engine = state.engine
        here = self._resolved(state.config, check)
        self._changes, self._replay = _rewound(
            self._changes, self.run.replay(), state, self._first_changes
        )
        recorded, kept = engine, tuple(self._changes)
        # The recorded engine gives the same numbers again. Another is taken only where it must
        # be: its device is absent, or it would take the core that the app itself needs.
        if (
            engine.device != here.device
            or engine.processes != here.processes
            or engine.threads > self._most_threads
        ):
            if engine != here:
                self._add_change(Change(state.step, "engine", engine.as_dict(), here.as_dict()))
            engine = here
        engine.activate()
        self._tell(Plan(state.config, engine, state, self._first_changes, tuple(self._replay)))
        self._training = Training.restore(state, engine=engine, data=data, ranks=self.ranks)
        if engine.compiled:  # the same numbers again need the same updates
            self._speed_up(again=True)
            now = self._training.engine
            if not now.compiled:
                self._add_change(Change(state.step, "engine", engine.as_dict(), now.as_dict()))
        self.config = state.config
        self._seconds, self._images = facts["seconds"], int(facts["images"])
        self._checkpointed = state.step
        # Only now that the run can go on: until here, cancelling leaves everything as it was.
        self.run.rewind(state.step, kept, self._replay)
        self.run.drop_engines_after(recorded)
        self._is_untouched = False
        self._metrics = Series(self.run.metrics())
        self._preview_steps = self.run.preview_steps()
        self._checkpoint_steps = self.run.checkpoint_steps()
        self._neighbours = self.run.neighbours()
        table = self.run.curves(CURVE_POINTS)
        for row in zip(*(table[name] for name in COLUMNS), strict=True):
            self._curves.add(StoredReport.from_row(row))
        self._last = self.run.last()
        steps = self._preview_steps
        preview = self.run.preview(steps[-1]) if steps else None
        self._preview = StoredPreview(steps[-1], *preview) if preview else None
        with contextlib.suppress(RunError):  # It may show what was removed just now.
            self.run.set_thumb(thumb(self._preview) if self._preview is not None else b"")

    def _resolved(self, config: TrainConfig, check: Callable[[], None]) -> Engine:
        return resolve_engine(
            config,
            threads=self._threads,
            most_threads=self._most_threads,
            processes=self.ranks.of,
            check=check,
        )

    def _tell(self, plan: Plan | None) -> None:
        """Tell the other processes what to train; None: nothing, they may leave."""
        if not self._told:
            self._told = True
            self.ranks.same(plan)

    @property
    def training(self) -> Training:
        """The training itself, once it is prepared."""
        if self._training is None:
            raise RuntimeError("The job is not prepared yet.")
        return self._training

    @property
    def prepared(self) -> bool:
        """Whether `prepare` has been done."""
        return self._training is not None

    @property
    def done(self) -> bool:
        """Whether the run's target is reached."""
        limit = self.config.seconds
        return self.training.steps >= self.config.steps or (
            limit is not None and self._seconds >= limit
        )

    def step(self) -> None:
        """Make one generator update, and keep what is due. Raises Diverged."""
        start = time.perf_counter()
        training = self.training
        self._make_recorded_changes()
        training.engine.activate()  # whatever else this thread has done meanwhile
        training.step()
        spent, steps_made = self._stretch
        self._stretch = spent + time.perf_counter() - start, steps_made + 1
        steps, config = training.steps, self.config
        self._images += config.batch_size * config.n_critic
        if steps % config.report_every == 0:
            spent = self._seconds + time.perf_counter() - start
            self._clocks.append((steps, self._images, spent, time.time()))
        previewing = steps % config.preview_every == 0 or steps == 1
        checkpointing = steps % config.checkpoint_every == 0
        measuring = self._due(self._seconds + time.perf_counter() - start)
        flushing = time.perf_counter() - self._last_flush >= FLUSH_EVERY
        if not self._paced or previewing or checkpointing or measuring or flushing or self.done:
            self._collect()
        if previewing:
            self._save_preview()
        if checkpointing:
            self._seconds += time.perf_counter() - start
            start = time.perf_counter()
            self._save_checkpoint()
        if measuring:
            self._measure(self._seconds + time.perf_counter() - start)
        if flushing:
            with self._beside("speed", "Faster steps could not be tried"):
                self._speed_up()
                self._rethread()
            self._seconds += time.perf_counter() - start
            self.flush()
        else:
            self._seconds += time.perf_counter() - start

    def _make_recorded_changes(self) -> None:
        """Make the changes whose step has come, as before the run was resumed, and record them again."""
        training = self.training
        while self._replay and self._replay[0].step <= training.steps:
            change = self._replay.popleft()
            self._replay_is_saved = False
            with contextlib.suppress(ConfigError):
                self._apply({change.path: change.after})
        self.config = training.config

    def _apply(self, changes: Mapping[str, Any]) -> set[str]:
        """Change hyperparameters, record what differs, and return its paths. Raises ConfigError."""
        before = self.training.config.flat()
        self.config = self.training.apply(**changes)
        after = self.config.flat()
        changed = {p for p in after if p not in PARTS and after[p] != before.get(p)}
        for path in (p for p in after if p in changed):
            self._add_change(Change(self.training.steps, path, before.get(path), after[path]))
        return changed

    def _speed_up(self, *, again: bool = False) -> None:
        """Take faster updates where there are some now, and record it."""
        training = self.training
        before = training.engine.as_dict()
        if self._faster.maybe_switch(training, self._seconds, self._left(), proven=again):
            self.run.set_engine(training.engine)
            if training.steps and not again:
                after = training.engine.as_dict()
                self._add_change(Change(training.steps, "engine", before, after))

    def _rethread(self) -> None:
        """Go on with another number of threads where that is measured to be faster."""
        pace, training = self._pace, self.training
        if pace is None:
            return
        pace.note(*self._stretch)
        self._stretch = (0.0, 0)
        # A compiler at work takes part of a core, for a minute: no time to judge.
        if not pace.due(self._seconds) or self._faster.working:
            return
        now = training.engine
        threads = pace.better(training.config, now, self._seconds)
        if threads != now.threads:
            training.set_num_threads(threads)
            self.run.set_engine(training.engine)
            after = training.engine.as_dict()
            self._add_change(Change(training.steps, "engine", now.as_dict(), after))

    def _left(self) -> float:
        """Return about how many seconds of training are to come."""
        steps, limit = self.training.steps, self.config.seconds
        by_steps = (self.config.steps - steps) * self._seconds / max(1, steps)
        return by_steps if limit is None else min(by_steps, limit - self._seconds)

    def _due(self, seconds: float) -> bool:
        """Return whether a measurement is due after so many seconds of training."""
        if self.config.measure and self._can_measure:
            with self._measuring():
                return self.live_evaluator.due(seconds)
        return False

    def _measure(self, seconds: float) -> None:
        """Measure what is due after so many seconds of training."""
        with self._measuring():
            was_ready = self.live_evaluator.ready
            values = self.live_evaluator.measure(seconds)
            if (
                self.live_evaluator.ready
                and not was_ready
                and (sentence := self.live_evaluator.left_out)
            ):
                self._notices.append(sentence)
            self._keep_measured(values, self.live_evaluator.step)
            near = self.live_evaluator.neighbours
            if near is not None and (
                self._neighbours is None or self._neighbours.step != near.step
            ):
                self._neighbours = pack_neighbours(near)
                with self._guarded("neighbours"):
                    self.run.set_neighbours(self._neighbours)

    @contextlib.contextmanager
    def _measuring(self) -> Iterator[None]:
        """Keep a failed measurement from ending the training. It is left out from then on."""
        try:
            yield
        except (RunTakenOver, Diverged):
            raise
        except Exception as error:
            self.run.log(f"step {self.training.steps}: measuring failed: {traceback.format_exc()}")
            self._can_measure = self._live_evaluator is not None
            notice = f"A measurement failed and is left out from now on. {in_words(error)}"
            if notice not in self._notices:
                self._notices.append(notice)

    @property
    def live_evaluator(self) -> LiveEvaluator:
        """What measures the training in passing."""
        if self._live_evaluator is None:
            self._live_evaluator = LiveEvaluator(self.training, self._root)
        return self._live_evaluator

    def _keep_measured(self, found: Mapping[str, float], step: int) -> None:
        new = [Measured(step, *item) for item in found.items() if math.isfinite(item[1])]
        self._metrics.add(new)
        self._unwritten += new

    def _collect(self) -> None:
        """Take the training's new reports. Raises Diverged after keeping those before it.

        Fetching them has the CPU wait for the device, so it is done where that waits anyway, or as often as
        anybody looks.
        """
        failure: Diverged | None = None
        try:
            reports = self.training.reports()
        except Diverged as error:
            failure, reports = error, error.reports
        for report in reports:
            while self._clocks[0][0] < report.step:
                self._clocks.popleft()
            _, images, seconds, now = self._clocks.popleft()
            stored = StoredReport(report, images, seconds, now)
            self._pending.append(stored)
            self._curves.add(stored)
            self._last = stored
        if failure is not None:
            raise failure

    def flush(self) -> None:
        """Write what is pending and publish a view. What cannot be written is kept and retried."""
        now = time.perf_counter()
        self._last_flush = now
        self._rates.append((now, self.training.steps))
        while len(self._rates) > 2 and now - self._rates[0][0] > RATE_WINDOW:
            self._rates.popleft()
        with self._guarded("curves", IN_MEMORY):
            if not (self.run.folder / "config.json").exists():
                self._rebuild()
            self._write_pending()
            self.run.beat()
        self._show(status=Status.PAUSED if self.paused else Status.RUNNING)

    @contextlib.contextmanager
    def _guarded(self, what: str, consequence: str = "") -> Iterator[None]:
        """Turn a failure to write into a warning about `what`, which its next success takes back.

        Raises RunTakenOver: then nothing more may be written.
        """
        try:
            yield
        except RunTakenOver:
            raise
        except (RunError, OSError) as error:
            self._failure = in_words(error)
            self._warnings[what] = f"{self._failure} {consequence}".rstrip()
        else:
            self._warnings.pop(what, None)

    @contextlib.contextmanager
    def _beside(self, what: str, title: str) -> Iterator[None]:
        """Keep a failure of something beside the training from ending it.

        The failure is logged with its trace and shown as a warning, which the next success takes back.
        """
        try:
            yield
        except (RunTakenOver, Diverged):
            raise
        except Exception as error:
            self.run.log(f"step {self.training.steps}: {title}: {traceback.format_exc()}")
            self._warnings[what] = f"{title}: {in_words(error)} Training goes on."
        else:
            self._warnings.pop(what, None)

    def _rebuild(self) -> None:
        """Make the run's folder again, which somebody deleted: with all that is in memory.

        Its curves are then as fine as they are shown; earlier pictures and checkpoints are gone.
        """
        self.run.build(self._described)
        self.run.beat()  # takes the lock of the new folder
        self.run.set_engine(self.training.engine)
        self.run.set_fact("status", Status.PAUSED if self.paused else Status.RUNNING)
        arrays = self._curves.arrays()
        rows = zip(*(arrays[name] for name in COLUMNS), strict=True)
        self.run.add([StoredReport.from_row(row) for row in rows], self._changes)
        self._pending.clear()
        self._pending_changes.clear()
        self._notices.append(
            f"The folder of this run was deleted at step {self.training.steps:,} and has been made "
            "again: the curves are kept, pictures and checkpoints from before are gone."
        )
        self._save_preview()
        self._save_checkpoint()

    def _write_pending(self) -> None:
        if self._pending or self._pending_changes or not self._replay_is_saved:
            replay = None if self._replay_is_saved else self._replay
            self.run.add(self._pending, self._pending_changes, replay)
            self._pending.clear()
            self._pending_changes.clear()
            self._replay_is_saved = True
        if self._unwritten:
            self.run.add_metrics(self._unwritten)
            self._unwritten.clear()
            if self._live_evaluator is not None and not self._protocol_kept:
                self.run.set_protocol(self._live_evaluator.protocol)
                self._protocol_kept = True

    def rename(self, name: str) -> None:
        """Have the view carry the name that the user gave the run."""
        self._show(name=name)

    def pause(self, paused: bool) -> None:
        """Pause or go on; `step` may still be called, one at a time."""
        self.paused = paused
        self._rates.clear()
        if self.prepared:
            with contextlib.suppress(RunError):  # A full disk: the flush below says so.
                self.run.set_fact("status", Status.PAUSED if paused else Status.RUNNING)
            self._collect()
            if paused and (self._preview is None or self._preview.step != self.training.steps):
                self._save_preview()
            self.flush()

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change hyperparameters between two steps and record it. Raises ConfigError."""
        changed = self._apply(changes)
        # What the user says now wins over what a resumed run would repeat later.
        remaining = deque(c for c in self._replay if c.path not in changes)
        if len(remaining) != len(self._replay):
            self._replay, self._replay_is_saved = remaining, False
        if changed & {"preview_seed", "preview_class"}:
            self._save_preview()
        self.flush()

    def _add_change(self, change: Change) -> None:
        self._changes.append(change)
        self._pending_changes.append(change)

    def discard(self) -> None:
        """End a job that has not begun to train: a new run leaves nothing, a resumed one is as it was."""
        is_untouched = self._is_untouched
        self.finish(Status.STOPPED)
        if self.new:
            self.run.delete()
        elif is_untouched:
            with contextlib.suppress(RunError):
                self.run.set_fact("status", self._status_before)

    def finish(self, status: Status, error: str = "", trace: str = "") -> None:
        """End the job: last reports, preview and checkpoint, then the status. Never raises.

        `trace` is for the run's log, where a bug report finds it.
        """
        with contextlib.suppress(RuntimeError):  # where the others are gone already
            self._tell(None)
        if error:
            self.run.log(f"step {self.training.steps if self.prepared else 0}: {error}\n{trace}")
        try:
            if self.prepared:
                status, error = self._finish_recording(status, error)
            self.run.set_fact("error", error)
            self.run.set_fact("status", status)
            if status in (Status.FINISHED, Status.STOPPED):
                self.run.set_fact("replay", "[]")
        except RunTakenOver as lost:  # The folder is another process's now: nothing is written.
            status, error = Status.FAILED, str(lost)
        except Exception as failure:
            if not isinstance(failure, RunError | OSError):
                self.run.log(traceback.format_exc())
            status, error = Status.FAILED, error or self._unfinished(in_words(failure))
        finally:
            if self._held is not None:
                with contextlib.suppress(OSError):
                    self._held.close()
                self._held = None
        self._show(status=status, error=error, phase="")

    def _finish_recording(self, status: Status, error: str) -> tuple[Status, str]:
        """Write the last reports, preview and checkpoint; return how the run really ended, and why."""
        try:
            self._collect()
        except (Diverged, RuntimeError) as lost:  # a device that is lost gives nothing
            if status is not Status.FAILED:
                status, error = Status.FAILED, in_words(lost)
        if status is not Status.FAILED and self._checkpointed != self.training.steps:
            self._save_preview()
            self._save_checkpoint()
        self.flush()
        if status is not Status.FAILED and (
            self._checkpointed != self.training.steps or self._pending or self._unwritten
        ):
            reason = self._warnings.get("checkpoint") or self._failure
            return Status.FAILED, self._unfinished(reason)
        return status, error

    def _unfinished(self, reason: str) -> str:
        """Return a sentence for a run whose end could not be written; it replaces the warnings."""
        self._warnings.clear()
        last_checkpoint = max(self.run.checkpoint_steps(), default=None)
        way_out = (
            ""
            if last_checkpoint is None
            else f" Then resume it: it goes on from step {last_checkpoint:,}."
        )
        return f"The end of this run could not be written. {reason}{way_out}"

    # ---- keeping ------------------------------------------------------------------------------

    def _save_preview(self) -> None:
        with self._beside("preview", "The preview could not be made"):
            self._preview = pack_preview(self.training.preview())
            self.run.add_preview(self._preview.step, self._preview.suffix, self._preview.content)
            self._preview_steps = self.run.preview_steps()

    def _save_checkpoint(self) -> None:
        """Write a checkpoint, also if reports and metrics, which are written first, cannot be."""
        if self.config.measure and self._can_measure:
            with self._measuring():
                self._keep_measured(self.live_evaluator.at_checkpoint(), self.training.steps)
        with self._guarded("curves", IN_MEMORY):
            self._write_pending()
        with self._guarded("checkpoint"):
            state = self.training.state()
            self.run.add_checkpoint(state, {"seconds": self._seconds, "images": self._images})
            self._checkpointed = state.step
            self._checkpoint_steps = self.run.checkpoint_steps()
        with self._guarded("thumb"):
            self.run.set_thumb(thumb(self._preview) if self._preview is not None else b"")

    # ---- showing ------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Training time so far, over all its sessions."""
        return self._seconds

    @property
    def losses(self) -> str:
        """What could not be written or measured, in sentences; empty where nothing is lost."""
        return " ".join(self._warnings.values())

    @property
    def warning(self) -> str:
        """The losses and what else stays to be known, in sentences."""
        return " ".join([*self._notices, *self._warnings.values()])

    @property
    def view(self) -> RunSnapshot:
        """How the run stands."""
        return self._view

    def _show(self, **values: Any) -> None:
        if self.prepared:
            rate = 0.0
            if len(self._rates) > 1 and not self.paused:
                (t0, s0), (t1, s1) = self._rates[0], self._rates[-1]
                rate = (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0
            values = {
                "config": self.config,
                "engine": self.training.engine,
                "step": self.training.steps,
                "seconds": self._seconds,
                "images": self._images,
                "steps_per_second": rate,
                "curves": MappingProxyType(self._curves.arrays()),
                "last": self._last,
                "changes": tuple(self._changes),
                "preview": self._preview,
                "preview_steps": tuple(self._preview_steps),
                "checkpoint_steps": tuple(self._checkpoint_steps),
                "metrics": self._metrics.shown,
                "protocol": self._live_evaluator.protocol
                if self._live_evaluator
                else self._view.protocol,
                "neighbours": self._neighbours,
                "warning": self.warning,
            } | values
        self._view = replace(self._view, version=next(VERSIONS), **values)
        if self._publish is not None:
            self._publish(self._view)


def _rewound(
    recorded: Sequence[Change],
    waiting: Sequence[Change],
    state: State,
    given: Mapping[str, Any],
) -> tuple[list[Change], deque[Change]]:
    """Return the changes that led to a checkpoint, and those to be made again after it.

    Args:
        recorded: all changes of the run.
        waiting: those that a resumed run had still to make again when it ended.
        state: the checkpoint.
        given: values that the user gives for the resumed run, by path: they win over what was recorded.
    """
    step, engine = state.step, state.engine.as_dict()
    values = {path: json.dumps(value) for path, value in state.config.flat().items()}
    at_step = {c.path: c for c in recorded if c.step == step}

    def led_here(change: Change) -> bool:
        if change.step != step:
            return change.step < step
        if change.path == "engine":
            return bool(change.after == engine)
        # Of the same step, the checkpoint may be older than the change.
        return json.dumps(at_step[change.path].after) == values.get(change.path)

    changes = [c for c in recorded if led_here(c)]
    again = [c for c in recorded if not led_here(c) and c.path != "engine"] + list(waiting)
    return changes, deque(
        sorted((c for c in again if c.path not in given), key=lambda change: change.step)
    )
