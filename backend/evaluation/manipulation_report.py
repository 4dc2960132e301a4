"""The table of face landmark manipulation in words and in pictures."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image

from .bench import Bench
from .manipulation import Case, Key, Plan, case
from .rows import NO_EDIT
from .runs import Result
from .sheets import FOUND, HANDLE, TARGET, marked, page
from .summaries import DRAG_HEADS, comparison, conditions, drag_cells
from .words import number, table, with_interval


def markdown(measured: dict[str, Any]) -> str:
    """The table of `manipulation.summary` as Markdown."""
    about = measured["about"]
    features = about["features"] or "no features"
    heads = (
        *("points", "row", "pairs", "mean distance px [95 %]", f"Fréchet ({features})", "change outside"),
        *("other landmarks px", *DRAG_HEADS),
    )
    rows = [
        (
            row["points"],
            row["row"],
            str(row["pairs"]) + (f" (face lost in {row['lost']})" if row["lost"] else ""),
            with_interval(row["left"], row["interval"]),
            number(row["frechet"], 3),
            number(row["changed"], 2),
            number(row["others"], 2),
            *drag_cells(row),
        )
        for row in measured["rows"]
    ]
    lines = [
        f"Face landmark manipulation: {conditions(about)}, mask: {about['mask']}, at most {about['steps']} steps.",
        "",
        *table(heads, rows),
        "",
        *(f"Points: {one['points']}. {comparison(one, 'left', 'px')}" for one in measured["compared"]),
    ]
    return "\n".join(lines) + "\n"


def sheet(plan: Plan, bench: Bench, results: Mapping[Key, Result]) -> Image.Image | None:
    """Best, median and worst case of each number of points: source, wanted face, and what each row made of it.

    Judged by the mean over all rows that drag. Red: handles, blue: targets, green: where the detector finds them.
    None when nothing was dragged.
    """
    names = list(dict.fromkeys(row for _, row, _ in results if row != NO_EDIT))
    if not names:
        return None
    lines = []
    for points in dict.fromkeys(points for points, _, _ in results):
        left = {
            pair: fmean(_left(results[points, name, pair]) for name in names) for pair in range(plan.pairs)
        }
        order = sorted(left, key=lambda pair: left[pair])
        chosen = dict.fromkeys((order[0], order[len(order) // 2], order[-1]))
        for pair in chosen:
            asked = case(bench, pair, points)
            lines.append(
                [*_asked(asked), *(_made(bench, asked, results[points, name, pair]) for name in names)]
            )
    return page(["source", "wanted", *names], lines)


def _left(result: Result) -> float:
    """A lost face counts as the worst."""
    left = result.figures["left"]
    return np.inf if left is None else left


def _asked(asked: Case) -> list[Image.Image]:
    targets = [asked.wanted.places[name] for name in asked.moved]
    dots = [(asked.source.places[name], HANDLE) for name in asked.moved]
    dots += [(target, TARGET) for target in targets]
    words = f"{len(targets)} points" if len(targets) > 1 else asked.moved[0]
    return [
        marked(asked.source.picture, asked.pairs, dots, words),
        marked(asked.wanted.picture, (), [(target, TARGET) for target in targets]),
    ]


def _made(bench: Bench, asked: Case, result: Result) -> Image.Image:
    after = bench.picture(result.tensors["latent"])
    found = bench.detector.find(after) or {}
    targets = [asked.wanted.places[name] for name in asked.moved]
    dots = [(target, TARGET) for target in targets]
    dots += [(found[name], FOUND) for name in asked.moved if name in found]
    return marked(after, (), dots, f"{number(result.figures['left'], 1)} px, {result.figures['outcome']}")
