"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float | None, digits: int) -> str:
    """Rounded, or a dash for what there is not."""
    return "–" if value is None else f"{value:.{digits}f}"


def with_interval(value: float | None, interval: Sequence[float] | None, digits: int = 2) -> str:
    """``1.23 [1.01, 1.45]``."""
    if value is None or interval is None:
        return number(value, digits)
    return f"{number(value, digits)} [{number(interval[0], digits)}, {number(interval[1], digits)}]"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
