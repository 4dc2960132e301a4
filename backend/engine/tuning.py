"""The second half of PTI: the generator is tuned until the pivot shows the picture itself.

Source: Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", ACM TOG 2022, section 3.2: Adam on all
weights of the synthesis network with a fixed pivot, colour error plus perceptual distance, ended early by quality.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from backend.engine.perceptual import PerceptualDistance

if TYPE_CHECKING:
    from backend.engine.inversion_settings import InversionSettings

Report = Callable[[int, float, Callable[[], Tensor]], None]


def tune(
    generator: Any,
    pivot: Tensor,
    target: Tensor,
    distance: PerceptualDistance,
    settings: InversionSettings,
    report: Report,
) -> int:
    """Tunes `generator` (a copy that belongs to the caller) until `pivot` shows `target` [1, 3, H, W].

    Returns the number of steps taken. The generator comes back frozen.
    """
    parameters = list(generator.synthesis.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(parameters, lr=settings.tuning_rate)
    steps = 0
    try:
        while steps < settings.tuning_steps:
            image = generator.synthesis(pivot, noise_mode="const", fused_modconv=True)
            squared = ((image - target) / 2).square().mean()
            if float(squared.detach()) ** 0.5 <= settings.good_enough:
                break
            loss = distance(image) + settings.tuning_pixel_weight * squared
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            steps += 1
            report(steps, float(loss.detach()), lambda: pivot)
    finally:
        generator.requires_grad_(False)
    return steps
