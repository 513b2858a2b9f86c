"""Line charts as SVG, for pages that contain no chart library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

import numpy as np

from wgan.arrays import F64
from wgan.figures import Figure

WIDTH, HEIGHT = 860, 240
NARROW = 360
"""Width of a chart for phones."""

LEFT, RIGHT, TOP, BOTTOM = 56, 28, 30, 34
TICKS = 5
LEGEND_LINE = 18
"""Height of a line of the legend."""


@dataclass(frozen=True)
class Scale:
    """Places in a chart of this width, with this space for the legend, in pixels."""

    width: int
    top: float
    x_span: tuple[float, float]
    y_span: tuple[float, float]

    @property
    def right(self) -> int:
        """The end of the x axis."""
        return self.width - RIGHT

    def x(self, value: float) -> float:
        """Return the place of a value on the x axis."""
        low, high = self.x_span
        return LEFT + (value - low) / (high - low) * (self.right - LEFT)

    def y(self, value: float) -> float:
        """Return the place of a value on the y axis."""
        low, high = self.y_span
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - self.top - BOTTOM)


def svg_chart(figure: Figure, title: str, width: int = WIDTH) -> str:
    """Return the lines of a figure as SVG, with axes, legend and marks.

    Colours are CSS variables, so that the page can define a light and a dark theme.

    Args:
        figure: A figure of `wgan.figures` whose traces are lines over one pair of axes; of other traces, those
            with `text` are drawn as marks at their x, and the rest is left out.
        title: Its name for screen readers.
        width: Width of the chart in pixels. In a narrow one, the legend has several lines.
    """
    lines = [t for t in figure["data"] if t.get("mode") == "lines" and len(t["x"])]
    marks = [t for t in figure["data"] if t.get("mode") == "markers" and "text" in t]
    arrays = [(np.asarray(t["x"], np.float64), np.asarray(t["y"], np.float64)) for t in lines]
    legend, legend_lines = _legend([t for t in lines if t.get("showlegend", True)], width)
    scale = Scale(
        width,
        TOP + LEGEND_LINE * (legend_lines - 1),
        _span([x for x, _ in arrays], zero=True),
        _span([y for _, y in arrays], zero=False),
    )
    parts = [*_axes(scale, figure["layout"])]
    for trace in marks:
        for at, text in zip(trace["x"], trace["text"], strict=True):
            parts.append(_mark(scale, float(at), str(text)))
    for trace, (x, y) in zip(lines, arrays, strict=True):
        colour, opacity = _colour(trace["line"]["color"])
        thickness = trace["line"].get("width", 2)
        parts.append(
            f'<path d="{_path(x, y, scale)}" fill="none" stroke="{colour}" '
            f'stroke-width="{thickness}" stroke-opacity="{opacity}" stroke-linejoin="round"{_dashes(trace)}/>'
        )
    parts += legend
    return (
        f'<svg class=chart viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _span(arrays: Sequence[F64], *, zero: bool) -> tuple[float, float]:
    """Return the range of the finite values, widened if it is empty. With `zero`, it includes 0."""
    values = np.concatenate([*arrays, np.zeros(1 if zero else 0)]) if arrays else np.zeros(1)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-30):
        return low - 0.5, high + 0.5
    return (low, high) if zero else (low - 0.04 * (high - low), high + 0.04 * (high - low))


def ticks(low: float, high: float, count: int = TICKS) -> list[float]:
    """Return about `count` round numbers from low to high: multiples of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = min((s * power for s in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / raw)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _path(x: F64, y: F64, scale: Scale) -> str:
    """Return the points of a line as commands of SVG; values that are not finite break it."""
    commands, draws = [], False
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if math.isfinite(a) and math.isfinite(b):
            commands.append(f"{'L' if draws else 'M'}{scale.x(a):.1f} {scale.y(b):.1f}")
            draws = True
        else:
            draws = False
    return "".join(commands)


def _axes(scale: Scale, layout: Figure) -> list[str]:
    parts = []
    bottom = HEIGHT - BOTTOM
    values = ticks(*scale.y_span)
    for value, label in zip(values, labels(values), strict=True):
        y = scale.y(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{scale.right}" stroke="var(--border)"/>')
        parts.append(_text(LEFT - 8, y + 4, label, "end"))
    values = ticks(*scale.x_span)
    for value, label in zip(values, labels(values), strict=True):
        x = scale.x(value)
        parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="var(--muted)"/>')
        parts.append(_text(x, bottom + 17, label, "middle"))
    x_title = str(layout.get("xaxis", {}).get("title", {}).get("text", ""))
    parts.append(_text(scale.right, HEIGHT - 2, x_title, "end"))
    return parts


def _mark(scale: Scale, at: float, text: str) -> str:
    words = escape(unescape(text.replace("<br>", " ")))
    x, top, bottom = scale.x(at), scale.top, HEIGHT - BOTTOM
    return (
        f'<g><title>{words}</title><path d="M{x:.1f} {top}V{bottom}" stroke="var(--mark)" '
        f'stroke-dasharray="2 3"/><path d="M{x - 5:.1f} {top - 6}h10l-5 7z" fill="var(--mark)"/></g>'
    )


def _legend(traces: Sequence[Figure], width: int) -> tuple[list[str], int]:
    """Return the parts of the legend, and its number of lines."""
    parts, x, line = [], float(LEFT), 0
    for trace in traces:
        colour, _ = _colour(trace["line"]["color"])
        name = unescape(str(trace.get("name", "")).replace("<br>", " "))
        length = 46 + 7.2 * len(name)
        if x > LEFT and x + length - 18 > width:
            x, line = float(LEFT), line + 1
        y = 12 + LEGEND_LINE * line
        parts.append(
            f'<path d="M{x:.0f} {y}h22" stroke="{colour}" stroke-width="2.2"{_dashes(trace)}/>'
        )
        parts.append(_text(x + 28, y + 4, name, "start"))
        x += length
    return parts, line + 1


def _dashes(trace: Figure) -> str:
    return ' stroke-dasharray="3 4"' if trace["line"].get("dash") == "dot" else ""


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def labels(values: Sequence[float]) -> list[str]:
    """Return the texts of ticks: with the digits that tell them apart, and large numbers in k, M, G or T."""
    largest = max((abs(v) for v in values), default=0.0)
    power = min(12, 3 * int(math.log10(largest) // 3)) if largest >= 1e5 else 0
    unit = {0: "", 3: " k", 6: " M", 9: " G", 12: " T"}[power]
    scaled = [v / 10**power for v in values]
    step = abs(scaled[1] - scaled[0]) if len(scaled) > 1 else 1.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits > 6:  # tiny numbers
        return [f"{v:.2g}".replace("-", "−") if v else "0" for v in scaled]
    return [f"{v:,.{digits}f}{unit}".replace("-", "−") if v else "0" for v in scaled]


def _colour(name: Any) -> tuple[str, str]:
    """Return a colour of a figure, "@critic/0.3", as a variable of CSS, and its opacity."""
    word, _, alpha = str(name).removeprefix("@").partition("/")
    return f"var(--{word})", alpha or "1"
