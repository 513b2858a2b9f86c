"""Options that several commands share, and one option for each hyperparameter."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from wgan.config import MAX_STEPS, PARTS, Hyperparameter, hyperparameters
from wgan.paths import default_runs_dir

Command = TypeVar("Command", bound=Callable[..., Any])


class Whole(click.ParamType[int]):
    """A click type: an integer of at least 0."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number."""
        if isinstance(value, int):
            return value
        if not str(value).isdecimal():
            self.fail(f"must be a whole number, not {value!r}", param, ctx)
        return int(value)


class Scale(click.ParamType[float]):
    """A click type: a number above 0 and at most 1000."""

    name = "X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the number."""
        number = 0.0
        with contextlib.suppress(ValueError):
            number = float(value)
        if 0 < number <= 1000:
            return number
        return self.fail(
            f"must be a number greater than 0 and at most 1000, not {value!r}", param, ctx
        )


class StrictCommand(click.Command):
    """A command whose options never take the name of another option as their value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reject `--out --quiet`, which click would parse as a file named --quiet."""
        names = {name for p in self.get_params(ctx) for name in (*p.opts, *p.secondary_opts)}
        valued = {
            name
            for p in self.params
            if isinstance(p, click.Option) and not p.is_flag
            for name in p.opts
        }
        for word, following in itertools.pairwise([*args, ""]):
            if word in valued and following in names:
                raise click.BadOptionUsage(word, f"Option '{word}' requires an argument.", ctx)
        return super().parse_args(ctx, args)


class ManyValues(StrictCommand):
    """A command with options that take several values: `--threads 1 2`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat such an option before each of its values, as click expects."""
        repeatable = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        spread: list[str] = []
        option = ""
        for word in args:
            if word.startswith("-"):
                option = word if word in repeatable else ""
                spread.append(word)
            elif option and spread[-1] != option:
                spread += [option, word]
            else:
                spread.append(word)
        return super().parse_args(ctx, spread)


def runs_dir_option(command: Command) -> Command:
    """Add `--runs-dir`."""
    return click.option(
        "--runs-dir",
        type=click.Path(path_type=Path),
        default=default_runs_dir,
        metavar="DIR",
        help="Folder of the runs. Default: the environment variable WGAN_RUNS, else checkpoints. "
        "An installed package uses the user's data folder if there is no folder checkpoints "
        "here.",
    )(command)


def quiet_option(command: Command) -> Command:
    """Add `--quiet`."""
    return click.option("--quiet", is_flag=True, help="Do not show progress on stderr.")(command)


def json_option(text: str = "Print JSON, one object per line.") -> Callable[[Command], Command]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def run_argument(command: Command) -> Command:
    """Add the argument RUN."""
    return click.argument("run", metavar="RUN")(command)


def step_option(command: Command) -> Command:
    """Add `--step`."""
    return click.option(
        "--step", type=Whole(), help="Step of the checkpoint. Default: the newest."
    )(command)


def _flag_name(path: str) -> str:
    """Return the parameter name of a hyperparameter's option: `objective.n` → `objective__n`."""
    return path.replace(".", "__")


def _option_of(value: Hyperparameter) -> click.Option:
    """Return the option of a hyperparameter. Its bounds are checked later, by the config."""
    text = value.help
    if value.choices:
        text += f" One of {', '.join(map(str, value.choices))}."
    elif value.low is not None or value.high is not None:
        text += f" {value.low:g} to {value.high:g}."
    part, _, field = value.path.partition(".")
    owners = [
        name for name, variant in PARTS.get(part, {}).items() if field in variant.model_fields
    ]
    if owners:
        text = f"({', '.join(owners)}) {text}"
    return click.Option(
        [f"--{value.path.replace('_', '-')}", _flag_name(value.path)],
        metavar=value.unit.upper() if value.unit else value.type.__name__.upper(),
        help=text.strip(),
    )


def config_options(command: click.Command) -> click.Command:
    """Add one option for each hyperparameter to a command."""
    command.params += [_option_of(value) for value in hyperparameters()]
    return command


class ScheduledChange(click.ParamType[tuple[int, str, str]]):
    """A click type: a change to make after a step, `STEP:NAME=VALUE`, as (step, name, value)."""

    name = "STEP:NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str, str]:
        """Parse the step; the name and the value are checked with the config of the run."""
        if isinstance(value, tuple):
            return value
        step, colon, change = str(value).partition(":")
        name, equals, text = change.partition("=")
        if not (step.isdecimal() and colon and name and equals):
            self.fail(
                f"must be STEP:NAME=VALUE, for example 300:critic-learning-rate=0.001, not {value!r}",
                param,
                ctx,
            )
        return int(step), name.strip(), text.strip()


def change_option(command: Command) -> Command:
    """Add `--change`."""
    return click.option(
        "--change",
        "scheduled",
        type=ScheduledChange(),
        multiple=True,
        help="Change a hyperparameter after a step, for example 300:critic-learning-rate=0.001. "
        "Can be repeated. If you stop the run, changes at later steps are dropped.",
    )(command)


def parse_value(value: Hyperparameter, text: str) -> Any:
    """Convert a text to the type of a hyperparameter. Other texts remain: the config reports the error."""
    if value.optional and text.lower() == "none":
        return None
    if value.type is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if value.many:
        return [word.strip() for word in text.split(",") if word.strip()]
    with contextlib.suppress(ValueError):
        return value.type(text)
    return text


def changes_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the given hyperparameters by path, converted to their types."""
    changes = {
        value.path: parse_value(value, text)
        for value in hyperparameters()
        if (text := options.get(_flag_name(value.path))) is not None
    }
    if "seconds" in changes and "steps" not in changes:
        changes["steps"] = MAX_STEPS  # the time limit ends the run
    return changes
