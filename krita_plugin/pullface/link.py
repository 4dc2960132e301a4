"""Lets Qt's event loop drive the connection to the backend."""

from __future__ import annotations

from .backend.editing.connection import Connection
from .backend.editing.polling import BackendLink, End, Function
from .qt import QtCore, alive, read_notifier, single_shot


def new_link(connection: Connection, parent: QtCore.QObject) -> BackendLink:
    """A link that closes by itself when the application quits.

    Args:
        connection: is polled and, at the end, closed.
        parent: Qt parent; after its end nothing is polled any more.
    """
    link = BackendLink(connection, QtLoop(parent))
    application = QtCore.QCoreApplication.instance()
    if application is not None:
        application.aboutToQuit.connect(link.close)
    return link


class QtLoop:
    """What a link needs of Qt's event loop; see ``backend.editing.polling.EventLoop``.

    Args:
        parent: of the timers and notifiers; after its end nothing is called any more.
    """

    def __init__(self, parent: QtCore.QObject) -> None:
        self._parent = parent

    def soon(self, function: Function) -> None:
        """Calls it once, on the next turn."""
        single_shot(0, lambda: function() if alive(self._parent) else None)

    def every(self, milliseconds: int, function: Function) -> End:
        """Calls it again and again."""
        timer = QtCore.QTimer(self._parent)
        timer.timeout.connect(lambda: function())
        timer.start(milliseconds)

        def end() -> None:
            if alive(timer):
                timer.stop()
                timer.deleteLater()

        return end

    def when_readable(self, descriptor: int, function: Function) -> End:
        """Calls it whenever the descriptor can be read."""
        notifier = read_notifier(descriptor, function, self._parent)

        def end() -> None:
            if alive(notifier):
                notifier.setEnabled(False)
                notifier.deleteLater()

        return end
