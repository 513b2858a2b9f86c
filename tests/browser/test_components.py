"""The components where only a browser can tell: what lives in it must survive the updates."""

import os
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

if not os.environ.get("CI"):  # in CI it must be there: without it, the import below fails
    pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]

# A training that is none: its step is counted by the clock of the server.
APP = dedent(
    """
    import io
    import time

    import numpy as np
    import streamlit as st
    from PIL import Image

    from pages.ui.widgets.chart.chart import chart
    from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
    from pages.ui.widgets.image_picker.image_picker import image_picker
    from pages.ui.widgets.walk_player.walk_player import Walk, walk_player
    from pages.ui.widgets.sample_timeline.sample_timeline import Frame, sample_timeline
    from pages.ui.widgets.image_grid.image_grid import image_grid

    started = st.cache_resource(lambda: time.time(), show_spinner=False)()


    def sheet(step, side=8):
        rng = np.random.default_rng(step)
        out = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (8 * side, 8 * side), np.uint8)).save(out, "PNG")
        return out.getvalue()


    def train():
        @st.fragment(run_every=0.5)
        def live():
            step = 1000 + 50 * int(2 * (time.time() - started))
            sample_timeline(
                key="stage", run="run", steps=list(range(0, step + 1, 50)), live=True,
                latest=lambda: Frame(step, image=sheet(step)), alt="Samples", max_height=240,
                fetch=lambda steps: {step: Frame(step, image=sheet(step)) for step in steps},
            )
            x = np.linspace(0, 1000, 200)
            traces = [
                {"type": "scatter", "x": x, "y": np.sin(x / 100 + k + step), "name": name,
                 "line": {"color": f"@{name}"}}
                for k, name in enumerate(["critic", "generator"])
            ]
            chart({"data": traces}, key="chart", run="run", height=240, alt="Losses")

        live()
        image_grid(sheet(1), key="strip", rows=8, columns=8, caption="Real", alt="Real", max_height=160)


    def latent():
        # Half a second is longer than a swap takes, and the walk lasts 20 s.
        @st.fragment(run_every=0.5)
        def live():
            token = int(2 * (time.time() - started))
            angle = np.linspace(0, 2 * np.pi, 100, endpoint=False) + token
            path = np.stack([np.cos(angle), np.sin(angle)], 1)[:, None].astype(np.float32)
            walk = Walk(
                token=str(token), fps=5.0, loop=True, waypoints=(0, 50), path=path,
                real=path[:, 0], grid=(path[:, 0] / 2,),
            )
            walk_player(walk, key="player", height=240, alt="A walk")
            st.text(f"walk {token}")

        live()


    def pick():
        st.session_state.setdefault("picks", [0])

        def clear():
            st.session_state.picks = []

        @st.fragment(run_every=0.5)
        def live():
            token = int(2 * (time.time() - started))
            st.button("Clear", on_click=clear)
            image_picker(
                sheet(token), key="picker", rows=8, columns=8, picked=st.session_state.picks,
                on_change=lambda picks: st.session_state.update(picks=picks),
                most=3, caption="Pick", alt="Samples",
            )
            st.text(f"picks {st.session_state.picks}")
            st.text(f"tick {token}")

        live()


    def broken():
        @st.fragment(run_every=0.5)
        def live():
            step = 1000 + 50 * int(2 * (time.time() - started))
            sample_timeline(
                key="stage", run="run", steps=list(range(0, step + 1, 50)), live=True,
                latest=lambda: Frame(step, image=sheet(step)), alt="Samples", max_height=240,
                fetch=lambda steps: 1 / 0,
            )

        live()


    def plane():
        @st.fragment(run_every=0.5)
        def live():
            step = int(2 * (time.time() - started))
            grid = np.linspace(-1, 1, 12)
            surface = {
                "type": "contour", "z": np.outer(grid, grid) + np.sin(step), "x0": -1.0,
                "dx": 2 / 11, "y0": -1.0, "dy": 2 / 11, "line": {"width": 1, "color": "@text/0.2"},
            }
            dots = {
                "type": "scatter", "mode": "markers", "name": "Fake",
                "x": np.sin(grid + step), "y": grid,
                "marker": {"color": "@fake", "size": 5},
            }
            axis = {"range": [-1, 1]}
            sample_timeline(
                key="stage", run="run", steps=[step], live=True, alt="Points", max_height=300,
                latest=lambda: Frame(step, figure={
                    "data": [surface, dots], "layout": {"xaxis": axis, "yaxis": axis},
                }),
                fetch=lambda steps: {},
            )

        live()


    def grow():
        begun = st.session_state.setdefault("begun", time.time())

        @st.fragment(run_every=0.5)
        def live():
            n = int(2 * (time.time() - begun))
            stat_cards(
                [Stat("Step", f"{n:,}", help="**Bold** words.\\n\\nMore."), Stat("Speed", "7", "steps/s")],
                key="numbers", progress=(n % 10 / 10, f"{n} done"),
            )
            x = np.linspace(0, 100, 50)
            line = {"type": "scatter", "mode": "lines", "x": x, "y": np.sin(x / 9 + min(n, 20)),
                    "line": {"simplify": False}}
            layout = {"yaxis": {"range": [-2, 2]}, "xaxis": {"range": [0, 100]}}
            chart({"data": [line], "layout": layout}, key="chart", run="run", height=240,
                  alt="A line", title="A line", help="What it is")

        live()


    others = [
        st.Page(page, url_path=page.__name__) for page in (latent, pick, broken, plane, grow)
    ]
    st.navigation([st.Page(train, default=True), *others], position="top").run()
    """
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, serve, browser_type) -> str:
    """The address of a small app that shows the components. It has our routes and settings."""
    folder = tmp_path_factory.mktemp("components-app")
    (folder / ".streamlit").mkdir()
    shutil.copy(ROOT / ".streamlit" / "config.toml", folder / ".streamlit")
    (folder / "script.py").write_text(APP, encoding="utf-8")
    (folder / "app.py").write_text(
        "import streamlit as st\n"
        "from pages.ui import server\n"
        "app = st.App('script.py', routes=server.routes())\n",
        encoding="utf-8",
    )
    url: str = serve(folder / "app.py", env={"PYTHONPATH": str(ROOT)})
    return url


def step_of(page: Page) -> int:
    text = page.locator(".st-key-stage .wgan-step").inner_text()
    return int(text.removeprefix("step ").replace(",", ""))


def wait_for_updates(page: Page, count: int) -> None:
    """Wait until the chart has been given `count` further sets of data."""
    page.evaluate(
        """(count) => new Promise((done) => {
          const plot = document.querySelector(".st-key-chart .wgan-plot");
          plot.on("plotly_afterplot", () => --count || done());
        })""",
        count,
    )


ZOOM = """() => {
  const plot = document.querySelector(".st-key-chart .wgan-plot");
  const { xaxis, yaxis } = plot._fullLayout;
  return [...xaxis.range, ...yaxis.range, ...plot._fullData.map((trace) => trace.visible)];
}"""


def test_zoom_and_legend_survive_updates_and_theme_and_leave_with_the_page(
    page: Page, app: str
) -> None:
    page.goto(app)
    page.locator(".st-key-chart .legendtoggle").nth(1).wait_for()
    page.locator(".st-key-chart .legendtoggle").nth(1).click()
    page.wait_for_function(f"({ZOOM})()[5] === 'legendonly'")
    box = page.locator(".st-key-chart .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_function(f"({ZOOM})()[0] > 1")
    zoomed = page.evaluate(ZOOM)
    assert zoomed[4:] == [True, "legendonly"]
    wait_for_updates(page, 2)
    assert page.evaluate(ZOOM) == zoomed
    ink = "document.querySelector('.st-key-chart .wgan-plot')._fullData[0].line.color"
    before = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{ink} !== '{before}'")
    assert page.evaluate(ZOOM) == zoomed
    page.evaluate("window.left = document.querySelector('.st-key-chart .wgan-plot')")
    page.get_by_role("link", name="latent").click()
    page.locator(".st-key-player canvas").wait_for()
    page.wait_for_function("window.left._fullLayout === undefined")  # purged
    expect(page.locator(".st-key-chart")).to_have_count(0)


def test_a_chart_is_zoomed_by_a_button_and_moved_with_arrow_keys(page: Page, app: str) -> None:
    page.goto(app)
    plot = page.locator(".st-key-chart .wgan-plot")
    plot.locator(".nsewdrag").wait_for()
    whole = page.evaluate(ZOOM)[:4]
    plot.get_by_role("button", name="Zoom in").press("Enter")
    page.wait_for_function(f"({ZOOM})()[0] > {whole[0]}")
    left, right, low, high = page.evaluate(ZOOM)[:4]
    plot.get_by_role("button", name="Pan: drag, or press the arrow keys").press("ArrowRight")
    step = (right - left) / 10
    page.wait_for_function(f"({ZOOM})()[0] > {left + step / 2}")
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"({ZOOM})()[2] < {low}")
    moved = page.evaluate(ZOOM)[:4]
    lift = (high - low) / 10
    assert moved == pytest.approx([left + step, right + step, low - lift, high - lift])
    wait_for_updates(page, 2)
    assert page.evaluate(ZOOM)[:4] == moved


def test_history_plays_while_live(page: Page, app: str) -> None:
    page.goto(app)
    # Reading Plotly's 4.8 MB stops a cold, busy browser for some seconds.
    page.locator(".st-key-chart .main-svg").first.wait_for()
    stage = page.locator(".st-key-stage")
    slider = stage.get_by_label("Training step shown")
    live = stage.get_by_role("button", name="Live")
    expect(live).to_have_attribute("aria-pressed", "true")
    slider.focus()
    page.keyboard.press("Home")
    expect(live).to_have_attribute("aria-pressed", "false")
    expect(stage.locator(".wgan-step")).to_have_text("step 0")
    expect(stage.locator(".wgan-waiting")).to_have_count(0)  # the picture has been fetched
    length = int(slider.get_attribute("max") or 0)
    expect(slider).not_to_have_attribute("max", str(length))  # training goes on
    assert step_of(page) == 0
    stage.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "parseInt(document.querySelector('.st-key-stage .wgan-range').value) >= 4"
    )
    stage.get_by_role("button", name="Pause").click()
    paused = step_of(page)
    assert paused >= 200
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert step_of(page) == paused - 50
    live.click()
    expect(live).to_have_attribute("aria-pressed", "true")


def test_lightbox_by_keyboard(page: Page, app: str) -> None:
    page.goto(app)
    strip = page.locator(".st-key-strip")
    strip.get_by_role("button", name="Enlarge picture 1 of 64").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = strip.get_by_role("dialog")
    expect(dialog.get_by_text("picture 10 of 64, Real")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_text("picture 11 of 64, Real")).to_be_visible()
    dialog.get_by_role("button", name="Previous sample").click()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(strip.get_by_role("button", name="Enlarge picture 10 of 64")).to_be_focused()


def test_player_keeps_its_place_when_the_walk_is_refreshed(page: Page, app: str) -> None:
    page.goto(f"{app}/latent")
    player = page.locator(".st-key-player")
    slider = player.get_by_label("Place on the walk")
    place = "Number(document.querySelector('.st-key-player .wgan-range')?.value)"
    page.wait_for_function(f"{place} > 1")
    walk = page.get_by_text("walk", exact=False).last
    before, token = page.evaluate(place), walk.inner_text()
    expect(walk).not_to_have_text(token)
    page.wait_for_function(f"{place} > {before} + 1")  # it went on, playing
    player.locator("canvas").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    held, token = slider.input_value(), walk.inner_text()
    expect(walk).not_to_have_text(token)
    assert slider.input_value() == held


def test_picks_stay_while_the_samples_change(page: Page, app: str) -> None:
    page.goto(f"{app}/pick")
    picker = page.locator(".st-key-picker")
    cells = picker.locator(".wgan-cells button")
    expect(cells.nth(0)).to_have_attribute("aria-pressed", "true")
    cells.nth(9).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_text("picks [0, 9, 10]")).to_be_visible()
    tick = page.get_by_text("tick", exact=False).last
    expect(tick).not_to_have_text(tick.inner_text())
    expect(cells.nth(10)).to_be_focused()
    expect(picker.get_by_role("button", name="Sample 11 of 64, pick 3")).to_be_visible()
    cells.nth(30).click()  # one more than may be picked
    expect(picker.get_by_text("3 are the most: unpick one first.")).to_be_visible()
    expect(cells.nth(30)).to_have_attribute("aria-pressed", "false")
    cells.nth(0).click()
    expect(page.get_by_text("picks [9, 10]")).to_be_visible()
    expect(cells.nth(9)).to_have_attribute("data-place", "1")
    page.get_by_role("button", name="Clear").click()
    expect(cells.nth(9)).to_have_attribute("aria-pressed", "false")
    cells.nth(9).click()
    expect(page.get_by_text("picks [9]")).to_be_visible()


def test_stage_lives_on_when_its_past_cannot_be_fetched(page: Page, app: str) -> None:
    page.goto(f"{app}/broken")
    page.locator(".st-key-stage .wgan-step").wait_for()
    page.wait_for_function("document.querySelector('.st-key-stage .wgan-range')?.max > 1")
    page.get_by_label("Training step shown").focus()
    page.keyboard.press("Home")
    expect(page.locator(".wgan-waiting")).to_have_count(0)  # it is known to be absent
    page.get_by_role("button", name="Live").click()
    step = step_of(page)
    page.wait_for_function(
        "(step) => Number(document.querySelector('.wgan-step').innerText.replace(/\\D/g, '')) > step",
        arg=step,
    )


def test_plane_paints_without_plotly_drawing_anew(page: Page, app: str) -> None:
    page.goto(f"{app}/plane")
    page.locator(".st-key-stage .main-svg").first.wait_for()
    page.evaluate(
        """() => {
          window.plots = 0;
          document.querySelector(".st-key-stage .wgan-plot").on("plotly_afterplot", () => plots++);
        }"""
    )
    paint = "document.querySelector('.wgan-plane > canvas').toDataURL()"
    before = page.evaluate(paint)
    page.wait_for_function(f"(before) => {paint} !== before", arg=before)
    assert page.evaluate("plots") == 0


def test_lines_move_without_plotly_and_are_exact_under_the_pointer(page: Page, app: str) -> None:
    page.goto(f"{app}/grow")
    page.locator(".st-key-chart .js-line").wait_for()
    page.mouse.move(5, 5)
    page.evaluate(
        """() => {
          window.plots = 0;
          document.querySelector(".st-key-chart .wgan-plot").on("plotly_afterplot", () => plots++);
        }"""
    )
    line = "document.querySelector('.st-key-chart .js-line').getAttribute('d')"
    before = page.evaluate(line)
    page.wait_for_function(f"(before) => {line} !== before", arg=before)
    assert page.evaluate("plots") == 0
    page.wait_for_function(  # then the line moves no more
        "parseInt(document.querySelector('.wgan-cards dd').innerText) > 21"
    )
    path = page.evaluate(line)
    # What was drawn by hand is what Plotly draws of the same points.
    page.evaluate(
        """() => {
          const plot = document.querySelector(".st-key-chart .wgan-plot");
          plot.dispatchEvent(new PointerEvent("pointerenter"));
        }"""
    )
    page.wait_for_function("plots > 0")
    points = "(d) => d.slice(1).split(/[ML]/).map((pair) => pair.split(',').map(Number))"
    live_points = page.evaluate(points, path)
    plotly_points = page.evaluate(points, page.evaluate(line))
    assert len(live_points) == len(plotly_points) == 50
    for a, b in zip(live_points, plotly_points, strict=True):
        assert a == pytest.approx(b, abs=0.1)


def test_numbers_keep_their_place_and_say_what_they_mean(page: Page, app: str) -> None:
    page.goto(f"{app}/grow")
    value = page.locator(".wgan-cards dd").first
    value.wait_for()
    page.evaluate("window.node = document.querySelector('.wgan-cards dd')")
    expect(value).not_to_have_text(value.inner_text())
    assert page.evaluate("window.node === document.querySelector('.wgan-cards dd')")
    assert page.locator(".wgan-cards dd").nth(1).inner_text().split() == ["7", "steps/s"]
    page.get_by_role("button", name="About: Step").hover()
    tooltip = page.get_by_role("tooltip")
    expect(tooltip).to_have_text("Bold words.More.")
    expect(tooltip.locator("strong")).to_have_text("Bold")
    assert value.inner_text()  # it stays open over the updates
    text = value.inner_text()
    expect(value).not_to_have_text(text)
    expect(tooltip).to_be_visible()
    page.mouse.move(5, 500)
    expect(tooltip).to_have_count(0)
    page.get_by_role("button", name="About: A line").focus()
    expect(tooltip).to_have_text("What it is")
    page.keyboard.press("Escape")
    expect(tooltip).to_have_count(0)
    bar = page.get_by_role("progressbar")
    assert 0 <= int(bar.get_attribute("aria-valuenow") or -1) <= 100
