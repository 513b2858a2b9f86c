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

from tests.browser.actions import address, button, choose_points, drag, press, step, still
from tests.browser.conftest import ROOT, free_port, hyperparameter, train, until
from wgan.config import PRESETS
from wgan.jobs import TrainingJob
from wgan.runs import Run, Status, list_runs

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
)


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


CLEAR_CACHE = """message => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://${location.host}/_stcore/stream`, ["streamlit"]);
    socket.onopen = () => { socket.send(new Uint8Array(message)); setTimeout(done, 1000); };
    socket.onerror = failed;
})"""


def test_a_first_visit_by_deep_link_has_its_shell(page, url: str):
    """The folder pages/ must not throw a fresh server into Streamlit's legacy mode."""
    page.goto(f"{url}/latent")
    page.get_by_text("A walk through latent space").wait_for(timeout=120_000)
    page.get_by_role("link", name="Latent", exact=True).first.wait_for()
    assert page.title() == "WGAN Explorer"
    page.get_by_role("link", name="Go to Train and press Start").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()


def test_the_main_job(page, url: str, runs: Path):
    """One visit from Start to Stop; each part goes on with the page of the part before."""
    page.goto(f"{url}/?setup=" + '{"steps":100000}')  # it must not end by itself
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=120_000)
    page.get_by_text("Watch a network learn to draw").wait_for()
    started_run_is_watched(page)
    run_address = page.url
    assert "run=" in run_address
    zoom_survives_ten_updates(page)
    cleared_caches_end_no_training(page, runs)
    change_acts_and_leaves_a_mark(page, runs)
    networks_follow_the_training(page)
    pause_holds_and_step_once_is_one_step(page, runs)
    timeline_goes_back_and_is_in_the_address(page)
    sample_is_enlarged(page)
    at = step(page)
    page.reload()
    until(lambda: step(page) >= at)
    assert page.url == run_address and len(list_runs(runs)) == 1  # nothing restarted
    second_tab_sees_it_and_walks_on_the_newest_weights(page, url, at)
    stop_leaves_a_checkpoint(page, runs)
    assert not page.get_by_text("Traceback").count()


def started_run_is_watched(page) -> None:
    """The step count rises, and the grid's picture changes."""
    press(page, "Start")
    until(lambda: step(page) >= 20)
    first = picture(page)
    assert len(first) > 1000
    at = step(page)
    until(lambda: step(page) > at and picture(page) != first)


def zoom_survives_ten_updates(page) -> None:
    chart = page.locator(".st-key-gap .js-plotly-plot .nsewdrag").first
    chart.wait_for()
    box = chart.bounding_box()
    middle = box["y"] + box["height"] * 0.5
    drag(page, (box["x"] + box["width"] * 0.3, middle), (box["x"] + box["width"] * 0.7, middle))
    # The whole range would grow with the run's steps.
    until(lambda: axis(page)[1] - axis(page)[0] < 0.6 * step(page))
    zoomed = axis(page)
    steps = {step(page)}

    def ten_updates() -> bool:
        steps.add(step(page))
        return len(steps) > 10

    until(ten_updates)
    assert axis(page) == pytest.approx(zoomed)


def cleared_caches_end_no_training(page, runs: Path) -> None:
    """One visitor's message clears the caches of all."""
    message = list(BackMsg(clear_cache=True).SerializeToString())
    page.evaluate(CLEAR_CACHE, message)
    at = step(page)
    until(lambda: step(page) > at + 10)
    assert list_runs(runs)[0].fact("status") == Status.RUNNING


def change_acts_and_leaves_a_mark(page, runs: Path) -> None:
    """The learning rate is changed; both charts mark it."""
    thumb = hyperparameter(page, "critic_learning_rate").locator("input").first
    thumb.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: list_runs(runs)[0].changes())
    (change,) = list_runs(runs)[0].changes()
    assert change.path == "critic_learning_rate" and change.after > change.before
    for key in ("gap", "losses"):
        until(partial(has_one_mark, page, key))


def networks_follow_the_training(page) -> None:
    title = page.get_by_text("Networks, layer by layer")
    title.click()
    caption = page.get_by_text(re.compile(r"the critic at step [\d,]+, with one sample"))
    caption.wait_for()
    page.locator(".wgan-layer").first.wait_for()
    first = caption.inner_text()
    until(lambda: caption.inner_text() != first)


def pause_holds_and_step_once_is_one_step(page, runs: Path) -> None:
    press(page, "Pause")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    until(lambda: list_runs(runs)[0].status() is Status.PAUSED)
    # The buttons are drawn first, then the numbers; a pause leaves a picture at its step.
    until(lambda: step(page) == list_runs(runs)[0].previews.steps()[-1])
    paused_at = step(page)
    page.wait_for_timeout(1500)
    assert step(page) == paused_at
    page.get_by_text(f"the critic at step {paused_at:,}, with one sample").wait_for()
    press(page, "Step once")
    until(lambda: step(page) == paused_at + 1)
    page.get_by_text(f"the critic at step {paused_at + 1:,}, with one sample").wait_for()
    page.get_by_text("Networks, layer by layer").click()
    press(page, "Resume")
    until(lambda: step(page) > paused_at + 3)


def timeline_goes_back_and_is_in_the_address(page) -> None:
    """Training goes on; whoever opens the address sees the same picture."""
    slider = page.get_by_label("Training step shown")
    slider.focus()
    page.keyboard.press("Home")
    until(lambda: "step 0" in page.locator(".wgan-step").first.inner_text())
    # Until it comes, its neighbour stands in; the words for who cannot see come with the picture.
    page.locator(".wgan-made .wgan-cells[aria-label$=', step 0']").wait_for(state="attached")
    early, at = picture(page), step(page)
    until(lambda: step(page) > at)
    assert "step 0" in page.locator(".wgan-step").first.inner_text()
    until(lambda: "at=0" in address(page))
    page.reload()
    until(lambda: "step 0" in page.locator(".wgan-step").first.inner_text())
    until(lambda: picture(page) == early)
    page.locator(".wgan-live").click()
    until(lambda: picture(page) != early)
    until(lambda: "at=" not in address(page))


def sample_is_enlarged(page) -> None:
    page.locator(".wgan-made .wgan-cells button").nth(9).click()
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")


def second_tab_sees_it_and_walks_on_the_newest_weights(page, url: str, at: int) -> None:
    second = page.context.new_page()
    second.goto(url)
    until(lambda: step(second) >= at)
    second.get_by_role("link", name="Latent", exact=True).click()
    second.locator(".st-key-walk canvas").wait_for()
    weights = second.get_by_text(re.compile(r"weights of step [\d,]+"))
    weights.wait_for()
    before = weights.inner_text()
    until(lambda: weights.inner_text() != before)
    second.close()


def stop_leaves_a_checkpoint(page, runs: Path) -> None:
    """The tab's title says so, and Resume is offered."""
    press(page, "Stop")
    page.get_by_role("button", name="Resume", exact=True).wait_for()
    until(lambda: page.title().startswith("■ Stopped"))
    run = list_runs(runs)[0]
    assert run.status() is Status.STOPPED
    until(lambda: run.checkpoints.steps()[-1] == step(page))  # the numbers come after the buttons


@pytest.mark.slow
def test_points_over_the_critics_surface(page, url: str, runs: Path):
    choose_points(page, url)
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
    page.get_by_text("What should happen to the new run").wait_for()
    before = len(list_runs(runs))
    press(page, "Start it afterwards")
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
    page.get_by_text(re.compile("Evaluation at step")).wait_for(timeout=120_000)
    until(lambda: button(page, "Evaluate").is_enabled() and not button(page, "Cancel").count())


@pytest.mark.long_browser
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
    flags = "--preset toy-ring --steps 200 --checkpoint-every 100 --measure true --seed"
    for seed in (0, 1):
        train(runs, *flags.split(), str(seed))
    second, first = (run.id for run in list_runs(runs))
    url = serve(ROOT / "streamlit_app.py", env={"WGAN_RUNS": str(runs)})
    child = fork_from_step_100(page, url, runs, first)
    compare_with_the_parent(page, url, first, child)
    race_of_three(page, runs)
    delete_and_undo(page, url, runs, second)
    export_and_import(page, url, runs, second, tmp_path / "run.zip")
    assert not page.get_by_text("Traceback").count()


def fork_from_step_100(page, url: str, runs: Path, parent: str) -> str:
    """“What if I had clipped from step 100?” Return the fork."""
    page.goto(f"{url}/?run={parent}")
    page.get_by_role("button", name="Fork", exact=True).click(timeout=120_000)
    option(page, f"fork_step_{parent}_fork-0", "100")
    press(page, "Set up fork")
    page.get_by_text("Fork from step 100 of").wait_for()
    hyperparameter(page, "objective").locator("input").first.click()
    page.get_by_role("option", name="WGAN", exact=True).click()
    hyperparameter(page, "objective.clip_value").wait_for()
    press(page, "Start fork")
    until(lambda: len(list_runs(runs)) == 3)
    child = list_runs(runs)[0]
    until(lambda: child.status() is Status.FINISHED)
    origin = child.parent()
    assert origin is not None and (origin.run, origin.step) == (parent, 100)
    until(lambda: step(page) == 200 and f"run={child.id}" in page.url)
    return str(child.id)


def compare_with_the_parent(page, url: str, parent: str, child: str) -> None:
    """The child's line begins where it leaves its parent's; both share one timeline."""
    page.goto(f"{url}/compare?runs={parent},{child}&along=Step&curve=Critic+loss")
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
    until(lambda: "at=0" in address(page))
    page.reload()
    until(lambda: page.locator(".wgan-wall small").all_inner_texts() == ["step 0", "step 0"])


def race_of_three(page, runs: Path) -> None:
    """From the same seed, in fair shares."""
    press(page, "Set up a race")
    page.get_by_text("They differ in the objective").wait_for()
    press(page, "Start the race")
    until(lambda: len(list_runs(runs)) == 6)
    racing = list_runs(runs)[:3]
    assert {run.config().objective.name for run in racing} == {"gan", "wgan", "wgan-gp"}
    until(lambda: all((run.last() or run.at(0)) is not None for run in racing), 120)
    until(lambda: min(run.last().report.step for run in racing) >= 20, 120)
    seconds = [run.last().seconds for run in racing]
    assert max(seconds) < 3 * min(seconds) + 2  # shares of time, not of steps
    until(lambda: page.locator(".wgan-wall figure").count() == 3)
    press(page, "Stop all")
    until(lambda: all(not run.status().active for run in racing))


def delete_and_undo(page, url: str, runs: Path, run: str) -> None:
    page.goto(f"{url}/runs?run={run}")
    page.get_by_role("button", name="Delete", exact=True).click(timeout=120_000)
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    until(lambda: run not in [other.id for other in list_runs(runs)])
    page.get_by_text("moved to the trash").wait_for()
    press(page, "Undo")
    until(lambda: run in [other.id for other in list_runs(runs)])


def export_and_import(page, url: str, runs: Path, run: str, file: Path) -> None:
    """Out as ZIP, and in again as another run with the same reports."""
    page.goto(f"{url}/runs?run={run}")
    page.get_by_role("button", name="Export", exact=True).click(timeout=120_000)
    still(page)
    with page.expect_download() as download:
        press(page, "Complete run (ZIP)")
    download.value.save_as(file)
    page.keyboard.press("Escape")
    press(page, "Import")
    page.locator("[class*=st-key-import_file] input[type=file]").set_input_files(file)
    until(lambda: f"{run}-2" in [other.id for other in list_runs(runs)])
    imported, exported = (Run.find(name, runs).reports() for name in (f"{run}-2", run))
    assert imported["critic_loss"].tolist() == exported["critic_loss"].tolist()


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
