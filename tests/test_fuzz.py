"""A share of the fuzzing of tests/fuzz in every test run; `python -m tests.fuzz` does more of it."""

from pathlib import Path

import pytest

from tests.fuzz import pictures, runs

KEPT = [126, 145]
"""Cases that failed once, be it for a fault of the fuzzer."""
KEPT_PICTURES = [89, 1026, 1361, 1374, 1799]
"""Errors of LZMA, an empty name in a ZIP, and a claimed size that was sought through for minutes."""


@pytest.mark.parametrize(
    "part", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 6))]
)
def test_damaged_runs_are_refused_with_a_sentence_or_can_be_read(part: int, tmp_path: Path):
    for seed in range(25 * part, 25 * (part + 1)):
        runs.check(seed, tmp_path / "case", child=seed % 25 == 0)


@pytest.mark.parametrize("seed", KEPT)
def test_cases_that_failed_once(seed: int, tmp_path: Path):
    runs.check(seed, tmp_path / "case")


@pytest.mark.parametrize("part", range(2))
def test_damaged_pictures_are_skipped_or_refused_with_a_sentence(part: int, tmp_path: Path):
    for seed in range(60 * part, 60 * (part + 1)):
        pictures.check(seed, tmp_path / "case", child=seed % 60 == 0)


@pytest.mark.parametrize("seed", KEPT_PICTURES)
def test_pictures_that_failed_once(seed: int, tmp_path: Path):
    pictures.check(seed, tmp_path / "case")
