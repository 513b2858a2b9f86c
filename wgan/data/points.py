"""Densities in the plane with exact samplers."""

from __future__ import annotations

import base64
import binascii
import functools
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field, field_validator

from wgan.arrays import U8
from wgan.data.base import Dataset, Points, Progress
from wgan.data.errors import DataError
from wgan.untrusted.images import Unusable, picture_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Scale = Annotated[float, Field(gt=0, le=20)]


class _PointSet(Dataset):
    kind = "points"


def _mixture(means: Tensor, sigma: float, extent: float) -> Points:
    """Return an equal-weight mixture of isotropic Gaussians; `means` is (modes, 2)."""
    import torch

    held = {means.device: means}  # one copy per device, so that no draw waits for a transfer

    def sample(n: int, rng: torch.Generator) -> Tensor:
        if rng.device not in held:
            held[rng.device] = means.to(rng.device)
        modes = torch.randint(len(means), (n,), generator=rng, device=rng.device)
        noise = torch.randn(n, 2, generator=rng, device=rng.device)
        return held[rng.device][modes] + sigma * noise

    return Points(sample, means, sigma, extent)


class Ring8(_PointSet):
    """Eight Gaussians on a ring: the classic test for mode collapse."""

    name: Literal["ring-8"] = "ring-8"
    title = "Ring of 8 Gaussians"
    summary = "Eight Gaussians on a ring: the classic test for mode collapse."
    explanation = r"""All eight Gaussians have equal weight. Their means lie on a circle around
0 with radius $r$ (the setting *Radius*), and each has the standard deviation $\sigma$ in both
directions:

$$ p(x) = \frac{1}{8} \sum_{k=0}^{7} \mathcal{N}\left(x;\; r \begin{pmatrix} \cos 2\pi k/8 \\ \sin 2\pi k/8 \end{pmatrix},\; \sigma^2 I \right) $$

A generator that has collapsed makes points at only some of the Gaussians."""
    scale: Scale = Field(2.0, title="Radius", description="Distance of each mean from the centre.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        import torch

        angle = torch.arange(8) * (2 * math.pi / 8)
        means = self.scale * torch.stack([angle.cos(), angle.sin()], dim=1)
        return _mixture(means, self.sigma, 1.4 * self.scale + 3 * self.sigma)


class Grid25(_PointSet):
    """25 Gaussians on a 5×5 grid: a harder test for mode collapse."""

    name: Literal["grid-25"] = "grid-25"
    title = "Grid of 25 Gaussians"
    summary = "25 Gaussians on a 5×5 grid: a harder test for mode collapse."
    explanation = r"""All 25 Gaussians have equal weight and the standard deviation $\sigma$ in
both directions. The outermost means have the coordinates $\pm s$, where $s$ is the setting *Half
width*."""
    scale: Scale = Field(4.0, title="Half width", description="Coordinate of the outermost means.")
    sigma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, title="σ", description="Standard deviation of each Gaussian."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        import torch

        ticks = self.scale * torch.linspace(-1, 1, 5)
        means = torch.cartesian_prod(ticks, ticks)
        return _mixture(means, self.sigma, 1.3 * self.scale + 3 * self.sigma)


class SwissRoll(_PointSet):
    """A spiral of one and a half turns, uniform in its angle: one connected curve.

    The toy data of Gulrajani et al. 2017 have scale 1.885 and noise 0.033.
    """

    name: Literal["swiss-roll"] = "swiss-roll"
    title = "Swiss roll"
    summary = "A spiral with one and a half turns: one connected curve."
    explanation = r"""With $t$ uniform on $[1.5\pi, 4.5\pi]$ and outer radius $r$, a point is

$$ x = \frac{r}{4.5\pi} \begin{pmatrix} t \cos t \\ t \sin t \end{pmatrix} + \text{noise} $$

The noise is Gaussian. The toy data of Gulrajani et al. 2017 have $r = 1.885$ and noise 0.033."""
    scale: Scale = Field(
        1.885, title="Outer radius", description="Distance of the outer end from the centre."
    )
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.033, title="Noise", description="Standard deviation of the noise around the curve."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        import torch

        end = 4.5 * math.pi

        def sample(n: int, rng: torch.Generator) -> Tensor:
            u = torch.rand(n, generator=rng, device=rng.device)
            t = 1.5 * math.pi * (1 + 2 * u)
            curve = torch.stack([t * t.cos(), t * t.sin()], dim=1) * (self.scale / end)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.15 * self.scale + 3 * self.noise)


class TwoMoons(_PointSet):
    """Two interleaved half circles."""

    name: Literal["two-moons"] = "two-moons"
    title = "Two moons"
    summary = "Two half circles that reach into each other."
    explanation = """Each half circle has the same number of points on average. The noise
around the curves is Gaussian."""
    scale: Scale = Field(1.5, title="Radius", description="Radius of each half circle.")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.075, title="Noise", description="Standard deviation of the noise around the curves."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        import torch

        def sample(n: int, rng: torch.Generator) -> Tensor:
            t = math.pi * torch.rand(n, generator=rng, device=rng.device)
            lower = torch.randint(2, (n,), generator=rng, device=rng.device)
            side = 1.0 - 2.0 * lower
            # Centre the points, as are the window and the generator's first samples.
            x = side * t.cos() + lower - 0.5
            y = side * t.sin() + 0.5 * lower - 0.25
            curve = self.scale * torch.stack([x, y], dim=1)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.7 * self.scale + 3 * self.noise)


class Spiral(_PointSet):
    """Two interleaved spiral arms of one and a half turns: curves close to each other.

    Arm k = 0, 1: radius r = scale · √u, angle 3π √u + kπ, with u uniform, so that both arms are of
    nearly even density along their length.
    """

    name: Literal["spiral"] = "spiral"
    title = "Two spiral arms"
    summary = "Two spiral arms that lie close to each other, with one and a half turns each."
    explanation = r"""With $u$ uniform on $[0, 1]$ and outer radius $r$, a point of arm $k = 0,
1$ lies at

$$ \text{radius } r\sqrt{u}, \qquad \text{angle } 3\pi\sqrt{u} + k\pi $$

The square root makes the density nearly even along each arm. The noise around the curves is
Gaussian."""
    scale: Scale = Field(
        2.0, title="Outer radius", description="Distance of the outer ends from the centre."
    )
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.03, title="Noise", description="Standard deviation of the noise around the curves."
    )

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        import torch

        def sample(n: int, rng: torch.Generator) -> Tensor:
            way = torch.rand(n, generator=rng, device=rng.device).sqrt()
            arm = torch.randint(2, (n,), generator=rng, device=rng.device)
            angle = math.pi * (3 * way + arm)
            curve = self.scale * way[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
            return curve + self.noise * torch.randn(n, 2, generator=rng, device=rng.device)

        return Points(sample, None, self.noise, 1.15 * self.scale + 6 * self.noise)


def _cells(weights: U8, cell: float) -> Points:
    """Return a density that is uniform within each square cell; row 0 of the weights is at the top.

    A draw chooses a cell by its weight, then a point in it. The weights are integers, so a cell of
    weight 0 is never chosen.
    """
    import torch

    rows, columns = weights.shape
    until = torch.from_numpy(weights.astype(np.int64)).flatten().cumsum(0)
    total = int(until[-1])
    if total == 0:
        raise DataError("The drawing is empty. Draw at least one dark spot.")

    def sample(n: int, rng: torch.Generator) -> Tensor:
        at = torch.randint(total, (n,), generator=rng, device=rng.device)
        cells = torch.searchsorted(until.to(rng.device), at, right=True)
        inside = torch.rand(n, 2, generator=rng, device=rng.device)
        x = (cells % columns + inside[:, 0] - columns / 2) * cell
        y = (rows / 2 - cells // columns - inside[:, 1]) * cell
        return torch.stack([x, y], dim=1)

    return Points(sample, None, 0.0, 1.15 * cell * max(rows, columns) / 2)


class Checkerboard(_PointSet):
    """The eight dark squares of a 4×4 board, evenly filled: sharp edges and holes."""

    name: Literal["checkerboard"] = "checkerboard"
    title = "Checkerboard"
    summary = (
        "The eight dark squares of a 4×4 board, evenly filled: a shape with sharp edges and holes."
    )
    scale: Scale = Field(2.0, title="Half width", description="The board is [−scale, scale]².")

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        dark = (np.indices((4, 4)).sum(axis=0) % 2).astype(np.uint8)
        return _cells(dark, self.scale / 2)


TEXT_HEIGHT = 64
"""Font size in pixels. Each pixel of the text is a cell of the density."""


class Text(_PointSet):
    """A text in the plane, filled with points."""

    name: Literal["text"] = "text"
    title = "Text"
    summary = "A text that you type, filled with points. Can the generator write it?"
    text: str = Field(
        "WGAN",
        title="Text",
        description="The text to draw: 1 to 12 printable characters.",
        json_schema_extra={"main": True},
    )
    scale: Scale = Field(
        2.0, title="Half width", description="The text reaches from −scale to scale."
    )

    @field_validator("text")
    @classmethod
    def _printable(cls, text: str) -> str:
        if not 1 <= len(text) <= 12 or not text.isprintable() or not text.strip():
            raise ValueError(
                "The text must have 1 to 12 printable characters, and not only spaces."
            )
        if missing_examples := _lacking(text):
            raise ValueError(
                f"The font has no {' '.join(missing_examples)}. Use other characters, such as "
                "plain letters and digits."
            )
        return text

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        cells = _drawn(self.text)
        return _cells(cells, 2 * self.scale / max(cells.shape))


def _lacking(text: str) -> list[str]:
    """Return the characters that the font lacks: it draws an empty box for them."""
    font = ImageFont.load_default(TEXT_HEIGHT)
    box = bytes(font.getmask("\U0010ffff"))
    return [c for c in dict.fromkeys(text) if not c.isspace() and bytes(font.getmask(c)) == box]


def _drawn(text: str) -> U8:
    """Return a text as an array of darkness, (rows, columns), cropped to the letters."""  # (H, W)
    font = ImageFont.load_default(TEXT_HEIGHT)
    left, top, right, bottom = font.getbbox(text)
    paper = Image.new("L", (math.ceil(right - left) + 4, math.ceil(bottom - top) + 4))
    ImageDraw.Draw(paper).text((2 - left, 2 - top), text, fill=255, font=font)
    box = paper.getbbox()
    if box is None:
        raise DataError(f"The font cannot draw {text!r}. Use other characters.")
    return np.asarray(paper.crop(box))


CELLS = 64
"""Cells of a drawing along each side."""


def cells_of(drawing: U8) -> str:
    """Return a drawing, (64, 64) uint8 with row 0 at the top, as text: zlib, then base64."""
    if drawing.shape != (CELLS, CELLS) or drawing.dtype != np.uint8:
        raise ValueError(f"A drawing is ({CELLS}, {CELLS}) uint8, not {drawing.shape}.")
    return base64.b64encode(zlib.compress(drawing.tobytes(), 9)).decode()


def array_of(cells: str) -> U8:
    """Return the drawing that `cells_of` encoded, (64, 64) uint8.

    Raises:
        ValueError: The text is no drawing.
    """
    wrong = (
        f"The drawing cannot be read. It must be {CELLS}×{CELLS} cells, in the format that the "
        "app writes."
    )
    if len(cells) > 4 * CELLS * CELLS:
        raise ValueError(wrong)
    try:
        packed = base64.b64decode(cells, validate=True)
        unpack = zlib.decompressobj()
        # One extra byte reveals a longer drawing without unpacking all of it.
        content = unpack.decompress(packed, CELLS * CELLS + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(wrong) from error
    if len(content) != CELLS * CELLS or not unpack.eof or unpack.unused_data:
        raise ValueError(wrong)
    drawing = np.frombuffer(content, dtype=np.uint8).reshape(CELLS, CELLS)
    if not drawing.any():
        raise ValueError("The drawing is empty. Draw something first.")
    return drawing


def density_of(picture: bytes, invert: bool = False) -> str:
    """Return an image file as the text of a drawing: dark parts are dense, or light ones with `invert`.

    Raises:
        DataError: The file is no usable image.
    """
    try:
        grey = picture_of(
            picture,
            pixels=64_000_000,
            side=CELLS,
            grey=True,
            fit="pad",
            background=(0,) * 3 if invert else (255,) * 3,
        )[0]
    except Unusable as reason:
        raise DataError(f"The picture cannot be used: {reason}.") from None
    dense = grey if invert else 255 - grey
    if not dense.any():
        what = "black" if invert else "white"
        raise DataError(
            f"The whole picture is {what}, so it gives no points. Choose a picture with light and "
            "dark parts."
        )
    return cells_of(dense)


@functools.cache
def heart() -> str:
    """Return the initial drawing: the heart (x² + y² − 1)³ ≤ x² y³."""
    ticks = (np.arange(CELLS) + 0.5) / CELLS * 2.6 - 1.3
    x, y = ticks[None, :], -ticks[:, None] + 0.1
    inside = (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
    return cells_of(np.where(inside, 255, 0).astype(np.uint8))


class Drawing(_PointSet):
    """A density that the user draws, or the dark parts of a picture."""

    name: Literal["drawing"] = "drawing"
    title = "Your drawing"
    summary = "A density that you draw with the mouse, or the dark parts of a picture."
    explanation = """The darker a cell of the drawing, the more points it gets."""
    cells: str = Field(
        default_factory=heart,
        title="Drawing",
        description="The drawn cells, packed into a text.",
        json_schema_extra={"editor": "drawing"},
    )
    scale: Scale = Field(
        2.0, title="Half width", description="The drawing covers [−scale, scale]²."
    )

    @field_validator("cells")
    @classmethod
    def _readable(cls, cells: str) -> str:
        array_of(cells)
        return cells

    def drawn_cells(self) -> str:
        return self.cells

    def load(self, root: Path | None = None, progress: Progress | None = None) -> Points:
        return _cells(array_of(self.cells), 2 * self.scale / CELLS)
