from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
RESOLUTION = 32


@dataclass(frozen=True)
class House:
    """A home of its own with a real server in it, a tiny model, and a picture."""

    folder: Path
    model: Path
    picture: Path
    mask: Path
    rgba: np.ndarray
    environment: dict[str, str]

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "backend.cli", *(str(word) for word in words)]

    def run(self, *words: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=ROOT,
            env=self.environment,
        )


def write_model(path: Path) -> None:
    """Random weights: enough to see that everything is connected, quick enough to run it often."""
    import torch

    from backend.models.model import Model, w_statistics
    from backend.models.storage import write
    from stylegan_ops.discriminator import Discriminator
    from stylegan_ops.stylegan2 import Generator

    torch.manual_seed(0)
    generator_arguments = {
        "z_dim": 16,
        "c_dim": 0,
        "w_dim": 32,
        "img_resolution": RESOLUTION,
        "channel_base": 512,
        "channel_max": 32,
    }
    discriminator_arguments = {
        "c_dim": 0,
        "img_resolution": RESOLUTION,
        "channel_base": 512,
        "channel_max": 32,
    }
    generator = Generator(**generator_arguments).eval().requires_grad_(False)
    discriminator = Discriminator(**discriminator_arguments).eval().requires_grad_(False)
    mean, covariance = w_statistics(generator, samples=2000)
    model = Model("random", "noise", "MIT", generator, discriminator, mean, covariance)
    write(path, model, "Random weights for a test.", generator_arguments, discriminator_arguments)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("cli")
    write_model(folder / "random.safetensors")
    random = np.random.default_rng(0)
    rough = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(rough).resize((96, 72), Image.Resampling.BICUBIC))
    Image.fromarray(rgb).save(folder / "picture.png")
    mask = np.zeros((72, 96), np.uint8)
    mask[16:56, 24:72] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    rgba = np.dstack([rgb, np.full((72, 96), 255, np.uint8)])
    environment = {
        **os.environ,
        "PULLFACE_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    environment["COLUMNS"] = "100"
    server = subprocess.Popen(
        [sys.executable, "-m", "backend.server", "--idle-exit", "600"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield House(
            folder,
            folder / "random.safetensors",
            folder / "picture.png",
            folder / "mask.png",
            rgba,
            environment,
        )
    finally:
        server.terminate()
        server.wait(20)
