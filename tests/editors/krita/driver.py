"""Starts a real Krita on a screen of its own and drives it, from pytest and from plain scripts.

    with Krita() as krita:
        krita.new_document(640, 480)
        krita.run("document().width()")                    # the last line's value
        krita.call(lambda_or_function, 1, 2)               # a function's source runs inside Krita
        krita.wait_until("document().tryBarrierLock()")
        krita.display.drag((400, 400), (500, 420))         # real events
        krita.screenshot("after the drag")

Krita gets a HOME and a PULLFACE_HOME of its own, and everything that it starts is ended with it. Snippets run in the
thread of its windows, also while a dialog is open; they share their names, and find ``app``, ``document()``,
``view()``, ``window()``, ``Qt``, ``QtCore``, ``QtGui``, ``QtWidgets`` and ``sip``. Values are numbers, texts, bytes,
lists and dictionaries.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from pathlib import Path

from tests.editors.backends import note_the_installation
from tests.editors.driving import Editor
from tests.editors.probing import EditorDied, EditorError, EditorTimeout, Probe

from .places import KritaPlace
from .plugins import bring_resources, enable, install_plugin, install_probe, keep_resources, profile_of

__all__ = ["EditorDied", "EditorError", "EditorTimeout", "Krita"]

# What the first start of each Krita unpacked, for the later ones of this process.
_resources: dict[KritaPlace, Path] = {}


class Krita(Editor):
    """One running Krita.

    Args:
        place: which Krita; by default the one that PULLFACE_KRITA names, else the installed one.
        home: its HOME; by default a temporary folder that is deleted in the end.
        plugin: install and enable Pullface.
        opengl: draw the canvas with OpenGL (in software), else with QPainter.
        size: of the screen in pixels.
        scale: Qt's scale factor, for screens of high density.
        settings: lines for kritarc, ``{group: {key: value}}``; the group "" is the top of the file.
        variables: more environment variables.
    """

    NAME = "krita"
    # Krita's Python takes the folder of the first python3 on the path for its home: ours would hide the system's PyQt.
    PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

    def __init__(
        self,
        place: KritaPlace | None = None,
        *,
        home: Path | None = None,
        plugin: bool = True,
        opengl: bool = True,
        size: tuple[int, int] = (1600, 1000),
        scale: float = 1.0,
        settings: dict[str, dict[str, str]] | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.place = place or KritaPlace.chosen()
        super().__init__(self.place.name, home, size, variables)
        self._plugin, self._opengl, self._scale = plugin, opengl, scale
        self._settings = settings or {}
        self._socket = self.home / "probe"

    def start(self, timeout: float = 300.0) -> Krita:
        """Install the plugins, start Krita and wait for its window; see ``Editor.start``."""
        assert not self.running, "it runs already"
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        resources = profile_of(self.home).resources
        first = not resources.exists()
        if first and self.place in _resources:
            bring_resources(_resources[self.place], resources)
        install_probe(self.home)
        if self._plugin:
            install_plugin(self.home)
            note_the_installation(self.pullface_home, outside=self.place.root is not None)
        enable(self.home, plugin=self._plugin, opengl=self._opengl, settings=self._settings)
        self._delete_autosaves()
        for leftover in self.home.glob("probe*"):
            leftover.unlink()
        self._launch(self.place.command("krita", self._environment(), "--nosplash"))
        self._wait_for_the_window(time.monotonic() + timeout)
        if first and self.place not in _resources:
            folder = Path(tempfile.mkdtemp(prefix="pullface-krita-resources-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            keep_resources(resources, folder / "krita")
            _resources[self.place] = folder / "krita"
        return self

    def main_probe(self) -> Probe:
        """The one in Krita's GUI thread; see ``Editor.main_probe``."""
        probe = self._probe()
        if not self.running:
            raise self._died(probe.last_words())
        return probe

    def on_screen(self, widget: str, x: float = 0.0, y: float = 0.0) -> tuple[int, int]:
        """Where a point of a widget (an expression; logical pixels) is on the screen, for the pointer."""
        point = self.run(
            f"_w = {widget}\n_p = _w.mapToGlobal(QtCore.QPoint(*arguments))\n"
            "[_p.x() * _w.devicePixelRatioF(), _p.y() * _w.devicePixelRatioF()]",
            round(x),
            round(y),
        )
        return round(point[0]), round(point[1])

    # -- documents

    def new_document(
        self,
        width: int = 640,
        height: int = 480,
        name: str = "picture",
        model: str = "RGBA",
        depth: str = "U8",
        profile: str = "",
        resolution: float = 300.0,
    ) -> None:
        """Make a document, show it and wait until it is the active one."""
        self.run(
            "_d = app.createDocument(*arguments)\nassert _d is not None, 'Krita made no document'\n"
            "_v = window().addView(_d)",
            width, height, name, model, depth, profile, resolution,
        )  # fmt: skip
        self._wait_for_the_document()

    def open_document(self, file: Path) -> None:
        """Open a file, show it and wait until it is the active document."""
        self.run(
            "_d = app.openDocument(arguments[0])\nassert _d is not None, 'Krita opened nothing'\n"
            "_v = window().addView(_d)",
            str(file),
            timeout=120,
        )
        self._wait_for_the_document()

    def save_document(self, file: Path) -> None:
        """Save the active document under a name (.kra keeps everything), asking nothing."""
        saved = self.run(
            "_d = document()\n_d.setBatchmode(True)\n_d.waitForDone()\n_s = _d.saveAs(arguments[0])\n"
            "_d.waitForDone()\n_d.setBatchmode(False)\n_s",
            str(file),
            timeout=120,
        )
        if not saved or not file.exists():
            raise EditorError(f"{file} was not saved")

    def close_documents(self) -> None:
        """Close every document and drop its changes."""
        # Krita's Layers docker crashes (KisNodeModel::processUpdateQueue) when a document is closed right after a layer
        # was changed by a script: it still means to draw it.
        self.let_turn(0.6)
        self.run(
            "for _d in app.documents():\n    _d.waitForDone()\n    _d.setModified(False)\n    _d.close()",
            timeout=60,
        )
        self.wait_until("not app.documents()")

    def let_turn(self, seconds: float = 0.4) -> None:
        """Wait until Krita's event loop has done all that comes due within so many seconds, however busy it is."""
        self.run(
            "_turned = []\nQtCore.QTimer.singleShot(arguments[0], lambda: _turned.append(True))",
            round(seconds * 1000),
        )
        self.wait_until("_turned")

    def settle(self, timeout: float = 60.0) -> None:
        """Wait until Krita has drawn what was changed in the active document."""
        self.run("document() and (document().waitForDone(), None)[1]", timeout=timeout)

    # -- within

    def _wait_for_the_document(self) -> None:
        self.wait_until(
            "document() is not None and document().rootNode().uniqueId() == _d.rootNode().uniqueId()"
        )
        self.run("document().waitForDone()\nQApplication.processEvents()", timeout=60)

    def _wait_for_the_window(self, deadline: float) -> None:
        while not self._shows_its_window():
            if not self.running:
                raise self._died(self._probe().last_words())
            log = self.log.read_text(errors="replace")
            if "Could not import krita" in log:
                self.kill()
                raise EditorDied(f"Krita's Python does not work.\n{log[-2000:]}")
            if time.monotonic() > deadline:
                raise self._no_window("no window", self._probe().stacks())
            time.sleep(0.2)
        width, height = (round(length / self._scale) for length in self.display.size)
        window = self.run(
            "_w = window().qwindow()\n_w.setGeometry(0, 0, *arguments)\n_w.activateWindow()\nint(_w.winId())",
            width,
            height,
        )
        self.display.focus(window)
        self.wait_until("window() is not None and QApplication.activeWindow() is not None")

    def _shows_its_window(self) -> bool:
        if not self._socket.exists():
            return False
        try:
            return bool(self.run("any(w.qwindow().isVisible() for w in app.windows())", timeout=120))
        except EditorDied:
            return False

    def _ask_to_quit(self) -> None:
        self.run(
            "for each in app.documents(): each.setModified(False)\n"
            "QtCore.QTimer.singleShot(0, app.action('file_quit').trigger)"
        )

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "KDE_DEBUG": "1",  # no crash dialog: a crash ends the process
            "QT_SCALE_FACTOR": str(self._scale),
            "PULLFACE_PROBE": str(self._socket),
            **self._variables,
        }

    def _probe(self) -> Probe:
        return Probe(self._socket, "krita", self.pid, self.log, self._died)

    def _delete_autosaves(self) -> None:
        """What a killed Krita leaves makes the next one ask in a dialog."""
        for file in self.home.rglob("*autosave.kra"):
            file.unlink()
