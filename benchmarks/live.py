"""The cost of watching a training, compared with budgets and with a baseline of the same measurement.

    python -m benchmarks.live [--preset quick-mnist] [--rounds 3] [--seconds 12]

Starts the app on this machine, presses Start in a headless Chromium, and alternates between an open
page and about:blank. Server times are measured with AppTest, without a browser.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from streamlit.testing.v1 import AppTest

from wgan.config import PRESETS
from wgan.runs import Run, list_runs

ROOT = Path(__file__).parents[1]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def serve(
    runs: Path, script: Path = ROOT / "streamlit_app.py"
) -> tuple["subprocess.Popen[bytes]", str]:
    """Start an app and wait until it answers; return its process and address.

    Compilation is off: it takes a core for a minute once, which is not a cost of watching.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(script),
            "--server.headless=true",
            "--server.address=127.0.0.1",
            f"--server.port={port}",
        ],
        cwd=script.parent,
        env={**os.environ, "WGAN_RUNS": str(runs), "WGAN_COMPILE": "off"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: answers(port), 60)
    return process, f"http://127.0.0.1:{port}"


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def until(true: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.1)


def step_of(run: Run) -> tuple[float, float]:
    last = run.last()
    return (last.report.step, last.seconds) if last else (0, 0.0)


def rate(run: Run, seconds: float) -> float:
    time.sleep(1.5)
    before, start = step_of(run), time.monotonic()
    time.sleep(seconds)
    return (step_of(run)[0] - before[0]) / (time.monotonic() - start)


def start_in_browser(page: Page, url: str, preset: str, runs: Path) -> Run:
    """Press Start for a preset and wait until its run is training."""
    page.goto(url)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=90_000)
    if preset != "quick-mnist":
        page.locator(".st-key-preset input").click()
        page.get_by_role("option", name=PRESETS[preset].title, exact=True).click()
        page.wait_for_timeout(2000)
    page.get_by_role("button", name="Start", exact=True).click()
    until(lambda: bool(list_runs(runs)), 60)
    run = list_runs(runs)[0]
    until(lambda: step_of(run)[0] > 50, 180)
    return run


class Watcher:
    """Counts the bytes that an open page receives and the time that it computes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bytes: list[int] = []
        page.on("websocket", lambda s: s.on("framereceived", lambda f: self.bytes.append(len(f))))
        # Measure its CPU time, and also the wall-clock time, which includes waiting for the shared
        # cores.
        self.own, self.wall = (page.context.new_cdp_session(page) for _ in range(2))
        self.own.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        for tools in (self.own, self.wall):
            tools.send("Performance.enable")

    def busy(self) -> tuple[float, float]:
        """Return the CPU time and the wall-clock time of the main thread so far, in seconds."""

        def of(tools: Any) -> float:
            metrics = tools.send("Performance.getMetrics")["metrics"]
            return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

        return of(self.own), of(self.wall)

    def over(self, seconds: float) -> dict[str, float]:
        self.page.evaluate(
            "window.longest = 0; window.seen ??= new PerformanceObserver(l => l.getEntries().forEach("
            "e => window.longest = Math.max(window.longest, e.duration)));"
            "window.seen.observe({type: 'longtask'})"
        )
        self.bytes.clear()
        before = self.busy()
        self.page.wait_for_timeout(seconds * 1000)
        return {
            "kB": sum(self.bytes) / seconds / 1000,
            "browser_ms": (self.busy()[0] - before[0]) / seconds * 1000,
            "browser_wall_ms": (self.busy()[1] - before[1]) / seconds * 1000,
            "longest_task_ms": float(self.page.evaluate("window.longest")),
        }


def server_times(runs: Path, n: int = 40) -> dict[str, float]:
    """Return the p95 time of n full page runs, of the live panel alone, and of an empty script."""
    os.environ["WGAN_RUNS"] = str(runs)
    os.chdir(ROOT)

    def panel() -> None:
        from pages.ui.core.session import session
        from pages.ui.panels import run_panel

        run = session().newest()
        assert run is not None
        run_panel.panel(run, run_panel.page_token(session().snapshot(run)))

    def empty() -> None:
        import streamlit as st

        st.metric("x", 1)

    apps = {
        "page_p95_ms": AppTest.from_file(str(ROOT / "pages/ui/main.py"), default_timeout=60),
        "panel_p95_ms": AppTest.from_function(panel, default_timeout=60),
        "empty_p95_ms": AppTest.from_function(empty, default_timeout=60),
    }
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(n):
        for name, app in apps.items():
            start = time.perf_counter()
            app.run()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: quantile(values[3:], 0.95) for name, values in times.items()}


@dataclass
class Watching:
    """The cost of an open page, measured in turns with no open page."""

    costs: list[dict[str, float]]  # of the open page, in each round
    watched: list[float]  # steps per second with an open page, in each round
    alone: list[float]  # steps per second without one, in each round
    paused: dict[str, float]  # of the open page while the run is paused
    run: Run


def watch(
    chromium: str, url: str, preset: str, runs: Path, *, rounds: int, seconds: float
) -> Watching:
    """Start a run in a browser and measure it in turns with and without the open page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        watcher = Watcher(page)
        run = start_in_browser(page, url, preset, runs)
        costs, watched, alone = [], [], []
        for _ in range(rounds):
            page.goto("about:blank")
            alone.append(rate(run, seconds))
            page.goto(f"{url}/?run={run.id}")
            page.get_by_role("button", name="Pause", exact=True).wait_for(timeout=60_000)
            page.wait_for_timeout(8000)  # the page is loaded and has drawn everything once
            start = step_of(run)[0], time.monotonic()
            costs.append(watcher.over(seconds))
            watched.append((step_of(run)[0] - start[0]) / (time.monotonic() - start[1]))
        page.get_by_role("button", name="Pause", exact=True).click()
        page.get_by_role("button", name="Resume", exact=True).wait_for(timeout=60_000)
        page.wait_for_timeout(4000)
        paused = watcher.over(6.0)
        page.get_by_role("button", name="Resume", exact=True).click()
        page.wait_for_timeout(3000)
        browser.close()
    return Watching(costs, watched, alone, paused, run)


def summary(watching: Watching) -> dict[str, Any]:
    """Return the medians over all rounds by name."""
    numbers: dict[str, Any] = {}
    for name in ("kB", "browser_ms", "browser_wall_ms", "longest_task_ms"):
        numbers[name] = statistics.median(cost[name] for cost in watching.costs)
        numbers[f"paused_{name}"] = watching.paused[name]
    numbers["steps_per_second_alone"] = statistics.median(watching.alone)
    numbers["steps_per_second_watched"] = statistics.median(watching.watched)
    pairs = [1 - w / a for w, a in zip(watching.watched, watching.alone, strict=True)]
    numbers["slowed_by"] = statistics.median(pairs)
    return numbers


def stop(process: "subprocess.Popen[bytes]", run: Run) -> dict[str, Any]:
    """Send SIGTERM to the app; return its exit status, the time that this takes, and the last checkpoint."""
    signal_time = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return {
        "exit_code": process.wait(30),
        "exit_seconds": time.monotonic() - signal_time,
        "checkpoint_at_exit": run.checkpoints.steps()[-1],
    }


def print_table(numbers: dict[str, Any]) -> None:
    """Print each number beside its budget."""
    rows = [
        (
            "bytes an update, page",
            "kB",
            75,
            "kB",
            f"paused {numbers['paused_kB']:.1f} kB (at most 2)",
        ),
        (
            "browser main thread an update",
            "browser_ms",
            120,
            "ms",
            f"paused {numbers['paused_browser_ms']:.0f} ms; by the clock, with waiting for a core: "
            f"{numbers['browser_wall_ms']:.0f} ms (paused {numbers['paused_browser_wall_ms']:.0f})",
        ),
        ("longest task", "longest_task_ms", 100, "ms", ""),
        ("panel, server p95", "panel_p95_ms", 50, "ms", f"empty {numbers['empty_p95_ms']:.0f} ms"),
        ("full page run p95", "page_p95_ms", 150, "ms", f"empty {numbers['empty_p95_ms']:.0f} ms"),
        ("SIGTERM to exit", "exit_seconds", 3, "s", f"code {numbers['exit_code']}"),
        (
            "training slowed by",
            "slowed_by",
            0.10,
            "",
            f"{numbers['steps_per_second_alone']:.1f} → {numbers['steps_per_second_watched']:.1f} steps/s",
        ),
    ]
    print(f"{'what':32}{'measured':>10}{'budget':>9}      beside")
    for title, key, budget, unit, note in rows:
        print(f"{title:32}{numbers[key]:>10.2f}{budget:>9g} {unit:4} {note}")


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick-mnist", choices=["quick-mnist", "toy-ring"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in the variable CHROMIUM.")
    runs = Path(tempfile.mkdtemp())
    process, url = serve(runs)
    try:
        watching = watch(
            chromium, url, options.preset, runs, rounds=options.rounds, seconds=options.seconds
        )
        numbers = summary(watching) | stop(process, watching.run) | server_times(runs)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(runs, ignore_errors=True)
    print(f"{options.preset}, one session, 1 update/s, load {os.getloadavg()[0]:.1f}")
    print_table(numbers)
    print(json.dumps({key: round(value, 3) for key, value in numbers.items()}))


if __name__ == "__main__":
    main()
