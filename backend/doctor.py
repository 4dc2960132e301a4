"""``pullface doctor``: what is there, what is wrong, what to do.

Standard library only at import, so that it also runs with a bare Python before anything is installed; PyTorch is
asked in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backend import __version__
from backend.editors.finding import OLDEST, find_editors
from backend.editors.gimp import gimp_profiles
from backend.editors.gimp_menu import asked_by_gimp, troubles, way_to_the_backend, without_folder
from backend.editors.krita import krita_profiles
from backend.wire import folders
from backend.wire.connection import read_connection

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_MARKS = {OK: "ok     ", WARNING: "warning", PROBLEM: "PROBLEM"}
_INSTALL = "Run: python3 install.py demo"

_PROBE = """
import json, sys
import torch
facts = {"torch": torch.__version__, "python": sys.version.split()[0], "threads": torch.get_num_threads()}
device = "cpu"
if torch.cuda.is_available():
    device = "cuda"
    card = torch.cuda.get_device_properties(0)
    facts["card"] = card.name
    facts["card_gb"] = round(card.total_memory / 1e9, 1)
elif getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
    device = "mps"
elif hasattr(torch, "xpu") and torch.xpu.is_available():
    device = "xpu"
facts["device"] = device
print(json.dumps(facts))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at, in a word or two.
        level: ``"ok"``, ``"warning"`` (something is missing or odd) or ``"problem"`` (the main job cannot be done).
        text: what was found.
        advice: what to do; empty when there is nothing to do.
    """

    subject: str
    level: str
    text: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything. An examination that itself fails becomes a warning: the doctor never falls ill."""
    findings: list[Finding] = []
    for examination in (
        _python,
        _environment,
        _device,
        _memory,
        _disk,
        _models,
        _server,
        _editors,
        _plugins,
        _gimp,
    ):
        try:
            findings += examination()
        except Exception as error:
            subject = examination.__name__.strip("_")
            findings.append(
                Finding(subject, WARNING, f"could not be examined ({type(error).__name__}: {error})")
            )
    return findings


def private_python() -> Path:
    """The interpreter of the private environment, whether it is there or not."""
    return folders.data_folder() / "environment" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def backend_python() -> Path | None:
    """The interpreter that the backend runs with: this one when it has torch, else the private environment's."""
    from importlib.util import find_spec

    if find_spec("torch") is not None and find_spec("zmq") is not None:
        return Path(sys.executable)
    private = private_python()
    return private if private.exists() else None


def _python() -> list[Finding]:
    text = f"Pullface {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return [Finding("program", OK, text)]


def _environment() -> list[Finding]:
    python = backend_python()
    if python is None:
        where = private_python().parents[1]
        return [Finding("environment", PROBLEM, f"there is none yet at {where}", _INSTALL)]
    stages = private_python().parents[1] / "stages"
    begun = sorted(file.stem for file in stages.glob("*.begun"))
    if begun and python == private_python():
        text = f"{python} is half-made: {', '.join(begun)} broke off"
        return [
            Finding(
                "environment", PROBLEM, text, "Run: python3 install.py demo (it goes on where it stopped)"
            )
        ]
    return [Finding("environment", OK, str(python))]


def _device() -> list[Finding]:
    python = backend_python()
    if python is None:
        return [Finding("device", WARNING, "unknown before the environment is there")]
    try:
        command = [str(python), "-I", "-c", _PROBE]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines() or ["no reason given"]
        advice = "Run: python3 install.py uninstall, then python3 install.py demo"
        return [Finding("device", PROBLEM, f"PyTorch does not start: {lines[-1]}", advice)]
    described = f"{facts['device']}, PyTorch {facts['torch']}"
    if "card" in facts:
        described += f", {facts['card']} with {facts['card_gb']} GB"
        if facts["card_gb"] < 4:
            advice = "Close other programs that use the card; large models may not fit."
            return [Finding("device", WARNING, described, advice)]
    elif facts["device"] == "cpu":
        described += f", {facts['threads']} threads"
        if shutil.which("nvidia-smi"):
            advice = (
                "The PyTorch here does not use the NVIDIA card. Update its driver, then run install.py demo."
            )
            return [Finding("device", WARNING, described, advice)]
    return [Finding("device", OK, described)]


def _memory() -> list[Finding]:
    available = _available_memory()
    if available is None:
        return []
    text = f"{available / 1e9:.1f} GB free"
    if available < 2e9:
        return [Finding("memory", WARNING, text, "A drag needs about 2 to 3 GB: close other programs.")]
    return [Finding("memory", OK, text)]


def _available_memory() -> float | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _disk() -> list[Finding]:
    folder = folders.data_folder()
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free at {folder}"
    if free < 1e9:
        return [Finding("disk", WARNING, text, "Free some space: models and sessions need room.")]
    return [Finding("disk", OK, text)]


def _models() -> list[Finding]:
    from backend.models.catalogue import DEFAULT_MODEL, available

    models = available()
    if not any(model.name == DEFAULT_MODEL for model in models):
        advice = "Get Pullface again: its folder backend/models/embedded is not complete."
        return [Finding("model", PROBLEM, f"the default model {DEFAULT_MODEL} is missing", advice)]
    return [
        Finding(
            "model",
            OK,
            f"{model.name}: {model.domain}, {model.resolution} px, {model.size_bytes / 1e6:.0f} MB",
        )
        for model in models
    ]


def _server() -> list[Finding]:
    info = read_connection()
    if info is None:
        return [Finding("server", OK, "not running; it starts when it is needed")]
    python = backend_python()
    if python is None:
        return [Finding("server", WARNING, "a connection file is there, but no environment to ask with")]
    code = (
        "import json; from backend.wire.connection import read_connection; "
        "from backend.wire.client import Client\n"
        "with Client(read_connection(), 'doctor', timeout=5) as client:\n"
        "    print(json.dumps([client.server, client.request('status', timeout=5).body]))"
    )
    root = str(Path(__file__).resolve().parents[1])
    try:
        command = [str(python), "-c", code]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=root)
        hello, status = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        text = f"process {info.pid} left a connection file but does not answer"
        return [Finding("server", WARNING, text, "Nothing to do: the next start replaces it.")]
    text = (
        f"running as process {hello['pid']}, {status['state']} on {status.get('device') or 'no device yet'}"
    )
    if hello["server_version"] != __version__:
        advice = "End it (close the editor, wait a minute) so that the new version starts."
        return [Finding("server", WARNING, f"{text}, version {hello['server_version']}", advice)]
    if status["state"] == "lost":
        return [Finding("server", PROBLEM, text, f"See the logs in {folders.log_folder()}.")]
    return [Finding("server", OK, text)]


def _editors() -> list[Finding]:
    found = find_editors()
    findings = []
    for editor in found:
        text = f"{editor.name} {editor.version or '(version unknown)'}, {editor.kind}: {editor.place}"
        if editor.too_old:
            oldest = ".".join(str(number) for number in OLDEST[editor.name])
            findings.append(
                Finding("editor", WARNING, text, f"The plugin needs {editor.name} {oldest} or later.")
            )
        else:
            findings.append(Finding("editor", OK, text))
    if not found:
        advice = (
            "The command line works without one. An AppImage elsewhere than in ~/Applications is not seen."
        )
        findings.append(Finding("editor", WARNING, "neither Krita nor GIMP was found", advice))
    return findings


def _plugins() -> list[Finding]:
    findings = []
    for profile in krita_profiles():
        version = profile.plugin_version()
        if version is None:
            continue
        kind = "" if profile.kind == "native" else f" ({profile.kind})"
        text = f"version {version}{kind}: {profile.plugin}"
        if version != __version__:
            advice = f"It is not of this version ({__version__}). Run: python3 install.py editors"
            findings.append(Finding("krita plugin", WARNING, text, advice))
        elif not profile.plugin_enabled():
            advice = "Switched off. In Krita: Settings > Configure Krita > Python Plugin Manager > Pullface."
            findings.append(Finding("krita plugin", WARNING, text, advice))
        else:
            findings.append(Finding("krita plugin", OK, f"{text}, switched on"))
    if not findings and any(profile.used for profile in krita_profiles()):
        advice = "Run: python3 install.py editors"
        findings.append(Finding("krita plugin", WARNING, "Krita is used here, without the plugin", advice))
    return findings


def _gimp() -> list[Finding]:
    """Why Pullface is, or is not, in GIMP's menu."""
    profiles, editors = gimp_profiles(), find_editors()
    findings = []
    for profile in profiles:
        version = profile.plugin_version()
        kind = "" if profile.kind == "native" else f", {profile.kind}"
        text = f"version {version} for GIMP {profile.series}{kind}: {profile.plugin}"
        found = troubles(profile, editors)
        for trouble in found:
            words = f"not in the menu of GIMP {profile.series}{kind}: {trouble.text}"
            findings.append(Finding("gimp plug-in", WARNING, words, trouble.advice))
        if version is not None and version != __version__:
            advice = f"It is not of this version ({__version__}). Run: python3 install.py editors"
            findings.append(Finding("gimp plug-in", WARNING, text, advice))
        elif version is not None and not found:
            seen = "GIMP offers it" if asked_by_gimp(profile) else "GIMP will find it at its next start"
            way = way_to_the_backend(profile, editors)
            spoken = f"; it reaches the backend by {way}" if way else ""
            findings.append(Finding("gimp plug-in", OK, f"{text}; {seen}, as Filters > Pullface{spoken}"))
    for trouble in without_folder(profiles, editors):
        findings.append(Finding("gimp plug-in", WARNING, trouble.text, trouble.advice))
    return findings


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = print) -> int:
    """Examine and tell.

    Returns:
        1 when something stops the main job, else 0.
    """
    parser = argparse.ArgumentParser(prog="doctor", description="what is there, what is wrong and what to do")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    findings = examine()
    if options.json:
        write(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            write(f"{_MARKS[finding.level]}  {finding.subject:<12} {finding.text}")
            if finding.advice:
                write(f"{'':<23}-> {finding.advice}")
        write(_conclusion(findings))
    return 1 if any(finding.level == PROBLEM for finding in findings) else 0


def _conclusion(findings: Sequence[Finding]) -> str:
    problems = sum(finding.level == PROBLEM for finding in findings)
    warnings = sum(finding.level == WARNING for finding in findings)
    if problems:
        return f"\n{problems} problem{'s' if problems > 1 else ''} to solve first."
    return "\nAll is well." if not warnings else "\nPullface can work; see the warnings."


if __name__ == "__main__":
    sys.exit(main())
