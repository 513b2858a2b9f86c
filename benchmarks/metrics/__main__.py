"""Measures all sections and writes the page docs/metrics.md."""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import benchmarks.metrics
from benchmarks.metrics import points
from benchmarks.metrics.feature_distances import distances, floors, gaussians
from benchmarks.metrics.picture_sets import picture_sets
from benchmarks.metrics.report import Section, page_text
from benchmarks.metrics.samples import known_answers, neighbours, stacked
from wgan.data import Dataset, FashionMnist, Mnist, Mnist10k, Pictures

ROOT = Path(__file__).parents[2]
DOWNLOADED = (Mnist(), FashionMnist())


def sections() -> Iterator[Section]:
    """Yield all sections, one after the other."""
    yield gaussians()
    yield points.distances()
    yield points.modes()
    # With a list of all classes the bundled pictures are their own reference; full MNIST is absent.
    bundled = Mnist10k(classes=tuple("0123456789"))
    digits: Dataset = DOWNLOADED[0] if DOWNLOADED[0].present() else bundled
    for dataset in (digits, DOWNLOADED[1]):
        if not dataset.present():
            continue
        data = dataset.load()
        assert isinstance(data, Pictures)
        sets = picture_sets(dataset, data)
        yield from distances(sets, sets.reference_stats.network.features(data.train))
        yield neighbours(sets)
        yield known_answers(sets)
        yield floors(sets)
        if dataset is digits:
            yield stacked(data)


def main() -> None:
    """Measure all sections and write the page. With `--json`, print the numbers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metrics",
        description=benchmarks.metrics.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "metrics.md")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    # torchmetrics warns that it keeps all features in memory. They are small.
    warnings.simplefilter("ignore")
    start = time.monotonic()
    results = []
    for section in sections():
        print(f"{time.monotonic() - start:4.0f} s  {section.title}", file=sys.stderr, flush=True)
        results.append(section)
    absent = [dataset.title for dataset in DOWNLOADED if not dataset.present()]
    text = page_text(results, absent, time.process_time())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    if options.json:
        print(json.dumps([{"section": s.title, **row.__dict__} for s in results for row in s.rows]))
    else:
        print(text)


if __name__ == "__main__":
    main()
