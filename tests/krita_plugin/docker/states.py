"""Every state of the docker that an artist meets, and Krita's palettes, for tests and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from krita_plugin.pullface.backend.editing.messages import Message
from krita_plugin.pullface.backend.editing.state import Phase, Progress
from krita_plugin.pullface.docker.panel import PullPanel
from krita_plugin.pullface.qt import QtGui
from tests.krita_plugin.docker.fakes import ERROR, FakeConnection, FakePull, result, with_pairs


class State(NamedTuple):
    pull: Callable[[], FakePull | None]
    connection: Callable[[], FakeConnection | None]
    mode: bool = False
    options: bool = False


def _pulled(**state: object) -> FakePull:
    pull = FakePull(
        phase=Phase.READY, last_step=60, distance=3.4, results=[result(1, 1), result(2), result(3)]
    )
    for name, value in state.items():
        setattr(pull, name, value)
    return with_pairs(pull, step=42)


STATES = {
    "no-document": State(lambda: None, FakeConnection),
    "no-backend": State(FakePull, lambda: FakeConnection("off", "")),
    "starting": State(FakePull, lambda: FakeConnection("starting", "")),
    "loading": State(FakePull, lambda: FakeConnection("loading", ""), mode=True),
    "points": State(lambda: with_pairs(FakePull()), lambda: FakeConnection("ready", "cuda:0"), mode=True),
    "inverting": State(
        lambda: with_pairs(
            FakePull(phase=Phase.INVERTING, progress=Progress(0.37, 12.4, "Finding the face in the model"))
        ),
        FakeConnection,
        mode=True,
    ),
    "dragging": State(
        lambda: _pulled(phase=Phase.DRAGGING, progress=Progress(0.6, 3.0, "Pulling")),
        FakeConnection,
        mode=True,
    ),
    "history": State(_pulled, FakeConnection, mode=True),
    "options": State(_pulled, FakeConnection, mode=True, options=True),
    "error": State(lambda: _pulled(message=ERROR), FakeConnection, mode=True),
    "lost": State(
        _pulled,
        lambda: FakeConnection(
            "lost",
            "",
            Message(
                "error",
                "The Pullface backend is not installed.",
                "Run: python3 install.py editors",
                "x",
            ),
        ),
    ),
}


def make_panel(state: State) -> PullPanel:
    panel = PullPanel("Krita 5.2.9, Pullface 0.1.0")
    panel.set_connection(state.connection())
    panel.set_mode(state.mode)
    panel.set_pull(state.pull())
    panel.section.open(state.options)
    return panel


# From Krita's own colour schemes: window, button, view, alternate, text, highlight, highlighted text.
SCHEMES = {
    "dark": ("#474747", "#363636", "#383838", "#323232", "#c8c8c8", "#53728e", "#ebebeb"),
    "bright": ("#d4d4d4", "#dcdcdc", "#f4f4f4", "#eaeaea", "#2a2a2a", "#5c90bc", "#f0f0f0"),
}


def palette(name: str) -> QtGui.QPalette:
    window, button, view, alternate, text, highlight, highlighted = map(QtGui.QColor, SCHEMES[name])
    made = QtGui.QPalette(button, window)
    role, group = QtGui.QPalette.ColorRole, QtGui.QPalette.ColorGroup
    for part in (group.Active, group.Inactive, group.Disabled):
        made.setColor(part, role.Base, view)
        made.setColor(part, role.AlternateBase, alternate)
        made.setColor(part, role.Highlight, highlight)
        made.setColor(part, role.HighlightedText, highlighted)
        made.setColor(part, role.ToolTipBase, view)
        made.setColor(part, role.ToolTipText, text)
        for words in (role.WindowText, role.Text, role.ButtonText):
            ink = text
            if part == group.Disabled:
                ink = QtGui.QColor(
                    *[round(0.45 * a + 0.55 * b) for a, b in zip(text.getRgb()[:3], window.getRgb()[:3])]
                )
            made.setColor(part, words, ink)
    return made
