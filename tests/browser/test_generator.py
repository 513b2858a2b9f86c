"""The browser's program for generators makes the samples that torch makes from the same weights."""

import base64

import numpy as np
import pytest

from tests.browser.conftest import ROOT
from tests.test_browser_generator import CONFIGS, Reader, inputs, models_of
from wgan.export.browser_generator import pack_generator

pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

PLACE = "http://127.0.0.1:9/"
PROGRAM = ROOT / "pages" / "ui" / "widgets" / "generator"

MAKE = """async ({ file, z, labels, vectors }) => {
  const { Generator } = await import("/generator.js");
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const generator = new Generator(bytes.buffer, vectors);
  const samples = z.map((values, i) => generator.make(
    values, labels.length ? generator.classVector(labels[i]) : [],
  ));
  const { height, width, channels } = samples[0];
  return { shape: [height, width, channels], values: samples.map((each) => [...each.values]) };
}"""


@pytest.fixture
def program(page):
    """A page that can import the program, without a server."""

    def answer(route) -> None:
        file = PROGRAM / route.request.url.removeprefix(PLACE)
        if file.suffix == ".js":
            route.fulfill(body=file.read_text("utf-8"), content_type="text/javascript")
        else:
            route.fulfill(body="<title>An empty page</title>", content_type="text/html")

    page.route(f"{PLACE}**", answer)
    page.goto(PLACE)
    return page


@pytest.mark.parametrize("vectors", [True, False], ids=["vectors", "JavaScript"])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_browser_makes_what_torch_makes_from_the_same_weights(
    program, name: str, vectors: bool
):
    models = models_of(name)
    content = pack_generator(models)
    assert content is not None
    reader = Reader(content)
    z, labels, x = inputs(models, reader, 100 if vectors else 10)
    file = base64.b64encode(content).decode()
    samples = program.evaluate(
        MAKE, {"file": file, "z": z.tolist(), "labels": labels, "vectors": vectors}
    )
    values = np.array(samples["values"]).reshape(len(z), *samples["shape"])
    expected = reader(x).numpy()
    if expected.ndim == 4:
        values = values.transpose(0, 3, 1, 2)
    full_scale = 2.0 if expected.ndim == 4 else float(np.ptp(expected))
    assert np.abs(values.reshape(expected.shape) - expected).max() < 1e-3 * full_scale
