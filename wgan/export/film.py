"""Export of a training as a film of its previews."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wgan.arrays import F32, U8
from wgan.config import TrainConfig
from wgan.data import examples
from wgan.imaging import decode, scatter
from wgan.runs import Run, RunError, unpack_arrays
from wgan.theme import LIGHT, rgb

if TYPE_CHECKING:
    from av import VideoStream


MAX_FRAMES = 240
SIDE = 448  # approximate size in pixels; grids are enlarged by integer factors
CAPTION = 32
HOLD = 1.5  # duration of the last frame in seconds

REAL, FAKE = rgb(LIGHT["real"]), rgb(LIGHT["fake"])


def export_film(run: Run, out: Path, fps: int = 12) -> dict[str, object]:
    """Write the previews of a run as GIF, WebP or MP4; return the number of frames.

    The film has at most MOST_FRAMES frames, evenly spaced, including the first and the last
    preview.

    Raises:
        RunError: The run has no previews, or the file cannot be written.
    """
    steps = run.previews.spread_steps(MAX_FRAMES)
    if not steps:
        raise RunError(f"Run {run.id} has no pictures yet.")
    title = run.config().title
    frames = [frame for step in steps if (frame := _frame(run, step, title)) is not None]
    if not frames:
        raise RunError(f"The pictures of run {run.id} cannot be read.")
    write_frames(frames, out, fps)
    return {"frames": len(frames)}


def write_frames(frames: Sequence[Image.Image], out: Path, fps: int, *, hold: float = HOLD) -> None:
    """Write pictures of one size as GIF, WebP or MP4.

    Args:
        frames: The pictures.
        out: The file.
        fps: Frames per second.
        hold: Duration of the last frame, in seconds.

    Raises:
        RunError: The suffix is another one, or the file cannot be written.
    """
    if out.suffix not in (".gif", ".webp", ".mp4"):
        raise RunError(f"A film can be written as .gif, .webp or .mp4, not as {out.suffix!r}.")
    if out.suffix == ".mp4":
        content = _mp4(frames, fps, hold)
    else:
        content = _animation(frames, fps, out.suffix, hold)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error


def frame_image(run: Run, step: int, side: int | None = None) -> U8 | None:
    """Return a preview as a picture, (H, W, 3); None if it does not exist or is damaged.

    Points are drawn over real points.

    Args:
        run: The run.
        step: Step of the preview.
        side: Approximate side in pixels to which it is enlarged. Default: the original size for
            pictures.
    """
    preview = run.previews.read(step)
    if preview is None:
        return None
    suffix, content = preview
    if suffix == "webp":
        try:
            grid = decode(content)
        except (OSError, ValueError, SyntaxError):  # Pillow raises these for a damaged file
            return None
        scale = max(1, (side or 0) // grid.shape[1])
        picture = np.repeat(np.repeat(grid, scale, axis=0), scale, axis=1)
        return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    arrays = unpack_arrays(content)
    layers = [(_real(run.config()), REAL), (arrays["points"], FAKE)]
    return scatter(layers, float(arrays["extent"]), side=side or SIDE, dot=3)


@lru_cache(maxsize=4)
def _real(config: TrainConfig) -> F32:
    points: F32 = examples(config.dataset.load(), 1000)
    return points


def _frame(run: Run, step: int, title: str) -> Image.Image | None:
    picture = frame_image(run, step, SIDE)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    # Video needs even sides.
    whole = Image.new(
        "RGB", (width + width % 2, height + CAPTION + (height + CAPTION) % 2), "white"
    )
    whole.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(whole)
    font = ImageFont.load_default(15)
    draw.text((8, height + 7), f"step {step:,}", "black", font)
    draw.text((whole.width - 8, height + 7), title, "#555555", font, anchor="ra")
    return whole


def _animation(frames: Sequence[Image.Image], fps: int, suffix: str, hold: float) -> bytes:
    buffer = BytesIO()
    each = round(1000 / fps)
    times = [each] * (len(frames) - 1) + [max(each, round(1000 * hold))]
    settings = {"quality": 80, "method": 2} if suffix == ".webp" else {"optimize": False}
    frames[0].save(
        buffer,
        "WEBP" if suffix == ".webp" else "GIF",
        save_all=True,
        append_images=list(frames[1:]),
        duration=times,
        loop=0,
        **settings,
    )
    return buffer.getvalue()


def _mp4(frames: Sequence[Image.Image], fps: int, hold: float) -> bytes:
    try:
        import av
    except ImportError as error:
        raise RunError("MP4 needs one more package: pip install av.") from error
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=fps))
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"  # supported by every player
        stream.time_base = Fraction(1, fps)
        for picture in [*frames, *[frames[-1]] * round(hold * fps)]:
            for packet in stream.encode(
                av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            ):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return buffer.getvalue()
