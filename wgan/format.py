"""Formatting of numbers, durations and sizes for sentences, tables and cards."""

import math
from collections.abc import Sequence


def fmt_duration(seconds: float | None) -> str:
    """Format a duration: 42 s, 3 min 10 s, 2 h 5 min."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole // 60} min {whole % 60:02d} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def fmt_estimate(seconds: float | None) -> str:
    """Format an estimated duration without digits that it cannot have: 8 s, 40 s, 3 min, 1 h 20 min, 9 h."""
    if seconds is None:
        return "–"
    if seconds < 95:
        step = 1 if seconds < 10 else 5 if seconds < 30 else 10
        return f"{step * round(seconds / step)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    minutes = 10 * round(minutes / 10)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest and hours < 5 else f"{round(minutes / 60)} h"


def fmt_bytes(count: float) -> str:
    """Format a number of bytes with a unit."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def fmt_number(value: float) -> str:
    """Format a number for readers: 0.0005, 0.00001, 1,200, −3.2 (not 5e-04, -3.2)."""
    text = f"{value:.12f}".rstrip("0").rstrip(".") if 1e-9 <= abs(value) < 1 else f"{value:,g}"
    return text.replace("-", "−")


def fmt_percent(share: float) -> str:
    """Format a share in [0, 1] as a percentage."""
    return f"{100 * share:.0f} %"


def fmt_share(share: float) -> str:
    """Format a share in [0, 1] as a percentage that is 0 % and 100 % only if these are exact: >99 %, <1 %."""
    percent = 100 * share
    if 0 < percent <= 0.5:
        return "<1 %"
    if 99.5 <= percent < 100 - 1e-6:
        return ">99 %"
    return f"{percent:.0f} %"


def fmt_fixed(value: float, decimals: int) -> str:
    """Format a number with a fixed number of decimals; never −0.00."""
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", "−")


def fmt_digits(value: float | None) -> str:
    """Format a measured number with three digits; a dash for None or NaN."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return fmt_number(float(f"{value:.2g}")) if "e" in text else text.replace("-", "−")


def fmt_sig(value: float) -> str:
    """Format a measured number with exactly three significant digits: 1.50, 18.0, −0.593, 1,234, 3.4×10⁻⁶."""
    text = f"{value:#.3g}".rstrip(".")
    if value == 0 or abs(value) < 1e-3 or "e" in text:
        return fmt_sci(value)
    return text.replace("-", "−")


def fmt_alike(values: Sequence[float]) -> list[str]:
    """Format numbers that are shown together with the same number of decimals, just enough for 2 digits of their range."""
    largest, smallest = max(values), min(values)
    spread = (largest - smallest) or abs(largest) or 1.0
    decimals = min(6, max(0, 1 - math.floor(math.log10(spread))))
    return [fmt_fixed(value, decimals) for value in values]


def fmt_sci(value: float) -> str:
    """Format a measured number like `fmt_digits`, but a very small one as 3.4×10⁻⁶."""
    if not 0 < abs(value) < 1e-3:
        return fmt_digits(value)
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits}×10{str(int(power)).translate(_RAISED)}".replace("-", "−")


def fmt_rounded(value: float) -> str:
    """Format a ratio or another rough number with two digits: 0.0037, 170, 33,000, 2.5×10⁷."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return fmt_number(float(f"{value:.2g}"))
    digits, _, power = f"{value:.1e}".partition("e")
    if not power:
        return fmt_digits(value)  # infinite or NaN
    return f"{digits}×10{str(int(power)).translate(_RAISED)}".replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fmt_value(value: object) -> str:
    """Format the value of a hyperparameter for a table; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "all"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return fmt_number(value)
    return str(value)
