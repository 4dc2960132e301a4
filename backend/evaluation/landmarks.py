"""A landmark detector for the embedded model's faces: finds features in a picture, knowing nothing of any drag.

A small U-Net gives one heat map a landmark; its expectation is the place (Nibali et al. 2018, "Numerical
Coordinate Regression with Convolutional Neural Networks"). Trained on the renderer's own labels by
``python -m backend.training landmarks``, never on the generator's pictures.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = Path(__file__).parent / "landmarks.safetensors"
INPUT_SIZE = 128
_WIDTHS = (24, 48, 80, 96)


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(8, out_channels),
        nn.ReLU(inplace=True),
    )


class LandmarkDetector(nn.Module):
    """Pictures ``[N, 3, 128, 128]`` in [-1, 1] → heat maps ``[N, L, 64, 64]`` (logits)."""

    def __init__(self, landmarks: int) -> None:
        super().__init__()
        self.stem = _convolution(3, _WIDTHS[0], stride=2)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for narrow, wide in pairwise(_WIDTHS):
            self.down.append(nn.Sequential(_convolution(narrow, wide, stride=2), _convolution(wide, wide)))
            self.up.append(_convolution(wide + narrow, narrow))
        self.head = nn.Conv2d(_WIDTHS[0], landmarks, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.stem(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, skip], dim=1))
        return self.head(x)


def heatmap_positions(logits: Tensor) -> Tensor:
    """The expectation of each heat map.

    Args:
        logits: ``[N, L, H, W]``.

    Returns:
        ``[N, L, 2]``, (x, y) as fractions of the picture's sides.
    """
    n, landmarks, height, width = logits.shape
    probability = logits.float().flatten(2).softmax(dim=2).reshape(n, landmarks, height, width)
    xs = (torch.arange(width, device=logits.device) + 0.5) / width
    ys = (torch.arange(height, device=logits.device) + 0.5) / height
    return torch.stack([probability.sum(dim=2) @ xs, probability.sum(dim=3) @ ys], dim=-1)


@cache
def _detector() -> tuple[LandmarkDetector, tuple[str, ...]]:
    with safe_open(WEIGHTS, framework="pt") as file:
        names = tuple(json.loads(file.metadata()["landmarks"]))
        state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - not a dict
    detector = LandmarkDetector(len(names))
    detector.load_state_dict(state)
    return detector.eval().requires_grad_(False), names


def detect(rgb: NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """Find the landmarks of the one face in a square picture, framed as the embedded model frames faces.

    Args:
        rgb: uint8 ``[S, S, 3]``.

    Returns:
        Name → (x, y) in pixels of ``rgb``, pixel centres at +0.5; the names of `training.toon.renderer`.

    Raises:
        ValueError: not a square RGB picture.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape[0] != rgb.shape[1]:
        raise ValueError(f"expected a square RGB picture [S, S, 3], not {list(rgb.shape)}")
    size = rgb.shape[0]
    small = Image.fromarray(rgb).resize(
        (INPUT_SIZE, INPUT_SIZE), Image.Resampling.BOX if size > INPUT_SIZE else Image.Resampling.BICUBIC
    )
    x = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 127.5 - 1
    detector, names = _detector()
    places = (heatmap_positions(detector(x))[0] * size).tolist()
    return {name: (place[0], place[1]) for name, place in zip(names, places, strict=True)}
