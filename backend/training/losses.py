"""Losses of the generator's training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_VISIBLE = 0.06
"""The least difference of a colour, of 2, that counts as a change."""


def feature_weight(landmarks: Tensor, resolution: int, strength: float = 4.0, radius: float = 0.05) -> Tensor:
    """A map that asks for more care where eyes, brows and mouth are.

    Args:
        landmarks: ``[N, L, 2]``, (x, y) in pixels.
        resolution: side of the picture in pixels.
        strength: weight on top of 1 at a landmark.
        radius: of the Gaussian around a landmark, in picture sides.

    Returns:
        ``[N, 1, R, R]``, from 1 to ``1 + strength``.
    """
    side = max(resolution // 4, 16)
    centres = (torch.arange(side, device=landmarks.device) + 0.5) / side
    scaled = landmarks / resolution
    dx = (centres[None, None] - scaled[..., :1]).square()
    dy = (centres[None, None] - scaled[..., 1:]).square()
    distance = (dx[:, :, None, :] + dy[:, :, :, None]).amin(dim=1, keepdim=True)
    weight = 1 + strength * torch.exp(-distance / (2 * radius**2))
    return functional.interpolate(weight, size=(resolution, resolution), mode="bilinear", align_corners=False)


def reconstruction_loss(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted error of the pictures and of their gradients at two scales: gradients keep thin strokes alive.

    An error e counts as |e| + 2 e². Alone, |e| is least at the median, in which a thin line that moves about is not
    there at all, and so it is never learned; squares are least at the mean, which shows where it may be.

    Args:
        output, target: ``[N, 3, R, R]`` in [-1, 1].
        weight: ``[N, 1, R, R]``.

    Returns:
        A scalar.
    """
    weight = weight / weight.mean()
    error = output - target
    loss = (_cost(error) * weight).mean()
    for _ in range(2):
        loss = loss + (_cost(error.diff(dim=2)) * weight[:, :, 1:]).mean()
        loss = loss + (_cost(error.diff(dim=3)) * weight[:, :, :, 1:]).mean()
        error, weight = functional.avg_pool2d(error, 2), functional.avg_pool2d(weight, 2)
    return loss


def change_loss(output: Tensor, target: Tensor) -> Tensor:
    """How well the difference between the two faces of each pair is drawn, wherever it shows.

    A smile is a few hundred pixels, and its error drowns in that of all else in which two random faces differ. Between
    two pictures of the same face it is all that is left (the derivative of what is learned counts as well as its value,
    as in Czarnecki et al. 2017, Sobolev training).

    Args:
        output, target: ``[N, 3, R, R]`` in [-1, 1], N even; every second face is the one before it
            with another expression.

    Returns:
        A scalar.
    """
    made, wanted = output[1::2] - output[0::2], target[1::2] - target[0::2]
    reach = max(1, target.shape[-1] // 32)
    moved = (wanted.abs().amax(dim=1, keepdim=True) > _VISIBLE).float()
    moved = functional.max_pool2d(moved, 2 * reach + 1, stride=1, padding=reach)
    # Pairs in which hardly anything moves must not count as much as those in which something does.
    return reconstruction_loss(made, wanted, moved / moved.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.01))


def _cost(error: Tensor) -> Tensor:
    return error.abs() + 2 * error.square()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating logistic loss of the generator (Goodfellow et al. 2014). Logits ``[N, 1]`` → scalar."""
    return functional.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Logistic loss of the discriminator. Logits ``[N, 1]`` → scalar."""
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """Squared gradient norm at real pictures (Mescheder et al. 2018, R1). ``real`` must require gradients."""
    (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return gradient.square().sum(dim=[1, 2, 3]).mean()


def path_lengths(pictures: Tensor, ws: Tensor) -> Tensor:
    """How far a picture moves for a step in w: ``|Jᵀy|`` for random y (Karras et al. 2020, StyleGAN2, equation 4).

    Args:
        pictures: ``[N, 3, R, R]``, made of ``ws`` with gradients.
        ws: ``[N, num_ws, w_dim]``.

    Returns:
        ``[N]``, differentiable.
    """
    side = pictures.shape[-1]
    noise = torch.randn(pictures.shape).to(pictures) / side
    (gradient,) = torch.autograd.grad((pictures * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
