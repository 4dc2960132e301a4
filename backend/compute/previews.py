"""Previews of a running job: rendered only when the client has taken the last one, and never for most of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.compute.bodies import array
from backend.compute.link import Link, Task

LONGEST_PAUSE = 0.05
"""Seconds that a client who acknowledges at once waits for the next preview at most, besides the computation."""


class Previews:
    """Sends previews of one job.

    Args:
        link: to the front.
        task: the job.
        share: the part of the job's time that rendering may take, e.g. 0.2, as long as that leaves a preview
            every ``longest_pause`` seconds.
        longest_pause: seconds.
    """

    def __init__(self, link: Link, task: Task, share: float, longest_pause: float = LONGEST_PAUSE) -> None:
        self._link = link
        self._task = task
        self._ratio = (1 - share) / share
        self._longest_pause = longest_pause
        self._next = 0.0

    def offer(self, body: dict[str, Any], render: Callable[[], NDArray[np.uint8]]) -> None:
        """Renders and sends a preview if the client wants one and it is time.

        Args:
            body: the event's fields besides shape and dtype.
            render: gives uint8 [R, R, 3].
        """
        begun = time.monotonic()
        if not self._task.preview_wanted or begun < self._next:
            return
        self._task.preview_wanted = False
        picture = render()
        self._link.send("preview", self._task, {**body, **array(picture)}, (picture,))
        now = time.monotonic()
        self._next = now + min(self._longest_pause, (now - begun) * self._ratio)
