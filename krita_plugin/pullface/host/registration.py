"""How Pullface gets into Krita: a docker in every window, actions with shortcuts, and the end of it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from krita import DockWidget, DockWidgetFactory, DockWidgetFactoryBase, Extension, Krita

from ..qt import QtWidgets
from .obstacle_docker import DOCKER_ID


class Action(NamedTuple):
    """An entry of ``pullface.action``.

    Attributes:
        identifier: as there.
        text: for menus and the shortcut settings.
        run: called with whether it is checked, which only means something when it is checkable.
        checkable: whether it is a switch.
    """

    identifier: str
    text: str
    run: Callable[[bool], None]
    checkable: bool = False


def register_docker(make_panel: Callable[[], QtWidgets.QWidget], changed: Callable[[], None]) -> None:
    """Adds the docker to this and every later window.

    Args:
        make_panel: makes the content of one docker.
        changed: called when another view became active.
    """

    class PullfaceDocker(DockWidget):
        def __init__(self) -> None:
            super().__init__()
            self.setWindowTitle("Pullface")
            self.setWidget(make_panel())

        def canvasChanged(self, canvas: object) -> None:  # noqa: N802
            changed()

    factory = DockWidgetFactory(DOCKER_ID, DockWidgetFactoryBase.DockPosition.DockRight, PullfaceDocker)
    Krita.instance().addDockWidgetFactory(factory)


def register_actions(actions: Sequence[Action], made: Callable[[str, Any], None]) -> None:
    """Adds the actions to every window's Tools > Scripts menu and to Krita's shortcut settings.

    Args:
        actions: what they are.
        made: called with an identifier and the ``QAction`` in each window, to keep it up to date.
    """

    class PullfaceExtension(Extension):
        def setup(self) -> None:
            """Nothing: everything is made with the windows."""

        def createActions(self, window: Any) -> None:  # noqa: N802
            for action in actions:
                made_action = window.createAction(action.identifier, action.text, "tools/scripts")
                made_action.setCheckable(action.checkable)
                made_action.triggered.connect(action.run)
                made(action.identifier, made_action)

    application = Krita.instance()
    application.addExtension(PullfaceExtension(application))


def when_closing(function: Callable[[], None]) -> None:
    """Calls a function when Krita is about to end."""
    notifier = Krita.instance().notifier()
    notifier.setActive(True)
    notifier.applicationClosing.connect(function)


def krita_version() -> str:
    """Such as ``5.2.9``."""
    return str(Krita.instance().version())


def read_setting(name: str) -> str:
    """A text that ``write_setting`` kept in Krita's settings; empty when there is none."""
    return str(Krita.instance().readSetting("pullface", name, "") or "")


def write_setting(name: str, value: str) -> None:
    """Keeps a text in Krita's settings."""
    Krita.instance().writeSetting("pullface", name, value)
