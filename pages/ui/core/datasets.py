"""Real examples of a data set, cached for all visitors."""

from typing import Any, TypeVar

import numpy.typing as npt
import streamlit as st

from pages.ui.core.session import session
from wgan import critic
from wgan.data import Dataset
from wgan.imaging import encode, tile

Value = TypeVar("Value")


def require_dataset(value: Value | None) -> Value:
    """Return `value`, or raise LookupError if it is None: the data set is absent or damaged.

    Raising inside a cached function keeps the failure out of the cache.
    """
    if value is None:
        raise LookupError("The data set is not here, or damaged.")
    return value


def real_examples(dataset: Dataset, n: int) -> npt.NDArray[Any] | None:
    """Return real examples; None if the data set is damaged or must be downloaded first."""
    present = dataset.present(session().root)
    try:
        return _real_examples(dataset.model_dump_json(), n, present, dataset)
    except LookupError:
        return None


# Do not use `cache_data`, which would copy a megabyte for each visitor at every update.
@st.cache_resource(show_spinner=False, max_entries=32)
def _real_examples(key: str, n: int, present: bool, _dataset: Dataset) -> npt.NDArray[Any]:
    examples = require_dataset(session().datasets.examples(_dataset, n))
    examples.setflags(write=False)
    return examples


def real_sheet(
    dataset: Dataset, rows: int = 8, columns: int = 2, labels: tuple[int, ...] | None = None
) -> bytes:
    """Return a grid of real pictures as WebP. With `labels`, each row shows pictures of one class."""
    return _real_sheet(dataset.model_dump_json(), rows, columns, labels, dataset)


@st.cache_data(show_spinner=False, max_entries=32)
def _real_sheet(
    key: str, rows: int, columns: int, labels: tuple[int, ...] | None, _dataset: Dataset
) -> bytes:
    if labels is None:
        real = real_examples(_dataset, rows * columns)
    else:
        real = session().datasets.of_classes(_dataset, labels, columns)
    assert real is not None
    return encode(tile(real, columns))


def critic_examples(dataset: Dataset, n: int) -> tuple[critic.Examples, float] | None:
    """Return real and held-out examples, and half the side of the window; None without the data set."""
    try:
        return _critic_examples(
            dataset.model_dump_json(), n, dataset.present(session().root), dataset
        )
    except LookupError:
        return None


@st.cache_resource(show_spinner="Loading the data …", max_entries=8)
def _critic_examples(
    key: str, n: int, present: bool, _dataset: Dataset
) -> tuple[critic.Examples, float]:
    return require_dataset(session().datasets.critic_examples(_dataset, n))
