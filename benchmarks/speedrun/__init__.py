"""How fast a GAN learns to draw digits on two CPU threads: `python -m benchmarks.speedrun`."""
