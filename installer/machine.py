"""What this machine is, and which build of PyTorch suits it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .texts import InstallError

TORCH_INDEX = "https://download.pytorch.org/whl/"
"""PyTorch's own index; every build (cpu, cu126, …) has a folder there."""

CUDA_13_DRIVER = 580
"""First NVIDIA driver that runs CUDA 13, which the general Linux build of PyTorch 2.13 brings along."""

CUDA_12_DRIVER = 525
"""First NVIDIA driver that runs CUDA 12.6."""


@dataclass(frozen=True)
class Machine:
    """The facts that decide which packages fit.

    Attributes:
        system: ``"linux"``, ``"darwin"`` or ``"win32"``.
        processor: ``"x86_64"`` or ``"arm64"``, whatever the platform calls them; else the platform's own word.
        nvidia_driver: major version of the NVIDIA driver, or None without a working card.
    """

    system: str
    processor: str
    nvidia_driver: int | None


@dataclass(frozen=True)
class Source:
    """One place where a build of PyTorch may be had.

    Attributes:
        title: what it is, in words.
        version: the version to ask for, local label included (``2.13.0+cpu``).
        index: an index to ask instead of the ones that pip is set up with, or None.
        with_libraries: also install what the wheel asks for (the CUDA libraries).
        megabytes: about what has to be fetched.
        disk_megabytes: about what it takes on the disk.
    """

    title: str
    version: str
    index: str | None
    with_libraries: bool
    megabytes: int
    disk_megabytes: int


@dataclass(frozen=True)
class TorchPlan:
    """The build that suits the machine and the places to try for it, best first.

    Attributes:
        kind: ``"cpu"`` or ``"cuda"``; an environment of another kind is changed over.
        reason: why this build, in words.
        sources: tried in turn until one has the build.
    """

    kind: str
    reason: str
    sources: tuple[Source, ...]


def this_machine() -> Machine:
    """Look at the machine; runs ``nvidia-smi`` where there is one (at most 10 s)."""
    processor = platform.machine().lower()
    processor = {"amd64": "x86_64", "aarch64": "arm64"}.get(processor, processor)
    system = "linux" if sys.platform.startswith("linux") else sys.platform
    return Machine(system, processor, None if system == "darwin" else nvidia_driver())


def nvidia_driver(command: Sequence[str] | None = None) -> int | None:
    """Major version of the NVIDIA driver.

    Args:
        command: the query to run; by default ``nvidia-smi`` from the path.

    Returns:
        The number, or None when there is no driver or no card answers.
    """
    if command is None:
        program = shutil.which("nvidia-smi")
        if program is None:
            return None
        command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    first = answer.strip().splitlines()[0] if answer.strip() else ""
    major = first.partition(".")[0]
    return int(major) if major.isdigit() else None


def torch_plan(machine: Machine, version: str) -> TorchPlan:
    """Which build of PyTorch to install here, and from where.

    Args:
        machine: the machine.
        version: the pinned public version, for example ``"2.13.0"``.

    Raises:
        InstallError: PyTorch is not made for this kind of machine.
    """
    if machine.processor not in ("x86_64", "arm64"):
        raise InstallError(
            f"PyTorch is not made for this processor ({machine.processor}).",
            "Pullface needs a 64-bit Intel, AMD or ARM machine with a 64-bit Python.",
        )
    if machine.system == "darwin":
        if machine.processor != "arm64":
            raise InstallError(
                "PyTorch is no longer made for Macs with an Intel processor.",
                "Use a Mac with Apple silicon, or another machine. A Python that runs under Rosetta counts as "
                "Intel: take the native one.",
            )
        general = Source("PyTorch for Apple silicon", version, None, False, 90, 450)
        return TorchPlan("mps", "a Mac with Apple silicon", (general,))
    if machine.nvidia_driver is not None and machine.nvidia_driver >= CUDA_12_DRIVER:
        return _cuda_plan(machine, version)
    if machine.nvidia_driver is not None:
        reason = (
            f"the NVIDIA driver {machine.nvidia_driver} is too old for PyTorch (it needs {CUDA_12_DRIVER})"
        )
    else:
        reason = "no NVIDIA card found"
    return TorchPlan("cpu", reason, _cpu_sources(machine, version))


def _cuda_plan(machine: Machine, version: str) -> TorchPlan:
    driver = machine.nvidia_driver
    assert driver is not None
    cuda = "cu130" if driver >= CUDA_13_DRIVER else "cu126"
    from_index = Source(
        f"PyTorch for NVIDIA cards ({cuda})", f"{version}+{cuda}", TORCH_INDEX + cuda, True, 2600, 6500
    )
    reason = f"an NVIDIA card with driver {driver}"
    if machine.system == "linux" and cuda == "cu130":
        # The registry's own Linux wheel is the CUDA 13 build.
        return TorchPlan(
            "cuda", reason, (Source("PyTorch for NVIDIA cards", version, None, True, 2600, 6500),)
        )
    return TorchPlan("cuda", reason, (from_index,))


def _cpu_sources(machine: Machine, version: str) -> tuple[Source, ...]:
    if machine.system == "win32":
        # The registry's own Windows wheel is the CPU build.
        return (Source("PyTorch, CPU build", version, None, False, 130, 600),)
    label = f"{version}+cpu"
    configured = Source("PyTorch, CPU build, from your own package sources", label, None, False, 190, 800)
    index = Source("PyTorch, CPU build", label, TORCH_INDEX + "cpu", False, 190, 800)
    general = Source("PyTorch, general build with its GPU libraries", version, None, True, 2600, 6500)
    return (configured, index, general)
