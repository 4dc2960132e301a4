"""Qt without a screen; which Qt is chosen one folder up."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def application() -> Any:
    """The QApplication of this process."""
    from krita_plugin.pullface.qt import QtWidgets

    return QtWidgets.QApplication.instance() or QtWidgets.QApplication(["tests"])
