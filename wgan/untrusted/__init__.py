"""Readers of foreign files. They run in the limited child process of `wgan.sandbox` and import no torch."""
