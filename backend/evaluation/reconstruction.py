"""Paired image reconstruction: a face is dragged to a slightly changed one along points of the flow between both.

Source: Pan et al., "Drag Your GAN", SIGGRAPH 2023, section 4.2. The second picture's w+ is known, so what a drag makes
of the first can be compared with all of it, not with some points alone. The paper takes the flow from RAFT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import PullfaceError

from . import optical_flow
from .bench import Bench, Face, Setting
from .estimates import bootstrap_interval, mahalanobis
from .rows import NO_EDIT, REFERENCE, Row, choose
from .runs import Result, RunFolder, Task, Tell, complete, digest
from .sheets import HANDLE, TARGET, marked, page
from .similarity import lpips
from .summaries import DRAG_HEADS, against, comparison, conditions, drag_cells, drag_means, mean_of
from .words import number, table, with_interval

VERSION = 1
"""Of what a task does; a change of it makes all files of earlier runs count for nothing."""

POINTS = 32
CHANGED_LAYERS = 6
"""Entries of w+ that differ, counted from the coarsest: those that a drag may change."""

CHANGE = 0.3
"""Of the way to another random face."""

_LEAST_MOTION = 1.0
"""Px; what moves less is no point to drag."""

Picture = NDArray[np.uint8]
Key = tuple[str, int]
"""Row, pair."""


@dataclass(frozen=True)
class Case:
    """One pair: `source` is dragged along `pairs` [32, 2 (handle, target), 2], `wanted` is the second picture."""

    source: Face
    wanted: Picture
    pairs: NDArray[np.float64]
    walk: float
    """Mahalanobis distance of the two w+."""


def case(bench: Bench, pair: int) -> Case:
    """Pair number `pair`.

    Raises:
        PullfaceError: ``no_flow`` without OpenCV; ``nothing_moves`` when the model shows the same for both w+.
    """
    source, other = bench.face(pair, 0), bench.face(pair, 1)
    latent = source.latent.clone()
    latent[:, :CHANGED_LAYERS] += CHANGE * (other.latent - source.latent)[:, :CHANGED_LAYERS]
    wanted = bench.picture(latent)
    flow, sure = optical_flow.consistent_flow(source.picture, wanted)
    moves = np.linalg.norm(flow, axis=2) >= _LEAST_MOTION
    good = np.argwhere(sure & moves & optical_flow.structured(source.picture))
    if not len(good):
        raise PullfaceError(
            "nothing_moves",
            f"Nothing moves between the pictures of pair {pair + 1} of the model {bench.model.name}.",
            "Choose another model, or other faces with --seed.",
        )
    random = np.random.default_rng([bench.seed, pair, 3])
    chosen = good[random.choice(len(good), min(POINTS, len(good)), replace=False)]
    handles = chosen[:, ::-1] + 0.5
    targets = handles + flow[chosen[:, 0], chosen[:, 1]]
    walk = mahalanobis(latent[0] - source.latent[0], bench.model.w_covariance)
    return Case(source, wanted, np.stack([handles, targets.clip(0, bench.side - 1e-3)], axis=1), walk)


def measure(plan: Setting) -> tuple[Bench, dict[Key, Result]]:
    """Run what is missing of a plan; a result for each row and pair.

    Raises:
        PullfaceError: the model, the detector, an engine, OpenCV or the folder is not there.
    """
    optical_flow.require()
    bench = Bench(plan)
    folder = RunFolder(plan.run)
    case_of = lru_cache(maxsize=2)(lambda pair: case(bench, pair))
    rows = choose(plan.engines, masked=False, generator=bench.model.generator)
    basis = {row.name: [VERSION, bench.basis, bench.version_of(row)] for row in rows}

    def task(row: Row, pair: int) -> Task:
        options = None if row.engine is None else repr(bench.options_of(row))
        return Task(
            f"reconstruction-{row.name}-{pair:04d}-{digest(basis[row.name], str(options), pair)}",
            f"pair {pair + 1}, {row.name}",
            lambda tell: _work(bench, row, case_of(pair), tell),
        )

    tasks = {(row.name, pair): task(row, pair) for pair in range(plan.pairs) for row in rows}
    results = complete(folder, list(tasks.values()), "reconstruction")
    return bench, {key: results[task.name] for key, task in tasks.items()}


def _work(bench: Bench, row: Row, asked: Case, tell: Tell) -> Result:
    end = bench.run_row(row, asked.source, asked.pairs, None, tell)
    figures = {
        **end.figures,
        "mse": 100 * squared_error(end.picture, asked.wanted),
        "lpips": lpips(end.picture, asked.wanted),
        "asked": float(np.linalg.norm(asked.pairs[:, 1] - asked.pairs[:, 0], axis=1).mean()),
        "way": asked.walk,
    }
    return Result(figures, {"latent": end.latent})


def squared_error(first: Picture, second: Picture) -> float:
    """Mean square difference of the values, from −1 to 1 as the model gives them."""
    return float(np.square((first.astype(np.float64) - second) / 127.5).mean())


def summary(bench: Bench, results: Mapping[Key, Result]) -> dict[str, Any]:
    """The table: "about"; "rows" with "mse" (times 100) and its "interval", "lpips", and how the drags went;
    "compared", see `summaries.against`; "results": the figures of every drag.
    """
    by_row: dict[str, dict[int, Result]] = {}
    for (name, pair), result in results.items():
        by_row.setdefault(name, {})[pair] = result
    rows = []
    for name, these in by_row.items():
        figures = [result.figures for result in these.values()]
        rows.append(
            {
                "row": name,
                **drag_means(figures),
                **{what: mean_of([f[what] for f in figures]) for what in ("mse", "lpips", "asked", "way")},
                "interval": bootstrap_interval([f["mse"] for f in figures]),
            }
        )
    return {
        "about": {**bench.about(), "points": POINTS, "change": CHANGE, "changed_layers": CHANGED_LAYERS},
        "rows": rows,
        "compared": [
            against(name, "mse", these, by_row[REFERENCE])
            for name, these in by_row.items()
            if name not in (NO_EDIT, REFERENCE) and REFERENCE in by_row
        ],
        "results": [
            {"row": name, "pair": pair, **result.figures} for (name, pair), result in results.items()
        ],
    }


def markdown(measured: Mapping[str, Any]) -> str:
    """The table of `summary` as Markdown."""
    about, first = measured["about"], measured["rows"][0]
    rows = [
        (
            row["row"],
            str(row["pairs"]),
            with_interval(row["mse"], row["interval"]),
            number(row["lpips"], 3),
            *drag_cells(row),
        )
        for row in measured["rows"]
    ]
    lines = [
        f"Paired image reconstruction: {conditions(about)}, at most {about['steps']} steps, {about['points']} points "
        f"that move {first['asked']:.1f} px; the second w+ is {first['way']:.1f} from the first.",
        "",
        *table(("row", "pairs", "MSE × 100 [95 %]", "LPIPS", *DRAG_HEADS), rows),
        "",
        *(comparison(one, "mse", "MSE × 100") for one in measured["compared"]),
    ]
    return "\n".join(lines) + "\n"


def sheet(bench: Bench, results: Mapping[Key, Result]) -> Image.Image | None:
    """Best, median and worst pair by the mean error of all rows that drag; None when none does."""
    names = list(dict.fromkeys(row for row, _ in results if row != NO_EDIT))
    if not names:
        return None
    pairs = sorted(
        {pair for _, pair in results},
        key=lambda pair: sum(results[name, pair].figures["mse"] for name in names),
    )
    lines = []
    for pair in dict.fromkeys((pairs[0], pairs[len(pairs) // 2], pairs[-1])):
        asked = case(bench, pair)
        handles, targets = ([(float(x), float(y)) for x, y in asked.pairs[:, which]] for which in (0, 1))
        dots = [(handle, HANDLE) for handle in handles] + [(target, TARGET) for target in targets]
        line = [marked(asked.source.picture, list(zip(handles, targets)), dots), marked(asked.wanted)]
        for name in names:
            result = results[name, pair]
            words = f"MSE x 100: {result.figures['mse']:.2f}, {result.figures['outcome']}"
            line.append(marked(bench.picture(result.tensors["latent"]), words=words))
        lines.append(line)
    return page(["source", "wanted", *names], lines)
