"""Engine `gauss-newton` on the embedded model, judged where it can be by a detector that knows of no drag."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from backend.engine import DragOptions, FaceEditor
from backend.engine.engines import DragProblem
from backend.engine.gauss_newton import LONGEST_STEP, GaussNewtonEngine
from backend.engine.inversion import Inversion
from backend.errors import PullfaceError
from backend.evaluation.landmarks import detect
from backend.models import find, load

from .conftest import small_model

OPTIONS = DragOptions(engine="gauss-newton", steps=60)


@pytest.fixture(scope="module")
def toon():
    return FaceEditor(load(find("toon").path))


@pytest.fixture(scope="module")
def face(toon):
    """A drawn face of the model's own: its inversion, and where the detector finds its features."""
    generator = toon._model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(11))
    inversion = Inversion(toon._model.name, generator.mapping(z, truncation_psi=0.6), {})
    return inversion, detect(toon.render(inversion))


@pytest.fixture(scope="module")
def other(toon):
    """Where the features of another face are."""
    generator = toon._model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(12))
    return detect(toon.render(Inversion(toon._model.name, generator.mapping(z), {})))


def run(toon, inversion, pairs, mask=None, options=OPTIONS, **changes):
    if changes:
        options = DragOptions(**{**vars(options), **changes})
    with toon.drag(inversion, pairs, mask, options) as drag:
        steps = list(drag)
    return drag, steps


def mean_distance(places, names, targets) -> float:
    return float(np.mean([math.dist(places[name], target) for name, target in zip(names, targets)]))


def test_a_feature_arrives_in_short_steps_and_a_detector_finds_it_there(toon, face):
    inversion, places = face
    handle = places["mouth_left"]
    target = (handle[0] - 8, handle[1] - 9)
    drag, steps = run(toon, inversion, [[handle, target]])
    assert drag.outcome == "arrived"
    assert len(steps) < 20
    assert math.dist(detect(steps[-1].preview())["mouth_left"], target) < 0.4 * math.dist(handle, target)
    lengths = [np.linalg.norm(b.handles - a.handles, axis=1).max() for a, b in pairwise(steps)]
    assert max(lengths) < 3 * LONGEST_STEP * 256
    distances = [step.distance for step in steps]
    assert distances == sorted(distances, reverse=True)
    # The entries of the finer layers are not touched.
    assert torch.equal(steps[-1].latent[:, 6:], inversion.pivot[:, 6:])
    assert torch.equal(steps[0].latent, inversion.pivot)


def test_all_landmarks_move_towards_those_of_another_face(toon, face, other):
    inversion, places = face
    names = list(places)
    targets = [other[name] for name in names]
    drag, steps = run(toon, inversion, [[places[name], other[name]] for name in names])
    assert drag.outcome in ("arrived", "stuck")
    before = mean_distance(places, names, targets)
    assert mean_distance(detect(steps[-1].preview()), names, targets) < 0.6 * before
    assert steps[-1].distance < 0.4 * steps[0].distance


def test_points_a_pixel_apart_and_200_pixels_apart_move_together(toon, face):
    inversion, places = face
    x, y = places["mouth_left"]
    near = [[(x, y), (x + 5, y - 4)], [(x + 1, y), (x + 6, y - 4)]]
    drag, steps = run(toon, inversion, near)
    assert drag.outcome == "arrived"
    apart = steps[-1].handles[1] - steps[-1].handles[0]
    assert np.linalg.norm(apart - [1, 0]) < 1
    far = [[(28.0, 200.0), (30.0, 197.0)], [(228.0, 200.0), (230.0, 197.0)]]
    drag, steps = run(toon, inversion, far)
    assert drag.outcome in ("arrived", "stuck")
    assert steps[-1].distance < 0.5 * steps[0].distance


def test_corners_of_a_mouth_are_pulled_and_its_middle_follows_less(toon, face, monkeypatch):
    inversion, places = face
    corners = [places["mouth_left"], places["mouth_right"]]
    pairs = [[(x, y), (x + side * 5, y - 10)] for (x, y), side in zip(corners, (-1, 1))]
    x, y = np.mean(corners, axis=0)
    columns, rows = np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5)
    mask = (((columns - x) / 46) ** 2 + ((rows - y) / 30) ** 2 < 1).astype(np.float32)

    def lifted() -> float:
        """How far the middle of the mouth rises for each px that its corners do."""
        drag, steps = run(toon, inversion, pairs, mask)
        assert drag.outcome == "arrived"
        now = detect(steps[-1].preview())
        rise = {name: places[name][1] - now[name][1] for name in places}
        return (rise["mouth_top"] + rise["mouth_bottom"]) / (rise["mouth_left"] + rise["mouth_right"])

    calm = lifted()
    monkeypatch.setattr("backend.engine.gauss_newton.CALM", 0.0)
    assert calm < 0.9 * lifted()


@pytest.mark.parametrize("handle", [(0.0, 128.0), (255.9, 255.9), (128.0, 0.0)])
def test_a_point_at_the_pictures_edge_comes_to_a_certain_end(toon, face, handle):
    inversion, _ = face
    towards = np.sign(128 - np.array(handle))
    drag, steps = run(toon, inversion, [[handle, np.array(handle) + 5 * towards]])
    assert drag.outcome in ("arrived", "stuck")
    assert steps[-1].distance < steps[0].distance + 1e-6
    assert np.isfinite(steps[-1].handles).all()
    assert (steps[-1].handles >= 0).all()
    assert (steps[-1].handles <= 256).all()


def test_a_point_in_flat_colour_comes_to_a_certain_end_and_leaves_a_face(toon, face):
    inversion, _ = face
    handle = (20.0, 20.0)
    drag, steps = run(toon, inversion, [[handle, (32.0, 32.0)]])
    assert drag.outcome in ("arrived", "stuck")
    after = detect(steps[-1].preview())
    assert abs(after["chin"][1] - after["brow_left_middle"][1]) > 40  # still a face of some height
    assert drag.outcome == "arrived" or drag.reason.endswith(".")


def test_points_that_fight_end_in_a_compromise_that_is_explained(toon, face):
    inversion, places = face
    x, y = places["nose"]
    drag, steps = run(toon, inversion, [[(x, y), (x - 14, y)], [(x + 2, y), (x + 16, y)]])
    assert drag.outcome == "stuck"
    assert drag.reason.startswith("The points pull against each other")
    assert len(steps) < 40
    left, right = np.linalg.norm(steps[-1].handles - steps[-1].targets, axis=1)
    assert abs(left - right) < 0.5 * max(left, right)
    # It comes to rest: the last steps move nothing to and fro.
    last = np.array([step.handles for step in steps[-2:]])
    assert np.abs(np.diff(last, axis=0)).max() < 2


def test_a_retarget_in_mid_drag_turns_the_handle_round(toon, face):
    inversion, places = face
    x, y = places["mouth_right"]
    drag = toon.drag(inversion, [[(x, y), (x + 14, y)]], options=OPTIONS)
    for step in drag:
        if step.index == 2:
            assert step.handles[0, 0] > x + 2
            drag.retarget(0, (x - 5, y + 4))
    assert drag.outcome == "arrived"
    assert np.linalg.norm(drag.last.handles[0] - (x - 5, y + 4)) <= 1


def test_a_retarget_takes_a_drag_out_of_where_it_is_stuck(toon, face):
    inversion, places = face
    x, y = places["nose"]
    drag = toon.drag(inversion, [[(x, y), (x - 14, y)], [(x + 2, y), (x + 16, y)]], options=OPTIONS)
    while drag._engine.stuck is None:
        next(drag)
    drag.retarget(1, (x - 12, y))
    rest = list(drag)
    assert len(rest) > 0
    assert drag.outcome == "arrived"


def test_the_mask_holds_what_it_protects(toon, face):
    inversion, places = face
    x, y = places["mouth_left"]
    ys, xs = np.mgrid[:256, :256] + 0.5
    mask = (np.hypot(xs - x, ys - y) < 45).astype(np.float32)
    pairs = [[(x, y), (x - 6, y - 6)]]
    before = toon.render(inversion).astype(float)
    changed, shown = [], []
    for chosen, weight in ((None, 0.0), (mask, 0.0), (mask, 5.0)):
        drag, steps = run(toon, inversion, pairs, chosen, lambda_mask=weight)
        whole = toon.render(inversion, steps[-1].latent)
        changed.append(np.abs(whole - before)[mask == 0].mean())
        shown.append(np.abs(steps[-1].preview() - before)[mask == 0].mean())
        if weight == 5.0:
            assert drag.outcome == "arrived"
    assert changed[1] == pytest.approx(changed[0], rel=0.05)
    assert shown[0] == changed[0]
    assert max(shown[1:]) < 0.05 * changed[0]


def test_without_a_mask_the_rest_stays_too(toon, face):
    inversion, places = face
    x, y = places["mouth_left"]
    ys, xs = np.mgrid[:256, :256] + 0.5
    far = np.hypot(xs - x, ys - y) > 45
    before = toon.render(inversion).astype(float)
    changed = []
    for weight in (0.0, 5.0):
        drag, steps = run(toon, inversion, [[(x, y), (x - 6, y - 6)]], lambda_mask=weight)
        assert drag.outcome == "arrived"
        changed.append(np.abs(steps[-1].preview() - before)[far].mean())
    assert changed[1] < 0.7 * changed[0]


def test_strength_trades_arrival_for_fidelity(toon, face):
    inversion, places = face
    pairs = [[places[name], np.add(places[name], move)] for name, move in (
        ("mouth_left", (-6, -8)), ("mouth_right", (6, -8)), ("chin", (0, 10)), ("nose", (5, 0)),
    )]  # fmt: skip
    moved, left = [], []
    for strength in (0.0, 0.5, 1.0):
        _, steps = run(toon, inversion, pairs, strength=strength)
        difference = steps[-1].latent - inversion.pivot
        moved.append(float(difference.norm()))
        left.append(steps[-1].distance)
        layers = round(4 + 4 * strength)
        assert float(difference[:, layers - 1].abs().max()) > 0
        assert float(difference[:, layers:].abs().max()) == 0
    assert moved[0] < moved[1] < moved[2]
    assert left[0] > left[1]


def test_a_point_at_its_target_stays_while_another_is_pulled(toon, face):
    inversion, places = face
    x, y = places["chin"]
    eye = places["iris_left"]
    drag, steps = run(toon, inversion, [[eye, eye], [(x, y), (x, y + 9)]])
    assert drag.outcome == "arrived"
    assert np.linalg.norm(steps[-1].handles[0] - eye) <= 1
    alone = run(toon, inversion, [[(x, y), (x, y + 9)]])[1][-1]
    kept, gone = (math.dist(detect(step.preview())["iris_left"], eye) for step in (steps[-1], alone))
    assert kept < max(gone, 2)


def problem_of(toon, inversion, handles, mask=None) -> DragProblem:
    return DragProblem(
        toon._model.generator, inversion.pivot, np.asarray(handles, float), mask, 0.02, 5.0, 6,
        toon._model.w_covariance,
    )  # fmt: skip


def free_problem_of(toon, inversion, handles) -> DragProblem:
    """The same with nothing held."""
    return replace(problem_of(toon, inversion, handles), lambda_mask=0.0)


def test_steps_that_make_it_worse_are_rolled_back(toon, face, monkeypatch):
    from backend.engine import gauss_newton

    inversion, places = face
    right = gauss_newton.pull_back
    monkeypatch.setattr(gauss_newton, "pull_back", lambda *arguments: -right(*arguments))
    handle = places["chin"]
    drag, steps = run(toon, inversion, [[handle, (handle[0], handle[1] + 12)]])
    assert drag.outcome == "stuck"
    assert all(step.distance <= steps[0].distance + 1e-6 for step in steps)
    losses = [step.loss for step in steps[1:]]
    assert losses == sorted(losses, reverse=True)


def test_after_a_bad_step_shorter_ones_go_on(toon, face, monkeypatch):
    """A Jacobian ten times too small makes steps ten times too long."""
    from backend.engine import gauss_newton

    inversion, places = face
    right = gauss_newton.pull_back
    calls = []

    def wrong_at_first(*arguments):
        calls.append(1)
        return right(*arguments) * (0.05 if len(calls) <= 2 else 1)

    monkeypatch.setattr(gauss_newton, "pull_back", wrong_at_first)
    handle = places["chin"]
    drag, steps = run(toon, inversion, [[handle, (handle[0], handle[1] + 9)]])
    assert drag.outcome == "arrived"
    assert all(step.distance <= steps[0].distance for step in steps)


def test_a_picture_that_is_not_a_number_is_rolled_back_too(toon, face, monkeypatch):
    inversion, places = face
    handle = places["chin"]
    drag = toon.drag(inversion, [[handle, (handle[0], handle[1] + 8)]], options=OPTIONS)
    first = next(drag)
    synthesis = drag._engine._problem.generator.synthesis
    right, looks = synthesis.features, []

    def broken(*arguments, **named):
        looks.append(1)
        features = right(*arguments, **named)
        return features * float("nan") if len(looks) in (1, 3) else features

    monkeypatch.setattr(synthesis, "features", broken)
    steps = list(drag)
    assert drag.outcome == "arrived"
    assert all(torch.isfinite(step.latent).all() for step in steps)
    assert steps[-1].distance < first.distance


def test_a_generator_without_numbers_ends_with_an_error():
    model = small_model(64)
    with torch.no_grad():
        model.generator.synthesis.b4.const.fill_(float("nan"))
    latent = model.generator.mapping(torch.randn(1, 32, generator=torch.Generator().manual_seed(0)))
    drag = FaceEditor(model).drag(Inversion(model.name, latent, {}), [[[30, 30], [35, 30]]], options=OPTIONS)
    next(drag)
    with pytest.raises(PullfaceError) as caught:
        next(drag)
    assert caught.value.code == "diverged"
    assert drag.outcome == "stopped"


def test_nothing_of_the_callers_is_written_and_no_weight_gathers_a_gradient(toon, face):
    inversion, places = face
    handles = np.array([places["nose"]])
    problem = problem_of(toon, inversion, handles)
    kept = handles.copy(), inversion.pivot.clone()
    engine = GaussNewtonEngine(problem)
    with pytest.raises(RuntimeError, match="locate"):
        engine.advance(handles + 5)
    np.testing.assert_array_equal(engine.locate(), handles)
    engine.advance(handles + 5)
    assert np.array_equal(handles, kept[0])
    assert torch.equal(inversion.pivot, kept[1])
    assert not torch.equal(engine.latent, inversion.pivot)
    assert all(parameter.grad is None for parameter in problem.generator.parameters())
    engine.latent.zero_()
    assert not torch.equal(engine.latent, torch.zeros_like(inversion.pivot))


def test_blocks_above_the_feature_map_are_not_computed():
    model = small_model(256)
    latent = model.generator.mapping(torch.randn(1, 32, generator=torch.Generator().manual_seed(0)))
    computed = []
    for resolution in model.generator.synthesis.block_resolutions:
        block = getattr(model.generator.synthesis, f"b{resolution}")
        block.conv1.register_forward_hook(lambda *_, resolution=resolution: computed.append(resolution))
    problem = DragProblem(model.generator, latent, np.array([[100.5, 60.5]]), None, 0.02, 5.0, 6)
    engine = GaussNewtonEngine(problem)
    engine.locate()
    engine.advance(np.array([[120.5, 60.5]]))
    assert max(computed) == 64


def test_many_points_take_their_rows_in_turns(toon, face, other, monkeypatch):
    """No step computes more rows than it may, and after some steps every point has had its own."""
    from backend.engine import gauss_newton

    monkeypatch.setattr(gauss_newton, "FRESH_ROWS", 8)
    inversion, places = face
    handles = np.array(list(places.values()))
    engine = GaussNewtonEngine(free_problem_of(toon, inversion, handles))
    engine.locate()
    targets = np.array([other[name] for name in places])
    computed = []
    right = gauss_newton.pull_back
    monkeypatch.setattr(
        gauss_newton, "pull_back", lambda *arguments: computed.append(len(arguments[2])) or right(*arguments)
    )
    for _ in range(12):
        engine.advance(targets)
        engine.locate()
    assert max(computed) <= 8
    assert np.isfinite(engine._doubts).all()
    before, after = (np.linalg.norm(p - targets, axis=1).mean() for p in (handles, engine.locate()))
    assert after < 0.6 * before


def test_many_points_where_a_head_may_move_ask_for_a_face_and_cost_few_rows(toon, face, other, monkeypatch):
    """Entries of w+ change alike, and after two steps a step costs a handful of backward passes."""
    from backend.engine import gauss_newton

    inversion, places = face
    handles, targets = (np.array([where[name] for name in places]) for where in (places, other))
    rows = []
    right = gauss_newton.pull_back
    monkeypatch.setattr(
        gauss_newton, "pull_back", lambda *arguments: rows.append(len(arguments[2])) or right(*arguments)
    )

    def common() -> float:
        """Part of the change that all free entries have in common."""
        engine = GaussNewtonEngine(free_problem_of(toon, inversion, handles))
        for _ in range(6):
            engine.locate()
            engine.advance(targets)
        change = (engine.latent - inversion.pivot)[0, :6]
        return float(6 * change.mean(dim=0).square().sum() / change.square().sum())

    alike = common()
    assert max(rows[2:]) <= gauss_newton.DIRECTIONS
    monkeypatch.setattr(gauss_newton, "ALIKE", 0.0)
    assert alike > 0.5 > common()


def test_a_features_handles_do_not_ask_for_a_face(toon, face):
    inversion, places = face
    handles = np.array(list(places.values()))
    narrow, wide = torch.zeros(2, 256, 256)
    narrow[:64, :64] = wide[:200] = 1
    faces = [
        GaussNewtonEngine(problem_of(toon, inversion, handles[:count], mask))._mixture is not None
        for count, mask in ((1, None), (12, wide), (24, narrow), (24, None), (24, wide))
    ]
    assert faces == [False, False, False, True, True]
