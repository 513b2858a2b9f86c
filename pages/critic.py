"""Critic: its scores, its slopes, its layers, and how good it can get."""

from pages.ui.critic import page

page.show()
