"""The lab of clipping: a critic clipped to ±c beside penalised ones and one that sorts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.labs import tasks
from pages.ui.labs.frame import Lab, show_result
from pages.ui.labs.tasks import kept
from pages.ui.widgets.chart.chart import chart
from wgan import figures
from wgan.format import fmt_number
from wgan.labs.clipping import (
    CLIP_VALUES,
    CLIPPING,
    EXTENT,
    HELD,
    Arm,
    Clipping,
    compare,
    key_of,
)

LAB = Lab(
    "clipping",
    "Clipping",
    "Clip every weight of a critic of 12 layers to ±c. What happens to the gradient on its way back?",
    ("It stays flat", "It vanishes", "It explodes", "One or the other, by c"),
    3,
    "Each layer multiplies the gradient by about its weights' size times their number: below 1 it "
    "vanishes, above 1 it explodes, and over 12 layers there is hardly a $c$ between. A penalty, or "
    "orthonormal layers that sort, hold the slope itself, so every layer gets its share.",
    "Gulrajani et al. 2017, figures 1a and 1b, arXiv:1704.00028; Petzka et al. 2018, arXiv:1709.08894; "
    "Anil et al. 2019, arXiv:1811.05381",
)

SETS = {"ring-8": "Ring", "grid-25": "Grid", "swiss-roll": "Swiss roll"}
COLOURS = {"gp": "@one", "lp": "@four", "groupsort": "@three"}

SET_HELP = """What is real. The fakes are other real points with noise of N(0, I) added, as in the paper: a generator
that stands still."""

CLIP_HELP = """After each update every weight is cut to [−c, c]. The first WGAN took 0.01 and called it “a clearly
terrible way to enforce a Lipschitz constraint”. Each c you try stays on the chart of gradients."""

SURFACE_HELP = {
    "clip": "Scores of a clipped critic 3×128 over [−3, 3]², in its own range; points: the data. Clipping "
    "makes simple surfaces that miss the modes.",
    "gp": "The same network held by a gradient penalty at slope 1, λ = 0.1. It bends around the data.",
    "lp": "Only slopes above 1 cost (one-sided), λ = 0.1.",
    "groupsort": "Orthonormal layers, and sorting in place of ReLU: slope at most 1 everywhere, by "
    "construction.",
}

DEPTH_HELP = """The norm of the critic loss' gradient at the output of each hidden layer of a critic 12×64, after its
training with RMSprop where clipped, else Adam. Flat: each layer learns. Bold: the c on the slider; thin: those
tried before."""

WEIGHTS_HELP = """All weights of the 12-layer critic, between their smallest and largest. Clipped ones pile up at ±c
(dashed): the critic has lost most of what it could say."""


def _name() -> str:
    return str(st.session_state.get("clipping_set") or "swiss-roll")


def _clip() -> float:
    return float(st.session_state.get("clipping_c", 0.01))


def title() -> str:
    """Return the title of the work that the settings ask for."""
    return f"{CLIPPING}, {_name()}"


def settings() -> bool:
    """Show what can be moved, and the button; return whether that one stops the work."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = (
            st.segmented_control(
                "Data",
                list(SETS),
                format_func=SETS.__getitem__,
                required=True,
                help=SET_HELP,
                key=kept("clipping_set", tasks.under_way(CLIPPING, SETS, "swiss-roll")),
                persist_state="session",
            )
            or "swiss-roll"
        )
        clip = float(
            st.select_slider(
                "Clip value c",
                CLIP_VALUES,
                key=kept("clipping_c", 0.01),
                persist_state="session",
                width=420,
                format_func=fmt_number,
                help=CLIP_HELP,
            )
        )
        before = _found()
        return tasks.order(
            title(),
            f"Train with c = {fmt_number(clip)}",
            lambda: compare(name, clip, before=before),
            key="clipping",
            given=clip,
            disabled=before is not None and _trained(before, clip),
            help="Trains two critics clipped to ±c, one for the surface and one of 12 layers; for the first "
            "time also those it is compared with. Once a c is trained, move on to another.",
        )


def _found() -> Clipping | None:
    task = tasks.standing(title())
    result = task.result if task is not None else None
    return result if isinstance(result, Clipping) else None


def _trained(found: Clipping, clip: float) -> bool:
    """Tell whether all critics of a c are trained."""
    return all((arm := found.arm(key)) is not None and arm.done for key in (key_of(clip), *HELD))


def show(said: int | None) -> None:
    """Show how far it has come. The body of the page's fragment."""
    clip = _clip()
    task = tasks.standing(title())
    result = _found()
    ready = result is not None and _trained(result, clip)
    after = "Each name has two critics: 3×128 for the surface, 12 layers of 64 for gradients and weights. "
    after += "Move c and train again: earlier ones stay."
    if not ready:
        after = f"c = {fmt_number(clip)} has not been trained to its end yet: press the button."
    tasks.state(
        task,
        before=f"**Train with c = {fmt_number(clip)}** trains critics of one toy problem, clipped, with GP, with "
        "LP and with GroupSort: about a minute the first time, about ten seconds for each further c.",
        after=after,
    )
    if result is None:
        _before()
        return
    run = task.key if task is not None else ""
    shown = result.arm(key_of(clip))
    done = task is None or task.done
    columns = st.columns([0.145, 0.145, 0.145, 0.145, 0.42], gap="small")
    _surfaces(columns, result, shown, clip, run)
    with columns[-1]:
        _depth(result, clip, run)
    left, right = st.columns([0.58, 0.42], gap="small")
    with left:
        _weights(result, shown, clip, run)
    with right:
        show_result(LAB, said, happened(result, clip) if done else "")


def _before() -> None:
    formulas = (
        ("Clipping", r"w \leftarrow \\ \mathrm{clip}(w, -c, c)"),
        ("Gradient penalty", r"\lambda\,\mathbb{E} \\ (\|\nabla f\| - 1)^2"),
        ("Lipschitz penalty", r"\lambda\,\mathbb{E} \\ \max(0, \|\nabla f\| - 1)^2"),
        ("GroupSort", r"W^{\top} W = I, \\ \text{sort pairs}"),
    )
    for column, (name, formula) in zip(st.columns(4), formulas, strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{name}**")
            # In two rows, which a narrow window has room for.
            st.latex(rf"\small\begin{{gathered}} {formula} \end{{gathered}}")
    st.caption("Four ways to keep a critic from becoming steeper and steeper.")


def _surfaces(
    columns: Sequence[Any], found: Clipping, shown: Arm | None, clip: float, run: str
) -> None:
    arms = [("clip", f"c = {fmt_number(clip)}", shown)]
    arms += [(key, HELD[key][0], found.arm(key)) for key in HELD]
    for column, (key, name, arm) in zip(columns, arms, strict=False):
        with column:
            if arm is None or arm.surface is None:
                st.markdown(f"**{name}**", help=SURFACE_HELP[key])
                st.caption("Not trained yet.")
                continue
            chart(
                figures.over(figures.shade(arm.surface, EXTENT), found.real),
                key=f"clipping_surface_{key}",
                run=f"{run}-{arm.key}",
                height=164,
                title=name,
                help=SURFACE_HELP[key],
                alt=f"The surface of the critic: {name}",
            )


def _depth(found: Clipping, clip: float, run: str) -> None:
    lines = [
        (
            f"c = {fmt_number(arm.clip or 0)}",
            arm.depth,
            "@two" if arm.clip == clip else "@two/0.45",
            arm.clip == clip,
        )
        for arm in found.clipped
        if arm.depth is not None
    ]
    lines += [
        (HELD[key][0], arm.depth, COLOURS[key], False)
        for key in HELD
        if (arm := found.arm(key)) is not None and arm.depth is not None
    ]
    if not lines:
        st.caption(
            "The gradient of each layer comes here, as soon as a critic of 12 layers is trained."
        )
        return
    chart(
        figures.by_depth(lines),
        key="clipping_depth",
        run=run,
        height=172,
        title="Gradient by depth",
        help=DEPTH_HELP,
        alt="The gradient's norm in each hidden layer",
    )


def _weights(found: Clipping, shown: Arm | None, clip: float, run: str) -> None:
    arms = [(f"c = {fmt_number(clip)}", shown)] + [(HELD[key][0], found.arm(key)) for key in HELD]
    if not any(arm is not None and arm.edges is not None for _, arm in arms):
        st.caption("And here, how its weights are spread.")
        return
    # Each keeps its place, an empty one where there is nothing yet.
    none = np.empty(0)
    layers = [
        (name, none, none, None)
        if arm is None or arm.edges is None or arm.shares is None
        else (
            name if arm.stuck is None else f"{100 * arm.stuck:.0f} % at ±c",
            arm.edges,
            arm.shares,
            arm.clip,
        )
        for name, arm in arms
    ]
    chart(
        figures.weights(layers, columns=4),
        key="clipping_weights",
        run=run,
        height=160,
        title="Weights of the deep critics",
        help=WEIGHTS_HELP,
        alt="How the weights of each critic are spread",
    )


def _changes(growth: float) -> str:
    """Say what a gradient does from a layer to the one before it."""
    if 0.95 < growth < 1.05:
        return "stays"
    if growth < 1:
        return f"shrinks to {100 * growth:.2g} %"
    return f"grows {growth:.2g} times" if growth < 100 else f"grows {growth:,.0f} times"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def happened(found: Clipping, clip: float) -> str:
    """Say what was measured, in a sentence; empty until the chosen c is trained."""
    arm = found.arm(key_of(clip))
    if arm is None or not arm.done or arm.stuck is None or not math.isfinite(arm.growth):
        return ""
    growth = arm.growth
    way = "vanishes" if growth < 0.7 else "explodes" if growth > 1.4 else "hardly changes"
    words = (
        f"With c = {fmt_number(clip)} the gradient **{way}**: it {_changes(growth)} with each layer towards the "
        f"input, {100 * arm.stuck:.0f} % of the weights at ±c."
    )
    others: dict[str, list[str]] = {}
    for key, (name, _, _) in HELD.items():
        if (other := found.arm(key)) is not None and other.done and math.isfinite(other.growth):
            others.setdefault(_changes(other.growth), []).append(name)
    if others:
        words += (
            f" It {'; it '.join(f'{does} with {_and(names)}' for does, names in others.items())}."
        )
    tried = [a for a in found.clipped if a.done and math.isfinite(a.growth)]
    if len(tried) > 1:
        words += f" Tried so far: {', '.join(f'c = {fmt_number(a.clip or 0)}: {_changes(a.growth)}' for a in tried)}."
    return words
