"""Starts a real GIMP 3 and drives it, from pytest and from plain scripts.

    with Gimp() as gimp:                                   # without a window; Gimp(window=True) has one, on a screen
        gimp.run("[each.get_name() for each in Gimp.get_images()]")      # the last line's value
        gimp.batch("len(Gimp.get_images())").result        # in a gimp-console of its own, as in a shell script
        gimp.display.drag((400, 400), (500, 420))          # real events, where there is a window
        gimp.screenshot("after the drag")
        gimp.plugin().run("sys.modules['pullface.plugin']")              # inside Pullface's own process

GIMP gets a HOME and a PULLFACE_HOME of its own, and everything that it starts is ended with it. ``run`` works in the
tests' own plug-in, in whose main loop images and procedures are at hand; a call that lasts goes
to ``begin``, which uses a second one, so that ``run`` stays free. GIMP and its plug-ins see the paths of /tmp as the
tests do, and no others.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import signal
import subprocess
import textwrap
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.editors.backends import note_the_installation
from tests.editors.display import die_with_parent
from tests.editors.driving import Editor
from tests.editors.probing import EditorDied, EditorError, EditorTimeout, Probe

from .places import GimpPlace
from .plugins import PROBES, bring_answers, install_plugin, install_probes, keep_answers, profile_of

__all__ = ["Batch", "EditorDied", "EditorError", "EditorTimeout", "Gimp", "Probe"]

WINDOW_TITLE = "(^|– )(GIMP|GNU Image Manipulation Program)$"
"""Of GIMP's window, with or without an image (a regular expression)."""

# Nothing that asks or greets at the start; with another language than before GIMP asks all plug-ins anew.
_GIMPRC = """\
(show-welcome-dialog no)
(check-updates no)
(config-version "{version}")
(prev-language "C.UTF-8")
"""

_BATCH = """
import json, sys
sys.path.append({probe!r})
from snippets import evaluate
from gimp_probe import names
value = evaluate({code!r}, json.loads({arguments!r}), names())
with open({result!r}, "w") as file:
    json.dump(value, file)
"""


@dataclass(frozen=True)
class Batch:
    """What a gimp-console left.

    Attributes:
        status: its exit status: 0 well, 64 the batch failed, negative for a signal.
        output: what it and its plug-ins printed.
        result: the value of the snippet's last line; None where it failed or had none.
        seconds: how long it took.
    """

    status: int
    output: str
    result: Any
    seconds: float


class Gimp(Editor):
    """One running GIMP.

    Args:
        place: which GIMP; by default the one that PULLFACE_GIMP names, else the installed one.
        home: its HOME; by default a temporary folder that is deleted in the end.
        plugin: install Pullface.
        window: with GIMP's window, on a screen of its own; else ``gimp-console``.
        size: of the screen in pixels.
        gimprc: more lines for GIMP's settings.
        shortcuts: keys for actions, such as ``{"plug-in-pullface": "<Primary><Alt>p"}``.
        variables: more environment variables.
    """

    NAME = "gimp"

    def __init__(
        self,
        place: GimpPlace | None = None,
        *,
        home: Path | None = None,
        plugin: bool = True,
        window: bool = False,
        size: tuple[int, int] = (1600, 1000),
        gimprc: str = "",
        shortcuts: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.place = place or GimpPlace.chosen()
        super().__init__(self.place.name, home, size if window else None, variables)
        series = self.place.series
        assert series is not None, self.place.missing()
        self.profile = profile_of(self.home, series)
        self.window = window
        self._plugin, self._gimprc, self._shortcuts = plugin, gimprc, shortcuts or {}
        self._probes = self.home / "probes"
        self._batches = itertools.count(1)

    def install(self) -> None:
        """Put the plug-ins and the settings into HOME, as ``start`` does by itself."""
        self._probes.mkdir(parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        self.profile.plug_ins.mkdir(parents=True, exist_ok=True)
        install_probes(self.home, self.profile)
        bring_answers(self.profile, self.place)
        if self._plugin:
            if not self.profile.script.exists():
                install_plugin(self.profile)
            note_the_installation(self.pullface_home, outside=self.place.root is not None)
        if not (self.profile.folder / "gimprc").exists():
            settings = _GIMPRC.format(version=self.place.version()) + self._gimprc
            (self.profile.folder / "gimprc").write_text(settings)
        if self._shortcuts:
            lines = ["(file-version 1)"]
            lines += [f'(action "{action}" "{keys}")' for action, keys in self._shortcuts.items()]
            (self.profile.folder / "shortcutsrc").write_text("\n".join(lines) + "\n")

    def start(self, timeout: float = 300.0) -> Gimp:
        """Install the plug-ins, start GIMP and wait until the tests' own plug-ins answer; see ``Editor.start``."""
        assert not self.running, "it runs already"
        self.install()
        for leftover in self._probes.iterdir():
            leftover.unlink()
        arguments = ["--new-instance", "--no-splash"] if self.window else ["--no-interface"]
        self._launch(self.place.command(self.place.program(self.window), self._environment(), *arguments))
        self._wait_for_the_probes(time.monotonic() + timeout)
        return self

    def _ask_to_quit(self) -> None:
        self.run("_t = GLib.timeout_add(50, lambda: pdb('gimp-quit', force=True) and False)\nNone")

    def backends(self) -> list[int]:
        """The backend's processes, by their command line, so that GIMP's plug-ins are left out."""
        found = []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if b"backend." in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    # -- inside

    def main_probe(self) -> Probe:
        """The first of the tests' own plug-ins, in which ``run`` runs; see ``Editor.main_probe``."""
        return self._probe(PROBES[0])

    def begin(self, code: str, *arguments: Any, timeout: float = 300.0) -> Future[Any]:
        """Run a snippet in the second one of the tests' plug-ins while the test goes on; see ``Probe.begin``."""
        return self._probe(PROBES[1]).begin(code, *arguments, timeout=timeout)

    def plugins(self, stem: str = "pullface") -> list[Probe]:
        """The running processes of a plug-in, the oldest first: Pullface's extension, its dialogs."""
        files = (file for file in self._probes.glob(f"{stem}.*") if file.suffix[1:].isdigit())
        probes = [
            Probe(file, file.stem, int(file.suffix[1:]), self.log) for file in files if file.is_socket()
        ]
        return sorted(
            (probe for probe in probes if probe.alive), key=lambda probe: probe.path.stat().st_mtime_ns
        )

    def plugin(self, which: str = "True", timeout: float = 30.0) -> Probe:
        """The process of Pullface in which an expression is true, such as ``'pullface.dialog' in sys.modules``.

        Raises:
            EditorTimeout: there is none within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            for probe in reversed(self.plugins()):
                with contextlib.suppress(EditorDied):
                    if probe.run(which, timeout=timeout):
                        return probe
            if time.monotonic() > deadline:
                seen = [f"{probe.name} {probe.pid}" for probe in self.plugins()]
                raise EditorTimeout(
                    f"no plug-in with {which} within {timeout} s; there are {seen}\n{self._tail()}"
                )
            time.sleep(0.1)

    def batch(
        self,
        code: str,
        *arguments: Any,
        interpreter: str = "python-fu-eval",
        options: tuple[str, ...] = (),
        timeout: float = 120.0,
    ) -> Batch:
        """Run a batch in a gimp-console of its own, with the same HOME, whether this GIMP runs or not.

        Args:
            code: a snippet of Python, as for ``run``; for another interpreter the text that it gets.
            arguments: what can stand in JSON; the snippet finds them as ``arguments``.
            interpreter: or ``plug-in-script-fu-eval``.
            options: more of gimp-console's, such as file names.

        Raises:
            subprocess.TimeoutExpired: it did not end; it was killed.
        """
        self.install()
        result = self.home / f"batch-{os.getpid()}-{next(self._batches)}.json"
        if interpreter == "python-fu-eval":
            told = json.dumps(arguments)
            text = _BATCH.format(
                probe=str(self.home / "probe"), code=textwrap.dedent(code), arguments=told, result=str(result)
            )
            # The text goes through GIMP's own quoting: without quotes of ours nothing can go wrong there.
            packed = base64.b64encode(text.encode()).decode()
            code = f"import base64; exec(base64.b64decode('{packed}'))"
        batch = ["--batch-interpreter", interpreter, "--batch", code, "--quit"]
        command = [*self.console(), "--no-interface", *options, *batch]
        begun = time.monotonic()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/tmp",
            start_new_session=True, preexec_fn=die_with_parent,
        ) as process:  # fmt: skip
            try:
                output, _ = process.communicate(timeout=timeout)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        seconds = time.monotonic() - begun
        value = json.loads(result.read_text()) if result.exists() else None
        result.unlink(missing_ok=True)
        keep_answers(self.profile, self.place)
        return Batch(process.returncode, output.decode(errors="replace"), value, seconds)

    def console(self) -> list[str]:
        """How to start a gimp-console with the same HOME; its own arguments come behind."""
        return self.place.command(self.place.program(window=False), self._environment())

    def close_images(self) -> None:
        """Close every image, its windows included, and drop its changes."""
        self.run(
            """
            for _image in Gimp.get_images():
                _image.clean_all()
            # GIMP lists no displays, but numbers them from 1 on.
            _number = _misses = 0
            while _misses < 10 and arguments[0] and Gimp.get_images():
                _number += 1
                _display = Gimp.Display.get_by_id(_number)
                _misses = 0 if _display is not None else _misses + 1
                if _display is not None:
                    _display.delete()
            for _image in Gimp.get_images():
                _image.delete()
            """,
            self.window,
        )

    # -- within

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "NO_AT_BRIDGE": "1",
            "PYTHONPATH": str(self.home / "probe"),
            "PULLFACE_PROBES": str(self._probes),
            **({"GDK_BACKEND": "x11"} if self.window else {}),
            **self._variables,
        }

    def _probe(self, stem: str) -> Probe:
        found = self.plugins(stem)
        if not found:
            raise self._died(self._tail())
        return found[-1]

    def _wait_for_the_probes(self, deadline: float) -> None:
        for stem in PROBES:
            while not self.plugins(stem):
                if not self.running:
                    raise self._died(self._tail())
                if time.monotonic() > deadline:
                    raise self._no_window("its plug-ins do not answer", self._tail())
                time.sleep(0.1)
            self._probe(stem).run("Gimp.version()", timeout=max(1.0, deadline - time.monotonic()))
        if self.window:
            self._wait_for_the_window(deadline)

    def _wait_for_the_window(self, deadline: float) -> None:
        try:
            window = self.display.window(WINDOW_TITLE, max(1.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise self._no_window(str(error), self._tail()) from None
        width, height = (str(length) for length in self.display.size)
        self.display.xdotool("windowsize", str(window), width, height)
        self.display.focus(window)
        self.display.settle(quiet=1.5)

    def _wait_for_its_end(self, timeout: float) -> int:
        status = super()._wait_for_its_end(timeout)
        if status == 0:
            keep_answers(self.profile, self.place)
        return status

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
