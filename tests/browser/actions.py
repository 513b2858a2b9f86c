"""What tests read from a page of the app, and do on it."""

from itertools import count
from typing import TYPE_CHECKING

from tests.browser.conftest import hyperparameter, until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def metric(page: "Page", name: str) -> str:
    """The value on the card of a name."""
    card = page.locator(".wgan-cards > div", has=page.get_by_text(name, exact=True))
    return str(card.locator("dd").first.inner_text())


def step(page: "Page") -> int:
    """The step that the cards show; −1 while there are none."""
    from playwright.sync_api import Error

    try:
        return int(metric(page, "Step").replace(",", ""))
    except Error:
        return -1


def address(page: "Page") -> str:
    """What stands behind the question mark of the address, now."""
    return str(page.evaluate("location.search"))


CALLS = count(1)

STILL = """(call) => {
  const app = document.querySelector("[data-test-script-state]");
  if (app?.getAttribute("data-test-script-state") !== "notRunning") return false;
  if (window.stillCall !== call) [window.stillCall, window.stillFrom] = [call, Date.now()];
  return Date.now() - window.stillFrom >= 300;
}"""
"""Whether no script of the page runs now, and none ran at an earlier moment, 300 ms or more before."""


def still(page: "Page") -> None:
    """Wait until no script of the page runs, twice: one rerun may follow another."""
    page.wait_for_function(STILL, arg=next(CALLS), polling=50, timeout=120_000)


def button(page: "Page", name: str) -> "Locator":
    """The app's own buttons of a name: while a script runs, Streamlit's header has a "Stop" too."""
    app_buttons = page.locator("button:not([kind=header])")
    return page.get_by_role("button", name=name, exact=True).and_(app_buttons)


def press(page: "Page", name: str) -> None:
    """Press the first of the app's own buttons of a name."""
    button(page, name).first.click()


def runs_table(page: "Page") -> "Locator":
    """The table of the Runs page. Other tables, in tabs that are not open, may be drawn before it."""
    return page.locator("[class*='st-key-runs-'] [data-testid=stDataFrame]")


def traces(page: "Page", key: str) -> list[str]:
    """The names of a chart's traces."""
    return list(
        page.evaluate(
            """(key) => (document.querySelector(`.st-key-${key} .js-plotly-plot`)?._fullData ?? [])
              .map((t) => t.name)""",
            key,
        )
    )


def wait_for_chart(page: "Page", key: str) -> None:
    """Wait until a chart is drawn."""
    page.locator(f".st-key-{key} .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)


def drag(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the mouse from a place of the window to another."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def choose_points(page: "Page", url: str) -> None:
    """Choose the preset of eight Gaussians on the Train page."""
    page.goto(url)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    page.locator("[class*='st-key-preset'] input").first.click()
    page.get_by_role("option", name="Eight Gaussians").click()
    dataset = hyperparameter(page, "dataset").locator("input").first
    until(lambda: dataset.input_value() == "Ring of 8 Gaussians")
