"""The point trackers alone: walks whose motion is known, and how far from it each tracker ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.errors import PullfaceError

from . import optical_flow
from .bench import Bench, Setting
from .estimates import bootstrap_interval
from .runs import Result, RunFolder, Task, Tell, complete, digest
from .sheets import FOUND, HANDLE, TARGET, marked, page
from .sources import version_of
from .summaries import conditions, mean_of
from .trackers import NEED_FLOW, TRACKERS, Tracker
from .walks import KINDS, Walk, check_factors, detected, factor_walk, latent_walk
from .words import number, table, with_interval

VERSION = 1
"""Of what a task does; a change of it makes all files of earlier runs count for nothing."""

LOST = 0.05
"""A point that ends farther from the truth than this part of the picture's side is counted as lost."""

STILL, DETECTOR = "still", "detector"
Key = tuple[str, str, int]
"""Kind of walk, tracker, number of the walk."""


@dataclass(frozen=True)
class Plan(Setting):
    """What to measure. steps: frames of a walk after the first. walks: of `walks.KINDS`; None = those that work."""

    walks: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Raises PullfaceError "bad_options"."""
        super().__post_init__()
        for kind in self.walks or ():
            if kind not in KINDS:
                raise PullfaceError(
                    "bad_options", f"--walks cannot be {kind!r}.", f"Choose of: {', '.join(KINDS)}."
                )


def choose(wanted: Sequence[str] | None) -> list[str]:
    """Names of the trackers to measure: "still" always, then `wanted`, or all that can run here.

    Raises:
        PullfaceError: ``unknown_engine``, or ``no_flow`` when OpenCV is missing for one of them.
    """
    for name in wanted or ():
        if name not in TRACKERS:
            raise PullfaceError(
                "unknown_engine",
                f"There is no tracker called “{name}”.",
                f"Choose of: {', '.join(TRACKERS)}.",
            )
        if name in NEED_FLOW:
            optical_flow.require()
    there = [name for name in TRACKERS if optical_flow.is_there() or name not in NEED_FLOW]
    return list(dict.fromkeys([STILL, *(wanted or there)]))


def measure(plan: Plan) -> tuple[Bench, dict[Key, Result]]:
    """Run what is missing of a plan; a result for each kind of walk, tracker and pair of faces.

    Raises:
        PullfaceError: the model, the detector, a tracker, the motion of the walk or the folder is not there.
    """
    names = choose(plan.engines)
    bench = Bench(plan)
    folder = RunFolder(plan.run)
    kinds = list(dict.fromkeys(plan.walks or KINDS))
    if "factors" in kinds:
        try:
            check_factors(bench)
        except PullfaceError as error:
            if plan.walks is not None:
                raise
            kinds.remove("factors")
            print(f"{error.message} Measured are the other walks.", file=sys.stderr)
    walk_of = lru_cache(maxsize=1)(lambda kind, pair: walk(bench, kind, pair))
    versions = [version_of(program) for program in (__name__, type(bench.model.generator).__module__)]

    def task(kind: str, name: str, pair: int) -> Task:
        return Task(
            f"tracking-{kind}-{name}-{pair:04d}-{digest(bench.basis, versions, VERSION, plan.steps, kind, name, pair)}",
            f"{kind} walk {pair + 1}, {name}",
            lambda tell: _work(bench, walk_of(kind, pair), name, tell),
        )

    tasks = {
        (kind, name, pair): task(kind, name, pair)
        for kind in kinds
        for pair in range(plan.pairs)
        for name in (*names, *([DETECTOR] if kind == "factors" else []))
    }
    results = complete(folder, list(tasks.values()), "tracking")
    return bench, {key: results[task.name] for key, task in tasks.items()}


def walk(bench: Bench, kind: str, pair: int) -> Walk:
    """Walk number `pair` of that kind, with as many steps as the bench's setting says; see `walks` for the errors."""
    make = factor_walk if kind == "factors" else latent_walk
    return make(bench, pair, bench.setting.steps)


def _tracker(bench: Bench, known: Walk, name: str) -> Tracker:
    if name == DETECTOR:  # how well it knows the renderer's landmarks in the generator's pictures
        return lambda frame: detected(bench, frame, known.names)
    return TRACKERS[name](known.frames[0], known.handles)


def _work(bench: Bench, known: Walk, name: str, tell: Tell) -> Result:
    def made() -> float:
        return sum(frame.making for frame in known.frames)

    tracker = _tracker(bench, known, name)
    places, seconds = [], 0.0
    for done, frame in enumerate(known.frames, start=1):
        begun = time.monotonic() - made()
        places.append(tracker(frame))
        seconds += time.monotonic() - made() - begun
        tell(done / len(known.frames))
    tracked = np.array(places)
    figures = errors(tracked, known.truth, bench.side) | {"seconds_a_step": seconds / len(known.frames)}
    return Result(figures, {"tracked": torch.from_numpy(tracked)})


def errors(tracked: NDArray[np.float64], truth: NDArray[np.float64], side: int) -> dict[str, Any]:
    """How far tracked points are from the truth; both count by their motion since the first frame.

    Args:
        tracked, truth: [frames, N, 2], px.
        side: of the picture, px.

    Returns:
        "moved": mean motion of the truth at the end, px; "end": mean error there; "way": mean error over all frames
        but the first; "lost": part of the points whose error at the end is above `LOST`.
    """
    motion, true_motion = tracked - tracked[0], truth - truth[0]
    error = np.linalg.norm(motion - true_motion, axis=2)
    return {
        "moved": float(np.linalg.norm(true_motion[-1], axis=1).mean()),
        "end": float(error[-1].mean()),
        "way": float(error[1:].mean()),
        "lost": float((error[-1] > LOST * side).mean()),
    }


def summary(bench: Bench, results: Mapping[Key, Result]) -> dict[str, Any]:
    """The table: "about"; "rows" with means over the walks of what `errors` says and the 95 % "interval" of "end";
    "results": the figures of every walk.
    """
    by_row: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (kind, name, _), result in results.items():
        by_row.setdefault((kind, name), []).append(result.figures)
    return {
        "about": bench.about(),
        "rows": [
            {
                "walk": kind,
                "row": name,
                "pairs": len(figures),
                "interval": bootstrap_interval([f["end"] for f in figures]),
                **{
                    what: mean_of([f[what] for f in figures])
                    for what in ("moved", "end", "way", "lost", "seconds_a_step")
                },
            }
            for (kind, name), figures in by_row.items()
        ],
        "results": [
            {"walk": kind, "row": name, "pair": pair, **result.figures}
            for (kind, name, pair), result in results.items()
        ],
    }


def markdown(measured: Mapping[str, Any]) -> str:
    """The table of `summary` as Markdown."""
    about = measured["about"]
    heads = (
        "walk",
        "tracker",
        "walks",
        "moved px",
        "error at the end px [95 %]",
        "on the way px",
        "lost",
        "ms a step",
    )
    rows = [
        (
            row["walk"],
            row["row"],
            str(row["pairs"]),
            number(row["moved"], 2),
            with_interval(row["end"], row["interval"]),
            number(row["way"], 2),
            f"{100 * row['lost']:.0f} %",
            number(1000 * row["seconds_a_step"], 1),
        )
        for row in measured["rows"]
    ]
    return (
        "\n".join([f"Point tracking: {conditions(about)}, {about['steps']} steps.", "", *table(heads, rows)])
        + "\n"
    )


def sheet(bench: Bench, results: Mapping[Key, Result]) -> Image.Image | None:
    """Best, median and worst walk of each kind by the mean of all trackers: the first frame, and the last with what
    each tracker says. Red: handles, blue: the truth, green: tracked.
    """
    names = list(dict.fromkeys(name for _, name, _ in results if name not in (STILL, DETECTOR)))
    if not names:
        return None
    lines = []
    for kind in dict.fromkeys(kind for kind, _, _ in results):
        pairs = sorted(
            {pair for _, _, pair in results},
            key=lambda pair: sum(results[kind, name, pair].figures["end"] for name in names),
        )
        for pair in dict.fromkeys((pairs[0], pairs[len(pairs) // 2], pairs[-1])):
            known = walk(bench, kind, pair)
            handles, truth = _points(known.handles), _points(known.handles + known.truth[-1] - known.truth[0])
            first = marked(
                known.frames[0].picture, list(zip(handles, truth)), [(p, HANDLE) for p in handles], kind
            )
            line = [first]
            for name in names:
                result = results[kind, name, pair]
                tracked = _points(result.tensors["tracked"][-1].numpy())
                dots = [(p, TARGET) for p in truth] + [(p, FOUND) for p in tracked]
                words = f"{result.figures['end']:.1f} px"
                line.append(marked(known.frames[-1].picture, list(zip(truth, tracked)), dots, words))
            lines.append(line)
    return page(["first frame", *names], lines)


def _points(places: NDArray[np.float64]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in places]
