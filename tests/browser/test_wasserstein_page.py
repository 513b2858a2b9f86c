"""The Wasserstein lab in a real browser: piles shaped and moved, a function bent, networks trained."""

import contextlib
import re
from functools import partial

import pytest

from tests.browser.actions import button, drag, metric, press, traces
from tests.browser.conftest import until

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

PILES, BEND = ".wgan-field > svg", ".wgan-bend > svg"


def visit(page, site: str, lab: str, wait: str) -> None:
    page.goto(f"{site}/wasserstein?lab={lab}")
    page.locator(wait).first.wait_for(timeout=120_000)


def place(page, drawing: str, column: int, y: float, height: float) -> tuple[float, float]:
    """Where a column of a drawing (760 wide, `height` high) is on the screen."""
    box = page.locator(drawing).bounding_box()
    x = 8 + (column + 0.5) * (760 - 16) / 16
    return box["x"] + x / 760 * box["width"], box["y"] + y / height * box["height"]


def pile(page, column: int, *, below: bool = False) -> tuple[float, float]:
    return place(page, PILES, column, 300 if below else 140, 338)


def number(page, name: str) -> float:
    text = metric(page, name).split()[0].replace("−", "-").replace(",", "")
    return float(text.replace("∞", "inf"))


def has_changed(page, name: str, before: float) -> bool:
    return number(page, name) != before


def says(page) -> str:
    return str(page.locator(".wgan-piles output").inner_text())


def mode(page, name: str) -> None:
    page.locator(".wgan-modes").get_by_role("button", name=name, exact=True).click()


def loads(page) -> list[list[float]]:
    """From which column to which every load goes, and where it is drawn."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('.wgan-load[data-from]')].map((r) =>
              [r.dataset.from, r.dataset.to, r.getAttribute('x'), r.getAttribute('y')].map(Number))"""
        )
    )


def test_a_plan_by_hand_against_the_best(page, site: str):
    visit(page, site, "earth", PILES)
    assert (
        number(page, "Cheapest plan") == number(page, "Formula") == number(page, "Linear program")
    )
    assert page.get_by_text("Why.").count() == 0
    page.locator(".st-key-prediction-earth").get_by_text("No, never").click()

    # Dragged: earth from column 1 goes to column 13, which is dear.
    mode(page, "Move it yourself")
    drag(page, pile(page, 1), pile(page, 13, below=True))
    until(lambda: "40 % moved for 4.80" in says(page))
    until(lambda: metric(page, "Your plan") == "4.80 columns · 40 % moved")
    # Clicked: first the one, then the other.
    page.mouse.click(*pile(page, 4))
    page.mouse.click(*pile(page, 3, below=True))
    until(lambda: "60 % moved for 5.00" in says(page))
    # Taken back, and all of it.
    press(page, "Undo")
    until(lambda: "40 % moved" in says(page))
    press(page, "Reset")
    until(lambda: "Drag earth" in says(page))
    until(lambda: metric(page, "Your plan") == "0.00 columns · 0 % moved")
    # What is dropped on earth that is not needed stays where it is.
    drag(page, pile(page, 1), pile(page, 0, below=True))
    assert loads(page) == []
    # Let another rule finish it: a whole plan, dearer than the best.
    drag(page, pile(page, 1), pile(page, 13, below=True))
    until(lambda: len(loads(page)) == 1)
    press(page, "Nearest first")
    page.get_by_text("Why.").wait_for()
    assert number(page, "Your plan") > number(page, "Cheapest plan")
    page.get_by_text("As you predicted").wait_for()
    assert "Your plan costs" in says(page)

    # The film of the cheapest plan: it runs, pauses, and can be set by hand.
    mode(page, "Cheapest plan")
    until(lambda: len(loads(page)) == 4)
    before = loads(page)
    until(lambda: loads(page) != before)
    press(page, "Pause")
    slider = page.locator(".wgan-piles input[type=range]")
    slider.fill("1")
    end = loads(page)
    page.wait_for_timeout(300)
    assert loads(page) == end and [load[:2] for load in end] == [[1, 3], [1, 7], [4, 7], [9, 13]]
    slider.fill("0")
    assert loads(page) != end
    press(page, "Play")
    until(lambda: loads(page) == end)


def test_piles_are_shaped_with_mouse_and_keyboard(page, site: str):
    visit(page, site, "earth", PILES)
    before = number(page, "Cheapest plan")
    start = place(page, PILES, 11, 120, 338)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*place(page, PILES, 14, 40, 338), steps=6)
    # While the hand is on it, the browser alone knows the cost.
    until(lambda: float(says(page).rsplit(": ", 1)[1]) != before)
    assert number(page, "Cheapest plan") == before
    page.mouse.up()
    until(lambda: number(page, "Cheapest plan") != before)
    until(lambda: float(says(page).rsplit(": ", 1)[1]) == number(page, "Cheapest plan"))
    assert (
        number(page, "Cheapest plan") == number(page, "Formula") == number(page, "Linear program")
    )
    page.get_by_placeholder("Shaped by you").wait_for()

    after = number(page, "Cheapest plan")
    page.get_by_role("application", name=re.compile("The mould")).focus()
    for key in ("ArrowRight", "PageUp", "PageUp", "PageUp"):
        page.keyboard.press(key)
    until(lambda: number(page, "Cheapest plan") != after)
    page.get_by_role("application", name=re.compile("The mould, column 1")).wait_for()
    # A pile that is there begins anew.
    page.locator("[class*='st-key-earth-preset-earth'] input").click()
    page.get_by_role("option", name="A hill, slid").click()
    until(lambda: number(page, "Cheapest plan") == 6)
    until(lambda: says(page).endswith("6.00"))


def test_a_plan_is_built_with_the_keyboard(page, site: str):
    visit(page, site, "earth", PILES)
    mode(page, "Move it yourself")
    page.get_by_role("application", name=re.compile("The earth")).focus()
    for key in ("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(lambda: metric(page, "Your plan") == "0.40 columns · 20 % moved")


def test_who_wants_no_motion_sees_where_it_ends(page, site: str):
    page.emulate_media(reduced_motion="reduce")
    visit(page, site, "earth", PILES)
    mode(page, "Cheapest plan")
    until(lambda: len(loads(page)) == 4)
    page.get_by_role("button", name="Play", exact=True).wait_for()
    end = loads(page)
    page.locator(".wgan-piles input[type=range]").fill("0")
    assert loads(page) != end


def test_a_function_is_bent_and_never_exceeds_the_distance(page, site: str):
    visit(page, site, "dual", BEND)
    w1 = number(page, "Cheapest plan")
    says = page.locator(".wgan-bend output")
    assert number(page, "Your lower bound") == 0

    def knob(column: int, y: float) -> tuple[float, float]:
        return place(page, BEND, column, y, 336)

    # While the hand is on it, the gauge follows, and Python has not heard yet.
    page.mouse.move(*knob(13, 116))
    page.mouse.down()
    page.mouse.move(*knob(13, 40), steps=6)
    until(lambda: "bound is 0.00" not in says.inner_text())
    assert number(page, "Your lower bound") == 0
    page.mouse.up()
    until(lambda: number(page, "Your lower bound") > 0)
    # Wild bends, up and down: it stays 1-Lipschitz and below W₁.
    for column, y in ((1, 200), (7, 20), (4, 200), (9, 8), (13, 100), (2, 15)):
        before = number(page, "Your lower bound")
        drag(page, knob(column, 116), knob(column, y))
        until(partial(has_changed, page, "Your lower bound", before))
        assert number(page, "Your lower bound") <= w1 and number(page, "Steepest slope") <= 1
        bound = float(re.search(r"bound is (\S+)", says.inner_text())[1].replace("−", "-"))
        assert bound == pytest.approx(number(page, "Your lower bound"), abs=0.011)
    page.get_by_text("Why.").wait_for()
    # Flat again; then two bends reach nearly all, and the best function is shown.
    press(page, "Reset")
    until(lambda: number(page, "Your lower bound") == 0)
    drag(page, knob(13, 116), knob(13, 50))
    until(lambda: number(page, "Your lower bound") > 0)
    first = number(page, "Your lower bound")
    drag(page, knob(1, 116), knob(1, 195))
    until(lambda: number(page, "Your lower bound") > first)
    assert first < number(page, "Your lower bound") <= w1
    assert page.locator(".wgan-optimal").count() == 0
    press(page, "Optimal function")
    page.locator(".wgan-optimal").wait_for(state="attached")
    page.get_by_text("The dashed function reaches it").wait_for()
    # With the keyboard.
    press(page, "Reset")
    until(lambda: number(page, "Your lower bound") == 0)
    page.locator(BEND).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    until(lambda: number(page, "Your lower bound") != 0)


@pytest.mark.slow
def test_clouds_and_their_blur(page, site: str):
    visit(page, site, "plane", ".st-key-skip-plane")
    assert page.locator(".st-key-plane_blurred").count() == 0
    press(page, "Skip the prediction")
    page.locator(".st-key-plane_blurred .js-plotly-plot .main-svg").first.wait_for()
    assert number(page, "Sinkhorn cost") >= number(page, "Exact cost") == number(page, "W₁")
    assert number(page, "W₂") >= number(page, "W₁")
    cost = number(page, "Sinkhorn cost")
    page.locator(".st-key-plane-epsilon").get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    until(lambda: number(page, "Sinkhorn cost") > cost)
    page.get_by_text("Why.").wait_for()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.get_by_text(re.compile("Not converged after")).wait_for()
    page.locator(".st-key-plane-p").get_by_text("its square").click()
    until(lambda: number(page, "Exact cost") == pytest.approx(number(page, "W₂") ** 2, abs=0.01))


def test_points_of_clouds_are_moved_with_mouse_and_keyboard(page, site: str):
    visit(page, site, "plane", ".wgan-clouds circle")
    page.locator(".st-key-prediction-plane").get_by_text("It raises it").click()
    page.locator(".st-key-plane_blurred").wait_for()
    first = number(page, "W₁")
    dot = page.locator(".wgan-clouds circle").first
    drawing = page.locator(".wgan-clouds > svg").bounding_box()

    def middle() -> tuple[float, float] | None:
        """Return the middle of the dot; None while the drawing is replaced."""
        box = dot.bounding_box()
        return box and (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    # Dragged far from the other cloud: the distance grows.
    corner = (drawing["x"] + 6, drawing["y"] + 6)
    drag(page, middle(), corner)
    until(lambda: number(page, "W₁") > first)
    until(lambda: middle() == pytest.approx(corner, abs=3))
    # Clicked: the chosen point goes to the place of the next click.
    before = number(page, "W₁")
    page.mouse.click(drawing["x"] + drawing["width"] * 0.55, drawing["y"] + 6)
    until(lambda: number(page, "W₁") < before)
    # Reset, then with the keyboard.
    press(page, "Reset the points")
    until(lambda: number(page, "W₁") == first)
    page.locator(".wgan-clouds > svg").focus()
    page.keyboard.press("PageDown")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    until(lambda: number(page, "W₁") > first)
    page.get_by_role("application", name=re.compile("Fake point at")).wait_for()


@pytest.mark.slow
def test_shapes_are_slid_apart(page, site: str):
    visit(page, site, "apart", ".st-key-skip-apart")
    assert page.locator(".st-key-apart_values").count() == 0
    press(page, "Skip the prediction")
    page.locator(".st-key-apart_values .js-plotly-plot .main-svg").first.wait_for()
    assert set(traces(page, "apart_values")) == {"W₁", "JS", "KL", "TV"}
    page.locator(".st-key-apart-theta").get_by_role("slider").focus()
    page.keyboard.press("End")
    until(lambda: metric(page, "W₁") == "4.000 slope 1.000")
    until(lambda: metric(page, "JS") == "0.693 slope 0.000")
    assert metric(page, "KL").startswith("∞")
    page.get_by_text("Why.").wait_for()
    shapes = page.locator(".st-key-apart-shape")
    shapes.get_by_text("Parallel lines").click()
    until(lambda: "Plan" in traces(page, "apart_picture"))
    shapes.get_by_text("Gaussians").click()
    until(lambda: number(page, "KL") == 32)


@pytest.mark.slow
def test_critics_learn_the_dual_live(page, site: str):
    visit(page, site, "learned", ".st-key-learned_optimal .js-plotly-plot .main-svg")
    press(page, "Train both")
    page.locator(".st-key-learned_proofs .js-plotly-plot .main-svg").first.wait_for()
    assert traces(page, "learned_proofs") == ["Clipped", "Penalised", "W₁"]
    ended = page.get_by_text(re.compile("After 600 updates the lower bound of the clipped critic"))
    with contextlib.suppress(playwright.Error):  # a fast machine has ended before it is pressed
        button(page, "Stop").first.click(timeout=3_000)
    page.get_by_text("Stopped at").or_(ended).first.wait_for()
    if not ended.count():
        press(page, "Train both")
    ended.wait_for(timeout=120_000)
    clipped, penalised = (number(page, name) for name in ("Clipped", "Penalised"))
    assert 0 <= clipped <= 100 and 80 < penalised <= 100


@pytest.mark.slow
def test_a_discriminator_saturates_live_and_its_gradient_is_measured(page, site: str):
    visit(page, site, "opposed", ".st-key-skip-opposed")
    press(page, "Skip the prediction")
    page.locator(".st-key-opposed_pushes .js-plotly-plot .main-svg").first.wait_for()
    assert len(traces(page, "opposed_pushes")) == 3
    page.locator(".st-key-opposed-mu").get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    press(page, "Train both")
    page.get_by_text(re.compile("Update .* of 500")).first.wait_for()
    page.get_by_text("Why.").wait_for(timeout=120_000)
    page.get_by_text("At μ = 6.5 σ").wait_for()
    assert number(page, "Minimax") < 0.2 < number(page, "Critic") < 2
    until(lambda: len(traces(page, "opposed_pushes")) == 6)
    # Another separation: what is shown says of which it is.
    page.locator(".st-key-opposed-mu").get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.get_by_text("This result has μ = 6.5 σ").wait_for()
    assert not page.get_by_text("Traceback").count()
