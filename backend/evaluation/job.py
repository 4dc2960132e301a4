"""One job of the inversion table, in a process of its own, so that its peak memory is its own.

A job inverts one picture with one method, compares, drags, and writes ``NAME.json`` and its pictures. The job
``samples`` drags the model's own samples instead, for comparison.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image
from safetensors.torch import save

from backend.engine import FaceEditor, InversionProgress
from backend.engine.inversion import Inversion, render, to_image
from backend.engine.perceptual import perceptual_distance
from backend.models import load
from backend.models.model import Model

from .drags import PULLS, Picture, as_plain, pull_all
from .methods import settings_of
from .similarity import lpips, ms_ssim, psnr

SAMPLES_SEED = 515_151
PREVIEW_EVERY = 0.5
"""Seconds between looks at the state on the way."""

RECOGNISABLE, USABLE = 0.6, 0.9
"""MS-SSIM from which on a preview is counted as such."""

Tell = Callable[[float, str], None]


def run(job: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Do a job; see `table.Job` for what is in it. Returns what is written to its file."""
    model = load(job["model"])
    editor = FaceEditor(model)
    folder = Path(job["folder"])
    held = peak_megabytes()
    if job["method"] == "samples":
        result = _samples(editor, model, job, tell)
    else:
        result = _inverted(editor, model, job, tell)
    result |= {"megabytes": {**result.get("megabytes", {}), "model": held, "all": peak_megabytes()}}
    part = folder / f"{job['name']}.json.part"
    part.write_text(json.dumps(result), encoding="utf-8")
    part.replace(folder / f"{job['name']}.json")
    return result


def _inverted(editor: FaceEditor, model: Model, job: dict[str, Any], tell: Tell) -> dict[str, Any]:
    folder, name = Path(job["folder"]), job["name"]
    seen = read_rgb(Path(job["picture"]))
    settings = settings_of(job["method"], job["pti_steps"], job["options"])
    watch = Watch(seen, lambda progress: tell(0.8 * progress.fraction, progress.stage))
    inversion = editor.invert(seen, watch, settings)
    seconds, work = watch.elapsed(), watch.work()
    megabytes = {"inversion": peak_megabytes()}
    shown = editor.render(inversion)
    Image.fromarray(shown).save(folder / f"{name}.png")
    with torch.no_grad():
        distance = perceptual_distance(model.discriminator, to_image(seen, editor.device))
        apart = float(distance(to_image(shown, editor.device)))

    def keep(number: int, picture: Picture) -> None:
        tell(0.8 + 0.2 * (number + 1) / len(PULLS), "drag")
        Image.fromarray(picture).save(folder / f"{name}-{number}.png")

    pulls = PULLS if job["group"] != "outside" else PULLS[:2]
    pulled = pull_all(editor, inversion, seen, pulls, job["drag_steps"], keep)
    return {
        "psnr": psnr(seen, shown),
        "ms_ssim": ms_ssim(seen, shown),
        "distance": apart,
        "perceptual": distance.name,
        "lpips": lpips(seen, shown),
        "seconds": {
            "total": seconds,
            "processor": work,
            "first_preview": watch.first,
            "recognisable": watch.reached(RECOGNISABLE),
            "recognisable_work": watch.reached(RECOGNISABLE, work=True),
            "usable": watch.reached(USABLE, seconds if ms_ssim(seen, shown) >= USABLE else None),
        },
        "way": watch.way,
        "delta_bytes": stored_bytes(inversion),
        "info": inversion.info,
        "pulls": as_plain(pulled),
        "megabytes": megabytes,
    }


def _samples(editor: FaceEditor, model: Model, job: dict[str, Any], tell: Tell) -> dict[str, Any]:
    generator = model.generator
    pulls: list[dict[str, Any]] = []
    for index in range(job["samples"]):
        random = torch.Generator().manual_seed(SAMPLES_SEED + index)
        z = torch.randn(1, generator.z_dim, generator=random).to(editor.device)
        with torch.no_grad():
            ws = generator.mapping(z).cpu()
        own = Inversion(model.name, ws, {}, {})
        seen = render(generator, ws)
        Image.fromarray(seen).save(Path(job["folder"]) / f"{job['name']}-sample-{index}.png")
        pulls += as_plain(pull_all(editor, own, seen, PULLS, job["drag_steps"]))
        tell((index + 1) / job["samples"], "drag")
    return {"pulls": pulls}


class Watch:
    """Looks at an inversion on its way; the time that looking takes does not count.

    way: (seconds, PSNR, MS-SSIM, seconds of processor time) of each look. first: seconds until the first preview was
        there.
    """

    def __init__(self, seen: Picture, tell: Callable[[InversionProgress], None]) -> None:
        self._seen, self._tell = seen, tell
        self._begun, self._looking, self._last = time.monotonic(), 0.0, float("-inf")
        self._worked, self._worked_looking = time.process_time(), 0.0
        self.way: list[tuple[float, float, float, float]] = []
        self.first: float | None = None

    def elapsed(self) -> float:
        """Seconds since the beginning, without those spent looking."""
        return time.monotonic() - self._begun - self._looking

    def work(self) -> float:
        """Seconds of processor time, all cores together: the same when other programs run beside."""
        return time.process_time() - self._worked - self._worked_looking

    def __call__(self, progress: InversionProgress) -> None:
        """For `FaceEditor.invert`."""
        now, worked_now = self.elapsed(), self.work()
        if self.first is not None and now - self._last < PREVIEW_EVERY:
            return
        stopped, worked = time.monotonic(), time.process_time()
        picture = progress.preview()
        if self.first is None:  # the first one is waited for
            self.first = now + time.monotonic() - stopped
        self._last = now
        like = ms_ssim(self._seen, picture)
        self.way.append((round(now, 3), round(psnr(self._seen, picture), 3), like, round(worked_now, 3)))
        self._tell(progress)
        self._looking += time.monotonic() - stopped
        self._worked_looking += time.process_time() - worked

    def reached(self, likeness: float, otherwise: float | None = None, work: bool = False) -> float | None:
        """Seconds until MS-SSIM was at least `likeness` and stayed so, or `otherwise` when no look saw it.

        work: seconds of processor time instead.
        """
        since = otherwise
        for seconds, _, value, worked in reversed(self.way):
            if value < likeness:
                break
            since = worked if work else seconds
        return since


def stored_bytes(inversion: Inversion) -> int:
    """How large the file of an inversion is."""
    tensors, metadata = inversion.to_tensors()
    return len(save(tensors, metadata))


def read_rgb(file: Path) -> Picture:
    """A picture file as uint8 [H, W, 3]."""
    with Image.open(file) as image:
        return np.array(image.convert("RGB"))


def peak_megabytes() -> float:
    """The most memory that this process has held, in 10^6 bytes (macOS: what it holds now)."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(float(line.split()[1]) * 1024 / 1e6, 1)
    except OSError:
        pass
    memory = psutil.Process().memory_info()
    return round(float(getattr(memory, "peak_wset", memory.rss)) / 1e6, 1)


def main() -> int:
    """Reads a job as JSON from the command line; says how far it is on standard output, an object a line."""
    job = json.loads(sys.argv[1])

    def tell(fraction: float, stage: str) -> None:
        print(json.dumps({"fraction": round(fraction, 4), "stage": stage}), flush=True)

    if job.get("threads"):
        torch.set_num_threads(job["threads"])
    run(job, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())
