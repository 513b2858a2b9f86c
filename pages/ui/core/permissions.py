"""Controls that a visitor may not use: they are disabled, and their help says why."""

from typing import Any

from pages.ui.core.session import session


def refusal_to_add() -> str:
    """Say why the visitor may not start runs or add anything; "" if it is allowed."""
    return session().permissions.refusal_to_add()


def refusal_to_change(*runs: str) -> str:
    """Say why the visitor may not change runs, for the first that is refused; "" if it is allowed."""
    may = session().permissions
    refusals = (may.refusal_to_change("run", run) for run in runs)
    return next(filter(None, refusals), "")


def permitted(refusal: str, *, help: str | None = None, disabled: bool = False) -> dict[str, Any]:
    """Return the arguments `disabled` and `help` of a control.

    Args:
        refusal: Why the visitor may not use it, or "".
        help: Its help if the visitor may use it.
        disabled: Whether it is disabled for another reason.
    """
    return {"disabled": disabled or bool(refusal), "help": refusal or help}
