"""Pullface inside Krita: the docker, the canvas and the way to the backend.

Krita imports this package at its start. Whatever is missing then, Krita starts without a complaint of ours, and the
docker says in one sentence what is wrong. So this file, ``obstacles.py`` and ``host/obstacle_docker.py`` also run on
Pythons that are too old for the rest; nothing else is imported before they have been asked.

Outside Krita (in the tests) importing the package does nothing.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .obstacles import Obstacle

__version__ = "0.1.0"


def start() -> None:
    """Puts Pullface into the running Krita. Never raises."""
    from .obstacles import find_obstacle, mistake

    obstacle = find_obstacle()
    if obstacle is None:
        try:
            from .workspace import start_pullface

            start_pullface()
        except Exception as error:
            obstacle = mistake(error)
    if obstacle is not None:
        _show(obstacle)


def _show(obstacle: Obstacle) -> None:
    import sys

    sys.stderr.write(f"Pullface: {obstacle.text} {obstacle.hint}\n{obstacle.details}\n")
    try:
        from .host.obstacle_docker import register_obstacle

        register_obstacle(obstacle)
    except Exception as error:  # not even Qt is there
        sys.stderr.write(f"Pullface: the docker cannot be made: {error}\n")


if importlib.util.find_spec("krita") is not None:
    start()
