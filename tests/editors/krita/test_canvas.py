"""Points and previews on a real canvas, by real events: they land where they were put, and Krita keeps its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .canvas_kit import MARK, MARKS, SIZE, Colour, colours, pause, staged, still_middles
from .driver import Krita
from .places import KritaPlace


@pytest.fixture
def stage(krita: Krita) -> Iterator[Krita]:
    """Krita with a picture of marks on grey, the brush chosen, and Pull mode on."""
    yield from staged(krita)


@pytest.mark.parametrize(("rotation", "mirror"), [(0, False), (0, True), (33, True), (-110, False)], ids=str)
def test_points_land_on_the_pixel_that_was_pressed(
    stage: Krita, tmp_path: Path, rotation: float, mirror: bool
) -> None:
    """Off by up to 0.71 px of the screen is the mouse, which knows whole pixels only."""
    for zoom in (0.25, 0.5, 1.0, 1.33, 3.0, 8.0):
        stage.run("look(*arguments)", zoom, rotation, mirror)
        landed: dict[Colour, float] = {}
        for colour, corner in MARKS.items():
            if colour in landed:
                continue
            stage.run("scroll(*arguments)", corner[0] + MARK / 2, corner[1] + MARK / 2)
            for seen, (x, y) in still_middles(stage, tmp_path / "marks.png").items():
                stage.display.click(int(x), int(y))
                stage.wait_until("pairs()")
                (handle, target), *more = stage.run("pairs()")
                stage.run("clear()")
                assert not more
                assert handle == target
                true = [MARKS[seen][0] + MARK / 2, MARKS[seen][1] + MARK / 2]
                landed[seen] = math.dist(handle, true) * zoom
                assert landed[seen] <= 1.0, (zoom, seen, handle, true)
        assert set(landed) == set(MARKS)
        print(
            f"zoom {zoom}, rotation {rotation}, mirrored {mirror}: at most {max(landed.values()):.2f} px off"
        )


@pytest.mark.parametrize("opengl", [True, False], ids=["OpenGL", "QPainter"])
def test_points_land_on_a_screen_of_high_density(
    krita_place: KritaPlace, tmp_path: Path, opengl: bool
) -> None:
    settings = {"": {"canvasState": "OPENGL_SUCCESS" if opengl else "OPENGL_FAILED"}}
    with Krita(krita_place, scale=2.0, settings=settings, size=(2000, 1400)) as krita:
        for stage in staged(krita):
            assert stage.run("CONTROLLER.overlay.devicePixelRatioF()") == 2.0
            for zoom, rotation, mirror in ((1.0, 0, False), (0.5, 33, True), (3.0, 0, True)):
                stage.run("look(*arguments)", zoom, rotation, mirror)
                corner = MARKS[255, 255, 0]
                true = [corner[0] + MARK / 2, corner[1] + MARK / 2]
                stage.run("clear()\nscroll(*arguments)", *true)
                x, y = still_middles(stage, tmp_path / "marks.png", 2.0)[255, 255, 0]
                stage.display.click(int(x), int(y))
                stage.wait_until("pairs()")
                ((handle, _),) = stage.run("pairs()")
                scale = math.dist(stage.run("on_screen(0, 0)"), stage.run("on_screen(1, 0)"))
                assert math.dist(handle, true) * scale <= 1.0, (zoom, rotation, mirror)
                stage.run("PULL.crop = Square(400, 250, 400)\nPULL.tell('state')")
            pause(stage, 0.4)
            stage.screenshot("high density")


def test_points_are_dragged_and_deleted_and_nothing_is_painted(stage: Krita) -> None:
    before = stage.run("layer_pixels()")
    first, second = stage.run("[on_screen(400, 300), on_screen(520, 360)]")
    stage.display.drag(tuple(first), tuple(second))  # a new pair
    pause(stage)
    ((handle, target),) = stage.run("pairs()")
    assert math.dist(handle, (400, 300)) < 1.5
    assert math.dist(target, (520, 360)) < 1.5
    stage.display.drag(tuple(second), (second[0] + 60, second[1] - 40))  # its target
    stage.display.drag(tuple(first), (first[0] - 50, first[1] + 30))  # its handle
    pause(stage)
    ((handle, target),) = stage.run("pairs()")
    there, here = stage.run("[on_screen(*arguments[0]), on_screen(*arguments[1])]", handle, target)
    assert math.dist(there, (first[0] - 50, first[1] + 30)) < 1.5
    assert math.dist(here, (second[0] + 60, second[1] - 40)) < 1.5
    stage.screenshot("one pair")
    stage.display.click(*stage.run("on_screen(800, 200)"))
    stage.display.xdotool("click", "--repeat", "2", "--delay", "60", "1")  # a double click on a point
    pause(stage)
    assert len(stage.run("pairs()")) == 2
    stage.display.click(*here, button=3)
    pause(stage)
    assert len(stage.run("pairs()")) == 1
    assert not stage.run("palette()")
    stage.display.move(*stage.run("[canvas_rect()[0] + 5, canvas_rect()[1] + 5]"))  # beside the image
    stage.display.drag(stage.run("on_screen(-15, 300)"), stage.run("on_screen(300, 320)"))
    stage.settle()
    pause(stage, 0.5)
    assert stage.run("layer_pixels()") == before
    assert len(stage.run("pairs()")) == 1


def test_a_gesture_is_taken_back(stage: Krita) -> None:
    first, second = stage.run("[on_screen(400, 300), on_screen(520, 360)]")
    for give_up in (
        lambda: stage.display.xdotool("key", "Escape"),
        lambda: stage.display.xdotool("click", "3"),
    ):
        stage.display.move(*first)
        stage.display.press()
        stage.display.move(*second)
        pause(stage)
        assert len(stage.run("pairs()")) == 1
        give_up()
        pause(stage)
        stage.display.release()
        pause(stage)
        assert stage.run("pairs()") == []
        assert stage.run("PULL.pairs.can_undo") is False
        assert stage.run("palette()") is False


def test_krita_still_pans_zooms_rotates_and_shows_its_palette(stage: Krita) -> None:
    stage.run("look(1.5, 0, False)\nscroll(600, 450)")
    before = stage.run("layer_pixels()")
    left, top, width, height = stage.run("canvas_rect()")
    middle = (left + width / 2, top + height / 2)
    aside = (middle[0] + 120, middle[1] + 70)

    def changes(act: Any) -> tuple[list[float], list[float]]:
        stage.display.move(*middle)
        pause(stage)
        old = stage.run("transform()")
        act()
        pause(stage, 0.3)
        new = stage.run("transform()")
        assert new != old
        return old, new

    def with_keys(*keys: str) -> Any:
        def act() -> None:
            for key in keys:
                stage.display.key_down(key)
                pause(stage, 0.06)
            stage.display.drag(middle, aside)
            for key in reversed(keys):
                stage.display.key_up(key)
                pause(stage, 0.06)

        return act

    for pan in (lambda: stage.display.drag(middle, aside, button=2), with_keys("space")):
        old, new = changes(pan)
        assert new[:4] == pytest.approx(old[:4])
        assert [new[4] - old[4], new[5] - old[5]] == pytest.approx([120, 70], abs=3)
        stage.run("scroll(600, 450)")
    old, new = changes(lambda: stage.display.wheel(2))
    assert new[0] > old[0] * 1.1
    old, new = changes(with_keys("ctrl", "space"))
    assert new[0] != pytest.approx(old[0])
    old, new = changes(with_keys("shift", "space"))
    assert abs(new[1]) > 0.05
    stage.display.move(*middle)
    old, new = changes(lambda: stage.display.key("m"))
    assert (new[0] * new[3] - new[1] * new[2] < 0) != (old[0] * old[3] - old[1] * old[2] < 0)
    stage.display.click(*middle, button=3)
    stage.wait_until("palette()")
    pause(stage, 0.5)
    inside = stage.run("canvas_rect()")
    seen = colours(stage.screenshot("popup palette"), inside)
    aside = seen[
        round(height / 2) - 100 : round(height / 2) + 100, round(width / 2) - 100 : round(width / 2) + 100
    ]
    assert (aside != 118).any(axis=2).mean() > 0.2  # it lies above the overlay
    stage.display.click(*middle, button=3)
    stage.wait_until("not palette()")
    # And afterwards a press is a point again.
    assert stage.run("pairs()") == []
    stage.display.click(*middle)
    pause(stage)
    assert len(stage.run("pairs()")) == 1
    stage.settle()
    assert stage.run("layer_pixels()") == before


def test_undo_and_delete_are_for_points_first_and_then_for_krita(stage: Krita) -> None:
    clean = stage.run("layer_pixels()")
    stage.run("CONTROLLER.set_mode(False)")
    stage.display.drag(stage.run("on_place(300, 600)"), stage.run("on_place(700, 640)"))
    stage.settle()
    pause(stage, 0.5)
    painted = stage.run("layer_pixels()")
    assert painted != clean  # Krita has something to undo
    stage.run("CONTROLLER.set_mode(True)")
    for x, y in ((300, 200), (600, 200), (900, 200)):
        stage.display.click(*stage.run("on_screen(*arguments)", x, y))
        pause(stage)
    assert len(stage.run("pairs()")) == 3
    stage.display.key("ctrl+z")
    pause(stage)
    assert len(stage.run("pairs()")) == 2
    stage.display.key("ctrl+shift+z")
    pause(stage)
    assert len(stage.run("pairs()")) == 3
    stage.display.key("Delete")
    pause(stage)
    assert len(stage.run("pairs()")) == 2
    stage.display.key("ctrl+z")
    pause(stage)
    assert len(stage.run("pairs()")) == 3
    for _ in range(3):
        stage.display.key("ctrl+z")
    pause(stage)
    assert stage.run("pairs()") == []
    stage.display.key("Delete")
    stage.settle()
    pause(stage, 0.5)
    assert stage.run("layer_pixels()") == painted
    stage.display.key("ctrl+z")  # nothing left of ours: Krita's turn
    pause(stage, 0.5)
    stage.settle()
    assert stage.run("layer_pixels()") == clean
    stage.display.key("ctrl+shift+z")  # ours again: the three points
    pause(stage)
    assert len(stage.run("pairs()")) == 1


def test_enter_pulls_and_escape_stops(stage: Krita) -> None:
    stage.display.move(*stage.run("on_screen(400, 300)"))
    stage.display.key("Return")
    pause(stage)
    assert stage.run("SEEN") == ["drag"]
    stage.display.key("Escape")
    pause(stage)
    assert stage.run("SEEN") == ["drag"]
    stage.run("PULL.set(can_stop=True, can_edit_pairs=False)")
    stage.display.key("Escape")
    pause(stage)
    assert stage.run("SEEN") == ["drag", "stop"]


def test_only_targets_move_during_a_pull(stage: Krita) -> None:
    before = stage.run("layer_pixels()")
    stage.run("PULL.pairs.add(Point(400, 300), Point(600, 300))\nPULL.set(can_edit_pairs=False)")
    handle, target = stage.run("[on_screen(400, 300), on_screen(600, 300)]")
    stage.display.drag(tuple(handle), (handle[0] + 50, handle[1] + 50))
    stage.display.drag((handle[0], handle[1] + 200), (handle[0] + 50, handle[1] + 250))
    stage.display.click(*target, button=3)
    stage.display.key("Delete")
    pause(stage)
    assert stage.run("pairs()") == [[[400, 300], [600, 300]]]
    stage.display.drag(tuple(target), (target[0], target[1] + 80))
    pause(stage)
    ((handle, target),) = stage.run("pairs()")
    assert handle == [400, 300]
    assert target[1] > 340
    stage.settle()
    assert stage.run("layer_pixels()") == before


def test_a_crop_is_drawn_moved_scaled_and_turned(stage: Krita) -> None:
    stage.run("CONTROLLER.set_mode(False)\nCONTROLLER.edit_frame()")
    stage.wait_until("attached()")
    corner, other = stage.run("[on_screen(300, 200), on_screen(700, 560)]")
    stage.display.move(*corner)
    stage.display.press()
    stage.display.move(*other)
    pause(stage, 0.3)
    stage.screenshot("drawing a crop")
    stage.display.release()
    stage.wait_until("SEEN")
    assert stage.run("SEEN[0]") == pytest.approx([300, 200, 400], abs=2)

    stage.display.drag(stage.run("on_screen(500, 400)"), stage.run("on_screen(540, 340)"))
    stage.wait_until("len(SEEN) == 2")
    assert stage.run("SEEN[1]") == pytest.approx([340, 140, 400], abs=3)
    x, y, size = stage.run("SEEN[1]")
    stage.display.drag(
        stage.run("on_screen(*arguments)", x, y), stage.run("on_screen(*arguments)", x + 150, y + 150)
    )
    stage.wait_until("len(SEEN) == 3")
    assert stage.run("SEEN[2]") == pytest.approx([x + 150, y + 150, size - 150], abs=3)

    # Its handle turns it; with Shift to round angles.
    x, y, size = stage.run("SEEN[2]")
    aim = stage.run("on_screen(*arguments)", x + size, y + size / 2)  # a quarter of a turn would be there
    stage.display.drag(stage.run("turn_handle()"), (aim[0], aim[1] - 100))
    stage.wait_until("len(SEEN) == 4")
    *place, angle = stage.run("SEEN[3]")
    assert place == [x, y, size]
    assert 20 < angle < 85
    stage.screenshot("a turned crop")
    stage.display.key_down("shift")
    stage.display.drag(stage.run("turn_handle()"), aim)
    stage.display.key_up("shift")
    stage.wait_until("len(SEEN) == 5")
    assert stage.run("SEEN[4]") == [x, y, size, 90.0]

    # Outside of it another one is drawn, inside the image.
    stage.display.drag(stage.run("on_screen(1000, 700)"), stage.run("on_screen(1190, 1100)"))
    stage.wait_until("len(SEEN) == 6")
    x, y, size = stage.run("SEEN[5]")
    assert x >= 0
    assert y >= 0
    assert x + size <= SIZE[0]
    assert y + size <= SIZE[1]
    assert stage.run("attached()")
    stage.display.key("Escape")
    pause(stage)
    assert not stage.run("attached()")


# What is drawn

BLOCKS: dict[Colour, tuple[int, int]] = {
    (200, 30, 140): (32, 32),
    (30, 160, 200): (160, 32),
    (220, 140, 20): (32, 160),
    (90, 60, 200): (160, 160),
}


@pytest.mark.parametrize(
    ("zoom", "rotation", "mirror"), [(0.5, 0, False), (1.0, 33, True), (1.33, 0, True), (0.8, -110, False)]
)
def test_the_preview_is_seen_at_its_true_place(
    stage: Krita, zoom: float, rotation: float, mirror: bool
) -> None:
    preview = np.full((256, 256, 3), 140, np.uint8)
    for colour, (x, y) in BLOCKS.items():
        preview[y : y + 64, x : x + 64] = colour
    stage.run("look(*arguments)\nscroll(600, 450)", zoom, rotation, mirror)
    stage.run("show_preview(*arguments)", [300, 150, 600], 256, preview.tobytes())
    stage.settle()
    pause(stage, 0.3)
    inside = stage.run("canvas_rect()")
    file = stage.screenshot("preview")
    seen = colours(file, inside)
    for colour, (x, y) in BLOCKS.items():
        down, across = np.nonzero((seen == colour).all(axis=2))
        assert len(down) > 100 * zoom**2, colour
        middle = inside[0] + across.mean() + 0.5, inside[1] + down.mean() + 0.5
        true = stage.run(
            "on_screen(*arguments)", *(start + (at + 32) * 600 / 256 for start, at in ((300, x), (150, y)))
        )
        assert math.dist(middle, true) < 1.0, colour


def test_the_preview_is_clipped_softly_by_the_movable_area(stage: Krita) -> None:
    stage.run("look(1.0, 0, False)\nscroll(600, 450)")
    mask = np.zeros((900, 1200), np.uint8)
    mask[300:500, 500:700] = 128
    mask[500:600, 500:700] = 255
    preview = np.full((64, 64, 3), 0, np.uint8)
    stage.run(
        "PULL.mask = SimpleNamespace(rect=Rect(0, 0, 1200, 900), pixels=arguments[0])\n"
        "show_preview([400, 250, 400], 64, arguments[1])",
        mask.tobytes(),
        preview.tobytes(),
    )
    pause(stage, 0.3)
    file = stage.screenshot("clipped preview")
    picture = Image.open(file).convert("RGB")
    values = [
        picture.getpixel(tuple(math.floor(v) for v in stage.run("on_screen(*arguments)", x, y)))[0]  # type: ignore
        for x, y in ((450.5, 400.5), (550.5, 400.5), (550.5, 560.5), (550.5, 620.5))
    ]
    assert values == pytest.approx([118, 59, 0, 118], abs=2)


def test_the_result_is_seen_pixel_by_pixel(stage: Krita) -> None:
    stage.run("look(1.0, 0, False)\nscroll(600, 450)")
    rng = np.random.default_rng(7)
    edit = rng.integers(0, 256, (120, 160, 4), np.uint8)
    edit[..., 3] = 255
    edit[40:60, 50:90] = 0  # not changed there
    stage.run("clear()\nshow_edit(*arguments)", [520, 300, 160, 120], edit.tobytes())
    pause(stage, 0.3)
    x, y = (round(value) for value in stage.run("on_screen(520, 300)"))
    seen = np.asarray(Image.open(stage.screenshot("result")).convert("RGB"))[y : y + 120, x : x + 160]
    expected = edit[..., :3].copy()
    expected[40:60, 50:90] = 118
    assert (seen == expected).all()


def test_painting_keeps_up_with_the_previews(stage: Krita) -> None:
    stage.run("look(1.0, 0, False)\nscroll(600, 450)")
    stage.run(
        "for x in (350, 500, 650, 800): PULL.pairs.add(Point(x, 300), Point(x + 60, 380))\n"
        "PULL.crop = Square(300, 150, 600)\n"
        "PULL.mask = SimpleNamespace(rect=Rect(0, 0, 1200, 900), pixels=bytes([200]) * (1200 * 900))\n"
        "stream(512, 30, 4.0)"
    )
    stage.wait_until("STREAM['done']")
    stage.screenshot("streaming")
    painted, shown, gaps = stage.run("[CONTROLLER.overlay.paint_times, STREAM['count'], STREAM['gaps']]")
    p50, p95 = np.percentile(painted, [50, 95])
    g50, g95 = np.percentile(gaps, [50, 95])
    print(
        f"\n{shown} previews in 4 s, {len(painted)} paints: p50 {p50:.1f} ms, p95 {p95:.1f} ms of the processor; "
        f"event loop gaps p50 {g50:.1f} ms, p95 {g95:.1f} ms"
    )
    assert len(painted) > 8  # without a graphics card it is the window that takes the time, not the painting
    assert p95 < 16
