"""Face landmark manipulation: landmarks of one random face are dragged to where another face has them.

Source: Pan et al., "Drag Your GAN", SIGGRAPH 2023, section 4.2, with every registered engine instead of theirs alone,
and with the landmarks found by a detector that knows nothing of the drag.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from backend.errors import PullfaceError
from backend.training.frechet import frechet_distance

from .bench import Bench, Face, Setting
from .detectors import Places
from .drags import round_mask
from .estimates import bootstrap_interval
from .features import Features, features_for
from .rows import NO_EDIT, REFERENCE, Row, choose
from .runs import Result, RunFolder, Task, Tell, complete, digest
from .summaries import against, drag_means, mean_of

VERSION = 1
"""Of what a task does; a change of it makes all files of earlier runs count for nothing."""

ALL = "all"
MASKS = ("none", "around")
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Plan(Setting):
    """What to measure.

    points: how many landmarks are dragged at once, or "all" that the detector knows; one block of rows each.
    mask: "none" as in the paper, or "around": only what is around the handles and their targets may move.
    """

    points: tuple[str, ...] = ("1", "5", ALL)
    mask: str = "none"

    def __post_init__(self) -> None:
        """Raises PullfaceError "bad_options"."""
        super().__post_init__()
        for points in self.points:
            if points != ALL and not (points.isdecimal() and int(points) > 0):
                raise PullfaceError(
                    "bad_options", f"--points cannot be {points!r}.", "Give numbers of at least 1, or all."
                )
        if self.mask not in MASKS:
            raise PullfaceError(
                "bad_options", f"--mask cannot be {self.mask!r}.", f"Choose of: {', '.join(MASKS)}."
            )


@dataclass(frozen=True)
class Case:
    """One pair of faces and what is asked of the first.

    moved: names of the landmarks that are dragged. region: float32 [R, R], above 0 where something was asked.
    """

    source: Face
    wanted: Face
    moved: tuple[str, ...]
    region: NDArray[np.float32]

    @property
    def pairs(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """(handle, target), crop space."""
        return [(self.source.places[name], self.wanted.places[name]) for name in self.moved]


def case(bench: Bench, pair: int, points: str) -> Case:
    """Pair number `pair`; which landmarks move depends on it and on the seed only."""
    source, wanted = bench.face(pair, 0), bench.face(pair, 1)
    names = list(source.places)
    order = np.random.default_rng([bench.seed, pair, 2]).permutation(len(names))
    count = len(names) if points == ALL else min(int(points), len(names))
    moved = tuple(names[index] for index in sorted(order[:count]))
    places = [face.places[name] for face in (source, wanted) for name in moved]
    region = np.max([round_mask(place, bench.side) for place in places], axis=0)
    return Case(source, wanted, moved, region)


def measure(plan: Plan) -> tuple[Bench, dict[Key, Result]]:
    """Run what is missing of a plan.

    Returns:
        What it was measured with, and a result for each number of points, row and pair.

    Raises:
        PullfaceError: the model, the detector, an engine or the folder is not there.
    """
    bench = Bench(plan)
    folder = RunFolder(plan.run)
    rows = choose(plan.engines, plan.mask != "none", bench.model.generator)
    features = features_for(bench.model)
    versions = {row.name: bench.version_of(row) for row in rows}
    tasks = {
        (points, row.name, pair): _task(plan, bench, features, row, points, pair, versions[row.name])
        for pair in range(plan.pairs)
        for points in dict.fromkeys(plan.points)
        for row in rows
    }
    results = complete(folder, list(tasks.values()), "landmarks")
    return bench, {key: results[task.name] for key, task in tasks.items()}


Key = tuple[str, str, int]
"""Points, row, pair."""


def _named(features: Features | None) -> dict[str, Any]:
    return {
        "features": None if features is None else features.name,
        "published_features": features is not None and features.published,
    }


def _task(
    plan: Plan,
    bench: Bench,
    features: Features | None,
    row: Row,
    points: str,
    pair: int,
    version: Sequence[str],
) -> Task:
    options = None if row.engine is None else bench.options_of(row)
    settings = [VERSION, points, plan.mask, repr(options), pair, _named(features), version]
    return Task(
        f"landmarks-{row.name}-{points}-{pair:04d}-{digest(bench.basis, settings)}",
        f"pair {pair + 1}, {points}, {row.name}",
        lambda tell: _work(plan, bench, features, row, case(bench, pair, points), tell),
    )


def _work(plan: Plan, bench: Bench, features: Features | None, row: Row, asked: Case, tell: Tell) -> Result:
    mask = asked.region if plan.mask == "around" else None
    end = bench.run_row(row, asked.source, asked.pairs, mask, tell)
    figures = {"moved": list(asked.moved), **end.figures}
    figures |= compared(asked, end.picture, bench.detector.find(end.picture))
    tensors = {"latent": end.latent}
    if features is not None:
        tensors["features"] = features.of(end.picture)
    return Result(figures, tensors)


def compared(asked: Case, after: Picture, found: Places | None) -> dict[str, Any]:
    """What the picture `after` a drag shows of what was asked.

    Args:
        asked: the case.
        after: uint8 [R, R, 3].
        found: the detector's landmarks in it; None when it finds no face any more.

    Returns:
        "left": mean distance of the dragged landmarks to their targets, px; None without a face.
        "changed": mean change of the colours outside the region, levels of 255; None when that is everything.
        "others": mean way of the landmarks that were not dragged and lie outside the region, px; None without any.
    """
    outside = asked.region <= 0
    change = np.abs(after.astype(np.float64) - asked.source.picture).mean(axis=2)
    before, targets = asked.source.places, asked.wanted.places
    others = [
        name
        for name, (x, y) in before.items()
        if name not in asked.moved and outside[int(y), int(x)] and found is not None
    ]
    return {
        "left": None if found is None else fmean(math.dist(found[n], targets[n]) for n in asked.moved),
        "changed": float(change[outside].mean()) if outside.any() else None,
        "others": fmean(math.dist(found[n], before[n]) for n in others) if found and others else None,
    }


def summary(plan: Plan, bench: Bench, results: Mapping[Key, Result]) -> dict[str, Any]:
    """The table.

    Returns:
        "about": how it came about; "rows", one for each number of points and row, see `_row`; "compared": each row
        against `reference` on the same pairs, see `summaries.against`; "results": the figures of every drag.
    """
    by_row: dict[tuple[str, str], dict[int, Result]] = {}
    for (points, name, pair), result in results.items():
        by_row.setdefault((points, name), {})[pair] = result
    rows = [
        _row(points, name, these, by_row[points, NO_EDIT]) for (points, name), these in sorted_rows(by_row)
    ]
    return {
        "about": {
            **bench.about(),
            **_named(features_for(bench.model)),
            "mask": plan.mask,
        },
        "rows": rows,
        "compared": [
            {"points": points, **against(name, "left", these, by_row[points, REFERENCE])}
            for (points, name), these in sorted_rows(by_row)
            if name not in (NO_EDIT, REFERENCE) and (points, REFERENCE) in by_row
        ],
        "results": [
            {"points": points, "row": name, "pair": pair, **result.figures}
            for (points, name, pair), result in results.items()
        ],
    }


def sorted_rows(
    by_row: Mapping[tuple[str, str], dict[int, Result]],
) -> list[tuple[tuple[str, str], dict[int, Result]]]:
    """By number of points, "all" last; within them as they were asked for."""
    return sorted(by_row.items(), key=lambda item: math.inf if item[0][0] == ALL else int(item[0][0]))


def _row(points: str, name: str, these: dict[int, Result], unedited: dict[int, Result]) -> dict[str, Any]:
    """Means over the pairs of one row.

    "left" is the mean distance (px) with its 95 % "interval"; "lost" counts pictures in which no face is found any
    more, which have no distance.
    """
    figures = [result.figures for result in these.values()]
    left = [f["left"] for f in figures if f["left"] is not None]
    return {
        "points": points,
        "row": name,
        **drag_means(figures),
        "left": mean_of(left),
        "interval": bootstrap_interval(left),
        "lost": len(figures) - len(left),
        "frechet": None if name == NO_EDIT else _frechet(these, unedited),
        "changed": mean_of([f["changed"] for f in figures]),
        "others": mean_of([f["others"] for f in figures]),
    }


def _frechet(these: dict[int, Result], unedited: dict[int, Result]) -> float | None:
    """Of the edited against the unedited pictures; None of fewer than two, or without features."""
    sets = [
        [result.tensors["features"].double() for result in some.values() if "features" in result.tensors]
        for some in (unedited, these)
    ]
    if min(map(len, sets)) < 2:
        return None
    before, after = (torch.stack(some) for some in sets)
    return frechet_distance(before, after)
