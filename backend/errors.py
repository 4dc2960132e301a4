"""The one exception that carries a sentence for artists."""

from __future__ import annotations


class PullfaceError(Exception):
    """Something a user can cause or cure.

    Attributes:
        code: stable identifier, the same as on the wire (``docs/protocol.md``), e.g. ``"empty_layer"``.
        message: one plain sentence for artists.
        hint: what to do about it, one sentence.
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
