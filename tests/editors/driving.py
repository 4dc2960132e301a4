"""The life of a driven editor, whichever it is: a HOME of its own, a screen, its start and its end."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeVar

from .backends import end_processes, processes
from .display import Display, die_with_parent
from .probing import EditorDied, EditorError, EditorTimeout, Probe

_INHERITED = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TZ")

Self = TypeVar("Self", bound="Editor")


class Editor(ABC):
    """One editor that the tests start.

    Args:
        place: the name of the place that it comes from, for file names.
        home: its HOME; by default a temporary folder that is deleted in the end.
        screen: width and height in pixels; None for an editor without a window.
        variables: more environment variables.
    """

    NAME: ClassVar[str]
    PATH: ClassVar[str] = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def __init__(
        self,
        place: str,
        home: Path | None,
        screen: tuple[int, int] | None,
        variables: dict[str, str] | None,
    ) -> None:
        self._place_name = place
        self._own_home = home is None
        # Below /tmp, which a debootstrap folder shares with us.
        self.home = home or Path(tempfile.mkdtemp(prefix=f"pullface-{self.NAME}-", dir="/tmp"))
        self.pullface_home = self.home / "pullface"
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._display = Display(screen) if screen else None
        self.exit_status: int | None = None
        """The last exit status: negative for a signal, None while it runs."""

    def __enter__(self: Self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def start(self, timeout: float = 300.0) -> Editor:
        """Install what is needed, start it and wait until it can be used.

        Raises:
            EditorTimeout, EditorDied: it did not come up.
        """

    @abstractmethod
    def main_probe(self) -> Probe:
        """The process in which ``run`` runs. Raises ``EditorDied`` where there is none."""

    @abstractmethod
    def _ask_to_quit(self) -> None:
        """Make it end as its own menu would, with unsaved changes dropped."""

    def quit(self, timeout: float = 120.0) -> int:
        """Quit without saving anything.

        Returns:
            The exit status.

        Raises:
            EditorTimeout: it did not end; it was killed.
        """
        if self.running:
            with contextlib.suppress(EditorDied):
                self._ask_to_quit()
        try:
            return self._wait_for_its_end(timeout)
        except subprocess.TimeoutExpired:
            stacks = ""
            with contextlib.suppress(EditorDied):
                stacks = self.main_probe().stacks()
            self.kill()
            raise EditorTimeout(f"{self.NAME} did not quit within {timeout} s.\n{stacks}") from None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._wait_for_its_end(30)

    def restart(self) -> None:
        """Quit if it runs, and start again with the same HOME."""
        if self.running:
            self.quit()
        self.start()

    def close(self) -> None:
        """End it, every process that it started, the screen; delete the temporary HOME."""
        with contextlib.suppress(EditorError, OSError):
            if self.running:
                self.quit(timeout=60)
        self.kill()
        end_processes("PULLFACE_HOME", self.pullface_home)
        if self._display is not None:
            self._display.close()
        if self._own_home:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process number."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def display(self) -> Display:
        """The screen; only for an editor with a window."""
        assert self._display is not None, "it has no window"
        return self._display

    @property
    def runtime(self) -> Path:
        """Its XDG_RUNTIME_DIR."""
        return self.home / ".runtime"

    @property
    def log(self) -> Path:
        """What it and its plug-ins print."""
        return self.home / f"{self.NAME}.log"

    def processes(self) -> list[int]:
        """Every process that belongs to its PULLFACE_HOME, itself left out."""
        own = getattr(self._process, "pid", None)
        return [pid for pid in processes("PULLFACE_HOME", self.pullface_home) if pid != own]

    def run(self, code: str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Run a snippet inside; see ``Probe.run``."""
        return self.main_probe().run(code, *arguments, timeout=timeout)

    def call(self, function: Callable[..., Any] | str, *arguments: Any, timeout: float = 60.0) -> Any:
        """Call a function inside; see ``Probe.call``."""
        return self.main_probe().call(function, *arguments, timeout=timeout)

    def wait_until(self, expression: str, timeout: float = 60.0, poll: float = 0.05) -> Any:
        """Wait until an expression is true inside; see ``Probe.wait_until``."""
        try:
            return self.main_probe().wait_until(expression, timeout, poll)
        except EditorTimeout as error:
            if self._display is None:
                raise
            raise EditorTimeout(f"{error}; see {self.screenshot('timeout')}") from None

    def screenshot(self, name: str = "screen") -> Path:
        """Keep a PNG of the screen in PULLFACE_SCREENSHOTS, else in a temporary folder; numbered in their order."""
        folder = Path(
            os.environ.get("PULLFACE_SCREENSHOTS") or Path(tempfile.gettempdir()) / "pullface-screenshots"
        )
        words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        file = f"{self.NAME}-{self._place_name}-{words}-{self.pid}-{next(self._numbers):03}.png"
        return self.display.screenshot(folder / file)

    def _environment(self) -> dict[str, str]:
        """The variables that it gets, and no others."""
        variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        variables |= {
            "PATH": self.PATH,
            "HOME": str(self.home),
            "PULLFACE_HOME": str(self.pullface_home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }
        if self._display is not None:
            variables["DISPLAY"] = self._display.name
        return variables

    def _launch(self, command: Sequence[str]) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/tmp",
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.exit_status = None

    def _wait_for_its_end(self, timeout: float) -> int:
        assert self._process is not None, "not started"
        self.exit_status = self._process.wait(timeout=timeout)
        self._process = None
        return self.exit_status

    def _died(self, words: str) -> EditorDied:
        """How it has ended, with its last words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(timeout=2)
        if self._process is not None:
            self.exit_status = self._process.poll()
        return EditorDied(f"{self.NAME} has ended with status {self.exit_status}.\n{words}")

    def _no_window(self, reason: str, words: str) -> EditorTimeout:
        """Ends an editor that does not come up. Returns what to raise."""
        picture = f"; see {self.screenshot('no-window')}" if self._display is not None else ""
        self.kill()
        return EditorTimeout(f"{self.NAME} does not come up: {reason}{picture}\n{words}")
