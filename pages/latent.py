"""Latent: walk through latent space, map it, and find pictures in it."""

from pages.ui.latent import page

page.show()
