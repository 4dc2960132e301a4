"""What is stored in the artist's document, so that a pull can go on when the document is opened again."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from ..wire.limits import MAX_COORDINATE, MAX_LAYER_PIXELS
from .geometry import Point, Rect, Square
from .host import AreaOptions, CropChoice, Mask, Movable, Slices
from .pairs import MAX_PAIRS, Pair
from .remote_session import SessionFacts

VERSION = 1
MAX_BYTES = 32 << 20

_SLICE = 2 << 20


@dataclass(frozen=True)
class Result:
    """A finished drag in the history.

    Attributes:
        identifier: unique in the document.
        session: that it belongs to.
        step: its last step.
        title: for people, such as ``Pull 3``; also of the layer group that it becomes.
        thumbnail: a small PNG.
        created: seconds since the epoch.
        applied: how often it was put into the document.
    """

    identifier: str
    session: str
    step: int
    title: str
    thumbnail: bytes = field(repr=False)
    created: float
    applied: int = 0


@dataclass(frozen=True)
class PackedMask:
    """A mask, compressed: zlib, then base64."""

    rect: Rect
    text: str = field(repr=False)

    @classmethod
    def of(cls, mask: Mask) -> Slices[PackedMask]:
        """Packs a mask; a large one takes a tenth of a second."""
        pixels, packer, parts = memoryview(mask.pixels).cast("B"), zlib.compressobj(1), []
        for start in range(0, len(pixels), _SLICE):
            parts.append(packer.compress(pixels[start : start + _SLICE]))
            yield
        parts.append(packer.flush())
        return cls(mask.rect, _text(b"".join(parts)))

    def mask(self) -> Mask:
        """The mask. Raises ValueError when it is damaged."""
        expected = self.rect.width * self.rect.height
        if self.rect.empty or expected > MAX_LAYER_PIXELS:
            raise ValueError("a mask of impossible size")
        # Bounded, so that a small file cannot become gigabytes.
        pixels = zlib.decompressobj().decompress(base64.b64decode(self.text, validate=True), expected + 1)
        if len(pixels) != expected:
            raise ValueError("a mask of the wrong size")
        return Mask(self.rect, pixels)


@dataclass
class Record:
    """Everything about the pull of one layer."""

    model: str = ""
    label: int | None = None
    inversion: dict[str, Any] = field(default_factory=dict)
    drag: dict[str, Any] = field(default_factory=dict)
    crop_choice: CropChoice = "face"
    drawn_crop: Square | None = None
    face: Square | None = None
    area: AreaOptions = field(default_factory=AreaOptions)
    session: SessionFacts | None = None
    step: int = 0
    pairs: tuple[Pair, ...] = ()
    mask: PackedMask | None = None
    mask_from_selection: bool = False
    results: list[Result] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """JSON; masks are compressed."""
        mask = self.mask
        value: dict[str, Any] = {
            "version": VERSION,
            "model": self.model,
            "label": self.label,
            "inversion": self.inversion,
            "drag": self.drag,
            "crop_choice": self.crop_choice,
            "drawn_crop": _numbers(self.drawn_crop),
            "face": _numbers(self.face),
            "area": asdict(self.area),
            "session": self.session.to_json() if self.session else None,
            "step": self.step,
            "pairs": [[pair.handle, pair.target, pair.start] for pair in self.pairs],
            "mask": {"rect": mask.rect, "pixels": mask.text} if mask else None,
            "mask_from_selection": self.mask_from_selection,
            "results": [{**asdict(result), "thumbnail": _text(result.thumbnail)} for result in self.results],
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Reads a record. The document may come from anywhere, so nothing in it is trusted.

        Raises:
            ValueError: it is not a record, or one of a newer version.
        """
        if len(data) > MAX_BYTES:
            raise ValueError("too large")
        try:
            return cls._read(json.loads(data))
        except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, zlib.error) as error:
            raise ValueError(f"not a record: {error}") from error

    @classmethod
    def _read(cls, value: dict[str, Any]) -> Record:
        if value["version"] != VERSION:
            raise ValueError(f"written by another version of Pullface ({value['version']})")
        area = AreaOptions(
            _one_of(value["area"]["movable"], Movable),
            int(value["area"]["grow"]),
            int(value["area"]["feather"]),
        )
        pairs = [_pair(pair) for pair in value["pairs"][:MAX_PAIRS]]
        return cls(
            model=str(value["model"]),
            label=int(value["label"]) if value.get("label") is not None else None,
            inversion=dict(value.get("inversion", {})),
            drag=dict(value.get("drag", {})),
            crop_choice=_one_of(value["crop_choice"], CropChoice),
            drawn_crop=_square(value["drawn_crop"]),
            face=_square(value.get("face")),
            area=area,
            session=SessionFacts.from_json(value["session"]) if value["session"] else None,
            step=int(value["step"]),
            pairs=tuple(pairs),
            mask=_mask(value["mask"]) if value["mask"] else None,
            mask_from_selection=bool(value["mask_from_selection"]),
            results=[_result(item) for item in value["results"]],
        )


def _numbers(square: Square | None) -> list[float] | None:
    return square.numbers if square is not None else None


def _square(value: list[float] | None) -> Square | None:
    return Square.of(value) if value else None


def _result(value: dict[str, Any]) -> Result:
    return Result(
        identifier=str(value["identifier"]),
        session=str(value["session"]),
        step=int(value["step"]),
        title=str(value["title"]),
        thumbnail=base64.b64decode(value["thumbnail"], validate=True),
        created=float(value["created"]),
        applied=int(value["applied"]),
    )


def _pair(value: list[list[float]]) -> Pair:
    handle, target, start = (Point(float(x), float(y)) for x, y in value)
    if not all(abs(number) <= MAX_COORDINATE for point in (handle, target, start) for number in point):
        raise ValueError("a point that is nowhere")
    return Pair(handle, target, start)


def _mask(value: dict[str, Any]) -> PackedMask:
    packed = PackedMask(Rect(*(int(part) for part in value["rect"])), str(value["pixels"]))
    packed.mask()
    return packed


def _one_of(value: Any, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"unknown choice {value!r}")
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
