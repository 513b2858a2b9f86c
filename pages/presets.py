"""Presets: what each reproduces, where it comes from and what to expect."""

from pages.components.entry import guard

guard()

from pages.components import library

library.show(library.sidebar())
library.watch_saved()
