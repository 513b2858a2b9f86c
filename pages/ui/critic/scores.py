"""The scores of a critic: ranked samples, distributions, and its surface beside the optimal one."""

from dataclasses import replace

import streamlit as st

from pages.ui.critic import sample_map, surfaces
from pages.ui.critic.inputs import CriticView
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.format import fmt_alike, fmt_share, fmt_sig
from wgan.imaging import encode, tile
from wgan.verdicts import critic as verdicts

ROWS, COLUMNS = 6, 8

VIEWS = ("Fakes by score", "Real pictures by score", "Map of both")
"""Views of the samples; the last one links a sheet, a map and the scores."""

SCORES_HELP = """The distribution of the critic's scores. A score has no unit and no zero: only differences
count. If **real** is far to the right of **fake**, the critic separates them. If **held-out** is to the left of **real**,
the critic has memorised its training examples. If all overlap, the generator is good or the critic is weak."""

RANK_HELP = """Samples from the highest score to the lowest, the same samples at every step. The score is in the corner of
each picture. If bad samples are ranked high, the generator has fooled the critic."""

GAP_HELP = """Mean score of {n} real examples minus mean score of {n} fakes. It becomes a distance only when it is divided by
the critic's slope. The fakes are those of the averaged generator. During training the gap is measured with the generator itself and
other examples, so the Train page shows other values."""

HELD_OUT_HELP = """The gap with real examples that were not used for training. If it is clearly smaller than the gap, the
critic has memorised its training examples."""

APART_HELP = """The share of pairs of a real example and a fake in which the real one scores higher: 50 % is
chance, 100 % is a perfect separation (the area under the ROC curve)."""

EXACT_HELP = """The exact Wasserstein distance W₁ of {n} real points and {n} fakes, by optimal transport: the smallest mean
distance by which the points must move. W₁ of real points and other real points is {floor}: lower values are chance."""

BOUND_HELP = """The gap divided by the steepest slope between any real point and any fake. By Kantorovich's
duality, W₁ of these samples is at least this large. For an optimal critic, the bound equals W₁."""

PAIR_SLOPE_HELP = """The largest |f(real) − f(fake)| ÷ distance over all pairs of a real point and a fake. The lower bound is the
gap ÷ this slope. Section *To convergence* uses the same definition."""

STEEPEST_HELP = """The largest slope ‖∇f‖ in the window and at the samples, an estimate of the critic's Lipschitz
constant K. The gap is at most K·W₁. Section *Slopes* shows the same value. The lower bound needs only the slope between
pairs, which is often smaller."""


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
        Stat("Critic gap", fmt_sig(scores.gap), "score", help=GAP_HELP.format(n=n)),
        Stat("Critic gap, held-out", fmt_sig(scores.gap_held_out), "score", help=HELD_OUT_HELP),
        Stat("Critic accuracy", fmt_share(scores.critic_accuracy), help=APART_HELP),
    ]


def _held_out_verdict(critic_view: CriticView) -> str:
    scores = _scores(critic_view)
    return verdicts.held_out_gap(
        scores.gap,
        scores.gap_held_out,
        float(scores.real.std()),
        fresh=critic_view.models.config.dataset.size is None,
    )


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
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="critic_view",
        persist_state="session",
        label_visibility="collapsed",
        width="content",
    )
    if view == VIEWS[-1]:
        sample_map.show(critic_view)
        return
    left, right = st.columns([0.52, 0.48], gap="medium")
    with left:
        side = "Real" if view == VIEWS[1] else "Fake"
        st.markdown("**Highest to lowest score**", help=RANK_HELP)
        samples, values = (
            (examples.fake, scores.fake) if side == "Fake" else (examples.real, scores.real)
        )
        ranked = critic.rank_by_score(samples, values, limit=ROWS * COLUMNS)
        image_grid(
            encode(tile(critic.pictures_of(ranked.examples), COLUMNS)),
            key="critic_ranking",
            rows=ROWS,
            columns=COLUMNS,
            max_height=370,
            notes=fmt_alike(ranked.scores.tolist()),
            caption=f"{side}: score {fmt_sig(ranked.scores[0])} at the top left, "
            f"{fmt_sig(ranked.scores[-1])} at the bottom right",
            alt=f"{side} pictures from the highest to the lowest score",
        )
    with right:
        _score_chart(critic_view, 300)
        st.caption(
            verdicts.scores(
                scores.critic_accuracy, scores.gap, scores.gap_held_out, float(scores.real.std())
            )
        )
        st.caption(_held_out_verdict(critic_view))


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
    gap = replace(gap, unit="")  # five cards in a row have no room for it
    stat_cards(
        [
            Stat(
                "Exact W₁",
                fmt_sig(critic_surfaces.exact),
                "units",
                help=EXACT_HELP.format(n=n, floor=fmt_sig(floor)),
            ),
            Stat(
                "Lower bound",
                fmt_sig(max(0.0, critic_surfaces.lower_bound)),
                surfaces.share(critic_surfaces),
                help=BOUND_HELP,
            ),
            gap,
            Stat(
                "Steepest slope, pairs",
                fmt_sig(critic_surfaces.pair_slope),
                "per unit",
                help=PAIR_SLOPE_HELP,
            ),
            Stat(
                "Steepest slope, window",
                fmt_sig(critic_surfaces.steepest),
                "per unit",
                help=STEEPEST_HELP,
            ),
        ],
        key="critic_distances",
    )
    if reason := verdicts.surface_bound(critic_surfaces.lower_bound, critic_surfaces.exact, floor):
        st.caption(reason)
    surfaces.surfaces(critic_surfaces, key="critic", run=critic_view.run)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        _score_chart(critic_view, 200)
    with right:
        stat_cards(others, key="critic_numbers")
        st.caption(_held_out_verdict(critic_view))
        st.caption(
            "The generator learns only from the slopes of the critic. Where the critic and the optimal potential "
            "have the same slope, its gradient points along the optimal transport. “Train the critic to "
            "convergence” shows how close the lower bound of this critic gets to W₁."
        )


@st.cache_data(show_spinner=False, max_entries=8)
def _floor(key: str, _sides: critic.RealFakeBatch) -> float:
    return critic.floor(_sides)
