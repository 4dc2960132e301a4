"""Asks a plug-in of a running GIMP from outside: runs snippets in its main loop."""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import socket
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from tests.editors.messages import receive, send


class GimpError(Exception):
    """A snippet failed inside GIMP's plug-in.

    Attributes:
        kind: the exception's class inside, such as ``"AttributeError"``.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


class GimpTimeout(GimpError):  # noqa: N818
    """No answer in time; the message holds the stack of every thread of the plug-in's Python."""


class GimpDied(GimpError):  # noqa: N818
    """The plug-in or GIMP has ended or crashed; the message holds the end of GIMP's output."""


class Probe:
    """One plug-in process.

    Snippets run in its main loop and share their names; they find ``Gimp``, ``Gegl``, ``GLib``, ``GObject``, ``Gio``,
    ``os``, ``sys``, ``time`` and ``pdb(NAME, **ARGUMENTS)``, which runs a procedure and returns a list of its values.

    Args:
        path: its socket, named STEM.NUMBER.
        log: GIMP's output.
    """

    def __init__(self, path: Path, log: Path) -> None:
        self.path, self._log = path, log
        stem, _, number = path.name.rpartition(".")
        self.stem, self.pid = stem, int(number)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state not in "ZX"

    def run(self, code: str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Run a snippet; it finds the arguments as ``arguments``.

        Returns:
            The value of the last line when that is an expression, else None: numbers, texts, bytes, lists and
            dictionaries.

        Raises:
            GimpError: it raised; the message is the traceback.
            GimpTimeout: no answer within ``timeout`` seconds.
            GimpDied: the process is not there any more.
        """
        request = {"code": textwrap.dedent(code), "arguments": list(arguments)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self.path))
                send(connection, request)
                reply = receive(connection)
        except TimeoutError:
            raise GimpTimeout(f"No answer from {self.stem} within {timeout} s.\n{self.stacks()}") from None
        except (EOFError, OSError) as error:
            raise self._died(error) from None
        if reply["printed"]:
            print(reply["printed"], end="", flush=True)
        if "failed" in reply:
            raise GimpError(f"inside {self.stem}:\n{reply['failed']}", reply["kind"])
        return reply["value"]

    def begin(self, code: str, *arguments: Any, timeout: float = 300.0) -> Future[Any]:
        """Run a snippet while the test goes on; the future's ``result()`` returns or raises what ``run`` would."""
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(self.run(code, *arguments, timeout=timeout))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        return future

    def call(self, function: Callable[..., Any] | str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Call a function inside: a ``def`` of ours, whose source is sent, or the name of one defined there."""
        if isinstance(function, str):
            return self.run(f"{function}(*arguments)", *arguments, timeout=timeout)
        source = textwrap.dedent(inspect.getsource(function))
        return self.run(f"{source}\n{function.__name__}(*arguments)", *arguments, timeout=timeout)

    def wait_until(self, expression: str, timeout: float = 30.0, poll: float = 0.05) -> Any:
        """Wait until the expression is true inside, asking again and again from outside.

        Returns:
            Its first true value.

        Raises:
            GimpTimeout: it did not become true; the message has its last value.
        """
        deadline = time.monotonic() + timeout
        while True:
            value = self.run(expression, timeout=timeout)
            if value:
                return value
            if time.monotonic() > deadline:
                raise GimpTimeout(f"not true after {timeout} s: {expression} (is {value!r})")
            time.sleep(poll)

    def on_screen(self, widget: str, x: float | None = None, y: float | None = None) -> tuple[int, int]:
        """Where a point of a Gtk widget (an expression; pixels, its middle by default) is on the screen."""
        left, top = self.run(
            f"""
            _w = {widget}
            _a = _w.get_allocation()
            _x, _y = (_half if _given is None else _given
                      for _given, _half in zip(arguments, (_a.width // 2, _a.height // 2)))
            _top = _w.get_toplevel()
            _p = _w.translate_coordinates(_top, round(_x), round(_y))
            _o = _top.get_window().get_origin()
            [_o.x + _p[-2], _o.y + _p[-1]]
            """,
            x,
            y,
        )
        return round(left), round(top)

    def stacks(self) -> str:
        """What every thread of its Python is doing."""
        file = Path(f"{self.path}.stacks")
        size = file.stat().st_size if file.exists() else 0
        if not self.alive:
            return ""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(0.5)
        return file.read_text(errors="replace")[size:] if file.exists() else ""

    def _died(self, error: Exception) -> GimpDied:
        time.sleep(0.2)
        if self.alive:
            return GimpDied(f"{self.stem} does not listen: {error}\n{self.stacks()}")
        crash = Path(f"{self.path}.stacks").read_text(errors="replace").rpartition("Fatal Python error")
        stacks = "".join(crash[1:])[:4000] if crash[1] else ""
        log = self._log.read_text(errors="replace")[-3000:]
        return GimpDied(f"{self.stem} has ended.\n{stacks}\nGIMP's last output:\n{log}")
