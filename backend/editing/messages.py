"""What the artist is told, and who wants to know of changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..wire.errors import RemoteError, WireError
from .host import EditingError


@dataclass(frozen=True)
class Message:
    """A sentence in the editor.

    Attributes:
        kind: an error, or a note that nothing is wrong with.
        text: one plain sentence.
        hint: what to do; may be empty.
        details: for *Copy details*.
        pattern: the sentence with ``{name}`` where a value goes, for its translation; empty when it has none.
        values: what goes there.
    """

    kind: Literal["error", "note"]
    text: str
    hint: str = ""
    details: str = ""
    pattern: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def filled(cls, kind: Literal["error", "note"], pattern: str, hint: str = "", **values: str) -> Message:
        """One whose sentence has values in it."""
        return cls(
            kind, pattern.format(**values), hint, pattern=pattern, values=tuple(sorted(values.items()))
        )


def message_of(error: BaseException, doing: str) -> Message:
    """The message for an exception.

    Args:
        error: an ``EditingError``, ``RemoteError``, ``WireError`` or a defect.
        doing: what was being done, for the details.
    """
    if isinstance(error, EditingError):
        return Message("error", error.message, error.hint, f"{doing}: {error.code}\n{error.details}".strip())
    if isinstance(error, (RemoteError, WireError)):
        return Message("error", error.message, error.hint, f"{doing}: {error.code}")
    return Message(
        "error",
        "Pullface made a mistake.",
        "Try again; your picture is unchanged. Please report it with the copied details.",
        f"{doing}: {type(error).__name__}: {error}",
    )


class Observers:
    """Functions that are called with the topic of every change."""

    def __init__(self) -> None:
        self._functions: list[Callable[[str], None]] = []

    def add(self, function: Callable[[str], None]) -> Callable[[], None]:
        """Adds one. Returns a function that takes it away again; harmless when called twice."""
        self._functions.append(function)

        def end() -> None:
            with contextlib.suppress(ValueError):
                self._functions.remove(function)

        return end

    def tell(self, topic: str) -> None:
        """Calls them all."""
        for function in list(self._functions):
            function(topic)
