"""`wgan app`: open the app in the browser."""

import os
import subprocess
import sys
from pathlib import Path

import click

from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, runs_dir_option
from wgan.export import bring_once
from wgan.paths import app_script


@click.command("app", cls=StrictCommand)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, help="Default: 8501.")
@click.option("--headless", is_flag=True, help="Do not open the browser, only print the address.")
@runs_dir_option
def app_command(port: int, headless: bool, runs_dir: Path) -> int:
    """Open the app in the browser. Stop it with Ctrl+C.

    The first time, the trained examples are copied into the folder of the runs.
    """
    script = app_script()
    if script is None:
        raise UsageError(
            "This installation does not contain the app. Install the complete package."
        )
    runs_dir.mkdir(parents=True, exist_ok=True)
    bring_once(runs_dir)
    environment = {**os.environ, "WGAN_RUNS": str(runs_dir.resolve())}
    # -P: a module in the current folder must not replace one of ours.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    command.append(f"--server.port={port}")
    if headless:
        command.append("--server.headless=true")
    if os.name == "posix":
        os.execve(sys.executable, command, environment)
    return subprocess.run(command, env=environment, check=False).returncode
