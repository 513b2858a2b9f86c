"""`wgan app`: open the app in the browser."""

import os
import subprocess
import sys
from pathlib import Path

import click

from wgan.access import AccessSettings, Role, SettingError, ShareTokens
from wgan.cli.main import UsageError
from wgan.cli.options import StrictCommand, runs_dir_option
from wgan.export import bring_once
from wgan.paths import app_script


@click.command("app", cls=StrictCommand)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, help="Default: 8501.")
@click.option("--headless", is_flag=True, help="Do not open the browser, only print the address.")
@click.option(
    "--share",
    is_flag=True,
    help="Open the app to other machines, for those who have a link. Three links are printed: for viewers, "
    "for members (the control link), and for you.",
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="URL",
    help="With --share: an address under which visitors open the app, such as https://gan.example.org. "
    "Default: the address of this machine in its network.",
)
@click.option(
    "--new-links",
    is_flag=True,
    help="With --share: make new links, so that the old ones are invalid.",
)
@click.option(
    "--folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of this machine from which pictures can be added on the Data page.",
)
@runs_dir_option
def app_command(
    port: int,
    headless: bool,
    share: bool,
    urls: tuple[str, ...],
    new_links: bool,
    folders: tuple[Path, ...],
    runs_dir: Path,
) -> int:
    """Open the app in the browser. Stop it with Ctrl+C.

    The first time, the trained examples are copied into the folder of the runs. Without --share, only
    browsers on this machine can open the app.
    """
    script = app_script()
    if script is None:
        raise UsageError(
            "This installation does not contain the app. Install the complete package."
        )
    runs_dir.mkdir(parents=True, exist_ok=True)
    bring_once(runs_dir)
    if (urls or new_links) and not share:
        raise UsageError("The options --url and --new-links need --share.")
    environment = {**os.environ, "WGAN_RUNS": str(runs_dir.resolve())}
    if share:
        environment["WGAN_SHARE"] = "1"
    if urls:
        environment["WGAN_URL"] = " ".join(urls)
    if folders:
        environment["WGAN_FOLDERS"] = os.pathsep.join(str(folder.resolve()) for folder in folders)
    try:
        access = AccessSettings.from_environment(environment)
    except SettingError as error:
        raise UsageError(str(error)) from None
    if new_links:
        tokens = ShareTokens(runs_dir)
        for role in Role:
            tokens.renew(role)
    # -P: a module in the current folder must not replace one of ours.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    command.append(f"--server.port={port}")
    if access.share:
        # All network interfaces. The links are printed by the app itself, because a browser that Streamlit
        # opens has no token.
        command.append("--server.address=0.0.0.0")
    if headless or access.share:
        command.append("--server.headless=true")
    if os.name == "posix":
        os.execve(sys.executable, command, environment)
    return subprocess.run(command, env=environment, check=False).returncode
