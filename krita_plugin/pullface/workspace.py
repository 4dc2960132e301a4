"""Brings everything together in one Krita process: documents and their pulls, the canvas, the dockers, the backend."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from . import __version__
from .backend.editing.connection import Connection
from .backend.editing.geometry import Square
from .backend.editing.host import AreaOptions, EditingError
from .backend.editing.pull import Pull
from .canvas.controller import CanvasController
from .docker.panel import PullPanel
from .host import documents, scratch, tools
from .host.canvas import ActiveCanvas
from .host.layers import identifier_of
from .host.registration import (
    Action,
    krita_version,
    read_setting,
    register_actions,
    register_docker,
    when_closing,
    write_setting,
)
from .host.source import KritaSource
from .link import new_link
from .qt import QtCore, alive, single_shot
from .translation import tr

LOOK_MILLISECONDS = 100
"""How often the active document, the selected layer and closed documents are looked at: Krita does not tell."""

OPTIONS = "options"

_workspace: Workspace | None = None


def start_pullface() -> None:
    """Puts the docker and the actions into the running Krita; called once, while Krita starts."""
    global _workspace
    _workspace = Workspace()
    _workspace.register()


class DocumentPulls:
    """The pulls of one open document, one a layer.

    Attributes:
        current: the pull that is shown; None while no suitable layer is selected.
        notice: why there is none.
    """

    def __init__(self, key: str, make_pull: Callable[[KritaSource], Pull]) -> None:
        self.key = key
        self.current: Pull | None = None
        self.notice = ""
        self._make_pull = make_pull
        self._pulls: dict[str, Pull] = {}
        self._seen: str | None = None
        self._new = True

    def choose(self, document: Any, pinned: bool) -> None:
        """Follows the selected layer.

        A pull that is pinned stays, also when a new layer becomes the selected one. A document that was just opened
        shows the layer whose points it has kept.
        """
        node = documents.selected_layer(document)
        selected = identifier_of(node) if node is not None else None
        if self._new:
            self._new = False
            kept = [name for name in documents.recorded_layers(document) if documents.layer(document, name)]
            if kept and selected not in kept:
                node = documents.layer(document, kept[-1])
        elif self.current is not None and (
            pinned or (selected == self._seen and self.current.source.exists())
        ):
            return
        self._seen = selected
        self._show(document, node)

    def close(self) -> None:
        """The document is closed."""
        for pull in self._pulls.values():
            pull.close()

    def look_after(self) -> None:
        """Notices deleted layers."""
        for pull in self._pulls.values():
            pull.look_after_source()

    def _show(self, document: Any, node: Any) -> None:
        self.current = None
        if node is None:
            self.notice = tr("Select the layer with the face.")
            return
        known = self._pulls.get(identifier_of(node))
        if known is not None:
            self.current = known
            return
        source = KritaSource(document, node)
        try:
            source.check()
        except EditingError as error:
            self.notice = f"{error.message} {error.hint}"
            return
        self.current = self._pulls[source.layer_id] = self._make_pull(source)


class Workspace(QtCore.QObject):
    """Everything of Pullface in one Krita process; all its windows share it."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = Connection(f"Krita {krita_version()}")
        self.link = new_link(self.connection, self)
        self._canvases = ActiveCanvas()
        self.canvas = CanvasController(self._canvases, self)
        self.pull: Pull | None = None
        self._documents: dict[str, DocumentPulls] = {}
        self._panels: list[PullPanel] = []
        self._mode_actions: list[Any] = []
        self._tool = ""
        self._tool_canvas: object = None
        self._closed = False
        self._end_observing: Callable[[], None] = lambda: None
        self.canvas.mode_changed.connect(self._mode_changed)
        self.canvas.crop_drawn.connect(self._crop_drawn)
        self.canvas.face_chosen.connect(self._face_chosen)
        self.canvas.crop_reset.connect(self._crop_reset)
        self.canvas.framing_changed.connect(self._show_framing)
        self.canvas.drag_requested.connect(lambda: self._ask("drag"))
        self.canvas.stop_requested.connect(lambda: self._ask("stop"))
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(LOOK_MILLISECONDS)
        self._timer.timeout.connect(self.look)

    def register(self) -> None:
        """Adds docker and actions to Krita and begins to follow the active document."""
        register_docker(self.new_panel, self._look_soon)
        register_actions(
            [
                Action("pullface_mode", tr("Pull Mode"), self.set_mode, checkable=True),
                Action("pullface_invert", tr("Pullface: Invert"), lambda _: self._ask("invert")),
                Action("pullface_drag", tr("Pullface: Drag"), lambda _: self._ask("drag")),
                Action("pullface_stop", tr("Pullface: Stop"), lambda _: self._ask("stop")),
                Action("pullface_apply", tr("Pullface: Apply"), lambda _: self._ask("apply")),
                Action("pullface_step_back", tr("Pullface: One Step Back"), lambda _: self._step(-1)),
                Action("pullface_step_forward", tr("Pullface: One Step Forward"), lambda _: self._step(1)),
            ],
            self._action_made,
        )
        when_closing(self.close)
        self._timer.start()

    def new_panel(self) -> PullPanel:
        """The content of one window's docker."""
        panel = PullPanel(f"Pullface {__version__}, Krita {krita_version()}")
        panel.mode_toggled.connect(self.set_mode)
        panel.framing_toggled.connect(self.set_framing)
        panel.set_connection(self.connection)
        panel.set_pull(self.pull)
        panel.set_mode(self.canvas.mode)
        panel.set_framing(self.canvas.framing)
        self._panels.append(panel)
        return panel

    def close(self) -> None:
        """Krita ends: lets go of everything; the sessions stay saved."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        self.canvas.close()
        for pulls in self._documents.values():
            pulls.close()
        self.link.close()

    # Following the artist

    def look(self) -> None:
        """Follows the active document and its selected layer."""
        if self._closed:
            return
        self._forget_closed_documents()
        document = documents.active_document()
        if document is None:
            self._show(None, "", tr("Open a picture and select the layer with the face."))
            return
        key = documents.document_key(document)
        pulls = self._documents.get(key)
        if pulls is None:
            pulls = self._documents[key] = DocumentPulls(key, self._make_pull)
        shown = pulls.current
        pulls.choose(document, pinned=self.canvas.mode or (shown is not None and shown.busy))
        pulls.look_after()
        self._show(pulls.current, key, pulls.notice)
        self._look_at_tool()

    def _look_soon(self) -> None:
        single_shot(0, self.look)

    def _forget_closed_documents(self) -> None:
        for key in [key for key in self._documents if documents.open_document(key) is None]:
            self._documents.pop(key).close()

    def _show(self, pull: Pull | None, key: str, notice: str) -> None:
        self._panels = [panel for panel in self._panels if alive(panel)]
        if pull is None:
            for panel in self._panels:
                panel.set_notice(notice)
        if pull is self.pull:
            return
        self._end_observing()
        self.pull = pull
        self._end_observing = pull.observe(self._pull_changed) if pull is not None else lambda: None
        self.canvas.set_pull(pull, key)
        for panel in self._panels:
            panel.set_pull(pull)
        self._look_for_faces()

    def _make_pull(self, source: KritaSource) -> Pull:
        record = source.load_record()
        pull = Pull(source, self.connection, self._later, record)
        if not record:
            with contextlib.suppress(ValueError, TypeError):
                options = json.loads(read_setting(OPTIONS))
                pull.set_model(str(options["model"]))
                pull.set_area(AreaOptions(**options["area"]))
        return pull

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        single_shot(round(seconds * 1000), lambda: None if self._closed else function())

    def _pull_changed(self, topic: str) -> None:
        if topic == "options" and self.pull is not None:
            write_setting(OPTIONS, json.dumps({"model": self.pull.model, "area": asdict(self.pull.area)}))

    # Orders

    def set_mode(self, on: bool) -> None:
        """Switches Pull mode."""
        if on:
            self.look()
            self.link.start()
            scratch.prepare()
        self.canvas.set_mode(on and self.pull is not None)
        self._show_mode(self.canvas.mode)
        self._look_for_faces()

    def _mode_changed(self, on: bool) -> None:
        if on:
            self._tool = tools.take_pan_tool()
            self._tool_canvas = self._canvases.current()
        else:
            tools.give_back_tool(self._tool)
        self._show_mode(on)

    def _look_at_tool(self) -> None:
        """Choosing another tool ends Pull mode; a view that was just opened has begun with its own tool."""
        if not self.canvas.mode or self.pull is None or tools.pan_tool_is_active():
            return
        canvas = self._canvases.current()
        if canvas is not self._tool_canvas:
            self._tool_canvas = canvas
            tools.take_pan_tool()
        else:
            self._tool = ""
            self.canvas.set_mode(False)

    def _show_mode(self, on: bool) -> None:
        for panel in self._panels:
            if alive(panel):
                panel.set_mode(on)
        self._mode_actions = [action for action in self._mode_actions if alive(action)]
        for action in self._mode_actions:
            action.setChecked(on)

    def _action_made(self, identifier: str, action: Any) -> None:
        if identifier == "pullface_mode":
            self._mode_actions.append(action)

    def _ask(self, order: str) -> None:
        if self.pull is not None and getattr(self.pull, f"can_{order}"):
            self.link.start()
            getattr(self.pull, order)()

    def _step(self, by: int) -> None:
        if self.pull is not None and self.pull.can_show:
            self.pull.show(self.pull.step + by)

    # The crop

    def set_framing(self, on: bool) -> None:
        """Switches the editing of the crop's frame on the canvas."""
        self.canvas.edit_frame(on and self.pull is not None and self.pull.can_edit_pairs)
        self._show_framing(self.canvas.framing)
        if self.canvas.framing:
            self._look_for_faces()

    def _show_framing(self, on: bool) -> None:
        for panel in self._panels:
            if alive(panel):
                panel.set_framing(on)

    def _look_for_faces(self) -> None:
        """As soon as the artist turns to a layer, so that the frame is there before anything is pulled."""
        if self.pull is not None and (self.canvas.mode or self.canvas.framing):
            self.link.start()
            self.pull.look_for_faces()

    def _crop_drawn(self, square: Square) -> None:
        if self.pull is not None:
            self.pull.set_crop("drawn", square)

    def _face_chosen(self, number: int) -> None:
        if self.pull is not None:
            self.pull.choose_face(number)

    def _crop_reset(self) -> None:
        if self.pull is not None:
            self.pull.set_crop("face")
