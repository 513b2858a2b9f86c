import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import tiny
from wgan.latent import Models, draw_z, lerp, preview_z, slerp, walk, warped_grid
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
def test_a_walk_passes_through_its_waypoints(method: str, closed: bool):
    stops = vectors(3, 4)
    path, marks = walk(stops, 40, method=method, closed=closed)  # type: ignore[arg-type]
    assert path[list(marks)] == pytest.approx(stops, abs=1e-5)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    if closed:
        steps = np.append(steps, np.linalg.norm(path[0] - path[-1]))
    assert steps.max() < 4 * np.median(steps)  # no jump anywhere, nor where a loop closes


def test_a_walk_needs_two_waypoints():
    with pytest.raises(ValueError, match="at least two"):
        walk(vectors(0, 1), 10)


def models() -> tuple[Models, Training]:
    training = Training(tiny(), engine=Engine("cpu", "float32", 1))
    for _ in range(3):
        training.step()
    return Models(training.config, training.weights(), training.steps), training


def test_a_copy_makes_what_the_training_shows_and_follows_it_no_further():
    copy, training = models()
    z = preview_z(training.config, 1024)
    shown = training.preview().points
    assert copy.make(z) == pytest.approx(shown, abs=1e-6)
    training.step()
    assert copy.make(z) == pytest.approx(shown, abs=1e-6)
    assert copy.step == 3


def test_a_wrong_z_or_foreign_weights_are_refused():
    copy, training = models()
    with pytest.raises(ValueError, match=r"z must be \(N, 2\)"):
        copy.make(np.zeros((3, 5), dtype=np.float32))
    weights = training.weights()
    weights.pop("average.0.weight")
    with pytest.raises(ValueError, match="do not fit"):
        Models(training.config, weights, 0)


def test_the_warped_grid_is_the_generator_of_a_square_grid():
    copy, _ = models()
    lines = warped_grid(copy, lines=5, reach=2.0)
    assert len(lines) == 10 and all(line.shape == (65, 2) for line in lines)
    corner = copy.make(np.array([[-2.0, -2.0]], dtype=np.float32))[0]
    assert lines[0][0] == pytest.approx(corner, abs=1e-6)
    assert lines[5][0] == pytest.approx(corner, abs=1e-6)
