"""Train: start a run, watch it, steer it."""

from pages.ui.train import page

page.show()
