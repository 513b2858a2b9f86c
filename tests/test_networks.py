import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from wgan.networks import NETWORKS, Brownlee, Dcgan, Mlp
from wgan.networks.base import Network
from wgan.networks.modules import LabelledCritic, PictureConv2d, PictureConvTranspose2d
from wgan.rng import keyed_rng

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "points": [(2,)],
    "pictures": [(c, side, side) for c in (1, 3) for side in (28, 32, 64)],
}
CASES = [
    (name, shape)
    for name, network in NETWORKS.items()
    for shape in SHAPES[network.kind]
    if network().incompatibility_reason(shape) is None
]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_pair_fits_its_shapes(name: str, shape: tuple[int, ...]):
    make, score = NETWORKS[name]().build(shape, 7, keyed_rng(0, "init"))
    fake = make(torch.randn(4, 7))
    assert fake.shape == (4, *shape)
    assert score(fake).shape == (4,)
    assert all(torch.isfinite(p).all() for p in [*make.parameters(), *score.parameters()])


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_first_weights_depend_on_the_key_alone(name: str, shape: tuple[int, ...]):
    torch.manual_seed(1)
    first = NETWORKS[name]().build(shape, 7, keyed_rng(0, "init"))
    torch.manual_seed(2)
    again = NETWORKS[name]().build(shape, 7, keyed_rng(0, "init"))
    other = NETWORKS[name]().build(shape, 7, keyed_rng(1, "init"))
    for a, b, c in zip(first, again, other, strict=True):
        pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        assert all(torch.equal(x, y) for x, y in pairs)
        assert any(
            not torch.equal(x, y) for x, y in zip(a.parameters(), c.parameters(), strict=True)
        )


@pytest.mark.parametrize(
    "network", [*(network() for network in NETWORKS.values()), Dcgan(batch_norm=False)]
)
def test_a_network_knows_whether_its_generator_has_batch_norm(network: Network):
    shape = next(s for s in SHAPES[network.kind] if network.incompatibility_reason(s) is None)
    layers = network.generator(shape, 7).modules()
    has_batch_norm = any(isinstance(layer, nn.BatchNorm2d) for layer in layers)
    assert network.generator_uses_batch_norm is has_batch_norm


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name, shape in CASES if not NETWORKS[name].uses_batch_norm],
)
def test_a_critic_scores_each_sample_alone(name: str, shape: tuple[int, ...]):
    """No batch norm and nothing else that couples samples (FACTS: mistake 4), no sigmoid (7)."""
    _, critic = NETWORKS[name]().build(shape, 7, keyed_rng(0, "init"))
    coupling = (nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Sigmoid)
    assert not any(isinstance(part, coupling) for part in critic.modules())
    x = torch.randn(6, *shape)
    together = critic.train()(x)
    alone = torch.cat([critic(sample[None]) for sample in x])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("side", [28, 32, 64])
def test_generators_cover_the_range_of_pictures(side: int):
    make, _ = Dcgan().build((1, side, side), 16, keyed_rng(0, "init"))
    with torch.no_grad():
        for weight in make.parameters():
            weight.mul_(30)
    images = make(torch.randn(64, 16))
    assert images.min() < -0.99 and images.max() > 0.99 and images.abs().max() <= 1


def test_sizes_grow():
    counts = [
        sum(
            p.numel()
            for net in Dcgan(size=size).build((1, 28, 28), 64, keyed_rng(0, "init"))
            for p in net.parameters()
        )
        for size in ("small", "medium", "large")
    ]
    assert counts[0] < counts[1] / 2 < counts[2] / 4


def test_mlp_is_the_papers_when_asked():
    make, critic = Mlp(width=512, depth=4).build((2,), 128, keyed_rng(0, "init"))
    layers = [p for p in critic.modules() if isinstance(p, nn.Linear)]
    assert [(p.in_features, p.out_features) for p in layers] == [
        (2, 512),
        (512, 512),
        (512, 512),
        (512, 512),
        (512, 1),
    ]
    assert sum(isinstance(p, nn.ReLU) for p in make.modules()) == 4


@pytest.mark.parametrize(
    ("network", "shape", "pattern"),
    [
        (Mlp(), (1, 28, 28), "mlp makes points"),
        (Dcgan(), (2,), "dcgan makes pictures"),
        (Dcgan(), (1, 30, 30), "28, 32 or 64 pixels"),
        (Dcgan(), (2, 28, 28), "1 or 3 channels"),
        (Dcgan(), (1, 28, 32), "square"),
    ],
)
def test_a_misfit_is_said_in_words(network: Mlp, shape: tuple[int, ...], pattern: str):
    assert pattern in (network.incompatibility_reason(shape) or "")
    with pytest.raises(ValueError, match=pattern):
        network.build(shape, 2, keyed_rng(0, "init"))


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def test_brownlees_pair_has_the_published_numbers_of_parameters():
    make, critic = Brownlee().build((1, 28, 28), 50, keyed_rng(0, "init"))
    assert (count(critic), count(make)) == (70_081, 851_201)
    # Keras' defaults: RMSprop's are in the preset.
    norms = [part for part in critic.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [(part.eps, part.momentum) for part in norms] == [(1e-3, 0.01)] * 2
    kernels = torch.cat([p.weight.flatten() for p in critic.modules() if isinstance(p, nn.Conv2d)])
    assert float(kernels.detach().std()) == pytest.approx(0.02, rel=0.02)
    dense = next(part for part in make.modules() if isinstance(part, nn.Linear))
    limit = (6 / (50 + 6272)) ** 0.5  # glorot uniform
    assert float(dense.weight.detach().abs().max()) == pytest.approx(limit, rel=1e-3)
    assert not any(p.any() for name, p in make.named_parameters() if name.endswith("bias"))


def test_resize_convolutions_leave_no_checkerboard_at_the_start():
    """A constant map stays constant (but at the border); a transposed convolution makes a pattern."""
    for upsampling, uneven in (("resize", False), ("transposed", True)):
        network = Dcgan(upsampling=upsampling, batch_norm=False)
        make, _ = network.build((1, 32, 32), 4, keyed_rng(0, "init"))
        layer = next(p for p in make.children() if isinstance(p, nn.Conv2d | nn.ConvTranspose2d))
        flat = torch.ones(1, layer.in_channels, 8, 8)
        if upsampling == "resize":
            flat = nn.Upsample(scale_factor=2)(flat)
        output = layer(flat)[0, 0, 3:-3, 3:-3]
        assert (float(output.detach().std()) > 1e-4) == uneven


@pytest.mark.parametrize("name", [n for n, net in NETWORKS.items() if net.kind == "pictures"])
def test_labelled_pairs_listen_to_the_label(name: str):
    make, critic = NETWORKS[name]().build((1, 28, 28), 7, keyed_rng(0, "init"), classes=3)
    make.eval(), critic.eval()
    z, zero, two = torch.randn(4, 7), torch.zeros(4).long(), torch.full((4,), 2)
    assert make(z, zero).shape == (4, 1, 28, 28)
    assert not torch.allclose(make(z, zero), make(z, two))
    x = torch.randn(4, 1, 28, 28)
    # A projection: the scores of two classes differ by (v₂ − v₀)·φ(x).
    assert isinstance(critic, LabelledCritic)
    features = critic.features(x)
    difference = critic(x, two) - critic(x, zero)
    rows = critic.classes.weight
    assert torch.allclose(difference, features @ (rows[2] - rows[0]), atol=1e-5)


def test_brownlees_running_statistics_hold_no_share_of_their_start():
    """Keras 2.2 called TensorFlow's average with zero_debias: Σ mⁿ⁻ⁱ (1 − m) vᵢ / (1 − mⁿ)."""
    make, _ = Brownlee().build((1, 28, 28), 50, keyed_rng(0, "init"))
    norm = next(part for part in make.modules() if isinstance(part, nn.BatchNorm2d))
    rng = torch.Generator().manual_seed(0)
    batches = [3 + 0.1 * torch.randn(8, 128, 4, 4, generator=rng) * (i + 1) for i in range(5)]
    norm.train()
    for n, batch in enumerate(batches, 1):
        norm(batch)
        share = torch.tensor([0.99 ** (n - i) * 0.01 / (1 - 0.99**n) for i in range(1, n + 1)])
        tensor = torch.stack([b.mean((0, 2, 3)) for b in batches[:n]])
        spread = torch.stack([b.var((0, 2, 3)) for b in batches[:n]])
        assert torch.allclose(norm.running_mean, share @ tensor, rtol=1e-4)
        assert torch.allclose(norm.running_var, share @ spread, rtol=1e-4)
    before = norm.running_mean.clone()
    norm.eval()(batches[0])
    assert torch.equal(norm.running_mean, before)


@pytest.mark.parametrize("colours", [1, 3])
def test_layers_beside_the_picture_equal_torchs_convolutions(colours: int):
    """Outputs, gradients and gradients of a gradient penalty, against `torch.nn.functional`."""
    rng = keyed_rng(0, "init")

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()

    first = PictureConv2d(colours, 5).double()
    last = PictureConvTranspose2d(5, colours).double()
    x, y = draw(3, colours, 8, 12), draw(3, 5, 4, 6)
    pairs: list[tuple[nn.Module, Tensor, Tensor]] = [
        (first, x, functional.conv2d(x, first.weight, first.bias, stride=2, padding=1)),
        (last, y, functional.conv_transpose2d(y, last.weight, last.bias, stride=2, padding=1)),
    ]
    for layer, inputs, expected in pairs:
        results = []
        for output in (layer(inputs), expected):
            (slope,) = torch.autograd.grad(output.tanh().sum(), inputs, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).square().sum()
            gradients = torch.autograd.grad(penalty + output.sum(), [*layer.parameters()])
            results.append([output, slope, *gradients])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_the_first_layer_uses_torchs_kernel_where_pictures_need_no_gradient():
    """Then torch's kernel is the faster one, and the values are equal bit for bit."""
    layer, x = PictureConv2d(1, 4), torch.randn(2, 1, 8, 8, generator=keyed_rng(1, "init"))
    expected = functional.conv2d(x, layer.weight, layer.bias, stride=2, padding=1)
    assert torch.equal(layer(x), expected)
