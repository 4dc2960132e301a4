"""Pictures with more than 8 bits a channel: PNG and TIFF, read and written without losing any.

Pillow has no mode for 16-bit colours. But its decoders can be told to keep either byte of each value, so that reading
a file twice gives all of it, whatever its compression. TIFF with floats is tifffile's work, as is writing TIFF.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

Pixels = NDArray[Any]
"""RGBA [H, W, 4] or grey [H, W]: uint8, uint16 or float32 (1.0 is white)."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ROWS = 64


def read_deep(path: Path, image: ImageFile.ImageFile) -> Pixels | None:
    """The picture as RGBA uint16 [H, W, 4], upright; None when it has 8 bits or another form.

    Args:
        path: the file.
        image: the same, opened by Pillow, nothing of it loaded yet.

    Raises:
        OSError, SyntaxError, ValueError: the file is damaged.
    """
    if image.format not in ("PNG", "TIFF") or "transparency" in image.info:
        return None
    if image.mode.startswith("I;16"):
        grey = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
        return _with_alpha(np.repeat(grey[..., None], 3, axis=2))
    raw = _raw_mode(image.tile[0]) if image.tile else ""
    if image.mode not in ("RGB", "RGBA") or ";16" not in raw:
        return None
    # B takes the first byte of each value, L the second one.
    large = "L" if raw.endswith("L") or (raw.endswith("N") and _little()) else "B"
    high = _one_byte(path, large)
    low = _one_byte(path, "B" if large == "L" else "L")
    return _with_alpha(high.astype(np.uint16) << 8 | low)


def _little() -> bool:
    return struct.pack("=H", 1) == struct.pack("<H", 1)


def _raw_mode(tile: Any) -> str:
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _one_byte(path: Path, which: str) -> NDArray[np.uint8]:
    """The picture with only one byte of each 16-bit value."""
    with Image.open(path) as image:
        for number, tile in enumerate(image.tile):
            raw, arguments = _raw_mode(tile)[:-1] + which, tile.args
            rest = (raw, *arguments[1:]) if isinstance(arguments, tuple) else raw
            image.tile[number] = tile._replace(args=rest)
        return np.asarray(ImageOps.exif_transpose(image), dtype=np.uint8)


def read_floats(path: Path) -> tuple[Pixels, bool, object] | None:
    """A TIFF with floats: RGBA float32 [H, W, 4], whether it has alpha, its colour profile. None for any other file.

    Raises:
        OSError, ValueError: the file is missing or damaged.
    """
    with path.open("rb") as file:
        if file.read(4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return None
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            if page.dtype != np.float32:
                return None
            values = page.asarray()
            orientation, profile = page.tags.get(0x0112), page.tags.get(0x8773)
    except Exception as error:  # a damaged file makes tifffile raise almost anything
        raise ValueError(str(error)) from error
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4) or (orientation and orientation.value != 1):
        raise ValueError("floats in a form that Pullface does not know")
    if values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return _with_alpha(values), values.shape[2] == 4, profile and profile.value


def _with_alpha(values: Pixels) -> Pixels:
    if values.shape[2] == 4:
        return np.ascontiguousarray(values)
    full = 1.0 if values.dtype == np.float32 else 65535
    return np.dstack([values, np.full(values.shape[:2], full, dtype=values.dtype)])


def write_png16(path: Path, pixels: Pixels, icc_profile: bytes | None) -> None:
    """Write a PNG with 16 bits a channel.

    Args:
        pixels: uint16 [H, W, 3 or 4].
        icc_profile: stored with them.
    """
    height, width, channels = pixels.shape
    with path.open("wb") as file:
        file.write(_PNG_SIGNATURE)
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0))
        if icc_profile is not None:
            _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile))
        packer = zlib.compressobj(6)
        above = np.zeros(width * channels * 2, dtype=np.uint8)
        for top in range(0, height, _ROWS):
            rows = np.ascontiguousarray(pixels[top : top + _ROWS]).astype(">u2").view(np.uint8)
            rows = rows.reshape(len(rows), -1)
            # The filter "up": differences from the row above, which pack well and are made without a loop.
            filtered = np.empty((len(rows), rows.shape[1] + 1), dtype=np.uint8)
            filtered[:, 0] = 2
            np.subtract(rows[0], above, out=filtered[0, 1:])
            np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
            above = rows[-1]
            _chunk(file, b"IDAT", packer.compress(filtered.tobytes()))
        _chunk(file, b"IDAT", packer.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: Any, kind: bytes, data: bytes) -> None:
    if data or kind != b"IDAT":
        file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def write_tiff(path: Path, pixels: Pixels, icc_profile: bytes | None) -> None:
    """Write a TIFF of any depth, packed without loss.

    Args:
        pixels: uint8, uint16 or float32 [H, W, 3 or 4], straight alpha.
        icc_profile: stored with them.
    """
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="zlib",
        predictor=pixels.dtype.kind == "u",
        iccprofile=icc_profile,
        metadata=None,
    )
