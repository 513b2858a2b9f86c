"""The layers of generator and critic for one sample, with the feature maps and weights of one layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.ui.core.plain_text import plain_text
from pages.ui.core.state import page_state
from pages.ui.panels.maps import grey, maps_sheet
from pages.ui.widgets.network_diagram.network_diagram import Node, network_diagram
from wgan import critic
from wgan.arrays import F32
from wgan.format import fmt_sig
from wgan.imaging import encode, tile
from wgan.latent import Models, preview_z
from wgan.networks.modules import LABEL_DIM

THUMBNAIL_MAPS = 16
FEW_UNITS = 8
"""Outputs up to this number are also written as numbers."""

SAMPLES = 64
"""Number of z from which *Another sample* takes one after the other."""

DIAGRAM_HELP = """Each box is a layer. Its picture shows the layer's output for the sample on show: of convolutions the first 16
feature maps, of other layers all units. Light is high. A single unit is shown as a number. Below are the shape of the output and the number of parameters.
Choose a layer to see all of its output, and its weights."""

MAPS_HELP = "The output of the layer for this sample, one picture for each channel. All have the same scale."

WEIGHTS_HELP = """The learned weights of the layer. Of a convolution: the kernel of each channel for the first input channel. Of a linear
layer: its matrix, with a row for each output and a column for each input."""


@dataclass
class NetworkChoice:
    """The sample and the layer on show."""

    sample: int = 0
    layer: int | None = None  # counted over both networks; None for the critic's first one


def networks(models: Models, key: str) -> None:
    """Show the layers of both networks, and the outputs and weights of the chosen one.

    Args:
        models: The networks.
        key: Differs if the weights differ.
    """
    choice = page_state(NetworkChoice)
    names = models.config.dataset.class_names()
    label = choice.sample % len(names) if models.config.conditional else None
    generator, critic_layers = _network_layers(key, choice.sample, label, models)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**From z to the score**", help=DIAGRAM_HELP, width="content")
        st.button(
            "Another sample",
            icon=":material/casino:",
            key="networks_sample",
            on_click=_next_sample,
            args=(choice,),
            help="Show the layers for the next z.",
        )
        labels = None if label is None else np.array([label])
        score = float(critic.scores(models, generator[-1].values[None], labels)[0])
        st.caption(
            f"The critic gives this sample the score {fmt_sig(score)}.{_class_text(label, names)}"
        )
    sides = (
        ("Generator", models.generator, generator),
        ("Critic", models.critic, critic_layers),
    )
    layers = [layer for _, _, side in sides for layer in side]
    titles = [f"{title}, layer {layer.name}" for title, _, side in sides for layer in side]

    def keep(index: int) -> None:
        choice.layer = index

    chosen = network_diagram(
        [
            (
                f"{title}, {_parameters_text(sum(p.numel() for p in network.parameters()), side)}",
                [_node(layer) for layer in side],
            )
            for title, network, side in sides
        ],
        key="networks_diagram",
        chosen=min(len(generator) if choice.layer is None else choice.layer, len(layers) - 1),
        on_change=keep,
    )
    _details(layers[chosen], titles[chosen])


@st.cache_resource(show_spinner=False, max_entries=6)
def _network_layers(
    key: str, sample: int, label: int | None, _models: Models
) -> tuple[list[critic.Layer], list[critic.Layer]]:
    return critic.network_layers(_models, preview_z(_models.config, SAMPLES)[sample], label)


def _parameters_text(total: int, layers: Sequence[critic.Layer]) -> str:
    """Return the number of parameters, and how many of them belong to the classes, which have no box."""
    of_classes = total - sum(layer.parameters for layer in layers)
    return f"{total:,} parameters" + (
        f", {of_classes:,} of them for the classes" if of_classes else ""
    )


def _class_text(label: int | None, names: Sequence[str]) -> str:
    if label is None:
        return ""
    return (
        f" Its class is {plain_text(names[label])}. For the generator, the class is {LABEL_DIM} more numbers beside z. "
        "To its last output, the critic adds a number that depends on the class and on the sample."
    )


def _next_sample(choice: NetworkChoice) -> None:
    choice.sample = (choice.sample + 1) % SAMPLES


def _node(layer: critic.Layer) -> Node:
    shape = " × ".join(f"{side:,}" for side in layer.values.shape)
    parameters = f"{layer.parameters:,} param."
    if layer.values.size == 1:
        return Node(
            layer.name, shape, parameters, None, fmt_sig(float(layer.values.reshape(-1)[0]))
        )
    maps = _maps(layer.values)[:THUMBNAIL_MAPS]
    return Node(
        layer.name,
        shape,
        parameters,
        encode(tile(grey(maps)[:, None], math.ceil(math.sqrt(len(maps)))), "PNG"),
    )


def _maps(values: F32) -> F32:
    """Return the outputs of a layer as maps, (K, h, w): units become the pixels of one map."""
    if values.ndim == 3:
        return values
    if values.size <= FEW_UNITS:
        return values.reshape(1, 1, -1)
    side = math.ceil(math.sqrt(values.size))
    padded = np.full(side * side, float(values.min()), np.float32)
    padded[: values.size] = values.reshape(-1)
    return padded.reshape(1, side, side)


def _details(layer: critic.Layer, title: str) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        units = layer.values.ndim < 3
        maps_sheet(
            _maps(layer.values),
            title,
            title="Units" if units else "Feature maps",
            help=MAPS_HELP,
            key="networks_maps",
        )
        if layer.values.size <= FEW_UNITS:
            st.caption("Values: " + ", ".join(fmt_sig(float(v)) for v in layer.values.reshape(-1)))
    with right:
        if layer.weights is None:
            st.markdown("**Weights**", help=WEIGHTS_HELP)
            st.caption("This layer has no kernels and no matrix.")
        else:
            maps_sheet(
                layer.weights, title, title="Weights", help=WEIGHTS_HELP, key="networks_weights"
            )
