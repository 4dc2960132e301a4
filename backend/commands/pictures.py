"""Reading and writing pictures for the command line: any format that Pillow reads, PNG and OpenRaster out."""

from __future__ import annotations

import io
import os
import struct
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.errors import PullfaceError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        rgba: uint8 [H, W, 4], straight alpha, upright (EXIF orientation applied).
        has_alpha: whether the file had transparency; without it the alpha is 255 everywhere.
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
    with _opened(path) as image:
        notices = []
        if getattr(image, "n_frames", 1) > 1:
            notices.append("Only the first frame of the animation is used.")
        deep = _is_deep(image, path)
        if deep:
            notices.append("The picture has 16 bits a channel; the result has 8.")
        upright = ImageOps.exif_transpose(image)
        has_alpha = "A" in upright.getbands() or "a" in upright.getbands() or "transparency" in upright.info
        profile = upright.info.get("icc_profile")
        rgb_profile = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
        if upright.mode in ("CMYK", "LAB", "YCbCr"):
            notices.append(f"The picture was converted from {upright.mode} to sRGB.")
            converted = _to_srgb(upright, profile)
            rgb_profile = None
        else:
            converted = _to_eight_bits(upright).convert("RGBA")
        return Picture(np.array(converted, dtype=np.uint8), has_alpha, rgb_profile, tuple(notices))


def read_mask(path: Path, width: int, height: int) -> Pixels:
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


def write_png(path: Path, rgba: Pixels, has_alpha: bool, icc_profile: bytes | None = None) -> None:
    """Write a PNG; the file appears whole or not at all.

    Args:
        path: the file.
        rgba: uint8 [H, W, 4], or [H, W] for a grey picture.
        has_alpha: False drops the alpha channel.
        icc_profile: stored with the pixels, which are not changed.

    Raises:
        PullfaceError: ``unwritable``.
    """
    pixels = rgba if rgba.ndim == 2 or has_alpha else np.ascontiguousarray(rgba[..., :3])
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(temporary, "PNG", icc_profile=icc_profile)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> PullfaceError:
    """The error for a file that cannot be written."""
    return PullfaceError(
        "unwritable",
        f"{path} cannot be written ({error.strerror or error}).",
        "Choose a folder that you may write to and that has room.",
    )


class _opened:  # noqa: N801 - used like a function
    """``with _opened(path) as image``: Pillow's image, its errors turned into sentences."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Image.Image:
        try:
            with warnings.catch_warnings():
                # Between one and two times Pillow's limit it only warns; the server has its own limit.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                self._image = Image.open(self._path)
                try:
                    self._image.load()
                except BaseException:
                    self._image.close()
                    raise
        except FileNotFoundError as error:
            raise PullfaceError(
                "unreadable", f"There is no file {self._path}.", "Check the name and the folder."
            ) from error
        except UnidentifiedImageError as error:
            raise PullfaceError(
                "unreadable",
                f"{self._path} is not a picture that Pullface can read.",
                "Save it as PNG, JPEG, WebP or TIFF and try again.",
            ) from error
        except Image.DecompressionBombError as error:
            raise PullfaceError(
                "layer_too_large",
                f"{self._path} is too large.",
                "Crop or scale it to at most 8192 × 8192 pixels.",
            ) from error
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PullfaceError(
                "unreadable",
                f"{self._path} cannot be read: it may be damaged ({reason}).",
                "Open it in an editor and save it again.",
            ) from error
        return self._image

    def __exit__(self, *_: object) -> None:
        self._image.close()


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
