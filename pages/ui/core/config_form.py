"""One control for each hyperparameter, built from the fields of the config."""

import bisect
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.ui.core.draft import as_edited_before, change_draft, draft, remember_dataset
from pages.ui.core.session import session
from pages.ui.core.state import Steering, page_state
from pages.ui.core.widget_state import user_changed, widget_key_for
from wgan.config import (
    PARTS,
    ConfigError,
    Hyperparameter,
    TrainConfig,
    hyperparameters,
    short,
)
from wgan.format import fmt_number
from wgan.runs import FIXED_PARTS, RunError

Options = dict[str, dict[str, str]]
"""For each kind of option that depends on the data: label by value."""


def options_of(config: TrainConfig) -> Options:
    """Return the options that depend on the config's data set."""
    options = {"classes": {name: name for name in config.dataset.all_class_names()}}
    if any(value.options == "own" for value in hyperparameters(config)):
        own = {p.key: f"{p.title} ({p.kept:,})" for p in session().datasets.own_pictures()}
        options["own"] = own or {"": "none yet: add images on the Data page"}
    return options


def control(
    value: Hyperparameter,
    current: Any,
    options: Options,
    *,
    locked: bool = False,
    preparing: bool = False,
    kept_by_fork: bool = False,
    refusal: str = "",
    prefix: str = "w",
    on_change: Callable[[str, Any], None] | None = None,
) -> None:
    """Show the control of a hyperparameter.

    Args:
        value: The hyperparameter.
        current: Its value.
        options: The options that depend on the data, from `options_of`.
        locked: Whether a run uses the value. Then it can be changed only if it is live.
        preparing: Whether that run is still being prepared.
        kept_by_fork: Whether a fork cannot change it.
        refusal: Why the visitor may not change it, or "".
        prefix: The first part of the control's key.
        on_change: Called with the hyperparameter's path and its new value. Without it, the value
            goes to the live run or to the next one.
    """
    key = widget_key_for(f"{prefix}:{value.path}", current)
    disabled = bool(refusal) or kept_by_fork or (locked and (preparing or not value.live))
    common: dict[str, Any] = {
        "label": f"{value.title} ({value.unit})" if value.unit else value.title,
        "key": key,
        "help": _help(
            value,
            current,
            locked=locked,
            kept_by_fork=kept_by_fork,
            refusal=refusal,
            disabled=disabled,
        ),
        "disabled": disabled,
        "on_change": _on_change,
        "args": (value.path, key, on_change or _change),
    }
    labels = options.get(value.options or "", {})
    if value.many:
        st.multiselect(
            options=list(labels),
            default=[name for name in current if name in labels],
            format_func=lambda name: labels.get(name, name),
            placeholder="all",
            **common,
        )
    elif value.options is not None:
        names = list(labels) if current in labels else [current, *labels]
        st.selectbox(
            options=names,
            index=names.index(current),
            format_func=lambda k: labels.get(k, k or "none"),
            **common,
        )
    elif value.path in PARTS:
        variants = PARTS[value.path]
        st.selectbox(
            options=list(variants),
            index=list(variants).index(current),
            format_func=lambda name: short(_title(variants[name])),
            **common,
        )
    elif value.choices:
        st.selectbox(options=value.choices, index=list(value.choices).index(current), **common)
    elif value.type is bool:
        st.toggle(value=current, **common)
    elif value.type is str:
        st.text_input(value=current, **common)
    else:
        _number(value, current, common)


def _help(
    value: Hyperparameter,
    current: Any,
    *,
    locked: bool,
    kept_by_fork: bool,
    refusal: str,
    disabled: bool,
) -> str:
    """Return the control's help: the effect of the value, and why it cannot be changed."""
    text = value.help
    if value.source:
        text += f"\n\n*Source: {value.source}.*"
    variants = PARTS.get(value.path, {})
    if value.path == "dataset":  # the Data page shows all of them
        variants = {current: variants[current]}
    for variant in variants.values():
        text += f"\n\n**{short(_title(variant))}**: {_summary(variant)}"
    if refusal:
        return f"{refusal}\n\n{text}"
    if kept_by_fork:
        return f"**Fixed in a fork:** the saved weights belong to it.\n\n{text}"
    if disabled and value.live:
        return f"**Not available yet:** the run is being prepared.\n\n{text}"
    if disabled:
        return f"**Fixed during a run:** {value.fixed}. {_alternative(value)}\n\n{text}"
    effect = "A change acts at the next step and is marked on every chart."
    return f"{text}\n\n{effect}" if locked else text


def _alternative(value: Hyperparameter) -> str:
    """Return how to train with another value of a setting that is fixed during a run."""
    if value.path.partition(".")[0] in FIXED_PARTS:
        return "To use another value, choose *Next run* above."
    return "To use another value, fork the run, or choose *Next run* above."


def _number(value: Hyperparameter, current: Any, common: dict[str, Any]) -> None:
    """Show the control of a number: a slider for a small range or a logarithmic scale, else a field."""
    common = {**common, "value": current}
    if value.log:
        st.select_slider(options=_scale(value, current), format_func=fmt_number, **common)
    elif value.path == "batch_size":
        st.select_slider(options=_with([8, 16, 32, 64, 128, 256, 512], current), **common)
    elif value.low is not None and value.high is not None and value.high - value.low <= 1:
        high = min(float(value.high), 0.999)
        st.slider(min_value=float(value.low), max_value=high, step=0.001, format="%.3g", **common)
    elif value.type is int:
        most = 20 if value.path == "n_critic" and current <= 20 else value.high
        if most is not None and most <= 20:
            st.slider(min_value=int(value.low or 0), max_value=int(most), **common)
        else:
            st.number_input(
                min_value=int(value.low or 0),
                max_value=int(value.high or 2**31),
                placeholder="all" if value.optional else None,
                **common,
            )
    else:
        # With whole numbers as bounds, Streamlit would cut off the digits behind the point.
        st.number_input(
            min_value=None if value.optional or value.low is None else float(value.low),
            max_value=None if value.high is None else float(value.high),
            placeholder="no limit" if value.optional else None,
            format="%.4g",
            **common,
        )


def _summary(variant: Any) -> str:
    return str(variant.summary)


def _title(variant: Any) -> str:
    return str(getattr(variant, "title", variant.__name__))


def _scale(value: Hyperparameter, current: float) -> list[float]:
    low = max(value.low or 0.0, 1e-6 if "learning_rate" in value.path else 1e-4)
    steps = [
        float(f"{digit}e{power}")
        for power in range(-6, 4)
        for digit in (1, 1.5, 2, 3, 4, 5, 7)
        if low <= float(f"{digit}e{power}") <= (value.high or 1.0)
    ]
    return _with([0.0, *steps] if value.low == 0 and current == 0 else steps, current)


def _with(options: Sequence[Any], current: Any) -> list[Any]:
    """Return the options including the current value, in order."""
    values = list(options)
    if current not in values:
        bisect.insort(values, current)
    return values


def _on_change(path: str, key: str, act: Callable[[str, Any], None]) -> None:
    if user_changed(key):
        act(path, st.session_state[key])


def _change(path: str, value: Any) -> None:
    steering = page_state(Steering)
    steering.problem = ""
    try:
        if steering.run is None:
            change_draft(path, as_edited_before(path, value))
            remember_dataset(path, draft().dataset)
        else:
            session().change(steering.run, **{path: value})
    except (ConfigError, RunError) as error:
        steering.problem = str(error)
