"""Export and import of runs. The suffix of the file selects the format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wgan.export.archive import bug_report, export_zip, import_zip
from wgan.export.examples import (
    EXAMPLES,
    Example,
    bring_once,
    copy_examples,
    missing_examples,
    ship,
)
from wgan.export.film import export_film
from wgan.export.models import export_onnx, export_program
from wgan.export.recipe import command_line, nearest_preset, snippet
from wgan.export.report import export_report
from wgan.export.samples import export_samples
from wgan.export.tables import export_csv, export_tensorboard
from wgan.export.walks import export_walk, write_film, write_walk
from wgan.runs import Run, RunError

__all__ = [
    "EXAMPLES",
    "FORMATS",
    "Example",
    "Format",
    "bring_once",
    "bug_report",
    "command_line",
    "copy_examples",
    "export",
    "export_csv",
    "export_samples",
    "export_tensorboard",
    "export_walk",
    "export_zip",
    "import_zip",
    "missing_examples",
    "nearest_preset",
    "ship",
    "snippet",
    "write_film",
    "write_walk",
]


@dataclass(frozen=True)
class Format:
    """A file format in which a run can be written."""

    title: str
    help: str
    write: Callable[[Run, Path], Mapping[str, object]]


FORMATS: dict[str, Format] = {
    ".zip": Format(
        "Complete run (ZIP)",
        "All files of the run. You can import it on another machine.",
        export_zip,
    ),
    ".csv": Format(
        "Reports (CSV)",
        "All reports. The columns with times are the last ones.",
        lambda r, o: {"reports": export_csv(r, o)},
    ),
    ".html": Format(
        "Web page (HTML)",
        "One file that works without a network connection, also on a phone: samples over time, "
        "curves, and how to repeat the run. For pictures, also the latent space to explore.",
        export_report,
    ),
    ".gif": Format("Film (GIF)", "The samples from the first step to the last.", export_film),
    ".webp": Format("Film (WebP)", "Like the GIF, with all colours.", export_film),
    ".mp4": Format("Film (MP4)", "Like the GIF, for slides and messages.", export_film),
    ".onnx": Format(
        "Generator (ONNX)",
        "The averaged generator for other programs. Input: z (N, latent dimensions). Output: "
        "values in [−1, 1], or points. The result is compared with torch.",
        export_onnx,
    ),
    ".pt2": Format(
        "Generator (torch.export)",
        "The averaged generator as a program that PyTorch can run without this library.",
        export_program,
    ),
}


def export(run: Run, out: Path) -> Mapping[str, object]:
    """Write a run in the format of the suffix of `out`; return facts about the file, such as its size.

    Raises:
        RunError: The suffix is not in FORMATS, or the file cannot be written.
    """
    if out.suffix not in FORMATS:
        raise RunError(
            f"A run can be written as {', '.join(FORMATS)}, not as {out.suffix or out.name!r}."
        )
    try:
        return FORMATS[out.suffix].write(run, out)
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror or error}).") from error
