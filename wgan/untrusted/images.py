"""Convert an untrusted image file to a small square picture."""

import io
import warnings
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageColor,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from wgan.arrays import U8

FORMATS = tuple(
    # Import these plugins here: otherwise Pillow imports all of its plugins for the first WebP
    # file.
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
PICTURE_SUFFIXES = ("png", "jpg", "jpeg", "webp", "gif", "bmp")

Colour = tuple[int, int, int]


class Unusable(Exception):
    """A file from which no picture can be made. The message continues a sentence about the file."""


def colour(text: str) -> Colour:
    """Convert white, black or a hex colour to (R, G, B). Raises ValueError."""
    red, green, blue, *_ = ImageColor.getrgb(text)
    return red, green, blue


def open_image(content: bytes, pixels: int) -> Image.Image:
    """Return the first frame of an image file, upright, in mode L, RGB or RGBA.

    16-bit images are converted to 8 bits.

    Args:
        content: Bytes of the file.
        pixels: Maximum number of pixels.

    Raises:
        Unusable: The file is no complete image, or has too many pixels.
    """
    if not content:
        raise Unusable("it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(content), formats=FORMATS)
            # At this point only the header has been read.
            if opened.width * opened.height > pixels:
                raise Unusable(f"it has more than {pixels / 1e6:g} million pixels")
            raw_mode = _raw_mode(opened)
            opened.load()
            return _upright(_plain(opened, raw_mode), opened)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Unusable(f"it has more than {pixels / 1e6:g} million pixels") from None
    except UnidentifiedImageError:
        raise Unusable("it is not a readable picture (PNG, JPEG, WebP, GIF or BMP)") from None
    except Unusable:
        raise
    except MemoryError:
        raise Unusable("it needs too much memory to read") from None
    except Exception:  # Pillow's decoders raise many types of exceptions for damaged bytes
        raise Unusable("it is damaged or incomplete") from None


def picture_of(content: bytes, pixels: int, **how: Any) -> U8:
    """Convert an image file to a square picture (see `prepare_picture`). Raises Unusable."""
    image = open_image(content, pixels)
    try:
        return prepare_picture(image, **how)
    except MemoryError:
        raise Unusable("it needs too much memory to read") from None


def _raw_mode(image: Image.Image) -> str:
    """Return the format of a PNG's pixels in the file, such as "L;4"; empty for other formats."""
    if not isinstance(image, PngImagePlugin.PngImageFile) or not image.tile:
        return ""
    arguments: object = image.tile[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _upright(image: Image.Image, opened: Image.Image) -> Image.Image:
    """Return `image` rotated according to the EXIF orientation of `opened`."""
    try:
        turn = _TURNS.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF data do not make the picture unusable
        return image
    return image if turn is None else image.transpose(turn)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _plain(image: Image.Image, raw_mode: str) -> Image.Image:
    """Convert an image to mode L, RGB or RGBA; a transparent colour gets alpha 0."""
    transparent = image.info.get("transparency")
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        grey = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
        # Compare before the conversion to 8 bits, which may make other levels equal.
        return grey if transparent is None else _with_alpha(grey, deep != transparent)
    if image.mode in ("L", "1") and isinstance(transparent, int):
        # The file has the transparent level in its own bit depth, but Pillow scales pixels to 8
        # bits.
        levels = {"L;2": 85, "L;4": 17}.get(raw_mode, 1)
        grey = image.convert("L")
        return _with_alpha(grey, np.asarray(grey) != transparent * levels)
    if image.mode == "RGB" and isinstance(transparent, tuple):
        if ";16" in raw_mode:  # Pillow keeps the high byte of each channel
            transparent = tuple(level >> 8 for level in transparent)
        return _with_alpha(image, (np.asarray(image) != transparent).any(axis=2))
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "1"):
        return image.convert("L")
    return image.convert("RGB")


def _with_alpha(image: Image.Image, visible: npt.NDArray[np.bool_]) -> Image.Image:
    converted = image.convert("RGB").convert("RGBA")
    converted.putalpha(Image.fromarray(visible.astype(np.uint8) * 255))
    return converted


def prepare_picture(
    image: Image.Image,
    *,
    side: int,
    grey: bool,
    fit: Literal["crop", "pad"],
    background: Colour,
    trim: bool = False,
    enlarge: bool = True,
) -> U8:
    """Convert an image to a square picture, (1 or 3, side, side) uint8.

    Shrinking is antialiased (Lanczos). Enlarging repeats pixels by an integer factor, so that
    sprites stay sharp; if `crop` needs another factor, it uses Lanczos. An image that already has
    the size of the square is not changed.

    Args:
        image: The image, in mode L, RGB or RGBA.
        side: Side of the square, in pixels.
        grey: Whether the picture has one channel instead of three.
        fit: "crop" fills the square and cuts off the rest; "pad" keeps all of the image and adds
            background.
        background: Colour of transparent and padded parts.
        trim: Whether to cut off the transparent border first.
        enlarge: Whether to enlarge small images.

    Raises:
        Unusable: The image is fully transparent.
    """
    if image.mode == "RGBA":
        box = image.getchannel("A").getbbox()
        if box is None:
            raise Unusable("it is completely transparent")
        if trim:
            image = image.crop(box)
        whole = Image.new("RGBA", image.size, (*background, 255))
        whole.alpha_composite(image)
        image = whole.convert("RGB")
    image = image.convert("L" if grey else "RGB")
    if fit == "crop" and (enlarge or min(image.size) > side):
        # Crop first: most of a very long picture would be cut off after scaling anyway.
        crop_side = min(image.size)
        left, top = (image.width - crop_side) // 2, (image.height - crop_side) // 2
        image = image.crop((left, top, left + crop_side, top + crop_side))
    scaled = _fitted(image.size, side, fit, enlarge)
    if scaled != image.size:
        whole_factor = scaled[0] % image.width == 0 and scaled[1] % image.height == 0
        how = Image.Resampling.NEAREST if whole_factor else Image.Resampling.LANCZOS
        image = image.resize(scaled, how, reducing_gap=3.0)
    if scaled != (side, side):
        paper: int | Colour = background
        if grey:
            paper = Image.new("RGB", (1, 1), background).convert("L").tobytes()[0]
        square = Image.new(image.mode, (side, side), paper)
        square.paste(image, ((side - scaled[0]) // 2, (side - scaled[1]) // 2))
        image = square
    pixels = np.asarray(image)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _fitted(
    size: tuple[int, int], side: int, fit: Literal["crop", "pad"], enlarge: bool
) -> tuple[int, int]:
    """Return the size to which an image is scaled; a square for `crop`, unless the image is small."""
    longer = max(size)
    if longer <= side:
        if not enlarge:
            return size
        if fit == "pad":
            factor = side // longer
            return size[0] * factor, size[1] * factor
    if fit == "crop" and not enlarge and min(size) <= side:
        return size
    return max(1, round(size[0] * side / longer)), max(1, round(size[1] * side / longer))


def difference_hash(picture: U8) -> int:
    """Return the 64-bit dHash of a picture, (C, H, W) uint8.

    Each bit is set if a pixel of the 9×8 grey copy is brighter than its right neighbour.
    """
    channels = picture.transpose(1, 2, 0)
    image = Image.fromarray(channels[..., 0] if len(picture) == 1 else channels).convert("L")
    small = np.asarray(image.resize((9, 8), Image.Resampling.BOX)).astype(int)
    bits = np.packbits(small[:, :-1] > small[:, 1:])
    return int.from_bytes(bits.tobytes())
