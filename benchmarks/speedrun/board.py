"""The record board: docs/speedrun.json holds the results, docs/speedrun.md shows them with the rules."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from benchmarks.speedrun.entries import ENTRIES

MAX_FID = 6.0
"""The threshold: samples with at most this FID are good."""
SAMPLES = 10_000
RECORD_P = 0.05
"""A record's time must be smaller than the one before it with at most this p-value."""

DOCS = Path(__file__).parents[2] / "docs"

RULES = f"""# The record board

How many seconds of training does it take until a GAN draws digits well, on two CPU threads? Each line of the
board is one training program. `make speedrun` measures the newest one against the last record.

## Rules

1. **Data**: the 60,000 training digits of MNIST and their labels, as bytes in memory. No other data, no
   pretrained weights. The held-out digits and the network of the FID must not be used for training.
2. **Goal**: {SAMPLES:,} samples with an FID of at most {MAX_FID:g}, against the 60,000 training digits, in the 64 features of the
   network that comes with this program (`wgan/assets/features-mnist.safetensors`). The samples are made from
   fresh z. A class-conditional generator makes each class equally often.
3. **Clock**: it starts when the entry is called; the data are loaded and the libraries are imported then. It
   includes all that the entry does afterwards: building networks, measuring which precision is
   faster, compiling. Every 0.5 s (before 2026-12-01: every 2 s) the clock stops and the samples are measured. (2,000
   samples are measured first; if their FID is above 1.5 times the threshold, the {SAMPLES:,} are not drawn.) An entry that
   does not reach the goal in 900 s fails.
4. **Processor**: two threads of PyTorch, on a machine with at least two free cores. Caches are empty
   at the start.
5. **Seeds**: 0 to 4. An entry may not choose its settings by the seed.
6. **Record**: the mean over the five seeds is smaller than that of the record before it, with p ≤ {RECORD_P:g} (Welch's
   one-sided t-test). Both are measured in one session on one machine, in turns for each seed. So seconds of
   different lines can be compared only as far as their machines are alike; ratios to the line
   before hold for one machine.

## How to enter

Add one line to `ENTRIES` in `benchmarks/speedrun/entries.py`. An entry is a function of the seed, the data and an
empty folder. It returns an object with `step()`, which makes one step of training, and `sampler()`, which returns a
function that makes n samples. Run `make speedrun` on an idle machine, and send the change of `entries.py`,
`docs/speedrun.json` and this page as a pull request. The times of all five seeds, and the FID at every check, are in
`docs/speedrun.json`.
"""


def stored_results(folder: Path = DOCS) -> dict[str, Any]:
    """Return the content of speedrun.json: by entry, its runs, and those of the record before it in the same session."""
    path = folder / "speedrun.json"
    stored: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return stored


def write_board(results: Sequence[Mapping[str, Any]], folder: Path = DOCS) -> None:
    """Add the results of a session to the stored ones, and write the board.

    Args:
        results: One mapping for each entry and seed, with `entry`, `seed`, `seconds` (None if the goal
            was not reached), `steps`, `checks`, `processor`, `torch`, `commit` and `day`.
        folder: The folder of speedrun.json and speedrun.md.
    """
    stored = stored_results(folder)
    for name in ENTRIES:
        runs = [dict(r) for r in results if r["entry"] == name]
        last_record = next(reversed(records(stored, before=name)), None)
        before = [dict(r) for r in results if r["entry"] == last_record]
        # An entry without the record before it was measured only for comparison.
        if runs and (before or (last_record is None and name not in stored)):
            stored[name] = {"runs": runs, "before": before}
    (folder / "speedrun.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    (folder / "speedrun.md").write_text(page(stored), encoding="utf-8")


def records(stored: Mapping[str, Any], *, before: str = "") -> list[str]:
    """Return the names of the records, from the oldest to the newest; with `before`, only those older than this entry."""
    names = list(ENTRIES)
    older = names[: names.index(before)] if before else names
    return [
        name
        for name in older
        if name in stored
        and (name == names[0] or p_value(stored[name]["runs"], stored[name]["before"]) <= RECORD_P)
    ]


def page(stored: Mapping[str, Any]) -> str:
    """Return docs/speedrun.md."""
    lines = [
        RULES,
        "## Records",
        "",
        "| record | seconds, mean ± sd | steps | the record before it, in the same session | p | what changed | commit | processor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, name in enumerate(name for name in ENTRIES if name in stored):
        runs, before = stored[name]["runs"], stored[name]["before"]
        first = runs[0]
        cells = [
            f"{number}: `{name}`",
            seconds_text(runs),
            f"{statistics.fmean(run['steps'] for run in runs):,.0f}",
            seconds_text(before) if before else "",
            p_text(runs, before) if before else "",
            ENTRIES[name].change,
            f"`{first['commit']}`",
            f"{first['processor']}, {first['day']}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def seconds_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return mean ± standard deviation of the seconds, or how many seeds reached the goal."""
    seconds = [run["seconds"] for run in runs]
    if None in seconds:
        return f"goal reached by {sum(s is not None for s in seconds)} of {len(seconds)} seeds"
    return f"{statistics.fmean(seconds):.1f} ± {statistics.stdev(seconds):.1f}"


def p_value(runs: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> float:
    """Return the p-value of Welch's one-sided t-test that `runs` are not faster than `before`.

    NaN if a run did not reach the goal.
    """
    seconds, seconds_before = ([run["seconds"] for run in each] for each in (runs, before))
    if None in seconds or None in seconds_before:
        return float("nan")
    test = stats.ttest_ind(seconds, seconds_before, equal_var=False, alternative="less")
    return float(test.pvalue)


def p_text(runs: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> str:
    """Return the p-value as text, and whether it is a record."""
    p = p_value(runs, before)
    if p != p:
        return "–"
    text = "< 0.001" if p < 0.001 else f"{p:.3f}"
    return text if p <= RECORD_P else f"{text} (no record)"
