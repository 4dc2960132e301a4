"""What may move and what the model sees: the options that are folded away at first."""

from __future__ import annotations

from typing import Any

from ..qt import QtWidgets, Signal
from ..translation import tr
from .widgets import Choice, LineLabel, Pixels, SmallButton

MOST_PIXELS = 500


class Options(QtWidgets.QWidget):
    """Movable area and crop.

    Signals:
        area_changed: movable, grow and feather, as in ``AreaOptions``.
        crop_chosen: as ``CropChoice``.
        framing_toggled: whether the crop's frame shall be edited on the canvas.
        next_face_asked: the crop shall go to the next face.
    """

    area_changed = Signal(str, int, int)
    crop_chosen = Signal(str)
    framing_toggled = Signal(bool)
    next_face_asked = Signal()

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
            tr("The square of the picture that the model sees: head and hair, not much more")
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

        self.movable.activated.connect(self._tell_area)
        self.grow.valueChanged.connect(self._tell_area)
        self.feather.valueChanged.connect(self._tell_area)
        self.crop.activated.connect(self._choose_crop)
        self.draw.clicked.connect(self.framing_toggled)
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

    def show_framing(self, on: bool) -> None:
        """Shows whether the crop's frame is edited, without telling anybody."""
        self.draw.setChecked(on)

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
        )
        for index, (text, field) in enumerate(rows):
            label = QtWidgets.QLabel(text)
            label.setBuddy(field)
            label.setToolTip(field.toolTip())
            layout.addWidget(label, index, 0)
            if field is self.crop:
                layout.addLayout(crop, index, 1)
            else:
                layout.addWidget(field, index, 1)
        layout.addWidget(self.faces, len(rows), 1)
