"""The glossary's search, also for misspelled words."""

import re

import pytest

from pages.ui.tour.glossary import TERMS, search
from tests.conftest import ROOT
from wgan.metrics import METRICS


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


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("discriminator", "Discriminator"),
        ("critic", "Critic"),
        ("Lipschitz", "1-Lipschitz"),
        ("batch norm", "Batch normalisation"),
        ("batch", "Batch"),
    ],
)
def test_a_term_comes_before_those_that_only_mention_it(query: str, word: str):
    assert search(query)[0][0].word == word


WORDS_ON_PAGES = ("Evaluate", "diagnosis", "schedule", "batch", "class-conditional", "preview")


@pytest.mark.parametrize("query", [*(metric.title for metric in METRICS.values()), *WORDS_ON_PAGES])
def test_every_metric_and_the_main_words_of_the_pages_are_found(query: str):
    terms, _ = search(query)
    assert any(query.lower() in name.lower() for term in terms for name in (term.word, *term.also))


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


def test_the_entries_are_in_alphabetical_order_and_have_an_address_each():
    words = [term.word.casefold().lstrip("1-") for term in TERMS]
    assert words == sorted(words)
    anchors = [term.anchor for term in TERMS]
    assert len(set(anchors)) == len(anchors)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", anchor) for anchor in anchors)


@pytest.mark.parametrize(
    "word",
    [
        *("Class KL", "Duplicates", "Modes", "High quality", "Sliced W₁", "Proved", "Lower bound"),
        *("minimax", "non-saturating", "TV", "KL", "held-out", "race", "preset", "saliency"),
        *("floor", "n_critic", "critic gap"),
    ],
)
def test_words_on_screen_are_in_the_glossary(word: str):
    names = [name.lower() for term in TERMS for name in (term.word, *term.also)]
    assert any(word.lower() in name for name in names)


def test_links_of_pages_lead_to_entries():
    texts = [path.read_text() for path in (ROOT / "pages" / "ui").rglob("*.py")]
    anchors = [a for text in texts for a in re.findall(r'glossary_link\(\s*"([^"]+)"', text)]
    assert anchors and set(anchors) <= {term.anchor for term in TERMS}
