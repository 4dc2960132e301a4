"""Models that are not square StyleGAN2s without labels, through the real server: open, invert, drag, result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.wire.client import Client, RemoteError
from backend.wire.types import REQUESTS
from tests.server.support import PATIENCE, QUICK_INVERSION, described, picture, write_model

KINDS: dict[str, dict[str, Any]] = {
    "stylegan3-t": {"family": "stylegan3", "channels": 8},
    "stylegan3-r": {"family": "stylegan3", "channels": 8, "conv_kernel": 1, "use_radial_filters": True},
    "rectangular": {"base_size": [4, 2]},
    "conditional": {"labels": ["cat", "dog", "bird"]},
}
CROP = [10, 10, 80]
PAIRS = [[[45.0, 50.0], [54.0, 50.0]]]


def refused(client: Client, type: str, body: dict[str, Any], session: str, *buffers: Any) -> str:
    with pytest.raises(RemoteError) as caught:
        client.request(type, body, buffers, session=session, timeout=PATIENCE)
    return caught.value.code


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_pulled_with_any_model(client: Client, tmp_path: Path, kind: str) -> None:
    model = write_model(tmp_path / f"{kind}.safetensors", **KINDS[kind])
    layer = picture(110, 100, seed=4)
    body = {"layer": described(layer), "crop": CROP, "model": str(model)}
    opened = client.request("session.open", body, [layer], timeout=PATIENCE).body
    session = opened["session"]
    assert {field.name for field in REQUESTS["session.open"].reply} <= opened.keys()
    width = 16 if kind == "rectangular" else 32
    assert (opened["resolution"], opened["height"], opened["width"]) == (32, 32, width)
    names = KINDS[kind].get("labels", [])
    assert (opened["labels"], opened["label_names"]) == (len(names), names)
    assert opened["crop"] == CROP

    label = 1 if names else None
    settings = {**QUICK_INVERSION, "label": label}
    wrong = {"settings": {**settings, "label": len(names)}}
    assert refused(client, "session.invert", wrong, session) == "bad_options"
    inverted = client.request("session.invert", {"settings": settings}, session=session, timeout=PATIENCE)
    assert inverted.body["perceptual"] == "discriminator"
    shown = client.request("step.show", {"step": 0}, session=session, timeout=PATIENCE)
    assert shown.body["shape"] == [32, width, 3]
    assert shown.buffers[0].nbytes == 32 * width * 3

    left = 30 if kind == "rectangular" else 10
    outside = [[[left - 1.0, 50.0], [54.0, 50.0]]]
    assert refused(client, "drag.start", {"pairs": outside}, session) == "points_outside"
    mask = np.zeros(layer.shape[:2], np.uint8)
    mask[20:80, left : left + 38] = 255
    drag = {
        "pairs": PAIRS,
        "mask": described(mask),
        "options": {"steps": 6, "strength": 1.0, "lambda_mask": 0.5},
    }
    pulled = client.request("drag.start", drag, [mask], session=session, timeout=PATIENCE).body
    assert pulled["steps"] > 0
    assert pulled["distance"] < 9.0

    result = client.request("session.result", session=session, timeout=PATIENCE)
    x, y, across, down = result.body["rect"]
    changed = np.frombuffer(result.buffers[1], np.uint8).reshape(down, across)
    edited = layer.copy()
    edited[y : y + down, x : x + across] = np.frombuffer(result.buffers[0], np.uint8).reshape(down, across, 4)
    assert np.array_equal(edited[mask == 0], layer[mask == 0])
    assert changed.any()
    assert np.array_equal((edited != layer).any(axis=-1)[y : y + down, x : x + across], changed > 0)

    client.request("session.close", session=session, timeout=PATIENCE)
    again = client.request("session.resume", session=session, timeout=PATIENCE).body
    assert (again["label"], again["label_names"], again["width"]) == (label, names, width)


def test_a_model_that_is_not_square_sees_the_layer(client: Client, tmp_path: Path) -> None:
    model = write_model(tmp_path / "tall.safetensors", base_size=[4, 2])
    layer = picture(96, 80)
    opened = client.request(
        "session.open", {"layer": described(layer), "model": str(model)}, [layer], timeout=PATIENCE
    ).body
    assert (opened["chosen_by"], opened["crop"]) == ("layer", [-8, 0, 96])
    assert "not square" in opened["note"]
