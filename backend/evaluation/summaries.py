"""What the tables of drags have in common: how the drags of a row went, and how two rows compare on the same pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from .estimates import bootstrap_interval
from .rows import REFERENCE
from .runs import Result
from .words import number, with_interval

DRAG_HEADS = ("tracker's own px", "Mahalanobis", "s", "processor s", "s a step", "steps", "ended")


def mean_of(values: Sequence[float | None]) -> float | None:
    """Of those that there are."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def drag_means(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the drags of one row, from what `bench.Bench.run_row` measured; None for a row that does not drag.

    "seconds_a_step" is all seconds by all steps.
    """
    steps = sum(f.get("steps", 0) for f in figures)
    seconds = sum(f.get("seconds", 0.0) for f in figures)
    names = ("tracked", "walked", "seconds", "processor", "steps")
    return {
        "pairs": len(figures),
        **{name: mean_of([f.get(name) for f in figures]) for name in names},
        "seconds_a_step": seconds / steps if steps else None,
        "outcomes": dict(Counter(f["outcome"] for f in figures if "outcome" in f)),
    }


def drag_cells(row: Mapping[str, Any]) -> list[str]:
    """`drag_means` as the cells under `DRAG_HEADS`."""
    ended = ", ".join(f"{outcome} {count}" for outcome, count in sorted(row["outcomes"].items()))
    return [
        number(row["tracked"], 2),
        number(row["walked"], 1),
        number(row["seconds"], 2),
        number(row["processor"], 2),
        number(row["seconds_a_step"], 3),
        number(row["steps"], 1),
        ended or "–",
    ]


def against(
    name: str, metric: str, these: Mapping[int, Result], reference: Mapping[int, Result]
) -> dict[str, Any]:
    """One row against `reference` on the pairs that both have a figure of.

    Returns:
        "row"; "pairs"; `metric`: by how much its mean is larger, with its 95 % "interval"; "times_faster", "less_work":
        the reference's seconds and processor seconds by this row's.
    """
    both = [
        (one.figures, reference[pair].figures)
        for pair, one in these.items()
        if pair in reference and None not in (one.figures[metric], reference[pair].figures[metric])
    ]
    more = [one[metric] - other[metric] for one, other in both]

    def ratio(what: str) -> float | None:
        own = sum(one[what] for one, _ in both)
        return sum(other[what] for _, other in both) / own if own else None

    return {
        "row": name,
        "pairs": len(both),
        metric: mean_of(more),
        "interval": bootstrap_interval(more),
        "times_faster": ratio("seconds"),
        "less_work": ratio("processor"),
    }


def comparison(one: Mapping[str, Any], metric: str, unit: str) -> str:
    """`against` as a sentence; less than 0 is nearer than `reference`."""
    return (
        f"{one['row']} against {REFERENCE} on the same {one['pairs']} pairs: "
        f"{with_interval(one[metric], one['interval'])} {unit}, {number(one['times_faster'], 1)} times as fast "
        f"({number(one['less_work'], 1)} times less processor time)."
    )


def conditions(about: Mapping[str, Any]) -> str:
    """Under which a table came about, in words."""
    return (
        f"model {about['model']}, {about['resolution']} px, {about['pairs']} pairs, landmarks by {about['detector']}, "
        f"on {about['device']} ({about['processor']}, {about['threads']} threads)"
    )
