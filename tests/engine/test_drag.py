from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.engine import DragOptions
from backend.engine.drag import Drag, check_mask, check_pairs, paper_stop_distance
from backend.engine.engines import create, names, register
from backend.errors import PullfaceError
from stylegan_ops import stylegan2, stylegan3

PAIR = [[[30.5, 30.5], [40.5, 30.5]]]


def code_of(call) -> str:
    with pytest.raises(PullfaceError) as caught:
        call()
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return caught.value.code


def test_a_drag_moves_its_handle_to_the_target(editor, inversion):
    drag = editor.drag(inversion, [[[30.5, 30.5], [35.5, 30.5]]], options=DragOptions(steps=150))
    steps = list(drag)
    assert drag.outcome == "arrived"
    assert [step.index for step in steps] == list(range(len(steps)))
    assert steps[0].distance == pytest.approx(5)
    assert steps[-1].distance <= 1
    assert not np.array_equal(steps[0].preview(), steps[-1].preview())
    assert np.array_equal(steps[0].preview(), editor.render(inversion))
    assert np.array_equal(steps[-1].preview(), editor.render(inversion, steps[-1].latent))


def test_a_drag_of_nothing_arrives_at_once(editor, inversion):
    drag = editor.drag(inversion, [[[30.2, 30.7], [30.2, 30.7]]])
    (only,) = list(drag)
    assert drag.outcome == "arrived"
    assert torch.equal(only.latent, inversion.pivot)


def test_the_limit_and_close_end_a_drag(editor, inversion):
    far = [[[10.5, 10.5], [60.5, 60.5]]]
    drag = editor.drag(inversion, far, options=DragOptions(steps=3))
    assert [step.index for step in drag] == [0, 1, 2, 3]
    assert drag.outcome == "limit"
    drag.close()
    assert drag.outcome == "limit"
    with editor.drag(inversion, far) as drag:
        next(drag)
        next(drag)
        assert drag.outcome is None
    assert drag.outcome == "stopped"
    assert list(drag) == []
    assert drag.last is not None
    assert drag.last.index == 1


def test_retarget_counts_from_the_next_step(editor, inversion):
    given = np.array(PAIR)
    drag = editor.drag(inversion, given, options=DragOptions(steps=6))
    next(drag)
    drag.retarget(0, (20.5, 44.5))
    step = next(drag)
    assert step.targets.tolist() == [[20.5, 44.5]]
    assert given.tolist() == PAIR
    for bad in ((64.0, 3.0), (-0.1, 3.0)):
        assert code_of(lambda bad=bad: drag.retarget(0, bad)) == "points_outside"
    assert code_of(lambda: drag.retarget(0, (float("nan"), 3.0))) == "bad_points"
    assert code_of(lambda: drag.retarget(1, (3.0, 3.0))) == "bad_points"
    assert next(drag).targets.tolist() == [[20.5, 44.5]]
    handle = drag.last.handles[0]
    drag.retarget(0, handle)
    assert list(drag) == []
    assert drag.outcome == "arrived"


def test_a_drag_can_go_on_from_an_earlier_step(editor, inversion):
    first = list(editor.drag(inversion, PAIR, options=DragOptions(steps=4)))
    again = editor.drag(inversion, PAIR, options=DragOptions(steps=2), latent=first[2].latent)
    step = next(again)
    assert torch.equal(step.latent, first[2].latent)
    assert np.array_equal(step.preview(), first[2].preview())


def test_the_mask_holds_back_what_may_not_move(editor, inversion):
    mask = np.zeros((64, 64), np.float32)
    mask[20:41, 20:51] = 1
    change = []
    for chosen in (None, mask):
        *_, last = editor.drag(inversion, PAIR, mask=chosen, options=DragOptions(steps=25, lambda_mask=200))
        difference = np.abs(last.preview().astype(float) - editor.render(inversion))
        change.append(difference[mask == 0].mean())
    assert change[1] < 0.5 * change[0]


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([[[float("nan"), 3], [4, 5]]], "bad_points"),
        ([[[3, 3], [float("inf"), 5]]], "bad_points"),
        ([], "bad_points"),
        ([[[3, 3]]], "bad_points"),
        ([[3, 3], [4, 4]], "bad_points"),
        ([[["a", 3], [4, 5]]], "bad_points"),
        ([[[3, 3], [4]]], "bad_points"),
        ([[[64, 3], [4, 5]]], "points_outside"),
        ([[[3, 3], [4, -1e-9]]], "points_outside"),
    ],
)
def test_unusable_points(editor, inversion, pairs, code):
    assert code_of(lambda: editor.drag(inversion, pairs)) == code


def test_masks():
    cpu = torch.device("cpu")
    assert check_mask(None, (8, 8), cpu) is None
    assert code_of(lambda: check_mask(np.zeros((8, 8)), (8, 8), cpu)) == "empty_mask"
    assert code_of(lambda: check_mask(np.ones((8, 9)), (8, 8), cpu)) == "bad_mask"
    assert code_of(lambda: check_mask(np.full((8, 8), np.nan), (8, 8), cpu)) == "bad_mask"
    soft = np.full((8, 8), 51, np.uint8)
    assert check_mask(soft, (8, 8), cpu).unique().tolist() == pytest.approx([0.2])
    assert check_mask(np.ones((8, 8), bool), (8, 8), cpu).unique().tolist() == [1.0]


def test_options():
    assert DragOptions.from_mapping({"steps": 7, "learning_rate": 0.1}).steps == 7
    for bad in (
        {"steps": 0},
        {"steps": 2.5},
        {"steps": True},
        {"learning_rate": float("nan")},
        {"lambda_mask": -1},
        {"strength": 1.1},
        {"free_layers": 0},
    ):
        assert code_of(lambda bad=bad: DragOptions.from_mapping(bad)) == "bad_options"
    assert code_of(lambda: DragOptions.from_mapping({"stepz": 3})) == "bad_options"
    assert code_of(lambda: DragOptions(engine="none")) == "unknown_engine"
    assert [paper_stop_distance(count) for count in (1, 5, 6)] == [1, 1, 2]


class StraightLine:
    """An engine that moves its handles one px a step, to see the drag's own rules."""

    nearest_stop = 0.5
    stuck = None

    def __init__(self, problem) -> None:
        self.handles = problem.handles.copy()
        self.latent = problem.latent
        self.loss = 1.0

    def locate(self):
        return self.handles.copy()

    def advance(self, targets):
        towards = targets - self.handles
        self.handles += towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1)
        return self.loss


def test_another_engine_fits_behind_the_interface(editor, inversion, monkeypatch):
    monkeypatch.setattr("backend.engine.engines._ENGINES", {})
    register("straight", StraightLine)
    assert names() == ["straight"]
    with pytest.raises(ValueError, match="already"):
        register("straight", StraightLine)
    drag = editor.drag(inversion, PAIR, options=DragOptions(engine="straight", stop_distance=0.1))
    assert drag.stop_distance == 0.5
    steps = list(drag)
    assert drag.outcome == "arrived"
    assert len(steps) == 11
    assert code_of(lambda: create("reference", None)) == "unknown_engine"


def test_a_drag_that_is_stuck_ends_with_a_reason_unless_a_target_moved(editor, inversion, monkeypatch):
    monkeypatch.setattr("backend.engine.engines._ENGINES", {})
    register("straight", StraightLine)
    drag = editor.drag(inversion, PAIR, options=DragOptions(engine="straight"))
    next(drag)
    next(drag)
    drag._engine.stuck = "It is stuck."
    drag.retarget(0, (35.5, 30.5))
    assert next(drag).index == 2
    assert list(drag) == []
    assert (drag.outcome, drag.reason) == ("stuck", "It is stuck.")


def test_strength_frees_what_draws_equally_coarse_things_in_every_model():
    sizes = {"channel_base": 2048, "channel_max": 4}
    for resolution in (64, 256):
        ours = stylegan2.Generator(4, 0, 8, resolution, **sizes).synthesis
        for tenths in range(11):
            options = DragOptions(strength=tenths / 10)
            assert options.free_entries(ours) == round(4 + 4 * options.strength)
    # Two layers a doubling as in StyleGAN2, after one entry more, which moves and turns the whole picture.
    third = stylegan3.Generator(4, 0, 8, 256, **sizes).synthesis
    assert [DragOptions(strength=strength).free_entries(third) for strength in (0, 0.4)] == [5, 7]
    assert DragOptions(strength=1).free_entries(third) == third.entries_up_to(64) == 8  # no more act on F
    assert DragOptions(strength=0, free_layers=9).free_entries(third) == 9
    assert DragOptions(engine="reference").free_entries(third) == 6


def test_numbers_that_run_away_end_the_drag_with_an_error(editor, inversion):
    from backend.engine.engines import DragProblem

    pairs = check_pairs(PAIR, (64, 64))
    problem = DragProblem(editor, inversion.pivot, pairs[:, 0], None, 0.1, 20, 6)
    engine = StraightLine(problem)
    drag = Drag(engine, pairs, DragOptions(), lambda latent: np.zeros((64, 64, 3), np.uint8))
    next(drag)
    engine.loss = float("nan")
    assert code_of(lambda: next(drag)) == "diverged"
    assert list(drag) == []
    assert drag.outcome == "stopped"
