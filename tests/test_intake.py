"""Uploads are hostile until proven otherwise; what is made of the good ones is exact."""

import contextlib
import gzip
import io
import json
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from tests.conftest import paths_below
from wgan.background import BackgroundTask
from wgan.config import TrainConfig
from wgan.data import (
    DATASETS,
    DataError,
    Limits,
    Own,
    Pictures,
    Pokemon,
    Prepared,
    Recipe,
    Source,
    data_root,
    forget,
    prepare,
    prepared,
)
from wgan.data.prepared_sets import read_pictures
from wgan.sandbox import Refused
from wgan.untrusted.images import Unusable, difference_hash, open_image, prepare_picture
from wgan.untrusted.limits import Meter
from wgan.untrusted.member_paths import glob_pattern
from wgan.untrusted.sources import read_members

PACKAGE = data_root() / "pokesprite-images-2.7.0.tgz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def picture(seed: int, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(seed)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,), "CMYK": (4,)}[mode]
    pixels = rng.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    return Image.fromarray(pixels, mode)


def file_of(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def png(seed: int = 0, size: tuple[int, int] = (32, 32)) -> bytes:
    return file_of(picture(seed, size))


GOOD = [("a.png", png(1)), ("b.png", png(2)), ("c.png", png(3))]


def zipped(files: Iterable[tuple[str, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in files:
            # With the same date each time: equal files make an equal archive.
            archive.writestr(zipfile.ZipInfo(name), content, packing)
    return buffer.getvalue()


TarMode = Literal["w", "w:gz", "w:bz2", "w:xz"]


def tarred(
    files: Iterable[tuple[str, bytes]], extra: Iterable[tarfile.TarInfo] = (), mode: TarMode = "w"
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info in extra:
            archive.addfile(info)
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def all_pictures(prepared_set: Prepared, root: Path) -> torch.Tensor:
    """All pictures, whatever part they are in."""
    pictures_read = read_pictures(root / "own" / f"{prepared_set.key}.safetensors")
    return torch.cat([pictures_read.train[:], pictures_read.held_out[:]])


def prepared_pixels(content: bytes, **settings: Any) -> np.ndarray:
    """One file's picture."""
    recipe: dict[str, Any] = {
        "side": 32,
        "grey": False,
        "fit": "crop",
        "background": (255, 255, 255),
    } | settings
    return prepare_picture(open_image(content, 10**7), **recipe)


# ---- where pictures come from ---------------------------------------------------------------------


def folder_of(files: Iterable[tuple[str, bytes]], folder: Path) -> Path:
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


SOURCES: dict[str, Callable[[Path], Source]] = {
    "folder": lambda at: folder_of(GOOD, at / "pictures"),
    "zip": lambda at: zipped(GOOD),
    "deflated zip": lambda at: zipped(GOOD, zipfile.ZIP_DEFLATED),
    "tar": lambda at: tarred(GOOD),
    "tgz": lambda at: tarred(GOOD, mode="w:gz"),
    "files": lambda at: GOOD,
    "a zip on disk": lambda at: folder_of([("x.zip", zipped(GOOD))], at) / "x.zip",
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_pictures(kind: str, tmp_path: Path, root: Path):
    prepared_set = prepare(SOURCES[kind](tmp_path), Recipe(), root)
    assert (prepared_set.kept, prepared_set.seen, prepared_set.skipped, prepared_set.shape) == (
        3,
        3,
        (),
        (3, 32, 32),
    )
    expected = {np.asarray(picture(i)).transpose(2, 0, 1).tobytes() for i in (1, 2, 3)}
    assert {p.numpy().tobytes() for p in all_pictures(prepared_set, root)} == expected


def test_hidden_files_are_passed_over(root: Path):
    noise = [("__MACOSX/._a.png", b"x"), (".DS_Store", b"x"), ("d/Thumbs.db", b"x")]
    prepared_set = prepare(zipped([*noise, *GOOD]), Recipe(), root)
    assert prepared_set.seen == 3 and prepared_set.skipped == ()


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("", "a/b.png", True),
        ("*.png", "a/b/c.png", True),
        ("*.png", "a/b/c.jpg", False),
        ("*/c.png", "a/b/c.png", False),
        ("**/c.png", "c.png", True),
        ("**/c.png", "a/b/c.png", True),
        ("a/**", "a/b/c.png", True),
        ("a/**", "b/a/c.png", False),
        ("a/*/c?.png", "a/b/c1.png", True),
        ("a/?.png", "a//.png", False),
        ("[ab]/*.png", "b/x.png", True),
        ("[!ab]/*.png", "b/x.png", False),
        ("a.png", "axpng", False),
        ("[", "[", True),
        ("[[]x", "[x", True),
        ("[!]", "[!]", True),  # a set that is not closed is text
        ("[!]x]", "yx]", False),
        ("[!]x]", "y", True),
        ("[]x]", "]", True),
        ("[z-a].png", "[z-a].png", True),  # no such range
        ("[a-c^&|~].png", "^.png", True),
        ("[a-c].png", "b.png", True),
    ],
)
def test_patterns(glob: str, path: str, fits: bool):
    assert (glob_pattern(glob).fullmatch(path) is not None) is fits


@given(st.text(max_size=20) | st.text("[]!^-az*?/\\&|~", max_size=12), st.text(max_size=20))
def test_no_pattern_fails(glob: str, path: str):
    glob_pattern(glob).fullmatch(path)


def test_only_files_that_fit_the_pattern_count(root: Path):
    files = [("p/x/1.png", png(1)), ("p/x/2.png", png(2)), ("p/y/3.png", png(3))]
    prepared_set = prepare(zipped(files), Recipe(pattern="*/x/*.png"), root)
    assert prepared_set.seen == prepared_set.kept == 2
    with pytest.raises(DataError, match=r"no file fits the pattern 'z/\*'"):
        prepare(zipped(files), Recipe(pattern="z/*"), root)


# ---- hostile archives -----------------------------------------------------------------------------


def reasons(source: Source, limits: Limits | None = None) -> dict[str, str]:
    meter = Meter(limits or Limits())
    return {m.name: m.problem for m in read_members(source, lambda _: True, meter)}


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_paths_that_lead_out_are_skipped_and_nothing_is_unpacked(
    pack: Callable[..., bytes], name: str, tmp_path: Path, root: Path
):
    prepared_set = prepare(pack([(name, png(9)), *GOOD]), Recipe(), root)
    assert prepared_set.kept == 3
    assert [reason for _, reason in prepared_set.skipped] == ["its path leads outside the archive"]
    assert [p.name for p in paths_below(tmp_path) if p.is_file()] == [
        f"{prepared_set.key}.safetensors"
    ]


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        (tarfile.SYMTYPE, "it is a link"),
        (tarfile.LNKTYPE, "it is a link"),
        (tarfile.CHRTYPE, "not an ordinary file"),
        (tarfile.BLKTYPE, "not an ordinary file"),
        (tarfile.FIFOTYPE, "not an ordinary file"),
    ],
)
def test_links_and_devices_in_a_tar_are_skipped(kind: bytes, phrase: str):
    reasons_by_name = reasons(tarred(GOOD, [special("x.png", kind, "/etc/passwd")]))
    assert phrase in reasons_by_name.pop("x.png")
    assert reasons_by_name == {name: "" for name, _ in GOOD}


def test_links_in_a_zip_are_skipped():
    info = zipfile.ZipInfo("x.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert reasons(buffer.getvalue()) == {"x.png": "it is a link"}


def test_links_and_pipes_in_a_folder_are_skipped(tmp_path: Path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(9))
    folder = folder_of(GOOD, tmp_path / "in")
    (folder / "link.png").symlink_to(secret)
    (folder / "outside").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.png")
    reasons_by_name = reasons(folder)
    assert reasons_by_name["link.png"] == reasons_by_name["outside"] == "it is a link"
    assert reasons_by_name["pipe.png"] == "it is not an ordinary file"
    assert "outside/secret.png" not in reasons_by_name


@pytest.mark.parametrize(
    "place", ["/proc/kmsg", "/proc/self", "pipe", "folder with a pipe", "/dev/tty"]
)
def test_no_file_makes_the_reader_wait(place: str, tmp_path: Path, root: Path):
    """Reading /proc/kmsg or a pipe without a writer would wait for ever."""
    if place == "pipe":
        os.mkfifo(tmp_path / "pipe.zip")
        source = tmp_path / "pipe.zip"
    elif place == "folder with a pipe":
        source = tmp_path / "in"
        source.mkdir()
        os.mkfifo(source / "pipe.png")
    else:
        source = Path(place)
        if not source.exists():
            pytest.skip(f"This system has no {place}.")
    task = BackgroundTask("Reading", lambda progress: prepare(source, Recipe(), root, progress))
    task.wait(60)
    assert task.done and task.error and "unexpected" not in task.error


def test_an_encrypted_member_is_skipped(root: Path):
    content = bytearray(zipped([("x.png", png(9)), *GOOD]))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    prepared_set = prepare(bytes(content), Recipe(), root)
    assert prepared_set.skipped == (("x.png", "it is encrypted"),)


def test_an_archive_inside_the_archive_is_skipped(root: Path):
    inner = [("i.zip", zipped(GOOD)), ("i.tgz", tarred(GOOD, mode="w:gz"))]
    prepared_set = prepare(zipped([*inner, *GOOD]), Recipe(), root)
    assert prepared_set.reasons == {"it is an archive inside the archive": 2}
    assert prepared_set.kept == 3


def test_a_member_that_unpacks_to_too_much_is_skipped():
    bomb = zipped([("bomb.png", bytes(3_000_000)), *GOOD], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    reasons_by_name = reasons(bomb, Limits(member=2_000_000))
    assert reasons_by_name["bomb.png"].startswith("it is larger than")
    assert reasons_by_name["a.png"] == ""


def test_a_size_that_lies_is_not_believed():
    content = bytearray(zipped([("b.png", bytes(3_000_000))], zipfile.ZIP_DEFLATED))
    # The uncompressed size, in the member's own header and in the directory.
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + offset
        content[at : at + 4] = struct.pack("<I", 10)
    meter = Meter(Limits())
    (member,) = read_members(bytes(content), lambda _: True, meter)
    assert "damaged" in member.problem and member.content == b""
    assert meter.unpacked < 100_000


@pytest.mark.parametrize(
    "bomb",
    [
        zipped([(f"{i}.png", bytes(1_000_000)) for i in range(5)], zipfile.ZIP_DEFLATED),
        tarred([(f"{i}.png", bytes(1_000_000)) for i in range(5)], mode="w:gz"),
        tarred([("0.png", bytes(5_000_000))], mode="w:gz"),
    ],
)
def test_a_bomb_of_many_members_stops_at_the_total(bomb: bytes, root: Path):
    limits = Limits(unpacked=2_500_000, member=1_500_000)
    meter = Meter(limits)
    with pytest.raises(Refused, match=r"It is larger than .* Use a smaller part"):
        list(read_members(bomb, lambda _: True, meter))
    assert meter.unpacked < 4_000_000
    with pytest.raises(DataError, match="when unpacked"):
        prepare(bomb, Recipe(), root, limits=limits)


def test_a_tar_header_that_would_fill_the_memory_is_refused():
    """tarfile reads long names whole before anyone sees them."""
    info = special("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 50_000_000
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="w") as packed:
        packed.write(info.tobuf(tarfile.GNU_FORMAT))
        packed.write(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="archive cannot be read"):
            reasons(buffer.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_too_many_members(pack: Callable[..., bytes]):
    files = [(f"{i}", b"") for i in range(30)]
    assert len(reasons(pack(files), Limits(members=30))) == 30
    with pytest.raises(Refused, match="more than 29 files"):
        reasons(pack(files), Limits(members=29))


def test_a_directory_of_too_many_entries_is_not_even_opened(monkeypatch: pytest.MonkeyPatch):
    def opened(*_: object) -> None:
        raise AssertionError("opened")

    content = zipped([(f"{i}", b"") for i in range(30)])
    monkeypatch.setattr(zipfile, "ZipFile", opened)
    with pytest.raises(Refused, match="more than 9 files"):
        reasons(content, Limits(members=9))


def test_an_archive_that_is_too_large():
    with pytest.raises(Refused, match="larger than"):
        reasons(zipped(GOOD), Limits(archive=100))


def test_time_is_limited():
    with pytest.raises(Refused, match="longer than 0 seconds"):
        reasons(zipped(GOOD), Limits(seconds=0.0))


def test_the_memory_of_what_is_kept_is_limited(root: Path):
    limits = Limits(prepared=2 * 3 * 32 * 32)
    assert prepare(GOOD[:2], Recipe(), root, limits=limits).kept == 2
    with pytest.raises(DataError, match="Choose a smaller size, grey pictures, or a file pattern"):
        prepare(GOOD, Recipe(), root, limits=limits)
    assert prepare(GOOD, Recipe(colours="grey"), root, limits=limits).kept == 3


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        (b"", "archive cannot be read"),
        (b"just some words", "archive cannot be read"),
        (b"\x1f\x8b broken", "archive cannot be read"),
        (b"PK\x03\x04 broken", "damaged or incomplete"),
        (zipped(GOOD)[:-40], "damaged or incomplete"),
        (png(), "archive cannot be read"),
        (zipped([]), "there is no picture: the source is empty"),
        (tarred([]), "there is no picture: the source is empty"),
        (GOOD[:1], "only one picture"),
        ([("a.png", png()), ("b.png", png())], "only one picture.*1 × it is a duplicate"),
        ([("a.txt", b"words"), ("b.txt", b"more")], "2 × it is not a readable picture"),
        (Path("/nowhere/at/all"), "The file or folder"),
    ],
)
def test_what_is_of_no_use_is_said_and_leaves_nothing(source: Source, pattern: str, root: Path):
    with pytest.raises(DataError, match=pattern) as caught:
        prepare(source, Recipe(), root)
    assert str(caught.value).endswith(".")
    assert not [p for p in paths_below(root) if p.is_file()]


def test_what_came_before_the_break_of_a_tar_is_kept(root: Path):
    whole = tarred(GOOD)
    prepared_set = prepare(whole[: whole.index(GOOD[2][1]) + 1000], Recipe(), root)
    assert prepared_set.kept == 2
    assert prepared_set.skipped == (("the archive", "it is cut off or broken"),)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_archives_end_in_words_not_in_a_crash(data: st.DataObject):
    content = bytearray(data.draw(st.sampled_from([zipped(GOOD), tarred(GOOD, mode="w:gz")])))
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Refused):
        for member in read_members(bytes(content), lambda _: True, Meter(Limits(seconds=20))):
            with contextlib.suppress(Unusable):
                open_image(member.content, 10**6)


# ---- hostile and odd images -----------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, of a few bytes only."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (b"", "it is empty"),
        (b"GIF89a", "damaged|not a readable picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not a readable picture"),
        (file_of(picture(0), "TIFF"), "not a readable picture"),
        (file_of(picture(0), "ICO"), "not a readable picture"),
        (png()[:1000], "damaged or incomplete"),
        (file_of(picture(0), "JPEG")[:400], "damaged or incomplete"),
        (claiming(60_000, 60_000), "more than 10 million pixels"),
        (claiming(10_000, 10_000), "more than 10 million pixels"),
        (claiming(4_000, 2_501), "more than 10 million pixels"),
        (claiming(4_000, 2_500), "damaged or incomplete"),
        (file_of(Image.new("RGBA", (9, 9))), "completely transparent"),
    ],
)
def test_images_that_cannot_be_used(content: bytes, pattern: str):
    with pytest.raises(Unusable, match=pattern):
        prepared_pixels(content)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "JPEG"])
def test_formats_are_told_by_content_not_by_name(kind: str, root: Path):
    lossless = {"lossless": True} if kind == "WEBP" else {}
    files = (
        [(f"{i}.txt", file_of(picture(i).quantize(16), kind, **lossless)) for i in (1, 2)]
        if kind == "GIF"
        else [(f"{i}.txt", file_of(picture(i), kind, **lossless)) for i in (1, 2)]
    )
    prepared_set = prepare(files, Recipe(), root)
    assert prepared_set.kept == 2 and prepared_set.skipped == ()
    if kind in ("PNG", "BMP", "WEBP"):
        expected = {np.asarray(picture(i)).transpose(2, 0, 1).tobytes() for i in (1, 2)}
        assert {p.numpy().tobytes() for p in all_pictures(prepared_set, root)} == expected


def test_a_picture_of_the_right_size_is_kept_bit_for_bit():
    for side in (28, 32, 64):
        for fit in ("crop", "pad"):
            colour = picture(5, (side, side))
            assert np.array_equal(
                prepared_pixels(file_of(colour), side=side, fit=fit),
                np.asarray(colour).transpose(2, 0, 1),
            )
            grey = picture(5, (side, side), "L")
            pixels = prepared_pixels(file_of(grey), side=side, fit=fit, grey=True)
            assert np.array_equal(pixels, np.asarray(grey)[None])
            assert np.array_equal(
                prepared_pixels(file_of(grey), side=side, fit=fit), np.repeat(pixels, 3, 0)
            )


def test_a_palette_with_a_transparent_colour_shows_the_background():
    image = Image.new("P", (32, 32), 0)
    image.putpalette([10, 20, 30, 200, 100, 50] + [0] * 762)
    image.paste(1, (0, 0, 16, 32))
    pixels = prepared_pixels(file_of(image, transparency=0), background=(0, 0, 255))
    assert pixels[:, 0, 0].tolist() == [200, 100, 50]
    assert pixels[:, 0, 31].tolist() == [0, 0, 255]


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (255, 136, 0)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_mixes_with_the_background(mode: str, background: tuple[int, int, int]):
    image = Image.new(mode, (32, 32), (100, 100, 100, 51) if mode == "RGBA" else (100, 51))
    pixels = prepared_pixels(file_of(image), background=background)
    expected = [100 * 0.2 + 0.8 * level for level in background]
    assert pixels[:, 7, 7].tolist() == pytest.approx(expected, abs=1)


def test_sixteen_bit_greys_are_scaled_not_cut():
    levels = np.linspace(0, 65535, 32 * 32).round().astype(np.uint16).reshape(32, 32)
    pixels = prepared_pixels(file_of(Image.fromarray(levels)), grey=True)[0]
    assert np.abs(pixels - levels / 257).max() <= 0.5


def test_cmyk_becomes_red_green_blue():
    image = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    pixels = prepared_pixels(file_of(image, "JPEG", quality=95))
    assert pixels[:, 9, 9].tolist() == pytest.approx([255, 0, 0], abs=6)


def test_a_camera_held_sideways_is_set_upright():
    image = Image.new("RGB", (64, 32), "black")
    image.paste("white", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90° clockwise: its left becomes the top.
    pixels = prepared_pixels(
        file_of(image, "PNG", exif=exif), fit="pad", background=(128, 128, 128)
    )
    assert pixels[0, 0, 16] == 255 and pixels[0, 31, 16] == 0
    assert pixels[0, 16, 0] == pixels[0, 16, 31] == 128


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    content = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert prepared_pixels(content)[:, 5, 5].tolist() == [255, 0, 0]


# ---- geometry -------------------------------------------------------------------------------------


def thirds(width: int, height: int) -> bytes:
    """Red, green and blue along the longer side."""
    image = Image.new("RGB", (width, height))
    for i, colour in enumerate(["red", "lime", "blue"]):
        if width > height:
            image.paste(colour, (i * width // 3, 0, (i + 1) * width // 3, height))
        else:
            image.paste(colour, (0, i * height // 3, width, (i + 1) * height // 3))
    return file_of(image)


@pytest.mark.parametrize("size", [(96, 32), (32, 96), (384, 128), (12, 4)])
def test_crop_keeps_the_middle(size: tuple[int, int]):
    pixels = prepared_pixels(thirds(*size))
    assert pixels[:, 16, 16].tolist() == [0, 255, 0]
    assert pixels[1].mean() > 245


@pytest.mark.parametrize("size", [(96, 32), (384, 128)])
def test_pad_keeps_all_with_background_around(size: tuple[int, int]):
    pixels = prepared_pixels(thirds(*size), fit="pad", background=(0, 0, 0))
    assert pixels[:, 0].max() == pixels[:, 31].max() == 0
    assert pixels[:, 16, 3].argmax() == 0 and pixels[:, 16, 29].argmax() == 2
    rows = np.flatnonzero(pixels.max(axis=(0, 2)))
    assert 10 <= len(rows) <= 11  # A third of the square, in its middle.
    assert abs((rows[0] + rows[-1]) / 2 - 15.5) <= 0.5


def test_sprites_are_enlarged_by_whole_factors_and_stay_sharp():
    small = picture(3)
    pixels = prepared_pixels(file_of(small), side=64, fit="pad")
    assert np.array_equal(pixels, np.asarray(small).transpose(2, 0, 1).repeat(2, 1).repeat(2, 2))
    assert np.array_equal(pixels, prepared_pixels(file_of(small), side=64, fit="crop"))
    original_size = prepared_pixels(file_of(small), side=64, fit="pad", enlarge=False)
    assert np.array_equal(original_size[:, 16:48, 16:48], np.asarray(small).transpose(2, 0, 1))
    assert original_size[:, :16].min() == 255


def test_trimming_cuts_only_what_is_transparent():
    image = Image.new("RGBA", (68, 56))
    image.paste((9, 8, 7, 255), (40, 30, 50, 34))
    pixels = prepared_pixels(file_of(image), fit="pad", trim=True, enlarge=False)
    mask = (pixels == np.array([9, 8, 7])[:, None, None]).all(axis=0)
    assert mask.sum() == 40 and mask[14:18, 11:21].all()


def test_a_very_long_picture_does_not_fill_the_memory():
    content = file_of(Image.new("L", (1, 3_000_000), 77))
    assert prepared_pixels(content).tolist() == np.full((3, 32, 32), 77).tolist()
    assert prepared_pixels(content, fit="pad", background=(0, 0, 0)).max() == 77


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    side=st.sampled_from([28, 32, 64]),
    fit=st.sampled_from(["crop", "pad"]),
    grey=st.booleans(),
    enlarge=st.booleans(),
    level=st.integers(0, 255),
)
@settings(deadline=None)
def test_one_colour_on_itself_stays_that_colour(
    width: int, height: int, side: int, fit: str, grey: bool, enlarge: bool, level: int
):
    image = Image.new("RGBA", (width, height), (level, level, level, 130))
    pixels = prepared_pixels(
        file_of(image), side=side, fit=fit, grey=grey, enlarge=enlarge, background=(level,) * 3
    )
    assert pixels.shape == (1 if grey else 3, side, side) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - level).max() <= 1


# ---- duplicates, classes, parts -------------------------------------------------------------------


def test_exact_duplicates_are_dropped_after_preparation(root: Path):
    same = file_of(picture(1), "BMP")
    files = [*GOOD, ("again.png", png(1)), ("as-bmp.bmp", same)]
    prepared_set = prepare(files, Recipe(), root)
    assert (prepared_set.kept, prepared_set.duplicates, prepared_set.seen) == (3, 2, 5)
    assert prepare(files, Recipe(unique=False), root).kept == 5


def test_near_duplicates_are_dropped_on_demand(root: Path):
    pixels = np.asarray(picture(1, (9, 8)).resize((32, 32), Image.Resampling.BICUBIC))
    close = Image.fromarray((pixels.astype(int) + 2).clip(0, 255).astype(np.uint8))
    darker = Image.fromarray((pixels // 2).astype(np.uint8))
    files = [("a.png", file_of(Image.fromarray(pixels))), ("b.png", file_of(close)), GOOD[1]]
    assert prepare(files, Recipe(), root).kept == 3
    prepared_set = prepare(files, Recipe(near=True), root)
    assert (prepared_set.kept, prepared_set.near_duplicates, prepared_set.duplicates) == (2, 1, 0)
    # The same shapes in other colours are other pictures.
    assert prepare([*files, ("c.png", file_of(darker))], Recipe(near=True), root).kept == 3


def test_the_difference_hash_of_a_slope():
    falling = np.repeat(np.arange(31, -1, -1, dtype=np.uint8) * 8, 1)[None, None].repeat(32, 1)
    assert difference_hash(falling) == 2**64 - 1
    assert difference_hash(falling[:, :, ::-1]) == 0


def test_folders_are_classes_in_the_order_of_people(root: Path):
    files = [
        (f"set/{part}/{name}/{i}.png", png(100 * k + 10 * i + (part == "b")))
        for k, name in enumerate(["class 10", "class 2", "apples"])
        for i in range(4)
        for part in "ab"
    ]
    prepared_set = prepare(zipped(files), Recipe(), root)
    assert prepared_set.classes == ("apples", "class 2", "class 10")
    own = Own.of(prepared_set)
    data = own.load(root)
    labels = torch.cat([data.train_labels, data.held_out_labels])
    assert torch.bincount(labels).tolist() == [8, 8, 8]
    assert list(prepared_set.counts) == torch.bincount(data.train_labels).tolist()
    # Each picture has the class of its folder.
    truth = {
        np.asarray(Image.open(io.BytesIO(content))).transpose(2, 0, 1).tobytes(): name.split("/")[2]
        for name, content in files
    }
    for image, label in zip(data.train[:], data.train_labels, strict=True):
        assert truth[image.numpy().tobytes()] == prepared_set.classes[label]
    assert prepare(zipped(files), Recipe(labels=False), root).classes == ()
    assert prepare(GOOD, Recipe(), root).classes == ()


def test_more_than_a_hundred_folders_are_no_classes(root: Path):
    files = [(f"{i}/x.png", png(i, (8, 8))) for i in range(101)]
    assert prepare(files, Recipe(), root).classes == ()
    assert len(prepare(files[:100], Recipe(), root).classes) == 100


@pytest.mark.parametrize(("share", "held"), [(0.05, 2), (0.25, 10), (0.5, 20)])
def test_the_parts_are_disjoint_and_the_split_repeats(
    share: float, held: int, tmp_path: Path, root: Path
):
    files = [(f"{i}.png", png(i, (8, 8))) for i in range(40)]
    prepared_set = prepare(files, Recipe(held_out=share), root)
    assert (prepared_set.train, prepared_set.held_out) == (40 - held, held)
    data = Own.of(prepared_set).load(root)
    train = {p.numpy().tobytes() for p in data.train[:]}
    assert not train & {p.numpy().tobytes() for p in data.held_out[:]}
    again = prepare(files, Recipe(held_out=share), tmp_path / "elsewhere")
    assert torch.equal(Own.of(again).load(tmp_path / "elsewhere").train[:], data.train[:])


def test_a_small_class_is_held_out_too(root: Path):
    files = [(f"{'many' if i else 'one'}/{i}.png", png(i, (8, 8))) for i in range(60)]
    files += [(f"few/{i}.png", png(i, (8, 8))) for i in range(60, 62)]
    prepared_set = prepare(files, Recipe(), root)
    assert prepared_set.classes == ("few", "many", "one") and prepared_set.counts == (1, 53, 1)
    held = Own.of(prepared_set).load(root).held_out_labels
    assert torch.bincount(held, minlength=3).tolist() == [1, 6, 0]


# ---- the cache ------------------------------------------------------------------------------------


def test_the_same_again_is_not_prepared_again(root: Path, monkeypatch: pytest.MonkeyPatch):
    prepared_set = prepare(zipped(GOOD), Recipe(title="My cats!"), root)
    assert prepared_set.key.startswith("my-cats-") and len(prepared_set.key) == len("my-cats-") + 8
    monkeypatch.setattr("wgan.data.intake.build", None)
    assert prepare(zipped(GOOD), Recipe(title="My cats!"), root) == prepared_set
    monkeypatch.undo()
    other = prepare(zipped(GOOD), Recipe(title="My cats!", side=28), root)
    changed = prepare(zipped(GOOD[:2]), Recipe(title="My cats!"), root)
    assert len({prepared_set.key, other.key, changed.key}) == 3
    assert {p.key for p in prepared(root)} == {prepared_set.key, other.key, changed.key}


def test_a_name_without_letters_gets_a_key(root: Path):
    assert prepare(GOOD, Recipe(title="猫"), root).key.startswith("pictures-")


def test_forgetting_deletes_one(root: Path):
    prepared_set = prepare(GOOD, Recipe(), root)
    other = prepare(GOOD, Recipe(side=28), root)
    forget(prepared_set.key, root)
    assert [p.key for p in prepared(root)] == [other.key]
    for key in (prepared_set.key, "../own/x", "", "*"):
        with pytest.raises(DataError, match="There are no added pictures"):
            forget(key, root)


def test_damaged_files_are_left_out_and_said(root: Path):
    prepared_set = prepare(GOOD, Recipe(), root)
    path = root / "own" / f"{prepared_set.key}.safetensors"
    whole = path.read_bytes()
    (root / "own" / "noise-00000000.safetensors").write_bytes(b"noise" * 100)
    assert [p.key for p in prepared(root)] == [prepared_set.key]
    for damaged in (whole[:-100], whole[:50], b"", whole.replace(b'"schema', b'"zchema')):
        path.write_bytes(damaged)
        assert prepared(root) == []
        with pytest.raises(DataError, match=r"damaged\. Add them again"):
            Own.of(prepared_set).load(root)
    # It is made anew when it is asked for again.
    assert prepare(GOOD, Recipe(), root).kept == 3
    assert len(prepared(root)) == 1


def test_labels_beyond_the_classes_are_refused(root: Path):
    prepared_set = prepare([(f"{n[0]}/{n}", c) for n, c in GOOD], Recipe(), root)
    path = root / "own" / f"{prepared_set.key}.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    begin, end = json.loads(content[8 : 8 + length])["train_labels"]["data_offsets"]
    wrong = struct.pack("<q", 99) * ((end - begin) // 8)
    path.write_bytes(content[: 8 + length + begin] + wrong + content[8 + length + end :])
    with pytest.raises(DataError, match="damaged"):
        read_pictures(path)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test_a_cancelled_preparation_leaves_nothing(at: int, root: Path):
    class Cancelled(Exception):
        pass

    heard: list[tuple[str, float]] = []

    def progress(message: str, share: float) -> None:
        heard.append((message, share))
        assert 0 <= share <= 1 and message
        if len(heard) > at:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(zipped(GOOD), Recipe(), root, progress)
    assert not [p for p in paths_below(root) if p.is_file()]


def test_a_root_that_cannot_be_written_leaves_it_to_the_cache_of_the_user(
    tmp_path: Path, root: Path
):
    root.mkdir()
    root.chmod(0o555)
    try:
        prepared_set = prepare(GOOD, Recipe(), root)
        assert list(root.iterdir()) == []
    finally:
        root.chmod(0o755)
    assert (tmp_path / "cache/wgan-explorer/data/own" / f"{prepared_set.key}.safetensors").is_file()
    assert Own.of(prepared_set).present(root) and Own.of(prepared_set).load(root).size == 2
    forget(prepared_set.key, root)
    assert not Own.of(prepared_set).present(root)


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ({"title": ""}, "1 to 60 printable"),
        ({"title": "x" * 61}, "1 to 60 printable"),
        ({"title": "a\0b"}, "1 to 60 printable"),
        ({"background": "javascript"}, "Use white, black"),
        ({"side": 30}, "28, 32 or 64"),
        ({"held_out": 0.6}, "0.5"),
        ({"fit": "squash"}, "'crop' or 'pad'"),
    ],
)
def test_recipes_that_cannot_be(values: dict[str, object], pattern: str):
    with pytest.raises(ValidationError, match=pattern):
        Recipe.model_validate(values)


def test_every_field_of_a_recipe_explains_itself():
    for name, field in Recipe.model_fields.items():
        assert field.title and field.description and field.description.endswith("."), name


# ---- the data set `own` ---------------------------------------------------------------------------


@pytest.fixture
def prepared_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.setenv("WGAN_DATA", str(root))
    files = [(f"{'cats' if i % 3 else 'dogs'}/{i}.png", png(i)) for i in range(30)]
    return prepare(zipped(files), Recipe(title="Pets", colours="grey", side=28), root)


def test_a_key_is_enough(prepared_set: Prepared):
    config = TrainConfig.parse({"dataset": {"name": "own", "pictures": prepared_set.key}})
    own = config.dataset
    assert isinstance(own, Own) and own == Own.of(prepared_set)
    assert own.shape == (1, 28, 28) and own.size == 27 and own.title == "Pets"
    assert own.class_names() == ("cats", "dogs")
    assert TrainConfig.parse(json.loads(config.model_dump_json())) == config
    loaded = own.load()
    assert loaded.shape == own.shape and loaded.size == own.size
    assert loaded.names == own.class_names()


def test_classes_and_mirrors_of_own_pictures(prepared_set: Prepared):
    whole = Own.of(prepared_set).load()
    dogs = Own.of(prepared_set, classes=("dogs",), flip=True)
    loaded = dogs.load()
    assert dogs.class_names() == loaded.names == ("dogs",)
    assert dogs.size == loaded.size == 2 * prepared_set.counts[1]
    assert loaded.train_labels.unique().tolist() == [0]
    expected = whole.train[whole.train_labels == 1]
    assert torch.equal(loaded.train[:], torch.cat([expected, expected.flip(-1)]))
    assert loaded.held_out_labels.shape == loaded.held_out.shape[:1]
    with pytest.raises(
        ValidationError, match=r"Pets has no class “mice”\. Choose from: cats, dogs"
    ):
        Own.of(prepared_set, classes=("mice",))


def test_another_key_brings_its_own_facts(prepared_set: Prepared, root: Path):
    other = prepare(GOOD, Recipe(title="Others"), root)
    config = TrainConfig(dataset=Own.of(prepared_set)).changed({"dataset.pictures": other.key})
    assert config.dataset == Own.of(other)


def test_without_the_pictures_a_config_is_still_understood(prepared_set: Prepared, root: Path):
    config = TrainConfig(
        dataset=Own.of(prepared_set, classes=("dogs",)), replacement=False, batch_size=8
    )
    forget(prepared_set.key, root)
    again = TrainConfig.parse(json.loads(config.model_dump_json()))
    assert again == config and again.dataset.class_names() == ("dogs",)
    assert again.dataset.shape == (1, 28, 28) and not again.dataset.present()
    with pytest.raises(DataError, match=r"“Pets” \(pets-.*\) is not on this machine. Add"):
        again.dataset.load()


def test_no_choice_and_no_key(root: Path):
    assert not Own().present(root) and DATASETS["own"].title == "Your own pictures"
    with pytest.raises(DataError, match="None of your own pictures are chosen"):
        Own().load(root)
    for key in ("../../etc/passwd", "A", "x/y", "x.y"):
        with pytest.raises(ValidationError, match="is not a key"):
            Own(pictures=key)


# ---- Pokémon sprites ------------------------------------------------------------------------------


def sprites() -> bytes:
    files = []
    for style in ("pokemon-gen7x", "pokemon-gen8"):
        for kind in ("regular", "shiny"):
            for i in range(6):
                image = Image.new("RGBA", (68, 56))
                body = picture(i + 50 * (kind == "shiny"), (20 + i, 24)).convert("RGBA")
                # In another place of the canvas in each style: the same once it is trimmed.
                image.paste(body, (10 if style == "pokemon-gen8" else 12, 20))
                files.append((f"package/{style}/{kind}/{i}.png", file_of(image)))
    files += [
        ("package/pokemon-gen8/regular/female/1.png", png(70)),
        ("package/icons/pokemon/regular/1.png", png(71)),
        ("package/package.json", b"{}"),
    ]
    return tarred(files, mode="w:gz")


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)


def totals(data: Pictures) -> set[int]:
    return {int(p.sum(dtype=torch.long)) for p in torch.cat([data.train[:], data.held_out[:]])}


@pytest.mark.usefixtures("no_npm")
def test_sprites_come_from_the_package_in_the_data_root(root: Path):
    assert not Pokemon().present(root)
    with pytest.raises(DataError, match=r"Upload the npm package pokesprite-images .* or put it"):
        Pokemon().load(root)
    root.mkdir()
    (root / "pokesprite-images-9.tgz").write_bytes(sprites())
    assert Pokemon().present(root)
    loaded = Pokemon().load(root)
    assert loaded.shape == (3, 32, 32) and loaded.names == ()
    assert len(loaded.train) + len(loaded.held_out) == 6
    # Not scaled, and on white.
    expected = {np.asarray(picture(i, (20 + i, 24))).sum() for i in range(6)}
    sums = {
        int(p.sum(dtype=torch.long)) - 3 * 255 * (32 * 32 - (20 + i) * 24)
        for p in torch.cat([loaded.train[:], loaded.held_out[:]])
        for i in range(6)
    }
    assert expected <= sums
    large = Pokemon(side=64).load(root)
    expected = {total + 3 * 255 * (64 * 64 - 32 * 32) for total in totals(loaded)}
    assert totals(large) == expected
    (root / "pokemon" / "regular-64.safetensors").unlink()
    shiny = Pokemon(shiny=True, flip=True).load(root)
    assert len(shiny.train) // 2 + len(shiny.held_out) == 12
    # The package is no longer needed, nor is it listed among pictures of yours.
    (root / "pokesprite-images-9.tgz").unlink()
    assert Pokemon().present(root) and not Pokemon(side=64).present(root)
    assert torch.equal(Pokemon().load(root).train[:], loaded.train[:])
    assert prepared(root) == []


def test_npm_that_fails_is_said_in_a_sentence(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(npm))
    with pytest.raises(DataError, match=r"npm could not download .*no such host.*Upload"):
        Pokemon().load(root)
    assert not paths_below(root)


def test_npm_that_answers_is_asked_once(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "package.tgz").write_bytes(sprites())
    npm = tmp_path / "npm"
    npm.write_text(
        "#!/bin/sh\n[ \"$1 $2\" = 'pack pokesprite-images' ] || exit 9\n"
        f"cp {tmp_path}/package.tgz pokesprite-images-2.tgz\n"
    )
    npm.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(npm))
    heard: list[str] = []
    loaded = Pokemon().load(root, lambda message, share: heard.append(message))
    assert "Downloading the Pokémon sprites with npm" in heard
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert (root / "pokesprite-images-2.tgz").is_file()
    assert Pokemon(side=64).load(root).shape == (3, 64, 64)
    assert torch.equal(Pokemon().load(root).train[:], loaded.train[:])


@pytest.mark.skipif(not PACKAGE.is_file(), reason=f"needs {PACKAGE.name} in WGAN_DATA")
@pytest.mark.parametrize(("trim", "unique"), [(True, 1_702), (False, 1_718)])
def test_the_published_counts_of_the_sprites(trim: bool, unique: int, root: Path):
    recipe = Pokemon().recipe().model_copy(update={"trim": trim})
    prepared_set = prepare(PACKAGE, recipe, root)
    assert (prepared_set.seen, prepared_set.kept, prepared_set.skipped) == (2_409, unique, ())


@pytest.mark.skipif(not PACKAGE.is_file(), reason=f"needs {PACKAGE.name} in WGAN_DATA")
@pytest.mark.parametrize("shiny", [False, True])
def test_the_size_of_the_sprites_is_known_before_they_are_prepared(shiny: bool, root: Path):
    dataset = Pokemon(shiny=shiny)
    before = dataset.size
    prepared_set = dataset.prepare(PACKAGE, root)
    assert before == prepared_set.train and dataset.load(root).size == before
