"""The glossary's search, also for misspelled words."""

import pytest

from pages.ui.tour.glossary import TERMS, search


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("wasserstien", "Wasserstein distance W₁"),
        ("lipshitz", "1-Lipschitz"),
        ("gradient penality", "Gradient penalty λ"),
        ("penalty gradeint", "Gradient penalty λ"),
        ("kantorovic", "Kantorovich potential, dual"),
        ("kantarovich", "Kantorovich potential, dual"),
        ("jensen shanon", "Jensen–Shannon divergence"),
        ("modecollapse", "Mode collapse"),
        ("discrimnator", "Discriminator"),
        ("Memorization", "Memorisation"),
        ("EMD", "Wasserstein distance W₁"),
    ],
)
def test_a_misspelled_word_is_found(query: str, word: str):
    terms, _ = search(query)
    assert word in [term.word for term in terms] and len(terms) <= 4


@pytest.mark.parametrize("query", ["no such word", "banana", "xyzzy", "%$", "gradient banana"])
def test_nonsense_finds_nothing(query: str):
    assert search(query) == ([], False)


@pytest.mark.parametrize("query", ["", "  "])
def test_an_empty_search_shows_all_terms(query: str):
    assert search(query) == (list(TERMS), True)


def test_the_most_similar_term_comes_first():
    terms, are_exact = search("critc gap")
    assert not are_exact and terms[0].word == "Critic gap"


@pytest.mark.parametrize("term", TERMS, ids=[term.word for term in TERMS])
def test_every_term_is_found_by_its_name(term):
    terms, are_exact = search(term.word)
    assert are_exact and term in terms
