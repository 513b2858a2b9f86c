"""Response times of the Latent page with an example's generator, while nothing trains.

    python -m benchmarks.latent [--run example-mnist-wgan-gp] [--moves 30] [--rounds 3]

In a headless Chromium, it measures the time from a slider's input event to the new picture, how many
pictures a second follow a slider that moves at each frame of the screen, and the time from “New
waypoints” to the first frame of the new walk. The sliders are measured in turns with the server's
pictures (the browser is given no generator) and with those that the browser makes itself. For
comparison, it measures the generator alone.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.live import quantile, serve
from wgan.imaging import encode, tile
from wgan.latent import Models, draw_z, walk
from wgan.runs import Run

ROOT = Path(__file__).parents[1]
FRAMES = 60
PUBLISHED = "**/wgan-assets/published/*"
"""Addresses of the generators that the browser runs."""

MOVE = """async (value) => {
  const root = document.querySelector(".wgan-dials");
  const input = root.querySelector("input[type=range]");
  const before = root.dataset.shown;
  const start = performance.now();
  const seen = new Promise((done) => {
    const look = new MutationObserver(() => {
      if (root.dataset.shown === before) return;
      look.disconnect();
      done(performance.now() - start);
    });
    look.observe(root, { attributes: true });
  });
  input.value = value;
  input.dispatchEvent(new Event("input"));
  return seen;
}"""


SWEEP = """async (milliseconds) => {
  const root = document.querySelector(".wgan-dials");
  const input = root.querySelector("input[type=range]");
  let [pictures, moves, positions] = [0, 0, ""];
  const look = new MutationObserver(() => {
    pictures += root.dataset.shown !== positions; // an answer of the server can show the same again
    positions = root.dataset.shown;
  });
  look.observe(root, { attributes: true, attributeFilter: ["data-shown"] });
  const start = performance.now();
  while (performance.now() - start < milliseconds) {
    await new Promise(requestAnimationFrame);
    input.value = 2 * Math.sin(++moves / 10);
    input.dispatchEvent(new Event("input"));
  }
  look.disconnect();
  return [pictures, moves].map((count) => (1000 * count) / (performance.now() - start));
}"""
"""Moves a slider at each frame; returns the pictures and the movements in a second."""


def dials(
    page: Page, url: str, moves: int, *, by_browser: bool
) -> tuple[list[float], tuple[float, float]]:
    """Return the milliseconds from each movement of a slider to the new picture; and, while it moves at each
    frame, the pictures and the movements in a second.

    Args:
        page: The page.
        url: The address of the Latent page with the run.
        moves: Number of single movements.
        by_browser: Whether the browser makes the pictures, else the server.
    """
    if not by_browser:
        page.route(PUBLISHED, lambda route: route.fulfill(body=b"\0\0\0\0"))  # no generator
    page.goto(f"{url}&section=directions")
    maker = "browser" if by_browser else "server"
    page.locator(f".wgan-dials[data-made={maker}][data-shown]").wait_for(timeout=90_000)
    page.wait_for_timeout(2000)
    times = []
    for i in range(moves + 3):
        times.append(float(page.evaluate(MOVE, (-1) ** i * (0.5 + i / 20))))
        page.wait_for_timeout(150)
    pictures, movements = page.evaluate(SWEEP, 3000)
    page.unroute_all()
    return times[3:], (pictures, movements)


def walks(models: Models, rounds: int = 7) -> list[float]:
    """Return the milliseconds to generate and encode a walk of 60 frames, as the page does."""
    times = []
    for seed in range(rounds + 1):
        stops = draw_z(seed, 5, models.config.latent_dim)
        start = time.perf_counter()
        path, _ = walk(stops, FRAMES)
        encode(tile(models.make(path), 16))
        times.append(1000 * (time.perf_counter() - start))
    return times[1:]


def in_browser(page: Page, url: str, rounds: int) -> list[float]:
    """Return the milliseconds from each “New waypoints” to the first frame of the new walk."""
    page.goto(f"{url}&section=walk")
    page.locator(".st-key-walk canvas").wait_for(timeout=90_000)
    page.wait_for_timeout(2000)
    # Stop the player, so that a new picture means a new walk.
    page.locator(".st-key-walk canvas").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    picture = "document.querySelector('.st-key-walk canvas').toDataURL()"
    times = []
    for _ in range(rounds):
        before = page.evaluate(picture)
        start = time.perf_counter()
        page.get_by_role("button", name="New waypoints").click()
        page.wait_for_function(f"(b) => {picture} !== b", arg=before, polling=20)
        times.append(1000 * (time.perf_counter() - start))
        page.wait_for_timeout(500)
    return times


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="example-mnist-wgan-gp")
    parser.add_argument("--moves", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3, help="of both makers in turns")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in the variable CHROMIUM.")
    runs = ROOT / "checkpoints"
    state, _ = Run.find(options.run, runs).checkpoints.read()
    models = Models(state.config, state.tensors, state.step)
    process, url = serve(runs)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            address = f"{url}/latent?run={options.run}"
            times: dict[str, list[float]] = {"dial_server": [], "dial_browser": []}
            rates: dict[str, list[tuple[float, float]]] = {"server": [], "browser": []}
            for _ in range(options.rounds):
                for maker, measured in rates.items():
                    moved, rate = dials(page, address, options.moves, by_browser=maker == "browser")
                    times[f"dial_{maker}"] += moved
                    measured.append(rate)
            times["new_walk_in_browser"] = in_browser(page, address, 7)
            browser.close()
    finally:
        process.terminate()
        process.wait()
    times["walk_of_60"] = walks(models)
    z = np.repeat(draw_z(0, 1, models.config.latent_dim), 32, axis=0)
    times["generator_32"] = _timed(lambda: models.make(z))
    rows = [
        (
            "slider's move to the new picture, server",
            "dial_server",
            100,
            f"of it the generator, 32 pictures: {statistics.median(times['generator_32']):.0f} ms",
        ),
        ("slider's move to the new picture, browser", "dial_browser", 16, "32 pictures"),
        ("walk of 60 frames, made and encoded", "walk_of_60", 1500, ""),
        ("new waypoints to the first frame, browser", "new_walk_in_browser", 1500, "70 frames"),
    ]
    print(f"{options.run}, load {os.getloadavg()[0]:.1f}")
    print(f"{'what':44}{'median':>8}{'p95':>8}{'budget':>8}      beside")
    for title, key, budget, beside in rows:
        values = times[key]
        print(
            f"{title:44}{statistics.median(values):>8.0f}{quantile(values, 0.95):>8.0f}{budget:>8} ms   {beside}"
        )
    for maker, measured in rates.items():
        pictures, movements = (statistics.median(values) for values in zip(*measured, strict=True))
        print(
            f"pictures a second while a slider moves at each of {movements:.0f} frames a second, {maker}: {pictures:.0f}"
        )
    print(json.dumps({key: round(statistics.median(values), 1) for key, values in times.items()}))


def _timed(act: Any, rounds: int = 20) -> list[float]:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - start))
    return times[2:]


if __name__ == "__main__":
    main()
