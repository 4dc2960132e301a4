"""How long a drag takes and how much memory: `gauss-newton` against `reference` and the work of its authors' program.

    python -m benchmarks.drag [--resolution 128 256 512 1024] [--engines program reference gauss-newton] [--toon]
                              [--threads 2] [--json]

One point with a mask. Generators are StyleGAN2 config-f with random weights (`--toon` adds the embedded model); each
resolution and engine has a process of its own, for its peak memory. A *step* is one change of the latent: in
`reference` a forward pass to F (128 px), a backward pass and Adam; in `gauss-newton` the rows of the Jacobian that
have to be computed anew (up to 2 a point and 1 for the mask, a backward pass each), one or more solutions and a
forward pass to F (64 px) for each. `program` is `reference` made to do the work of the authors' program: the whole
picture is drawn in every step, F is resized to it, and the gradients of all weights up to F are computed (`Published`);
the latents are the same. The *floor* is a forward and a backward pass to the F of `reference`, weights
frozen, unfused modulation, float32. With random weights "arrived" is what the engine's own tracker says.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import torch

from backend.engine import Drag, DragOptions, FaceEditor
from backend.engine.engines import DragProblem
from backend.engine.inversion import Inversion, render
from backend.models import find, load
from backend.models.model import Model, w_statistics
from stylegan_ops.stylegan2 import Generator

PROGRAM = "program"
ENGINES = (PROGRAM, "reference", "gauss-newton")
RESOLUTIONS = (128, 256, 512, 1024)
PULL, MASK_RADIUS = 0.05, 0.25
"""Length of the pull and radius of what may move, as parts of the picture's side."""


def random_model(resolution: int) -> Model:
    """StyleGAN2 config-f that was never trained."""
    torch.manual_seed(0)
    generator = Generator(512, 0, 512, resolution, channel_base=32768, channel_max=512)
    generator.eval().requires_grad_(False)
    mean, covariance = w_statistics(generator, samples=4000)
    return Model(f"random-{resolution}", "noise", "MIT", generator, None, mean, covariance)


def clocks() -> np.ndarray:
    """Seconds by the clock and of the processor; the latter say more on a machine that does other work as well."""
    return np.array([time.perf_counter(), time.process_time()])


def floor_seconds(generator: Any, latent: torch.Tensor) -> np.ndarray:
    """Median of five forward and backward passes to the published F, by both clocks."""
    times = []
    for _ in range(5):
        unknowns = latent.clone().requires_grad_(True)
        begun = clocks()
        side = min(128, generator.img_resolution)
        features = generator.synthesis.features(unknowns, side, noise_mode="const")
        torch.autograd.grad(features.sum(), unknowns)
        times.append(clocks() - begun)
    return np.median(times, axis=0)


class Published:
    """A generator that works for the engine `reference` as the authors' program makes it work (`viz/renderer.py` of
    https://github.com/XingangPan/DragGAN): weights that want gradients, the picture with the graph that drew it, F
    resized to the picture.
    """

    def __init__(self, generator: Any) -> None:
        self._generator = generator.requires_grad_(True)
        self.img_resolution, self.img_shape = generator.img_resolution, generator.img_shape
        self.synthesis = self
        self._picture: torch.Tensor | None = None

    def features(self, ws: torch.Tensor, resolution: int, **how: Any) -> torch.Tensor:
        """F of w+ [1, num_ws, w_dim] at the picture's size, [1, C, H, W]."""
        self._picture, features = self._generator.synthesis.image_and_features(ws, resolution, **how)
        return torch.nn.functional.interpolate(features, list(self.img_shape), mode="bilinear")


def begin(
    editor: FaceEditor, model: Model, latent: torch.Tensor, pairs: Any, mask: Any, options: DragOptions
) -> Drag:
    """The drag of `program`, on the model's own generator."""
    problem = DragProblem(
        generator=Published(model.generator),
        latent=latent,
        handles=np.array(pairs)[:, 0],
        mask=torch.from_numpy(mask),
        learning_rate=editor.default_learning_rate(),
        lambda_mask=options.lambda_mask,
        free_layers=options.free_entries(model.generator.synthesis),
    )
    return Drag.begin(problem, np.array(pairs), options, partial(render, model.generator))


def measure(model_name: str, resolution: int, engine: str, seconds: float, steps: int) -> dict[str, Any]:
    """One drag in this process."""
    model = load(find(model_name).path) if model_name == "toon" else random_model(resolution)
    generator, side = model.generator, model.resolution
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(2))
    latent = generator.mapping(z, truncation_psi=0.7)
    editor = FaceEditor(model)
    ys, xs = np.mgrid[:side, :side] + 0.5
    handle = np.array([0.5, 0.62]) * side
    mask = (np.hypot(xs - handle[0], ys - handle[1]) < MASK_RADIUS * side).astype(np.float32)
    pairs = [[handle, handle + [PULL * side, 0]]]
    times = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if engine == PROGRAM:
        options = DragOptions(engine="reference", steps=steps)
        drag = begin(editor, model, latent, pairs, mask, options)
    else:
        options = DragOptions(engine=engine, steps=steps)
        drag = editor.drag(Inversion(model.name, latent, {}), pairs, mask, options)
    with drag:
        begun = last = clocks()
        for _ in drag:
            now = clocks()
            times.append(now - last)
            last = now
            if (now - begun)[0] > seconds and len(times) > 1:
                drag.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert drag.last is not None
    generator.requires_grad_(False)
    step, floor, total = np.median(times[1:], axis=0), floor_seconds(generator, latent), sum(times)
    arrived = drag.outcome == "arrived"
    return {
        "resolution": side,
        "model": model.name,
        "engine": engine,
        "step_s": step[0],
        "step_processor_s": step[1],
        "steps": drag.last.index,
        "arrival_s": total[0] if arrived else None,
        "arrival_processor_s": total[1] if arrived else None,
        "outcome": drag.outcome,
        "distance_px": drag.last.distance,
        "peak_mib": peak / 1024,
        "added_mib": (peak - before) / 1024,
        "floor_s": floor[0],
        "floor_processor_s": floor[1],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| model | engine | step | floor | steps | to arrive | end, px left | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        step, floor, arrival = (
            "–" if row[f"{what}_s"] is None else f"{row[f'{what}_s']:.2f} ({row[f'{what}_processor_s']:.2f})"
            for what in ("step", "floor", "arrival")
        )
        lines.append(
            f"| {row['model']} | {row['engine']} | {step} | {floor} | {row['steps']} | "
            f"{arrival} | {row['outcome']}, {row['distance_px']:.1f} | {row['peak_mib']:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resolution", type=int, nargs="*", default=list(RESOLUTIONS))
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--toon", action="store_true", help="also the embedded model")
    parser.add_argument("--seconds", type=float, default=120, help="the longest drag")
    parser.add_argument("--steps", type=int, default=200, help="the most steps of a drag")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "RESOLUTION", "ENGINE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.one:
        name, resolution, engine = given.one
        print(json.dumps(measure(name, int(resolution), engine, given.seconds, given.steps)))
        return 0
    cases = [("toon", 0)] * given.toon + [("random", resolution) for resolution in given.resolution]
    rows = []
    for name, resolution in cases:
        for engine in given.engines:
            print(f"{name} {resolution or ''} {engine} …", file=sys.stderr, flush=True)
            command = [sys.executable, "-m", "benchmarks.drag", "--one", name, str(resolution), engine]
            limits = [f"--{key}={getattr(given, key)}" for key in ("seconds", "steps", "threads")]
            done = subprocess.run([*command, *limits], stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    if given.json:
        print(json.dumps(rows, indent=1))
    else:
        print(
            f"{platform.processor() or platform.machine()}, {given.threads} threads, torch {torch.__version__}\n"
        )
        print("Seconds by the clock (of the processor).\n")
        print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
