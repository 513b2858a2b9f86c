"""The command group, and the handling of errors and signals. It imports neither torch nor any command."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem, shell_complete

COMMANDS = {
    "app": ("wgan.cli.app", "Open the app in the browser."),
    "train": ("wgan.cli.train", "Train a run, or resume one."),
    "fork": ("wgan.cli.train", "Continue from a checkpoint as a new run with other settings."),
    "runs": ("wgan.cli.runs", "List the runs, the newest first."),
    "export": ("wgan.cli.runs", "Export a run."),
    "import": ("wgan.cli.runs", "Import a run that was exported as .zip."),
    "data": ("wgan.cli.data", "List data sets, add your own images, remove them."),
    "sample": ("wgan.cli.latent", "Save samples of a run's generator."),
    "walk": ("wgan.cli.latent", "Save a walk through latent space as a film."),
    "evaluate": ("wgan.cli.evaluate", "Measure how good a run's generator is."),
    "diagnose": ("wgan.cli.evaluate", "Check a run for known problems, and suggest changes."),
    "train-features": ("wgan.cli.evaluate", "Train the classifier whose features the metrics use."),
    "examples": ("wgan.cli.examples", "Train the example runs that come with the program."),
    "reproduce": ("wgan.cli.reproduce", "Repeat published experiments, and compare the results."),
    "bench": ("wgan.cli.bench", "Measure the speed and memory of training on this machine."),
}
"""The module of each command, and its summary. A module is imported when its command is used."""


class UsageError(Exception):
    """Invalid arguments; the message is one sentence."""


class _Commands(click.Group):
    """A group that imports commands on use, so that help and completion need not wait for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing it."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


commands = _Commands(
    name="wgan",
    help="Train Wasserstein GANs, record them, and inspect them. `wgan app` opens the app; `wgan "
    "COMMAND --help` describes a command.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 2 for bad arguments, 1 for a failed run, 130 if interrupted."""
    name = program_name()
    if (instruction := os.environ.get("_WGAN_COMPLETE")) is not None:
        return shell_complete(commands, {}, "wgan", "_WGAN_COMPLETE", instruction)
    code = 0
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        with commands.make_context(name, words) as context:
            code = commands.invoke(context) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return 2
    except click.exceptions.Exit as finished:  # --help
        code = finished.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else name
        print_error(f"{_sentence(error)} See {path} --help.")
        return 2
    except KeyboardInterrupt:
        print_error("Interrupted. Nothing was saved.")
        return 130
    except BrokenPipeError:
        pass
    except Exception as error:
        return _failed(error)
    try:
        sys.stdout.flush()
    except OSError:
        # The reader of the output, such as `head`, has ended. What the command wrote to disk is
        # complete.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _failed(error: Exception) -> int:
    """Print a sentence about an error, and return the exit code."""
    from wgan.config import ConfigError
    from wgan.data import DataError
    from wgan.jobs import error_message
    from wgan.runs import RunError

    if isinstance(error, UsageError | ConfigError | RunError | DataError):
        print_error(error)
        return 2
    if os.environ.get("WGAN_DEBUG"):
        raise error
    print_error(f"{error_message(error)} Set WGAN_DEBUG=1 to see the traceback.")
    return 1


def _sentence(error: click.UsageError) -> str:
    """Return a click error in one line."""
    if isinstance(error, click.NoSuchOption):
        close = " or ".join(error.possibilities or ())
        return f"There is no option {error.option_name}." + (
            f" Did you mean {close}?" if close else ""
        )
    line = " ".join(error.format_message().split())
    return f"{line[:1].upper()}{line[1:].rstrip('.')}."


def program_name() -> str:
    """Return how the program was called: `wgan` or `python -m wgan`."""
    return "wgan" if os.path.basename(sys.argv[0]) in ("wgan", "wgan.exe") else "python -m wgan"


def print_error(sentence: object) -> None:
    """Print to stderr. Errors are ignored if its reader has ended."""
    with contextlib.suppress(OSError, ValueError):
        print(sentence, file=sys.stderr, flush=True)


def _interrupt(received: int, _: object) -> NoReturn:
    """Handle SIGTERM like SIGINT: the command removes unfinished results."""
    raise KeyboardInterrupt


def run() -> NoReturn:
    """Run a command as a program: the entry point of `wgan` and of `python -m wgan`."""
    # Until a command begins, a signal ends the program at once, because loading torch takes
    # seconds.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: os._exit(128 + received))
    name = next((a for a in sys.argv[1:] if not a.startswith("-")), "")
    if name in COMMANDS and "_WGAN_COMPLETE" not in os.environ:
        import_module(COMMANDS[name][0])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    code = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    if acceleration := sys.modules.get("wgan.training.acceleration"):
        acceleration.Compiler.end_latest()
    # torch's threads can take seconds to end, and everything has been written by now.
    os._exit(code)
