# ruff: noqa: F821
# Runs inside Krita, sent there by the tests. The names that it does not define are those of the probe.
from pullface.qt import QtCore, QtWidgets, alive

TOGGLED = []


def toggle_opengl():
    """In the Preferences, as an artist does it."""

    def act():
        dialog = QtWidgets.QApplication.activeModalWidget()
        if dialog is None:  # not open yet
            QtCore.QTimer.singleShot(200, act)
            return
        try:
            pages = dialog.findChildren(QtWidgets.QListView)
            pages = next(each for each in pages if each.metaObject().className().endswith("KPageListView"))
            rows = [pages.model().index(row, 0) for row in range(pages.model().rowCount())]
            pages.setCurrentIndex(next(row for row in rows if row.data() == "Display"))
            box = dialog.findChild(QtWidgets.QGroupBox, "grpOpenGL")
            box.setChecked(not box.isChecked())
            buttons = dialog.findChild(QtWidgets.QDialogButtonBox, "buttonbox")
            QtCore.QTimer.singleShot(0, lambda: TOGGLED.append(True))
            buttons.button(QtWidgets.QDialogButtonBox.StandardButton.Ok).click()
        finally:
            if alive(dialog) and dialog.isVisible():
                dialog.reject()

    QtCore.QTimer.singleShot(1500, act)
    app.action("options_configure").trigger()
