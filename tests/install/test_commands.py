"""``install.py`` as it is called, but for the downloads."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installer import main as commands
from installer import removal, setup
from installer.environment import ROOT, Environment

INSTALL = str(ROOT / "install.py")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULLFACE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def furnish(home: Path) -> None:
    """What a user of some weeks has: an environment, sessions, logs, and a file of their own in between."""
    for file in (
        "data/environment/stages/torch.json",
        "data/environment/lib/big.bin",
        "data/installation.json",
        "data/install.lock",
        "sessions/0123/session.json",
        "sessions/0123/window.npy",
        "sessions/holiday.png",
        "log/server.log",
        "log/server.log.1",
        "run/server.lock",
    ):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_bytes(b"0" * 1000)


def test_uninstall_deletes_what_pullface_made_and_nothing_else(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    furnish(home)
    assert commands.main(["uninstall", "--yes"]) == 0
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert left == {"sessions/holiday.png"}
    assert not (home / "data").exists()
    told = capsys.readouterr().out
    assert "the private environment" in told
    assert str(home / "sessions" / "0123") in told


def test_uninstall_asks_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    furnish(home)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    before = sorted(home.rglob("*"))
    assert commands.main(["uninstall"]) == 1
    assert sorted(home.rglob("*")) == before
    assert "Nothing was deleted" in capsys.readouterr().out


def test_uninstall_can_keep_the_sessions(home: Path) -> None:
    furnish(home)
    assert commands.main(["uninstall", "--yes", "--keep-sessions"]) == 0
    assert (home / "sessions/0123/session.json").exists()
    assert not (home / "data").exists()


def test_uninstall_where_nothing_is_leaves_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["uninstall", "--yes"]) == 0
    assert "nothing here" in capsys.readouterr().out
    assert not home.exists()


def test_uninstall_keeps_a_folder_named_environment_that_is_not_ours(home: Path) -> None:
    (home / "data/environment").mkdir(parents=True)
    (home / "data/environment/essay.txt").touch()
    assert commands.main(["uninstall", "--yes"]) == 0
    assert (home / "data/environment/essay.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the links of Unix")
def test_uninstall_does_not_follow_links(home: Path, tmp_path: Path) -> None:
    furnish(home)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "picture.png").touch()
    (home / "data/environment/lib/link").symlink_to(tmp_path / "elsewhere")
    shutil.rmtree(home / "sessions" / "0123")
    (tmp_path / "elsewhere" / "session.json").touch()
    (home / "sessions" / "0123").symlink_to(tmp_path / "elsewhere")
    assert commands.main(["uninstall", "--yes"]) == 0
    assert (tmp_path / "elsewhere" / "picture.png").exists()


def test_uninstall_ends_a_running_server(home: Path) -> None:
    server = subprocess.Popen([sys.executable, "-m", "backend.server"], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not (home / "run/connection.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        removal.end_backend(patience=20)
        server.wait(20)
    finally:
        server.kill()
        server.wait()


def test_another_process_with_the_servers_number_is_left_alone(home: Path) -> None:
    from backend.wire.connection import ConnectionInfo, write_connection

    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        write_connection(ConnectionInfo("tcp://127.0.0.1:9", "0" * 64, bystander.pid, "0.1.0"))
        removal.end_backend(patience=0.3)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_doctor_works_before_anything_is_installed(home: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-S", INSTALL, "doctor"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == int("PROBLEM" in answer.stdout)
    assert "environment  " in answer.stdout
    assert "Traceback" not in answer.stderr


def test_help_and_wrong_words() -> None:
    shown = subprocess.run(
        [sys.executable, "-S", INSTALL, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(word in shown for word in ("demo", "test", "doctor", "uninstall"))
    wrong = subprocess.run(
        [sys.executable, INSTALL, "demo", "--fast"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "--fast" in wrong.stderr


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9"])
def test_old_pythons_are_refused_in_a_sentence(version: str) -> None:
    old = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3"))
    program = shutil.which(f"python{version}") if not old else str(old[-1])
    if program is None:
        pytest.skip(f"there is no Python {version} here")
    answer = subprocess.run([program, INSTALL, "demo"], capture_output=True, text=True, check=False)
    if "pyenv" in answer.stderr:
        pytest.skip("a shim without a Python behind it")
    assert answer.returncode == 1
    assert f"needs Python 3.10 or later; this is Python {version}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_announcement_says_where_what_and_how_much(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[bool] = []
    monkeypatch.setattr(
        Environment, "bring_up_to_date", lambda self, plan, with_tests: done.append(with_tests)
    )
    setup.prepare(with_tests=True)
    told = capsys.readouterr().out
    assert str(home / "data" / "environment") in told
    assert "download" in told
    assert " MB" in told or " GB" in told
    assert "PyTorch" in told
    assert "not touched" in told
    assert done == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="signals need Unix")
def test_ctrl_c_during_the_installation_leaves_a_state_to_go_on_from(home: Path, tmp_path: Path) -> None:
    """A real run, stopped in its first stage; nothing gets as far as a download."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}
    process = subprocess.Popen(
        [sys.executable, "-u", INSTALL, "demo", "--output", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        # A shell starts its background jobs with Ctrl+C ignored, and these tests may be one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Environment: " in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: pip and Python get it too
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run the same command again to go on" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
    stages = home / "data/environment/stages"
    assert not (stages / "torch.json").exists()
