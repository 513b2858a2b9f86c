"""What many visitors are shown is made once, and never mistaken for anything else."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from pages.ui.core import datasets
from pages.ui.panels import marks
from pages.ui.widgets.base.registry import packed, shared
from pages.ui.widgets.chart import chart as charts
from tests.conftest import tiny
from wgan.data import Mnist10k
from wgan.jobs import RunSnapshot
from wgan.runs import Change, Status
from wgan.training import Engine


def test_many_who_are_shown_the_same_version_get_what_the_first_got():
    calls: list[int] = []

    def make(n: int) -> dict[str, Any]:
        calls.append(n)
        return {"n": n, "words": "Größe"}

    first = shared(("a test", 1), lambda: make(1))
    assert shared(("a test", 1), lambda: make(2)) is first and calls == [1]
    assert json.loads(first) == {"n": 1, "words": "Größe"} and first == packed(
        {"n": 1, "words": "Größe"}
    )
    assert json.loads(shared(("a test", 2), lambda: make(3)))["n"] == 3


def test_lines_over_the_same_steps_carry_them_once():
    steps, other = np.arange(50.0), np.arange(50.0) / 2
    lines = [
        {"x": x, "y": np.sin(x + k)} for k, x in enumerate((steps, other, steps, steps[:9], steps))
    ]
    sent = charts.without_repeated_arrays(
        charts.encode_figure({"data": [*lines, {"y": steps}, {"x": ["a", "b"]}]})
    )
    xs = [trace.get("x") for trace in sent["data"]]
    assert [x.get("as") for x in xs[:5]] == [None, None, 0, None, 0] and xs[5:] == [
        None,
        ["a", "b"],
    ]
    for trace, line in zip(sent["data"], lines, strict=False):
        x = trace["x"] if "bdata" in trace["x"] else sent["data"][trace["x"]["as"]]["x"]
        assert np.frombuffer(base64.b64decode(x["bdata"]), "<f4").tolist() == line["x"].tolist()


def test_a_damaged_set_is_looked_at_again_once_it_is_whole(monkeypatch):
    answers: list[Any] = [None, np.zeros((7, 1, 8, 8), np.uint8), None]
    sets = SimpleNamespace(examples=lambda dataset, n: answers.pop(0))
    monkeypatch.setattr(datasets, "session", lambda: SimpleNamespace(datasets=sets, root=None))
    dataset = Mnist10k()
    datasets._real_examples.clear()
    assert datasets.real_examples(dataset, 7) is None
    first = datasets.real_examples(dataset, 7)
    assert first is not None and datasets.real_examples(dataset, 7) is first and len(answers) == 1
    datasets._real_examples.clear()


def test_marks_do_not_grow_with_switches_of_the_engine():
    first, second = Engine("cpu", "float32", 1), Engine("cpu", "float32", 2)
    switches = [
        Change(
            step,
            "engine",
            *(e.as_dict() for e in ((first, second) if step % 2 else (second, first))),
        )
        for step in range(500)
    ]
    steered = Change(3, "n_critic", 5, 2)
    snapshot = RunSnapshot("a run", Status.RUNNING, tiny(), changes=(steered, *switches))
    drawn_marks = marks.run_marks(snapshot)
    assert len(drawn_marks) == 1 + marks.MAX_ENGINE_MARKS and drawn_marks[0] == (
        3.0,
        marks.change_text(steered, tiny()),
    )
    assert [step for step, _ in drawn_marks[1:]] == list(range(500 - marks.MAX_ENGINE_MARKS, 500))
