"""Descriptions of all hyperparameters, from which sliders, command-line flags and tables are built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wgan.config.groups import Group
from wgan.config.model import TrainConfig, short
from wgan.config.parts import PARTS
from wgan.format import fmt_value


@dataclass(frozen=True)
class Hyperparameter:
    """The description of a hyperparameter."""

    path: str  # dotted: "batch_size", "objective.clip_value"
    title: str
    help: str
    type: type  # int, float, bool or str
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None
    optional: bool
    many: bool  # whether it is a list
    options: str | None  # which options it has if they depend on the data: "classes", "own"
    hidden: bool  # not shown in forms, such as a drawing's cells
    unit: str | None
    source: str | None
    live: bool  # whether it can change during training
    advanced: bool
    log: bool  # whether its scale is logarithmic
    group: Group  # under which forms show it; that of its part for a setting of a part
    fixed: str  # why it cannot change during training, as the end of a sentence; "" if it can
    main: bool = False  # whether forms show it beside the choice of its part


def hyperparameters(config: TrainConfig | None = None) -> Iterator[Hyperparameter]:
    """Iterate over all hyperparameters of a config, including those of its parts.

    Without a config, iterate over those of all variants of all parts, each dotted name once.
    """
    known = _described(TrainConfig)
    for name, described_field in known.items():
        if name not in PARTS:
            yield described_field
            continue
        choices = PARTS[name]
        default = None if config is None else getattr(config, name).name
        yield replace(described_field, type=str, default=default, choices=tuple(choices))
        yielded = set()
        variants: Iterable[Any] = (
            choices.values() if config is None else [type(getattr(config, name))]
        )
        for variant in variants:
            for own, described in _described(variant, f"{name}.").items():
                if own != "name" and own not in yielded:
                    yielded.add(own)
                    yield described


@cache  # a diagnosis uses them at every report
def _described(model: type[BaseModel], prefix: str = "") -> dict[str, Hyperparameter]:
    """Describe each field of a model."""
    return {name: _describe(prefix + name, field) for name, field in model.model_fields.items()}


def _describe(path: str, field: FieldInfo) -> Hyperparameter:
    low: float | None = None
    high: float | None = None
    kind: Any = field.annotation
    metadata = list(field.metadata)
    optional = type(None) in get_args(kind)
    if optional:
        kind = next(a for a in get_args(kind) if a is not type(None))
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        metadata += [m for info in more for m in getattr(info, "metadata", [info])]
    for bound in metadata:
        low = getattr(bound, "ge", getattr(bound, "gt", low))
        high = getattr(bound, "le", getattr(bound, "lt", high))
    choices = tuple(get_args(kind)) if get_origin(kind) is Literal else None
    is_list = get_origin(kind) is tuple
    extra = _extra_of(field)
    declared = _extra_of(TrainConfig.model_fields[path.partition(".")[0]])
    # An objective's values take effect at the next update, so all of them are live.
    live = bool(extra.get("live", path.startswith("objective.")))
    return Hyperparameter(
        path=path,
        title=field.title or path.rpartition(".")[2].replace("_", " ").capitalize(),
        help=field.description or "",
        type=str if choices or is_list else kind,
        default=field.get_default(call_default_factory=True),
        low=low,
        high=high,
        choices=choices,
        optional=optional,
        many=is_list,
        options=str(extra["choices"]) if extra.get("choices") else None,
        hidden=bool(extra.get("hidden") or extra.get("editor")),
        unit=str(extra["unit"]) if extra.get("unit") else None,
        source=str(extra["source"]) if extra.get("source") else None,
        live=live,
        advanced=bool(extra.get("advanced")) or path.startswith("optimizer."),
        log=bool(extra.get("log")),
        group=Group(declared["group"]),
        fixed="" if live else str(declared.get("fixed", "")),
        main=bool(extra.get("main")),
    )


def _extra_of(field: FieldInfo) -> dict[str, Any]:
    return dict(field.json_schema_extra) if isinstance(field.json_schema_extra, dict) else {}


def value_text(path: str, value: Any) -> str:
    """Return a value of a config as text for readers: a part by its title, a switch as on or off."""
    title = getattr(PARTS.get(path, {}).get(str(value)), "title", None)
    if isinstance(title, str):
        return short(title)
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else fmt_value(value)
