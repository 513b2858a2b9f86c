"""Critic: its scores, slopes and layers, and the lower bound of the distance that it gives."""

from pages.ui.critic import page

page.show()
