"""``python -m backend.training detector``: train or measure the face finder."""

from __future__ import annotations

import argparse
from pathlib import Path

from backend.detection.network import WEIGHTS, read_network


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("detector", help="train the face finder, or measure it")
    parser.add_argument("--evaluate", action="store_true", help="measure the weights on held-out scenes only")
    parser.add_argument("--scenes", type=int, default=40, help="scenes for each row of the measurement")
    parser.add_argument("--images", type=int, default=80_000, help="training pictures")
    parser.add_argument("--minutes", type=float, help="stop training after this time")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--pictures", type=Path, help="folder of pictures without faces, for backgrounds")
    parser.add_argument("--resume", type=Path, help="a .state.safetensors of an earlier run to start from")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.set_defaults(function=_run)


def _run(arguments: argparse.Namespace) -> int:
    from .face_detector import train  # these draw, with skia
    from .face_measures import measure

    if not arguments.evaluate:
        train(
            arguments.output,
            arguments.images,
            pictures=arguments.pictures,
            resume=arguments.resume,
            learning_rate=arguments.learning_rate,
            minutes=arguments.minutes,
            seed=arguments.seed,
            workers=arguments.workers,
        )
    network = read_network(arguments.output)
    for people, drawn in ((False, "the renderer's characters"), (True, "and painted people")):
        print(drawn)
        for row, tally in measure(arguments.pictures, arguments.scenes, network, people=people).items():
            print(f"  {row:20s} {tally}")
    return 0
