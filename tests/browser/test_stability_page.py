"""The Stability lab in a real browser: predict, move, train, watch, stop, look again; after a reload too."""

import re

import pytest

from tests.browser.actions import button, press, still, traces
from tests.browser.conftest import until

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

GRAPH = "document.querySelector(`.st-key-${key} .js-plotly-plot`)"


def open_lab(page, site: str, key: str) -> None:
    page.goto(f"{site}/stability?lab={key}")
    page.get_by_text("What do you predict?").wait_for(timeout=120_000)


def choose(page, key: str, name: str) -> None:
    page.locator(f".st-key-{key}").get_by_text(name, exact=True).first.click()


def slide(page, key: str, to: str, *, arrow: str) -> None:
    """Move a slider with the keyboard until it shows a value."""
    place = page.locator(f".st-key-{key}")
    place.first.wait_for()
    for _ in range(40):
        if place.get_by_text(to, exact=True).count():
            return
        page.locator(f".st-key-{key} input, .st-key-{key} [role=slider]").first.focus()
        page.keyboard.press(arrow)
        page.wait_for_timeout(400)
    raise AssertionError(f"{key} never showed {to}")


def ys(page, key: str, trace: int = 0) -> list[float]:
    values = page.evaluate(f"([key, i]) => [...({GRAPH}?._fullData?.[i]?.y ?? [])]", [key, trace])
    return [value for value in values if value is not None]


def table(page, key: str) -> list[float]:
    return list(
        page.evaluate(
            f"(key) => [...({GRAPH}?._fullData?.[0]?.z ?? [])].flatMap((r) => [...r])", key
        )
    )


def notes(page, key: str) -> list[str]:
    return list(
        page.evaluate(f"(key) => ({GRAPH}?.layout?.annotations ?? []).map((a) => a.text)", key)
    )


def test_back_and_forward_change_the_lab(page, site: str):
    page.goto(f"{site}/stability")
    page.get_by_text("Which loss loses its gradient?").wait_for(timeout=120_000)
    choose(page, "prediction-vanishing", "Non-saturating")
    questions = {
        "Mode collapse": "Which one collapses first?",
        "Clipping": "Every weight of a critic",
    }
    for name, question in questions.items():
        page.locator(".st-key-lab").get_by_text(name, exact=True).click()
        page.get_by_text(question).wait_for()
        still(page)
    for question in ("Which one collapses first?", "Which loss loses its gradient?"):
        page.go_back()
        page.get_by_text(question).wait_for()
        still(page)
    assert "lab=" not in page.url
    # What was predicted there is still there.
    answer = page.locator(".st-key-prediction-vanishing").get_by_role("radio", checked=True)
    assert answer.inner_text() == "Non-saturating"
    for question in questions.values():
        page.go_forward()
        page.get_by_text(question).wait_for()
        still(page)
    assert page.url.endswith("lab=clipping")


LABELS = """() => [...document.querySelectorAll('[data-testid=stWidgetLabel]')]
  .filter((label) => label.offsetHeight && !label.closest('[class*=st-key-prediction], .st-key-lab'))
  .map((label) => label.getBoundingClientRect().top)"""


@pytest.mark.parametrize("key", ["vanishing", "collapse", "clipping", "sensitivity"])
def test_the_labels_of_the_controls_are_on_one_line(page, site: str, key: str):
    open_lab(page, site, key)
    still(page)
    tops = page.evaluate(LABELS)
    assert len(tops) >= 2 and max(tops) - min(tops) < 2


@pytest.mark.slow
def test_vanishing_gradients(page, site: str):
    open_lab(page, site, "vanishing")
    page.get_by_text("Which loss loses its gradient?").wait_for()
    page.locator(".katex").first.wait_for()
    choose(page, "prediction-vanishing", "Non-saturating")
    slide(page, "vanishing_updates", "500", arrow="ArrowLeft")
    press(page, "Train both networks")
    until(lambda: len(ys(page, "vanishing_norms")) > 3)
    first = len(ys(page, "vanishing_norms"))
    verdict = page.locator(".st-key-told-vanishing")
    until(lambda: len(ys(page, "vanishing_norms")) > first or verdict.count())
    verdict.wait_for(timeout=180_000)
    assert (
        "You predicted: Non-saturating" in verdict.inner_text()
        and "Minimax" in verdict.inner_text()
    )
    assert traces(page, "vanishing_norms") == ["Minimax", "Non-saturating", "Wasserstein"]
    # A chart may come a moment after the words beside it: the mark stands at its last update.
    mark = f"(key) => {GRAPH}.layout.shapes[0].x0"
    until(lambda: page.evaluate(mark, "vanishing_norms") == 500)
    minimax, other, wasserstein = (ys(page, "vanishing_norms", i) for i in range(3))
    assert minimax[-1] < 1e-3 * max(minimax)
    assert other[-1] > 1.0 and 0.3 < wasserstein[-1] < 5.0

    # An earlier moment: the mark moves, D is not yet sure.
    # Each chart is drawn separately: the surface of D may follow the gradients a moment later.
    until(lambda: (late := table(page, "vanishing_judge")) and max(late) - min(late) > 0.9)
    sure = table(page, "vanishing_judge")
    moment = "[class*=st-key-vanishing_at_]"
    page.locator(f"{moment} input, {moment} [role=slider]").first.focus()
    page.keyboard.press("Home")
    until(lambda: page.evaluate(mark, "vanishing_norms") == 1)
    assert max(sure) - min(sure) > 0.9
    until(lambda: (early := table(page, "vanishing_judge")) and max(early) - min(early) < 0.9)
    choose(page, "vanishing_push", "Non-saturating")
    until(
        lambda: (
            page.evaluate(f"(key) => {GRAPH}._fullData.at(-1).line.color", "vanishing_judge")
            == page.evaluate(f"(key) => {GRAPH}._fullData[1].line.color", "vanishing_norms")
        )
    )

    # Found again after a reload.
    page.reload()
    page.locator(".st-key-told-vanishing").wait_for(timeout=120_000)
    choose(page, "vanishing_set", "Ring of 8 Gaussians")
    page.locator(".st-key-told-vanishing").wait_for(state="detached")
    assert not page.get_by_text("Traceback").count()


@pytest.mark.slow
def test_mode_collapse_live_stopped_and_found_again(page, site: str):
    open_lab(page, site, "collapse")
    choose(page, "collapse_judged", "1")
    page.get_by_text("The GAN's discriminator gets 1 update per step, both critics 5.").wait_for()
    choose(page, "prediction-collapse1", "WGAN")
    press(page, "Train all three")
    for key in ("collapse_gan", "collapse_wgan", "collapse_wgan-gp"):
        page.locator(f".st-key-{key} .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    until(lambda: len(ys(page, "collapse_modes")) > 1)
    assert traces(page, "collapse_modes") == ["GAN", "WGAN", "WGAN-GP"]
    first = ys(page, "collapse_gan", 1)
    assert len(first) == 512
    until(lambda: ys(page, "collapse_gan", 1) not in ([], first))

    # It goes on while the page is away, and is found again.
    page.reload()
    button(page, "Stop").wait_for(timeout=120_000)
    # The GAN collapses: a badge, and a mark on the chart.
    page.get_by_text(re.compile("Collapsed")).first.wait_for(timeout=240_000)
    until(lambda: any("GAN collapses" in note for note in notes(page, "collapse_modes")))
    press(page, "Stop")
    page.get_by_text(re.compile(r"Stopped at \d+ %")).wait_for()
    # Its numbers, and no verdict: the others might have collapsed later.
    verdict = page.locator(".st-key-told-collapse")
    verdict.wait_for()
    assert (
        "collapsed at step" in verdict.inner_text()
        and "% of its samples are of high quality" in verdict.inner_text()
    )
    assert "too early to tell" in verdict.inner_text() and "Why." not in verdict.inner_text()
    stopped, step = (
        re.search(pattern, page.locator("body").inner_text())[1]
        for pattern in (r"Stopped at (\d+) %", r"Seed 0, (\d+) of 600 steps")
    )
    assert int(stopped) == round(100 * int(step) / 600)


@pytest.mark.slow
def test_mode_collapse_on_digits_has_a_histogram(page, site: str):
    open_lab(page, site, "collapse")
    choose(page, "collapse_set", "MNIST, 10,000 digits")
    page.get_by_text("300 steps").first.wait_for()
    press(page, "Train all three")
    page.locator(".st-key-collapse_gan canvas").first.wait_for(timeout=120_000)
    # A reload lands on what goes on.
    page.reload()
    page.locator(".st-key-collapse_gan canvas").first.wait_for(timeout=120_000)
    until(lambda: traces(page, "collapse_classes") == ["GAN", "WGAN", "WGAN-GP", "Data"])
    shares = ys(page, "collapse_classes", 3)
    assert len(shares) == 10 and abs(sum(shares) - 100) < 0.5
    press(page, "Stop")
    page.get_by_text(re.compile(r"Stopped at \d+ %")).wait_for()
    page.get_by_text("of 10 digits").first.wait_for()


def explodes(gradient: list[float]) -> bool:
    """Whether the gradient grows a hundredfold on its way back through the hidden layers."""
    return len(gradient) == 12 and gradient[0] > 100 * gradient[-1]


@pytest.mark.slow
def test_clipping_by_c(page, site: str):
    open_lab(page, site, "clipping")
    choose(page, "clipping_set", "Ring")
    slide(page, "clipping_c", "0.1", arrow="ArrowRight")
    press(page, "Train with c = 0.1")
    page.locator(".st-key-clipping_surface_clip .js-plotly-plot .main-svg").first.wait_for(
        timeout=120_000
    )
    until(lambda: len(table(page, "clipping_surface_clip")) == 1600)
    # The deep critic of the clipped arm comes before the next arm begins.
    page.locator(".st-key-clipping_surface_gp .js-plotly-plot .main-svg").first.wait_for(
        timeout=180_000
    )
    until(lambda: "c = 0.1" in traces(page, "clipping_depth"))
    # The chart may still show a look from before the critic's last update.
    until(lambda: explodes(ys(page, "clipping_depth")))
    until(lambda: len(ys(page, "clipping_weights")) == 41)
    press(page, "Stop")
    page.get_by_text(re.compile(r"Stopped at \d+ %")).wait_for()
    verdict = page.locator(".st-key-told-clipping")
    verdict.wait_for()
    assert "explodes" in verdict.inner_text()
    # Another c: the one before stays on the chart.
    slide(page, "clipping_c", "0.05", arrow="ArrowLeft")
    page.get_by_text("No complete result for c = 0.05 yet").first.wait_for()
    assert "c = 0.1" in traces(page, "clipping_depth")


@pytest.mark.slow
def test_sensitivity_fills_cell_by_cell_and_is_cancelled(page, site: str):
    open_lab(page, site, "sensitivity")
    # The empty grid already has its axes.
    page.locator(".st-key-sensitivity_map .js-plotly-plot .main-svg").first.wait_for(
        timeout=120_000
    )
    page.locator(".st-key-sensitivity_columns input").first.click()
    page.get_by_role("option", name="Batch size").click()
    prediction = "prediction-sensitivity-learning_rate-batch_size"
    page.locator(f".st-key-{prediction}").get_by_text("Batch size").wait_for()
    choose(page, prediction, "Batch size")
    slide(page, "sensitivity_steps", "400", arrow="ArrowRight")
    press(page, "Train the grid")
    until(lambda: len([n for n in notes(page, "sensitivity_map") if n]) >= 2, 180)
    assert len(ys(page, "sensitivity_map", 1)) > 100  # samples are drawn into the cells
    assert any("★" in note for note in notes(page, "sensitivity_map"))
    press(page, "Stop")
    page.get_by_text(re.compile(r"Stopped at \d+ %")).wait_for()
    page.get_by_text("cells were not trained").wait_for()
    page.get_by_text("Floor").first.wait_for()
    still(page)
    # A chart may come a moment after the words beside it.
    cells = re.search(r"(\d+) of 9 cells", page.locator("body").inner_text())[1]
    until(lambda: len(notes(page, "sensitivity_map")) == int(cells))
    notes_before = notes(page, "sensitivity_map")
    page.reload()
    until(lambda: notes(page, "sensitivity_map") == notes_before)


def test_a_first_visit_by_deep_link_and_a_narrow_screen(page, site: str):
    page.set_viewport_size({"width": 420, "height": 800})
    open_lab(page, site, "clipping")
    page.get_by_text("Every weight of a critic").wait_for()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
