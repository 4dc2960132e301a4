"""``backend.wire`` and ``backend.editing`` as parts of the plugin: the installer copies them here."""

from pathlib import Path

_checkout = Path(__file__).resolve().parents[3] / "backend"
if not (Path(__file__).parent / "wire").is_dir() and (_checkout / "wire").is_dir():
    __path__.append(str(_checkout))
