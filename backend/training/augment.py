"""Augmentations between pictures and discriminator, so that few pictures do not get learned by heart.

`AdaptiveAugment`: Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020): the
operations of its pipe "bgc" with their strengths (appendix B) and the heuristic r_t (equation 1), without its
wavelet filters: here pictures are sampled bilinearly. `DiffAugment`: Zhao et al., "Differentiable Augmentation for
Data-Efficient GAN Training" (NeurIPS 2020): colour, translation, cutout.

Both are differentiable in the pictures, float ``[N, 3, R, R]`` in [-1, 1], and draw from torch's global random
numbers.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Augment(Protocol):
    """What stands before the discriminator."""

    p: float

    def __call__(self, pictures: Tensor) -> Tensor:
        """Augmented pictures, of the same shape."""

    def observe(self, real_logits: Tensor) -> None:
        """Told the discriminator's logits ``[N, 1]`` for (augmented) real pictures, in every step."""

    def state(self) -> list[float]:
        """What a checkpoint must hold."""

    def restore(self, state: list[float]) -> None:
        """Take up `state`."""


class NoAugment:
    """Leaves pictures alone."""

    p = 0.0

    def __call__(self, pictures: Tensor) -> Tensor:
        """The same pictures."""
        return pictures

    def observe(self, real_logits: Tensor) -> None:
        """Nothing to learn."""

    def state(self) -> list[float]:
        """Nothing to keep."""
        return []

    def restore(self, state: list[float]) -> None:
        """Nothing to take up."""


class DiffAugment(NoAugment):
    """Brightness, saturation, contrast; shifts by up to an eighth; a hole of half the side. Always on."""

    p = 1.0

    def __call__(self, pictures: Tensor) -> Tensor:
        """See the module."""
        n, _, height, width = pictures.shape

        def random(*shape: int) -> Tensor:
            return torch.rand(n, *shape).to(pictures)

        x = pictures + random(1, 1, 1) - 0.5
        grey = x.mean(dim=1, keepdim=True)
        x = grey + (x - grey) * (2 * random(1, 1, 1))
        mean = x.mean(dim=[1, 2, 3], keepdim=True)
        x = mean + (x - mean) * (random(1, 1, 1) + 0.5)
        rows, columns = _places(n, height, 1 / 8).to(x.device), _places(n, width, 1 / 8).to(x.device)
        padded = functional.pad(x, [1, 1, 1, 1])  # one line of black, taken for all that lies beyond
        batch = torch.arange(n, device=x.device)[:, None, None]
        x = padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        hole = _inside(n, height, 0.5)[:, None, :, None] & _inside(n, width, 0.5)[:, None, None, :]
        return x * (~hole).to(x)


def _places(n: int, size: int, most: float) -> Tensor:
    """Where each row of a shifted picture comes from, in a picture padded by one line: ``[n, size]``."""
    reach = int(size * most + 0.5)
    shift = torch.randint(-reach, reach + 1, (n, 1))
    return (torch.arange(size)[None] + shift + 1).clamp(0, size + 1)


def _inside(n: int, size: int, part: float) -> Tensor:
    """Whether each row lies in a hole of ``part`` of the side, at random: bool ``[n, size]``."""
    length = int(size * part + 0.5)
    start = torch.randint(0, size + (1 - length % 2), (n, 1)) - length // 2
    place = torch.arange(size)[None]
    return (place >= start) & (place < start + length)


class AdaptiveAugment:
    """The pipe of adaptive discriminator augmentation, and the rule that sets its probability.

    Args:
        target: of r_t, the mean sign of the discriminator's logits for real pictures.
        images: so many pictures take ``p`` from 0 to 1 at most.
        p: where it starts; every operation happens with this probability.
        fixed: leave ``p`` as it is.
    """

    def __init__(
        self, target: float = 0.6, images: int = 100_000, p: float = 0.0, fixed: bool = False
    ) -> None:
        self.target, self.images, self.p, self.fixed = target, images, p, fixed
        self._signs, self._seen, self._steps = 0.0, 0, 0

    _EVERY = 4
    """Steps between changes of ``p``, as in the paper."""

    def observe(self, real_logits: Tensor) -> None:
        """Gather r_t; every four steps move ``p`` toward less (r_t too low) or more (too high) augmentation."""
        self._signs += float(real_logits.detach().sign().sum())
        self._seen += real_logits.numel()
        self._steps += 1
        if self._steps == self._EVERY:
            if not self.fixed:
                direction = float(self._signs / self._seen > self.target) * 2 - 1
                self.p = min(1.0, max(0.0, self.p + direction * self._seen / self.images))
            self._signs, self._seen, self._steps = 0.0, 0, 0

    def state(self) -> list[float]:
        """``p`` and the signs gathered."""
        return [self.p, self._signs, float(self._seen), float(self._steps)]

    def restore(self, state: list[float]) -> None:
        """See `state`."""
        self.p, self._signs = state[0], state[1]
        self._seen, self._steps = int(state[2]), int(state[3])

    def __call__(self, pictures: Tensor) -> Tensor:
        """See the module; with ``p`` 0 the same pictures."""
        if self.p <= 0:
            return pictures
        # Places in bfloat16 would be off by pixels.
        with torch.autocast(pictures.device.type, enabled=False):
            return self._augmented(pictures.float())

    def _augmented(self, pictures: Tensor) -> Tensor:
        n = len(pictures)
        theta = self._geometry(n, pictures.shape[-1]).to(pictures)
        grid = functional.affine_grid(theta[:, :2], list(pictures.shape), align_corners=False)
        moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
        colour = self._colour(n).to(pictures)
        flat = colour[:, :3, :3] @ moved.flatten(2) + colour[:, :3, 3:]
        return flat.reshape(pictures.shape)

    def _chosen(self, values: Tensor, neutral: float, p: float | None = None) -> Tensor:
        """The values where the dice say so, else the neutral one."""
        chance = torch.rand(len(values)) < (self.p if p is None else p)
        return torch.where(chance.reshape([-1] + [1] * (values.ndim - 1)), values, neutral)

    def _geometry(self, n: int, size: int) -> Tensor:
        """Inverse transformations ``[n, 3, 3]`` of places in [-1, 1]: pixel blitting, then general ones."""
        matrix = torch.eye(3).repeat(n, 1, 1)
        matrix = matrix @ _scaling(self._chosen(torch.randint(0, 2, (n,)) * -2.0 + 1, 1.0), torch.ones(n))
        matrix = matrix @ _rotation(self._chosen(torch.randint(0, 4, (n,)) * (math.pi / 2), 0.0))
        whole = (torch.rand(n, 2) * 2 - 1) * 0.125
        whole = (whole * size).round() / size * 2
        matrix = matrix @ _translation(self._chosen(whole, 0.0))
        scale = self._chosen(torch.exp2(torch.randn(n) * 0.2), 1.0)
        matrix = matrix @ _scaling(scale, scale)
        # Twice, so that before and after the stretching together happen with probability p.
        twice = 1 - math.sqrt(1 - min(self.p, 1.0))
        angle = (torch.rand(n) * 2 - 1) * math.pi
        matrix = matrix @ _rotation(self._chosen(angle, 0.0, twice))
        stretch = self._chosen(torch.exp2(torch.randn(n) * 0.2), 1.0)
        matrix = matrix @ _scaling(stretch, 1 / stretch)
        angle = (torch.rand(n) * 2 - 1) * math.pi
        matrix = matrix @ _rotation(self._chosen(angle, 0.0, twice))
        return matrix @ _translation(self._chosen(torch.randn(n, 2) * 0.125 * 2, 0.0))

    def _colour(self, n: int) -> Tensor:
        """Homogeneous colour transformations ``[n, 4, 4]``."""
        brightness = torch.eye(4).repeat(n, 1, 1)
        brightness[:, :3, 3] = self._chosen(torch.randn(n) * 0.2, 0.0)[:, None]
        contrast = torch.eye(4).repeat(n, 1, 1)
        contrast[:, :3, :3] *= self._chosen(torch.exp2(torch.randn(n) * 0.5), 1.0)[:, None, None]
        axis = torch.full((3,), 3**-0.5)
        luma = torch.zeros(4, 4)
        luma[:3, :3] = torch.outer(axis, axis)
        flip = self._chosen(torch.randint(0, 2, (n,)).float(), 0.0)[:, None, None]
        turned = torch.eye(4).repeat(n, 1, 1)
        turned[:, :3, :3] = _about(axis, self._chosen((torch.rand(n) * 2 - 1) * math.pi, 0.0))
        saturation = self._chosen(torch.exp2(torch.randn(n)), 1.0)[:, None, None]
        matrix = (torch.eye(4) - 2 * luma * flip) @ contrast @ brightness
        return (luma + (torch.eye(4) - luma) * saturation) @ turned @ matrix


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([1 / x, zero, zero, zero, 1 / y, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)


def _translation(by: Tensor) -> Tensor:
    matrix = torch.eye(3).repeat(len(by), 1, 1)
    matrix[:, :2, 2] = by
    return matrix


def _about(axis: Tensor, angle: Tensor) -> Tensor:
    """Rodrigues' rotation about a unit axis: ``[n, 3, 3]``."""
    x, y, z = axis.tolist()
    cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return torch.eye(3) + sin * cross + (1 - cos) * (cross @ cross)
