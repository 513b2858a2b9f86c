"""Wasserstein lab: move the earth, bend the dual, and see why not JS."""

from pages.ui.labs import wasserstein

wasserstein.show()
