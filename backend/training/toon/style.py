"""The colours and lines that all parts of a face share."""

from __future__ import annotations

from typing import NamedTuple

import skia

from .pen import Color


class Style(NamedTuple):
    """What all drawing functions share.

    Attributes:
        skin_tone: the lit skin in Oklab.
        skin, skin_shade, skin_light: colours of lit, shaded and shining skin.
        ink: the colour of lines on the face, its alpha the strength of lines.
        line: the width of a line, in picture sides (may be close to 0).
        ink_color: 0 for black lines … 1 for lines in a darker tone of what they outline; see `outline`.
        light: -1 for light from the left … 1 from the right.
        shade: strength of shadows, 0 … 1.
        softness: 0 for cel shading with hard edges … 1 for soft gradients.
    """

    skin_tone: tuple[float, float, float]
    skin: Color
    skin_shade: Color
    skin_light: Color
    ink: Color
    line: float
    ink_color: float
    light: float
    shade: float
    softness: float

    def outline(self, color: Color) -> Color:
        """The colour for the outline of something filled with ``color``."""
        k = self.ink_color
        mixed = (
            (1 - k) * ink + k * 0.42 * own
            for ink, own in zip(
                (self.ink.fR, self.ink.fG, self.ink.fB), (color.fR, color.fG, color.fB), strict=True
            )
        )
        return skia.Color4f(*mixed, self.ink.fA)
