"""The library of WGAN Explorer: train, record and analyse Wasserstein GANs, without a user interface."""

import os

__version__ = "0.1.0"

# Set this before torch loads OpenMP, whose threads wait for each other in a busy loop. If another
# program (a browser, say) uses the same cores, that loop takes the time that the threads wait for:
# two threads on two busy cores made 2 steps per second, and 10.6 with a short loop, which costs 3 %
# on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
