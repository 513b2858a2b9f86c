"""Stability lab: vanishing gradients, lost modes, clipping, sensitivity."""

from pages.ui.labs import stability

stability.show()
