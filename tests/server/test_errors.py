"""One clean error for each thing that can be wrong, through the real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.wire.client import Client, RemoteError
from backend.wire.errors import ERROR_CODES
from tests.server.support import (
    ENDLESS,
    PAIRS,
    PATIENCE,
    Server,
    described,
    memory,
    open_session,
    picture,
    worker_pids,
)


def refused(
    client: Client, kind: str, body: dict[str, Any], *buffers: Any, session: str | None = None
) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        client.request(kind, body, buffers, session, timeout=PATIENCE)
    error = caught.value
    assert error.code in ERROR_CODES
    # A sentence for artists and a hint; nothing of Python in either.
    assert error.message.endswith(".")
    assert error.hint
    assert not any(
        word in error.message + error.hint for word in ("Traceback", "Error:", "NoneType", "torch")
    )
    return error


@pytest.fixture
def session(client: Client, model: Path) -> str:
    return open_session(client, model)


def test_unknown_type(client: Client) -> None:
    assert refused(client, "session.explode", {}).code == "unknown_type"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "malformed"),
        ({"pairs": "everything"}, "malformed"),
        ({"pairs": [[1, 2]]}, "malformed"),
        ({"pairs": [[[1, 2], [3, "4"]]]}, "malformed"),
        ({"pairs": [[[1, 2], [3, True]]]}, "malformed"),
        ({"pairs": []}, "bad_points"),
        ({"pairs": [[[1, 2], [3, 4]]] * 65}, "bad_points"),
        ({"pairs": [[[float("nan"), 40], [50, 50]]]}, "bad_points"),
        ({"pairs": [[[40, 40], [float("inf"), 50]]]}, "bad_points"),
        ({"pairs": [[[40, 40], [2**62, 50]]]}, "bad_points"),
        ({"pairs": [[[-1, 40], [50, 50]]]}, "points_outside"),
        ({"pairs": [[[40, 40], [80, 50]]]}, "points_outside"),
        ({"pairs": PAIRS, "options": {"stepss": 3}}, "bad_options"),
        ({"pairs": PAIRS, "options": {"steps": -3}}, "bad_options"),
        ({"pairs": PAIRS, "options": {"steps": [3]}}, "bad_options"),
        ({"pairs": PAIRS, "options": {"engine": "warp"}}, "unknown_engine"),
        ({"pairs": PAIRS, "from_step": 77}, "unknown_step"),
        ({"pairs": PAIRS, "from_step": -1}, "malformed"),
    ],
)
def test_bad_drags(client: Client, session: str, body: dict[str, Any], code: str) -> None:
    assert refused(client, "drag.start", body, session=session).code == code


def test_masks(client: Client, session: str) -> None:
    empty = np.zeros((96, 80), np.uint8)
    body = {"pairs": PAIRS, "mask": described(empty)}
    assert refused(client, "drag.start", body, empty, session=session).code == "empty_mask"
    outside = empty.copy()
    outside[85:] = 255  # the crop ends at row 80
    assert refused(client, "drag.start", body, outside, session=session).code == "empty_mask"
    other_size = np.full((80, 80), 255, np.uint8)
    body = {"pairs": PAIRS, "mask": described(other_size)}
    assert refused(client, "drag.start", body, other_size, session=session).code == "wrong_buffer_size"


def test_buffers_that_do_not_fit(client: Client, model: Path) -> None:
    layer = picture()
    body = {"layer": described(layer), "model": str(model)}
    for buffers in ([], [layer[:-1]], [bytes(layer) + b"\0"], [layer, layer]):
        assert refused(client, "session.open", body, *buffers).code == "wrong_buffer_size"
    selection = np.full((80, 80), 255, np.uint8)
    body["selection"] = described(selection)
    assert refused(client, "session.open", body, layer, selection).code == "wrong_buffer_size"
    assert refused(client, "ping", {}, b"unexpected").code == "wrong_buffer_size"


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ((1, 1, 4), "layer_too_small"),
        ((0, 64, 4), "layer_too_small"),
        ((15, 64, 4), "layer_too_small"),
        ((8193, 8192, 4), "layer_too_large"),
        ((2**31, 2**31, 4), "layer_too_large"),
        ((64, 64, 3), "malformed"),
        ((64, 64), "malformed"),
        ((64, -64, 4), "malformed"),
        ((64, 64.0, 4), "malformed"),
    ],
)
def test_layers_of_odd_sizes(client: Client, model: Path, shape: tuple[int, ...], code: str) -> None:
    size = (
        int(np.prod([max(0, int(side)) for side in shape]))
        if code in ("layer_too_small", "malformed")
        else 16
    )
    body = {"layer": {"shape": list(shape), "dtype": "uint8"}, "model": str(model)}
    assert refused(client, "session.open", body, bytes(size)).code == code


def test_layers_without_a_picture(client: Client, model: Path) -> None:
    layer = picture()
    body = {"layer": described(layer), "crop": "layer", "model": str(model)}
    empty = layer.copy()
    empty[..., 3] = 0
    assert refused(client, "session.open", body, empty).code == "empty_layer"
    assert refused(client, "session.open", {**body, "crop": [500, 0, 64]}, layer).code == "crop_outside"
    assert refused(client, "session.open", {**body, "crop": [0, 0, 4]}, layer).code == "bad_crop"
    for angle in (181, -180, float("nan"), "1", True):
        turned = {**body, "crop": [0, 0, 40, angle]}
        assert refused(client, "session.open", turned, layer).code == "malformed"
    # The corner of a turned crop's bounding box is no part of the crop.
    corner = layer.copy()
    corner[:90, 4:, 3] = 0
    corner[4:90, :, 3] = 0
    turned = {**body, "crop": [0, 0, 60, 45.0]}
    assert refused(client, "session.open", turned, corner).code == "empty_layer"
    assert refused(client, "session.open", {**body, "crop": "middle"}, layer).code == "malformed"
    nothing = np.zeros((96, 80), np.uint8)
    selected = {**body, "crop": "selection", "selection": described(nothing)}
    assert refused(client, "session.open", selected, layer, nothing).code == "empty_selection"
    hole = layer.copy()
    hole[20:60, 20:60, 3] = 0
    assert refused(client, "session.open", {**body, "crop": [30, 30, 16]}, hole).code == "empty_layer"


def test_models(client: Client, model: Path, tmp_path: Path) -> None:
    layer = picture()
    body = {"layer": described(layer), "crop": "layer", "model": "no such model"}
    assert refused(client, "session.open", body, layer).code == "unknown_model"
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(model.read_bytes()[:-1000])
    # Its header is whole: what is missing shows when the weights are read.
    opened = client.request("session.open", {**body, "model": str(damaged)}, [layer], timeout=PATIENCE)
    assert refused(client, "session.invert", {}, session=opened.body["session"]).code == "bad_model"
    damaged.write_bytes(b"nonsense")
    assert refused(client, "session.open", {**body, "model": str(damaged)}, layer).code == "bad_model"


def test_sessions_that_are_not_there(client: Client, server: Server, session: str) -> None:
    stranger = "0" * 32
    for kind, body in (
        ("session.invert", {}),
        ("drag.start", {"pairs": PAIRS}),
        ("drag.stop", {}),
        ("drag.retarget", {"pair": 0, "target": [1, 2]}),
        ("step.show", {"step": 0}),
        ("session.result", {}),
        ("session.resume", {}),
        ("session.close", {}),
    ):
        assert refused(client, kind, body, session=stranger).code == "unknown_session"
        assert refused(client, kind, body).code == "malformed"
    with server.client("another") as other:
        assert refused(other, "session.result", {}, session=session).code == "unknown_session"


def test_what_is_not_ready(client: Client, model: Path) -> None:
    session = open_session(client, model, invert=False)
    assert refused(client, "drag.start", {"pairs": PAIRS}, session=session).code == "not_inverted"
    assert refused(client, "step.show", {"step": 0}, session=session).code == "not_inverted"
    assert refused(client, "session.result", {}, session=session).code == "not_inverted"
    assert (
        refused(client, "session.invert", {"settings": {"speed": 9}}, session=session).code == "bad_options"
    )
    target = {"pair": 0, "target": [40, 40]}
    assert refused(client, "drag.retarget", target, session=session).code == "not_running"


def test_too_many_sessions_and_requests(server: Server, model: Path) -> None:
    layer = picture(16, 16)
    body = {"layer": described(layer), "crop": "layer", "model": str(model)}
    with server.client("greedy") as client:
        for _ in range(16):
            client.request("session.open", body, [layer], timeout=PATIENCE)
        assert refused(client, "session.open", body, layer).code == "busy"
    with server.client("greedy again") as client:
        session = open_session(client, model)
        drag = {"pairs": PAIRS, "options": ENDLESS}
        running = [client.start("drag.start", drag, session=session) for _ in range(32)]
        assert refused(client, "drag.start", drag, session=session).code == "busy"
        client.request("session.close", session=session, timeout=PATIENCE)
        for request in running[1:]:
            with pytest.raises(RemoteError) as caught:
                request.result(PATIENCE)
            assert caught.value.code == "cancelled"
        # The first may have been stopped before or after its first step.
        try:
            assert running[0].result(PATIENCE).body["outcome"] == "stopped"
        except RemoteError as error:
            assert error.code == "cancelled"  # noqa: PT017


def test_a_layer_of_8000_by_8000(client: Client, server: Server, model: Path) -> None:
    """Works, and costs each process about the layer's own 256 MB for a moment, not several times that."""
    layer = np.zeros((8000, 8000, 4), np.uint8)
    layer[4000:4096, 4000:4080] = picture()
    (worker,) = worker_pids(client)
    before = {pid: memory(pid, "VmRSS") for pid in (worker, server.process.pid)}
    for pid in before:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets the peak
    body = {"layer": described(layer), "crop": "layer", "model": str(model)}
    reply = client.request("session.open", body, [layer], timeout=PATIENCE).body
    assert reply["crop"] == [4000, 4008, 80]
    # The worker's answer to a next request shows that it is done with this one.
    client.request("session.resume", session=reply["session"], timeout=PATIENCE)
    for pid, start in before.items():
        assert memory(pid, "VmHWM") - start < 1.2 * layer.nbytes
        assert memory(pid, "VmRSS") - start < 0.2 * layer.nbytes


def test_details_go_to_the_log_and_not_to_the_artist(client: Client, server: Server, model: Path) -> None:
    session = open_session(client, model)
    window = server.home / "sessions" / session / "window.npy"
    window.write_bytes(b"gone")
    error = refused(client, "session.result", {}, session=session)
    assert error.code == "damaged_session"
    assert str(server.home) not in error.message + error.hint
    (server.home / "sessions" / session / "session.json").chmod(0o600)
    mask = np.full((96, 80), 255, np.uint8)
    # A folder in the mask's place: an error that nobody foresaw.
    (server.home / "sessions" / session / "mask-0.npz").mkdir()
    body = {"pairs": PAIRS, "mask": described(mask)}
    error = refused(client, "drag.start", body, mask, session=session)
    assert error.code == "internal"
    assert "mask-0" not in error.message + error.hint
    assert "Traceback" in server.log()
    assert "IsADirectoryError" in server.log()
