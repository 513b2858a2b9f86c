"""Facts of data sets against sets whose facts are known."""

import numpy as np
import pytest
import torch

from wgan.data import DATASETS, Mnist10k, Pictures, Points
from wgan.data.facts import by_class, density, describe, nearest_pairs
from wgan.rng import keyed_rng


def shades(values: list[int], labels: list[int] | None = None) -> Pictures:
    train = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    label_tensor = torch.tensor(labels or [0] * len(values))
    names = tuple("abc"[: max(labels) + 1]) if labels else ()
    return Pictures(train, train[:1], label_tensor, label_tensor[:1], names)


def test_means_and_counts_are_those_of_the_pictures():
    facts = describe(shades([0, 100, 200, 100], [0, 1, 1, 0]))
    assert (facts.train, facts.held_out, facts.shape) == (4, 1, (1, 4, 4))
    assert facts.counts == (2, 2) and facts.names == ("a", "b")
    assert facts.mean == 100 and facts.deviation == pytest.approx(np.sqrt(5000))
    assert np.all(facts.mean_picture == 100)
    assert np.all(facts.class_means[0] == 50) and np.all(facts.class_means[1] == 150)
    assert facts.histogram.sum() == pytest.approx(1)
    assert facts.histogram[0, 100 // 8] == 0.5


def test_mnists_published_mean_and_deviation():
    facts = describe(Mnist10k().load())
    assert facts.mean / 255 == pytest.approx(0.1307, abs=0.003)
    assert facts.deviation / 255 == pytest.approx(0.3081, abs=0.005)


def test_a_copy_is_the_nearest_duplicate():
    rng = keyed_rng(0, "data")
    pictures = torch.randint(256, (50, 3, 8, 8), generator=rng, dtype=torch.uint8)
    pictures[41] = pictures[7]
    pictures[30] = pictures[12].clamp_max(254) + 1
    indices, distances, among = nearest_pairs(pictures, 3)
    assert {int(i) for i in indices[0]} == {7, 41} and distances[0] == pytest.approx(0, abs=1e-3)
    assert {int(i) for i in indices[1]} == {12, 30} and distances[1] <= 1.001
    assert distances[2] > 50 and among == 50
    assert len(set(indices.flatten().tolist())) == 6


def test_rows_of_classes():
    data = shades([10, 20, 30, 40, 50, 60], [0, 1, 0, 1, 0, 2])
    images = by_class(data, rows=3, columns=4)
    assert images.shape == (12, 1, 4, 4)
    rows = images[:, 0, 0, 0].reshape(3, 4)
    assert set(rows[0]) == {10, 30, 50} and set(rows[1]) == {20, 40} and set(rows[2]) == {60}


def test_no_picture_is_shown_twice_if_its_class_fills_a_row():
    data = shades(list(range(17)), [0] * 11 + [1] * 6)
    images = by_class(data, rows=10, columns=4)
    shown = images[:, 0, 0, 0].tolist()
    assert len(shown) == 12 == len(set(shown))  # two rows of the first class, one of the second
    assert max(shown[:8]) < 11 <= min(shown[8:])


@pytest.mark.parametrize("name", [n for n, d in DATASETS.items() if d.kind == "points"])
def test_a_density_has_mean_1_and_lies_where_the_points_do(name: str):
    points = DATASETS[name]().load()
    assert isinstance(points, Points)
    table = density(points)
    assert table.shape == (96, 96) and float(table.mean()) == pytest.approx(1)
    samples = points.sample(20_000, keyed_rng(5, "data")).numpy()
    cell = np.floor((samples + points.extent) / (2 * points.extent) * 96).astype(int)
    assert (table[cell[:, 1], cell[:, 0]] > 0).mean() > 0.98


def test_a_density_has_y_upwards_in_its_rows():
    def spot(n: int, rng: torch.Generator) -> torch.Tensor:
        return torch.tensor([[0.9, -0.4]]).expand(n, 2)

    table = density(Points(spot, None, 0.0, 1.0))
    (row, column) = np.argwhere(table)[0]
    assert (table > 0).sum() == 1
    assert column == int(1.9 / 2 * 96) and row == int(0.6 / 2 * 96)
