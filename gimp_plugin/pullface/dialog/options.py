"""What may move, how freely, what the model sees, and which kind of picture it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gi

from .widgets import GAP, Choice, Pixels, line_label

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

MOST_PIXELS = 500


class Options(Gtk.Grid):
    """Movable area, strength, crop, and the label of a model that has any.

    Attributes:
        area_changed: called with movable, grow and feather, as in ``AreaOptions``.
        strength_changed: called with 0 to 1.
        crop_chosen: called with a ``CropChoice``.
        framing_toggled: called with whether the crop's frame shall be edited on the picture.
        face_chosen: called with the number of the face, from 0.
        label_chosen: called with the number of a label, None for any.
    """

    def __init__(self) -> None:
        super().__init__(column_spacing=2 * GAP, row_spacing=GAP)
        self.area_changed: Callable[[str, int, int], None] = lambda movable, grow, feather: None
        self.strength_changed: Callable[[float], None] = lambda strength: None
        self.crop_chosen: Callable[[str], None] = lambda choice: None
        self.framing_toggled: Callable[[bool], None] = lambda on: None
        self.face_chosen: Callable[[int], None] = lambda number: None
        self.label_chosen: Callable[[int | None], None] = lambda number: None
        self._showing = False
        self._faces = -1
        self._labels: list[str] | None = None

        self.movable = Choice(
            "Movable",
            (("automatic", "Automatic"), ("selection", "Selection"), ("crop", "Everything")),
            lambda _: self._tell_area(),
        )
        self.movable.set_tooltip_text("The rest of the picture stays as it is")
        self.grow = Pixels(
            "Grow",
            -MOST_PIXELS,
            MOST_PIXELS,
            "Widens what may move; below zero shrinks it (px)",
            self._tell_area,
        )
        self.feather = Pixels(
            "Feather", 0, MOST_PIXELS, "Softens the edge of what may move (px)", self._tell_area
        )
        self.strength = Gtk.Scale(adjustment=Gtk.Adjustment(40, 0, 100, 1, 10, 0), digits=0)
        self.strength.set_value_pos(Gtk.PositionType.RIGHT)
        self.strength.get_accessible().set_name("Strength")
        self.strength.set_tooltip_text(
            "How much the picture may change for the sake of the points: less keeps the face as it is"
        )
        self.strength.connect("format-value", lambda _, value: f"{value:.0f} %")
        self.strength.connect("value-changed", self._tell_strength)
        self.crop = Choice(
            "Crop",
            (
                ("face", "Face (automatic)"),
                ("layer", "Layer"),
                ("selection", "Selection"),
                ("drawn", "Drawn"),
            ),
            lambda choice: self.crop_chosen(choice),
        )
        self.crop.set_tooltip_text(
            "The part of the picture that the model sees: of a face head and hair, not much more"
        )
        self.draw = Gtk.ToggleButton(tooltip_text="Draw, move, scale and turn the crop on the picture")
        self.draw.set_image(Gtk.Image.new_from_icon_name("document-edit-symbolic", Gtk.IconSize.BUTTON))
        self.draw.set_focus_on_click(False)
        self.draw.get_accessible().set_name("Draw the crop")
        self.draw.connect("toggled", self._tell_framing)
        self.face = Choice("Face", (), lambda number: self.face_chosen(int(number)))
        self.face.set_tooltip_text("Which of the faces in the layer the model sees")
        self.label = Choice(
            "Kind of picture", (), lambda chosen: self.label_chosen(int(chosen) if chosen else None)
        )
        self.label.set_tooltip_text("This model knows several kinds of pictures: which of them this one is")

        edge = Gtk.Box(spacing=GAP)
        edge.pack_start(self.grow, True, True, 0)
        edge.pack_start(line_label("Feather"), False, False, 0)
        edge.pack_start(self.feather, True, True, 0)
        crop = Gtk.Box(spacing=GAP)
        crop.pack_start(self.crop, True, True, 0)
        crop.pack_start(self.draw, False, False, 0)
        for row, (text, field) in enumerate(
            (("Movable", self.movable), ("Grow", edge), ("Strength", self.strength), ("Crop", crop))
        ):
            self.attach(line_label(text), 0, row, 1, 1)
            field.set_hexpand(True)
            self.attach(field, 1, row, 1, 1)
        self._face_row = self._at_times(4, "Face", self.face)
        self._label_row = self._at_times(5, "Kind", self.label)

    def show_pull(self, pull: Any) -> None:
        """Shows the pull's options."""
        self.movable.show_choice(pull.area.movable)
        self.grow.show_number(pull.area.grow)
        self.feather.show_number(pull.area.feather)
        self.crop.show_choice(pull.crop_choice)
        count, number = len(pull.faces), pull.face_number
        if count != self._faces:
            self._faces = count
            self.face.show_entries([(str(face), f"Face {face + 1} of {count}") for face in range(count)])
        self.face.show_choice("" if number is None else str(number))
        if pull.labels != self._labels:
            self._labels = list(pull.labels)
            named = [(str(index), name) for index, name in enumerate(self._labels)]
            self.label.show_entries([("", "Any"), *named])
        self.label.show_choice("" if pull.label is None else str(pull.label))
        for widgets, shown in ((self._face_row, count > 1), (self._label_row, bool(self._labels))):
            for widget in widgets:
                widget.set_visible(shown)

    def show_strength(self, strength: float) -> None:
        """Shows a strength from 0 to 1, without telling anybody."""
        self._showing = True
        self.strength.set_value(round(100 * strength))
        self._showing = False

    def show_framing(self, on: bool) -> None:
        """Shows whether the crop's frame is edited, without telling anybody."""
        self._showing = True
        self.draw.set_active(on)
        self._showing = False

    def _at_times(self, row: int, text: str, field: Gtk.Widget) -> tuple[Gtk.Widget, Gtk.Widget]:
        """A row that is seen only where there is something to choose."""
        widgets = line_label(text), field
        for column, widget in enumerate(widgets):
            widget.set_no_show_all(True)
            self.attach(widget, column, row, 1, 1)
        return widgets

    def _tell_area(self) -> None:
        self.area_changed(
            self.movable.get_active_id(), self.grow.get_value_as_int(), self.feather.get_value_as_int()
        )

    def _tell_strength(self, _: Any) -> None:
        if not self._showing:
            self.strength_changed(self.strength.get_value() / 100)

    def _tell_framing(self, _: Any) -> None:
        if not self._showing:
            self.framing_toggled(self.draw.get_active())
