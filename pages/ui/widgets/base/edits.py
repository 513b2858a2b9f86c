"""Edits in a component: the browser owns the value, and Python follows it.

A rerun takes time, so the value from Python is often older than the visitor's latest edit.
Therefore the browser (`Edits` in dom.js) numbers its messages, each of which contains the whole
value. Python answers with the number of the newest handled message, and with a revision. It raises
the revision when something other than the browser has changed the value: a preset, a reset, another
page. The browser ignores answers that are older than its newest message, and accepts a newer
revision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import eq
from typing import Any, Generic, TypeVar

import streamlit as st

from pages.ui.core.state import page_state

T = TypeVar("T")

MESSAGE = "edit"
"""Name of the component's state with the browser's newest message."""

Command = Callable[[Any], None]
"""Carries out a command of the browser, with the command's arguments."""


@dataclass
class _Ledger(Generic[T]):
    """What Python knows about a visitor's edits of one component."""

    client: str = ""  # which instance of the component sent the newest message
    number: int = 0  # number of the newest handled message
    revision: int = 0
    is_known: bool = False  # whether `value` has been set
    value: Any = None  # the browser's value, as far as Python knows
    pending: T | None = None  # received from the browser, but not used by a rerun yet
    commands: Mapping[str, Command] = field(default_factory=dict)  # of the component as last drawn


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


def receive(key: str, check: Callable[[Any], T | None]) -> T | None:
    """Handle the browser's newest message once; return the value that the page has not used yet, if any.

    Use it as the component's `on_edit_change`, so that the whole page receives the edit. Each new
    command is carried out by the function that `edited` was given for it.

    Streamlit may end a callback at each access to its session state, because the browser has sent a newer
    message. A command that was ended in this way is not handled: the newer message contains it again.

    Args:
        key: The component's key.
        check: Converts a value from the browser; returns None if it is invalid.
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
    ledger.client, ledger.number = client[:40], handled
    if message.get("value") is not None:
        value = check(message["value"])
        if value is None:
            ledger.revision += 1  # the browser returns to Python's value
        else:
            ledger.pending = value
    for command in _commands(message.get("commands")):
        if handled < command["number"] <= number:
            if command["name"] in ledger.commands:
                ledger.commands[command["name"]](command.get("arguments"))
            ledger.number = command["number"]
    ledger.number = number
    return ledger.pending


def _commands(commands: Any) -> list[dict[str, Any]]:
    """Return the valid commands of a message, which comes from the browser."""
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
    commands: Mapping[str, Command] | None = None,
) -> Edit[T]:
    """Return the value to show: the visitor's newest edit, else `page_value`.

    Call it just before the component is drawn.

    Args:
        key: The component's key.
        page_value: The page's value. If it differs from the browser's value, something else has
            changed it, and the browser must accept it.
        check: Converts a value from the browser; returns None if it is invalid.
        on_change: Stores a new edit. It must not draw, because a rerun can interrupt a page
            whenever it draws, and an edit that was taken but not stored would be lost.
        same: Returns whether two values are equal.
        commands: Functions by the name of a command. Each must access the session state before it
            changes anything.
    """
    ledger: _Ledger[T] = _ledger(key)
    ledger.commands = commands or {}
    pending = receive(key, check)
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
