"""Bytes of pixels: depths, what goes to the backend, what an edit changes."""

from __future__ import annotations

import numpy as np
import pytest

from krita_plugin.pullface.backend.editing.geometry import Rect
from krita_plugin.pullface.backend.editing.host import Edit
from krita_plugin.pullface.host import pixels
from krita_plugin.pullface.host.pixels import FLOAT_SRGB, SRGB, PixelFormat


def test_half_floats_come_back_as_they_were() -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    every = every[np.isfinite(every.view(np.float16))]
    floats = pixels.halves_to_floats(every.tobytes())
    assert np.array_equal(np.frombuffer(floats, np.float32), every.view(np.float16).astype(np.float32))
    assert pixels.floats_to_halves(floats) == every.tobytes()
    large = pixels.floats_to_halves(np.array([1e9, -1e9, 0.1], np.float32).tobytes())
    assert np.frombuffer(large, np.float16).tolist() == [65504.0, -65504.0, float(np.float16(0.1))]


@pytest.mark.parametrize("depth", ["U8", "U16", "F16", "F32"])
@pytest.mark.parametrize("profile", [SRGB.profile, "Rec2020-elle-V4-g10.icc"])
def test_only_what_holds_more_than_eight_bits_goes_as_floats(depth: str, profile: str) -> None:
    layer = PixelFormat("RGBA", depth, profile)
    assert pixels.wire_format(layer, eight_bits=True) == SRGB
    wire = pixels.wire_format(layer)
    if depth == "U8":
        assert wire == SRGB
    elif depth != "U16" and profile == SRGB.profile:
        assert wire == SRGB._replace(depth="F32")  # nothing but the depth changes, so nothing is cut
    else:
        assert wire == FLOAT_SRGB


def test_what_an_edit_changes() -> None:
    rect, band = Rect(5, 5, 2, 2), Rect(5, 6, 2, 1)
    flat = Edit(rect, bytes([9, 9, 9, 255] * 3 + [0] * 4))
    assert pixels.changed_in(flat, rect) == bytes([255, 255, 255, 0])
    assert pixels.changed_in(flat, band) == bytes([255, 0])
    deep = Edit(rect, bytes(64), dtype="float32", changed=bytes([0, 1, 255, 0]))
    assert pixels.changed_in(deep, rect) == bytes([0, 255, 255, 0])
