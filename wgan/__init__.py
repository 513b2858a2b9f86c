"""WGAN Explorer's library: train Wasserstein GANs, record them, look inside. It knows no user interface."""

import os

__version__ = "0.1.0"

# Before torch loads OpenMP. Its threads wait for each other by spinning; with another program on the
# same cores (a browser, say) they then spin away the very time they wait for: two threads on two busy
# cores made 2 steps a second so, and 10.6 with short spins, which cost 3 % on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
