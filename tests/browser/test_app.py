"""The main job in a real browser: start, watch, steer, reload, stop; and how the server ends."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser.conftest import free_port, hyperparameter, train, until
from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status, list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def url(serve, runs: Path) -> str:
    return serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})


def metric(page, name: str) -> str:
    card = page.locator(".wgan-cards > div", has=page.get_by_text(name, exact=True))
    return str(card.locator("dd").first.inner_text())


def step(page) -> int:
    try:
        return int(metric(page, "Step").replace(",", ""))
    except playwright.Error:
        return -1


def picture(page) -> str:
    """The pixels of the grid on show."""
    return str(page.evaluate("document.querySelector('.wgan-made canvas')?.toDataURL() ?? ''"))


def has_one_mark(page, key: str) -> bool:
    shapes = f"document.querySelector('.st-key-{key} .js-plotly-plot').layout.shapes"
    return page.evaluate(f"{shapes}.length") == 1


def axis(page) -> list[float]:
    return list(
        page.evaluate("document.querySelector('.st-key-gap .js-plotly-plot').layout.xaxis.range")
    )


def still(page) -> None:
    """Wait until no script of the page runs, twice in a row: one rerun may follow another."""
    for _ in range(2):
        page.wait_for_timeout(300)
        page.locator("[data-test-script-state=notRunning]").first.wait_for(timeout=120_000)


def button(page, name: str):
    """The app's own buttons of a name: while a script runs, Streamlit's header has a "Stop" too."""
    ours = page.locator("button:not([kind=header])")
    return page.get_by_role("button", name=name, exact=True).and_(ours)


def press(page, name: str) -> None:
    button(page, name).first.click()


def asked(page) -> str:
    """What stands behind the question mark of the address, now."""
    return page.evaluate("location.search")


CLEAR_CACHE = """message => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://${location.host}/_stcore/stream`, ["streamlit"]);
    socket.onopen = () => { socket.send(new Uint8Array(message)); setTimeout(done, 1000); };
    socket.onerror = failed;
})"""


def test_a_first_visit_by_deep_link_has_its_shell(page, url: str):
    """The folder pages/ must not throw a fresh server into Streamlit's legacy mode."""
    page.goto(f"{url}/latent")
    page.get_by_text("A walk through latent space").wait_for(timeout=120_000)
    assert page.get_by_role("link", name="Latent", exact=True).count() >= 1
    assert page.title() == "WGAN Explorer"
    page.get_by_role("link", name="Go to Train and press Start").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()


def test_the_main_job(page, url: str, runs: Path):
    page.goto(url)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    page.get_by_text("Watch a network learn to draw").wait_for()

    # Start: the step count rises and the grid's picture changes.
    press(page, "Start")
    until(lambda: step(page) >= 20)
    first = picture(page)
    assert len(first) > 1000
    at = step(page)
    until(lambda: step(page) > at and picture(page) != first)
    address = page.url
    assert "run=" in address

    # Zoom survives ten updates.
    page.locator(".st-key-gap .js-plotly-plot .nsewdrag").first.wait_for()
    box = page.locator(".st-key-gap .js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    # The whole range would grow with the run's steps.
    until(lambda: axis(page)[1] - axis(page)[0] < 0.6 * step(page))
    zoomed = axis(page)
    seen = {step(page)}

    def ten_updates() -> bool:
        seen.add(step(page))
        return len(seen) > 10

    until(ten_updates)
    assert axis(page) == pytest.approx(zoomed)

    # One visitor's message that clears the caches of all does not end the training.
    message = list(BackMsg(clear_cache=True).SerializeToString())
    page.evaluate(CLEAR_CACHE, message)
    at = step(page)
    until(lambda: step(page) > at + 10)
    assert list_runs(runs)[0].fact("status") == Status.RUNNING

    # Change the learning rate: it acts, and leaves a mark on both charts.
    thumb = hyperparameter(page, "critic_learning_rate").locator("input").first
    thumb.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: list_runs(runs)[0].changes())
    (change,) = list_runs(runs)[0].changes()
    assert change.path == "critic_learning_rate" and change.after > change.before
    for key in ("gap", "losses"):
        until(partial(has_one_mark, page, key))

    # Pause holds, step once is one step, resume goes on.
    press(page, "Pause")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    until(lambda: list_runs(runs)[0].status() is Status.PAUSED)
    # The buttons are drawn first, then the numbers; a pause leaves a picture at its step.
    until(lambda: step(page) == list_runs(runs)[0].previews.steps()[-1])
    held = step(page)
    page.wait_for_timeout(1500)
    assert step(page) == held
    press(page, "Step once")
    until(lambda: step(page) == held + 1)
    press(page, "Resume")
    until(lambda: step(page) > held + 3)

    # The timeline goes back while training goes on.
    slider = page.get_by_label("Training step shown")
    slider.focus()
    page.keyboard.press("Home")
    until(lambda: "step 0" in page.locator(".wgan-step").first.inner_text())
    # Until it comes, its neighbour stands in; the words for who cannot see come with the picture.
    page.locator(".wgan-made .wgan-cells[aria-label$=', step 0']").wait_for(state="attached")
    early, at = picture(page), step(page)
    until(lambda: step(page) > at)
    assert "step 0" in page.locator(".wgan-step").first.inner_text()

    # The address knows the step: whoever opens it sees the same picture.
    until(lambda: "at=0" in asked(page))
    page.reload()
    until(lambda: "step 0" in page.locator(".wgan-step").first.inner_text())
    until(lambda: picture(page) == early)
    page.locator(".wgan-live").click()
    until(lambda: picture(page) != early)
    until(lambda: "at=" not in asked(page))

    # A sample is enlarged by a click.
    page.locator(".wgan-made .wgan-cells button").nth(9).click()
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")

    # Reload: the same run, nothing restarted.
    at = step(page)
    page.reload()
    until(lambda: step(page) >= at)
    assert page.url == address and len(list_runs(runs)) == 1

    # A second tab sees it too; the latent page walks on the newest weights.
    second = page.context.new_page()
    second.goto(url)
    until(lambda: step(second) >= at)
    second.get_by_role("link", name="Latent", exact=True).click()
    second.locator(".st-key-walk canvas").wait_for()
    second.get_by_text(re.compile(r"weights of step [\d,]+")).wait_for()
    words = second.get_by_text(re.compile(r"weights of step [\d,]+"))
    before = words.inner_text()
    until(lambda: words.inner_text() != before)
    second.close()

    # Stop: a checkpoint, the sign in the tab's title, and Resume is offered.
    press(page, "Stop")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    until(lambda: page.title().startswith("■ Stopped"))
    run = list_runs(runs)[0]
    assert run.status() is Status.STOPPED
    until(lambda: run.checkpoints.steps()[-1] == step(page))  # the numbers come after the buttons
    assert not page.get_by_text("Traceback").count()


@pytest.mark.slow
def test_points_over_the_critics_surface(page, url: str, runs: Path):
    page.goto(url)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    page.locator("[class*='st-key-preset'] input").first.click()
    page.get_by_role("option", name="Eight piles of points").click()
    chosen = hyperparameter(page, "dataset").locator("input").first
    until(lambda: chosen.input_value() == "Ring of 8 Gaussians")
    press(page, "Start")
    # The new run takes the place of the one before.
    page.get_by_role("heading", name="Ring of 8 Gaussians").wait_for(timeout=120_000)
    until(lambda: step(page) >= 10)
    names = "document.querySelector('.st-key-stage .js-plotly-plot')?.data.map(t => t.name) ?? []"
    until(lambda: {"Real", "Fake", "Push on fakes"} <= set(page.evaluate(names)))
    # The critic's surface and the points are painted on a canvas under Plotly's axes; they move.
    paint = "document.querySelector('.st-key-stage .wgan-plane > canvas').toDataURL()"
    first = page.evaluate(paint)
    until(lambda: page.evaluate(paint) != first)
    page.get_by_role("link", name="Latent", exact=True).click()
    page.locator(".st-key-walk canvas").wait_for()
    page.get_by_role("link", name="Train").click()
    until(lambda: step(page) >= 10)
    # A second start while this one runs says so, and queues.
    page.get_by_text("Next run", exact=True).click()
    press(page, "Start next")
    page.get_by_text("Queue the new run behind it").wait_for()
    before = len(list_runs(runs))
    press(page, "Queue it")
    until(lambda: len(list_runs(runs)) == before + 1)
    page.get_by_role("button", name="Cancel the last", exact=True).wait_for()
    press(page, "Cancel the last")
    until(lambda: len(list_runs(runs)) == before)

    # An evaluation of a run that has ended goes on before one's eyes, to its end.
    page.get_by_role("heading", name="Ring of 8 Gaussians").wait_for()
    press(page, "Stop")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    still(page)
    press(page, "Evaluate")
    page.get_by_text(re.compile("Evaluation of step")).wait_for(timeout=120_000)
    until(lambda: button(page, "Evaluate").is_enabled() and not button(page, "Cancel").count())


def test_the_server_ends_with_a_checkpoint_and_offers_to_resume(page, tmp_path: Path):
    """SIGTERM while a run trains: exit code 0; a new server offers the interrupted run."""
    # A small one: a server has 1.5 s for what a run writes at its end.
    config = PRESETS["toy-ring"].config.changed({"steps": 10**6, "measure": False})
    runs = tmp_path / "runs"
    job = TrainingJob(Run.create(config, runs), threads=1)
    job.prepare()
    job.step()
    job.finish(Status.STOPPED)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "streamlit_app.py",
        "--server.headless=true",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
    ]

    def launch() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "WGAN_RUNS": str(runs)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: _answers(port))
        return process

    process = launch()
    try:
        page.goto(f"http://127.0.0.1:{port}")
        page.get_by_role("button", name="Resume", exact=True).click(timeout=120_000)
        until(lambda: step(page) >= 10)
        page.goto("about:blank")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        (run,) = list_runs(runs)
        assert run.status() is Status.INTERRUPTED
        last = run.checkpoints.steps()[-1]
        assert last >= 10 and isinstance(run, Run)
        process = launch()
        page.goto(f"http://127.0.0.1:{port}")
        page.get_by_text("was interrupted at step").wait_for(timeout=120_000)
        press(page, "Resume")
        until(lambda: step(page) > last)
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def option(page, key: str, name: str) -> None:
    page.locator(f".st-key-{key} input").first.click()
    page.get_by_role("option", name=name, exact=True).click()


@pytest.mark.slow
def test_a_time_machine(page, serve, tmp_path: Path):
    """Fork, compare, race, delete and undo, out as ZIP and in again."""
    runs = tmp_path / "runs"
    for seed in (0, 1):
        train(
            runs,
            "--preset",
            "toy-ring",
            "--steps",
            "200",
            "--checkpoint-every",
            "100",
            "--measure",
            "true",
            "--seed",
            str(seed),
        )
    second, first = (run.id for run in list_runs(runs))
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})

    # Fork: "what if I had clipped from step 100?"
    page.goto(f"{url}/?run={first}")
    page.get_by_role("button", name="Fork", exact=True).click(timeout=120_000)
    option(page, f"fork_step_{first}", "100")
    press(page, "Prepare the fork")
    page.get_by_text("Fork from step 100 of").wait_for()
    hyperparameter(page, "objective").locator("input").first.click()
    page.get_by_role("option", name="WGAN", exact=True).click()
    hyperparameter(page, "objective.clip_value").wait_for()
    press(page, "Start fork")
    until(lambda: len(list_runs(runs)) == 3)
    child = list_runs(runs)[0]
    until(lambda: child.status() is Status.FINISHED)
    parent = child.parent()
    assert parent is not None and (parent.run, parent.step) == (first, 100)
    until(lambda: step(page) == 200 and f"run={child.id}" in page.url)

    # Compare: the child's line begins where it leaves its parent's.
    page.goto(f"{url}/compare?runs={first},{child.id}&along=Step&curve=Critic+loss")
    page.locator(".st-key-compare .js-plotly-plot .main-svg").first.wait_for(timeout=120_000)
    lines = page.evaluate(
        """() => document.querySelector(".st-key-compare .js-plotly-plot")._fullData
          .filter((trace) => trace.showlegend).map((trace) => [trace.name, ...trace.x])"""
    )
    assert [line[0] for line in lines] == ["WGAN-GP", "WGAN"]
    assert lines[0][1] == 10 and lines[1][1] == 100 and lines[1][-1] == 200
    slider = page.get_by_role("slider", name="Moment shown")
    until(lambda: page.locator(".wgan-wall small").all_inner_texts() == ["step 200", "step 200"])
    slider.focus()
    page.keyboard.press("Home")
    until(lambda: page.locator(".wgan-wall small").all_inner_texts() == ["step 0", "step 0"])
    until(lambda: "at=0" in asked(page))
    page.reload()
    until(lambda: page.locator(".wgan-wall small").all_inner_texts() == ["step 0", "step 0"])

    # Race: three from the same seed, in fair shares.
    press(page, "New race")
    page.get_by_text("but for the objective").wait_for()
    press(page, "Start the race")
    until(lambda: len(list_runs(runs)) == 6)
    racing = list_runs(runs)[:3]
    assert {run.config().objective.name for run in racing} == {"gan", "wgan", "wgan-gp"}
    until(lambda: all((run.last() or run.at(0)) is not None for run in racing), 120)
    until(lambda: min(run.last().report.step for run in racing) >= 20, 120)
    spent = [run.last().seconds for run in racing]
    assert max(spent) < 3 * min(spent) + 2  # shares of time, not of steps
    until(lambda: page.locator(".wgan-wall figure").count() == 3)
    press(page, "Stop all")
    until(lambda: all(not run.status().active for run in racing))

    # Delete, and undo.
    page.goto(f"{url}/runs?run={second}")
    page.get_by_role("button", name="Delete", exact=True).click(timeout=120_000)
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    until(lambda: second not in [run.id for run in list_runs(runs)])
    page.get_by_text("moved to the trash").wait_for()
    press(page, "Undo")
    until(lambda: second in [run.id for run in list_runs(runs)])

    # Out as ZIP, and in again as another run.
    page.goto(f"{url}/runs?run={second}")
    page.get_by_role("button", name="Export", exact=True).click(timeout=120_000)
    still(page)
    with page.expect_download() as download:
        press(page, "Whole run")
    file = tmp_path / "run.zip"
    download.value.save_as(file)
    page.keyboard.press("Escape")
    press(page, "Import")
    page.locator("[class*=st-key-import_file] input[type=file]").set_input_files(file)
    until(lambda: f"{second}-2" in [run.id for run in list_runs(runs)])
    twin = Run.find(f"{second}-2", runs)
    a, b = twin.reports(), Run.find(second, runs).reports()
    assert a["critic_loss"].tolist() == b["critic_loss"].tolist()
    assert not page.get_by_text("Traceback").count()


@pytest.mark.slow
def test_a_run_of_the_command_line_appears_live(page, serve, tmp_path: Path):
    runs = tmp_path / "runs"
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "wgan",
            "train",
            "--preset",
            "toy-ring",
            "--threads",
            "1",
            "--quiet",
            "--steps",
            "1000000",
            "--runs-dir",
            str(runs),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: bool(list_runs(runs)) and (list_runs(runs)[0].last() is not None))
        page.goto(f"{url}/?run={list_runs(runs)[0].id}")
        page.get_by_text("trained by another process").wait_for(timeout=120_000)
        until(lambda: step(page) > 0)
        at = step(page)
        until(lambda: step(page) > at)
        assert page.get_by_role("button", name="Pause", exact=True).count() == 0
    finally:
        process.kill()
        process.wait()
    page.get_by_text("was interrupted at step").wait_for(timeout=120_000)
