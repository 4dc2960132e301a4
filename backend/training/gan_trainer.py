"""A run of adversarial training: where its parts come from, what it leaves behind, stopping and going on."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from backend import models
from backend.errors import PullfaceError
from backend.models import storage
from backend.models.catalogue import DEFAULT_MODEL, read_metadata
from backend.models.model import Model, w_statistics
from stylegan_ops.discriminator import Discriminator
from stylegan_ops.encoder import Encoder
from stylegan_ops.stylegan2 import Generator

from . import checkpoint
from .frechet import features, frechet_distance
from .gan import Adversaries
from .gan_settings import GanSettings
from .grids import from_bytes, write_grid
from .interruption import Interruption
from .pictures import Pictures

_SHOWN = 8
_FIXED_SEED = 4321


class GanTrainer:
    """Networks, real pictures and progress of one run; `run` can be stopped and resumed.

    Args:
        run: folder for ``checkpoint.safetensors``, ``log.jsonl`` and sample grids.
        settings: see `GanSettings`.
        pictures: the real ones, of the side that `resolution_of` says.
        device: ``cpu`` or ``cuda``.

    Raises:
        PullfaceError: the model to start from cannot be opened, or needs labels (``conditional_model``).
    """

    def __init__(self, run: Path, settings: GanSettings, pictures: Pictures, device: str = "cpu") -> None:
        self.run_folder = run
        self.settings = settings
        self.pictures = pictures
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        self.images = 0
        self.seconds = 0.0
        resumed = self.checkpoint_path.exists()
        # The networks' arguments are kept with the run, so that going on needs no other file.
        self.kwargs = (
            checkpoint.read_progress(self.checkpoint_path)["networks"] if resumed else _arguments(settings)
        )
        generator = Generator(**self.kwargs["generator"])
        discriminator = Discriminator(**self.kwargs["discriminator"])
        self.encoder = Encoder(**self.kwargs["encoder"]) if self.kwargs["encoder"] else None
        self.judge = Discriminator(**self.kwargs["judge"])
        if not resumed:
            _load_start(settings, generator, discriminator, self.encoder, self.judge)
        self.judge.eval().requires_grad_(False).to(device)
        self.networks = Adversaries(generator.to(device), discriminator.to(device), settings, len(pictures))
        if resumed:
            self._resume()
        self._real_features: Tensor | None = None

    @property
    def checkpoint_path(self) -> Path:
        """Where the training state lies."""
        return self.run_folder / "checkpoint.safetensors"

    @property
    def _modules(self) -> dict[str, nn.Module]:
        extra: dict[str, nn.Module] = {"judge": self.judge}
        return self.networks.modules | extra | ({"encoder": self.encoder} if self.encoder else {})

    def _resume(self) -> None:
        progress = checkpoint.read_progress(self.checkpoint_path)
        checkpoint.restore(self.checkpoint_path, self._modules, self.networks.optimizers)
        checkpoint.restore_random_state(self.checkpoint_path)
        self.images, self.seconds = progress["images"], progress["seconds"]
        self.networks.augment.restore(progress["augment"])
        self.networks.mean_path_length.fill_(progress["mean_path_length"])
        print(f"resuming after {self.images} pictures and {self.seconds / 60:.1f} minutes", flush=True)

    def save(self) -> None:
        """Write the checkpoint."""
        progress = {
            "images": self.images,
            "seconds": self.seconds,
            "augment": self.networks.augment.state(),
            "mean_path_length": float(self.networks.mean_path_length),
            "networks": self.kwargs,
        }
        checkpoint.save(
            self.checkpoint_path, self._modules, self.networks.optimizers, progress, random_state=True
        )

    @property
    def done(self) -> float:
        """How much of the training is over, 0 … 1."""
        by_time = self.seconds / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return min(1.0, max(by_time, self.images / self.settings.images))

    def run(self) -> bool:
        """Train to the end, or until SIGINT or SIGTERM; returns whether the end was reached."""
        settings = self.settings
        smoothed: dict[str, float] = {}
        with Interruption() as interruption:
            if self.images == 0:
                self._report({})
            bar = tqdm(
                total=settings.images,
                initial=self.images,
                unit=" pictures",
                desc="adversarial training",
                mininterval=2,
            )
            last = time.monotonic()
            reported = self.images
            while self.done < 1 and not interruption.asked:
                for key, value in self.step().items():
                    smoothed[key] = value if key not in smoothed else 0.9 * smoothed[key] + 0.1 * value
                now = time.monotonic()
                self.seconds, last = self.seconds + now - last, now
                bar.update(settings.batch_size)
                bar.set_postfix({k: f"{v:.3f}" for k, v in smoothed.items()}, refresh=False)
                if self.images - reported >= settings.snapshot_images:
                    self._report(smoothed)
                    reported, last = self.images, time.monotonic()
            bar.close()
            if reported != self.images:
                self._report(smoothed)
        return self.done >= 1

    def step(self) -> dict[str, float]:
        """One batch; returns the losses."""
        batch = self.settings.batch_size
        real = from_bytes(self.pictures.batch(self.images, batch)).to(self.networks.device)
        real = real.to(memory_format=torch.channels_last)
        losses = self.networks.step(real, self.images // batch)
        self.images += batch
        return losses

    def _report(self, losses: dict[str, float]) -> None:
        distance = self.frechet()
        entry = {
            "images": self.images,
            "seconds": round(self.seconds, 1),
            **losses,
            # Not a FID: see `frechet`.
            "frechet_discriminator": distance,
        }
        with (self.run_folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        tqdm.write(f"{self.images} pictures: Fréchet distance (by a discriminator) {distance:.4f}")
        self.write_samples()
        self.save()

    def _made(self, n: int) -> Tensor:
        """Pictures of the averaged generator, the same latents every time; torch's random numbers stay."""
        random = torch.Generator().manual_seed(_FIXED_SEED)
        ema = self.networks.ema
        z = torch.randn(n, ema.z_dim, generator=random).to(self.networks.device)
        with torch.no_grad():
            return torch.cat([ema(part, noise_mode="const") for part in z.split(self.settings.batch_size)])

    def frechet(self) -> float:
        """The distance between real pictures and those of the averaged generator, as the judge sees it."""
        n = self.settings.frechet_pictures
        device = self.networks.device
        if self._real_features is None:
            count = min(n, len(self.pictures))
            starts = range(0, count, _SHOWN)
            parts = [from_bytes(self.pictures.batch(s, min(_SHOWN, count - s))) for s in starts]
            self._real_features = torch.cat([features(self.judge, part.to(device)) for part in parts])
        fake = torch.cat([features(self.judge, part) for part in self._made(n).split(_SHOWN)])
        return frechet_distance(self._real_features, fake)

    def write_samples(self) -> None:
        """A grid: real pictures in the first row, the averaged generator's below."""
        real = from_bytes(self.pictures.batch(0, _SHOWN))
        made = self._made(4 * _SHOWN).cpu()
        write_grid(self.run_folder / f"samples-{self.images:07d}.png", [real, *made.split(_SHOWN)])

    def export(self, output: Path) -> None:
        """Write the averaged generator, the discriminator and the encoder as a model file (float16)."""
        settings, generator = self.settings, copy.deepcopy(self.networks.ema).cpu().eval()
        mean, covariance = w_statistics(generator)
        generator.mapping.w_avg.copy_(mean)
        encoder = None if self.encoder is None else copy.deepcopy(self.encoder).eval()
        discriminator = copy.deepcopy(self.networks.discriminator).cpu().eval()
        model = Model(
            settings.name,
            settings.domain,
            settings.licence,
            generator,
            discriminator,
            mean,
            covariance,
            encoder,
        )
        if encoder is not None:
            # It speaks of latents in units of their spread; that of the new model is the one that counts.
            encoder.w_mean.copy_(mean)
            encoder.w_std.copy_(model.w_std)
        storage.write(
            output,
            model,
            settings.description,
            self.kwargs["generator"],
            self.kwargs["discriminator"],
            encoder=self.kwargs["encoder"],
        )


def resolution_of(settings: GanSettings) -> int:
    """Side of the pictures that a run needs, in pixels: that of the model to start from, if there is one."""
    return models.find(settings.start).resolution if settings.start else settings.resolution


def _arguments(settings: GanSettings) -> dict[str, Any]:
    """The arguments of a new run's networks: ``generator``, ``discriminator``, ``encoder`` or None, ``judge``."""
    judge = read_metadata(models.find(settings.start or DEFAULT_MODEL).path)["discriminator"]
    if settings.start:
        metadata = read_metadata(models.find(settings.start).path)
        if metadata["generator"]["c_dim"]:
            raise PullfaceError(
                "conditional_model",
                f"“{settings.start}” draws by labels, which a folder of pictures does not have.",
                "Start from a model without labels.",
            )
        generator, encoder = metadata["generator"], metadata.get("encoder")
        discriminator = metadata["discriminator"]
    else:
        encoder = discriminator = None
        generator = {
            "z_dim": settings.z_dim,
            "c_dim": 0,
            "w_dim": settings.w_dim,
            "img_resolution": settings.resolution,
            "mapping_kwargs": {"num_layers": settings.mapping_layers},
            "channel_base": settings.channel_base,
            "channel_max": settings.channel_max,
        }
    discriminator = discriminator or {
        "c_dim": 0,
        "img_resolution": generator["img_resolution"],
        "channel_base": settings.channel_base,
        "channel_max": settings.channel_max,
    }
    judge = judge or read_metadata(models.find(DEFAULT_MODEL).path)["discriminator"]
    return {"generator": generator, "discriminator": discriminator, "encoder": encoder, "judge": judge}


def _load_start(
    settings: GanSettings,
    generator: Generator,
    discriminator: Discriminator,
    encoder: Encoder | None,
    judge: Discriminator,
) -> None:
    """Weights of the model to start from; without one only the judge gets some, those of the embedded model."""
    start = models.load(settings.start or DEFAULT_MODEL)
    if start.discriminator is None:
        start_judge = models.load(DEFAULT_MODEL).discriminator
    else:
        start_judge = start.discriminator
    assert start_judge is not None
    judge.load_state_dict(start_judge.state_dict())
    if settings.start is None:
        return
    generator.load_state_dict(start.generator.state_dict())
    if start.discriminator is not None:
        discriminator.load_state_dict(start.discriminator.state_dict())
    if encoder is not None and start.encoder is not None:
        encoder.load_state_dict(start.encoder.state_dict())
