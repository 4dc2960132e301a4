"""The first half of PTI: a pivot in W whose picture is near the target's.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, appendix D (projection),
as used by Roich et al. 2022: start at the mean of w, Adam with a rate that rises over the first twentieth and falls
as a cosine over the last quarter, noise on w that fades until three quarters, noise maps fitted and kept white.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.perceptual import PerceptualDistance

if TYPE_CHECKING:
    from backend.engine.inversion_settings import InversionSettings
    from backend.models import Model

RAMP_UP, RAMP_DOWN = 0.05, 0.25
NOISE_FACTOR, NOISE_UNTIL = 0.05, 0.75
NOISE_REGULARISATION = 1e5
NOISE_MATTERS = 1e-3
"""A noise map whose strength is below this changes nothing that one sees."""

Report = Callable[[int, float, Callable[[], Tensor]], None]


def find_pivot(
    generator: Any,
    model: Model,
    target: Tensor,
    distance: PerceptualDistance,
    settings: InversionSettings,
    report: Report,
) -> Tensor:
    """A pivot [1, num_ws, w_dim] for `target` [1, 3, H, W], all entries the same w.

    `generator` is a copy that belongs to the caller; its noise maps are left as fitted. Adam works on w in units of
    the standard deviation of each of its components, because the published rate presumes one model's scale of w.
    """
    device = target.device
    mean, deviation = model.w_mean.to(device), model.w_std.to(device).clamp(min=1e-6)
    offset = torch.zeros(1, 1, len(mean), device=device, requires_grad=True)
    use_noise = has_noise(generator) if settings.use_noise is None else settings.use_noise
    maps = _open_noise_maps(generator) if use_noise else []
    rate = settings.pivot_rate
    optimiser = torch.optim.Adam([offset, *maps], lr=rate, betas=(0.9, 0.999))
    random = torch.Generator(device="cpu").manual_seed(settings.seed)
    spread = NOISE_FACTOR * math.sqrt(len(mean))

    def latent() -> Tensor:
        return (mean + deviation * offset.detach()).repeat(1, generator.num_ws, 1)

    for step in range(settings.pivot_steps):
        time = step / settings.pivot_steps
        for group in optimiser.param_groups:
            group["lr"] = rate * learning_rate_factor(time)
        scale = spread * max(0.0, 1 - time / NOISE_UNTIL) ** 2
        jitter = torch.randn(offset.shape, generator=random).to(device) * scale
        ws = (mean + deviation * (offset + jitter)).repeat(1, generator.num_ws, 1)
        image = generator.synthesis(ws, noise_mode="const")
        loss = distance(image) + settings.pivot_pixel_weight * ((image - target) / 2).square().mean()
        if maps:
            loss = loss + NOISE_REGULARISATION * noise_correlation(maps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for noise in maps:
                noise.sub_(noise.mean()).div_(noise.std().clamp(min=1e-8))
        report(step + 1, float(loss.detach()), latent)
    for noise in maps:
        noise.requires_grad_(False)
    return latent()


def learning_rate_factor(time: float) -> float:
    """The published schedule: 0 at `time` 0, 1 after 5 %, back to 0 as a cosine over the last 25 %."""
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - time) / RAMP_DOWN))
    return falling * min(1.0, time / RAMP_UP)


def has_noise(generator: Any) -> bool:
    """Whether any noise map of the generator changes its picture."""
    strengths = [p for name, p in generator.named_parameters() if name.endswith("noise_strength")]
    return any(float(strength.abs().max()) > NOISE_MATTERS for strength in strengths)


def _open_noise_maps(generator: Any) -> list[Tensor]:
    maps = [buffer for name, buffer in generator.named_buffers() if name.endswith("noise_const")]
    return [buffer.requires_grad_(True) for buffer in maps]


def noise_correlation(maps: list[Tensor]) -> Tensor:
    """How far noise maps [h, w] are from white: squared correlation with their neighbours, at every halved size."""
    total = maps[0].new_zeros(())
    for noise in maps:
        layer = noise[None, None]
        while True:
            for axis in (-1, -2):
                total = total + (layer * layer.roll(1, dims=axis)).mean() ** 2
            if min(layer.shape[2:]) <= 8:
                break
            layer = F.avg_pool2d(layer, 2)
    return total
