"""Critic: its scores, slopes and layers, and how much of the distance it can prove."""

from pages.ui.critic import page

page.show()
