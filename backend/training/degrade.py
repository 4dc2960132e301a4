"""What a picture may have gone through before an encoder sees it: paint, paper, cameras, careless crops.

All functions take and give pictures ``[N, 3, R, R]`` in [-1, 1], draw from torch's global random numbers, and
change some of the pictures of a batch and leave the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def degrade(pictures: Tensor) -> Tensor:
    """Everything below that leaves the places of things alone, each with its own chance."""
    chances: tuple[tuple[float, Callable[[Tensor], Tensor]], ...] = (
        (0.25, painterly),
        (0.30, blur),
        (0.20, coarser),
        (0.50, colours),
        (0.35, paper),
        (0.25, brush),
        (0.30, noise),
        (0.25, blocks),
        (0.20, cutout),
    )
    for chance, change in chances:
        chosen = (torch.rand(len(pictures)) < chance).nonzero()[:, 0].to(pictures.device)
        if len(chosen):
            pictures = pictures.index_copy(0, chosen, change(pictures[chosen]))
    return pictures.clamp(-1, 1)


def _uniform(n: int, low: float, high: float, like: Tensor, channels: int = 1) -> Tensor:
    """``[N, channels, 1, 1]``."""
    return (low + (high - low) * torch.rand(n, channels, 1, 1)).to(like)


def jitter(pictures: Tensor, amount: float, chance: float = 0.4) -> tuple[Tensor, Tensor]:
    """Shift, scale and turn the frame, as a crop that does not fit.

    Args:
        pictures: ``[N, 3, R, R]``.
        amount: shifts in picture sides and relative changes of size are at most this, turns 2.5 times this in
            radians.
        chance: of each picture to be changed at all.

    Returns:
        The pictures, and how far each was moved, ``[N]`` from 0 (not) to 1 (as far as can be).
    """
    n = len(pictures)
    move = (torch.rand(n, 4) * 2 - 1) * (torch.rand(n, 1) < chance)
    angle, scale = 2.5 * amount * move[:, 0], 1 + amount * move[:, 1]
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # affine_grid's coordinates span the picture by 2.
    x, y = 2 * amount * move[:, 2], 2 * amount * move[:, 3]
    theta = torch.stack([torch.stack([cos, sin, x], dim=1), torch.stack([-sin, cos, y], dim=1)], dim=1)
    grid = functional.affine_grid(theta.to(pictures), list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return moved, move.abs().amax(dim=1).to(pictures.device)


def colours(pictures: Tensor) -> Tensor:
    """Slight changes of gamma, contrast, lightness, tint and saturation: scans and papers, not other colours."""
    n = len(pictures)
    light = ((pictures + 1) / 2).clamp(0, 1).pow(_uniform(n, 0.85, 1.18, pictures)) * 2 - 1
    light = light * _uniform(n, 0.85, 1.12, pictures) + _uniform(n, -0.1, 0.1, pictures)
    light = light + _uniform(n, -0.05, 0.05, pictures, channels=3)
    grey = light.mean(dim=1, keepdim=True)
    return grey + (light - grey) * _uniform(n, 0.7, 1.2, pictures)


def blur(pictures: Tensor) -> Tensor:
    """One Gaussian for the batch, up to a 100th of the side wide."""
    sigma = max(0.5, (0.3 + float(torch.rand(()))) * pictures.shape[-1] / 128)
    radius = max(1, math.ceil(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, -1)
    padded = functional.pad(pictures, [radius] * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, None, :], groups=pictures.shape[1])
    return functional.conv2d(rows, kernel[:, :, :, None], groups=pictures.shape[1])


def coarser(pictures: Tensor) -> Tensor:
    """From a smaller picture, enlarged."""
    size = pictures.shape[-1]
    small = max(8, int(size * (0.25 + 0.5 * float(torch.rand(())))))
    reduced = functional.interpolate(pictures, size=(small, small), mode="area")
    return functional.interpolate(reduced, size=(size, size), mode="bicubic", align_corners=False)


def noise(pictures: Tensor) -> Tensor:
    """Grain, with and without colour."""
    n, _, height, width = pictures.shape
    coloured = torch.randn(n, 3, height, width) * torch.rand(n, 1, 1, 1)
    grain = (coloured + torch.randn(n, 1, height, width)).to(pictures)
    return pictures + grain * _uniform(n, 0.01, 0.09, pictures)


def _cloud(n: int, cells: tuple[int, int], size: int) -> Tensor:
    """Smooth noise ``[N, 1, size, size]`` with so many cells down and across."""
    return functional.interpolate(
        torch.randn(n, 1, *cells), size=(size, size), mode="bilinear", align_corners=False
    )


def paper(pictures: Tensor) -> Tensor:
    """Multiply with a paper's tooth and its uneven light."""
    n, size = len(pictures), pictures.shape[-1]
    tooth = _cloud(n, (size // 2, size // 2), size) + 0.7 * _cloud(n, (size // 5, size // 5), size)
    light = _cloud(n, (3, 3), size)
    relief = tooth.to(pictures) * _uniform(n, 0.01, 0.08, pictures)
    relief = relief + light.to(pictures) * _uniform(n, 0, 0.06, pictures)
    return (pictures + 1) * (1 + relief) - 1


def brush(pictures: Tensor) -> Tensor:
    """Streaks along or across, as bristles leave them."""
    n, size = len(pictures), pictures.shape[-1]
    streaks = _cloud(n, (size // 2, max(2, size // 20)), size)
    if torch.rand(()) < 0.5:
        streaks = streaks.transpose(2, 3)
    return pictures + streaks.to(pictures) * _uniform(n, 0.02, 0.14, pictures)


def painterly(pictures: Tensor) -> Tensor:
    """Flat patches with sharp borders: at each pixel the mean of the calmest of four squares around it.

    That is the filter of Kuwahara et al., "Processing of RI-angiocardiographic images" (1976).
    """
    size = pictures.shape[-1]
    side = 1 + max(1, round(size / 128 * (1 + 2 * float(torch.rand(())))))
    reach = side - 1
    padded = functional.pad(pictures, [reach] * 4, mode="replicate")
    means = functional.avg_pool2d(padded, side, stride=1)
    spread = (functional.avg_pool2d(padded.square(), side, stride=1) - means.square()).sum(
        dim=1, keepdim=True
    )
    corners = [(y, x) for y in (0, reach) for x in (0, reach)]
    mean = torch.stack([means[:, :, y : y + size, x : x + size] for y, x in corners])
    calm = torch.stack([spread[:, :, y : y + size, x : x + size] for y, x in corners]).argmin(dim=0)
    return mean.gather(0, calm.expand_as(pictures)[None])[0]


def blocks(pictures: Tensor) -> Tensor:
    """The rounding of a JPEG's 8×8 cosine transform, finer for low frequencies, one quality for the batch."""
    n, channels, height, width = pictures.shape
    if height % 8 or width % 8:
        return pictures
    place = torch.arange(8, dtype=torch.float32)
    basis = torch.cos(math.pi / 8 * (place[None] + 0.5) * place[:, None]) * 0.5
    basis[0] *= 0.5**0.5
    basis = basis.to(pictures)
    step = (0.01 + 0.05 * float(torch.rand(()))) * (1 + place[:, None] + place[None]).to(pictures)
    parts = pictures.reshape(n, channels, height // 8, 8, width // 8, 8)
    waves = torch.einsum("uy,nchywx,vx->nchuwv", basis, parts, basis)
    rounded = (waves / step[:, None, :]).round() * step[:, None, :]
    return torch.einsum("uy,nchuwv,vx->nchywx", basis, rounded, basis).reshape(pictures.shape)


def cutout(pictures: Tensor) -> Tensor:
    """Cover a rectangle of each picture with a plain colour: hands, bubbles, things that no model draws."""
    n, _, height, width = pictures.shape
    half_size = _uniform(n, 0.04, 0.18, pictures, channels=2)
    centre = _uniform(n, 0.0, 1.0, pictures, channels=2)
    rows = ((torch.arange(height) + 0.5) / height).to(pictures)[None, None, :, None]
    columns = ((torch.arange(width) + 0.5) / width).to(pictures)[None, None, None]
    inside = (rows - centre[:, :1]).abs() < half_size[:, :1]
    inside = inside & ((columns - centre[:, 1:]).abs() < half_size[:, 1:])
    return torch.where(inside, _uniform(n, -1, 1, pictures, channels=3), pictures)
