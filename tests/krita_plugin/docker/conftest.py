"""The docker's panel in every state, in an application that looks like Krita's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from krita_plugin.pullface import translation
from krita_plugin.pullface.qt import QtGui, QtWidgets
from tests.krita_plugin.docker.states import STATES, make_panel, palette


@pytest.fixture(scope="session")
def application() -> Any:
    made = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["pullface"])
    made.setStyle("Fusion")
    made.setPalette(palette("dark"))
    font = QtGui.QFont("Noto Sans")
    font.setPixelSize(12)  # 9 points on a common screen; without a screen Qt takes what it likes
    made.setFont(font)
    return made


@pytest.fixture(autouse=True)
def english(application: Any) -> Iterator[None]:
    translation.use_language("en")
    yield
    translation.use_language("en")


@pytest.fixture
def show(application: Any) -> Iterator[Callable[..., Any]]:
    """Makes the panel of a state, shown and laid out."""
    made = []

    def shown(name: str, width: int = 220, height: int = 430) -> Any:
        panel = make_panel(STATES[name])
        made.append(panel)
        panel.resize(width, height)
        panel.show()
        settle(application)
        return panel

    yield shown
    for panel in made:
        panel.set_pull(None)
        panel.set_connection(None)
        panel.deleteLater()
    settle(application)


def settle(application: Any) -> None:
    for _ in range(4):  # layouts settle over several turns
        application.processEvents()
