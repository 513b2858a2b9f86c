"""WGAN Explorer's library: train Wasserstein GANs, record them, look inside. It knows no user interface."""
