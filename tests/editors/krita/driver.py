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
import contextlib
import inspect
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.editors.backends import end_processes, note_the_installation, processes
from tests.editors.display import Display, die_with_parent
from tests.editors.messages import receive, send

from .places import KritaPlace
from .plugins import bring_resources, enable, install_plugin, install_probe, keep_resources, profile_of

# What the first start of each Krita unpacked, for the later ones of this process.
_resources: dict[KritaPlace, Path] = {}
_INHERITED = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TZ")
# Krita's Python takes the folder of the first python3 on the path for its home: ours would hide the system's PyQt.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class KritaError(Exception):
    """A snippet failed inside Krita.

    Attributes:
        kind: the exception's class inside Krita, such as ``"AttributeError"``.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


class KritaTimeout(KritaError):  # noqa: N818
    """Krita did not answer in time; the message holds the stack of every thread."""


class KritaDied(KritaError):  # noqa: N818
    """Krita has ended or crashed; the message holds the stacks if there were any, and the end of its output."""


class Krita:
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
        self._own_home = home is None
        # Below /tmp, which a debootstrap folder shares with us.
        self.home = home or Path(tempfile.mkdtemp(prefix="pullface-krita-", dir="/tmp"))
        self.pullface_home = self.home / "pullface"
        self._plugin, self._opengl, self._scale = plugin, opengl, scale
        self._settings, self._variables = settings or {}, variables or {}
        self._socket = self.home / "probe"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.display = Display(size)
        self.exit_status: int | None = None
        """Krita's last exit status: negative for a signal, None while it runs."""

    # -- its life

    def __enter__(self) -> Krita:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, timeout: float = 180.0) -> Krita:
        """Install the plugins, start Krita and wait for its window.

        Raises:
            KritaTimeout, KritaDied: it did not come up.
        """
        assert not self.running, "it runs already"
        self.home.mkdir(parents=True, exist_ok=True)
        runtime = self.home / ".runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
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
        self._socket.unlink(missing_ok=True)
        variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        variables |= {
            "PATH": _PATH,
            "HOME": str(self.home),
            "PULLFACE_HOME": str(self.pullface_home),
            "XDG_RUNTIME_DIR": str(runtime),
            "DISPLAY": self.display.name,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "KDE_DEBUG": "1",  # no crash dialog: a crash ends the process
            "QT_SCALE_FACTOR": str(self._scale),
            "PULLFACE_PROBE": str(self._socket),
            "PULLFACE_PROBE_STACKS": str(self.home / "stacks.txt"),
            **self._variables,
        }
        (self.home / "stacks.txt").write_text("")
        with open(self.home / "krita.log", "ab") as log:
            self._process = subprocess.Popen(
                self.place.command("krita", variables, "--nosplash"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.exit_status = None
        self._wait_for_the_window(time.monotonic() + timeout)
        if first and self.place not in _resources:
            folder = Path(tempfile.mkdtemp(prefix="pullface-krita-resources-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            keep_resources(resources, folder / "krita")
            _resources[self.place] = folder / "krita"
        return self

    def quit(self, timeout: float = 40.0) -> int:
        """Quit as File > Quit does, unsaved changes dropped.

        Returns:
            Krita's exit status.

        Raises:
            KritaTimeout: it did not end; it was killed.
        """
        if self.running:
            with contextlib.suppress(KritaDied):
                self.run(
                    "for each in app.documents(): each.setModified(False)\n"
                    "QtCore.QTimer.singleShot(0, app.action('file_quit').trigger)"
                )
        try:
            return self._wait_for_its_end(timeout)
        except subprocess.TimeoutExpired:
            stacks = self._stacks()
            self.kill()
            raise KritaTimeout(f"Krita did not quit within {timeout} s.\n{stacks}") from None

    def kill(self) -> None:
        """End Krita at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._wait_for_its_end(10)

    def restart(self) -> None:
        """Quit if it runs, and start again with the same HOME."""
        if self.running:
            self.quit()
        self.start()

    def close(self) -> None:
        """End Krita, every process that it started, the screen; delete the temporary HOME."""
        with contextlib.suppress(KritaError, OSError):
            if self.running:
                self.quit(timeout=20)
        self.kill()
        end_processes("PULLFACE_HOME", self.pullface_home)
        self.display.close()
        if self._own_home:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Krita's process number."""
        assert self._process is not None, "not started"
        return self._process.pid

    def processes(self) -> list[int]:
        """Every process that belongs to this Krita's PULLFACE_HOME, Krita itself left out: the backend."""
        own = getattr(self._process, "pid", None)
        return [pid for pid in processes("PULLFACE_HOME", self.pullface_home) if pid != own]

    # -- inside

    def run(self, code: str, *arguments: Any, timeout: float = 30.0) -> Any:
        """Run a snippet in Krita's GUI thread; it finds the arguments as ``arguments``.

        Returns:
            The value of the last line when that is an expression, else None.

        Raises:
            KritaError: it raised; the message is the traceback.
            KritaTimeout: no answer within ``timeout`` seconds.
            KritaDied: Krita is not there any more.
        """
        request = {"code": textwrap.dedent(code), "arguments": list(arguments)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self._socket))
                send(connection, request)
                reply = receive(connection)
        except TimeoutError:
            raise KritaTimeout(f"No answer from Krita within {timeout} s.\n{self._stacks()}") from None
        except (EOFError, OSError) as error:
            raise self._died(error) from None
        if reply["printed"]:
            print(reply["printed"], end="", flush=True)
        if "failed" in reply:
            raise KritaError("inside Krita:\n" + reply["failed"], reply["kind"])
        return reply["value"]

    def call(self, function: Callable[..., Any] | str, *arguments: Any, timeout: float = 30.0) -> Any:
        """Call a function inside Krita.

        Args:
            function: a ``def`` of ours, whose source is sent (it sees the names of a snippet, not of its module), or
                the name of one that an earlier snippet has defined or imported.
        """
        if isinstance(function, str):
            return self.run(f"{function}(*arguments)", *arguments, timeout=timeout)
        source = textwrap.dedent(inspect.getsource(function))
        return self.run(f"{source}\n{function.__name__}(*arguments)", *arguments, timeout=timeout)

    def wait_until(self, expression: str, timeout: float = 30.0, poll: float = 0.05) -> Any:
        """Wait until the expression is true inside Krita, asking again and again from outside.

        Returns:
            Its first true value.

        Raises:
            KritaTimeout: it did not become true; the message has its last value.
        """
        deadline = time.monotonic() + timeout
        while True:
            value = self.run(expression, timeout=timeout)
            if value:
                return value
            if time.monotonic() > deadline:
                picture = self.screenshot("timeout")
                raise KritaTimeout(f"not true after {timeout} s: {expression} (is {value!r}); see {picture}")
            time.sleep(poll)

    def screenshot(self, name: str = "screen") -> Path:
        """Keep a PNG of the screen in PULLFACE_SCREENSHOTS, else in a temporary folder; numbered in their order."""
        folder = Path(
            os.environ.get("PULLFACE_SCREENSHOTS") or Path(tempfile.gettempdir()) / "pullface-screenshots"
        )
        words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        return self.display.screenshot(
            folder / f"{self.place.name}-{words}-{self.pid}-{next(self._numbers):03}.png"
        )

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
            raise KritaError(f"{file} was not saved")

    def close_documents(self) -> None:
        """Close every document and drop its changes."""
        # Krita can crash when a document closes within half a second of a layer's change by a script.
        time.sleep(0.6)
        self.run(
            "for _d in app.documents():\n    _d.waitForDone()\n    _d.setModified(False)\n    _d.close()",
            timeout=60,
        )
        self.wait_until("not app.documents()")

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until Krita has drawn what was changed in the active document."""
        self.run("document() and (document().waitForDone(), None)[1]", timeout=timeout)

    # -- within

    def _wait_for_the_document(self) -> None:
        self.wait_until(
            "document() is not None and document().rootNode().uniqueId() == _d.rootNode().uniqueId()"
        )
        self.run("document().waitForDone()\nQApplication.processEvents()", timeout=60)

    def _wait_for_the_window(self, deadline: float) -> None:
        while True:
            if not self.running:
                raise self._died(None)
            log = (self.home / "krita.log").read_text(errors="replace")
            if "Could not import krita" in log:
                self.kill()
                raise KritaDied(f"Krita's Python does not work.\n{log[-2000:]}")
            with contextlib.suppress(KritaDied):
                if self._socket.exists() and self.run(
                    "any(w.qwindow().isVisible() for w in app.windows())", timeout=120
                ):
                    break
            if time.monotonic() > deadline:
                stacks, picture = self._stacks(), self.screenshot("no-window")
                self.kill()
                raise KritaTimeout(f"Krita shows no window; see {picture}\n{stacks}")
            time.sleep(0.2)
        width, height = (round(length / self._scale) for length in self.display.size)
        window = self.run(
            "_w = window().qwindow()\n_w.setGeometry(0, 0, *arguments)\n_w.activateWindow()\nint(_w.winId())",
            width, height, timeout=60,
        )  # fmt: skip
        self.display.focus(window)
        self.wait_until("window() is not None and QApplication.activeWindow() is not None")

    def _wait_for_its_end(self, timeout: float) -> int:
        assert self._process is not None, "not started"
        self.exit_status = self._process.wait(timeout=timeout)
        self._process = None
        return self.exit_status

    def _stacks(self) -> str:
        """What every thread of Krita's Python is doing."""
        file = self.home / "stacks.txt"
        size = file.stat().st_size if file.exists() else 0
        if not self.running or (size == 0 and not self._socket.exists()):
            return ""
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(0.5)
        return file.read_text(errors="replace")[size:]

    def _died(self, error: Exception | None) -> KritaDied:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(timeout=2)
        if self.running:
            return KritaDied(f"Krita does not listen: {error}")
        if self._process is not None:
            self.exit_status = self._process.returncode
        crash = (self.home / "stacks.txt").read_text(errors="replace").rpartition("Fatal Python error")
        stacks = "".join(crash[1:])[:4000] if crash[1] else ""
        log = (self.home / "krita.log").read_text(errors="replace")[-2000:]
        return KritaDied(
            f"Krita has ended with status {self.exit_status}.\n{stacks}\nIts last output:\n{log}"
        )

    def _delete_autosaves(self) -> None:
        """What a killed Krita leaves makes the next one ask in a dialog."""
        for file in self.home.rglob("*autosave.kra"):
            file.unlink()
