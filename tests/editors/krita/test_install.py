"""What the installer leaves is what a real Krita loads; its own importer takes our zip."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.editors import kritarc
from backend.editors.krita import running_kritas
from installer.editors import krita as installing
from installer.editors.payload import assemble, package
from tests.editors.display import still
from tests.editors.libraries import fetched_wheels

from .driver import Krita
from .places import KritaPlace
from .plugins import profile_of

LOADED = "'pullface' in sys.modules and sys.modules['pullface'].__file__"
LIBRARIES = """
import pullface.vendored, zmq, msgpack
{"zmq": zmq.__file__, "msgpack": msgpack.__file__, "version": zmq.__version__,
 "path": [entry for entry in sys.path if "vendor" in entry]}
"""


@pytest.fixture
def bare_krita(krita_place: KritaPlace) -> Iterator[Krita]:
    """A Krita without Pullface, not yet started."""
    krita = Krita(krita_place, plugin=False)
    yield krita
    krita.close()


def test_the_plugin_runs_with_its_own_libraries(krita: Krita) -> None:
    plugin = profile_of(krita.home).plugin
    assert krita.run(LOADED) == str(plugin / "__init__.py")
    found = krita.run(LIBRARIES)
    assert Path(found["zmq"]).is_relative_to(plugin / "vendor")
    assert Path(found["msgpack"]).is_relative_to(plugin / "vendor/any")
    assert found["version"] == "27.3.0"
    assert found["path"] == []  # other plugins do not find our copies by surprise


def test_the_backend_starts_from_the_plugin_and_ends_with_krita(own_krita: Krita) -> None:
    own_krita.run(
        "from pullface.backend.wire.client import Client\n"
        "from pullface.backend.wire.launch import ensure_server\n"
        "with Client(ensure_server(), 'test', timeout=60) as client:\n"
        "    told = client.request('status', timeout=60).body",
        timeout=150,
    )
    assert own_krita.run("told['state']") in ("starting", "ready")
    assert own_krita.processes() != []
    own_krita.quit()
    deadline = time.monotonic() + 60
    while own_krita.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert own_krita.processes() == []


@pytest.mark.slow
def test_while_krita_runs_its_settings_are_left_alone(bare_krita: Krita) -> None:
    profile = profile_of(bare_krita.home)
    wheels, folder = fetched_wheels()
    bare_krita.start()
    assert running_kritas(profile) == [bare_krita.pid]
    (done,) = installing.install([profile], wheels, folder)
    assert (done.running, done.enabled, done.updated) == (True, False, False)
    assert not profile.plugin_enabled()

    bare_krita.quit()
    (done,) = installing.install([profile], wheels, folder)
    assert (done.running, done.enabled, done.updated) == (False, True, True)
    bare_krita.start()
    assert bare_krita.run(LOADED)
    bare_krita.run("app.writeSetting('pullface', 'model', 'toon')")
    bare_krita.quit()
    # Krita wrote the file anew: our line survived, and goes when Pullface goes.
    assert profile.plugin_enabled()
    settings = kritarc.read(profile.settings)
    assert settings.value("pullface", "model") == "toon"
    installing.forget(profile)
    left = kritarc.read(profile.settings)
    assert (left.value("python", "enable_pullface"), left.value("pullface", "model")) == (None, None)
    assert left.value("python", "enable_pullface_probe") == "true"


@pytest.mark.slow
def test_a_moved_resource_folder_is_used(krita_place: KritaPlace) -> None:
    krita = Krita(krita_place, plugin=False)
    try:
        moved = krita.home / "my own ré­sources"
        profile = profile_of(krita.home)
        settings = kritarc.read(profile.settings)
        settings.set("", "ResourceDirectory", str(moved))
        kritarc.write(profile.settings, settings)
        assert profile.resources == moved
        krita.start()
        assert krita.run("app.getAppDataLocation()") == str(moved)
        krita.quit()
        installing.install([profile], *fetched_wheels())
        krita.start()
        assert krita.run(LOADED) == str(moved / "pykrita/pullface/__init__.py")
        assert krita.run("app.action('pullface_mode') is not None")
    finally:
        krita.close()


def test_kritas_own_importer_takes_the_zip(bare_krita: Krita, tmp_path: Path) -> None:
    """By its menu, with keys and mouse, as an artist does it."""
    krita = bare_krita
    file = krita.home / "pullface-krita.zip"
    wheels, folder = fetched_wheels()
    assemble(tmp_path, wheels, folder)
    package(file, tmp_path)
    krita.start()
    assert not krita.run(LOADED)

    krita.run("QtCore.QTimer.singleShot(0, app.action('plugin_importer_file').trigger)")
    answer_file_dialog(krita, file)
    krita.wait_until("type(QApplication.activeModalWidget()).__name__ == 'QMessageBox'")
    krita.screenshot("the importer asks whether to enable")
    text = krita.run("QApplication.activeModalWidget().text()")
    assert "Pullface" in text, text
    press_yes(krita)
    krita.wait_until("QApplication.activeModalWidget() is None")
    krita.restart()

    plugin = profile_of(krita.home).plugin
    assert krita.run(LOADED) == str(plugin / "__init__.py")
    assert (plugin / "Manual.html").is_file()
    assert (plugin.parents[1] / "actions/pullface.action").is_file()
    assert Path(krita.run(LIBRARIES)["zmq"]).is_relative_to(plugin / "vendor")
    assert krita.run("app.action('pullface_mode').shortcut().toString()") == "Ctrl+Alt+P"

    # A second import replaces the first, after asking.
    (plugin / "left over.txt").touch()
    krita.run("QtCore.QTimer.singleShot(0, app.action('plugin_importer_file').trigger)")
    answer_file_dialog(krita, file)
    krita.wait_until("type(QApplication.activeModalWidget()).__name__ == 'QMessageBox'")
    press_yes(krita)  # overwrite
    krita.wait_until("'Overwrite' not in getattr(QApplication.activeModalWidget(), 'windowTitle', str)()")
    krita.wait_until("type(QApplication.activeModalWidget()).__name__ == 'QMessageBox'")
    press_yes(krita)  # enable
    krita.wait_until("QApplication.activeModalWidget() is None")
    assert not (plugin / "left over.txt").exists()
    assert (plugin / "__init__.py").is_file()


def answer_file_dialog(krita: Krita, file: Path) -> None:
    shown = "isinstance(w, QtWidgets.QFileDialog) and w.isVisible()"
    dialog = f"next((w for w in QApplication.topLevelWidgets() if {shown}), None)"
    krita.wait_until(f"{dialog} is not None")
    krita.display.focus(krita.run(f"int({dialog}.winId())"))
    krita.display.type(str(file))
    krita.screenshot("the importer asks for the file")
    krita.display.key("Return")
    krita.wait_until(f"{dialog} is None")


def press_yes(krita: Krita) -> None:
    button = "QApplication.activeModalWidget().button(QtWidgets.QMessageBox.StandardButton.Yes)"
    width, height = krita.run(f"[{button}.width(), {button}.height()]")
    krita.display.settle()  # until the box is on the screen
    krita.display.click(*still(lambda: krita.on_screen(button, width / 2, height / 2)))


def test_the_manual_is_shown_by_the_plugin_manager(krita: Krita) -> None:
    krita.run("QtCore.QTimer.singleShot(0, app.action('options_configure').trigger)")
    krita.wait_until("QApplication.activeModalWidget() is not None")
    try:
        shown = krita.call(show_the_manual)
        krita.screenshot("the manual in the plugin manager")
        assert "Pullface" in shown
        assert len(shown) > 500
    finally:
        krita.run("QApplication.activeModalWidget().reject()")
        krita.wait_until("QApplication.activeModalWidget() is None")


def show_the_manual() -> str:
    """Runs inside Krita: chooses our line in Configure Krita > Python Plugin Manager, returns the text below it."""
    dialog = QApplication.activeModalWidget()  # type: ignore[name-defined]  # noqa: F821
    # The page is made when it is chosen; only then our line is to be found.
    for wanted in ("Python Plugin Manager", "Pullface"):
        for view in dialog.findChildren(QtWidgets.QAbstractItemView):  # type: ignore[name-defined]  # noqa: F821
            model = view.model()
            rows = [model.index(row, 0) for row in range(model.rowCount())] if model is not None else []
            for index in rows:
                if index.data() == wanted:
                    view.setCurrentIndex(index)
                    view.clicked.emit(index)
        QApplication.processEvents()  # type: ignore[name-defined]  # noqa: F821
    texts = dialog.findChildren(QtWidgets.QTextEdit)  # type: ignore[name-defined]  # noqa: F821
    return "\n".join(text.toPlainText() for text in texts if text.isVisible())
