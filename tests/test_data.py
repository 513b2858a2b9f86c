import functools
import gzip
import hashlib
import math
import struct
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

import wgan
from tests.conftest import pictures
from wgan.data import DATASETS, DataError, Pictures, Points, as_bytes, as_floats, examples
from wgan.randomness import generator

POINTS = [name for name, dataset in DATASETS.items() if dataset.kind == "points"]


def test_bytes_and_floats_are_inverse():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    floats = as_floats(every)
    assert floats.min() == -1 and floats.max() == 1
    assert torch.equal(as_bytes(floats), every)


def test_bytes_are_clamped():
    assert as_bytes(torch.tensor([-9.0, 9.0])).tolist() == [0, 255]


def test_the_bundled_digits_are_what_their_note_says():
    loaded = DATASETS["mnist-10k"]().load()
    assert isinstance(loaded, Pictures)
    assert loaded.train.shape == (10_000, 1, 28, 28) and loaded.train.dtype == torch.uint8
    assert torch.bincount(loaded.train_labels).tolist() == [1000] * 10
    assert torch.bincount(loaded.held_out_labels).tolist() == [100] * 10
    # MNIST's published mean and deviation, over this sixth of it.
    assert loaded.train.float().mean() / 255 == pytest.approx(0.1307, abs=0.003)
    assert (loaded.train / 255).std() == pytest.approx(0.3081, abs=0.005)
    file = Path(wgan.__file__).parent / "assets" / "mnist-10k.npz"
    assert file.stat().st_size <= 2_000_000


def test_no_held_out_digit_is_trained_on():
    loaded = DATASETS["mnist-10k"]().load()
    train = {picture.numpy().tobytes() for picture in loaded.train}
    held = [picture.numpy().tobytes() for picture in loaded.held_out]
    assert not any(picture in train for picture in held)


@pytest.mark.parametrize("name", POINTS)
def test_points_are_drawn_by_key_and_fit_their_window(name: str):
    loaded = DATASETS[name]().load()
    assert isinstance(loaded, Points)
    drawn = loaded.batch("train", 4096, generator(0, "data"))
    assert drawn.shape == (4096, 2) and drawn.dtype == torch.float32
    assert torch.equal(drawn, loaded.batch("train", 4096, generator(0, "data")))
    assert drawn.abs().max() < loaded.extent


def test_ring_is_an_equal_mixture_of_eight():
    loaded = DATASETS["ring-8"](scale=1.0, sigma=0.01).load()
    assert isinstance(loaded, Points) and loaded.means is not None
    drawn = loaded.sample(80_000, generator(0, "data"))
    assert loaded.means.norm(dim=1).tolist() == pytest.approx([1.0] * 8, rel=1e-6)
    nearest = torch.cdist(drawn, loaded.means).argmin(dim=1)
    assert torch.bincount(nearest, minlength=8).float().div(80_000).tolist() == pytest.approx(
        [1 / 8] * 8, abs=0.006
    )
    spread = (drawn - loaded.means[nearest]).std()
    assert spread == pytest.approx(0.01, rel=0.02)


def test_grid_means_are_steps_of_two():
    loaded = DATASETS["grid-25"]().load()
    assert isinstance(loaded, Points) and loaded.means is not None
    assert sorted(set(loaded.means.flatten().tolist())) == [-4, -2, 0, 2, 4]
    assert len(loaded.means.unique(dim=0)) == 25


def test_swiss_roll_radius_grows_with_its_angle():
    loaded = DATASETS["swiss-roll"](scale=1.0, noise=0.0).load()
    assert isinstance(loaded, Points)
    radius = loaded.sample(20_000, generator(0, "data")).norm(dim=1)
    # The angle is uniform in [1.5π, 4.5π] and the radius proportional to it.
    assert radius.min() == pytest.approx(1 / 3, abs=1e-3)
    assert radius.max() == pytest.approx(1, abs=1e-3)
    assert radius.mean() == pytest.approx(2 / 3, abs=0.01)


def test_two_moons_lie_on_two_half_circles():
    loaded = DATASETS["two-moons"](scale=1.0, noise=0.0).load()
    assert isinstance(loaded, Points)
    x, y = loaded.sample(5000, generator(0, "data")).unbind(dim=1)
    upper = ((x + 0.5) ** 2 + (y + 0.25) ** 2 - 1).abs()
    lower = ((x - 0.5) ** 2 + (y - 0.25) ** 2 - 1).abs()
    assert torch.minimum(upper, lower).max() < 1e-5


def test_batches_come_from_their_part():
    made = pictures()
    rng = generator(0, "data")
    assert made.batch("held-out", 500, rng).max() <= as_floats(torch.tensor([127.0]))
    assert made.batch("train", 500, rng).max() > 0.9


def test_examples_are_arrays_to_show():
    assert examples(pictures(), 5).shape == (5, 1, 28, 28)
    assert examples(DATASETS["ring-8"]().load(), 5).dtype == np.float32


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
    ("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")]
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
    assert int(loaded.train.max()) == 30 and int(loaded.held_out.max()) == 10


def test_without_network_the_bundled_set_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def down(*_: object, **__: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr("urllib.request.urlopen", down)
    with pytest.raises(
        DataError, match=r"is there a network\?.*“MNIST, 10,000 digits”.*t10k-labels"
    ):
        DATASETS["mnist"]().load(tmp_path)


def test_damaged_files_are_named(tmp_path: Path):
    lay_out(tmp_path, "MNIST")
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"cannot be read.*Delete that folder"):
        DATASETS["mnist"]().load(tmp_path)


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
        loaded = DATASETS["mnist"]().load(tmp_path / "root", lambda *said: heard.append(said))
        server.shutdown()
    assert loaded.size == 30
    assert heard[0] == ("Looking for MNIST on the network", 0.0)
    assert heard[-1][0] == "Downloading MNIST" and 0 <= heard[-1][1] <= 1


def test_windows_hold_the_largest_scale():
    loaded = DATASETS["ring-8"](scale=20.0, sigma=1.0).load()
    assert isinstance(loaded, Points)
    assert loaded.extent > 20 * math.cos(0) + 3
