"""``pullface drag`` and ``pullface invert``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from backend import animation, openraster
from backend.errors import PullfaceError

from .deep import Pixels
from .display import Bar, say
from .pictures import SUFFIXES, Mask, Picture, eight_bits, read_mask, read_picture, unwritable, write_picture
from .remote import Edit, Pull, RemotePicture

OUTPUT_SUFFIXES = (*SUFFIXES, ".ora")
ANIMATION_SECONDS = 20.0
"""About how long rendering an animation may take: a slow machine or a large crop gets fewer frames."""

FEWEST_FRAMES = 8

STOPPED = 130
"""Exit status after Ctrl+C, as shells have it."""


def drag(options: argparse.Namespace) -> int:
    """Pull features of a picture and write the result.

    Args:
        options: ``input``, ``pair`` (list of pairs), ``mask``, ``crop``, ``point``, ``face``, ``model``,
            ``label``, ``steps``, ``drag_option``, ``inversion_option`` (both lists of (name, value)), ``output``,
            ``animation``.

    Returns:
        0, or 130 when it was stopped; what was reached by then is written all the same.

    Raises:
        PullfaceError: something that the user can cure.
        RemoteError: the same, said by the server.
    """
    check_suffix(options.output, OUTPUT_SUFFIXES, "result")
    if options.animation is not None:
        check_suffix(options.animation, animation.SUFFIXES, "animation")
    picture = read(options.input)
    height, width = picture.rgba.shape[:2]
    mask = read_mask(options.mask, width, height) if options.mask is not None else None
    selection = _selection(options, mask)
    point = options.point
    if point is None and options.face is None:
        # The face that is pulled is the one that is meant.
        handles = [handle for handle, _ in options.pair]
        point = (sum(x for x, _ in handles) / len(handles), sum(y for _, y in handles) / len(handles))
    with RemotePicture(picture.rgba, options.model, options.crop, selection, point, options.face) as remote:
        remote.invert(_settings(options, remote))
        loop = dict(options.drag_option)
        if options.steps is not None:
            loop["steps"] = options.steps
        pull = remote.drag(options.pair, mask, loop)
        edit = remote.result(pull.best_step)
        write_result(options.output, picture, edit)
        print(f"{options.output}: {told(pull)}")
        if options.animation is not None and not remote.stopping.asked:
            write_animation(options.animation, remote, pull)
            print(options.animation)
        return STOPPED if remote.stopping.asked else 0


def invert(options: argparse.Namespace) -> int:
    """Find a picture in the model ahead of time, so that a later drag starts at once.

    Raises:
        PullfaceError: something that the user can cure.
        RemoteError: the same, said by the server.
    """
    if options.output is not None:
        check_suffix(options.output, SUFFIXES, "result")
    picture = read(options.input)
    height, width = picture.rgba.shape[:2]
    mask = read_mask(options.mask, width, height) if options.mask is not None else None
    selection = _selection(options, mask)
    with RemotePicture(
        picture.rgba, options.model, options.crop, selection, options.point, options.face
    ) as remote:
        reply = remote.invert(_settings(options, remote))
        known = " (known already)" if reply.body.get("cached") else ""
        print(f"Inverted in {remote.seconds['invert']:.1f} s{known}; the session is {remote.session}.")
        if options.output is not None:
            write_picture(options.output, inverted(remote), has_alpha=False)
            print(f"{options.output}: the crop as the model sees it")
    return 0


def inverted(remote: RemotePicture) -> Pixels:
    """The crop as the model renders it before any drag: uint8 [H, W, 4]."""
    reply = remote.client.request("step.show", {"step": 0}, session=remote.session)
    shape = [int(side) for side in reply.body["shape"]]
    pixels = np.frombuffer(reply.buffers[0], dtype=np.uint8).reshape(shape)
    return opaque(pixels)


def opaque(pixels: Pixels) -> Pixels:
    """RGB or RGBA uint8 [H, W, 3 or 4] as RGBA."""
    if pixels.shape[2] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, dtype=np.uint8)])


def read(path: Path) -> Picture:
    """Read the input picture and tell what had to be changed about it."""
    picture = read_picture(path)
    for notice in picture.notices:
        say(notice)
    return picture


def write_result(path: Path, picture: Picture, edit: Edit) -> None:
    """Write the edit as a PNG or TIFF or, with its source and mask as layers and 8 bits, as OpenRaster.

    Raises:
        PullfaceError: ``unwritable``.
    """
    if path.suffix.lower() in SUFFIXES:
        if picture.rgba.dtype == np.float32 and path.suffix.lower() == ".png":
            say("A PNG has 16 bits a channel; write a .tif to keep the floats.")
        write_picture(path, edit.rgba, picture.has_alpha, picture.icc_profile)
        return
    if picture.rgba.dtype != np.uint8:
        say("OpenRaster has 8 bits a channel; write a .tif to keep all of them.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        merged = eight_bits(edit.rgba)
        small = Edit(merged, edit.changed, edit.rect)
        openraster.write(path, layers(eight_bits(picture.rgba), small), merged, picture.icc_profile)
    except OSError as error:
        raise unwritable(path, error) from error


def layers(source: Pixels, edit: Edit) -> list[openraster.Layer]:
    """The layers of the OpenRaster file, topmost first: the edit's mask (hidden), the edit, the source.

    The edit holds only the pixels that changed: shown over the source it gives the result. Where the source is
    see-through that would show both, so there the edit holds everything and the source is hidden.
    """
    x, y, width, height = edit.rect
    moved = edit.changed[y : y + height, x : x + width]
    white = np.full((height, width, 4), 255, dtype=np.uint8)
    white[..., 3] = moved
    mask = openraster.Layer("Pullface: mask", white, x, y, visible=False)
    there = edit.changed > 0
    if min(some[..., 3][there].min(initial=255) for some in (source, edit.rgba)) < 255:
        whole = openraster.Layer("Pullface: edit", edit.rgba)
        return [mask, whole, openraster.Layer("Source", source, visible=False)]
    window = edit.rgba[y : y + height, x : x + width].copy()
    window[moved == 0] = 0
    return [mask, openraster.Layer("Pullface: edit", window, x, y), openraster.Layer("Source", source)]


def write_animation(path: Path, remote: RemotePicture, pull: Pull) -> int:
    """Write the way from the source to the best step as an animation.

    Returns:
        The number of frames.

    Raises:
        PullfaceError: ``unwritable``.
    """
    bar = Bar("Rendering the animation")
    begun = time.monotonic()
    last = eight_bits(remote.result(pull.best_step).rgba)
    affordable = int(ANIMATION_SECONDS / (time.monotonic() - begun))
    steps = animation.chosen_steps(pull.best_step, min(max(affordable, FEWEST_FRAMES), animation.MAX_FRAMES))
    frames = []
    for number, step in enumerate(steps[:-1]):
        if remote.stopping.asked:
            bar.leave()
            raise KeyboardInterrupt
        frames.append(eight_bits(remote.result(step).rgba))
        bar.show("Rendering the animation", (number + 2) / len(steps))
    frames.append(last)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        animation.write(path, frames, frame_ms=min(max(1600 // len(frames), 60), 200))
    except OSError as error:
        raise unwritable(path, error) from error
    bar.close(f"{len(frames)} frames")
    return len(frames)


def told(pull: Pull) -> str:
    """How a drag ended, in words."""
    ends: dict[str, Callable[[], str]] = {
        "arrived": lambda: f"the handles arrived after {pull.steps} steps",
        "stuck": lambda: (
            f"{pull.distance:.1f} px short of the targets after {pull.steps} steps. {pull.reason}"
        ),
        "limit": lambda: f"{pull.distance:.1f} px short of the targets after {pull.steps} steps",
        "stopped": lambda: f"stopped after {pull.steps} steps, {pull.distance:.1f} px short of the targets",
    }
    return ends.get(pull.outcome, lambda: f"{pull.outcome} after {pull.steps} steps")()


def check_suffix(path: Path, suffixes: tuple[str, ...], what: str) -> None:
    """Refuse a name whose suffix does not choose a format, before any work is done.

    Raises:
        PullfaceError: ``bad_name``.
    """
    if path.suffix.lower() not in suffixes:
        raise PullfaceError(
            "bad_name",
            f"The {what} cannot be written as {path.name!r}.",
            f"Choose a name that ends in {' or '.join(suffixes)}.",
        )


def _settings(options: argparse.Namespace, remote: RemotePicture) -> dict[str, Any]:
    settings = dict(options.inversion_option)
    if options.label is not None:
        settings["label"] = remote.label(options.label)
    return settings


def _selection(options: argparse.Namespace, mask: Mask | None) -> Mask | None:
    if options.crop != "selection":
        return None
    if mask is None:
        raise PullfaceError(
            "empty_selection",
            "The crop should follow the selection, but there is none.",
            "Give the selection with --mask, or another --crop.",
        )
    return mask
