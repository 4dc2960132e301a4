"""Makes ``zmq`` and ``msgpack`` importable with the copies that the installer put into ``vendor/``.

All plugins of one Krita share one Python, and two copies of ``zmq`` cannot live in it: its compiled part names
``zmq`` absolutely. So the first one that is loaded serves everybody:

1. What another plugin has loaded already is used, when it is new enough.
2. Else our own copy is loaded, which is pinned and tested, before any that lies elsewhere on the path.
3. Else (no copy fits this system) whatever the path offers.

The path itself is left as it was, so that no other plugin finds our copies by surprise and none of its own is hidden.
"""

from __future__ import annotations

import importlib
import platform
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

VENDOR = Path(__file__).resolve().parent / "vendor"

OLDEST = {"zmq": (22,), "msgpack": (1, 0)}
"""The first versions of each package with all that ``backend.wire`` uses."""

# The compiled part of pyzmq finds these by name when something goes wrong, long after the import.
_NEEDED_LATER = {"zmq": ("zmq.error", "zmq.backend", "zmq.sugar"), "msgpack": ("msgpack.exceptions",)}


class MissingLibraryError(Exception):
    """A library cannot be loaded in this Krita.

    Attributes:
        message: one plain sentence.
        hint: what to do about it.
        details: for a bug report.
    """

    def __init__(self, message: str, hint: str, details: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


def use_vendored(vendor: Path = VENDOR) -> None:
    """Load ``zmq`` and ``msgpack``; afterwards ``import`` finds them.

    Args:
        vendor: the folder with the copies.

    Raises:
        MissingLibraryError: one of them cannot be loaded.
    """
    for name in OLDEST:
        _load(name, vendor)


def python_tag(version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> str | None:
    """The copy's name for a Python: 3.12 and all later ones share one. None for one that is too old."""
    if version < (3, 10):
        return None
    return f"cp3{min(version[1], 12)}"


def system_tag(system: str = "", machine: str = "") -> str | None:
    """The copy's name for an operating system and a processor; None where there is no copy."""
    system = system or platform.system()
    machine = (machine or platform.machine()).lower()
    processor = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}.get(machine)
    if system == "Darwin":
        return "macos"  # one file for both processors
    tag = f"{system.lower()}-{processor}"
    return tag if tag in ("linux-x86_64", "linux-aarch64", "windows-x86_64") else None


def folders(vendor: Path = VENDOR) -> list[Path]:
    """The folders of copies that fit this Python and this system, and exist."""
    python, system = python_tag(), system_tag()
    # A Python without its global lock does not load the stable interface that the copy for 3.12 was built for.
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    names = ["any"]
    if python is not None and system is not None and not free_threaded:
        names.insert(0, f"{python}-{system}")
    return [vendor / name for name in names if (vendor / name).is_dir()]


def _load(name: str, vendor: Path) -> None:
    loaded = sys.modules.get(name)
    if loaded is not None:
        if _version(loaded) >= OLDEST[name]:
            return
        found = ".".join(str(number) for number in _version(loaded)) or "of unknown version"
        raise MissingLibraryError(
            f"Another plugin of Krita has loaded a {name} that is too old for Pullface ({found}).",
            "Switch that plugin off (Settings > Configure Krita > Python Plugin Manager) and start Krita again.",
            f"{name} {found}, from {getattr(loaded, '__file__', 'an unknown place')}",
        )
    failures: list[str] = []
    for path in _paths(name, vendor):
        failure = _try(name, path)
        if failure is None:
            return
        failures.append(failure)
    raise MissingLibraryError(
        f"A part of Pullface ({name}) does not load in the Python of this Krita.",
        "Install Pullface again: python3 install.py editors",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        + "\n".join(failures),
    )


def _paths(name: str, vendor: Path) -> Iterator[Path | None]:
    """Where to try: our copies first; None is the path as it stands."""
    for folder in folders(vendor):
        if (folder / name / "__init__.py").is_file():
            yield folder
    yield None


def _try(name: str, folder: Path | None) -> str | None:
    """Import from one place; what went wrong, or None."""
    before = set(sys.modules)
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name)
        for later in _NEEDED_LATER[name]:
            importlib.import_module(later)
        if _version(module) < OLDEST[name]:
            raise ImportError(f"version {_version(module)} is too old")
        return None
    except Exception as error:  # a library for another system can fail in any way
        for added in set(sys.modules) - before:
            if added == name or added.startswith(name + "."):
                del sys.modules[added]
        return f"{folder or 'elsewhere'}: {type(error).__name__}: {error}"
    finally:
        if folder is not None and str(folder) in sys.path:
            sys.path.remove(str(folder))
        importlib.invalidate_caches()


def _version(module: ModuleType) -> tuple[int, ...]:
    """``(27, 3, 0)`` for pyzmq or msgpack; empty when it does not say."""
    told = getattr(module, "version", None) or getattr(module, "__version__", None)
    if isinstance(told, tuple):
        return tuple(part for part in told if isinstance(part, int))
    text = getattr(module, "__version__", "")
    numbers = []
    for part in str(text).split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
