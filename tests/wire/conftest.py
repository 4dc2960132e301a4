"""Transports that are closed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.wire.transport import Transport, open_transport
from tests.wire.peers import Connect


@pytest.fixture
def connected() -> Iterator[Connect]:
    """Opens transports that are closed at the end."""
    opened: list[Transport] = []

    def connect(endpoint: str) -> Transport:
        opened.append(open_transport(endpoint))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
