"""The results as rows and sections, and the page docs/metrics.md with all of them."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from wgan.metrics import find_network


@dataclass(frozen=True)
class Row:
    """One metric of one set: our value, those of the oracles, and the known answer."""

    what: str
    name: str
    ours: float
    oracles: dict[str, float]
    known: str = ""
    """A closed form, or the value in FACTS.md §4 with its classifier."""
    deviation: float | None = None


@dataclass(frozen=True)
class Section:
    """A table with a title and an explanation."""

    title: str
    words: str
    rows: list[Row]
    known: str = "known answer"


def number_text(value: float) -> str:
    """Return a number with four significant digits; 0 if it is smaller than the error of float64."""
    if abs(value) < 1e-9:
        return "0"
    if abs(value) < 1e-3:
        return f"{value:.1e}".replace("-", "−")
    return f"{value:,.4g}".replace("-", "−")


def section_lines(section: Section) -> list[str]:
    """Return a section as lines of Markdown."""
    oracles = list(dict.fromkeys(name for row in section.rows for name in row.oracles))
    has_one_oracle = len(oracles) == 1
    heads = ["set", "metric", "ours"]
    heads += [oracles[0]] if has_one_oracle else ["oracles"]
    heads += ["largest difference", section.known]
    lines = ["", f"## {section.title}", "", section.words, ""]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in section.rows:
        ours = number_text(row.ours) + ("" if row.deviation is None else f" ± {row.deviation:.2g}")
        oracle_texts = [
            number_text(value) if has_one_oracle else f"{number_text(value)} ({name})"
            for name, value in row.oracles.items()
        ]
        difference = max(
            (abs(row.ours - value) for value in row.oracles.values()), default=math.nan
        )
        cells = [
            row.what,
            f"`{row.name}`",
            ours,
            "<br>".join(oracle_texts),
            "" if math.isnan(difference) else number_text(difference),
            row.known,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def page_text(sections: Sequence[Section], absent: Sequence[str], seconds: float) -> str:
    """Return the page docs/metrics.md."""
    libraries = {
        name: version(name)
        for name in ("torch", "torchmetrics", "prdc", "pot", "scipy", "scikit-learn", "numpy")
    }
    network = find_network("mnist", (1, 28, 28))
    fashion_network = find_network("fashion-mnist", (1, 28, 28))
    lines = [
        "# Metrics against oracles",
        "",
        "Written by `make metrics` (`python -m benchmarks.metrics`): our metrics on sets whose answer is "
        "known, each beside the same number computed by somebody else. A name's settings are those of the "
        "app: `fid64_10k` is a Fréchet distance of 10,000 pictures in 64 features.",
        "",
        f"Features: `{network.name}` {network.hash} (test accuracy {100 * (network.accuracy or 0):.2f} %) and "
        f"`{fashion_network.name}` {fashion_network.hash} ({100 * (fashion_network.accuracy or 0):.2f} %).",
        "",
        "Where FACTS.md §4 has a figure it stands beside ours. They are FIDs of another small classifier, "
        "whose weights are not known; a FID means nothing without its network, so ours are on another scale. "
        "What must agree is the order: the floor is lowest by far and falls with the number of pictures, "
        "and each damaged set lies far above it.",
        "",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{k} {v}" for k, v in libraries.items())
        + f"; {seconds:.0f} seconds of processor time.",
    ]
    if absent:
        lines += [
            "",
            f"Not on this machine, so left out: {', '.join(absent)} (set `WGAN_DATA`). The bundled digits "
            "stand for MNIST: 1,000 held out, measured against their own 10,000 for training.",
        ]
    for section in sections:
        lines += section_lines(section)
    return "\n".join(lines) + "\n"
