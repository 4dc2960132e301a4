"""Asks a process of an editor from outside: runs snippets in its main thread."""

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

from .messages import receive, send


class EditorError(Exception):
    """A snippet failed inside the editor.

    Attributes:
        kind: the exception's class inside, such as ``"AttributeError"``.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


class EditorTimeout(EditorError):  # noqa: N818
    """No answer in time; the message holds the stack of every thread of the process's Python."""


class EditorDied(EditorError):  # noqa: N818
    """The process has ended or crashed; the message holds the stacks if there were any, and the end of its output."""


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class Probe:
    """One process with a probe in it.

    Snippets run in its main thread and share their names; what they find without importing it, the editor's probe says.
    Values are numbers, texts, bytes, lists and dictionaries.

    Args:
        path: its socket; the probe writes stacks beside it, to PATH.stacks.
        name: of the process, for messages.
        pid: its number.
        log: its output.
        died: makes the error of its end from its last words; by default it only says that it has ended.
    """

    def __init__(
        self, path: Path, name: str, pid: int, log: Path, died: Callable[[str], EditorDied] | None = None
    ) -> None:
        self.path, self.name, self.pid, self._log = path, name, pid, log
        self._ended = died or (lambda words: EditorDied(f"{name} has ended.\n{words}"))

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return is_alive(self.pid)

    def run(self, code: str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Run a snippet; it finds the arguments as ``arguments``.

        Returns:
            The value of the last line when that is an expression, else None.

        Raises:
            EditorError: it raised; the message is the traceback.
            EditorTimeout: no answer within ``timeout`` seconds.
            EditorDied: the process is not there any more.
        """
        request = {"code": textwrap.dedent(code), "arguments": list(arguments)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self.path))
                send(connection, request)
                reply = receive(connection)
        except TimeoutError:
            raise EditorTimeout(f"No answer from {self.name} within {timeout} s.\n{self.stacks()}") from None
        except (EOFError, OSError) as error:
            raise self._died(error) from None
        if reply["printed"]:
            print(reply["printed"], end="", flush=True)
        if "failed" in reply:
            raise EditorError(f"inside {self.name}:\n{reply['failed']}", reply["kind"])
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
        """Call a function inside.

        Args:
            function: a ``def`` of ours, whose source is sent (it sees the names of a snippet, not of its module), or
                the name of one that an earlier snippet has defined or imported.
        """
        if isinstance(function, str):
            return self.run(f"{function}(*arguments)", *arguments, timeout=timeout)
        source = textwrap.dedent(inspect.getsource(function))
        return self.run(f"{source}\n{function.__name__}(*arguments)", *arguments, timeout=timeout)

    def wait_until(self, expression: str, timeout: float = 60.0, poll: float = 0.05) -> Any:
        """Wait until the expression is true inside, asking again and again from outside.

        Returns:
            Its first true value.

        Raises:
            EditorTimeout: it did not become true; the message has its last value.
        """
        deadline = time.monotonic() + timeout
        while True:
            value = self.run(expression, timeout=timeout)
            if value:
                return value
            if time.monotonic() > deadline:
                raise EditorTimeout(f"not true after {timeout} s: {expression} (is {value!r})")
            time.sleep(poll)

    def stacks(self) -> str:
        """What every thread of its Python is doing."""
        file = Path(f"{self.path}.stacks")
        # The probe opens the file when it can tell; before that the signal would end the process.
        if not self.alive or not file.exists() or not self.path.exists():
            return ""
        size = file.stat().st_size
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
        deadline, written = time.monotonic() + 10, -1
        while time.monotonic() < deadline:
            time.sleep(0.5)  # until nothing is added any more
            before, written = written, file.stat().st_size
            if written == before and written > size:
                break
        return file.read_text(errors="replace")[size:]

    def _died(self, error: Exception) -> EditorDied:
        deadline = time.monotonic() + 2
        while self.alive and time.monotonic() < deadline:  # it may be about to end
            time.sleep(0.05)
        if self.alive:
            return EditorDied(f"{self.name} does not listen: {error}\n{self.stacks()}")
        return self._ended(self.last_words())

    def last_words(self) -> str:
        """The stacks of a crash, and the end of what the process has printed."""
        stacks, log = (
            file.read_text(errors="replace") if file.exists() else ""
            for file in (Path(f"{self.path}.stacks"), self._log)
        )
        crash = stacks.rpartition("Fatal Python error")
        told = "".join(crash[1:])[:4000] if crash[1] else ""
        return f"{told}\nThe last output:\n{log[-3000:]}"
