"""Presets: what each reproduces, where it comes from, and what to expect."""

from pages.ui.presets import page

page.show()
