"""How the plugin finds its libraries among those of other plugins; each time in a Python of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from krita_plugin.pullface import vendored

ROOT = Path(__file__).resolve().parents[2]
OURS = f"{vendored.python_tag()}-{vendored.system_tag()}"


def module(folder: Path, name: str, text: str) -> None:
    """A package with the parts that are loaded with it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    for later in vendored._NEEDED_LATER[name]:
        (folder / name / f"{later.rpartition('.')[2]}.py").write_text("")


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """Copies that say that they are ours."""
    module(tmp_path / "vendor" / OURS, "zmq", "__version__ = '27.3.0'; whose = 'ours'")
    module(tmp_path / "vendor/any", "msgpack", "version = (1, 2, 4); whose = 'ours'")
    return tmp_path / "vendor"


def ask(vendor: Path, path: list[Path], before: str = "") -> str:
    """What a fresh Python without other libraries prints: whose copies it got, or the error and its hint."""
    code = f"""
import sys
sys.path[:0] = {[str(folder) for folder in path]!r}
import importlib.util
spec = importlib.util.spec_from_file_location("vendored", {str(ROOT / "krita_plugin/pullface/vendored.py")!r})
vendored = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vendored)
{before}
path = list(sys.path)
from pathlib import Path
try:
    vendored.use_vendored(Path({str(vendor)!r}))
except vendored.MissingLibraryError as error:
    print(error.message, "|", error.hint, "|", error.details)
else:
    import msgpack, zmq
    print(zmq.whose, msgpack.whose)
assert sys.path == path, "the path was changed"
"""
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_our_copies_are_loaded_and_the_path_stays(vendor: Path) -> None:
    assert ask(vendor, []) == "ours ours"


def test_our_copies_come_before_others_on_the_path(vendor: Path, tmp_path: Path) -> None:
    module(tmp_path / "other", "zmq", "__version__ = '26.0.0'; whose = 'theirs'")
    assert ask(vendor, [tmp_path / "other"]) == "ours ours"


def test_what_another_plugin_has_loaded_is_shared(vendor: Path, tmp_path: Path) -> None:
    module(tmp_path / "other", "zmq", "__version__ = '26.0.0'; whose = 'theirs'")
    assert ask(vendor, [tmp_path / "other"], before="import zmq") == "theirs ours"


def test_an_old_one_that_is_loaded_is_told_with_its_place(vendor: Path, tmp_path: Path) -> None:
    module(tmp_path / "other", "zmq", "__version__ = '17.1.2'; whose = 'theirs'")
    told = ask(vendor, [tmp_path / "other"], before="import zmq")
    assert "too old for Pullface (17.1.2)" in told
    assert "Switch that plugin off" in told
    assert str(tmp_path / "other") in told


def test_a_copy_that_does_not_load_gives_way_to_one_on_the_path(vendor: Path, tmp_path: Path) -> None:
    """Such as on a system whose C library is older than the copy."""
    broken = vendor / OURS / "zmq/__init__.py"
    broken.write_text("import zmq.backend\nraise ImportError('GLIBC_2.28 not found')")
    module(tmp_path / "other", "zmq", "__version__ = '26.0.0'; whose = 'theirs'")
    assert ask(vendor, [tmp_path / "other"]) == "theirs ours"


def test_nothing_that_loads_is_told_with_every_reason(vendor: Path) -> None:
    (vendor / OURS / "zmq/__init__.py").write_text("raise ImportError('GLIBC_2.28 not found')")
    told = ask(vendor, [])
    assert "does not load in the Python of this Krita" in told
    assert "python3 install.py editors" in told
    assert "GLIBC_2.28 not found" in told
    assert "No module named 'zmq'" in told


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ((3, 8), None),
        ((3, 9), None),
        ((3, 10), "cp310"),
        ((3, 11), "cp311"),
        ((3, 12), "cp312"),
        ((3, 14), "cp312"),
    ],
)
def test_each_python_has_its_copy(version: tuple[int, int], tag: str | None) -> None:
    assert vendored.python_tag(version) == tag


@pytest.mark.parametrize(
    ("system", "machine", "tag"),
    [
        ("Linux", "x86_64", "linux-x86_64"),
        ("Linux", "aarch64", "linux-aarch64"),
        ("Linux", "riscv64", None),
        ("Windows", "AMD64", "windows-x86_64"),
        ("Windows", "ARM64", None),
        ("Darwin", "arm64", "macos"),
        ("Darwin", "x86_64", "macos"),
    ],
)
def test_each_system_has_its_copy(system: str, machine: str, tag: str | None) -> None:
    assert vendored.system_tag(system, machine) == tag


def test_the_names_are_those_that_the_installer_gives() -> None:
    from installer.editors.wheels import SYSTEMS, locked

    machines = [("Linux", "x86_64"), ("Linux", "aarch64"), ("Windows", "AMD64"), ("Darwin", "arm64")]
    assert {vendored.system_tag(*machine) for machine in machines} == set(SYSTEMS)
    pythons = {vendored.python_tag((3, minor)) for minor in range(10, 20)}
    assert {f"{python}-{system}" for python in pythons for system in SYSTEMS} | {"any"} == {
        wheel.folder for wheel in locked()
    }
