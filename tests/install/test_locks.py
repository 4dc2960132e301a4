"""The pins: exact, complete and the ones that are installed here."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from platform import machine

import pytest

from installer.editors.wheels import SYSTEMS, locked
from installer.environment import lock_text, torch_version

LINE = re.compile(
    r"^([A-Za-z0-9_.-]+)==([0-9][0-9a-z.]*)"
    r"(?:; (python_version|sys_platform|platform_machine) (<|>=|==|!=) \"([0-9.a-z_]+)\")?$"
)
LOCKS = ("runtime.lock", "torch.lock", "test.lock")


def applies(name: str, python: tuple[int, int], platform: str) -> bool:
    """Whether the marker of a line fits."""
    _, _, variable, operator, value = LINE.match(name).groups()  # type: ignore[union-attr]
    if variable is None:
        return True
    if variable == "sys_platform":
        return platform == value
    if variable == "platform_machine":
        return (machine() == value) is (operator == "==")
    wanted = tuple(int(part) for part in value.split("."))
    return python < wanted if operator == "<" else python >= wanted


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_exact(lock: str) -> None:
    assert lock_text(lock)
    for line in lock_text(lock).splitlines():
        assert LINE.match(line), line


@pytest.mark.parametrize("python", [(3, 10), (3, 11), (3, 12), (3, 13), (3, 14)])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_each_python_gets_exactly_one_version_of_a_package(python: tuple[int, int], platform: str) -> None:
    lines = [
        line for lock in LOCKS for line in lock_text(lock).splitlines() if applies(line, python, platform)
    ]
    pins = {line.split(";")[0] for line in lines}
    names = [pin.split("==")[0] for pin in pins]
    assert sorted(names) == sorted(set(names))
    assert {"numpy", "pillow", "pyzmq", "msgpack", "safetensors", "torch", "pytest"} <= set(names)


def test_the_locks_name_everything_that_is_installed_by_them() -> None:
    """Follow what the installed packages ask for: an unpinned one would come in whatever version is newest."""
    pinned = {
        canonical(line.split("==")[0])
        for lock in LOCKS
        for line in lock_text(lock).splitlines()
        if applies(line, sys.version_info[:2], sys.platform)
    }
    if canonical("torch") not in {canonical(item.name or "") for item in metadata.distributions()}:
        pytest.skip("torch is not installed")
    asked: set[str] = set()
    for name in sorted(pinned):
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in requirements:
            text, _, marker = requirement.partition(";")
            if "extra" in marker or "platform_system" in marker or "sys_platform" in marker:
                continue
            if "implementation_name" in marker or "platform_python_implementation" in marker:
                continue
            if "python_version <" in marker or "python_full_version <" in marker:
                continue
            asked.add(canonical(re.split(r"[^A-Za-z0-9._-]", text.strip())[0]))
    gpu_only = {name for name in asked if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    assert asked - pinned - gpu_only == set()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_version_of_torch_stands_alone() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", torch_version())


def test_the_plugins_libraries_are_those_of_the_backend() -> None:
    pins = dict(line.split("==") for line in lock_text("runtime.lock").splitlines() if ";" not in line)
    wheels = locked()
    assert {wheel.name for wheel in wheels} == {"pyzmq", "msgpack"}
    assert {(wheel.name, wheel.version) for wheel in wheels} == {
        (name, pins[name]) for name in ("pyzmq", "msgpack")
    }


def test_every_python_on_every_system_has_its_library() -> None:
    found = {wheel.folder for wheel in locked()}
    wanted = {f"{python}-{system}" for python in ("cp310", "cp311", "cp312") for system in SYSTEMS}
    assert found == wanted | {"any"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", wheel.sha256) for wheel in locked())
    newest = [wheel for wheel in locked() if wheel.python == "cp312" and not wheel.everywhere]
    assert all("-abi3-" in wheel.file for wheel in newest)  # for all later Pythons as well
