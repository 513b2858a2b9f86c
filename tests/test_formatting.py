"""Numbers in sentences."""

import pytest

from wgan.format import fmt_estimate, fmt_rounded


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.003333, "0.0033"),
        (1.0, "1"),
        (158.489, "160"),
        (-33_333.0, "−33,000"),
        (2.54e7, "2.5×10⁷"),
        (1.27e-6, "1.3×10⁻⁶"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_rough_number_has_two_digits(value: float, text: str):
    assert fmt_rounded(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0 s"),
        (7.6, "8 s"),
        (12.0, "10 s"),
        (44.0, "40 s"),
        (94.0, "90 s"),
        (96.0, "2 min"),
        (201.0, "3 min"),
        (3_560.0, "59 min"),
        (3_599.0, "1 h"),
        (4_750.0, "1 h 20 min"),
        (33_000.0, "9 h"),
    ],
)
def test_an_estimate_has_no_more_digits_than_it_can(seconds: float | None, text: str):
    assert fmt_estimate(seconds) == text
