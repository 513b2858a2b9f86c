"""`python -m wgan` is the same as `wgan`."""

from wgan.cli.main import run

if __name__ == "__main__":
    run()
