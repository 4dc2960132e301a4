"""The ``pullface`` command against a real server with a tiny random model."""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend import cli
from tests.server.support import write_model

from .conftest import House

QUICK = ("--inversion-option", "pivot_steps=3", "--inversion-option", "tuning_steps=2")
PAIR = ("--pair", "40.5,30.5:52.5,38.5")
# So slow that it does not arrive on any machine.
ENDLESS = ("--drag-option", "learning_rate=1e-8", "--steps", "90000")


@pytest.fixture(autouse=True)
def _at_home(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PULLFACE_HOME", house.environment["PULLFACE_HOME"])
    return


def run(*words: str | Path) -> int:
    """The command in this process; the server is another one all the same."""
    return cli.main([str(word) for word in words])


def test_drag_changes_only_what_may_move(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out.png"
    words = (
        "drag",
        house.picture,
        *PAIR,
        "--mask",
        house.mask,
        "--model",
        house.model,
        *QUICK,
        "--steps",
        "4",
    )
    assert run(*words, "-o", out, "--animation", tmp_path / "pull.gif") == 0
    after = np.asarray(Image.open(out).convert("RGBA"))
    moved = (after != house.rgba).any(axis=2)
    assert moved.any()
    assert not moved[np.asarray(Image.open(house.mask)) == 0].any()
    with Image.open(out) as written, Image.open(tmp_path / "pull.gif") as animation:
        assert written.mode == "RGB"  # the source has no alpha
        assert animation.size == (96, 72)
        assert animation.n_frames >= 2
    told = capsys.readouterr()
    assert str(out) in told.out
    assert "Fitting the model" in told.err


def test_openraster_layers_make_the_result(house: House, tmp_path: Path) -> None:
    out = tmp_path / "out.ora"
    words = (
        "drag",
        house.picture,
        *PAIR,
        "--mask",
        house.mask,
        "--model",
        house.model,
        *QUICK,
        "--steps",
        "4",
    )
    assert run(*words, "-o", out) == 0
    with zipfile.ZipFile(out) as archive:
        picture = {
            name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist() if "png" in name
        }
        stack = archive.read("stack.xml").decode()
    source, merged = picture["data/layer2.png"], picture["mergedimage.png"]
    np.testing.assert_array_equal(np.asarray(source), house.rgba)
    composite = source.copy()
    x, y = (int(stack.split('name="Pullface: edit"')[1].split(f'{axis}="')[1].split('"')[0]) for axis in "xy")
    composite.alpha_composite(picture["data/layer1.png"], (max(x, 0), max(y, 0)))
    np.testing.assert_array_equal(np.asarray(composite), np.asarray(merged))
    assert (np.asarray(merged) != house.rgba).any()


def test_an_inversion_is_kept_for_the_next_time(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "invert",
        house.picture,
        "--model",
        house.model,
        *QUICK,
        "--crop=-4,0,80",
        "-o",
        tmp_path / "seen.png",
    )
    assert run(*words) == 0
    assert run(*words) == 0
    assert "known already" in capsys.readouterr().out
    with Image.open(tmp_path / "seen.png") as seen:
        assert seen.size == (32, 32)


def read_until(stream: int, text: str, patience: float = 120) -> str:
    """What a program writes to its terminal until the text is there."""
    read, deadline = "", time.monotonic() + patience
    while text not in read:
        assert time.monotonic() < deadline, read
        try:
            read += os.read(stream, 4096).decode(errors="replace")
        except OSError:
            break
    assert text in read, read
    return read


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of our own needs Unix")
def test_a_label_is_given_by_number_or_name(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path / "pets.safetensors", labels=["cat", "dog"], base_size=[4, 2])
    out = tmp_path / "seen.png"
    words = ("invert", house.picture, "--model", model, *QUICK, "-o", out, "--label")
    assert run(*words, "dog") == 0
    assert "16 × 32 px" in capsys.readouterr().err
    with Image.open(out) as seen:
        assert seen.size == (16, 32)
    assert run(*words, "1") == 0
    assert "known already" in capsys.readouterr().out
    assert run(*words, "bird") == 2
    assert "has no label bird" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_reached(house: House, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    out = tmp_path / "out.png"
    words = ("drag", house.picture, *PAIR, "--mask", house.mask, "--model", house.model, *QUICK, *ENDLESS)
    process = subprocess.Popen(
        house.command(*words, "-o", out),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env=house.environment,
    )
    os.close(theirs)
    try:
        read_until(ours, "px to go")
        process.send_signal(signal.SIGINT)
        rest = read_until(ours, "Stopping; the best step so far is kept")
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(ours)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert "stopped after" in told
    after = np.asarray(Image.open(out).convert("RGBA"))
    assert after.shape == house.rgba.shape
    assert not (after != house.rgba).any(axis=2)[np.asarray(Image.open(house.mask)) == 0].any()


@pytest.mark.skipif(sys.platform == "win32", reason="signals need Unix")
def test_ctrl_c_before_anything_is_reached_ends_at_once(house: House, tmp_path: Path) -> None:
    words = ("drag", house.picture, *PAIR, "--model", house.model, "--crop", "8,8,60")
    endless = (
        "--inversion-option",
        "method=pti",
        "--inversion-option",
        "pivot_steps=90000",
        "-o",
        tmp_path / "out.png",
    )
    process = subprocess.Popen(
        house.command(*words, *endless), stderr=subprocess.PIPE, text=True, env=house.environment
    )
    assert process.stderr is not None
    assert "Starting the backend" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped." in told
    assert "Traceback" not in told
    assert not (tmp_path / "out.png").exists()


def mask_of(path: Path, value: int, size: tuple[int, int] = (96, 72)) -> Path:
    Image.new("L", size, value).save(path)
    return path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("drag", "{none}", *PAIR, "-o", "{out}"), "There is no file"),
        (("drag", "{picture}", *PAIR, "-o", "out.jpg"), "cannot be written as 'out.jpg'"),
        (
            ("drag", "{picture}", *PAIR, "-o", "{out}", "--animation", "pull.mp4"),
            "animation cannot be written",
        ),
        (("drag", "{picture}", *PAIR, "-o", "{out}", "--crop", "selection"), "there is none"),
        (("drag", "{picture}", *PAIR, "-o", "{out}", "--mask", "{wrong}"), "The mask has 9 × 9 pixels"),
        (("drag", "{picture}", *PAIR, "-o", "{out}", "--model", "no-such-model"), "no-such-model"),
        (("drag", "{picture}", *PAIR, "-o", "{out}", "--model", "{model}", "--crop", "0,0,3"), "3 pixels"),
        (("drag", "{picture}", "--pair", "nan,1:2,3", "-o", "{out}", "--model", "{model}", *QUICK), ""),
        (
            ("drag", "{picture}", "--pair", "5,5:500,5", "-o", "{out}", "--model", "{model}", *QUICK),
            "outside",
        ),
        (("drag", "{picture}", *PAIR, "-o", "{out}", "--model", "{model}", *QUICK, "--mask", "{black}"), ""),
        (
            ("drag", "{picture}", *PAIR, "-o", "{out}", "--model", "{model}", *QUICK, "--drag-option", "x=1"),
            "x",
        ),
    ],
)
def test_what_the_user_can_cure_is_said_in_a_sentence_and_a_hint(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    names = {
        "none": tmp_path / "none.png",
        "out": tmp_path / "out.png",
        "picture": house.picture,
        "model": house.model,
        "wrong": mask_of(tmp_path / "wrong.png", 255, (9, 9)),
        "black": mask_of(tmp_path / "black.png", 0),
    }
    assert run(*(word.format(**names) for word in words)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert "defect" not in error
    assert len(error.strip().splitlines()[-1]) > 10
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("drag", "a.png", "--pair", "1,2-3,4", "-o", "b.png"),
        ("drag", "a.png", "-o", "b.png"),
        ("drag", "a.png", *PAIR, "-o", "b.png", "--crop", "somewhere"),
        ("drag", "a.png", *PAIR, "-o", "b.png", "--steps", "0"),
        ("drag", "a.png", *PAIR, "-o", "b.png", "--drag-option", "steps"),
        ("models",),
        (),
    ],
)
def test_wrong_words_are_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_points_and_crops_may_begin_with_a_minus() -> None:
    words = ["drag", "a.png", "--pair", "-1.5,2:3,-4", "-5,6:7,8", "--crop", "-10,-20,64", "-o", "b.png"]
    options = cli.parser().parse_args(cli._joined(words))
    assert options.pair == [((-1.5, 2.0), (3.0, -4.0)), ((-5.0, 6.0), (7.0, 8.0))]
    assert options.crop == [-10, -20, 64]


def test_a_defect_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> int:
        raise RuntimeError("a bolt is loose")

    monkeypatch.setattr("backend.commands.models.list_models", broken)
    assert run("models", "list") == 1
    told = capsys.readouterr().err
    assert "a bolt is loose" in told
    assert "Traceback" not in told
    assert run("--debug", "models", "list") == 1
    assert "Traceback" in capsys.readouterr().err


def test_models_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "list") == 0
    assert "toon (default): " in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="signals need Unix")
def test_serve_runs_until_ctrl_c(house: House, tmp_path: Path) -> None:
    from backend.wire.connection import read_connection

    environment = {**house.environment, "PULLFACE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        house.command("serve", "--device", "cpu"), stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        deadline = time.monotonic() + 60
        file = tmp_path / "run" / "connection.json"
        while not file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        info = read_connection(file)
        assert info is not None
        assert info.pid == process.pid
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "runs until Ctrl+C" in told
    assert not file.exists()


def test_crops_and_points_are_read() -> None:
    assert cli.crop("face") == "face"
    assert cli.crop("-3,4,50") == [-3, 4, 50]
    assert cli.crop("-3,4,50,-12.5") == [-3, 4, 50, -12.5]
    for text in ("1,2", "1,2,3,4,5", "1.5,2,30", "1,2,30,181", "1,2,30,nan", "head"):
        with pytest.raises(argparse.ArgumentTypeError):
            cli.crop(text)
    words = ("invert", "a.png", "--point", "-3.5,7", "--crop", "-1,-2,30,4")
    options = cli.parser().parse_args(cli._joined(words))
    assert options.point == (-3.5, 7.0)
    assert options.crop == [-1, -2, 30, 4.0]
    assert cli.parser().parse_args(["invert", "a.png"]).crop == "face"
