"""The setup of the next run in the address, as changes of a base config, for reloads and links."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from wgan.config import ConfigError, TrainConfig, differences

PARAMETER = "setup"

MAX_LENGTH = 2000
"""Maximum number of characters, because addresses must stay usable. A large drawing exceeds it."""


def changes_between(config: TrainConfig, base: TrainConfig) -> dict[str, Any]:
    """Return the values of `config` that differ from `base`, by path."""
    values = config.flat()
    return {path: values[path] for path, _, _ in differences(config, base) if path in values}


def as_text(changes: Mapping[str, Any]) -> str:
    """Return changes as text for the address; empty if there are none or the text is too long."""
    text = json.dumps(changes, separators=(",", ":"), ensure_ascii=False) if changes else ""
    return text if len(text) <= MAX_LENGTH else ""


def with_address(base: TrainConfig) -> TrainConfig:
    """Return `base` with the changes in the address. Invalid changes are ignored."""
    text = st.query_params.get(PARAMETER, "")
    if not text or len(text) > MAX_LENGTH:
        return base
    try:
        changes = json.loads(text)
        return base.changed(changes) if isinstance(changes, dict) else base
    except (ValueError, TypeError, ConfigError, RecursionError):
        return base


def write(changes: Mapping[str, Any]) -> None:
    """Write changes to the address."""
    text = as_text(changes)
    if not text:
        st.query_params.pop(PARAMETER, None)
    elif st.query_params.get(PARAMETER) != text:
        st.query_params[PARAMETER] = text
