"""The verdict of a comparison of runs."""

from collections.abc import Sequence


def ranking(metric: str, runs: Sequence[tuple[str, float, str]], *, lower_is_better: bool) -> str:
    """Return which run has the best value of a metric, and the values of the others, in Markdown.

    Args:
        metric: The title of the metric.
        runs: The title of each run, its value, and its value as text; at least two.
        lower_is_better: Whether lower values are better.
    """
    ordered = sorted(runs, key=lambda run: run[1], reverse=not lower_is_better)
    _, _, best = ordered[0]
    winners = [title for title, _, text in ordered if text == best]
    others = [f"{title} has {text}" for title, _, text in ordered if text != best]
    has, word = "has" if len(winners) == 1 else "have", "lowest" if lower_is_better else "highest"
    verdict = f"**{' and '.join(winners)}** {has} the {word} {metric}: **{best}**."
    if others:
        verdict += f" {', '.join(others)}."
    return f"{verdict} Other seeds can give another order."
