"""What is drawn, looked at pixel by pixel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from krita_plugin.pullface.backend.editing.affine import Affine
from krita_plugin.pullface.backend.editing.areas import capsules
from krita_plugin.pullface.backend.editing.framing import turn_handle
from krita_plugin.pullface.backend.editing.geometry import Point, Rect, Square
from krita_plugin.pullface.backend.editing.gestures import Grip
from krita_plugin.pullface.backend.editing.host import Edit
from krita_plugin.pullface.backend.editing.pairs import Pair
from krita_plugin.pullface.canvas.painting import DARK, HANDLE, OUTSIDE, TARGET, Painting, Scene
from krita_plugin.pullface.canvas.pictures import Pictures
from krita_plugin.pullface.qt import QtGui

PLAIN = Affine(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
SIZE = (300, 200)
GREY = (118, 118, 118)


@pytest.fixture(autouse=True)
def _application(application: Any) -> None:
    """Fonts need one."""


def drawn(scene: Scene, ratio: float = 1.0, grey: int = 118) -> Any:
    """The scene on grey; a function that tells the colour at a place in logical px."""
    image = QtGui.QImage(round(400 * ratio), round(300 * ratio), QtGui.QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QtGui.QColor(grey, grey, grey))
    painter = QtGui.QPainter(image)
    Painting().draw(painter, scene, ratio)
    painter.end()

    def at(x: float, y: float) -> tuple[int, int, int]:
        colour = image.pixelColor(int(x * ratio), int(y * ratio))
        return colour.red(), colour.green(), colour.blue()

    return at


def rgb(colour: Any) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def pull(**values: Any) -> Any:
    return SimpleNamespace(**{"preview": None, "edit": None, "mask": None, **values})


def preview(square: Square, colours: list[tuple[int, int, int]], width: int = 2) -> Any:
    return SimpleNamespace(
        square=square, width=width, height=len(colours) // width, rgb=bytes(v for c in colours for v in c)
    )


def test_handle_target_and_arrow_are_told_apart() -> None:
    pair = Pair(Point(50, 60), Point(150, 60), Point(50, 60))
    at = drawn(Scene(PLAIN, SIZE, [pair]))
    assert at(50, 60) == rgb(HANDLE)
    assert at(144, 60) == rgb(TARGET)  # its ring
    assert at(150, 60) == (255, 255, 255)  # its dot
    assert min(at(100, 60)) > 200  # the arrow's line
    assert sum(at(100, 61)) < sum(GREY)  # and its dark border
    assert at(200, 60) == GREY


@pytest.mark.parametrize("grey", [0, 118, 255])
def test_everything_stands_out_on_any_ground(grey: int) -> None:
    pair = Pair(Point(50, 60), Point(150, 60), Point(50, 100))
    at = drawn(Scene(PLAIN, SIZE, [pair], crop=Square(20, 20, 150)), grey=grey)
    for x in (50, 100, 144):
        seen = {at(x, y)[0] for y in range(45, 75)}
        assert max(abs(value - grey) for value in seen) > 70
    assert max(abs(at(x, 20)[0] - grey) for x in range(60, 90)) > 70


def test_the_trail_leads_from_the_start_to_the_handle() -> None:
    pair = Pair(Point(100, 60), Point(160, 60), Point(40, 60))
    at = drawn(Scene(PLAIN, SIZE, [pair]))
    assert at(40, 60) == (255, 255, 255)
    assert any(at(x, 60)[0] > at(x, 60)[1] + 60 for x in range(55, 85))  # dots of the handle's colour


def test_what_the_model_does_not_see_is_marked() -> None:
    pair = Pair(Point(50, 60), Point(150, 60), Point(50, 60))
    at = drawn(Scene(PLAIN, SIZE, [pair], crop=Square(100, 20, 100)))
    assert at(50, 60) == rgb(OUTSIDE)
    assert at(144, 60) == rgb(TARGET)


def test_the_hovered_end_grows_and_the_selected_pair_has_a_ring() -> None:
    pair = Pair(Point(50, 60), Point(150, 60), Point(50, 60))
    quiet = drawn(Scene(PLAIN, SIZE, [pair]))
    hovered = drawn(Scene(PLAIN, SIZE, [pair], hover=Grip(0, "handle")))
    selected = drawn(Scene(PLAIN, SIZE, [pair], selected=0))
    assert quiet(50, 69) == GREY
    assert hovered(50, 69) != GREY
    assert selected(50, 70.5) != quiet(50, 70.5)


def test_numbers_are_shown_when_there_is_more_than_one_pair() -> None:
    first = Pair(Point(50, 60), Point(150, 60), Point(50, 60))
    second = Pair(Point(50, 160), Point(150, 160), Point(50, 160))
    alone, both = drawn(Scene(PLAIN, SIZE, [first])), drawn(Scene(PLAIN, SIZE, [first, second]))
    place = [(x, y) for x in range(45, 56) for y in range(36, 46)]
    assert {alone(*each) for each in place} == {GREY}
    assert max(sum(both(*each)) for each in place) > 3 * 200  # white
    assert min(sum(both(*each)) for each in place) < 3 * 50  # on dark


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_sizes_are_those_of_the_screen_and_places_those_of_the_image(ratio: float) -> None:
    pair = Pair(Point(50, 60), Point(100, 60), Point(50, 60))
    at = drawn(Scene(Affine(2.0, 0.0, 0.0, 2.0, 20.0, 30.0), SIZE, [pair]), ratio)
    assert at(120, 150) == rgb(HANDLE)
    assert at(214, 150.2) == rgb(TARGET)
    assert at(120, 160) == GREY


def test_the_area_is_one_outline_cut_to_the_crop() -> None:
    crop = Square(20, 20, 160)
    around = capsules([(Point(60, 100), Point(100, 100)), (Point(110, 100), Point(130, 100))], crop)
    at = drawn(Scene(PLAIN, SIZE, crop=crop, area=around))
    radius = around[0].radius
    assert at(80, 100) == GREY  # nothing inside: the artist judges colours
    assert sum(at(80, 100 - radius)) > sum(GREY) + 100
    # Where the second begins inside the first there is no line.
    edge = 110 - around[1].radius
    assert {at(x, 100) for x in range(int(edge) - 3, int(edge) + 4)} == {GREY}
    wide = [part._replace(radius=150.0) for part in around]
    at = drawn(Scene(PLAIN, SIZE, crop=crop, area=wide))
    assert at(250, 100) == GREY


def test_a_preview_lies_in_its_square_under_any_transform() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    shown = Pictures().preview(pull(preview=preview(Square(20, 20, 80), colours)))
    upright = drawn(Scene(PLAIN, SIZE, picture=shown))
    assert [upright(*at) for at in ((25, 25), (95, 25), (25, 95), (95, 95))] == colours
    assert upright(18, 60) == upright(102, 60) == GREY
    turned = drawn(
        Scene(Affine(0.0, 1.0, 1.0, 0.0, 100.0, 0.0), SIZE, picture=shown)
    )  # mirrored at the diagonal
    assert [turned(*at) for at in ((125, 25), (125, 95), (195, 25), (195, 95))] == colours


def test_a_preview_is_cut_to_the_image() -> None:
    shown = Pictures().preview(pull(preview=preview(Square(-20, 120, 120), [(255, 0, 0)] * 4)))
    at = drawn(Scene(Affine(1.0, 0.0, 0.0, 1.0, 50.0, 0.0), SIZE, picture=shown))
    assert at(60, 150) == (255, 0, 0)
    assert at(45, 150) == GREY
    assert at(60, 205) == GREY


def test_a_preview_is_clipped_softly_by_the_mask() -> None:
    mask = SimpleNamespace(rect=Rect(40, 0, 100, 200), pixels=bytes([0] * 30 + [128] * 40 + [255] * 30) * 200)
    shown = Pictures().preview(pull(preview=preview(Square(0, 0, 160), [(0, 0, 0)] * 64 * 64, 64), mask=mask))
    at = drawn(Scene(PLAIN, SIZE, picture=shown))
    assert [at(x, 80)[0] for x in (20, 55, 90, 125, 150)] == pytest.approx([118, 118, 59, 0, 118], abs=2)


def test_a_preview_of_another_shape_lies_in_the_middle_of_its_square() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    square = Square(20, 20, 160, aspect=0.5)
    mask = SimpleNamespace(rect=Rect(60, 20, 80, 160), pixels=bytes([255] * 80 * 120 + [0] * 80 * 40))
    shown = Pictures().preview(
        pull(preview=preview(square, [c for c in colours for _ in range(64)], 16), mask=mask)
    )
    at = drawn(Scene(PLAIN, SIZE, picture=shown))
    assert [at(100, y) for y in (30, 70, 110)] == colours[:3]
    assert at(100, 170) == GREY  # nothing may move there
    assert at(57, 100) == at(143, 100) == GREY
    assert at(63, 30) == at(137, 30) == colours[0]


def test_the_result_is_drawn_exactly_and_lets_the_unchanged_through() -> None:
    pixels = bytes(v for i in range(16) for v in ((0, 0, 0, 0) if i == 5 else (i * 15, 255 - i * 15, 7, 255)))
    pictures = Pictures()
    shown = pictures.edit(pull(edit=Edit(Rect(30, 40, 4, 4), pixels)))
    at = drawn(Scene(PLAIN, SIZE, picture=shown, exact=True))
    for i in range(16):
        assert at(30 + i % 4, 40 + i // 4) == (GREY if i == 5 else (i * 15, 255 - i * 15, 7)), i
    large = drawn(Scene(Affine(8.0, 0.0, 0.0, 8.0, -200.0, -300.0), SIZE, picture=shown, exact=True))
    for i in (0, 6, 15):  # looked at closely, pixels stay pixels
        left, top = (30 + i % 4) * 8 - 200, (40 + i // 4) * 8 - 300
        assert {large(left + dx, top + dy) for dx in (0, 7) for dy in (0, 7)} == {(i * 15, 255 - i * 15, 7)}


def test_a_result_that_is_drawn_small_is_averaged() -> None:
    """A chequerboard at an eighth of its size is grey; taking single pixels it would be black or white."""
    board = bytes(v for y in range(160) for x in range(160) for v in ((x + y) % 2 * 255,) * 3 + (255,))
    shown = Pictures().edit(pull(edit=Edit(Rect(0, 0, 160, 160), board)))
    at = drawn(Scene(Affine(0.125, 0.0, 0.0, 0.125, 3.0, 3.0), SIZE, picture=shown, exact=True), grey=0)
    assert all(abs(at(x, y)[0] - 127) < 12 for x in range(6, 18) for y in range(6, 18))


def test_a_large_result_is_shown_at_once_and_prepared_in_pieces() -> None:
    size = 2400
    row = bytes(v for x in range(size) for v in ((x % 2) * 255,) * 3 + (255,))
    edit = Edit(Rect(0, 0, size, size), row * size)
    shown = Pictures().edit(pull(edit=edit))
    assert shown is not None
    scene = Scene(Affine(0.1, 0.0, 0.0, 0.1, 0.0, 0.0), (size, size), picture=shown, exact=True)
    rough = drawn(scene)
    assert rough(100, 100)[0] in (0, 255)
    pieces = 0
    while shown.work():
        pieces += 1
    assert pieces > 20
    fine = drawn(scene)
    assert all(abs(fine(x, y)[0] - 127) < 6 for x in range(5, 235, 7) for y in range(5, 235, 7))
    assert not shown.work()


def test_pictures_are_made_once() -> None:
    pictures, mask = Pictures(), None
    first = preview(Square(0, 0, 10), [(1, 2, 3)] * 4)
    shown = pictures.preview(pull(preview=first, mask=mask))
    assert pictures.preview(pull(preview=first, mask=mask)) is shown
    assert pictures.preview(pull(preview=preview(Square(0, 0, 10), [(1, 2, 3)] * 4))) is not shown
    assert pictures.preview(pull()) is None
    assert pictures.edit(pull()) is None


def test_the_frame_that_is_edited_has_handles_and_its_size_and_darkens_the_rest() -> None:
    frame = Square(50, 40, 100)
    at = drawn(Scene(PLAIN, SIZE, framing=True, frame=frame))
    assert at(100, 90) == GREY
    assert sum(at(200, 90)) < sum(GREY) - 60
    assert at(350, 90) == GREY  # beside the image
    assert max(sum(at(x, y)) for x in range(80, 120) for y in range(148, 162)) > 3 * 200
    for corner in frame.corners:
        assert at(*corner) == rgb(DARK)
    assert at(*turn_handle(PLAIN, frame)) == rgb(DARK)
    assert drawn(Scene(PLAIN, SIZE, framing=True))(100, 90) != GREY  # before there is a frame


def test_a_turned_crop_is_drawn_turned() -> None:
    crop = Square(100, 50, 100, 45.0)
    at = drawn(Scene(PLAIN, SIZE, crop=crop))
    for first, second in zip(crop.corners, (*crop.corners[1:], crop.corners[0])):
        edge = [
            at(first.x + (second.x - first.x) * part / 40, first.y + (second.y - first.y) * part / 40)
            for part in range(8, 33)
        ]
        assert max(min(colour) for colour in edge) > 200
    assert at(103, 53) == at(197, 147) == GREY  # where its corners would be, were it upright
    pair = Pair(Point(103, 53), Point(150, 100), Point(103, 53))
    assert drawn(Scene(PLAIN, SIZE, [pair], crop=crop))(103, 53) == rgb(OUTSIDE)


def test_the_area_is_cut_to_a_turned_crop() -> None:
    crop = Square(100, 50, 100, 45.0)
    wide = [part._replace(radius=300.0) for part in capsules([(Point(150, 100), Point(151, 100))], crop)]
    at = drawn(Scene(PLAIN, SIZE, crop=crop, area=wide))
    assert at(103, 53) == GREY


@pytest.mark.parametrize("angle", [30.0, -115.0, 180.0])
def test_a_preview_is_turned_with_its_crop(angle: float) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    square = Square(100, 50, 100, angle)
    shown = Pictures().preview(pull(preview=preview(square, colours)))
    at = drawn(Scene(PLAIN, SIZE, picture=shown))
    quarters = [Point(110, 60), Point(190, 60), Point(110, 140), Point(190, 140)]
    assert [at(*square.turned(place)) for place in quarters] == colours
    outside = [Point(95, 100), Point(205, 100), Point(150, 45), Point(150, 155)]
    assert {at(*square.turned(place)) for place in outside} == {GREY}


def test_the_mask_stays_where_it_is_when_the_crop_is_turned() -> None:
    mask = SimpleNamespace(rect=Rect(0, 0, 300, 200), pixels=bytes([0] * 150 + [255] * 150) * 200)
    square = Square(100, 50, 100, 30.0)
    black = preview(square, [(0, 0, 0)] * 64 * 64, 64)
    at = drawn(Scene(PLAIN, SIZE, picture=Pictures().preview(pull(preview=black, mask=mask))))
    for y in range(60, 145, 10):  # the mask's edge is upright on the picture
        assert at(144, y) == GREY
        assert max(at(156, y)) < 12


def test_a_deep_result_is_drawn_from_its_eight_bits() -> None:
    edit = Edit(Rect(30, 40, 1, 1), bytes(16), dtype="float32", changed=b"\1", shown=bytes([9, 8, 7, 255]))
    at = drawn(Scene(PLAIN, SIZE, picture=Pictures().edit(pull(edit=edit)), exact=True))
    assert at(30, 40) == (9, 8, 7)


def test_other_faces_have_quiet_frames() -> None:
    crop, face = Square(20, 40, 100), Square(160, 40, 100)
    at = drawn(Scene(PLAIN, SIZE, crop=crop, faces=[(1, face)]), grey=0)
    loud = max(at(x, 40)[0] for x in range(50, 90))
    quiet = max(at(x, 40)[0] for x in range(190, 230))
    assert loud > quiet + 50 > 100
    at = drawn(Scene(PLAIN, SIZE, framing=True, frame=crop, faces=[(1, face)]))
    label = (160 + 100 / 6, 40 + 100 / 6)
    assert any(min(at(label[0] + x, label[1] + y)) > 200 for x in range(-4, 5) for y in range(-5, 6))
