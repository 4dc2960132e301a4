"""A real Krita for the tests: one for all that only use it, one of its own for those that end or restart it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .driver import EditorError, Krita
from .places import KritaPlace


def pytest_report_header() -> str:
    place = KritaPlace.chosen()
    return f"krita: {place.missing() or place.version()} ({place.root or 'installed'})"


@pytest.fixture(scope="session")
def krita_place() -> KritaPlace:
    """Which Krita is driven; skips, with the reason, where there is none."""
    place = KritaPlace.chosen()
    reason = place.missing()
    if reason:
        pytest.skip(f"Krita cannot be driven here: {reason}")
    return place


@pytest.fixture(scope="session")
def _shared_krita(krita_place: KritaPlace) -> Iterator[Krita]:
    with Krita(krita_place) as krita:
        yield krita


@pytest.fixture
def krita(_shared_krita: Krita, request: pytest.FixtureRequest) -> Iterator[Krita]:
    """A running Krita without documents. It is shared: for a restart or a kill take ``own_krita``."""
    if not _shared_krita.running:
        _shared_krita.restart()
    failed_before = request.session.testsfailed
    yield _shared_krita
    if request.session.testsfailed > failed_before and _shared_krita.running:
        _shared_krita.screenshot(f"failed-{request.node.name}")
    try:
        _shared_krita.close_documents()
    except EditorError:
        _shared_krita.kill()
        raise


@pytest.fixture
def own_krita(krita_place: KritaPlace) -> Iterator[Krita]:
    """A Krita for this test alone."""
    with Krita(krita_place) as krita:
        yield krita
