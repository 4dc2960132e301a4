"""A drag through the real server: previews, retarget, stop, any step again, the result."""

from __future__ import annotations

import select
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.wire.client import Client, RemoteError, Request
from backend.wire.codec import encode
from backend.wire.messages import Event, Message, Reply
from backend.wire.types import EVENTS, REQUESTS
from tests.server.support import (
    ENDLESS,
    PAIRS,
    PATIENCE,
    QUICK_INVERSION,
    RawPeer,
    Server,
    described,
    open_session,
    overloaded,
    picture,
)


@pytest.fixture
def session(client: Client, model: Path) -> str:
    return open_session(client, model)


def begin(client: Client, session: str, **body: Any) -> Request:
    """Starts an endless drag and waits for its first step."""
    request = client.start("drag.start", {"pairs": PAIRS, "options": ENDLESS, **body}, session=session)
    for event in request.events(PATIENCE):
        if event.type == "progress" and event.body.get("step", 0) >= 1:
            return request
    raise AssertionError(request.error)


def stop(client: Client, session: str, request: Request) -> Reply:
    assert client.request("drag.stop", session=session, timeout=PATIENCE).body == {"running": True}
    return request.result(PATIENCE)


def check_fields(table: Any, body: dict[str, Any]) -> None:
    names = {field.name for field in table}
    required = {field.name for field in table if field.required}
    assert required <= set(body) <= names
    for field in table:
        if field.name in body:
            field.check(field.name, body[field.name])


def test_a_turned_crop_of_a_deep_layer(client: Client, model: Path) -> None:
    layer = picture(seed=2).astype(np.float32) / np.float32(255)
    body = {
        "layer": {"shape": [96, 80, 4], "dtype": "float32"},
        "crop": [10, 10, 60, 30],
        "model": str(model),
    }
    opened = client.request("session.open", body, [layer], timeout=PATIENCE)
    check_fields(REQUESTS["session.open"].reply, opened.body)
    assert opened.body["crop"] == [10, 10, 60, 30.0]
    assert (opened.body["chosen_by"], opened.body["faces"], opened.body["note"]) == ("given", [], None)
    session = opened.body["session"]
    client.request("session.invert", {"settings": QUICK_INVERSION}, session=session, timeout=PATIENCE)
    # A corner of the square before it was turned lies outside now, one of the turned square's own inside.
    outside = [[[12.0, 12.0], [40.0, 40.0]]]
    with pytest.raises(RemoteError, match="outside"):
        client.request("drag.start", {"pairs": outside}, session=session, timeout=PATIENCE)
    pairs = [[[30.0, 1.0], [40.0, 40.0]]]
    drag = {
        "pairs": pairs,
        "options": {"steps": 2, "stop_distance": 0.0, "engine": "reference", "learning_rate": 0.1},
    }
    done = client.request("drag.start", drag, session=session, timeout=PATIENCE)
    assert done.body["steps"] == 2
    result = client.request("session.result", {}, session=session, timeout=PATIENCE)
    x, y, width, height = result.body["rect"]
    assert result.body["picture"] == {"shape": [height, width, 4], "dtype": "float32"}
    edited = np.frombuffer(result.buffers[0], np.float32).reshape(height, width, 4)
    changed = np.frombuffer(result.buffers[1], np.uint8).reshape(height, width)
    source = layer[y : y + height, x : x + width]
    assert np.array_equal(edited[changed == 0], source[changed == 0])
    again = client.request("session.resume", session=session, timeout=PATIENCE)
    check_fields(REQUESTS["session.resume"].reply, again.body)
    assert again.body["crop"] == [10, 10, 60, 30.0]


def test_an_older_client_gets_the_layer_as_its_crop(server: Server, model: Path) -> None:
    layer = picture()
    body = {"layer": described(layer), "model": str(model)}
    with RawPeer(server.info.endpoint) as peer:
        peer.hello(server.info)
        old = Message("session.open", 1, body, buffers=[layer], protocol=(1, 1))
        peer.send(encode(old))
        opened = peer.answer(1)
    assert opened.type == "ok"
    assert opened.body["chosen_by"] == "layer"
    assert opened.body["crop"] == [0, 8, 80]


def test_the_whole_way_and_every_field_on_it(client: Client, model: Path) -> None:
    """Bodies of replies and events hold exactly what the document says."""
    layer = picture(seed=1)
    body = {"layer": described(layer), "offset": [7, -5], "crop": [7, 0, 80], "model": str(model)}
    opened = client.request("session.open", body, [layer], timeout=PATIENCE)
    check_fields(REQUESTS["session.open"].reply, opened.body)
    assert opened.body["crop"] == [7, 0, 80]
    assert opened.body["layer"] == [7, -5, 80, 96]
    session = opened.body["session"]
    assert opened.session == session

    request = client.start("session.invert", {"settings": QUICK_INVERSION}, session=session)
    events = list(request.events(PATIENCE))
    assert {event.type for event in events} == {"progress", "preview"}
    assert {event.body["stage"] for event in events} - {"queued"} <= {"pivot", "tuning"}
    inverted = request.result()
    check_fields(REQUESTS["session.invert"].reply, inverted.body)
    assert inverted.body["cached"] is False

    mask = np.zeros((96, 80), np.uint8)
    mask[20:70, 20:70] = 255
    pairs = [[[47.0, 40.0], [60.0, 44.0]]]
    drag = {
        "pairs": pairs,
        "mask": described(mask),
        "options": {"steps": 6, "stop_distance": 0.0, "engine": "reference"},
    }
    request = client.start("drag.start", drag, [mask], session=session)
    drag_events = list(request.events(PATIENCE))
    done = request.result()
    check_fields(REQUESTS["drag.start"].reply, done.body)
    assert done.body["step"] == done.body["steps"] == 6
    assert done.body["outcome"] == "limit"
    for event in events + drag_events:
        check_fields(EVENTS[event.type], event.body)
        if event.type == "preview":
            assert event.body["shape"] == [32, 32, 3]
            assert [len(buffer) for buffer in event.buffers] == [32 * 32 * 3]
    steps = [
        event.body for event in drag_events if event.type == "progress" and event.body["stage"] == "drag"
    ]
    assert [step["step"] for step in steps] == list(range(7))
    assert steps[0]["handles"] == pytest.approx(np.array([[47.0, 40.0]]))
    assert done.body["distance"] == pytest.approx(done.body["distance_model"] * 80 / 32)

    shown = client.request("step.show", {"step": 3}, session=session, timeout=PATIENCE)
    check_fields(REQUESTS["step.show"].reply, shown.body)
    assert shown.body["handles"] == steps[3]["handles"]
    result = client.request("session.result", {}, session=session, timeout=PATIENCE)
    check_fields(REQUESTS["session.result"].reply, result.body)
    x, y, width, height = result.body["rect"]
    assert 7 + 20 <= x < x + width <= 7 + 70
    assert -5 + 20 <= y < y + height <= -5 + 70
    assert result.body["opaque"] is True
    edited = np.frombuffer(result.buffers[0], np.uint8).reshape(height, width, 4)
    changed = np.frombuffer(result.buffers[1], np.uint8).reshape(height, width)
    place = (slice(y + 5, y + 5 + height), slice(x - 7, x - 7 + width))
    source = layer[place]
    still = mask[place] == 0
    assert np.array_equal(edited[still], source[still])
    assert not changed[still].any()
    assert np.array_equal((edited != source).any(axis=-1), changed > 0)
    assert changed.any()
    only = client.request("session.result", {"only_changed": True}, session=session, timeout=PATIENCE)
    assert only.body == result.body
    edited_only = np.frombuffer(only.buffers[0], np.uint8).reshape(height, width, 4)
    assert np.array_equal(edited_only, edited * (changed[..., None] > 0))
    assert bytes(only.buffers[1]) == bytes(result.buffers[1])
    # Where nothing changed there is one pixel of the source.
    nothing = client.request("session.result", {"step": 0}, session=session, timeout=PATIENCE)
    assert nothing.body["rect"][2:] == [1, 1]
    x, y = nothing.body["rect"][:2]
    assert bytes(nothing.buffers[0]) == layer[y + 5, x - 7].tobytes()
    assert bytes(nothing.buffers[1]) == b"\0"

    resumed = client.request("session.resume", session=session, timeout=PATIENCE).body
    check_fields(REQUESTS["session.resume"].reply, resumed)
    assert (resumed["steps"], resumed["inverted"], resumed["drags"][0]["outcome"]) == (6, True, "limit")
    assert resumed["last"]["handles"] == steps[6]["handles"]
    for kind in ("status", "session.list", "models.list", "ping"):
        check_fields(REQUESTS[kind].reply, client.request(kind, timeout=PATIENCE).body)
    listed = client.request("session.list", timeout=PATIENCE).body["sessions"][0]
    assert (listed["session"], listed["steps"], listed["open"]) == (session, 6, True)
    assert client.request("session.close", {"forget": True}, session=session).body == {}
    names = [entry["session"] for entry in client.request("session.list", timeout=PATIENCE).body["sessions"]]
    assert session not in names


def test_the_same_content_is_not_inverted_twice(client: Client, model: Path) -> None:
    layer = picture(seed=2)
    first = open_session(client, model, layer)
    again = client.request("session.invert", {"settings": QUICK_INVERSION}, session=first, timeout=PATIENCE)
    assert again.body["cached"] is True
    second = open_session(client, model, layer, invert=False)
    other = client.request("session.invert", {"settings": QUICK_INVERSION}, session=second, timeout=PATIENCE)
    assert other.body["cached"] is True
    shown = [
        bytes(client.request("step.show", {"step": 0}, session=one).buffers[0]) for one in (first, second)
    ]
    assert shown[0] == shown[1]
    settings = {**QUICK_INVERSION, "seed": 1}
    changed = client.request("session.invert", {"settings": settings}, session=second, timeout=PATIENCE)
    assert changed.body["cached"] is False


def test_control_is_answered_in_50_ms_while_compute_runs(client: Client, session: str, model: Path) -> None:
    inverting = open_session(client, model, picture(seed=3), invert=False)
    long = {"settings": {"method": "pti", "pivot_steps": 5000, "tuning_steps": 5000}}
    for kind, body, where in (
        ("session.invert", long, inverting),
        ("drag.start", {"pairs": PAIRS, "options": ENDLESS}, session),
    ):
        request = client.start(kind, body, session=where)
        next(event for event in request.events(PATIENCE) if event.body["stage"] != "queued")
        taken = []
        for _ in range(15):
            begun = time.monotonic()
            client.request("ping", timeout=PATIENCE)
            client.request("status", timeout=PATIENCE)
            taken.append((time.monotonic() - begun) / 2)
        begun = time.monotonic()
        assert client.request("drag.stop", session=where, timeout=PATIENCE).body == {"running": True}
        answered = time.monotonic() - begun
        print(f"{kind}: ping {statistics.median(taken) * 1000:.1f} ms, stop {answered * 1000:.1f} ms")
        assert min(statistics.median(taken), answered) < (0.5 if overloaded() else 0.05)
        if kind == "drag.start":
            assert request.result(PATIENCE).body["outcome"] == "stopped"
        else:
            with pytest.raises(RemoteError) as caught:
                request.result(PATIENCE)
            assert caught.value.code == "cancelled"
    assert client.request("drag.stop", session=session, timeout=PATIENCE).body == {"running": False}


def test_previews_wait_for_their_acknowledgement(server: Server, model: Path) -> None:
    with RawPeer(server.info.endpoint) as peer, server.client() as helper:
        session = open_session(helper, model)
        peer.hello(server.info, 0)
        peer.message("session.resume", 1, session=session)
        peer.answer(1)
        peer.message("drag.start", 2, {"pairs": PAIRS, "options": ENDLESS}, session=session)

        def until_step(last: int) -> list[int]:
            previews = []
            while (message := peer.receive()) is not None:
                if message.type == "preview":
                    previews.append(message.body["step"])
                elif message.body.get("step", 0) >= last:
                    return previews
            raise AssertionError("the drag ended")

        assert until_step(5) == [0]
        peer.message("preview.ack", 3, reply_to=2, session=session)
        (second,) = until_step(15)
        assert second >= 5  # the newest step, not one that waited in a queue
        assert until_step(25) == []
        for number, reply_to in ((4, 999), (5, None)):  # acknowledging nothing harms nothing
            peer.message("preview.ack", number, reply_to=reply_to, session=session)
        peer.message("drag.stop", 6, session=session)
        assert peer.answer(6).body == {"running": True}
        assert peer.answer(2).body["outcome"] == "stopped"


def test_retarget_while_the_loop_runs(client: Client, session: str) -> None:
    request = begin(client, session)
    assert client.request("drag.retarget", {"pair": 0, "target": [20.0, 30.0]}, session=session).body == {}
    for pair, target, code in ((1, [20, 30], "bad_points"), (0, [200, 30], "points_outside")):
        with pytest.raises(RemoteError) as caught:
            client.request(
                "drag.retarget", {"pair": pair, "target": target}, session=session, timeout=PATIENCE
            )
        assert caught.value.code == code
    for event in request.events(PATIENCE):
        if event.body["targets"] == pytest.approx(np.array([[20.0, 30.0]])):
            break
    reply = stop(client, session, request)
    assert reply.body["targets"] == pytest.approx(np.array([[20.0, 30.0]]))
    shown = client.request("step.show", {"step": reply.body["step"]}, session=session, timeout=PATIENCE)
    assert shown.body["targets"] == reply.body["targets"]


def test_retarget_of_a_drag_that_waits(client: Client, session: str, model: Path) -> None:
    other = open_session(client, model, picture(seed=4))
    running = begin(client, session)
    waiting = client.start("drag.start", {"pairs": PAIRS, "options": {"steps": 1}}, session=other)
    assert next(waiting.events(PATIENCE)).body == {"stage": "queued"}
    client.request("drag.retarget", {"pair": 0, "target": [33.0, 44.0]}, session=other, timeout=PATIENCE)
    stop(client, session, running)
    assert waiting.result(PATIENCE).body["targets"] == pytest.approx(np.array([[33.0, 44.0]]))


def test_steps_are_shown_while_the_drag_runs(client: Client, session: str) -> None:
    request = begin(client, session)
    shown = client.request("step.show", {"step": 1}, session=session, timeout=PATIENCE)
    assert shown.body["step"] == 1
    result = client.request("session.result", {"step": 1}, session=session, timeout=PATIENCE)
    assert result.body["steps"] >= 1
    assert not request.done
    # Without a step it asks for the end of the drag, and waits for it.
    final = client.start("session.result", {}, session=session)
    last = stop(client, session, request).body["step"]
    assert final.result(PATIENCE).body["step"] == last


def test_going_on_from_an_earlier_step(client: Client, session: str) -> None:
    one = client.request(
        "drag.start",
        {"pairs": PAIRS, "options": {"steps": 3, "stop_distance": 0.0, "engine": "reference"}},
        session=session,
    )
    assert one.body["step"] == 3
    body = {
        "pairs": PAIRS,
        "options": {"steps": 2, "stop_distance": 0.0, "engine": "reference"},
        "from_step": 1,
    }
    request = client.start("drag.start", body, session=session)
    steps = [event.body["step"] for event in request.events(PATIENCE) if event.type == "progress"]
    assert [step for step in steps if step] == [1, 4, 5]
    assert request.result().body["steps"] == 2
    pictures = [
        bytes(client.request("step.show", {"step": step}, session=session).buffers[0])
        for step in (0, 1, 3, 5)
    ]
    assert len(set(pictures)) == 4


def test_closing_stops_and_resuming_goes_on(client: Client, session: str) -> None:
    request = begin(client, session)
    begun = time.monotonic()
    client.request("session.close", session=session, timeout=PATIENCE)
    assert time.monotonic() - begun < 1.0
    assert request.result(PATIENCE).body["outcome"] == "stopped"
    resumed = client.request("session.resume", session=session, timeout=PATIENCE).body
    assert resumed["steps"] == request.result().body["step"]


def test_a_client_that_goes_leaves_nothing_running(server: Server, client: Client, model: Path) -> None:
    with server.client("leaving") as leaving:
        session = open_session(leaving, model)
        begin(leaving, session)
        assert client.request("status", timeout=PATIENCE).body["workers"][0]["busy"].count("drag.start") == 1
    deadline = time.monotonic() + PATIENCE
    while client.request("status", timeout=PATIENCE).body["workers"][0]["busy"]:
        assert time.monotonic() < deadline


@pytest.mark.usefixtures("transport")
def test_an_event_loop_with_an_edge_triggered_descriptor(client: Client, session: str) -> None:
    """As a Qt or GLib loop does it: wake up by the descriptor, drain, send, drain again."""
    request = client.start(
        "drag.start", {"pairs": PAIRS, "options": {**ENDLESS, "steps": 60}}, session=session
    )
    events: list[Event] = []
    wake_ups = 0
    deadline = time.monotonic() + PATIENCE
    while not request.done:
        assert time.monotonic() < deadline
        for changed in client.poll_events():
            assert changed is request
        events += request.take_events()  # acknowledges, so it sends …
        client.poll_events()  # … so it is drained again
        if not request.done:
            # The safety timer of a real loop; hitting it often would be the failure.
            wake_ups += bool(select.select([client.fileno()], [], [], 0.25)[0])
    events += request.take_events()
    assert [event.body["step"] for event in events if event.type == "progress"][-1] == 60
    assert sum(event.type == "preview" for event in events) > 10
    assert wake_ups > 10


def test_previews_come_at_5_a_second_or_more(client: Client, session: str) -> None:
    request = begin(client, session)
    begun = time.monotonic()
    count = 0
    for event in request.events(PATIENCE):
        count += event.type == "preview"
        if time.monotonic() - begun > 2:
            break
    rate = count / (time.monotonic() - begun)
    stop(client, session, request)
    print(f"{rate:.1f} previews a second")
    assert rate >= (1 if overloaded() else 5)


def test_a_slow_client_does_not_hold_up_the_others(server: Server, client: Client, model: Path) -> None:
    with RawPeer(server.info.endpoint) as slow:
        session = open_session(client, model)
        slow.hello(server.info, 0)
        slow.message("session.resume", 1, session=session)
        slow.answer(1)
        # It asks and never reads: thousands of events have nowhere to go.
        slow.message("drag.start", 2, {"pairs": PAIRS, "options": ENDLESS}, session=session)
        for number in range(3, 2000):
            slow.message("status", number)
        begun = time.monotonic()
        for _ in range(20):
            client.request("ping", timeout=PATIENCE)
        assert (time.monotonic() - begun) / 20 < 0.5


def test_a_thread_of_its_own_for_each_client(server: Server, model: Path) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with server.client(f"thread {number}") as client:
                session = open_session(client, model, picture(seed=10 + number))
                body = {"pairs": PAIRS, "options": {"steps": 5, "stop_distance": 0.0, "engine": "reference"}}
                assert (
                    client.request("drag.start", body, session=session, timeout=PATIENCE).body["steps"] == 5
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures
