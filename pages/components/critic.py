"""What the Critic page is made of: the choice of a critic, its sections, scores, slopes and layers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from pages.components import critic_alone, critic_inside, landscape
from pages.components.app import badge, measured, session
from pages.components.chart import chart
from pages.components.numbers import Number, numbers
from pages.components.source import choose_source, models_of
from pages.components.stage import strip
from wgan import critic, figures
from wgan.data import Dataset
from wgan.jobs import View
from wgan.latent import Models
from wgan.pictures import encode, tile
from wgan.runs import RunError

SECTIONS = {
    "pictures": {
        "scores": ":material/leaderboard: Scores",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/image_search: One picture",
        "alone": ":material/vertical_align_top: To convergence",
    },
    "points": {
        "scores": ":material/landscape: Surface",
        "slopes": ":material/trending_up: Slopes",
        "layers": ":material/layers: Layers",
        "inside": ":material/grid_view: Units",
        "alone": ":material/vertical_align_top: To convergence",
    },
}

EXAMPLES = {"pictures": 96, "points": 256}
"""Real examples, held-out ones and fakes that are looked at: as many as a look of 0.1 s allows."""

SLOPES = {"pictures": 64, "points": 256}
GRADIENTS = {"pictures": 32, "points": 256}
"""Of those, the ones whose slopes and gradients are looked at, which cost more."""

ROWS, COLUMNS = 6, 8

EVERY = 2.5  # seconds between two looks at a run that trains
LIVE = ("scores", "slopes", "layers")

SCORES_HELP = """How the critic's scores are spread. A score has no unit and no zero: only differences
count. **Real** far right of **fake**: the critic tells them apart. **Held-out** left of **real**: it has
learned its training examples by heart. All on each other: it cannot tell, as with a perfect
generator, or it is a bad critic."""

RANK_HELP = """The same samples at every step, from most to least convincing: the number in the corner is
the score. What comes last is what the generator is told to change first. A critic that ranks bad samples
high has been fooled."""

GAP_HELP = """Mean score of real examples − mean score of fakes, of {n} each. In units of the critic's own:
it says nothing about distance before it is divided by the critic's slope."""

HELD_OUT_HELP = """The same with real examples that training never saw. Clearly smaller than the gap: the
critic knows its training examples by heart."""

APART_HELP = """Share of pairs of a real example and a fake in which the real one scores higher: 50 % is
guessing, 100 % tells all apart (the area under the ROC curve)."""

EXACT_HELP = """The exact Wasserstein distance W₁ of these {n} real points and {n} fakes, by optimal transport:
how far the points must move at the least, on average. Real points against other real ones are
{floor} apart: lower than that is luck."""

PROVED_HELP = """The gap divided by the steepest slope between any real point and any fake. By Kantorovich's
duality no distance is smaller than that: the critic proves it. A perfect critic proves all of W₁."""

STEEPEST_HELP = """The largest slope ‖∇f‖ found over the window and at the samples: the critic's Lipschitz
constant K. The gap estimates K·W₁, never W₁ itself."""

SLOPES_HELP = """The length of the critic's gradient, ‖∇f‖, at each example. Theory asks for at most 1
everywhere (the dashed line: then the gap is a lower bound of W₁), and an optimal critic has exactly 1
between real and fake. **Between**: at x̂ = ε real + (1 − ε) fake, where WGAN-GP holds it."""

ABOVE_HELP = """Share of {n} examples where the slope is above 1, the Lipschitz bound; and their mean slope, in
score a unit of distance. A unit is one of the plane, or of pictures as vectors of pixels in [−1, 1]."""

SLOPE_MAP_HELP = """‖∇f‖ over the plane. A generator's sample is pushed as strongly as the critic is steep where it
lies: dark flat land gives it no direction."""

DEPTH_HELP = """On {n} real and {n} made examples: how strong the critic loss' gradient is at each layer. Flat: every layer learns. Falling
towards the input by powers of ten: it vanishes on its way back; rising: it explodes. With clipped weights
it does either, depending on c; with a gradient penalty it stays flat (Gulrajani et al. 2017, figure 1b).

**At the output**: ‖∂ critic loss / ∂ output‖, without the penalty. **Of the weights**: what the optimiser
gets, with the penalty."""

WEIGHTS_HELP = """How each layer's weights are spread. Dashed: ±c, where they are clipped. Clipping drives
weights to both bounds, and a critic of ±c alone is a very simple function; under a gradient penalty
they stay bell-shaped (Gulrajani et al. 2017, figure 1b)."""

CLIP_HELP = """Share of the clipped weights, biases included, that stand at +c or −c."""


@dataclass(frozen=True)
class Choice:
    """What the sidebar says: which weights, and how the critic is to be trained on."""

    run: str
    step: int | None  # None: the newest
    order: critic_alone.Order


@dataclass(frozen=True)
class Opened:
    """A critic and what it is shown: `sides` is None where the data are not on this machine."""

    run: str
    key: str  # the same for the same weights
    models: Models
    sides: critic.Sides | None
    extent: float  # half the side of the points' window; 0 for pictures

    def found(self, what: str, find: Callable[[], Any]) -> Any:
        """Return what was found of these weights before, or find it."""
        return _found(self.key, what, find)


@st.cache_resource(show_spinner=False, max_entries=60)
def _found(key: str, what: str, _find: Callable[[], Any]) -> Any:
    return _find()


# ---- around the sections ------------------------------------------------------------------------


def sidebar(view: View) -> Choice:
    """Draw the sidebar and return what it says."""
    with st.sidebar:
        step = choose_source(view, prefix="critic", every="2.5 seconds")
        st.divider()
        st.markdown("**Critic to convergence**", help=critic_alone.WHAT_HELP)
        return Choice(view.run, step, critic_alone.settings(view))


def header(view: View, choice: Choice) -> None:
    """Show whose critic it is and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### Critic of {view.name or view.config.title}", width="content")
        badge(view)
        critic_alone.button(view, choice.step, choice.order)
    if problem := st.session_state.get("critic_problem"):
        st.error(problem, icon=":material/error:")


def sections(view: View) -> str:
    """Let the visitor choose a section; return which."""
    names = SECTIONS[view.config.dataset.kind]
    st.session_state.setdefault("critic_section", "scores")
    return str(
        st.segmented_control(
            "Section", list(names), format_func=names.__getitem__, required=True,
            key="critic_section", label_visibility="collapsed",
        )
    )  # fmt: skip


def refresh(view: View, choice: Choice, section: str) -> float | None:
    """Return after how many seconds a section is drawn anew; None: not by itself."""
    if section == "alone":
        return critic_alone.refresh(view.run)
    watching = choice.step is None and view.status == "running"
    return EVERY if watching and section in LIVE else None


def show(view: View, choice: Choice, section: str) -> None:
    """Show a section. The body of the page's fragment."""
    try:
        now = session().view(choice.run)
    except RunError as error:
        st.error(str(error), icon=":material/error:")
        return
    if now.status != view.status:
        st.rerun()  # what surrounds the section says how the run stands, and how often to look
    if section == "alone":
        critic_alone.show(now)
        return
    live = section in LIVE and choice.step is None and now.status == "running"
    begun = time.monotonic()
    models = _kept(now.run, begun) if live else None
    models = models or models_of(now, choice.step)
    if models is None:
        return
    _section(_open(models, choice.run), section)
    if live:
        # Where a look takes long, it is taken less often: a twentieth of the time at most.
        pause = 20 * (time.monotonic() - begun)
        kept = st.session_state.get("critic_look")
        if kept is None or kept[1] is not models:
            st.session_state["critic_look"] = (now.run, models, begun + pause)


def _kept(run: str, at: float) -> Models | None:
    """Return the weights of the last look, where it is too early for another."""
    kept = st.session_state.get("critic_look")
    if kept is None or kept[0] != run or at > kept[2]:
        return None
    models: Models = kept[1]
    return models


def _section(opened: Opened, section: str) -> None:
    models = opened.models
    st.caption(_whose(models, opened))
    if opened.sides is None and section in ("scores", "slopes"):
        _absent(models.config.dataset)
        return
    pictures = models.config.dataset.kind == "pictures"
    if section == "scores":
        (_ranking if pictures else _surface)(opened)
    elif section == "slopes":
        _slopes(opened)
    elif section == "layers":
        _layers(opened)
    elif pictures:
        critic_inside.picture(opened.key, models, opened.sides)
    else:
        critic_inside.units(opened.key, models, opened.extent)


def _open(models: Models, run: str) -> Opened:
    config = models.config
    key = f"{run}-{models.step}-{hash(config.model_dump_json())}"
    found = examples(config.dataset, EXAMPLES[config.dataset.kind])
    if found is None:
        return Opened(run, key, models, None, 3.0)
    shown, extent = found
    return Opened(run, key, models, _sides(key, models, shown), extent)


@st.cache_resource(show_spinner=False, max_entries=3)  # some megabytes each
def _sides(key: str, _models: Models, _examples: critic.Examples) -> critic.Sides:
    return critic.beside(_models, _examples)


def examples(dataset: Dataset, n: int) -> tuple[critic.Examples, float] | None:
    """Return real and held-out examples and half the window's side; None where they are not here."""
    return _examples(dataset.model_dump_json(), n, dataset.present(session().root), dataset)


@st.cache_resource(show_spinner="Loading the data …", max_entries=8)
def _examples(
    key: str, n: int, present: bool, _dataset: Dataset
) -> tuple[critic.Examples, float] | None:
    return session().critic_examples(_dataset, n) if present else None


def _whose(models: Models, opened: Opened) -> str:
    words = f"Step {models.step:,}, beside the averaged generator"
    if opened.sides is not None:
        n = len(opened.sides.real)
        words += f" · {n} real, {n} held-out and {n} made examples, the same at every step"
    return words


def _absent(dataset: Dataset) -> None:
    st.info(
        f"{dataset.title} is not on this machine, so there are no real examples to show to the critic. "
        "Its layers and the generator's own samples can be looked at all the same.",
        icon=":material/download:",
    )
    st.page_link("pages/datasets.py", label="Fetch it on the Datasets page",
                 icon=":material/photo_library:")  # fmt: skip


# ---- scores -------------------------------------------------------------------------------------


def _scores(opened: Opened) -> critic.Scores:
    sides = opened.sides
    assert sides is not None
    found: critic.Scores = opened.found("scores", lambda: critic.scored(opened.models, sides))
    return found


def _score_cards(opened: Opened) -> list[Number]:
    found = _scores(opened)
    n = len(found.real)
    return [
        Number("Gap", measured(found.gap), "score", help=GAP_HELP.format(n=n)),
        Number("Held-out gap", measured(found.gap_held_out), "score", help=HELD_OUT_HELP),
        Number("Told apart", f"{100 * found.told_apart:.0f}", "%", help=APART_HELP),
    ]


def _score_chart(opened: Opened, height: int) -> None:
    found = _scores(opened)
    chart(
        figures.spread(
            [
                ("Real", found.real, "@real"),
                ("Held-out", found.held_out, "@mark"),
                ("Fake", found.fake, "@fake"),
            ],
            x_title="critic's score",
        ),
        key="critic_scores", run=opened.run, height=height,
        title="Scores", help=SCORES_HELP, alt="Histograms of the critic's scores",
    )  # fmt: skip


def _ranking(opened: Opened) -> None:
    sides, found = opened.sides, _scores(opened)
    assert sides is not None
    numbers(_score_cards(opened), key="critic_numbers")
    wall, right = st.columns([0.52, 0.48], gap="medium")
    with wall:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**Most to least convincing**", help=RANK_HELP, width="content")
            which = st.segmented_control(
                "Ranked", ["Generated", "Real"], default="Generated", required=True,
                key="critic_ranked", label_visibility="collapsed", width="content",
            )  # fmt: skip
        shown, score = (
            (sides.fake, found.fake) if which == "Generated" else (sides.real, found.real)
        )
        ranked = critic.ranked(shown, score, most=ROWS * COLUMNS)
        strip(
            encode(tile(critic.pictures_of(ranked.examples), COLUMNS)), key="critic_ranking",
            rows=ROWS, columns=COLUMNS, max_height=370, notes=[measured(s) for s in ranked.scores],
            caption=f"{which}: score {measured(ranked.scores[0])} at the top left, "
            f"{measured(ranked.scores[-1])} at the bottom right",
            alt=f"{which} pictures from most to least convincing",
        )  # fmt: skip
    with right:
        _score_chart(opened, 300)
        st.caption(_said_of_scores(found))


def _said_of_scores(found: critic.Scores) -> str:
    """Return what the scores say, in a sentence or two."""
    apart = found.told_apart
    if apart > 0.97:
        words = (
            "This critic tells nearly every fake from a real picture: the generator has far to go."
        )
    elif apart > 0.65:
        words = (
            "This critic tells many fakes from real ones: there is something left to learn from it."
        )
    elif apart > 0.4:
        words = "Real and fake score alike: the generator keeps up with its critic, or the critic is weak."
    else:
        words = (
            "Fakes score above real ones: the critic lags behind, and its advice is misleading now."
        )
    lost, spread = found.gap - found.gap_held_out, float(found.real.std()) or 1.0
    if lost > 0.5 * spread:
        words += (
            " Pictures it never saw score clearly lower: it knows its training pictures by heart."
        )
    return words


# ---- points: the surface beside the optimal one ---------------------------------------------------


def _surface(opened: Opened) -> None:
    sides, models = opened.sides, opened.models
    assert sides is not None
    found: critic.Surfaces = opened.found(
        "surfaces", lambda: critic.surfaces(models, sides, opened.extent)
    )
    floor = _floor(models.config.dataset.model_dump_json(), sides)
    n = len(found.real)
    gap, *others = _score_cards(opened)
    numbers(
        [
            Number("Exact W₁", measured(found.exact), "units",
                   help=EXACT_HELP.format(n=n, floor=measured(floor))),
            Number("Proved", measured(max(0.0, found.proved)), landscape.share(found),
                   help=PROVED_HELP),
            Number("Steepest slope", measured(found.steepest), "a unit", help=STEEPEST_HELP),
            gap,
        ],
        key="critic_distances",
    )  # fmt: skip
    landscape.surfaces(found, key="critic", run=opened.run)
    spread, words = st.columns([0.6, 0.4], gap="medium")
    with spread:
        _score_chart(opened, 200)
    with words:
        numbers(others, key="critic_numbers")
        st.caption(
            "The generator learns from the critic’s slopes only. Where left and middle agree, it is "
            "told the way that optimal transport would take. “Train the critic to convergence” shows "
            "how far this critic can come."
        )


@st.cache_data(show_spinner=False, max_entries=8)
def _floor(key: str, _sides: critic.Sides) -> float:
    return critic.floor(_sides)


# ---- slopes ---------------------------------------------------------------------------------------


def _slopes(opened: Opened) -> None:
    sides, models = opened.sides, opened.models
    assert sides is not None
    few = critic.few(sides, SLOPES[models.config.dataset.kind])
    found: critic.Slopes = opened.found("slopes", lambda: critic.steepness(models, few))
    sorts = (
        ("real", found.real, "@real"),
        ("fake", found.fake, "@fake"),
        ("between", found.between, "@critic"),
    )
    cards = [
        Number(f"Above 1, {name}", f"{100 * np.mean(values > 1):.0f}",
               f"% · mean slope {measured(float(values.mean()))}", help=ABOVE_HELP.format(n=len(values)))
        for name, values, _ in sorts
    ]  # fmt: skip
    numbers(cards, key="critic_steepness")
    points = models.config.dataset.kind == "points"
    left, right = st.columns([0.56, 0.44] if points else [0.7, 0.3], gap="medium")
    with left:
        chart(
            figures.spread([(name.capitalize(), *rest) for name, *rest in sorts],
                           x_title="slope ‖∇f‖, in score a unit of distance",
                           line=(1.0, "Lipschitz bound 1"), span=(0.0, 1.05)),
            key="critic_slopes", run=opened.run, height=330, title="Slopes",
            help=SLOPES_HELP, alt="Histograms of the critic's slopes, with the Lipschitz bound at 1",
        )  # fmt: skip
    words = said_of_slopes(float(found.between.mean()), float(np.mean(found.between > 1)))
    with right:
        if points:
            table = opened.found("surfaces", lambda: critic.surfaces(models, sides, opened.extent))
            chart(figures.surface(table.slope, opened.extent, span=float(table.slope.max()), low=0.0,
                                  real=sides.real, fake=sides.fake, unit="slope"),
                  key="critic_slope_map", run=opened.run, height=330,
                  title="Slope over the plane", help=SLOPE_MAP_HELP,
                  alt="The critic's slope over the plane")  # fmt: skip
        else:
            with st.container(height=360, border=False, vertical_alignment="center"):
                st.markdown(words)
    if points:
        st.markdown(words)


def said_of_slopes(mean: float, above: float) -> str:
    """Return what the slopes between real and fake mean."""
    if mean < 0.1:
        return (
            "**Nearly flat.** Such a critic satisfies the bound with ease, and its gap is a small fraction "
            "of the distance; the generator gets a weak push. That is what strong clipping does."
        )
    if mean > 1.5:
        return (
            "**Steeper than 1.** The gap overstates the distance by about that factor: it estimates K·W₁ "
            "with K the steepest slope. A stronger penalty would pull the slopes to 1."
        )
    if above > 0.5:
        return (
            "**Near 1, on both sides of it.** That is what the two-sided penalty asks for: the gap is close "
            "to a distance, and a little above the bound in places."
        )
    return (
        "**Near 1 or below.** The critic keeps the Lipschitz bound nearly everywhere: its gap is close to "
        "a lower bound of the Wasserstein distance."
    )


# ---- layers -------------------------------------------------------------------------------------


def _layers(opened: Opened) -> None:
    models, sides = opened.models, opened.sides
    layers: list[critic.Weights] = opened.found("weights", lambda: critic.weights(models))
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        if sides is None:
            _absent(models.config.dataset)
        else:
            few = critic.few(sides, GRADIENTS[models.config.dataset.kind])
            found: critic.Gradients = opened.found(
                "gradients", lambda: critic.gradients(models, few)
            )
            chart(
                figures.depth(
                    found.names,
                    [
                        ("at the output", found.outputs, "@critic"),
                        ("of the weights", found.weights, "@generator"),
                    ],
                ),
                key="critic_depth", run=opened.run, height=330,
                title="Gradient norm by layer", help=DEPTH_HELP.format(n=len(few.real)),
                alt="Norm of the gradient in each layer of the critic",
            )  # fmt: skip
            st.caption(said_of_depth(found.outputs))
    with right:
        share = opened.found("at_clip", lambda: critic.at_bounds(models))
        columns = 2 if len(layers) <= 8 else 3
        rows = -(-len(layers) // columns)
        chart(
            figures.weights(
                [(f"{i + 1}. {w.name}", w.edges, w.shares, w.bound) for i, w in enumerate(layers)],
                columns,
            ),
            key="critic_weights", run=opened.run, height=max(230, 150 * rows),
            title="Weights of each layer", help=WEIGHTS_HELP,
            alt="Histograms of the weights of each layer of the critic",
        )  # fmt: skip
        if share is None:
            st.caption(
                f"Nothing is clipped here: {sum(w.count for w in layers):,} weights are free."
            )
        else:
            stuck = [w.stuck or 0.0 for w in layers]
            worst = int(np.argmax(stuck))
            numbers(
                [
                    Number("At ±c, all layers", f"{100 * share:.0f}", "%", help=CLIP_HELP),
                    Number("At ±c, the most", f"{100 * stuck[worst]:.0f}", f"% of layer {worst + 1}",
                           help="The layer with the largest such share."),
                ],
                key="critic_clip",
            )  # fmt: skip


def said_of_depth(outputs: critic.Doubles) -> str:
    """Return what the gradient does on its way from the score back to the input."""
    if len(outputs) < 2 or min(outputs[0], outputs[-1]) <= 0:
        return "In some layer no gradient arrives at all: it does not learn."
    factor = float(outputs[0] / outputs[-1])
    way = "From the score back to the input the gradient"
    size = f"shrinks to 1⁄{1 / factor:,.0f}" if factor < 1 else f"grows {factor:,.0f}-fold"
    if factor < 0.01:
        return f"{way} {size}: it vanishes."
    if factor > 100:
        return f"{way} {size}: it explodes."
    if not 0.1 <= factor <= 10:
        return f"{way} {size}: much, but every layer still learns."
    return f"{way} changes by a factor of {measured(factor)}: every layer gets its share."
