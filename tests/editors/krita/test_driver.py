"""The driver itself: what it says when something goes wrong, and that its events are real."""

from __future__ import annotations

import time

import pytest

from tests.editors.probing import is_alive

from .driver import EditorDied, EditorError, EditorTimeout, Krita


def test_values_come_back_and_arguments_arrive(krita: Krita) -> None:
    def doubled(number: int, pixels: bytes) -> dict[str, object]:
        return {"number": number * 2, "pixels": pixels + b"\x00", "none": None}

    assert krita.call(doubled, 21, b"\xff") == {"number": 42, "pixels": b"\xff\x00", "none": None}
    assert krita.run("kept = arguments[0]", "first") is None
    assert krita.run("kept") == "first"


def test_an_error_arrives_with_its_traceback(krita: Krita) -> None:
    with pytest.raises(EditorError, match="deep inside") as caught:
        krita.run("def fails():\n    raise LookupError('deep inside')\nfails()")
    assert caught.value.kind == "LookupError"
    assert "raise LookupError" in str(caught.value)


def test_a_snippet_that_hangs_is_shown(krita: Krita) -> None:
    with pytest.raises(EditorTimeout, match=r"snippet \d+>.*line 1"):
        krita.run("time.sleep(8)", timeout=3)
    assert krita.run("1 + 1") == 2  # and Krita lives


def test_snippets_run_while_a_dialog_is_open(krita: Krita) -> None:
    krita.run("QtCore.QTimer.singleShot(0, QtWidgets.QMessageBox(window().qwindow()).exec)")
    krita.wait_until("QApplication.activeModalWidget() is not None")
    krita.run("QApplication.activeModalWidget().reject()")
    krita.wait_until("QApplication.activeModalWidget() is None")


@pytest.mark.parametrize("repetition", [1, 2])
def test_a_real_stroke_changes_pixels(krita: Krita, repetition: int) -> None:
    krita.new_document(400, 300)
    white = krita.run("document().pixelData(0, 0, 400, 300)")
    canvas = (
        "next(w for w in window().qwindow().findChildren(QtWidgets.QWidget) if w.metaObject().className() in "
    )
    canvas += "('KisOpenGLCanvas2', 'KisQPainterCanvas') and w.isVisible())"
    width, height = krita.run(f"_c = {canvas}\n[_c.width(), _c.height()]")
    start = krita.on_screen(canvas, width * 0.4, height * 0.5)
    krita.display.drag(start, (start[0] + 200, start[1] + 40), steps=12)
    krita.wait_until("document().modified()")
    krita.settle()
    picture = krita.screenshot("a stroke")
    assert picture.stat().st_size > 10_000
    assert krita.run("document().pixelData(0, 0, 400, 300)") != white
    krita.display.key("ctrl+z")
    krita.run("before = arguments[0]", white)
    krita.wait_until("document().pixelData(0, 0, 400, 300) == before")


def test_a_document_is_saved_and_opened(krita: Krita) -> None:
    krita.new_document(120, 80, name="small")
    file = krita.home / "small.kra"
    krita.save_document(file)
    krita.close_documents()
    krita.open_document(file)
    assert krita.run("[document().width(), document().height()]") == [120, 80]


def test_a_crash_is_told_with_its_stack_and_the_next_start_asks_nothing(own_krita: Krita) -> None:
    own_krita.new_document(64, 64)
    (own_krita.home / "unnamed-1-autosave.kra").write_bytes(b"left by a crash")
    with pytest.raises(EditorDied, match=r"status -11(?s:.)*string_at"):
        own_krita.run("import ctypes\nctypes.string_at(0)")
    own_krita.start()
    assert own_krita.run("QApplication.activeModalWidget() is None")
    assert own_krita.quit() == 0


@pytest.mark.slow
def test_nothing_is_left_behind(krita_place: object) -> None:
    with Krita(plugin=False) as krita:
        # A backend that Krita has started, as far as the driver can tell.
        krita.run(
            "import subprocess\nchild = subprocess.Popen(['sleep', '300'], start_new_session=True)\nNone"
        )
        child = krita.run("child.pid")
        assert krita.processes() == [child]
        pid, home = krita.pid, krita.home
    deadline = time.monotonic() + 30
    while any(is_alive(each) for each in (pid, child)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
    assert not is_alive(child)
    assert not home.exists()
