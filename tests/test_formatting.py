"""Numbers in sentences."""

import pytest

from wgan.format import fmt_rounded


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
