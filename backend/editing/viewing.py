"""Looking at the steps of a pull: the last one asked for is shown, and made in full when the artist stays on it."""

from __future__ import annotations

from ..wire.errors import RemoteError
from ..wire.messages import Event, Reply
from .connection import Connection
from .cropping import CroppedPull
from .geometry import Point
from .host import Edit, Source
from .remote_session import RemoteSession, edit_of
from .state import Phase
from .tasks import Job, Later, Runner, Steps, Waiting

VIEW_SECONDS = 0.25
"""How long a step has to be looked at before its full result is made."""


class ViewedPull(CroppedPull):
    """A pull whose steps can be looked at; ``Pull`` adds the orders that compute. Arguments: see ``PullState``."""

    def __init__(self, source: Source, connection: Connection, later: Later, record: bytes = b"") -> None:
        super().__init__(source, connection, later, record)
        self._viewer = Runner(later, self._view_ended)
        self._wanted_step: int | None = None
        self._shown_step = self.step
        self._edit_step = -1
        self._edit_request: tuple[int, Waiting] | None = None
        self._pulled: dict[tuple[str, int], list[int]] = {}
        """Identifiers of the pairs of each drag, by its session and its first step."""
        self.pairs.went_to = self.show

    @property
    def moving(self) -> bool:
        """Whether another step was asked for that is not shown yet."""
        return self._wanted_step is not None and self._wanted_step != self.step

    @property
    def can_show(self) -> bool:
        """Whether other steps can be looked at."""
        return not self.busy and self.last_step > 0

    def show(self, step: int) -> None:
        """Shows another step of the session; the last one asked for wins."""
        step = min(max(0, step), self.last_step)
        session = self._session
        if self.busy or self._closed or session is None or step == self._wanted_step:
            return
        self._wanted_step = step
        self._connection.start()
        if self._edit_request is not None and self._edit_request[0] != step:
            session.stop()  # the full result of a step that nobody looks at any more
            self._edit_request = None
            self._viewer.cancel()
        if not self._viewer.busy:
            self._viewer.run(self._view_job(session))

    def _end_viewing(self) -> None:
        self._finder.cancel()
        self._viewer.cancel()
        self._wanted_step = None

    def _view_job(self, session: RemoteSession) -> Job:
        if not session.is_open:
            yield from self._connected()
            yield from self._resumed(session)
            self._set_phase(Phase.READY)
        while True:
            step = self._shown_step = self._wanted_step or 0
            yield from self._show_model(session, step)
            self._observers.tell("state")
            yield VIEW_SECONDS
            if step == self._wanted_step:
                break
        if step:
            self._set_edit((yield from self._edit_at(step)))

    def _show_model(self, session: RemoteSession, step: int) -> Steps[None]:
        if step == 0:
            self._clear_picture()
            handles = {pair.identifier: pair.start for pair in self.pairs}
        else:
            reply = yield from session.show(step)
            self._set_preview(reply.body["shape"], reply.buffers[0])
            places = [Point(float(x), float(y)) for x, y in reply.body["handles"]]
            handles = dict(zip(self._pairs_of(session, step, len(places)), places))
        if self.pairs.step != step:  # undo has brought its own handles
            self.pairs.look_at(handles, step)

    def _pairs_of(self, session: RemoteSession, step: int, count: int) -> list[int]:
        """Identifiers of the pairs that a step pulled; for a drag of an earlier run of the editor, those of now."""
        known = self._pulled.get((session.facts.name, session.facts.first_step_of(step)))
        if known is None:
            known = [pair.identifier for pair in self.pairs]
        return known if len(known) == count else []

    def _view_ended(self, error: BaseException | None) -> None:
        newer, self._wanted_step = self._wanted_step, None
        if self.phase in (Phase.WAITING, Phase.OPENING):
            self._set_phase(self._rest_phase())
        if error is not None:
            self._say_error(error, "showing a step")
        elif newer is not None and newer != self._shown_step:
            self.show(newer)
        self._record_soon()

    # Parts of jobs

    def _connected(self) -> Steps[None]:
        if not self._connection.connected:
            self._set_phase(Phase.WAITING)
        yield from self._connection.until_connected()

    def _resumed(self, session: RemoteSession) -> Steps[None]:
        self._set_phase(Phase.OPENING)
        yield from session.resume()
        if self.step > session.facts.last_step:
            self.pairs.restore(self.pairs, session.facts.last_step)

    def _edit_at(self, step: int) -> Steps[Edit]:
        """The edit of a step of the present session, asked for once."""
        if self.edit is not None and self._edit_step == step:
            return self.edit
        assert self._session is not None
        request = self._edit_request
        if request is None or request[0] != step or isinstance(request[1].outcome, RemoteError):
            request = step, self._session.ask_for_edit(step, self._result_event)
        self._edit_request = request
        reply: Reply = yield request[1]
        self._edit_request = None
        edit = yield from self.source.for_screen(edit_of(reply))
        self._edit_step = step
        return edit

    def _result_event(self, event: Event) -> None:
        if event.body.get("fraction") is not None:
            self._set_progress(float(event.body["fraction"]), event.body.get("seconds_left"))
