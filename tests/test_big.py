"""Pictures that stay in their file: the same numbers as in memory, and memory that does not grow."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.conftest import paths_below
from wgan.arrays import I64
from wgan.cli.main import main
from wgan.config import TrainConfig
from wgan.data import OF_YOUR_OWN, DataError, Limits, Own, Pictures, Prepared, Recipe, prepare
from wgan.data.facts import by_class, describe
from wgan.data.mapped import Mapped
from wgan.data.prepared_sets import read_pictures
from wgan.data.stored import layout
from wgan.metrics import nearest
from wgan.metrics.feature_distances import last
from wgan.metrics.images import ReferenceStats
from wgan.training import Engine, Training
from wgan.training.distributed import ProcessGroup
from wgan.untrusted.images import difference_hash
from wgan.untrusted.picture_set import MEAN_APART

ROOT = Path(__file__).parents[1]
ENGINE = Engine("cpu", "float32", 1)


def bmp(seed: int, side: int = 32) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "BMP")
    return content.getvalue()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WGAN_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def prepared_set(root: Path) -> Prepared:
    files = [(f"{'cats' if i % 3 else 'dogs'}/{i}.bmp", bmp(i, 28)) for i in range(60)]
    return prepare(files, Recipe(title="Pets", side=28, colours="grey"), root)


def file_of(prepared_set: Prepared, root: Path) -> Path:
    return root / "own" / f"{prepared_set.key}.safetensors"


def both(prepared_set: Prepared, root: Path) -> tuple[Pictures, Pictures]:
    loaded_sets = [
        read_pictures(file_of(prepared_set, root), mapped=mapped) for mapped in (True, False)
    ]
    assert [each.mapped for each in loaded_sets] == [True, False]
    return loaded_sets[0], loaded_sets[1]


# ---- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(), "423db157c2224b3bc408b67ab5c2da13ee6fff121598dde9750c5e12eb4daa49"),
        (
            Recipe(colours="grey", near=True, labels=False, held_out=0.3),
            "184ffbf0721b2f5ff890d43c7a420d1d1dda5a33cc73f18d6d7ecd3bf4ef9078",
        ),
    ],
)
def test_the_file_is_what_it_was_when_pictures_were_kept_in_memory(
    recipe: Recipe, expected: str, root: Path, monkeypatch: pytest.MonkeyPatch
):
    """Digests recorded of files that were put together in memory and saved by safetensors itself."""
    files = [(f"set/{'cats' if i % 3 else 'dogs é'}/{i}.bmp", bmp(i % 90)) for i in range(100)]
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)
    path = file_of(prepare(files, recipe, root), root)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
    metadata, _ = layout(path)
    save_file(load_file(path), path.with_name("again"), metadata)
    assert path.with_name("again").read_bytes() == path.read_bytes()


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_said_to_be(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
):
    root = tmp_path_factory.getbasetemp() / "damaged"
    path = next(root.glob("own/*"), None) or file_of(
        prepare([(f"{i}.bmp", bmp(i, 28)) for i in range(3)], Recipe(side=28), root), root
    )
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    kind = data.draw(st.sampled_from(["cut", "bytes", "value"]))
    if kind == "cut":
        content = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "bytes":
        at, byte = data.draw(st.integers(0, 7 + length)), data.draw(st.integers(0, 255))
        content = whole[:at] + bytes([byte]) + whole[at + 1 :]
    else:
        header = json.loads(whole[8 : 8 + length])
        name = data.draw(st.sampled_from(["train", "held_out_labels"]))
        field = data.draw(st.sampled_from(["dtype", "shape", "data_offsets"]))
        odd = [None, "I64", -1, 1e300, [], [0, 0.0], [-1, 2], [2**70, 2**71], [[1], [2]], {}]
        header[name][field] = data.draw(st.sampled_from(odd))
        text = json.dumps(header).encode()
        content = len(text).to_bytes(8, "little") + text + whole[8 + length :]
    damaged = root / "x.safetensors"
    damaged.write_bytes(content)
    for mapped in (True, False):
        # A byte of a name or of a number that means nothing to us may be another.
        with contextlib.suppress(DataError):
            pictures_read = read_pictures(damaged, mapped=mapped)
            assert len(pictures_read.train) + len(pictures_read.held_out) == 3


def test_a_killed_or_failing_preparation_leaves_nothing(root: Path):
    with pytest.raises(DataError, match="take more than"):
        prepare(
            [(f"{i}.bmp", bmp(i)) for i in range(9)], Recipe(), root, limits=Limits(prepared=9000)
        )
    assert not [path for path in paths_below(root) if path.is_file()]


@pytest.mark.parametrize(
    "most", [pytest.param(3_000_000, marks=pytest.mark.slow), 400 * 3 * 64 * 64 + 1000]
)
def test_a_full_disk_is_said(most: int, root: Path):
    """While pictures come, or when they are put together."""
    program = """
import resource, signal, sys
from pathlib import Path
from tests.test_big import bmp
from wgan.data import DataError, Recipe, prepare
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv[2])
source = Path(sys.argv[1]).with_name("source")
source.mkdir()
for i in range(400):
    (source / f"{i}.bmp").write_bytes(bmp(i, 64))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    prepare(source, Recipe(side=64), Path(sys.argv[1]))
except DataError as error:
    print(error)
"""
    stdout = subprocess.run(
        [sys.executable, "-c", program, str(root), str(most)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "could not be written" in stdout and "Free some space" in stdout
    assert not [path for path in paths_below(root) if path.is_file()]


# ---- the same pictures ----------------------------------------------------------------------------


def test_mapped_pictures_are_indexed_as_a_tensor(prepared_set: Prepared, root: Path):
    mapped, held = both(prepared_set, root)
    labels = held.train_labels
    for a, b in [
        (mapped, held),
        (mapped.mirrored(), held.mirrored()),
        (mapped.only(["dogs"]), held.only(["dogs"])),
        (mapped.only(["dogs"]).mirrored(), held.only(["dogs"]).mirrored()),
        (mapped.mirrored().only(["cats"]), held.mirrored().only(["cats"])),
    ]:
        assert a.mapped and a.size == b.size and a.names == b.names and a.shape == b.shape
        assert torch.equal(a.train_labels, b.train_labels)
        assert torch.equal(a.held_out_labels, b.held_out_labels)
        n = len(b.train)
        assert a.train.shape == b.train.shape and torch.equal(a.held_out[:], b.held_out[:])
        for index in (
            0,
            -1,
            n - 1,
            slice(None),
            slice(3, 9),
            slice(None, None, 2),
            slice(5, 5),
            torch.tensor([3, 3, 0, -1]),
            torch.tensor([[n - 1, 0], [1, 1]]),
            torch.arange(n) % 3 == 0,
            torch.zeros(0, dtype=torch.long),
        ):
            assert torch.equal(a.train[index], b.train[index]), index
    assert torch.equal(mapped.train[labels == 1], held.train[labels == 1])
    with pytest.raises(IndexError):
        mapped.train[len(held.train)]


def test_what_is_taken_can_be_changed_and_the_file_cannot(prepared_set: Prepared, root: Path):
    mapped, _ = both(prepared_set, root)
    before = file_of(prepared_set, root).read_bytes()
    batch = mapped.train[:4]
    batch.zero_()
    assert mapped.train[:4].any() and file_of(prepared_set, root).read_bytes() == before


def test_large_sets_stay_in_their_file_by_themselves(
    prepared_set: Prepared, root: Path, monkeypatch: pytest.MonkeyPatch
):
    own = Own.of(prepared_set, flip=True)
    assert not own.load(root).mapped and own.nbytes == 2 * prepared_set.train * 28 * 28
    for name in ("prepared_sets", "own"):
        monkeypatch.setattr(f"wgan.data.{name}.MAPPED_FROM", prepared_set.train * 28 * 28)
    assert own.load(root).mapped and own.nbytes == 0
    moved = own.load(root).to(torch.device("cpu"))
    assert moved.mapped and isinstance(moved.held_out, Mapped)


CONFIGS: dict[str, dict[str, object]] = {
    "with replacement": {},
    "without": {"replacement": False},
    "classes, mirrored, conditional": {"conditional": True, "classes": ("dogs",), "flip": True},
    "split updates": {"split_updates": True, "objective": "gan", "replacement": False},
    "more updates than are made at once": {"n_critic": 11, "replacement": False},
}


def config_of(prepared_set: Prepared, **changes: object) -> TrainConfig:
    own = {name: changes.pop(name) for name in ("classes", "flip") if name in changes}
    whole = {
        "objective": "wgan-gp",
        "network": {"name": "mlp-pictures", "width": 16, "depth": 1},
        "batch_size": 8,
        "n_critic": 2,
        "report_every": 1,
        "steps": 6,
    }
    return TrainConfig.parse(
        {"dataset": Own.of(prepared_set, **own).model_dump()} | whole | changes
    )


def outcome(training: Training, steps: int = 6) -> tuple[list[object], dict[str, torch.Tensor]]:
    while training.steps < steps:
        training.step()
    return [*training.reports()], training.state().tensors


@pytest.mark.parametrize("name", CONFIGS)
def test_training_gives_the_same_numbers_wherever_the_pictures_are(
    name: str, prepared_set: Prepared, root: Path
):
    config = config_of(prepared_set, **CONFIGS[name])
    own = config.dataset
    assert isinstance(own, Own)
    outcomes = []
    for whole in both(prepared_set, root):
        some = whole.only(own.classes)
        data = some.mirrored() if own.flip else some
        assert data.size == own.size
        outcomes.append((data, *outcome(Training(config, engine=ENGINE, data=data))))
    (mapped, reports, tensors), (held, expected, weights) = outcomes
    assert reports == expected and len(reports) == 6
    assert all(torch.equal(tensors[key], weights[key]) for key in weights)
    # And begun in memory, it goes on in a process that maps them.
    training = Training(config, engine=ENGINE, data=held)
    while training.steps < 3:
        training.step()
    training.reports()
    again = Training.restore(training.state(), data=mapped)
    assert outcome(again)[0] == expected[3:]
    assert all(torch.equal(again.state().tensors[key], weights[key]) for key in weights)


def test_each_of_many_processes_takes_its_rows(prepared_set: Prepared, root: Path):
    config = config_of(prepared_set)
    mapped, held = (Training(config, engine=ENGINE, data=data) for data in both(prepared_set, root))
    whole, _ = held.batches.real(held.steps, 0, 8, held.critic_updates)
    for rank in range(2):
        mapped.batches.process_group = ProcessGroup(rank, 2)
        mapped.batches.read_ahead(mapped.steps, range(1, 2), mapped.critic_updates + 1)
        part, _ = mapped.batches.real(mapped.steps, 0, 8, mapped.critic_updates)
        assert torch.equal(part, whole[4 * rank : 4 * rank + 4])


def test_reading_ahead_has_no_thread_and_draws_nothing_else(prepared_set: Prepared, root: Path):
    config = config_of(prepared_set)
    requests: list[torch.Tensor] = []
    read: list[torch.Tensor] = []

    class Noted(Mapped):
        def prefetch(self, index: int | slice | torch.Tensor) -> None:
            requests.append(torch.as_tensor(index))
            super().prefetch(index)

        def read(self, index: int | slice | torch.Tensor) -> torch.Tensor:
            read.append(torch.as_tensor(index))
            return super().read(index)

    path = file_of(prepared_set, root)
    data = read_pictures(path, mapped=True)
    part = layout(path)[1]["train"]
    with path.open("rb") as file:
        data = replace(data, train=Noted(file, part.begin, part.shape))
    threads = set(threading.enumerate())
    outcome(Training(config, engine=ENGINE, data=data))
    assert set(threading.enumerate()) <= threads
    # All but the first step's were asked for in the step before.
    assert len(read) == 12 and [a.tolist() for a in requests[:10]] == [r.tolist() for r in read[2:]]


# ---- what looks at all of them ----------------------------------------------------------------------


def test_facts_neighbours_and_references_are_those_of_pictures_in_memory(
    prepared_set: Prepared, root: Path, monkeypatch: pytest.MonkeyPatch
):
    mapped, held = both(prepared_set, root)
    a, b = describe(mapped), describe(held)
    for name in vars(b):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert b.mean == pytest.approx(float(held.train[:].double().mean()))
    assert b.deviation == pytest.approx(float(held.train[:].double().std(correction=0)))
    class_mean = held.train[held.train_labels == 1].double().mean(0).round()
    assert np.array_equal(b.class_means[1], class_mean.byte().numpy())
    assert np.array_equal(by_class(mapped, 4, 5), by_class(held, 4, 5))
    for x, y in zip(
        last(nearest(held.held_out[:], mapped.train)),
        last(nearest(held.held_out[:], held.train)),
        strict=True,
    ):
        assert torch.equal(x, y)
    dataset = Own.of(prepared_set)
    sums = [ReferenceStats(dataset, data).reference for data in (mapped, held)]
    assert sums[0].n == prepared_set.train and torch.equal(sums[0].outer, sums[1].outer)
    # Of more than can be looked at: a stated number of them.
    monkeypatch.setattr("wgan.data.facts.MAX_VALUES", 20 * 28 * 28)
    monkeypatch.setattr("wgan.metrics.images.MAX_REFERENCE", 20)
    some = describe(mapped)
    assert some.looked_at == 20 and some.counts == b.counts and abs(some.mean - b.mean) < 5
    reference_stats = ReferenceStats(dataset, mapped)
    assert reference_stats.reference.n == 20
    assert (
        f"20 of the {prepared_set.train} training pictures" in reference_stats.protocol["reference"]
    )


def test_near_duplicates_are_those_that_a_look_at_every_pair_finds(root: Path):
    rng = np.random.default_rng(0)
    levels = rng.integers(90, 140, (150, 3))
    files: list[tuple[str, bytes]] = []
    distinct: list[I64] = []
    for i, level in enumerate(levels):
        picture = np.broadcast_to(level.astype(np.uint8)[:, None, None], (3, 28, 28))
        content = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(content, "BMP")
        files.append((f"{i}.bmp", content.getvalue()))
        assert difference_hash(np.ascontiguousarray(picture)) == 0
        if not any(np.abs(level - other).max() <= MEAN_APART for other in distinct):
            distinct.append(level)
    prepared_set = prepare(files, Recipe(side=28, near=True, unique=False), root)
    assert prepared_set.kept == len(distinct)
    assert prepared_set.near_duplicates == 150 - len(distinct)
    assert 20 < prepared_set.kept < 130


# ---- files that change meanwhile --------------------------------------------------------------------


def test_a_file_that_is_deleted_or_replaced_is_read_on(prepared_set: Prepared, root: Path):
    config, path = config_of(prepared_set), file_of(prepared_set, root)
    mapped, held = both(prepared_set, root)
    expected = outcome(Training(config, engine=ENGINE, data=held))
    training = Training(config, engine=ENGINE, data=mapped)
    training.step()
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)
    training.step()
    path.unlink()
    reports, tensors = outcome(training)
    assert reports == expected[0]
    assert all(torch.equal(tensors[key], value) for key, value in expected[1].items())


def test_a_file_that_is_cut_short_meanwhile_is_said(prepared_set: Prepared, root: Path):
    training = Training(config_of(prepared_set), engine=ENGINE, data=both(prepared_set, root)[0])
    training.step()
    os.truncate(file_of(prepared_set, root), 5000)
    with pytest.raises(DataError, match="was truncated while it was in use"):
        training.step()


# ---- limits and memory --------------------------------------------------------------------------------


def test_the_command_line_allows_a_million_files_and_uploads_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path
):
    assert OF_YOUR_OWN.members >= 1_000_000 <= OF_YOUR_OWN.prepared // (3 * 64 * 64)
    assert OF_YOUR_OWN.unpacked > 1_000_000 * 20_000
    # What one file may cost is memory, whoever sent it.
    assert (OF_YOUR_OWN.member, OF_YOUR_OWN.pixels) == (Limits().member, Limits().pixels)
    assert (Limits().members, Limits().prepared) == (200_000, 1 << 30)
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.bmp").write_bytes(bmp(i))
    monkeypatch.setattr("wgan.cli.data.OF_YOUR_OWN", Limits(members=3))
    assert main(["data", "add", str(folder), "--quiet"]) == 2
    assert "more than 3 files" in capsys.readouterr().err


MEMORY = """
import sys
from pathlib import Path
import torch
from tests.test_big import ENGINE, Own, Recipe, Training, config_of, file_of, prepare, read_pictures
from wgan.data import chunks

def anonymous():
    line = next(l for l in open("/proc/self/status") if l.startswith("RssAnon"))
    return int(line.split()[1]) // 1024

torch.set_num_threads(1)
peak, before = 0, anonymous()
def look(*_):
    global peak
    peak = max(peak, anonymous() - before)
source, root = map(Path, sys.argv[1:])
made = prepare(source, Recipe(side=64), root, look)
look()
print(peak)
path = file_of(made, root)
data = read_pictures(path, mapped=True)
training = Training(config_of(made, steps=20), engine=ENGINE, data=data)
peak, before = 0, anonymous()
for _ in range(20):
    training.step()
    look()
for part in chunks(data.train, 500):
    look()
print(peak)
before = anonymous()
held = read_pictures(path, mapped=False)
print(anonymous() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells anonymous memory")
@pytest.mark.slow
def test_preparing_and_training_take_memory_that_does_not_grow_with_the_set(
    tmp_path: Path, root: Path
):
    source, n = tmp_path / "source.tar", 8_000
    head = bmp(0, 64)[:54]
    rng = np.random.default_rng(0)
    with tarfile.open(source, "w") as archive:
        for i in range(n):
            info = tarfile.TarInfo(f"{i}.bmp")
            info.size = 54 + 64 * 64 * 3
            archive.addfile(info, io.BytesIO(head + rng.bytes(64 * 64 * 3)))
            archive.members = []  # type: ignore[attr-defined]  # typeshed lacks the list of members
    stdout = subprocess.run(
        [sys.executable, "-c", MEMORY, str(source), str(root)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    preparing, training, held = map(int, stdout.split())
    size = n * 64 * 64 * 3 >> 20  # 93 MiB
    # The measure sees what is held in memory, and preparing and training hold a fraction of it.
    assert 0.85 * size <= held <= 1.2 * size
    assert preparing < size / 2 and training < size / 2
