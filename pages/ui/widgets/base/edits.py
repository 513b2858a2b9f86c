"""What a visitor edits in a component: the browser owns the value, and Python follows it.

A rerun takes time, so what Python sends is often older than what the visitor has done since. The browser
(`Edits` in dom.js) therefore numbers its messages, and each holds the whole value. Python answers with
the number of the newest message that it has handled, and with a revision, which it raises when something
else than the browser has changed the value: a preset, a reset, another page. The browser ignores every
answer that is older than its own newest message, and takes a newer revision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import eq
from typing import Any, Generic, TypeVar

import streamlit as st

from pages.ui.core.state import page_state

T = TypeVar("T")

MESSAGE = "edit"
"""The name of the component's state that holds the browser's newest message."""


@dataclass
class _Ledger(Generic[T]):
    """What Python knows of the browser's edits of one component, kept for the visitor."""

    client: str = ""  # which mounting of the component sent the newest message
    number: int = 0  # of the newest message that was handled
    revision: int = 0
    is_known: bool = False  # whether `value` has been set
    value: Any = None  # what the browser has, as far as Python knows
    pending: T | None = None  # what the browser sent and no run of the page has taken yet


@dataclass(frozen=True)
class Edit(Generic[T]):
    """The value to show, and the answer for the browser."""

    value: T
    answer: Mapping[str, object]


@dataclass
class _Ledgers:
    """The ledgers of all components, by key."""

    by_key: dict[str, _Ledger[Any]] = field(default_factory=dict)


def _ledger(key: str) -> _Ledger[Any]:
    return page_state(_Ledgers).by_key.setdefault(key, _Ledger())


def receive(
    key: str,
    check: Callable[[Any], T | None],
    commands: Mapping[str, Callable[[Any], None]] | None = None,
) -> T | None:
    """Handle the browser's newest message, once; return its value if there is one to be taken.

    Use it as the component's `on_edit_change`, so that the whole page knows of the edit.

    Args:
        key: The component's key.
        check: Returns a value that came from the browser as Python uses it; None if it is not valid.
        commands: What to call with the arguments of each command that is new, by its name.
    """
    ledger: _Ledger[T] = _ledger(key)
    message = st.session_state.get(key, {}).get(MESSAGE)
    if not isinstance(message, dict):
        return ledger.pending
    client, number = message.get("client"), message.get("number")
    if not isinstance(client, str) or type(number) is not int:
        return ledger.pending
    handled = ledger.number if client == ledger.client else 0
    if number <= handled:
        return ledger.pending
    ledger.client, ledger.number = client[:40], number
    if message.get("value") is not None:
        value = check(message["value"])
        if value is None:
            ledger.revision += 1  # the browser goes back to what Python has
        else:
            ledger.pending = value
    for command in _commands(message.get("commands")):
        if command["number"] > handled and command["name"] in (commands or {}):
            (commands or {})[command["name"]](command.get("arguments"))
    return ledger.pending


def _commands(commands: Any) -> list[dict[str, Any]]:
    """Return the commands of a message that can be read: it came from the browser."""
    if not isinstance(commands, list) or len(commands) > 100:
        return []
    return [
        command
        for command in commands
        if isinstance(command, dict)
        and type(command.get("number")) is int
        and isinstance(command.get("name"), str)
    ]


def edited(
    key: str,
    page_value: T,
    check: Callable[[Any], T | None],
    on_change: Callable[[T], None] | None = None,
    same: Callable[[T, T], Any] = eq,
) -> Edit[T]:
    """Return the value that a component shows: the visitor's newest edit, else `page_value`.

    Call it just before the component is shown.

    Args:
        key: The component's key.
        page_value: The value that the page has. Where it is not what the browser has, something else has
            changed it, and the browser is told to take it.
        check: Returns a value that came from the browser as Python uses it; None if it is not valid.
        on_change: Called with a new edit, to keep it. It must draw nothing: a rerun may cut a page off
            wherever it draws, and an edit that was taken but not kept would be lost.
        same: Tells whether two values are the same.
    """
    pending = receive(key, check)
    ledger: _Ledger[T] = _ledger(key)
    ledger.pending = None
    replaced = ledger.is_known and not same(page_value, ledger.value)
    if pending is not None and (not replaced or same(page_value, pending)):
        value = pending
        if on_change is not None:
            on_change(value)
    else:
        value = page_value
        ledger.revision += replaced
    ledger.value, ledger.is_known = value, True
    return Edit(
        value, {"client": ledger.client, "number": ledger.number, "revision": ledger.revision}
    )
