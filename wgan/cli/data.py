"""`wgan data list`, `wgan data add` and `wgan data remove`."""

import json
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, json_option, quiet_option
from wgan.cli.progress import Progress
from wgan.config import explain
from wgan.data import DATASETS, OF_YOUR_OWN, Prepared, Recipe, forget, prepare, prepared


@click.group("data")
def data_command() -> None:
    """List data sets, add your own images, remove them."""


@data_command.command("list", cls=StrictCommand)
@json_option()
def list_command(as_json: bool) -> None:
    """List the data sets, and your own images."""
    for name, dataset in DATASETS.items():
        is_present = name != "own" and dataset(name=name).present()
        if as_json:
            print(json.dumps({"dataset": name, "title": dataset.title, "present": is_present}))
        elif name != "own":
            print(f"{name:20} {'here' if is_present else 'not here':10} {dataset.title}")
    for picture_set in prepared():
        if as_json:
            print(
                json.dumps({"dataset": "own", "title": picture_set.title, **_summary(picture_set)})
            )
        else:
            print(
                f"own {picture_set.key}  {picture_set.train:,} + {picture_set.held_out:,}  {picture_set.title}"
            )


def _recipe_option(name: str, field: FieldInfo) -> click.Option:
    text = field.description or ""
    if choices := get_args(field.annotation):
        text += f" One of {', '.join(map(str, choices))}."
    if name == "title":
        text += " Default: the name of the source."
    elif field.default != "":
        # JSON spells booleans like this, too.
        text += f" Default: {str(field.default).lower()}."
    flag = "--" + name.replace("_", "-")
    return click.Option([flag, name], metavar=name.upper(), help=text.strip())


@data_command.command(
    "add",
    cls=StrictCommand,
    params=[_recipe_option(name, field) for name, field in Recipe.model_fields.items()],
)
@click.argument("source", type=click.Path(path_type=Path))
@json_option("Print only the JSON on stdout.")
@quiet_option
def add_command(source: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Prepare your own images for training.

    SOURCE is a folder, a .zip or a .tar(.gz|.bz2|.xz). The last line on stdout is a JSON object with a
    key to train with: wgan train --dataset own --dataset.pictures KEY.
    """
    fields = {name: value for name, value in options.items() if value is not None}
    fields.setdefault("title", source.resolve().name.partition(".")[0][:60] or "My pictures")
    try:
        recipe = Recipe.model_validate(fields)
    except ValidationError as error:
        raise UsageError(explain(error, Recipe)) from None
    progress = Progress(quiet)
    with progress:
        picture_set = prepare(source, recipe, progress=progress.tell, limits=OF_YOUR_OWN)
    if not as_json:
        for reason, n in picture_set.reasons.items():
            print(f"skipped {n:,} × {reason}")
        print(f"“{picture_set.title}”: {picture_set.kept:,} pictures of {picture_set.seen:,} files")
    print(json.dumps(_summary(picture_set)))


def _summary(prepared_set: Prepared) -> dict[str, Any]:
    return {
        "key": prepared_set.key,
        "kept": prepared_set.kept,
        "train": prepared_set.train,
        "held_out": prepared_set.held_out,
        "seen": prepared_set.seen,
        "skipped": sum(prepared_set.reasons.values()),
        "duplicates": prepared_set.duplicates,
        "near_duplicates": prepared_set.near_duplicates,
        "shape": prepared_set.shape,
        "classes": prepared_set.classes,
    }


@data_command.command("remove", cls=StrictCommand)
@click.argument("key")
def remove_command(key: str) -> None:
    """Delete prepared images. KEY is as `data list` shows it."""
    forget(key)
    print(json.dumps({"removed": key}))
