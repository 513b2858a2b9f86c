"""The layout of the pages in a real browser: nothing jumps, nothing is cut or covered."""

from pathlib import Path

import pytest

from pages.ui.core import navigation
from tests.browser.actions import button, press, runs_table, step, still
from tests.browser.conftest import hyperparameter, train, until
from wgan.runs import list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

PHONE = {"width": 390, "height": 844}

RECORD_TOPS = """() => {
  window.tops = {};
  const record = () => {
    const panel = document.querySelector(".st-key-numbers")?.getBoundingClientRect();
    const scrolled = document.querySelector("[data-testid=stMain]").scrollTop;
    const heading = document.querySelector("[data-testid=stMainBlockContainer]").innerText.slice(0, 300);
    if (panel?.height) tops[Math.round(panel.top + scrolled)] ??= heading;
    requestAnimationFrame(record);
  };
  record();
}"""
"""Records each place of the panel, with the texts above it."""


def left_edges(page) -> list[int]:
    """The left edges of the buttons above the panel."""
    keys = ("step_once", "stop", "new_z", "reuse", "start")
    return [round(page.locator(f".st-key-{key}").bounding_box()["x"]) for key in keys]


@pytest.mark.parametrize("phone", [False, pytest.param(True, marks=pytest.mark.long_browser)])
def test_the_buttons_of_a_run_move_neither_the_page_nor_each_other(
    page, url: str, runs: Path, phone: bool
):
    train(runs, "--preset", "toy-ring", "--steps", "20", "--checkpoint-every", "10")
    if phone:
        page.set_viewport_size(PHONE)
    page.goto(f"{url}/?setup=" + '{"steps":100000}')
    button(page, "Start").wait_for(timeout=120_000)
    page.locator(".st-key-numbers dd").first.wait_for()
    page.get_by_text("next run (other settings): about ").wait_for()  # the forecast
    still(page)
    edges = left_edges(page)
    page.evaluate(RECORD_TOPS)
    press(page, "Start")
    until(lambda: len(list_runs(runs)) > 1 and button(page, "Pause").is_enabled())
    until(lambda: step(page) > 0)
    running = left_edges(page)
    press(page, "Pause")
    button(page, "Resume").wait_for()
    assert left_edges(page) == running == edges
    if not phone:  # on a phone, the sidebar is closed
        assert settings_keep_their_places(page)
    press(page, "Resume")
    button(page, "Pause").wait_for()
    press(page, "Stop")
    button(page, "Resume").wait_for()
    until(lambda: button(page, "Start").is_enabled())
    still(page)
    assert left_edges(page) == edges
    tops = page.evaluate("tops")
    assert len(tops) == 1, tops


def settings_keep_their_places(page) -> bool:
    """Whether the settings of the run and of the next run are in the same places."""

    def places(text: str) -> list[float]:
        page.get_by_text(text).wait_for()
        still(page)
        names = ("dataset", "generator_learning_rate", "steps")
        controls = [hyperparameter(page, name) for name in names]
        controls.append(page.locator(".st-key-advanced-engine"))
        return [control.bounding_box()["y"] for control in controls]

    run = places("Grey settings are fixed during a run")
    page.get_by_role("radio", name="Next run").click()
    next_run = places("These settings are for the next run")
    page.get_by_role("radio", name="This run").click()
    return places("Grey settings are fixed during a run") == next_run == run


def cell(page, row: int, x: int) -> tuple[float, float]:
    """A place in a row of the Runs table, `x` pixels from its left edge."""
    box = runs_table(page).bounding_box()
    return box["x"] + x, box["y"] + 36 + 46 * (row + 0.5)


STAR, RENAME, STATUS = 55, 384, 450  # pixels from the table's left edge


def test_a_row_of_the_runs_opens_the_run_and_has_its_star_and_name(page, url: str, runs: Path):
    # With metrics, whose columns make the table wider than the page: else columns are stretched.
    flags = "--preset toy-ring --steps 200 --checkpoint-every 100 --measure true --seed"
    for seed in (7, 8):
        train(runs, *flags.split(), str(seed))
    newest, older = list_runs(runs)[:2]
    page.goto(f"{url}/runs?run={newest.id}")
    runs_table(page).wait_for(timeout=120_000)
    page.get_by_text(f"{newest.id} ·").wait_for()
    still(page)

    def opens_the_older_run() -> bool:
        page.mouse.click(*cell(page, 1, STATUS))
        page.wait_for_timeout(500)
        return f"run={older.id}" in page.url

    until(opens_the_older_run)  # the table, a canvas, may not be ready for a click yet
    page.get_by_text(f"{older.id} ·").wait_for()
    still(page)
    page.mouse.click(*cell(page, 0, STAR))
    until(lambda: newest.facts().get("star") == "1")
    page.mouse.click(*cell(page, 0, STAR))
    until(lambda: newest.facts().get("star") == "0")
    page.mouse.click(*cell(page, 0, RENAME))
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("The first of two")
    dialog.get_by_label("Note").fill("Look at this one.")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    assert newest.fact("name") == "The first of two"
    assert newest.fact("note") == "Look at this one."


def test_the_form_for_a_preset_closes_when_it_is_saved(page, url: str):
    page.goto(url)
    page.get_by_role("button", name="Save").click(timeout=120_000)
    page.get_by_label("Name of the preset").fill("Mine")
    page.get_by_role("button", name="Save preset").click()
    page.get_by_text("Saved as Mine").wait_for()
    page.get_by_label("Name of the preset").wait_for(state="detached")


@pytest.mark.parametrize("key", [pytest.param("gap", marks=pytest.mark.long_browser), "stage"])
def test_the_toolbar_of_a_chart_is_outside_of_the_plot(page, url: str, runs: Path, key: str):
    """It is hidden until the pointer is on the chart, and covers no data, legend or colour bar."""
    run = train(runs, "--preset", "toy-ring", "--steps", "20")
    page.goto(f"{url}/?run={run}")
    chart = page.locator(f".st-key-{key} .js-plotly-plot")
    buttons = chart.locator(".modebar-btn")
    buttons.first.wait_for(state="attached", timeout=120_000)
    group = chart.locator(".modebar-group")
    opacity = "e => getComputedStyle(e).opacity"
    page.mouse.move(5, 5)
    until(lambda: group.evaluate(opacity) == "0")
    chart.locator(".nsewdrag").first.hover()
    until(lambda: group.evaluate(opacity) == "1")
    plot = chart.bounding_box()
    for box in [b.bounding_box() for b in buttons.all()]:
        assert box["y"] + box["height"] <= plot["y"]
        assert box["x"] + box["width"] <= plot["x"] + plot["width"]
        assert min(box["width"], box["height"]) >= 24
    # A click on the button zooms in: nobody has to drag.
    x_range = f"document.querySelector('.st-key-{key} .js-plotly-plot')._fullLayout.xaxis.range"
    before = page.evaluate(x_range)
    chart.get_by_role("button", name="Zoom in").click()
    until(lambda: page.evaluate(x_range) != before)


def test_the_label_on_hover_is_inside_of_the_chart_at_each_end_of_a_curve(
    page, url: str, runs: Path
):
    """The browser cuts whatever is drawn outside of a chart's SVG."""
    run = train(runs, "--preset", "toy-ring", "--steps", "100", "--report-every", "5")
    page.goto(f"{url}/?run={run}")
    plot = page.locator(".st-key-gap .nsewdrag").first
    plot.wait_for(timeout=120_000)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    chart = page.locator(".st-key-gap .js-plotly-plot").bounding_box()
    end = page.evaluate(
        "document.querySelector('.st-key-gap .js-plotly-plot')._fullLayout.xaxis.range[1]"
    )
    for step_of_run in (5, 100):
        place = (
            box["x"] + step_of_run / end * box["width"],
            box["y"] + box["height"] / 2,
        )
        shown: dict[str, float] = {}

        def label_is_drawn(
            place: tuple[float, float] = place, shown: dict[str, float] = shown
        ) -> bool:
            # Move the pointer each time: a chart that is drawn anew loses its label.
            page.mouse.move(place[0] - 2, place[1])
            page.mouse.move(*place)
            shown |= page.evaluate("""() => {
              const label = document.querySelector(".st-key-gap .hoverlayer .legend");
              const { left, right } = label?.getBoundingClientRect() ?? {};
              return label ? { left, right } : {};
            }""")
            return bool(shown)

        until(label_is_drawn)
        assert chart["x"] <= shown["left"] < shown["right"] <= chart["x"] + chart["width"]


def test_the_scores_in_the_corners_of_samples_do_not_overlap(page, site: str):
    """Also long ones are not wider than their cells, also on a phone."""
    for size in ({"width": 1280, "height": 720}, PHONE):
        page.set_viewport_size(size)
        page.goto(f"{site}/critic")
        cells = page.locator(".st-key-critic_ranking .wgan-cells button[data-note]")
        cells.first.wait_for(timeout=120_000)
        widths = cells.evaluate_all("""cells => cells.map((cell, i) => {
          cell.dataset.note = ["−1.2", "−123.45", "−1234.567"][i % 3];
          cell.style.setProperty("--note-length", cell.dataset.note.length);
          // Streamlit's box-sizing: the width includes the padding.
          return [parseFloat(getComputedStyle(cell, "::after").width), cell.getBoundingClientRect().width];
        })""")
        assert len(widths) > 20
        assert all(0 < label <= cell + 0.5 for label, cell in widths), widths[:3]


def test_five_runs_of_points_are_wide_enough_with_their_full_titles(page, url: str, runs: Path):
    flags = ("--preset", "toy-ring", "--steps", "40", "--seed")
    names = [train(runs, *flags, str(seed)) for seed in range(5)]
    for width, columns in ((1280, 3), (390, 1)):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{url}/compare?runs={','.join(names)}")
        plots = page.locator(".wgan-wall .js-plotly-plot")
        playwright.expect(plots).to_have_count(5, timeout=120_000)
        boxes = [plot.bounding_box() for plot in plots.all()]
        assert all(box["width"] >= 225 for box in boxes)
        assert len({round(box["x"]) for box in boxes}) == columns
        for title in page.locator(".wgan-wall figcaption span").all():
            assert title.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
            assert title.inner_text().startswith("WGAN-GP · ")


@pytest.mark.parametrize("name", ["train", "tour", "compare", "wasserstein"])
def test_the_menu_of_each_page_leads_to_every_other_page_on_a_phone(page, site: str, name: str):
    page.set_viewport_size(PHONE)
    page.goto(f"{site}/{'' if name == 'train' else name}")
    page.locator("[data-testid=stExpandSidebarButton]").click(timeout=120_000)
    links = page.locator("[data-testid=stSidebarNavLink]:visible")
    playwright.expect(links).to_have_count(len(navigation.PAGES | navigation.LABS))
    links.filter(has_text="Runs").click()
    page.get_by_role("heading", name="Runs").first.wait_for()


def test_values_on_cards_are_not_cut_on_a_phone(page, url: str, runs: Path):
    run = train(runs, "--preset", "toy-ring", "--steps", "10")
    page.set_viewport_size(PHONE)
    page.goto(f"{url}/?run={run}")
    page.locator(".st-key-numbers dd").first.wait_for(timeout=120_000)
    values = page.locator(".wgan-cards dd")
    page.evaluate("""() => {
      for (const dd of document.querySelectorAll(".wgan-cards dd")) dd.textContent = "18 % · fakes 55 %";
    }""")
    for value in values.all():
        assert value.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert value.evaluate("e => getComputedStyle(e).textOverflow") != "ellipsis"


def test_the_first_visit_shows_no_file_names(page, serve, tmp_path: Path):
    """Until the navigation comes, the browser shows none, not the names of the pages' files."""
    page.add_init_script("""
      window.names = new Set();
      new MutationObserver(() => {
        for (const link of document.querySelectorAll("header a, [data-testid=stSidebarNav] a"))
          names.add(link.innerText.split("\\n").at(-1));
      }).observe(document, { subtree: true, childList: true, characterData: true });
    """)
    page.goto(serve(Path("streamlit_app.py").resolve(), env={"WGAN_RUNS": str(tmp_path)}))
    button(page, "Start").wait_for(timeout=120_000)
    names = set(page.evaluate("[...names]"))
    titles = {title for title, _ in (navigation.PAGES | navigation.LABS).values()}
    assert "Train" in names and names <= titles
