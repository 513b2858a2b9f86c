"""The glossary: terms about Wasserstein GANs."""

from dataclasses import dataclass, field

import streamlit as st

from pages.ui.tour.links import page_link


@dataclass(frozen=True)
class Term:
    """A term: its meaning here, and a page that shows it."""

    word: str
    meaning: str
    page: str
    section: str = ""
    also: tuple[str, ...] = field(default=())


TERMS = (
    Term("Generator", "The network G that turns a random z into a picture or a point.", "train"),
    Term(
        "Critic",
        "The network f that gives each picture a score: high for real ones. Its mean score of real minus that of "
        "fakes is what it maximises, and its slope is all that the generator learns from.",
        "critic",
        also=("discriminator",),
    ),
    Term(
        "Discriminator",
        "A critic that must say a probability D = σ(f), as in the GAN of 2014.",
        "wasserstein",
        "lab=opposed",
    ),
    Term(
        "z, latent space",
        "The random numbers a generator starts from, and the space of them.",
        "latent",
        "section=plane",
    ),
    Term("Step", "One generator update, with its critic updates before it.", "train"),
    Term(
        "n_critic",
        "Critic updates for each generator update. More make the critic better, and each step slower.",
        "train",
    ),
    Term(
        "Critic gap",
        "E f(real) − E f(fake). Falls as samples improve; for a perfect 1-Lipschitz critic it is the Wasserstein distance, "
        "for a real critic its scale is arbitrary.",
        "train",
    ),
    Term(
        "Critic loss",
        "E f(fake) − E f(real): minus the gap, so negative while the critic can tell both apart.",
        "train",
    ),
    Term(
        "Wasserstein distance W₁",
        "The least work, mass times way, that turns one distribution into the other. Also: earth mover's distance.",
        "wasserstein",
        "lab=earth",
        also=("EMD",),
    ),
    Term(
        "Transport plan",
        "Which mass goes where. The cheapest plan's cost is W₁.",
        "wasserstein",
        "lab=earth",
    ),
    Term(
        "Kantorovich potential, dual",
        "The 1-Lipschitz function with the largest E f(real) − E f(fake). That maximum is W₁ again: this is what makes a "
        "critic possible.",
        "wasserstein",
        "lab=dual",
    ),
    Term(
        "1-Lipschitz", "Nowhere steeper than 1: |f(x) − f(y)| ≤ ‖x − y‖.", "wasserstein", "lab=dual"
    ),
    Term(
        "Weight clipping",
        "Every weight is cut to [−c, c] after each update: the first WGAN's way to bound the slope.",
        "stability",
        "lab=clipping",
    ),
    Term(
        "Gradient penalty λ",
        "λ E(‖∇f(x̂)‖ − 1)² at points x̂ between real and fake: WGAN-GP's way. WGAN-LP punishes only slopes above 1.",
        "stability",
        "lab=clipping",
    ),
    Term(
        "GroupSort",
        "A layer that sorts its units in groups instead of cutting them off: with orthonormal weights it keeps slope 1 exactly.",
        "stability",
        "lab=clipping",
    ),
    Term(
        "Vanishing gradient",
        "A discriminator that is sure has slope 0, and the generator learns nothing from it.",
        "stability",
        "lab=vanishing",
    ),
    Term(
        "Mode collapse",
        "The generator makes a few kinds of samples only, however good each is.",
        "stability",
        "lab=collapse",
    ),
    Term(
        "Jensen–Shannon divergence",
        "What a GAN's optimal discriminator measures. log 2 for all distributions that do not overlap, near or far.",
        "wasserstein",
        "lab=apart",
    ),
    Term(
        "Sinkhorn, ε",
        "Optimal transport with a blurred plan: quick to compute; the smaller ε, the nearer to the exact cost.",
        "wasserstein",
        "lab=plane",
    ),
    Term(
        "Averaged generator (EMA)",
        "A running mean of the generator's weights. Its samples are steadier, so pictures and metrics show it.",
        "train",
    ),
    Term(
        "FID",
        "Distance of two Gaussians fitted to features of real and made pictures. Comparable only for the same network, reference and number.",
        "train",
    ),
    Term(
        "KID",
        "A kernel's distance of the same features, without bias from small numbers of samples.",
        "train",
    ),
    Term(
        "Floor",
        "What real examples score in place of samples: no generator can be expected to do better.",
        "train",
    ),
    Term(
        "Precision, recall, density, coverage",
        "How many samples look real, and how much of the real ones is covered.",
        "train",
    ),
    Term(
        "Memorisation",
        "Samples that repeat training pictures: twice as near to one of them as to any other.",
        "train",
    ),
    Term(
        "Slerp, lerp",
        "Ways between two z: along the arc, which keeps the length, or straight, which cuts through the middle.",
        "latent",
        "section=walk",
    ),
    Term(
        "GANSpace, SeFa",
        "Two ways to find directions of z that change pictures most, without labels.",
        "latent",
        "section=directions",
    ),
    Term(
        "Truncation",
        "Scaling z towards the middle: more typical, less varied.",
        "latent",
        "section=walk",
    ),
    Term("Inversion", "Searching the z that makes a given picture.", "latent", "section=find"),
    Term(
        "Checkpoint, fork",
        "All weights of a step, and a run that goes on differently from there.",
        "runs",
    ),
)


def glossary() -> None:
    """Show the terms that match what the visitor types."""
    query = st.text_input(
        "Look a word up",
        key="glossary",
        persist_state="session",
        placeholder="gap, Lipschitz, FID …",
    )
    terms = [term for term in TERMS if _fits(term, query or "")]
    if not terms:
        st.caption(
            f"No word here has “{query}” in it. Every :material/help: beside a number explains that number."
        )
    for left, right in zip(terms[::2], [*terms[1::2], None], strict=False):
        for column, term in zip(st.columns(2, gap="large"), (left, right), strict=True):
            if term is not None:
                with column:
                    _term(term)


def _fits(term: Term, query: str) -> bool:
    return query.strip().lower() in " ".join((term.word, term.meaning, *term.also)).lower()


def _term(term: Term) -> None:
    left, right = st.columns([0.8, 0.2], vertical_alignment="center")
    with left:
        st.markdown(f"**{term.word}**: {term.meaning}")
    with right:
        page_link(term.page, "See it", term.section)
