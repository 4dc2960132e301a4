"""How frames get to the server and back: by pyzmq where it loads, else by Python's own sockets.

Both transports behave alike and are held to that by the same tests. The environment variable ``PULLFACE_TRANSPORT``
(``libzmq`` or ``sockets``) asks for one of them.
"""

from __future__ import annotations

import functools
import os
import re
import socket
import sys
import sysconfig
from collections.abc import Sequence
from typing import Protocol

from .errors import RemoteError
from .messages import Buffer

SEND_QUEUE = 256
"""Messages that wait because the server does not read; one more is refused."""

RECEIVE_QUEUE = 256
"""Messages that wait because the client does not take them; then no more is read from the connection."""

OLDEST_PYZMQ = (22,)

VARIABLE = "PULLFACE_TRANSPORT"


class Transport(Protocol):
    """A DEALER's connection to one ROUTER. A connection that breaks is final.

    Nothing but ``wait`` and ``close`` blocks. It belongs to one thread.

    Attributes:
        name: what it is, for people.
    """

    name: str

    @property
    def ended(self) -> RemoteError | None:
        """Why the connection is over; None as long as it is not. What came before may still be there to receive."""

    @property
    def socket_object(self) -> socket.socket | None:
        """A socket that is readable when ``fileno`` is, for event loops that want an object; None if there is none."""

    def fileno(self) -> int:
        """The descriptor to watch for reading. After a wake-up receive until there is nothing more."""

    def send(self, frames: Sequence[Buffer]) -> None:
        """Takes a message to be sent. Large frames are not copied.

        Raises:
            BlockingIOError: it is not taken: ``SEND_QUEUE`` messages wait, or the connection is over.
        """

    def receive(self) -> list[Buffer] | None:
        """The next message, or None. Of one with too many frames the last ones are missing."""

    def wait(self, seconds: float) -> None:
        """Blocks until there may be something new, or the time is over."""

    def close(self) -> None:
        """Ends the connection; what waits to be sent is dropped. Harmless when called twice."""


def server_lost() -> RemoteError:
    """The error of a connection that broke."""
    return RemoteError(
        "server_lost",
        "The Pullface backend has stopped.",
        "Start it again and resume the session: nothing that was inverted or pulled is lost.",
    )


def open_transport(endpoint: str) -> Transport:
    """Begins to connect, and returns at once.

    Args:
        endpoint: ``tcp://HOST:PORT``.

    Raises:
        RemoteError: ``not_started`` when the transport that is asked for does not exist or does not load;
            ``server_lost`` when the endpoint is none.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "libzmq", "sockets"):
        raise RemoteError(
            "not_started",
            f"{VARIABLE} is set to something that is no transport.",
            "Set it to libzmq or sockets, or remove it.",
        )
    if not re.fullmatch(r"tcp://[^:]+:\d+", endpoint) or not 0 < int(endpoint.rpartition(":")[2]) < 65536:
        raise server_lost()
    failure = "not asked for" if wanted == "sockets" else _libzmq_failure()
    if failure is None:
        from .libzmq import LibzmqTransport

        return LibzmqTransport(endpoint)
    if wanted == "libzmq":
        raise RemoteError("not_started", f"pyzmq does not load ({failure}).", f"Remove {VARIABLE}.")
    from .sockets import SocketTransport

    return SocketTransport(endpoint, without_libzmq=failure)


@functools.cache
def _libzmq_failure() -> str | None:
    """Why pyzmq cannot be used in this Python; None if it can."""
    if sys.platform == "win32" and sysconfig.get_platform().startswith("mingw") and "zmq" not in sys.modules:
        # The wheels for Windows are made for another C library and can take a second Python into the process.
        return "this Python is MSYS2's"
    try:
        import zmq

        if zmq.pyzmq_version_info() < OLDEST_PYZMQ:
            return f"pyzmq {zmq.__version__} is too old"
        from . import libzmq  # noqa: F401
    except Exception as error:  # a library for another system can fail in any way
        first_line = next(iter(str(error).strip().splitlines()), "no reason given")
        return f"{type(error).__name__}: {first_line}"
    return None
