"""The package as pip installs it: commands and the app work from any folder, and write nothing into it."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import free_port, until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel was installed, read-only."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    folders = ("wgan", "pages", ".streamlit")
    for name in folders:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for example in (ROOT / "checkpoints").glob("example-*"):
        shutil.copytree(example, source / "checkpoints" / example.name)
    for name in ("streamlit_app.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)],
        check=True,
    )
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"wgan", "wgan_explorer"}
    assert not any(name.endswith((".test.js", ".d.ts", ".pyc")) for name in names)
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    shutil.rmtree(source)
    for path in [site, *site.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    return site


@pytest.fixture
def away(installed: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with nothing in it, and an environment in which the wheel is installed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("WGAN_RUNS", "PYTHONPATH")}
    environment |= {
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "WGAN_COMPILE": "off",
    }
    (tmp_path / "here").mkdir()
    yield tmp_path / "here", environment
    assert list((tmp_path / "here").iterdir()) == []


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_an_installed_package_trains_and_its_app_shows_the_examples(
    installed: Path, away: tuple[Path, dict[str, str]], page
):
    folder, environment = away
    before = files(installed)
    wgan = [sys.executable, "-m", "wgan"]
    quick = ["--preset", "toy-ring", "--steps", "3", "--threads", "1", "--measure", "false"]
    done = subprocess.run(
        [*wgan, "train", *quick, "--quiet"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    run = Path(json.loads(done.stdout.splitlines()[-1])["run"])
    assert run.parent == Path(environment["XDG_DATA_HOME"]) / "wgan-explorer" / "runs"

    port = free_port()
    command = [*wgan, "app", "--headless", "--port", str(port)]
    log = folder.parent / "app.txt"
    with log.open("wb") as out:
        app = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        until(lambda: "URL:" in log.read_text())
        page.goto(f"http://127.0.0.1:{port}/latent?run=example-mnist-wgan-gp")
        page.locator(".st-key-walk canvas").first.wait_for(timeout=120_000)
        assert "digits" in page.locator("h4").first.inner_text()
        # The font of our own config.toml, wherever the app was started.
        font = page.evaluate("getComputedStyle(document.querySelector('.stApp')).fontFamily")
        assert font.startswith("system-ui")
    finally:
        app.terminate()
        app.wait(60)
    assert app.returncode == 0
    examples = {path.name for path in run.parent.glob("example-*")}
    assert len(examples) == len(list((ROOT / "checkpoints").glob("example-*")))
    assert files(installed) == before
