"""The whole path inside a real Krita: real events, the real backend, the model that ships; and what can go wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .driver import Krita
from .pullface_stage import HANDLE, PATIENCE, SECOND, TARGET, Stage

SMILE = {"steps": 60}
FURTHER = "The points have not arrived yet."


@pytest.fixture
def stage(krita: Krita) -> Iterator[Stage]:
    stage = Stage(krita)
    yield stage
    krita.run("ws.set_mode(False)")


def ready_to_pull(stage: Stage) -> str:
    """The portrait with both corners of the mouth, and an ellipse around the mouth selected."""
    digest = stage.open_portrait()
    stage.select(290, 490, 150, 90)
    stage.pull_mode()
    stage.draw(HANDLE, TARGET)
    stage.draw(*SECOND)
    return digest


def test_place_select_pull_scrub_apply_undo_redo_save_reopen_and_pull_on(
    stage: Stage, tmp_path: Path
) -> None:
    krita = stage.krita
    digest = ready_to_pull(stage)
    assert stage.layers() == [["portrait", []]]

    krita.run("watch()\nws.pull.drag_options = arguments[0]", SMILE)
    stage.press("Drag")
    stage.until("('inverting', True) in seen")
    krita.screenshot("inverting")
    stage.until("('dragging', True) in seen", PATIENCE)
    krita.screenshot("dragging")
    facts = stage.rest()
    assert facts["kind"] != "error"
    assert facts["distance"] < 12, "the corners of the mouth began 24 px from their targets"
    assert facts["edit"]
    krita.screenshot("pulled")

    # Scrubbing: back to the beginning of the pull and forth again, by the docker's buttons and by the slider.
    last = facts["last"]
    krita.run("ws.pull.show(1)")
    stage.until("f['step'] == 1 and f['edit']")
    krita.screenshot("scrubbed")
    krita.run(f"ws.pull.show({last})")
    stage.until(f"f['step'] == {last} and f['edit']")

    stage.press("Apply")
    krita.wait_until("len(layers()) == 2")
    stage.rest()
    krita.let_turn()
    krita.screenshot("applied")
    assert [name for name, _ in stage.layers()] == ["portrait", "Pull 1"]
    assert stage.layers()[1][1][0][0] == "Edit"
    assert stage.digest() == digest

    # One step of Krita's own undo takes the whole group back.
    krita.display.move(*stage.on_screen((330, 300)))
    krita.display.key("ctrl+z")
    krita.wait_until("len(layers()) == 1")
    krita.display.key("ctrl+shift+z")
    krita.wait_until("len(layers()) == 2")
    assert stage.digest() == digest

    # Saved, closed, opened again, next week.
    file = tmp_path / "portrait.kra"
    krita.save_document(file)
    pairs = stage.facts()["pairs"]
    krita.close_documents()
    krita.wait_until("(ws.look(), ws.pull is None)[1]")
    krita.open_document(file)
    krita.run("ws.look()")
    again = stage.until("len(f['pairs']) == 2")
    assert again["layer"] == "portrait"
    assert again["pairs"] == pairs
    assert (again["step"], again["last"], again["results"]) == (last, last, 1)
    krita.run("document().setSelection(None)")
    stage.pull_mode()
    krita.let_turn()
    krita.screenshot("opened-again")
    krita.display.drag(stage.on_screen(pairs[0][1]), stage.on_screen((296, 500)))
    stage.until("abs(f['pairs'][0][1][0] - 296) < 2")
    further = stage.pull(steps=4, engine="reference")
    assert further["last"] == last + 4
    assert further["message"] in ("", FURTHER)
    stage.press("Apply")
    krita.wait_until("len(layers()) == 3")
    assert [name for name, _ in stage.layers()] == ["portrait", "Pull 2", "Pull 1"]
    assert stage.digest() == digest


def test_stop_keeps_what_was_reached_and_targets_move_meanwhile(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.begin_long_pull()
    stage.krita.display.drag(stage.on_screen(TARGET), stage.on_screen((300, 500)))
    moved = stage.until("abs(f['pairs'][0][1][0] - 300) < 2 and f['phase'] == 'dragging'")
    assert abs(moved["pairs"][0][1][1] - 500) < 2
    stage.press("Stop")  # its 2000 steps would last for minutes
    stage.until("f['phase'] != 'dragging'")
    facts = stage.rest()
    assert facts["message"] == ""
    assert facts["results"] == 1
    # Undo goes back to where the pull began, and redo forth again.
    stage.krita.display.key("ctrl+z")
    stage.until("f['step'] == 0")
    stage.krita.display.key("ctrl+shift+z")
    stage.until(f"f['step'] == {facts['step']}")
    assert stage.digest() == digest


def test_a_pull_becomes_an_animation(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.pull(steps=6, stop_distance=0.0, engine="reference")
    stage.krita.run("ws.pull.animate(4)")
    stage.rest()
    stage.krita.wait_until("len(layers()) == 2")
    stage.krita.let_turn()
    assert stage.krita.run("any(n.animated() for n in document().rootNode().childNodes()[1].childNodes())")
    assert stage.digest() == digest


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_pull_goes_on(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    before = stage.begin_long_pull()["step"]
    workers = [pid for pid in stage.krita.processes() if "worker" in command_of(pid)]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    facts = stage.until(f"f['phase'] == 'dragging' and f['step'] > {before} + 3 and f['message'] != ''")
    assert "started again" in facts["message"]
    stage.press("Stop")
    stage.rest()
    assert stage.digest() == digest


@pytest.mark.slow
def test_a_killed_server_is_replaced_and_the_pull_goes_on(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    before = stage.begin_long_pull()["step"]
    for pid in stage.krita.processes():
        os.kill(pid, signal.SIGKILL)
    facts = stage.until(f"f['phase'] == 'dragging' and f['step'] > {before} + 3 and f['message'] != ''")
    assert "started again" in facts["message"]
    stage.krita.screenshot("after-the-server-died")
    stage.press("Stop")
    stage.rest()
    assert stage.digest() == digest


def test_the_document_is_closed_in_mid_pull(stage: Stage) -> None:
    ready_to_pull(stage)
    stage.begin_long_pull()
    stage.krita.close_documents()
    stage.krita.wait_until("ws.pull is None")
    # Later Kritas hide the dockers while no document is open.
    assert "Open a picture" in stage.krita.run("ws._panels[0].notice.text()")
    # The next document works as if nothing had been.
    ready_to_pull(stage)
    assert stage.pull(steps=3, stop_distance=0.0, engine="reference")["last"] >= 3


def test_another_document_in_mid_pull(stage: Stage) -> None:
    ready_to_pull(stage)
    stage.begin_long_pull()
    stage.krita.new_document(300, 200, "other")
    stage.krita.wait_until("ws.pull is not None and len(ws.pull.pairs) == 0")
    assert stage.facts()["phase"] == "idle"
    stage.krita.run("window().activate()\nwindow().views()[0].setVisible()")
    back = stage.until("len(f['pairs']) == 2")
    assert back["phase"] == "dragging"
    stage.press("Stop")
    assert stage.rest()["results"] == 1


def test_the_layer_is_deleted_in_mid_pull(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.krita.run("document().rootNode().addChildNode(document().createNode('other', 'paintlayer'), None)")
    stage.begin_long_pull()
    stage.krita.run("document().nodeByName('portrait').remove()")
    facts = stage.until("f['message'] != ''")
    assert facts["message"] == "The layer “portrait” was deleted."
    assert facts["hint"]
    stage.rest()
    stage.krita.run("app.action('edit_undo').trigger()")
    stage.until("f['message'] == ''")
    assert stage.digest() == digest
    assert stage.facts()["results"] == 1


@pytest.mark.slow
def test_another_model_in_mid_pull_counts_from_the_next(stage: Stage) -> None:
    ready_to_pull(stage)
    stage.begin_long_pull()
    stage.krita.run("ws.pull.set_model('no-such-model')")
    stage.press("Stop")
    assert stage.rest()["message"] == ""
    stage.press("Drag")
    facts = stage.until("f['kind'] == 'error'")
    assert facts["message"]
    assert facts["hint"]
    stage.krita.screenshot("unknown-model")
    stage.krita.run("ws.pull.set_model('')")


def test_the_docker_is_closed_in_mid_pull(stage: Stage) -> None:
    digest = ready_to_pull(stage)
    stage.begin_long_pull()
    docker = "[d for d in app.dockers() if d.objectName() == 'pullface'][0]"
    stage.krita.run(f"{docker}.close()")
    before = stage.facts()["step"]
    stage.until(f"f['step'] > {before} + 3")
    stage.krita.run(f"{docker}.setVisible(True)")
    stage.press("Stop")
    assert stage.rest()["results"] == 1
    assert stage.digest() == digest


def test_opengl_is_toggled_and_a_second_view_opened_in_mid_pull(stage: Stage) -> None:
    krita = stage.krita
    digest = ready_to_pull(stage)
    stage.begin_long_pull()
    for _ in range(2):
        krita.run("QtCore.QTimer.singleShot(0, toggle_opengl)")
        krita.wait_until("TOGGLED.pop() if TOGGLED else None")
        krita.wait_until("ws.canvas.overlay is not None and ws.canvas.overlay.isVisible()")
    before = stage.facts()["step"]
    krita.run("window().addView(document())\nNone")
    krita.wait_until("len(window().views()) == 2 and ws.canvas.overlay is not None")
    stage.until(f"f['step'] > {before} + 2 and f['phase'] == 'dragging'")
    krita.screenshot("two-views")
    krita.run("window().qwindow().findChild(QtWidgets.QMdiArea).currentSubWindow().close()")
    krita.wait_until("len(window().views()) == 1 and ws.canvas.overlay is not None")
    stage.press("Stop")
    facts = stage.rest()
    assert (facts["message"], facts["results"]) == ("", 1)
    assert stage.digest() == digest


def test_choosing_another_tool_leaves_pull_mode(stage: Stage) -> None:
    ready_to_pull(stage)
    stage.krita.run("app.action('KritaShape/KisToolBrush').trigger()")
    stage.krita.wait_until("not ws.canvas.mode and not button('Pull').isChecked()")
    stage.pull_mode()
    stage.krita.let_turn()
    assert stage.krita.run("ws.canvas.mode")
    assert len(stage.facts()["pairs"]) == 2


def test_what_cannot_be_pulled_is_said_in_a_sentence(stage: Stage) -> None:
    stage.open_portrait(crop=None)
    stage.krita.run("n = document().createNode('fog', 'filterlayer')\ndocument().rootNode().addChildNode(n, None)\n"
                    "document().setActiveNode(n)")  # fmt: skip
    stage.krita.wait_until("ws.pull is None")
    assert "filter or fill layer" in stage.krita.run("panel().notice.text()")
    stage.krita.run("document().setActiveNode(document().nodeByName('portrait'))")
    stage.until("f['layer'] == 'portrait'")
    stage.pull_mode()
    stage.krita.run("ws.pull.drag()")
    assert "no points" in stage.facts()["message"]


@pytest.mark.slow
def test_the_backend_ends_with_the_last_krita(own_krita: Krita) -> None:
    stage = Stage(own_krita)
    stage.open_portrait()
    stage.pull_mode()
    own_krita.wait_until("ws.connection.state == 'ready'")
    assert own_krita.processes()
    assert own_krita.quit() == 0
    deadline = time.monotonic() + 60
    while own_krita.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert own_krita.processes() == []


@pytest.mark.slow
def test_two_kritas_share_one_backend(own_krita: Krita, krita_place: object) -> None:
    first = Stage(own_krita)
    first.open_portrait()
    first.pull_mode()
    own_krita.wait_until("ws.connection.state == 'ready'")
    servers = server_pids(own_krita)
    shared = {"PULLFACE_HOME": str(own_krita.pullface_home)}
    with Krita(own_krita.place, variables=shared) as other:
        second = Stage(other)
        second.open_portrait()
        second.pull_mode()
        other.wait_until("ws.connection.state == 'ready'")
        assert server_pids(own_krita) == servers
        assert len(servers) == 1
        assert other.quit() == 0
        own_krita.let_turn()
        assert server_pids(own_krita) == servers
    assert own_krita.run("ws.connection.state") == "ready"


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def server_pids(krita: Krita) -> list[int]:
    return [pid for pid in krita.processes() if "backend.server" in command_of(pid)]
