"""How long putting an edit onto a large layer takes and how well it sits there, against an earlier revision.

    python -m benchmarks.compositing [--json] [--baseline REVISION] [--cases mouth-4000,…]

Everything runs on one core, in a process of its own for each case and revision. The baseline is checked out to a
temporary folder; without git only the present code is measured. What the figures of quality mean stands in `seams.py`;
the case `jaw` has a mask that cuts through a line that moves, and a model whose colours drift.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
BASELINE = "a727d26"
"""The last revision that composited the whole window in bands."""

CASES = ("jaw-2000", "mouth-4000", "mouth-8000", "whole-4000", "whole-8000")
"""What moves, and the side of the layer and of the crop in pixels."""

MODEL_SIDE = 256

LARGEST_JUDGED = 4000
"""Side of the layers whose quality is looked at, at most: larger ones only take longer."""

TIMEOUT = 900.0

Pixels = NDArray[np.uint8]


def face(side: int, bend: float, chin: float = 0.0) -> Pixels:
    """RGB uint8 [side, side, 3]; `bend` lifts the corners of the mouth, `chin` lets the whole face down."""
    image = Image.new("RGB", (side, side), (208, 190, 220))
    pen = ImageDraw.Draw(image)
    line, width = (60, 35, 30), max(1, side // 100)

    def box(x: float, y: float, w: float, h: float) -> list[float]:
        return [(x - w) * side, (y - h) * side, (x + w) * side, (y + h) * side]

    pen.ellipse(box(0.5, 0.5 + chin, 0.34, 0.4), fill=(245, 205, 180), outline=line, width=width)
    for x in (0.37, 0.63):
        pen.ellipse(box(x, 0.45, 0.07, 0.045), fill=(255, 255, 255), outline=line, width=width)
    steps = np.linspace(-1, 1, 41)
    points = [((0.5 + 0.13 * t) * side, (0.68 - bend * t * t) * side) for t in steps]
    pen.line(points, fill=line, width=width * 2, joint="curve")
    return np.asarray(image)


def scene(case: str) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """The layer (RGBA), the model's pictures before and after, and the mask."""
    what, number = case.split("-")
    side = int(number)
    drawn = Image.fromarray(face(min(side, 2000), 0.0)).resize((side, side), Image.Resampling.BICUBIC)
    # Grain, as painted pictures have: on flat colours every way of moving looks the same.
    grain = np.random.default_rng(0).integers(0, 7, (side, side, 1), dtype=np.uint8)
    layer = np.dstack([np.asarray(drawn) // 2 + 60 + grain, np.full((side, side), 255, np.uint8)])
    moved = (0.0, 0.02) if what == "jaw" else (0.035, 0.0)
    before, after = (
        np.asarray(Image.fromarray(face(1024, *some)).resize((MODEL_SIDE, MODEL_SIDE), Image.Resampling.BOX))
        for some in ((0.0, 0.0), moved)
    )
    mask = np.zeros((side, side), np.uint8)
    if what == "mouth":
        mask[int(0.58 * side) : int(0.8 * side), int(0.33 * side) : int(0.67 * side)] = 255
    elif what == "jaw":
        mask[int(0.75 * side) : int(0.97 * side), int(0.4 * side) : int(0.7 * side)] = 255
        after = (after.astype(np.int64) + 4).clip(0, 255).astype(np.uint8)
    else:
        mask[:] = 255
        light = np.linspace(0.9, 1.0, MODEL_SIDE)[None, :, None]
        after = (np.roll(after, (6, 9), (0, 1)) * light).astype(np.uint8)
    return layer, before, after, mask


def measure(case: str, output: Path) -> dict[str, float]:
    """Times the `backend` that is found on the path; writes the edited layer to `output`."""
    compositing: Any = import_module("backend.engine.compositing")  # the baseline's is another one
    crop_of = import_module("backend.engine.alignment").Crop
    finished: list[float] = []

    def run(layer: Pixels, before: Pixels, after: Pixels, mask: Pixels) -> Pixels:
        crop = crop_of(0, 0, len(layer))
        if not hasattr(compositing, "Edit"):
            result: Pixels = compositing.composite(layer, (0, 0), crop, before, after, mask)[0]
            return result
        change = compositing.Change.between(before, after)
        edit = compositing.composite(layer, (0, 0), crop, change, mask)
        x, y, width, height = edit.rect
        finished.append(time.perf_counter())
        edited = layer.copy()
        edited[y : y + height, x : x + width] = edit.pixels
        return edited

    run(*scene("mouth-300"))  # the libraries' own first times
    finished.clear()
    given = scene(case)
    held = _peak()
    begun = time.perf_counter()
    edited = run(*given)
    seconds = (finished or [time.perf_counter()])[0] - begun
    facts = {"seconds": round(seconds, 3), "megabytes": round(_peak() - held)}
    np.save(output, edited)
    return facts


def _peak() -> float:
    """Most memory that this process has held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def in_its_own_process(case: str, code: Path, output: Path) -> dict[str, float]:
    """`measure` with the `backend` below the folder `code`."""
    variables = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--measure", case, str(output)]
    done = subprocess.run(
        command, env=variables, cwd=code, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def check_out(revision: str, folder: Path) -> bool:
    """Puts the packages of a revision into `folder`. Returns whether git knows it."""
    archive = folder / "code.tar"
    command = ["git", "archive", "--output", str(archive), revision, "backend", "stylegan_ops"]
    if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
        return False
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):
            packed.extractall(folder, filter="data")
        else:
            packed.extractall(folder)
    return True


def compare(case: str, baseline: Path | None, folder: Path) -> dict[str, Any]:
    """Measures one case."""
    new = folder / "new.npy"
    entry: dict[str, Any] = {"case": case, "now": in_its_own_process(case, ROOT, new)}
    entry["now"].update(_quality(case, new))
    if baseline is not None:
        old = folder / "old.npy"
        entry["before"] = in_its_own_process(case, baseline, old)
        entry["before"].update(_quality(case, old))
        entry["times_faster"] = round(entry["before"]["seconds"] / entry["now"]["seconds"], 2)
        entry.update(_difference(np.load(old, mmap_mode="r"), np.load(new, mmap_mode="r")))
    return entry


def _quality(case: str, result: Path) -> dict[str, float]:
    if int(case.split("-")[1]) > LARGEST_JUDGED:
        return {}
    # Here, where the process of a measurement, which is started by this file's path, does not come.
    from benchmarks.seams import quality

    layer, before, after, mask = scene(case)
    return quality(layer, np.load(result, mmap_mode="r"), before, after, mask)


def _difference(old: Pixels, new: Pixels) -> dict[str, float]:
    """How far two pictures are apart: the largest difference, and the part of pixels that differ."""
    largest, differing = 0, 0
    for top in range(0, len(old), 500):
        rows = slice(top, top + 500)
        apart = np.abs(old[rows].astype(np.int16) - new[rows]).max(axis=-1)
        largest, differing = max(largest, int(apart.max())), differing + int(np.count_nonzero(apart))
    return {"largest_difference": largest, "differing_pixels": differing / (old.shape[0] * old.shape[1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--baseline", default=BASELINE, help="a git revision, or 'none'")
    parser.add_argument("--cases", default=",".join(CASES), help="e.g. mouth-4000,whole-8000")
    parser.add_argument("--measure", nargs=2, metavar=("CASE", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], Path(arguments.measure[1]))))
        return
    entries = []
    with tempfile.TemporaryDirectory() as name:
        code = Path(name) / "code"
        code.mkdir()
        baseline = code if arguments.baseline != "none" and check_out(arguments.baseline, code) else None
        if baseline is None:
            print("no baseline: only the present code is measured", file=sys.stderr)
        for case in arguments.cases.split(","):
            entry = compare(case, baseline, Path(name))
            entries.append(entry)
            if not arguments.json:
                print(in_words(entry), flush=True)
    if arguments.json:
        print(json.dumps({"baseline": arguments.baseline, "cases": entries}, indent=1))


def in_words(entry: dict[str, Any]) -> str:
    """One line about a case."""
    now = entry["now"]
    line = f"{entry['case']:<12} {now['seconds']:7.2f} s {now['megabytes']:6.0f} MB"
    looks = [f"{name} {now[name]}" for name in ("seam", "shift", "brushwork") if name in now]
    if "before" not in entry:
        return ", ".join([line, *looks])
    before = entry["before"]
    looks = [f"{look} (before: {before.get(look.split()[0])})" for look in looks]
    return ", ".join(
        [
            f"{line}   before {before['seconds']:7.2f} s {before['megabytes']:6.0f} MB   "
            f"{entry['times_faster']:.1f} times faster; {entry['differing_pixels']:.2%} of the pixels differ, "
            f"by {entry['largest_difference']} of 255 at most",
            *looks,
        ]
    )


if __name__ == "__main__":
    main()
