"""``install.py uninstall``: deletes what Pullface made, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from backend.editors.gimp import GimpProfile, gimp_profiles
from backend.editors.krita import KritaProfile, krita_profiles, running_kritas
from backend.wire import folders
from backend.wire.connection import ConnectionInfo, read_connection
from backend.wire.processes import WatchedProcess

from .editors.krita import forget
from .texts import megabytes


def uninstall(ask: bool, keep_sessions: bool) -> int:
    """List what is there, ask, end the backend, delete.

    Returns:
        The exit status: 0 deleted or nothing there, 1 the answer was no.
    """
    places = what_is_there(keep_sessions)
    if not places:
        print("Pullface has left nothing here.")
        remove_empty_folders()
        return 0
    print("This deletes:")
    for path, what in places:
        print(f"  {megabytes(size(path) / 1e6):>8}  {what:<28} {path}")
    if ask and input("Delete all this? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was deleted.")
        return 1
    end_backend()
    profiles = _profiles_with_our_plugin()
    for path, _ in places:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for profile in profiles:
        if running_kritas(profile):
            print(f"Krita is running: the line about Pullface stays in {profile.settings}; it does no harm.")
        else:
            forget(profile)
    remove_empty_folders()
    left = [path for path, _ in places if path.exists()]
    for path in left:
        print(f"Could not be deleted (in use?): {path}")
    print("Done." if not left else "Close the editors and run this again.")
    return 1 if left else 0


def what_is_there(keep_sessions: bool) -> list[tuple[Path, str]]:
    """Everything that Pullface made for this user and that exists, with a word for it.

    Only names that Pullface itself gives are taken; other files in its folders are left alone.
    """
    data = folders.data_folder()
    found: list[tuple[Path, str]] = []
    environment = data / "environment"
    if (environment / "stages").is_dir() or (environment / "pyvenv.cfg").is_file():
        found.append((environment, "the private environment"))
    folders_of_data = (("models", "downloaded models"), ("wheels", "the plugin's libraries"))
    found += [(data / name, what) for name, what in folders_of_data if (data / name).is_dir()]
    for profile in _profiles_with_our_plugin():
        found += [(file, "the plugin in Krita") for file in profile.plugin_files()]
    found += [
        (profile.plugin, f"the plug-in in GIMP {profile.series}") for profile in _gimps_with_our_plugin()
    ]
    if not keep_sessions:
        sessions = folders.sessions_folder()
        saved = [entry for entry in sessions.iterdir() if (entry / "session.json").is_file()]
        found += [(entry, "a saved session") for entry in sorted(saved)]
    found += [(entry, "a log") for entry in sorted(folders.log_folder().glob("*.log*")) if entry.is_file()]
    found += [(entry, "the server's connection") for entry in _connection_files()]
    notes = {"installation.json": "a note for the editors", "install.lock": "a lock"}
    found += [(data / name, what) for name, what in notes.items() if (data / name).is_file()]
    return found


def _profiles_with_our_plugin() -> list[KritaProfile]:
    """Not those whose plugin another installation, with another PULLFACE_HOME, has put there."""
    home = os.environ.get("PULLFACE_HOME", "")
    return [
        profile for profile in krita_profiles() if profile.plugin_files() and profile.plugin_home() == home
    ]


def _gimps_with_our_plugin() -> list[GimpProfile]:
    """As for Krita; a link to somewhere else is not ours."""
    home = os.environ.get("PULLFACE_HOME", "")
    return [
        profile
        for profile in gimp_profiles()
        if profile.plugin_version() is not None
        and not profile.plugin.is_symlink()
        and profile.plugin_home() == home
    ]


def _connection_files() -> Sequence[Path]:
    return sorted(entry for entry in folders.runtime_folder().iterdir() if entry.is_file())


def size(path: Path) -> int:
    """Bytes of a file or of all files in a folder; links count nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    return sum(size(entry) for entry in path.iterdir())


def end_backend(patience: float = 5.0) -> None:
    """Ask a running server to end, so that it saves its sessions and frees its files."""
    info = read_connection()
    if info is None or not _is_our_server(info):
        return
    try:
        os.kill(info.pid, signal.SIGTERM)
    except OSError:
        return
    server = WatchedProcess(info.pid)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.alive():
        time.sleep(0.1)


def _is_our_server(info: ConnectionInfo) -> bool:
    """True when the number in the connection file is still our server's and not a later process's."""
    if Path("/proc/self/cmdline").exists():
        try:
            return b"backend.server" in Path(f"/proc/{info.pid}/cmdline").read_bytes()
        except OSError:
            return False
    host, _, port = info.endpoint.removeprefix("tcp://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1.0):
            return WatchedProcess(info.pid).alive()
    except (OSError, ValueError):
        return False


def remove_empty_folders() -> None:
    """Remove our own folders where nothing is left in them."""
    home = os.environ.get("PULLFACE_HOME")
    ours = [folders.data_folder(), folders.runtime_folder(), folders.sessions_folder(), folders.log_folder()]
    ours += [Path(home)] if home else [folder.parent for folder in ours if folder.parent.name == folders.APP]
    for folder in ours:
        try:
            folder.rmdir()
        except OSError:
            continue
