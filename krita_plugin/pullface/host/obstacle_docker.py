"""The docker when Pullface cannot run: a sentence and what to do. Runs on every Python 3 that Krita ever had."""

from __future__ import annotations

from krita import DockWidget, DockWidgetFactory, DockWidgetFactoryBase, Krita

from ..obstacles import Obstacle
from ..qt import QtWidgets
from ..translation import tr

DOCKER_ID = "pullface"
"""The same as the real docker's, so that it keeps its place in the window."""


def register_obstacle(obstacle: Obstacle) -> None:
    """Adds the docker to this and every later window."""

    class ObstacleDocker(DockWidget):
        def __init__(self) -> None:
            super().__init__()
            self.setWindowTitle("Pullface")
            self.setWidget(obstacle_widget(obstacle))

        def canvasChanged(self, canvas: object) -> None:  # noqa: N802
            """Krita wants this method; nothing depends on the canvas."""

    factory = DockWidgetFactory(DOCKER_ID, DockWidgetFactoryBase.DockPosition.DockRight, ObstacleDocker)
    Krita.instance().addDockWidgetFactory(factory)


def obstacle_widget(obstacle: Obstacle) -> QtWidgets.QWidget:
    """The sentence, the hint and *Copy details*."""
    widget = QtWidgets.QWidget()
    layout = QtWidgets.QVBoxLayout(widget)
    for text in (obstacle.text, obstacle.hint):
        label = QtWidgets.QLabel(tr(text))
        label.setWordWrap(True)
        label.setMinimumWidth(1)
        layout.addWidget(label)
    button = QtWidgets.QPushButton(tr("Copy details"))
    whole = "\n".join(obstacle)
    button.clicked.connect(lambda: QtWidgets.QApplication.clipboard().setText(whole))
    layout.addWidget(button)
    layout.addStretch(1)
    return widget
