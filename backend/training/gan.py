"""Adversarial training of a StyleGAN2 on any pictures: one step of both networks.

Losses and their lazy regularisation as in Karras et al., "Analyzing and Improving the Image Quality of StyleGAN"
(CVPR 2020); the gradient penalty R1 of Mescheder et al. (ICML 2018, equation 9); freezing the discriminator's finest
blocks after Mo et al., "Freeze the Discriminator" (2020); augmentation: see `augment`.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from stylegan_ops.discriminator import Discriminator
from stylegan_ops.precision import mixed_precision
from stylegan_ops.stylegan2 import Generator

from .augment import AdaptiveAugment, Augment, DiffAugment, NoAugment
from .gan_settings import GanSettings
from .losses import discriminator_loss, generator_loss, path_lengths, r1_penalty

# The average follows quickly at first: its half-life is at most this part of the pictures seen.
_EMA_RAMP = 0.05
_PATH_LENGTH_DECAY = 0.01


def make_augment(settings: GanSettings, pictures: int) -> Augment:
    """The augmentation that the settings name, for a set of so many pictures."""
    kind = settings.augmentation(pictures)
    if kind == "ada":
        return AdaptiveAugment(settings.ada_target, settings.ada_images)
    return DiffAugment() if kind == "diffaugment" else NoAugment()


def learning_parameters(discriminator: Discriminator, frozen_blocks: int) -> list[nn.Parameter]:
    """What may learn when the first blocks, which see the finest detail, keep their weights."""
    names = tuple(f"b{resolution}." for resolution in discriminator.block_resolutions[:frozen_blocks])
    return [p for name, p in discriminator.named_parameters() if not (names and name.startswith(names))]


class Adversaries:
    """Generator, its average, discriminator and their optimisers.

    Args:
        generator, discriminator: unconditional, of one resolution; they are trained in place.
        settings: see `GanSettings`.
        pictures: how many real ones there are.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, settings: GanSettings, pictures: int
    ) -> None:
        self.settings = settings
        self.generator = generator.train().requires_grad_(True)
        self.discriminator = discriminator.train().requires_grad_(False)
        for network in (generator, discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.ema = copy.deepcopy(generator).eval().requires_grad_(False)
        self._learning = learning_parameters(discriminator, settings.freeze_d)
        self.augment = make_augment(settings, pictures)
        batch, side = settings.batch_size, generator.img_resolution
        self.r1_gamma = 0.0002 * side**2 / batch if settings.r1_gamma is None else settings.r1_gamma
        self.mean_path_length = torch.zeros((), device=self.device)
        adam = {"lr": settings.learning_rate, "betas": (0.0, 0.99), "eps": 1e-8}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(self.generator.parameters(), **adam),  # type: ignore[arg-type]
            "discriminator": torch.optim.Adam(self._learning, **adam),  # type: ignore[arg-type]
        }

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.generator.mapping.w_avg.device

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        return {"generator": self.generator, "discriminator": self.discriminator, "ema": self.ema}

    def step(self, real: Tensor, number: int) -> dict[str, float]:
        """Train both networks on one batch.

        Args:
            real: ``[N, 3, R, R]`` in [-1, 1].
            number: of the step, from 0; decides when it is time to regularise.

        Returns:
            The losses, by name.
        """
        shown = (number + 1) * len(real)
        rate = self.settings.learning_rate * min(1.0, shown / max(1, self.settings.warm_up_images))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
        losses = self._generator_step(len(real), number)
        losses |= self._discriminator_step(real, number)
        self._average(shown, len(real))
        return losses

    def _autocast(self) -> AbstractContextManager[object]:
        if self.settings.precision == "float32":
            return nullcontext()
        return mixed_precision(self.device)

    def _styles(self, n: int) -> Tensor:
        """w+ of new latents, some of them mixed from two: ``[n, num_ws, w_dim]``."""
        generator = self.generator
        ws = generator.mapping(torch.randn(n, generator.z_dim).to(self.device), update_emas=True)
        if self.settings.style_mixing > 0:
            others = generator.mapping(torch.randn(n, generator.z_dim).to(self.device))
            start = torch.randint(1, generator.num_ws, (n, 1))
            start = torch.where(torch.rand(n, 1) < self.settings.style_mixing, start, generator.num_ws)
            later = (torch.arange(generator.num_ws)[None] >= start).to(self.device)
            ws = torch.where(later[:, :, None], others, ws)
        return ws

    def _generator_step(self, n: int, number: int) -> dict[str, float]:
        self.generator.requires_grad_(True)
        with self._autocast():
            logits = self.discriminator(self.augment(self.generator.synthesis(self._styles(n))))
        loss = generator_loss(logits.float())
        self.optimizers["generator"].zero_grad(set_to_none=True)
        loss.backward()
        losses = {"generator": loss.item()}
        settings = self.settings
        if settings.path_length_weight > 0 and number % settings.path_length_every == 0:
            losses["path_length"] = self._regularise_path_length(max(1, n // 2))
        self.optimizers["generator"].step()
        return losses

    def _regularise_path_length(self, n: int) -> float:
        """Equation 4 of Karras et al. 2020 (StyleGAN2), with the weight for all the steps between."""
        ws = self._styles(n)
        lengths = path_lengths(self.generator.synthesis(ws), ws)
        mean = self.mean_path_length.lerp(lengths.detach().mean(), _PATH_LENGTH_DECAY)
        self.mean_path_length = mean
        penalty = (lengths - mean).square().mean()
        (penalty * (self.settings.path_length_weight * self.settings.path_length_every)).backward()
        return float(lengths.detach().mean())

    def _discriminator_step(self, real: Tensor, number: int) -> dict[str, float]:
        self.generator.requires_grad_(False)
        for parameter in self._learning:
            parameter.requires_grad_(True)
        with torch.no_grad(), self._autocast():
            fake = self.generator.synthesis(self._styles(len(real)))
        with self._autocast():
            # Apart, so that real and made pictures do not share the minibatch's statistics.
            fake_logits = self.discriminator(self.augment(fake)).float()
            real_logits = self.discriminator(self.augment(real)).float()
        self.augment.observe(real_logits)
        loss = discriminator_loss(real_logits, fake_logits)
        self.optimizers["discriminator"].zero_grad(set_to_none=True)
        loss.backward()
        losses = {
            "discriminator": loss.item(),
            "real_sign": float(real_logits.detach().sign().mean()),
            "p": self.augment.p,
        }
        if self.r1_gamma > 0 and number % self.settings.r1_every == 0:
            # At the pictures as the discriminator sees them: the derivative of the augmentation is left out.
            seen = self.augment(real).detach().requires_grad_(True)
            penalty = r1_penalty(self.discriminator(seen), seen)
            (penalty * (self.r1_gamma / 2 * self.settings.r1_every)).backward()
            losses["r1"] = penalty.item()
        self.optimizers["discriminator"].step()
        self.discriminator.requires_grad_(False)
        return losses

    @torch.no_grad()
    def _average(self, images: int, batch: int) -> None:
        half_life = max(1e-8, min(self.settings.ema_images, images * _EMA_RAMP))
        weight = 1 - 0.5 ** (batch / half_life)
        for averaged, current in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
            averaged.lerp_(current, weight)
        for kept, newest in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
            kept.copy_(newest)
