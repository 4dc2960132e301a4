"""Krita's tools: while points are edited no brush is active, so that nothing can be painted by mistake."""

from __future__ import annotations

from krita import Krita

from ..qt import QtWidgets

_PAN = "PanTool"


def take_pan_tool() -> str:
    """Switches to the pan tool. Returns the name of the tool before, for ``give_back_tool``; empty if unknown."""
    before = _active_tool()
    _switch(_PAN)
    return before


def give_back_tool(name: str) -> None:
    """Switches back, unless the artist has chosen another tool meanwhile."""
    if name and pan_tool_is_active():
        _switch(name)


def pan_tool_is_active() -> bool:
    """Whether the pan tool is active; also True where that cannot be found out."""
    return _active_tool() in (_PAN, "")


def _active_tool() -> str:
    """The tool whose button in the toolbox is down: Krita has no other way to ask."""
    window = Krita.instance().activeWindow()
    main = window.qwindow() if window is not None else None
    box = main.findChild(QtWidgets.QDockWidget, "ToolBox") if main is not None else None
    buttons = box.findChildren(QtWidgets.QToolButton) if box is not None else []
    return next((str(button.objectName()) for button in buttons if button.isChecked()), "")


def _switch(name: str) -> None:
    action = Krita.instance().action(name)
    if action is not None:
        action.trigger()
