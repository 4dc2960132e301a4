"""Writes pictures of the docker in every state, to be looked at.

``python -m tests.krita_plugin.docker.gallery FOLDER [--ratio 2] [--widths 220 320] [--languages en de]``
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ratio", default="1")
    parser.add_argument("--widths", type=int, nargs="+", default=[220, 320])
    parser.add_argument("--languages", nargs="+", default=["en", "de"])
    parser.add_argument("--states", nargs="+")
    parser.add_argument("--height", type=int, default=430)
    wanted = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = wanted.ratio

    from krita_plugin.pullface import translation
    from krita_plugin.pullface.qt import QtCore, QtGui, QtWidgets
    from tests.krita_plugin.docker.states import STATES, make_panel, palette

    application = QtWidgets.QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    application.setFont(QtGui.QFont("Noto Sans", 9))
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for scheme in ("dark", "bright"):
        application.setPalette(palette(scheme))
        for language in wanted.languages:
            translation.use_language(language)
            for width in wanted.widths:
                pictures = []
                for name in wanted.states or STATES:
                    panel = make_panel(STATES[name])
                    panel.resize(width, wanted.height)
                    panel.show()
                    for _ in range(3):  # layouts settle over several turns
                        application.processEvents()
                    pictures.append(panel.grab())
                    panel.close()
                ratio = pictures[0].devicePixelRatioF()
                sheet = QtGui.QPixmap(
                    QtCore.QSize(round((width + 8) * len(pictures) * ratio), round(wanted.height * ratio))
                )
                sheet.setDevicePixelRatio(ratio)
                sheet.fill(QtGui.QColor("magenta"))
                painter = QtGui.QPainter(sheet)
                for index, picture in enumerate(pictures):
                    painter.drawPixmap(index * (width + 8), 0, picture)
                painter.end()
                sheet.save(str(wanted.folder / f"{scheme}-{language}-{width}-{wanted.ratio}x.png"))


if __name__ == "__main__":
    main()
