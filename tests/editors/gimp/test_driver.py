"""The driver itself: what the other tests of GIMP rely on."""

from __future__ import annotations

import signal
import time

import pytest

from tests.editors.probing import is_alive

from .driver import WINDOW_TITLE, EditorDied, EditorError, EditorTimeout, Gimp
from .places import GimpPlace


def test_snippets_share_names_and_carry_values(gimp: Gimp) -> None:
    gimp.run("x = arguments[0]\ny = arguments[1]", 21, b"\xff\x00")
    assert gimp.run("[x * 2, y, None, {'a': 'ä'}]") == [42, b"\xff\x00", None, {"a": "ä"}]
    assert gimp.call(lambda_free_of_its_module, 3) == 9
    with pytest.raises(EditorError, match="deep inside") as caught:
        gimp.run("def fails():\n    raise LookupError('deep inside')\nfails()")
    assert caught.value.kind == "LookupError"


def lambda_free_of_its_module(number: int) -> int:
    return number * number


def test_procedures_run_and_say_why_they_failed(gimp: Gimp) -> None:
    assert gimp.run("pdb('gimp-version')") == [gimp.place.version()]
    with pytest.raises(EditorError, match="LookupError"):
        gimp.run("pdb('no-such-procedure')")
    with pytest.raises(EditorError, match="no-such-file"):
        gimp.run("pdb('gimp-file-load', file=Gio.File.new_for_path('/tmp/no-such-file.png'))")


def test_a_snippet_that_hangs_is_shown_while_the_other_plugin_answers(gimp: Gimp) -> None:
    future = gimp.begin("time.sleep(4)\n'slept'")
    assert gimp.run("1 + 1") == 2
    assert future.result(30) == "slept"
    with pytest.raises(EditorTimeout, match=r"snippet \d+>.*line 1"):
        gimp.run("time.sleep(8)", timeout=3)
    assert gimp.run("1 + 1") == 2


def test_a_batch_gives_status_output_and_result(own_gimp_place: Gimp) -> None:
    gimp = own_gimp_place
    done = gimp.batch(
        "print('spoken')\n{'arguments': arguments, 'images': len(Gimp.get_images())}", "ä'\"", 2
    )
    assert done.status == 0, done.output
    assert done.result == {"arguments": ["ä'\"", 2], "images": 0}
    failed = gimp.batch("raise LookupError('on purpose')")
    assert failed.status == 64
    assert failed.result is None
    assert "on purpose" in failed.output
    # Script-Fu, as in an artist's own batch.
    file = gimp.home / "told.txt"
    text = f'(let* ((port (open-output-file "{file}"))) (write (+ 40 2) port) (close-output-port port))'
    done = gimp.batch(text, interpreter="plug-in-script-fu-eval")
    assert done.status == 0, done.output
    assert file.read_text() == "42"


@pytest.fixture
def own_gimp_place(gimp_place: GimpPlace) -> Gimp:
    """A GIMP that is not started: for batches alone."""
    gimp = Gimp(gimp_place, plugin=False)
    yield gimp
    gimp.close()


@pytest.mark.slow
def test_a_crash_is_told_and_nothing_is_left_behind(gimp_place: GimpPlace) -> None:
    with Gimp(gimp_place, plugin=False) as gimp:
        stacks = "import ctypes\nctypes.string_at(0)"
        with pytest.raises(EditorDied, match=r"string_at"):
            gimp.run(stacks)
        gimp.kill()
        assert gimp.exit_status == -signal.SIGKILL
        gimp.start()
        pids = [gimp.pid, *(probe.pid for probe in gimp.plugins("pullface-*"))]
        home = gimp.home
        assert len(pids) >= 3
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not home.exists()


def test_the_window_takes_real_events(gimp_window: Gimp) -> None:
    gimp = gimp_window
    gimp.run("""
        image = Gimp.Image.new(400, 300, Gimp.ImageBaseType.RGB)
        layer = Gimp.Layer.new(image, "paper", 400, 300, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
        image.insert_layer(layer, None, 0)
        layer.fill(Gimp.FillType.WHITE)
        display = Gimp.Display.new(image)
        def pixels():
            buffer = layer.get_buffer()
            return buffer.get(buffer.get_extent(), 1.0, "R'G'B' u8", Gegl.AbyssPolicy.NONE)
    """)
    gimp.display.settle()
    white = gimp.run("pixels()")
    assert set(white) == {255}
    width, height = gimp.display.size
    gimp.display.key("p")  # the paintbrush, whatever an earlier test has chosen
    gimp.display.drag((width * 0.42, height * 0.5), (width * 0.5, height * 0.52), steps=12)
    gimp.wait_until("set(pixels()) != {255}")
    picture = gimp.screenshot("a stroke")
    assert picture.stat().st_size > 10_000
    gimp.display.key("ctrl+z")
    gimp.wait_until("set(pixels()) == {255}")


def test_a_window_is_found_while_others_come_and_go(gimp_window: Gimp) -> None:
    """xdotool's own search says nothing of any window when one is destroyed meanwhile."""
    gimp_window.run("""
        import gi
        gi.require_version("Gtk", "3.0")
        from gi.repository import Gtk
        Gtk.init([])
        passing, going = [], True
        def come_or_go():
            if passing:
                passing.pop().destroy()
            elif going:
                passing.append(Gtk.Window(title="passing"))
                passing[0].show()
            return bool(passing or going)
        GLib.timeout_add(2, come_or_go)
    """)
    try:
        found = {gimp_window.display.window(WINDOW_TITLE) for _ in range(60)}
    finally:
        gimp_window.run("going = False")
        gimp_window.wait_until("not passing")
    assert len(found) == 1
    gimp_window.display.focus(*found)
    with pytest.raises(TimeoutError, match=r"no window “passing” after 0.5 s, but “.*(GIMP|Program)”"):
        gimp_window.display.window("passing", 0.5)
