"""Closed forms, and the mistakes of FACTS.md §5 that must not come back."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wgan.objectives import OBJECTIVES, Gan, Wgan, WganGp, gradient_norm
from wgan.randomness import generator


class Slope(nn.Module):
    """f(x) = w·x: a critic whose gradient is w everywhere."""

    def __init__(self, *w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


def samples(n: int, *shape: int, key: int = 0) -> Tensor:
    return torch.randn(n, *shape, generator=generator(key, "data"))


@pytest.mark.parametrize("n", [1, 64, 256])
@pytest.mark.parametrize("w", [(1.0, 0.0), (3.0, 4.0), (0.3, 0.4), (0.0, 0.0)])
def test_penalty_of_a_linear_critic(n: int, w: tuple[float, float]):
    """λ(‖w‖ − 1)², whatever the batch: one norm a sample, not one a batch."""
    value = WganGp(penalty_weight=10.0).penalty(
        Slope(*w), real=samples(n, 2), fake=samples(n, 2, key=1), rng=generator(0, "epsilon")
    )
    assert float(value.detach()) == pytest.approx(10 * (math.hypot(*w) - 1) ** 2, abs=1e-5)


def test_penalty_of_pictures_takes_the_norm_over_all_of_a_sample():
    critic = Slope(*([0.1] * 100))  # ‖w‖ = 1 over (1, 10, 10); over an axis it would be 0.32
    value = WganGp().penalty(
        critic,
        real=samples(8, 1, 10, 10),
        fake=samples(8, 1, 10, 10, key=1),
        rng=generator(0, "epsilon"),
    )
    assert float(value.detach()) == pytest.approx(0, abs=1e-9)


def test_a_flat_critic_gives_no_nan():
    critic = Slope(0.0, 0.0)
    WganGp().penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=generator(0, "epsilon")
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
        critic, real=torch.ones(n, 2), fake=torch.zeros(n, 2), rng=generator(0, "epsilon")
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
    WganGp().penalty(critic, real=real, fake=fake, rng=generator(0, "epsilon"))
    along = (critic.x - fake) / (real - fake)
    assert torch.allclose(along[:, 0], along[:, 1], atol=1e-4)


def test_the_penalty_reaches_the_critics_weights():
    critic = Slope(3.0, 4.0)
    WganGp(penalty_weight=1.0).penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=generator(0, "epsilon")
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
    critic = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    with torch.no_grad():
        critic[0].weight.fill_(0.5)
        critic[1].bias.fill_(-0.5)
        critic[1].weight.fill_(0.004)
    Wgan(clip_value=0.01).project(critic)
    assert torch.all(critic[0].weight == 0.01) and torch.all(critic[1].bias == -0.01)
    assert torch.all(critic[1].weight == 0.004)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_keeps_the_contract(name: str):
    objective = OBJECTIVES[name]()
    assert objective.name == name and objective.title and objective.source
    assert OBJECTIVES[name].__doc__
    scores = samples(8)
    assert objective.critic_loss(real=scores, fake=-scores).shape == ()
    assert objective.generator_loss(fake=scores).shape == ()
    # A better critic has a smaller loss, and a better-scored fake a smaller generator loss.
    good, bad = torch.full((8,), 2.0), torch.full((8,), -2.0)
    assert objective.critic_loss(real=good, fake=bad) < objective.critic_loss(real=bad, fake=good)
    assert objective.generator_loss(fake=good) < objective.generator_loss(fake=bad)
    critic = Slope(0.6, 0.8)
    penalty = objective.penalty(
        critic, real=samples(4, 2), fake=samples(4, 2), rng=generator(0, "epsilon")
    )
    assert float(penalty.detach()) == pytest.approx(0, abs=1e-6)  # nothing to pay at slope 1


def test_gradient_norm_against_the_closed_form():
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(dim=1)

    x = samples(16, 3)
    assert torch.allclose(gradient_norm(Square(), x), 2 * x.norm(dim=1), rtol=1e-5)
