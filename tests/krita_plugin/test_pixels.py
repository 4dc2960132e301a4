"""Bytes of pixels: depths, and what goes to the backend."""

from __future__ import annotations

import numpy as np
import pytest

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
