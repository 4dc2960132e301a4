"""The pull of one layer: the artist's orders, and the jobs that carry them out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..wire.errors import RemoteError
from ..wire.messages import Event, Reply
from .connection import Connection
from .geometry import Point, Rect, Square
from .host import Edit, EditingError, Source
from .messages import Message
from .record import PackedMask, Result
from .remote_session import RemoteSession, SessionFacts, edit_of
from .state import Phase, TimeLeft
from .tasks import Job, Later, Runner, Steps
from .viewing import ViewedPull

RETARGET_SECONDS = 0.03

EARLY = 0.03
"""Before this part of an inversion is done, an estimate of the time that is left would be nonsense."""

LOST = ("worker_lost", "server_lost")
GONE = ("unknown_session", "damaged_session")


class Pull(ViewedPull):
    """One layer's pull. Lives on the editor's thread; no method blocks. Arguments: see ``PullState``."""

    def __init__(self, source: Source, connection: Connection, later: Later, record: bytes = b"") -> None:
        super().__init__(source, connection, later, record)
        self._runner = Runner(later, self._finished)
        self._other: RemoteSession | None = None
        self._sent_targets: list[Point] = []
        self._retarget_due = False
        self._remembered = False
        self._stopping = False
        self._there = True
        self._time_left = TimeLeft()
        self.pairs.changed = self._pairs_changed

    @property
    def busy(self) -> bool:
        """Whether something runs that can be stopped."""
        return self._runner.busy

    @property
    def can_invert(self) -> bool:
        """Whether ``invert`` would do something."""
        return not self.busy

    @property
    def can_drag(self) -> bool:
        """Whether ``drag`` would do something."""
        return not self.busy and not self.moving and len(self.pairs) > 0

    @property
    def can_stop(self) -> bool:
        """Whether ``stop`` would do something."""
        return self.busy and not self._stopping

    @property
    def can_apply(self) -> bool:
        """Whether the shown step has an edit to apply."""
        return not self.busy and not self.moving and self.step > 0

    can_animate = can_apply

    @property
    def can_edit_pairs(self) -> bool:
        """Whether pairs may be added, deleted, undone, and handles moved."""
        return not self.busy

    @property
    def can_move_targets(self) -> bool:
        """Whether targets may be moved; during a drag that retargets it."""
        return not self.busy or self.phase is Phase.DRAGGING

    # Orders

    def invert(self) -> None:
        """Reads the layer and finds it in the model, unless that is done."""
        self._start(self._invert_job())

    def drag(self) -> None:
        """Pulls from the shown step, after whatever has to be done first."""
        if not len(self.pairs):
            self._say(
                Message(
                    "error", "There are no points yet.", "Click on the feature and drag to where it shall go."
                )
            )
            return
        if self.can_drag:
            self._start(self._drag_job())

    def stop(self) -> None:
        """Stops what runs; what was reached stays."""
        if not self.can_stop:
            return
        working = self._other or self._session
        if working is not None and working.is_open:
            working.stop()
        if self.phase in (Phase.INVERTING, Phase.DRAGGING):
            self._stopping = True  # its reply ends the job
            self._observers.tell("state")
            return
        self._edit_request = None
        self._runner.cancel()
        self._settle()

    def apply(self) -> None:
        """Puts the shown step above the source as a new group."""
        if not self.can_apply:
            return
        result = self._result_at(self.step)
        self._start(
            self._apply_job(
                result.title if result is not None else f"Pull, step {self.step}", self.step, result
            )
        )

    def animate(self, frames: int = 24) -> None:
        """Puts the way to the shown step above the source as an animation of at most so many frames."""
        if self.can_animate:
            self._start(self._animate_job(max(2, frames)))

    def apply_result(self, identifier: str) -> None:
        """Puts a finished drag above the source, once more if need be."""
        result = next((item for item in self.results if item.identifier == identifier), None)
        if result is not None:
            self._start(self._apply_job(result.title, result.step, result))

    def delete_result(self, identifier: str) -> None:
        """Takes a finished drag out of the history; a session that nothing needs any more is deleted."""
        gone = [item for item in self.results if item.identifier == identifier]
        self._set_results([item for item in self.results if item.identifier != identifier])
        current = self._session.facts.name if self._session is not None else ""
        needed = {current, *(item.session for item in self.results)}
        for item in gone:
            if item.session not in needed and self._connection.connected:
                self._connection.send("session.close", {"forget": True}, session=item.session)

    def forget(self) -> None:
        """Begins anew: deletes pairs, session and history of this layer."""
        if self.busy:
            return
        self._end_viewing()
        self._edit_request = None
        self._say(None)
        for item in list(self.results):
            self.delete_result(item.identifier)
        if self._session is not None:
            self._session.close(forget=True)
        self._session = None
        self._clear_picture()
        self.mask = self._packed_mask = None
        self.pairs.restore((), 0)
        self._set_phase(Phase.IDLE)

    def dismiss(self) -> None:
        """Takes the message away."""
        self._say(None)

    def look_after_source(self) -> None:
        """Tells when the layer was deleted or came back; call it now and then."""
        there = self.source.exists()
        if there == self._there or self._closed:
            return
        self._there = there
        if there:
            self._say(None)
            return
        self.stop()
        self._say(
            Message.filled(
                "error",
                "The layer “{name}” was deleted.",
                "Undo that in the editor to pull on; what was applied stays.",
                name=self.source.name,
            )
        )

    def close(self) -> None:
        """The document or the layer goes away: lets go of the backend's session, which stays saved."""
        self._closed = True
        self._runner.cancel()
        self._viewer.cancel()
        if self._session is not None and self._session.is_open:
            self._session.close()

    # Jobs

    def _start(self, job: Job) -> None:
        if self.busy or self._closed:
            job.close()
            return
        self._end_viewing()
        self._say(None)
        self._connection.start()
        self._runner.run(job)
        self._observers.tell("state")

    def _finished(self, error: BaseException | None) -> None:
        if error is not None:
            self._say_error(error, self.phase.value)
        self._settle()

    def _settle(self) -> None:
        """Nothing runs any more."""
        self._stopping = False
        self.pairs.recording = True
        phase = self._rest_phase()
        if phase is Phase.IDLE or self.step == 0:
            self._clear_picture()
        self._set_phase(phase)
        self._record_soon()

    def _invert_job(self) -> Job:
        yield from self._surviving_loss(self._prepared)

    def _drag_job(self) -> Job:
        self._remembered = False
        yield from self._surviving_loss(self._dragged)
        session = self._session
        if session is None or self.step == 0:
            return
        self._stopping = False
        self._set_phase(Phase.FINISHING)
        reply = yield from session.show(self.step)
        self._set_preview(reply.body["shape"], reply.buffers[0])
        self._add_result(session.facts.name, self.step)
        self._set_edit((yield from self._edit_at(self.step)))

    def _surviving_loss(self, part: Callable[[], Steps[Any]]) -> Steps[None]:
        """Does ``part``, and once more when the backend dies in the middle."""
        try:
            yield from part()
        except RemoteError as error:
            if error.code not in (*LOST, *GONE) or self._stopping:
                raise
            if self._session is not None:
                self._session.generation = -1  # a new worker has to be told that it is open
            if error.code in LOST:
                self._say(
                    Message("note", "The backend had stopped. It is started again, and the pull goes on.")
                )
            yield from part()

    def _prepared(self) -> Steps[RemoteSession]:
        """A session that is open and inverted and shows what the layer shows now."""
        yield from self._connected()
        if not self.source.exists():
            raise EditingError(
                "no_layer", "The layer is gone.", "Select another layer, or undo its deletion."
            )
        self._set_phase(Phase.READING)
        session = yield from self._same_session()
        if session is None:
            session = yield from self._new_session()
        if not session.facts.inverted:
            self._set_phase(Phase.INVERTING)
            settings = dict(self.inversion_settings)
            if self.label is not None:
                settings["label"] = self.label
            yield from session.invert(settings, self._inversion_event)
            if self._stopping:  # too late for the backend, but not for us
                raise RemoteError("cancelled", "Stopped.", "")
            self._clear_picture()
        self._record_soon()
        return session

    def _same_session(self) -> Steps[RemoteSession | None]:
        """The present session, resumed where need be; None when picture or choices are not what it was made of."""
        session = self._session
        if session is not None and self._points_elsewhere(session.facts.crop):
            yield from self._find_faces(self._filled_bounds())
            self._take_the_meant_face()
        if session is None or session.facts.wish != self._wish():
            return None
        if not self.source.bounds().empty and (yield from self._as_it_was(session)):
            try:
                if not session.is_open:
                    yield from self._resumed(session)
            except RemoteError as error:
                if error.code not in GONE:
                    raise
                return None
            return session
        if self.last_step:
            self._say(Message("note", "The layer has changed since the last pull, so it is fitted anew."))
        return None

    def _points_elsewhere(self, crop: Square) -> bool:
        """Whether points lie outside the crop although it was to follow the face that they are on."""
        followed = self.crop_choice == "face" and self.face is None
        return followed and not all(crop.contains(pair.handle) for pair in self.pairs)

    def _as_it_was(self, session: RemoteSession) -> Steps[bool]:
        """Whether the layer still shows what the session was made of."""
        picture = yield from self._read(session.facts.rect)
        return picture.digest == session.facts.digest

    def _new_session(self) -> Steps[RemoteSession]:
        """Finds the crop, sends the picture and opens a session with it."""
        crop, rect = yield from self._located()
        if self._too_large(rect):
            self._say(
                Message(
                    "note",
                    "The layer is too large to be sent in its full depth, so the edit has 8 bits a channel.",
                    "Let the crop follow the face, or draw it around the face, to keep all of it.",
                )
            )
        picture = yield from self._read(rect)
        self._set_phase(Phase.OPENING)
        session = yield from RemoteSession.open(self._connection, picture, crop, self.model, self._wish())
        if session.note:
            self._say(Message("note", session.note))
        old, self._session = self._session, session
        self._edit_request = None
        if old is not None and old.is_open:
            old.close()
        self._clear_picture()
        self.pairs.rebase()
        self._observers.tell("options")  # now the crop is known
        return session

    def _dragged(self) -> Steps[None]:
        session = yield from self._prepared()
        facts = session.facts
        for pair in self.pairs:
            if not (facts.crop.contains(pair.handle) and facts.crop.contains(pair.target)):
                raise EditingError(
                    "points_outside",
                    "A point lies outside the part of the picture that the model sees.",
                    "Move it into the dashed frame, or draw a larger crop.",
                )
        self._set_phase(Phase.READING)
        ends = [(pair.handle, pair.target) for pair in self.pairs]
        yield from self._find_mask(ends, facts.crop, facts.rect)
        if not self._remembered:
            self.pairs.remember()
            self._remembered = True
        self._set_phase(Phase.DRAGGING)
        pulled = facts.name, facts.last_step + 1
        self._pulled[pulled] = [pair.identifier for pair in self.pairs]
        self._sent_targets = [pair.target for pair in self.pairs]
        self.pairs.recording = False
        self._time_left = TimeLeft()
        reply = yield from session.drag(ends, self.mask, self.step, self.drag_options, self._drag_event)
        self._reached(reply.body)
        if reply.body["outcome"] == "arrived" and reply.body["steps"] == 0:
            self._say(
                Message("note", "The points are at their targets already.", "Move a target to pull on.")
            )
        elif reply.body["outcome"] == "stuck":
            self._say(
                Message("note", str(reply.body["reason"]), "Move the targets, or select what may move.")
            )
        elif reply.body["outcome"] == "limit":
            self._say(
                Message(
                    "note", "The points have not arrived yet.", "Drag again to pull on, or move the targets."
                )
            )

    def _find_mask(self, pairs: list[tuple[Point, Point]], crop: Square, rect: Rect) -> Steps[None]:
        selected = self.source.selection_bounds() is not None
        kept = self._kept_mask
        if not selected and kept is not None and kept.rect == rect and self.area.movable != "crop":
            self.mask = kept  # the document was opened again, and its selection is not there any more
            return
        self._kept_mask = None
        self.mask = yield from self.source.movable(self.area, pairs, crop, rect)
        self._packed_mask = (yield from PackedMask.of(self.mask)) if self.mask is not None else None
        self._mask_from_selection = selected and self.area.movable != "crop"

    def _apply_job(self, title: str, step: int, result: Result | None) -> Job:
        yield from self._connected()
        self._set_phase(Phase.FINISHING)
        session = yield from self._session_of(result)
        edit = yield from (
            self._edit_at(step) if session is self._session else self._other_edit(session, step)
        )
        self._set_phase(Phase.APPLYING)
        painted_on = session is self._session and not (yield from self._as_it_was(session))
        note = yield from self.source.write(title, edit)
        if painted_on:
            self._say(
                Message(
                    "note",
                    "The layer has changed since the pull began, and the edit covers what was painted there.",
                    "Undo Apply and drag again to pull what the layer shows now.",
                )
            )
        elif note:
            self._say(Message("note", note))
        self._clear_picture()
        self.pairs.forget_undo()  # from here on the editor's own undo takes the new layer back
        if result is not None:
            applied = replace(result, applied=result.applied + 1)
            self._set_results([applied if item is result else item for item in self.results])

    def _session_of(self, result: Result | None) -> Steps[RemoteSession]:
        session = self._session
        if session is None or (result is not None and result.session != session.facts.name):
            assert result is not None
            facts = SessionFacts(result.session, "", [], Rect(0, 0, 0, 0), Square(0, 0, 0))
            session = RemoteSession(self._connection, facts)
        if not session.is_open:
            yield from session.resume()
        return session

    def _other_edit(self, session: RemoteSession, step: int) -> Steps[Edit]:
        self._other = session
        try:
            reply: Reply = yield session.ask_for_edit(step, self._result_event)
        finally:
            self._other = None
            session.close()
        return edit_of(reply)

    def _animate_job(self, frames: int) -> Job:
        yield from self._connected()
        self._set_phase(Phase.FINISHING)
        session = yield from self._session_of(None)
        steps = session.facts.sampled_path(self.step, frames)
        edits: list[Edit] = []
        started = time.monotonic()
        for index, step in enumerate(steps):
            left = (time.monotonic() - started) / index * (len(steps) - index) if index else None
            self._set_progress(index / len(steps), left)
            reply: Reply = yield session.ask_for_edit(step)
            edits.append(edit_of(reply))
        self._set_phase(Phase.APPLYING)
        note = yield from self.source.write_animation(f"Pull to step {self.step}", edits, len(edits))
        if note:
            self._say(Message("note", note))

    # Events

    def _inversion_event(self, event: Event) -> None:
        body = event.body
        if event.type == "preview":
            self._set_preview(body["shape"], event.buffers[0])
        elif "fraction" in body:
            fraction = float(body["fraction"])
            left = body.get("seconds_left") if fraction >= EARLY else None
            self._set_progress(fraction, left, str(body.get("stage", "")))

    def _drag_event(self, event: Event) -> None:
        if event.type == "preview":
            self._set_preview(event.body["shape"], event.buffers[0])
        elif "step" in event.body:
            self._reached(event.body)
            self._set_progress(*self._time_left.of(self.distance or 0.0))

    def _reached(self, body: dict[str, Any]) -> None:
        assert self._session is not None
        step = int(body["step"])
        self.edit = None
        facts = self._session.facts
        facts.last_step = max(facts.last_step, step)
        self.pairs.track(body["handles"], step)

    def _pairs_changed(self) -> None:
        self._observers.tell("pairs")
        if self.phase is Phase.DRAGGING and not self._retarget_due:
            self._retarget_due = True
            self._later(RETARGET_SECONDS, self._retarget)
        elif not self.busy:
            self._record_soon()

    def _retarget(self) -> None:
        self._retarget_due = False
        if self.phase is not Phase.DRAGGING or self._session is None:
            return
        for index, pair in enumerate(self.pairs[: len(self._sent_targets)]):
            if pair.target != self._sent_targets[index]:
                self._sent_targets[index] = pair.target
                self._session.retarget(index, self._session.facts.crop.clamped(pair.target))
