"""Why training fails, tried out: gradients that vanish, modes that are lost, clipping, sensitivity."""

from pages.components.entry import guard

guard()

from pages.components import stability

stability.page()
