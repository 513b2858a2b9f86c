"""The same jobs without a browser: `python -m wgan train | evaluate | diagnose | data | runs | fork | export | import | sample | walk | examples | reproduce | train-features | bench`."""

import os
import signal

if __name__ == "__main__":
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # Loading torch takes seconds: nothing is begun by then.
        signal.signal(number, lambda received, _: os._exit(128 + received))

import argparse
import contextlib
import dataclasses
import json
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from pydantic import ValidationError

from wgan import bench
from wgan.config import PARTS, PRESETS, ConfigError, TrainConfig, explain, hyperparameters
from wgan.data import (
    DATASETS,
    OF_YOUR_OWN,
    DataError,
    Pictures,
    Prepared,
    Recipe,
    data_root,
    forget,
    prepare,
    prepared,
)
from wgan.diagnosis import RULES, examine
from wgan.export import (
    EXAMPLES,
    FORMATS,
    export,
    export_samples,
    export_tensorboard,
    export_walk,
    import_zip,
    ship,
)
from wgan.jobs import Evaluation, RunReader, RunSnapshot, TrainingJob, evaluate, in_words
from wgan.jobs.worker import run_worker, should_continue
from wgan.latent import Models
from wgan.metrics import title_of, train_features
from wgan.reproduce import EXPERIMENTS, Bench, measure, page, table
from wgan.runs import Run, RunError, RunIndex, RunSummary, Status, fork, list_runs
from wgan.runs.lock import DEAD_AFTER
from wgan.training import Diverged
from wgan.training.distributed import ALONE, ProcessGroup, asked, join, leave
from wgan.training.engine import cores, pick_device
from wgan.training.state import steered

LAST_STEP = 10_000_000


class _Usage(Exception):
    """Bad arguments, in one sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message[0].upper()}{message[1:].rstrip('.')}. See {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    2 stands for bad arguments, 1 for a failed run, 130 for a command that was interrupted.
    """
    code = 0
    try:
        given = _parser().parse_args(arguments)
        code = given.act(given)
    except (_Usage, ConfigError, RunError, DataError) as error:
        _print_error(error)
        return 2
    except KeyboardInterrupt:
        _print_error("Interrupted: nothing was recorded.")
        return 130
    except BrokenPipeError:
        pass
    except Exception as error:
        if os.environ.get("WGAN_DEBUG"):
            raise
        _print_error(f"{in_words(error)} Set WGAN_DEBUG=1 to see where.")
        return 1
    try:
        sys.stdout.flush()
    except OSError:
        # Whoever read the output has gone, as `head` does. What the command wrote to disk is complete.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _parser() -> _Parser:
    parser = _Parser(prog="python -m wgan", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    runs_dir: dict[str, Any] = {
        "type": Path,
        # Read when a command is given: the app and the commands mean the same folder.
        "default": Path(os.environ.get("WGAN_RUNS", "checkpoints")),
        "metavar": "DIR",
        "help": "folder of the runs (default: WGAN_RUNS of the environment, else checkpoints)",
    }

    train = commands.add_parser(
        "train",
        help="train a run, or go on with one",
        description="Train a WGAN. The last line on stdout is a JSON object.",
        allow_abbrev=False,
    )
    train.add_argument("--preset", choices=PRESETS, metavar="NAME", help=", ".join(PRESETS))
    train.add_argument("--runs-dir", **runs_dir)
    train.add_argument(
        "--resume", metavar="RUN", help="go on with a run: its name, its folder, or last"
    )
    train.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    for part in hyperparameters():
        _add_flag(train, part)
    train.set_defaults(act=_train)

    _add_data(commands)

    runs = commands.add_parser("runs", help="list the runs, the newest first")
    runs.add_argument("--json", action="store_true", help="as JSON, one object a line")
    runs.add_argument("--runs-dir", **runs_dir)
    runs.set_defaults(act=_runs)

    forks = commands.add_parser(
        "fork",
        help="go on from a checkpoint with other values, as a run of its own",
        description="Fork a run. The last line on stdout is a JSON object.",
        allow_abbrev=False,
    )
    forks.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    forks.add_argument("--step", type=_whole, metavar="N", help="checkpoint (default: newest)")
    forks.add_argument("--runs-dir", **runs_dir)
    forks.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    for part in hyperparameters():
        _add_flag(forks, part)
    forks.set_defaults(act=_fork)

    out = commands.add_parser(
        "export",
        help="write a run as something else",
        description="Write a run as "
        + ", ".join(f"{s} ({f.title})" for s, f in FORMATS.items())
        + ", or, with --tensorboard, as a folder of event files.",
    )
    out.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    out.add_argument("--out", type=Path, required=True, metavar="FILE" + "|".join(FORMATS))
    out.add_argument("--tensorboard", action="store_true", help="--out is a folder of events")
    out.add_argument("--runs-dir", **runs_dir)
    out.set_defaults(act=_export)

    into = commands.add_parser("import", help="take in a run that was exported as .zip")
    into.add_argument("file", type=Path, metavar="FILE")
    into.add_argument("--runs-dir", **runs_dir)
    into.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    into.set_defaults(act=_import)

    sample = commands.add_parser("sample", help="write samples of a run's generator")
    sample.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    sample.add_argument("--count", type=_whole, default=64, metavar="N", help="how many (64)")
    sample.add_argument("--seed", type=_whole, default=0, metavar="K", help="of z (0)")
    sample.add_argument("--class", dest="label", metavar="NAME", help="for labelled generators")
    sample.add_argument("--step", type=_whole, metavar="N", help="checkpoint (default: newest)")
    sample.add_argument("--out", type=Path, required=True, metavar="FILE.png|FILE.npz|FOLDER")
    sample.add_argument("--runs-dir", **runs_dir)
    sample.set_defaults(act=_sample)

    strolled = commands.add_parser(
        "walk",
        help="write a walk through latent space as a film",
        description="Write a closed walk through random waypoints as .gif, .webp or .mp4, or its z as "
        ".npy.",
    )
    strolled.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    strolled.add_argument("--waypoints", type=_whole, default=5, metavar="N", help="2 to 8 (5)")
    strolled.add_argument(
        "--seed", type=_whole, default=0, metavar="K", help="of the waypoints (0)"
    )
    strolled.add_argument("--method", choices=("slerp", "lerp"), default="slerp", help="(slerp)")
    strolled.add_argument("--class", dest="label", metavar="NAME", help="for labelled generators")
    strolled.add_argument("--step", type=_whole, metavar="N", help="checkpoint (default: newest)")
    strolled.add_argument("--out", type=Path, required=True, metavar="FILE.gif|.webp|.mp4|.npy")
    strolled.add_argument("--runs-dir", **runs_dir)
    strolled.set_defaults(act=_walk)

    judge = commands.add_parser(
        "evaluate",
        help="measure how good a run's generator is",
        description="Measure samples of a run with every metric, beside what real examples score, and "
        "record it in the run.",
    )
    judge.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    judge.add_argument("--samples", type=_whole, metavar="N", help="pictures to make (10,000)")
    judge.add_argument("--seed", type=_whole, default=0, metavar="K", help="of z (0)")
    judge.add_argument("--step", type=_whole, metavar="N", help="checkpoint (default: newest)")
    judge.add_argument("--json", action="store_true", help="as one JSON object")
    judge.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    judge.add_argument("--runs-dir", **runs_dir)
    judge.set_defaults(act=_evaluate)

    doctor = commands.add_parser(
        "diagnose",
        help="say what goes wrong in a run, and what would help",
        description="Read what was measured while a run was trained, and say in words what goes wrong, "
        "why one may think so, and what would help. Exit code 0 also where a fault shows.",
    )
    doctor.add_argument("run", metavar="RUN", help="its name, its folder, or last")
    doctor.add_argument(
        "--all", action="store_true", help="every rule, also those that do not apply"
    )
    doctor.add_argument("--json", action="store_true", help="as JSON, one object a rule")
    doctor.add_argument("--runs-dir", **runs_dir)
    doctor.set_defaults(act=_diagnose)

    network = commands.add_parser(
        "train-features",
        help="train the small classifier that metrics see pictures by",
        description="Train a classifier of a labelled data set into the data root, where metrics "
        "find it. Those of MNIST and Fashion-MNIST come with the program.",
    )
    network.add_argument("dataset", metavar="DATASET", help="such as kmnist; see data list")
    network.add_argument("--seed", type=_whole, default=0, metavar="K", help="of all draws (0)")
    network.add_argument("--epochs", type=_whole, default=3, metavar="N", help="passes (3)")
    network.add_argument("--out", type=Path, metavar="FILE", help="(default: in the data root)")
    network.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    network.set_defaults(act=_train_features)

    shipped = commands.add_parser(
        "examples",
        help="make the runs that come with the program",
        description="Train, evaluate and thin out the runs that come with the program, each with its "
        "model card: " + ", ".join(EXAMPLES) + ". Half an hour of two cores.",
    )
    shipped.add_argument("names", nargs="*", metavar="NAME", help="(default: all)")
    shipped.add_argument("--work", type=Path, metavar="DIR", help="keep the whole runs here")
    shipped.add_argument("--runs-dir", **runs_dir)
    shipped.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    shipped.set_defaults(act=_examples)

    again = commands.add_parser(
        "reproduce",
        help="measure published results again",
        description="Measure a published result and set it beside what its source says.",
    )
    again.add_argument("name", nargs="?", metavar="NAME", help=", ".join(EXPERIMENTS))
    again.add_argument("--list", action="store_true", help="list the experiments")
    again.add_argument("--all", action="store_true", help="all of them, one after the other")
    again.add_argument("--json", action="store_true", help="as JSON, one object a line")
    again.add_argument("--seed", type=_whole, default=0, metavar="K", help="of all draws (0)")
    again.add_argument("--scale", type=_scale, default=1.0, metavar="X", help="times the steps (1)")
    again.add_argument("--out", type=Path, metavar="FILE.md", help="write a page, and its pictures")
    again.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    again.set_defaults(act=_reproduce)

    _add_bench(commands)
    return parser


def _add_bench(commands: Any) -> None:
    speed = commands.add_parser(
        "bench",
        help="measure speed and memory of trainings on this machine",
        description="Measure networks and objectives: steps and real images a second, how far that is from "
        "what the machine's matrix product does, and the most memory in use: on CUDA what torch allocated "
        "for the row, else the whole process' while the row was measured (on a Mac, up to then). Medians.",
    )
    speed.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(auto)"
    )
    speed.add_argument(
        "--threads",
        type=_whole,
        nargs="+",
        metavar="N",
        help="of the CPU, one or several (all cores)",
    )
    speed.add_argument(
        "--only", nargs="+", default=(), metavar="WORD", help="rows whose name has all of these"
    )
    kinds = speed.add_mutually_exclusive_group()
    kinds.add_argument(
        "--compiled",
        action="store_const",
        dest="kind",
        const=bench.compiled,
        help="compiled updates (on CUDA: recorded as graphs) beside the usual ones",
    )
    kinds.add_argument(
        "--costs",
        action="store_const",
        dest="kind",
        const=bench.costs,
        help="a training as the app runs it beside the bare loop: time lost to reports, previews, metrics, "
        "checkpoints and recording",
    )
    speed.add_argument("--rounds", type=_whole, default=5, metavar="N", help="of each row (5)")
    speed.add_argument("--seconds", type=_scale, metavar="X", help="of a round (2; --costs: 10)")
    speed.add_argument("--json", action="store_true", help="as JSON, one object a line")
    speed.set_defaults(act=_bench, kind=bench.speeds)


def _add_data(commands: Any) -> None:
    """Make the parsers of `data list | add | remove`."""
    data = commands.add_parser("data", help="list data sets, add pictures of yours, remove them")
    actions = data.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)

    listed = actions.add_parser("list", help="list the data sets and the pictures of yours")
    listed.add_argument("--json", action="store_true", help="as JSON, one object a line")
    listed.set_defaults(act=_data_list)

    added = actions.add_parser(
        "add",
        help="prepare pictures of yours to train on",
        description="Make a data set of pictures. The last line on stdout is a JSON object, whose "
        "key is what to train with: python -m wgan train --dataset own --dataset.pictures KEY.",
        allow_abbrev=False,
    )
    added.add_argument(
        "source", type=Path, metavar="SOURCE", help="folder, .zip or .tar(.gz|.bz2|.xz)"
    )
    for name, field in Recipe.model_fields.items():
        words = [field.description or ""]
        choices = get_args(field.annotation)
        if choices:
            words.append(f"One of {', '.join(map(str, choices))}.")
        if name == "title":
            words.append("Default: the name of the source.")
        elif field.default != "":
            # Flags of true and false are written as JSON writes them.
            words.append(f"Default: {str(field.default).lower()}.")
        added.add_argument(
            "--" + name.replace("_", "-"),
            dest=f"recipe.{name}",
            default=argparse.SUPPRESS,
            metavar=name.upper(),
            help=" ".join(words).replace("%", "%%"),
        )
    added.add_argument("--json", action="store_true", help="nothing but the JSON on stdout")
    added.add_argument("--quiet", action="store_true", help="no progress bar on stderr")
    added.set_defaults(act=_data_add)

    removed = actions.add_parser("remove", help="delete prepared pictures")
    removed.add_argument("key", metavar="KEY", help="as data list shows it")
    removed.set_defaults(act=_data_remove)


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}")
    return int(text)


def _scale(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number above 0, at most 1000, not {text!r}")


def _add_flag(parser: argparse.ArgumentParser, value: Any) -> None:
    """Make a flag of a hyperparameter; bounds are checked later, by the config itself."""
    words = value.help
    if value.choices:
        words += f" One of {', '.join(map(str, value.choices))}."
    elif value.low is not None or value.high is not None:
        words += f" {value.low:g} to {value.high:g}."
    owners = [
        n
        for n, v in PARTS.get(value.path.partition(".")[0], {}).items()
        if value.path.partition(".")[2] in v.model_fields
    ]
    if owners:
        words = f"({', '.join(owners)}) {words}"
    parser.add_argument(
        "--" + value.path.replace("_", "-"),
        dest=value.path,
        default=argparse.SUPPRESS,
        metavar=value.unit.upper() if value.unit else value.type.__name__.upper(),
        help=words.replace("%", "%%").strip(),
    )


def _fields(given: argparse.Namespace) -> dict[str, Any]:
    """Return the hyperparameters that were given as flags, read as their types."""
    values: dict[str, Any] = {}
    for value in hyperparameters():
        text = getattr(given, value.path, None)
        if text is None:
            continue
        if value.optional and text.lower() == "none":
            values[value.path] = None
        elif value.type is bool:
            values[value.path] = {"true": True, "false": False}.get(text.lower(), text)
        elif value.many:
            values[value.path] = [word.strip() for word in text.split(",") if word.strip()]
        else:
            # Left as text where it is no number: the config then says what is wrong with it.
            values[value.path] = text
            with contextlib.suppress(ValueError):
                values[value.path] = value.type(text)
    if "seconds" in values and "steps" not in values:
        values["steps"] = LAST_STEP
    return values


def _train(given: argparse.Namespace) -> int:
    fields = _fields(given)
    if asked():
        return _train_together(given, fields)
    return _drive(_training_job(given, fields, bar := _Bar(given.quiet)), bar)


def _train_together(given: argparse.Namespace, fields: dict[str, Any]) -> int:
    """Train as one of the processes that torchrun started; the first records, the others follow."""
    ranks = join()
    try:
        if not ranks.first:
            # torchrun signals to all; the first process says when they end, and what is wrong.
            with _signals([]), contextlib.suppress(ConfigError, DataError):
                return 0 if run_worker(ranks) else 2
            return 2
        bar = _Bar(given.quiet)
        try:
            job = _relaunched(bar, given, ranks) or _training_job(given, fields, bar, ranks)
        except BaseException:
            ranks.same(None)
            raise
        job.run.set_fact("launch", _launch())
        return _drive(job, bar)
    except Diverged:
        return 1  # the first process says it
    finally:
        leave()


def _launch() -> str:
    """Return what this launch of torchrun is known by, at each of its beginnings."""
    launch = os.environ.get("TORCHELASTIC_RUN_ID", "")
    # What torchrun calls every launch on several nodes without --rdzv-id: its agent tells them apart.
    return f"none {socket.gethostname()} {os.getppid()}" if launch == "none" else launch


def _relaunched(bar: "_Bar", given: argparse.Namespace, ranks: ProcessGroup) -> TrainingJob | None:
    """Return the job that goes on with this launch's run, where torchrun has begun again."""
    if not int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        return None
    launch = _launch()
    for run in list_runs(given.runs_dir):
        known = ""
        with contextlib.suppress(RunError):  # A damaged run is not the one.
            known = run.fact("launch")
        if launch and known == launch:
            end = time.monotonic() + 2 * DEAD_AFTER
            while run.alive() and time.monotonic() < end:  # on another machine, by its last sign
                time.sleep(1.0)
            print(
                f"A process was lost: run {run.id} goes on from step {run.resume_point()[1]:,}.",
                file=sys.stderr,
            )
            return TrainingJob(run, resume=True, publish=bar.preparing, ranks=ranks)
    if launch.startswith("none "):
        print(
            "The run of this launch is not known on this machine, and another begins: give torchrun "
            "--rdzv-id ID, by which every machine knows it.",
            file=sys.stderr,
        )
    return None


def _training_job(
    given: argparse.Namespace, fields: dict[str, Any], bar: "_Bar", ranks: ProcessGroup = ALONE
) -> TrainingJob:
    """Return the job of a new run, or of one that is resumed."""
    if given.resume and given.preset:
        raise _Usage("A resumed run keeps its config: leave --preset away.")
    if given.resume:
        run = Run.find(given.resume, given.runs_dir)
        known, step = run.resume_point()
        if "steps" in fields and "seconds" not in fields and known.seconds is not None:
            fields["seconds"] = None
        config = steered(known, fields)
        if step >= config.steps:
            raise _Usage(
                f"Run {run.id} is at step {step:,} already, and its last is "
                f"{config.steps:,}: give a larger --steps, the total."
            )
        return TrainingJob(run, resume=True, changes=fields, publish=bar.preparing, ranks=ranks)
    base = PRESETS[given.preset].config if given.preset else TrainConfig()
    config = base.changed(fields)
    return TrainingJob(Run.create(config, given.runs_dir), publish=bar.preparing, ranks=ranks)


def _drive(job: TrainingJob, bar: "_Bar") -> int:
    """Train to the target or to a signal, and print the result.

    A signal during the preparation ends it at once, and later after the step that is being made.
    """
    wanted: list[int] = []
    try:
        with bar, _signals(wanted):
            with _interruptible(wanted):
                job.prepare()
            bar.mark(job.training.steps)
            begin, seconds_before = job.training.steps, job.seconds
            while should_continue(job.training, job.ranks, not job.done and not wanted):
                job.step()
                bar.show(job)
            status = Status.STOPPED if wanted and not job.done else Status.FINISHED
            job.finish(status)
    except KeyboardInterrupt:
        job.discard()
        raise
    except Exception as error:
        began = job.prepared
        trace = "" if isinstance(error, Diverged) else traceback.format_exc()
        job.finish(Status.FAILED, in_words(error), trace)
        if not began and job.new:
            job.run.delete()
        if isinstance(error, ConfigError | DataError | RunError | ValueError) and not began:
            raise _Usage(in_words(error)) from error
        _print_error(in_words(error))
        if began and (kept := job.run.checkpoint_steps()):
            _print_error(
                f"Its last checkpoint is of step {kept[-1]:,}: python -m wgan train --resume {job.run.id}"
            )
        return 1
    view = job.view
    for sentence in (job.warning, view.error):
        if sentence:
            _print_error(sentence)
    spent = job.seconds - seconds_before
    print(json.dumps(_result(job, (view.step - begin) / spent if spent > 0 else 0.0)))
    return 1 if view.status is Status.FAILED or job.losses else 0


def _result(job: TrainingJob, rate: float) -> dict[str, Any]:
    view, last = job.view, job.view.last
    return {
        "run": str(job.run.folder),
        "step": view.step,
        "seconds": round(view.seconds, 3),
        "steps_per_second": round(rate, 3),
        "critic_gap": last.report.critic_gap if last else None,
        "critic_gap_held_out": last.report.critic_gap_held_out if last else None,
        "status": str(view.status),
        "engine": view.engine.as_dict() if view.engine else None,
    }


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def _signals(wanted: list[int]) -> Iterator[None]:
    """Note SIGINT and SIGTERM instead of dying: the step at hand is finished first."""
    with _handled(lambda received, _: wanted.append(received)):
        yield


@contextlib.contextmanager
def _interruptible(wanted: list[int]) -> Iterator[None]:
    """Within `_signals`: have a signal raise KeyboardInterrupt, as in a download that waits for a server."""

    def interrupt(received: int, _: object) -> NoReturn:
        wanted.append(received)
        raise KeyboardInterrupt

    if wanted:
        raise KeyboardInterrupt
    with _handled(interrupt):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class _Bar:
    """A line on stderr: rewritten on a terminal, a new one every ten seconds elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._shown = self._begun = time.monotonic()
        self._first = 0

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and not self._quiet:
            with contextlib.suppress(OSError, ValueError):
                print(file=sys.stderr)

    def mark(self, step: int) -> None:
        """Count speed from here."""
        self._first, self._begun = step, time.monotonic()

    def preparing(self, view: RunSnapshot) -> None:
        """Show what is prepared, such as a download."""
        now = time.monotonic()
        pace = 0.2 if self._terminal else 2.0
        if self._quiet or not view.phase_share or now - self._shown < pace:
            return
        self._shown = now
        self._print(f"{view.phase}: {100 * view.phase_share:.0f} %")

    def tell(self, words: str, share: float) -> None:
        """Show what is done to the data, and how much of it."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (0.2 if self._terminal else 2.0):
            return
        self._shown = now
        self._print(f"{words}: {100 * share:.0f} %")

    def _print(self, line: str) -> None:
        try:
            print(
                f"\r{line:79}" if self._terminal else line,
                end="" if self._terminal else "\n",
                file=sys.stderr,
                flush=True,
            )
        except (OSError, ValueError):  # Nobody reads it any more; the work goes on.
            self._quiet = True

    def show(self, job: TrainingJob) -> None:
        """Show how far a job is, now and then."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (0.2 if self._terminal else 10.0):
            return
        self._shown = now
        step, config = job.training.steps, job.config
        share = step / config.steps
        if config.seconds is not None:
            share = max(share, job.seconds / config.seconds)
        rate = (step - self._first) / (now - self._begun)
        gap = job.view.last.report.critic_gap if job.view.last else float("nan")
        filled = round(24 * min(1.0, share))
        line = (
            f"[{'#' * filled}{'.' * (24 - filled)}] step {step:,}  {rate:.1f} steps/s  "
            f"{job.seconds:.0f} s  critic gap {gap:.3g}"
        )
        self._print(line)


def _data_list(given: argparse.Namespace) -> int:
    for name, dataset in DATASETS.items():
        here = name != "own" and dataset(name=name).present()
        if given.json:
            print(json.dumps({"dataset": name, "title": dataset.title, "present": here}))
        elif name != "own":
            print(f"{name:20} {'here' if here else 'not here':10} {dataset.title}")
    for made in prepared():
        if given.json:
            print(json.dumps({"dataset": "own", "title": made.title, **_made(made)}))
        else:
            print(f"own {made.key}  {made.train:,} + {made.held_out:,}  {made.title}")
    return 0


def _data_add(given: argparse.Namespace) -> int:
    fields = {
        name: getattr(given, f"recipe.{name}")
        for name in Recipe.model_fields
        if hasattr(given, f"recipe.{name}")
    }
    fields.setdefault("title", given.source.resolve().name.partition(".")[0][:60] or "My pictures")
    try:
        recipe = Recipe.model_validate(fields)
    except ValidationError as error:
        raise _Usage(explain(error, Recipe)) from None
    bar = _Bar(given.quiet)
    with bar:
        made = prepare(given.source, recipe, progress=bar.tell, limits=OF_YOUR_OWN)
    if not given.json:
        for reason, n in made.reasons.items():
            print(f"skipped {n:,} × {reason}")
        print(f"“{made.title}”: {made.kept:,} pictures of {made.seen:,} files")
    print(json.dumps(_made(made)))
    return 0


def _made(made: Prepared) -> dict[str, Any]:
    return {
        "key": made.key,
        "kept": made.kept,
        "train": made.train,
        "held_out": made.held_out,
        "seen": made.seen,
        "skipped": sum(made.reasons.values()),
        "duplicates": made.duplicates,
        "near_duplicates": made.near_duplicates,
        "shape": made.shape,
        "classes": made.classes,
    }


def _data_remove(given: argparse.Namespace) -> int:
    forget(given.key)
    print(json.dumps({"removed": given.key}))
    return 0


def _export(given: argparse.Namespace) -> int:
    run = Run.find(given.run, given.runs_dir)
    if given.tensorboard:
        found: Mapping[str, object] = {"events": export_tensorboard(run, given.out)}
    else:
        found = export(run, given.out)
    print(json.dumps({"run": str(run.folder), "out": str(given.out), **found}))
    return 0


def _import(given: argparse.Namespace) -> int:
    if not given.file.is_file():
        raise _Usage(f"There is no file {given.file}.")
    bar = _Bar(given.quiet)
    try:
        with bar:
            run, remarks = import_zip(given.file, given.runs_dir, bar.tell)
    except KeyboardInterrupt:
        print("Cancelled: nothing was kept.", file=sys.stderr)
        return 130
    for remark in remarks:
        print(remark, file=sys.stderr)
    print(json.dumps({"run": str(run.folder), "remarks": remarks}))
    return 0


def _fork(given: argparse.Namespace) -> int:
    fields = _fields(given)
    parent = Run.find(given.run, given.runs_dir)
    made = fork(parent, given.step, fields, given.runs_dir)
    bar = _Bar(given.quiet)
    return _drive(TrainingJob(made, resume=True, publish=bar.preparing), bar)


def _runs(given: argparse.Namespace) -> int:
    cards = RunIndex(given.runs_dir).cards()
    if given.json:
        for card in cards:
            print(json.dumps(_card(card)))
        return 0
    if not cards:
        print(f"There is no run in {given.runs_dir} yet.")
    for card in cards:
        star, what = "*" if card.star else " ", card.config.title if card.config else card.problem
        best = "  ".join(f"{name} {m.value:.3g}" for name, m in card.best.items())
        name = f"“{card.name}”  " if card.name else ""
        print(f"{star} {card.run}  {card.status:11}  step {card.step:>9,}  {name}{what}  {best}")
    return 0


def _card(card: RunSummary) -> dict[str, Any]:
    return {
        "run": card.run,
        "name": card.name,
        "status": str(card.status),
        "dataset": card.config.dataset.name if card.config else None,
        "objective": card.config.objective.name if card.config else None,
        "step": card.step,
        "steps": card.config.steps if card.config else None,
        "seconds": round(card.seconds, 3),
        "created": card.created,
        "parent": dataclasses.asdict(card.parent) if card.parent else None,
        "best": {name: {"value": m.value, "step": m.step} for name, m in card.best.items()},
        "size": card.size,
        "star": card.star,
        "note": card.note,
        "problem": card.problem,
    }


def _sample(given: argparse.Namespace) -> int:
    run = Run.find(given.run, given.runs_dir)
    if given.count < 1:
        raise _Usage("--count must be at least 1.")
    step = export_samples(
        run, given.out, count=given.count, seed=given.seed, step=given.step, label=given.label
    )
    print(json.dumps({"run": str(run.folder), "out": str(given.out), "step": step}))
    return 0


def _walk(given: argparse.Namespace) -> int:
    run = Run.find(given.run, given.runs_dir)
    made = export_walk(
        run,
        given.out,
        waypoints=given.waypoints,
        seed=given.seed,
        method=given.method,
        step=given.step,
        label=given.label,
    )
    print(json.dumps({"run": str(run.folder), "out": str(given.out), **made}))
    return 0


def _evaluate(given: argparse.Namespace) -> int:
    if given.samples is not None and given.samples < 10:
        raise _Usage("--samples must be at least 10: of fewer nothing can be said.")
    run = Run.find(given.run, given.runs_dir)
    state, _ = run.checkpoint(given.step)
    models = Models(state.config, state.tensors, state.step)
    bar = _Bar(given.quiet)
    found: Evaluation | None = None
    with bar:
        for said in evaluate(models, samples=given.samples, seed=given.seed, run=run):
            bar.tell(said.words, said.share)
            found = said.result or found
    assert found is not None
    if given.json:
        print(json.dumps({"run": str(run.folder), **found.as_dict()}))
        return 0
    print(f"Run {run.id}, step {found.step:,}, {found.samples:,} samples. {found.note}".rstrip())
    if found.protocol:
        protocol = found.protocol
        print(
            f"Features: {protocol['network']} {protocol['hash']}; reference: {protocol['reference']}"
        )
    width = max((len(title_of(value.name)) for value in found.values), default=0)
    for value in found.values:
        spread = "" if value.deviation is None else f" ± {value.deviation:.2g}"
        floor = "" if value.floor is None else f"   real: {value.floor:.4g}"
        print(f"{title_of(value.name):{width}}  {value.value:.4g}{spread}{floor}")
    return 0


def _examples(given: argparse.Namespace) -> int:
    names = given.names or list(EXAMPLES)
    for name in names:
        if name not in EXAMPLES:
            raise _Usage(f"There is no example {name!r}; there are {', '.join(EXAMPLES)}.")
    with contextlib.ExitStack() as stack:
        work = given.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in names:
            run = _whole_run(EXAMPLES[name].config(), work, given.quiet)
            if run is None:
                return 1
            state, _ = run.checkpoint()
            models = Models(state.config, state.tensors, state.step)
            with _Bar(given.quiet) as bar:
                for said in evaluate(models, run=run):
                    bar.tell(said.words, said.share)
            given.runs_dir.mkdir(parents=True, exist_ok=True)
            made = ship(run, name, given.runs_dir)
            print(
                json.dumps({"run": str(made.folder), "bytes": made.size(), "of": str(run.folder)})
            )
    return 0


def _whole_run(config: TrainConfig, folder: Path, quiet: bool) -> Run | None:
    """Return a finished run of a config: one that is there, gone on with, or a new one."""
    for known in list_runs(folder):
        with contextlib.suppress(RunError):
            if known.config() == config:
                run, resume = known, bool(known.checkpoint_steps())
                break
    else:
        run, resume = Run.create(config, folder), False
    if run.status() is not Status.FINISHED:
        bar = _Bar(quiet)
        if _drive(TrainingJob(run, resume=resume, publish=bar.preparing), bar):
            return None
    return run if run.status() is Status.FINISHED else None


def _diagnose(given: argparse.Namespace) -> int:
    view = RunReader(Run.find(given.run, given.runs_dir)).view()
    known = examine(view.evidence)
    found = known if given.all else [one for one in known if one.reading.raised]
    for one in found:
        if given.json:
            print(
                json.dumps(
                    {
                        "rule": one.key,
                        "title": one.rule.title,
                        "level": one.rule.level,
                        "raised": one.reading.raised,
                        "evidence": one.reading.evidence,
                        "since": one.reading.since,
                        "proposals": [dict(p.changes) for p in one.reading.proposals],
                        "limits": dict(one.rule.limits),
                        "source": one.rule.source,
                    }
                )
            )
            continue
        since = f" (since step {one.reading.since:,})" if one.reading.since is not None else ""
        print(
            f"{'!' if one.reading.raised else ' '} {one.rule.title}{since}: {one.reading.evidence}"
        )
        for proposal in one.reading.proposals if one.reading.raised else ():
            print(f"    would help: {proposal.words}{'' if proposal.live else ' (takes a fork)'}")
    if not found and not given.json:
        print(
            f"{view.run}: no fault shows by step {view.step:,}; {len(known)} of {len(RULES)} can be told "
            "from what was measured."
        )
    return 0


def _train_features(given: argparse.Namespace) -> int:
    if given.dataset not in DATASETS or not DATASETS[given.dataset].features:
        known = ", ".join(name for name, dataset in DATASETS.items() if dataset.features)
        raise _Usage(f"No classifier can be trained for {given.dataset!r}: choose one of {known}.")
    if given.epochs < 1:
        raise _Usage("--epochs must be at least 1.")
    dataset = DATASETS[given.dataset](name=given.dataset)
    out = given.out or data_root() / f"features-{dataset.features}.safetensors"
    bar = _Bar(given.quiet)
    with bar:
        data = dataset.load(progress=bar.tell)
        assert isinstance(data, Pictures)
        made = train_features(
            data,
            dataset.features,
            dataset.title,
            seed=given.seed,
            epochs=given.epochs,
            tell=bar.tell,
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(made.content)
    except OSError as error:
        raise _Usage(f"{out} cannot be written ({error.strerror}).") from error
    print(
        json.dumps(
            {
                "out": str(out),
                "hash": made.hash,
                "accuracy": made.accuracy,
                "bytes": len(made.content),
                "floors": made.floors,
            }
        )
    )
    return 0


def _reproduce(given: argparse.Namespace) -> int:
    if given.list:
        for name, experiment in EXPERIMENTS.items():
            if given.json:
                print(json.dumps({"name": name, "title": experiment.title}))
            else:
                print(f"{name:20} {experiment.title}")
        return 0
    known = ", ".join(EXPERIMENTS)
    if given.name is None and not given.all:
        raise _Usage(f"Name an experiment, or give --all. There are {known}.")
    if given.name is not None and given.name not in EXPERIMENTS:
        raise _Usage(f"There is no experiment {given.name!r}: choose one of {known}.")
    folder = None if given.out is None else given.out.parent
    if given.out is not None:  # Said now and not after half an hour.
        try:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.open("a").close()
        except OSError as error:
            raise _Usage(f"{given.out} cannot be written ({error.strerror}).") from error
    outcomes = []
    for name in EXPERIMENTS if given.all else [given.name]:
        bar = _Bar(given.quiet)

        def tell(words: str, share: float, name: str = name, bar: _Bar = bar) -> None:
            bar.tell(f"{name}: {words}", share)

        with bar:
            bench = Bench(given.seed, given.scale, tell, folder)
            outcomes.append(measure(EXPERIMENTS[name], bench))
        if given.json:
            print(json.dumps(outcomes[-1].as_dict()), flush=True)
        else:
            print(f"{table(outcomes[-1])}\n", flush=True)
    if given.out is not None:
        given.out.write_text(page(outcomes), encoding="utf-8")
    return 0


def _bench(given: argparse.Namespace) -> int:
    try:
        device = pick_device(given.device)
    except ValueError as error:
        raise _Usage(str(error)) from error
    chosen = bench.rows(given.only)
    if not chosen:
        raise _Usage(f"No row has all of these words. There are {', '.join(bench.rows())}.")
    if given.rounds < 1 or not all(given.threads or [1]):
        raise _Usage("--rounds and --threads must be at least 1.")
    if not given.json:
        head = bench.HEADS[given.kind]
        print(f"{bench.machine(device)}\n\n{head}\n{'|---' * (head.count('|') - 1)}|", flush=True)
    seconds = given.seconds or bench.SECONDS[given.kind]
    for threads in given.threads or [cores()]:
        for row in given.kind(chosen, device, threads, seconds, given.rounds):
            print(json.dumps(row) if given.json else bench.line(row), flush=True)
    return 0


def _print_error(sentence: object) -> None:
    """Print to stderr, whether or not somebody still reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(sentence, file=sys.stderr, flush=True)


def _terminate(received: int, _: object) -> NoReturn:
    """Handle SIGTERM as SIGINT: the command takes back what it began."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    code = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    if compiled := sys.modules.get("wgan.training.acceleration"):
        compiled.Compiler.end_latest()
    # torch's threads can take seconds to unwind; everything that matters is written by now.
    os._exit(code)
