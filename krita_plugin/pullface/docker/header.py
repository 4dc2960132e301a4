"""The head of the docker: which model, what the backend does, and the menu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..qt import QtCore, QtGui, QtWidgets, Signal
from ..translation import tr
from .widgets import Choice, Dot, LineLabel, SmallButton
from .wording import backend_state

MANUAL = Path(__file__).parents[1] / "Manual.html"

_CHOOSE_FILE = "\0file"  # no model can be called so


class Header(QtWidgets.QWidget):
    """Model, state of the backend and menu. Shows what it is told and sends what was chosen.

    Signals:
        model_chosen: the model's name or the absolute path of its file.
        start_asked: the backend shall be started.
        reconnect_asked: the backend shall be let go of and found, or started, anew.
        clear_asked: all points shall be removed.
        forget_asked: the pull shall be forgotten.
    """

    model_chosen = Signal(str)
    start_asked = Signal()
    reconnect_asked = Signal()
    clear_asked = Signal()
    forget_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._models: list[dict[str, Any]] | None = None
        self._model = ""
        self._log_folder = ""

        self.model = Choice(tr("Model"))
        self.model.setToolTip(tr("The model that knows what such faces look like"))
        self.model.activated.connect(self._choose)
        self.menu_button = SmallButton(tr("More"), "menu")
        self.menu_button.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.menu_button.setMenu(self._menu())
        self.dot = Dot()
        self.state = LineLabel()
        self.start = SmallButton(tr("Start the backend"), "restart")
        self.start.clicked.connect(self.start_asked)

        first = QtWidgets.QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.model, 1)
        first.addWidget(self.menu_button)
        line = QtWidgets.QWidget()
        line.setFixedHeight(self.start.sizeHint().height())
        second = QtWidgets.QHBoxLayout(line)
        second.setContentsMargins(2, 0, 0, 0)
        second.setSpacing(4)
        second.addWidget(self.dot)
        second.addWidget(self.state, 1)
        second.addWidget(self.start)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(first)
        layout.addWidget(line)
        self.show_models([], "")
        self.show_backend("off", "", "")

    def show_backend(self, state: str, device: str, log_folder: str) -> None:
        """Shows a connection's state."""
        kind, text = backend_state(state, device)
        self.dot.show_kind(kind)
        self.state.show_text(text)
        self.start.setVisible(state in ("off", "lost"))
        self._log_folder = log_folder
        self._logs.setEnabled(bool(log_folder))
        self._reconnect.setEnabled(state in ("ready", "loading", "lost"))

    def show_models(self, models: list[dict[str, Any]], chosen: str) -> None:
        """Shows what there is to choose from, as ``models.list`` tells it, and the choice; empty is the default."""
        if models != self._models:
            self._models = list(models)
            self._fill()
        if chosen and self.model.findData(chosen) < 0:
            self.model.insertItem(max(0, self.model.count() - 2), Path(chosen).name, chosen)
        self._model = chosen
        self.model.show_data(chosen or self._default())

    def show_pull(self, there: bool, can_clear: bool) -> None:
        """Enables what needs a pull, and what needs points that may be removed."""
        self.model.setEnabled(there)
        self._clear.setEnabled(there and can_clear)
        self._forget.setEnabled(there)

    def _default(self) -> str:
        """The name of the model that is taken without a choice: the backend marks it, else it is the first."""
        models = self._models or [{"name": ""}]
        return str(next((model for model in models if model.get("default")), models[0])["name"])

    def _fill(self) -> None:
        self.model.blockSignals(True)
        self.model.clear()
        for model in self._models or []:
            self.model.addItem(str(model["name"]), str(model["name"]))
            tip = "\n".join(_facts(model))
            self.model.setItemData(self.model.count() - 1, tip, QtCore.Qt.ItemDataRole.ToolTipRole)
        if not self._models:
            self.model.addItem(tr("Default model"), "")
        self.model.insertSeparator(self.model.count())
        self.model.addItem(tr("Model from a file…"), _CHOOSE_FILE)
        self.model.blockSignals(False)

    def _choose(self, index: int) -> None:
        data = self.model.itemData(index)
        if data != _CHOOSE_FILE:
            if data != self._model:
                self.model_chosen.emit(data)
            return
        self.model.show_data(self._model or self._default())
        path, _ = QtWidgets.QFileDialog.getOpenFileName(
            self, tr("Model from a file…"), "", tr("Models (*.safetensors *.pkl *.pt *.pth);;All files (*)")
        )
        if path:
            self.model_chosen.emit(str(Path(path)))

    def _menu(self) -> QtWidgets.QMenu:
        menu = QtWidgets.QMenu(self)
        self._clear = menu.addAction(tr("Remove all points"))
        self._clear.triggered.connect(lambda: self.clear_asked.emit())
        self._forget = menu.addAction(tr("Forget this pull…"))
        self._forget.triggered.connect(lambda: self.forget_asked.emit())
        menu.addSeparator()
        self._reconnect = menu.addAction(tr("Connect to the backend again"))
        self._reconnect.triggered.connect(lambda: self.reconnect_asked.emit())
        self._logs = menu.addAction(tr("Show the log files"))
        self._logs.triggered.connect(lambda: _open(self._log_folder))
        menu.addSeparator()
        menu.addAction(tr("Manual")).triggered.connect(lambda: _open(str(MANUAL)))
        return menu


def _facts(model: dict[str, Any]) -> list[str]:
    """What is known of a model, a line each: what it shows and how large, what it is, its licence."""
    side, width, height = (model.get(key) or 0 for key in ("resolution", "width", "height"))
    size = "" if not side else f"{side} px" if width == height else f"{width} × {height} px"
    shown = ", ".join(part for part in (str(model.get("domain") or ""), size) if part)
    return [
        line for line in (shown, *(str(model.get(key) or "") for key in ("description", "licence"))) if line
    ]


def _open(path: str) -> None:
    if path:
        QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(path))
