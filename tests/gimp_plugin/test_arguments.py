"""What scripts ask of ``plug-in-pullface-drag``, checked before anything is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gimp_plugin.pullface.backend.editing.geometry import Point, Square
from gimp_plugin.pullface.backend.editing.host import EditingError
from gimp_plugin.pullface.procedures.arguments import checked, parsed_points

PAIRS = ((Point(1, 2), Point(3, 4)),)


@pytest.mark.parametrize("text", ["[[[1, 2], [3, 4.0]]]", "[[1, 2, 3, 4]]"])
def test_points_come_as_pairs_of_positions_or_as_four_numbers(text: str) -> None:
    assert parsed_points(text) == PAIRS


@pytest.mark.parametrize("text", ["", "  ", "[]"])
def test_no_points_are_none(text: str) -> None:
    assert parsed_points(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"a": 1}',
        "7",
        "[1, 2, 3, 4]",
        "[[1, 2, 3]]",
        "[[[1, 2], [3]]]",
        "[[[1, 2], 3, 4]]",
        '[[1, 2, "3", 4]]',
        "[[1, 2, true, 4]]",
        "[[1, 2, null, 4]]",
        "[[1, 2, NaN, 4]]",
        "[[1, 2, Infinity, 4]]",
        "[[1, 2, 1e7, 4]]",
        "[" * 100_000,
        "[[1, 2, 3, 4], [[1, 2, 3], [4]]]",
    ],
)
def test_whatever_else_stands_there_is_told_with_an_example(text: str) -> None:
    with pytest.raises(EditingError) as caught:
        parsed_points(text)
    assert caught.value.code == "bad_points"
    assert "JSON" in caught.value.hint


def test_a_wrong_pair_is_told_by_its_number() -> None:
    with pytest.raises(EditingError, match="Pair 2 "):
        parsed_points("[[1, 2, 3, 4], [1]]")


def test_without_more_words_the_backend_decides() -> None:
    arguments = checked(PAIRS)
    assert (arguments.model, arguments.drag, arguments.inversion) == ("", {}, {})
    assert (arguments.crop, arguments.square, arguments.movable) == ("face", None, "automatic")


def test_settings_go_to_the_backend() -> None:
    options = json.dumps({"drag": {"stop_distance": 0.5, "steps": 9}, "inversion": {"method": "pti"}})
    arguments = checked(PAIRS, " toon ", 30, 0.0, "layer", "crop", options)
    assert arguments.model == "toon"
    assert arguments.drag == {"stop_distance": 0.5, "steps": 30, "strength": 0.0}
    assert arguments.inversion == {"method": "pti"}
    assert (arguments.crop, arguments.movable) == ("layer", "crop")


@pytest.mark.parametrize(
    ("text", "square"),
    [
        ("152,251,428", Square(152, 251, 428)),
        (" 10, -5, 64, 30.5 ", Square(10, -5, 64, 30.5)),
    ],
)
def test_a_crop_can_be_given(text: str, square: Square) -> None:
    arguments = checked(PAIRS, crop=text)
    assert (arguments.crop, arguments.square) == ("drawn", square)


WRONG: list[dict[str, Any]] = [
    {"pairs": ()},
    {"pairs": PAIRS * 65},
    {"steps": -1},
    {"steps": 100_001},
    {"strength": 1.5},
    {"strength": -0.5},
    {"strength": float("nan")},
    {"movable": "everything"},
    {"crop": "drawn"},
    {"crop": "1,2"},
    {"crop": "1,2,3"},
    {"crop": "1,2,99999"},
    {"crop": "1,2,64,5,6"},
    {"crop": "nan,2,64"},
    {"crop": "1e300,2,64"},
    {"crop": "inf,2,64"},
    {"options": "{"},
    {"options": "[]"},
    {"options": '{"drug": {}}'},
    {"options": '{"drag": 5}'},
]


@pytest.mark.parametrize(
    "wrong", WRONG, ids=lambda wrong: "-".join(f"{key}-{str(value)[:12]}" for key, value in wrong.items())
)
def test_what_cannot_be_is_refused_with_a_hint(wrong: dict[str, Any]) -> None:
    with pytest.raises(EditingError) as caught:
        checked(**{"pairs": PAIRS, **wrong})
    assert caught.value.code in ("bad_points", "bad_options", "bad_crop")
    assert caught.value.hint
