"""Damaged folders and archives of pictures, each made from one number.

Every case starts from the same small pictures, so that a number always makes the same case.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import random
import re
import shutil
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

Files = dict[str, bytes]
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda content: content,
    "tar.gz": lambda content: gzip.compress(content, mtime=0),
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}
KINDS = ["zip", "zip", *PACKED, "folder", "files"]
NAMES = [
    "../evil.png",
    "/etc/passwd",
    "a\\b.png",
    "",
    "/",
    "C:\\evil.png",
    "C:/x.png",
    "a: b/x.png",
    ".x",
    "x" * 300,
    "ü/ü.png",
    "a\nb/x.png",
    "a/" * 200 + "x.png",
    "con/nul.png",
    "cats/0.png",
    "\udc80/x.png",
]
NUMBERS = [0, 1, 255, 256, 511, 512, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1]
REASONS = re.compile(
    r"it is empty|it is damaged( or incomplete)?|it is completely transparent|it is encrypted|it is a link"
    r"|it is not an ordinary file|it has no name|it is larger than [\d.]+ MB|it has more than [\d.]+ million pixels"
    r"|it is not a readable picture \(PNG, JPEG, WebP, GIF or BMP\)|it is an archive inside the archive"
    r"|its compression method is not supported|its path leads outside the (archive|folder|upload)"
    r"|it needs too much memory to (read|unpack)|it is cut off or broken"
)
"""All that may be said of one file."""


@cache
def base() -> Files:
    """Return small pictures of each format, in two folders."""
    rng = np.random.default_rng(0)
    rgb, alpha = ((16, 16, n) for n in (3, 4))
    files: Files = {}

    def add(name: str, image: Image.Image, kind: str, **settings: object) -> None:
        content = io.BytesIO()
        image.save(content, kind, **settings)
        files[name] = content.getvalue()

    def noise_image(shape: tuple[int, ...], levels: int = 256) -> Image.Image:
        dtype = np.uint8 if levels <= 256 else np.uint16
        return Image.fromarray(rng.integers(0, levels, shape).astype(dtype))

    exif = Image.Exif()
    exif[0x0112] = 6
    palette = noise_image(rgb).quantize(16)
    add("cats/0.png", noise_image(rgb), "PNG")
    add("cats/1.png", palette, "PNG", transparency=3)
    add("cats/2.png", noise_image((16, 16), 65536), "PNG")
    add("cats/3.jpg", noise_image(rgb), "JPEG", exif=exif)
    add("dogs/0.gif", palette, "GIF", save_all=True, append_images=[palette.rotate(90)])
    add("dogs/1.webp", noise_image(alpha), "WEBP")
    add("dogs/2.bmp", noise_image(rgb), "BMP")
    add("dogs/3.png", noise_image(alpha), "PNG")
    return files


# ---- changes ----------------------------------------------------------------------------------


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few of them changed, a part cut out, doubled or cut off."""
    data = bytearray(content)
    kind = rng.choice(["flip", "flip", "flip", "cut off", "cut out", "double"])
    at, length = rng.randrange(len(data) + 1), rng.randrange(1, 200)
    if kind == "flip":
        for _ in range(rng.randrange(1, 9)):
            place = rng.randrange(len(data))
            if rng.random() < 0.5:  # Headers and directories stand at the ends.
                place = rng.choice([place % 256, -1 - place % 256]) % len(data)
            data[place] ^= 1 << rng.randrange(8)
    elif kind == "cut off":
        del data[at:]
    elif kind == "cut out":
        del data[at : at + length]
    else:
        data[at:at] = data[at : at + length]
    return bytes(data)


def change_bytes(files: Files, rng: random.Random) -> None:
    """Change the bytes of one picture."""
    name = rng.choice(list(files))
    files[name] = flipped(files[name], rng)


def swap(files: Files, rng: random.Random) -> None:
    """Swap the contents of two files, so that no name fits its content."""
    a, b = rng.sample(list(files), 2)
    files[a], files[b] = files[b], files[a]


def drop(files: Files, rng: random.Random) -> None:
    """Remove all pictures but a few."""
    for name in rng.sample(list(files), rng.randrange(1, len(files) + 1)):
        del files[name]


def rename(files: Files, rng: random.Random) -> None:
    """Give a picture an odd name."""
    files[rng.choice(NAMES)] = files.pop(rng.choice(list(files)))


def change_png(files: Files, rng: random.Random) -> None:
    """Change size, depth and colours in a PNG's header, or another chunk, with the right check sum."""
    name = rng.choice([name for name in files if name.endswith(".png")])
    content = bytearray(files[name])
    at, chunks = 8, []
    while at + 12 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append((at, length))
        at += 12 + length
    at, length = chunks[0] if rng.random() < 0.6 else rng.choice(chunks)
    inside = at + 8 + rng.randrange(max(1, min(length, 13)))
    if rng.random() < 0.5:
        content[at + 8 : at + 12] = struct.pack(">I", rng.choice(NUMBERS) & 0xFFFFFFFF)
    elif length:
        content[inside] = rng.randrange(256)
    crc = zlib.crc32(content[at + 4 : at + 8 + length])
    content[at + 8 + length : at + 12 + length] = struct.pack(">I", crc)
    files[name] = bytes(content)


def change_sizes(files: Files, rng: random.Random) -> None:
    """Write a number over what may be a size in the header of a GIF, BMP, WebP or JPEG."""
    name = rng.choice([name for name in files if not name.endswith(".png")])
    content = bytearray(files[name])
    at = rng.randrange(4, 40)
    content[at : at + 4] = struct.pack("<I", rng.choice(NUMBERS) & 0xFFFFFFFF)
    files[name] = bytes(content)


IN_FILES = [change_bytes, change_bytes, swap, drop, rename, change_png, change_png, change_sizes]


def zipped(files: Files, rng: random.Random) -> bytes:
    """Return a ZIP file of files, packed in various ways."""
    buffer = io.BytesIO()
    methods = [0, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of names that are there twice
        for name, content in files.items():
            entry = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
            entry.compress_type = rng.choice(methods)
            archive.writestr(entry, content)
    return buffer.getvalue()


def change_zip(content: bytes, rng: random.Random) -> bytes:
    """Write numbers over fields of a ZIP's headers and directories."""
    data = bytearray(content)
    mark = rng.choice([b"PK\x01\x02", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"])
    places = [match.start() for match in re.finditer(re.escape(mark), content)]
    for _ in range(rng.randrange(1, 4)):
        at = rng.choice(places) + rng.randrange(4, 46)
        size = rng.choice([2, 4])
        data[at : at + size] = rng.choice(NUMBERS).to_bytes(8, "little")[:size]
    return bytes(data)


def tarred(files: Files, rng: random.Random, crafted: bool) -> bytes:
    """Return a tar of files; `crafted`: a header claims what is not so, with the right check sum."""
    out = bytearray()
    victim = rng.choice(list(files)) if crafted and files else None
    for name, content in files.items():
        info = tarfile.TarInfo(name or "/")
        info.size = len(content)
        kinds: list[Literal[1, 2]] = [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]
        kind = rng.choice(kinds)
        header = bytearray(info.tobuf(kind, "utf-8", "surrogateescape"))
        if name == victim:
            craft(header, rng)
        out += header + content + bytes(-len(content) % 512)
    return bytes(out + bytes(1024))


def craft(header: bytearray, rng: random.Random) -> None:
    """Change the header of a tar's member."""
    way = rng.randrange(6)
    number = rng.choice(NUMBERS)
    if way == 0:
        header[124:136] = b"\x80" + number.to_bytes(11, "big")
    elif way == 1:
        header[124:136] = rng.choice([b"\xff" * 12, b"-0000000001\0", b"7" * 12, b"99999999999\0"])
    elif way == 2:
        header[156:157] = rng.choice(list("0123456SLKxgXVD~\0")).encode()
        if rng.random() < 0.5:
            header[124:136] = b"\x80" + number.to_bytes(11, "big")
    elif way == 3:
        value = rng.choice([str(number), "-1", "9" * 30, "x", "", "1_0"])
        key = rng.choice(["size", "path", "GNU.sparse.size", "GNU.sparse.map", "linkpath"])
        body = f" {key}={value}\n".encode()
        length = str(rng.choice([len(body) + 2, len(body) + 2, number])).encode()
        pax = tarfile.TarInfo("pax")
        pax.type, pax.size = tarfile.XHDTYPE, len(length + body)
        record = length + body
        more = pax.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)
        header[:0] = more
        return
    elif way == 4:
        header[rng.randrange(512)] = rng.randrange(256)
    else:
        header[156:157] = b"L"
        header[124:136] = b"\x80" + number.to_bytes(11, "big")
    checked = bytes(header[:148] + b" " * 8 + header[156:512])
    header[148:156] = b"%06o\0 " % sum(checked)


def case(seed: int) -> tuple[str, bytes | Files]:
    """Return the kind of a case, and the bytes of its archive, or its files."""
    rng = random.Random(seed)
    files = dict(base())
    kind = rng.choice(KINDS)
    inside = kind in ("folder", "files") or rng.random() < 0.4
    if inside:
        for _ in range(rng.choice([1, 1, 2, 3])):
            # A change before may have left nothing to change.
            with contextlib.suppress(LookupError, ValueError):
                rng.choice(IN_FILES)(files, rng)
    if kind in ("folder", "files"):
        return kind, files
    crafted = not inside and rng.random() < 0.5
    if kind == "zip":
        content = zipped(files, rng)
        if crafted:
            content = change_zip(content, rng)
    else:
        content = tarred(files, rng, crafted)
        if rng.random() < 0.3:  # damaged before it is packed
            content = flipped(content, rng)
        content = PACKED[kind](content)
    return kind, content if inside or crafted else flipped(content, rng)


# ---- checks -----------------------------------------------------------------------------------


def check(seed: int, place: Path, *, child: bool = False) -> str:
    """Prepare a case, in a child process or here; return what became of it.

    Raises whatever is no DataError, and AssertionError for a data set that is not what is said of it.
    """
    # Here, so that `case` can be used with another version of the program.
    from wgan.data import DataError, Limits, Recipe
    from wgan.data.intake import READER, assemble, build, request
    from wgan.data.prepared_sets import read_pictures
    from wgan.sandbox import Limits as ChildLimits
    from wgan.sandbox import attempt, result_of

    limits = Limits(
        member=8 << 20, unpacked=64 << 20, pixels=4_000_000, seconds=8, memory=256 << 20
    )
    recipe = Recipe(side=28, near=seed % 2 == 0)
    place.mkdir()
    scratch, target = place / "scratch", place / "out.safetensors"
    scratch.mkdir()
    try:
        source = source_of(*case(seed), place)
        if child:
            prepared_set = build(source, recipe, target, limits=limits)
        else:
            outcome = attempt(
                READER, request(source, recipe, scratch, limits), lambda label, share: None
            )
            result = result_of(outcome, limits=ChildLimits(), failure=DataError, subject="It")
            prepared_set = assemble(scratch, result, recipe, "case", target)
        pictures = read_pictures(target)
        assert len(pictures.train) + len(pictures.held_out) == prepared_set.kept
        read = prepared_set.kept + prepared_set.duplicates + prepared_set.near_duplicates
        assert prepared_set.seen <= read + sum(prepared_set.reasons.values())
        for reason in prepared_set.reasons:
            assert REASONS.fullmatch(reason), reason
        return "prepared"
    except DataError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and "Traceback" not in message, message
        # These stand for exceptions that nobody foresaw.
        assert "is damaged and cannot be read (" not in message, message
        assert "crashed" not in message and "invalid data" not in message, message
        return "refused"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def source_of(kind: str, content: "bytes | Files", place: Path) -> "Path | list[tuple[str, bytes]]":
    """Write a case where it can be read; names that no file can have are left out of folders."""
    if isinstance(content, bytes):
        (place / f"case.{kind}").write_bytes(content)
        return place / f"case.{kind}"
    if kind == "files":
        return list(content.items())
    folder = place / "folder"
    folder.mkdir()
    for name, data in content.items():
        path = folder / name.lstrip("/").replace("../", "")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder
