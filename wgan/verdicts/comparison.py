"""The verdict of a comparison of runs."""

from collections.abc import Sequence

MAX_DIFFERENCES = 3
"""Maximum number of settings that are named."""


def ranking(
    metric: str,
    runs: Sequence[tuple[str, float, str]],
    *,
    lower_is_better: bool,
    differences: Sequence[str] = (),
) -> str:
    """Return which run has the best value of a metric, and the values of the others, in Markdown.

    Args:
        metric: The title of the metric.
        runs: The title of each run, its value, and its value as text; at least two.
        lower_is_better: Whether lower values are better.
        differences: The titles of the settings in which the runs differ.
    """
    ordered = sorted(runs, key=lambda run: run[1], reverse=not lower_is_better)
    _, _, best = ordered[0]
    winners = [title for title, _, text in ordered if text == best]
    others = [f"{title} has {text}" for title, _, text in ordered if text != best]
    has, word = "has" if len(winners) == 1 else "have", "lowest" if lower_is_better else "highest"
    verdict = f"**{' and '.join(winners)}** {has} the {word} {metric}: **{best}**."
    if others:
        verdict += f" {', '.join(others)}."
    if len(differences) > 1:
        named = ", ".join(differences[:MAX_DIFFERENCES])
        more = len(differences) - MAX_DIFFERENCES
        named += f" and {more} more" if more > 0 else ""
        verdict += f" The runs differ in {len(differences)} settings, so it is not clear which one matters: {named}."
    return f"{verdict} Other seeds can give another order."
