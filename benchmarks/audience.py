"""The cost of an audience: training speed and response times with 0, 1, 5, 20 and 50 open pages.

    python -m benchmarks.audience [--sessions 1 5 20 50] [--trials 5] [--seconds 10]

Starts the app and a training on this machine, then opens sessions that use Streamlit's protocol.
Like a browser, each loads the page and requests its live fragments at their intervals, but it draws
nothing. Trials alternate between no session and N. The sessions run in a separate process that
shares the cores, like a browser on this machine (but unlike the browsers of a class); its CPU time
is reported, too.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from playwright.sync_api import sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Subprotocol

from benchmarks.live import quantile, rate, serve, start_in_browser, step_of
from wgan.runs import Run

FINISHED = ForwardMsg.FINISHED_SUCCESSFULLY


class Visitor:
    """An open page: the bytes that it has received, and the duration of each update."""

    def __init__(self, url: str, query: str, page: str = "") -> None:
        self.url, self.query, self.page = url, query, page
        self.page_hash = ""
        self.page_ms: float = 0.0
        self.updates: list[tuple[float, float]] = []  # (time of the request, duration in ms)
        self.bytes: list[tuple[float, int]] = []
        self.faults = 0
        self._timers: dict[str, tuple[float, float]] = {}  # fragment: interval, next time
        self._announced: set[str] = set()  # fragments with a timer in the newest run

    def _asked(self, fragment: str = "") -> bytes:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self.query, self.page_hash
        if not self.page_hash:
            state.page_name = self.page
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
        return bytes(message.SerializeToString())

    async def watch(self, ready: asyncio.Semaphore, end: asyncio.Event) -> None:
        """Load the page, and update it until `end` is set."""
        async with websockets.connect(
            f"{self.url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            compression=None,
        ) as socket:
            async with ready:  # spread the loading, which is not measured, over time
                self.page_ms = await self._run(socket, self._asked())
            while not end.is_set():
                now = time.monotonic()
                due = min((due for _, due in self._timers.values()), default=now + 0.2)
                if due > now:
                    await self._listen(socket, until=min(due, now + 0.2))
                    continue
                fragment = min(self._timers, key=lambda name: self._timers[name][1])
                interval, _ = self._timers[fragment]
                self._timers[fragment] = interval, now + interval
                took = await self._run(socket, self._asked(fragment))
                self.updates.append((now, took))

    async def _run(self, socket: Any, message: bytes) -> float:
        """Send a request, wait until its script has finished, and return the duration in ms."""
        start = time.monotonic()
        await socket.send(message)
        while True:
            if self._heard(await asyncio.wait_for(socket.recv(), 120)):
                return 1000 * (time.monotonic() - start)

    async def _listen(self, socket: Any, until: float) -> None:
        with contextlib.suppress(TimeoutError):
            self._heard(await asyncio.wait_for(socket.recv(), max(0.001, until - time.monotonic())))

    def _heard(self, raw: bytes) -> bool:
        self.bytes.append((time.monotonic(), len(raw)))
        message = ForwardMsg()
        message.ParseFromString(raw)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.page_hash = message.new_session.page_script_hash
            self._announced.clear()
        elif kind == "auto_rerun":
            seconds = message.auto_rerun.interval
            self._timers[message.auto_rerun.fragment_id] = seconds, time.monotonic() + seconds
            self._announced.add(message.auto_rerun.fragment_id)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._timers.pop(fragment, None)
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            self.faults += 1
        elif kind == "script_finished" and message.script_finished == FINISHED:
            # The whole page was drawn anew, so older fragments are gone.
            self._timers = {k: v for k, v in self._timers.items() if k in self._announced}
        # A full script run may follow that of a fragment (st.rerun). Then the update is not
        # finished yet.
        return kind == "script_finished" and message.script_finished in (
            FINISHED,
            ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
        )


async def audience(url: str, query: str, sessions: int, seconds: float) -> dict[str, float]:
    """Open some pages, wait until they are loaded, print "ready", and update them for some seconds."""
    end, ready = asyncio.Event(), asyncio.Semaphore(2)
    visitors = [Visitor(url, query) for _ in range(sessions)]
    tasks = [asyncio.create_task(visitor.watch(ready, end)) for visitor in visitors]
    while not all(visitor.updates for visitor in visitors):
        await asyncio.sleep(0.2)
        for task in tasks:
            if task.done():
                task.result()
    await asyncio.sleep(3.0)
    print("ready", flush=True)
    start, used = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    stop, used = time.monotonic(), time.process_time() - used
    end.set()
    await asyncio.gather(*tasks)
    took = [ms for visitor in visitors for when, ms in visitor.updates if start <= when < stop]
    received = sum(n for visitor in visitors for when, n in visitor.bytes if start <= when < stop)
    return {
        "updates_per_second": len(took) / (stop - start),
        "update_median_ms": quantile(took, 0.5),
        "update_p95_ms": quantile(took, 0.95),
        "page_p95_ms": quantile([visitor.page_ms for visitor in visitors], 0.95),
        "kB_per_update": received / max(1, len(took)) / 1000,
        "generator_cores": used / (stop - start),
        "faults": float(sum(visitor.faults for visitor in visitors)),
    }


def watched(url: str, run: Run, sessions: int, seconds: float) -> dict[str, float]:
    """Measure a training while another process updates open pages."""
    client = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.audience",
            "--visit",
            url,
            "--run",
            run.id,
            "--sessions",
            str(sessions),
            "--seconds",
            str(seconds),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    if client.stdout.readline().strip() != "ready":
        raise RuntimeError("The audience found no seats: see the error above.")
    before, start = step_of(run)[0], time.monotonic()
    time.sleep(seconds)
    steps = (step_of(run)[0] - before) / (time.monotonic() - start)
    result: dict[str, float] = json.loads(client.stdout.readline())
    client.wait(60)
    return result | {"steps_per_second": steps}


def interval(values: list[float], draws: int = 4000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(np.median(np.array(values)[chosen], axis=1), (0.025, 0.975))
    return float(low), float(high)


def start_training(url: str, preset: str, runs: Path, query: str = "") -> Run:
    """Start a training in a browser, then close the browser; the training continues."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium found: install one, or name it in the variable CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        run = start_in_browser(page, url + query, preset, runs)
        browser.close()
    return run


def main() -> None:
    """Print the results as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick-mnist")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 5, 20, 50])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--visit", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.visit:
        result = asyncio.run(
            audience(options.visit, f"run={options.run}", options.sessions[0], options.seconds)
        )
        print(json.dumps(result), flush=True)
        return
    runs = Path(tempfile.mkdtemp())
    process, url = serve(runs)
    rows: list[dict[str, Any]] = []
    try:
        run = start_training(url, options.preset, runs)
        trials: dict[int, list[dict[str, float]]] = {n: [] for n in options.sessions}
        for _ in range(options.trials):
            for sessions in options.sessions:
                alone = rate(run, options.seconds)
                result = watched(url, run, sessions, options.seconds)
                trials[sessions].append(result | {"alone": alone})
                print(json.dumps({"sessions": sessions, **trials[sessions][-1]}), file=sys.stderr)
        for sessions, results in trials.items():
            slowdowns = [1 - trial["steps_per_second"] / trial["alone"] for trial in results]
            median = {k: statistics.median(trial[k] for trial in results) for k in results[0]}
            rows.append(
                {
                    "sessions": sessions,
                    **median,
                    "slowed_by": statistics.median(slowdowns),
                    "slowed_low": interval(slowdowns)[0],
                    "slowed_high": interval(slowdowns)[1],
                }
            )
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(runs, ignore_errors=True)
    print(
        f"{options.preset}, {options.trials} alternated trials of {options.seconds:g} s, medians; "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        "| sessions | steps/s alone → watched | slowed by (95 %) | update median / p95 ms | page p95 ms "
        "| kB an update | cores of the asking |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['sessions']} | {row['alone']:.1f} → {row['steps_per_second']:.1f} "
            f"| {100 * row['slowed_by']:.0f} % ({100 * row['slowed_low']:.0f} to {100 * row['slowed_high']:.0f}) "
            f"| {row['update_median_ms']:.0f} / {row['update_p95_ms']:.0f} | {row['page_p95_ms']:.0f} "
            f"| {row['kB_per_update']:.1f} | {row['generator_cores']:.2f} |"
        )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
