"""How to repeat a run: as a command line, and as Python that gives the same numbers."""

import shlex
from collections.abc import Mapping
from typing import Any

from wgan.config import PARTS, PRESETS, TrainConfig, differences
from wgan.runs import Run


def nearest_preset(config: TrainConfig, *, but: str = "") -> str:
    """Return the name of the preset with the fewest differences from a config, `but` a preset of this name."""
    names = [name for name in PRESETS if name != but]
    return min(names, key=lambda name: len(differences(config, PRESETS[name].config)))


def command_line(run: Run) -> str:
    """Return the command that trains a run again, with the changes that were made during the training.

    For a fork, this is a `fork` command, which needs the parent.
    """
    config, parent = run.config(), run.parent()
    if parent is not None:
        before = TrainConfig.parse(run.metadata()["parent"]["config"])
        arguments = ["fork", parent.run, "--step", str(parent.step)]
    else:
        preset = nearest_preset(config)
        before = PRESETS[preset].config
        arguments = ["train", "--preset", preset]
    first_step = parent.step if parent is not None else 0  # earlier changes are the parent's
    later = [c for c in run.changes() if c.step >= first_step and c.path != "engine"]
    for change in later:
        name = change.path.replace("_", "-")
        arguments += ["--change", f"{change.step}:{name}={_word(change.after)}"]
    return shlex.join(["python", "-m", "wgan", *arguments, *_flags(config, before)])


def _flags(config: TrainConfig, base: TrainConfig) -> list[str]:
    changed = {path for path, _, _ in differences(config, base)}
    if "seconds" in changed:
        changed.add("steps")  # `--seconds` alone would also set another number of steps
    flags: list[str] = []
    for path, value in config.flat().items():
        part = path.partition(".")[0]
        # Another part begins with default values, so write all of its values.
        if path in changed or (part in changed and part in PARTS):
            flags += ["--" + path.replace("_", "-"), _word(value)]
    return flags


def _word(value: Any) -> str:
    """Return a value in the form that the command line parses."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def snippet(run: Run) -> str:
    """Return Python code that trains a run again up to its last checkpoint, with all changes.

    With the same machine and versions, the reports are equal bit for bit.
    """
    engine = run.engine()
    settings = engine.as_dict() if engine is not None else {}
    acts: dict[int, dict[str, Any]] = {}
    for change in run.changes():
        if change.path != "engine":
            acts.setdefault(change.step, {})[change.path] = change.after
    stages: list[tuple[int, dict[str, Any]]] = []
    described: Any = run.metadata()
    config, parent = described["config"], described["parent"]
    while parent is not None:
        stages.append((parent["step"], config))
        config, parent = parent["config"], parent["parent"]
    last = max([0, *run.checkpoints.steps()])
    lines = [
        "from wgan.config import TrainConfig",
        "from wgan.training import Engine, Training, reconfigured",
        "",
        f"config = TrainConfig.parse({_python(config)})",
        f"changes = {_python(acts)}  # by hand, after the step",
        f"forks = {_python(dict(reversed(stages)))}  # another config, after the step",
        "",
        f"training = Training(config, engine=Engine(**{settings!r}))",
        f"while training.steps < {last}:",
        "    if training.steps in forks:",
        "        other = TrainConfig.parse(forks[training.steps])",
        "        training = Training.restore(reconfigured(training.state(), other))",
        "    for path, value in changes.get(training.steps, {}).items():",
        "        training.apply(**{path: value})",
        "    training.step()",
        "    for report in training.reports():",
        "        print(report)",
    ]
    return "\n".join(lines) + "\n"


def _python(value: Any, indent: str = "") -> str:
    """Return a JSON-like value as Python source; keys may be numbers."""
    inner = indent + "    "
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{key!r}: {_python(item, inner)},\n" for key, item in value.items()]
        return "{\n" + "".join(lines) + indent + "}"
    if isinstance(value, list | tuple) and value:
        lines = [f"{inner}{_python(item, inner)},\n" for item in value]
        return "[\n" + "".join(lines) + indent + "]"
    return repr(value)
