"""``python -m backend.training``: make what ships in the repository. Stop with Ctrl+C, run again to resume.

What draws procedural faces is imported where it is needed: fine-tuning on pictures does without skia.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from backend.errors import PullfaceError
from backend.evaluation.landmarks import WEIGHTS
from backend.models import find, storage
from backend.models.catalogue import DEFAULT_MODEL, EMBEDDED, SUFFIX

from . import face_command, fine_tuning, latent_transformer
from .encoder import EncoderTrainer, Settings
from .export import export
from .toon.factors import Z_DIM
from .toon_model import GENERATOR_KWARGS, STAGES

_STOPPED, _USER_ERROR = 130, 2
_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def _stopped() -> int:
    print("stopped; run the same command again to go on")
    return _STOPPED


def _train(arguments: argparse.Namespace) -> int:
    from .train import Trainer

    stages = [replace(s, images=max(s.batch_size, int(s.images * arguments.scale))) for s in STAGES]
    trainer = Trainer(
        arguments.run,
        stages,
        arguments.seed,
        arguments.workers,
        arguments.device,
        pool=arguments.pool,
        start=arguments.start,
    )
    if not trainer.run():
        return _stopped()
    print(f"finished after {trainer.total_images} faces and {trainer.seconds / 60:.0f} minutes")
    return 0


def _pool(arguments: argparse.Namespace) -> int:
    from .pool import FacePool

    pool = FacePool(arguments.folder, arguments.faces, arguments.resolution, arguments.seed)
    with tqdm(total=pool.capacity, initial=pool.drawn, unit=" faces") as bar:
        for drawn in pool.fill():
            bar.update(drawn - bar.n)
    return 0


def _encoder(arguments: argparse.Namespace) -> int:
    path = find(arguments.model).path
    model = storage.read(path, arguments.device)
    renderer = arguments.renderer
    if renderer is None:
        renderer = model.name == DEFAULT_MODEL and model.generator.z_dim == Z_DIM
    settings = Settings(
        minutes=arguments.minutes,
        images=arguments.images,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
        renderer=renderer,
    )
    trainer = EncoderTrainer(arguments.run, model, settings, arguments.workers, arguments.pool)
    finished = trainer.run()
    output = arguments.output or path
    if finished or arguments.export_anyway:
        trainer.export(path, output)
        print(f"wrote {output}")
    print(" ".join(f"{name} {value:.4f}" for name, value in trainer.evaluate().items()))
    return 0 if finished else _stopped()


def _export(arguments: argparse.Namespace) -> int:
    export(arguments.run, arguments.output)
    print(f"wrote {arguments.output}")
    return 0


def _gan(arguments: argparse.Namespace) -> int:
    finished = fine_tuning.train(arguments.run, arguments.output, arguments.encoder_minutes, arguments.device)
    return 0 if finished else _stopped()


def _preset(arguments: argparse.Namespace) -> int:
    """Generator and discriminator, the model's file, its encoder; each goes on where it was."""
    common = {"run": arguments.run, "seed": 0, "workers": arguments.workers, "device": arguments.device}
    status = _train(argparse.Namespace(scale=arguments.scale, pool=None, start=None, **common))
    if status:
        return status
    _export(arguments)
    return _encoder(
        argparse.Namespace(
            model=str(arguments.output),
            output=None,
            minutes=arguments.encoder_minutes,
            images=None,
            batch_size=Settings.batch_size,
            learning_rate=Settings.learning_rate,
            renderer=True,
            export_anyway=False,
            pool=None,
            **common,
        )
    )


def _landmarks(arguments: argparse.Namespace) -> int:
    from . import landmarks

    landmarks.train(arguments.output, arguments.images, pool=arguments.pool)
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
    train.add_argument("--pool", type=Path, help="a folder of drawn faces; new ones are drawn if left out")
    train.add_argument("--start", type=Path, help="a model of an earlier renderer to start from")
    train.add_argument("--device", default=_DEVICE)
    train.set_defaults(function=_train)

    pool = commands.add_parser("pool", help="draw the faces that others train on with --pool")
    pool.add_argument("--folder", type=Path, required=True)
    pool.add_argument("--faces", type=int, default=30_000)
    pool.add_argument("--resolution", type=int, default=GENERATOR_KWARGS["img_resolution"])
    pool.add_argument("--seed", type=int, default=7)
    pool.set_defaults(function=_pool)

    export_ = commands.add_parser("export", help="turn a checkpoint into the embedded model's file")
    export_.add_argument("--run", type=Path, required=True)
    export_.add_argument("--output", type=Path, default=EMBEDDED / f"{DEFAULT_MODEL}{SUFFIX}")
    export_.set_defaults(function=_export)

    encoder = commands.add_parser(
        "encoder", help="train the encoder of a model and put it into the model's file"
    )
    encoder.add_argument("--model", default=DEFAULT_MODEL, help="a name or a file")
    encoder.add_argument(
        "--run", type=Path, required=True, help="folder for checkpoint, log and sample grids"
    )
    encoder.add_argument("--output", type=Path, help="the file to write; the model's own if left out")
    encoder.add_argument("--minutes", type=float, default=30.0, help="to train in all, resumed runs included")
    encoder.add_argument("--images", type=int, help="pictures to see at most")
    encoder.add_argument("--batch-size", type=int, default=Settings.batch_size)
    encoder.add_argument("--learning-rate", type=float, default=1e-3)
    encoder.add_argument("--seed", type=int, default=0)
    encoder.add_argument("--workers", type=int, default=1, help="processes that draw faces")
    encoder.add_argument("--device", default=_DEVICE)
    encoder.add_argument(
        "--renderer",
        action=argparse.BooleanOptionalAction,
        help="whether the model's z is the renderer's; by default for toon alone",
    )
    encoder.add_argument("--pool", type=Path, help="a folder of drawn faces; new ones are drawn if left out")
    encoder.add_argument(
        "--export-anyway", action="store_true", help="write the file also when stopped early"
    )
    encoder.set_defaults(function=_encoder)

    gan = commands.add_parser("gan", help="what `pullface train` runs, with the settings in the run's folder")
    gan.add_argument("--run", type=Path, required=True)
    gan.add_argument("--output", type=Path, required=True)
    gan.add_argument("--encoder-minutes", type=float, default=0.0)
    gan.add_argument("--device", default=_DEVICE)
    gan.set_defaults(function=_gan)

    preset = commands.add_parser("preset", help="all of toon: generator, discriminator and encoder")
    preset.add_argument("name", choices=("toon",))
    preset.add_argument("--run", type=Path, required=True)
    preset.add_argument("--output", type=Path, required=True)
    preset.add_argument("--scale", type=float, default=1.0, help="factor on the faces seen in every stage")
    preset.add_argument("--encoder-minutes", type=float, default=45.0)
    preset.add_argument("--workers", type=int, default=1, help="processes that draw faces")
    preset.add_argument("--device", default=_DEVICE)
    preset.set_defaults(function=_preset)

    detector = commands.add_parser("landmarks", help="train the landmark detector of the evaluation")
    detector.add_argument("--images", type=int, default=40_000)
    detector.add_argument("--pool", type=Path, help="a folder of drawn faces; new ones are drawn if left out")
    detector.add_argument("--output", type=Path, default=WEIGHTS)
    detector.set_defaults(function=_landmarks)

    face_command.add(commands)
    latent_transformer.add(commands)

    arguments = parser.parse_args()
    try:
        result: int = arguments.function(arguments)
    except PullfaceError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return _USER_ERROR
    return result


if __name__ == "__main__":
    raise SystemExit(main())
