"""What is done to the whole picture at the end: brush, paper, warmth, vignette; nothing moves.

All textures are fixed and of low frequency, so that a generator that is taught pairs of latent and picture can
learn them. True grain, which it cannot learn, is left to those who train detectors and encoders (`grain`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import skia
from numpy.typing import NDArray

from .table import Factor, Factors

FACTORS: dict[str, Factor] = {
    "painterly": Factor(-0.5, 1.0),
    "paper": Factor(-0.6, 1.0),
    "warmth": Factor(-1.0, 1.0, bell=0.5),
    "vignette": Factor(-0.6, 1.0),
}

Floats = NDArray[np.float32]


def _smooth_noise(size: int, cells: int, seed: int) -> Floats:
    """Noise ``[size, size]`` of mean 0 and unit deviation: white noise of 256 cells a side without what changes
    more often than ``cells`` times a side.
    """
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal((256, 256)))
    f = np.fft.fftfreq(256, 1 / 256)
    smooth = np.fft.ifft2(spectrum * np.exp(-(f[:, None] ** 2 + f**2) / (cells / 2) ** 2)).real
    places = np.minimum((np.arange(size) + 0.5) / size * 256, 255).astype(int)
    noise = smooth[places][:, places]
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def _veil(color: NDArray[np.floating], alpha: NDArray[np.floating]) -> skia.Image:
    """An image of colours ``[size, size, 3]`` in [0, 1] and alphas ``[size, size]``."""
    rgba = np.concatenate([np.broadcast_to(color, (*alpha.shape, 3)), alpha[..., None]], axis=2)
    pixels = np.ascontiguousarray((np.clip(rgba, 0, 1) * 255 + 0.5).astype(np.uint8))
    image = skia.Image.fromarray(pixels, colorType=skia.kRGBA_8888_ColorType)
    # Into the memory format that canvases draw fastest.
    surface = skia.Surface(*alpha.shape)
    surface.getCanvas().drawImage(image, 0, 0)
    return surface.makeImageSnapshot()


@lru_cache(maxsize=8)
def _veils(size: int) -> tuple[skia.Image, ...]:
    """What is drawn over a picture: a warm and a cool tone; dabs of light, shade and colour; paper; vignette."""
    dabs = 0.7 * _smooth_noise(size, 14, 1) + 0.5 * _smooth_noise(size, 30, 2)
    hues = _smooth_noise(size, 9, 3)[..., None]
    bright = (dabs > 0)[..., None] * np.ones(3) + 0.25 * hues * np.array([1.0, 0.0, -1.0])
    paper = 0.6 * _smooth_noise(size, 48, 4) + 0.4 * _smooth_noise(size, 6, 5)
    t = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    far = np.clip((np.hypot(t[:, None], t[None]) - 0.62) / 0.8, 0, 1) ** 1.5
    everywhere = np.full((size, size), 0.10, np.float32)
    return (
        _veil(np.array([1.0, 0.62, 0.25]), everywhere),
        _veil(np.array([0.25, 0.45, 1.0]), everywhere),
        _veil(bright, 0.045 * np.abs(dabs)),
        _veil((paper > 0)[..., None] * np.ones(3), 0.026 * np.abs(paper)),
        _veil(np.array([0.10, 0.06, 0.14]), 0.45 * far.astype(np.float32)),
    )


def paint(surface: skia.Surface, p: Factors) -> None:
    """Finish the picture on a square surface, of any size."""
    size = surface.width()
    orange, blue, dabs, paper, vignette = _veils(size)
    canvas = surface.getCanvas()
    canvas.save()
    canvas.resetMatrix()
    brush = max(p["painterly"], 0.0)
    if brush > 0:
        # The mean of the picture and its four diagonal neighbours; a blur filter takes twenty times as long.
        sharp, d, weight = surface.makeImageSnapshot(), size / 256, 0.17 * brush
        nearest = skia.SamplingOptions() if size % 256 == 0 else skia.SamplingOptions(skia.FilterMode.kLinear)
        for i, (dx, dy) in enumerate(((d, d), (-d, -d), (d, -d), (-d, d))):
            canvas.drawImage(sharp, dx, dy, nearest, skia.Paint(Alphaf=weight / (1 - (3 - i) * weight)))
    warm = p["warmth"]
    sheet, dark = max(p["paper"], 0.0), max(p["vignette"], 0.0)
    shown = ((orange, warm), (blue, -warm), (dabs, brush), (paper, sheet), (vignette, dark))
    for veil, alpha in shown:
        if alpha > 0:
            canvas.drawImage(veil, 0, 0, skia.SamplingOptions(), skia.Paint(Alphaf=alpha))
    canvas.restore()


def grain(picture: NDArray[np.uint8], deviation: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random grain for those who train detectors and encoders.

    Args:
        picture: ``[H, W, 3]`` sRGB.
        deviation: of the grain, on a scale of 255.
        rng: what it is drawn from.

    Returns:
        The picture with grain.
    """
    noise = rng.standard_normal((*picture.shape[:2], 1), dtype=np.float32) * deviation
    return np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)
