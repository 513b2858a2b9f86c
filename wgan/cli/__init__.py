"""The command line: `wgan train`, `wgan app` and the others, also as `python -m wgan`."""
