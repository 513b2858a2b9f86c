"""The first minute: from the command to a page, from a page to Start, and from Start to the first pictures.

    python -m benchmarks.first_minute [--rounds 5]

Each round starts the app with an empty folder of runs, and visits it in a headless Chromium. It
measures the times to the first contentful paint and until Start can be pressed, both for the first
and for a second visit, and the time from the press to the first preview. For comparison, it
measures imports in separate processes, and the same visit to an app of one line. All results are
medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.live import ROOT, serve

IMPORTS = ("numpy", "torch", "streamlit", "plotly", "wgan.session", "pages.ui.train.page")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def imports(rounds: int) -> dict[str, float]:
    """Return the median seconds to import each module in a new process."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    for _ in range(rounds):
        for name in IMPORTS:
            process = subprocess.run(
                [sys.executable, "-c", code.format(name)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            times[name].append(float(process.stdout.splitlines()[-1]))
    return {name: statistics.median(values) for name, values in times.items()}


def visit(browser: Browser, url: str, ready: str) -> tuple[float, float]:
    """Open a page in a new context; return the seconds to its first paint, and until `ready` appears."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(PAINT, polling=20)
    paint = float(page.evaluate(PAINT)) / 1000
    page.wait_for_function(ready, polling=20, timeout=90_000)
    able = time.perf_counter() - start
    context.close()
    return paint, able


START = """[...document.querySelectorAll('button')].some(
    (b) => b.innerText.trim().endsWith('Start') && !b.disabled)"""


def round_of(browser: Browser, script: Path, ready: str) -> dict[str, float]:
    """Start an app, visit it twice, and press Start if it has one."""
    runs = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    process, url = serve(runs, script)
    try:
        served = time.perf_counter() - began
        first, able = visit(browser, url, ready)
        again, able_again = visit(browser, url, ready)
        times = {
            "served": served,
            "first_paint": first,
            "first_ready": able,
            "second_paint": again,
            "second_ready": able_again,
        }
        if ready == START:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(url)
            button = page.get_by_role("button", name="Start", exact=True)
            button.wait_for(timeout=90_000)
            page.wait_for_timeout(1000)
            start = time.perf_counter()
            button.click()
            page.locator(".wgan-made canvas").first.wait_for(timeout=90_000)
            times["start_to_preview"] = time.perf_counter() - start
            page.close()
        return times
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(runs, ignore_errors=True)


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in the variable CHROMIUM.")
    one_line = Path(tempfile.mkdtemp()) / "app.py"
    one_line.write_text("import streamlit as st\nst.button('Start')\n", "utf-8")
    apps = {"app": ROOT / "streamlit_app.py", "one line": one_line}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in apps}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(options.rounds):
            for name, script in apps.items():
                ready = START if name == "app" else START.replace("!b", "true || !b")
                rounds[name].append(round_of(browser, script, ready))
        browser.close()
    shutil.rmtree(one_line.parent)
    table = {
        name: {key: statistics.median(times[key] for times in visits) for key in visits[0]}
        for name, visits in rounds.items()
    }
    titles = {
        "served": "command to a server that answers",
        "first_paint": "first visit: to its first paint",
        "first_ready": "first visit: until Start can be pressed",
        "second_paint": "second visit: to its first paint",
        "second_ready": "second visit: until Start can be pressed",
        "start_to_preview": "Start to the first preview",
    }
    print(f"medians of {options.rounds}, load {os.getloadavg()[0]:.1f}")
    print("| what | app, s | an app of one line, s |\n|---|---|---|")
    for key, title in titles.items():
        one_line_time = table["one line"].get(key)
        print(
            f"| {title} | {table['app'][key]:.2f} | {'' if one_line_time is None else f'{one_line_time:.2f}'} |"
        )
    costs = imports(options.rounds)
    for name, seconds in costs.items():
        print(f"| import {name} | {seconds:.2f} | |")
    print(json.dumps({"apps": table, "imports": costs}))


if __name__ == "__main__":
    main()
