"""Ctrl+C in two steps: the first asks for a clean stop, the second ends at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any


class Stopping:
    """While entered, the first Ctrl+C only sets ``asked``; the second raises KeyboardInterrupt.

    Signals can be handled in the main thread alone: entered elsewhere this changes nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None
        self._installed = False

    def __enter__(self) -> Stopping:
        try:
            self._before = signal.signal(signal.SIGINT, self._take)
            self._installed = True
        except ValueError:  # not the main thread
            self._installed = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
