"""Downloads of a run. Each file is created when its button is pressed."""

from collections.abc import Callable

import streamlit as st

from pages.ui.core.downloads import download, file_maker
from pages.ui.core.session import session
from wgan.export import FORMATS, bug_report, command_line, export, export_samples, snippet
from wgan.jobs import RunSnapshot

SAMPLES = 64


def popover(snapshot: RunSnapshot) -> None:
    """Offer all formats. One that is not possible for this run is disabled, with the reason."""
    with st.popover(
        "Export",
        icon=":material/download:",
        help="Download the run, its curves, pictures or networks.",
    ):
        st.caption(
            "Each file is created when you press its button. Films and models take some seconds."
        )
        for suffix, kind in FORMATS.items():
            lacks = _lacks(snapshot, suffix)
            download(
                f"{kind.title}",
                _content(snapshot.run, suffix),
                f"{snapshot.run}{suffix}",
                key=f"export{suffix}",
                help=f"{kind.help} {lacks}".strip(),
                disabled=bool(lacks),
                width="stretch",
            )
        if snapshot.config.dataset.kind == "pictures":
            download(
                f"{SAMPLES} samples (PNG)",
                _samples(snapshot.run),
                f"{snapshot.run}-samples.png",
                key="export.png",
                help="A grid of new samples from the newest checkpoint.",
                disabled=not snapshot.checkpoint_steps,
                width="stretch",
            )


def _lacks(snapshot: RunSnapshot, suffix: str) -> str:
    if suffix in (".onnx", ".pt2") and not snapshot.checkpoint_steps:
        return "**There is no checkpoint yet.**"
    if suffix in (".gif", ".webp", ".mp4") and not snapshot.preview_steps:
        return "**There are no previews yet.**"
    return ""


def _content(name: str, suffix: str) -> Callable[[], bytes]:
    library = session().library
    return file_maker(suffix, lambda out: export(library.run(name), out))


def _samples(name: str) -> Callable[[], bytes]:
    library = session().library
    return file_maker(
        ".png", lambda out: export_samples(library.run(name), out, count=SAMPLES, seed=0)
    )


def bug_report_button(name: str) -> None:
    """Offer a ZIP that helps to understand a failure."""
    library = session().library
    download(
        "Bug report",
        lambda: bug_report(library.run(name)),
        f"bug-report-{name}.zip",
        icon=":material/bug_report:",
        key="bug_report",
        help="Settings, versions, the last reports and the log, without pictures and weights.",
    )


def recipe(name: str) -> tuple[str, str]:
    """Return the command line and the Python code that repeat a run. Raises RunError."""
    run = session().library.run(name)
    return command_line(run), snippet(run)
