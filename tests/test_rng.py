import itertools
from typing import Any

import pytest
import torch

from wgan.rng import keyed_rng


def draws(*key: Any) -> list[float]:
    return torch.randn(4, generator=keyed_rng(*key)).tolist()


def test_the_same_key_gives_the_same_numbers():
    assert draws(3, "z", 7, 1) == draws(3, "z", 7, 1)


@pytest.mark.parametrize(
    "other", [(4, "z", 7, 1), (3, "data", 7, 1), (3, "z", 8, 1), (3, "z", 7, 2)]
)
def test_every_part_of_the_key_matters(other: tuple[int, str, int, int]):
    assert draws(3, "z", 7, 1) != draws(*other)


def test_neighbouring_keys_are_unrelated():
    numbers = torch.stack([torch.randn(256, generator=keyed_rng(0, "z", i)) for i in range(20)])
    correlation = torch.corrcoef(numbers) - torch.eye(20)
    assert correlation.abs().max() < 0.35  # 5.6 standard deviations of 1/√256


def test_parts_of_the_key_do_not_run_together():
    distinct_draws = {
        tuple(draws(a, "z", b, c)) for a, b, c in itertools.product((1, 11), (1, 11), (1, 11))
    }
    assert len(distinct_draws) == 8


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    draws(1, "z")
    assert torch.equal(before, torch.random.get_rng_state())
