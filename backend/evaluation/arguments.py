"""The command line of the measures; apart, because the ``pullface`` command shows it without loading torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from backend.models.catalogue import DEFAULT_MODEL

DEFAULT_RUN = Path("pullface-evaluation")

_GOES_ON = "Stop it with Ctrl+C; the same command goes on where it was."
_OF_THE_PROGRAM = ("command", "debug", "what")
"""Options of `pullface` itself."""


def add_measures(command: argparse.ArgumentParser) -> None:
    """Add what can be measured, each with its arguments."""
    what = command.add_subparsers(dest="what", required=True, metavar="WHAT")
    inversion = what.add_parser(
        "inversion",
        help="our inversion against published pivotal tuning",
        description="Inverts pictures with our method and with pivotal tuning as published, drags what came out, and "
        f"prints a table. {_GOES_ON}",
    )
    _add_inversion(inversion)
    landmarks = what.add_parser(
        "landmarks",
        help="the drag engines: landmarks of one face moved to where another face has them",
        description="Drags landmarks of random faces of the model to the places that they have in other random faces, "
        f"with every drag engine, and prints a table; see docs/evaluation.md. {_GOES_ON}",
    )
    _add_drags(landmarks)
    landmarks.add_argument(
        "--points",
        nargs="+",
        action="extend",
        metavar="N",
        help="how many landmarks at once, or all (default: 1 5 all)",
    )
    landmarks.add_argument(
        "--mask",
        default="none",
        metavar="WHAT",
        help="none (default, as in the paper) or around: only what is around handles and targets may move",
    )
    reconstruction = what.add_parser(
        "reconstruction",
        help="the drag engines: one picture dragged to a slightly changed one, compared as a whole",
        description="Changes random faces of the model a little, drags 32 points of each along the optical flow to "
        f"the changed picture, and compares both; needs OpenCV, see docs/evaluation.md. {_GOES_ON}",
    )
    _add_drags(reconstruction)
    tracking = what.add_parser(
        "tracking",
        help="the point trackers alone, against motion that is known",
        description="Walks from one face towards another and follows landmarks on the way, with the trackers of the "
        f"drag engines and with optical flow; see docs/evaluation.md. {_GOES_ON}",
    )
    _add_faces(tracking)
    tracking.add_argument(
        "--steps", type=int, default=20, metavar="N", help="frames of a walk after the first (default 20)"
    )
    tracking.add_argument(
        "--walks",
        nargs="+",
        action="extend",
        metavar="KIND",
        help="latent: in w+, checked by the detector; factors: of a drawn face, checked by the renderer (default: all "
        "that the model allows)",
    )


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    command.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="a model's name or file")
    command.add_argument(
        "--run",
        type=Path,
        default=DEFAULT_RUN,
        metavar="DIR",
        help=f"where all is kept (default {DEFAULT_RUN})",
    )
    command.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="of the processor (default: as many as it has cores)",
    )


def _add_drags(command: argparse.ArgumentParser) -> None:
    """What all measures of drags have in common."""
    _add_faces(command)
    command.add_argument(
        "--steps", type=int, default=200, metavar="N", help="the most steps of a drag (default 200)"
    )
    command.add_argument(
        "--drag-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a change to all engines; see docs/protocol.md",
    )


def _add_faces(command: argparse.ArgumentParser) -> None:
    """What all measures on pairs of random faces have in common."""
    _add_common(command)
    command.add_argument("--pairs", type=int, default=20, metavar="N", help="pairs of faces (default 20)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the faces (default 0)")
    command.add_argument(
        "--engines",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="which to measure (default: all that there are)",
    )
    command.add_argument(
        "--detector",
        default="auto",
        metavar="NAME",
        help="toon for drawn faces, dlib for photographs (default: by the model's domain)",
    )
    command.add_argument("--device", metavar="NAME", help="cuda, mps, xpu or cpu (default: the best here)")


def _add_inversion(command: argparse.ArgumentParser) -> None:
    _add_common(command)
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
        "--pti-steps", default="450,350", metavar="P,T", help="for trials; published are 450,350 steps"
    )
    command.add_argument(
        "--drag-steps", type=int, default=60, metavar="N", help="the most steps of a drag (default 60)"
    )
    command.add_argument(
        "--inversion-option", action="append", default=[], metavar="NAME=VALUE", help="a change to our method"
    )


def words_of(options: argparse.Namespace) -> list[str]:
    """The words that give `options` again (what `add_measures` parsed)."""
    words = [options.what]
    for name, value in vars(options).items():
        flag = f"--{name.replace('_', '-')}"
        if name in _OF_THE_PROGRAM or value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        else:
            words += [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return words
