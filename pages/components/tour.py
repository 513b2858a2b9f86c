"""A lecture in six steps over the pages of the app, and the words one needs for it."""

from dataclasses import dataclass, field

import streamlit as st

from pages.components import latent
from pages.components.app import session
from wgan.export import EXAMPLES, bring, lacking
from wgan.runs import RunError

PICTURES = "example-mnist-wgan-gp"


@dataclass(frozen=True)
class Step:
    """One step of the lecture: what to do, what to see, and where."""

    title: str
    do: str
    see: str
    links: tuple[tuple[str, str, str], ...]  # page, words, section of it
    icon: str


def _link(page: str, words: str, section: str = "") -> tuple[str, str, str]:
    return page, words, section


STEPS = (
    Step(
        "Watch two networks play",
        "Press **Start** and wait for the first strokes. Then drag the slider under the pictures back to "
        "step 0 and forth again.",
        "The critic gap rises while the critic finds out what is wrong, then falls as the generator mends it. "
        "The loss of a plain GAN would tell you nothing of the kind.",
        (_link("train", "Train"),),
        ":material/model_training:",
    ),
    Step(
        "See why the old distance fails",
        "Slide two piles apart until they no longer overlap.",
        "Jensen–Shannon's divergence stops at log 2 and its slope at 0: a generator would not know where to "
        "go. The Wasserstein distance goes on growing with slope 1.",
        (_link("wasserstein", "Why not JS", "lab=apart"),),
        ":material/trending_flat:",
    ),
    Step(
        "Move the earth",
        "Shape two piles, carry one to the other by hand, and compare your cost with the cheapest plan's. Then "
        "bend a function under it.",
        "The cheapest plan and the steepest allowed function give the same number from two sides. The "
        "function is what a critic learns.",
        (
            _link("wasserstein", "Move the earth", "lab=earth"),
            _link("wasserstein", "The dual, by hand", "lab=dual"),
        ),
        ":material/landscape:",
    ),
    Step(
        "Make one collapse",
        "Predict which of three networks will forget modes, and let all three run from one seed. Then look "
        "at a GAN that has collapsed, in the examples.",
        "Without a distance that sees where mass is missing, a generator may fill a few modes well and "
        "leave the others.",
        (
            _link("stability", "Mode collapse", "lab=collapse"),
            _link("latent", "A collapsed GAN", "run=example-ring-gan-collapsed&section=grid"),
        ),
        ":material/balance:",
    ),
    Step(
        "Open the critic",
        "Freeze the generator and train the critic to convergence.",
        "The bound it proves climbs towards the exact distance and never passes it. How far it comes is "
        "decided by what keeps it Lipschitz: clipping, a penalty, or its layers.",
        (
            _link("critic", "To convergence", "section=alone"),
            _link("stability", "Clipping", "lab=clipping"),
        ),
        ":material/search_insights:",
    ),
    Step(
        "Walk through what it learned",
        "Play a walk, drag the plane, turn the dials; draw a digit and let the generator look for it.",
        "Neighbouring z give similar pictures: it learned a space of pictures, not a list. A straight line "
        "through the middle shows what it never trained on.",
        (
            _link("latent", "Walk", "section=walk"),
            _link("latent", "Find a picture", "section=find"),
        ),
        ":material/route:",
    ),
)


@dataclass(frozen=True)
class Term:
    """A word of the field: what it means here, and where it can be seen."""

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
        "for a real one it has a scale of its own.",
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


def page_link(page: str, words: str, section: str, icon: str | None = None) -> None:
    """Show a link to a page, and to the section of it that is meant."""
    query = dict(part.split("=") for part in section.split("&") if part)
    known = {card.run for card in session().cards()}
    if (
        page == "latent"
        and query.get("section") in latent.SECTIONS["pictures"]
        and "run" not in query
    ):
        # The run on show may be one of points, which has no such section.
        query |= {"run": PICTURES} if PICTURES in known else {}
    wanted = query.get("run")
    lost = wanted not in known if wanted else page in ("latent", "critic") and not known
    model = f"“{EXAMPLES[wanted].title}”" if wanted else "one that you trained, or an example"
    st.page_link(
        f"pages/{page}.py",
        label=words,
        icon=icon,
        query_params=query or None,
        disabled=lost,
        help=f"Needs a model that is not among your runs: {model}." if lost else None,
    )


def examples() -> None:
    """Offer the models that come with the app, where the folder of runs has them not."""
    runs_dir = session().runs_dir
    missing = lacking(runs_dir)
    known = {card.run for card in session().cards()}
    if missing:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.markdown(
                f":material/inventory_2: Steps 4, 5 and 6 look at models that come with the app; {len(missing)} of "
                f"these are not in your folder of runs, `{runs_dir}`.",
                width="stretch",
            )
            st.button(
                "Add the examples",
                icon=":material/library_add:",
                on_click=_bring,
                key="tour_examples",
                help="Copy them there; they are found on Runs then, and can be deleted there.",
            )
    elif not known & EXAMPLES.keys():
        st.markdown(
            f":material/inventory_2: Steps 4, 5 and 6 look at models that come with the app and are not here. "
            f"Train them with `python -m wgan examples --runs-dir {runs_dir}` (half an hour), or copy the folders "
            f"`checkpoints/example-*` of the app's repository to `{runs_dir}`."
        )
    if problem := st.session_state.pop("tour_problem", ""):
        st.error(problem, icon=":material/error:")


def _bring() -> None:
    try:
        bring(session().runs_dir)
    except RunError as error:
        st.session_state["tour_problem"] = str(error)
    session().look_again()


def steps() -> None:
    """Show the six steps, two rows of three."""
    if "tour" not in st.session_state:
        asked = st.query_params.get("seen", "").split(".")
        st.session_state["tour"] = {n for n in range(1, len(STEPS) + 1) if str(n) in asked}
    done = st.session_state["tour"]
    if done:
        st.query_params["seen"] = ".".join(map(str, sorted(done)))
    else:
        st.query_params.pop("seen", None)
    for row in (STEPS[:3], STEPS[3:]):
        for column, step in zip(st.columns(3, gap="medium"), row, strict=True):
            number = STEPS.index(step) + 1
            with column, st.container(border=True, height="stretch", key=f"tour-{number}"):
                mark = ":green[:material/check_circle:]" if number in done else step.icon
                st.markdown(f"##### {mark} {number}. {step.title}")
                st.markdown(step.do)
                st.caption(f"**What you see**: {step.see}")
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    for page, words, section in step.links:
                        page_link(page, words, section, ":material/arrow_forward:")
                    st.checkbox(
                        "Seen",
                        number in done,
                        key=f"tour_{number}",
                        on_change=_mark,
                        args=(number,),
                    )


def _mark(number: int) -> None:
    done = st.session_state["tour"]
    (done.add if st.session_state[f"tour_{number}"] else done.discard)(number)


def glossary() -> None:
    """Show the words, filtered by what the visitor types."""
    asked = st.text_input(
        "Look a word up",
        key="glossary",
        persist_state="session",
        placeholder="gap, Lipschitz, FID …",
    )
    found = [term for term in TERMS if _fits(term, asked or "")]
    if not found:
        st.caption(
            f"No word here has “{asked}” in it. Every :material/help: beside a number explains that number."
        )
    for left, right in zip(found[::2], [*found[1::2], None], strict=False):
        for column, term in zip(st.columns(2, gap="large"), (left, right), strict=True):
            if term is not None:
                with column:
                    _term(term)


def _fits(term: Term, asked: str) -> bool:
    return asked.strip().lower() in " ".join((term.word, term.meaning, *term.also)).lower()


def _term(term: Term) -> None:
    words, where = st.columns([0.8, 0.2], vertical_alignment="center")
    with words:
        st.markdown(f"**{term.word}**: {term.meaning}")
    with where:
        page_link(term.page, "See it", term.section)
