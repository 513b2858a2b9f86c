"""Session: one worker thread does all long work; snapshots come out, orders go in.

Pages never touch a training. They read views, which are immutable, and give orders, which the worker
carries out between two steps.
"""

import atexit
import contextlib
import gc
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from wgan.arrays import U8
from wgan.config import ConfigError, TrainConfig, differences
from wgan.diagnosis import Finding, examine
from wgan.jobs import (
    CONVERGENCE,
    SEARCH,
    Cancelled,
    RunReader,
    RunSnapshot,
    Task,
    TaskStatus,
    TaskSteps,
    TrainingJob,
    converge,
    evaluate,
    in_words,
    invert,
)
from wgan.latent import Models
from wgan.runs import (
    Change,
    Run,
    RunError,
    Status,
    TrashedRun,
    change_token,
    fork,
    list_runs,
    throw_away,
)
from wgan.session.datasets import Sets
from wgan.session.forecasts import Forecaster
from wgan.session.history import undo_and_redo
from wgan.session.library import RunLibrary
from wgan.session.presets import Presets
from wgan.training import Diverged, Forecast, use_threads
from wgan.training.engine import cores
from wgan.training.state import steered

log = logging.getLogger(__name__)

SLICE = 0.02
"""Seconds of work a job gets before another has its turn and orders are heard."""

MAX_CLOSING_S = 8.0
"""How long a closing session waits for the step that is being made and for its checkpoint: on an idle machine
both take about a second, and what stops servers waits ten seconds at least before it kills them."""

MODELS_EVERY = 1.0
"""Seconds for which a copy of a live run's weights counts as fresh."""


MOST_RACING = 4

TASKS_KEPT = 20
"""Ended tasks whose results stay to be seen."""

PRESETS_FOLDER = ".presets"


class Busy(Exception):
    """Another run is training; the message says which."""

    def __init__(self, view: RunSnapshot) -> None:
        self.view = view
        super().__init__(
            f"{view.config.title} is {view.status} at step {view.step:,} (run {view.run}). Queue the new run behind it, "
            "or stop it first."
        )


class Session:
    """Runs jobs in one thread and tells how they stand.

    `runs_dir` holds the runs, `root` the data. `threads` is the number of CPU threads
    (default: one fewer than there are cores, because the app needs one of its own; a training may
    take fewer, as it measures).
    """

    def __init__(
        self, runs_dir: Path, *, root: Path | None = None, threads: int | None = None
    ) -> None:
        self.runs_dir, self.root = runs_dir, root
        self.sets, self.presets = Sets(root), Presets(runs_dir / PRESETS_FOLDER)
        self._fixed_threads = threads
        self.threads = threads or max(1, cores() - 1)
        self._changed = threading.Condition()
        self._active: list[TrainingJob] = []
        self._queue: deque[TrainingJob] = deque()
        self._orders: deque[Callable[[], None]] = deque()
        self._views: dict[str, RunSnapshot] = {}
        self._stored: dict[str, tuple[tuple[float, ...], RunReader, RunSnapshot]] = {}
        self.library = RunLibrary(runs_dir)
        self._tasks: list[Task] = []
        self._task_count = 0
        self._models: dict[str, tuple[float, Models]] = {}
        self._wanted: set[str] = set()
        self._asked: dict[str, TrainConfig] = {}
        self._forecaster = Forecaster(threads, self.threads)
        self._found: dict[str, tuple[int, list[Finding]]] = {}
        self._examining = threading.Lock()
        self._reading = threading.Lock()
        self._cancelled: set[str] = set()
        self._closing = False
        # Before any other thread uses torch: a thread takes the number last set when it first
        # computes, and two OpenMP teams on the same cores slow each other down many times over.
        torch.set_num_threads(self.threads)
        self._worker = threading.Thread(target=self._work, name="wgan-session", daemon=True)
        self._worker.start()
        atexit.register(self._exit)

    # ---- orders -------------------------------------------------------------------------------

    def start(self, config: TrainConfig, *, queue: bool = False) -> str:
        """Start a run and return its name. Raises Busy where one is active and `queue` is False.

        Raises RunError where no folder can be made.
        """
        with self._changed:
            self._refuse_if_busy(queue)
            return self._enqueue(Run.create(config, self.runs_dir), resume=False, changes={})

    def resume(
        self, name: str, *, changes: Mapping[str, Any] | None = None, queue: bool = False
    ) -> str:
        """Go on with a run from its newest checkpoint, with some live values changed.

        Raises Busy, RunError or ConfigError.
        """
        run = Run.find(name, self.runs_dir)
        if run.alive():
            raise RunError(f"Run {run.id} is already being trained.")
        config_before, step = run.resume_point()
        config = steered(config_before, dict(changes or {}))
        if step >= config.steps:
            raise RunError(
                f"Run {run.id} has reached its last step, {config.steps:,}. Set “Stop at step” "
                "higher to go on."
            )
        with self._changed:
            self._refuse_if_busy(queue)
            return self._enqueue(run, resume=True, changes=changes or {})

    def fork(
        self, name: str, step: int | None, changes: Mapping[str, Any], *, queue: bool = False
    ) -> str:
        """Go on from a checkpoint of a run with other values, as a run of its own; return its name.

        Raises Busy, RunError or ConfigError.
        """
        run = Run.find(name, self.runs_dir)
        with self._changed:
            self._refuse_if_busy(queue)
            return self._enqueue(
                fork(run, step, changes, self.runs_dir), resume=True, changes={}, new=True
            )

    def race(self, configs: Sequence[TrainConfig], *, queue: bool = False) -> list[str]:
        """Start several runs together, in fair shares of the time; return their names.

        Raises Busy, RunError or ConfigError.
        """
        if not 2 <= len(configs) <= MOST_RACING:
            raise ConfigError(f"A race has two to {MOST_RACING} runs.")
        with self._changed:
            self._refuse_if_busy(queue)
            runs = [Run.create(config, self.runs_dir) for config in configs]
            for run in runs:
                self._enqueue(run, resume=False, changes={}, group=runs[0].id)
            return [run.id for run in runs]

    def _refuse_if_busy(self, queue: bool) -> None:
        if (self._active or self._queue) and not queue:
            raise Busy((*self._active, *self._queue)[0].view)

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
            publish=self._keep,
        )
        job.group = group or run.id
        job.new = new or not resume
        job.own()
        self._cancelled.discard(run.id)
        self._models.pop(run.id, None)
        self.library.look_again()
        self._views[run.id] = job.view
        self._queue.append(job)
        self._changed.notify_all()
        return run.id

    def pause(self, name: str) -> None:
        """Pause a run after the step at hand."""
        self._order(name, lambda job: job.pause(True))

    def go_on(self, name: str) -> None:
        """Let a paused run go on."""

        def carry_out(job: TrainingJob) -> None:
            # It does not catch up on the time it was paused while others went on.
            others = [j.cost for j in self._active if j is not job and not j.paused]
            job.cost = max([job.cost, *others])
            job.pause(False)

        self._order(name, carry_out)

    def step_once(self, name: str) -> None:
        """Make one step of a paused run."""

        def once(job: TrainingJob) -> None:
            if job.paused and not job.done:
                job.step()
                job.pause(True)

        self._order(name, once, wait=10.0)

    def move(self, name: str, by: int) -> None:
        """Move a waiting run up (by < 0) or down the queue; those that race go together."""
        with self._changed:
            groups: dict[str, list[TrainingJob]] = {}
            for job in self._queue:
                groups.setdefault(job.group, []).append(job)
            order = list(groups)
            group = next((j.group for j in self._queue if j.run.id == name), None)
            if group is None:
                return
            at = order.index(group)
            order.insert(max(0, min(len(order) - 1, at + by)), order.pop(at))
            self._queue = deque(job for key in order for job in groups[key])

    def stop(self, name: str) -> None:
        """End a run after the step at hand, with a checkpoint. A queued one leaves nothing."""
        with self._changed:
            self._cancelled.add(name)
        if not self.withdraw(name):
            self._order(name, lambda job: self._end(job, Status.STOPPED))

    def withdraw(self, name: str) -> bool:
        """Take a run that still waits out of the queue; tell whether it did."""
        with self._changed:
            queued = next((j for j in self._queue if j.run.id == name), None)
            if queued is not None:
                self._queue.remove(queued)
                self._discard(queued)
        return queued is not None

    def change(self, name: str, **changes: Any) -> None:
        """Change hyperparameters of a live run, dotted for parts. Raises ConfigError, RunError."""
        view = self.view(name)
        if not view.status.active:
            raise RunError(f"Run {name} is not running: its values cannot change any more.")
        if view.status is Status.QUEUED or view.phase:
            raise RunError(f"Run {name} is still being prepared: change it in a moment.")
        config = steered(view.config, changes)  # Here, so that the caller hears of what is wrong.

        def carry_out(job: TrainingJob) -> None:
            job.change(changes)
            with self._changed:
                if self._asked.get(name) is config:
                    del self._asked[name]

        with self._changed:
            self._asked[name] = config
        self._order(name, carry_out)

    def undo(self, name: str) -> None:
        """Take back the newest change of a live run that is not undone yet, as a change of its own."""
        done, _ = self.history(name)
        if done:
            self.change(name, **{done[-1].path: done[-1].before})

    def redo(self, name: str) -> None:
        """Repeat the change of a live run that was undone last, as a change of its own."""
        _, undone = self.history(name)
        if undone:
            self.change(name, **{undone[-1].path: undone[-1].after})

    def history(self, name: str) -> tuple[list[Change], list[Change]]:
        """Return a run's changes that can be undone, and redone, the next one last. Raises RunError."""
        with self._changed:
            live, wanted_config = self._views.get(name), self._asked.get(name)
        if live is None or not live.status.active or wanted_config is None:
            return undo_and_redo(self.view(name).changes)
        # A change that was asked for counts at once, though the worker has not recorded it yet.
        ordered = [Change(live.step, *each) for each in differences(wanted_config, live.config)]
        return undo_and_redo([*live.changes, *ordered])

    # ---- tasks --------------------------------------------------------------------------------

    def begin(
        self, title: str, run: str, work: Callable[[], TaskSteps], *, holds: bool = False
    ) -> TaskStatus:
        """Begin work beside the trainings, in fair shares with them; `task` says how it stands.

        It must touch no training's networks: ask `models` for copies. Where it `holds` its run, that
        run's training waits until the task has ended.
        """
        with self._changed:
            self._task_count += 1
            task = Task(f"task-{self._task_count}", title, run, work, holds=holds)
            # From now on in even shares: it does not catch up on what others were given before.
            task.cost = max(
                [job.cost for job in self._active] + [t.cost for t in self._tasks if not t.done],
                default=0.0,
            )
            self._tasks.append(task)
            ended = [t for t in self._tasks if t.done]
            for old in ended[: max(0, len(ended) - TASKS_KEPT)]:
                self._tasks.remove(old)
            self._changed.notify_all()
            return task.standing

    def evaluate(
        self, name: str, step: int | None = None, *, samples: int | None = None, holds: bool = False
    ) -> TaskStatus:
        """Begin an evaluation of a run's newest weights, or of a checkpoint. Raises RunError."""
        models, run = self.models(name, step), Run.find(name, self.runs_dir)

        def work() -> TaskSteps:
            return evaluate(models, samples=samples, root=self.root, run=run)

        return self.begin("Evaluation", name, work, holds=holds)

    def converge(
        self,
        name: str,
        step: int | None = None,
        *,
        updates: int | None = None,
        faster: float = 1.0,
        holds: bool = False,
    ) -> TaskStatus:
        """Begin to train a copy of a run's critic while the generator stands still. Raises RunError."""
        models = self.models(name, step)

        def work() -> TaskSteps:
            return converge(models, updates=updates, faster=faster, root=self.root)

        return self.begin(CONVERGENCE, name, work, holds=holds)

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

        return self.begin(SEARCH, name, work)

    def task(self, key: str) -> TaskStatus | None:
        """Return how a task stands; None for one that is not known (any more)."""
        with self._changed:
            return next((t.standing for t in self._tasks if t.standing.key == key), None)

    def tasks(self, run: str | None = None) -> list[TaskStatus]:
        """Return the tasks about a run, or about any, the newest first."""
        with self._changed:
            statuses = [t.standing for t in reversed(self._tasks)]
        return [t for t in statuses if run is None or t.run == run]

    def cancel(self, key: str) -> None:
        """End a task; what it has found so far stays to be seen."""
        with self._changed:
            for task in self._tasks:
                if task.standing.key == key:
                    task.cancel()

    def _order(self, name: str, act: Callable[[TrainingJob], None], wait: float = 1.0) -> None:
        """Have the worker do something between two steps, and wait a moment for it.

        So a click shows its effect at once; with a network whose step takes longer, a little later.
        """
        done = threading.Event()

        def carry_out() -> None:
            job = next((j for j in self._active if j.run.id == name), None)
            try:
                if job is None:  # It has just ended: nobody will do what was asked of it.
                    self._forget_orders(name)
                else:
                    act(job)
            except Exception as error:
                if job is None:
                    log.exception("An order for run %s failed", name)
                else:
                    self._fail(job, error)
            finally:
                done.set()

        with self._changed:
            self._orders.append(carry_out)
            self._changed.notify_all()
        done.wait(wait)

    def _forget_orders(self, name: str) -> None:
        with self._changed:
            self._asked.pop(name, None)
            self._wanted.discard(name)

    # ---- looking ------------------------------------------------------------------------------

    def live(self) -> RunSnapshot | None:
        """Return the view of the run that trains or is paused, or the first in the queue."""
        with self._changed:
            jobs = (*self._active, *self._queue)
            return self._with_asked(self._views[jobs[0].run.id]) if jobs else None

    def queued(self) -> list[RunSnapshot]:
        """Return the views of the runs that wait."""
        with self._changed:
            return [self._with_asked(self._views[job.run.id]) for job in self._queue]

    def _with_asked(self, view: RunSnapshot) -> RunSnapshot:
        """Return a view with the change that was asked for: it counts before the worker makes it."""
        wanted_config = self._asked.get(view.run)
        return view if wanted_config is None else replace(view, config=wanted_config)

    def view(self, name: str) -> RunSnapshot:
        """Return how a run stands: live, just ended, or from its folder. Raises RunError."""
        with self._changed:
            view = self._views.get(name)
            if view is not None and view.status.active:
                return self._with_asked(view)
        if view is not None and not (self.runs_dir / name / "config.json").is_file():
            return view
        try:
            return self._from_folder(name)
        except RunError:
            if view is None:
                raise
            return view  # Its folder is being deleted at this moment.

    def diagnosis(self, name: str) -> list[Finding]:
        """Return what every rule has to say of a run, raised or not. Raises RunError."""
        view = self.view(name)
        with self._examining:  # Of many who ask for the same view, one works and the others wait.
            diagnosis = self._found.get(name)
            if diagnosis is None or diagnosis[0] != view.version:
                diagnosis = self._found[name] = (view.version, examine(view.evidence))
        return diagnosis[1]

    def _from_folder(self, name: str) -> RunSnapshot:
        run = Run.find(name, self.runs_dir)
        # A stored run goes on from where it was read to: one reads, the others wait.
        with self._reading:
            at = change_token(run)
            with self._changed:
                cached = self._stored.get(run.id)
            if cached is not None and cached[0] == at:
                return cached[2]
            stored = cached[1] if cached is not None else RunReader(run)
            view = stored.view()
            if view.elsewhere and cached is not None:
                view = replace(view, steps_per_second=_rate(cached[2], view))
            view = replace(view, version=hash(at))
            with self._changed:
                self._stored[run.id] = (at, stored, view)
        return view

    def describe(
        self,
        name: str,
        *,
        title: str | None = None,
        note: str | None = None,
        star: bool | None = None,
    ) -> None:
        """Give a run a name or a note of the user's, or a star. Raises RunError."""
        run = Run.find(name, self.runs_dir)
        if title is not None:
            title = title.strip()[:80]
            run.set_fact("name", title)
            self._order(name, lambda job: job.rename(title), wait=0.0)
        if note is not None:
            run.set_fact("note", note.strip()[:10_000])
        if star is not None:
            run.set_fact("star", "1" if star else "0")
        self.library.look_again()

    def throw_away(self, name: str) -> TrashedRun:
        """Move a run to the trash. Raises RunError where it is being trained."""
        trashed = throw_away(Run.find(name, self.runs_dir))
        self.library.look_again()
        with self._changed:
            for cache in (self._views, self._stored, self._models, self._found):
                cache.pop(trashed.run, None)
        return trashed

    def newest(self, *, example: bool = False) -> str | None:
        """Return the run to show at first: the live one, else the newest that can be read.

        One of the user's own; where there is none, and an `example` will do, the first of those.
        """
        live = self.live()
        if live is not None:
            return live.run
        examples = []
        for run in list_runs(self.runs_dir):
            with contextlib.suppress(RunError):
                if self.view(run.id).status is not Status.SHIPPED:
                    return run.id
                examples.append(run.id)
        return min(examples) if example and examples else None

    def models(self, name: str, step: int | None = None, *, wait: float = 10.0) -> Models:
        """Return generator and critic of a run, in modules of the caller's own.

        Of a live run with `step` None: its newest weights; a copy under a second old is given again,
        and an older one is given once more while the worker makes the next. Else: of a checkpoint.
        Raises RunError.
        """
        with self._changed:
            is_live = self._trains(name)
            models = self._models.get(name)
        if step is None and is_live:
            if models is None or time.monotonic() - models[0] > MODELS_EVERY:
                self._ask_for_models(name)
                deadline = time.monotonic() + wait
                with self._changed:
                    # Only the first copy is worth waiting for. A run that ends meanwhile makes none.
                    while models is None and is_live and time.monotonic() < deadline:
                        self._changed.wait(0.1)
                        models, is_live = self._models.get(name), self._trains(name)
            if models is not None:
                return models[1]
            if is_live:
                raise RunError("The run is busy with a long step. Try again in a moment.")
        state, _ = Run.find(name, self.runs_dir).checkpoint(step)
        return Models(state.config, state.tensors, state.step)

    def _trains(self, name: str) -> bool:
        """Tell whether a run is being trained; call it with the lock held."""
        return any(job.run.id == name and job.prepared for job in self._active)

    def _ask_for_models(self, name: str) -> None:
        def copy(job: TrainingJob) -> None:
            weights, step = job.training.weights(), job.training.steps
            models = Models(job.config, weights, step)
            with self._changed:
                self._wanted.discard(name)
                self._models[name] = (time.monotonic(), models)
                self._changed.notify_all()

        with self._changed:
            if name in self._wanted:
                return
            self._wanted.add(name)
        self._order(name, copy, wait=0.0)

    def forecast(self, config: TrainConfig, *, begin: bool = True) -> Forecast | str | None:
        """Return a rough cost of a config, a sentence why it cannot run, or None: not known yet.

        The worker measures it while no run is active or queued, unless it shall not `begin` yet. A run
        that is started ends the measurement at once.
        """
        with self._changed:
            idle = not (self._active or self._queue)
            if idle and begin and self._forecaster.ask(config):
                self._changed.notify_all()
        return self._forecaster.known(config)

    def _stop_forecast(self) -> None:
        """Raise Cancelled where a forecast must end: a run is to begin, or the session ends."""
        if self._closing or self._active or self._queue:
            raise Cancelled

    # ---- the worker ---------------------------------------------------------------------------

    def _keep(self, view: RunSnapshot) -> None:
        with self._changed:
            self._views[view.run] = view

    def _work(self) -> None:
        """Run the worker: one failed round ends what it worked on, and the next begins."""
        while True:
            try:
                if not self._round():
                    break
            except BaseException as error:  # also a panic of a library written in Rust
                log.exception("The worker failed and goes on with the next task")
                self._end_all_active(error)
        for job in list(self._active):
            self._end(job, Status.INTERRUPTED)
        for job in list(self._queue):
            self._discard(job)

    def _end_all_active(self, error: BaseException) -> None:
        """End the trainings that were active when the worker itself failed, so that others can begin."""
        for job in list(self._active):
            with contextlib.suppress(Exception):
                self._fail(job, error)
        with self._changed:
            self._active = []

    def _round(self) -> bool:
        """Wait for work, carry out the orders and do one share of it. False: the session is closing."""
        with self._changed:
            while not (
                self._closing
                or self._orders
                or (self._queue and not self._active)
                or any(not job.paused for job in self._active)
                or any(not task.done for task in self._tasks)
                or self._forecaster.waiting
            ):
                # A paused run's lock is kept fresh for other machines.
                if not self._changed.wait(20.0):
                    for job in self._active:
                        with contextlib.suppress(RunError, OSError):
                            job.run.beat()
            if self._closing:
                return False
            orders = list(self._orders)
            self._orders.clear()
            starting: list[TrainingJob] = []
            while (
                self._queue
                and not self._active
                and (not starting or self._queue[0].group == starting[0].group)
            ):
                starting.append(self._queue.popleft())
            self._active += starting
            tasks = [task for task in self._tasks if not task.done]
            for job in starting:
                job.cost = max((task.cost for task in tasks), default=0.0)
        for order in orders:
            order()
        self._forecaster.measure_next(self._stop_forecast)
        for job in starting:
            self._prepare(job)
        held_runs = {task.standing.run for task in tasks if task.holds}
        ready: list[TrainingJob | Task] = [
            job
            for job in self._active
            if not job.paused and job.prepared and job.run.id not in held_runs
        ]
        ready += tasks
        if ready:
            self._give_share(min(ready, key=lambda job: job.cost))
        return True

    def _prepare(self, job: TrainingJob) -> None:
        def check() -> None:
            if job.run.id in self._cancelled or self._closing:
                raise Cancelled

        try:
            job.prepare(check)
        except Cancelled:
            self._active.remove(job)
            self._discard(job)
        except BaseException as error:
            self._fail(job, error)

    def _give_share(self, job: TrainingJob | Task) -> None:
        start = time.perf_counter()
        if isinstance(job, Task):
            use_threads(self.threads)
            try:
                while not job.done and time.perf_counter() - start < SLICE and not self._orders:
                    job.step()
            except BaseException:
                log.exception("%s of run %s failed", job.standing.title, job.standing.run)
            return
        try:
            while time.perf_counter() - start < SLICE and not self._orders and not self._closing:
                if job.done:
                    self._end(job, Status.FINISHED)
                    break
                job.step()
        except BaseException as error:
            self._fail(job, error)
        job.cost += time.perf_counter() - start

    def _end(self, job: TrainingJob, status: Status) -> None:
        job.finish(status)
        with self._changed:
            self._active = [j for j in self._active if j is not job]
            self._changed.notify_all()

    def _fail(self, job: TrainingJob, error: BaseException) -> None:
        if not isinstance(error, Diverged):
            log.exception("Run %s failed", job.run.id, exc_info=error)
        words = in_words(error)
        began = job.prepared
        trace = "" if isinstance(error, Diverged) else "".join(traceback.format_exception(error))
        job.finish(Status.FAILED, words, trace)
        with self._changed:
            self._active = [j for j in self._active if j is not job]
        if not began and job.new:
            job.run.delete()  # Nothing was made; its view stays and says why.

    def _discard(self, job: TrainingJob) -> None:
        """Take back a job that never began: a new run leaves nothing, a resumed one is as it was."""
        job.discard()
        if job.new:
            with self._changed:
                self._views.pop(job.run.id, None)

    def worker_is_alive(self) -> bool:
        """Tell whether the thread that trains still runs."""
        return self._worker.is_alive()

    @property
    def closed(self) -> bool:
        """Whether the session was ended: it takes no more work."""
        return self._closing

    def close(self, timeout: float = MAX_CLOSING_S) -> None:
        """End the worker: the run at hand gets its checkpoint and counts as interrupted."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._worker.join(timeout)
        atexit.unregister(self._exit)

    def _exit(self) -> None:
        self.close()
        # Else the interpreter looks for garbage among a million objects of torch and its company
        # before it ends: more than a second that whoever presses Ctrl+C waits for nothing.
        gc.freeze()


_shared: dict[Path, Session] = {}
_sharing = threading.Lock()


def shared_session(runs_dir: Path) -> Session:
    """Return this process' session for a folder of runs, and begin it at the first call.

    It belongs to the process and not to a cache: one visitor who clears the caches must not end the
    training of all.
    """
    key = runs_dir.resolve()
    with _sharing:
        session = _shared.get(key)
        if session is None or session.closed:
            session = _shared[key] = Session(runs_dir)
        return session


def shared_sessions() -> list[Session]:
    """Return the sessions that `shared_session` began and that are still open."""
    with _sharing:
        return [session for session in _shared.values() if not session.closed]


def close_shared_sessions() -> None:
    """End the sessions that `shared_session` began."""
    with _sharing:
        for session in _shared.values():
            session.close()
        _shared.clear()


def _rate(before: RunSnapshot, now: RunSnapshot) -> float:
    """Return the speed between two views of a run that another process trains, in steps/s."""
    seconds = now.seconds - before.seconds
    return (now.step - before.step) / seconds if seconds > 0 else before.steps_per_second
