"""``python -m backend.training``: make what ships in the repository. Stop with Ctrl+C, run again to resume."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from backend.evaluation.landmarks import WEIGHTS
from backend.models.catalogue import DEFAULT_MODEL, EMBEDDED, SUFFIX

from . import landmarks
from .export import export
from .toon_model import STAGES
from .train import Trainer


def _train(arguments: argparse.Namespace) -> int:
    stages = [replace(s, images=max(s.batch_size, int(s.images * arguments.scale))) for s in STAGES]
    trainer = Trainer(arguments.run, stages, arguments.seed, arguments.workers, arguments.device)
    if not trainer.run():
        print("stopped; run the same command again to resume")
        return 130
    print(f"finished after {trainer.total_images} faces and {trainer.seconds / 60:.0f} minutes")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    export(arguments.run, arguments.output)
    print(f"wrote {arguments.output}")
    return 0


def _landmarks(arguments: argparse.Namespace) -> int:
    landmarks.train(arguments.output, arguments.images)
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m backend.training", description=__doc__)
    commands = parser.add_subparsers(required=True)

    train = commands.add_parser("toon", help="train the generator and the discriminator")
    train.add_argument("--run", type=Path, required=True, help="folder for checkpoint and sample grids")
    train.add_argument("--scale", type=float, default=1.0, help="factor on the faces seen in every stage")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--workers", type=int, default=1, help="processes that draw faces")
    train.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    train.set_defaults(function=_train)

    export_ = commands.add_parser("export", help="turn a checkpoint into the embedded model's file")
    export_.add_argument("--run", type=Path, required=True)
    export_.add_argument("--output", type=Path, default=EMBEDDED / f"{DEFAULT_MODEL}{SUFFIX}")
    export_.set_defaults(function=_export)

    detector = commands.add_parser("landmarks", help="train the landmark detector of the evaluation")
    detector.add_argument("--images", type=int, default=40_000)
    detector.add_argument("--output", type=Path, default=WEIGHTS)
    detector.set_defaults(function=_landmarks)

    arguments = parser.parse_args()
    result: int = arguments.function(arguments)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
