"""Folders, connection file, locks and processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backend.wire import folders
from backend.wire.connection import (
    ConnectionInfo,
    connection_path,
    new_token,
    read_connection,
    remove_connection,
    write_connection,
)
from backend.wire.processes import FileLock, WatchedProcess, child_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def info(token: str = "t" * 64) -> ConnectionInfo:
    return ConnectionInfo("tcp://127.0.0.1:4711", token, 42, "0.1.0", started=5.0)


def test_pullface_home(home: Path) -> None:
    expected = {
        folders.data_folder: "data",
        folders.runtime_folder: "run",
        folders.sessions_folder: "sessions",
        folders.log_folder: "log",
    }
    for function, name in expected.items():
        assert function() == home / name
        assert (home / name).is_dir()
    for name in ("run", "sessions", "log"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o700


def test_xdg_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULLFACE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, "relative/is/invalid")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert folders.data_folder() == tmp_path / ".local/share/pullface"
    assert folders.sessions_folder() == tmp_path / ".local/state/pullface/sessions"
    assert folders.log_folder() == tmp_path / ".local/state/pullface/log"
    assert folders.runtime_folder() == tmp_path / f"pullface-{os.getuid()}"
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data home"))
    assert folders.runtime_folder() == tmp_path / "runtime/pullface"
    assert folders.data_folder() == tmp_path / "data home/pullface"


def test_a_runtime_folder_that_was_open_is_closed(home: Path) -> None:
    (home / "run").mkdir(parents=True)
    (home / "run").chmod(0o777)
    assert stat.S_IMODE(folders.runtime_folder().stat().st_mode) == 0o700


def test_a_runtime_folder_of_somebody_else_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.runtime_folder()
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    with pytest.raises(PermissionError):
        folders.runtime_folder()


def test_connection_file() -> None:
    assert read_connection() is None
    path = write_connection(info())
    assert path == connection_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_connection() == info()
    assert [file.name for file in path.parent.iterdir()] == ["connection.json"]
    assert "t" * 64 not in repr(info())
    assert len({new_token() for _ in range(50)}) == 50


def test_only_the_own_connection_file_is_removed() -> None:
    path = write_connection(info())
    remove_connection(info("other"))
    assert path.exists()
    remove_connection(info())
    assert not path.exists()
    remove_connection(info())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        json.dumps({"endpoint": "tcp://127.0.0.1:1"}),
        json.dumps({**vars(info()), "protocol": [1]}),
        json.dumps({**vars(info()), "pid": "x"}),
        json.dumps({**vars(info()), "endpoint": "tcp://10.0.0.1:4711"}),
        "\udcff",
    ],
)
def test_a_connection_file_that_makes_no_sense(text: str) -> None:
    folders.runtime_folder()
    connection_path().write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_connection() is None


def test_readers_see_the_old_file_or_the_new_one() -> None:
    write_connection(info("a" * 64))
    done = threading.Event()
    seen: list[ConnectionInfo | None] = []

    def read() -> None:
        while not done.is_set():
            seen.append(read_connection())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        write_connection(info("ab"[number % 2] * 64))
    done.set()
    reader.join()
    assert seen
    assert {item.token[0] if item else None for item in seen} <= {"a", "b"}


def test_a_lock_is_held_by_one_and_falls_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from backend.wire.processes import FileLock\n"
        f"lock = FileLock(Path({str(path)!r})); print(lock.acquire(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        lock = FileLock(path)
        assert not lock.acquire()
        with pytest.raises(BlockingIOError), lock:
            pass
        holder.kill()
        holder.wait()
        with lock:
            assert not FileLock(path).acquire()
        assert lock.acquire()
        lock.release()


def test_a_process_is_watched() -> None:
    assert WatchedProcess(os.getpid()).alive()
    assert not WatchedProcess(0).alive()
    assert not WatchedProcess(-5).alive()
    assert not WatchedProcess(2**22 + 5).alive()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        watched = WatchedProcess(process.pid)
        assert watched.alive()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not watched.alive()  # a zombie by now: nobody has waited for it
    assert not watched.alive()


def test_a_later_process_with_the_same_id_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = WatchedProcess(os.getpid())
    monkeypatch.setattr("backend.wire.processes._birth", lambda _pid: "another time")
    assert not watched.alive()


def test_the_environment_for_our_own_python() -> None:
    given = {
        "PATH": "/tmp/.mount_krita/usr/bin:/usr/bin",
        "PYTHONHOME": "/tmp/.mount_krita",
        "PYTHONPATH": "/tmp/.mount_krita/lib",
        "PYTHONEXECUTABLE": "x",
        "__PYVENV_LAUNCHER__": "x",
        "APPDIR": "/tmp/.mount_krita",
        "LD_LIBRARY_PATH": "/tmp/.mount_krita/usr/lib",
        "PULLFACE_HOME": "/home/a",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    assert child_environment(given) == {
        "PATH": "/usr/bin",
        "APPDIR": "/tmp/.mount_krita",
        "PULLFACE_HOME": "/home/a",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    # Outside an AppImage the loader's path is the user's own, for a CUDA of theirs, say.
    own = {"LD_LIBRARY_PATH": "/opt/cuda/lib64"}
    assert child_environment(own) == own
