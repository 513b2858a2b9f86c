"""Names, notes, class names and folder names in exported files: they are texts there, too."""

import ast
import csv
import json
import re
import shlex
import shutil
import textwrap
import zipfile
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.conftest import tiny
from tests.nasty import NASTY
from wgan import figures
from wgan.config import TrainConfig
from wgan.export import command_line, export, export_tensorboard, import_zip, snippet
from wgan.export.report import report
from wgan.export.svg import svg_chart
from wgan.runs import COLUMNS, Change, Measured, Run

TEXTS = [text for text in NASTY if text.strip()]


class Page(HTMLParser):
    """The elements of an HTML page with their attributes, and the texts in them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.texts: dict[str, list[str]] = {}
        self.tag = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))
        self.tag = tag
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""

    def handle_data(self, data: str) -> None:
        if self.tag:
            self.texts[self.tag][-1] += data


def with_texts(run: Run, text: str) -> Run:
    run.set_fact("name", text)
    run.set_fact("note", f"Note: {text}")
    return run


def test_no_text_adds_an_element_to_the_web_page(ring: Run):
    ring.add([], changes=[Change(30, "decay", "constant", "linear")])
    ordinary = Page(report(with_texts(ring, "ordinary")))
    for text in TEXTS:
        page = Page(report(with_texts(ring, text)))
        assert page.elements == ordinary.elements, text
        assert page.texts["title"][0] == page.texts["h1"][0] == text
        assert f"Note: {text}" in page.texts["p"]
        assert page.texts["script"] == ordinary.texts["script"]


def test_no_class_name_ends_the_data_of_the_web_page():
    from wgan.export.report import _script

    for text in TEXTS:
        data = _script({"classes": [text]})
        assert "<" not in data and data.isascii() and json.loads(data) == {"classes": [text]}


def test_no_text_adds_an_element_to_a_chart():
    x = np.arange(3.0)

    def chart(text: str) -> ElementTree.Element:
        lines = [(text, x, x, "@series1", None)]
        figure = figures.compare(lines, x_title="step", look=figures.ChartLook(0.0))
        html = svg_chart(figure, text)
        return ElementTree.fromstring(html.replace("<svg class=chart", '<svg class="chart"'))

    ordinary = [element.tag for element in chart("ordinary").iter()]
    for text in TEXTS:
        svg = chart(text)
        assert [element.tag for element in svg.iter()] == ordinary
        # XML reads line ends and tabs in attributes as spaces.
        assert svg.get("aria-label").split() == text.split()
        assert " ".join(textwrap.wrap(text, 30)) in [element.text for element in svg.iter("text")]


def own_run(runs_dir: Path, changes: list[Change]) -> Run:
    config = tiny(
        dataset={"name": "own", "called": TEXTS[0], "known": TEXTS, "classes": TEXTS[:3]},
        network={"name": "dcgan", "size": "small"},
        latent_dim=8,
        precision="float32",
    )
    run = Run.create(config, runs_dir)
    run.add([], changes=changes)
    return with_texts(run, "'''\nimport os  # \"\"\"")


def test_no_text_leaves_its_string_in_generated_python(runs_dir: Path):
    changes = [Change(3, "dataset.called", before, after) for before, after in pairwise(TEXTS)]
    run = own_run(runs_dir, changes)
    program = ast.parse(snippet(run))
    calls = [node for node in ast.walk(program) if isinstance(node, ast.Call)]
    configs = [call.args[0] for call in calls if ast.unparse(call.func) == "TrainConfig.parse"]
    assert TrainConfig.parse(ast.literal_eval(configs[0])) == run.config()
    assert ast.literal_eval(configs[0])["dataset"]["known"] == TEXTS
    assignments = [node for node in program.body if isinstance(node, ast.Assign)]
    values = {ast.unparse(node.targets[0]): node.value for node in assignments}
    assert ast.literal_eval(values["changes"]) == {3: {"dataset.called": changes[-1].after}}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(program))


def test_no_text_leaves_its_argument_in_the_command(runs_dir: Path):
    arguments = shlex.split(command_line(own_run(runs_dir, [])))
    assert arguments[arguments.index("--dataset.called") + 1] == TEXTS[0]
    assert arguments[arguments.index("--dataset.classes") + 1] == ",".join(TEXTS[:3])
    flags = [argument for argument in arguments if argument.startswith("--")]
    assert all(re.fullmatch(r"--[a-z0-9._-]+", flag) for flag in flags)


def test_every_cell_of_a_csv_file_is_a_number(ring: Run, tmp_path: Path):
    export(with_texts(ring, "=1+1"), tmp_path / "reports.csv")
    with (tmp_path / "reports.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == list(COLUMNS) and len(rows) == len(ring.reports()["step"])
    values = np.array([[float(cell or "nan") for cell in row] for row in rows])
    for i, name in enumerate(COLUMNS):
        assert np.array_equal(values[:, i], ring.reports()[name], equal_nan=True)


def test_no_metric_name_leads_out_of_a_folder(ring: Run, tmp_path: Path):
    pytest.importorskip("tensorboard")
    ring.add_metrics([Measured(20, text, 1.0) for text in TEXTS])
    export_tensorboard(ring, tmp_path / "logs" / "run")
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["run"]
    assert len(list((tmp_path / "logs" / "run").iterdir())) == 1


@pytest.mark.parametrize(
    "name", ['x"; filename="evil.html', "=1+1\r\nx", "<b>&amp;", "$x$ ![t](u)"]
)
def test_no_folder_name_leads_out_of_the_folder_of_runs(ring: Run, tmp_path: Path, name: str):
    run = Run(Path(shutil.copytree(ring.folder, tmp_path / "strange" / name)))
    export(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert {member.partition("/")[0] for member in archive.namelist()} == {name}
    other, _ = import_zip(tmp_path / "run.zip", tmp_path / "runs")
    assert other.folder.parent == tmp_path / "runs"
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", other.id)
