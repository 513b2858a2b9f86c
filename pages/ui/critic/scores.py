"""The scores of a critic: ranked samples, distributions, and its surface beside the optimal one."""

import streamlit as st

from pages.ui.critic import surfaces
from pages.ui.critic.inputs import CriticView
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.format import fmt_sci
from wgan.imaging import encode, tile
from wgan.verdicts import critic as verdicts

ROWS, COLUMNS = 6, 8

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
constant K. The gap estimates K·W₁, never W₁ itself. Between pairs of a real point and a fake, which is
all that a proof needs, the critic can be less steep (To convergence)."""


def _scores(critic_view: CriticView) -> critic.Scores:
    examples = critic_view.examples
    assert examples is not None
    scores: critic.Scores = critic_view.cached(
        "scores", lambda: critic.score_batch(critic_view.models, examples)
    )
    return scores


def _score_cards(critic_view: CriticView) -> list[Stat]:
    scores = _scores(critic_view)
    n = len(scores.real)
    return [
        Stat("Gap", fmt_sci(scores.gap), "score", help=GAP_HELP.format(n=n)),
        Stat("Held-out gap", fmt_sci(scores.gap_held_out), "score", help=HELD_OUT_HELP),
        Stat("Told apart", f"{100 * scores.critic_accuracy:.0f}", "%", help=APART_HELP),
    ]


def _score_chart(critic_view: CriticView, height: int) -> None:
    scores = _scores(critic_view)
    chart(
        figures.spread(
            [
                ("Real", scores.real, "@real"),
                ("Held-out", scores.held_out, "@mark"),
                ("Fake", scores.fake, "@fake"),
            ],
            x_title="critic's score",
        ),
        key="critic_scores",
        run=critic_view.run,
        height=height,
        title="Scores",
        help=SCORES_HELP,
        alt="Histograms of the critic's scores",
    )


def ranking(critic_view: CriticView) -> None:
    """Show samples from the highest to the lowest score, and the distributions of the scores."""
    examples, scores = critic_view.examples, _scores(critic_view)
    assert examples is not None
    stat_cards(_score_cards(critic_view), key="critic_numbers")
    left, right = st.columns([0.52, 0.48], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**Most to least convincing**", help=RANK_HELP, width="content")
            side = st.segmented_control(
                "Ranked",
                ["Generated", "Real"],
                default="Generated",
                required=True,
                key="critic_ranked",
                persist_state="session",
                label_visibility="collapsed",
                width="content",
            )
        samples, values = (
            (examples.fake, scores.fake) if side == "Generated" else (examples.real, scores.real)
        )
        ranked = critic.rank_by_score(samples, values, limit=ROWS * COLUMNS)
        image_grid(
            encode(tile(critic.pictures_of(ranked.examples), COLUMNS)),
            key="critic_ranking",
            rows=ROWS,
            columns=COLUMNS,
            max_height=370,
            notes=[fmt_sci(s) for s in ranked.scores],
            caption=f"{side}: score {fmt_sci(ranked.scores[0])} at the top left, "
            f"{fmt_sci(ranked.scores[-1])} at the bottom right",
            alt=f"{side} pictures from most to least convincing",
        )
    with right:
        _score_chart(critic_view, 300)
        st.caption(
            verdicts.scores(
                scores.critic_accuracy, scores.gap, scores.gap_held_out, float(scores.real.std())
            )
        )


def surface(critic_view: CriticView) -> None:
    """Show a critic of points beside the optimal potential of the same samples."""
    examples, models = critic_view.examples, critic_view.models
    assert examples is not None
    critic_surfaces: critic.Surfaces = critic_view.cached(
        "surfaces", lambda: critic.surfaces(models, examples, critic_view.extent)
    )
    floor = _floor(models.config.dataset.model_dump_json(), examples)
    n = len(critic_surfaces.real)
    gap, *others = _score_cards(critic_view)
    stat_cards(
        [
            Stat(
                "Exact W₁",
                fmt_sci(critic_surfaces.exact),
                "units",
                help=EXACT_HELP.format(n=n, floor=fmt_sci(floor)),
            ),
            Stat(
                "Proved",
                fmt_sci(max(0.0, critic_surfaces.lower_bound)),
                surfaces.share(critic_surfaces),
                help=PROVED_HELP,
            ),
            Stat(
                "Steepest anywhere", fmt_sci(critic_surfaces.steepest), "a unit", help=STEEPEST_HELP
            ),
            gap,
        ],
        key="critic_distances",
    )
    surfaces.surfaces(critic_surfaces, key="critic", run=critic_view.run)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        _score_chart(critic_view, 200)
    with right:
        stat_cards(others, key="critic_numbers")
        st.caption(
            "The generator learns from the critic’s slopes only. Where left and middle agree, it is "
            "told the way that optimal transport would take. “Train the critic to convergence” shows "
            "how far this critic can come."
        )


@st.cache_data(show_spinner=False, max_entries=8)
def _floor(key: str, _sides: critic.RealFakeBatch) -> float:
    return critic.floor(_sides)
