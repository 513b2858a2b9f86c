"""A training that records itself as it goes."""

import contextlib
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wgan.config import PARTS, TrainConfig
from wgan.data import Data
from wgan.format import fmt_duration
from wgan.jobs.engine_tuner import EngineTuner
from wgan.jobs.problems import Problems
from wgan.jobs.record_buffer import replay_changes
from wgan.jobs.recorder import RunRecorder
from wgan.jobs.snapshot import VERSIONS, RunReader, RunSnapshot, error_message
from wgan.jobs.worker import LaunchSpec
from wgan.runs import Change, Run, RunError, RunTakenOver, Status
from wgan.runs.repair import has_damaged_database, repair_database
from wgan.training import Diverged, Engine, LiveEvaluator, Training, resolve_engine
from wgan.training.distributed import ALONE, ProcessGroup
from wgan.training.engine import cores

FLUSH_INTERVAL_S = 0.5
"""Seconds between two writes of reports, and between two snapshots for the pages."""

RATE_WINDOW_S = 6.0  # seconds over which speed is averaged
SIZE_INTERVAL_S = 10.0  # seconds between two looks at the size of the runs, if it is limited


class Cancelled(Exception):
    """A job was cancelled while it was prepared."""


@dataclass(frozen=True)
class JobLimits:
    """What a job may use. By default, there is no limit."""

    seconds: float = math.inf  # of training by this job
    pause_seconds: float = math.inf  # of all pauses, once others wait
    refusal_to_store: Callable[[], str] | None = None  # says why the run may not grow, or ""


class TrainingJob:
    """A training that records itself into its run's folder as it goes.

    One thread drives the job: a session's worker, or the command line.

    Args:
        run: the run that is trained.
        root: the folder of the data sets.
        threads: the number of CPU threads if the config leaves it open. None: the fastest number is measured
            during training.
        most_threads: the largest number that may be chosen then (default: all cores).
        resume: whether the run continues from its newest checkpoint.
        changes: hyperparameters to change before the first step, by path.
        scheduled: changes to make after the steps that they name, in the order of the steps.
        publish: called with every new snapshot.
        process_group: the processes that train it together; this is the first of them.
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
        scheduled: Sequence[Change] = (),
        publish: Callable[[RunSnapshot], None] | None = None,
        process_group: ProcessGroup = ALONE,
    ) -> None:
        self.process_group, self.run, self.config = process_group, run, run.config()
        self._training: Training | None = None
        self.problems = Problems(run, lambda: self._current_step)
        stored_snapshot = self._read_stored() if resume else None
        self.paused = False
        self.seconds_used = 0.0  # seconds of the worker's time, for fair shares
        self.new = not resume  # whether its folder was made for it
        self.group = ""  # jobs of one group start together
        self.owner = ""  # id of the visitor who started it
        self.limits = JobLimits()
        self._seconds_before = 0.0
        self._paused_at = 0.0  # `time.monotonic()`
        self._seconds_of_pauses = 0.0  # of earlier pauses
        self._measured_at = 0.0  # `time.monotonic()` of the newest look at the size of the runs
        self.fetch_reports_lazily = False
        """Whether reports are fetched from the device only when they are shown or written."""
        self._root, self._threads = root, threads
        self._most_threads = threads or most_threads or cores()
        self._resume = resume and bool(run.checkpoints.steps())
        self._first_changes = dict(changes or {})
        self._scheduled = tuple(scheduled)
        self._publish = publish
        self.recorder = RunRecorder(run, self.config, self.problems, root, resumed=resume)
        self.engine_tuner = EngineTuner(run)
        self._flushed_at: deque[tuple[float, int]] = deque()  # time and step
        self._last_flush = 0.0
        self._is_untouched = True  # whether the folder is as it was before this job
        self._status_before = run.fact("status") if resume else Status.QUEUED
        self._lock: contextlib.ExitStack | None = None
        self._launch_spec_is_sent = False
        self._snapshot = replace(
            stored_snapshot
            or RunSnapshot(
                run.id,
                Status.QUEUED,
                self.config,
                created=run.metadata()["created"],
                parent=run.parent(),
            ),
            is_trained_by_other_process=False,
            status=Status.QUEUED,
            phase="Waiting in the queue",
            error="",
            steps_per_second=0.0,
        )

    # ---- life ---------------------------------------------------------------------------------

    def _read_stored(self) -> RunSnapshot:
        """Return a snapshot of the stored run; its database is repaired if it is damaged."""
        try:
            self.run.replay()
            return RunReader(self.run).snapshot()
        except RunError:
            if not has_damaged_database(self.run):
                raise
        with self.run.lock():
            self.problems.add_notice(repair_database(self.run))
        return RunReader(self.run).snapshot()

    def take_lock(self) -> None:
        """Take the run's lock, for as long as the job lives. Raises RunError."""
        if self._lock is None:
            stack = contextlib.ExitStack()
            stack.enter_context(self.run.lock())
            self._lock = stack

    def release(self) -> None:
        """Give up the run's lock."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.close()
            self._lock = None

    def prepare(self, check: Callable[[], None] = lambda: None) -> None:
        """Load the data, choose the engine, build or restore the training.

        `check` is called now and then and may raise Cancelled. Raises DataError, RunError or
        ValueError with a sentence.
        """
        self.take_lock()

        def progress(message: str, share: float) -> None:
            check()
            self._show(phase=message, phase_share=share)

        progress("Loading the data", 0.0)
        data: Data = self.config.dataset.load(self._root, progress)
        if self._resume:
            self._restore(data, check)
        else:
            progress("Choosing the fastest precision", 0.0)
            engine = self._resolved(self.config, check)
            engine.activate()
            replay = self.recorder.buffer.schedule(self._scheduled)
            self._send_launch_spec(
                LaunchSpec(self.config, engine, None, self._first_changes, replay)
            )
            self._training = Training(
                self.config, engine=engine, data=data, process_group=self.process_group
            )
        check()
        # On a CPU, reports are ready at once. Of several processes, each must fetch every report, so that
        # all notice divergence at the same step.
        self.fetch_reports_lazily = (
            self.training.device.type != "cpu" and self.process_group.size == 1
        )
        fixed_threads = self.config.threads or self._threads
        if (
            not fixed_threads
            and self.process_group.size == 1
            and self.training.device.type == "cpu"
        ):
            self.engine_tuner.choose_threads(self._most_threads, self.recorder.seconds)
        self._is_untouched = False
        self.recorder.write()
        self.run.set_engine(self.training.engine)
        self.run.set_fact("error", "")
        self.run.set_fact("status", Status.RUNNING)
        if self._first_changes:
            self.change(self._first_changes)
        if not self._resume:
            # A run killed before its first checkpoint can still be resumed, from its start.
            self.recorder.save_preview(self.training)
            self.recorder.save_checkpoint(self.training)
        self._make_due_changes()
        self._show(status=Status.RUNNING, phase="", phase_share=0.0)

    def _restore(self, data: Data, check: Callable[[], None]) -> None:
        """Build the training from the run's newest checkpoint, and remove what was recorded after it."""
        state, facts, damaged = self.run.checkpoints.newest_resumable()
        if damaged:
            self.problems.add_notice(
                f"{' '.join(damaged)} The run continues from step {state.step:,}."
            )
        recorded_engine, available = state.engine, self._resolved(state.config, check)
        records = self.recorder.buffer
        records.rewind(self.run.replay(), state, self._first_changes)
        replay = records.schedule(self._scheduled)
        changes_before = tuple(records.changes)
        # The recorded engine reproduces the numbers exactly. Another one is used only if its device or
        # number of processes is not available, or if it has more threads than allowed.
        must_switch = (
            recorded_engine.device != available.device
            or recorded_engine.processes != available.processes
            or recorded_engine.threads > self._most_threads
        )
        engine = available if must_switch else recorded_engine
        self.recorder.add_engine_change(state.step, recorded_engine, engine)
        engine.activate()
        self._send_launch_spec(LaunchSpec(state.config, engine, state, self._first_changes, replay))
        self._training = Training.restore(
            state, engine=engine, data=data, process_group=self.process_group
        )
        if engine.compiled:  # Exact repetition needs the same compiled steps.
            self.engine_tuner.switch_steps(self._training, 0.0, was_compiled=True)
            if not self._training.engine.compiled:
                self.recorder.add_engine_change(state.step, engine, self._training.engine)
        self.config = state.config
        self.recorder.seconds, self.recorder.images = facts["seconds"], int(facts["images"])
        self.recorder.checkpoint_step = state.step
        # Only now is anything removed: if the preparation is cancelled before, the run is unchanged.
        self.run.rewind(state.step, changes_before, records.replay)
        self.run.drop_engines_after(recorded_engine)
        self._is_untouched = False
        self._seconds_before = self.recorder.seconds
        self.recorder.load_history()

    def _resolved(self, config: TrainConfig, check: Callable[[], None]) -> Engine:
        return resolve_engine(
            config,
            threads=self._threads,
            most_threads=self._most_threads,
            processes=self.process_group.size,
            check=check,
        )

    def _send_launch_spec(self, spec: LaunchSpec | None) -> None:
        """Send the other processes what to train; None: they may leave, there is nothing to train."""
        if not self._launch_spec_is_sent:
            self._launch_spec_is_sent = True
            self.process_group.broadcast_object(spec)

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
    def _current_step(self) -> int:
        return self._training.steps if self._training is not None else 0

    @property
    def done(self) -> bool:
        """Whether the run's target is reached."""
        limit = self.config.seconds
        return self.training.steps >= self.config.steps or (
            limit is not None and self.recorder.seconds >= limit
        )

    def is_over_limit(self, *, others_wait: bool = False) -> bool:
        """Return whether this job has used more than it may. Then the run gets a notice that says so.

        Args:
            others_wait: Whether other runs wait in the queue. Only then is the time of pauses limited.
        """
        limits, now = self.limits, time.monotonic()
        paused_for = self._seconds_of_pauses + (now - self._paused_at if self.paused else 0.0)
        message = ""
        if self.recorder.seconds - self._seconds_before > limits.seconds:
            message = (
                f"This server ends the runs of members after {fmt_duration(limits.seconds)} of "
                "training. To continue this run, press Resume."
            )
        elif others_wait and self.paused and paused_for > limits.pause_seconds:
            message = (
                f"This run was paused for {fmt_duration(limits.pause_seconds)} while other runs "
                "waited, so the server has ended it. To continue it, press Resume."
            )
        elif limits.refusal_to_store is not None and now - self._measured_at > SIZE_INTERVAL_S:
            self._measured_at = now
            if refusal := limits.refusal_to_store():
                message = f"This run was ended. {refusal}"
        if message:
            self.problems.add_notice(message)
        return bool(message)

    def step(self) -> None:
        """Make one training step, and record what is due. Raises Diverged."""
        start = time.perf_counter()
        training, recorder = self.training, self.recorder
        training.engine.activate()  # Another job on this thread may have set another engine.
        training.step()
        self.engine_tuner.record_step(time.perf_counter() - start)
        steps, config = training.steps, self.config
        recorder.count_step(config)
        if steps % config.report_every == 0:
            seconds = recorder.seconds + time.perf_counter() - start
            recorder.note_report(steps, seconds, time.time())
        previewing = steps % config.preview_every == 0 or steps == 1
        checkpointing = steps % config.checkpoint_every == 0
        measuring = recorder.metrics.due(training, recorder.seconds + time.perf_counter() - start)
        flushing = time.perf_counter() - self._last_flush >= FLUSH_INTERVAL_S
        if (
            not self.fetch_reports_lazily
            or previewing
            or checkpointing
            or measuring
            or flushing
            or self.done
        ):
            recorder.collect(training)
        if previewing:
            recorder.save_preview(training)
        if checkpointing:
            recorder.seconds += time.perf_counter() - start
            start = time.perf_counter()
            recorder.save_checkpoint(training)
        if measuring:
            recorder.metrics.measure(training, recorder.seconds + time.perf_counter() - start)
        if flushing:
            with self.problems.computing("speed", "Testing faster steps failed"):
                self._tune_engine()
            recorder.seconds += time.perf_counter() - start
            self.flush()
        else:
            recorder.seconds += time.perf_counter() - start
        self._make_due_changes()

    def _make_due_changes(self) -> None:
        """Make the scheduled changes of the current step.

        This is done right after the step, so that a change of the last step can prolong the run.
        """
        replay_changes(self.recorder.buffer.replay, self.training.steps, self._apply)

    def _apply(self, changes: Mapping[str, Any]) -> set[str]:
        """Change hyperparameters, record what differs, and return its paths. Raises ConfigError."""
        before = self.training.config.flat()
        self.config = self.training.apply(**changes)
        after = self.config.flat()
        changed = {p for p in after if p not in PARTS and after[p] != before.get(p)}
        for path in (p for p in after if p in changed):
            self.recorder.buffer.add_change(
                Change(self.training.steps, path, before.get(path), after[path])
            )
        return changed

    def _tune_engine(self) -> None:
        """Switch to faster steps or to another number of threads, and record it as a change."""
        for switch in (self.engine_tuner.switch_steps, self.engine_tuner.switch_threads):
            before = self.training.engine
            if switch(self.training, self.recorder.seconds) and self.training.steps:
                self.recorder.add_engine_change(self.training.steps, before, self.training.engine)

    @property
    def live_evaluator(self) -> LiveEvaluator:
        """Measures the training from time to time."""
        return self.recorder.metrics.evaluator(self.training)

    def flush(self) -> None:
        """Write pending records and publish a snapshot. Records that cannot be written are kept and tried again."""
        now = time.perf_counter()
        self._last_flush = now
        self._flushed_at.append((now, self.training.steps))
        while len(self._flushed_at) > 2 and now - self._flushed_at[0][0] > RATE_WINDOW_S:
            self._flushed_at.popleft()
        self.recorder.flush(self.training, Status.PAUSED if self.paused else Status.RUNNING)
        self._show(status=Status.PAUSED if self.paused else Status.RUNNING)

    def rename(self, name: str) -> None:
        """Show the name that the user gave the run."""
        self._show(name=name)

    def pause(self, paused: bool) -> None:
        """Pause or continue; while paused, `step` may still be called for single steps."""
        now = time.monotonic()
        if self.paused:
            self._seconds_of_pauses += now - self._paused_at
        self._paused_at = now
        self.paused = paused
        self._flushed_at.clear()
        if self.prepared:
            with contextlib.suppress(RunError):  # A full disk: the flush below says so.
                self.run.set_fact("status", Status.PAUSED if paused else Status.RUNNING)
            self.recorder.collect(self.training)
            if paused and self.recorder.preview_step != self.training.steps:
                self.recorder.save_preview(self.training)
            self.flush()

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change hyperparameters between two steps and record it. Raises ConfigError."""
        changed = self._apply(changes)
        # What the user says now wins over what a resumed run would repeat later.
        self.recorder.buffer.cancel_replay(changes)
        if changed & {"preview_seed", "preview_class"}:
            self.recorder.save_preview(self.training)
        self.flush()

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
            self._send_launch_spec(None)
        if error:
            self.run.log(f"step {self._current_step}: {error}\n{trace}")
        try:
            if self.prepared:
                status, error = self._finish_recording(status, error)
                self.run.set_fact("seconds", repr(self.recorder.seconds))
            self.run.set_fact("error", error)
            if self.problems.notices or self.run.fact("notices"):
                self.run.set_fact("notices", " ".join(self.problems.notices))
            self.run.set_fact("status", status)
            if status in (Status.FINISHED, Status.STOPPED):
                self.run.set_fact("replay", "[]")
        except RunTakenOver as lost:  # The folder is another process's now: nothing is written.
            status, error = Status.FAILED, str(lost)
        except Exception as failure:
            if not isinstance(failure, RunError | OSError):
                self.run.log(traceback.format_exc())
            status, error = (
                Status.FAILED,
                error or self.recorder.unfinished_sentence(error_message(failure)),
            )
        finally:
            self.release()
        self._show(status=status, error=error, phase="")

    def _finish_recording(self, status: Status, error: str) -> tuple[Status, str]:
        """Write the last reports, preview and checkpoint; return how the run really ended, and why."""
        try:
            self.recorder.collect(self.training)
        except (Diverged, RuntimeError) as lost:  # a device that is lost gives nothing
            if status is not Status.FAILED:
                status, error = Status.FAILED, error_message(lost)
        if status is not Status.FAILED and self.recorder.checkpoint_step != self.training.steps:
            self.recorder.save_preview(self.training)
            self.recorder.save_checkpoint(self.training)
        self.flush()
        if status is Status.FINISHED:
            self.recorder.metrics.measure_end(self.training)
            self.flush()
        if status is not Status.FAILED and (reason := self.recorder.missing_reason(self.training)):
            return Status.FAILED, reason
        return status, error

    # ---- showing ------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Training time so far, over all its sessions."""
        return self.recorder.seconds

    @property
    def snapshot(self) -> RunSnapshot:
        """The state of the run."""
        return self._snapshot

    def _show(self, **values: Any) -> None:
        if self.prepared:
            rate = 0.0
            if len(self._flushed_at) > 1 and not self.paused:
                (t0, s0), (t1, s1) = self._flushed_at[0], self._flushed_at[-1]
                rate = (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0
            values = {
                "config": self.config,
                "engine": self.training.engine,
                "step": self.training.steps,
                "steps_per_second": rate,
                "protocol": self.recorder.metrics.protocol or self._snapshot.protocol,
                **self.recorder.shown_values(),
            } | values
        self._snapshot = replace(self._snapshot, version=next(VERSIONS), **values)
        if self._publish is not None:
            self._publish(self._snapshot)
