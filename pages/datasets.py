"""Data: view the data sets, add your own images, draw a density."""

from pages.ui.datasets import page

page.show()
