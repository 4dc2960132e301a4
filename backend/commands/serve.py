"""``pullface serve``."""

from __future__ import annotations

import argparse
import sys

from backend import server


def serve(options: argparse.Namespace) -> int:
    """Run the server in the foreground until Ctrl+C.

    Args:
        options: ``device`` (list of device names, empty to choose) and ``idle_exit`` (seconds, 0 for never).

    Returns:
        The server's exit status.
    """
    print(
        "The Pullface backend runs until Ctrl+C; editors and `pullface` find it by themselves.",
        file=sys.stderr,
    )
    arguments = ["--idle-exit", str(options.idle_exit)]
    for device in options.device:
        arguments += ["--device", device]
    return server.main(arguments)
