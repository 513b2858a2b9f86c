"""The texts that the pages show about objectives, networks and data sets."""

import re
from typing import Any

import pytest

from wgan.data import DATASETS
from wgan.networks import NETWORKS
from wgan.objectives import OBJECTIVES

VARIANTS = [*OBJECTIVES.values(), *NETWORKS.values(), *DATASETS.values()]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_a_summary_is_one_line(variant: Any):
    summary = variant.summary
    assert summary.endswith((".", "?")) and "\n" not in summary
    assert len(summary) <= 110, summary
    assert "$" not in summary


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_the_formulas_of_an_explanation_are_whole(variant: Any):
    text = variant.explanation
    assert text == text.strip()
    formulas = re.findall(r"\$\$.*?\$\$|\$[^$]*\$", text, re.S)
    assert "$" not in re.sub(r"\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.S)
    for formula in formulas:
        assert formula.count("{") == formula.count("}"), formula
        assert formula.count(r"\left") == formula.count(r"\right"), formula
        assert formula.isascii(), formula


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_an_explanation_shows_both_losses(objective: Any):
    assert "Critic" in objective.explanation and "Generator, minimised" in objective.explanation
