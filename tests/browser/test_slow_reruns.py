"""What is edited in the browser stays there, though every answer of the server takes two seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import until

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

ROOT = Path(__file__).parents[2]

# The server hears of everything two seconds later, once `window.late` is set.
LATE = """(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    if (!window.late) send.call(this, message);
    else setTimeout(() => this.readyState === WebSocket.OPEN && send.call(this, message), window.late);
  };
})()"""


@pytest.fixture(scope="module")
def site(serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an app with one run: digits, hardly trained."""
    runs = tmp_path_factory.mktemp("runs")
    subprocess.run(
        [sys.executable, "-m", "wgan", "train", "--preset", "quick-mnist", "--dataset", "mnist-10k",
         "--steps", "6", "--batch-size", "16", "--network.size", "small", "--measure", "false",
         "--threads", "1", "--quiet", "--runs-dir", str(runs)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return str(serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)}))


@pytest.fixture
def slow(page):
    """A page whose messages take two seconds to the server, from `slow.late()` on."""
    page.add_init_script(LATE)
    page.late = lambda: page.evaluate("window.late = 2000")
    return page


def section(page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name).first.click()


def settled(page) -> None:
    """Wait until every answer has come: none is on its way, and no script runs."""
    page.wait_for_timeout(2500)
    for _ in range(2):
        page.wait_for_timeout(400)
        page.locator("[data-test-script-state=notRunning]").first.wait_for(timeout=60_000)


BARS = (0.1, 0.3, 0.5, 0.7, 0.9)


def draw_bar(page, pad, at: float) -> None:
    box = pad.bounding_box()
    x = box["x"] + at * box["width"]
    page.mouse.move(x, box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()


def bars(canvas, threshold: int = 128) -> list[int]:
    """Which of the five bars are in a picture, counted from 1."""
    found = canvas.evaluate(
        """(canvas, [places, threshold]) => {
          const { width, height } = canvas;
          const context = canvas.getContext("2d");
          return places.map((at) => {
            const [r, , , a] = context.getImageData(at * width, 0.5 * height, 1, 1).data;
            return (canvas.closest("[class*=sketch]") ? a : r) > threshold;
          });
        }""",
        [list(BARS), threshold],
    )
    return [i + 1 for i, drawn in enumerate(found) if drawn]


def five_bars(page, pad) -> tuple[list[list[int]], list[int]]:
    """Draw five bars, three seconds apart; return what the pad showed after each, and at the end."""
    shown = []
    for at in BARS:
        draw_bar(page, pad, at)
        page.wait_for_timeout(3000)
        shown.append(bars(pad))
    settled(page)
    return shown, bars(pad)


@pytest.mark.parametrize("late", [False, True])
def test_five_bars_on_the_critics_pad(slow, site: str, late: bool):
    slow.goto(f"{site}/critic?section=inside")
    slow.get_by_role("radio", name="Draw", exact=True).click(timeout=60_000)
    slow.get_by_text("Draw with the mouse").wait_for()
    pad = slow.get_by_role("application")
    pad.wait_for()
    if late:
        slow.late()
    shown, end = five_bars(slow, pad)
    scored = bars(slow.get_by_text("Picture", exact=True).last.locator(
        "xpath=following::canvas[1]"))  # fmt: skip
    print(f"late={late}: after each bar {shown}, at the end {end}, scored {scored}")
    assert shown == [list(range(1, n + 2)) for n in range(5)]
    assert end == [1, 2, 3, 4, 5]
    assert scored == [1, 2, 3, 4, 5]


def test_five_bars_on_the_pad_of_a_search(slow, site: str):
    slow.goto(f"{site}/latent?section=find")
    pad = slow.get_by_role("application")
    pad.wait_for(timeout=60_000)
    slow.late()
    shown, end = five_bars(slow, pad)
    print(f"after each bar {shown}, at the end {end}")
    assert shown == [list(range(1, n + 2)) for n in range(5)]
    assert end == [1, 2, 3, 4, 5]
