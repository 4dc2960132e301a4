"""Writes the pull as an animated WebP or GIF."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = (".webp", ".gif")
MAX_FRAMES = 24
MAX_SIDE = 640


def write(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    frame_ms: int = 70,
    hold_ms: int = 900,
    max_side: int = MAX_SIDE,
) -> None:
    """Write frames that play once forwards, rest, and begin again; the file appears whole or not at all.

    Args:
        path: the file to write; its suffix, ``.webp`` or ``.gif``, chooses the format.
        frames: uint8 [H, W, 4] RGBA, all of one size, at least one.
        frame_ms: how long each frame is shown.
        hold_ms: how long the first and the last frame are shown.
        max_side: larger frames are scaled down to this side, in pixels.

    Raises:
        ValueError: no frames, or an unknown suffix.
        OSError: the file cannot be written.
    """
    if not frames:
        raise ValueError("an animation needs at least one frame")
    format_name = {".webp": "WEBP", ".gif": "GIF"}.get(path.suffix.lower())
    if format_name is None:
        raise ValueError(f"the animation's name must end in {' or '.join(SUFFIXES)}")
    images = [Image.fromarray(frame) for frame in frames]
    for image in images:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    durations = [frame_ms] * len(images)
    durations[0] = durations[-1] = hold_ms
    if format_name == "GIF":
        # One palette for all frames, from the last and widest change, so that still parts do not flicker.
        images = _one_palette(images)
    options: dict[str, object] = {"quality": 85, "method": 4} if format_name == "WEBP" else {"disposal": 1}
    temporary = path.with_name(path.name + ".part")
    try:
        images[0].save(
            temporary,
            format_name,
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            **options,
        )
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def chosen_steps(last: int, frames: int = MAX_FRAMES) -> list[int]:
    """Which steps 0 … ``last`` to show in at most ``frames`` frames: evenly spread, both ends always."""
    if last + 1 <= frames:
        return list(range(last + 1))
    return sorted({round(index * last / (frames - 1)) for index in range(frames)})


def _one_palette(images: Sequence[Image.Image]) -> list[Image.Image]:
    """GIF has one bit of alpha: a transparent picture is shown on white."""
    flat = []
    for image in images:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image)
        flat.append(white.convert("RGB"))
    palette = flat[-1].quantize(256, Image.Quantize.MEDIANCUT)
    return [image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for image in flat]
