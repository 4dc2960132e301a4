"""``pullface evaluate``: measures in a process of their own, since they need torch."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from backend.evaluation.arguments import words_of

ROOT = Path(__file__).resolve().parents[2]


def evaluate(options: argparse.Namespace) -> int:
    """Run a measure; it prints its table and its progress itself.

    Args:
        options: what `evaluation.arguments.add_measures` parsed.

    Returns:
        The measure's exit status.
    """
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "backend.evaluation", *words_of(options)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the measure got it, too, and says what is kept
            return process.wait()
