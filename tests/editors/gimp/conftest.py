"""A real GIMP for the tests: one for all that only use it, one of its own for those that end or restart it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .driver import EditorError, Gimp
from .places import GimpPlace

_WINDOWS = {"gimp_window", "own_gimp_window"}


def pytest_report_header() -> str:
    place = GimpPlace.chosen()
    return f"gimp: {place.missing() or place.version()} ({place.root or 'installed'})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs GIMP's window can be left out with ``-m "not dialog"``."""
    for item in items:
        if _WINDOWS & set(getattr(item, "fixturenames", ())):
            item.add_marker("dialog")


@pytest.fixture(scope="session")
def gimp_place() -> GimpPlace:
    """Which GIMP is driven; skips, with the reason, where there is none."""
    place = GimpPlace.chosen()
    reason = place.missing()
    if reason:
        pytest.skip(f"GIMP cannot be driven here: {reason}")
    return place


@pytest.fixture(scope="session")
def _shared_gimp(gimp_place: GimpPlace) -> Iterator[Gimp]:
    with Gimp(gimp_place) as gimp:
        yield gimp


@pytest.fixture(scope="session")
def _shared_window(gimp_place: GimpPlace) -> Iterator[Gimp]:
    with Gimp(gimp_place, window=True) as gimp:
        yield gimp


def _lend(shared: Gimp, request: pytest.FixtureRequest) -> Iterator[Gimp]:
    if not shared.running:
        shared.restart()
    failed_before = request.session.testsfailed
    yield shared
    if request.session.testsfailed > failed_before and shared.running and shared.window:
        shared.screenshot(f"failed-{request.node.name}")
    try:
        shared.close_images()
    except EditorError:
        shared.kill()
        raise


@pytest.fixture
def gimp(_shared_gimp: Gimp, request: pytest.FixtureRequest) -> Iterator[Gimp]:
    """A running GIMP without a window and without images. It is shared: for a restart or a kill take ``own_gimp``."""
    yield from _lend(_shared_gimp, request)


@pytest.fixture
def gimp_window(_shared_window: Gimp, request: pytest.FixtureRequest) -> Iterator[Gimp]:
    """A running GIMP with its window on a screen of its own; shared as ``gimp`` is."""
    yield from _lend(_shared_window, request)


@pytest.fixture
def own_gimp(gimp_place: GimpPlace) -> Iterator[Gimp]:
    """A GIMP without a window for this test alone."""
    with Gimp(gimp_place) as gimp:
        yield gimp


@pytest.fixture
def own_gimp_window(gimp_place: GimpPlace) -> Iterator[Gimp]:
    """A GIMP with its window for this test alone."""
    with Gimp(gimp_place, window=True) as gimp:
        yield gimp
