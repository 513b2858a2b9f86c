"""The critic, opened up: against closed forms, linear critics above all."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import THREADS, pictures, tiny
from wgan import critic
from wgan.config import PRESETS, TrainConfig
from wgan.critic import inside
from wgan.data import DataError, Pictures, Points
from wgan.latent import Models
from wgan.networks.modules import Score
from wgan.objectives import OBJECTIVES, Hinge, Wgan, WganGp
from wgan.rng import keyed_rng
from wgan.training import Engine, Training

W = torch.tensor([3.0, -4.0])  # ‖w‖ = 5

DIGITS: dict[str, object] = {
    "dataset": "mnist-10k",
    "network": {"name": "dcgan", "size": "small"},
    "latent_dim": 8,
    "batch_size": 8,
}


def models(config: TrainConfig, steps: int = 0, data: Pictures | None = None) -> Models:
    training = Training(config, engine=Engine("cpu", "float32", THREADS), data=data)
    for _ in range(steps):
        training.step()
    return Models(config, training.weights(), training.steps)


def linear(**changes: object) -> Models:
    """A critic f(x) = w·x + 2 of points."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(W[None])
        layer.bias.fill_(2.0)
    network = nn.Sequential(layer, Score()).requires_grad_(False).eval()
    return models(tiny(**changes)).with_critic(network)


def points(n: int = 64) -> critic.Examples:
    data = tiny().dataset.load()
    return critic.examples_of(data, n)


CRITICS = {
    "penalty": (DIGITS | {"objective": "wgan-gp"}, (1, 28, 28)),
    "clipped": (DIGITS | {"objective": "wgan"}, (1, 28, 28)),
    "spectral": (DIGITS | {"objective": "wgan-sn"}, (1, 28, 28)),
    "groupsort": (DIGITS | {"objective": "wgan-groupsort"}, (1, 28, 28)),
    "told the class": (DIGITS | {"conditional": True}, (1, 28, 28)),
    "batch norm": (DIGITS | {"network": "brownlee", "objective": "wgan"}, (1, 28, 28)),
    "residual": (DIGITS | {"network": "resnet"}, (1, 28, 28)),
    "perceptron": (
        DIGITS | {"network": {"name": "mlp-pictures", "width": 16, "depth": 2}},
        (1, 28, 28),
    ),
    "colour": (DIGITS | {"dataset": "cifar10", "objective": "hinge"}, (3, 32, 32)),
}


@pytest.mark.parametrize("name", CRITICS)
def test_every_kind_of_critic_can_be_opened(name: str):
    values, shape = CRITICS[name]
    config = TrainConfig.parse(values)
    data = pictures(40, shape)
    opened = models(config, 1, data)
    before = copy.deepcopy(opened.critic.state_dict())
    examples = critic.with_fakes(opened, critic.examples_of(data, 12))
    assert examples.fake.shape == (12, *shape) and np.abs(examples.fake).max() <= 1
    scores = critic.score_batch(opened, examples)
    assert scores.real.shape == scores.fake.shape == scores.held_out.shape == (12,)
    steep = critic.steepness(opened, examples)
    for slopes in (steep.real, steep.fake, steep.between):
        assert slopes.shape == (12,) and np.isfinite(slopes).all() and (slopes >= 0).all()
    label = int(examples.labels[0]) if config.conditional else None
    saliency = critic.saliency(opened, examples.real[0], label)
    assert saliency.score == pytest.approx(float(scores.real[0]), abs=1e-4)
    assert saliency.slope == pytest.approx(float(steep.real[0]), rel=1e-3, abs=1e-6)
    layers = critic.weights(opened)
    assert all(w.shares.sum() == pytest.approx(1) for w in layers)
    assert (critic.at_bounds(opened) is None) == (config.objective.name != "wgan")
    gradients = critic.gradients(opened, critic.first_examples(examples, 6))
    convolved = [p for p in opened.critic.modules() if isinstance(p, nn.Linear | nn.Conv2d)]
    assert len(gradients.names) == len(convolved)
    assert (gradients.outputs > 0).all() and (gradients.weights > 0).all()
    maps = critic.activations(opened, examples.real[0], label)
    assert maps and all(np.isfinite(layer.values).all() for layer in maps)
    # Looking has changed nothing.
    for key, value in opened.critic.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not opened.critic.training


def test_a_linear_critics_slope_is_a_spike_and_its_saliency_is_w():
    opened = linear()
    examples = critic.with_fakes(opened, points())
    steep = critic.steepness(opened, examples)
    for values in (steep.real, steep.fake, steep.between):
        assert values == pytest.approx(np.full(64, 5.0), rel=1e-6)
    saliency = critic.saliency(opened, np.array([0.5, 2.0], np.float32))
    assert saliency.gradient == pytest.approx(W.numpy()) and saliency.slope == pytest.approx(5)
    assert saliency.score == pytest.approx(3 * 0.5 - 4 * 2 + 2, rel=1e-6)
    expected = examples.real @ W.numpy() + 2
    assert critic.scores(opened, examples.real) == pytest.approx(expected, abs=1e-5)


def test_a_picture_critics_saliency_is_its_weights():
    layer = nn.Linear(784, 1, bias=False)
    network = nn.Sequential(nn.Flatten(), layer, Score()).requires_grad_(False)
    opened = models(TrainConfig.parse(DIGITS), data=pictures(20)).with_critic(network)
    saliency = critic.saliency(opened, np.zeros((1, 28, 28), np.float32))
    assert saliency.gradient.reshape(1, -1) == pytest.approx(layer.weight.numpy())
    assert saliency.score == pytest.approx(0)


def test_each_step_uphill_raises_the_score_by_its_length_times_the_slope():
    layer = nn.Linear(784, 1, bias=False)
    network = nn.Sequential(nn.Flatten(), layer, Score()).requires_grad_(False)
    opened = models(TrainConfig.parse(DIGITS), data=pictures(20)).with_critic(network)
    x = np.zeros((1, 28, 28), np.float32)
    for step in range(1, 4):
        moved = critic.step_uphill(opened, x)
        assert moved is not None and np.abs(moved).max() <= 1
        saliency = critic.saliency(opened, moved)
        assert saliency.score == pytest.approx(step * inside.UPHILL_STEP * saliency.slope, rel=1e-4)
        x = moved


def test_a_step_too_long_is_shortened_until_the_score_rises():
    class Peak(nn.Module):
        """A score with a sharp peak at a lightness of 0.1."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return -((x.flatten(1) - 0.1) ** 2).sum(1)

    opened = models(TrainConfig.parse(DIGITS), data=pictures(20)).with_critic(Peak())
    x = np.full((1, 28, 28), 0.092, np.float32)  # 0.22 below the peak, in pixel distance
    moved = critic.step_uphill(opened, x)
    assert moved is not None
    assert critic.saliency(opened, moved).score > critic.saliency(opened, x).score
    assert np.linalg.norm(moved - x) < inside.UPHILL_STEP


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_no_step_uphill_from_a_flat_critic_or_from_the_lightest_picture(weight: float):
    layer = nn.Linear(784, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    network = nn.Sequential(nn.Flatten(), layer, Score()).requires_grad_(False)
    opened = models(TrainConfig.parse(DIGITS), data=pictures(20)).with_critic(network)
    assert critic.step_uphill(opened, np.ones((1, 28, 28), np.float32)) is None


def test_between_lies_on_the_segments_and_is_the_same_each_time():
    examples = critic.with_fakes(linear(), points())
    mixed = critic.interpolates(examples)
    way, part = examples.real - examples.fake, mixed - examples.fake
    share = (part * way).sum(1) / (way * way).sum(1)
    assert ((share >= -1e-6) & (share <= 1 + 1e-6)).all() and share.std() > 0.2
    assert share[:, None] * way == pytest.approx(part, abs=1e-5)
    assert np.array_equal(mixed, critic.interpolates(examples))


def test_examples_are_the_same_each_time_and_the_held_out_ones_are_others():
    data = pictures(40)
    first, second = critic.examples_of(data, 16), critic.examples_of(data, 16)
    assert np.array_equal(first.real, second.real) and np.array_equal(
        first.held_out, second.held_out
    )
    examples = {x.tobytes() for x in critic.floats_of(data.train[:].numpy())}
    assert all(x.tobytes() in examples for x in first.real)
    assert not any(x.tobytes() in examples for x in first.held_out)
    # The first of more are the same too: a look with fewer examples is not another look.
    batch = critic.with_fakes(linear(), points(64))
    assert np.array_equal(critic.first_examples(batch, 8).fake, batch.fake[:8])


def test_fakes_are_what_the_generator_shows():
    opened = models(TrainConfig.parse(DIGITS), data=pictures(20))
    examples = critic.with_fakes(opened, critic.examples_of(pictures(20), 4))
    rng = keyed_rng(0, "metric", draw=critic.Z)
    z = torch.randn(4, 8, generator=rng).numpy()
    assert np.array_equal(critic.pictures_of(examples.fake), opened.make(z))
    real = pictures(6).train[:].numpy()
    assert np.array_equal(critic.pictures_of(critic.floats_of(real)), real)


def test_a_critic_that_is_told_the_class_needs_it_and_listens():
    config = TrainConfig.parse(DIGITS | {"conditional": True})
    data = pictures(40)
    opened = models(config, 2, data)
    x = critic.floats_of(data.train[:3].numpy())
    with pytest.raises(ValueError, match="needs labels"):
        critic.scores(opened, x)
    assert critic.saliency(opened, x[0], 1).score != critic.saliency(opened, x[0], 2).score


def test_ranking_is_by_falling_score_and_keeps_pictures_and_scores_together():
    scores = np.array([0.5, 2.0, -1.0, 2.0], np.float32)
    examples = np.arange(4, dtype=np.float32)[:, None]
    ranked = critic.rank_by_score(examples, scores)
    assert ranked.order.tolist() == [1, 3, 0, 2]  # equal ones in their order
    assert ranked.scores.tolist() == [2, 2, 0.5, -1] and ranked.examples[:, 0].tolist() == [
        1,
        3,
        0,
        2,
    ]
    assert critic.rank_by_score(examples, scores, limit=2).order.tolist() == [1, 0]


def test_telling_apart_is_the_area_under_the_curve():
    def accuracy(real: list[float], fake: list[float]) -> float:
        return critic.Scores(np.array(real), np.array(real), np.array(fake)).critic_accuracy

    assert accuracy([2, 3], [0, 1]) == 1 and accuracy([0, 1], [2, 3]) == 0
    assert accuracy([1, 1], [1, 1]) == 0.5
    assert accuracy([1, 3], [0, 2]) == pytest.approx(3 / 4)


def test_the_share_at_the_bound_of_a_critic_filled_with_it_is_1():
    config = tiny(objective={"name": "wgan", "clip_value": 0.05})
    opened = models(config)
    with torch.no_grad():
        for weight in opened.critic.parameters():
            weight.fill_(0.05)
    weights = critic.weights(opened)
    assert [w.clip_saturation for w in weights] == [1.0, 1.0] and critic.at_bounds(opened) == 1
    assert all(w.bound == pytest.approx(0.05) for w in weights)
    assert all(w.shares[-1] == 1 and w.edges[-1] == pytest.approx(0.05) for w in weights)
    with torch.no_grad():
        for weight in opened.critic.parameters():
            weight.mul_(-0.5)
    assert critic.at_bounds(opened) == 0
    # Kernels alone: what is not clipped has no bound.
    kernels = models(
        TrainConfig.parse(DIGITS | {"objective": {"name": "wgan", "clipped": "kernels"}}),
        data=pictures(20),
    )
    bounds = [w.bound for w in critic.weights(kernels)]
    assert bounds[0] == pytest.approx(0.01) and bounds[-1] is None


def test_gradients_by_layer_are_those_of_autograd():
    opened = models(tiny(objective={"name": "wgan-gp", "penalty_weight": 0.0}), 2)
    examples = critic.with_fakes(opened, points(16))
    gradients = critic.gradients(opened, examples)
    first, bend, last, _ = copy.deepcopy(opened.critic).requires_grad_(True).children()
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    x = torch.from_numpy(np.concatenate([examples.real, examples.fake]))
    at_first = first(x)
    at_last = last(bend(at_first))
    loss = at_last[16:].mean() - at_last[:16].mean()
    expected = torch.autograd.grad(loss, [at_first, at_last, first.weight, last.weight])
    norms = [float(g.norm()) for g in expected]
    assert gradients.outputs == pytest.approx(norms[:2], rel=1e-5)
    assert gradients.weights == pytest.approx(norms[2:], rel=1e-5)
    assert gradients.names == ("1. Linear 2 → 16", "2. Linear 16 → 1")


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_a_gradient_that_vanishes_stays_or_explodes_is_seen_to(factor: float):
    """Layers that multiply by a factor: the gradient goes by its powers towards the input."""
    layers: list[nn.Module] = []
    for i in range(6):
        layer = nn.Linear(2, 2 if i < 5 else 1)
        with torch.no_grad():
            layer.weight.copy_(factor * torch.eye(2)[: len(layer.weight)])
            layer.bias.fill_(1e6)  # so that no ReLU bends
        layers += [layer, nn.ReLU()]
    network = nn.Sequential(*layers[:-1], Score()).requires_grad_(False)
    opened = models(tiny(objective="wgan")).with_critic(network)
    gradients = critic.gradients(opened, critic.with_fakes(opened, points(8)))
    powers = gradients.outputs[-1] * factor ** np.arange(5.0, -1.0, -1.0)
    assert gradients.outputs == pytest.approx(powers, rel=1e-4)


def test_units_over_the_plane_are_the_layers_outputs():
    opened = models(tiny(), 2)
    data = tiny().dataset.load()
    assert isinstance(data, Points)
    names = [layer.name for layer in critic.activations(opened, np.zeros(2, np.float32))]
    assert names == ["1. Linear 2 → 16", "2. ReLU", "3. Linear 16 → 1"]
    activation = critic.units(opened, data.extent, 1, side=5)
    assert activation.values.shape == (16, 5, 5) and activation.values.min() >= 0
    corner = np.array([data.extent, -data.extent], np.float32)  # right, below: first row, last
    expected = critic.activations(opened, corner)[1].values
    assert activation.values[:, 0, -1] == pytest.approx(expected, abs=1e-6)


def test_surfaces_of_a_linear_critic():
    opened = linear()
    examples = critic.with_fakes(opened, points(48))
    surfaces = critic.surfaces(opened, examples, 3.0, side=9)
    assert surfaces.slope == pytest.approx(np.full((9, 9), 5.0), rel=1e-5)
    assert surfaces.steepest == pytest.approx(5, rel=1e-5)
    # Row = y: one step up changes the score by −4 a unit, scaled by the slope.
    assert np.diff(surfaces.critic, axis=0) == pytest.approx(np.full((8, 9), -0.8 * 0.75), abs=1e-4)
    assert (
        surfaces.lower_bound <= surfaces.exact + 1e-6 and surfaces.gap / 5 <= surfaces.exact + 1e-6
    )
    # Level: the same mean over the samples, so neither is above the other on the whole.
    values = surfaces.optimal
    step = 6 / 8
    assert np.abs(np.diff(values, axis=0)).max() <= step + 1e-5
    assert np.abs(np.diff(values, axis=1)).max() <= step + 1e-5
    assert surfaces.difference == pytest.approx(surfaces.critic - surfaces.optimal)


def test_the_floor_is_the_distance_of_real_to_real():
    same = points(32)
    alike = critic.Examples(same.real, same.real, same.labels, same.labels)
    assert critic.floor(alike) == pytest.approx(0, abs=1e-6)
    shifted = critic.Examples(same.real, same.real + 0.25, same.labels, same.labels)
    assert critic.floor(shifted) == pytest.approx(0.25 * 2**0.5, rel=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_which_objectives_ask_for_the_gap(name: str):
    assert critic.bounds_the_distance(OBJECTIVES[name]()) == name.startswith("wgan")


def test_which_objectives_ask_for_the_gap_by_their_losses():
    assert critic.bounds_the_distance(WganGp()) and critic.bounds_the_distance(Wgan())
    assert not critic.bounds_the_distance(Hinge())


def test_an_uploaded_picture_takes_the_shape_of_the_data():
    import io

    from PIL import Image

    def png(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", size, colour).save(out, "PNG")
        return out.getvalue()

    grey = critic.picture_from(png((90, 60), (255, 255, 255)), (1, 28, 28))
    assert grey.shape == (1, 28, 28) and grey.min() == 255
    assert critic.picture_from(png((90, 60), (255, 255, 255)), (1, 28, 28), invert=True).max() == 0
    red = critic.picture_from(png((40, 40), (255, 0, 0)), (3, 32, 32))
    assert red.shape == (3, 32, 32) and red[0].min() == 255 and red[1].max() == 0
    with pytest.raises(
        DataError, match="This picture cannot be used: it is not a readable picture"
    ):
        critic.picture_from(b"no picture", (1, 28, 28))
    with pytest.raises(DataError, match="it is empty"):
        critic.picture_from(b"", (1, 28, 28))


@pytest.mark.parametrize(
    ("network", "conditional"),
    [("dcgan", True), ("resnet", True), ("brownlee", False)],
)
def test_the_layers_of_every_critic_have_titles_and_no_helper_is_shown(
    network: str, conditional: bool
):
    values = {
        "dataset": "mnist-10k",
        "network": network,
        "batch_size": 8,
        "conditional": conditional,
    }
    if network == "brownlee":
        values["objective"] = "wgan"
    config = TrainConfig.parse(values)
    opened = models(config, data=pictures())
    picture = np.zeros((1, 28, 28), np.float32)
    names = [
        layer.name for layer in critic.activations(opened, picture, 0 if conditional else None)
    ]
    titles = {name.split(". ", 1)[1].split(",")[0] for name in names}
    kinds = ("Convolution", "Linear", "LeakyReLU", "ReLU", "Batch norm", "Mean", "GroupSort")
    assert names and all(title.startswith(kinds) for title in titles), titles


@pytest.mark.parametrize("name", [*CRITICS, "points"])
def test_the_layers_lead_from_z_to_the_score(name: str):
    if name == "points":
        opened = models(tiny())
    else:
        values, shape = CRITICS[name]
        opened = models(TrainConfig.parse(values), data=pictures(40, shape))
    z = np.random.default_rng(0).standard_normal(opened.config.latent_dim).astype(np.float32)
    label = 3 if opened.config.conditional else None
    generator, layers = critic.network_layers(opened, z, label)
    sample = opened.raw(z[None], None if label is None else [label])
    np.testing.assert_allclose(generator[-1].values, sample[0].numpy(), atol=1e-6)
    if label is None:
        with torch.no_grad():
            score = float(opened.critic(sample))
        assert float(layers[-1].values.reshape(-1)[0]) == pytest.approx(score, rel=1e-5, abs=1e-6)
    for network, shown in ((opened.generator, generator), (opened.critic, layers)):
        own = sum(p.numel() for p in network.parameters())
        classes = sum(
            p.numel()
            for part in network.modules()
            if isinstance(part, nn.Embedding)
            for p in part.parameters()
        )
        assert sum(layer.parameters for layer in shown) == own - classes
    for layer in (*generator, *layers):
        if "onvolution" in layer.name:
            n_out = int(layer.name.split("→")[1])
            assert layer.values.shape[0] == n_out and layer.weights is not None
            assert layer.weights.shape[0] == min(n_out, 64)
        elif "Linear" in layer.name:
            n_in, n_out = map(int, layer.name.split("Linear ")[1].split(" → "))
            assert layer.weights is not None and layer.weights.shape == (
                1,
                min(n_out, 512),
                min(n_in, 512),
            )
        else:
            assert layer.weights is None


# ---- the map of samples -------------------------------------------------------------------------


def test_the_plane_of_a_map_is_that_of_the_largest_eigenvalues():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(400, 5)) * [1.0, 6.0, 0.5, 3.0, 0.1] + 7).astype(np.float32)
    mean, axes, explained = critic.principal_plane(features)
    values, vectors = np.linalg.eigh(np.cov(features, rowvar=False, bias=True))
    assert np.allclose(mean, features.mean(0), atol=1e-4)
    assert np.allclose(axes.T @ axes, np.eye(2), atol=1e-5)
    for i in range(2):
        assert abs(abs(float(axes[:, i] @ vectors[:, -1 - i])) - 1) < 1e-4
        assert axes[np.abs(axes[:, i]).argmax(), i] > 0
    assert explained == pytest.approx(values[-2:].sum() / values.sum(), rel=1e-4)


@pytest.mark.parametrize("n", [2, 3])
def test_few_or_equal_points_have_a_plane_too(n: int):
    features = np.zeros((n, 64), np.float32)
    features[0, 3] = 2.0
    _, axes, explained = critic.principal_plane(features)
    assert abs(float(axes[3, 0])) == pytest.approx(1) and explained == pytest.approx(1)
    _, axes, explained = critic.principal_plane(np.ones((n, 64), np.float32))
    assert np.isfinite(axes).all() and explained == 1.0


def test_equal_pictures_have_equal_places_and_the_map_does_not_depend_on_the_fakes():
    digits = models(PRESETS["quick-mnist-unlabelled"].config.changed({"network.size": "small"}))
    examples = critic.examples_of(digits.config.dataset.load(), 24)
    batch = critic.with_fakes(digits, examples)
    copied = replace(batch, fake=batch.real)
    first, second = critic.sample_map(digits, batch), critic.sample_map(digits, copied)
    assert np.allclose(first.real, second.real, atol=1e-4)
    assert np.allclose(second.fake, second.real, atol=1e-4)
    assert np.allclose(second.fake_scores, second.real_scores, atol=1e-4)
    assert np.allclose(first.real.mean(0), 0, atol=1e-3) and 0 < first.explained <= 1
    assert np.array_equal(first.fake_scores, critic.score_batch(digits, batch).fake)
