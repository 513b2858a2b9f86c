"""What the browser needs to run a generator itself."""

import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

from pages.ui.core.state import page_state
from pages.ui.widgets.base.assets import publish
from wgan.export.browser_generator import pack_generator
from wgan.latent import Models


@dataclass
class _Makers:
    """The components of this visitor whose pictures the browser makes, by key."""

    keys: set[str] = field(default_factory=set)


_packed: weakref.WeakKeyDictionary[Models, bytes | None] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def on_browser(run: str, models: Models, label: int | None) -> dict[str, Any] | None:
    """Publish the averaged generator, and return what the browser needs to run it: `Source` in renderer.js.

    Args:
        run: The name of the run.
        models: The networks. They must make pictures.
        label: The class; None if the generator takes none.

    Returns:
        None if the browser cannot run the generator. Then the server makes the samples.
    """
    with _lock:
        if models not in _packed:
            try:
                _packed[models] = pack_generator(models)
            except NotImplementedError:  # a layer that the browser's program lacks
                _packed[models] = None
        content = _packed[models]
    if content is None:
        return None
    return {
        "run": run,
        "address": publish(content),
        "latentDim": models.config.latent_dim,
        "label": -1 if label is None else label,
    }


def browser_makes(key: str) -> bool:
    """Return whether this visitor's browser makes the pictures of a component, so that the server need not."""
    return key in page_state(_Makers).keys


def remember_maker(key: str, message: Any) -> None:
    """Store what a message of a component says about who makes its pictures."""
    if isinstance(message, dict) and message.get("local") is True:
        page_state(_Makers).keys.add(key)
    else:
        page_state(_Makers).keys.discard(key)
