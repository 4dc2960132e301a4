"""Where Pullface keeps its files on each platform (standard library only).

``PULLFACE_HOME`` puts everything below one folder, which is how tests and portable installations work.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

APP = "pullface"


def _home_override() -> Path | None:
    value = os.environ.get("PULLFACE_HOME", "")
    return Path(value).expanduser().absolute() if value else None


def _from_environment(variable: str, default: Path) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says that a relative path is invalid and must be ignored.
    return Path(value) if value and os.path.isabs(value) else default


def _platform_folder(linux_variable: str, linux_default: str) -> Path:
    """The platform's folder for this kind of data, Pullface's name included."""
    if sys.platform == "win32":
        return _from_environment("LOCALAPPDATA", Path.home() / "AppData" / "Local") / APP
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / APP
    return _from_environment(linux_variable, Path.home() / linux_default) / APP


def _made(folder: Path, private: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    if private and os.name == "posix":
        information = folder.stat()
        if information.st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
        if information.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


def data_folder() -> Path:
    """The private environment and downloaded models. Created when missing."""
    home = _home_override()
    return _made(home / "data" if home else _platform_folder("XDG_DATA_HOME", ".local/share"), private=False)


def runtime_folder() -> Path:
    """The connection file and the locks; readable by its owner alone (mode 0700). Created when missing.

    Raises:
        PermissionError: the folder exists and belongs to another user.
    """
    home = _home_override()
    if home:
        return _made(home / "run", private=True)
    if sys.platform in ("win32", "darwin"):
        return _made(_platform_folder("", "") / "run", private=True)
    default = os.environ.get("XDG_RUNTIME_DIR", "")
    if default and os.path.isabs(default) and os.path.isdir(default):
        return _made(Path(default) / APP, private=True)
    # No login session (a container, a service): a folder of our own below the temporary one. The owner check
    # in _made keeps another user from preparing it for us.
    return _made(Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}", private=True)


def sessions_folder() -> Path:
    """One folder for each session, with the artist's pixels in it: readable by its owner alone."""
    home = _home_override()
    if home:
        return _made(home / "sessions", private=True)
    return _made(_platform_folder("XDG_STATE_HOME", ".local/state") / "sessions", private=True)


def log_folder() -> Path:
    """Rotating log files of the front and of the workers. Created when missing."""
    home = _home_override()
    if home:
        return _made(home / "log", private=True)
    if sys.platform == "darwin":
        return _made(Path.home() / "Library" / "Logs" / APP, private=True)
    return _made(_platform_folder("XDG_STATE_HOME", ".local/state") / "log", private=True)
