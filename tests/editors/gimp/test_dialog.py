"""The dialog inside a real GIMP: real events, the real backend, the model that ships; and what can go wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from .dialog_stage import HANDLE, PORTRAIT, SECOND, TARGET, Stage
from .driver import Gimp


@pytest.fixture
def stage(gimp_window: Gimp) -> Iterator[Stage]:
    stage = Stage(gimp_window)
    yield stage
    stage.end()


def ready_to_pull(stage: Stage) -> object:
    """The portrait in the dialog with both corners of the mouth."""
    digest = stage.open_portrait()
    stage.open()
    stage.draw(HANDLE, TARGET)
    stage.draw(*SECOND)
    return digest


def near(first: list[float], second: tuple[float, float], reach: float = 2.0) -> bool:
    return abs(first[0] - second[0]) < reach and abs(first[1] - second[1]) < reach


def test_place_select_pull_scrub_apply_undo_close_reopen_save_and_find_it_again(
    stage: Stage, tmp_path: Path
) -> None:
    gimp = stage.gimp
    digest = stage.open_portrait()
    gimp.run("image.select_ellipse(Gimp.ChannelOps.REPLACE, 290, 490, 150, 90)")
    stage.open()
    stage.draw(HANDLE, TARGET)
    stage.draw(*SECOND)
    pairs = stage.facts()["pairs"]
    assert near(pairs[0][0], HANDLE)
    assert near(pairs[1][1], SECOND[1])
    gimp.screenshot("points placed")

    stage.press("Invert")
    stage.until("('inverting', True) in seen")
    gimp.screenshot("inverting")
    stage.rest()
    stage.dialog.run("pull.drag_options = {'steps': 12}")
    stage.press("Drag")
    stage.until("('dragging', True) in seen")
    gimp.screenshot("dragging")
    facts = stage.rest()
    assert facts["kind"] != "error"
    assert facts["results"] == 1
    assert facts["edit"]
    last = facts["last"]
    gimp.screenshot("pulled")

    # Scrubbing, with the button and with the slider.
    stage.press("One step back")
    stage.until(f"f['step'] == {last - 1}")
    gimp.display.click(*stage.dialog.run("screen(panel.controls.scrubber, 12)"))
    stage.until("f['step'] <= 1")
    stage.dialog.run("pull.show(arguments[0])", last)
    stage.until(f"f['step'] == {last} and f['edit']")

    # Apply, and GIMP's own undo: one step.
    assert stage.layers() == [["portrait", []]]
    stage.press("Apply")
    gimp.wait_until("len(image.get_layers()) == 2")
    stage.rest()
    assert [name for name, _ in stage.layers()] == ["Pull 1", "portrait"]
    assert len(stage.layers()[0][1]) >= 1
    assert stage.digest() == digest
    gimp.screenshot("applied")

    # Closed and opened again: points, step and results are there, and so are the settings.
    pairs = stage.facts()["pairs"]
    stage.dialog.run("panel.options.strength.set_value(55)")
    stage.close()
    stage.focus_gimp()
    gimp.display.settle()
    gimp.display.key("ctrl+z")
    gimp.wait_until("len(image.get_layers()) == 1")
    gimp.display.key("ctrl+y")
    gimp.wait_until("len(image.get_layers()) == 2")
    gimp.run("image.set_selected_layers([layer])")
    again = stage.open()
    assert again["pairs"] == pairs
    assert (again["step"], again["last"], again["results"]) == (last, last, 1)
    assert stage.dialog.run("panel.options.strength.get_value()") == 55
    gimp.screenshot("opened again")
    stage.close()

    # Saved and opened next week.
    file = tmp_path / "portrait.xcf"
    gimp.run(
        "Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(arguments[0]), None)",
        str(file),
    )
    gimp.close_images()
    assert stage.open_portrait(file) == digest
    again = stage.open()
    assert again["pairs"] == pairs
    assert (again["step"], again["results"]) == (last, 1)


def test_targets_move_while_it_pulls_and_stop_keeps_what_was_reached(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.begin_long_pull()
    stage.gimp.display.drag(stage.place(TARGET), stage.place((300, 500)))
    moved = stage.until("abs(f['pairs'][0][1][0] - 300) < 2 and f['phase'] == 'dragging'")
    assert near(moved["pairs"][0][1], (300, 500))
    stage.gimp.screenshot("retargeted")
    stage.press("Stop")  # its 2000 steps would last for minutes
    stage.until("f['phase'] != 'dragging'")
    facts = stage.rest()
    assert facts["message"] == ""
    assert facts["results"] == 1
    # Undo goes back to where the pull began, and redo forth again.
    stage.focus()
    stage.gimp.display.key("ctrl+z")
    stage.until("f['step'] == 0")
    stage.gimp.display.key("ctrl+shift+z")
    stage.until(f"f['step'] == {facts['step']}")
    assert stage.digest() == digest


def test_points_are_moved_deleted_and_undone_while_the_picture_is_zoomed_and_panned(stage: Stage) -> None:
    stage.open_portrait()
    stage.open()
    undo = "button('Undo (Ctrl+Z)').get_sensitive()"
    assert not stage.dialog.run(undo)
    stage.draw(HANDLE, TARGET)
    stage.dialog.wait_until(undo, 10)
    stage.draw(*SECOND)
    display = stage.gimp.display
    # The wheel zooms about the pointer, the middle button and Space pan; points stay on the picture.
    before = stage.facts()["zoom"]
    display.move(*stage.place(HANDLE))
    display.wheel(3)
    zoomed = stage.until(f"f['zoom'] > {before} * 1.5")
    place = stage.place(HANDLE)
    display.drag(place, (place[0] - 60, place[1] - 40), button=2)
    moved = stage.moved_place(HANDLE, place)
    assert (moved[0] - place[0], moved[1] - place[1]) == pytest.approx((-60, -40), abs=3)
    display.key_down("space")
    display.drag(moved, (moved[0] + 60, moved[1] + 40))
    display.key_up("space")
    assert stage.moved_place(HANDLE, moved) == pytest.approx(place, abs=4)
    assert stage.facts()["pairs"] == zoomed["pairs"]
    stage.gimp.screenshot("zoomed")

    # A handle is moved, deleted with a right click, and comes back.
    display.drag(stage.place(HANDLE), stage.place((340, 545)))
    stage.until("abs(f['pairs'][0][0][0] - 340) < 1")
    display.click(*stage.place((340, 545)), button=3)
    stage.until("len(f['pairs']) == 1")
    display.key("Delete")
    stage.until("len(f['pairs']) == 0")
    for count in (1, 2):
        display.key("ctrl+z")
        stage.until(f"len(f['pairs']) == {count}")
    display.key("ctrl+z")
    back = stage.until("abs(f['pairs'][0][0][0] - 333.7) < 2")
    assert len(back["pairs"]) == 2
    stage.press("Redo (Ctrl+Shift+Z)")
    stage.until("abs(f['pairs'][0][0][0] - 340) < 1")


def test_an_offset_layer_with_alpha_is_seen_at_its_place_on_checks(stage: Stage) -> None:
    gimp = stage.gimp
    gimp.run("""
        image = Gimp.Image.new(400, 300, Gimp.ImageBaseType.RGB)
        layer = Gimp.Layer.new(image, "portrait", 120, 80, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
        image.insert_layer(layer, None, 0)
        layer.set_offsets(50, 40)
        buffer = layer.get_buffer()
        half = bytes((10, 200, 30, 255)) * 60 + bytes((250, 0, 0, 0)) * 60
        buffer.set(Gegl.Rectangle.new(0, 0, 120, 80), "R'G'B'A u8", half * 80)
        buffer.flush()
        del buffer
        display = Gimp.Display.new(image)
    """)
    gimp.display.settle()
    stage.open()
    colours = stage.dialog.run("""
        picture = view._ground.draw(view.viewport, None, None, None)
        width, stride, pixels = picture.get_width(), picture.get_rowstride(), picture.get_pixels()
        def colour(x, y):
            place = view.viewport.affine.map(Point(x, y))
            start = int(place.y) * stride + 3 * int(place.x)
            return list(pixels[start : start + 3])
        [colour(x, y) for x, y in ((51, 41), (108, 118), (112, 60), (168, 118), (49.2, 60), (170.8, 60))]
    """)
    assert colours[0] == colours[1] == [10, 200, 30]
    for checked in colours[2:4]:
        assert checked in ([0x66] * 3, [0x99] * 3)
    assert colours[4] == colours[5] == [0x40] * 3
    assert stage.dialog.run("[view.viewport.fitted, view.viewport.zoom > 3]") == [True, True]


def test_a_dragged_point_is_drawn_at_once(stage: Stage) -> None:
    ready_to_pull(stage)
    milliseconds = stage.dialog.run(
        """
        def cost(index):
            pull.pairs.move(0, "target", Point(321 + index, 519 - index))
            view.gestures.changed()
            begun = time.process_time()  # what else the machine does is not meant
            window.GLib.source_remove(view._drawing)
            view._draw()
            return 1000 * (time.process_time() - begun)

        size = view.viewport.size
        view.viewport.resize(900, 700)
        pull.pairs.begin_gesture()
        costs = sorted(cost(index) for index in range(21))
        pull.pairs.cancel_gesture()
        view.viewport.resize(*size)
        costs[10]
        """
    )
    assert milliseconds < 30


def test_test_connection_says_what_is_reached(stage: Stage) -> None:
    stage.open_portrait()
    stage.open()
    stage.press("Test connection")
    facts = stage.until("f['message'] != ''")
    assert facts["kind"] == "note"
    assert "answers on the processor" in facts["message"]
    assert "toon" in facts["hint"]
    stage.press("Copy details")
    stage.dialog.wait_until("panel.message_bar.copy.get_label() == 'Copied'")
    copied = stage.dialog.run("Gtk.Clipboard.get(window.Gdk.SELECTION_CLIPBOARD).wait_for_text()")
    assert facts["message"] in copied
    assert "GIMP 3" in copied
    stage.press("Dismiss")
    stage.until("f['message'] == ''")
    assert stage.dialog.alive


def test_the_crop_is_drawn_on_the_picture(stage: Stage) -> None:
    stage.open_portrait()
    stage.open()
    display = stage.gimp.display
    stage.until("f['crop'] is not None")  # a face was found
    stage.press("Draw, move, scale and turn the crop on the picture")
    stage.dialog.wait_until("view.gestures.framing.on")
    corner = stage.dialog.run("list(pull.crop.corners[0])")
    display.drag(stage.place(corner), stage.place((corner[0] - 40, corner[1] - 40)))
    stage.dialog.wait_until("pull.crop_choice == 'drawn'")
    stage.gimp.screenshot("frame")
    assert stage.dialog.run("panel.options.crop.get_active_id()") == "drawn"
    display.key("Return")
    stage.dialog.wait_until("not view.gestures.framing.on")
    assert not stage.dialog.run("panel.options.draw.get_active()")


def test_of_two_faces_one_is_chosen(stage: Stage, tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as portrait:
        small = portrait.convert("RGB").resize((portrait.width // 2, portrait.height // 2))
    both = Image.new("RGB", (2 * small.width, small.height))
    both.paste(small, (0, 0))
    both.paste(small, (small.width, 0))
    both.save(tmp_path / "two.png")
    stage.open_portrait(tmp_path / "two.png")
    stage.open()
    stage.dialog.wait_until("len(pull.faces) == 2 and panel.options.face.get_visible()", 300)
    first = stage.facts()["crop"]
    stage.gimp.screenshot("two faces")
    stage.click("panel.options.face")
    stage.gimp.display.settle()
    stage.gimp.display.key("Down")
    stage.gimp.display.key("Return")
    other = stage.until("f['crop'] is not None and pull.face_number == 1")["crop"]
    assert abs(abs(other[0] - first[0]) - small.width) < 0.1 * small.width


def test_the_selection_is_seen_as_a_tint_and_follows_gimp(stage: Stage) -> None:
    stage.open_portrait()
    stage.open()
    assert not stage.dialog.run("view.selected_area")
    stage.gimp.run("image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 400, 300, 200)")
    stage.focus_gimp()
    stage.focus()
    stage.dialog.wait_until("view.selected_area and view._ground._tint is not None")
    stage.gimp.screenshot("selection")


def test_closing_in_the_midst_of_a_pull_loses_nothing(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.begin_long_pull()
    stage.close()
    assert stage.digest() == digest
    assert len(stage.layers()) == 1
    again = stage.open()
    assert len(again["pairs"]) == 2
    assert again["step"] >= 3
    assert again["step"] == again["last"]


def test_a_killed_backend_is_replaced_and_loses_nothing(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    before = stage.pull(steps=4, stop_distance=0.0, engine="reference")
    for pid in stage.gimp.backends():
        os.kill(pid, signal.SIGKILL)
    stage.until("f['backend'] != 'ready'")
    stage.until("f['backend'] == 'ready'")
    stage.dialog.run(
        "pull.drag_options = arguments[0]", {"steps": 2, "engine": "reference", "stop_distance": 0.0}
    )
    stage.press("Drag")
    stage.until(f"f['last'] > {before['last']}")
    after = stage.rest()
    assert after["kind"] != "error"
    assert stage.digest() == digest


def test_a_killed_dialog_leaves_gimp_and_the_picture_as_they_were(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.dialog.wait_until("not pull._record_due")
    os.kill(stage.dialog.pid, signal.SIGKILL)
    stage.wait_for_the_end()
    assert stage.digest() == digest
    stage.dismiss("GIMP Message")  # that the plug-in has died
    again = stage.open()
    assert len(again["pairs"]) == 2


def test_the_picture_closed_in_gimp_is_told_and_the_dialog_still_closes(stage: Stage) -> None:
    ready_to_pull(stage)
    stage.gimp.run("display.delete()")
    facts = stage.until("f['kind'] == 'error'")
    assert "deleted" in facts["message"]
    stage.close()
