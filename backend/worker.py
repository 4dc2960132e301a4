"""The worker process: ``python -m backend.worker``, started by the front only, which tells it the rest.

The first line of the standard input is JSON: endpoint, secret, index and device. The pipe stays open as long as the
front lives; its end is the worker's end.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys

from backend.compute.link import Link, end_process, end_with_front
from backend.logs import log_to_file
from backend.wire.folders import sessions_folder

NICENESS = 10
"""The editor needs its moment of a core at once, and the computation fills all of them for a long time."""


def main() -> int:
    """Runs a worker until the front has ended."""
    faulthandler.enable()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # Ctrl+C in a terminal reaches the whole process group; the front decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line.strip():
        print("This process is started by the Pullface backend: run `pullface serve`.", file=sys.stderr)
        return 2
    configuration = json.loads(line)
    log_to_file(f"worker-{configuration['index']}")
    end_with_front()
    link = Link(configuration["endpoint"], configuration["secret"])
    link.start()
    try:
        # Late and here: the front should hear of this process before the seconds that torch takes to load.
        from backend.compute.loop import ComputeLoop
        from backend.sessions.store import SessionStore

        ComputeLoop(link, SessionStore(sessions_folder()), configuration["device"]).run()
    except BaseException:
        logging.getLogger(__name__).exception("the worker failed")
        end_process("it failed")
    return 1


if __name__ == "__main__":
    sys.exit(main())
