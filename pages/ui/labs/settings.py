"""Settings of the labs: widgets that keep their values, and the choice of a data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.ui.labs import tasks


def persistent_key(key: str, default: Any) -> str:
    """Return the key of a widget, which has the value `default` at first.

    With `persist_state="session"` the widget keeps its value while it is not drawn.
    """
    st.session_state.setdefault(key, default)
    return key


def control_row() -> Any:
    """Return a row for controls, whose labels are on one line."""
    return st.container(horizontal=True, vertical_alignment="top", gap="medium")


def no_label() -> Any:
    """Return a place in a `control_row` for a control without a label above it, such as a button."""
    return st.container(width="content", height="stretch", vertical_alignment="bottom")


@dataclass(frozen=True)
class DataChoice:
    """The choice of a data set in a lab that trains networks: one task for each data set."""

    task: str  # prefix of the tasks' titles
    titles: Mapping[str, str]  # titles of the data sets, by name
    key: str  # key of the widget
    default: str  # name of a data set
    help: str
    wrap: bool | None = None

    @property
    def name(self) -> str:
        """The data set that is chosen now."""
        return str(st.session_state.get(self.key) or self.default)

    @property
    def task_title(self) -> str:
        """The title of the task that trains on this data set."""
        return f"{self.task}, {self.name}"

    def show(self) -> str:
        """Draw the choice, and return the name of the data set.

        A new visit begins with the data set that a task trains on now.
        """
        first = tasks.running_name(self.task, self.titles, self.default)
        choice = st.segmented_control(
            "Data",
            list(self.titles),
            format_func=self.titles.__getitem__,
            required=True,
            help=self.help,
            wrap=self.wrap,
            key=persistent_key(self.key, first),
            persist_state="session",
        )
        return choice or self.default
