"""Which pixels of an edit go into a layer."""

from __future__ import annotations

import numpy as np

from backend.editing.geometry import Rect
from backend.editing.host import Edit
from backend.editing.pixels import changed_in, cut, laid_over

RECT = Rect(10, 20, 6, 5)
RNG = np.random.default_rng(5)


def test_a_part_of_a_picture_is_cut_row_by_row() -> None:
    pixels = RNG.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    part = Rect(12, 21, 3, 2)
    assert cut(pixels.tobytes(), RECT, part, 4) == pixels[1:3, 2:5].tobytes()
    assert cut(pixels, RECT, Rect(10, 22, 6, 2), 4) == pixels[2:4].tobytes()


def test_what_an_edit_of_eight_bits_changes_has_an_alpha() -> None:
    pixels = RNG.integers(1, 256, (5, 6, 4), dtype=np.uint8)
    pixels[1, 2] = pixels[3] = 0
    edit = Edit(RECT, pixels.tobytes())
    assert changed_in(edit, RECT) == (pixels[..., 3] > 0).astype(np.uint8).tobytes().replace(b"\x01", b"\xff")


def test_what_a_deep_edit_changes_is_said_beside_it() -> None:
    changed = RNG.integers(0, 3, (5, 6), dtype=np.uint8)
    edit = Edit(RECT, bytes(5 * 6 * 16), dtype="float32", changed=changed.tobytes())
    part = Rect(11, 21, 4, 3)
    expected = np.where(changed[1:4, 1:5] > 0, 255, 0).astype(np.uint8)
    assert changed_in(edit, part) == expected.tobytes()


def test_pixels_are_taken_whole_whatever_their_size() -> None:
    for size in (1, 2, 3, 4, 6, 8, 12, 16, 32):
        below, above = RNG.integers(0, 256, (2, 30, size), dtype=np.uint8)
        changed = RNG.integers(0, 2, 30, dtype=np.uint8)
        expected = np.where(changed[:, None] > 0, above, below).astype(np.uint8)
        assert laid_over(below.tobytes(), above.tobytes(), changed.tobytes(), size) == expected.tobytes()
