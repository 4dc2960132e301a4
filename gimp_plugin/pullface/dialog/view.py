"""The picture with its points: draws it, zooms and pans it, and hands what mouse, pen and keys do to the gestures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gi

from ..backend.editing.affine import Affine
from ..backend.editing.areas import Capsule, widened
from ..backend.editing.framing import crop_of, other_faces
from ..backend.editing.geometry import Point, Rect, Square
from ..backend.editing.gestures import Button, Gestures, Key
from ..backend.editing.host import Edit, LayerPicture, Mask
from ..backend.editing.pull import Pull
from ..link import later
from .ground import Ground
from .marks import Scene, marks
from .viewport import Viewport

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402

ZOOM_STEP = 1.25
"""By which a step of the wheel zooms."""

_PREVIEW_SHARE = 0.25
"""How much of the time may go into showing previews; the rest is for the artist's hand."""

_BUTTONS: dict[int, Button] = {1: "left", 3: "right"}
_KEYS: dict[str, Key] = {
    "Delete": "delete",
    "KP_Delete": "delete",
    "BackSpace": "delete",
    "Return": "drag",
    "KP_Enter": "drag",
}
_ZOOM_KEYS = {"plus": 1, "equal": 1, "KP_Add": 1, "minus": -1, "KP_Subtract": -1}


class PictureView(Gtk.Layout):
    """Shows one pull's layer.

    Args:
        pull: whose points are edited.
        image: width and height of the picture, px.
        layer: the layer's rectangle, image space.

    Attributes:
        gestures: what the input means; its requests are the window's to hear.
        selected_area: whether the movable area comes from a selection, and so is no outline around the points.
        zoomed: called after zoom or place have changed.
        touched: called after the artist did something to the points, also where the pull itself does not tell: only at
            the end of a movement there is something to undo.
        drawn_in: seconds that the last drawing took.
    """

    def __init__(self, pull: Pull, image: tuple[int, int], layer: Rect) -> None:
        super().__init__()
        whole = Rect(0, 0, *image)
        seen = layer.intersected(whole)
        self.viewport = Viewport(whole, whole if seen.empty else seen)
        self.gestures = Gestures()
        self.gestures.image = image
        self.gestures.set_pull(pull)
        self.gestures.changed = self._touched
        self.touched: Callable[[], None] = lambda: None
        self.selected_area = False
        self.zoomed: Callable[[], None] = lambda: None
        self.drawn_in = 0.0
        self._pull = pull
        self._ground = Ground()
        self._picture = Gtk.Image(xalign=0.0, yalign=0.0)
        self._drawing = 0
        self._area: Sequence[Capsule] = ()
        self._last_edit: tuple[int, Edit | None] = (0, None)
        self._pan_from: Point | None = None
        self._space = False
        self._preview_at = 0.0
        self._preview_waits = False
        self._cursor = ""
        self.put(self._picture, 0, 0)
        self.set_can_focus(True)
        self.set_size_request(320, 240)
        mask = Gdk.EventMask
        self.add_events(
            mask.BUTTON_PRESS_MASK
            | mask.BUTTON_RELEASE_MASK
            | mask.POINTER_MOTION_MASK
            | mask.LEAVE_NOTIFY_MASK
            | mask.SCROLL_MASK
            | mask.SMOOTH_SCROLL_MASK
        )
        self.connect("size-allocate", self._resized)
        self.connect("button-press-event", self._pressed)
        self.connect("button-release-event", self._released)
        self.connect("motion-notify-event", self._moved)
        self.connect("leave-notify-event", self._left)
        self.connect("scroll-event", self._scrolled)
        self.connect("notify::scale-factor", lambda *_: self._resized())
        self._end_observing = pull.observe(self._pull_changed)
        self.get_accessible().set_name("Picture")

    # What the window uses

    def show_layer(self, picture: LayerPicture) -> None:
        """Shows the layer's pixels; uint8."""
        self._ground.show_layer(picture)
        self.redraw()

    def show_tint(self, mask: Mask | None) -> None:
        """Tints what must not move."""
        self._ground.show_tint(mask)
        self.redraw()

    def redraw(self) -> None:
        """Draws anew, on a later turn of the main loop."""
        self._choose_cursor()
        if not self._drawing:
            self._drawing = GLib.idle_add(self._draw, priority=GLib.PRIORITY_HIGH_IDLE + 15)

    def zoom_by(self, factor: float) -> None:
        """Zooms about the middle of the view."""
        width, height = self.viewport.size
        self.viewport.zoom_at(factor, Point(width / 2, height / 2))
        self._place()

    def fit(self) -> None:
        """Shows the whole layer."""
        self.viewport.fit()
        self._place()

    def show_pixels(self) -> None:
        """Shows the picture's pixels as they are."""
        self.viewport.show_pixels()
        self._place()

    def edit_frame(self, on: bool) -> None:
        """Presses edit the crop's frame from now on, or points again."""
        self.gestures.edit_frame(on)
        self.redraw()

    def press_key(self, event: Gdk.EventKey) -> bool:
        """A key went down in the window. Returns whether it was ours."""
        name = Gdk.keyval_name(event.keyval) or ""
        modifiers = event.state & Gtk.accelerator_get_default_mod_mask()
        control = Gdk.ModifierType.CONTROL_MASK
        if modifiers & control:
            return self._control_key(name.lower(), bool(modifiers & Gdk.ModifierType.SHIFT_MASK))
        if name == "Escape" and self.gestures.understands("escape"):
            return self.gestures.key("escape")
        if not self.has_focus():
            return False
        if name == "space":
            self._space = True
            self._choose_cursor()
            return True
        if name in _ZOOM_KEYS:
            self.zoom_by(ZOOM_STEP ** _ZOOM_KEYS[name])
            return True
        if name in ("1", "KP_1"):
            self.show_pixels()
            return True
        return name in _KEYS and self.gestures.key(_KEYS[name])

    def release_key(self, event: Gdk.EventKey) -> bool:
        """A key went up in the window."""
        if Gdk.keyval_name(event.keyval) == "space" and self._space:
            self._space = False
            self._choose_cursor()
            return True
        return False

    def close(self) -> None:
        """Listens and draws no more."""
        self._end_observing()
        self.gestures.changed = lambda: None
        if self._drawing:
            GLib.source_remove(self._drawing)
            self._drawing = 0

    def _control_key(self, name: str, shift: bool) -> bool:
        if name == "z":
            return self.gestures.key("redo" if shift else "undo")
        return name == "y" and self.gestures.key("redo")

    # Input

    def _pressed(self, _: Gtk.Widget, event: Gdk.EventButton) -> bool:
        self.grab_focus()
        if event.type != Gdk.EventType.BUTTON_PRESS:
            return True
        place = Point(event.x, event.y)
        if event.button == 2 or (event.button == 1 and self._space):
            self._pan_from = place
            self._choose_cursor()
        elif event.button in _BUTTONS:
            self.gestures.press(place, _BUTTONS[event.button], _is_pen(event), _is_eraser(event))
        return True

    def _moved(self, _: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        place = Point(event.x, event.y)
        if self._pan_from is not None:
            scale = self.get_scale_factor()
            self.viewport.pan((place.x - self._pan_from.x) * scale, (place.y - self._pan_from.y) * scale)
            self._pan_from = place
            self._place()
        else:
            self.gestures.move(place, _is_pen(event), bool(event.state & Gdk.ModifierType.SHIFT_MASK))
        return True

    def _released(self, _: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if self._pan_from is not None and event.button in (1, 2):
            self._pan_from = None
            self._choose_cursor()
        elif event.button == 1:
            place = Point(event.x, event.y)
            self.gestures.release(place, _is_pen(event), bool(event.state & Gdk.ModifierType.SHIFT_MASK))
        return True

    def _left(self, *_: Any) -> bool:
        if not self.gestures.busy:
            self.gestures.leave()
        return False

    def _scrolled(self, _: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        smooth, _across, down = event.get_scroll_deltas()
        if not smooth:
            down = {Gdk.ScrollDirection.UP: -1.0, Gdk.ScrollDirection.DOWN: 1.0}.get(event.direction, 0.0)
        if down:
            scale = self.get_scale_factor()
            self.viewport.zoom_at(ZOOM_STEP**-down, Point(event.x * scale, event.y * scale))
            self._place()
        return True

    def _choose_cursor(self) -> None:
        gestures = self.gestures
        if self._pan_from is not None:
            name = "grabbing"
        elif self._space:
            name = "grab"
        elif gestures.framing.on:
            spot = gestures.framing.held or gestures.framing.hover
            name = {"inside": "move", "corner": "crosshair", "turn": "grab", "face": "pointer"}.get(
                spot.part if spot is not None else "", "crosshair"
            )
        elif gestures.held is not None:
            name = "grabbing"
        elif gestures.hover is not None:
            name = "grab"
        else:
            name = "crosshair" if self._pull.can_edit_pairs else "default"
        window = self.get_bin_window()
        if name != self._cursor and window is not None:
            self._cursor = name
            window.set_cursor(Gdk.Cursor.new_from_name(self.get_display(), name))

    def _touched(self) -> None:
        self.redraw()
        self.touched()

    # Place

    def _resized(self, *_: Any) -> None:
        scale, place = self.get_scale_factor(), self.get_allocation()
        size = place.width * scale, place.height * scale
        if size != self.viewport.size:
            self.viewport.resize(*size)
            self.set_size(place.width, place.height)
            self._place()

    def _place(self) -> None:
        scale, seen = self.get_scale_factor(), self.viewport.affine
        self.gestures.affine = Affine(*(number / scale for number in seen))
        self.redraw()
        self.zoomed()

    # Drawing

    def _draw(self) -> bool:
        begun = time.perf_counter()
        self._drawing = 0
        pull = self._pull
        picture = self._ground.draw(self.viewport, self._edit(), pull.preview, pull.mask).copy()
        view = Rect(0, 0, *self.viewport.size)
        for sprite in marks(self._scene()):
            part = Rect(sprite.x, sprite.y, sprite.width, sprite.height).intersected(view)
            if part.empty:
                continue
            shown = GdkPixbuf.Pixbuf.new_from_bytes(
                GLib.Bytes.new(sprite.pixels),
                GdkPixbuf.Colorspace.RGB,
                True,
                8,
                sprite.width,
                sprite.height,
                4 * sprite.width,
            )
            shown.composite(picture, *part, sprite.x, sprite.y, 1, 1, GdkPixbuf.InterpType.NEAREST, 255)
        self._show(picture)
        self.drawn_in = time.perf_counter() - begun
        return False

    def _edit(self) -> Edit | None:
        """The result that is shown; a pull lets go of it when it is applied, for there GIMP shows it."""
        pull = self._pull
        if pull.edit is not None:
            self._last_edit = pull.step, pull.edit
        elif pull.preview is None and not pull.busy and self._last_edit[0] == pull.step > 0:
            return self._last_edit[1]
        return pull.edit

    def _show(self, picture: GdkPixbuf.Pixbuf) -> None:
        scale = self.get_scale_factor()
        if scale == 1:
            self._picture.set_from_pixbuf(picture)
        else:
            # As an icon, because a picture's pixels count as logical ones, and to tell otherwise needs pycairo.
            self._picture.set_from_gicon(picture, Gtk.IconSize.DIALOG)
            self._picture.set_pixel_size(max(self.viewport.size) // scale)

    def _scene(self) -> Scene:
        gestures, pull = self.gestures, self._pull
        framing = gestures.framing
        crop = crop_of(pull)
        viewport, scale = self.viewport, float(self.get_scale_factor())
        scene = Scene(viewport.affine, gestures.image, view=viewport.size, scale=scale)
        if framing.on:
            scene.show_framing(framing)
            return scene
        scene.show_pairs(pull, gestures)
        scene.crop, scene.faces = crop, other_faces(pull, crop)
        scene.area = self._movable_area(crop)
        return scene

    def _movable_area(self, crop: Square | None) -> Sequence[Capsule]:
        """The automatic one; empty when it comes from a selection, or is the whole crop."""
        pull = self._pull
        if pull.area.movable != "automatic" or self.selected_area or crop is None:
            return ()
        if pull.can_edit_pairs or not self._area:  # in the midst of a pull it stays as it was when that began
            ends = [(pair.handle, pair.target) for pair in pull.pairs]
            self._area = widened(ends, crop, pull.area.grow)
        return self._area

    def _pull_changed(self, topic: str) -> None:
        if topic in ("state", "pairs"):
            if self.gestures.framing.on and not self._pull.can_edit_pairs:
                self.gestures.edit_frame(False)  # what runs has its crop
                self.gestures.framing_ended()
            self.gestures.refresh()
        following = not self._pull.can_edit_pairs and self.gestures.held is None
        if topic == "preview" or (topic in ("state", "pairs") and following):
            self._preview_came()
        elif topic in ("state", "pairs", "options"):
            self.redraw()

    def _preview_came(self) -> None:
        if self._preview_waits:
            return
        pause = min(0.5, self.drawn_in / _PREVIEW_SHARE)
        wait = self._preview_at + pause - time.monotonic()
        self._preview_waits = True
        later(max(0.0, wait), self._show_preview)

    def _show_preview(self) -> None:
        self._preview_waits = False
        self._preview_at = time.monotonic()
        self.redraw()


def _is_pen(event: Any) -> bool:
    device = event.get_source_device()
    return device is not None and device.get_source() in (Gdk.InputSource.PEN, Gdk.InputSource.ERASER)


def _is_eraser(event: Any) -> bool:
    device = event.get_source_device()
    return device is not None and device.get_source() == Gdk.InputSource.ERASER
