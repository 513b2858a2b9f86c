"""Numbers for readers: percentages that are never rounded to all or nothing, and equal numbers of digits."""

import math

import pytest

from wgan.format import fmt_alike, fmt_fixed, fmt_share, fmt_sig


@pytest.mark.parametrize(
    ("share", "expected_text"),
    [
        (0.0, "0 %"),
        (1e-9, "<1 %"),
        (0.005, "<1 %"),
        (0.0051, "1 %"),
        (0.686, "69 %"),
        (0.9949, "99 %"),
        (0.995, ">99 %"),
        (0.9999, ">99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_0_or_100_percent_only_if_it_is_exact(share: float, expected_text: str):
    assert fmt_share(share) == expected_text


@pytest.mark.parametrize(
    ("value", "decimals", "expected_text"),
    [
        (3.8, 2, "3.80"),
        (-0.001, 2, "0.00"),
        (-1.005, 1, "−1.0"),
        (1234.5, 0, "1,234"),
        (0.0, 3, "0.000"),
    ],
)
def test_a_fixed_number_of_decimals(value: float, decimals: int, expected_text: str):
    assert fmt_fixed(value, decimals) == expected_text


@pytest.mark.parametrize(
    ("value", "expected_text"),
    [
        (1.5, "1.50"),
        (18.0, "18.0"),
        (593.0, "593"),
        (999.9, "1,000"),
        (1234.0, "1,234"),
        (-0.593, "−0.593"),
        (0.00333333, "0.00333"),
        (3.4e-6, "3.4×10⁻⁶"),
        (0.0, "0"),
        (math.nan, "nan"),
    ],
)
def test_three_significant_digits(value: float, expected_text: str):
    assert fmt_sig(value) == expected_text


@pytest.mark.parametrize(
    ("values", "expected_texts"),
    [
        ([19.7, 18.0, 15.9], ["19.7", "18.0", "15.9"]),
        ([1200.0, 3.0], ["1,200", "3"]),
        ([0.02, -0.013], ["0.020", "−0.013"]),
        ([2.0, 2.0], ["2.0", "2.0"]),
        ([0.0], ["0.0"]),
    ],
)
def test_numbers_beside_each_other_have_as_many_decimals(
    values: list[float], expected_texts: list[str]
):
    assert fmt_alike(values) == expected_texts
