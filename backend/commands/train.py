"""``pullface train``: train a model, or fine-tune one on a folder of pictures.

The settings go into the run's folder, and the training reads them there, in a process of its own, since it needs
torch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from backend.errors import PullfaceError

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "settings.json"
PRESETS = ("toon",)
# What a run may change when it goes on; the others would make it another run.
_MAY_CHANGE = {
    "images",
    "minutes",
    "snapshot_images",
    "frechet_pictures",
    "name",
    "domain",
    "licence",
    "description",
}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of ``pullface train``; those left out have the defaults of `training.gan_settings`."""
    command.add_argument(
        "--run",
        type=Path,
        required=True,
        metavar="DIR",
        help="the run's folder; the same again goes on with it",
    )
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the model's file; else DIR/NAME.safetensors"
    )
    command.add_argument("--device", help="cuda or cpu; by default cuda where there is one")
    command.add_argument(
        "--preset",
        choices=PRESETS,
        help="toon: what made the embedded model, from the procedural faces; hours",
    )
    command.add_argument("--workers", type=int, default=1, help="of a preset: processes that draw faces")
    command.add_argument(
        "--encoder-minutes",
        type=float,
        metavar="N",
        help="train the model's encoder so long at the end (default: 0, a preset's: 45)",
    )

    pictures = command.add_argument_group("pictures")
    pictures.add_argument(
        "--data", metavar="FOLDER", help="train on these; without it, on the procedural faces"
    )
    pictures.add_argument(
        "--framing",
        choices=("face", "centre"),
        help="face (default): every face that is found, cut out upright; centre: the middle of each picture",
    )
    pictures.add_argument("--resolution", type=int, help="of a new model, in pixels (default 256)")
    pictures.add_argument(
        "--no-mirror", dest="mirror", action="store_false", default=None, help="faces have a side"
    )

    training = command.add_argument_group("training")
    training.add_argument(
        "--from", dest="start", metavar="MODEL", help="start from this model: toon, or a file"
    )
    training.add_argument("--images", type=int, help="pictures to show in all (default 25000)")
    training.add_argument("--minutes", type=float, help="train at most so long, all starts together")
    training.add_argument("--batch-size", type=int, help="2, 3 or a multiple of 4 (default 8)")
    training.add_argument("--learning-rate", type=float, help="of both networks (default 0.001)")
    training.add_argument(
        "--warm-up-images", type=int, help="pictures over which the rate rises to that (default 1000)"
    )
    training.add_argument(
        "--augment",
        choices=("auto", "none", "ada", "diffaugment"),
        help="auto (default): DiffAugment below 2000 pictures, ADA above",
    )
    training.add_argument(
        "--ada-target", type=float, help="what ADA holds the mean sign of real logits at (0.6)"
    )
    training.add_argument(
        "--ada-images", type=int, help="pictures in which ADA's p can go from 0 to 1 (100000)"
    )
    training.add_argument(
        "--freeze-d", type=int, metavar="N", help="keep the discriminator's N finest blocks (0)"
    )
    training.add_argument("--r1-gamma", type=float, help="weight of R1 (default 0.0002·R²/batch)")
    training.add_argument(
        "--path-length-weight", type=float, help="of path length regularisation (2; 0 for none)"
    )
    training.add_argument(
        "--style-mixing", type=float, metavar="P", help="part of pictures with two latents (0)"
    )
    training.add_argument(
        "--ema-images", type=float, help="half-life of the averaged generator in pictures (2500)"
    )
    training.add_argument(
        "--precision", choices=("bfloat16", "float32"), help="of the main losses (bfloat16)"
    )
    training.add_argument("--seed", type=int)
    training.add_argument(
        "--snapshot-images", type=int, help="pictures between checkpoints, grids and Fréchet distances (1000)"
    )
    training.add_argument("--frechet-pictures", type=int, help="pictures for each Fréchet distance (256)")

    size = command.add_argument_group("size of a model from random weights")
    size.add_argument("--channel-base", type=int, help="feature maps × side (8192)")
    size.add_argument("--channel-max", type=int, help="most feature maps (256)")
    size.add_argument("--w-dim", type=int, help="entries of w (256)")
    size.add_argument("--z-dim", type=int, help="entries of z (128)")
    size.add_argument("--mapping-layers", type=int, help="from z to w (4)")

    card = command.add_argument_group("what the model's file says")
    card.add_argument("--name")
    card.add_argument("--domain", help="what its pictures show, e.g. “oil portraits”")
    card.add_argument("--licence", help="of the model, e.g. CC-BY-4.0")
    card.add_argument("--description", help="one sentence")


_OTHERS = {"command", "debug", "run", "output", "device", "preset", "workers", "encoder_minutes"}


def train(options: argparse.Namespace) -> int:
    """Train; progress is printed by the training itself.

    Returns:
        The training's exit status: 130 when it was stopped, and the same command goes on.

    Raises:
        PullfaceError: ``bad_settings``, ``no_pictures``: options that contradict each other or the run.
    """
    settings = {k: v for k, v in vars(options).items() if k not in _OTHERS and v is not None}
    if options.preset:
        if settings:
            raise PullfaceError(
                "bad_settings",
                f"--preset {options.preset} brings its own settings.",
                f"Leave out: {', '.join(sorted(settings))}.",
            )
        words = ["preset", options.preset, "--run", str(options.run), "--workers", str(options.workers)]
        minutes = options.encoder_minutes
        if minutes is not None:
            words += ["--encoder-minutes", str(minutes)]
        output = options.output or options.run / f"{options.preset}.safetensors"
    else:
        whole = _settle(options.run, settings)
        words = ["gan", "--run", str(options.run), "--encoder-minutes", str(options.encoder_minutes or 0)]
        output = options.output or options.run / f"{whole.get('name', 'custom')}.safetensors"
    if output.suffix != ".safetensors":
        raise PullfaceError(
            "bad_settings", f"“{output}” is no name for a model.", "Give one that ends in .safetensors."
        )
    words += ["--output", str(output)]
    if options.device:
        words += ["--device", options.device]
    return _run(words)


def _settle(run: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Write the run's settings: those given, or those that it has with what may change."""
    if "data" in given:
        folder = Path(given["data"])
        if not folder.is_dir():
            raise PullfaceError(
                "no_pictures", f"There is no folder “{folder}”.", "Give the folder of your pictures."
            )
        given["data"] = str(folder.absolute())
    if str(given.get("start", "")).endswith(".safetensors"):
        given["start"] = str(Path(given["start"]).absolute())
    path = run / SETTINGS
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        stored = None
    except (OSError, ValueError) as error:
        raise PullfaceError(
            "bad_settings", f"“{path}” cannot be read: {error}", "Choose another folder for a new run."
        ) from error
    if stored is None:
        stored = {}
    else:
        changed = [k for k, v in given.items() if k not in _MAY_CHANGE and stored.get(k) != v]
        if changed:
            raise PullfaceError(
                "bad_settings",
                f"The run in “{run}” has other settings: {', '.join(sorted(changed))}.",
                "Give --run alone to go on with it, or another folder for a new run.",
            )
    whole: dict[str, Any] = {**stored, **given}
    try:
        run.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise PullfaceError(
            "unwritable",
            f"The run's folder “{run}” cannot be written: {error.strerror}.",
            "Choose another folder.",
        ) from error
    return whole


def _run(words: list[str]) -> int:
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    with subprocess.Popen([sys.executable, "-m", "backend.training", *words], env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the training got it, too: it finishes its step and saves
            return process.wait()
