"""`python -m tests.fuzz --target runs|pictures --count N`: read N damaged inputs, each made from its number.

A number that fails belongs into the lists of tests/test_fuzz.py once its fault is mended.
"""

import argparse
import collections
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType

from tests.fuzz import pictures, runs

TARGETS = {"runs": runs.check, "pictures": pictures.check}
MAX_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="runs")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first number")
    parser.add_argument("--child", type=int, default=20, help="each so many in a child process")
    arguments = parser.parse_args()
    outcomes: collections.Counter[str] = collections.Counter()
    failed = []
    signal.signal(signal.SIGALRM, _too_long)
    for seed in range(arguments.first, arguments.first + arguments.count):
        signal.alarm(MAX_SECONDS)
        try:
            with tempfile.TemporaryDirectory() as folder:
                child = seed % arguments.child == 0
                outcome = TARGETS[arguments.target](seed, Path(folder) / "case", child=child)
                outcomes[outcome.partition(":")[0].partition(";")[0]] += 1
        except (Exception, TooLong):
            failed.append(seed)
            print(f"--- {seed}\n{traceback.format_exc(limit=-4)}", flush=True)
        finally:
            signal.alarm(0)
    print(f"{arguments.count:,} cases: {dict(outcomes)}, failed: {failed or 'none'}")
    return 1 if failed else 0


class TooLong(BaseException):
    """No Exception, so that no reader takes it for an error of a file."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong(f"longer than {MAX_SECONDS} seconds")


if __name__ == "__main__":
    sys.exit(main())
