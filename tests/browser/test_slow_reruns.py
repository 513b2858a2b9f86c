"""What is edited in the browser stays there, though the server hears of everything two seconds late."""

import shutil
import time
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.ui.core import navigation
from tests.browser.actions import press, still
from tests.browser.conftest import ROOT, Serve, until

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


LATE_MS = 2000
"""How much later the server hears of everything, once `late()` was called."""

LATE = """(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (message) {
    if (!window.late) send.call(this, message);
    else setTimeout(() => this.readyState === WebSocket.OPEN && send.call(this, message), window.late);
  };
})()"""


THREE_CONTENTS = """
import streamlit as st

@st.fragment
def large():
    shown = st.session_state.get("shown", 0)
    st.button("Next", on_click=lambda: st.session_state.update(shown=shown + 1))
    st.code(("A" if shown % 3 == 0 else str(shown)) * 20_000)
    st.markdown(f"number {shown}")

large()
"""
"""A page with three contents, one after the other: the fourth is the first one again."""


def test_a_second_press_before_the_first_is_answered_does_not_stop_the_page(
    page, serve: Serve, tmp_path: Path
):
    """With Streamlit's cache of messages, the browser drops a message to which the server refers."""
    (tmp_path / ".streamlit").mkdir()
    shutil.copy(ROOT / ".streamlit" / "config.toml", tmp_path / ".streamlit")
    (tmp_path / "script.py").write_text(THREE_CONTENTS, "utf-8")
    late: list[bytes] = []
    sockets = []

    def route(socket) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda message: (late.append if is_late else socket.send)(message))

    is_late = False
    page.route_web_socket("**/_stcore/stream", route)
    page.goto(serve(tmp_path / "script.py"))
    page.get_by_text("number 0").wait_for()
    still(page)
    press(page, "Next")
    page.get_by_text("number 1").wait_for()
    still(page)
    is_late = True
    end = time.monotonic() + 120
    for presses in (1, 2):
        press(page, "Next")
        while sum(map(finished, late)) < presses:
            assert time.monotonic() < end
            page.wait_for_timeout(100)  # not time.sleep: Playwright would tell of no message
    is_late = False
    for message in late:
        sockets[-1].send(message)
    page.get_by_text("number 3").wait_for()


def finished(message: bytes) -> bool:
    """Return whether a message of the server says that a script has ended."""
    forward = ForwardMsg()
    forward.ParseFromString(message)
    return str(forward.WhichOneof("type")) == "script_finished"


@pytest.fixture
def slow(page):
    """A page whose messages take a second to the server, from `slow.late()` on."""
    page.add_init_script(LATE)
    page.late = lambda: page.evaluate(f"window.late = {LATE_MS}")
    return page


def section(page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name).first.click()


def settled(page) -> None:
    """Wait until every answer has come: none is on its way, and no script runs."""
    page.wait_for_timeout(LATE_MS + 500)
    still(page)


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
    visible = canvas.evaluate(
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
    return [i + 1 for i, is_visible in enumerate(visible) if is_visible]


def five_bars(page, pad) -> tuple[list[list[int]], list[int]]:
    """Draw five bars, each after the server has heard of the one before; return what the pad showed after each, and at the end."""
    after_each = []
    for at in BARS:
        draw_bar(page, pad, at)
        page.wait_for_timeout(LATE_MS + 500)
        after_each.append(bars(pad))
    settled(page)
    return after_each, bars(pad)


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_five_bars_on_the_critics_pad(slow, site: str, late: bool):
    slow.goto(f"{site}/critic?section=inside")
    slow.get_by_role("radio", name="Draw", exact=True).click(timeout=120_000)
    slow.get_by_text("Draw with the mouse").wait_for()
    pad = slow.get_by_role("application")
    pad.wait_for()
    if late:
        slow.late()
    after_each, end = five_bars(slow, pad)
    scored = bars(
        slow.get_by_text("Picture", exact=True).last.locator("xpath=following::canvas[1]")
    )
    print(f"late={late}: after each bar {after_each}, at the end {end}, scored {scored}")
    assert after_each == [list(range(1, n + 2)) for n in range(5)]
    assert end == [1, 2, 3, 4, 5]
    assert scored == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_five_bars_on_the_pad_of_a_search(slow, site: str):
    slow.goto(f"{site}/latent?section=find")
    section(slow, "Draw")
    pad = slow.get_by_role("application")
    pad.wait_for(timeout=120_000)
    slow.late()
    after_each, end = five_bars(slow, pad)
    print(f"after each bar {after_each}, at the end {end}")
    assert after_each == [list(range(1, n + 2)) for n in range(5)]
    assert end == [1, 2, 3, 4, 5]


def number(page, name: str) -> str:
    card = page.locator("dl, div", has=page.get_by_text(name, exact=True)).locator("dd")
    return str(card.first.inner_text())


@pytest.mark.slow
def test_a_picked_picture_stays_picked_and_the_newest_pick_counts(slow, site: str):
    slow.goto(f"{site}/critic?section=inside")
    samples = slow.get_by_role("group", name="Fake pictures to choose from")
    cell = samples.get_by_role("button")
    cell.nth(1).wait_for(timeout=120_000)
    slow.late()
    for at in (3, 7, 11):
        cell.nth(at).click()
        for _ in range(5):
            slow.wait_for_timeout(200)
            assert cell.nth(at).get_attribute("aria-pressed") == "true", at
    settled(slow)
    pressed = [c.get_attribute("aria-pressed") == "true" for c in cell.all()]
    assert pressed.index(True) == 11 and sum(pressed) == 1


@pytest.mark.slow
def test_a_map_stays_where_it_was_dragged_and_every_kept_point_is_kept(slow, site: str):
    slow.goto(f"{site}/latent?section=plane")
    area = slow.get_by_role("application")
    area.wait_for(timeout=120_000)
    slow.get_by_text("Middle: x 0.00, y 0.00").wait_for()
    slow.late()
    box = area.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    where = slow.locator("p", has_text="x ").filter(has_text="y ").first
    for _ in range(3):
        slow.mouse.move(x, y)
        slow.mouse.down()
        slow.mouse.move(x - 60, y, steps=4)
        slow.mouse.up()
        slow.mouse.move(5, 600)
        position = where.inner_text()
        for _ in range(5):
            slow.wait_for_timeout(200)
            assert where.inner_text() == position
    # Three clicks before the first has been heard: all are kept.
    for by in (-70, 0, 70):
        slow.mouse.click(x + by, y + by)
    slow.mouse.move(5, 600)
    settled(slow)
    assert where.inner_text() == position
    slow.get_by_role("group", name="3 kept points").wait_for()


@pytest.mark.slow
def test_dials_stay_where_they_were_turned(slow, site: str):
    slow.goto(f"{site}/latent?section=directions")
    dial = slow.get_by_role("slider", name="Direction 1")
    other = slow.get_by_role("slider", name="Direction 2")
    dial.wait_for(timeout=120_000)
    slow.late()
    dial.fill("1.5")
    slow.wait_for_timeout(700)
    other.fill("-2")
    slow.get_by_role("button", name="Keep first sample").click()
    for _ in range(10):
        slow.wait_for_timeout(300)
        assert (dial.input_value(), other.input_value()) == ("1.5", "-2")
    settled(slow)
    slow.wait_for_timeout(LATE_MS + 500)  # the second movement waits for the answer to the first
    settled(slow)
    assert (dial.input_value(), other.input_value()) == ("1.5", "-2")
    slow.get_by_role("group", name="1 kept points").wait_for()
    # Leaving and coming back keeps them.
    slow.get_by_role("link", name="Critic", exact=True).click()
    slow.get_by_role("heading", name="Critic of").wait_for()
    slow.get_by_role("link", name="Latent", exact=True).click()
    dial.wait_for()
    assert (dial.input_value(), other.input_value()) == ("1.5", "-2")


@pytest.mark.slow
def test_piles_and_their_plan_stay_as_the_hand_made_them(slow, site: str):
    slow.goto(f"{site}/wasserstein?lab=earth")
    slow.get_by_role("application", name="The earth").wait_for(timeout=120_000)
    slow.late()
    slow.get_by_role("button", name="Move it yourself").click()
    area = slow.get_by_role("application", name="The earth").locator(
        "xpath=ancestor::*[name()='svg']"
    )
    box = area.bounding_box()

    def at(column: int, y: int) -> tuple[float, float]:
        across = (8 + (column + 0.5) * 744 / 16) / 760
        return box["x"] + across * box["width"], box["y"] + y / 338 * box["height"]

    says = slow.locator("output", has_text="cheapest plan").first
    heard = []
    # Picked up and put down by two clicks: an answer that comes between them takes nothing away.
    for start, end in ((1, 13), (4, 3), (9, 7)):
        slow.mouse.click(*at(start, 140))
        slow.wait_for_timeout(LATE_MS + 200)
        slow.mouse.click(*at(end, 300))
        heard.append(says.inner_text().split(" · ")[0])
        for _ in range(4):
            slow.wait_for_timeout(300)
            assert says.inner_text().split(" · ")[0] == heard[-1]
    settled(slow)
    assert heard == ["40 % moved for 4.80", "60 % moved for 5.00", "Your plan costs 5.80"]
    assert says.inner_text().startswith("Your plan costs 5.80")
    slow.get_by_text("Your plan costs 5.80, the cheapest one").wait_for()  # in Python's words, too
    # The preset is newer than the plan: it replaces it, and is not undone by an older answer.
    slow.get_by_role("combobox", name="Two piles").click()
    slow.get_by_role("option", name="A hill, slid").click()
    until(lambda: "6.00" in says.inner_text())
    settled(slow)
    assert says.inner_text().endswith("cheapest plan: 6.00")


@pytest.mark.slow
def test_a_bent_function_stays_bent(slow, site: str):
    slow.goto(f"{site}/wasserstein?lab=dual")
    area = slow.get_by_role("application", name="A function over 16 columns")
    area.wait_for(timeout=120_000)
    slow.late()
    says = slow.locator("output", has_text="your lower bound is")
    box = area.bounding_box()
    caption = ""
    for column, y in ((13, 60), (3, 170), (8, 90)):
        across = (8 + (column + 0.5) * 744 / 16) / 760
        x = box["x"] + across * box["width"]
        slow.mouse.move(x, box["y"] + 116 / 336 * box["height"])
        slow.mouse.down()
        slow.mouse.move(x, box["y"] + y / 336 * box["height"], steps=3)
        slow.mouse.up()
        caption = says.inner_text()
        for _ in range(4):
            slow.wait_for_timeout(250)
            assert says.inner_text() == caption
    slow.get_by_role("button", name="Optimal function").click()
    settled(slow)
    assert says.inner_text() == caption
    best = slow.get_by_role("button", name="Optimal function")
    assert best.get_attribute("aria-pressed") == "true"
    # Another lab and back: the function and the best one beside it are still there.
    slow.get_by_role("radio", name="Why not JS").click()
    area.wait_for(state="detached")
    slow.get_by_role("radio", name="The dual, by hand").click()
    area.wait_for()
    assert says.inner_text() == caption
    assert best.get_attribute("aria-pressed") == "true"


@pytest.mark.slow
def test_five_bars_of_a_density(slow, site: str):
    slow.goto(f"{site}/datasets?set=drawing")
    pad = slow.get_by_role("application", name="Drawing of a density")
    pad.wait_for(timeout=120_000)
    slow.get_by_role("button", name="Clear", exact=True).click()
    slow.get_by_text("The pad is empty").wait_for()
    slow.late()
    after_each, end = five_bars(slow, pad)
    assert after_each == [list(range(1, n + 2)) for n in range(5)]
    assert end == [1, 2, 3, 4, 5]
    slow.get_by_text("The pad is empty").wait_for(state="detached")


@pytest.mark.slow
def test_pictures_of_a_past_step_stay_on_show(slow, site: str):
    slow.goto(site)
    slider = slow.get_by_role("slider", name="Training step shown")
    slider.wait_for(timeout=120_000)
    slow.late()
    slider.focus()
    slow.keyboard.press("Home")
    for _ in range(10):
        slow.wait_for_timeout(300)
        assert slider.input_value() == "0"
    settled(slow)
    assert slider.input_value() == "0" and "at=0" in slow.evaluate("location.search")


def reruns(frames: list[bytes]) -> list[str]:
    """The pages of the full reruns that a browser has asked for. Timers of fragments do not count."""
    pages = []
    for frame in frames:
        message = BackMsg()
        message.ParseFromString(frame)
        state = message.rerun_script
        if message.HasField("rerun_script") and not state.is_auto_rerun and not state.fragment_id:
            pages.append(state.page_name)
    return pages


QUICK_PAGES = ("train", "critic", "latent")
"""The pages with most controls."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK_PAGES else pytest.mark.long_browser)
        for name in [*navigation.PAGES, *navigation.LABS]
    ],
)
def test_an_untouched_page_asks_for_no_rerun(name: str, page, site: str):
    # While `st.switch_page` opens another page, such a rerun would lead back to the page before.
    frames: list[bytes] = []

    def sent(payload: bytes | str) -> None:
        if isinstance(payload, bytes):
            frames.append(payload)

    page.on("websocket", lambda socket: socket.on("framesent", sent))
    page.goto(f"{site}/{'' if name == 'train' else name}?tour=1")
    page.locator(".st-key-tour_bar, .st-key-tour_start").first.wait_for()
    still(page)
    page.wait_for_timeout(1000)
    assert len(reruns(frames)) == 1
