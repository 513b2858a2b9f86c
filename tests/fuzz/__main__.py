"""`python -m tests.fuzz --count N`: import and read N damaged runs, each made from its number.

A number that fails belongs into `KEPT` of tests/test_fuzz.py once its fault is mended.
"""

import argparse
import collections
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType

from tests.fuzz import runs

TARGETS = {"runs": runs.check}
MAX_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="runs")
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first number")
    parser.add_argument("--child", type=int, default=20, help="each so many in a child process")
    given = parser.parse_args()
    outcomes: collections.Counter[str] = collections.Counter()
    failed = []
    signal.signal(signal.SIGALRM, _too_long)
    for seed in range(given.first, given.first + given.count):
        signal.alarm(MAX_SECONDS)
        try:
            with tempfile.TemporaryDirectory() as folder:
                child = seed % given.child == 0
                outcome = TARGETS[given.target](seed, Path(folder) / "case", child=child)
                outcomes["imported" if outcome.startswith("imported") else "refused"] += 1
        except Exception:
            failed.append(seed)
            print(f"--- {seed}\n{traceback.format_exc(limit=-4)}", flush=True)
        finally:
            signal.alarm(0)
    print(f"{given.count:,} cases: {dict(outcomes)}, failed: {failed or 'none'}")
    return 1 if failed else 0


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"longer than {MAX_SECONDS} seconds")


if __name__ == "__main__":
    sys.exit(main())
