"""Lets Qt's event loop drive the connection to the backend."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from .qt import QtCore, alive, read_notifier, single_shot

SAFETY_MILLISECONDS = 250


class BackendLink(QtCore.QObject):
    """Polls a ``backend.editing.connection.Connection`` whenever something may have come.

    The connection's descriptor is edge-triggered: one wake-up may stand for many messages, and sending can swallow
    one. So every wake-up and every request is followed by a look on the next turn of the event loop, and a timer looks
    every 250 ms in any case.

    Args:
        connection: is polled and, at the end, closed.
        parent: Qt parent.

    Attributes:
        connection: as given.
    """

    def __init__(self, connection: Any, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.connection = connection
        self._notifier: QtCore.QSocketNotifier | None = None
        self._watched: tuple[int, int] | None = None
        self._again = False
        self._polling = False
        self._closed = False
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(SAFETY_MILLISECONDS)
        self._timer.timeout.connect(self.poll)
        self._end_observing = connection.observe(self._on_change)
        connection.sent = self.poll_soon
        application = QtCore.QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    def start(self) -> None:
        """Finds or starts the backend, without waiting for it; harmless when that was done already."""
        if self._closed:
            return
        self._timer.start()
        self.connection.start()
        self.poll()

    def poll(self) -> None:
        """Takes in what has come. Harmless at any time, also from within a poll."""
        if self._closed or self._polling:
            return
        self._polling = True
        try:
            self.connection.poll()
        except Exception:
            # A defect. An exception that leaves a slot could end the whole editor; the timer tries again.
            traceback.print_exc(file=sys.stderr)
        finally:
            self._polling = False
        self._watch()

    def poll_soon(self) -> None:
        """Polls on the next turn of the event loop; the connection calls it after every request."""
        if not self._again and not self._closed:
            self._again = True
            single_shot(0, self._poll_again)

    def close(self) -> None:
        """Lets go of the backend; called by itself when the application quits. Harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._end_observing()
        self.connection.sent = lambda: None
        if alive(self):
            self._timer.stop()
        self._unwatch()
        self.connection.close()

    def _poll_again(self) -> None:
        self._again = False
        if alive(self):
            self.poll()

    def _on_readable(self) -> None:
        self.poll()
        self.poll_soon()

    def _on_change(self, topic: str) -> None:
        if not self._closed:
            if self.connection.state == "starting" and not self._timer.isActive():
                self._timer.start()  # somebody else called the connection's start()
            self._watch()

    def _watch(self) -> None:
        """Makes the notifier fit the descriptor.

        A new connection may get the number of the old one's descriptor, so the number alone does not tell.
        """
        descriptor = None if self._closed else self.connection.fileno()
        wanted = None if descriptor is None else (descriptor, self.connection.generation)
        if wanted == self._watched:
            return
        self._unwatch()
        self._watched = wanted
        if descriptor is not None:
            self._notifier = read_notifier(descriptor, self._on_readable, self)
            self.poll_soon()  # what came before the notifier was there made no edge for it

    def _unwatch(self) -> None:
        notifier, self._notifier = self._notifier, None
        self._watched = None
        if notifier is not None and alive(notifier):
            notifier.setEnabled(False)
            notifier.deleteLater()
