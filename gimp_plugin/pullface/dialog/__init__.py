"""The dialog: the picture with its points on the left, what makes a pull on the right; a view of one ``Pull``.

``strokes.py``, ``glyphs.py``, ``marks.py``, ``turning.py`` and ``viewport.py`` know neither GIMP nor Gtk. Nothing here
needs pycairo, which GIMP's Python often lacks: GEGL scales pictures, the marks are drawn by ourselves, and GdkPixbuf
lays them over one another.
"""

from __future__ import annotations

from typing import Any


def run_dialog(image: Any, drawable: Any) -> None:
    """Opens the dialog for a layer, and returns when it is closed; GIMP stays usable meanwhile.

    Args:
        image: GIMP's, open.
        drawable: a layer or a group in it that can be pulled.
    """
    from .window import PullDialog

    PullDialog(image, drawable).run_until_closed()
