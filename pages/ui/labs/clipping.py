"""The lab of clipping: a critic clipped to ±c, compared with penalised ones and one with GroupSort."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import Lab, show_result
from pages.ui.labs.settings import DataChoice, control_row, no_label, persistent_key
from pages.ui.widgets.chart.chart import chart
from wgan import figures
from wgan.format import fmt_number, fmt_share
from wgan.labs.clipping import (
    CLIP_VALUES,
    CLIPPING,
    EXTENT,
    UNCLIPPED,
    Clipping,
    ConstrainedCritic,
    compare,
    key_of,
)
from wgan.verdicts import stability as verdicts
from wgan.verdicts.stability import ClippedCritic

LAB = Lab(
    "clipping",
    "Clipping",
    "Every weight of a critic of 12 layers is clipped to ±c. What happens to the gradient on its way back to the input?",
    ("It hardly changes", "It vanishes", "It explodes", "It depends on c"),
    3,
    r"Each layer multiplies the gradient by a factor. If each unit has $n$ weights of size $c$ with mixed signs, the "
    r"factor is about $c\sqrt n$, and it is larger if training aligns the signs. Over 12 layers a factor below 1 makes the "
    "gradient vanish, and a factor above 1 makes it explode. Only a narrow range of $c$ gives a factor near 1. A penalty, or "
    "orthonormal layers with GroupSort, limit the slope itself.",
    "Gulrajani et al. 2017, figures 1a and 1b, arXiv:1704.00028; Petzka et al. 2018, arXiv:1709.08894; "
    "Anil et al. 2019, arXiv:1811.05381",
)

SETS = {"ring-8": "Ring", "grid-25": "Grid", "swiss-roll": "Swiss roll"}
COLOURS = {"gp": "@one", "lp": "@four", "groupsort": "@three"}

SET_HELP = """The real data. The fakes are other real points with noise from N(0, I), as in the paper: a fixed
generator."""

CLIP_HELP = """After each update, every weight is clipped to [−c, c]. The first WGAN paper used 0.01 and called clipping “a
clearly terrible way to enforce a Lipschitz constraint”. Each c that you train stays on the chart of gradients. A large c
clips nothing."""

SURFACE_HELP = {
    "clip": "Scores of a critic 3×128 with clipped weights over [−3, 3]², in its own range. Points: the data. With a "
    "small c only simple surfaces are possible.",
    "gp": "The same network with a gradient penalty that pulls its slope towards 1, λ = 0.1.",
    "lp": "The same network with a one-sided penalty: only slopes above 1 are penalised, λ = 0.1.",
    "groupsort": "Orthonormal layers, and sorting in place of ReLU: the slope is at most 1 everywhere by "
    "construction.",
}

DEPTH_HELP = """The norm of the critic loss' gradient at the output of each hidden layer of a critic 12×64, after its
training (RMSprop with clipping, else Adam). A flat line: every layer learns. Bold: the chosen c. Thin: other c that were
trained."""

WEIGHTS_HELP = """All weights of the 12-layer critic. Clipped weights collect at ±c (dashed)."""


DATA = DataChoice(CLIPPING, SETS, "clipping_set", "swiss-roll", SET_HELP)


def _clip() -> float:
    return float(st.session_state.get("clipping_c", 0.01))


def title() -> str:
    """Return the title of the task that the settings ask for."""
    return DATA.task_title


def settings() -> bool:
    """Show the settings and the button; return whether the task is running."""
    with control_row():
        name = DATA.show()
        clip = float(
            st.select_slider(
                "Clip value c",
                CLIP_VALUES,
                key=persistent_key("clipping_c", 0.01),
                persist_state="session",
                width=360,
                format_func=fmt_number,
                help=CLIP_HELP,
            )
        )
        task = tasks.latest_task(title())
        earlier = tasks.result_of(task, Clipping)
        with no_label():
            return tasks.start_or_stop_button(
                title(),
                f"Train with c = {fmt_number(clip)}",
                lambda: compare(name, clip, earlier=earlier),
                key="clipping",
                settings=clip,
                task=task,
                disabled=earlier is not None and _is_trained(earlier, clip),
                help="Trains two critics with weights clipped to ±c: one for the surface, and one of 12 layers. The "
                "first time it also trains the critics for comparison. If this c is trained already, choose another.",
            )


def _is_trained(result: Clipping, clip: float) -> bool:
    """Return whether the critics of a clip value, and those to compare with, are all trained."""
    return all(
        (critic := result.critic(key)) is not None and critic.done
        for key in (key_of(clip), *UNCLIPPED)
    )


def show(prediction: int | None) -> None:
    """Show the progress and the result. The body of the page's fragment."""
    clip = _clip()
    task = tasks.latest_task(title())
    result = tasks.result_of(task, Clipping)
    ready = result is not None and _is_trained(result, clip)
    after = (
        "Each name has two critics: 3×128 for the surface, and 12×64 for gradients and weights. "
    )
    after += "Choose another c and train again: earlier results stay on the chart."
    if not ready:
        after = f"No complete result for c = {fmt_number(clip)} yet: press **Train with c = {fmt_number(clip)}**."
    tasks.show_progress(
        task,
        before=f"**Train with c = {fmt_number(clip)}** trains critics with clipping, GP, LP and GroupSort on the same "
        "data: about a minute the first time, about ten seconds for each further c.",
        after=after,
    )
    if result is None:
        _show_formulas()
        return
    run = task.key if task is not None else ""
    clipped = result.critic(key_of(clip))
    done = task is None or task.done
    columns = st.columns([0.145, 0.145, 0.145, 0.145, 0.42], gap="small")
    _show_surfaces(columns, result, clipped, clip, run)
    with columns[-1]:
        _show_depth(result, clip, run)
    left, right = st.columns([0.58, 0.42], gap="small")
    with left:
        _show_weights(result, clipped, clip, run)
    with right:
        show_result(
            LAB,
            prediction,
            _verdict(result, clip) if done else "",
            undecided=undecided(clipped_critics(result)),
        )


def _show_formulas() -> None:
    formulas = (
        ("Clipping", r"w \leftarrow \\ \mathrm{clip}(w, -c, c)"),
        ("Gradient penalty", r"\lambda\,\mathbb{E} \\ (\|\nabla f\| - 1)^2"),
        ("Lipschitz penalty", r"\lambda\,\mathbb{E} \\ \max(0, \|\nabla f\| - 1)^2"),
        ("GroupSort", r"W^{\top} W = I, \\ \text{sort pairs}"),
    )
    for column, (name, formula) in zip(st.columns(4), formulas, strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{name}**")
            # In two rows, so that it fits into a narrow window.
            st.latex(rf"\small\begin{{gathered}} {formula} \end{{gathered}}")
    st.caption("Four ways to limit the slope of a critic.")


def _show_surfaces(
    columns: Sequence[Any],
    result: Clipping,
    clipped: ConstrainedCritic | None,
    clip: float,
    run: str,
) -> None:
    critics = [("clip", f"c = {fmt_number(clip)}", clipped)]
    critics += [(key, UNCLIPPED[key][0], result.critic(key)) for key in UNCLIPPED]
    for column, (key, name, critic) in zip(columns, critics, strict=False):
        with column:
            if critic is None or critic.surface is None:
                st.markdown(f"**{name}**", help=SURFACE_HELP[key])
                st.caption("Not trained yet")
                continue
            chart(
                figures.with_real_points(
                    figures.small_surface(critic.surface, EXTENT), result.real
                ),
                key=f"clipping_surface_{key}",
                run=f"{run}-{critic.key}",
                height=164,
                title=name,
                help=SURFACE_HELP[key],
                alt=f"The surface of the critic: {name}",
            )


def _show_depth(result: Clipping, clip: float, run: str) -> None:
    lines = [
        (
            _name_of(critic),
            critic.depth,
            "@two" if critic.clip_value == clip else "@two/0.45",
            critic.clip_value == clip,
        )
        for critic in result.clipped
        if critic.depth is not None
    ]
    lines += [
        (UNCLIPPED[key][0], critic.depth, COLOURS[key], False)
        for key in UNCLIPPED
        if (critic := result.critic(key)) is not None and critic.depth is not None
    ]
    if not lines:
        st.caption("The gradient of each layer appears here when a critic of 12 layers is trained.")
        return
    chart(
        figures.gradient_by_depth(lines),
        key="clipping_depth",
        run=run,
        height=220,
        title="Gradient by depth",
        help=DEPTH_HELP,
        alt="The gradient's norm in each hidden layer",
    )


def _show_weights(
    result: Clipping, clipped: ConstrainedCritic | None, clip: float, run: str
) -> None:
    critics = [(f"c = {fmt_number(clip)}", clipped)] + [
        (UNCLIPPED[key][0], result.critic(key)) for key in UNCLIPPED
    ]
    if not any(critic is not None and critic.edges is not None for _, critic in critics):
        st.caption("The weights of that critic appear here.")
        return
    # Critics that are not trained yet get an empty place, so that the others do not move.
    none = np.empty(0)
    layers = [
        (name, none, none, None)
        if critic is None or critic.edges is None or critic.shares is None
        else (
            name
            if critic.clip_saturation is None
            else f"{fmt_share(critic.clip_saturation)} at ±c",
            critic.edges,
            critic.shares,
            critic.clip_value,
        )
        for name, critic in critics
    ]
    chart(
        figures.weights(layers, columns=4),
        key="clipping_weights",
        run=run,
        height=160,
        title="Weights of the deep critics",
        help=WEIGHTS_HELP,
        alt="Histograms of the weights of each critic",
    )


def _verdict(result: Clipping, clip: float) -> str:
    """Return what the gradient of the deep critic does; empty until the chosen c is trained."""
    critic = result.critic(key_of(clip))
    if critic is None or not _has_growth(critic) or critic.clip_saturation is None:
        return ""
    comparisons = [
        (name, other.growth)
        for key, (name, _, _) in UNCLIPPED.items()
        if (other := result.critic(key)) is not None and _has_growth(other)
    ]
    return verdicts.clipped_gradient(
        ClippedCritic(clip, critic.growth, critic.clip_saturation),
        others=comparisons,
        tried=clipped_critics(result),
    )


def clipped_critics(result: Clipping) -> list[ClippedCritic]:
    """Return the results of the critics with a clip value that are trained, by rising c."""
    return [
        ClippedCritic(critic.clip_value or 0.0, critic.growth, critic.clip_saturation)
        for critic in result.clipped
        if _has_growth(critic) and critic.clip_saturation is not None
    ]


def undecided(tried: Sequence[ClippedCritic]) -> str:
    """Return why the clipped critics do not answer the question yet; empty if they do."""
    if verdicts.depends_on_clip(tried):
        return ""
    if sum(verdicts.is_clipped(critic.at_bound_share) for critic in tried) < 2:
        unclipped = [one for one in tried if not verdicts.is_clipped(one.at_bound_share)]
        if unclipped:
            values = " and ".join(fmt_number(one.clip_value) for one in unclipped)
            few = "no" if all(one.at_bound_share == 0 for one in unclipped) else "hardly any"
            return f"c = {values} clips {few} weight, so this does not answer the question. Train a smaller c."
        return "Train a second c to see whether the result depends on it."
    return "The same for each c so far. Train a smaller and a larger c."


def _name_of(critic: ConstrainedCritic) -> str:
    """Return the name of a critic with a clip value; it says so if no weight is clipped."""
    name = f"c = {fmt_number(critic.clip_value or 0)}"
    saturation = critic.clip_saturation
    if saturation is None or verdicts.is_clipped(saturation):
        return name
    return f"{name}, not clipped"


def _has_growth(critic: ConstrainedCritic) -> bool:
    return critic.done and math.isfinite(critic.growth)
