"""ConfigError, and conversion of pydantic's errors to sentences."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from wgan.config.parts import PARTS


class ConfigError(ValueError):
    """An invalid config. The message is a sentence for users."""


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Convert a pydantic error to sentences that name each fault and say what to do."""
    return " ".join(_explain_one(dict(problem), model) for problem in error.errors())


def _explain_one(problem: dict[str, Any], model: type[BaseModel]) -> str:
    where: tuple[Any, ...] = problem["loc"]
    value, context = problem.get("input"), problem.get("ctx", {})
    part = str(where[0]) if where and where[0] in PARTS else None
    variant = PARTS[part].get(str(where[1])) if part and len(where) > 1 else None
    # pydantic puts the variant between a part and its field: "objective", "wgan", "clip_value".
    names = [str(w) for i, w in enumerate(where) if not (i == 1 and variant)]
    field = ".".join(names)
    if problem["type"] == "extra_forbidden":
        name = names[-1]
        fields = list((variant or model).model_fields)
        if part and variant:
            owners = [n for n, v in PARTS[part].items() if name in v.model_fields]
            has = [k for k in fields if k != "name"]
            own = f"it has {', '.join(has)}" if has else "it has no settings"
            hint = f"; {name} belongs to {', '.join(owners)}" if owners else ""
            return f"The {part} {where[1]} has no {name}: {own}{hint}."
        close = get_close_matches(name, fields, n=1)
        return f"There is no setting {name}." + (f" Did you mean {close[0]}?" if close else "")
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found") and part:
        variant_name = value.get("name") if isinstance(value, Mapping) else value
        return f"There is no {part} {variant_name!r}: choose one of {', '.join(PARTS[part])}."
    if problem["type"] == "literal_error":
        return f"{field} cannot be {value!r}: choose {context.get('expected')}."
    bounds = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("more than", "gt"),
        "less_than_equal": ("at most", "le"),
        "less_than": ("less than", "lt"),
    }
    if problem["type"] in bounds:
        comparison, bound = bounds[problem["type"]]
        return f"{field} must be {comparison} {context[bound]}, not {value}."
    if problem["type"] == "value_error":
        return str(context["error"])
    if problem["type"].startswith(("int", "float", "bool", "finite")):
        kind = problem["type"].split("_")[0]
        article = {"int": "a whole number", "bool": "true or false"}.get(kind, "a number")
        return f"{field} must be {article}, not {value!r}."
    if problem["type"] == "missing":
        return f"{field} is missing."
    return f"{field or 'The config'}: {problem['msg']}."
