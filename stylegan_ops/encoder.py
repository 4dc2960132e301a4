"""Picture → w+: a small residual network that guesses where in a generator's latent space a picture lies.

The idea of predicting w+ as one shared w and small offsets of its entries, coarse ones from coarse features, follows
Richardson et al., "Encoding in Style" (CVPR 2021) and Tov et al., "Designing an Encoder for StyleGAN Image
Manipulation" (SIGGRAPH 2021, section 4). The network is far smaller, made for a first guess on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUP = 16
_SLOPE = 0.2


class _Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut; normalised inside the branch only, so that colours get through."""

    def __init__(self, in_channels: int, out_channels: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.norm0 = nn.GroupNorm(max(1, in_channels // _GROUP), in_channels)
        self.conv0 = nn.Conv2d(in_channels, out_channels, 3, stride=2 if down else 1, padding=1)
        self.norm1 = nn.GroupNorm(max(1, out_channels // _GROUP), out_channels)
        self.conv1 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0(functional.leaky_relu(self.norm0(x), _SLOPE))
        y = self.conv1(functional.leaky_relu(self.norm1(y), _SLOPE))
        x = functional.avg_pool2d(x, 2) if self.down else x
        return y + (x if self.skip is None else self.skip(x))


class Encoder(nn.Module):
    """Guesses the w+ that draws a picture.

    Args:
        img_resolution: side in pixels at which pictures are looked at, a power of two; for a large generator it
            may be smaller than the generator's.
        num_ws, w_dim: of the generator.
        channels: feature maps after every halving, from ``img_resolution / 2`` on down to 4×4.
        blocks: further residual blocks at each of these sizes.
        hidden: width of the vector that sees the whole face.

    ``w_mean`` and ``w_std`` ``[w_dim]`` are buffers, since the network works in units of the latent's spread: set
    them to those of the model, and an untrained encoder guesses the mean.

    Raises:
        ValueError: the sizes do not fit together.
    """

    w_mean: Tensor
    w_std: Tensor

    def __init__(
        self,
        img_resolution: int,
        num_ws: int,
        w_dim: int,
        channels: Sequence[int] = (24, 48, 96, 160, 224, 256),
        blocks: Sequence[int] = (0, 0, 1, 1, 0, 0),
        hidden: int = 320,
    ) -> None:
        super().__init__()
        if img_resolution != 4 * 2 ** len(channels) or len(blocks) != len(channels):
            raise ValueError(
                f"{len(channels)} halvings and {len(blocks)} numbers of blocks do not lead from {img_resolution} to 4"
            )
        self.img_resolution = img_resolution
        self.num_ws = num_ws
        self.w_dim = w_dim
        self.register_buffer("w_mean", torch.zeros(w_dim))
        self.register_buffer("w_std", torch.ones(w_dim))
        self.stem = nn.Conv2d(3, channels[0], 3, stride=2, padding=1)
        levels = []
        for level, (below, width) in enumerate(zip([0, *channels], channels)):
            parts = [] if level == 0 else [_Residual(below, width, down=True)]
            parts += [_Residual(width, width, down=False) for _ in range(blocks[level])]
            levels.append(nn.Sequential(*parts))
        self.levels = nn.ModuleList(levels)
        self.squeeze = nn.Conv2d(channels[-1], hidden // 4, 1)
        self.face = nn.Linear(hidden // 4 * 16, hidden)
        self.shared = nn.Linear(hidden, w_dim)
        # Entries by thirds: the pose and the head's shape, features, colours and lines. Each third also sees the
        # average of features of its own fineness.
        self._seen = (len(channels) - 1, max(0, len(channels) - 3), max(0, len(channels) - 4))
        counts = [len(range(start, num_ws, 3)) for start in range(3)]
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(hidden + channels[level], hidden // 2),
                nn.LeakyReLU(_SLOPE),
                nn.Linear(hidden // 2, count * w_dim),
            )
            for level, count in zip(self._seen, counts)
        )
        for layer in (self.shared, *(head[-1] for head in self.heads)):  # type: ignore[index]
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, img: Tensor) -> Tensor:
        """Guess latents.

        Args:
            img: ``[N, 3, R, R]`` in [-1, 1]; brought to ``img_resolution`` first where it has another size.

        Returns:
            ``[N, num_ws, w_dim]``, float32.

        Raises:
            ValueError: not colour pictures, or not square.
        """
        if img.ndim != 4 or img.shape[1] != 3 or img.shape[2] != img.shape[3]:
            raise ValueError(f"pictures must be [N, 3, R, R], not {list(img.shape)}")
        size = self.img_resolution
        if img.shape[2] > size:
            img = functional.interpolate(img, size=(size, size), mode="area")
        elif img.shape[2] < size:
            img = functional.interpolate(img, size=(size, size), mode="bilinear", align_corners=False)
        x = self.stem(img)
        pooled = []
        for level in self.levels:
            x = level(x)
            pooled.append(x.mean(dim=[2, 3]))
        squeezed = functional.leaky_relu(self.squeeze(x), _SLOPE).flatten(1)
        face = functional.leaky_relu(self.face(squeezed), _SLOPE)
        offsets = [
            head(torch.cat([face, pooled[level]], dim=1)).unflatten(1, (-1, self.w_dim))
            for head, level in zip(self.heads, self._seen)
        ]
        whitened = self.shared(face)[:, None].float() + torch.cat([o.float() for o in offsets], dim=1)
        return self.w_mean + whitened * self.w_std
