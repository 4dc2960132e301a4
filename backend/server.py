"""The server: ``python -m backend.server`` runs the front process, which starts the workers.

Never imports torch or numpy, so that it answers within 0.3 s.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from backend import __version__
from backend.front.front import Front, FrontOptions
from backend.logs import log_to_file
from backend.wire.folders import runtime_folder
from backend.wire.processes import FileLock

ALREADY_RUNNING = 3
"""Exit status when another server of this user runs."""


class _Ended(BaseException):
    """Raised by a signal."""


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m backend.server", description="Runs the Pullface backend."
    )
    parser.add_argument(
        "--parent-pid",
        type=int,
        action="append",
        default=[],
        metavar="PID",
        help="end when this process has ended and no client is connected; may be given several times",
    )
    parser.add_argument(
        "--idle-exit",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="end after so long without a client; 0, the default, for never",
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="DEVICE",
        help="compute on this device (cuda, cuda:1, mps, xpu, cpu); several start one worker for each",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Runs the server until it has nobody to live for or is told to end. Returns the exit status."""
    arguments = _arguments(given)
    lock = FileLock(runtime_folder() / "server.lock")
    if not lock.acquire():
        print("The Pullface backend is running already.", file=sys.stderr)
        return ALREADY_RUNNING
    log_to_file("server")
    log = logging.getLogger("backend.server")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        front = Front(
            FrontOptions(
                version=__version__,
                devices=arguments.device or ("auto",),
                parents=arguments.parent_pid,
                idle_exit=arguments.idle_exit,
            )
        )
        log.info("listening at %s", front.info.endpoint)
        front.run()
    except _Ended:
        log.info("ended by a signal")
    except Exception:
        log.exception("the server failed")
        print("The Pullface backend failed; its log has the details.", file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
