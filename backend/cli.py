"""The ``pullface`` command. It only talks to the server: this process never imports torch."""

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from backend import __version__
from backend.commands.models_arguments import add_arguments as add_models
from backend.commands.train import add_arguments as add_training
from backend.evaluation.arguments import add_measures

USER_ERROR, STOPPED = 2, 130


def parser() -> argparse.ArgumentParser:
    """The command line of ``pullface``."""
    top = argparse.ArgumentParser(
        prog="pullface",
        description="Drag the features of a face in a picture.",
        epilog="Points are pixels of the picture, x to the right and y down; the middle of the first pixel is "
        "0.5,0.5.",
    )
    top.add_argument("--version", action="version", version=f"pullface {__version__}")
    top.add_argument("--debug", action="store_true", help="show where in the program an error arose")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="drag the example portrait and explain what came out")
    demo.add_argument("--output", type=Path, default=Path("pullface-demo"), metavar="DIR")

    serve = commands.add_parser("serve", help="run the backend in the foreground")
    serve.add_argument(
        "--device",
        action="append",
        default=[],
        help="cuda, cuda:1, mps, xpu or cpu; repeat for one worker on each",
    )
    serve.add_argument(
        "--idle-exit", type=float, default=0.0, metavar="SECONDS", help="end after so long without a client"
    )

    drag = commands.add_parser("drag", help="pull features of a picture")
    _picture_arguments(drag)
    drag.add_argument(
        "--pair",
        nargs="+",
        action="extend",
        type=pair,
        required=True,
        metavar="HX,HY:TX,TY",
        help="pull what is at the handle HX,HY to the target TX,TY; repeat for more",
    )
    drag.add_argument("--steps", type=_count, help="at most so many steps")
    drag.add_argument(
        "--drag-option",
        type=option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="see docs/protocol.md",
    )
    drag.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="a .png or a .tif, as deep as the picture, or an .ora with source, edit and mask as layers",
    )
    drag.add_argument("--animation", type=Path, metavar="FILE", help="also the way there, as .webp or .gif")

    invert = commands.add_parser(
        "invert", help="find a picture in the model, so that a later drag starts at once"
    )
    _picture_arguments(invert)
    invert.add_argument("-o", "--output", type=Path, help="the crop as the model renders it, a .png or .tif")

    add_models(commands.add_parser("models", help="the models: list, download, add, check, remove, export"))

    train = commands.add_parser(
        "train",
        help="make a model, or fine-tune one on your own pictures",
        description="Train a StyleGAN2 on a folder of pictures or on the procedural faces; see docs/training.md.",
    )
    add_training(train)

    evaluate = commands.add_parser("evaluate", help="measure how well a model does its work")
    add_measures(evaluate)

    doctor = commands.add_parser("doctor", help="say what is there, what is wrong and what to do")
    doctor.add_argument("--json", action="store_true", help="for programs")
    return top


def _picture_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", type=Path, metavar="PICTURE", help="any picture: PNG, JPEG, WebP, TIFF, …")
    command.add_argument(
        "--mask", type=Path, metavar="M.png", help="a picture of the same size: white may move, black stays"
    )
    command.add_argument(
        "--crop",
        type=crop,
        default="face",
        metavar="WHAT",
        help="what the model sees: face (default: it is looked for), layer, selection (around the mask's "
        "white), X,Y,SIZE, or X,Y,SIZE,ANGLE for a face that is tilted by so many degrees clockwise",
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--point",
        type=point,
        metavar="X,Y",
        help="of several faces the one here; without it, drag takes the one that the pairs lie on",
    )
    which.add_argument(
        "--face", type=_index, metavar="N", help="of several faces this one, from 0, the clearest first"
    )
    command.add_argument(
        "--model", type=model, metavar="NAME", help="see `pullface models list`; or a model's file"
    )
    command.add_argument(
        "--label",
        metavar="N",
        help="of a model that knows several kinds of pictures this one: its number from 0, or its name, see "
        "`pullface models info NAME`; without it, any",
    )
    command.add_argument(
        "--inversion-option",
        type=option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="see docs/protocol.md",
    )


def pair(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """``"hx,hy:tx,ty"`` as (handle, target).

    Raises:
        argparse.ArgumentTypeError: not of that form.
    """
    handle, colon, target = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return _point(handle), _point(target)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no pair of points; write it like 60,80:66,76 (handle:target)"
        ) from None


def point(text: str) -> tuple[float, float]:
    """``"x,y"`` as a point.

    Raises:
        argparse.ArgumentTypeError: not of that form.
    """
    try:
        return _point(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no point; write it like 60,80") from None


def _point(text: str) -> tuple[float, float]:
    x, y = (float(number) for number in text.split(","))
    return x, y


def crop(text: str) -> str | list[int | float]:
    """``"face"``, ``"layer"``, ``"selection"``, ``"x,y,size"`` or ``"x,y,size,angle"``.

    Raises:
        argparse.ArgumentTypeError: none of these.
    """
    if text in ("face", "layer", "selection"):
        return text
    try:
        x, y, size, *angle = text.split(",")
        numbers: list[int | float] = [int(x), int(y), int(size), *map(float, angle)]
        if len(numbers) > 4 or not all(-180 < number <= 180 for number in numbers[3:]):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no crop; write face, layer, selection, or whole numbers like 100,80,512 (left,top,side), "
            "and an angle behind them where the face is tilted"
        ) from None
    return numbers


def option(text: str) -> tuple[str, str | float | bool | None]:
    """``"name=value"`` as (name, value): a number, true, false, none or a word.

    Raises:
        argparse.ArgumentTypeError: not of that form.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no option; write it like learning_rate=0.002")
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value


def model(text: str) -> str:
    """A model's name as it is; a file's name as a whole path, since the server runs in another folder."""
    path = Path(text)
    return str(path.absolute()) if path.suffix in (".safetensors", ".pkl", ".pt", ".pth") else text


def _index(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 63:
        raise argparse.ArgumentTypeError("give a whole number from 0 to 63")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of at least 1")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 well, 1 a defect or a problem that ``doctor`` found, 2 something that the user can cure,
        130 stopped with Ctrl+C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(_joined(words))
    try:
        return _run(options)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        return 1
    except Exception as error:
        if options.debug:
            traceback.print_exc()
            return 1
        if getattr(error, "code", None) == "cancelled":
            print("Stopped before anything was reached.", file=sys.stderr)
            return STOPPED
        message, hint = getattr(error, "message", None), getattr(error, "hint", None)
        if isinstance(message, str) and isinstance(hint, str):
            print(f"{message}\n{hint}".rstrip(), file=sys.stderr)
            return USER_ERROR
        print(
            f"Pullface failed: {type(error).__name__}: {error}\n"
            "This is a defect. Run the same command with --debug and report what it prints.",
            file=sys.stderr,
        )
        return 1


def _joined(words: Sequence[str]) -> list[str]:
    """Lets a pair, a point or a crop begin with a minus, which argparse takes for an option otherwise."""
    joined: list[str] = []
    for word in words:
        if re.match(r"-[\d.][^:]*:", word):
            if joined and joined[-1] == "--pair":
                joined.pop()
            joined.append(f"--pair={word}")
        elif joined and joined[-1] in ("--crop", "--point") and re.match(r"-\d", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _run(options: argparse.Namespace) -> int:
    # Imported here so that `pullface --help` and `doctor` need nothing but the standard library.
    if options.command == "doctor":
        from backend import doctor

        return doctor.main(["--json"] if options.json else [])
    if options.command == "serve":
        from backend.commands import serve

        return serve.serve(options)
    if options.command == "models":
        from backend.commands import models

        return models.models(options)
    if options.command == "train":
        from backend.commands import train

        return train.train(options)
    if options.command == "evaluate":
        from backend.commands import evaluate

        return evaluate.evaluate(options)
    if options.command == "demo":
        from backend.commands import demo

        return demo.demo(options.output)
    from backend.commands import edit

    return edit.drag(options) if options.command == "drag" else edit.invert(options)


if __name__ == "__main__":
    sys.exit(main())
