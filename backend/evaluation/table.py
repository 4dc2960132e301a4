"""The inversion table: every picture with every method, on one machine in one run, and what comes out of it.

Each job is a process of its own (`job.py`) and leaves a file; what is there is not done again, so a run that was
stopped goes on where it was. A job's file is named by all that decides it: model, picture, method, settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from PIL import Image
from tqdm import tqdm

from backend.errors import PullfaceError
from backend.models.catalogue import DEFAULT_MODEL, find

from .drags import PULLS, STEPS
from .methods import METHODS, PUBLISHED_STEPS
from .pictures import TestPicture, outside, renders, textured
from .runs import RunFolder, read_json

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("render", "textured", "outside")
VERSION = 3
"""Of what a job does; a change of it makes all files of earlier runs count for nothing."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    model: name or file. pictures: of each group, for our method. pti_pictures: the first of them also by `pti`.
    samples: of the model's own, dragged for comparison. folder: of pictures from elsewhere. run: where all is kept.
    pti_steps, options, drag_steps, threads: see `job`.
    """

    run: Path
    model: str = DEFAULT_MODEL
    pictures: int = 6
    pti_pictures: int = 2
    samples: int = 8
    folder: Path | None = None
    groups: tuple[str, ...] = GROUPS
    pti_steps: tuple[int, int] = PUBLISHED_STEPS
    options: dict[str, Any] = field(default_factory=dict)
    drag_steps: int = STEPS
    threads: int = 0


@dataclass(frozen=True)
class Job:
    """One process; see `job.run`. name: of its files."""

    name: str
    method: str
    group: str
    picture: str
    folder: str
    model: str
    pti_steps: list[int]
    options: dict[str, Any]
    drag_steps: int
    samples: int
    threads: int


def measure(plan: Plan) -> dict[str, Any]:
    """Run what is missing of a plan.

    Returns:
        "rows", one for each group and method, see `summary`; "samples"; "ratios"; "jobs" with everything.

    Raises:
        PullfaceError: the model or a picture cannot be read, or a job failed.
    """
    jobs = plan_jobs(plan)
    results: dict[str, dict[str, Any]] = {}
    with tqdm(total=float(len(jobs)), desc="inversion table", bar_format=_FORM, mininterval=1) as bar:
        for number, job in enumerate(jobs):
            done = Path(job.folder) / f"{job.name}.json"
            if read_json(done) is None:
                for fraction, stage in _run(job):
                    _show(bar, number + fraction, job, stage)
            results[job.name] = read_json(done) or {}
            _show(bar, number + 1.0, job, "done")
    return summary(plan, jobs, results)


_FORM = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}{postfix}"


def _show(bar: Any, value: float, job: Job, stage: str) -> None:
    bar.n = round(value, 3)
    bar.set_postfix_str(f"{job.method} {job.group} {stage}")


def plan_jobs(plan: Plan) -> list[Job]:
    """The jobs of a plan; their pictures are written to the run's folder."""
    model = find(plan.model)
    path = model.path.absolute()
    RunFolder(plan.run)
    basis = f"{VERSION} {_digest(path.read_bytes())} {plan.drag_steps}"
    jobs = [_job(plan, path, "samples", "samples", None, f"{basis} {plan.samples}")]
    for picture in _pictures(plan, model.resolution):
        file = plan.run / f"{picture.group}-{_digest(picture.rgb.tobytes())}.png"
        if not file.exists():
            Image.fromarray(picture.rgb).save(file)
        for method in METHODS:
            setting = f"{plan.pti_steps}" if method == "pti" else json.dumps(plan.options, sort_keys=True)
            jobs.append(
                _job(plan, path, method, picture.group, file, f"{basis} {file.name} {method} {setting}")
            )
    seen = {"pti": dict.fromkeys(plan.groups, 0)}
    kept = []
    for job in jobs:
        if job.method == "pti":
            seen["pti"][job.group] += 1
            if seen["pti"][job.group] > plan.pti_pictures:
                continue
        kept.append(job)
    return kept


def _pictures(plan: Plan, resolution: int) -> Iterator[TestPicture]:
    if plan.pictures < 1:
        return
    drawn = renders(plan.pictures, resolution) if {"render", "textured"} & set(plan.groups) else []
    if "render" in plan.groups:
        yield from drawn
    if "textured" in plan.groups:
        yield from textured(drawn)
    if "outside" in plan.groups:
        yield from outside(plan.folder, plan.pictures, resolution)


def _job(plan: Plan, model: Path, method: str, group: str, picture: Path | None, basis: str) -> Job:
    return Job(
        name=f"{method}-{group}-{_digest(basis.encode())}",
        method=method,
        group=group,
        picture="" if picture is None else str(picture),
        folder=str(plan.run),
        model=str(model),
        pti_steps=list(plan.pti_steps),
        options=plan.options,
        drag_steps=plan.drag_steps,
        samples=plan.samples,
        threads=plan.threads,
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _run(job: Job) -> Iterator[tuple[float, str]]:
    """Does a job; yields how far it is (0 to 1) and at what."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.evaluation.job", json.dumps(asdict(job))],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )
        try:
            for line in process.stdout or ():
                progress = json.loads(line)
                yield progress["fraction"], progress["stage"]
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if status:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["no reason given"])[-1]
            raise PullfaceError(
                "evaluation_failed",
                f"Measuring {job.method} on a picture of the group {job.group} failed.",
                f"What is measured is kept; run the same command again to go on. Reason: {last}",
            )


def summary(plan: Plan, jobs: Sequence[Job], results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over pictures; where `pti` had fewer pictures, ours is also given on the same ones.

    Rows: "group", "method", "pictures", "psnr", "ms_ssim", "distance", "lpips", "seconds" (medians), "megabytes",
    "delta_mb", "drag" (mean distance that is left, px) and "drag_ratio" (against the model's own samples).
    """
    samples = next(results[job.name] for job in jobs if job.method == "samples")
    own = _left(samples["pulls"])
    rows = []
    for group in plan.groups:
        pti, ours = (
            {job.picture: results[job.name] for job in jobs if (job.method, job.group) == (method, group)}
            for method in METHODS
        )
        same = [result for picture, result in ours.items() if picture in pti]
        choices = (("pti", list(pti.values())), ("ours", same), ("ours", list(ours.values())))
        rows += [_row(group, method, these, own) for method, these in choices if these]
        if len(same) == len(ours) and same:
            rows.pop()  # the last two are the same
    return {
        "model": plan.model,
        "pti_steps": list(plan.pti_steps),
        "published": tuple(plan.pti_steps) == PUBLISHED_STEPS,
        "rows": rows,
        "samples": {"drag": own, "pulls": _by_feature(samples["pulls"]), "pictures": plan.samples},
        "pulls": {
            method: _by_feature(
                [
                    pull
                    for job in jobs
                    if job.method == method and job.group == "render"
                    for pull in results[job.name]["pulls"]
                ]
            )
            for method in METHODS
        },
        "ratios": _ratios(rows, jobs, results),
        "jobs": [{**asdict(job), **results[job.name]} for job in jobs],
    }


def _row(group: str, method: str, results: list[dict[str, Any]], own: float | None) -> dict[str, Any]:
    def mean(name: str) -> float | None:
        values = [result[name] for result in results if result.get(name) is not None]
        return fmean(values) if values else None

    times = {
        name: _median([r["seconds"].get(name) for r in results])
        for name in (
            "total",
            "processor",
            "first_preview",
            "recognisable",
            "recognisable_work",  # files of earlier versions have none
            "usable",
        )
    }
    # On pictures from elsewhere the detector, which knows the renderer's faces only, is no judge.
    left = _left([p for r in results for p in r["pulls"]]) if group != "outside" else None
    return {
        "group": group,
        "method": method,
        "pictures": len(results),
        "psnr": mean("psnr"),
        "ms_ssim": mean("ms_ssim"),
        "distance": mean("distance"),
        "perceptual": results[0]["perceptual"],
        "lpips": mean("lpips"),
        "seconds": times,
        "megabytes": max(result["megabytes"]["all"] for result in results),
        "delta_mb": fmean(result["delta_bytes"] for result in results) / 1e6,
        "drag": left,
        "drag_ratio": None if left is None or not own else left / own,
    }


def _median(values: Sequence[float | None]) -> float | None:
    """None when most pictures never got there."""
    there = [float("inf") if value is None else value for value in values]
    middle = median(there)
    return None if middle == float("inf") else middle


def _left(pulls: Sequence[dict[str, Any]]) -> float | None:
    return fmean(pull["after"] for pull in pulls) if pulls else None


def _by_feature(pulls: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    table = {}
    for feature in (pull.feature for pull in PULLS):
        these = [pull for pull in pulls if pull["feature"] == feature]
        if these:
            table[feature] = {
                name: fmean(pull[name] for pull in these)
                for name in ("asked", "before", "after", "steps", "seconds")
            }
    return table


def _ratios(
    rows: Sequence[dict[str, Any]], jobs: Sequence[Job], results: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Ours against `pti` on the same pictures, by group: time (times faster, less_work), PSNR (dB more).

    as_near: for each picture how many times less processor time had gone when our state was as near (PSNR and MS-SSIM)
    as `pti` ends, and stayed so; None where it never was.
    """
    ratios: dict[str, dict[str, Any]] = {}
    for pti in (row for row in rows if row["method"] == "pti"):
        group = pti["group"]
        ours = next(row for row in rows if row["method"] == "ours" and row["group"] == group)
        quick = ours["seconds"]["total"]
        by_picture: dict[str, dict[str, dict[str, Any]]] = {}
        for job in jobs:
            if job.group == group and job.method in METHODS:
                by_picture.setdefault(job.picture, {})[job.method] = results[job.name]
        ratios[group] = {
            "times_faster": pti["seconds"]["total"] / quick if quick else None,
            "less_work": pti["seconds"]["processor"] / max(1e-9, ours["seconds"]["processor"]),
            "as_near": [
                _as_near(both["pti"], both["ours"]) for both in by_picture.values() if len(both) == 2
            ],
            "psnr_more": ours["psnr"] - pti["psnr"],
            "distance_ratio": ours["distance"] / pti["distance"] if pti["distance"] else None,
            "drag_ratio": None if pti["drag"] is None or not pti["drag"] else ours["drag"] / pti["drag"],
        }
    return ratios


def _as_near(pti: dict[str, Any], ours: dict[str, Any]) -> float | None:
    def nearer(colour: float, likeness: float) -> bool:
        return colour >= pti["psnr"] and likeness >= pti["ms_ssim"]

    since = ours["seconds"]["processor"] if nearer(ours["psnr"], ours["ms_ssim"]) else None
    for look in reversed(ours.get("way", [])):
        if (
            since is None or not nearer(*look[1:3]) or len(look) < 4
        ):  # files of earlier versions have no fourth
            break
        since = look[3]
    return None if since is None else float(pti["seconds"]["processor"] / max(1e-9, since))
