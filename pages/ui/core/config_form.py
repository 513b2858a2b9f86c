"""One control for each hyperparameter, built from the fields of the config."""

import bisect
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.ui.core.draft import as_edited_before, draft, remember_dataset, set_draft
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
from wgan.runs import RunError


def choices(config: TrainConfig) -> dict[str, dict[str, str]]:
    """Return what can be chosen where that depends on the data: value → words."""
    labels = {"classes": {name: name for name in config.dataset.all_class_names()}}
    if any(value.options == "own" for value in hyperparameters(config)):
        own = {p.key: f"{p.title} ({p.kept:,})" for p in session().sets.own_pictures()}
        labels["own"] = own or {"": "none yet: see the Data page"}
    return labels


def control(
    value: Hyperparameter,
    current: Any,
    chosen: dict[str, dict[str, str]],
    *,
    locked: bool = False,
    preparing: bool = False,
    held: bool = False,
    prefix: str = "w",
    on_change: Callable[[str, Any], None] | None = None,
) -> None:
    """Show a hyperparameter's control. What is chosen goes to the draft, or to `on_change`.

    `on_change` is called with the hyperparameter's path and its new value.
    """
    key = widget_key_for(f"{prefix}:{value.path}", current)
    disabled = held or (locked and (preparing or not value.live))
    words = value.help
    if value.source:
        words += f"\n\n*Source: {value.source}.*"
    if held:
        words = f"**A fork keeps it:** the weights are made for it.\n\n{words}"
    elif disabled and value.live:
        words = f"**The run is being prepared:** in a moment.\n\n{words}"
    elif disabled:
        words = (
            "**Cannot change while training:** networks, data and random numbers are built from "
            f"it. Choose *Next run* above to change it there.\n\n{words}"
        )
    elif locked:
        words += "\n\nActs at once, and leaves a mark on every chart."
    label = f"{value.title} ({value.unit})" if value.unit else value.title
    common: dict[str, Any] = {
        "key": key,
        "help": words,
        "disabled": disabled,
        "on_change": _hear,
        "args": (value.path, key, on_change or _changed),
    }
    labels = chosen.get(value.options or "", {})
    if value.many:
        st.multiselect(
            label,
            list(labels),
            format_func=lambda name: labels.get(name, name),
            placeholder="all",
            **common,
        )
    elif value.options is not None:
        names = list(labels) if current in labels else [current, *labels]
        st.selectbox(label, names, format_func=lambda k: labels.get(k, k or "none"), **common)
    elif value.path in PARTS:
        variants = PARTS[value.path]
        common["help"] = words + "".join(
            f"\n\n**{_title(variants[name])}** {(variants[name].__doc__ or '').strip()}"
            for name in variants
        )
        st.selectbox(
            label,
            list(variants),
            format_func=lambda name: short(_title(variants[name])),
            **common,
        )
    elif value.choices:
        st.selectbox(label, value.choices, **common)
    elif value.type is bool:
        st.toggle(label, **common)
    elif value.type is str:
        st.text_input(label, **common)
    elif value.log:
        st.select_slider(label, _scale(value, current), format_func=fmt_number, **common)
    elif value.path == "batch_size":
        st.select_slider(label, _with([8, 16, 32, 64, 128, 256, 512], current), **common)
    elif value.low is not None and value.high is not None and value.high - value.low <= 1:
        top = min(float(value.high), 0.999)
        st.slider(label, float(value.low), top, step=0.001, format="%.3g", **common)
    elif value.type is int:
        most = 20 if value.path == "n_critic" and current <= 20 else value.high
        if most is not None and most <= 20:
            st.slider(label, int(value.low or 0), int(most), **common)
        else:
            st.number_input(label, int(value.low or 0), int(value.high or 2**31), **common)
    else:
        st.number_input(
            label,
            None if value.optional else value.low,
            value.high,
            placeholder="no limit" if value.optional else None,
            format="%.4g",
            **common,
        )


def _title(variant: Any) -> str:
    return str(getattr(variant, "title", variant.__name__))


def _scale(value: Hyperparameter, current: float) -> list[float]:
    low = max(value.low or 0.0, 1e-6 if "learning_rate" in value.path else 1e-4)
    steps = [
        float(f"{digit}e{power}")
        for power in range(-6, 4)
        for digit in (1, 2, 5)
        if low <= float(f"{digit}e{power}") <= (value.high or 1.0)
    ]
    return _with([0.0, *steps] if value.low == 0 and current == 0 else steps, current)


def _with(options: Sequence[Any], current: Any) -> list[Any]:
    """Return the options with the present value among them, in order."""
    values = list(options)
    if current not in values:
        bisect.insort(values, current)
    return values


def _hear(path: str, key: str, act: Callable[[str, Any], None]) -> None:
    if user_changed(key):
        act(path, st.session_state[key])


def _changed(path: str, value: Any) -> None:
    steering = page_state(Steering)
    steering.problem = ""
    try:
        if steering.run is None:
            set_draft(draft().changed({path: as_edited_before(path, value)}))
            remember_dataset(path, draft().dataset)
        else:
            session().change(steering.run, **{path: value})
    except (ConfigError, RunError) as error:
        steering.problem = str(error)
