"""Change the look of scenes, so that the face finder knows more than the renderer's style.

All functions take and give float ``[N, 3, H, W]`` in [0, 1].
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

_LUMA = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)


def _uniform(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))


def _gray(x: Tensor) -> Tensor:
    return (x * _LUMA).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def _smooth(x: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(2.5 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma).square())
    kernel = kernel / kernel.sum()
    n, c, h, w = x.shape
    flat = functional.pad(x.reshape(n * c, 1, h, w), 4 * [radius], mode="replicate")
    flat = functional.conv2d(flat, kernel.reshape(1, 1, 1, -1))
    return functional.conv2d(flat, kernel.reshape(1, 1, -1, 1)).reshape(n, c, h, w)


def _largest(x: Tensor, size: int) -> Tensor:
    return functional.max_pool2d(x, size, 1, size // 2)


def _smallest(x: Tensor, size: int) -> Tensor:
    return -_largest(-x, size)


def line_art(x: Tensor) -> Tensor:
    """Dark lines on light paper where the picture has edges and lines; sometimes with a rest of its tones."""
    luma = (x * _LUMA).sum(dim=1, keepdim=True)
    sharp = luma if _uniform(0, 1) < 0.5 else _smooth(luma, _uniform(0.5, 1.2))
    if _uniform(0, 1) < 0.5:
        edges = _largest(sharp, 3) - _smallest(sharp, 3)
    else:
        edges = (_smooth(luma, _uniform(1.2, 2.5)) - sharp).clamp(min=0) * 2  # what is darker than around it
    ink = (edges * _uniform(2.5, 6.0) - _uniform(0.02, 0.25)).clamp(0, 1)
    ink_color = torch.rand(1, 3, 1, 1) * _uniform(0, 0.5)
    paper = 1 - torch.rand(1, 3, 1, 1) * _uniform(0, 0.2)
    tone = x * _uniform(0, 0.5) if _uniform(0, 1) < 0.3 else torch.zeros_like(x)
    ground = paper * (1 - _uniform(0, 0.4) * tone)
    return ground * (1 - ink) + ink_color * ink


def painterly(x: Tensor) -> Tensor:
    """Strokes: details close, edges stay (opening and closing), with a brush's unevenness."""
    size = 3 if _uniform(0, 1) < 0.75 else 5
    x = _smallest(_largest(x, size), size) if _uniform(0, 1) < 0.5 else _largest(_smallest(x, size), size)
    grain = _smooth(torch.randn(len(x), 1, *x.shape[2:]), _uniform(0.6, 1.5))
    return _smooth(x + _uniform(0, 0.12) * grain, _uniform(0.4, 0.9))


def _light(x: Tensor) -> Tensor:
    """A lamp: brightness that changes slowly over the picture."""
    field = torch.randn(len(x), 1 if _uniform(0, 1) < 0.6 else 3, 5, 5)
    field = functional.interpolate(field, size=x.shape[2:], mode="bicubic", align_corners=False)
    return x * torch.exp(_uniform(0.1, 0.45) * field) + _uniform(0, 0.05) * field


def _mixed(x: Tensor) -> Tensor:
    """Other colours: a random mixture of the channels, or a tint."""
    mix = torch.eye(3) * _uniform(0.3, 1.0) + 0.35 * torch.rand(3, 3) * _uniform(0, 1)
    return torch.einsum("nchw,dc->ndhw", x, mix / mix.sum(dim=1, keepdim=True)) + 0.08 * torch.randn(
        1, 3, 1, 1
    )


def _blurred(x: Tensor) -> Tensor:
    return _smooth(x, _uniform(0.5, 2.2))


def _pixelated(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    factor = _uniform(1.2, 2.6)
    small = functional.interpolate(x, size=(int(height / factor), int(width / factor)), mode="area")
    mode = "nearest" if _uniform(0, 1) < 0.3 else "bilinear"
    return functional.interpolate(small, size=(height, width), mode=mode)


def _contrast(x: Tensor) -> Tensor:
    middle = _uniform(0.2, 0.8)
    scale = _uniform(0.15, 0.7) if _uniform(0, 1) < 0.6 else _uniform(1.1, 2.0)
    return middle + (x - x.mean(dim=(1, 2, 3), keepdim=True)) * scale


def _gamma(x: Tensor) -> Tensor:
    return x.clamp(1e-4, 1) ** float(np.exp(_uniform(-0.9, 0.9)))


def _noise(x: Tensor) -> Tensor:
    amount = _uniform(0.01, 0.12)
    channels = 1 if _uniform(0, 1) < 0.5 else 3
    noise = torch.randn(len(x), channels, *x.shape[2:])
    return x + amount * (noise if _uniform(0, 1) < 0.6 else 2 * _smooth(noise, _uniform(0.6, 1.2)))


def _few_tones(x: Tensor) -> Tensor:
    levels = int(_uniform(2, 7))
    return (x.clamp(0, 1) * levels).round() / levels


def _inverted(x: Tensor) -> Tensor:
    return 1 - x


def _compressed(x: Tensor) -> Tensor:
    pictures = []
    for picture in (x.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(_uniform(15, 80)))
        pictures.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


_STYLES: tuple[tuple[float, Callable[[Tensor], Tensor]], ...] = (
    (0.12, painterly),
    (0.30, _light),
    (0.14, line_art),
    (0.30, _mixed),
    (0.20, _gray),
    (0.25, _blurred),
    (0.12, _pixelated),
    (0.35, _gamma),
    (0.30, _contrast),
    (0.05, _few_tones),
    (0.05, _inverted),
    (0.25, _noise),
    (0.12, _compressed),
)


def restyle(x: Tensor, strength: float = 1.0) -> Tensor:
    """Each picture of ``[N, 3, H, W]`` gets its own few changes; `strength` scales their chances."""
    result = []
    for picture in x.split(1):
        changed = picture
        for chance, style in _STYLES:
            if _uniform(0, 1) < chance * strength:
                changed = style(changed).clamp(0, 1)
        result.append(changed)
    return torch.cat(result)
