"""One example inside the critic: the gradient of its score, and the activations of each layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.critic.state import Climb, CriticState
from pages.ui.panels import own_image
from pages.ui.panels.maps import maps_sheet
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.image_picker.image_picker import image_picker
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.arrays import F32, I64, U8
from wgan.format import fmt_share, fmt_sig
from wgan.imaging import encode, tile
from wgan.latent import Models, preview_z

SOURCES = {"generated": "Fake", "real": "Real", "drawn": "Draw", "uploaded": "Upload"}
GRID, COLUMNS = 32, 8

SIGNED_HELP = """The gradient of the score, ∂f/∂pixel, over the picture. **Blue**: the score rises if the pixel gets lighter.
**Orange**: it rises if the pixel gets darker. This gradient, passed back through the generator, is all that the generator
learns from. Colour channels are added up."""

SALIENCY_HELP = """How strongly the score depends on each pixel, over the picture: the norm of ∂f/∂pixel over the colour channels
(saliency, Simonyan et al. 2013). Strong at strokes: the critic reacts to shapes. Strong in the background: it reacts to
noise there."""

SCORE_HELP = "The critic's score of this picture. Higher means more like real pictures, according to the critic."
RANK_HELP = """The share of real pictures, or of fakes, whose score is lower than that of this picture. On average, half of
the real pictures score lower than a real picture."""
SLOPE_HELP = """‖∇f‖ at this picture: the largest change of the score per unit of pixel distance. The penalty of WGAN-GP
pulls it to 1 between real and fake."""

UPHILL_HELP = """Moves the picture along the gradient of its score, by 1 unit of pixel distance or less, so that the score
rises. The picture gets more convincing for this critic, not necessarily for you."""

MAPS_HELP = """The output of this layer for the picture, one map for each channel. Light is high; all maps of a layer have
the same scale. Early layers react to strokes and edges, later layers to larger parts."""

UNITS_HELP = """The output of each unit of the layer over the plane; light is high. ReLU units bend along lines, and a
deeper layer combines the units before it. The critic's score is a weighted sum of the last ones."""


def picture(key: str, models: Models, examples: critic.RealFakeBatch | None) -> None:
    """Let the visitor choose, upload or draw a picture, and show the critic's analysis of it.

    `key` names the weights. Without `examples` there are no real pictures to choose from.
    """
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        sources = [source for source in SOURCES if source != "real" or examples is not None]
        source = st.segmented_control(
            "Picture",
            sources,
            format_func=SOURCES.__getitem__,
            required=True,
            default="generated",
            key="critic_way",
            persist_state="session",
            width="stretch",
            label_visibility="collapsed",
        )
        pixels = _choose_picture(str(source), key, models, examples)
        label = _choose_class(models, pixels[1] if pixels else None)
    with right:
        if pixels is None:
            with st.container(height=330, border=False, vertical_alignment="center"):
                st.caption(
                    "The score, the saliency and the feature maps of your picture appear here."
                )
            return
        scores = _inspect(key, models, examples, pixels[0], label)
    if len(scores) > 1:
        with left:
            chart(
                figures.climb(scores),
                key="critic_climb",
                run="climb",
                height=170,
                title="Score after each step",
                help="The score of the picture at the start, and after each step uphill.",
                alt="The score of the picture after each step uphill",
            )


def _choose_picture(
    source: str, key: str, models: Models, examples: critic.RealFakeBatch | None
) -> tuple[U8, int | None] | None:
    """Return the chosen picture, (C, H, W) uint8, and its class if it has one; None if there is none yet."""
    if source in ("drawn", "uploaded"):
        own = own_image.draw_picture if source == "drawn" else own_image.upload_picture
        own_picture = own(models, "critic")
        return None if own_picture is None else (own_picture, None)
    labels: I64 | None = None
    if source == "generated":
        classes = len(models.config.dataset.class_names())
        if models.config.conditional:
            labels = np.arange(GRID) % classes
        class_labels = None if labels is None else labels.tolist()
        pictures = models.make(preview_z(models.config, GRID), class_labels)
    else:
        assert examples is not None
        pictures, labels = critic.pictures_of(examples.real[:GRID]), examples.labels[:GRID]
    picked = page_state(CriticState).picked

    def keep(samples: list[int]) -> None:
        picked[source] = samples

    samples = image_picker(
        encode(tile(pictures, COLUMNS)),
        key=f"critic_picker_{source}",
        rows=GRID // COLUMNS,
        columns=COLUMNS,
        picked=picked.get(source, [0]),
        on_change=keep,
        most=1,
        max_height=240,
        caption="Choose a picture",
        alt=f"{SOURCES[source]} pictures to choose from",
    )
    sample = (samples or [0])[0]
    return pictures[sample], None if labels is None else int(labels[sample])


def _choose_class(models: Models, own_class: int | None) -> int | None:
    if not models.config.conditional:
        return None
    names = models.config.dataset.class_names()
    label: int = st.selectbox(
        "Class",
        range(len(names)),
        index=own_class or 0,
        format_func=names.__getitem__,
        key=f"critic_class-{own_class}",
        persist_state="session",
        help="The class for which this critic scores the picture. With a wrong class the score is usually lower.",
    )
    if own_class is None:
        st.caption(
            "Choose the class of your picture: the critic scores it as a picture of this class."
        )
    return label


def _inspect(
    key: str,
    models: Models,
    examples: critic.RealFakeBatch | None,
    pixels: U8,
    label: int | None,
) -> list[float]:
    """Show the critic's analysis of a picture; return its scores at the start and after each step uphill."""
    climb = _climb(f"{key}-{label}-{hash(pixels.tobytes())}", critic.floats_of(pixels))
    scores_so_far = [critic.saliency(models, x, label).score for x in climb.pictures[:-1]]
    x = climb.pictures[-1]
    saliency = critic.saliency(models, x, label)
    change = saliency.score - scores_so_far[0] if scores_so_far else 0.0
    unit = f"+{fmt_sig(change)}" if scores_so_far else ""
    cards = [Stat("Score", fmt_sig(saliency.score), unit, help=SCORE_HELP)]
    if examples is not None:
        scores = _scores(key, models, examples)
        real, fake = (
            fmt_share(float(np.mean(side < saliency.score))) for side in (scores.real, scores.fake)
        )
        cards.append(Stat("Scored lower", real, f"of real, {fake} of fakes", help=RANK_HELP))
    cards.append(Stat("Slope", fmt_sig(saliency.slope), "per unit", help=SLOPE_HELP))
    stat_cards(cards, key="critic_one_numbers")
    _show_climb_buttons(climb, models, label)
    shown = encode(tile(critic.pictures_of(x)[None], 1), "PNG")
    left, middle, right = st.columns(3, gap="small")
    with left:
        st.markdown("**Picture**", help="The picture that the critic scores.")
        image_grid(
            shown,
            key="critic_one",
            rows=1,
            columns=1,
            max_height=170,
            caption="",
            alt="The chosen picture",
        )
    with middle:
        strength = np.linalg.norm(saliency.gradient, axis=0)
        chart(
            figures.pixels_over(strength, data_uri(shown), diverging=False),
            key="critic_saliency",
            run="saliency",
            height=180,
            title="Saliency",
            help=SALIENCY_HELP,
            alt="How strongly the score depends on each pixel, over the picture",
        )
    with right:
        chart(
            figures.pixels_over(saliency.gradient.sum(axis=0), data_uri(shown), diverging=True),
            key="critic_gradient",
            run="gradient",
            height=180,
            title="Gradient",
            help=SIGNED_HELP,
            alt="The pixels that raise the score if they get lighter or darker, over the picture",
        )
    _maps(critic.activations(models, x, label))
    return [*scores_so_far, saliency.score]


def _climb(start: str, picture: F32) -> Climb:
    """Return the steps uphill from a picture; none yet, if the picture, its class or the weights are new."""
    state = page_state(CriticState)
    if state.climb is None or state.climb.start != start:
        state.climb = Climb(start, [picture])
    return state.climb


def _show_climb_buttons(climb: Climb, models: Models, label: int | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Step uphill",
            icon=":material/trending_up:",
            key="critic_uphill",
            on_click=_step_uphill,
            args=(climb, models, label),
            disabled=climb.is_at_top,
            help=UPHILL_HELP,
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            key="critic_uphill_undo",
            on_click=_go_back,
            args=(climb, 1),
            disabled=len(climb.pictures) == 1,
            help="Takes back the last step.",
        )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="critic_uphill_reset",
            on_click=_go_back,
            args=(climb, len(climb.pictures) - 1),
            disabled=len(climb.pictures) == 1,
            help="Takes back all steps.",
        )
        if climb.is_at_top:
            st.caption("No further step raises the score.")


def _step_uphill(climb: Climb, models: Models, label: int | None) -> None:
    moved = critic.step_uphill(models, climb.pictures[-1], label)
    if moved is None:
        climb.is_at_top = True
    else:
        climb.pictures.append(moved)


def _go_back(climb: Climb, steps: int) -> None:
    climb.is_at_top = False
    if steps:
        del climb.pictures[-steps:]


@st.cache_resource(show_spinner=False, max_entries=8)
def _scores(key: str, _models: Models, _sides: critic.RealFakeBatch) -> critic.Scores:
    return critic.score_batch(_models, _sides)


def _maps(layers: list[critic.Activation]) -> None:
    names = [layer.name for layer in layers if layer.values.shape[0] > 1]
    name = _choose_layer(names)
    values = next(layer.values for layer in layers if layer.name == name)
    if values.ndim == 1:
        # Show units without a position as a sheet of shades.
        values = values[:, None, None]
    maps_sheet(values, f"Layer {name}", title="Feature maps", help=MAPS_HELP, key="critic_maps")


def _choose_layer(names: list[str]) -> str:
    key = f"critic_layer-{hash(tuple(names))}"
    return str(
        st.selectbox(
            "Layer",
            names,
            key=key,
            persist_state="session",
            help="A layer of the critic, in order from the input.",
        )
    )


def units(key: str, models: Models, extent: float) -> None:
    """Show the output of each unit of a layer over the plane."""
    origin = np.zeros(2, dtype=np.float32)
    names = [layer.name for layer in critic.activations(models, origin)]
    left, right = st.columns([0.3, 0.7], gap="medium")
    with left:
        layer_name = _choose_layer(names)
        st.caption(
            "Each unit of a layer combines the units of the layer before it. The last layer combines them to the "
            "surface that the generator climbs."
        )
    layer = names.index(layer_name)
    unit_maps = _cached(f"{key}-{layer}", lambda: critic.units(models, extent, layer))
    with right:
        # Rows of a picture go down, those of the plane go up.
        maps_sheet(
            unit_maps.values[:, ::-1],
            f"Layer {layer_name}",
            title="Units over the plane",
            help=UNITS_HELP,
            key="critic_maps",
            height=440,
        )


@st.cache_resource(show_spinner=False, max_entries=20)
def _cached(key: str, _find: Callable[[], Any]) -> Any:
    return _find()
