"""Back and Forward in a real browser."""

import os

import pytest

if not os.environ.get("CI"):  # in CI it must be there: without it, the import below fails
    pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Page, expect

from tests.browser.actions import still


def test_one_press_of_back_leads_to_the_page_before(page: Page, site: str):
    page.goto(f"{site}/presets")
    still(page)
    assert (
        page.evaluate("history.length") == 2
    )  # with the empty page before; the address is completed
    # Each of these pages completes its address with the run, the section or the set on show.
    addresses = [page.url]
    for name in ("Critic", "Data", "Latent", "Runs", "Compare"):
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("link", name=name, exact=True).first).to_have_attribute(
            "aria-current", "page"
        )
        still(page)
        addresses.append(page.url)
    assert len({address.split("?")[0] for address in addresses}) == len(addresses)
    for address in addresses[-2::-1]:
        page.go_back()
        expect(page).to_have_url(address)
        still(page)
    for address in addresses[1:]:
        page.go_forward()
        expect(page).to_have_url(address)
        still(page)
