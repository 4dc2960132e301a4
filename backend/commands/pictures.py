"""Reading and writing pictures for the command line: any format that Pillow reads, PNG and TIFF out."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.errors import PullfaceError

from .deep import Pixels, read_deep, read_floats, write_png16, write_tiff

Mask = NDArray[np.uint8]

SUFFIXES = (".png", ".tif", ".tiff")
"""Of the formats that are written."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        rgba: [H, W, 4], straight alpha, upright (EXIF orientation applied): uint8; uint16 from PNG and TIFF files
            with 16 bits; float32 from TIFF files with floats.
        has_alpha: whether the file had transparency; without it the alpha is full everywhere.
        icc_profile: the RGB profile of the pixels, or None.
        notices: what the reader had to change, in sentences for the user.
    """

    rgba: Pixels
    has_alpha: bool
    icc_profile: bytes | None
    notices: tuple[str, ...] = field(default=())


def read_picture(path: Path) -> Picture:
    """Read a picture.

    Raises:
        PullfaceError: ``unreadable``, the file is missing, no picture, damaged, or far too large.
    """
    with _readable(path):
        floats = read_floats(path)
    if floats is not None:
        told = "The picture's floats are taken as sRGB values, 1.0 as white, not as linear light."
        return Picture(floats[0], floats[1], _rgb_profile(floats[2]), (told,))
    with _opened(path) as image:
        notices = []
        if getattr(image, "n_frames", 1) > 1:
            notices.append("Only the first frame of the animation is used.")
        deep = _deep(path, image)
        if deep is not None:
            profile = image.info.get("icc_profile")
            return Picture(deep, "A" in image.getbands(), _rgb_profile(profile), tuple(notices))
        if _is_deep(image, path):
            notices.append("The picture has more than 8 bits a channel in a form that is read with 8.")
        upright = ImageOps.exif_transpose(image)
        has_alpha = "A" in upright.getbands() or "a" in upright.getbands() or "transparency" in upright.info
        profile = upright.info.get("icc_profile")
        rgb_profile = _rgb_profile(profile)
        if upright.mode in ("CMYK", "LAB", "YCbCr"):
            notices.append(f"The picture was converted from {upright.mode} to sRGB.")
            converted = _to_srgb(upright, profile)
            rgb_profile = None
        else:
            converted = _to_eight_bits(upright).convert("RGBA")
        return Picture(np.array(converted, dtype=np.uint8), has_alpha, rgb_profile, tuple(notices))


def _rgb_profile(profile: object) -> bytes | None:
    return profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None


def _deep(path: Path, image: Image.Image) -> Pixels | None:
    """All bits of a file that has more than 8 of them, if it comes in one of the forms that can be read so."""
    if not _is_deep(image, path):
        return None
    with _readable(path), Image.open(path) as again:
        return read_deep(path, again)


def read_mask(path: Path, width: int, height: int) -> Mask:
    """Read a mask of the picture's size: uint8 [H, W], 255 (white) may move, 0 (black) stays.

    Raises:
        PullfaceError: ``unreadable``, or ``wrong_mask_size`` when it does not have the picture's size.
    """
    with _opened(path) as image:
        upright = _to_eight_bits(ImageOps.exif_transpose(image))
        if upright.size != (width, height):
            raise PullfaceError(
                "wrong_mask_size",
                f"The mask has {upright.size[0]} × {upright.size[1]} pixels, the picture {width} × {height}.",
                "Make the mask as large as the picture: white where it may move, black elsewhere.",
            )
        if "A" in upright.getbands():
            # Painted on a transparent layer: what is transparent was not painted white.
            ground = Image.new("RGBA", upright.size, (0, 0, 0, 255))
            ground.alpha_composite(upright.convert("RGBA"))
            upright = ground
        return np.array(upright.convert("L"), dtype=np.uint8)


def write_picture(path: Path, rgba: Pixels, has_alpha: bool, icc_profile: bytes | None = None) -> None:
    """Write a PNG or a TIFF, by the name's suffix, as deep as the pixels; the file appears whole or not at all.

    Args:
        path: the file.
        rgba: uint8, uint16 or float32 [H, W, 4], or uint8 [H, W] for a grey PNG. A PNG gets 16 bits of floats, cut off
            below black and above white.
        has_alpha: False drops the alpha channel.
        icc_profile: stored with the pixels, which are not changed.

    Raises:
        PullfaceError: ``unwritable``.
    """
    pixels = rgba if rgba.ndim == 2 or has_alpha else np.ascontiguousarray(rgba[..., :3])
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() != ".png":
            write_tiff(temporary, pixels, icc_profile)
        elif pixels.dtype == np.uint8:
            Image.fromarray(pixels).save(temporary, "PNG", icc_profile=icc_profile)
        else:
            write_png16(temporary, sixteen_bits(pixels), icc_profile)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def sixteen_bits(pixels: Pixels) -> NDArray[np.uint16]:
    """uint16 as it is; floats cut off below black and above white."""
    if pixels.dtype == np.uint16:
        return np.asarray(pixels, dtype=np.uint16)
    return (np.nan_to_num(pixels).clip(0, 1) * 65535).round().astype(np.uint16)


def eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """The pixels for formats and screens that know 8 bits only."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    return ((sixteen_bits(pixels).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def unwritable(path: Path, error: OSError) -> PullfaceError:
    """The error for a file that cannot be written."""
    return PullfaceError(
        "unwritable",
        f"{path} cannot be written ({error.strerror or error}).",
        "Choose a folder that you may write to and that has room.",
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file is read into sentences."""
    try:
        with warnings.catch_warnings():
            # Between one and two times Pillow's limit it only warns; the server has its own limit.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except FileNotFoundError as error:
        raise PullfaceError(
            "unreadable", f"There is no file {path}.", "Check the name and the folder."
        ) from error
    except UnidentifiedImageError as error:
        raise PullfaceError(
            "unreadable",
            f"{path} is not a picture that Pullface can read.",
            "Save it as PNG, JPEG, WebP or TIFF and try again.",
        ) from error
    except Image.DecompressionBombError as error:
        raise PullfaceError(
            "layer_too_large",
            f"{path} is too large.",
            "Crop or scale it to at most 8192 × 8192 pixels.",
        ) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PullfaceError(
            "unreadable",
            f"{path} cannot be read: it may be damaged ({reason}).",
            "Open it in an editor and save it again.",
        ) from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Pillow's image, wholly loaded."""
    with _readable(path):
        image = Image.open(path)
        try:
            image.load()
        except BaseException:
            image.close()
            raise
    with image:
        yield image


def _is_deep(image: Image.Image, path: Path) -> bool:
    """Whether the file has more than 8 bits a channel. Pillow reads 16-bit RGB as 8 bits without a word."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return True
    if image.format == "PNG":
        with path.open("rb") as file:
            header = file.read(25)
        return len(header) == 25 and header[24] == 16
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        return max(tags.get(258, (8,))) > 8
    return False


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey with more than 8 bits becomes 8-bit grey by scaling, not by clipping as ``convert`` would."""
    if image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        scale = 255.0 if values.max(initial=0.0) <= 1.0 else 1.0
        return Image.fromarray(np.clip(values * scale + 0.5, 0, 255).astype(np.uint8))
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray(((np.clip(values, 0, 65535) * 255 + 32767) // 65535).astype(np.uint8))
    return image


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted.convert("RGBA")
        except (ImageCms.PyCMSError, OSError):
            pass  # an unusable profile: the plain conversion below
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None
        return converted.convert("RGBA")
    return image.convert("RGB").convert("RGBA")
