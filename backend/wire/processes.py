"""Small questions to the operating system about processes and locks (standard library only)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType


class WatchedProcess:
    """Another process, named by its id, whose end should be noticed.

    A later process with the same id is not taken for the same one.

    Args:
        pid: the process to watch. One that does not exist counts as ended.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._birth = _birth(pid)

    def alive(self) -> bool:
        """Whether the process still runs; a zombie does not."""
        return self._birth is not None and _birth(self.pid) == self._birth


def _birth(pid: int) -> str | None:
    """Something that tells this process from a later one with the same id; None when it does not run."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return _windows_birth(pid)
    elif sys.platform == "linux":
        return _linux_birth(pid)
    else:
        return _posix_birth(pid)


def _linux_birth(pid: int) -> str | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name may hold spaces and brackets: fields are counted after the last bracket.
    fields = line.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _posix_birth(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"


def _windows_birth(pid: int) -> str | None:
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        query_limited_information, synchronize, wait_timeout = 0x1000, 0x00100000, 0x102
        handle = kernel.OpenProcess(query_limited_information | synchronize, False, pid)
        if not handle:
            return None
        try:
            if kernel.WaitForSingleObject(wintypes.HANDLE(handle), 0) != wait_timeout:
                return None
            times = [wintypes.FILETIME() for _ in range(4)]
            if not kernel.GetProcessTimes(wintypes.HANDLE(handle), *(ctypes.byref(item) for item in times)):
                return None
            return f"{times[0].dwHighDateTime}.{times[0].dwLowDateTime}"
        finally:
            kernel.CloseHandle(wintypes.HANDLE(handle))
    else:
        raise OSError("only Windows has these calls")


class FileLock:
    """A lock that the operating system releases when its holder dies, however it dies.

    Usable as a context manager, which takes the lock or raises ``BlockingIOError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock without waiting. Returns whether it was free."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets go of the lock; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        if not self.acquire():
            raise BlockingIOError(f"{self.path} is locked")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def child_environment(environment: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for a Python of our own, started from inside an editor.

    Editors that bundle a Python (AppImages, Windows and macOS builds) point PYTHONHOME, PYTHONPATH and the
    loader's search path at their bundle; another Python that inherits these does not start or loads wrong
    libraries.
    """
    source = dict(os.environ if environment is None else environment)
    bundle = source.get("APPDIR", "")
    kept: dict[str, str] = {}
    for name, value in source.items():
        if name.upper().startswith("PYTHON") or name == "__PYVENV_LAUNCHER__":
            continue
        if bundle and name in ("LD_LIBRARY_PATH", "PATH"):
            entries = [entry for entry in value.split(os.pathsep) if not entry.startswith(bundle)]
            if entries and any(entries):
                kept[name] = os.pathsep.join(entries)
            continue
        if bundle and name == "LD_PRELOAD":
            continue
        kept[name] = value
    return kept
