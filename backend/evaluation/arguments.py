"""The command line of the measures; apart, because the ``pullface`` command shows it without loading torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from backend.models.catalogue import DEFAULT_MODEL

DEFAULT_RUN = Path("pullface-evaluation")


def add_measures(command: argparse.ArgumentParser) -> None:
    """Add what can be measured, ``inversion``, with its arguments."""
    what = command.add_subparsers(dest="what", required=True, metavar="WHAT")
    inversion = what.add_parser(
        "inversion",
        help="our inversion against published pivotal tuning",
        description="Inverts pictures with our method and with pivotal tuning as published, drags what came out, and "
        "prints a table. Stop it with Ctrl+C; the same command goes on where it was.",
    )
    _add_inversion(inversion)


def _add_inversion(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    command.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="a model's name or file")
    command.add_argument("--pictures", type=int, default=6, metavar="N", help="of each kind (default 6)")
    command.add_argument(
        "--pti-pictures", type=int, default=2, metavar="N", help="so many of them also by pti (default 2)"
    )
    command.add_argument(
        "--samples",
        type=int,
        default=8,
        metavar="N",
        help="of the model's own, dragged to compare (default 8)",
    )
    command.add_argument(
        "--folder", type=Path, metavar="DIR", help="pictures from elsewhere (default: some that ship)"
    )
    command.add_argument(
        "--groups",
        default="render,textured,outside",
        metavar="LIST",
        help="which kinds (default: render,textured,outside)",
    )
    command.add_argument(
        "--run",
        type=Path,
        default=DEFAULT_RUN,
        metavar="DIR",
        help=f"where all is kept (default {DEFAULT_RUN})",
    )
    command.add_argument(
        "--pti-steps", default="450,350", metavar="P,T", help="for trials; published are 450,350 steps"
    )
    command.add_argument(
        "--drag-steps", type=int, default=60, metavar="N", help="the most steps of a drag (default 60)"
    )
    command.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="of the processor (default: as many as it has cores)",
    )
    command.add_argument(
        "--inversion-option", action="append", default=[], metavar="NAME=VALUE", help="a change to our method"
    )


def words_of(options: argparse.Namespace) -> list[str]:
    """The words that give `options` again (what `add_measures` parsed)."""
    words = [options.what]
    if options.json:
        words.append("--json")
    for name in ("model", "pictures", "pti_pictures", "samples", "folder", "groups", "run"):
        if getattr(options, name) is not None:
            words.append(f"--{name.replace('_', '-')}={getattr(options, name)}")
    words += [f"--pti-steps={options.pti_steps}", f"--drag-steps={options.drag_steps}"]
    words.append(f"--threads={options.threads}")
    return words + [f"--inversion-option={word}" for word in options.inversion_option]
