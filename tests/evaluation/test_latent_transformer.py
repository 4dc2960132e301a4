"""The learned comparison: how its engine drags, whose latents it knows, and what the weights that ship can do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from backend.engine import DragOptions, engines
from backend.engine.engines import DragProblem
from backend.errors import PullfaceError
from backend.evaluation import latent_transformer
from backend.evaluation.bench import Bench, Setting
from backend.evaluation.dragging import Dragged, drag_to_the_end
from backend.evaluation.latent_transformer import (
    ENGINE,
    LatentTransformer,
    Shape,
    feature_resolution,
    header,
)
from backend.evaluation.manipulation import Case, case, compared
from backend.evaluation.rows import choose

UNSEEN = 90_210
"""Another seed than those of the training and of the tables."""

FACES = 6


def network_for(bench: Bench, entries: int) -> LatentTransformer:
    """One that has learned nothing but changes much."""
    torch.manual_seed(3)
    generator = bench.model.generator
    maps = generator.synthesis.features(bench.face(0, 0).latent, feature_resolution(generator))
    network = LatentTransformer(Shape(maps.shape[1], entries, generator.w_dim, width=32))
    torch.nn.init.normal_(network.change.weight, std=0.1)
    return network


@pytest.fixture
def bench(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A model with random weights, and a transformer for it that changes three entries."""
    made = Bench(Setting(tmp_path, str(model), detector="toon", device="cpu"))
    network = network_for(made, entries=3)
    weights = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), weights, metadata=header(network, made.model.generator))
    monkeypatch.setattr(latent_transformer, "WEIGHTS", weights)
    return made


PAIRS = [[(5.0, 6.0), (9.0, 6.5)], [(12.0, 4.0), (10.0, 3.0)]]


def drag(bench: Bench, **options: int) -> Dragged:
    inversion = bench.face(0, 0).inversion
    return drag_to_the_end(bench.editor, inversion, PAIRS, None, DragOptions(engine=ENGINE, **options))


def test_a_drag_is_one_pass_over_the_coarse_entries_and_the_same_each_time(bench: Bench) -> None:
    first, again = drag(bench), drag(bench)
    assert (first.step.index, first.outcome, first.step.distance) == (1, "arrived", 0)
    assert np.array_equal(first.step.handles, np.array(PAIRS)[:, 1])
    assert torch.equal(first.step.latent, again.step.latent)
    begun = bench.face(0, 0).latent
    changed = (first.step.latent - begun)[0].abs().amax(dim=1) > 0
    assert changed.tolist() == [True] * 3 + [False] * (len(changed) - 3)
    fewer = drag(bench, free_layers=2).step.latent
    assert torch.equal(fewer[:, :2], first.step.latent[:, :2])
    assert torch.equal(fewer[:, 2:], begun[:, 2:])


def test_targets_that_move_on_are_followed_from_where_the_handles_went(bench: Bench) -> None:
    with bench.editor.drag(bench.face(0, 0).inversion, PAIRS, None, DragOptions(engine=ENGINE)) as running:
        next(running)
        arrived = next(running)
        running.retarget(0, (3.0, 3.0))
        after = next(running)
    assert after.handles[0].tolist() == [3.0, 3.0]
    assert not torch.equal(after.latent, arrived.latent)


def test_it_fits_one_generator_only(bench: Bench) -> None:
    generator = bench.model.generator
    assert ENGINE in [row.name for row in choose(None, masked=False, generator=generator)]
    weight = next(generator.synthesis.parameters())
    weight.data.view(-1)[0] += 0.5  # as a picture's own tuning, or a little fine-tuning, does
    assert ENGINE not in [row.name for row in choose(None, masked=False, generator=generator)]
    latent = bench.face(0, 0).latent
    problem = DragProblem(generator, latent, np.array([[8.0, 8.0]]), None, 0.1, 1.0, 6)
    for ask in (
        lambda: choose([ENGINE], masked=False, generator=generator),
        lambda: engines.create(ENGINE, problem),
    ):
        with pytest.raises(PullfaceError) as caught:
            ask()
        assert caught.value.code == "wrong_model"
        assert caught.value.message == "The latent transformer was trained for another model than this one."


def test_other_weights_are_another_version_of_the_row(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, row = choose([ENGINE], masked=False, generator=bench.model.generator)
    version = bench.version_of(row)
    assert bench.version_of(row) == version
    network = network_for(bench, entries=2)
    other = latent_transformer.WEIGHTS.with_name("other.safetensors")
    save_file(network.state_dict(), other, metadata=header(network, bench.model.generator))
    monkeypatch.setattr(latent_transformer, "WEIGHTS", other)
    assert bench.version_of(row) != version


def test_without_weights_it_says_so(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_transformer, "WEIGHTS", tmp_path / "nowhere")
    assert ENGINE not in [row.name for row in choose(None, masked=False, generator=bench.model.generator)]
    with pytest.raises(PullfaceError) as caught:
        choose([ENGINE], masked=False, generator=bench.model.generator)
    assert caught.value.code == "not_trained"


def test_the_order_of_the_points_is_nothing_to_it() -> None:
    torch.manual_seed(1)
    network = LatentTransformer(Shape(channels=5, entries=2, w_dim=7, width=16)).eval()
    torch.nn.init.normal_(network.change.weight)
    ws, features, places, ways = (torch.randn(1, *some) for some in ((2, 7), (4, 5), (4, 2), (4, 2)))
    order = [2, 0, 3, 1]
    with torch.no_grad():
        one = network(ws, features, places, ways)
        other = network(ws, features[:, order], places[:, order], ways[:, order])
        elsewhere = network(ws, features, places, ways + 0.1)
    assert torch.allclose(one, other, atol=1e-5)
    assert not torch.allclose(one, elsewhere, atol=1e-2)


@pytest.fixture(scope="module")
def toon(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Setting(tmp_path_factory.mktemp("run"), device="cpu", seed=UNSEEN))


def left(bench: Bench, asked: Case) -> tuple[float, float]:
    """Mean distance of the dragged landmarks to their targets before and after, px."""
    _, row = choose([ENGINE], masked=False, generator=bench.model.generator)
    end = bench.run_row(row, asked.source, asked.pairs, None, lambda fraction: None)
    before = compared(asked, asked.source.picture, asked.source.places)["left"]
    return before, compared(asked, end.picture, bench.detector.find(end.picture))["left"]


@pytest.mark.parametrize(("points", "most"), [("1", 0.85), ("5", 0.75), ("all", 0.6)])
def test_landmarks_come_clearly_nearer_to_where_they_should_go(toon: Bench, points: str, most: float) -> None:
    assert latent_transformer.WEIGHTS.stat().st_size < 2e6
    before, after = np.mean([left(toon, case(toon, pair, points)) for pair in range(FACES)], axis=0)
    assert before > 4
    assert after < most * before
