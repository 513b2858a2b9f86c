import threading

import pytest

from wgan.background import BackgroundTask
from wgan.data import DataError


def test_a_chore_tells_how_far_it_is_and_what_came_of_it():
    go = threading.Event()

    def work(progress):
        progress("Reading", 0.25)
        assert go.wait(180)
        progress("Writing", 7.0)
        return 42

    task = BackgroundTask("A test", work)
    while task.message != "Reading":
        pass
    assert (task.share, task.done) == (0.25, False)
    go.set()
    task.wait(180)
    assert task.done and (task.result, task.error, task.share) == (42, "", 1.0)


def test_a_cancelled_chore_ends_where_it_next_tells_its_progress():
    started = threading.Event()

    def work(progress):
        started.set()
        while True:
            progress("Going on", 0.5)

    task = BackgroundTask("A test", work)
    assert started.wait(180)
    task.cancel()
    task.wait(180)
    assert task.done and task.cancelled and task.result is None
    assert task.error == "Cancelled. Nothing was saved."


@pytest.mark.parametrize(
    ("error", "phrase"),
    [
        (DataError("There is nothing in it."), "There is nothing in it."),
        (OSError(28, "No space left on device"), "cannot be read or written (No space left"),
        (MemoryError(), "not enough memory"),
        (KeyError("x"), "Please report it: KeyError"),
    ],
)
def test_what_goes_wrong_is_a_sentence(error: Exception, phrase: str):
    def work(progress):
        raise error

    task = BackgroundTask("A test", work)
    task.wait(180)
    assert phrase in task.error and task.result is None
