"""Train a model's encoder: pictures that the generator (and the renderer) drew, back to their latents.

Both sides of every pair are known, so no picture from outside is needed: the generator draws mixed w+ (`latents`),
the renderer draws the z whose w is known and has the real lines that the generator smooths, and `degrade` makes
both look as if somebody had painted, scanned or photographed them. The loss compares latents in units of their
spread, as well as what the frozen generator draws from them (Richardson et al. 2021, section 3.3, pixel term).
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from backend.models import storage
from backend.models.catalogue import read_metadata
from backend.models.model import Model
from stylegan_ops.encoder import Encoder
from stylegan_ops.generator import StyleGenerator
from stylegan_ops.precision import mixed_precision

from . import checkpoint
from .degrade import degrade, jitter
from .grids import from_bytes, write_grid
from .interruption import Interruption
from .latents import LatentSpace
from .losses import reconstruction_loss
from .pairs import Pairs, new_faces, pooled_faces, shrink

_CHANNELS, _BLOCKS = (24, 48, 96, 160, 224, 256), (0, 0, 1, 1, 0, 0)
# The guess needs no more, and a step at 256 px took twice the time.
_LARGEST_INPUT = 128
_HELD_OUT_SEED = 77_003


def encoder_kwargs(generator: StyleGenerator) -> dict[str, Any]:
    """The arguments of an encoder for a generator; larger pictures are looked at in 128 px."""
    resolution = min(generator.img_resolution, _LARGEST_INPUT)
    halvings = resolution.bit_length() - 3
    return {
        "img_resolution": resolution,
        "num_ws": generator.num_ws,
        "w_dim": generator.w_dim,
        "channels": list(_CHANNELS[-halvings:]),
        "blocks": list(_BLOCKS[-halvings:]),
    }


@dataclass(frozen=True)
class Settings:
    """How an encoder trains.

    Attributes:
        minutes: to train in all, resumed runs included; the learning rate falls to the end of them.
        images: to see in all, or ``None``; whichever ends first.
        batch_size: pictures a step.
        fresh: new pictures of the generator a step; the others come from those kept.
        kept: how many drawn pictures to keep in memory (0.05 MB each at 128 px).
        learning_rate: Adam's, at its highest.
        frame_jitter: see `degrade.jitter`.
        coarse: side at which what is drawn is compared in every step, in pixels,
        coarse_batch: on so many pictures.
        whole_every: compare whole pictures in every so many steps,
        whole_batch: on so many of them.
        seed: of weights, latents and degradations.
        renderer: whether the toon renderer's pictures are this model's: its z is the renderer's.
    """

    minutes: float = 30.0
    images: int | None = None
    batch_size: int = 32
    fresh: int = 3
    kept: int = 8000
    learning_rate: float = 1e-3
    frame_jitter: float = 0.08
    coarse: int = 64
    coarse_batch: int = 8
    whole_every: int = 8
    whole_batch: int = 4
    seed: int = 0
    renderer: bool = True


def begin_from(encoder: Encoder, model: Model) -> None:
    """Give a new encoder the model's spread of w, and the weights of the model's own encoder where they fit."""
    if model.encoder is not None:
        ours, theirs = encoder.state_dict(), model.encoder.state_dict()
        if {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}:
            encoder.load_state_dict(theirs)
    encoder.w_mean.copy_(model.w_mean)
    encoder.w_std.copy_(model.w_std)


class EncoderTrainer:
    """The encoder of one model, its average, its optimiser; `run` can be stopped and resumed.

    Args:
        run: folder for the checkpoint, ``log.jsonl`` and the sample grids.
        model: a loaded model; its networks stay as they are.
        settings: see `Settings`.
        workers: processes that draw the renderer's faces; 0 draws them here.
        pool: a folder of drawn faces (`pool.FacePool`) to take the renderer's faces from.
    """

    def __init__(
        self, run: Path, model: Model, settings: Settings, workers: int = 1, pool: Path | None = None
    ) -> None:
        self.run_folder = run
        self.model = model
        self.settings = settings
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        self.kwargs = encoder_kwargs(model.generator)
        self.encoder = Encoder(**self.kwargs).to(model.device)
        begin_from(self.encoder, model)
        self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in stubs
        self.ema = copy.deepcopy(self.encoder).requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            self.encoder.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99)
        )
        self.space = LatentSpace(model)
        size, faces = self.encoder.img_resolution, None
        if settings.renderer and pool is not None:
            faces = pooled_faces(pool, size, settings.seed + 1, max(1, settings.batch_size // 2))
        elif settings.renderer:
            faces = new_faces(size, settings.seed + 1, workers)
        self.pairs = Pairs(model, size, settings.fresh, settings.kept, faces, pool is not None)
        self.images = 0
        self.seconds = 0.0
        self._held_out = self._draw_held_out()
        if self.checkpoint_path.exists():
            self._resume()

    @property
    def checkpoint_path(self) -> Path:
        """Where the training state lies."""
        return self.run_folder / "encoder-checkpoint.safetensors"

    def _draw_held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs that are never trained on, and how their pictures look degraded."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_HELD_OUT_SEED)
            made, latents = self.pairs.generated(16)
            clean = from_bytes(made).to(self.model.device)
            return clean, latents.to(self.model.device), degrade(clean)

    def _resume(self) -> None:
        modules: dict[str, torch.nn.Module] = {"encoder": self.encoder, "ema": self.ema}
        checkpoint.restore(self.checkpoint_path, modules, {"encoder": self.optimizer})
        checkpoint.restore_random_state(self.checkpoint_path)
        progress = checkpoint.read_progress(self.checkpoint_path)
        self.images, self.seconds = progress["images"], progress["seconds"]
        print(f"resuming after {self.images} pictures and {self.seconds / 60:.0f} minutes", flush=True)

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.save(
            self.checkpoint_path,
            {"encoder": self.encoder, "ema": self.ema},
            {"encoder": self.optimizer},
            {"images": self.images, "seconds": self.seconds},
            random_state=True,
        )

    @property
    def done(self) -> float:
        """How much of the training is over, 0 … 1."""
        by_time = self.seconds / (60 * self.settings.minutes)
        by_images = self.images / self.settings.images if self.settings.images else 0.0
        return min(1.0, max(by_time, by_images))

    def run(self, save_every: float = 240.0) -> bool:
        """Train to the end or until SIGINT or SIGTERM; returns whether the end was reached."""
        saved = last = time.monotonic()
        smoothed: dict[str, float] = {}
        bar = tqdm(
            total=100, unit=" %", desc="encoder", mininterval=5, bar_format="{l_bar}{bar}| {elapsed}{postfix}"
        )
        with Interruption() as interruption:
            while self.done < 1 and not interruption.asked:
                for key, value in self.step().items():
                    smoothed[key] = value if key not in smoothed else 0.98 * smoothed[key] + 0.02 * value
                now = time.monotonic()
                self.seconds, last = self.seconds + now - last, now
                bar.n = round(100 * self.done, 1)
                bar.set_postfix({k: f"{v:.3f}" for k, v in smoothed.items()}, refresh=False)
                bar.update(0)
                if now - saved > save_every:
                    saved = now
                    self._report(smoothed)
            self._report(smoothed)
        bar.close()
        return self.done >= 1

    def step(self) -> dict[str, float]:
        """One step of Adam; returns the losses."""
        settings, step = self.settings, self.images // self.settings.batch_size
        clean, wanted = self.pairs(settings.batch_size)
        clean, moved = jitter(clean, settings.frame_jitter)
        x = degrade(clean).to(memory_format=torch.channels_last)
        rate = settings.learning_rate * min(1.0, (step + 1) / 40)
        rate *= 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * self.done))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with mixed_precision(self.model.device):
            found = self.encoder(x)
        # A frame that moved has no known latent: the further, the less its old one counts.
        weight = 1 - 0.9 * moved
        latent = (self.space.error(found, wanted) * weight).sum() / weight.sum()
        drawn = self._drawn_loss(found, wanted, moved)
        losses = {"latent": float(latent.detach()), "drawn": float(drawn.detach())}
        loss = latent + drawn
        if step % settings.whole_every == 0:
            few = slice(0, settings.whole_batch)
            with mixed_precision(self.model.device):
                pictures = self.model.generator.synthesis(found[few], noise_mode="const")
            pictures = shrink(pictures, clean.shape[-1])
            whole = reconstruction_loss(pictures, clean[few], torch.ones_like(clean[few, :1]))
            losses["whole"] = float(whole.detach())
            loss = loss + whole
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 5.0)
        self.optimizer.step()
        decay = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for averaged, current in zip(self.ema.parameters(), self.encoder.parameters(), strict=True):
                averaged.lerp_(current, 1 - decay)
        self.images += settings.batch_size
        return losses

    def _drawn_loss(self, found: Tensor, wanted: Tensor, moved: Tensor) -> Tensor:
        """What the generator's lower blocks draw from both latents, compared: cheap, and near the picture."""
        still = (moved == 0).nonzero()[: self.settings.coarse_batch, 0]
        if len(still) == 0:
            return found.new_zeros(())
        with mixed_precision(self.model.device):
            with torch.no_grad():
                target = _draw_coarse(self.model.generator, wanted[still], self.settings.coarse)
            picture = _draw_coarse(self.model.generator, found[still], self.settings.coarse)
        return reconstruction_loss(picture, target, torch.ones_like(target[:, :1]))

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Errors of the averaged encoder on held-out pictures: of w+ (1 = the mean w's), and mean absolute of
        pictures in [-1, 1]; for clean and for degraded ones.
        """
        clean, latents, degraded = self._held_out
        result = {}
        for name, pictures in (("clean", clean), ("degraded", degraded)):
            found = self.ema(pictures)
            drawn = self._draw(found)
            result[f"{name}_latent"] = float(self.space.error(found, latents).mean())
            result[f"{name}_picture"] = float((drawn - clean).abs().mean())
        return result

    def _draw(self, ws: Tensor) -> Tensor:
        """Pictures of the encoder's size."""
        with mixed_precision(self.model.device):
            pictures = self.model.generator.synthesis(ws, noise_mode="const")
        return shrink(pictures, self.encoder.img_resolution)

    def _report(self, losses: dict[str, float]) -> None:
        self.save()
        entry = {"images": self.images, "seconds": round(self.seconds, 1), **losses, **self.evaluate()}
        with (self.run_folder / "encoder-log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.write_samples()

    @torch.no_grad()
    def write_samples(self) -> None:
        """A grid: pictures and their reconstructions, held-out ones degraded, then fresh ones of the renderer."""
        clean, _, degraded = self._held_out
        rows = []
        shown = [clean[:8], degraded[:8]]
        if self.settings.renderer:
            with torch.random.fork_rng(devices=[]):
                real = self.pairs.rendered(8)[0]
                shown.append(degrade(from_bytes(real).to(self.model.device)))
        for pictures in shown:
            rows += [pictures, self._draw(self.ema(pictures))]
        write_grid(self.run_folder / f"encoder-{self.images:07d}.png", rows)

    def export(self, source: Path, output: Path) -> None:
        """Write the model of ``source`` with this encoder to ``output`` (may be the same file), in float16."""
        metadata = read_metadata(source)
        model = replace(storage.read(source), encoder=copy.deepcopy(self.ema).cpu().eval())
        storage.write(
            output,
            model,
            str(metadata["description"]),
            metadata["generator"],
            metadata["discriminator"],
            encoder=self.kwargs,
            factors=metadata.get("factors"),
        )


def _draw_coarse(generator: StyleGenerator, ws: Tensor, resolution: int) -> Tensor:
    """The picture after the block of ``resolution``: what the generator would add detail to."""
    x: Tensor | None = None
    img: Tensor | None = None
    for block, block_ws in generator.synthesis.blocks(ws):
        x = block.features(x, block_ws, noise_mode="const")
        img = block.to_image(x, img, block_ws)
        if block.resolution >= resolution:
            break
    assert img is not None
    return img.float()
