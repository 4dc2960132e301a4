"""Whatever is missing, Krita starts, and the docker says it in a sentence. And the files that Krita itself reads."""

from __future__ import annotations

import ast
import configparser
import re
import sys
import types
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import krita_plugin.pullface as plugin
from backend import __version__
from krita_plugin.pullface import obstacles
from krita_plugin.pullface.docker import icons
from krita_plugin.pullface.qt import QtGui, QtWidgets

FOLDER = Path(plugin.__file__).parent
OLD_PYTHON = (3, 8)


@pytest.fixture
def factories(application: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module ``krita`` that only notes what is registered."""
    registered: list[Any] = []
    krita = types.ModuleType("krita")
    instance = types.SimpleNamespace(addDockWidgetFactory=registered.append)
    krita.Krita = types.SimpleNamespace(instance=lambda: instance)  # type: ignore[attr-defined]
    krita.DockWidget = QtWidgets.QDockWidget  # type: ignore[attr-defined]
    krita.DockWidgetFactory = lambda name, place, made: (name, made)  # type: ignore[attr-defined]
    position = types.SimpleNamespace(DockRight=1)
    krita.DockWidgetFactoryBase = types.SimpleNamespace(DockPosition=position)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "krita", krita)
    monkeypatch.delitem(sys.modules, "krita_plugin.pullface.host.obstacle_docker", raising=False)
    return registered


def texts_of(docker: QtWidgets.QWidget) -> str:
    return "\n".join(label.text() for label in docker.findChildren(QtWidgets.QLabel))


def test_too_old_a_python_is_said(factories: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "OLDEST_PYTHON", (9, 0))
    plugin.start()
    ((name, docker_class),) = factories
    assert name == "pullface"
    docker = docker_class()
    assert "too old" in texts_of(docker)
    docker.findChild(QtWidgets.QPushButton).click()
    assert "9.0 or later needed" in QtWidgets.QApplication.clipboard().text()


@pytest.mark.parametrize(
    "missing",
    [
        "krita_plugin.pullface.vendored",
        "krita_plugin.pullface.backend.editing",
        "krita_plugin.pullface.docker",
    ],
)
def test_a_missing_part_is_said(factories: list[Any], monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    package, _, name = missing.rpartition(".")
    monkeypatch.delattr(sys.modules[package], name, raising=False)
    for module in [module for module in sys.modules if f"{module}.".startswith(f"{missing}.")]:
        monkeypatch.setitem(sys.modules, module, None)  # the import then fails
    monkeypatch.setitem(sys.modules, missing, None)
    plugin.start()
    docker = factories[0][1]()
    assert "A part of Pullface is missing." in texts_of(docker)
    assert "install.py editors" in texts_of(docker)


def test_a_library_that_does_not_load_is_said(factories: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from krita_plugin.pullface import vendored

    def fail() -> None:
        raise vendored.MissingLibraryError("zmq does not load.", "Install it again.", "for another system")

    monkeypatch.setattr(vendored, "use_vendored", fail)
    plugin.start()
    assert texts_of(factories[0][1]()) == "zmq does not load.\nInstall it again."


def test_a_defect_while_starting_is_said(factories: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = types.ModuleType("krita_plugin.pullface.workspace")

    def fail() -> None:
        raise ValueError("a defect")

    workspace.start_pullface = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "krita_plugin.pullface.workspace", workspace)
    monkeypatch.setattr(plugin, "workspace", workspace, raising=False)
    plugin.start()
    docker = factories[0][1]()
    assert "could not start" in texts_of(docker)
    docker.findChild(QtWidgets.QPushButton).click()
    assert "a defect" in QtWidgets.QApplication.clipboard().text()


@pytest.mark.parametrize(
    "name",
    ["__init__.py", "obstacles.py", "host/__init__.py", "host/obstacle_docker.py", "qt.py", "translation.py"],
)
def test_what_says_so_runs_on_old_pythons(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"), feature_version=OLD_PYTHON)
    annotations = any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in ast.walk(tree)
    )
    assert annotations or not any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))


def test_the_description_for_krita() -> None:
    parser = configparser.ConfigParser()
    parser.read(FOLDER.parent / "pullface.desktop", encoding="utf-8")
    entry = parser["Desktop Entry"]
    assert entry["ServiceTypes"] == "Krita/PythonPlugin"
    assert (FOLDER.parent / entry["X-KDE-Library"] / "__init__.py").is_file()
    assert (FOLDER / entry["X-Krita-Manual"]).is_file()


def test_the_shortcuts_are_those_of_the_manual() -> None:
    actions = ElementTree.parse(FOLDER.parent / "pullface.action").getroot().findall(".//Action")
    names = [action.get("name") for action in actions]
    assert names == [
        f"pullface_{name}"
        for name in ("mode", "invert", "drag", "stop", "apply", "step_back", "step_forward")
    ]
    keys = [action.findtext("shortcut") or "" for action in actions]
    used = [key for key in keys if key]
    assert len(set(used)) == len(used) >= 4
    manual = (FOLDER / "Manual.html").read_text(encoding="utf-8").replace("Enter", "Return")
    for key in used:
        assert key in manual


def test_the_manual_is_well_formed_and_names_the_buttons() -> None:
    text = (FOLDER / "Manual.html").read_text(encoding="utf-8")
    body = re.sub(r"&nbsp;", " ", text.partition("<body>")[2].partition("</body>")[0])
    ElementTree.fromstring(f"<body>{body}</body>")
    for button in ("Pull", "Invert", "Drag", "Stop", "Apply", "Animate", "Copy details", "Movable", "Crop"):
        assert f"<b>{button}" in text or f"{button}</b>" in text, button


def test_every_icon_is_drawn_sharp_in_the_colour_that_was_asked_for(application: Any) -> None:
    names = sorted(file.stem for file in icons.FOLDER.glob("*.svg"))
    assert len(names) > 10
    used = "".join(file.read_text(encoding="utf-8") for file in FOLDER.rglob("docker/*.py"))
    for name in names:
        assert f'"{name}"' in used, name
        pixmap = icons.picture(name, 16, 2.0, QtGui.QColor("#40c0ff"))
        image = pixmap.toImage()
        assert (image.width(), image.height(), pixmap.devicePixelRatio()) == (32, 32, 2.0)
        solid = [
            image.pixelColor(x, y)
            for x in range(32)
            for y in range(32)
            if image.pixelColor(x, y).alpha() == 255
        ]
        assert len(solid) > 10, name
        assert {colour.name() for colour in solid} == {"#40c0ff"}, name


def test_the_version_is_the_backends() -> None:
    assert plugin.__version__ == __version__
