"""Kills in the middle of work: nothing inverted is lost, at most the last step is, and the client is told."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from backend.wire.client import Client, RemoteError, Request
from backend.wire.messages import Body
from tests.server.support import (
    ENDLESS,
    PAIRS,
    PATIENCE,
    QUICK_INVERSION,
    Server,
    memory,
    open_session,
    picture,
    wait_gone,
    worker_pids,
    write_model,
)

QUICK = {"steps": 2, "stop_distance": 0.0, "engine": "reference"}


def drag_to(client: Client, session: str, step: int) -> Request:
    request = client.start("drag.start", {"pairs": PAIRS, "options": ENDLESS}, session=session)
    for event in request.events(PATIENCE):
        if event.body.get("step", 0) >= step:
            return request
    raise AssertionError(request.error)


def go_on(client: Client, session: str, at_least: int) -> Body:
    """Resumes, checks that nothing is lost, and drags on without a new inversion."""
    resumed = client.request("session.resume", session=session, timeout=PATIENCE).body
    assert resumed["inverted"] is True
    assert resumed["steps"] >= at_least
    again = client.request("session.invert", {"settings": QUICK_INVERSION}, session=session, timeout=PATIENCE)
    assert again.body["cached"] is True
    done = client.request("drag.start", {"pairs": PAIRS, "options": QUICK}, session=session, timeout=PATIENCE)
    assert done.body["step"] == resumed["steps"] + 2
    return resumed


def test_killed_worker_then_killed_server(tmp_path: Path, model: Path) -> None:
    home = tmp_path / "home"
    with Server(home) as server, server.client() as client:
        session = open_session(client, model)
        drag = drag_to(client, session, 5)
        reached = max([5, *(event.body["step"] for event in drag.take_events())])
        waiting = client.start("session.result", {}, session=session)
        (first,) = worker_pids(client)
        begun = time.monotonic()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RemoteError) as caught:
            drag.result(PATIENCE)
        told = time.monotonic() - begun
        print(f"told after {told * 1000:.0f} ms")
        assert told < 2
        assert caught.value.code == "worker_lost"
        assert "resume" in caught.value.hint
        # What only waited is served by the next worker.
        assert waiting.result(PATIENCE).body["step"] >= reached
        assert worker_pids(client) != [first]
        resumed = go_on(client, session, reached)
        assert resumed["drags"][-1]["outcome"] is None
        before = bytes(client.request("step.show", {"step": 5}, session=session, timeout=PATIENCE).buffers[0])

        drag = drag_to(client, session, resumed["steps"] + 5)
        (worker,) = worker_pids(client)
        begun = time.monotonic()
        server.kill()
        with pytest.raises(RemoteError) as caught:
            drag.result(PATIENCE)
        assert caught.value.code == "server_lost"
        assert time.monotonic() - begun < 2
        with pytest.raises(RemoteError):
            client.request("ping")
        assert wait_gone(worker, 5)

    with Server(home) as server, server.client() as client:
        listed = client.request("session.list", timeout=PATIENCE).body["sessions"]
        assert [(entry["session"], entry["open"]) for entry in listed] == [(session, False)]
        go_on(client, session, resumed["steps"] + 5)
        after = bytes(client.request("step.show", {"step": 5}, session=session, timeout=PATIENCE).buffers[0])
        assert before == after

        # Forgotten is forgotten, even when the server dies right after its answer.
        client.request("session.close", {"forget": True}, session=session, timeout=PATIENCE)
        server.kill()
    with Server(home) as server, server.client() as client:
        assert client.request("session.list", timeout=PATIENCE).body["sessions"] == []
        with pytest.raises(RemoteError) as caught:
            client.request("session.resume", session=session, timeout=PATIENCE)
        assert caught.value.code == "unknown_session"


def test_out_of_memory_is_an_answer_and_not_an_end(tmp_path: Path) -> None:
    """A real limit on the worker's address space, not an exception that is only pretended."""
    resource = pytest.importorskip("resource")
    large = write_model(tmp_path / "large.safetensors", resolution=256, channels=16)
    with Server(tmp_path / "home") as server, server.client() as client:
        session = open_session(client, large, picture(), crop=[0, 0, 80])
        (worker,) = worker_pids(client)
        other = open_session(client, large, picture(seed=9), invert=False)
        free = resource.prlimit(worker, resource.RLIMIT_AS)
        resource.prlimit(worker, resource.RLIMIT_AS, (memory(worker, "VmSize") + 3_000_000, free[1]))
        with pytest.raises(RemoteError) as caught:
            client.request("session.invert", {"settings": QUICK_INVERSION}, session=other, timeout=PATIENCE)
        assert caught.value.code == "out_of_memory"
        resource.prlimit(worker, resource.RLIMIT_AS, free)
        settings = {"settings": QUICK_INVERSION}
        assert (
            client.request("session.invert", settings, session=other, timeout=PATIENCE).body["cached"]
            is False
        )
        assert client.request("session.result", session=session, timeout=PATIENCE).body["step"] == 0
        assert worker_pids(client) == [worker]


def test_a_worker_that_keeps_dying_is_given_up(tmp_path: Path, model: Path) -> None:
    with Server(tmp_path / "home") as server, server.client() as client:
        waiting = client.start("session.resume", session="0" * 32)
        seen: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while (status := client.request("status", timeout=PATIENCE).body)["state"] != "lost":
            assert time.monotonic() < deadline
            pid = status["workers"][0]["pid"]
            if pid is not None and pid not in seen:
                seen.append(pid)
                os.kill(pid, signal.SIGKILL)
        assert len(seen) == 4  # the first start and three more
        with pytest.raises(RemoteError) as caught:
            waiting.result(PATIENCE)
        assert caught.value.code == "worker_lost"
        with pytest.raises(RemoteError) as caught:
            client.request("session.resume", session="0" * 32, timeout=PATIENCE)
        assert caught.value.code == "worker_lost"
        assert client.request("ping", timeout=PATIENCE).body == {}
