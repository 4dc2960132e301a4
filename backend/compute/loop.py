"""The worker's main thread: takes one job after the other and serves short ones between the steps of a drag."""

from __future__ import annotations

import logging
import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from backend.compute.bodies import array, description, inversion_settings, pixels, step_facts
from backend.compute.failures import explain
from backend.compute.link import Link, Task
from backend.compute.previews import Previews
from backend.compute.shelf import Loaded, Shelf
from backend.engine import Cancelled, InversionProgress
from backend.errors import PullfaceError
from backend.models.catalogue import DEFAULT_MODEL, available, find
from backend.sessions.dragging import SessionDrag
from backend.sessions.faces import find as find_faces
from backend.sessions.opening import open_layer
from backend.sessions.session import Session
from backend.sessions.store import SessionStore
from backend.wire.messages import Buffer

KEPT_SESSIONS = 8
EVENT_SECONDS = 0.1
"""The progress of a job is told at most this often."""

Answer = tuple[dict[str, Any], tuple[Buffer, ...]]

_log = logging.getLogger(__name__)


class ComputeLoop:
    """Serves jobs for ever.

    Args:
        link: to the front.
        store: the sessions on disk.
        device: "auto", or a torch device's name.
    """

    def __init__(self, link: Link, store: SessionStore, device: str) -> None:
        self._link = link
        self._store = store
        self._shelf = Shelf(device)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._handlers: dict[str, Callable[[Task], Answer]] = {
            "faces.find": self._find_faces,
            "session.open": self._open,
            "session.resume": self._resume,
            "session.invert": self._invert,
            "session.result": self._result,
            "drag.start": self._drag,
            "step.show": self._show,
            "worker.release": self._release,
        }

    def run(self) -> None:
        """Never returns; the link ends the process."""
        self._link.state.device = str(self._shelf.device)
        self._warm_up()
        self._link.state.state = "ready"
        while True:
            self._serve(self._link.inbox.get())

    def _warm_up(self) -> None:
        """Loads the default model while nobody waits for it yet."""
        try:
            if any(model.name == DEFAULT_MODEL for model in available()):
                self._model(DEFAULT_MODEL)
        except Exception as error:
            explain(error, "loading the default model")

    def _serve(self, task: Task) -> None:
        try:
            body, buffers = self._handlers[task.message.type](task)
            self._link.send("ok", task, body, buffers)
        except Exception as error:
            failure = explain(error, task.message.type)
            # The traceback's frames hold the tensors of the failed computation.
            error.__traceback__ = None
            if failure.code == "out_of_memory":
                self._sessions.clear()
                self._shelf.free_memory()
            body = {"code": failure.code, "message": failure.message, "hint": failure.hint}
            self._link.send("error", task, body)

    def _serve_waiting(self) -> None:
        """Serves what came meanwhile. During a drag the front sends short jobs of other kinds only."""
        while True:
            try:
                task = self._link.inbox.get_nowait()
            except queue.Empty:
                return
            self._serve(task)

    def _model(self, name: str) -> Loaded:
        loaded = self._shelf.get(name)
        self._link.state.models_loaded = self._shelf.names()
        return loaded

    def _session(self, name: str) -> Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._store.open(name)
            self._keep(session)
        self._sessions.move_to_end(name)
        return session

    def _keep(self, session: Session) -> None:
        self._sessions[session.name] = session
        while len(self._sessions) > KEPT_SESSIONS:
            self._sessions.popitem(last=False)

    # Short jobs

    def _open(self, task: Task) -> Answer:
        body, buffers = task.body, task.message.buffers
        model = find(body.get("model") or DEFAULT_MODEL)
        name = body.get("model") or DEFAULT_MODEL
        layer = pixels(buffers[0], body["layer"])
        selection = pixels(buffers[1], body["selection"]) if body.get("selection") else None
        self._store.clean(keep=self._sessions)
        session = open_layer(
            self._store,
            task.session,
            name,
            (model.height, model.width),
            layer,
            tuple(body.get("offset") or (0, 0)),
            body.get("crop") or "face",
            selection,
            body.get("point"),
            body.get("face"),
            model.labels,
            model.label_names,
        )
        self._keep(session)
        return description(session), ()

    def _find_faces(self, task: Task) -> Answer:
        layer = pixels(task.message.buffers[0], task.body["layer"])
        found = find_faces(layer, tuple(task.body.get("offset") or (0, 0)))
        return {"faces": [face.facts() for face in found]}, ()

    def _resume(self, task: Task) -> Answer:
        session = self._session(task.session)
        last = None
        if session.last_step:
            step = session.step(session.last_step)
            last = {
                "step": step.step,
                "handles": step.handles,
                "targets": step.targets,
                "distance": step.distance,
            }
        drags = [
            {
                "number": drag.number,
                "from_step": drag.from_step,
                "first_step": drag.first_step,
                "pairs": drag.pairs,
                "outcome": drag.outcome,
            }
            for drag in session.record.drags[-100:]
        ]
        facts = {
            "inverted": session.record.inversion is not None,
            "label": session.label,
            "steps": session.last_step,
            "last": last,
            "drags": drags,
        }
        return {**description(session), **facts}, ()

    def _show(self, task: Task) -> Answer:
        session = self._session(task.session)
        number = task.body["step"]
        picture = session.show(self._model(session.record.model).editor, number)
        body: dict[str, Any] = {"step": number, "handles": [], "targets": [], "distance": 0.0}
        if number:
            step = session.step(number)
            body.update(handles=step.handles, targets=step.targets, distance=step.distance)
        return {**body, **array(picture)}, (picture,)

    def _result(self, task: Task) -> Answer:
        session = self._session(task.session)
        number = task.body.get("step")
        number = session.last_step if number is None else number
        tell = self._reporter(task, "composite")
        tell(0.0)
        edit = session.result(self._model(session.record.model).editor, number, tell)
        picture = edit.alone() if task.body.get("only_changed") else edit.pixels
        body = {
            "rect": list(edit.rect),
            "opaque": edit.opaque,
            "step": number,
            "steps": session.last_step,
            "picture": array(picture),
            "changed": array(edit.changed),
        }
        return body, (picture, edit.changed)

    def _reporter(self, task: Task, stage: str) -> Callable[[float], None]:
        """A callback that tells the client how far the job is, and ends it when it was stopped."""
        started = time.monotonic()
        told = 0.0

        def report(fraction: float) -> None:
            nonlocal told
            if task.stopped:
                raise Cancelled
            now = time.monotonic()
            if now - told < EVENT_SECONDS:
                return
            told = now
            body: dict[str, Any] = {"stage": stage, "fraction": fraction}
            if fraction > 0:
                body["seconds_left"] = (now - started) * (1 - fraction) / fraction
            self._link.send("progress", task, body)

        return report

    def _release(self, task: Task) -> Answer:
        self._sessions.pop(task.session, None)
        if task.body.get("forget"):
            self._store.forget(task.session)
        return {}, ()

    # Long jobs

    def _invert(self, task: Task) -> Answer:
        session = self._session(task.session)
        loaded = self._model(session.record.model)
        settings = inversion_settings(task.body.get("settings") or {})
        picture = session.picture()
        key = session.inversion_key(picture, loaded.fingerprint, settings)
        saved = self._store.find_inversion(key)
        if saved is not None:
            session.adopt_inversion(*saved)
        else:
            session.invert(loaded.editor, picture, key, settings, self._inversion_reporter(task))
        facts = session.record.inversion or {}
        return {
            "seconds": float(facts.get("seconds", 0.0)),
            "distance": float(facts.get("distance", 0.0)),
            "perceptual": str(facts.get("perceptual", "")),
            "cached": saved is not None,
        }, ()

    def _inversion_reporter(self, task: Task) -> Callable[[InversionProgress], None]:
        started = time.monotonic()
        told = 0.0
        previews = Previews(self._link, task, share=0.1, longest_pause=1.0)

        def report(progress: InversionProgress) -> None:
            nonlocal told
            if task.stopped:
                raise Cancelled
            now = time.monotonic()
            if now - told < EVENT_SECONDS and progress.fraction < 1:
                return
            told = now
            body: dict[str, Any] = {"stage": progress.stage, "fraction": progress.fraction}
            left = (now - started) * (1 - progress.fraction) / max(progress.fraction, 1e-3)
            self._link.send("progress", task, {**body, "seconds_left": left, "loss": progress.loss})
            previews.offer(body, progress.preview)

        return report

    def _drag(self, task: Task) -> Answer:
        if task.stopped:
            raise Cancelled
        session = self._session(task.session)
        body = task.body
        mask = None
        if body.get("mask"):
            mask = pixels(task.message.buffers[0], body["mask"])
        drag = SessionDrag(
            session,
            self._model(session.record.model).editor,
            body["pairs"],
            mask,
            body.get("options"),
            body.get("from_step"),
        )
        try:
            steps = self._run_drag(task, drag)
        except BaseException:
            drag.finish()
            raise
        finally:
            # Short jobs between the steps may have pushed it out; a copy read then knows no later steps.
            self._keep(session)
        ending = {"outcome": drag.finish(), "reason": drag.reason, "steps": steps}
        return {**ending, **step_facts(drag.last)}, ()

    def _run_drag(self, task: Task, drag: SessionDrag) -> int:
        """Runs the steps and tells of them. Returns how many new steps it made."""
        steps = -1
        previews = Previews(self._link, task, share=0.25)
        for step in drag:
            steps += 1
            body = {"stage": "drag", **step_facts(step)}
            self._link.send("progress", task, body)
            previews.offer(body, step.preview)
            self._serve_waiting()
            while task.retargets:
                self._retarget(drag, *task.retargets.popleft())
            if task.stopped:
                drag.close()
        return max(0, steps)

    @staticmethod
    def _retarget(drag: SessionDrag, pair: int, target: tuple[float, float]) -> None:
        try:
            drag.retarget(pair, target)
        except PullfaceError as error:
            # The front has checked it; what it let through and the engine does not want leaves the old target.
            _log.warning("a target was not moved: %s", error.message)
