"""The private virtual environment: made, repaired and brought up to date stage by stage."""

from __future__ import annotations

import json
import locale
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .machine import Source, TorchPlan
from .pip import Outcome, clean_environment, put_pip_in, run_pip
from .progress import Progress
from .stages import Stages, key_of
from .texts import InstallError, duration, megabytes

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
INSTALLATION_FILE = "installation.json"
"""Beside the environment, in the data folder; ``backend.wire.launch`` reads it."""

RUNTIME_MEGABYTES = 60
TEST_MEGABYTES = 210

# Connections that hang are given up after these; pip's defaults would wait for minutes.
_PATIENCE = ("--timeout", "20", "--retries", "4")
_SHORT_PATIENCE = ("--timeout", "8", "--retries", "1")


class Environment:
    """The environment in one folder. Every method leaves a state from which the next run goes on.

    Args:
        folder: where it is or shall be.
        log: file that keeps pip's whole output.
        requirements: folder of the lock files.
    """

    def __init__(self, folder: Path, log: Path, requirements: Path = REQUIREMENTS) -> None:
        self.folder = folder
        self.log = log
        self._requirements = requirements
        self.stages = Stages(folder / "stages")

    @property
    def python(self) -> Path:
        """The environment's interpreter, whether it is there yet or not."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def command(self) -> Path:
        """The ``pullface`` command."""
        return self.folder / ("Scripts/pullface.cmd" if os.name == "nt" else "bin/pullface")

    def usable(self) -> bool:
        """True when the interpreter is there and starts."""
        try:
            return self._ask("import sys; print(sys.prefix)") != ""
        except (OSError, subprocess.SubprocessError):
            return False

    def ready(self, plan: TorchPlan, with_tests: bool) -> bool:
        """True when nothing is left to do."""
        return self.usable() and all(
            self.stages.finished(name, key) for name, key in self._keys(plan, with_tests)
        )

    def missing(self, plan: TorchPlan, with_tests: bool) -> list[str]:
        """Names of the stages that are still to be done."""
        usable = self.usable()
        return [
            name
            for name, key in self._keys(plan, with_tests)
            if not usable or not self.stages.finished(name, key)
        ]

    def bring_up_to_date(self, plan: TorchPlan, with_tests: bool) -> None:
        """Do every stage that is not finished.

        Raises:
            InstallError: a stage failed; the finished ones stay.
        """
        keys = dict(self._keys(plan, with_tests))
        if not self.usable() or not self.stages.finished("environment", keys["environment"]):
            self._make(keys["environment"])
        if not self.stages.finished("libraries", keys["libraries"]):
            self._install_lock("libraries", "Libraries", keys["libraries"], "runtime.lock")
        if not self.stages.finished("torch", keys["torch"]):
            self._install_torch(keys["torch"], plan)
        if not self.stages.finished("pullface", keys["pullface"]):
            self._link_project(keys["pullface"])
        if with_tests and not self.stages.finished("tests", keys["tests"]):
            self._install_lock("tests", "Test tools", keys["tests"], "test.lock")

    def bring_pip(self) -> None:
        """Make the environment if there is none, with pip in it and nothing else: enough to fetch files with.

        Raises:
            InstallError: it cannot be made.
        """
        if not self.usable():
            self._make(self._environment_key)

    def download(self, arguments: Sequence[str], progress: Progress) -> Outcome:
        """Run ``pip download`` with these arguments."""
        return self._pip_command("download", [*_PATIENCE, *arguments], progress)

    @property
    def _environment_key(self) -> str:
        return key_of("1", _this_python())

    def _keys(self, plan: TorchPlan, with_tests: bool) -> list[tuple[str, str]]:
        python = _this_python()
        keys = [
            ("environment", self._environment_key),
            ("libraries", key_of(python, self._lock("runtime.lock"))),
            ("torch", key_of(python, self._lock("torch.lock"), plan.kind)),
            ("pullface", key_of("2", str(ROOT), str(self.folder))),
        ]
        if with_tests:
            keys.append(("tests", key_of(python, self._lock("test.lock"))))
        return keys

    def _make(self, key: str) -> None:
        """Make the environment anew; what stands there half-made or for another Python is removed first."""
        progress = Progress("Environment")
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / "stages").is_dir() and not (self.folder / "pyvenv.cfg").is_file():
                raise InstallError(
                    f"{self.folder} holds something that Pullface did not make.",
                    "Move it away, or set PULLFACE_HOME to another folder.",
                )
            progress.show("removing a half-made or outdated one")
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.stages.running("environment", key, python=sys.version.split()[0]):
            progress.show(f"making it with Python {sys.version.split()[0]}")
            make = [sys.executable, "-m", "venv", "--without-pip", str(self.folder)]
            made = subprocess.run(make, capture_output=True, text=True, env=clean_environment(), check=False)
            if made.returncode == -signal.SIGINT:
                raise KeyboardInterrupt  # Ctrl+C can reach the child alone, when it comes while it is being started
            if made.returncode != 0 or not self.usable():
                raise InstallError(
                    "This Python cannot make virtual environments.",
                    "On Debian and Ubuntu: sudo apt install python3-venv; elsewhere take Python from python.org. "
                    + made.stderr.strip()[-200:],
                )
            progress.show("adding pip")
            put_pip_in(self.python)
            # A current pip resumes broken downloads. Without it the older one still does the work.
            pins = [line for line in self._lock("runtime.lock").splitlines() if line.startswith("pip==")]
            if pins:
                run_pip(self._pip, ["install", *_SHORT_PATIENCE, *pins], progress, self.log)
        progress.done(f"made with Python {sys.version.split()[0]} ({duration(progress.seconds)})")

    def _lock(self, name: str) -> str:
        return lock_text(name, self._requirements)

    @property
    def _pip(self) -> list[str]:
        return [str(self.python), "-I", "-m", "pip"]

    def _install_lock(self, name: str, title: str, key: str, lock: str) -> None:
        progress = Progress(title)
        with self.stages.running(name, key) as broke_off:
            requirement = ["--requirement", str(self._requirements / lock)]
            outcome = self._install([*_PATIENCE, *requirement], progress, broke_off)
            if not outcome.ok:
                progress.clear()
                raise outcome.error(self.log)
        progress.done(f"installed ({duration(progress.seconds)})")

    def _install_torch(self, key: str, plan: TorchPlan) -> None:
        progress = Progress("PyTorch")
        with self.stages.running("torch", key, kind=plan.kind) as broke_off:
            for source in plan.sources:
                outcome = self._try_source(source, plan, progress, broke_off)
                if outcome.ok:
                    break
                if not outcome.not_found:
                    progress.clear()
                    raise outcome.error(self.log)
            else:
                progress.clear()
                raise self._no_torch(plan, outcome)
            version = self._check_torch(progress)
        progress.done(f"{version} installed ({duration(progress.seconds)})")

    def _try_source(self, source: Source, plan: TorchPlan, progress: Progress, broke_off: bool) -> Outcome:
        progress.show(f"looking for {source.version}")
        self._ask_for_room(source.disk_megabytes)
        if source.with_libraries and len(plan.sources) > 1:
            progress.clear()
            print(
                "  PyTorch: the small CPU build is not to be had from here; taking the general one instead, "
                f"about {megabytes(source.megabytes)}. (Ctrl+C to leave.)",
                flush=True,
            )
        # === takes exactly this build, and changes one build for another: == would take 2.13.0+cpu for 2.13.0.
        arguments = [f"torch==={source.version}"]
        if source.index:
            arguments += ["--index-url", source.index, *_SHORT_PATIENCE]
        else:
            arguments += _PATIENCE
        if not source.with_libraries:
            arguments.append("--no-deps")  # the lock of the runtime has them
        return self._install(arguments, progress, broke_off)

    def _install(self, arguments: Sequence[str], progress: Progress, broke_off: bool) -> Outcome:
        # After a break whatever lies there may be half-written.
        options = ["--ignore-installed"] if broke_off else []
        return self._pip_command("install", [*options, *arguments], progress)

    def _pip_command(self, command: str, arguments: Sequence[str], progress: Progress) -> Outcome:
        version = self._pip_version()
        options = ["--progress-bar", "raw" if version >= (24, 1) else "off"]
        if version >= (25, 1):
            options += ["--resume-retries", "20"]
        return run_pip(
            self._pip, [command, "--only-binary", ":all:", *options, *arguments], progress, self.log
        )

    def _no_torch(self, plan: TorchPlan, outcome: Outcome) -> InstallError:
        if outcome.connection_trouble:
            return outcome.error(self.log)
        asked = ", ".join(source.version for source in plan.sources)
        return InstallError(
            f"No package source offers PyTorch for Python {sys.version.split()[0]} (asked: {asked}).",
            f"Use Python 3.10 to 3.14, or name a folder with the wheel in PIP_FIND_LINKS. Details: {self.log}.",
        )

    def _check_torch(self, progress: Progress) -> str:
        """Import PyTorch once: proves that it works here, and writes its byte code for the first start."""
        progress.show("starting it once")
        try:
            return self._ask("import torch; print(torch.__version__)")
        except subprocess.CalledProcessError as failure:
            last = (failure.stderr or "").strip().splitlines()[-1:] or ["no reason given"]
            raise InstallError(
                f"PyTorch is installed but does not start: {last[0]}",
                "On Windows install the Microsoft Visual C++ runtime; elsewhere run `install.py uninstall` and "
                "try again.",
            ) from failure

    def _link_project(self, key: str) -> None:
        """Let the environment import the packages from this folder, and add the ``pullface`` command.

        A path file does what an editable installation does, without a build step that needs the network.
        """
        with self.stages.running("pullface", key):
            packages = Path(self._ask("import sysconfig; print(sysconfig.get_paths()['purelib'])"))
            # Python before 3.13 reads path files in the locale's encoding.
            encoding = "utf-8" if sys.version_info >= (3, 13) else locale.getpreferredencoding(False)
            (packages / "pullface.pth").write_text(f"{ROOT}\n", encoding=encoding)
            # -I keeps a folder named "backend" in the artist's working folder out of the way.
            if os.name == "nt":
                self.command.write_text(f'@"{self.python}" -I -m backend.cli %*\n', encoding=encoding)
            else:
                text = f'#!/bin/sh\nexec "{self.python}" -I -m backend.cli "$@"\n'
                self.command.write_text(text, encoding="utf-8")
                self.command.chmod(0o755)
            # The editors' plugins start the backend with what stands here.
            installation = {"python": str(self.python), "source": str(ROOT)}
            note = self.folder.parent / INSTALLATION_FILE
            note.write_text(json.dumps(installation, indent=1), encoding="utf-8")

    def _ask_for_room(self, wanted_megabytes: int) -> None:
        free = shutil.disk_usage(self.folder).free / 1e6
        if free < wanted_megabytes:
            raise InstallError(
                f"Only {megabytes(free)} are free on the disk; about {megabytes(wanted_megabytes)} are needed.",
                f"Free some space, or set PULLFACE_HOME to a folder on a larger disk (now {self.folder}).",
            )

    def _ask(self, code: str) -> str:
        run = [str(self.python), "-I", "-c", code]
        answer = subprocess.run(
            run, capture_output=True, text=True, timeout=300, check=True, env=clean_environment()
        )
        return answer.stdout.strip()

    def _pip_version(self) -> tuple[int, int]:
        try:
            text = self._ask("import pip; print(pip.__version__)")
            major, minor = text.split(".")[:2]
            return int(major), int(minor)
        except (subprocess.SubprocessError, ValueError):
            return (0, 0)


def _this_python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]} {sys.platform}"


def lock_text(name: str, folder: Path = REQUIREMENTS) -> str:
    """The content of a lock file without its comments and blank lines: what its hash depends on."""
    lines = (line.strip() for line in (folder / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def torch_version() -> str:
    """The pinned public version of PyTorch."""
    return lock_text("torch.lock").removeprefix("torch==")
