"""Presets: what each one reproduces, its source, and what to expect."""

from pages.ui.presets import page

page.show()
