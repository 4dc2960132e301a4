"""How long it takes until a model is ready on the processor: ``python -m benchmarks.models``.

A StyleGAN2 of configuration F with random weights, 1024 px by default, is written as NVIDIA's programs do (G, D, G_ema)
and converted once. Then each way of opening it runs in turn, each time in a process of its own with the file in the
system's cache, and the medians are given as multiples of ``pickle.load`` of the same file:

- ``pickle.load``: Python's unpickler, with stand-ins for NVIDIA's classes. It reads all three networks and builds none.
- pickle: `backend.models.load` of the pickle: generator and discriminator, statistics of w.
- converted: `backend.models.load` of the file of our own that `pullface models add` makes.

Importing torch is not counted. Processor time is given beside the seconds, since other programs on the machine leave it
alone; one thread is used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from backend import models
from backend.models.converting import convert
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.stylegan2 import Generator
from tests.models import formats

BASELINE = "pickle.load"
WAYS: dict[str, Callable[[Path], Any]] = {
    BASELINE: formats.unpickled,
    "pickle": models.load,
    "converted": models.load,
}


def measure(way: str, path: Path) -> dict[str, float]:
    """Seconds and processor seconds of one way, in this process."""
    torch.set_num_threads(1)
    torch.zeros(1).sum()  # what PyTorch sets up on its first use
    begun, worked = time.perf_counter(), time.process_time()
    kept = WAYS[way](path)
    figures = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}
    del kept
    return figures


def write(folder: Path, resolution: int) -> dict[str, Path]:
    """The files of each way."""
    torch.manual_seed(0)
    generator = Generator(z_dim=512, c_dim=0, w_dim=512, img_resolution=resolution)
    critic = Discriminator(c_dim=0, img_resolution=resolution)
    pickle = folder / "network.pkl"
    pickle.write_bytes(
        formats.pickled({**formats.nvidia(generator, critic), "G": formats.persistent(_like(generator))})
    )
    converted = folder / "network.safetensors"
    convert(pickle, converted, "network", "noise", "MIT", "Random weights.", lambda done, words: None)
    return {BASELINE: pickle, "pickle": pickle, "converted": converted}


def _like(generator: Generator) -> Generator:
    """Another network of the same form: G and G_ema share no weights."""
    other = Generator(z_dim=512, c_dim=0, w_dim=512, img_resolution=generator.img_resolution)
    other.load_state_dict(generator.state_dict())
    return other


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], Path(options.one[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), options.resolution)
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(options.repeats):
            for way in WAYS:  # in turn, so that what else the machine does falls on all of them
                command = [sys.executable, "-m", "benchmarks.models", "--one", way, str(files[way])]
                found[way].append(json.loads(subprocess.check_output(command, text=True)))
        sizes = {way: file.stat().st_size for way, file in files.items()}
    medians = {
        way: {kind: statistics.median(run[kind] for run in runs) for kind in ("seconds", "processor")}
        for way, runs in found.items()
    }
    print(f"{options.resolution} px, median of {options.repeats}, torch {torch.__version__}")
    print(f"{'':14}{'MB':>8}{'seconds':>10}{'ratio':>8}{'processor':>12}{'ratio':>8}")
    for way, figures in medians.items():
        ratios = {kind: figures[kind] / medians[BASELINE][kind] for kind in figures}
        print(
            f"{way:14}{sizes[way] / 1e6:8.0f}{figures['seconds']:10.2f}{ratios['seconds']:8.2f}"
            f"{figures['processor']:12.2f}{ratios['processor']:8.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
