"""Every bound of protocol 1 in one place; a test compares them with ``docs/protocol.md``."""

from __future__ import annotations

PROTOCOL: tuple[int, int] = (1, 2)
"""Major and minor version. A major step breaks older peers, a minor step only adds."""

MAX_HEADER_BYTES = 256 * 1024
"""Largest msgpack header frame."""

MAX_HEADER_DEPTH = 16
"""Deepest nesting of arrays and maps in a header."""

MAX_BUFFERS = 4
"""Most raw buffers behind one header."""

MAX_LAYER_PIXELS = 8192 * 8192
"""Most pixels of a layer, a selection or a mask."""

MAX_LAYER_SIDE = 65535
"""Longest side of a layer, in pixels."""

MIN_LAYER_SIDE = 16
"""Shortest side of a layer, in pixels: nothing smaller can show a face."""

MIN_CROP_SIDE = 16
"""Smallest crop, in pixels."""

MAX_CROP_SIDE = 16384
"""Largest crop, in pixels."""

MAX_COORDINATE = 1_000_000
"""Largest absolute value of a coordinate, in pixels."""

MAX_BUFFER_BYTES = MAX_LAYER_PIXELS * 8
"""Largest raw buffer: an RGBA layer of ``MAX_LAYER_PIXELS`` with 16 bits a channel."""

MAX_PAIRS = 64
"""Most handle-target pairs in one drag."""

MAX_OPTIONS = 64
"""Most entries of an options map."""

MAX_TEXT = 4096
"""Longest text field, in bytes of UTF-8."""

MAX_CLIENTS = 32
"""Most clients that are let in at a time."""

MAX_SESSIONS_PER_CLIENT = 16
"""Most sessions that one client may hold open."""

MAX_REQUESTS_PER_CLIENT = 32
"""Most unanswered requests of one client."""

MAX_QUEUE = 64
"""Most requests that wait for one worker."""

MAX_QUEUE_BYTES = 1024 * 1024 * 1024
"""Most bytes of buffers that wait in the front for one worker."""

HEARTBEAT_SECONDS = 1.0
"""The server sends every client a ``heartbeat`` this often."""

SILENCE_SECONDS = 15.0
"""A client that hears nothing for so long, while it listens, takes the server for lost."""
