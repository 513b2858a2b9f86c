"""Session: what the app and its users ask of runs, carried out by one worker thread.

Pages never touch a training. They read snapshots, which are immutable, and give orders, which the worker
carries out between two steps.
"""

import atexit
import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wgan.access import LOCAL_VISITOR, Limits, Owners, Visitor
from wgan.arrays import U8
from wgan.config import ConfigError, TrainConfig
from wgan.diagnosis import Finding
from wgan.jobs import (
    CONVERGENCE,
    SEARCH,
    RunSnapshot,
    TaskStatus,
    TaskSteps,
    TrainingJob,
    converge,
    evaluate,
    invert,
)
from wgan.latent import Models
from wgan.runs import Change, Run, RunError, Status, TrashedRun, fork, throw_away
from wgan.session.datasets import DatasetLibrary
from wgan.session.forecasts import Forecaster
from wgan.session.history import undo_and_redo
from wgan.session.library import RunLibrary
from wgan.session.model_copies import ModelCopies
from wgan.session.permissions import ForVisitors, Permissions, guarded, require
from wgan.session.presets import Presets
from wgan.session.scheduler import Scheduler
from wgan.session.snapshots import Snapshots
from wgan.training import Forecast, Part, SlowStep
from wgan.training.engine import cores
from wgan.training.state import steered

MAX_CLOSING_S = 8.0
"""How long a closing session waits for the current step and its checkpoint. On an idle machine both take about
a second, and process managers wait at least ten seconds before they kill a server."""

MAX_RACING_RUNS = 4

PRESETS_FOLDER = ".presets"


class Busy(Exception):
    """Another run is training; the message says which."""

    def __init__(self, snapshot: RunSnapshot) -> None:
        self.snapshot = snapshot
        super().__init__(
            f"{snapshot.config.title} is {snapshot.status} at step {snapshot.step:,} (run "
            f"{snapshot.run}). Add the new run to the queue, or stop this one first."
        )


class Session(ForVisitors):
    """Starts, steers and shows the runs of one folder.

    Methods that change something raise NotAllowed, a RunError, if the visitor may not do so. At first,
    the visitor is the person at this machine, who may do everything; see `for_visitor`.

    Args:
        runs_dir: the folder of runs.
        root: the folder of the data sets.
        threads: the number of CPU threads. None: one fewer than there are cores, because the app needs one for
            its pages; a training may take fewer, if that is measured to be faster.
        limits: limits for visitors who are members.
        folders: folders of this machine from which visitors may add pictures.
    """

    def __init__(
        self,
        runs_dir: Path,
        *,
        root: Path | None = None,
        threads: int | None = None,
        limits: Limits | None = None,
        folders: Sequence[Path] = (),
    ) -> None:
        self.runs_dir, self.root = runs_dir, root
        self.permissions = Permissions(
            LOCAL_VISITOR,
            Owners(runs_dir),
            lambda: (*self.library.stored(), *self.datasets.stored()),
            limits or Limits(),
        )
        self.datasets = DatasetLibrary(root, self.permissions, folders)
        self.presets = Presets(runs_dir / PRESETS_FOLDER, self.permissions)
        self.library = RunLibrary(runs_dir, self.permissions)
        self._fixed_threads = threads
        self.threads = threads or max(1, cores() - 1)
        # Pages are drawn anew when a run has another status. The list of runs must show it then, too.
        self._snapshots = Snapshots(runs_dir, before_new_status=self.library.invalidate)
        self._forecaster = Forecaster(threads, self.threads)
        self._scheduler = Scheduler(
            self.threads,
            self._forecaster,
            on_lost_order=self._forget_orders,
            on_discarded=self._forget_discarded,
        )
        self._models = ModelCopies(self._scheduler, runs_dir)
        atexit.register(self._exit)

    def as_visitor(self, visitor: Visitor) -> "Session":
        """Return this session for a visitor, who may do what their role allows."""
        return self.for_visitor(replace(self.permissions, visitor=visitor))

    def for_visitor(self, permissions: Permissions) -> "Session":
        """Return this session, and its libraries, with other permissions."""
        view = super().for_visitor(permissions)
        view.datasets = self.datasets.for_visitor(permissions)
        view.presets = self.presets.for_visitor(permissions)
        view.library = self.library.for_visitor(permissions)
        return view

    # ---- orders -------------------------------------------------------------------------------

    def start(self, config: TrainConfig, *, queue: bool = False) -> str:
        """Start a run and return its name. Raises Busy where one is active and `queue` is False.

        Raises RunError where no folder can be made.
        """
        self._check_new_runs(config)
        with self._scheduler.changed:
            self._refuse_if_busy(queue)
            run = Run.create(config, self.runs_dir)
            self._own_run(run, "start")
            return self._enqueue(run, resume=False, changes={})

    @guarded("run", "resume")
    def resume(
        self, name: str, *, changes: Mapping[str, Any] | None = None, queue: bool = False
    ) -> str:
        """Go on with a run from its newest checkpoint, with some live values changed.

        Raises Busy, RunError or ConfigError.
        """
        run = Run.named(name, self.runs_dir)
        if run.alive():
            raise RunError(f"Run {run.id} is already being trained.")
        config_before, step = run.resume_point()
        config = steered(config_before, dict(changes or {}))
        if step >= config.steps:
            raise RunError(
                f"Run {run.id} has reached its last step, {config.steps:,}. To continue it, "
                "increase “Stop at step”."
            )
        self._check_new_runs(config)
        with self._scheduler.changed:
            self._refuse_if_busy(queue)
            return self._enqueue(run, resume=True, changes=changes or {})

    def fork(
        self, name: str, step: int | None, changes: Mapping[str, Any], *, queue: bool = False
    ) -> str:
        """Fork a run: start a new run from one of its checkpoints with other values, and return its name.

        Raises Busy, RunError or ConfigError.
        """
        run = Run.named(name, self.runs_dir)
        begins = run.checkpoints.steps()[-1:] if step is None else [step]
        length = {"steps": changes["steps"]} if "steps" in changes else {}
        self._check_new_runs(*(run.checkpoints.config_at(s).changed(length) for s in begins))
        with self._scheduler.changed:
            self._refuse_if_busy(queue)
            child = fork(run, step, changes, self.runs_dir)
            self._own_run(child, "fork")
            return self._enqueue(child, resume=True, changes={}, new=True)

    def race(self, configs: Sequence[TrainConfig], *, queue: bool = False) -> list[str]:
        """Start several runs together, in fair shares of the time; return their names.

        Raises Busy, RunError or ConfigError.
        """
        if not 2 <= len(configs) <= MAX_RACING_RUNS:
            raise ConfigError(f"A race needs two to {MAX_RACING_RUNS} runs.")
        self._check_new_runs(*configs)
        with self._scheduler.changed:
            self._refuse_if_busy(queue, len(configs))
            runs = [Run.create(config, self.runs_dir) for config in configs]
            for run in runs:
                self._own_run(run, "race")
                self._enqueue(run, resume=False, changes={}, group=runs[0].id)
            return [run.id for run in runs]

    def _check_new_runs(self, *configs: TrainConfig) -> None:
        """Raise NotAllowed if the visitor may not train these configs."""
        may = self.permissions
        require(may.refusal_to_add())
        for config in configs:
            require(may.refusal_of_size(config))
        require(may.refusal_to_store())

    def _own_run(self, run: Run, action: str) -> None:
        self.permissions.own("run", run.id)
        self.permissions.record(action, run.id)

    def _refuse_if_busy(self, queue: bool, n: int = 1) -> None:
        """Raise Busy if `queue` is False and a run is active, or NotAllowed if the queue is too long for `n` more."""
        jobs = (*self._scheduler.active, *self._scheduler.queue)
        require(self.permissions.refusal_to_queue([job.run.id for job in jobs], n))
        if jobs and not queue:
            raise Busy(jobs[0].snapshot)

    def _enqueue(
        self,
        run: Run,
        *,
        resume: bool,
        changes: Mapping[str, Any],
        group: str = "",
        new: bool = False,
    ) -> str:
        job = TrainingJob(
            run,
            root=self.root,
            threads=self._fixed_threads,
            most_threads=self.threads,
            resume=resume,
            changes=changes,
            publish=self._snapshots.publish,
        )
        job.group = group or run.id
        job.new = new or not resume
        job.owner = self.permissions.visitor.id
        job.limits = self.permissions.job_limits()
        job.take_lock()
        self._models.forget(run.id)
        self.library.invalidate()
        self._snapshots.publish(job.snapshot)
        self._scheduler.enqueue(job)
        return run.id

    @guarded("run", "pause")
    def pause(self, name: str) -> None:
        """Pause a run after the current step."""
        self._scheduler.call_between_steps(name, lambda job: job.pause(True))

    @guarded("run", "continue")
    def unpause(self, name: str) -> None:
        """End the pause of a run."""
        self._scheduler.unpause(name)

    @guarded("run", "step")
    def step_once(self, name: str, *, only_step: int | None = None) -> None:
        """Make one step of a paused run; with `only_step`, only if its number is this one."""

        def once(job: TrainingJob) -> None:
            if not job.prepared or only_step not in (None, job.training.steps + 1):
                return
            if job.paused and not job.done:
                job.step()
                job.pause(True)

        self._scheduler.call_between_steps(name, once, wait=10.0)

    @guarded("run", "move")
    def move(self, name: str, by: int) -> None:
        """Move a queued run up (by < 0) or down; runs of one race move together."""
        visitor = self.permissions.visitor
        self._scheduler.move(name, by, owner=None if visitor.is_admin else visitor.id)

    @guarded("run", "stop")
    def stop(self, name: str) -> None:
        """End a run after the current step, with a checkpoint.

        A queued run is removed from the queue; if it is new, its folder is deleted.
        """
        self._scheduler.stop(name)

    @guarded("run", "withdraw")
    def withdraw(self, name: str) -> bool:
        """Remove a run from the queue; tell whether it was there."""
        return self._scheduler.withdraw(name)

    @guarded("run", "change")
    def change(self, name: str, /, **changes: Any) -> None:
        """Change hyperparameters of a live run, dotted for parts. Raises ConfigError, RunError."""
        snapshot = self.snapshot(name)
        if not snapshot.status.active:
            raise RunError(f"Run {name} is not running, so its settings cannot change.")
        if snapshot.status is Status.QUEUED or snapshot.phase:
            raise RunError(f"Run {name} is still being prepared. Change it in a moment.")
        # In the caller's thread, so that ConfigError reaches the caller.
        config = steered(snapshot.config, changes)
        require(self.permissions.refusal_of_size(config))

        request = self._snapshots.request(name, config)

        def carry_out(job: TrainingJob) -> None:
            with self._snapshots.making(name, request):
                job.change(changes)

        self._scheduler.call_between_steps(name, carry_out)

    def undo(self, name: str) -> None:
        """Undo the newest change of a live run that is not undone yet; the undo is recorded as a change."""
        require(self.permissions.refusal_to_change("run", name))
        done, _ = self.history(name)
        if done:
            self.change(name, **{done[-1].path: done[-1].before})

    def redo(self, name: str) -> None:
        """Redo the change of a live run that was undone last; the redo is recorded as a change."""
        require(self.permissions.refusal_to_change("run", name))
        _, undone = self.history(name)
        if undone:
            self.change(name, **{undone[-1].path: undone[-1].after})

    def history(self, name: str) -> tuple[list[Change], list[Change]]:
        """Return a run's changes that can be undone, and redone, the next one last. Raises RunError."""
        live, requests = self._snapshots.live(name)
        if live is None or not live.status.active:
            return undo_and_redo(self.snapshot(name).changes)
        # Include requested changes that the worker has not recorded yet.
        requested_changes = [change for request in requests for change in request.changes]
        return undo_and_redo([*live.changes, *requested_changes])

    # ---- tasks --------------------------------------------------------------------------------

    def begin_task(
        self, title: str, run: str, work: Callable[[], TaskSteps], *, pauses_training: bool = False
    ) -> TaskStatus:
        """Begin work beside the trainings, in fair shares with them; see `Scheduler.begin_task`.

        It must not touch the networks of a training: ask `models` for copies.
        """
        if pauses_training:
            require(self.permissions.refusal_to_change("run", run))
        with self.permissions.tasks.lock:
            require(self.refusal_to_begin_task())
            task = self._scheduler.begin_task(title, run, work, pauses_training=pauses_training)

            def is_unfinished() -> bool:
                status = self._scheduler.task(task.key)
                return status is not None and not status.done

            self.permissions.tasks.add(self.permissions.visitor, is_unfinished, task.key)
        self.permissions.record(f"begin {title}", run)
        return task

    def refusal_to_begin_task(self) -> str:
        """Say why the visitor may not begin a task now; "" if it is allowed."""
        return self.permissions.refusal_to_begin()

    def evaluate(
        self,
        name: str,
        step: int | None = None,
        *,
        samples: int | None = None,
        pauses_training: bool = False,
    ) -> TaskStatus:
        """Begin an evaluation of a run's newest weights, or of a checkpoint. Raises RunError."""
        require(self.permissions.refusal_to_change("run", name))  # it records metrics
        models, run = self.models(name, step), Run.named(name, self.runs_dir)

        def work() -> TaskSteps:
            return evaluate(models, samples=samples, root=self.root, run=run)

        return self.begin_task("Evaluation", name, work, pauses_training=pauses_training)

    def converge(
        self,
        name: str,
        step: int | None = None,
        *,
        updates: int | None = None,
        faster: float = 1.0,
        pauses_training: bool = False,
    ) -> TaskStatus:
        """Begin to train a copy of a run's critic against its fixed generator. Raises RunError."""
        models = self.models(name, step)

        def work() -> TaskSteps:
            return converge(models, updates=updates, faster=faster, root=self.root)

        return self.begin_task(CONVERGENCE, name, work, pauses_training=pauses_training)

    def invert(
        self,
        name: str,
        target: U8,
        step: int | None = None,
        *,
        starts: int = 8,
        updates: int = 200,
        label: int | None = None,
    ) -> TaskStatus:
        """Begin to search the z that makes a picture, (C, H, W) uint8. Raises RunError."""
        models = self.models(name, step)

        def work() -> TaskSteps:
            return invert(
                models, target, starts=starts, updates=updates, label=label, root=self.root
            )

        return self.begin_task(SEARCH, name, work)

    def task(self, key: str) -> TaskStatus | None:
        """Return the status of a task; None if it is unknown or forgotten."""
        return self._scheduler.task(key)

    def tasks(self, run: str | None = None) -> list[TaskStatus]:
        """Return the tasks about a run, or about any, the newest first."""
        return self._scheduler.tasks(run)

    def cancel_task(self, key: str) -> None:
        """End a task; its result so far can still be asked for."""
        require(self.refusal_to_cancel(key))
        self._scheduler.cancel_task(key)
        self.permissions.record("cancel task", key)

    def refusal_to_cancel(self, key: str) -> str:
        """Say why the visitor may not end a task; "" if it is allowed."""
        return self.permissions.tasks.refusal_to_cancel(key, self.permissions.visitor)

    def _forget_discarded(self, run: str) -> None:
        """Forget a new run that was withdrawn before it began."""
        self._snapshots.forget(run)
        self.permissions.owners.set("run", run, None)

    def _forget_orders(self, run: str) -> None:
        """Forget what was asked of a run that has ended."""
        self._snapshots.drop_requests(run)
        self._models.forget_order(run)

    # ---- looking ------------------------------------------------------------------------------

    def live(self) -> RunSnapshot | None:
        """Return the snapshot of the run that trains or is paused, or of the first in the queue."""
        with self._scheduler.changed:
            jobs = (*self._scheduler.active, *self._scheduler.queue)
            return self._snapshots.published(jobs[0].run.id) if jobs else None

    def queued(self) -> list[RunSnapshot]:
        """Return the snapshots of the queued runs."""
        with self._scheduler.changed:
            snapshots = [self._snapshots.published(job.run.id) for job in self._scheduler.queue]
        return [snapshot for snapshot in snapshots if snapshot is not None]

    def race_on(self) -> list[str]:
        """Return the runs of the race that trains now, else of the first race in the queue; empty if there is none."""
        with self._scheduler.changed:
            groups: dict[str, list[str]] = {}
            for job in (*self._scheduler.active, *self._scheduler.queue):
                groups.setdefault(job.group, []).append(job.run.id)
        return next((runs for runs in groups.values() if len(runs) > 1), [])

    def snapshot(self, name: str) -> RunSnapshot:
        """Return the state of a run: live, just ended, or read from its folder. Raises RunError."""
        return self._snapshots.snapshot(name)

    def diagnosis(self, name: str) -> list[Finding]:
        """Return the result of every rule for a run, raised or not. Raises RunError."""
        return self._snapshots.diagnosis(name)

    def describe(
        self,
        name: str,
        *,
        title: str | None = None,
        note: str | None = None,
        star: bool | None = None,
    ) -> None:
        """Give a run a name or a note of the user's, or a star. Raises RunError."""
        require(self.permissions.refusal_to_change("run", name))
        run = Run.named(name, self.runs_dir)
        if title is not None:
            title = title.strip()[:80]
            run.set_fact("name", title)
            self._scheduler.call_between_steps(name, lambda job: job.rename(title), wait=0.0)
        if note is not None:
            run.set_fact("note", note.strip()[:10_000])
        if star is not None:
            run.set_fact("star", "1" if star else "0")
        given = {"title": title, "note": note, "star": star}
        self.permissions.record(
            "describe", name, **{key: value for key, value in given.items() if value is not None}
        )
        self.library.invalidate()

    @guarded("run", "delete")
    def throw_away(self, name: str) -> TrashedRun:
        """Move a run to the trash. Raises RunError if it is being trained."""
        trashed = throw_away(Run.named(name, self.runs_dir))
        self.library.invalidate()
        self._snapshots.forget(trashed.run)
        self._models.forget(trashed.run)
        return trashed

    def newest(self, *, example: bool = False) -> str | None:
        """Return the run to show at first: the live one, else the newest that can be read.

        It is one of the user's own runs; if there is none and `example` is set, the first example.
        """
        live = self.live()
        return live.run if live is not None else self._snapshots.newest(example=example)

    def models(self, name: str, step: int | None = None, *, wait: float = 10.0) -> Models:
        """Return generator and critic of a run, in modules of the caller's own; see `ModelCopies.get`."""
        return self._models.get(name, step, wait=wait)

    def slow_step(self, name: str, step: int | None = None, *, part: Part = "both") -> SlowStep:
        """Return the stages of a run's next step, made on a copy; see `wgan.training.slow_step`.

        Args:
            name: The run.
            step: Step of a checkpoint. Default: the newest state of a live run, else the newest checkpoint.
            part: With "critic" or "generator", the other network is not updated.

        Raises:
            RunError: There is no such run or checkpoint, the step cannot be made, or the run is busy.
            DataError: The data set is not on this machine, or damaged.
        """
        return self._models.slow_step(name, step, part=part, root=self.root)

    def forecast(self, config: TrainConfig, *, measure: bool = True) -> Forecast | str | None:
        """Return a rough cost of a config, a sentence why it cannot run, or None: not known yet.

        The worker measures it while no run is active or queued. With `measure=False`, only a known forecast
        is returned. Starting a run stops the measurement.
        """
        with self._scheduler.changed:
            measure = measure and not self.permissions.refusal_to_add()
            idle = not (self._scheduler.active or self._scheduler.queue)
            if idle and measure and self._forecaster.ask(config):
                self._scheduler.wake()
        return self._forecaster.known(config)

    def worker_is_alive(self) -> bool:
        """Tell whether the thread that trains still runs."""
        return self._scheduler.is_alive()

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._scheduler.closing

    def close(self, timeout: float = MAX_CLOSING_S) -> None:
        """End the worker: active runs get a checkpoint and count as interrupted."""
        self._scheduler.close(timeout)
        atexit.unregister(self._exit)

    def _exit(self) -> None:
        self.close()
        # Skip the last garbage collection: over a million objects of torch and other libraries it takes
        # more than a second, while the user waits after Ctrl+C.
        gc.freeze()
