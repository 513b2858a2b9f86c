"""Closed forms, and the mistakes of FACTS.md §5 that must not come back."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wgan.networks import NETWORKS
from wgan.objectives import (
    OBJECTIVES,
    R1,
    Dragan,
    Gan,
    Hinge,
    LsGan,
    R3Gan,
    Wgan,
    WganDiv,
    WganGp,
    WganGroupSort,
    WganLp,
    WganSn,
)
from wgan.objectives.gradients import gradient_norm
from wgan.objectives.layers import MaxMin, bjorck, cayley
from wgan.rng import keyed_rng
from wgan.training.steps import critic_step, generator_step


class Slope(nn.Module):
    """f(x) = w·x: a critic whose gradient is w everywhere."""

    def __init__(self, *w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


def samples(n: int, *shape: int, key: int = 0) -> Tensor:
    return torch.randn(n, *shape, generator=keyed_rng(key, "data"))


@pytest.mark.parametrize("n", [1, 64, 256])
@pytest.mark.parametrize("w", [(1.0, 0.0), (3.0, 4.0), (0.3, 0.4), (0.0, 0.0)])
def test_penalty_of_a_linear_critic(n: int, w: tuple[float, float]):
    """λ(‖w‖ − 1)², whatever the batch: one norm a sample, not one a batch."""
    value = WganGp(penalty_weight=10.0).penalty(
        Slope(*w), real=samples(n, 2), fake=samples(n, 2, key=1), rng=keyed_rng(0, "epsilon")
    )
    assert float(value.detach()) == pytest.approx(10 * (math.hypot(*w) - 1) ** 2, abs=1e-5)


def test_penalty_of_pictures_takes_the_norm_over_all_of_a_sample():
    critic = Slope(*([0.1] * 100))  # ‖w‖ = 1 over (1, 10, 10); over an axis it would be 0.32
    value = WganGp().penalty(
        critic,
        real=samples(8, 1, 10, 10),
        fake=samples(8, 1, 10, 10, key=1),
        rng=keyed_rng(0, "epsilon"),
    )
    assert float(value.detach()) == pytest.approx(0, abs=1e-9)


def test_a_flat_critic_gives_no_nan():
    critic = Slope(0.0, 0.0)
    WganGp().penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=keyed_rng(0, "epsilon")
    ).backward()
    assert torch.isfinite(critic.w.grad).all()


class Recorder(nn.Module):
    """Remembers where it was asked."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x.detach()
        return x.sum(dim=1)


def test_epsilon_is_uniform_and_one_a_sample():
    critic, n = Recorder(), 4096
    WganGp().penalty(
        critic, real=torch.ones(n, 2), fake=torch.zeros(n, 2), rng=keyed_rng(0, "epsilon")
    )
    epsilon = critic.x  # x̂ = ε·1 + (1 − ε)·0
    assert torch.equal(epsilon[:, 0], epsilon[:, 1])
    assert epsilon.min() >= 0 and epsilon.max() <= 1
    assert len(epsilon[:, 0].unique()) > n * 0.99
    # A uniform's quartiles, within 5 standard errors.
    quartiles = epsilon[:, 0].quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    assert quartiles == pytest.approx([0.25, 0.5, 0.75], abs=0.04)


def test_x_hat_lies_between_its_own_real_and_fake():
    critic = Recorder()
    real, fake = samples(64, 2), samples(64, 2, key=1)
    WganGp().penalty(critic, real=real, fake=fake, rng=keyed_rng(0, "epsilon"))
    along = (critic.x - fake) / (real - fake)
    assert torch.allclose(along[:, 0], along[:, 1], atol=1e-4)


def test_the_penalty_reaches_the_critics_weights():
    critic = Slope(3.0, 4.0)
    WganGp(penalty_weight=1.0).penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=keyed_rng(0, "epsilon")
    ).backward()
    # d/dw (‖w‖ − 1)² = 2(‖w‖ − 1) w/‖w‖
    assert critic.w.grad.tolist() == pytest.approx([2 * 4 * 0.6, 2 * 4 * 0.8], rel=1e-5)


@pytest.mark.parametrize("objective", [Wgan(), WganGp()])
def test_signs_of_the_wasserstein_losses(objective: Wgan | WganGp):
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 0.0])
    assert float(objective.critic_loss(real=real, fake=fake)) == 0.5 - 4.0
    assert float(objective.generator_loss(fake=fake)) == -0.5


def test_gan_losses_are_cross_entropies():
    zero = torch.zeros(3)
    assert float(Gan().critic_loss(real=zero, fake=zero)) == pytest.approx(2 * math.log(2))
    assert float(Gan().generator_loss(fake=zero)) == pytest.approx(math.log(2))
    sure = torch.tensor([200.0])
    assert float(Gan().critic_loss(real=sure, fake=-sure)) == pytest.approx(0, abs=1e-6)
    # Non-saturating: a sure discriminator leaves a gradient of −1.
    score = torch.tensor([-200.0], requires_grad=True)
    Gan().generator_loss(fake=score).backward()
    assert float(score.grad) == pytest.approx(-1)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8))
def test_gan_loss_equals_torchs_own(scores: list[float]):
    real, fake = torch.tensor(scores), torch.tensor(scores).flip(0) * 0.5
    bce = nn.BCEWithLogitsLoss()
    expected = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    assert float(Gan().critic_loss(real=real, fake=fake)) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_clipping_clips_every_weight_and_nothing_else():
    first, last = nn.Linear(3, 4), nn.Linear(4, 1)
    with torch.no_grad():
        first.weight.fill_(0.5)
        last.bias.fill_(-0.5)
        last.weight.fill_(0.004)
    Wgan(clip_value=0.01).project(nn.Sequential(first, last))
    assert torch.all(first.weight == 0.01) and torch.all(last.bias == -0.01)
    assert torch.all(last.weight == 0.004)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_keeps_the_contract(name: str):
    objective = OBJECTIVES[name]()
    assert objective.name == name and objective.title and objective.source
    assert OBJECTIVES[name].__doc__
    scores = samples(8)
    assert objective.critic_loss(real=scores, fake=-scores).shape == ()
    assert objective.generator_loss(real=-scores, fake=scores).shape == ()
    # A better critic has a smaller loss, and a better-scored fake a smaller generator loss.
    good, bad = torch.full((8,), 2.0), torch.full((8,), -2.0)
    assert objective.critic_loss(real=good, fake=bad) < objective.critic_loss(real=bad, fake=good)
    real = torch.zeros(8)
    assert objective.generator_loss(real=real, fake=good) < objective.generator_loss(
        real=real, fake=bad
    )
    # The parts of the critic's loss exist exactly if it is their sum.
    if objective.relativistic:
        for part in (objective.real_loss, objective.fake_loss):
            with pytest.raises(ValueError, match="no part that depends on"):
                part(good)
        with pytest.raises(ValueError, match="needs the scores of real examples"):
            objective.generator_loss(fake=good)
    else:
        whole = objective.critic_loss(real=good, fake=bad)
        assert whole == objective.real_loss(good) + objective.fake_loss(bad)
        assert objective.generator_loss(fake=good) == objective.generator_loss(real=bad, fake=good)
    critic = Slope(0.6, 0.8)
    penalty = objective.penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=keyed_rng(0, "epsilon")
    )
    assert penalty.shape == () and float(penalty.detach()) >= 0
    layers = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    assert objective.unsupported_reason(layers) is None
    objective.prepare(layers, keyed_rng(0, "init"))
    objective.project(layers)
    assert torch.isfinite(layers(samples(3, 2))).all()


def test_gradient_norm_against_the_closed_form():
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(dim=1)

    x = samples(16, 3)
    assert torch.allclose(gradient_norm(Square(), x), 2 * x.norm(dim=1), rtol=1e-5)


# ---- the other losses ---------------------------------------------------------------------------


def test_least_squares_are_zero_at_their_targets():
    ones, zeros = torch.ones(4), torch.zeros(4)
    assert float(LsGan().critic_loss(real=ones, fake=zeros)) == 0
    assert float(LsGan().critic_loss(real=zeros, fake=ones)) == 1  # ½ + ½
    assert float(LsGan().generator_loss(fake=zeros)) == 0.5
    assert float(LsGan().generator_loss(fake=ones)) == 0


def test_hinge_stops_caring_beyond_its_margin():
    assert float(Hinge().critic_loss(real=torch.tensor([1.0, 7.0]), fake=torch.tensor([-1.0]))) == 0
    assert float(Hinge().critic_loss(real=torch.zeros(2), fake=torch.zeros(2))) == 2
    assert float(Hinge().generator_loss(fake=torch.tensor([3.0]))) == -3


def test_the_minimax_generator_has_no_gradient_where_the_discriminator_is_sure():
    score = torch.tensor([-30.0], requires_grad=True)
    loss = Gan(generator="minimax").generator_loss(fake=score)
    loss.backward()
    assert abs(float(score.grad)) < 1e-12
    # And it is the negative of the discriminator's part, as a zero-sum game has it.
    assert float(loss.detach()) == pytest.approx(-float(Gan().fake_loss(score.detach())))


def test_relativistic_losses_compare_pairs_by_their_position():
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 2.0])
    # softplus(±2) and softplus(±1), by log(1 + eˣ)
    critic = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    generator = (math.log1p(math.exp(2)) + math.log1p(math.exp(-1))) / 2
    objective = R3Gan()
    assert float(objective.critic_loss(real=real, fake=fake)) == pytest.approx(critic)
    assert float(objective.generator_loss(real=real, fake=fake)) == pytest.approx(generator)
    both = objective.critic_loss(real=real.flip(0), fake=fake.flip(0))
    assert float(both) == pytest.approx(critic)
    other_pairs = objective.critic_loss(real=real, fake=fake.flip(0))
    assert float(other_pairs) == pytest.approx((math.log1p(math.exp(-1)) + math.log(2)) / 2)
    # An offset of all scores changes nothing, and a critic that is very wrong or sure gives no infinity.
    shifted = objective.generator_loss(real=real + 7, fake=fake + 7)
    assert float(shifted) == pytest.approx(generator, rel=1e-5)
    assert float(objective.critic_loss(real=-1e4 + real, fake=fake)) == pytest.approx(1e4, rel=1e-3)


def test_gradients_of_relativistic_losses_by_finite_differences():
    objective = R3Gan()
    real, fake = (3 * samples(6, key=key).double().requires_grad_() for key in (0, 1))

    def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
        return objective.critic_loss(real=real, fake=fake)

    def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
        return objective.generator_loss(real=real, fake=fake)

    assert torch.autograd.gradcheck(critic_loss, (real, fake))
    assert torch.autograd.gradcheck(generator_loss, (real, fake))
    # The generator's gradient at a fake is −σ(f(real) − f(fake)) / N.
    (gradient,) = torch.autograd.grad(generator_loss(real, fake), fake)
    assert torch.allclose(gradient, -torch.sigmoid(real - fake) / 6)


def test_penalties_at_both_sides_are_the_sum_of_two_means_with_the_labels_of_each():
    """f(x, c) = (1 + c)·‖x‖²/2 has the gradient (1 + c)·x."""
    real, fake, label = samples(5, 3), samples(5, 3, key=1), torch.arange(5)

    def score(x: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return (1 + label) * x.square().sum(1) / 2

    def step(objective) -> Tensor:
        points = objective.penalty_points(real=real, fake=fake, rng=keyed_rng(0, "epsilon"))
        values = critic_step(objective, score, real=real, fake=fake, label=label, points=points)
        return values.penalty.detach()

    squares = [((1 + label)[:, None] * x).square().sum(1).mean() for x in (real, fake)]
    expected = 0.7 / 2 * (squares[0] + squares[1])
    assert torch.allclose(step(R3Gan(penalty_weight=0.7)), expected)
    alone = R3Gan(penalty_weight=0.7, penalty_at="real")
    assert torch.allclose(step(alone), 0.7 / 2 * squares[0])


def test_a_generator_step_scores_real_examples_with_the_classes_of_the_fakes():
    label = torch.tensor([0, 2, 1])
    real, z = samples(3, 2), samples(3, 2, key=1)

    def score(x: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return x[:, 0] + 10 * label * x[:, 1]

    def generate(z: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        return z * (1 + label)[:, None]

    loss = generator_step(R3Gan(), generate, score, z, label, real)
    difference = score(real, label) - score(z * (1 + label)[:, None], label)
    assert torch.allclose(loss, torch.log1p(difference.double().exp()).mean().float())


@pytest.mark.parametrize("w", [(0.3, 0.4), (0.6, 0.8), (3.0, 4.0), (0.0, 0.0)])
def test_penalties_of_a_linear_critic_in_closed_form(w: tuple[float, float]):
    slope = math.hypot(*w)

    def value(objective) -> float:
        penalty = objective.penalty(
            Slope(*w), real=samples(32, 2), fake=samples(32, 2, key=1), rng=keyed_rng(0, "epsilon")
        )
        return float(penalty.detach())

    above = max(0.0, slope - 1) ** 2
    assert value(WganLp(penalty_weight=5.0)) == pytest.approx(5 * above, abs=1e-5)
    assert value(WganGp(penalty_weight=5.0, one_sided=True)) == pytest.approx(5 * above, abs=1e-5)
    assert value(WganDiv()) == pytest.approx(2 * slope**6, rel=1e-4, abs=1e-9)
    assert value(WganDiv(penalty_weight=3.0, power=2.0)) == pytest.approx(
        3 * slope**2, rel=1e-4, abs=1e-9
    )
    assert value(R1(penalty_weight=10.0)) == pytest.approx(5 * slope**2, rel=1e-5, abs=1e-9)
    assert value(Dragan(penalty_weight=10.0)) == pytest.approx(10 * (slope - 1) ** 2, abs=1e-4)
    # γ/2 (‖w‖² + ‖w‖²), at real examples and at fakes.
    both = 0.5 * 3 * (slope**2 + slope**2)
    assert value(R3Gan(penalty_weight=3.0)) == pytest.approx(both, rel=1e-5, abs=1e-9)
    at_both = WganGp(penalty_weight=5.0, penalty_at="both")
    assert value(at_both) == pytest.approx(2 * 5 * (slope - 1) ** 2, abs=1e-4)


def test_penalties_are_taken_where_they_say():
    real, fake = torch.ones(4096, 2), torch.zeros(4096, 2)
    real[::2] = 3.0  # standard deviation 1

    def penalty_points(**values) -> Tensor:
        critic = Recorder()
        WganGp(**values).penalty(critic, real=real, fake=fake, rng=keyed_rng(0, "epsilon"))
        return critic.x

    assert torch.equal(penalty_points(penalty_at="real"), real)
    assert torch.equal(penalty_points(penalty_at="fake"), fake)
    assert torch.equal(penalty_points(penalty_at="both"), torch.cat([real, fake]))
    noise = penalty_points(penalty_at="noise", noise_scale=0.5) - real
    assert float(noise.std()) == pytest.approx(0.5, rel=0.05)
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)


def test_a_lazy_penalty_is_on_average_the_whole_one():
    critic = Slope(3.0, 4.0)

    def paid(every: int) -> list[float]:
        objective = WganGp(penalty_weight=1.0, penalty_every=every)
        return [
            float(
                objective.penalty(
                    critic,
                    real=samples(8, 2),
                    fake=samples(8, 2),
                    rng=keyed_rng(0, "epsilon"),
                    update=update,
                ).detach()
            )
            for update in range(12)
        ]

    assert paid(4).count(0.0) == 9
    assert sum(paid(4)) == pytest.approx(sum(paid(1)), rel=1e-5)


# ---- layers -------------------------------------------------------------------------------------


def test_clipping_leaves_the_scales_of_normalisation_alone():
    first, norm, last = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(8, 1)
    critic = nn.Sequential(first, norm, nn.Flatten(), last)
    with torch.no_grad():
        for weight in critic.parameters():
            weight.fill_(0.5)
    Wgan(clip_value=0.01, clipped="kernels").project(critic)
    assert torch.all(first.weight == 0.01)
    assert torch.all(first.bias == 0.5) and torch.all(last.weight == 0.5)
    Wgan(clip_value=0.01).project(critic)
    assert torch.all(first.bias == 0.01) and torch.all(last.weight == 0.01)
    assert torch.all(norm.weight == 0.5)  # γ


def test_spectral_norm_divides_by_the_largest_singular_value():
    first = nn.Linear(6, 8)
    critic = nn.Sequential(first, nn.ReLU(), nn.Linear(8, 1))
    before = first.weight.detach().clone()
    WganSn().prepare(critic, keyed_rng(0, "init"))
    for _ in range(50):
        critic(samples(2, 6))
    assert float(torch.linalg.matrix_norm(first.weight.detach(), 2)) == pytest.approx(1, abs=1e-4)
    largest = torch.linalg.matrix_norm(before, 2)
    assert torch.allclose(first.weight, before / largest, atol=1e-4)


def test_spectral_norm_is_keyed_and_leaves_the_global_generator_alone():
    def critic_weights() -> dict[str, Tensor]:
        critic = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 1))
        with torch.no_grad():
            for weight in critic.parameters():
                weight.fill_(0.1)
        WganSn().prepare(critic, keyed_rng(3, "init"))
        return critic.state_dict()

    first = critic_weights()
    critic = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 1))
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    WganSn().prepare(critic, keyed_rng(3, "init"))
    assert torch.equal(torch.rand(3), expected)
    again = critic_weights()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_sorting_pairs_keeps_every_unit():
    x = samples(5, 8, 3, 3)
    output = MaxMin()(x)
    assert torch.equal(
        output.reshape(5, 4, 2, 3, 3).sort(dim=2).values, output.reshape(5, 4, 2, 3, 3)
    )
    assert torch.equal(output.sort(dim=1).values, x.sort(dim=1).values)
    line = MaxMin()(torch.tensor([[2.0, 1.0, -3.0, 5.0]]))
    assert line.tolist() == [[1.0, 2.0, -3.0, 5.0]]


@pytest.mark.parametrize("shape", [(6, 6), (12, 5), (128, 64)])
def test_bjorck_and_cayley_give_orthonormal_columns(shape: tuple[int, int]):
    matrix = samples(*shape)
    identity = torch.eye(shape[1])
    assert torch.allclose(cayley(matrix).T @ cayley(matrix), identity, atol=2e-4)
    orthonormal = bjorck(matrix, 60)
    assert torch.allclose(orthonormal.T @ orthonormal, identity, atol=1e-3)
    # It is the closest one: the polar factor, by another way.
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.allclose(orthonormal, u @ v, atol=1e-2)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 30), st.integers(0, 99))
def test_bjorck_never_stretches(rows: int, columns: int, iterations: int, key: int):
    orthonormal = bjorck(samples(max(rows, columns), min(rows, columns), key=key) * 10, iterations)
    assert float(torch.linalg.matrix_norm(orthonormal, 2)) <= 1 + 1e-4


@pytest.mark.parametrize("orthonormal", ["bjorck", "cayley"])
@pytest.mark.parametrize("kind", ["mlp", "dcgan"])
def test_a_groupsort_critic_is_1_lipschitz(orthonormal: str, kind: str):
    shape = (2,) if kind == "mlp" else (1, 28, 28)
    network = NETWORKS[kind]()
    _, critic = network.build(shape, 4, keyed_rng(0, "init"))
    objective = WganGroupSort(orthonormal=orthonormal)
    assert objective.unsupported_reason(critic) is None
    objective.prepare(critic, keyed_rng(1, "init"))
    a, b = samples(64, *shape), samples(64, *shape, key=1)
    with torch.no_grad():
        apart = (a - b).flatten(1).norm(dim=1)
        assert torch.all((critic(a) - critic(b)).abs() <= apart * (1 + 1e-4))
    norm = gradient_norm(critic, a)
    assert norm.max() <= 1 + 1e-4
    if kind == "mlp":  # beyond the first layer, which widens, no slope is lost on the way back
        assert isinstance(critic, nn.Sequential)
        hidden = gradient_norm(critic[1:], samples(64, 128))
        assert hidden.min() > 0.999


def test_what_cannot_be_made_lipschitz_is_said():
    objective = WganGroupSort()
    odd = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1))
    assert "even width" in (objective.unsupported_reason(odd) or "")
    _, residual = NETWORKS["resnet"]().build((1, 28, 28), 4, keyed_rng(0, "init"))
    assert "residual" in (objective.unsupported_reason(residual) or "")
    _, normed = NETWORKS["brownlee"]().build((1, 28, 28), 4, keyed_rng(0, "init"))
    assert "normalisation" in (objective.unsupported_reason(normed) or "")


ADDED = '''
from typing import Literal
from wgan.objectives.base import Wasserstein


class Mine(Wasserstein):
    """A variant that someone adds: scores are squashed by a scale of its own."""

    name: Literal["mine"] = "mine"
    title = "Mine"
    summary = "A test."
    explanation = "A test."
    source = "nobody"
    squash_scale: Annotated[float, Field(gt=0, le=9)] = Field(
        2.0, title="Scale", description="Divides the scores.", json_schema_extra={"source": "nobody"}
    )

    def fake_loss(self, fake):
        return (fake / self.squash_scale).mean()


OBJECTIVES["mine"] = Mine
'''

FOLLOWS = """
import contextlib, importlib.util, io, sys
from pathlib import Path
import wgan
path = Path(wgan.__file__).parent / "objectives" / "__init__.py"
source = path.read_text()
spec = importlib.util.spec_from_file_location(
    "wgan.objectives", path, submodule_search_locations=[str(path.parent)]
)
module = importlib.util.module_from_spec(spec)
sys.modules["wgan.objectives"] = module
before, after = source.split("if TYPE_CHECKING:\\n    AnyObjective")
exec(compile(before + ADDED + "\\nif TYPE_CHECKING:\\n    AnyObjective" + after, str(path), "exec"), module.__dict__)

from wgan.cli.main import main
from wgan.config import PARTS, TrainConfig, hyperparameters
from wgan.training import Engine, train
assert list(PARTS["objective"])[-1] == "mine"
config = TrainConfig.parse({"dataset": "ring-8", "objective": {"name": "mine", "squash_scale": 3}, "steps": 3})
found = {h.path: h for h in hyperparameters(config)}
assert found["objective.squash_scale"].live and "mine" in found["objective"].choices
train(config, engine=Engine("cpu", "float32", 1))
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    main(["train", "--help"])
assert "--objective.squash-scale" in out.getvalue() and "mine" in out.getvalue()

from streamlit.testing.v1 import AppTest
app = AppTest.from_file("pages/ui/main.py", default_timeout=180).run()
box = next(b for b in app.selectbox if b.key == "w:objective")
assert "Mine" in box.options and Mine.summary in box.help
box.set_value("mine").run()
assert any(w.key == "w:objective.squash_scale" for w in [*app.number_input, *app.slider])
print("followed")
""".replace("Mine.summary", "module.Mine.summary")


def test_an_added_objective_needs_no_other_file(tmp_path: Path):
    """Menu, control, help, flag and training follow from one class and one line of one file."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"ADDED = {ADDED!r}\n{FOLLOWS}"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "WGAN_RUNS": str(tmp_path / "runs")},
    )
    assert result.stdout.strip().endswith("followed"), result.stderr[-2000:]


def bce(score: Tensor, target: float) -> Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(
        score, torch.full_like(score, target)
    )


FORMULAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "E f(fake) − E f(real)": lambda real, fake: fake.mean() - real.mean(),
    "−E f(fake)": lambda real, fake: -fake.mean(),
    "−E log σ(f(real)) − E log(1 − σ(f(fake)))": lambda real, fake: bce(real, 1) + bce(fake, 0),
    "−E log σ(f(fake))": lambda real, fake: bce(fake, 1),
    "E log(1 − σ(f(fake)))": lambda real, fake: -bce(fake, 0),
    "½ E(f(real) − 1)² + ½ E f(fake)²": lambda real, fake: (
        0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()
    ),
    "½ E(f(fake) − 1)²": lambda real, fake: 0.5 * ((fake - 1) ** 2).mean(),
    "E max(0, 1 − f(real)) + E max(0, 1 + f(fake))": lambda real, fake: (
        (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0).mean()
    ),
    "E softplus(f(fake) − f(real))": lambda real, fake: bce(real - fake, 1),
    "E softplus(f(real) − f(fake))": lambda real, fake: bce(fake - real, 1),
}


@pytest.mark.parametrize("name", [*OBJECTIVES, "gan, minimax"])
def test_an_objective_says_what_it_computes(name: str):
    """The formulas on screen, worked out by other means, are what the loop minimises."""
    kind, _, variant = name.partition(", ")
    objective = OBJECTIVES[kind](**({"generator": variant} if variant else {}))
    scores = 3 * torch.randn((2, 500), generator=torch.Generator().manual_seed(5))
    real, fake = scores.double()
    expected = FORMULAS[objective.critic_formula](real, fake)
    assert torch.allclose(objective.critic_loss(real=real, fake=fake), expected, rtol=1e-12)
    expected = FORMULAS[objective.generator_text()](real, fake)
    loss = objective.generator_loss(real=real, fake=fake)
    assert torch.allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "undecided", "critic", "generator"),
    [
        ("gan", 0.0, 1.3863, 0.6931),
        ("lsgan", 0.5, 0.25, 0.125),
        ("hinge", 0.0, 2.0, None),
        ("r3gan", 0.0, 0.6931, 0.6931),
        ("r3gan", 5.0, 0.6931, 0.6931),
    ],
)
def test_the_levels_that_the_help_names(
    name: str, undecided: float, critic: float, generator: float | None
):
    scores = torch.full((4,), undecided)
    objective = OBJECTIVES[name]()
    assert float(objective.critic_loss(real=scores, fake=scores)) == pytest.approx(critic, abs=1e-4)
    if generator is not None:
        loss = objective.generator_loss(real=scores, fake=scores)
        assert float(loss) == pytest.approx(generator, abs=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_two_sided_penalty_costs_on_both_sides_of_1_and_nothing_at_1(name: str):
    objective = OBJECTIVES[name]()
    deviation = getattr(objective, "deviation", None)
    below, at, above = (0.0,) * 3 if deviation is None else deviation(torch.tensor([0.5, 1.0, 2.0]))
    assert objective.two_sided == bool(below > 0 and at == 0 and above > 0)
