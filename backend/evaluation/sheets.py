"""Pages of pictures: rows of cells with titles above, and points drawn on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

CELL, GAP, TITLE = 192, 4, 16

HANDLE, TARGET, FOUND = (220, 30, 30), (30, 90, 230), (20, 170, 60)
"""Colours of where a landmark was, where it should go, and where the detector finds it."""


def page(
    titles: Sequence[str], rows: Sequence[Sequence[Image.Image | None]], cell: int = CELL
) -> Image.Image:
    """Rows of pictures, each made `cell` px wide and high; None leaves a gap."""
    width, height = len(titles) * (cell + GAP), len(rows) * (cell + GAP) + TITLE
    sheet = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((column * (cell + GAP) + 2, 2), title, fill="black")
    for line, row in enumerate(rows):
        for column, image in enumerate(row):
            if image is not None:
                small = image.convert("RGB").resize((cell, cell), Image.Resampling.LANCZOS)
                sheet.paste(small, (column * (cell + GAP), TITLE + line * (cell + GAP)))
    return sheet


def marked(
    rgb: NDArray[np.uint8],
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
    dots: Sequence[tuple[tuple[float, float], tuple[int, int, int]]] = (),
    words: str = "",
    cell: int = CELL,
) -> Image.Image:
    """A picture, uint8 [R, R, 3], with lines between points, dots and a line of words on it.

    lines: (from, to), from handle to target. dots: (place, colour). All in px of the picture.
    """
    scale = cell / rgb.shape[0]
    image = Image.fromarray(rgb).resize((cell, cell), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)

    def at(place: tuple[float, float]) -> tuple[float, float]:
        return place[0] * scale, place[1] * scale

    for start, end in lines:
        pen.line([at(start), at(end)], fill="white", width=1)
    for place, colour in dots:
        x, y = at(place)
        pen.ellipse([x - 2.5, y - 2.5, x + 2.5, y + 2.5], fill=colour, outline="white")
    if words:
        pen.rectangle([0, cell - 13, cell, cell], fill="white")
        pen.text((2, cell - 12), words, fill="black")
    return image
