"""``pullface demo``: the example portrait through the real server, with a report of what came out."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend import __version__, openraster
from backend.errors import PullfaceError

from . import edit, measure
from .display import Bar, say
from .pictures import Mask, Picture, read_mask, unwritable, write_picture
from .remote import CropChoice, Edit, Pair, Point, Pull, RemotePicture

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EXAMPLE = "portrait"


@dataclass(frozen=True)
class Example:
    """A picture with a drag that suits it, from ``examples/NAME.json``.

    Attributes:
        picture: the portrait.
        mask: uint8 [H, W], 255 may move.
        crop: what the model sees.
        pairs: (handle, target), image space.
        landmark: the detector's name of something that is pulled.
        landmark_target: where that landmark should end, image space.
    """

    picture: Picture
    mask: Mask
    crop: CropChoice
    pairs: list[Pair]
    landmark: str
    landmark_target: Point


def read_example(folder: Path = EXAMPLES, name: str = EXAMPLE) -> Example:
    """Read an example.

    Raises:
        PullfaceError: a file is missing or damaged.
    """
    picture = edit.read(folder / f"{name}.png")
    try:
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        height, width = picture.rgba.shape[:2]
        return Example(
            picture,
            read_mask(folder / told["mask"], width, height),
            told["crop"],
            [_pair(item) for item in told["pairs"]],
            str(told["landmark"]),
            _point(told["landmark_target"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PullfaceError(
            "unreadable",
            f"The example {folder / name}.json cannot be read ({type(error).__name__}: {error}).",
            "Get Pullface again: its folder examples/ is not complete.",
        ) from error


def _point(numbers: Any) -> Point:
    x, y = numbers
    return float(x), float(y)


def _pair(points: Any) -> Pair:
    handle, target = points
    return _point(handle), _point(target)


def demo(folder: Path) -> int:
    """Drag the example and leave pictures and a report in ``folder``.

    Returns:
        0, or 130 when it was stopped; what was reached by then is written all the same.

    Raises:
        PullfaceError: something that the user can cure.
        RemoteError: the same, said by the server.
    """
    begun = time.monotonic()
    example = read_example()
    say(f"The example: {EXAMPLES / EXAMPLE}.png; the results go to {folder}.")
    with RemotePicture(example.picture.rgba, None, example.crop, None) as remote:
        inversion = remote.invert().body
        pull = remote.drag(example.pairs, example.mask, {})
        result = remote.result(pull.best_step)
        frames = _write_pictures(folder, example, result, remote, pull)
        status = remote.client.request("status", timeout=30).body
        memory = measure.peak_memory(int(remote.client.server["pid"]))
        stopped = remote.stopping.asked
        report: dict[str, Any] = {
            "pullface": __version__,
            "model": remote.model,
            "resolution": remote.resolution,
            "device": status.get("device"),
            "crop": list(remote.crop),
            "pairs": [[list(handle), list(target)] for handle, target in example.pairs],
            "outcome": pull.outcome,
            "steps": pull.steps,
            "shown_step": pull.best_step,
            "inversion_cached": bool(inversion.get("cached")),
            "inversion_distance": inversion.get("distance"),
            "tracker": {
                "distance_px": round(pull.distance, 3),
                "distance_model_px": round(pull.distance_model, 3),
            },
            "previews": pull.previews,
            "previews_per_second": round(pull.previews / pull.seconds, 2) if pull.seconds else None,
            "animation_frames": frames,
            "changed_pixels": int((result.changed > 0).sum()),
            "changed_outside_mask": measure.changed_outside(example.picture.rgba, result.rgba, example.mask),
            "peak_memory_mb": memory,
            "seconds": {name: round(value, 2) for name, value in remote.seconds.items()},
        }
    if not stopped:
        report["landmark"] = _landmark(folder, example, remote, report)
    report["seconds"]["total"] = round(time.monotonic() - begun, 2)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _summary(folder, report)
    return edit.STOPPED if stopped else 0


def _write_pictures(
    folder: Path, example: Example, result: Edit, remote: RemotePicture, pull: Pull
) -> int | None:
    picture = example.picture
    write_picture(folder / "before.png", picture.rgba, picture.has_alpha, picture.icc_profile)
    write_picture(folder / "after.png", result.rgba, picture.has_alpha, picture.icc_profile)
    write_picture(folder / "mask.png", example.mask, has_alpha=False)
    try:
        openraster.write(
            folder / "pullface.ora", edit.layers(picture.rgba, result), result.rgba, picture.icc_profile
        )
    except OSError as error:
        raise unwritable(folder / "pullface.ora", error) from error
    if remote.stopping.asked:
        return None
    begun = time.monotonic()
    frames = edit.write_animation(folder / "pull.webp", remote, pull)
    remote.seconds["animation"] = time.monotonic() - begun
    return frames


def _landmark(
    folder: Path, example: Example, remote: RemotePicture, report: dict[str, Any]
) -> dict[str, Any]:
    """Where the pulled landmark is before and after, by the detector that knows nothing of the loop."""
    begun = time.monotonic()
    bar = Bar("Measuring the landmark")
    square = (remote.crop[0], remote.crop[1], remote.crop[2])
    figures: dict[str, Any] = {"name": example.landmark, "target": list(example.landmark_target)}
    try:
        pictures = measure.detect_landmarks([folder / "before.png", folder / "after.png"], square)
        for when, found in zip(("before", "after"), pictures, strict=True):
            point = found[example.landmark]
            distance = math.dist(point, example.landmark_target)
            figures[when] = {
                "position": [round(value, 2) for value in point],
                "distance_px": round(distance, 3),
                "distance_model_px": round(distance / remote.scale, 3),
            }
    except PullfaceError as error:
        bar.leave()
        say(f"{error.message} {error.hint}")
        return {**figures, "error": error.hint}
    bar.close(f"{figures['after']['distance_model_px']:.2f} of {remote.resolution} px left")
    report["seconds"]["measure"] = round(time.monotonic() - begun, 2)
    return figures


def _summary(folder: Path, report: dict[str, Any]) -> None:
    landmark = report.get("landmark", {})
    lines = [
        "",
        f"Pulled in {report['steps']} steps on {report['device']} with the model {report['model']} "
        f"({report['seconds']['total']:.0f} s in all, {report['peak_memory_mb']['total'] / 1000:.1f} GB at the peak).",
    ]
    if "after" in landmark:
        lines.append(
            f"The landmark {landmark['name']} was {landmark['before']['distance_model_px']:.1f} px from where it "
            f"should be and is now {landmark['after']['distance_model_px']:.1f} px from it "
            f"(of {report['resolution']}, by an independent detector)."
        )
    lines += [
        f"Pixels changed outside the mask: {report['changed_outside_mask']}.",
        "",
        "Look at",
        f"  {folder / 'before.png'} and {folder / 'after.png'}: the pull itself",
    ]
    if report["animation_frames"]:
        lines.append(f"  {folder / 'pull.webp'}: the way there, in any browser")
    lines += [
        f"  {folder / 'pullface.ora'}: source, edit and mask as layers; open it in Krita or GIMP",
        f"  {folder / 'mask.png'}: white could move, black could not",
        f"  {folder / 'report.json'}: all figures",
    ]
    print("\n".join(lines))
