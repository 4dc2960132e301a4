"""How a face is framed for the models: which square around eyes and mouth they see, in training and in use.

Aligned by its features (as Karras et al. 2019 align photographs), a face needs far less to be learned than one that
may stand anywhere; what is left of a crop that was placed less exactly, the training covers by small offsets.
"""

from __future__ import annotations

import cmath
import math

from .squares import FoundFace

FRAME = 0.75
"""The frame's side in sides of the face's square (`squares.FoundFace`): eyes to chin are half of its height."""

_DOWN = 0.25


def frame_centre(eyes: complex, mouth: complex) -> complex:
    """The middle of the frame, x + iy, of the middle between the eyes and the middle of the mouth."""
    return eyes + _DOWN * (mouth - eyes)


def frame(face: FoundFace) -> tuple[float, float, float]:
    """The frame of a found face, turned as its square is: the middle x, y and the side, in pixels of the picture."""
    turn = cmath.rect(face.size, math.radians(face.angle))
    middle = complex(face.x, face.y) + turn * frame_centre(complex(*face.eyes), complex(*face.mouth))
    return middle.real, middle.imag, FRAME * face.size
