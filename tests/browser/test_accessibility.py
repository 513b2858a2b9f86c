"""Every page meets WCAG 2.2 AA as far as axe-core can tell, in light and dark, and on a phone."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pages.ui.core.navigation import CRITIC_SECTIONS, LATENT_SECTIONS
from pages.ui.labs.registry import STABILITY, WASSERSTEIN
from tests.browser.actions import still
from tests.browser.conftest import ROOT, train, train_digits

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESKTOP = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}

EXCLUDED = [
    (
        "color-contrast",
        "[data-testid=stWidgetLabel][disabled] *",
        "WCAG exempts the label of a disabled control. axe does not see what this label belongs to.",
    ),
]
"""Rule, selector, and the reason why our code cannot mend this part of Streamlit's markup."""

# Rules for the size of targets are off by default in axe, which some of its users want to stay so.
CHECK = """async ([only, excluded]) => {
  const found = await axe.run(document, {
    runOnly: only, rules: only.type === "tag" ? { "target-size": { enabled: true } } : {},
    resultTypes: ["violations"], elementRef: true,
  });
  return found.violations.filter((v) => ["serious", "critical"].includes(v.impact)).flatMap((v) =>
    v.nodes.filter((n) => !excluded.some(([rule, selector]) => rule === v.id && n.element.matches(selector)))
      .map((n) => `${v.id}: ${n.html.slice(0, 300)} ${n.failureSummary}`));
}"""

SHOWN = """() => !document.querySelector("[data-testid=stSkeleton], [data-testid=stSpinner]")
  && [...document.querySelectorAll(".wgan-plot")].every((p) => !p.clientWidth || p.querySelector(".main-svg"))
  && [...document.images].every((image) => image.complete)"""

SMALL_TARGETS = """() =>
  [...document.querySelectorAll(".stBidiComponent :is(a, button, input, summary, [tabindex])")].filter((e) => {
    const { width, height } = e.getBoundingClientRect();
    return e.checkVisibility() && width && Math.min(width, height) < 23.99;
  }).map((e) => `smaller than 24 px: ${e.outerHTML.slice(0, 300)}`)"""
"""Targets of our components. axe counts only those that the Tab key reaches."""

NO_TRANSITIONS = "*, *::before, *::after { transition: none !important; }"
"""Otherwise colours would be measured halfway between light and dark."""


@pytest.fixture
def axe(page: "Page") -> "Page":
    """A page with axe-core."""
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("axe-core is not installed: npm ci")
    page.add_init_script(path=AXE)
    return page


def violations(page: "Page", only: dict[str, object]) -> list[str]:
    excluded = [(rule, selector) for rule, selector, _ in EXCLUDED]
    found: list[str] = page.evaluate(CHECK, [only, excluded])
    return found


def rest(page: "Page") -> None:
    """Wait until all of a page is shown."""
    still(page)
    page.wait_for_function(SHOWN)


def use_theme(page: "Page", scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.wait_for_function(
        """(scheme) => getComputedStyle(document.querySelector("[data-testid=stApp]")).colorScheme === scheme""",
        arg=scheme,
    )


def check_shown(page: "Page") -> list[str]:
    """The violations on the page on show: all in light, contrast in dark, targets on a phone."""
    found = violations(page, {"type": "tag", "values": TAGS}) + page.evaluate(SMALL_TARGETS)
    use_theme(page, "dark")
    rest(page)
    found += [f"dark {v}" for v in violations(page, {"type": "rule", "values": ["color-contrast"]})]
    use_theme(page, "light")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    rest(page)
    targets = violations(page, {"type": "rule", "values": ["target-size"]})
    found += [f"phone {v}" for v in targets + page.evaluate(SMALL_TARGETS)]
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    return found


def check(page: "Page", site: str, addresses: Iterable[str]) -> None:
    """Fail if one of the pages has a serious violation; name all of them."""
    faults: dict[str, Any] = {}
    for address in addresses:
        page.goto(site + address)
        rest(page)
        page.add_style_tag(content=NO_TRANSITIONS)
        page.evaluate(
            "document.querySelectorAll('details:not([open]) > summary').forEach((s) => s.click())"
        )
        rest(page)
        found = check_shown(page)
        for tab in page.get_by_role("tab").all()[1:]:
            tab.click()
            rest(page)
            found += check_shown(page)
        if found:
            faults[address] = found
    assert not faults, "\n\n".join(f"{a}\n" + "\n".join(found) for a, found in faults.items())


def test_pages_without_a_run_with_points_and_with_two_runs(axe: "Page", url: str, runs: Path):
    check(axe, url, ["/"])
    flags = ("--preset", "toy-ring", "--steps", "40", "--checkpoint-every", "20")
    points = train(runs, *flags, "--measure", "true")
    pictures = train_digits(
        runs, "--steps", "12", "--preview-every", "6", "--checkpoint-every", "6"
    )
    pages = [
        f"/?run={pictures}",
        f"/?run={points}",
        f"/runs?run={pictures}",
        f"/compare?runs={points},{pictures}",
    ]
    pages += [f"/latent?run={points}&section={name}" for name in LATENT_SECTIONS["points"]]
    pages += [f"/critic?run={points}&section={name}" for name in CRITIC_SECTIONS["points"]]
    check(axe, url, pages)


def test_sections_for_pictures(axe: "Page", site: str):
    pages = [f"/latent?section={name}" for name in LATENT_SECTIONS["pictures"]]
    pages += [f"/critic?section={name}" for name in CRITIC_SECTIONS["pictures"]]
    check(axe, site, pages)


def test_labs_and_pages_about_no_run(axe: "Page", site: str):
    pages = ["/tour", "/datasets", "/presets"]
    pages += [f"/wasserstein?lab={entry.lab.key}" for entry in WASSERSTEIN]
    pages += [f"/stability?lab={entry.lab.key}" for entry in STABILITY]
    check(axe, site, pages)
