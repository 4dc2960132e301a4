"""Large results through the real server: progress, and what drag.stop stops when a drag runs as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.wire.client import Client, RemoteError, Request
from tests.server.support import ENDLESS, PATIENCE, Server, open_session, picture

SIDE = 3000
"""Compositing a crop of this size takes about half a second."""

PULL = [[[1500.0, 1500.0], [2100.0, 1800.0]]]


@pytest.fixture(scope="module")
def helper(server: Server) -> Iterator[Client]:
    with server.client() as connected:
        yield connected


@pytest.fixture(scope="module")
def large(helper: Client, model: Path) -> str:
    """A session with three steps that change the whole of a large crop."""
    small = picture(SIDE // 20, SIDE // 20, seed=9)
    layer = np.ascontiguousarray(small.repeat(20, axis=0).repeat(20, axis=1))
    session = open_session(helper, model, layer, crop=[0, 0, SIDE])
    options = {"steps": 3, "stop_distance": 0.0, "engine": "reference", "learning_rate": 0.2}
    helper.request("drag.start", {"pairs": PULL, "options": options}, session=session, timeout=PATIENCE)
    return session


@pytest.fixture
def session(client: Client, large: str) -> str:
    client.request("session.resume", session=large, timeout=PATIENCE)
    return large


def ask(client: Client, session: str, **body: Any) -> Request:
    """Asks for a result and waits until it is being made."""
    request = client.start("session.result", body, session=session)
    for event in request.events(PATIENCE):
        if event.body["stage"] == "composite":
            return request
    raise AssertionError(request.error)


def drag(client: Client, session: str) -> Request:
    """Starts an endless drag and waits for its first step."""
    request = client.start("drag.start", {"pairs": PULL, "options": ENDLESS}, session=session)
    next(event for event in request.events(PATIENCE) if event.body.get("stage") == "drag")
    return request


def goes_on(request: Request) -> bool:
    """Whether a drag makes further steps."""
    request.take_events()
    return any(event.type == "progress" for event in request.events(PATIENCE))


def error_of(request: Request) -> str:
    with pytest.raises(RemoteError) as caught:
        request.result(PATIENCE)
    return caught.value.code


def stop(client: Client, session: str, **body: Any) -> bool:
    return bool(client.request("drag.stop", body, session=session, timeout=PATIENCE).body["running"])


def test_progress(client: Client, session: str) -> None:
    request = client.start("session.result", {"step": 3}, session=session)
    events = [event.body for event in request.events(PATIENCE) if event.body["stage"] != "queued"]
    assert {event["stage"] for event in events} == {"composite"}
    fractions = [event["fraction"] for event in events]
    assert len(fractions) >= 2
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert all(0 < event["seconds_left"] < 600 for event in events if 0 < event["fraction"] < 1)
    assert request.result().body["rect"][2] > SIDE / 4


def test_a_result_is_stopped_and_can_be_asked_for_again(client: Client, session: str) -> None:
    request = ask(client, session, step=3)
    assert stop(client, session)
    assert error_of(request) == "cancelled"
    assert not stop(client, session)
    reply = client.request("session.result", {"step": 3}, session=session, timeout=PATIENCE)
    assert reply.body["step"] == 3


def test_a_result_that_is_named_stops_alone(client: Client, session: str) -> None:
    running = drag(client, session)
    result = ask(client, session, step=3)
    waiting = client.start("session.result", {"step": 2}, session=session)
    assert stop(client, session, request=result.id)
    assert error_of(result) == "cancelled"
    assert waiting.result(PATIENCE).body["step"] == 2
    assert goes_on(running)
    assert not stop(client, session, request=result.id)
    assert not stop(client, session, request=2**63 - 1)
    assert goes_on(running)
    assert stop(client, session, request=running.id)
    assert running.result(PATIENCE).body["outcome"] == "stopped"


def test_a_drag_is_stopped_first_and_its_results_still_come(client: Client, session: str) -> None:
    running = drag(client, session)
    between = ask(client, session, step=3)
    end = client.start("session.result", {}, session=session)
    assert stop(client, session)
    done = running.result(PATIENCE)
    assert done.body["outcome"] == "stopped"
    assert between.result(PATIENCE).body["step"] == 3
    assert end.result(PATIENCE).body["step"] == done.body["step"]


def test_results_that_wait_are_cancelled_and_those_of_others_are_not(
    client: Client, helper: Client, session: str
) -> None:
    theirs = ask(helper, session, step=3)
    assert not stop(client, session)
    assert not stop(client, session, request=theirs.id)
    waiting = client.start("session.result", {"step": 1}, session=session)
    assert stop(client, session)
    assert error_of(waiting) == "cancelled"
    assert theirs.result(PATIENCE).body["step"] == 3


def test_closing_a_session_stops_its_results(client: Client, session: str) -> None:
    request = ask(client, session, step=3)
    client.request("session.close", session=session, timeout=PATIENCE)
    assert error_of(request) == "cancelled"
