"""Pictures from outside are read in a child process: damage ends in a sentence, and odd names are no damage."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from tests.conftest import paths_below
from wgan.background import BackgroundTask
from wgan.cli.main import main
from wgan.data import OF_YOUR_OWN, DataError, Limits, Own, Recipe, prepare
from wgan.data.intake import assemble
from wgan.data.prepared_sets import find
from wgan.untrusted.images import open_image, prepare_picture
from wgan.untrusted.picture_set import MAX_NAME, class_names

ROOT = Path(__file__).parents[1]
linux = pytest.mark.skipif(sys.platform != "linux", reason="signals and permissions of Linux")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


def png(seed: int, side: int = 32) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


GOOD = {f"{i}.png": png(i) for i in range(3)}


def add(source: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    """Prepare a source by the command line; return what it prints last."""
    assert main(["data", "add", str(source), "--quiet", *flags]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return values


def refusal(source: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the sentence with which the command line refuses a source."""
    assert main(["data", "add", str(source), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(".") and "Traceback" not in line
    return line


def reasons(report: dict[str, Any]) -> dict[str, str]:
    prepared_set = find(report["key"])
    assert prepared_set is not None
    return dict(prepared_set.skipped)


def files_left(root: Path) -> list[Path]:
    return [path for path in paths_below(root) if path.is_file()]


# ---- archives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_a_zip_is_skipped(
    packing: int, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("bad.png", png(9))
        places = archive.getinfo("bad.png").compress_size
        for name, content in GOOD.items():
            archive.writestr(name, content)
    whole = path.read_bytes()
    begin = 37 + 9 * (packing == zipfile.ZIP_LZMA)  # Bytes 0 and 1 of LZMA's nine mean nothing.
    for at in range(begin, 37 + places, places // 4):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        report = add(path, capsys, "--title", f"at {at}")
        assert report["kept"] == 3 and reasons(report) == {"bad.png": "it is damaged"}


def test_a_member_without_a_name_and_one_of_a_claimed_size_are_skipped(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"?": b"x", "huge.png": png(9), **GOOD}.items():
            archive.writestr(name, content)
    crafted = bytearray(path.read_bytes())
    at = crafted.index(b"huge.png", crafted.index(b"PK\x01\x02"))
    crafted[at - 22 : at - 18] = struct.pack("<I", 2**31)
    at = crafted.index(b"PK\x01\x02")
    crafted[at + 28 : at + 32] = struct.pack("<HH", 0, 1)  # Its letter becomes an extra field.
    path.write_bytes(crafted)
    report = add(path, capsys)
    assert report["kept"] == 3
    skipped = reasons(report)
    assert skipped.pop("huge.png") == "it is larger than 64 MB"
    assert list(skipped.values()) == ["it has no name"]


def header(name: str, size: int | bytes, kind: bytes = b"0") -> bytes:
    """A tar's header with any size."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = b"\x80" + size.to_bytes(11, "big") if isinstance(size, int) else size
    block[156:157] = kind
    block[148:156] = b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:])
    return bytes(block)


def pax(records: bytes) -> bytes:
    return header("pax", len(records), b"x") + records + bytes(-len(records) % 512)


def members(files: dict[str, bytes]) -> bytes:
    return b"".join(
        header(name, len(content)) + content + bytes(-len(content) % 512)
        for name, content in files.items()
    )


HOSTILE = {
    "a claimed size": header("x.png", 2**80),
    "a claimed size of a link": header("x.png", 2**40, b"V"),
    "a negative size": header("x.png", b"\xff" * 12),
    "a size that is no number": header("x.png", b"00000abc000\0"),
    "a claimed size in an attribute": pax(b"26 size=99999999999999999\n") + header("x.png", 10),
    "a negative size in an attribute": pax(b"11 size=-1\n") + header("x.png", 10),
    "an attribute of a false length": pax(b"999 path=x\n") + header("x.png", 10),
    "an attribute without a length": pax(b"x" * 600) + header("x.png", 10),
    "a long name of a claimed size": header("x", 2**40, b"L"),
    "names of names": header("x", 512, b"L") + b"x" * 512 + header("x", 2**20, b"L"),
    "sparse without an end": header("x.png", 0, b"S")[:482] + b"\1" + bytes(29),
}


@pytest.mark.parametrize(
    ("name", "packing"),
    [
        *((name, "tar") for name in HOSTILE),
        *(("a claimed size", packing) for packing in ("tar.gz", "tar.bz2", "tar.xz")),
        ("a claimed size of a link", "tar.gz"),
        ("a claimed size in an attribute", "tar.gz"),
    ],
)
def test_a_tar_that_claims_what_is_not_so_ends_with_a_sentence(
    name: str, packing: str, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    pack: dict[str, Callable[[bytes], bytes]] = {
        "tar.gz": gzip.compress,
        "tar.bz2": bz2.compress,
        "tar.xz": lzma.compress,
    }
    path = tmp_path / f"x.{packing}"
    path.write_bytes(pack.get(packing, bytes)(HOSTILE[name] + bytes(1024)))
    refusal(path, capsys)
    # What comes before is kept, unless all of it is more than may be unpacked.
    path.write_bytes(pack.get(packing, bytes)(members(GOOD) + HOSTILE[name] + bytes(1024)))
    if packing != "tar":
        assert "It is larger than" in refusal(path, capsys)
    else:
        assert add(path, capsys)["kept"] == 3
    assert not paths_below(tmp_path, ".preparing-*")


def test_odd_members_of_a_tar_are_skipped(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    odd = {b"1": "link", b"2": "link", b"3": "file", b"4": "file", b"6": "file", b"V": "file"}
    content = b"".join(header(f"{kind.decode()}.png", 0, kind) for kind in odd)
    content += pax(b"22 GNU.sparse.major=1\n") + header("sparse.png", 600) + bytes(1024)
    content += header("S.png", 512, b"S") + bytes(512) + header("folder/", 0)
    path = tmp_path / "x.tar"
    path.write_bytes(content + members(GOOD))
    report = add(path, capsys)
    skipped = reasons(report)
    assert report["kept"] == 3 and report["seen"] == 3 + len(odd) + 2
    assert skipped.pop("sparse.png") == skipped.pop("S.png") == "it is not an ordinary file"
    assert {name: why.split()[-1] for name, why in skipped.items()} == {
        f"{kind.decode()}.png": what for kind, what in odd.items()
    }


# ---- folders and what is packed of them ------------------------------------------------------------

ODD_NAMES = [
    "style: red/0.png",
    "style: blue/1.png",
    "C:/2.png",
    "a b/ 3 .png",
    "ünï/4.png",
    "猫/5.png",
    "con/6.png",
    "back\\slash/7.png",
    "#?*[]'\"/8.png",
    "%2e%2e/9.png",
    "-rf/10.png",
    "PK/11.png",
    "tab\t/12.png",
    f"{'long' * 40}/13.png",
    f"{'long' * 40}er/14.png",
    "deep/" * 30 + "x/15.png",
    "PK\u0301.png",
    "Ünï/17.png",
]


def packed_zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))


def packed_tar(folder: Path, path: Path) -> None:
    modes: dict[str, Literal["w", "w:gz", "w:bz2", "w:xz"]] = {
        ".tar": "w",
        ".tgz": "w:gz",
        ".bz2": "w:bz2",
        ".xz": "w:xz",
    }
    with tarfile.open(path, mode=modes[path.suffix]) as archive:
        for file in sorted(folder.rglob("*")):
            archive.add(file, file.relative_to(folder), recursive=False)


PACKERS: dict[str, Callable[[Path, Path], None]] = {
    "x.zip": packed_zip,
    "x.tar": packed_tar,
    "x.tgz": packed_tar,
    "x.tar.bz2": packed_tar,
    "x.tar.xz": packed_tar,
}


@linux
def test_an_archive_of_a_folder_gives_the_pictures_and_classes_of_the_folder(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "in"
    for i, name in enumerate(ODD_NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(i))
    sources = [folder]
    for name, pack in PACKERS.items():
        pack(folder, tmp_path / name)
        sources.append(tmp_path / name)
    if shutil.which("zip"):
        program = tmp_path / "by-the-program.zip"
        subprocess.run(["zip", "-qr", program, "."], cwd=folder, check=True)
        sources.append(program)
    contents = []
    for source in sources:
        report = add(source, capsys, "--side", "32")
        assert report["kept"] == len(ODD_NAMES) and not report["skipped"], reasons(report)
        key = find(report["key"])
        assert key is not None
        data = Own.of(key).load()
        contents.append(
            {
                (picture.tobytes(), data.names[label])
                for part, labels in (
                    (data.train, data.train_labels),
                    (data.held_out, data.held_out_labels),
                )
                for picture, label in zip(part[:].numpy(), labels.tolist(), strict=True)
            }
        )
    assert all(each == contents[0] for each in contents[1:])
    assert {"style: red", "style: blue", "C:", "ünï", "猫", "(no folder)"} <= {
        c for _, c in contents[0]
    }


@linux
def test_a_folder_that_cannot_be_read_is_skipped(tmp_path: Path, root: Path):
    folder = tmp_path / "in"
    (folder / "lost+found").mkdir(parents=True)
    for name, content in GOOD.items():
        (folder / name).write_bytes(content)
    (folder / "secret.png").write_bytes(png(9))
    (folder / "secret.png").chmod(0)
    (folder / "lost+found").chmod(0)
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root reads everything")
        prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    command = [*prefix, sys.executable, "-m", "wgan", "data", "add", str(folder), "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (folder / "lost+found").chmod(0o700)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout.splitlines()[-1])
    assert (values["kept"], values["seen"], values["skipped"]) == (3, 4, 2)
    assert reasons(values) == {
        "lost+found": "it is a folder that cannot be read (Permission denied)",
        "secret.png": "it cannot be read (Permission denied)",
    }


def test_names_of_classes_stay_different():
    long = "a long folder name of which only the last letter says what it is: "
    folders = [
        "cats",
        long + "A",
        long + "B",
        long + "A" + "x" * 900 + long,
        long + "C" + "x" * 900 + long,
        "a\0",
        "a\1",
        "a�",
        "",
        "(no folder)",
        "y" * 200,
        "y" * 201,
        "z" * 61,
    ]
    names = class_names(folders)
    assert len(set(names)) == len(folders)
    assert all(0 < len(name) <= MAX_NAME and name.isprintable() for name in names)
    assert names[0] == "cats" and names[-1] == f"{'z' * 59}…"
    assert names[1].endswith("what it is: A") and names[2].endswith("what it is: B")
    assert class_names(folders[::-1]) == names[::-1]


def test_long_names_of_folders_are_two_classes(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
):
    for i in range(8):
        path = tmp_path / "in" / f"{'a long folder name ' * 5}{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(i))
    first, second = add(tmp_path / "in", capsys)["classes"]
    assert first != second and first[-1] == "0" and second[-1] == "1"


# ---- transparency --------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def half_transparent(depth: int, colours: int) -> bytes:
    """A PNG of 32×32: the left half grey or white, the right half black and transparent."""
    high = 2**depth - 1
    channels = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}[colours]
    left, right = [high] * channels, [0] * channels
    if colours == PALETTE:
        left = [1]
    line = "".join(f"{level:0{depth}b}" for level in 16 * left + 16 * right)
    raw = (b"\0" + int(line, 2).to_bytes(len(line) // 8, "big")) * 32
    extra = b""
    if colours == PALETTE:
        extra = chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255])) + chunk(b"tRNS", b"\0")
    elif colours in (GREY, RGB):
        extra = chunk(b"tRNS", bytes(2 * channels))
    head = struct.pack(">IIBBBBB", 32, 32, depth, colours, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("depth", "colours"),
    [
        *((depth, GREY) for depth in (1, 2, 4, 8, 16)),
        *((depth, PALETTE) for depth in (1, 2, 4, 8)),
        *((depth, colours) for depth in (8, 16) for colours in (RGB, GREY_ALPHA, RGBA)),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_what_is_transparent_shows_the_background(depth: int, colours: int, grey: bool):
    image = open_image(half_transparent(depth, colours), 10**6)
    pixels = prepare_picture(image, side=32, grey=grey, fit="crop", background=(64, 64, 64))
    assert (pixels[..., :16] == 255).all() and (pixels[..., 16:] == 64).all()


@pytest.mark.parametrize(("depth", "other_level"), [(2, 1), (4, 1), (8, 1), (16, 1), (16, 256)])
def test_only_the_level_itself_is_transparent(depth: int, other_level: int):
    content = half_transparent(depth, GREY)
    other = content.replace(
        chunk(b"tRNS", bytes(2)), chunk(b"tRNS", struct.pack(">H", other_level))
    )
    assert other != content
    assert open_image(other, 10**6).convert("RGBA").getchannel("A").getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "GIF"), ("RGBA", "WEBP")],
)
def test_other_ways_to_be_transparent(mode: str, kind: str):
    image = Image.new("RGBA", (32, 32), (255, 255, 255, 255))
    image.paste((0, 0, 0, 0), (16, 0, 32, 32))
    out = io.BytesIO()
    settings = {"lossless": True} if kind == "WEBP" else {}
    image.convert(mode).save(out, kind, **settings)
    pixels = prepare_picture(
        open_image(out.getvalue(), 10**6), side=32, grey=False, fit="crop", background=(64, 64, 64)
    )
    assert (pixels[..., :16] == 255).all() and (pixels[..., 16:] == 64).all()


# ---- the child process ----------------------------------------------------------------------------


def endless(path: Path) -> Path:
    """A small .tar.gz that unpacks to 200 GB: one member that is too large for a picture."""
    size = 200 << 30
    zeros = gzip.compress(bytes(1 << 24))
    path.write_bytes(gzip.compress(header("x.png", size)) + zeros * (size >> 24))
    return path


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("It did not come to that.")


def scratch(root: Path) -> list[Path]:
    return paths_below(root, ".preparing-*/pictures")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_command_line_can_be_interrupted(number: int, tmp_path: Path, root: Path):
    source = endless(tmp_path / "x.tgz")
    command = [sys.executable, "-m", "wgan", "data", "add", str(source), "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: scratch(root))
    process.send_signal(number)
    stderr = process.communicate()[1]
    if number == signal.SIGKILL:  # The child notices, and cleans up.
        wait_for(lambda: not paths_below(root, ".preparing-*"))
    else:
        assert process.returncode == 130 and stderr == "Interrupted. Nothing was saved.\n"
        assert not paths_below(root, ".preparing-*")
    assert not files_left(root)


def test_preparing_in_the_app_can_be_cancelled(tmp_path: Path, root: Path):
    source = endless(tmp_path / "x.tgz")
    chore = BackgroundTask(
        "Preparing", lambda tell: prepare(source, Recipe(), root, tell, limits=OF_YOUR_OWN)
    )
    wait_for(lambda: scratch(root))
    chore.cancel()
    chore.wait(60)
    assert chore.done and chore.error == "Cancelled. Nothing was saved."
    assert not files_left(root)


def test_time_and_memory_of_the_child_are_limited(tmp_path: Path, root: Path):
    with pytest.raises(DataError, match="longer than 2 seconds"):
        prepare(
            endless(tmp_path / "x.tgz"), Recipe(), root, limits=Limits(seconds=2, unpacked=1 << 40)
        )
    if sys.platform == "linux":  # which alone enforces RLIMIT_AS
        out = io.BytesIO()
        Image.new("RGB", (5000, 5000)).save(out, "PNG")
        files = [*GOOD.items(), ("large.png", out.getvalue())]
        prepared_set = prepare(files, Recipe(), root, limits=Limits(memory=64 << 20))
        assert prepared_set.skipped == (("large.png", "it needs too much memory to read"),)
    assert not paths_below(root, ".preparing-*")


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": 3},
        {"pictures": -1},
        {"pictures": True},
        {"classes": ["a", "a"]},
        {"classes": ["a", "\0"]},
        {"classes": ["a", "b" * 99]},
        {"classes": [f"{i}" for i in range(101)]},
        {"skipped": [["only a name"]]},
        {"reasons": {"x": "1"}},
        {"more": 1},
        {"labels": [0, 2]},
        {"labels": [-1, 0]},
        {"labels": [0]},
        {},
    ],
)
def test_what_the_child_hands_over_is_checked(change: dict[str, Any], tmp_path: Path):
    description = {
        "pictures": 2,
        "classes": ["a", "b"],
        "seen": 2,
        "duplicates": 0,
        "near_duplicates": 0,
        "skipped": [],
        "reasons": {},
    } | change
    labels = description.pop("labels", [0, 1])
    place = tmp_path / "scratch"
    place.mkdir()
    (place / "pictures").write_bytes(bytes(2 * 28 * 28))
    (place / "folders").write_bytes(np.array(labels, np.int32).tobytes())
    recipe, target = Recipe(side=28, colours="grey"), tmp_path / "out.safetensors"
    if not change:
        assert assemble(place, description, recipe, "x", target).kept == 2
        return
    with pytest.raises(DataError, match="returned invalid data"):
        assemble(place, description, recipe, "x", target)
    assert not target.exists()
