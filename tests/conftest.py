"""Set before anything loads torch; and which tests are collected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Threads that spin for each other make a test twenty times slower as soon as another process needs the core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

EDITORS = ("krita", "gimp")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--editors",
        action="append",
        choices=EDITORS,
        default=[],
        help="collect the tests that drive this real editor, too (tests/editors/)",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Starting an editor takes long and opens a screen: only by its name or by the option."""
    if collection_path.parent == Path(__file__).parent / "editors" and collection_path.name in EDITORS:
        return None if collection_path.name in config.getoption("editors") else True
    return None


@pytest.fixture(params=["libzmq", "sockets"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test twice: what it opens goes to the backend by pyzmq, and by Python's own sockets."""
    monkeypatch.setenv("PULLFACE_TRANSPORT", request.param)
    return str(request.param)
