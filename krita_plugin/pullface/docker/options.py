"""What may move, what the model sees, and which kind of picture it is: the options that are folded away at first."""

from __future__ import annotations

from typing import Any

from ..qt import QtWidgets, Signal
from ..translation import tr
from .widgets import Choice, LineLabel, Pixels, SmallButton

MOST_PIXELS = 500


class Options(QtWidgets.QWidget):
    """Movable area, crop, and the label of a model that has any.

    Signals:
        area_changed: movable, grow and feather, as in ``AreaOptions``.
        crop_chosen: as ``CropChoice``.
        framing_toggled: whether the crop's frame shall be edited on the canvas.
        next_face_asked: the crop shall go to the next face.
        label_chosen: the number of a label, −1 for any.
    """

    area_changed = Signal(str, int, int)
    crop_chosen = Signal(str)
    framing_toggled = Signal(bool)
    next_face_asked = Signal()
    label_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.movable = Choice(tr("What may move"))
        self.movable.setToolTip(tr("The rest of the picture stays as it is"))
        for text, data in (
            (tr("Automatic"), "automatic"),
            (tr("Selection"), "selection"),
            (tr("Everything"), "crop"),
        ):
            self.movable.addItem(text, data)
        self.grow = Pixels(
            tr("Grow"), -MOST_PIXELS, MOST_PIXELS, tr("Widens what may move; below zero shrinks it")
        )
        self.feather = Pixels(tr("Feather"), 0, MOST_PIXELS, tr("Softens the edge of what may move"))
        self.crop = Choice(tr("Crop"))
        self.crop.setToolTip(
            tr("The part of the picture that the model sees: of a face head and hair, not much more")
        )
        for text, data in (
            (tr("Face (automatic)"), "face"),
            (tr("Layer"), "layer"),
            (tr("Selection"), "selection"),
            (tr("Drawn"), "drawn"),
        ):
            self.crop.addItem(text, data)
        self.draw = SmallButton(tr("Draw, move, scale and turn the crop on the canvas"), "draw-crop")
        self.draw.setAutoRaise(False)
        self.draw.setCheckable(True)
        self.which_face = LineLabel()
        self.next_face = SmallButton(tr("The next face in the layer"), "next-face")
        self.next_face.setAutoRaise(False)
        self.faces = QtWidgets.QWidget()
        self.label = Choice(tr("Kind of picture"))
        self.label.setToolTip(tr("This model knows several kinds of pictures: which of them this one is"))
        self._labels: list[str] | None = None

        self.movable.activated.connect(self._tell_area)
        self.grow.valueChanged.connect(self._tell_area)
        self.feather.valueChanged.connect(self._tell_area)
        self.crop.activated.connect(self._choose_crop)
        self.draw.clicked.connect(self.framing_toggled)
        self.label.activated.connect(lambda _=0: self.label_chosen.emit(self.label.currentData()))
        self.next_face.clicked.connect(lambda _=False: self.next_face_asked.emit())
        self._lay_out()

    def show_pull(self, pull: Any) -> None:
        """Shows the pull's options."""
        self.movable.show_data(pull.area.movable)
        self.grow.show_value(pull.area.grow)
        self.feather.show_value(pull.area.feather)
        self.crop.show_data(pull.crop_choice)
        count, number = len(pull.faces), pull.face_number
        self.which_face.show_text(
            tr("{count} faces", count=count)
            if number is None
            else tr("Face {number} of {count}", number=number + 1, count=count)
        )
        self.faces.setVisible(count > 1)
        self._show_labels(pull.labels, pull.label)

    def show_framing(self, on: bool) -> None:
        """Shows whether the crop's frame is edited, without telling anybody."""
        self.draw.setChecked(on)

    def _show_labels(self, labels: list[str], chosen: int | None) -> None:
        if labels != self._labels:
            self._labels = labels
            self.label.clear()
            self.label.addItem(tr("Any"), -1)
            for number, name in enumerate(labels):
                self.label.addItem(name, number)
        self.label.show_data(-1 if chosen is None else chosen)
        for widget in (self.label, self._label_title):
            widget.setVisible(bool(labels))

    def _tell_area(self) -> None:
        self.area_changed.emit(self.movable.currentData(), self.grow.value(), self.feather.value())

    def _choose_crop(self) -> None:
        choice = self.crop.currentData()
        self.crop_chosen.emit(choice)

    def _lay_out(self) -> None:
        crop = QtWidgets.QHBoxLayout()
        crop.setSpacing(4)
        crop.addWidget(self.crop, 1)
        crop.addWidget(self.draw)
        faces = QtWidgets.QHBoxLayout(self.faces)
        faces.setContentsMargins(0, 0, 0, 0)
        faces.setSpacing(4)
        faces.addWidget(self.which_face, 1)
        faces.addWidget(self.next_face)
        self.faces.hide()
        layout = QtWidgets.QGridLayout(self)
        layout.setContentsMargins(8, 0, 0, 2)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(3)
        layout.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QtWidgets.QWidget], ...] = (
            (tr("Movable"), self.movable),
            (tr("Grow"), self.grow),
            (tr("Feather"), self.feather),
            (tr("Crop"), self.crop),
            (tr("Kind"), self.label),
        )
        for index, (text, field) in enumerate(rows):
            row = index + (field is self.label)  # the faces stand below the crop
            title = QtWidgets.QLabel(text)
            title.setBuddy(field)
            title.setToolTip(field.toolTip())
            layout.addWidget(title, row, 0)
            if field is self.crop:
                layout.addLayout(crop, row, 1)
                layout.addWidget(self.faces, row + 1, 1)
            else:
                layout.addWidget(field, row, 1)
        self._label_title = title
        for widget in (self.label, title):
            widget.hide()
