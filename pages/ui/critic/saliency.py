"""One example inside the critic: the gradient of its score, and the activations of each layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.critic.state import CriticState
from pages.ui.panels import own_image
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.image_picker.image_picker import image_picker
from pages.ui.widgets.stat_cards.stat_cards import Stat, stat_cards
from wgan import critic, figures
from wgan.arrays import F32, I64, U8
from wgan.format import fmt_sig
from wgan.imaging import encode, tile
from wgan.latent import Models, preview_z

SOURCES = {"generated": "Generated", "real": "Real", "drawn": "Draw", "uploaded": "Upload"}
GRID, COLUMNS = 32, 8
MAX_MAPS = 64

SIGNED_HELP = """The gradient of the score, ∂f/∂pixel. **Blue**: the score rises when the pixel gets lighter,
**orange**: when it gets darker. Exactly this picture, turned round and sent back through the generator,
is what the generator learns from. Several colour channels are added up."""

SALIENCY_HELP = """How much the score hangs on each pixel: the length of ∂f/∂pixel over the colour channels
(saliency, Simonyan et al. 2013). Strong at strokes: the critic looks at shapes; strong in the empty
ground: at noise there."""

SCORE_HELP = (
    """The critic's score of this picture. Higher: more like real ones, in the critic's eyes."""
)
RANK_HELP = """Share of real pictures that score lower, and of generated ones. Real pictures have 50 % on average;
near 0 %: the critic is sure that this is none."""
SLOPE_HELP = """‖∇f‖ at this picture: how fast the score can change from here, a unit of pixel distance away.
WGAN-GP wants 1 between real and fake."""

MAPS_HELP = """What this layer makes of the picture, one map for each of its channels; light is high. Each
layer's maps share one scale. Early layers answer to strokes and edges, later ones to larger parts."""

UNITS_HELP = """What each unit of the layer says over the plane, light is high: ReLU units bend along lines, and a
deeper layer adds up those of the one before. The critic's surface is the sum of the last ones."""


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
                st.caption("Its score, its saliency and its feature maps appear here.")
            return
        _inspect(key, models, examples, pixels[0], label)


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
        caption="Click the picture to look at",
        alt=f"{SOURCES[source]} pictures to choose from",
    )
    sample = (samples or [0])[0]
    return pictures[sample], None if labels is None else int(labels[sample])


def _choose_class(models: Models, own_class: int | None) -> int | None:
    if not models.config.conditional:
        return None
    names = models.config.dataset.class_names()
    label: int = st.selectbox(
        "Class the critic is told",
        range(len(names)),
        index=own_class or 0,
        format_func=names.__getitem__,
        key=f"critic_class-{own_class}",
        persist_state="session",
        help="This critic judges a picture as one of a class. Tell it another and see the score fall.",
    )
    return label


def _inspect(
    key: str,
    models: Models,
    examples: critic.RealFakeBatch | None,
    pixels: U8,
    label: int | None,
) -> None:
    x = critic.floats_of(pixels)
    saliency = critic.saliency(models, x, label)
    cards = [Stat("Score", fmt_sig(saliency.score), "score", help=SCORE_HELP)]
    if examples is not None:
        scores = _scores(key, models, examples)
        real, fake = (100 * np.mean(side < saliency.score) for side in (scores.real, scores.fake))
        cards.append(Stat("Above real", f"{real:.0f}", f"% · fakes {fake:.0f} %", help=RANK_HELP))
    cards.append(Stat("Slope", fmt_sig(saliency.slope), "a unit", help=SLOPE_HELP))
    stat_cards(cards, key="critic_one_numbers")
    left, middle, right = st.columns(3, gap="small")
    with left:
        st.markdown("**Picture**", help="As the critic sees it.")
        image_grid(
            encode(tile(pixels[None], 1)),
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
            figures.pixels(strength, diverging=False),
            key="critic_saliency",
            run="saliency",
            height=180,
            title="Saliency",
            help=SALIENCY_HELP,
            alt="How much the score hangs on each pixel",
        )
    with right:
        chart(
            figures.pixels(saliency.gradient.sum(axis=0), diverging=True),
            key="critic_gradient",
            run="gradient",
            height=180,
            title="Uphill",
            help=SIGNED_HELP,
            alt="Which pixels should get lighter or darker to raise the score",
        )
    _maps(critic.activations(models, x, label))


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
    _sheet(values, name, MAPS_HELP, "Feature maps")


def _choose_layer(names: list[str]) -> str:
    key = f"critic_layer-{hash(tuple(names))}"
    return str(
        st.selectbox(
            "Layer",
            names,
            key=key,
            persist_state="session",
            help="Any layer of the critic, from the input on.",
        )
    )


def _sheet(
    values: F32, name: str, help: str, title: str, *, wide: int = 16, height: int = 250
) -> None:
    count = len(values)
    maps = values[:MAX_MAPS]
    low, high = float(maps.min()), float(maps.max())
    grey = ((maps - low) / ((high - low) or 1.0) * 255).round().astype(np.uint8)
    columns = min(wide, len(grey))
    blank = np.zeros((-len(grey) % columns, *grey.shape[1:]), np.uint8)
    sheet = np.concatenate([grey, blank])[:, None]
    count_text = f", the first {MAX_MAPS} of {count}" if count > MAX_MAPS else f", all {count}"
    st.markdown(f"**{title}**", help=help)
    image_grid(
        encode(tile(sheet, columns), "PNG"),
        key="critic_maps",
        rows=len(sheet) // columns,
        columns=columns,
        max_height=height,
        caption=f"Layer {name}{count_text}: black is {fmt_sig(low)}, white {fmt_sig(high)}",
        alt=f"{title} of layer {name}",
    )


def units(key: str, models: Models, extent: float) -> None:
    """Show the output of each unit of a layer over the plane."""
    origin = np.zeros(2, dtype=np.float32)
    names = [layer.name for layer in critic.activations(models, origin)]
    left, right = st.columns([0.3, 0.7], gap="medium")
    with left:
        layer_name = _choose_layer(names)
        st.caption(
            "A critic of points is a sum of simple bends. Layer by layer they are put together to the "
            "surface that the generator climbs."
        )
    layer = names.index(layer_name)
    unit_maps = _cached(f"{key}-{layer}", lambda: critic.units(models, extent, layer))
    with right:
        # Rows of a picture go down, those of the plane go up.
        _sheet(
            unit_maps.values[:, ::-1],
            layer_name,
            UNITS_HELP,
            "Units over the plane",
            wide=8,
            height=440,
        )


@st.cache_resource(show_spinner=False, max_entries=20)
def _cached(key: str, _find: Callable[[], Any]) -> Any:
    return _find()
