"""The Latent page in a real browser: walk, plane, directions, sums, classes, search, through training."""

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.browser.actions import drag, still
from tests.browser.conftest import ROOT, Serve, until
from wgan.paths import shipped_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


def pixels(page, place: str) -> str:
    return str(page.evaluate(f"document.querySelector('{place} canvas')?.toDataURL() ?? ''"))


def section(page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name).or_(
        page.get_by_role("button", name=name)
    ).first.click()


def test_a_walk_plays_steps_and_is_taken_away(page, site: str):
    page.goto(f"{site}/latent")
    player = page.locator(".st-key-walk")
    player.locator("canvas").wait_for(timeout=120_000)
    slider = player.get_by_label("Place on the walk")
    until(lambda: float(slider.input_value()) > 1)
    player.locator("canvas").focus()
    page.keyboard.press("Space")
    player.get_by_role("button", name="Play").wait_for()
    page.keyboard.press("Home")
    until(lambda: float(slider.input_value()) == 0)
    dots_follow_the_walk(page)
    page.keyboard.press("ArrowRight")
    until(lambda: float(slider.input_value()) == 1)

    # Truncation and pace change what is shown; the class too.
    before = pixels(page, ".st-key-walk")
    page.get_by_role("slider", name="Truncation").focus()
    page.keyboard.press("ArrowLeft")
    until(lambda: pixels(page, ".st-key-walk") not in (before, ""))
    page.get_by_role("button", name="Export").click()
    still(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="All z (.npy)").click()
    assert Path(download.value.path()).read_bytes()[:6] == b"\x93NUMPY"
    with page.expect_download() as download:
        page.get_by_role("button", name="Film (GIF)").click()
    assert Path(download.value.path()).read_bytes()[:4] == b"GIF8"


def test_a_plane_is_dragged_zoomed_and_kept_from(page, site: str):
    """One visit; each part goes on with the page of the part before."""
    page.goto(f"{site}/latent?section=plane")
    page.locator(MAP).wait_for(timeout=120_000)
    until(lambda: map_words(page) == "Middle: x 0.00, y 0.00")
    plane_is_dragged(page)
    plane_is_zoomed(page)
    three_points_are_kept(page)
    nearest_pictures_are_shown_and_taken_away(page)
    point_is_kept_by_keyboard(page)
    # Through the three kept points.
    page.get_by_text("Through the kept points A, B and C").click()
    until(
        lambda: (
            not map_words(page).startswith("Middle: x 0.00, y 0.00, ")
            and page.locator(MAP).is_visible()
        )
    )
    sum_is_kept_once_and_a_point_removed(page)
    walk_leads_through_kept_points(page)


def dots_follow_the_walk(page) -> None:
    """Two walks are played in step, each with a dot on its curve of ‖z‖ at the shown frame."""
    names = page.locator(".st-key-walk .wgan-walk-names span")
    assert names.all_inner_texts() == ["Spherical (slerp)", "Linear (lerp)"]
    places = """(frame) => {
      const plot = document.querySelector('.st-key-lengths .wgan-plot');
      const dots = [...plot.querySelectorAll('.wgan-step-dot')];
      if (dots.length !== 2 || dots.some((dot) => dot.hidden)) return false;
      const { xaxis, yaxis } = plot._fullLayout;
      const box = plot.getBoundingClientRect();
      return dots.every((dot, i) => {
        const at = dot.getBoundingClientRect();
        const x = at.x + at.width / 2 - box.x - xaxis._offset;
        const y = at.y + at.height / 2 - box.y - yaxis._offset;
        const [low, high] = yaxis.range;
        const drawn = high - (y / yaxis._length) * (high - low);
        return Math.abs((x / xaxis._length) * (xaxis.range[1] - xaxis.range[0]) - frame) < 0.5
          && Math.abs(drawn - plot._fullData[i].y[frame]) < 0.1;
      });
    }"""
    page.wait_for_function(places, arg=0)
    # Halfway to the next waypoint, the walks differ most.
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(places, arg=7)
    page.keyboard.press("Home")
    page.wait_for_function(places, arg=0)


IS_DRAWN = """(canvas) => canvas.width > 0 && canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.some((value, i) => i % 4 < 3 && value > 60)"""
"""Whether a canvas shows pictures, also grey ones: without them it is transparent or black."""

MAP = ".st-key-latent_map .wgan-map-screen canvas"


def map_words(page) -> str:
    return str(page.locator(".wgan-map-words").inner_text())


def middle_of_map(page) -> tuple[float, float]:
    box = page.locator(MAP).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def map_is_filled(page) -> bool:
    """Whether the newest part has been made: the sheet fills the whole map again."""
    corner = """() => { const c = document.querySelector('.wgan-map-screen canvas');
      return c.getContext('2d').getImageData(c.width - 3, 3, 1, 1).data[3] }"""
    return bool(page.evaluate(corner) == 255)


def has_kept(page, count: int) -> bool:
    return page.locator(".st-key-kept_strip button[data-note]").count() == count


def plane_is_dragged(page) -> None:
    hint = page.get_by_text("Drag to move. Click to keep a picture.")
    hint.wait_for()
    x, y = middle_of_map(page)
    page.mouse.move(x, y)
    until(lambda: map_words(page).startswith("x "))
    before = pixels(page, ".st-key-latent_map")
    drag(page, (x, y), (x - 100, y))
    page.mouse.move(5, 400)
    until(lambda: map_words(page).startswith("Middle: x 0.7"))
    hint.wait_for(state="hidden")
    assert page.evaluate("localStorage.getItem('wgan-map-moved')") == "true"
    until(lambda: pixels(page, ".st-key-latent_map") != before)
    until(lambda: map_is_filled(page))


def plane_is_zoomed(page) -> None:
    page.mouse.move(*middle_of_map(page))
    page.mouse.wheel(0, -400)
    page.mouse.move(5, 400)
    page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Back to the start").click()
    until(lambda: map_words(page) == "Middle: x 0.00, y 0.00")
    for way, back, moved in (("right", "left", "x 0.7"), ("up", "down", "y 0.7")):
        page.get_by_role("button", name=f"Move {way}").click()
        until(lambda: moved in map_words(page))  # noqa: B023
        page.get_by_role("button", name=f"Move {back}").click()
        until(lambda: map_words(page) == "Middle: x 0.00, y 0.00")
    until(lambda: map_is_filled(page))


def three_points_are_kept(page) -> None:
    x, y = middle_of_map(page)
    for right, down in ((-60, 0), (0, 50), (80, 80)):
        page.mouse.click(x + right, y + down)
        page.mouse.move(5, 400)
        page.wait_for_timeout(300)
    page.locator(".st-key-kept_strip canvas").first.wait_for()
    until(lambda: has_kept(page, 3))


def nearest_pictures_are_shown_and_taken_away(page) -> None:
    page.get_by_text("Nearest training pictures").click()
    notes = page.locator(".st-key-kept_near button[data-note]")
    until(lambda: notes.count() == 12)
    assert all(int(notes.nth(i).get_attribute("data-note")) > 0 for i in range(3, 12))
    page.get_by_text("Nearest training pictures").click()
    page.locator(".st-key-kept_near").wait_for(state="detached")
    still(page)  # While it is drawn anew, a button may ask for a file that is gone.
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture (PNG)").click()
    assert Path(download.value.path()).read_bytes()[:4] == b"\x89PNG"


def point_is_kept_by_keyboard(page) -> None:
    page.locator(MAP).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    until(lambda: has_kept(page, 4))


def sum_is_kept_once_and_a_point_removed(page) -> None:
    section(page, "Arithmetic")
    page.locator(".st-key-sum canvas").first.wait_for()
    page.get_by_role("button", name="Keep the sum").click()
    until(lambda: has_kept(page, 5))
    # Twice the same is said; one is taken away again, and the others stay.
    page.get_by_role("button", name="Keep the sum").click()
    page.get_by_text("This point is already kept, as E.").wait_for()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("option", name="B", exact=True).or_(
        page.get_by_role("menuitem", name="B", exact=True)
    ).first.click()
    until(lambda: has_kept(page, 4))


def walk_leads_through_kept_points(page) -> None:
    section(page, "Walk")
    page.get_by_role("radio", name="Kept").or_(
        page.get_by_role("button", name="Kept")
    ).first.click()
    page.get_by_text("You have kept 4 points.").wait_for()
    page.locator(".st-key-walk canvas").first.wait_for()
    # A shorter walk has a shorter axis.
    axis = "document.querySelector('.st-key-lengths .js-plotly-plot')?._fullLayout.xaxis.range[1]"
    until(lambda: (page.evaluate(axis) or 0) > 50)  # 4 legs of 14 frames
    page.get_by_text("Return to the start").click()
    until(lambda: page.evaluate(axis) < 45)


def test_dials_move_all_samples(page, site: str):
    page.goto(f"{site}/latent?section=directions")
    place = ".st-key-latent_dials"
    page.locator(f"{place} canvas").first.wait_for(timeout=120_000)
    page.locator(f"{place} .wgan-dials[data-made=browser]").wait_for()
    before = pixels(page, place)
    dial = page.get_by_role("slider", name="Direction 1")
    dial.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    until(lambda: pixels(page, place) != before)

    def dial_values() -> list[float]:
        return list(
            json.loads(
                page.evaluate(f"document.querySelector('{place} .wgan-dials').dataset.shown")
            )
        )

    # However fast the keys come, the last position is what is shown in the end.
    until(lambda: dial_values()[0] == pytest.approx(0.6))
    page.get_by_role("button", name="All to 0").click()
    until(lambda: pixels(page, place) == before)
    page.get_by_role("button", name="Keep first sample").click()
    until(lambda: page.locator(".st-key-kept_strip button[data-note]").count() == 1)
    page.get_by_role("radio", name="SeFa").or_(
        page.get_by_role("button", name="SeFa")
    ).first.click()
    until(lambda: dial_values() == [0.0] * 6)


def test_classes_blend_and_checkpoints_stand_beside_each_other(page, site: str):
    page.goto(f"{site}/latent?section=classes")
    page.get_by_text("From 3 to 8, a row for each z").wait_for(timeout=120_000)
    before = pixels(page, ".st-key-blend")
    page.get_by_role("button", name="New z").click()
    until(lambda: pixels(page, ".st-key-blend") not in (before, ""))
    section(page, "Through training")
    page.locator(".st-key-through canvas").first.wait_for()
    notes = page.locator(".st-key-through button[data-note]")
    until(
        lambda: (
            [notes.nth(i).get_attribute("data-note") for i in range(notes.count())]
            == ["0", "6", "12"]
        )
    )
    page.locator(".st-key-pair canvas").first.wait_for()
    page.get_by_role("button", name="Export").click()
    still(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Film (WebP)").click()
    assert Path(download.value.path()).read_bytes()[8:12] == b"WEBP"


def move(page, key: str, to: str) -> None:
    """Move a slider to its Home or its End."""
    page.locator(f".st-key-{key} input, .st-key-{key} [role=slider]").first.focus()
    page.keyboard.press(to)
    still(page)


def test_a_picture_is_found_and_walked_from(page, site: str):
    page.goto(f"{site}/latent?section=find")
    page.get_by_role("button", name="Find z").wait_for(timeout=120_000)
    assert page.get_by_role("button", name="Find z").is_enabled()  # a real picture is chosen
    section(page, "Draw")
    page.locator(".wgan-sketch canvas").wait_for()
    until(page.get_by_role("button", name="Find z").is_disabled)  # nothing is drawn yet
    canvas = page.locator(".wgan-sketch canvas")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 140, steps=6)
    page.mouse.up()
    move(page, "find_updates", "End")  # else a fast machine has ended before Cancel is pressed
    move(page, "find_starts", "End")
    page.get_by_role("button", name="Find z").click()
    page.get_by_text("of 255 per pixel").wait_for(timeout=120_000)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The search was cancelled here").wait_for()

    move(page, "find_updates", "Home")
    move(page, "find_starts", "Home")
    page.get_by_role("radio", name="Real").or_(
        page.get_by_role("button", name="Real")
    ).first.click()
    page.locator(".st-key-find_real button").nth(3).click()
    page.get_by_role("button", name="Find z").click()
    page.get_by_text("Nearest training pictures").wait_for(timeout=120_000)
    page.get_by_text("held-out pictures").wait_for()
    page.get_by_role("button", name="Keep this z").click()
    until(lambda: page.locator(".st-key-kept_strip button[data-note]").count() == 1)


@pytest.mark.parametrize(
    "section",
    [
        "walk",
        *(pytest.param(name, marks=pytest.mark.long_browser) for name in ("directions", "plane")),
    ],
)
def test_if_the_generators_file_cannot_be_read_the_server_makes_the_pictures(
    page, site: str, section: str
):
    requests = []

    def answer(route) -> None:
        requests.append(route.request.url)
        route.fulfill(content_type="application/octet-stream", body=b"\x04\x00\x00\x00{}  ")

    page.route("**/wgan-assets/published/*", answer)
    page.goto(f"{site}/latent?section={section}")
    page.locator("[data-made=server]").wait_for(timeout=120_000)
    until(lambda: requests)
    assert page.locator("[data-made=browser]").count() == 0
    canvas = page.locator("[data-made=server] canvas").first
    until(lambda: canvas.evaluate(f"({IS_DRAWN})"))


@pytest.mark.parametrize(
    "section", [pytest.param("directions", marks=pytest.mark.long_browser), "plane"]
)
def test_the_server_makes_the_pictures_again_if_newer_weights_cannot_be_read(
    page, site: str, section: str
):
    page.goto(f"{site}/latent?section={section}")
    page.locator("[data-made=browser]").wait_for(timeout=120_000)
    if section == "directions":
        page.get_by_role("slider", name="Direction 1").fill("1")
    else:
        page.get_by_role("button", name="Zoom in").click()
    still(page)
    page.wait_for_timeout(300)  # the map tells of a movement after it has settled
    still(page)
    page.route("**/wgan-assets/published/*", lambda route: route.fulfill(body=b"\0\0\0\0"))
    page.get_by_test_id("stSidebar").get_by_role("combobox", name="Weights").click()
    page.get_by_role("option", name="Step 6").click()
    page.locator("[data-made=server]").wait_for()
    canvas = page.locator("[data-made=server] canvas").first
    until(lambda: canvas.evaluate(IS_DRAWN))


def test_pictures_follow_the_sliders_without_the_server(page, site: str):
    page.goto(f"{site}/latent?section=directions")
    page.locator(".wgan-dials[data-made=browser]").wait_for(timeout=120_000)
    before = pixels(page, ".st-key-latent_dials")
    page.evaluate("window.WebSocket.prototype.send = () => {}")  # no message arrives any more
    page.get_by_role("slider", name="Direction 1").fill("2")
    until(lambda: pixels(page, ".st-key-latent_dials") != before)
    page.get_by_role("button", name="All to 0").click()
    until(lambda: pixels(page, ".st-key-latent_dials") == before)


def levels(page) -> np.ndarray:
    """The grey levels of the first canvas whose pictures were made, (H, W, 4) uint8."""
    size, data = page.evaluate("""() => {
      const canvas = document.querySelector("[data-made] canvas");
      const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      return [[height, width, 4], btoa(Array.from(data, (v) => String.fromCharCode(v)).join(""))];
    }""")
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(size)


@pytest.mark.long_browser
def test_the_browser_makes_the_pictures_that_the_server_makes(page, serve: Serve, tmp_path: Path):
    shutil.copytree(shipped_runs() / "example-mnist-classes", tmp_path / "example-mnist-classes")
    site = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(tmp_path)})
    pictures, panel = {}, page.locator("[data-made]")
    for maker in ("server", "browser"):
        if maker == "server":
            page.route("**/wgan-assets/published/*", lambda route: route.fulfill(body=b"\0\0\0\0"))
        page.goto(f"{site}/latent?section=directions&run=example-mnist-classes")
        page.locator(f"[data-made={maker}]").wait_for(timeout=120_000)
        for name, option in (("Class", "7"), ("Class", "3")):
            before = levels(page)
            page.get_by_test_id("stSidebar").get_by_role("combobox", name=name).click()
            page.get_by_role("option", name=option, exact=True).click()
            until(lambda: not np.array_equal(levels(page), before))  # noqa: B023
        still(page)
        page.get_by_role("slider", name="Direction 1").fill("2")
        until(lambda: json.loads(panel.get_attribute("data-shown"))[0] == 2)
        still(page)
        assert panel.get_attribute("data-made") == maker
        pictures[maker] = levels(page)[..., :3].astype(int)
        page.unroute_all()
        page.get_by_role("button", name="All to 0").click()
        still(page)
    assert_alike(pictures["server"], pictures["browser"])


def assert_alike(server: np.ndarray, browser: np.ndarray) -> None:
    """Assert that two pictures differ only as those of a WebP of quality 90, which the server sends."""
    assert np.abs(server - browser).mean() < 4
    assert np.corrcoef(server.ravel(), browser.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("section", ["sums", "classes"])
def test_the_browser_calculates_with_z_and_mixes_classes_as_the_server_does(
    page, serve: Serve, tmp_path: Path, section: str
):
    shutil.copytree(shipped_runs() / "example-mnist-classes", tmp_path / "example-mnist-classes")
    site = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(tmp_path)})
    pictures, published = {}, "**/wgan-assets/published/*"
    for maker in ("server", "browser"):
        if maker == "server":
            page.route(published, lambda route: route.fulfill(body=b"\0\0\0\0"))
        page.goto(f"{site}/latent?section={section}&run=example-mnist-classes")
        page.locator(f"[data-made={maker}]").first.wait_for(timeout=120_000)
        page.get_by_test_id("stSidebar").get_by_role("slider").first.focus()
        for _ in range(6):
            page.keyboard.press("ArrowLeft")  # truncation 0.7
        page.get_by_text("0.70", exact=True).wait_for()
        still(page)
        page.locator(f"[data-made={maker}][aria-busy=false]").first.wait_for()
        pictures[maker] = levels(page)[..., :3].astype(int)
        page.unroute_all()
    assert_alike(pictures["server"], pictures["browser"])
    before = levels(page)
    name = {"sums": "minus b", "classes": "To"}[section]
    page.get_by_role("combobox", name=name, exact=True).click()
    page.get_by_role("option").nth(2 if section == "sums" else 1).click()
    until(lambda: not np.array_equal(levels(page), before))
    assert page.locator("[data-made=server]").count() == 0
