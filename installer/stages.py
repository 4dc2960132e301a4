"""Which steps of an installation are finished, so that the next run goes on and trusts nothing half-made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Stages:
    """Stamps of finished stages in one folder, one small JSON file each.

    A stamp holds the key under which the stage was finished: a hash of all that it depends on. Another key, or no
    stamp, means that the stage has to run again. While a stage runs a ``.begun`` file stands beside it: found by a
    later run, it says that this stage broke off midway and may have left half-written files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def finished(self, name: str, key: str) -> bool:
        """True when the stage was finished with exactly this key."""
        return self.details(name).get("key") == key and not self._begun(name).exists()

    def details(self, name: str) -> dict[str, str]:
        """What was noted about a finished stage; empty when it is not finished or its stamp is unreadable."""
        try:
            content = json.loads(self._stamp(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    @contextmanager
    def running(self, name: str, key: str, **details: str) -> Iterator[bool]:
        """Run a stage in the block; stamp it only when the block ends well.

        Yields:
            True when an earlier run of this stage broke off midway.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        broke_off = self._begun(name).exists()
        self._stamp(name).unlink(missing_ok=True)
        self._begun(name).touch()
        yield broke_off
        temporary = self._stamp(name).with_suffix(".new")
        temporary.write_text(json.dumps({"key": key, **details}, indent=1), encoding="utf-8")
        temporary.replace(self._stamp(name))
        self._begun(name).unlink()

    def forget(self, name: str) -> None:
        """Make the stage run again next time."""
        self._stamp(name).unlink(missing_ok=True)

    def _stamp(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _begun(self, name: str) -> Path:
        return self._folder / f"{name}.begun"


def key_of(*parts: str) -> str:
    """A short hash of everything that a stage depends on."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
