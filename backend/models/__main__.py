"""``python -m backend.models convert | check``: what the command line needs torch for, in a process of its own.

Progress and the outcome go to standard output, a JSON object a line: ``{"done", "words"}``, and for an error
``{"code", "message", "hint"}`` with the exit status 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.errors import PullfaceError

FAILED, STOPPED = 2, 130


def main() -> int:
    """Run one of them."""
    parser = argparse.ArgumentParser(prog="python -m backend.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser("convert")
    convert.add_argument("source", type=Path)
    convert.add_argument("target", type=Path)
    convert.add_argument("--name", required=True)
    for option in ("--domain", "--licence", "--description"):
        convert.add_argument(option)
    convert.add_argument("--label-name", action="append", default=[])
    commands.add_parser("check").add_argument("source", type=Path)
    options = parser.parse_args()
    try:
        if options.command == "check":
            from backend.models import load

            load(options.source)
        else:
            from backend.models.converting import convert as run

            run(
                options.source,
                options.target,
                options.name,
                options.domain,
                options.licence,
                options.description,
                lambda done, words: _say({"done": done, "words": words}),
                options.label_name,
            )
    except PullfaceError as error:
        _say({"code": error.code, "message": error.message, "hint": error.hint})
        return FAILED
    except OSError as error:
        _say(
            {
                "code": "unwritable",
                "message": f"The model cannot be written: {error.strerror}.",
                "hint": "Free some space, or choose another place.",
            }
        )
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return 0


def _say(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    sys.exit(main())
