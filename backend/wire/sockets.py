"""The transport without pyzmq: a thread that speaks ZMTP over one of Python's own sockets.

The thread and its owner share two queues and a pair of sockets to wake each other with. What the owner watches is
one end of that pair, which on every system is a real socket and stays readable until everything was taken.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Sequence

from . import zmtp
from .errors import RemoteError
from .messages import Buffer
from .transport import RECEIVE_QUEUE, SEND_QUEUE, server_lost

_PIECE = 1 << 20
"""Most bytes given to the system at once; Windows would else take any amount and copy it."""

_JOIN_SECONDS = 5.0
_CONNECTING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", 0))


class SocketTransport:
    """See ``Transport``.

    Args:
        endpoint: ``tcp://HOST:PORT``.
        without_libzmq: why it is not pyzmq that is used, for ``name``.
    """

    def __init__(self, endpoint: str, without_libzmq: str = "") -> None:
        self.name = "Python's sockets" + (f" (libzmq: {without_libzmq})" if without_libzmq else "")
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        self._near, far = socket.socketpair()
        for side in (self._near, far):
            side.setblocking(False)
            if side.family == socket.AF_INET:  # on Windows; a second byte would wait for the first's receipt
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._talk = _Talk((host, int(port)), self._near, far)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._near, selectors.EVENT_READ)
        thread = threading.Thread(target=self._talk.run, name="pullface-wire", daemon=True)
        # Also ends the thread when the owner forgets to close, and before Python itself ends.
        self._end = weakref.finalize(self, _end, self._talk, thread, self._selector)
        thread.start()

    @property
    def ended(self) -> RemoteError | None:
        return self._talk.ended

    @property
    def socket_object(self) -> socket.socket:
        return self._near

    def fileno(self) -> int:
        return self._near.fileno()

    def send(self, frames: Sequence[Buffer]) -> None:
        self._talk.send(zmtp.encode_message(frames))

    def receive(self) -> list[Buffer] | None:
        return self._talk.receive()

    def wait(self, seconds: float) -> None:
        self._selector.select(seconds)

    def close(self) -> None:
        self._end()


def _end(talk: _Talk, thread: threading.Thread, selector: selectors.BaseSelector) -> None:
    talk.stop()
    if thread is not threading.current_thread():  # the garbage collector works in any thread
        thread.join(_JOIN_SECONDS)
    selector.close()
    talk.near.close()
    talk.far.close()


class _Talk:
    """The thread's side. ``send``, ``receive`` and ``stop`` are the owner's; everything else is the thread's."""

    def __init__(self, address: tuple[str, int], near: socket.socket, far: socket.socket) -> None:
        self.near = near
        self.far = far
        self.ended: RemoteError | None = None
        self._address = address
        # Of the kind that one may take twice: the garbage collector may call stop() within any statement.
        self._lock = threading.RLock()
        self._outgoing: deque[list[zmtp.Frame]] = deque()
        self._incoming: deque[list[Buffer]] = deque()
        self._stopped = False
        self._poked = False  # a byte lies in far, for the thread
        self._told = False  # a byte lies in near, for the owner
        self._decoder = zmtp.Decoder()
        self._pieces: deque[memoryview] = deque()
        self._said_ready = False

    # The owner's side

    def send(self, pieces: list[zmtp.Frame]) -> None:
        with self._lock:
            if self.ended is not None or self._stopped or len(self._outgoing) >= SEND_QUEUE:
                raise BlockingIOError
            self._outgoing.append(pieces)
            self._poke()

    def receive(self) -> list[Buffer] | None:
        with self._lock:
            if self._stopped:
                return None
            if self._incoming:
                if len(self._incoming) == RECEIVE_QUEUE:
                    self._poke()  # there is room again
                return self._incoming.popleft()
            self._told = False
            _empty(self.near)
            return None

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._poke()

    def _poke(self) -> None:
        if not self._poked:
            self._poked = True
            self.near.send(b"\0")

    # The thread's side

    def run(self) -> None:
        reason: RemoteError
        try:
            with (
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer,
                selectors.DefaultSelector() as selector,
            ):
                self._speak(peer, selector)
            reason = server_lost()
        except RemoteError as error:
            reason = error
        except OSError:
            reason = server_lost()
        except BaseException:  # a defect; a thread that ends without a word would leave its owner waiting
            traceback.print_exc()
            reason = server_lost()
        self._pieces.clear()
        with self._lock:
            self._outgoing.clear()
            self.ended = reason
            self._tell()

    def _speak(self, peer: socket.socket, selector: selectors.BaseSelector) -> None:
        """Returns when it was stopped or the peer has closed the connection."""
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failure = peer.connect_ex(self._address)
        if failure not in _CONNECTING:
            raise OSError(failure, "cannot connect")
        selector.register(self.far, selectors.EVENT_READ)
        connected = False
        watched = 0
        while True:
            with self._lock:
                if self._stopped:
                    return
                if not self._pieces and connected:
                    self._load()
                wanted = selectors.EVENT_WRITE if self._pieces or not connected else 0
                if connected and len(self._incoming) < RECEIVE_QUEUE:
                    wanted |= selectors.EVENT_READ
            watched = _watch(selector, peer, watched, wanted)
            ready = {key.fileobj: events for key, events in selector.select()}
            if self.far in ready:
                self._take_poke()
            events = ready.get(peer, 0)
            if not connected:
                if events:
                    failure = peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if failure:
                        raise OSError(failure, "cannot connect")
                    connected = True
                    self._pieces.append(memoryview(zmtp.greeting()))
                continue
            if events & selectors.EVENT_READ and not self._read(peer):
                return
            if events & selectors.EVENT_WRITE and not self._write(peer):
                while self._read(peer, until_empty=True):  # what the peer said before it went
                    pass
                return

    def _load(self) -> None:
        """Makes the next thing to send ready: commands go between messages."""
        decoder = self._decoder
        if decoder.greeted and not self._said_ready:
            self._said_ready = True
            self._pieces.append(memoryview(zmtp.ready()))
        elif decoder.pong is not None:
            self._pieces.append(memoryview(decoder.pong))
            decoder.pong = None
        elif decoder.open and self._outgoing:
            self._pieces.extend(map(memoryview, self._outgoing.popleft()))

    def _read(self, peer: socket.socket, until_empty: bool = False) -> bool:
        """Takes in once what has come. Returns False when the peer has closed, or there is nothing though asked."""
        try:
            count = peer.recv_into(self._decoder.space())
        except BlockingIOError:
            return not until_empty
        self._decoder.took(count)
        while (message := self._decoder.next()) is not None:
            with self._lock:
                self._incoming.append(message)
                self._tell()
        return count > 0

    def _write(self, peer: socket.socket) -> bool:
        """Sends what the connection takes at once. Returns False when it is broken."""
        piece = self._pieces[0]
        try:
            count = peer.send(piece[:_PIECE])
        except BlockingIOError:
            return True
        except OSError:
            return False
        if count < len(piece):
            self._pieces[0] = piece[count:]
        else:
            self._pieces.popleft()
        return True

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            with contextlib.suppress(OSError):
                self.far.send(b"\0")

    def _take_poke(self) -> None:
        with self._lock:
            self._poked = False
            _empty(self.far)


def _empty(end: socket.socket) -> None:
    """Takes the wake-ups that have arrived. On Windows one may still be on its way, and then wakes in vain."""
    with contextlib.suppress(BlockingIOError):
        end.recv(64)


def _watch(selector: selectors.BaseSelector, peer: socket.socket, watched: int, wanted: int) -> int:
    if wanted == watched:
        return watched
    if not watched:
        selector.register(peer, wanted)
    elif not wanted:
        selector.unregister(peer)
    else:
        selector.modify(peer, wanted)
    return wanted
