"""The layers of networks as a chain of pictures, from which the visitor chooses one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pages.ui.widgets.base.edits import edited, receive
from pages.ui.widgets.base.images import data_uri
from pages.ui.widgets.base.registry import component

_DIAGRAM = component(
    "wgan_network_diagram",
    "network_diagram/network_diagram.js",
    "base/controls.css",
    "network_diagram/network_diagram.css",
)

HEIGHT = 206  # pixels of a network: its title, and a row of layers (network_diagram.css)


@dataclass(frozen=True)
class Node:
    """A layer as it is drawn: the title, the shape of its output, its parameters, and a picture of the output.

    If the output is one number, `number` is shown in place of a picture.
    """

    title: str
    shape: str
    parameters: str
    image: bytes | None
    number: str = ""


def network_diagram(
    networks: Sequence[tuple[str, Sequence[Node]]],
    *,
    key: str,
    chosen: int,
    on_change: Callable[[int], None],
) -> int:
    """Show networks below each other, and return the index of the chosen layer, counted over all of them.

    Args:
        networks: The title and the layers of each network.
        key: The component's key.
        chosen: Index of the layer to show as chosen.
        on_change: Stores another choice. It must not draw.
    """
    count = sum(len(layers) for _, layers in networks)

    def check(value: Any) -> int | None:
        return value if type(value) is int and 0 <= value < count else None

    edit = edited(key, chosen, check, on_change)
    data = {
        "networks": [
            {
                "title": title,
                "layers": [
                    {
                        "title": node.title,
                        "shape": node.shape,
                        "parameters": node.parameters,
                        "image": "" if node.image is None else data_uri(node.image),
                        "number": node.number,
                    }
                    for node in layers
                ],
            }
            for title, layers in networks
        ],
        "chosen": edit.value,
        "edit": edit.answer,
        "space": f"height:{HEIGHT * len(networks)}px",
    }
    _DIAGRAM(key=key, data=data, on_edit_change=lambda: receive(key, check))
    return edit.value
