"""The glossary: terms about Wasserstein GANs."""

import re
import unicodedata
from dataclasses import dataclass, field

import streamlit as st
from rapidfuzz import fuzz

from pages.ui.core.plain_text import plain_text
from pages.ui.tour.links import page_link

MIN_SIMILARITY = 75.0
"""Percentage from which a misspelled word counts as a word of the glossary."""


@dataclass(frozen=True)
class Term:
    """A term: its meaning here, and a page that shows it."""

    word: str
    meaning: str
    page: str
    section: str = ""
    also: tuple[str, ...] = field(default=())

    @property
    def anchor(self) -> str:
        """The name of the entry in addresses: `/tour?term=wasserstein-distance-w1` shows it first."""
        plain = unicodedata.normalize("NFKD", self.word).lower()
        return "-".join(re.findall(r"[a-z0-9]+", plain))


def _place(term: Term) -> str:
    """Return the text by which entries are sorted: their letters, in lower case."""
    return "".join(c for c in term.word.casefold() if c.isalpha() or c == " ").strip()


_ENTRIES = (
    Term(
        "Generator",
        "The network G. It turns random numbers z into a picture or a point.",
        "train",
    ),
    Term(
        "Critic",
        "The network f. It gives each picture a score, and learns to score real pictures "
        "higher than fakes. The generator learns from the slope of these scores.",
        "critic",
        also=("discriminator",),
    ),
    Term(
        "Discriminator",
        "The critic of the original GAN (2014). It outputs the probability D = σ(f) that a "
        "picture is real.",
        "wasserstein",
        "lab=opposed",
    ),
    Term(
        "z, latent space",
        "z: the random numbers that the generator starts from. Latent space: the set of all z.",
        "latent",
        "section=plane",
        also=("noise",),
    ),
    Term(
        "Step",
        "One update of the generator, after the critic updates that belong to it.",
        "train",
        also=("iteration", "epoch"),
    ),
    Term(
        "Critic updates per step",
        "n_critic: the number of critic updates for each generator update. With more updates, the critic is "
        "better, but each step takes longer.",
        "train",
        also=("n_critic", "critic updates"),
    ),
    Term(
        "Critic gap",
        "E f(real) − E f(fake): the mean score of real pictures minus the mean score of "
        "fakes. It falls as the samples improve. It is the Wasserstein distance only if the "
        "critic is optimal among all functions with slopes of at most 1; for a real critic, the scale is arbitrary.",
        "train",
    ),
    Term(
        "Critic loss",
        "E f(fake) − E f(real): minus the critic gap. It is negative while the critic can "
        "tell real from fake.",
        "train",
    ),
    Term(
        "Wasserstein distance W₁",
        "The smallest cost of turning one distribution into the other, where cost = mass × "
        "distance. It is also called earth mover's distance.",
        "wasserstein",
        "lab=earth",
        also=("EMD", "exact W₁", "W₂"),
    ),
    Term(
        "Transport plan",
        "A rule for how much mass moves from each place to each other place. The cost of the "
        "cheapest plan is W₁.",
        "wasserstein",
        "lab=earth",
        also=("optimal transport",),
    ),
    Term(
        "Kantorovich potential, dual",
        "The 1-Lipschitz function f with the largest E f(real) − E f(fake). This maximum is "
        "equal to W₁. That is why a critic can estimate W₁.",
        "wasserstein",
        "lab=dual",
        also=("Kantorovich–Rubinstein duality",),
    ),
    Term(
        "1-Lipschitz",
        "A function whose slope is at most 1 everywhere: |f(x) − f(y)| ≤ ‖x − y‖.",
        "wasserstein",
        "lab=dual",
    ),
    Term(
        "Weight clipping",
        "After each update of the critic, every weight is limited to [−c, c]. The first WGAN "
        "limits the critic's slope in this way.",
        "stability",
        "lab=clipping",
    ),
    Term(
        "Gradient penalty λ",
        "λ E(‖∇f(x̂)‖ − 1)² is added to the critic's loss, at points x̂ between real and "
        "fake. WGAN-GP limits the critic's slope in this way. WGAN-LP penalises only slopes "
        "above 1.",
        "stability",
        "lab=clipping",
        also=(
            "WGAN-GP",
            "WGAN-LP",
        ),
    ),
    Term(
        "Relativistic loss",
        "A loss that compares the score of each fake with that of a real example, instead of judging "
        "each alone. R3GAN (2024) uses it. It is not a Wasserstein distance.",
        "train",
        also=("R3GAN", "R1", "R2"),
    ),
    Term(
        "GroupSort",
        "An activation that sorts units in groups instead of setting negative values to 0. "
        "Together with orthonormal weights, the critic's slope is never above 1.",
        "stability",
        "lab=clipping",
    ),
    Term(
        "Vanishing gradient",
        "When a discriminator recognises all fakes, the slope of its output is almost 0. Then "
        "the generator cannot learn from it.",
        "stability",
        "lab=vanishing",
    ),
    Term(
        "Mode collapse",
        "The generator makes only a few kinds of samples, even if each sample is good.",
        "stability",
        "lab=collapse",
        also=("missing modes",),
    ),
    Term(
        "Jensen–Shannon divergence",
        "The quantity that the optimal discriminator of a GAN measures. It is log 2 for all "
        "distributions that do not overlap, whether they are close or far apart.",
        "wasserstein",
        "lab=apart",
        also=("JS",),
    ),
    Term(
        "Sinkhorn, ε",
        "A fast method for optimal transport that spreads the plan a little. With a smaller "
        "ε, the cost is closer to the exact one.",
        "wasserstein",
        "lab=plane",
    ),
    Term(
        "Averaged generator (EMA)",
        "A running average of the generator's weights. Its samples change less from step to "
        "step, so pictures and metrics use it.",
        "train",
        also=("exponential moving average",),
    ),
    Term(
        "FID",
        "Fréchet distance between the features of real pictures and of samples. 0 means "
        "equal. Compare it only with values of the same feature network, the same data and "
        "the same number of samples.",
        "train",
        also=("Fréchet inception distance",),
    ),
    Term(
        "KID",
        "Kernel distance: like FID, it compares features of samples and real pictures, but without assuming that they are "
        "Gaussian. It has no bias for small numbers of samples.",
        "train",
        also=("kernel inception distance",),
    ),
    Term(
        "Entropy",
        "How spread out a distribution is. A transport plan with high entropy moves earth from each place to many "
        "places. The Sinkhorn distance rewards it, which makes the plan blurred but fast to compute.",
        "wasserstein",
        "lab=plane",
        also=("entropic regularisation", "Sinkhorn"),
    ),
    Term(
        "Nat",
        "The unit of entropy and of KL divergence with natural logarithms. log 2 = 0.69 nats is one bit.",
        "wasserstein",
        "lab=apart",
        also=("nats", "bit"),
    ),
    Term(
        "E, expectation",
        "The mean over all examples of a kind. E f(real) is the mean score of real examples; on screen it is the mean over "
        "those of a batch.",
        "critic",
        also=("expectation", "mean", "expected value"),
    ),
    Term(
        "ReLU",
        "The activation that sets negative values to 0. Leaky ReLU makes them small instead.",
        "critic",
        "section=networks",
        also=("activation", "leaky ReLU"),
    ),
    Term(
        "Hyperparameter",
        "A setting that is chosen before the training, such as a learning rate or λ, in contrast to the weights, which are "
        "learned. Some of them can also be changed while a run trains.",
        "train",
        also=("setting",),
    ),
    Term(
        "Floor",
        "The value of a metric for real examples instead of samples. A generator cannot be "
        "expected to reach a clearly better value. By chance it can be slightly better: the value of real examples depends on "
        "which of them are drawn, too.",
        "train",
        also=("baseline",),
    ),
    Term(
        "Precision, recall, density, coverage",
        "Precision and density show how many samples look real. Recall and coverage show how "
        "much of the variety of the real pictures the samples reach.",
        "train",
    ),
    Term(
        "Memorisation",
        "The generator copies training pictures. A sample counts as a copy if it is at least "
        "twice as close to one training picture as to any other.",
        "train",
        also=("overfitting", "memorised"),
    ),
    Term(
        "Augmentation",
        "Random changes of the pictures that the critic sees, real and fake alike. With few pictures, the critic "
        "then overfits less. The generator does not learn the changes if some pictures stay as they are.",
        "train",
        also=("data augmentation", "ADA", "DiffAugment"),
    ),
    Term(
        "Slerp, lerp",
        "Two kinds of interpolation between two z. Slerp (spherical) keeps the length of z. "
        "Lerp (linear) is a straight line, on which z is shorter in the middle.",
        "latent",
        "section=walk",
        also=("interpolation",),
    ),
    Term(
        "GANSpace, SeFa",
        "Two methods that find the directions of z which change the picture most. They need "
        "no labels.",
        "latent",
        "section=directions",
    ),
    Term(
        "Truncation",
        "Scaling z towards 0. The samples become more typical and less varied.",
        "latent",
        "section=walk",
    ),
    Term(
        "Inversion",
        "The search for the z whose picture is closest to a given picture.",
        "latent",
        "section=find",
    ),
    Term(
        "Checkpoint, fork",
        "A checkpoint stores all weights of a step. A fork is a new run that continues from a "
        "checkpoint with other settings.",
        "runs",
    ),
    Term(
        "Class KL",
        "KL divergence of the classes of the samples from those of the training pictures, "
        "according to a classifier. 0: equal shares. It is large if classes are missing.",
        "train",
        also=("class frequencies",),
    ),
    Term(
        "Confidence",
        "The mean probability of each sample's most likely class, according to a classifier. It is low if samples "
        "look like no class. A high value alone says little: a classifier can be certain about a black picture.",
        "train",
    ),
    Term(
        "Evaluate",
        "The button on the Train page that measures a run with all metrics. While a run trains, only some metrics "
        "are measured, on fewer samples.",
        "train",
        also=("evaluation",),
    ),
    Term(
        "Diagnosis",
        "The checks on the Train page that look for known problems in the measurements of a run, such as mode "
        "collapse or a penalty that is too weak, and propose a change.",
        "train",
        also=("health", "checks"),
    ),
    Term(
        "Learning rate, schedule",
        "The size of the steps with which an optimiser changes the weights. A schedule changes it during the training: "
        "it can rise at first (warm-up), and decrease to 0 at the end (decay).",
        "train",
        also=("warmup", "decay", "optimiser", "Adam"),
    ),
    Term(
        "Batch",
        "The examples of one update. With a larger batch, an update takes longer and its gradient is less noisy.",
        "train",
        also=("batch size",),
    ),
    Term(
        "Batch normalisation",
        "A layer that gives the activations of each batch mean 0 and standard deviation 1, and then scales and shifts them by "
        "learned numbers. Generators have it. Critics have none (except in the presets of the tutorial), because a penalty on the slope at each example "
        "needs scores that do not depend on the other examples.",
        "train",
        also=("batch norm", "batchnorm"),
    ),
    Term(
        "Class-conditional",
        "Said of networks that know the class of each picture: the generator makes a sample of a chosen class, and the critic "
        "scores how well a picture fits its class.",
        "train",
        also=("labels", "projection critic"),
    ),
    Term(
        "Preview",
        "The samples of a fixed set of z that are stored during the training. The timeline on the Train page shows them.",
        "train",
        also=("timeline",),
    ),
    Term(
        "Pixel Fréchet distance",
        "The Fréchet distance between the pixels of real pictures and of samples. It needs no network, but small shifts change it.",
        "train",
    ),
    Term(
        "Stacked MNIST: modes and KL",
        "Three digits in the colours of one picture give 1,000 combinations. *Stacked modes* counts those that samples show; "
        "*stacked KL* is the divergence of their frequencies from those of the data.",
        "datasets",
        also=("stacked modes", "stacked KL"),
    ),
    Term(
        "Duplicates",
        "The share of samples that nearly repeat another sample. It is high after a mode collapse.",
        "train",
        also=("repeated samples",),
    ),
    Term(
        "Modes",
        "The Gaussians of a data set of points, or the kinds of pictures. The metric *Modes* "
        "counts those Gaussians that have a sample within 3σ of their mean.",
        "stability",
        "lab=collapse",
        also=("Gaussians",),
    ),
    Term(
        "High quality",
        "The share of samples within 3σ of the mean of a mode. For real points it is 98.9 %.",
        "stability",
        "lab=collapse",
        also=("good samples",),
    ),
    Term(
        "Sliced W₁",
        "The mean of the W₁ between two sets of points after projection onto random lines. It is "
        "faster to compute than W₁, and smaller.",
        "train",
    ),
    Term(
        "Lower bound of W₁",
        "The critic gap divided by the steepest slope between a real example and a fake. "
        "W₁ is at least this large; the bound equals W₁ only for an optimal critic.",
        "critic",
        "section=alone",
        also=("proved",),
    ),
    Term(
        "Minimax and non-saturating loss",
        "Two losses of a GAN's generator: log(1 − D) and −log D, where D is the discriminator's output "
        "at a fake. The minimax loss has almost no slope where the discriminator is sure.",
        "wasserstein",
        "lab=opposed",
        also=("saturation",),
    ),
    Term(
        "TV, total variation",
        "The largest difference in probability that two distributions give to one set. It is 1 if "
        "they do not overlap, whether they are close or far apart.",
        "wasserstein",
        "lab=apart",
    ),
    Term(
        "KL divergence",
        "Kullback–Leibler divergence: the mean of log p − log q under p. It is infinite where q is 0 "
        "and p is not, and it is not symmetric.",
        "wasserstein",
        "lab=apart",
        also=("Kullback–Leibler",),
    ),
    Term(
        "Held-out",
        "Real examples that are not used for training. If the critic scores them clearly lower than "
        "training examples, it has memorised the training examples.",
        "critic",
        "section=scores",
        also=("test set", "validation"),
    ),
    Term(
        "Race",
        "Several runs from one seed, with the same data in the same order, which train together in "
        "equal shares of the time.",
        "compare",
    ),
    Term(
        "Preset",
        "A named set of settings, with its source and the result to expect.",
        "presets",
        also=("template",),
    ),
    Term(
        "Saliency",
        "How strongly the critic's score depends on each pixel: the size of the score's gradient there.",
        "critic",
        "section=inside&run=example-mnist-wgan-gp",
    ),
)

TERMS = tuple(sorted(_ENTRIES, key=_place))
"""All entries, in alphabetical order."""


def term_of_address() -> Term | None:
    """Return the entry that the address asks for; None without one."""
    anchor = st.query_params.get("term", "")
    return next((term for term in TERMS if term.anchor == anchor), None)


def glossary() -> None:
    """Show the entry that the address asks for, and the terms that match what the visitor types."""
    if (first_term := term_of_address()) is not None:
        with st.container(border=True, key="glossary_term"):
            _term(first_term)
    query = st.text_input(
        "Search the glossary",
        key="glossary",
        persist_state="session",
        placeholder="gap, Lipschitz, FID …",
    )
    terms, are_exact = search(query or "")
    if not terms:
        st.caption(
            f"No entry matches “{plain_text(query)}”. On every page, the :material/help: icon beside a value "
            "explains it."
        )
    elif not are_exact:
        st.caption(f"No entry contains “{plain_text(query)}”. These are similar:")
    for left, right in zip(terms[::2], [*terms[1::2], None], strict=False):
        for column, term in zip(st.columns(2, gap="large"), (left, right), strict=True):
            if term is not None:
                with column:
                    _term(term)


def search(query: str) -> tuple[list[Term], bool]:
    """Return the terms that contain a text; without any, those whose name is spelled similarly.

    Args:
        query: What the visitor typed. Empty: all terms.

    Returns:
        The terms, the most similar first, and whether they contain the text.
    """
    text = query.strip().lower()
    exact = [
        term for term in TERMS if text in " ".join((term.word, term.meaning, *term.also)).lower()
    ]
    if exact:
        return sorted(exact, key=lambda term: _rank(text, term)), True
    similarity = {term: _similarity(text, term) for term in TERMS}
    similar = [term for term in TERMS if similarity[term] >= MIN_SIMILARITY]
    return sorted(similar, key=lambda term: -similarity[term]), False


def _rank(text: str, term: Term) -> int:
    """Return the rank of a term that contains a text: its word first, then other names, parts of names, and meanings."""
    names = [name.lower() for name in (term.word, *term.also)]
    if text in names:
        return 0 if text == names[0] else 1
    return 2 if any(text in name for name in names) else 3


def _similarity(text: str, term: Term) -> float:
    """Return how similar a text is to a term's names, from 0 to 100.

    Each word of the text is compared with the most similar word of the names, and the least similar
    word counts: all words have to occur in the names, in any order.
    """
    names = [name.lower() for name in (term.word, *term.also)]
    name_words = [word for name in names for word in re.findall(r"\w+", name)]
    text_words = re.findall(r"\w+", text)
    if not text_words:
        return 0.0
    by_word = min(max(fuzz.ratio(word, other) for other in name_words) for word in text_words)
    return max(by_word, *(fuzz.ratio(text, name) for name in names))


def _term(term: Term) -> None:
    left, right = st.columns([0.8, 0.2], vertical_alignment="center")
    with left:
        st.markdown(f"**{term.word}**: {term.meaning}")
    with right:
        page_link(term.page, "Show", term.section)
