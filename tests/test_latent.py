import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.conftest import THREADS, tiny
from wgan.latent import (
    EASINGS,
    MAX_SIDE,
    Models,
    Search,
    draw_z,
    ganspace,
    lerp,
    preview_z,
    random_slice,
    search,
    sefa,
    slerp,
    slice_through,
    truncated,
    walk,
    warped_grid,
)
from wgan.latent.paths import Easing, Method
from wgan.rng import keyed_rng
from wgan.training import Engine, Training

T = np.linspace(0, 1, 21, dtype=np.float32)


def vectors(seed: int, n: int = 2, dim: int = 64) -> np.ndarray:
    return draw_z(seed, n, dim)


@given(st.integers(0, 10_000))
def test_slerp_keeps_a_circle_and_its_pace(seed: int):
    a, b = (v / np.linalg.norm(v) for v in vectors(seed))
    path = slerp(a, b, T)
    assert np.linalg.norm(path, axis=1) == pytest.approx(np.ones(21), abs=1e-5)
    turns = np.arccos(np.clip(np.sum(path[1:] * path[:-1], axis=1), -1, 1))
    whole = np.arccos(np.clip(np.dot(a, b), -1, 1))
    assert turns == pytest.approx(np.full(20, whole / 20), abs=2e-3)


@given(st.integers(0, 10_000))
def test_both_ways_begin_and_end_at_their_ends(seed: int):
    a, b = vectors(seed)
    for way in (slerp, lerp):
        path = way(a, b, T)
        assert path[0] == pytest.approx(a, abs=1e-5) and path[-1] == pytest.approx(b, abs=1e-5)


def test_slerps_length_goes_linearly_and_lerps_shrinks():
    a, b = vectors(1)
    expected = np.linspace(np.linalg.norm(a), np.linalg.norm(b), 21)
    assert np.linalg.norm(slerp(a, b, T), axis=1) == pytest.approx(expected, rel=1e-4)
    assert np.linalg.norm(lerp(a, b, T), axis=1).min() < 0.85 * expected.min()


def test_a_quarter_turn_by_hand():
    path = slerp(np.array([1.0, 0]), np.array([0, 1.0]), np.array([0.5]))
    assert path[0] == pytest.approx([2**-0.5, 2**-0.5])


@pytest.mark.parametrize("b", [[2.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
def test_degenerate_arcs_are_finite(b: list[float]):
    path = slerp(np.array([1.0, 0.0]), np.array(b), T)
    assert np.isfinite(path).all()
    assert path[-1] == pytest.approx(b, abs=1e-6)


@pytest.mark.parametrize("method", ["slerp", "lerp"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_walk_passes_through_its_waypoints(method: Method, closed: bool):
    stops = vectors(3, 4)
    path, marks = walk(stops, 40, method=method, closed=closed)
    assert path[list(marks)] == pytest.approx(stops, abs=1e-5)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    if closed:
        steps = np.append(steps, np.linalg.norm(path[0] - path[-1]))
    assert steps.max() < 4 * np.median(steps)  # no jump anywhere, nor where a loop closes


def test_a_walk_needs_two_waypoints():
    with pytest.raises(ValueError, match="at least two"):
        walk(vectors(0, 1), 10)


def models() -> tuple[Models, Training]:
    training = Training(tiny(), engine=Engine("cpu", "float32", THREADS))
    for _ in range(3):
        training.step()
    return Models(training.config, training.weights(), training.steps), training


def test_a_copy_makes_what_the_training_shows_and_follows_it_no_further():
    copy, training = models()
    z = preview_z(training.config, 1024)
    points = training.preview().points
    assert copy.make(z) == pytest.approx(points, abs=1e-6)
    training.step()
    assert copy.make(z) == pytest.approx(points, abs=1e-6)
    assert copy.step == 3


def test_a_wrong_z_or_foreign_weights_are_refused():
    copy, training = models()
    with pytest.raises(ValueError, match=r"z must be \(N, 2\)"):
        copy.make(np.zeros((3, 5), dtype=np.float32))
    weights = training.weights()
    weights.pop("average.0.weight")
    with pytest.raises(ValueError, match="do not match"):
        Models(training.config, weights, 0)


def test_the_warped_grid_is_the_generator_of_a_square_grid():
    copy, _ = models()
    lines = warped_grid(copy, lines=5, reach=2.0).lines
    assert len(lines) == 10 and all(line.shape == (65, 2) for line in lines)
    corner = copy.make(np.array([[-2.0, -2.0]], dtype=np.float32))[0]
    assert lines[0][0] == pytest.approx(corner, abs=1e-6)
    assert lines[5][0] == pytest.approx(corner, abs=1e-6)


@pytest.mark.parametrize("easing", EASINGS)
def test_every_easing_goes_through_the_waypoints_and_never_back(easing: Easing):
    stops = vectors(5, 3)
    path, marks = walk(stops, 60, closed=False, easing=easing)
    assert path[list(marks)] == pytest.approx(stops, abs=1e-5)
    t = np.linspace(0, 1, 101, dtype=np.float32)
    eased = EASINGS[easing](t)
    assert eased[0] == pytest.approx(0) and eased[-1] == pytest.approx(1)
    assert (np.diff(eased) >= -1e-6).all()
    assert eased + eased[::-1] == pytest.approx(np.ones(101), abs=1e-5)


def test_truncation_scales():
    z = vectors(2, 4)
    assert truncated(z, 0.5) == pytest.approx(z / 2)


# ---- planes -------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(3, 80))
def test_a_slice_has_two_directions_at_right_angles_and_keeps_the_shell(seed: int, dim: int):
    plane = random_slice(seed, dim)
    assert [plane.u @ plane.u, plane.v @ plane.v] == pytest.approx([1, 1], abs=1e-5)
    assert plane.u @ plane.v == pytest.approx(0, abs=1e-5)
    z = plane.window(0.5, -0.3, 2.0, 4)
    assert z.shape == (16, dim)
    assert np.linalg.norm(z, axis=1) == pytest.approx(np.full(16, dim**0.5), rel=1e-4)
    # x and y are angles: the arc from the middle to (x, 0) is x long, in units of the radius.
    middle, beside = plane.at(np.array([0.0, 1.2]), np.array([0.0, 0.0]))
    assert np.arccos(middle @ beside / dim) == pytest.approx(1.2, abs=1e-4)


@given(st.integers(0, 1000), st.floats(-2, 2), st.floats(-2, 2), st.booleans())
def test_a_place_of_the_plane_is_found_again(seed: int, x: float, y: float, shell: bool):
    plane = random_slice(seed, 12) if shell else slice_through(vectors(seed, 3, 12))
    z = plane.at(np.array([x]), np.array([y]))[0]
    assert plane.place(z) == pytest.approx((x, y), abs=2e-3)
    assert plane.place(z + 5 * vectors(seed + 1, 1, 12)[0]) is None


def test_two_dimensions_are_shown_as_they_are_rows_from_the_top():
    z = random_slice(3, 2).window(1.0, 2.0, 1.0, 2)
    assert z == pytest.approx(np.array([[0.5, 2.5], [1.5, 2.5], [0.5, 1.5], [1.5, 1.5]]))


def test_neighbouring_windows_meet():
    plane = random_slice(3, 2)
    left, right = plane.window(-1.0, 0.0, 1.0, 3), plane.window(1.0, 0.0, 1.0, 3)
    xs = np.unique(np.round(np.concatenate([left, right])[:, 0], 5))
    assert np.diff(xs) == pytest.approx(np.full(5, 2 / 3), abs=1e-4)


@given(st.integers(0, 1000))
def test_a_slice_through_three_points_holds_them(seed: int):
    points = vectors(seed, 3, 30)
    plane = slice_through(points)
    for point in points:
        away = point - plane.centre
        position = plane.at(np.array([away @ plane.u]), np.array([away @ plane.v]))[0]
        assert position == pytest.approx(point, abs=1e-4)


def test_points_on_a_line_still_give_a_plane():
    a = np.zeros(5, np.float32)
    b = np.eye(1, 5, dtype=np.float32)[0]
    plane = slice_through(np.stack([a, b, 2 * b]))
    assert plane.u @ plane.v == pytest.approx(0, abs=1e-6)
    assert plane.v @ plane.v == pytest.approx(1, abs=1e-6)


def test_a_map_has_at_most_21_a_side():
    assert len(random_slice(0, 8).window(0, 0, 1, MAX_SIDE)) == 441
    with pytest.raises(ValueError, match="21 pictures per side"):
        random_slice(0, 8).window(0, 0, 1, MAX_SIDE + 1)


def with_generator(generator: nn.Module, dim: int = 2) -> Models:
    copy, _ = models()
    copy.config = copy.config.model_copy(update={"latent_dim": dim})
    copy.generator = generator.eval().requires_grad_(False)
    return copy


def linear(weight: np.ndarray) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = torch.from_numpy(weight.astype(np.float32))
    return layer


def test_the_grids_density_is_that_of_the_image_of_a_normal():
    weight = np.array([[2.0, 0.5], [0.0, 3.0]])
    grid = warped_grid(with_generator(linear(weight)), lines=3, reach=1.5)
    covariance = weight @ weight.T
    for line, density in zip(grid.lines, grid.density, strict=True):
        inside = np.einsum("ni,ij,nj->n", line, np.linalg.inv(covariance), line)
        truth = np.exp(-inside / 2) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        assert density == pytest.approx(truth, rel=2e-3)


# ---- directions ---------------------------------------------------------------------------------


def stretched(dim: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A weight whose directions are known, and those directions, the most stretched first."""
    rng = np.random.default_rng(seed)
    rows = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    columns = np.linalg.qr(rng.normal(size=(10, dim)))[0]
    return columns @ np.diag(2.0 ** -np.arange(dim)) @ rows, rows


def test_sefa_finds_what_the_first_weight_stretches_most():
    weight, rows = stretched()
    directions = sefa(with_generator(linear(weight), 6), 3)
    assert np.abs(np.sum(directions.vectors * rows[:3], axis=1)) == pytest.approx(
        np.ones(3), abs=1e-4
    )
    every = 4.0 ** -np.arange(6)
    assert directions.strength == pytest.approx(every[:3] / every.sum(), rel=1e-4)


def test_ganspace_agrees_where_there_is_no_nonlinearity():
    weight, rows = stretched()
    directions = ganspace(with_generator(linear(weight), 6), 3)
    assert np.abs(np.sum(directions.vectors * rows[:3], axis=1)).min() > 0.99


def test_ganspace_follows_activations_not_weights():
    # A bias of −9 silences the first unit for nearly all z, however large its weight.
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    layer.bias.data = torch.tensor([-30.0, 5.0])
    copy = with_generator(nn.Sequential(layer, nn.ReLU()))
    assert np.abs(sefa(copy, 1).vectors[0]) == pytest.approx([1, 0], abs=1e-5)
    assert np.abs(ganspace(copy, 1).vectors[0]) == pytest.approx([0, 1], abs=0.12)  # of 1,000 z


def test_directions_are_the_same_each_time_with_their_sign():
    weight, _ = stretched(seed=4)
    copy = with_generator(linear(weight), 6)
    for find in (sefa, ganspace):
        a, b = find(copy, 4).vectors, find(copy, 4).vectors
        assert a.tolist() == b.tolist()
        assert all(row[np.abs(row).argmax()] > 0 for row in a)


# ---- classes ------------------------------------------------------------------------------------


def labelled() -> Models:
    """A generator of ten classes, untrained, with weights so large that its pictures have contrast."""
    config = tiny(
        dataset="mnist-10k",
        network={"name": "dcgan", "size": "small"},
        latent_dim=8,
        conditional=True,
    )
    weights = {}
    pair = config.networks(keyed_rng(0, "init"))
    for prefix, module in zip(("average", "critic"), pair, strict=True):
        for name, value in module.state_dict().items():
            loud = value.is_floating_point() and value.ndim > 1
            weights[f"{prefix}.{name}"] = 8 * value if loud else value
    return Models(config, weights, 0)


def test_a_blend_begins_at_one_class_and_ends_at_the_other():
    copy = labelled()
    z = np.repeat(vectors(0, 1, 8), 3, axis=0)
    images = copy.blend(z, 3, 7, np.array([0.0, 0.5, 1.0]))
    ends = copy.make(z, [3, 7, 7])
    assert images[0].tolist() == ends[0].tolist() and images[2].tolist() == ends[1].tolist()
    assert images[1].tolist() not in (images[0].tolist(), images[2].tolist())


def test_a_generator_that_is_told_nothing_has_nothing_to_blend():
    copy, _ = models()
    with pytest.raises(ValueError, match="classes cannot be mixed"):
        copy.blend(vectors(0, 1, 2), 0, 1, np.array([0.5]))


# ---- backwards ----------------------------------------------------------------------------------


def looks(shares) -> list[Search]:
    return [item for item in shares if isinstance(item, Search)]


def test_a_search_finds_the_picture_that_a_known_z_makes():
    copy = labelled()
    target = copy.make(vectors(1, 1, 8), [4])[0]
    every = list(search(copy, target, starts=4, updates=150, label=4, looks=10))
    searches = looks(every)
    assert len(every) == 150 + 11  # it can be left after each update
    first, last = searches[0], searches[-1]
    assert [len(s.at) for s in searches] == list(range(1, 12)) and last.update == 150
    assert last.error < 0.25 * first.error
    image = copy.make(last.z[last.best][None], [4])[0].astype(float)
    error = np.sqrt(np.mean((image - target) ** 2))
    assert error == pytest.approx(last.error, abs=0.5)  # rounded to bytes
    # Another batch size may add up in another order: the last bit, so a rounding apart.
    assert np.abs(last.pictures[last.best] - image).max() <= 1


def test_held_out_pictures_are_searched_in_the_same_way():
    copy = labelled()
    target = copy.make(vectors(1, 1, 8), [4])[0]
    alone = looks(search(copy, target, starts=3, updates=20, label=4))[-1]
    others = np.stack([target, 255 - target])
    beside = looks(search(copy, target, others=others, starts=3, updates=20, label=4))[-1]
    assert beside.errors == pytest.approx(alone.errors, rel=1e-3, abs=0.02)  # others change nothing
    assert beside.others.shape == (2,) and beside.others[1] > beside.others[0]


def test_each_start_is_told_another_class_where_none_is_given():
    copy = labelled()
    look = next(iter(search(copy, np.zeros((1, 28, 28), np.uint8), starts=12)))
    assert isinstance(look, Search) and look.labels == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1)
    # No class is left out, however few starts are asked for.
    look = next(iter(search(copy, np.zeros((1, 28, 28), np.uint8), starts=4)))
    assert isinstance(look, Search) and look.labels == tuple(range(10))


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="must be"):
        next(iter(search(labelled(), np.zeros((3, 32, 32), np.uint8))))
