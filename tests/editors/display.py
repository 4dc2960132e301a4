"""A virtual screen: Xvfb, real key and mouse events through xdotool, pictures of it."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Place = TypeVar("Place")

TOOLS = {"Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick"}
"""What has to be there: the program, and Debian's package that brings it."""


def missing_tools() -> list[str]:
    """Debian's names of the packages that are missing."""
    return [package for program, package in TOOLS.items() if shutil.which(program) is None]


def die_with_parent() -> None:
    """For ``preexec_fn``: the kernel ends the child when this process dies, however it dies (Linux)."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def still(where: Callable[[], Place], seconds: float = 60.0) -> Place:
    """Ask where something is until the answer has been the same three times.

    Raises:
        TimeoutError: it is not within so many seconds.
    """
    deadline, same = time.monotonic() + seconds, 1
    before = where()
    while same < 3:
        if time.monotonic() > deadline:
            raise TimeoutError(f"It does not come to rest, and is at {before} now.")
        time.sleep(0.05)
        now = where()
        same = same + 1 if now == before else 1
        before = now
    return before


class Display:
    """One Xvfb with a display number of its own.

    Args:
        size: width and height in pixels.
        dpi: of the screen; Qt takes it for its scaling when it is told to.
    """

    def __init__(self, size: tuple[int, int] = (1600, 1000), dpi: int = 96) -> None:
        self.size = size
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size[0]}x{size[1]}x24"]
        command += ["-dpi", str(dpi), "-nolisten", "tcp", "-noreset"]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=[writing],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            ready, _, _ = select.select([answer], [], [], 30)
            number = answer.readline().strip() if ready else b""
        if not number.isdigit():
            self.close()
            raise RuntimeError("Xvfb did not start within 30 s.")
        self.name = f":{int(number)}"
        """As in the variable DISPLAY."""

    def close(self) -> None:
        """End the screen and everything on it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def screenshot(self, file: Path) -> Path:
        """Write a PNG of the whole screen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._run(["import", "-silent", "-window", "root", f"png:{file}"])
        return file

    def settle(self, quiet: float = 0.5, timeout: float = 30.0) -> None:
        """Wait until the screen has looked the same for ``quiet`` seconds, for ``timeout`` seconds at most."""
        deadline = time.monotonic() + timeout
        before, since = b"", time.monotonic()
        while time.monotonic() < deadline:
            now = hashlib.md5(self._picture()).digest()
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
            time.sleep(0.1)

    def windows(self, title: str = "") -> list[int]:
        """The windows on the screen with this in their title (a regular expression), the lowest first.

        Raises:
            RuntimeError: xdotool does not say within 20 s.
        """
        return self._search("--name", title)

    def top_windows(self) -> set[int]:
        """Every window on the screen that lies in no other one: also those without a title, such as open menus."""
        return set(self._search("--maxdepth", "1", "--class", ""))

    def window(self, title: str, seconds: float = 60.0) -> int:
        """Wait for a window with this in its title (a regular expression); the lowest of several.

        Raises:
            TimeoutError: there is none within so many seconds; the message names those that there are.
        """
        deadline = time.monotonic() + seconds
        while not (found := self.windows(title)):
            if time.monotonic() > deadline:
                there = ", ".join(f"“{each}”" for each in self._titles()) or "no window at all"
                raise TimeoutError(f"There is no window “{title}” after {seconds:g} s, but {there}.")
            time.sleep(0.1)
        return found[0]

    def _search(self, *what: str) -> list[int]:
        deadline = time.monotonic() + 20
        while True:
            answer = self._answer(["xdotool", "search", "--onlyvisible", *what])
            if answer.returncode == 0 or not answer.stderr.strip():
                return [int(word) for word in answer.stdout.split()]
            # It goes through the tree of all windows, and says nothing of any when one is destroyed in the meantime.
            if time.monotonic() > deadline:
                raise RuntimeError(f"xdotool search {' '.join(what)}: {answer.stderr.strip()}")
            time.sleep(0.02)

    def _titles(self) -> list[str]:
        found = []
        for window in self.windows():
            with contextlib.suppress(RuntimeError):  # gone in the meantime
                found.append(self.xdotool("getwindowname", str(window)))
        return [title for title in found if title]

    def _picture(self) -> bytes:
        command = ["import", "-silent", "-window", "root", "rgb:-"]
        variables = {**os.environ, "DISPLAY": self.name}
        return subprocess.run(command, env=variables, capture_output=True, timeout=60, check=True).stdout

    def move(self, x: float, y: float) -> None:
        """Move the pointer to a place on the screen (pixels)."""
        # --sync would wait for 15 s when the pointer is there already.
        self.xdotool("mousemove", str(round(x)), str(round(y)))

    def press(self, button: int = 1) -> None:
        """Press a button: 1 left, 2 middle, 3 right."""
        self.xdotool("mousedown", str(button))

    def release(self, button: int = 1) -> None:
        """Release a button."""
        self.xdotool("mouseup", str(button))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Move, press and release."""
        self.move(x, y)
        self.press(button)
        self.release(button)

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], button: int = 1, steps: int = 8
    ) -> None:
        """Press at ``start``, move to ``end`` in steps, release."""
        self.move(*start)
        self.press(button)
        for step in range(1, steps + 1):
            part = step / steps
            self.move(start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
            time.sleep(0.01)
        self.release(button)

    def key(self, *names: str) -> None:
        """Press and release keys by X's names, such as ``ctrl+z``, ``Delete``, ``Return``."""
        self.xdotool("key", "--clearmodifiers", *names)

    def key_down(self, name: str) -> None:
        """Hold a key."""
        self.xdotool("keydown", name)

    def key_up(self, name: str) -> None:
        """Let go of a key."""
        self.xdotool("keyup", name)

    def type(self, text: str) -> None:
        """Type a text."""
        self.xdotool("type", "--delay", "20", text)

    def wheel(self, clicks: int) -> None:
        """Turn the wheel where the pointer is: positive is away from the hand (up)."""
        button = "4" if clicks > 0 else "5"
        self.xdotool("click", "--repeat", str(abs(clicks)), "--delay", "30", button)

    def focus(self, window: int, seconds: float = 20.0) -> None:
        """Give a window the keyboard, which nobody does without a window manager; wait until it is mapped and has it.

        Raises:
            TimeoutError: it does not get it within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while True:
            # X refuses it for a window that is asked to come but is not on the screen yet.
            answer = self._answer(["xdotool", "windowfocus", str(window)])
            if self._answer(["xdotool", "getwindowfocus", "-f"]).stdout.strip() == str(window):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"The window {window} does not get the keyboard. {answer.stderr.strip()}")
            time.sleep(0.05)

    def xdotool(self, *arguments: str) -> str:
        """Run xdotool with these arguments and return what it printed."""
        return self._run(["xdotool", *arguments])

    def _run(self, command: Sequence[str]) -> str:
        answer = self._answer(command)
        if answer.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {answer.stderr.strip() or answer.returncode}")
        return answer.stdout.strip()

    def _answer(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "DISPLAY": self.name}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
