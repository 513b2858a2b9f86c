"""Train: start, watch and steer a run."""

from pages.ui.train import page

page.show()
