"""Makes ``zmq`` and ``msgpack`` importable with the copies that the installer put into ``vendor/``.

Each plug-in of GIMP has a process of its own, so no other plug-in is disturbed.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

VENDOR = Path(__file__).resolve().parent / "vendor"


def use_vendored(vendor: Path = VENDOR) -> None:
    """Puts the copies that fit this Python and this system before everything else; harmless where there are none."""
    places = [str(folder) for folder in folders(vendor)]
    sys.path[:0] = [place for place in places if place not in sys.path]


def folders(vendor: Path = VENDOR) -> list[Path]:
    """The folders of copies that fit, and exist."""
    python = f"cp3{min(sys.version_info[1], 12)}"  # 3.12 and all later ones share one
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    system = "macos" if sys.platform == "darwin" else f"{platform.system().lower()}-{machine}"
    return [vendor / name for name in (f"{python}-{system}", "any") if (vendor / name).is_dir()]
