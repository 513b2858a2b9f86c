import base64
import dataclasses
import functools
import gzip
import hashlib
import io
import math
import pickle
import struct
import threading
import time
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydantic import ValidationError

import wgan
from tests.conftest import pictures
from wgan.data import (
    DATASETS,
    Cifar10,
    DataError,
    Drawing,
    EmnistLetters,
    Grid25,
    Labelled,
    Mnist,
    Mnist10k,
    Pictures,
    Points,
    Ring8,
    Stack,
    Svhn,
    SwissRoll,
    Text,
    TwoMoons,
    array_of,
    as_bytes,
    as_floats,
    cells_of,
    density_of,
    examples,
)
from wgan.rng import keyed_rng

POINTS = [name for name, dataset in DATASETS.items() if dataset.kind == "points"]
LABELLED = {name: dataset for name, dataset in DATASETS.items() if issubclass(dataset, Labelled)}


def test_bytes_and_floats_are_inverse():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    floats = as_floats(every)
    assert floats.min() == -1 and floats.max() == 1
    assert torch.equal(as_bytes(floats), every)


def test_bytes_are_clamped():
    assert as_bytes(torch.tensor([-9.0, 9.0])).tolist() == [0, 255]


def test_the_bundled_digits_are_what_their_note_says():
    loaded = Mnist10k().load()
    assert isinstance(loaded, Pictures)
    assert loaded.train.shape == (10_000, 1, 28, 28) and loaded.train[:].dtype == torch.uint8
    assert torch.bincount(loaded.train_labels).tolist() == [1000] * 10
    assert torch.bincount(loaded.held_out_labels).tolist() == [100] * 10
    # MNIST's published mean and deviation, over this sixth of it.
    assert loaded.train[:].float().mean() / 255 == pytest.approx(0.1307, abs=0.003)
    assert (loaded.train[:] / 255).std() == pytest.approx(0.3081, abs=0.005)
    file = Path(wgan.__file__).parent / "assets" / "mnist-10k.npz"
    assert file.stat().st_size <= 2_000_000


def test_no_held_out_digit_is_trained_on():
    loaded = Mnist10k().load()
    train = {picture.numpy().tobytes() for picture in loaded.train[:]}
    held = [picture.numpy().tobytes() for picture in loaded.held_out[:]]
    assert not any(picture in train for picture in held)


@pytest.mark.parametrize("name", POINTS)
def test_points_are_drawn_by_key_and_fit_their_window(name: str):
    loaded = DATASETS[name]().load()
    assert isinstance(loaded, Points)
    points = loaded.batch("train", 4096, keyed_rng(0, "data"))
    assert points.shape == (4096, 2) and points.dtype == torch.float32
    assert torch.equal(points, loaded.batch("train", 4096, keyed_rng(0, "data")))
    assert points.abs().max() < loaded.extent


def test_ring_is_an_equal_mixture_of_eight():
    loaded = Ring8(scale=1.0, sigma=0.01).load()
    assert isinstance(loaded, Points) and loaded.means is not None
    points = loaded.sample(80_000, keyed_rng(0, "data"))
    assert loaded.means.norm(dim=1).tolist() == pytest.approx([1.0] * 8, rel=1e-6)
    nearest = torch.cdist(points, loaded.means).argmin(dim=1)
    assert torch.bincount(nearest, minlength=8).float().div(80_000).tolist() == pytest.approx(
        [1 / 8] * 8, abs=0.006
    )
    spread = (points - loaded.means[nearest]).std()
    assert spread == pytest.approx(0.01, rel=0.02)


def test_grid_means_are_steps_of_two():
    loaded = Grid25().load()
    assert isinstance(loaded, Points) and loaded.means is not None
    assert sorted(set(loaded.means.flatten().tolist())) == [-4, -2, 0, 2, 4]
    assert len(loaded.means.unique(dim=0)) == 25


def test_swiss_roll_radius_grows_with_its_angle():
    loaded = SwissRoll(scale=1.0, noise=0.0).load()
    assert isinstance(loaded, Points)
    radius = loaded.sample(20_000, keyed_rng(0, "data")).norm(dim=1)
    # The angle is uniform in [1.5π, 4.5π] and the radius proportional to it.
    assert radius.min() == pytest.approx(1 / 3, abs=1e-3)
    assert radius.max() == pytest.approx(1, abs=1e-3)
    assert radius.mean() == pytest.approx(2 / 3, abs=0.01)


def test_two_moons_lie_on_two_half_circles():
    loaded = TwoMoons(scale=1.0, noise=0.0).load()
    assert isinstance(loaded, Points)
    x, y = loaded.sample(5000, keyed_rng(0, "data")).unbind(dim=1)
    upper = ((x + 0.5) ** 2 + (y + 0.25) ** 2 - 1).abs()
    lower = ((x - 0.5) ** 2 + (y - 0.25) ** 2 - 1).abs()
    assert torch.minimum(upper, lower).max() < 1e-5


def test_batches_come_from_their_part():
    data = pictures()
    rng = keyed_rng(0, "data")
    assert data.batch("held-out", 500, rng).max() <= as_floats(torch.tensor([127.0]))
    assert data.batch("train", 500, rng).max() > 0.9


def test_examples_are_arrays_to_show():
    assert examples(pictures(), 5).shape == (5, 1, 28, 28)
    assert examples(Ring8().load(), 5).dtype == np.float32


def test_a_draw_is_the_batch_with_its_labels():
    data = pictures()
    train_indices = torch.randint(64, (500,), generator=keyed_rng(3, "data"))
    parts: tuple[tuple[Literal["train", "held-out"], Stack, torch.Tensor], ...] = (
        ("train", data.train, data.train_labels),
        ("held-out", data.held_out, data.held_out_labels),
    )
    for part, source, labels in parts:
        at = (
            train_indices
            if part == "train"
            else torch.randint(32, (500,), generator=keyed_rng(3, "data"))
        )
        images, classes = data.draw(part, 500, keyed_rng(3, "data"))
        assert torch.equal(images, as_floats(source[at])) and torch.equal(classes, labels[at])
        assert classes.dtype == torch.long
        batch = data.batch(part, 500, keyed_rng(3, "data"))
        assert torch.equal(batch, images)


def test_moving_keeps_the_names():
    data = dataclasses.replace(pictures(), names=tuple("0123456789"))
    assert data.to(torch.device("cpu")).names == data.names


def test_some_classes_are_renumbered_in_the_order_of_the_set():
    dataset = Mnist10k(classes=("8", "3"))
    loaded, whole = dataset.load(), Mnist10k().load()
    assert isinstance(loaded, Pictures) and isinstance(whole, Pictures)
    assert loaded.names == dataset.class_names() == ("3", "8")
    assert loaded.size == dataset.size == 2000
    for label, digit in ((0, 3), (1, 8)):
        for part in ("train", "held_out"):
            subset_images = getattr(loaded, part)[getattr(loaded, f"{part}_labels") == label]
            whole_images = getattr(whole, part)[getattr(whole, f"{part}_labels") == digit]
            assert torch.equal(subset_images, whole_images)


@pytest.mark.parametrize(
    ("subset", "classes"), [(100, ()), (10, ()), (57, ("0", "7")), (57, ("9",))]
)
def test_a_subset_has_equally_many_pictures_of_each_class(subset: int, classes: tuple[str, ...]):
    dataset = Mnist10k(subset=subset, classes=classes)
    loaded, whole = dataset.load(), Mnist10k(classes=classes).load()
    assert isinstance(loaded.train, torch.Tensor) and isinstance(whole.train, torch.Tensor)
    assert isinstance(loaded.held_out, torch.Tensor) and isinstance(whole.held_out, torch.Tensor)
    assert dataset.size == len(loaded.train) == len(loaded.train_labels)
    counts = torch.bincount(loaded.train_labels)
    assert int(counts.max() - counts.min()) <= 1
    if not classes:
        assert int(counts.sum()) == subset
    assert torch.equal(loaded.held_out, whole.held_out)
    pictures = {picture.numpy().tobytes() for picture in whole.train}
    assert all(picture.numpy().tobytes() in pictures for picture in loaded.train)


def test_all_classes_are_the_set_itself():
    whole = Mnist10k()
    assert whole.class_names() == tuple("0123456789")
    every = Mnist10k(classes=tuple("9876543210")).load()
    assert torch.equal(every.train[:], whole.load().train[:])
    assert torch.equal(every.train_labels, whole.load().train_labels)
    assert not Ring8().class_names()


@pytest.mark.parametrize("name", LABELLED)
def test_a_class_that_is_not_there_is_named_with_those_that_are(name: str):
    with pytest.raises(ValidationError) as caught:
        LABELLED[name](classes=("zebra",))
    sentence = str(caught.value)
    assert f"{DATASETS[name].title} has no class “zebra”. Choose from" in sentence
    for known in DATASETS[name]().class_names():
        assert known in sentence


@pytest.mark.parametrize("name", LABELLED)
def test_sizes_add_up_over_the_classes(name: str):
    names = DATASETS[name]().class_names()
    assert len(set(names)) == len(names)
    sizes = [LABELLED[name](classes=(class_name,)).size for class_name in names]
    assert DATASETS[name]().size == sum(filter(None, sizes)) and None not in sizes


def test_classes_may_come_as_one_text():
    assert Mnist(classes="7, 8").classes == ("7", "8")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_counts_are_those_of_the_files(name: str):
    dataset = LABELLED[name]()
    if not dataset.present():
        pytest.skip(f"needs {dataset.title} in WGAN_DATA")
    loaded = dataset.load()
    assert isinstance(loaded, Pictures)
    assert tuple(torch.bincount(loaded.train_labels).tolist()) == dataset.counts
    assert len(loaded.train) == dataset.size


def test_the_sevens_are_6265_and_the_first_ten_are_the_seeds():
    if not Mnist().present():
        pytest.skip("needs MNIST in WGAN_DATA")
    sevens = Mnist(classes=("7",))
    assert sevens.size == sevens.load().size == 6_265
    first = Mnist(first=10)
    assert first.size == 10 and first.load().train_labels.tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert len(first.load().held_out) == 10_000
    ones = Mnist(first=10, classes=("1", "4"))
    assert ones.size == 5 and ones.load().train_labels.tolist() == [1, 0, 0, 0, 1]
    with pytest.raises(DataError, match="There are no pictures of “6”"):
        Mnist(first=10, classes=("6",)).load()


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.tobytes())


def lay_out(root: Path, folder: str) -> None:
    raw = root / folder / "raw"
    for part, n in (("train", 30), ("t10k", 10)):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.full((n, 28, 28), n, dtype=np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 10)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_files_in_the_data_root_are_used_without_the_network(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lay_out(tmp_path, folder)

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("touched the network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setenv("WGAN_DATA", str(tmp_path))
    dataset = DATASETS[name]()
    assert dataset.present()
    loaded = dataset.load()
    assert isinstance(loaded, Pictures)
    assert loaded.train.shape == (30, 1, 28, 28) and loaded.held_out.shape == (10, 1, 28, 28)
    assert int(loaded.train[:].max()) == 30 and int(loaded.held_out[:].max()) == 10


def test_without_network_the_bundled_set_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def down(*_: object, **__: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr("urllib.request.urlopen", down)
    with pytest.raises(DataError, match=r"Check the network.*“MNIST, 10,000 digits”.*t10k-labels"):
        Mnist().load(tmp_path)


@pytest.mark.parametrize("name", ["kmnist", "emnist-letters", "cifar10", "svhn", "fashion-mnist"])
def test_what_is_neither_here_nor_on_the_network_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def down(*_: object, **__: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr("urllib.request.urlopen", down)
    dataset: Any = DATASETS[name]()  # each of these has `files`, which not every data set has
    assert not dataset.present(tmp_path)
    with pytest.raises(DataError) as caught:
        dataset.load(tmp_path)
    assert "“MNIST, 10,000 digits”" in str(caught.value)
    for file in dataset.files:
        assert Path(file).name in str(caught.value)
        assert str((tmp_path / file).parent) in str(caught.value)


def test_emnist_is_set_upright_and_counted_from_0(tmp_path: Path):
    raw = tmp_path / "EMNIST" / "raw"
    picture = np.arange(28 * 28, dtype=np.uint32).reshape(28, 28).astype(np.uint8)
    for part, n in (("train", 52), ("test", 26)):
        write_idx(raw / f"emnist-letters-{part}-images-idx3-ubyte", np.stack([picture] * n))
        write_idx(
            raw / f"emnist-letters-{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 26 + 1
        )
    dataset = EmnistLetters(classes=("a", "z"))
    assert dataset.present(tmp_path)
    loaded = dataset.load(tmp_path)
    assert loaded.shape == dataset.shape == (1, 28, 28) and loaded.names == ("a", "z")
    assert loaded.train_labels.tolist() == [0, 1, 0, 1]
    assert np.array_equal(loaded.train[0][0].numpy(), picture.T)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def lay_out_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's layout with 4 pictures a file, published as far as torchvision knows."""
    from torchvision import datasets

    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        content = {"data": rng.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [0, 3, 9, 3]}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["x"] * 10}))
    known = [[f"data_batch_{i}", md5(folder / f"data_batch_{i}")] for i in range(1, 6)]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", known)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(folder / "test_batch")]])
    meta = {**datasets.CIFAR10.meta, "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return folder


def test_cifar_is_read_channels_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = lay_out_cifar(tmp_path, monkeypatch)
    dataset = Cifar10()
    assert dataset.present(tmp_path)
    loaded = dataset.load(tmp_path)
    assert loaded.shape == dataset.shape == (3, 32, 32) and loaded.size == 20
    first = pickle.loads((folder / "data_batch_1").read_bytes())["data"][1]
    assert np.array_equal(loaded.train[1].numpy(), first.reshape(3, 32, 32))
    assert loaded.train[:].dtype == torch.uint8 and loaded.train_labels[:4].tolist() == [0, 3, 9, 3]


def test_mirror_images_are_added_to_the_training_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lay_out_cifar(tmp_path, monkeypatch)
    plain = Cifar10(classes=("cat",)).load(tmp_path)
    dataset = Cifar10(classes=("cat",), flip=True)
    loaded = dataset.load(tmp_path)
    assert dataset.size == 2 * Cifar10(classes=("cat",)).size == 10_000
    assert sorted(p.numpy().tobytes() for p in loaded.train[:]) == sorted(
        p.numpy().tobytes() for p in torch.cat([plain.train[:], plain.train[:].flip(3)])
    )
    assert torch.equal(loaded.held_out[:], plain.held_out[:])
    assert loaded.train_labels.tolist() == [0] * 20


def test_a_cifar_file_that_is_not_the_published_one_is_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = lay_out_cifar(tmp_path, monkeypatch)
    mark = tmp_path / "it ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (mark,)

    for file in folder.iterdir():
        content = file.read_bytes()
        file.write_bytes(pickle.dumps(Evil()))
        with pytest.raises(DataError, match=r"cannot be read.*Delete that folder"):
            Cifar10().load(tmp_path)
        file.write_bytes(content)
    assert not mark.exists()
    assert Cifar10().load(tmp_path).size == 20


def test_house_numbers_are_read_and_their_ten_is_a_nought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from scipy.io import savemat
    from torchvision import datasets

    (tmp_path / "SVHN").mkdir()
    known = {}
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (32, 32, 3, 11), dtype=np.uint8)
    y = np.array([10, *range(1, 11)], dtype=np.uint8)[:, None]
    for part in ("train", "test"):
        file = tmp_path / "SVHN" / f"{part}_32x32.mat"
        savemat(file, {"X": x, "y": y})
        known[part] = ["http://127.0.0.1:9/none", file.name, md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    dataset = Svhn(classes=("0", "4"))
    assert dataset.present(tmp_path)
    loaded = dataset.load(tmp_path)
    assert loaded.shape == dataset.shape == (3, 32, 32) and loaded.names == ("0", "4")
    assert loaded.train_labels.tolist() == [0, 1, 0]
    assert np.array_equal(loaded.train[1].numpy(), x[..., 4].transpose(2, 0, 1))
    assert Svhn().size == 73_257


def test_damaged_files_are_named(tmp_path: Path):
    lay_out(tmp_path, "MNIST")
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"cannot be read.*Delete that folder"):
        Mnist().load(tmp_path)


def test_a_download_goes_through_torchvision_and_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The mirror is on this machine: torchvision fetches, checks and unpacks as from afar."""
    from torchvision import datasets

    source, mirror = tmp_path / "source", tmp_path / "mirror"
    lay_out(source, "MNIST")
    mirror.mkdir()
    resources = []
    for file in sorted((source / "MNIST" / "raw").iterdir()):
        packed = gzip.compress(file.read_bytes())
        (mirror / f"{file.name}.gz").write_bytes(packed)
        resources.append((f"{file.name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    heard: list[tuple[str, float]] = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(mirror))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mirrors = [f"http://127.0.0.1:{server.server_port}/"]
        monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
        loaded = Mnist().load(tmp_path / "root", lambda *event: heard.append(event))
        server.shutdown()
    assert loaded.size == 30
    assert heard[0] == ("Looking for a server with MNIST", 0.0)
    assert heard[-1][0] == "Downloading MNIST" and 0 <= heard[-1][1] <= 1


def test_a_set_is_downloaded_once_and_is_not_here_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Two threads ask at once; some files come in under their own names, as torchvision writes SVHN's."""
    dataset = Mnist()
    started, go_on, calls = threading.Event(), threading.Event(), []

    def download(_self: object, root: Path) -> None:
        calls.append(root)
        lay_out(root, "MNIST")  # all files have their names
        started.set()
        assert go_on.wait(180)

    monkeypatch.setattr(type(dataset), "_download", download)
    monkeypatch.setattr("wgan.data.download.responds", lambda _url: True)
    sizes: list[int] = []
    heard: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: sizes.append(
                dataset.load(tmp_path, lambda message, _share: heard.append(message)).size
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert started.wait(180) and not dataset.present(tmp_path)
    while not any("already" in message for message in heard):
        time.sleep(0.01)
    go_on.set()
    for thread in threads:
        thread.join(180)
    assert len(calls) == 1 and sizes == [30, 30] and dataset.present(tmp_path)


def test_a_cancelled_download_is_not_here_while_torchvision_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Enough(Exception):
        pass

    dataset = Mnist()
    go_on = threading.Event()

    def download(_self: object, root: Path) -> None:
        lay_out(root, "MNIST")
        assert go_on.wait(180)

    def progress(message: str, _share: float) -> None:
        if message.startswith("Downloading"):
            raise Enough

    monkeypatch.setattr(type(dataset), "_download", download)
    monkeypatch.setattr("wgan.data.download.responds", lambda _url: True)
    with pytest.raises(Enough):
        dataset.load(tmp_path, progress)
    assert not dataset.present(tmp_path)
    go_on.set()
    assert dataset.load(tmp_path).size == 30 and dataset.present(tmp_path)


def test_windows_hold_the_largest_scale():
    loaded = Ring8(scale=20.0, sigma=1.0).load()
    assert isinstance(loaded, Points)
    assert loaded.extent > 20 * math.cos(0) + 3


# ---- densities of cells and curves ----------------------------------------------------------------


def sampled(name: str, n: int, **fields: object) -> torch.Tensor:
    loaded = DATASETS[name](**fields).load()
    assert isinstance(loaded, Points)
    return loaded.sample(n, keyed_rng(0, "data"))


def test_spiral_arms_are_on_their_curves_and_even_along_them():
    points = sampled("spiral", 40_000, scale=1.5, noise=0.0)
    way = points.norm(dim=1) / 1.5
    angle = 3 * math.pi * way
    curve = 1.5 * way[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    first = (points - curve).norm(dim=1) < 1e-4
    second = (points + curve).norm(dim=1) < 1e-4
    assert (first | second).all()
    assert first.float().mean() == pytest.approx(0.5, abs=0.01)
    # P(way < w) = w².
    for w in (0.25, 0.5, 0.75):
        assert (way < w).float().mean() == pytest.approx(w * w, abs=0.01)


def test_spiral_noise_is_the_deviation_around_the_curve():
    plain, noisy = (sampled("spiral", 20_000, noise=noise) for noise in (0.0, 0.1))
    assert (noisy - plain).std() == pytest.approx(0.1, rel=0.02)


def test_the_checkerboard_is_even_on_dark_squares_only():
    n = 80_000
    points = sampled("checkerboard", n, scale=3.0)
    assert points.abs().max() <= 3
    column, row = ((points + 3) / 1.5).floor().clamp(0, 3).long().unbind(dim=1)
    counts = torch.zeros(4, 4).index_put_((row, column), torch.ones(n), accumulate=True)
    dark = (torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0
    assert counts[~dark].sum() == 0
    chi_square = ((counts[dark] - n / 8) ** 2 / (n / 8)).sum()
    assert chi_square < 24.3  # 99.9 % of 7 degrees of freedom
    inside = ((points + 3) / 1.5) % 1
    assert inside.mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.005)
    assert inside.std(dim=0).tolist() == pytest.approx([12**-0.5] * 2, abs=0.005)


def test_the_upper_left_square_is_light():
    points = sampled("checkerboard", 5_000, scale=1.0)
    upper_left = (points[:, 0] < -0.5) & (points[:, 1] > 0.5)
    assert not upper_left.any()


def drawing(**cells: int) -> str:
    array = np.zeros((64, 64), dtype=np.uint8)
    for at, weight in cells.items():
        row, column = map(int, at[1:].split("_"))
        array[row, column] = weight
    return cells_of(array)


def test_cells_are_drawn_by_their_weight_with_row_0_on_top():
    n = 60_000
    cells = drawing(c0_0=10, c0_63=20, c63_0=30, c40_50=60)
    points = sampled("drawing", n, cells=cells, scale=3.2)
    column = ((points[:, 0] + 3.2) / 0.1).floor().long()
    row = ((3.2 - points[:, 1]) / 0.1).floor().long()
    counts: dict[tuple[int, int], int] = {}
    for r, c in zip(row.tolist(), column.tolist(), strict=True):
        counts[r, c] = counts.get((r, c), 0) + 1
    weights = {(0, 0): 10, (0, 63): 20, (63, 0): 30, (40, 50): 60}
    near_border = {at for at in counts if at not in weights}
    # Rounding of floats at the borders of cells.
    assert sum(counts[at] for at in near_border) <= 30
    for at, weight in weights.items():
        assert counts[at] / n == pytest.approx(weight / 120, abs=0.01)


@given(arrays(np.uint8, (64, 64)))
@settings(deadline=None)
def test_a_drawing_survives_its_text(array: np.ndarray):
    if array.any():
        assert np.array_equal(array_of(cells_of(array)), array)
    else:
        with pytest.raises(ValueError, match="Draw something first"):
            array_of(cells_of(array))


@pytest.mark.parametrize(
    "cells",
    [
        "",
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        base64.b64encode(zlib.compress(b"\1" * 4095)).decode(),
        base64.b64encode(zlib.compress(b"\1" * 4097)).decode(),
        base64.b64encode(zlib.compress(b"\1" * 10_000_000)).decode(),
        base64.b64encode(zlib.compress(b"\1" * 4096)[:-6]).decode(),
        base64.b64encode(zlib.compress(b"\1" * 4096) + b"more").decode(),
        "é" * 8,
        "A" * 1_000_000,
    ],
)
def test_drawings_that_are_none(cells: str):
    with pytest.raises(
        ValidationError, match=r"The drawing cannot be read\. It must be 64×64 cells"
    ):
        Drawing(cells=cells)


@given(st.text(max_size=40))
def test_any_text_is_a_drawing_or_refused_in_words(text: str):
    with pytest.raises(ValueError, match=r"The drawing cannot be read"):
        array_of(text)


def test_a_picture_becomes_a_density():
    image = Image.new("L", (128, 64), 255)
    image.paste(0, (0, 0, 64, 64))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    dark = array_of(density_of(buffer.getvalue())).astype(int)
    assert dark[16:48, :30].min() >= 252 and dark[:, 34:].max() <= 3
    assert dark[:16].max() == dark[48:].max() == 0
    light = array_of(density_of(buffer.getvalue(), invert=True)).astype(int)
    assert light[16:48, 34:].min() >= 252 and light[:, :30].max() <= 3 and light[:16].max() == 0
    blank = io.BytesIO()
    Image.new("L", (9, 9), 255).save(blank, "PNG")
    with pytest.raises(DataError, match="whole picture is white"):
        density_of(blank.getvalue())
    with pytest.raises(DataError, match="The picture cannot be used: it is not a readable picture"):
        density_of(b"words")


def test_the_drawing_one_begins_with_is_a_heart():
    array = array_of(Drawing().cells) > 0
    assert np.array_equal(array, array[:, ::-1])
    assert 0.2 < array.mean() < 0.6
    widths = array.sum(axis=1)
    rows = np.flatnonzero(widths)
    assert widths[rows[-1]] <= 6 < widths[rows[len(rows) // 3]]  # It ends in a point below.
    top = array[rows[0] + 2]
    assert not top[31] and top.any()  # And has a notch above.


@pytest.mark.parametrize("text", ["WGAN", "I", "Words!", "1/2", "mmmmmmmmmmmm"])
def test_a_text_is_drawn_as_wide_as_asked(text: str):
    points = sampled("text", 40_000, text=text, scale=2.0)
    reach = points.abs().max(dim=0).values
    assert reach.max() == pytest.approx(2.0, abs=0.1)
    # Letters are neither a full box nor a few dots.
    histogram = torch.histogramdd(points, bins=[60, 60])[0]
    assert 0.02 < (histogram > 0).float().mean() <= 1.0


def test_a_text_reads_from_left_to_right_and_upright():
    points = sampled("text", 20_000, text="L.", scale=1.0)
    high = points[:, 1] > 0
    assert points[high, 0].max() < -0.2  # Above there is only the left stroke of the L.
    assert points[~high, 0].max() > 0.8


@pytest.mark.parametrize("text", ["", " ", "x" * 13, "a\nb", "\0", "   "])
def test_texts_that_cannot_be_drawn(text: str):
    with pytest.raises(ValidationError, match="1 to 12 printable characters"):
        Text(text=text)


def test_a_text_that_the_font_cannot_draw_is_refused_in_words():
    with pytest.raises(ValueError, match="The font has no 語 😀"):
        Text(text="語a😀語")
    assert Text(text="Hello, W₁!"[:7]).load().size is None


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_declares_what_the_pages_ask(name: str):
    dataset = DATASETS[name]()
    assert dataset.chosen_classes() == ()
    if names := dataset.all_class_names():
        some = dataset.model_copy(update={"classes": names[:1]})
        assert some.chosen_classes() == some.class_names() == names[:1]
        assert some.all_class_names() == names
    if cells := dataset.drawn_cells():
        assert cells_of(array_of(cells)) == cells
    if not dataset.npm_package:
        with pytest.raises(DataError):
            dataset.prepare_package(b"")
    assert dataset.can_be_fetched or not dataset.present()
