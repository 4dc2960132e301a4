"""``plug-in-pullface-drag`` from Python and Script-Fu, with the real backend and the model that ships."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server.support import QUICK_INVERSION

from .dialog_stage import Stage
from .driver import EditorError, Gimp
from .host_stage import HostStage, colours

ROOT = Path(__file__).resolve().parents[3]
SIZE = (240, 260)
"""A third of the example portrait: a pull of it is a matter of seconds."""

CROP = (50, 83, 143)
HANDLE, TARGET = (111.2, 179.6), (107.0, 173.0)
POINTS = json.dumps([[HANDLE, TARGET]])
OPTIONS = json.dumps({"inversion": QUICK_INVERSION})
DRAG = {"points": POINTS, "crop": ",".join(map(str, CROP)), "steps": 2, "options": OPTIONS}
ENDLESS = json.dumps(
    {
        "inversion": QUICK_INVERSION,
        "drag": {"engine": "reference", "stop_distance": 0.0, "learning_rate": 1e-5},
    }
)
STEP_BYTES = 14_000
"""That a saved step takes."""

PATIENCE = 600.0

_CALL = """
_number, _arguments = arguments
_layer = Gimp.Item.get_by_id(_number)
_group, _distance, _note = pdb(
    "plug-in-pullface-drag", image=_layer.get_image(), drawables=[_layer], **_arguments
)
[_group.get_id(), _distance, _note]
"""


class Pulls:
    """Calls the procedure in a running GIMP."""

    def __init__(self, gimp: Gimp) -> None:
        self.gimp = gimp
        self.host = HostStage(gimp)

    def file(self) -> Path:
        """The small portrait."""
        file = self.gimp.home / "small-portrait.png"
        if not file.exists():
            with Image.open(ROOT / "examples/portrait.png") as opened:
                opened.convert("RGBA").resize(SIZE, Image.Resampling.LANCZOS).save(file)
        return file

    def portrait(self) -> int:
        """Opens the small portrait; returns its layer's number."""
        return int(
            self.gimp.run(
                """
                _image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(arguments[0]))
                _image.get_layers()[0].set_name("portrait")
                _image.get_layers()[0].get_id()
                """,
                str(self.file()),
            )
        )

    def draw_path(self, layer: int, handle: Sequence[float], target: Sequence[float]) -> None:
        """Gives a layer's image a path with one stroke, as its selected one."""
        self.gimp.run(
            """
            _image = item(arguments[0]).get_image()
            _path = Gimp.Path.new(_image, "pull")
            _image.insert_path(_path, None, 0)
            _numbers = [number for x, y in arguments[1:] for number in (x, y) * 3]
            _path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, _numbers, False)
            _image.set_selected_paths([_path])
            """,
            layer,
            handle,
            target,
        )

    def drag(self, layer: int, **arguments: Any) -> tuple[int, float, str]:
        """A whole pull; returns the group's number, the distance and the note."""
        group, distance, note = self.gimp.begin(_CALL, layer, {**DRAG, **arguments}).result(PATIENCE)
        return group, distance, note

    def refused(self, layer: int, **arguments: Any) -> str:
        """What GIMP says of a call that cannot be done."""
        with pytest.raises(EditorError) as caught:
            self.drag(layer, **arguments)
        return str(caught.value).splitlines()[-1]

    def sessions(self) -> set[str]:
        """The names of the sessions that the backend has saved."""
        return {file.parent.name for file in (self.gimp.pullface_home / "sessions").glob("*/session.json")}

    def shown(self, layer: int) -> np.ndarray:
        """The whole picture as it looks: [H, W, 4]."""
        pixels = self.gimp.run(
            """
            _image = item(arguments[0]).get_image()
            native(Gimp.Layer.new_from_visible(_image, _image, "seen"), arguments[1], "R'G'B'A u8")
            """,
            layer,
            [0, 0, *SIZE],
        )
        return np.frombuffer(pixels, np.uint8).reshape(SIZE[1], SIZE[0], 4)

    def until_dragging(self) -> None:
        """Waits until the backend has saved a few steps of a drag that goes on."""
        before, deadline = self._saved(), time.monotonic() + PATIENCE
        while self._saved() < before + 3 * STEP_BYTES:
            assert time.monotonic() < deadline, "no drag has begun"
            time.sleep(0.2)

    def _saved(self) -> int:
        return sum(file.stat().st_size for file in self.gimp.pullface_home.glob("sessions/*/steps.log"))


@pytest.fixture
def pulls(gimp: Gimp) -> Pulls:
    return Pulls(gimp)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"points": "[]"}, "There are no points."),
        ({"points": "[[1, 2]]"}, "Pair 1 of the points is not a handle and a target."),
        ({"points": "nonsense"}, "The points cannot be read"),
        ({"steps": -5}, "“steps” cannot be -5."),
        ({"strength": 2.0}, "“strength” cannot be 2."),
        ({"movable": "all"}, "“movable” cannot be “all”."),
        ({"crop": "somewhere"}, "“crop” cannot be “somewhere”."),
        ({"options": "{}x"}, "“options” cannot be read"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_refused_in_a_sentence(
    pulls: Pulls, arguments: dict[str, Any], said: str
) -> None:
    layer = pulls.portrait()
    assert said in pulls.refused(layer, **arguments)
    assert pulls.host.layers(layer) == [["portrait", []]]


def test_layers_that_cannot_be_pulled_are_refused(pulls: Pulls) -> None:
    layer = pulls.host.layer(colours(64, 64))
    pulls.gimp.run("item(arguments[0]).set_visible(False)", layer)
    assert "“face” is hidden" in pulls.refused(layer)
    layer = pulls.host.layer(colours(64, 64))
    pulls.gimp.run(
        """
        item(arguments[0]).get_image().convert_indexed(
            Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.MONO, 2, False, False, "")
        """,
        layer,
    )
    assert "Image > Mode > RGB" in pulls.refused(layer)


def test_the_dialog_is_not_for_scripts(pulls: Pulls) -> None:
    layer = pulls.portrait()
    with pytest.raises(EditorError, match="plug-in-pullface-drag"):
        pulls.gimp.run(
            "pdb('plug-in-pullface', image=item(arguments[0]).get_image(), drawables=[item(arguments[0])])",
            layer,
        )


def test_a_pull_is_a_new_group_and_the_next_one_does_not_invert_again(pulls: Pulls) -> None:
    layer = pulls.portrait()
    before, source = pulls.host.native(layer), pulls.shown(layer)
    group, distance, _ = pulls.drag(layer)
    assert 0 < distance < 7.8, "the handle began 7.8 px from its target"
    assert pulls.host.layers(layer) == [["Pull 1", [["Edit", []]]], ["portrait", []]]
    assert pulls.gimp.run("item(arguments[0]).get_name()", group) == "Pull 1"
    assert pulls.host.native(layer) == before

    # Only the area around the points has moved; every other pixel is the portrait's own.
    first = pulls.shown(layer)
    moved = (first != source).any(axis=2)
    assert 30 < moved.sum() < 4000
    rows, columns = np.nonzero(moved)
    assert abs(columns.mean() - HANDLE[0]) < 20
    assert abs(rows.mean() - HANDLE[1]) < 20

    backends, sessions = pulls.gimp.backends(), pulls.sessions()
    _, again, _ = pulls.drag(layer)
    assert again == distance, "each call begins with the layer itself"
    assert [name for name, _ in pulls.host.layers(layer)] == ["Pull 2", "Pull 1", "portrait"]
    assert np.array_equal(pulls.shown(layer), first)
    assert pulls.gimp.backends() == backends, "the backend stays as long as GIMP"
    assert pulls.sessions() == sessions

    # What a dialog, or GIMP opening the file again, finds with the layer.
    record = json.loads(pulls.gimp.run("source(arguments[0]).load_record()", layer))
    assert record["session"]["name"] in sessions
    assert record["session"]["inverted"]
    handle, target, start = record["pairs"][0]
    assert (target, start) == (list(TARGET), list(HANDLE))
    assert handle != start
    assert len(record["results"]) == 2


def test_the_same_pull_from_the_command_line_gives_the_same_pixels(pulls: Pulls, tmp_path: Path) -> None:
    layer = pulls.portrait()
    pulls.gimp.run(
        """
        _image = item(arguments[0]).get_image()
        _image.select_ellipse(Gimp.ChannelOps.REPLACE, 90, 160, 60, 40)
        Gimp.Selection.feather(_image, 8)
        """,
        layer,
    )
    mask = np.frombuffer(pulls.gimp.run("masks._selected(_image, Rect(*arguments))", 0, 0, *SIZE), np.uint8)
    Image.fromarray(mask.reshape(SIZE[1], SIZE[0])).save(tmp_path / "mask.png")
    pulls.drag(layer, movable="selection")
    pulls.gimp.run("Gimp.Selection.none(_image)")

    pair = f"{HANDLE[0]},{HANDLE[1]}:{TARGET[0]},{TARGET[1]}"
    command = [
        sys.executable, "-m", "backend.cli", "drag", str(pulls.file()),
        "--pair", pair, "--crop", DRAG["crop"], "--steps", "2", "--mask", str(tmp_path / "mask.png"),
        *(part for name, value in QUICK_INVERSION.items() for part in ("--inversion-option", f"{name}={value}")),
        "-o", str(tmp_path / "result.png"),
    ]  # fmt: skip
    environment = {**os.environ, "PULLFACE_HOME": str(pulls.gimp.pullface_home), "COLUMNS": "80"}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    with Image.open(tmp_path / "result.png") as opened:
        expected = np.asarray(opened.convert("RGBA"))
    assert "Nothing is selected" in pulls.refused(layer, movable="selection")
    shown = pulls.shown(layer)
    assert (shown != np.asarray(Image.open(pulls.file()))).any()
    assert np.array_equal(shown, expected)


def test_a_deep_layer_at_its_own_place_keeps_every_bit_that_does_not_move(pulls: Pulls) -> None:
    layer = pulls.portrait()
    pulls.gimp.run(
        """
        _layer = item(arguments[0])
        _image = _layer.get_image()
        _image.convert_precision(Gimp.Precision.FLOAT_LINEAR)
        _image.resize(320, 300, 31, -12)
        _group = Gimp.GroupLayer.new(_image, "face")
        _image.insert_layer(_group, None, 0)
        _image.reorder_item(_layer, _group, 0)
        """,
        layer,
    )
    seen = "native(Gimp.Layer.new_from_visible(_image, _image, 'seen'), [0, 0, 320, 300], 'RGBA float')"
    before, source = (
        pulls.host.native(layer),
        np.frombuffer(pulls.gimp.run(seen), np.float32).reshape(300, 320, 4),
    )
    handle, target = ([x + 31, y - 12] for x, y in (HANDLE, TARGET))
    pulls.drag(layer, points=json.dumps([[handle, target]]), crop=f"{CROP[0] + 31},{CROP[1] - 12},{CROP[2]}")
    assert pulls.host.layers(layer) == [["face", [["Pull 1", [["Edit", []]]], ["portrait", []]]]]
    assert pulls.host.native(layer) == before
    after = np.frombuffer(pulls.gimp.run(seen), np.float32).reshape(300, 320, 4)
    moved = (after != source).any(axis=2)
    assert 30 < moved.sum() < 4000
    rows, columns = np.nonzero(moved)
    assert abs(columns.mean() - handle[0]) < 20
    assert abs(rows.mean() - handle[1]) < 20
    values = after[moved] * 255
    assert np.abs(values - np.round(values)).max() > 0.1, "a float's worth of values, not 8 bits"


def test_the_crop_follows_the_face_and_without_one_is_the_layer(pulls: Pulls) -> None:
    layer = pulls.portrait()
    pulls.drag(layer, crop="face")
    x, y, size, *_ = json.loads(pulls.gimp.run("source(arguments[0]).load_record()", layer))["session"][
        "crop"
    ]
    assert x < HANDLE[0] < x + size
    assert y < HANDLE[1] < y + size
    assert 80 < size < 240
    layer = pulls.host.layer(np.repeat(colours(8, 8), 10, axis=0).repeat(10, axis=1))
    _, _, note = pulls.drag(layer, crop="face", points="[[40, 40, 44, 40]]")
    assert "No face was found" in note


def test_a_missing_part_of_the_plug_in_is_told(pulls: Pulls) -> None:
    layer = pulls.portrait()
    part = pulls.gimp.profile.plugin / "backend/editing/pull.py"
    away = part.rename(part.with_suffix(".away"))
    try:
        said = pulls.refused(layer)
    finally:
        away.rename(part)
    assert "A part of Pullface is missing." in said
    assert "install.py editors" in said


def test_a_path_on_the_canvas_is_pulled_along_with_the_last_settings(pulls: Pulls) -> None:
    layer = pulls.portrait()
    pulls.drag(layer, strength=0.7)
    pulls.draw_path(layer, HANDLE, (110.0, 177.0))
    call = "_l = Gimp.Item.get_by_id(arguments[0])\npdb('plug-in-pullface-path', image=_l.get_image(), drawables=[_l])"
    pulls.gimp.begin(call, layer).result(PATIENCE)
    assert [name for name, _ in pulls.host.layers(layer)] == ["Pull 2", "Pull 1", "portrait"]
    record = json.loads(pulls.gimp.run("source(arguments[0]).load_record()", layer))
    assert record["pairs"][0][1] == [110.0, 177.0]
    assert record["session"]["crop"] == list(CROP)
    assert record["drag"] == {"steps": DRAG["steps"], "strength": 0.7}
    assert [result["step"] for result in record["results"]] == [DRAG["steps"], 2 * DRAG["steps"]]


def test_an_empty_layer_and_points_elsewhere_are_told(pulls: Pulls) -> None:
    layer = pulls.host.layer(np.zeros((64, 64, 4), np.uint8))
    assert "empty" in pulls.refused(layer, crop="layer")
    layer = pulls.portrait()
    assert "outside" in pulls.refused(layer, points="[[5, 5, 9, 9]]")


def test_script_fu_and_the_console_do_the_same(pulls: Pulls, tmp_path: Path) -> None:
    file, result = pulls.file(), pulls.gimp.home / "result.xcf"
    options = OPTIONS.replace('"', '\\"')
    script = f"""
    (let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{file}"))))
      (plug-in-pullface-drag
        #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (car (gimp-image-get-layers image))
        #:points "{POINTS}" #:crop "{DRAG["crop"]}" #:steps 2 #:options "{options}")
      (gimp-xcf-save RUN-NONINTERACTIVE image "{result}"))
    """
    done = pulls.gimp.batch(" ".join(script.split()), interpreter="plug-in-script-fu-eval", timeout=PATIENCE)
    assert done.status == 0, done.output
    layers = pulls.gimp.run(
        """
        _image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(arguments[0]))
        [_image.get_layers()[-1].get_id(), tree(_image.get_layers())]
        """,
        str(result),
    )
    assert layers[1] == [["Pull 1", [["Edit", []]]], ["Background", []]]
    mine = pulls.portrait()
    pulls.drag(mine)
    assert np.array_equal(pulls.shown(layers[0]), pulls.shown(mine))
    wrong = pulls.gimp.batch(
        f'(plug-in-pullface-drag #:image (car (gimp-file-load RUN-NONINTERACTIVE "{file}")) #:drawables (vector))',
        interpreter="plug-in-script-fu-eval",
    )
    assert wrong.status != 0
    assert "No layer is selected." in wrong.output


def test_cancel_ends_the_plug_in_and_the_backend_lets_go_by_itself(pulls: Pulls) -> None:
    layer = pulls.portrait()
    waiting = pulls.gimp.begin(_CALL, layer, {**DRAG, "steps": 100_000, "options": ENDLESS})
    plugin = pulls.gimp.plugin("'pullface.procedures.pulling' in sys.modules")
    pulls.until_dragging()
    os.kill(plugin.pid, signal.SIGKILL)  # what Cancel in the status bar does
    with pytest.raises(EditorError):
        waiting.result(60)
    assert pulls.host.layers(layer) == [["portrait", []]]
    # Behind a drag that nobody has ended this one would wait for ever.
    pulls.drag(layer)
    assert [name for name, _ in pulls.host.layers(layer)][-1] == "portrait"


def test_cancel_in_the_status_bar_ends_a_pull_along_a_path(gimp_window: Gimp) -> None:
    pulls, stage = Pulls(gimp_window), Stage(gimp_window)
    stage.open_portrait(pulls.file())
    layer = gimp_window.run("layer.get_id()")
    pulls.drag(layer)
    before = pulls.host.layers(layer)
    # From now on its pulls last until they are ended.
    record = json.loads(gimp_window.run("source(arguments[0]).load_record()", layer))
    record["drag"] = {**json.loads(ENDLESS)["drag"], "steps": 100_000}
    gimp_window.run("source(arguments[0]).save_record(arguments[1])", layer, json.dumps(record).encode())
    gimp_window.run("image.set_selected_layers([layer])")
    pulls.draw_path(layer, HANDLE, TARGET)
    gimp_window.display.settle()
    idle = gimp_window.screenshot("before the pull")
    stage.choose_from_the_menu(2)
    pulls.until_dragging()
    (plugin,) = gimp_window.plugins()
    stage.cancel(idle)
    deadline = time.monotonic() + 60
    while plugin.alive:
        assert time.monotonic() < deadline, "the pull goes on"
        time.sleep(0.1)
    assert pulls.host.layers(layer) == before
    pulls.drag(layer)  # behind a drag that nobody has ended this one would wait for ever
    assert len(pulls.host.layers(layer)) == len(before) + 1
    gimp_window.display.settle()
    gimp_window.screenshot("after the cancelled pull")


def test_a_killed_backend_is_started_again_and_the_pull_goes_on(pulls: Pulls) -> None:
    layer = pulls.portrait()
    before = pulls.host.native(layer)
    options = json.dumps({"inversion": QUICK_INVERSION, "drag": json.loads(ENDLESS)["drag"]})
    waiting = pulls.gimp.begin(_CALL, layer, {**DRAG, "steps": 15, "options": options}, timeout=PATIENCE)
    pulls.until_dragging()
    killed = pulls.gimp.backends()
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, distance, note = waiting.result(PATIENCE)
    assert distance > 0
    assert "The backend had stopped." in note
    assert pulls.host.native(layer) == before
    assert [name for name, _ in pulls.host.layers(layer)][-1] == "portrait"
    assert not set(killed) & set(pulls.gimp.backends())


def test_the_backend_ends_with_gimp(pulls: Pulls) -> None:
    pulls.drag(pulls.portrait())
    assert pulls.gimp.backends()
    pulls.gimp.quit()
    deadline = time.monotonic() + 60
    while pulls.gimp.backends():
        assert time.monotonic() < deadline, "a backend is left"
        time.sleep(0.2)
    pulls.gimp.start()
