"""Two workers behind one front: sessions stick to theirs, and move when it is given up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from backend.wire.client import RemoteError
from tests.server.support import ENDLESS, PAIRS, PATIENCE, Server, open_session, picture


def test_two_workers(tmp_path: Path, model: Path) -> None:
    with Server(tmp_path / "home", "--device", "cpu", "--device", "cpu") as server, server.client() as client:

        def workers() -> list[dict[str, object]]:
            return list(client.request("status", timeout=PATIENCE).body["workers"])

        first = open_session(client, model)
        drag = {"pairs": PAIRS, "options": ENDLESS}
        running = client.start("drag.start", drag, session=first)
        next(event for event in running.events(PATIENCE) if event.body.get("step"))
        # The other one is free, so the second session goes there, and both pull at the same time.
        second = open_session(client, model, picture(seed=5))
        other = client.start("drag.start", drag, session=second)
        next(event for event in other.events(PATIENCE) if event.body.get("step"))
        assert [worker["busy"] for worker in workers()] == [["drag.start"], ["drag.start"]]

        # One dies: only its own session's work is lost.
        victim = workers()[1]["pid"]
        os.kill(int(str(victim)), signal.SIGKILL)
        with pytest.raises(RemoteError) as caught:
            other.result(PATIENCE)
        assert caught.value.code == "worker_lost"
        assert not running.done
        next(event for event in running.events(PATIENCE) if event.type == "progress")

        # It dies until it is given up: its session goes on at the other one.
        seen = {victim}
        deadline = time.monotonic() + PATIENCE
        while (worker := workers()[1])["state"] != "lost":
            assert time.monotonic() < deadline
            if worker["pid"] is not None and worker["pid"] not in seen:
                seen.add(worker["pid"])
                os.kill(int(str(worker["pid"])), signal.SIGKILL)
        moved = client.start("drag.start", {"pairs": PAIRS, "options": {"steps": 2}}, session=second)
        client.request("drag.stop", session=first, timeout=PATIENCE)
        assert running.result(PATIENCE).body["outcome"] == "stopped"
        assert moved.result(PATIENCE).body["steps"] >= 1
        # It tells its state with its heartbeats, and has just loaded the second session's inversion.
        deadline = time.monotonic() + PATIENCE
        while workers()[0]["state"] != "ready":
            assert time.monotonic() < deadline
