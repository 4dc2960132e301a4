from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.wire.client import Client
from tests.server.support import Server, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it in order; loading torch takes seconds."""
    with Server(tmp_path_factory.mktemp("shared") / "home") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as connected:
        yield connected
