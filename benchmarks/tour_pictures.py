"""The moving pictures of the tour, one for each step, from the shipped examples and short computations.

    python -m benchmarks.tour_pictures [--only 4]

Each is a sheet of frames, which the looping picture on the Tour page plays. The ground is transparent,
and every colour has a contrast of at least 3:1 on the light and on the dark page. On one machine, the
same examples give the same files.
"""

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pages.ui.widgets.looping_picture.looping_picture import COLUMNS, FRAMES, HEIGHT, WIDTH
from wgan.arrays import F64
from wgan.imaging import encode, tile
from wgan.jobs import CriticConvergence, converge
from wgan.labs.divergences import boxes
from wgan.labs.transport import PILES, PLACES, cheapest_plan
from wgan.latent import Models, draw_z, walk
from wgan.runs import Run

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "pages" / "ui" / "widgets" / "looping_picture" / "pictures"
EXAMPLES = ROOT / "checkpoints"

# Between the colours of the light and of the dark palette, to be visible on both grounds.
COLOURS = {
    "critic": "#3a8ad2",
    "generator": "#d9730d",
    "real": "#109a80",
    "fake": "#d05cab",
    "muted": "#7c879a",
}

SCALE = 3  # frames are drawn larger and then shrunk, for smooth edges
HOLD = 5  # frames at the end without movement


class Frame:
    """A frame to draw on. Coordinates are in pixels of the finished frame."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (WIDTH * SCALE, HEIGHT * SCALE), (128, 128, 128, 0))
        self.draw = ImageDraw.Draw(self.image)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 2.5) -> None:
        if len(points) > 1:
            scaled = [(x * SCALE, y * SCALE) for x, y in points]
            self.draw.line(scaled, COLOURS[colour], round(width * SCALE), joint="curve")

    def dashes(self, x0: float, x1: float, y: float, colour: str) -> None:
        for x in np.arange(x0, x1, 9.0):
            self.line([(x, y), (min(x + 5, x1), y)], colour, 2)

    def dot(self, x: float, y: float, colour: str, radius: float, *, hollow: bool = False) -> None:
        box = [(v - radius) * SCALE for v in (x, y)] + [(v + radius) * SCALE for v in (x, y)]
        if hollow:
            self.draw.ellipse(box, outline=COLOURS[colour], width=round(1.5 * SCALE))
        else:
            self.draw.ellipse(box, fill=COLOURS[colour])

    def bar(
        self, x: float, width: float, low: float, high: float, colour: str, share: float
    ) -> None:
        """Fill a rectangle over what is already there."""
        layer = Image.new("RGBA", self.image.size, (0, 0, 0, 0))
        box = [v * SCALE for v in (x, min(low, high), x + width, max(low, high))]
        red, green, blue = (int(COLOURS[colour][i : i + 2], 16) for i in (1, 3, 5))
        ImageDraw.Draw(layer).rectangle(box, fill=(red, green, blue, round(255 * share)))
        self.image.alpha_composite(layer)

    def text(self, x: float, y: float, text: str, colour: str, size: int = 14) -> None:
        font = ImageFont.load_default(size * SCALE)
        self.draw.text((x * SCALE, y * SCALE), text, COLOURS[colour], font=font)

    def picture(self, picture: Image.Image, x: float, y: float, size: int) -> None:
        large = picture.convert("RGBA").resize(
            (size * SCALE, size * SCALE), Image.Resampling.BICUBIC
        )
        self.image.paste(large, (round(x * SCALE), round(y * SCALE)))

    def finished(self) -> Image.Image:
        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def progress(i: int) -> float:
    """Return how far the movement is at a frame, in [0, 1]."""
    return min(1.0, i / (FRAMES - 1 - HOLD))


def curve(
    x: F64, y: F64, box: tuple[float, float, float, float], top: float
) -> list[tuple[float, float]]:
    """Return a curve over x in [0, 1] and y in [0, top] as points of a box: left, right, low, high."""
    left, right, low, high = box
    return [
        (left + a * (right - left), low + b / top * (high - low))
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]


def axes(frame: Frame, box: tuple[float, float, float, float]) -> None:
    left, right, low, high = box
    frame.line([(left, high), (left, low), (right, low)], "muted", 1.5)


def models_of(example: str, step: int | None = None) -> Models:
    """Return the networks of a checkpoint of an example; of the newest one without `step`."""
    state, _ = Run(EXAMPLES / example).checkpoints.read(step)
    return Models(state.config, state.tensors, state.step)


def two_networks() -> Iterable[Frame]:
    """Samples of the example of digits during training, and its critic gap over the square root of the step."""
    run = Run(EXAMPLES / "example-mnist-wgan-gp")
    steps, reports = run.previews.steps(), run.reports()
    gap, box = reports["critic_gap"], (196.0, 308.0, 146.0, 34.0)
    place = np.sqrt(reports["step"] / steps[-1])
    size = 5 * 28
    for i in range(FRAMES):
        step = round(progress(i) ** 2 * steps[-1])  # most changes happen at the beginning
        stored = run.previews.read(max(s for s in steps if s <= step))
        assert stored is not None
        sheet = Image.open(io.BytesIO(stored[1])).crop((0, 0, size, size))
        frame = Frame()
        frame.picture(sheet, 8, 8, 164)
        axes(frame, box)
        shown = reports["step"] <= max(step, reports["step"][0])
        points = curve(place[shown], np.clip(gap[shown], 0, None), box, float(gap.max()) * 1.05)
        frame.line(points, "critic")
        frame.dot(*points[-1], "critic", 4)
        frame.text(196, 10, "critic gap", "critic")
        frame.text(196, 156, f"step {step:,}", "muted", 12)
        yield frame


def older_distance() -> Iterable[Frame]:
    """Two boxes that move apart, with W₁ and JS."""
    farthest, box = 3.0, (16.0, 284.0, 168.0, 84.0)
    slid = boxes(np.linspace(0, farthest, 241))
    wasserstein, js = slid.values[0], slid.values[1]
    for i in range(FRAMES):
        theta = progress(i) * farthest
        frame = Frame()
        frame.line([(16, 62), (284, 62)], "muted", 1.5)
        for offset, colour in ((0.0, "real"), (theta, "fake")):
            frame.bar(24 + offset * 62, 62, 61, 18, colour, 0.6)
        axes(frame, box)
        shown = slid.theta <= theta + 1e-9
        for values, colour, name, place in (
            (wasserstein, "critic", "Wasserstein", (150.0, 84.0)),
            (js, "generator", "Jensen-Shannon", (184.0, 150.0)),
        ):
            points = curve(slid.theta[shown] / farthest, values[shown], box, farthest)
            frame.line(points, colour)
            frame.dot(*points[-1], colour, 4)
            frame.text(*place, name, colour, 13)
        yield frame


def earth() -> Iterable[Frame]:
    """The cheapest plan between two piles, carried out column by column."""
    piles = PILES["split"][1]
    real = piles.shares[1]
    plan = cheapest_plan(piles).mass
    unit, scale, ground = WIDTH / (PLACES + 1), 520.0, 150.0
    sources, targets = np.nonzero(plan)
    for i in range(FRAMES):
        frame = Frame()
        share = progress(i)
        share = share * share * (3 - 2 * share)
        for place in range(PLACES):
            left = unit * (place + 0.5)
            top = ground - real[place] * scale
            frame.line(
                [(left, ground), (left, top), (left + unit, top), (left + unit, ground)],
                "real",
                1.5,
            )
        # The parts of a column lie on each other, at the beginning and at the end.
        begin, end = np.zeros(PLACES), np.zeros(PLACES)
        for source, target in zip(sources, targets, strict=True):
            mass = plan[source, target]
            low = (1 - share) * begin[source] + share * end[target]
            begin[source] += mass
            end[target] += mass
            x = unit * (0.5 + (1 - share) * source + share * target) + 1
            base = ground - low * scale
            frame.bar(x, unit - 2, base, base - mass * scale, "fake", 0.75)
        frame.line([(unit / 2, ground), (WIDTH - unit / 2, ground)], "muted", 1.5)
        yield frame


def collapse() -> Iterable[Frame]:
    """Samples of the example of a collapsed GAN during training."""
    run = Run(EXAMPLES / "example-ring-gan-collapsed")
    steps = run.previews.steps()
    scale, middle = 36.0, (WIDTH / 2, HEIGHT / 2)
    for i in range(FRAMES):
        step = steps[round(progress(i) * (len(steps) - 1))]
        stored = run.previews.read(step)
        assert stored is not None
        points = np.load(io.BytesIO(stored[1]))["points"][:160]
        frame = Frame()
        for k in range(8):
            angle = k * np.pi / 4
            x, y = 2 * np.cos(angle), 2 * np.sin(angle)
            frame.dot(middle[0] + scale * x, middle[1] - scale * y, "real", 10, hollow=True)
        for x, y in points.tolist():
            frame.dot(middle[0] + scale * x, middle[1] - scale * y, "fake", 2)
        frame.text(8, 156, f"step {step:,}", "muted", 12)
        yield frame


def bound() -> Iterable[Frame]:
    """The lower bound of the critic of the example of a ring for the untrained generator, while it trains alone."""
    models = models_of("example-ring-wgan-gp", 0)
    result = [p.result for p in converge(models) if isinstance(p.result, CriticConvergence)][-1]
    box = (16.0, 284.0, 164.0, 24.0)
    top = result.exact * 1.12
    line = box[2] + result.exact / top * (box[3] - box[2])
    best = np.clip(result.bounds, 0, None)
    for i in range(FRAMES):
        frame = Frame()
        axes(frame, box)
        frame.dashes(box[0], box[1], line, "muted")
        frame.text(20, line - 20, "exact Wasserstein distance", "muted", 13)
        shown = result.updates <= max(progress(i) * result.total, result.updates[0])
        points = curve(result.updates[shown] / result.total, best[shown], box, top)
        frame.line(points, "critic")
        frame.dot(*points[-1], "critic", 4)
        frame.text(150, 120, "the critic's lower bound", "critic", 13)
        yield frame


def latent_walk() -> Iterable[Frame]:
    """Pictures of the example of clothes along a walk, and the way in latent space."""
    models = models_of("example-fashion")
    z, marks = walk(draw_z(1000, 4, models.config.latent_dim), FRAMES, easing="gentle")
    pictures = models.make(z)
    flat = z - z.mean(axis=0)
    _, _, axes_of_walk = np.linalg.svd(flat, full_matrices=False)
    places = flat @ axes_of_walk[:2].T
    places = places / np.abs(places).max(axis=0) * (60.0, 66.0) + (74.0, 88.0)
    way = [(float(x), float(y)) for x, y in places]
    for i in range(FRAMES):
        frame = Frame()
        frame.line([*way, way[0]], "muted", 2)
        for mark in marks:
            frame.dot(*way[mark], "generator", 4, hollow=True)
        frame.dot(*way[i], "generator", 6)
        frame.picture(
            Image.open(io.BytesIO(encode(tile(pictures[i : i + 1], 1), "PNG"))), 146, 18, 140
        )
        yield frame


PICTURES: tuple[Callable[[], Iterable[Frame]], ...] = (
    two_networks,
    older_distance,
    earth,
    collapse,
    bound,
    latent_walk,
)


def sheet(frames: Iterable[Frame]) -> bytes:
    """Return frames as one WebP file."""
    pictures = [frame.finished() for frame in frames]
    rows = -(-len(pictures) // COLUMNS)
    whole = Image.new("RGBA", (WIDTH * COLUMNS, HEIGHT * rows))
    for i, picture in enumerate(pictures):
        whole.paste(picture, (i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT))
    out = io.BytesIO()
    whole.save(out, "WEBP", quality=72, method=6, alpha_quality=80)
    return out.getvalue()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tour_pictures", description=__doc__)
    parser.add_argument("--only", type=int, choices=range(1, len(PICTURES) + 1), help="one step")
    only = parser.parse_args(argv).only
    FOLDER.mkdir(exist_ok=True)
    for number, frames in enumerate(PICTURES, 1):
        if only in (None, number):
            path = FOLDER / f"step-{number}.webp"
            path.write_bytes(sheet(frames()))
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
