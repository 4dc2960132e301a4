"""Runs what the driver sends, in Krita's GUI thread. For tests only: it does nothing without PULLFACE_PROBE."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import time

from krita import Extension, Krita

from .messages import receive, send
from .snippets import answer

try:
    import pykrita

    _QT6 = pykrita.qt_major_version() == 6
except (ImportError, AttributeError):
    _QT6 = False
if _QT6:
    from PyQt6 import QtCore, QtGui, QtWidgets, sip
else:
    from PyQt5 import QtCore, QtGui, QtWidgets, sip


def document():
    """The active document, or None."""
    return Krita.instance().activeDocument()


def window():
    """The active window, or the first one."""
    app = Krita.instance()
    return app.activeWindow() or next(iter(app.windows()), None)


def view():
    """The active view, or None."""
    return window().activeView() if window() is not None else None


def names():
    """What a snippet finds without importing it."""
    return {
        "__name__": "snippet",
        "Krita": Krita,
        "app": Krita.instance(),
        "document": document,
        "window": window,
        "view": view,
        "QtCore": QtCore,
        "QtGui": QtGui,
        "QtWidgets": QtWidgets,
        "Qt": QtCore.Qt,
        "QApplication": QtWidgets.QApplication,
        "sip": sip,
        "os": os,
        "sys": sys,
        "time": time,
    }


class Server(QtCore.QObject):
    """Takes one message a connection and answers it; goes on working while a modal dialog is open."""

    def __init__(self, path):
        super().__init__()
        self._space = names()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(16)
        self._listener.setblocking(False)
        kind = QtCore.QSocketNotifier.Type.Read
        self._notifier = QtCore.QSocketNotifier(self._listener.fileno(), kind, self)
        self._notifier.activated.connect(lambda *_: self._accept())

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.settimeout(20)
            try:
                request = receive(connection)
            except (OSError, EOFError, ValueError):
                connection.close()
                continue
            # Not from within the notifier: a snippet may open a dialog with an event loop of its own.
            QtCore.QTimer.singleShot(0, lambda c=connection, r=request: answer(c, r, self._space, send))


class Probe(Extension):
    """Starts the server when Krita starts."""

    def __init__(self, parent):
        super().__init__(parent)
        self._server = None

    def setup(self):
        path = os.environ.get("PULLFACE_PROBE")
        if path:
            self._server = Server(path)

    def createActions(self, window):  # noqa: N802
        pass


if os.environ.get("PULLFACE_PROBE"):
    _file = open(os.environ["PULLFACE_PROBE"] + ".stacks", "a", encoding="utf-8")  # noqa: SIM115 - faulthandler writes to it until the end
    faulthandler.enable(_file, all_threads=True)
    faulthandler.register(signal.SIGUSR1, _file, all_threads=True)

Krita.instance().addExtension(Probe(Krita.instance()))
