"""No orphan stays: who ends when, and one server at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.server import ALREADY_RUNNING
from backend.wire import launch
from backend.wire.client import Client, RemoteError
from backend.wire.connection import ConnectionInfo, connection_path, read_connection, write_connection
from tests.server.support import PATIENCE, ROOT, Server, wait_gone, worker_pids


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A process to be the parent: it ends when its standard input does."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_ends_with_its_parent_once_no_client_is_left(tmp_path: Path, parent: subprocess.Popen[bytes]) -> None:
    with Server(tmp_path / "home", "--parent-pid", str(parent.pid)) as server:
        with server.client() as client:
            (worker,) = worker_pids(client)
            parent.kill()
            parent.wait()
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(3.5)  # a client is there
            assert client.request("ping", timeout=PATIENCE).body == {}
        assert server.process.wait(PATIENCE) == 0
        assert wait_gone(worker, 5)
        assert not (server.home / "run" / "connection.json").exists()


def test_a_killed_server_takes_its_worker_along(tmp_path: Path) -> None:
    with Server(tmp_path / "home") as server, server.client() as client:
        (worker,) = worker_pids(client)
        server.kill()
        assert wait_gone(worker, 5)


@pytest.mark.usefixtures("transport")
def test_a_signal_ends_everything_in_order(tmp_path: Path) -> None:
    with Server(tmp_path / "home") as server, server.client() as client:
        (worker,) = worker_pids(client)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) == 0
        assert wait_gone(worker, 1)
        assert not (server.home / "run" / "connection.json").exists()
        with pytest.raises(RemoteError) as caught:
            client.request("ping", timeout=PATIENCE)
        assert caught.value.code == "server_lost"


@pytest.mark.usefixtures("transport")
def test_a_server_that_hangs_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process keeps its connection open and says nothing: only its silence tells."""
    monkeypatch.setattr("backend.wire.client.SILENCE_SECONDS", 1.5)
    with Server(tmp_path / "home") as server, server.client() as client:
        server.process.send_signal(signal.SIGSTOP)
        try:
            request = client.start("ping")
            with pytest.raises(RemoteError) as caught:
                request.result(0.2)
            assert caught.value.code == "timeout"
            with pytest.raises(RemoteError) as caught:
                request.result(PATIENCE)
            assert caught.value.code == "server_lost"
            assert client.lost is not None
        finally:
            server.process.send_signal(signal.SIGCONT)


def test_ends_when_nobody_comes(tmp_path: Path) -> None:
    with Server(tmp_path / "home", "--idle-exit", "0.5") as server:
        assert server.process.wait(PATIENCE) == 0


def test_a_second_server_steps_back(tmp_path: Path) -> None:
    with Server(tmp_path / "home") as server, server.client():
        with Server(tmp_path / "home") as second:
            assert second.process.wait(PATIENCE) == ALREADY_RUNNING
        assert server.client().close() is None


def test_a_worker_alone_explains_itself() -> None:
    command = [sys.executable, "-m", "backend.worker"]
    answer = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "pullface serve" in answer.stderr


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This process's own PULLFACE_HOME; whatever server is left there is ended."""
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # as in an editor's bundle; must not reach the server
    monkeypatch.setattr(launch, "_started", [])  # other tests' servers go on
    yield tmp_path / "home"
    info = read_connection()
    if info is not None:
        os.kill(info.pid, signal.SIGTERM)
        assert wait_gone(info.pid, PATIENCE)
    for process in launch._started:
        process.wait(PATIENCE)


def test_ensure_server_starts_one_and_finds_it_again(own_home: Path) -> None:
    # A server that died without tidying up: nobody listens at its endpoint.
    write_connection(ConnectionInfo("tcp://127.0.0.1:9", "0" * 64, 999_999, "0.0.1"))
    info = launch.ensure_server(timeout=PATIENCE)
    assert info.pid != 999_999
    assert launch.ensure_server(timeout=PATIENCE) == info
    with Client(info, timeout=PATIENCE) as client:
        assert client.server["pid"] == info.pid
    command = Path(f"/proc/{info.pid}/cmdline").read_text().split("\0")
    assert command[command.index("--parent-pid") + 1] == str(os.getpid())
    assert os.getsid(info.pid) == info.pid  # detached: Ctrl+C in this terminal does not reach it
    variables = Path(f"/proc/{info.pid}/environ").read_text()
    assert "PYTHONHOME" not in variables


def test_starters_do_not_race(own_home: Path) -> None:
    code = (
        "from backend.wire.launch import ensure_server; print(ensure_server(timeout=100, parent_pid=0).pid)"
    )
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    pids = [starter.communicate(timeout=PATIENCE)[0].strip() for starter in starters]
    info = read_connection()
    assert info is not None
    assert pids == [str(info.pid)] * 4


def test_a_server_that_cannot_start_is_explained(own_home: Path) -> None:
    with pytest.raises(RemoteError) as caught:
        launch.ensure_server(timeout=PATIENCE, arguments=("--no-such-argument",))
    assert caught.value.code == "not_started"
    assert "server.out" in caught.value.hint
    assert "no-such-argument" in (own_home / "log" / "server.out").read_text()
    with pytest.raises(RemoteError) as caught:
        launch.ensure_server(python=own_home / "no python")
    assert caught.value.code == "not_started"


def test_a_copy_in_a_plugin_starts_the_installed_backend(own_home: Path, tmp_path: Path) -> None:
    """The wire folder alone, somewhere else, finds interpreter and source through the installer's note."""
    plugin = tmp_path / "plugin"
    (plugin / "pullface_wire").parent.mkdir()
    subprocess.run(["cp", "-r", str(ROOT / "backend" / "wire"), str(plugin / "pullface_wire")], check=True)
    code = (
        "from pullface_wire.launch import ensure_server, RemoteError\n"
        "try: print(ensure_server(timeout=100, idle_exit=1).pid)\n"
        "except RemoteError as error: print(error.code, error.hint)\n"
    )
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    command = [sys.executable, "-c", code]
    run = {"cwd": plugin, "env": variables, "capture_output": True, "text": True, "check": True}
    assert subprocess.run(command, **run).stdout.strip() == "not_started Run: python3 install.py editors"
    (own_home / "data").mkdir(parents=True, exist_ok=True)
    note = {"python": sys.executable, "source": str(ROOT)}
    (own_home / "data" / "installation.json").write_text(json.dumps(note))
    pid = int(subprocess.run(command, **run).stdout)
    info = read_connection(connection_path())
    # Its parent has ended already: it goes by itself, soon.
    deadline = time.monotonic() + PATIENCE
    assert info is None or info.pid == pid
    assert wait_gone(pid, deadline - time.monotonic())
