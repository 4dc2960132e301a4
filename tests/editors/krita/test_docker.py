"""The docker and the shortcuts in a real Krita, with real clicks and keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors.display import still

from .driver import Krita

NAMES = ("mode", "invert", "drag", "stop", "apply", "step_back", "step_forward")
PANEL = "workspace._panels[0]"
MODE = f"[workspace.canvas.mode, {PANEL}.controls.mode.isChecked(), app.action('pullface_mode').isChecked()]"


@pytest.fixture
def with_document(krita: Krita) -> Iterator[Krita]:
    krita.new_document(400, 300)
    krita.run(
        "from pullface import workspace as _module\nworkspace = _module._workspace\n"
        "_docker = next(each for each in app.dockers() if each.objectName() == 'pullface')\n"
        "_docker.show()\n_docker.raise_()\nNone"
    )
    krita.wait_until("workspace.pull is not None")
    yield krita
    krita.run("workspace.set_mode(False)")


def click(krita: Krita, widget: str) -> None:
    width, height = krita.run(f"[{widget}.width(), {widget}.height()]")
    krita.display.click(*still(lambda: krita.on_screen(widget, width / 2, height / 2)))


def test_every_action_is_there_and_no_key_is_taken_twice(with_document: Krita) -> None:
    krita = with_document
    names = [f"pullface_{name}" for name in NAMES]
    assert krita.run("[app.action(name) is not None for name in arguments[0]]", names) == [True] * len(NAMES)
    keys = krita.run(
        "_keys = {}\n"
        "for _action in app.actions():\n"
        "    for _key in _action.shortcuts():\n"
        "        _keys.setdefault(_key.toString(), []).append(_action.objectName())\n"
        "_keys"
    )
    ours = {key: owners for key, owners in keys.items() if any(name in owners for name in names)}
    assert sorted(owner for owners in ours.values() for owner in owners) == sorted(
        f"pullface_{name}" for name in ("mode", "drag", "apply", "step_back", "step_forward")
    )


def test_the_button_and_the_key_switch_the_mode(with_document: Krita) -> None:
    krita = with_document
    click(krita, f"{PANEL}.controls.mode")
    krita.wait_until(f"{MODE} == [True] * 3")
    krita.display.key("ctrl+alt+p")
    krita.wait_until(f"{MODE} == [False] * 3")
    krita.display.key("ctrl+alt+p")
    krita.wait_until(f"{MODE} == [True] * 3")


def test_the_docker_follows_the_documents(with_document: Krita) -> None:
    krita = with_document
    assert krita.run(f"{PANEL}.controls.isVisible()")
    krita.close_documents()
    krita.wait_until(f"not {PANEL}.controls.isVisible()")
    assert krita.run(f"{PANEL}.notice.text()") == "Open a picture and select the layer with the face."
    krita.new_document(400, 300)
    krita.wait_until(f"{PANEL}.controls.isVisible()")


def test_a_panel_that_is_deleted_does_not_disturb(with_document: Krita) -> None:
    krita = with_document
    krita.run("extra = workspace.new_panel()\nextra.show()")
    krita.run("sip.delete(extra)\nworkspace.pull._observers.tell('state')")
    krita.run("workspace.connection._observers.tell('connection')\nworkspace.set_mode(True)")
    krita.wait_until(f"{MODE} == [True] * 3")


def test_the_docker_is_narrow(with_document: Krita) -> None:
    assert with_document.run(f"{PANEL}.minimumSizeHint().width()") <= 220
    assert with_document.run(f"{PANEL}.header.parentWidget().minimumSizeHint().width()") <= 206
    with_document.screenshot("the docker")
