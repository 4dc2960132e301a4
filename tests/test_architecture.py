"""The arrows between the packages, and what may stand in the source at all."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("backend", "stylegan_ops", "installer", "krita_plugin", "gimp_plugin")
STANDARD = set(sys.stdlib_module_names)
MAX_LINES = 500

# What each part may import of ours, the longest matching name decides. Its own sub-modules are always allowed.
MAY_IMPORT: dict[str, set[str]] = {
    "stylegan_ops": set(),
    "backend.wire": set(),
    "backend.errors": set(),
    "backend.library": {"backend.models.catalogue", "backend.errors"},
    "backend.engine": {"stylegan_ops", "backend.models", "backend.errors"},
    "backend.models": {"stylegan_ops", "backend.errors", "backend.wire.folders"},
    "backend.evaluation": {
        "stylegan_ops",
        "backend.models",
        "backend.engine",
        "backend.errors",
        "backend.training",
        "backend.detection",
    },
    "backend.detection": {"backend.errors"},
    "backend.training": {
        "stylegan_ops",
        "backend.models",
        "backend.errors",
        "backend.evaluation",
        "backend.detection",
    },
    "backend.openraster": set(),
    "backend.animation": set(),
    "backend.editors": set(),
    "installer": {"backend.wire", "backend.editors"},
    "krita_plugin": {"backend.wire"},
    "gimp_plugin": {"backend.wire"},
}
# The command line and the front must not reach for the compute side.
MAY_NOT_IMPORT: dict[str, set[str]] = {
    "backend.cli": {"torch", "stylegan_ops", "backend.engine", "backend.worker", "backend.training"},
    "backend.commands": {"torch", "stylegan_ops", "backend.engine", "backend.worker", "backend.training"},
    "backend.doctor": {
        "torch",
        "numpy",
        "stylegan_ops",
        "backend.engine",
        "backend.worker",
        "backend.training",
    },
    "backend.library": {"torch", "numpy", "stylegan_ops", "backend.engine"},
    "backend.server": {"torch", "numpy", "stylegan_ops", "backend.engine"},
    "backend.front": {"torch", "numpy", "stylegan_ops", "backend.engine"},
    "backend.engine": {"zmq", "msgpack", "socket", "backend.wire", "backend.sessions", "backend.server"},
    "stylegan_ops": {"zmq", "msgpack", "socket", "backend"},
    "backend.compute": {"backend.server", "backend.front", "backend.cli", "backend.commands"},
    "backend.worker": {"backend.server", "backend.front", "backend.cli", "backend.commands"},
    "backend.sessions": {"zmq", "socket", "backend.server", "backend.front", "backend.cli"},
}


def tracked() -> list[Path]:
    """Every file of the repository; without git (a source archive) every file below the known folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return [ROOT / name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file()]
    folders = (*PACKAGES, "tests", "docs", "benchmarks", "requirements")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*")]
    return [file for file in [*files, *ROOT.iterdir()] if file.is_file() and "__pycache__" not in file.parts]


def sources() -> list[Path]:
    return sorted(file for file in tracked() if file.suffix == ".py")


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file: Path) -> Iterator[tuple[str, int]]:
    """(absolute module name, relative level) for each import in the file, lazy ones included."""
    module = module_of(file)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                whole = f"{name}.{alias.name}"
                is_module = (ROOT / whole.replace(".", "/")).with_suffix(".py").exists() or (
                    ROOT / whole.replace(".", "/")
                ).is_dir()
                yield whole if is_module else name, node.level


def within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


def code_below(part: str) -> list[Path]:
    return [file for file in sources() if within(module_of(file), part)]


def ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_only_what_lies_below(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part, "backend"}  # the bare package holds the version only
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in code_below(part)
        for name, _ in imports_of(file)
        if ours(name) and name != "backend" and not any(within(name, one) for one in allowed - {"backend"})
    ]
    assert wrong == []


@pytest.mark.parametrize("part", sorted(MAY_NOT_IMPORT))
def test_does_not_reach_across(part: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in code_below(part)
        for name, _ in imports_of(file)
        if any(within(name, one) for one in MAY_NOT_IMPORT[part])
    ]
    assert wrong == []


def test_the_bare_package_imports_nothing() -> None:
    assert list(imports_of(ROOT / "backend/__init__.py")) in ([], [("__future__", 0)])
    assert list(imports_of(ROOT / "backend/wire/__init__.py")) in ([], [("__future__", 0)])


def test_the_wire_can_be_copied_into_a_plugin() -> None:
    files = code_below("backend.wire")
    assert len(files) > 5
    for file in files:
        for name, level in imports_of(file):
            top = name.split(".")[0]
            assert level > 0 or top in STANDARD | {"zmq", "msgpack"}, f"{file.name} imports {name}"
            assert not ours(name) or level > 0, f"{file.name} must import {name} relatively"


@pytest.mark.parametrize(
    ("plugin", "theirs"),
    [("krita_plugin", {"krita", "PyQt5", "PyQt6"}), ("gimp_plugin", {"gi", "pullface"})],
)
def test_a_plugin_needs_nothing_but_its_editor(plugin: str, theirs: set[str]) -> None:
    """Where it is installed its packages have other names, and the editor's Python has no libraries of ours."""
    files = code_below(plugin)
    assert len(files) > 20
    for file in files:
        for name, level in imports_of(file):
            allowed = STANDARD | theirs | {"zmq", "msgpack"}
            assert level > 0 or name.split(".")[0] in allowed, f"{file.relative_to(ROOT)} imports {name}"


def test_gimps_windows_belong_to_the_dialog() -> None:
    """What runs in gimp-console must not need a display."""
    windows = re.compile(r"^\s*from gi\.repository import .*\b(Gtk|Gdk|GimpUi|Pango)\b", re.MULTILINE)
    files = [file for file in code_below("gimp_plugin") if windows.search(file.read_text(encoding="utf-8"))]
    assert files
    assert [str(file) for file in files if "dialog" not in file.relative_to(ROOT).parts] == []


@pytest.mark.parametrize("module", ["installer.main", "backend.wire.folders", "backend.doctor"])
def test_runs_on_a_bare_python(module: str) -> None:
    """-S hides site-packages: only the standard library is left."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    "module",
    [
        "backend.server",
        "backend.cli",
        "backend.commands.demo",
        "backend.commands.edit",
        "backend.commands.evaluate",
    ],
)
def test_the_light_processes_stay_light(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code]
    answer = subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT, env=variables)
    loaded = set(json.loads(answer.stdout))
    assert "torch" not in loaded
    if module == "backend.server":
        assert "numpy" not in loaded
    assert module in loaded


def test_nothing_is_unpickled() -> None:
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
    loads_of_tensors = re.compile(r"\btorch\.load\(|allow_pickle\s*=\s*True")
    product = [file for file in sources() if "tests" not in file.parts]
    assert len(product) > 40
    for file in product:
        names = {name.split(".")[0] for name, _ in imports_of(file)}
        assert not names & forbidden, f"{file.relative_to(ROOT)} imports {names & forbidden}"
        assert not loads_of_tensors.search(file.read_text(encoding="utf-8")), file.relative_to(ROOT)


def test_files_have_one_subject() -> None:
    long = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in sources()
    }
    assert {name: lines for name, lines in long.items() if lines > MAX_LINES} == {}


def test_names_no_registry_and_no_private_path() -> None:
    # In pieces, so that this file does not hold what it forbids.
    hosts = ("py" + "pi.org", "files.python" + "hosted.org", "deb.deb" + "ian.org", "registry.npm" + "js.org")
    private = ("/wo" + "rk/main", "/wo" + "rk/shared", "../sha" + "red", "/opt/wh" + "eels", "/opt/py" + "pi")
    found = []
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {word}" for word in hosts + private if word in text]
    assert found == []
