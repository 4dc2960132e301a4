"""ZMTP 3.1 with the NULL mechanism as a DEALER speaks it: bytes in, messages out, and no socket.

Greeting, READY, messages, and the commands PING, PONG and ERROR are all there is; ``docs/protocol.md`` says what of
the ZeroMQ specifications 23/ZMTP and 37/ZMTP that is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .errors import RemoteError
from .limits import MAX_BUFFER_BYTES, MAX_BUFFERS
from .messages import Buffer

Frame = bytes | memoryview

GREETING_BYTES = 64
MECHANISM = b"NULL"
VERSION = (3, 1)
PEERS = (b"ROUTER", b"DEALER", b"REP")
"""The types of socket that a DEALER may talk to."""

MAX_COMMAND_BYTES = 64 * 1024
"""A longer command ends the connection; the longest that means anything to a DEALER is far shorter."""

KEPT_FRAMES = MAX_BUFFERS + 2
"""Frames of a message beyond these are read and thrown away: such a message is refused anyway."""

UNCOPIED_BYTES = 64 * 1024
"""Frames of at least so many bytes are sent from where they lie."""

_MORE, _LONG, _COMMAND = 1, 2, 4
_PING_CONTEXT = 16
_BLOCK = 64 * 1024


def greeting() -> bytes:
    """The first thing that is sent."""
    signature = b"\xff" + bytes(8) + b"\x7f"
    return (signature + bytes(VERSION) + MECHANISM.ljust(20, b"\0")).ljust(GREETING_BYTES, b"\0")


def command(name: bytes, data: bytes = b"") -> bytes:
    """A short command as it goes over the wire."""
    body = bytes([len(name)]) + name + data
    return bytes([_COMMAND, len(body)]) + body


def ready() -> bytes:
    """What a DEALER says after it has seen the peer's greeting."""
    properties = ((b"Socket-Type", b"DEALER"), (b"Identity", b""))
    return command(
        b"READY",
        b"".join(
            bytes([len(key)]) + key + struct.pack(">I", len(value)) + value for key, value in properties
        ),
    )


def encode_message(frames: Sequence[Buffer]) -> list[Frame]:
    """A message as pieces to be sent one after the other. Large frames are not copied: they are pieces themselves.

    Args:
        frames: at least one; each contiguous.
    """
    pieces: list[Frame] = []
    small = bytearray()
    for number, frame in enumerate(frames):
        body = _as_bytes(frame)
        flags = _MORE if number + 1 < len(frames) else 0
        size = len(body)
        small += bytes((flags, size)) if size < 256 else struct.pack(">BQ", flags | _LONG, size)
        if size < UNCOPIED_BYTES:
            small += body
        else:
            pieces += [bytes(small), body]
            small = bytearray()
    if small:
        pieces.append(bytes(small))
    return pieces


def _as_bytes(frame: Buffer) -> Frame:
    view = memoryview(frame)
    if view.nbytes == 0:
        return b""
    try:
        return view.cast("B")
    except (
        TypeError,
        ValueError,
    ):  # of a kind of number that memoryview does not know, such as big-endian ones
        return view.tobytes()


class Decoder:
    """Cuts what the peer sends into messages. Receive into ``space()``, tell ``took()``, then ask ``next()``.

    Large frames are received where they stay. Memory is bounded by the limits of ``limits``.

    Attributes:
        greeted: the peer's greeting is here and good: now READY is due.
        open: the peer's READY is here: now messages may be sent.
        pong: the answer to the peer's last PING, to be sent and set to None.
    """

    def __init__(self) -> None:
        self.greeted = False
        self.open = False
        self.pong: bytes | None = None
        self._block = memoryview(bytearray(_BLOCK))
        self._start = self._end = 0
        self._large: memoryview | None = None
        self._filled = 0
        self._flags = 0
        self._frames: list[Frame] = []

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._large is not None:
            return self._large[self._filled :]
        if self._start:
            rest = self._end - self._start
            self._block[:rest] = self._block[self._start : self._end]
            self._start, self._end = 0, rest
        return self._block[self._end :]

    def took(self, count: int) -> None:
        """So many bytes lie in ``space()`` now."""
        if self._large is not None:
            self._filled += count
        else:
            self._end += count

    def next(self) -> list[Frame] | None:
        """The next whole message; None until more has come.

        Raises:
            RemoteError: ``server_lost`` when the peer is none that can be talked to, or says that it ends.
        """
        if not self.greeted and not self._take_greeting():
            return None
        while (body := self._next_frame()) is not None:
            if self._flags & _COMMAND:
                self._obey(bytes(body))
                continue
            if len(self._frames) < KEPT_FRAMES:
                self._frames.append(body)
            if not self._flags & _MORE:
                message, self._frames = self._frames, []
                return message
        return None

    def _take_greeting(self) -> bool:
        """Refuses a stranger by its first bytes: it may never send as many as a greeting has."""
        have = bytes(self._block[: min(self._end, GREETING_BYTES)])
        if (have and have[0] != 0xFF) or (len(have) > 9 and not have[9] & 1):
            raise _refused(
                "Another program answers in place of the Pullface backend.", "Start the backend again."
            )
        if len(have) > 10 and have[10] < VERSION[0]:
            raise _refused(
                f"An old ZeroMQ (ZMTP {max(1, have[10])}) answers in place of the Pullface backend.",
                "Start the backend again, or update it.",
            )
        if len(have) < GREETING_BYTES:
            return False
        mechanism = have[12:32].rstrip(b"\0")
        if mechanism != MECHANISM:
            raise _refused(
                f"The server asks for a protection ({_text(mechanism)}) that Pullface does not use.",
                "Start the backend again, or update it.",
            )
        self._start = GREETING_BYTES
        self.greeted = True
        return True

    def _next_frame(self) -> Frame | None:
        """The next frame's body, with its flags in ``_flags``."""
        if self._large is not None:
            if self._filled < len(self._large):
                return None
            large, self._large = self._large, None
            return large
        have = self._end - self._start
        if have < 2:
            return None
        flags, size = self._block[self._start], self._block[self._start + 1]
        if flags & ~(_MORE | _LONG | _COMMAND) or (flags & _COMMAND and flags & _MORE):
            raise _garbled()
        if not flags & _COMMAND and not self.open:
            raise _garbled()
        begin = self._start + 2
        if flags & _LONG:
            if have < 9:
                return None
            begin = self._start + 9
            (size,) = struct.unpack_from(">Q", self._block, self._start + 1)
        if size > (MAX_COMMAND_BYTES if flags & _COMMAND else MAX_BUFFER_BYTES):
            raise _garbled()
        if begin - self._start + size > _BLOCK:
            self._flags = flags
            self._begin_large(size, begin)
            return self._next_frame()
        if self._end - begin < size:
            return None
        self._flags = flags
        self._start = begin + size
        return bytes(self._block[begin : self._start])

    def _begin_large(self, size: int, begin: int) -> None:
        try:
            self._large = memoryview(bytearray(size))
        except MemoryError as error:
            raise RemoteError(
                "server_lost",
                "There is not enough memory for what the Pullface backend sent.",
                "Close other programs, then connect to the backend again.",
            ) from error
        self._filled = min(self._end - begin, size)
        self._large[: self._filled] = self._block[begin : begin + self._filled]
        self._start = begin + self._filled

    def _obey(self, body: bytes) -> None:
        if not body or not 0 < body[0] < len(body):
            raise _garbled()
        name, data = body[1 : 1 + body[0]], body[1 + body[0] :]
        if name == b"ERROR":
            reason = _text(data[1 : 1 + data[0]]) if data else ""
            raise _refused(
                f"The server ended the connection ({reason or 'no reason given'}).",
                "Start the backend again.",
            )
        if name == b"READY" and not self.open:
            if _properties(data).get(b"socket-type") not in PEERS:
                raise _refused(
                    "Another program answers in place of the Pullface backend.", "Start the backend again."
                )
            self.open = True
        elif name == b"PING" and self.open:
            if len(data) < 2:
                raise _garbled()
            self.pong = command(b"PONG", data[2 : 2 + _PING_CONTEXT])


def _properties(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    while data:
        length = data[0]
        if length == 0 or len(data) < length + 5:
            raise _garbled()
        (size,) = struct.unpack_from(">I", data, 1 + length)
        rest = data[length + 5 :]
        if size > len(rest):
            raise _garbled()
        found[data[1 : 1 + length].lower()] = rest[:size]
        data = rest[size:]
    return found


def _text(data: bytes) -> str:
    """Foreign bytes as something that can be shown."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data)


def _refused(message: str, hint: str) -> RemoteError:
    return RemoteError("server_lost", message, hint)


def _garbled() -> RemoteError:
    return _refused(
        "The Pullface backend sent something that cannot be understood.",
        "Start it again. If that does not help, update the plugin and the backend.",
    )
