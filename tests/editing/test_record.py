from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator

import pytest

from backend.editing.geometry import Point, Rect, Square
from backend.editing.host import AreaOptions, Mask
from backend.editing.pairs import Pair
from backend.editing.record import PackedMask, Record, Result
from backend.editing.remote_session import SessionFacts

MASK = Mask(Rect(-3, 4, 50, 60), bytes(range(250)) * 12)


def packed(mask: Mask) -> PackedMask:
    found: list[PackedMask] = []

    def job() -> Iterator[None]:
        found.append((yield from PackedMask.of(mask)))

    assert list(job()) == [None]
    return found[0]


def whole() -> Record:
    facts = SessionFacts(
        "a" * 32,
        "d1",
        ["toon", "drawn", [1, 2, 64]],
        Rect(-3, 4, 50, 60),
        Square(1, 2, 64, aspect=0.5),
        True,
        9,
        [(1, 0), (5, 2)],
        3,
        ["cat", "dog", "bird"],
    )
    return Record(
        model="toon",
        label=2,
        inversion={"method": "pti"},
        drag={"strength": 0.5},
        crop_choice="drawn",
        drawn_crop=Square(1, 2, 64),
        area=AreaOptions("selection", -2, 5),
        session=facts,
        step=7,
        pairs=(Pair(Point(1.5, 2.0), Point(3.0, 4.25), Point(1.0, 2.0)),),
        mask=packed(MASK),
        mask_from_selection=True,
        results=[Result("r1", "a" * 32, 9, "Pull 1", b"\x89PNG\0", 12.5, 2)],
    )


def test_comes_back_as_it_was() -> None:
    record = whole()
    read = Record.from_bytes(record.to_bytes())
    assert read == record
    assert read.mask is not None
    assert read.mask.mask() == MASK
    assert Record.from_bytes(Record().to_bytes()) == Record()


def damaged(**changes: object) -> bytes:
    return json.dumps({**json.loads(whole().to_bytes()), **changes}).encode()


BOMB = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        damaged(version=2),
        damaged(pairs=[[1, 2]]),
        damaged(pairs=7),
        damaged(pairs=[[[1e300, 2], [3, 4], [5, 6]]]),
        damaged(pairs=[[[float("nan"), 2], [3, 4], [5, 6]]]),
        b"[" * 100_000,
        damaged(crop_choice="__class__"),
        damaged(area={"movable": "everything", "grow": 0, "feather": 0}),
        damaged(mask={"rect": [0, 0, 50, 60], "pixels": BOMB}),
        damaged(mask={"rect": [0, 0, 50, 60], "pixels": "no base64!"}),
        damaged(mask={"rect": [0, 0, 1 << 20, 1 << 20], "pixels": BOMB}),
        damaged(results=[{"identifier": "x"}]),
        damaged(session={"name": "x"}),
        damaged(drawn_crop=[1, 2]),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Record.from_bytes(data)


def test_the_path_goes_through_every_drag_that_led_there() -> None:
    facts = SessionFacts(
        "a" * 32, "", [], Rect(0, 0, 1, 1), Square(0, 0, 16), True, 9, [(1, 0), (5, 2), (8, 6)]
    )
    assert facts.path_to(0) == [0]
    assert facts.path_to(4) == [0, 1, 2, 3, 4]
    assert facts.path_to(7) == [0, 1, 2, 5, 6, 7]
    assert facts.path_to(9) == [0, 1, 2, 5, 6, 8, 9]
    assert SessionFacts("a", "", [], Rect(0, 0, 1, 1), Square(0, 0, 16), True, 3, []).path_to(2) == [0, 1, 2]


def test_the_path_is_sampled_evenly() -> None:
    facts = SessionFacts("a" * 32, "", [], Rect(0, 0, 1, 1), Square(0, 0, 16), True, 9, [(1, 0)])
    assert facts.sampled_path(9, 3) == [1, 5, 9]
    assert facts.sampled_path(2, 24) == [1, 2]
    assert facts.sampled_path(1, 24) == [1]


def test_the_path_ends_even_in_a_record_that_leads_in_circles() -> None:
    facts = SessionFacts("a" * 32, "", [], Rect(0, 0, 1, 1), Square(0, 0, 16), True, 9, [(1, 9), (5, 9)])
    assert facts.path_to(6) == [0, 1, 2, 3, 4, 5, 6]
