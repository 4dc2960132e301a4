"""Train the generator and discriminator of the embedded model.

The generator is regressed onto the renderer's pictures, growing from small to large ones (Karras et al. 2018
grow likewise), and then sharpened by an adversarial loss on top of the regression, which also trains the
discriminator that inversion takes its perceptual distance from.
"""

from __future__ import annotations

import copy
import math
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.precision import mixed_precision
from stylegan_ops.stylegan2 import Generator

from . import checkpoint
from .faces import Batch, draw_batch, face_loader
from .losses import (
    change_loss,
    discriminator_loss,
    feature_weight,
    generator_loss,
    r1_penalty,
    reconstruction_loss,
)
from .optim import adam, set_learning_rate
from .pool import FacePool
from .toon.factors import Z_DIM
from .toon_model import DISCRIMINATOR_KWARGS, GENERATOR_KWARGS, Stage
from .transfer import start_from

_WARM_UP_IMAGES = 2000
_EMA_BETA = 0.995
_R1_EVERY = 16
_R1_GAMMA = 1.0
_SAMPLES = 10


def synthesize(generator: Generator, z: Tensor, resolution: int) -> Tensor:
    """Pictures ``[N, 3, resolution, resolution]`` from the blocks up to ``resolution``."""
    x: Tensor | None = None
    img: Tensor | None = None
    for block, ws in generator.synthesis.blocks(generator.mapping(z)):
        x = block.features(x, ws, noise_mode="none")
        img = block.to_image(x, img, ws)
        if block.resolution == resolution:
            break
    assert img is not None
    return img.float()


class Trainer:
    """Networks, optimisers and progress; `run` goes through the stages and can be stopped and resumed.

    Args:
        run: folder for the checkpoint, the log and sample grids.
        stages: what to do; a resumed run continues in the stage, and at the image, that it had reached.
        seed: for weights and faces.
        workers: processes that draw faces.
        device: ``cpu`` or ``cuda``.
        generator, discriminator: arguments of the networks; those of the embedded model.
        pool: a folder of drawn faces (`pool.FacePool`) to train on; None draws new ones all the time.
        start: a model of an earlier renderer to start from, see `transfer`.
    """

    def __init__(
        self,
        run: Path,
        stages: list[Stage],
        seed: int = 0,
        workers: int = 1,
        device: str = "cpu",
        generator: Mapping[str, Any] = GENERATOR_KWARGS,
        discriminator: Mapping[str, Any] = DISCRIMINATOR_KWARGS,
        pool: Path | None = None,
        start: Path | None = None,
    ) -> None:
        self.run_folder = run
        self.stages = stages
        self.seed = seed
        self.workers = workers
        self.pool = pool
        self.device = torch.device(device)
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        self.generator = Generator(**generator).to(self.device)
        self.discriminator = Discriminator(**discriminator).to(self.device)
        if start is not None:
            shared = start_from(start, self.generator, self.discriminator)
            print(f"starting from {start.name}, which knows {shared} of {Z_DIM} factors", flush=True)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.ema = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": adam(self.generator, betas=(0.9, 0.99)),
            "discriminator": adam(self.discriminator, betas=(0.0, 0.99)),
        }
        self.stage = 0
        self.images = 0
        self.total_images = 0
        self.seconds = 0.0
        self._stop = False
        if self.checkpoint_path.exists():
            self._resume()

    @property
    def checkpoint_path(self) -> Path:
        """Where the training state lies."""
        return self.run_folder / "checkpoint.safetensors"

    @property
    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "ema": self.ema, "discriminator": self.discriminator}

    def _resume(self) -> None:
        checkpoint.restore(self.checkpoint_path, self._modules, self.optimizers)
        progress = checkpoint.read_progress(self.checkpoint_path)
        self.stage, self.images = progress["stage"], progress["images"]
        self.total_images, self.seconds = progress["total_images"], progress["seconds"]
        print(f"resuming at stage {self.stage}, image {self.images}", flush=True)

    def save(self) -> None:
        """Write the checkpoint."""
        progress = {
            "stage": self.stage,
            "images": self.images,
            "total_images": self.total_images,
            "seconds": self.seconds,
            "stages": [asdict(stage) for stage in self.stages],
        }
        checkpoint.save(self.checkpoint_path, self._modules, self.optimizers, progress)

    def run(self, save_every: float = 120.0) -> bool:
        """Train to the end of the last stage, or until SIGINT or SIGTERM; returns whether the end was reached."""
        previous = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self.stage < len(self.stages) and not self._stop:
                self._run_stage(self.stages[self.stage], save_every)
                if not self._stop:
                    self.stage, self.images = self.stage + 1, 0
                self.save()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return not self._stop

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True

    def _run_stage(self, stage: Stage, save_every: float) -> None:
        before = max((s.resolution for s in self.stages[: self.stage]), default=stage.resolution)
        if self.images == 0 and stage.resolution > before:
            # A new block starts quietly: the picture from below must not be drowned in its noise.
            for network in (self.generator, self.ema):
                getattr(network.synthesis, f"b{stage.resolution}").torgb.weight.data.mul_(0.1)
        faces = self._faces(stage)
        saved = started = time.monotonic()
        smoothed: dict[str, float] = {}
        bar = tqdm(
            total=stage.images, initial=self.images, unit=" faces", desc=self._title(stage), mininterval=5
        )
        while self.images < stage.images and not self._stop:
            losses = self._step(stage, next(faces))
            for key, value in losses.items():
                smoothed[key] = value if key not in smoothed else 0.98 * smoothed[key] + 0.02 * value
            self.images += stage.batch_size
            self.total_images += stage.batch_size
            bar.update(stage.batch_size)
            bar.set_postfix({k: f"{v:.3f}" for k, v in smoothed.items()}, refresh=False)
            now = time.monotonic()
            if now - saved > save_every:
                self.seconds += now - started
                saved = started = now
                self.save()
                self.write_samples(stage.resolution)
        bar.close()
        self.seconds += time.monotonic() - started
        self.write_samples(stage.resolution)

    def _faces(self, stage: Stage) -> Iterator[Batch]:
        seed = self.seed + self.total_images
        if self.pool is not None:
            return FacePool(self.pool).batches(stage.resolution, stage.batch_size, seed)
        return face_loader(stage.resolution, stage.batch_size, seed, self.workers, pairs=True)

    def _title(self, stage: Stage) -> str:
        return f"stage {self.stage + 1}/{len(self.stages)}: {stage.resolution} px"

    def _step(self, stage: Stage, batch: Batch) -> dict[str, float]:
        z, pictures, landmarks = (part.to(self.device) for part in batch)
        real = pictures.to(memory_format=torch.channels_last).float() / 127.5 - 1
        rate = stage.learning_rate * min(1.0, (self.images + stage.batch_size) / _WARM_UP_IMAGES)
        if stage.decay:
            rate *= 0.05 + 0.95 * (0.5 + 0.5 * math.cos(math.pi * self.images / stage.images))
        weight = feature_weight(landmarks, stage.resolution, stage.features)
        optimizer = self.optimizers["generator"]
        set_learning_rate(optimizer, rate)

        self.discriminator.requires_grad_(False)
        with mixed_precision(self.device):
            fake = synthesize(self.generator, z, stage.resolution)
        loss = reconstruction = reconstruction_loss(fake, real, weight)
        losses = {"reconstruction": reconstruction.item()}
        if stage.changes > 0:
            changes = change_loss(fake, real)
            loss = loss + stage.changes * changes
            losses["changes"] = changes.item()
        if stage.adversarial > 0:
            with mixed_precision(self.device):
                adversarial = generator_loss(self.discriminator(fake).float())
            loss = loss + stage.adversarial * adversarial
            losses["generator"] = adversarial.item()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if stage.adversarial > 0:
            losses["discriminator"] = self._discriminator_step(real, fake.detach(), rate)
        with torch.no_grad():
            for averaged, current in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
                averaged.lerp_(current, 1 - _EMA_BETA)
        return losses

    def _discriminator_step(self, real: Tensor, fake: Tensor, rate: float) -> float:
        optimizer = self.optimizers["discriminator"]
        set_learning_rate(optimizer, rate)
        self.discriminator.requires_grad_(True)
        with mixed_precision(self.device):
            # One batch for both, so that real and fake share the minibatch statistics' group size.
            logits = self.discriminator(torch.cat([real, fake])).float()
        real_logits, fake_logits = logits.chunk(2)
        loss = discriminator_loss(real_logits, fake_logits)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if (self.images // len(real)) % _R1_EVERY == 0:
            small = real[: max(4, len(real) // 4)].requires_grad_(True)
            (r1_penalty(self.discriminator(small), small) * (_R1_GAMMA / 2 * _R1_EVERY)).backward()
        optimizer.step()
        return float(loss.item())

    @torch.no_grad()
    def write_samples(self, resolution: int) -> None:
        """A grid of fixed faces: the renderer's above, the generator's below."""
        seeds = torch.Generator().manual_seed(1234)
        z = torch.randn(_SAMPLES, Z_DIM, generator=seeds)
        _, wanted, _ = draw_batch(z.numpy(), resolution)
        made = synthesize(self.ema, z.to(self.device), resolution).cpu()
        made = ((made.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        grid = torch.cat([torch.cat(list(wanted), dim=2), torch.cat(list(made), dim=2)], dim=1)
        picture = Image.fromarray(grid.permute(1, 2, 0).numpy())
        scale = max(1, 128 // resolution)
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        picture.save(self.run_folder / f"samples-{self.total_images:07d}-{resolution}.png")
