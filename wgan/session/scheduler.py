"""Scheduler: one thread does all long work, in fair shares.

Other threads never touch a training. They pass it functions, which it calls between two steps.
"""

import contextlib
import logging
import math
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable

import torch

from wgan.jobs import Cancelled, Task, TaskStatus, TaskSteps, TrainingJob, error_message
from wgan.runs import RunError, Status
from wgan.session.forecasts import Forecaster
from wgan.session.idle_compiler import IdleCompiler
from wgan.training import Diverged, use_threads

log = logging.getLogger(__name__)

SHARE_S = 0.02
"""Seconds of work that a job gets before the next job has its turn and waiting functions are called."""

LOCK_REFRESH_S = 20.0
"""Seconds between two refreshes of a paused run's lock, which other machines check."""

IDLE_S = 5.0
"""Seconds without work after which the steps of the settings on show are compiled."""

TASKS_KEPT = 20
"""Number of finished tasks whose results remain available."""


class Scheduler:
    """Runs trainings and tasks on one thread.

    Args:
        threads: The number of CPU threads for tasks.
        forecaster: Measures forecasts while no run is active.
        on_lost_order: Called with the name of a run that ended before an order reached it.
        on_discarded: Called with the name of a new run that was withdrawn before it began.
    """

    def __init__(
        self,
        threads: int,
        forecaster: Forecaster,
        *,
        on_lost_order: Callable[[str], None],
        on_discarded: Callable[[str], None],
    ) -> None:
        self.changed = threading.Condition()
        """Guards everything that other threads read: hold it to read `active` and `queue`."""
        self.active: list[TrainingJob] = []
        self.queue: deque[TrainingJob] = deque()
        self.closing = False
        self._threads, self._forecaster = threads, forecaster
        self._on_lost_order, self._on_discarded = on_lost_order, on_discarded
        self._pending_calls: deque[Callable[[], None]] = deque()
        self._tasks: list[Task] = []
        self._task_count = 0
        self._withdrawn: set[str] = set()  # runs that must not begin
        self._idle_compiler = IdleCompiler()
        # Set this before any other thread uses torch. Each computing thread creates a pool of
        # OpenMP threads of the size set last, and two pools on the same cores are many times
        # slower.
        torch.set_num_threads(threads)
        self._thread = threading.Thread(target=self._work, name="wgan-session", daemon=True)
        self._thread.start()

    # ---- requests, from any thread --------------------------------------------------------------

    def enqueue(self, job: TrainingJob) -> None:
        """Add a training to the queue, where its owner's turn is. The caller must hold `changed`.

        The first waiting group of every owner comes before the second one of any, and so on. So a
        visitor with many runs does not make others wait for all of them.
        """
        self._withdrawn.discard(job.run.id)
        self.queue.insert(self._place_in_queue(job), job)
        self.changed.notify_all()

    def _place_in_queue(self, job: TrainingJob) -> int:
        groups: dict[str, list[int]] = {}  # positions of each waiting group
        for i, queued in enumerate(self.queue):
            groups.setdefault(queued.group, []).append(i)
        if job.group in groups:
            return groups[job.group][-1] + 1
        active = {active.group: active.owner for active in self.active}
        rounds = Counter(active.values())  # number of earlier groups of each owner
        owners = [self.queue[positions[0]].owner for positions in groups.values()]
        own_round = rounds[job.owner] + owners.count(job.owner)
        for positions, owner in zip(groups.values(), owners, strict=True):
            if rounds[owner] > own_round:
                return positions[0]
            rounds[owner] += 1
        return len(self.queue)

    def call_between_steps(
        self, run: str, act: Callable[[TrainingJob], None], wait: float = 1.0
    ) -> None:
        """Call `act` on the thread between two steps of a run.

        The call waits for this, so that a click takes effect at once, unless a step takes longer
        than `wait`.

        Args:
            run: Name of the run.
            act: Called with the run's job.
            wait: Maximum time to wait, in seconds.
        """
        done = threading.Event()

        def carry_out() -> None:
            job = next((j for j in self.active if j.run.id == run), None)
            try:
                if job is None:  # it has just ended
                    self._on_lost_order(run)
                else:
                    act(job)
            except Exception as error:
                if job is None:
                    log.exception("An order for a run failed", extra={"run": run})
                else:
                    self._fail(job, error)
            finally:
                done.set()

        with self.changed:
            self._pending_calls.append(carry_out)
            self.changed.notify_all()
        done.wait(wait)

    def unpause(self, run: str) -> None:
        """End the pause of a run."""

        def carry_out(job: TrainingJob) -> None:
            # Set its time to the maximum of the other jobs, so that it gets no extra time for its pause.
            others = [j.seconds_used for j in self.active if j is not job and not j.paused]
            job.seconds_used = max([job.seconds_used, *others])
            job.pause(False)

        self.call_between_steps(run, carry_out)

    def stop(self, run: str) -> None:
        """End a run after the current step, with a checkpoint.

        A queued run is removed from the queue; if it is new, its folder is deleted.
        """
        with self.changed:
            self._withdrawn.add(run)
        if not self.withdraw(run):
            self.call_between_steps(run, lambda job: self._end(job, Status.STOPPED))

    def withdraw(self, run: str) -> bool:
        """Remove a run from the queue; return whether it was queued."""
        with self.changed:
            queued = next((job for job in self.queue if job.run.id == run), None)
            if queued is not None:
                self.queue.remove(queued)
                self._discard(queued)
        return queued is not None

    def move(self, run: str, by: int, *, owner: str | None = None) -> None:
        """Move a queued run up (by < 0) or down. The runs of a race move together.

        With `owner`, only the runs of this visitor change places.
        """
        with self.changed:
            groups: dict[str, list[TrainingJob]] = {}
            for job in self.queue:
                groups.setdefault(job.group, []).append(job)
            group_ids = list(groups)
            group = next((job.group for job in self.queue if job.run.id == run), None)
            places = [i for i, key in enumerate(group_ids) if owner in (None, groups[key][0].owner)]
            movable = [group_ids[i] for i in places]
            if group not in movable:
                return
            at = movable.index(group)
            movable.insert(max(0, min(len(movable) - 1, at + by)), movable.pop(at))
            for place, key in zip(places, movable, strict=True):
                group_ids[place] = key
            self.queue = deque(job for key in group_ids for job in groups[key])

    def wake(self) -> None:
        """Wake the thread, because a forecast was requested."""
        with self.changed:
            self.changed.notify_all()

    # ---- tasks, from any thread ---------------------------------------------------------------

    def begin_task(
        self, title: str, run: str, work: Callable[[], TaskSteps], *, pauses_training: bool = False
    ) -> TaskStatus:
        """Begin a task that gets a fair share of the time beside trainings.

        Args:
            title: Name of the task on screen.
            run: Name of the run that it is about.
            work: Creates the steps of the task. They must not touch the networks of a training.
            pauses_training: Whether that run's training waits until the task has ended.
        """
        with self.changed:
            self._task_count += 1
            task = Task(
                f"task-{self._task_count}", title, run, work, pauses_training=pauses_training
            )
            # Set its time to the maximum of the others, so that all get equal shares from now on.
            task.seconds_used = max(
                [job.seconds_used for job in self.active]
                + [t.seconds_used for t in self._tasks if not t.done],
                default=0.0,
            )
            self._tasks.append(task)
            ended = [t for t in self._tasks if t.done]
            for old in ended[: max(0, len(ended) - TASKS_KEPT)]:
                self._tasks.remove(old)
            self.changed.notify_all()
            return task.status

    def task(self, key: str) -> TaskStatus | None:
        """Return the status of a task; None if it is unknown or no longer stored."""
        with self.changed:
            return next((t.status for t in self._tasks if t.status.key == key), None)

    def tasks(self, run: str | None = None) -> list[TaskStatus]:
        """Return the tasks of a run, or all tasks, newest first."""
        with self.changed:
            statuses = [task.status for task in reversed(self._tasks)]
        return [status for status in statuses if run is None or status.run == run]

    def cancel_task(self, key: str) -> None:
        """End a task. Its result so far remains available."""
        with self.changed:
            for task in self._tasks:
                if task.status.key == key:
                    task.cancel()

    # ---- life ---------------------------------------------------------------------------------

    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread.is_alive()

    def close(self, timeout: float) -> None:
        """End the thread: active runs write a checkpoint and get the status *interrupted*."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self._thread.join(timeout)

    # ---- the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        """Do rounds of work until the scheduler closes. If a round fails, end what it worked on."""
        while True:
            try:
                if not self._round():
                    break
            except BaseException as error:  # includes a panic of a library written in Rust
                log.exception("The worker failed and goes on with the next task")
                self._end_all_active(error)
        self._idle_compiler.end()
        for job in list(self.active):
            self._end(job, Status.INTERRUPTED)
        for job in list(self.queue):
            self._discard(job)

    def _end_all_active(self, error: BaseException) -> None:
        """End all active trainings after a failure of the thread itself, so that others can begin."""
        for job in list(self.active):
            with contextlib.suppress(Exception):
                self._fail(job, error)
        with self.changed:
            self.active = []

    def _has_work(self) -> bool:
        return bool(
            self.closing
            or self._pending_calls
            or (self.queue and not self.active)
            or any(not job.paused for job in self.active)
            or self._is_blocked()
            or any(not task.done for task in self._tasks)
            or self._forecaster.waiting
        )

    def _is_blocked(self) -> bool:
        """Return whether others wait for paused runs that have been paused for longer than allowed."""
        return bool(self.queue and self.active) and all(
            job.paused and job.is_over_limit(others_wait=True) for job in self.active
        )

    def _round(self) -> bool:
        """Wait for work, call the waiting functions and do one share of work. Return False when closing."""
        is_idle = False
        with self.changed:
            while not self._has_work() and not is_idle:
                if self.active:
                    self._wait_beside_paused_runs()
                else:
                    is_idle = not self.changed.wait(IDLE_S)
            if self.closing:
                return False
            calls = list(self._pending_calls)
            self._pending_calls.clear()
            tasks = [task for task in self._tasks if not task.done]
            starting = self._next_group()
            self.active += starting
            for job in starting:
                job.seconds_used = max((task.seconds_used for task in tasks), default=0.0)
        if starting:
            self._idle_compiler.end()
        elif is_idle:
            self._compile_next_run()
        for call in calls:
            call()
        if self._is_blocked():
            for job in list(self.active):
                self._end(job, Status.STOPPED)
        self._forecaster.measure_next(self._check_forecast)
        for job in starting:
            self._prepare(job)
        held_runs = {task.status.run for task in tasks if task.pauses_training}
        if self.queue:  # others wait, so the training of a member goes on beside a task
            held_runs -= {
                job.run.id for job in self.active if math.isfinite(job.limits.pause_seconds)
            }
        ready: list[TrainingJob | Task] = [
            job
            for job in self.active
            if not job.paused and job.prepared and job.run.id not in held_runs
        ]
        ready += tasks
        if ready:
            self._give_share(min(ready, key=lambda job: job.seconds_used))
        return True

    def _wait_beside_paused_runs(self) -> None:
        interval = min(LOCK_REFRESH_S, *(job.limits.pause_seconds for job in self.active))
        if not self.changed.wait(interval):
            for job in self.active:
                with contextlib.suppress(RunError, OSError):
                    job.run.refresh_lock()

    def _compile_next_run(self) -> None:
        newest = self._forecaster.newest()
        if newest is not None:
            self._idle_compiler.begin(*newest)

    def _next_group(self) -> list[TrainingJob]:
        """Remove and return the trainings that start now: the first and its race, if none is active."""
        starting: list[TrainingJob] = []
        if not self.active:
            while self.queue and (not starting or self.queue[0].group == starting[0].group):
                starting.append(self.queue.popleft())
        return starting

    def _check_forecast(self) -> None:
        """Raise Cancelled if the forecast must end because a run can begin or the scheduler closes."""
        if self.closing or self.active or self.queue:
            raise Cancelled

    def _prepare(self, job: TrainingJob) -> None:
        def check() -> None:
            if job.run.id in self._withdrawn or self.closing:
                raise Cancelled

        try:
            job.prepare(check)
        except Cancelled:
            self.active.remove(job)
            self._discard(job)
        except BaseException as error:
            self._fail(job, error)

    def _give_share(self, job: TrainingJob | Task) -> None:
        start = time.perf_counter()
        if isinstance(job, Task):
            use_threads(self._threads)
            try:
                while (
                    not job.done
                    and time.perf_counter() - start < SHARE_S
                    and not self._pending_calls
                ):
                    job.step()
            except BaseException:
                status = job.status
                log.exception("%s failed", status.title, extra={"run": status.run or "-"})
            return
        try:
            while (
                time.perf_counter() - start < SHARE_S
                and not self._pending_calls
                and not self.closing
            ):
                if job.done:
                    self._end(job, Status.FINISHED)
                    break
                if job.is_over_limit():
                    self._end(job, Status.STOPPED)
                    break
                job.step()
        except BaseException as error:
            self._fail(job, error)
        job.seconds_used += time.perf_counter() - start

    def _end(self, job: TrainingJob, status: Status) -> None:
        job.finish(status)
        snapshot = job.snapshot
        if job.new and all(change.path == "engine" for change in snapshot.changes):
            self._forecaster.learn(job.config, job.seconds, snapshot.step)
        log.info("The run has ended: %s", status, extra={"run": job.run.id, "action": "end"})
        with self.changed:
            self.active = [j for j in self.active if j is not job]
            self.changed.notify_all()

    def _fail(self, job: TrainingJob, error: BaseException) -> None:
        if not isinstance(error, Diverged):
            log.error("The run failed", exc_info=error, extra={"run": job.run.id})
        began = job.prepared
        trace = "" if isinstance(error, Diverged) else "".join(traceback.format_exception(error))
        job.finish(Status.FAILED, error_message(error), trace)
        with self.changed:
            self.active = [j for j in self.active if j is not job]
        if not began and job.new:
            job.run.delete()  # it never trained; its snapshot in memory shows the error

    def _discard(self, job: TrainingJob) -> None:
        """Discard a job that never began: delete a new run, leave a resumed one unchanged."""
        job.discard()
        if job.new:
            self._on_discarded(job.run.id)
