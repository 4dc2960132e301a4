"""Sessions with a real engine and a small random model: what is saved is what comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import save_file

from backend import models
from backend.compute.shelf import fingerprint
from backend.engine import Cancelled, FaceEditor, InversionProgress, InversionSettings
from backend.errors import PullfaceError
from backend.sessions import listing
from backend.sessions.dragging import SessionDrag
from backend.sessions.opening import open_layer
from backend.sessions.session import Session
from backend.sessions.step_log import StepRecord
from backend.sessions.store import SessionStore
from tests.server.support import PAIRS, picture, write_model

SETTINGS = InversionSettings(pivot_steps=2, tuning_steps=1)
DRAG = {"steps": 3, "stop_distance": 0.0}
Opener = Callable[..., Session]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(write_model(tmp_path_factory.mktemp("models") / "tiny.safetensors"))


@pytest.fixture(scope="module")
def editor(model: Any) -> FaceEditor:
    return FaceEditor(model)


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path)


@pytest.fixture
def opened(store: SessionStore) -> Opener:
    def make(
        number: int = 1, layer: NDArray[np.uint8] | None = None, crop: Any = (0, 0, 80), **more: Any
    ) -> Session:
        layer = picture() if layer is None else layer
        return open_layer(store, f"{number:032x}", "tiny", (32, 32), layer, crop=crop, **more)

    return make


@pytest.fixture
def session(opened: Opener, editor: FaceEditor, model: Any) -> Session:
    session = opened()
    shown = session.picture()
    session.invert(editor, shown, session.inversion_key(shown, fingerprint(model), SETTINGS), SETTINGS)
    return session


def code_of(action: Callable[[], Any]) -> str:
    with pytest.raises(PullfaceError) as caught:
        action()
    return caught.value.code


def test_opening_keeps_the_window_only(store: SessionStore, opened: Opener) -> None:
    layer = picture(96, 80)
    session = opened(layer=layer, offset=(100, 50), crop=(90, 40, 60))
    assert session.record.rect == [100, 50, 50, 50]
    assert session.record.layer == [100, 50, 80, 96]
    assert np.array_equal(session.window(), layer[:50, :50])
    assert session.picture().shape == (32, 32, 3)
    again = store.open(session.name)
    assert again.record == session.record
    assert [file.name for file in store.root.iterdir()] == [session.name]


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_deep_layers_stay_deep(store: SessionStore, opened: Opener, editor: FaceEditor, depth: Any) -> None:
    layer = picture().astype(np.float32) / np.float32(255)
    layer = layer * np.float32(2) if depth == np.float32 else (layer * 65535).round().astype(depth)
    layer[..., 3] = 1 if depth == np.float32 else 65535
    session = opened(layer=layer, crop=(5, 0, 60, 25.0))
    again = store.open(session.name)
    x, y, width, height = again.record.rect
    assert again.window().dtype == depth
    assert np.array_equal(again.window(), layer[y : y + height, x : x + width])
    again.invert(editor, again.picture(), "key", SETTINGS)
    mask = np.zeros((96, 80), np.uint8)
    mask[20:50, 20:50] = 255
    for _ in SessionDrag(again, editor, [[[30.0, 30.0], [42.0, 36.0]]], mask, DRAG):
        pass
    edit = again.result(editor, 3)
    assert edit.pixels.dtype == depth
    assert edit.changed.any()
    assert edit.alone().dtype == depth


def test_an_inversion_and_every_step_survive(
    store: SessionStore, session: Session, editor: FaceEditor
) -> None:
    mask = np.zeros((96, 80), np.uint8)
    mask[20:60, 20:60] = 255
    drag = SessionDrag(session, editor, PAIRS, mask, DRAG)
    seen = [(step.number, step.handles, step.preview()) for step in drag]
    assert [number for number, _, _ in seen] == [0, 1, 2, 3]
    assert drag.finish() == "limit"
    again = store.open(session.name)
    for number, handles, shown in seen:
        assert np.array_equal(again.show(editor, number), shown)
        if number:
            assert again.step(number).handles == handles
    one, other = session.result(editor, 3), again.result(editor, 3)
    assert one.rect == other.rect
    assert np.array_equal(one.pixels, other.pixels)
    x, y, width, height = one.rect
    place = (slice(y, y + height), slice(x, x + width))
    assert one.changed.any()
    assert not one.changed[mask[place] == 0].any()
    assert np.array_equal(one.changed > 0, (one.pixels != session.window()[place]).any(axis=-1))
    assert again.record.drags[0].outcome == "limit"
    assert code_of(lambda: again.step(4)) == "unknown_step"
    assert code_of(lambda: again.latent(-1)) == "unknown_step"


def test_a_step_is_on_disk_before_it_is_shown(
    store: SessionStore, session: Session, editor: FaceEditor
) -> None:
    for step in SessionDrag(session, editor, PAIRS, None, DRAG):
        assert store.open(session.name).last_step == step.number


def test_drags_go_on_from_any_step(session: Session, editor: FaceEditor) -> None:
    first = SessionDrag(session, editor, PAIRS, None, DRAG)
    shown = {step.number: step.preview() for step in first}
    second = SessionDrag(session, editor, PAIRS, None, DRAG, from_step=1)
    start = next(second)
    assert start.number == 1
    assert np.array_equal(start.preview(), shown[1])
    assert [step.number for step in second] == [4, 5, 6]
    third = SessionDrag(session, editor, PAIRS, None, DRAG)
    assert (next(third).number, next(third).number) == (6, 7)
    assert [drag.first_step for drag in session.record.drags] == [1, 4, 7]
    assert code_of(lambda: SessionDrag(session, editor, PAIRS, None, DRAG, from_step=99)) == "unknown_step"


def test_points_are_image_space(opened: Opener, editor: FaceEditor, model: Any) -> None:
    session = opened(offset=(1000, -500), crop=(1000, -490, 64))
    session.invert(editor, session.picture(), "key", SETTINGS)
    pairs = [[[1032.0, -458.0], [1048.0, -450.0]]]
    drag = SessionDrag(session, editor, pairs, None, {"steps": 1, "stop_distance": 0.0})
    start = next(drag)
    assert start.handles == pytest.approx(np.array([[1032.0, -458.0]]))
    assert start.distance == pytest.approx(np.hypot(16, 8))
    assert start.distance_model == pytest.approx(np.hypot(16, 8) / 2)
    drag.retarget(0, (1040.0, -460.0))
    assert next(drag).targets == pytest.approx(np.array([[1040.0, -460.0]]))
    assert code_of(lambda: drag.retarget(0, (0.0, 0.0))) == "points_outside"


def test_what_may_differ_is_the_union_of_the_masks_on_the_way(session: Session, editor: FaceEditor) -> None:
    def pull(mask: NDArray[np.uint8] | None, from_step: int) -> None:
        for _ in SessionDrag(session, editor, PAIRS, mask, {"steps": 1, "stop_distance": 0.0}, from_step):
            pass

    left, right = np.zeros((2, 96, 80), np.uint8)
    left[:, :50], right[:, 30:] = 255, 200
    pull(left, 0)  # step 1
    pull(right, 1)  # step 2
    pull(right, 0)  # step 3
    pull(None, 3)  # step 4
    assert np.array_equal(session.movable(1), left[:80])
    assert np.array_equal(session.movable(2), np.maximum(left, right)[:80])
    assert np.array_equal(session.movable(3), right[:80])
    assert session.movable(4) is None
    assert session.movable(0) is None
    # And the ways are those of all drags on the way.
    handle = PAIRS[0][0]
    assert session.ways(0) == []
    assert session.ways(1) == [[[handle, session.step(1).handles[0]]]]
    assert session.ways(2) == [[[handle, session.step(number).handles[0]]] for number in (1, 2)]
    assert session.ways(4) == [[[handle, session.step(number).handles[0]]] for number in (3, 4)]


def test_a_mask_outside_the_window_is_empty(session: Session, editor: FaceEditor) -> None:
    mask = np.zeros((96, 80), np.uint8)
    mask[90:] = 255
    assert code_of(lambda: SessionDrag(session, editor, PAIRS, mask, DRAG)) == "empty_mask"
    assert session.record.drags == []


def test_a_cancelled_inversion_leaves_the_session_as_it_was(session: Session, editor: FaceEditor) -> None:
    for _ in SessionDrag(session, editor, PAIRS, None, DRAG):
        pass
    before = session.show(editor, 3)

    def cancel(_progress: InversionProgress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        session.invert(editor, session.picture(), "another", SETTINGS, cancel)
    assert np.array_equal(session.show(editor, 3), before)
    # One that comes to its end takes the steps of the old one with it.
    session.invert(editor, session.picture(), "another", SETTINGS)
    assert session.last_step == 0
    assert session.record.drags == []


def test_a_result_tells_how_far_it_is_and_can_be_cancelled(session: Session, editor: FaceEditor) -> None:
    for _ in SessionDrag(session, editor, PAIRS, None, DRAG):
        pass
    told: list[float] = []
    edit = session.result(editor, 3, told.append)
    assert (told[0], told[-1]) == (0.0, 1.0)

    def cancel(_fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        session.result(editor, 3, cancel)
    assert np.array_equal(session.result(editor, 3).pixels, edit.pixels)


def test_a_result_is_that_of_the_last_inversion(session: Session, editor: FaceEditor) -> None:
    def pulled() -> NDArray[np.uint8]:
        for _ in SessionDrag(session, editor, PAIRS, None, DRAG):
            pass
        return session.result(editor, 3).pixels

    first = pulled()
    session.invert(editor, session.picture(), "another", InversionSettings(pivot_steps=9, tuning_steps=9))
    assert not np.array_equal(session.result(editor, 0).changed, first)
    again = pulled()
    fresh = Session(session.folder, session.record)
    assert np.array_equal(fresh.result(editor, 3).pixels, again)


def test_a_saved_inversion_is_found_by_its_content(
    store: SessionStore, opened: Opener, session: Session, editor: FaceEditor, model: Any
) -> None:
    print_of_model = fingerprint(model)
    other = opened(2)
    key = other.inversion_key(other.picture(), print_of_model, SETTINGS)
    found = store.find_inversion(key)
    assert found is not None
    other.adopt_inversion(*found)
    assert np.array_equal(other.show(editor, 0), session.show(editor, 0))
    store.forget(session.name)
    assert np.array_equal(store.open(other.name).show(editor, 0), editor.render(other.inversion()))
    different = opened(3, layer=picture(seed=1))
    keys = {
        key,
        different.inversion_key(different.picture(), print_of_model, SETTINGS),
        other.inversion_key(other.picture(), "other model", SETTINGS),
        other.inversion_key(other.picture(), print_of_model, InversionSettings(3, 1)),
    }
    assert len(keys) == 4
    assert store.find_inversion("0" * 64) is None


def test_damage_is_said(store: SessionStore, session: Session, editor: FaceEditor) -> None:
    folder = session.folder
    for _ in SessionDrag(session, editor, PAIRS, np.full((96, 80), 255, np.uint8), DRAG):
        pass
    inversion = (folder / "inversion.safetensors").read_bytes()
    for name, action in (
        ("mask-0.npz", lambda s: s.result(editor, 1)),
        ("window.npy", lambda s: s.picture()),
        ("inversion.safetensors", lambda s: s.show(editor, 0)),
    ):
        data = (folder / name).read_bytes()
        for damaged in (b"", data[: len(data) // 2], b"x" * len(data)):
            (folder / name).write_bytes(damaged)
            reopened = store.open(session.name)
            assert code_of(lambda s=reopened, do=action: do(s)) == "damaged_session"
        (folder / name).write_bytes(data)
    assert (folder / "inversion.safetensors").read_bytes() == inversion
    short = StepRecord(4, 0, [], [], 0.0, 0.0, b"1234")
    reopened = store.open(session.name)
    reopened.steps.append(short)
    assert code_of(lambda: reopened.latent(4)) == "damaged_session"
    record = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps({**record, "drags": [{"number": 1}]}))
    assert code_of(lambda: store.open(session.name)) == "damaged_session"
    for text in ("{", json.dumps({**record, "format": 99}), json.dumps({**record, "session": "other"})):
        (folder / "session.json").write_text(text)
        assert code_of(lambda: store.open(session.name)) == "unknown_session"


def test_an_inversion_of_another_version_wants_to_be_made_again(
    store: SessionStore, session: Session, editor: FaceEditor
) -> None:
    file = session.folder / "inversion.safetensors"
    tensors, metadata = session.inversion().to_tensors()
    save_file(tensors, file, {**metadata, "format": "pullface-inversion-1"})
    reopened = store.open(session.name)
    assert code_of(lambda: reopened.show(editor, 0)) == "bad_inversion"
    reopened.invert(editor, reopened.picture(), "another", SETTINGS)
    assert store.open(session.name).show(editor, 0).shape == (32, 32, 3)


def test_listing_and_forgetting(store: SessionStore, opened: Opener, session: Session) -> None:
    second = opened(2)
    os.utime(session.folder / "session.json", (1, 1))
    (store.root / "notes").mkdir()
    entries = listing.list_sessions(store.root)
    assert [entry["session"] for entry in entries] == [second.name, session.name]
    assert [entry["inverted"] for entry in entries] == [False, True]
    listing.mark_forgotten(store.root, second.name)
    listing.mark_forgotten(store.root, "f" * 32)
    assert [entry["session"] for entry in listing.list_sessions(store.root)] == [session.name]
    assert code_of(lambda: store.open(second.name)) == "unknown_session"
    store.forget(session.name)
    assert not session.folder.exists()
    assert listing.list_sessions(store.root / "nowhere") == []


def test_cleaning(store: SessionStore, opened: Opener) -> None:
    sessions = [opened(number) for number in range(1, 6)]
    for age, one in enumerate(sessions):
        os.utime(one.folder / "session.json", (1000 - age, 1000 - age))
    (store.root / ".new-unfinished").mkdir()
    listing.mark_forgotten(store.root, sessions[0].name)
    size = sum(file.stat().st_size for file in sessions[1].folder.iterdir())
    store.clean(keep=[sessions[4].name], max_bytes=2 * size + 10)
    left = {folder.name for folder in store.root.iterdir()}
    # The two last used, and the one in use although it is the oldest.
    assert left == {sessions[1].name, sessions[2].name, sessions[4].name}


def test_a_session_that_cannot_be_written_leaves_nothing(store: SessionStore, opened: Opener) -> None:
    opened(1)
    with pytest.raises(OSError, match="not empty|exist"):
        opened(1)  # the name is taken
    assert [folder.name for folder in store.root.iterdir()] == [f"{1:032x}"]
