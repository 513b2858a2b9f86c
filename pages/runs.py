"""Runs: find, open, name, fork, export and delete runs."""

from pages.ui.runs import page

page.show()
