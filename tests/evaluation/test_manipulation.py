"""Face landmark manipulation: its arithmetic on cases made up for it, and its pairs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backend.engine.drag import check_pairs
from backend.engine.inversion import Inversion
from backend.errors import PullfaceError
from backend.evaluation import manipulation, manipulation_report
from backend.evaluation.bench import Bench, Face
from backend.evaluation.drags import round_mask
from backend.evaluation.manipulation import Case, Plan, case, compared, summary
from backend.evaluation.rows import NO_EDIT, choose
from backend.evaluation.runs import Result
from stylegan_ops.stylegan2 import Generator

SIDE = 64


def face(places: dict[str, tuple[float, float]], level: int = 100) -> Face:
    picture = np.full((SIDE, SIDE, 3), level, np.uint8)
    return Face(Inversion("made up", torch.zeros(1, 2, 2), {}, {}), picture, places)


@pytest.fixture
def asked() -> Case:
    """The nose moves by (3, 4), nothing else is asked for."""
    source = face({"nose": (30.0, 30.0), "mouth": (31.0, 36.0), "ear": (3.0, 3.0)})
    wanted = face({"nose": (33.0, 34.0), "mouth": (50.0, 50.0), "ear": (9.0, 9.0)})
    return Case(source, wanted, ("nose",), round_mask((31.5, 32.0), SIDE))


def test_the_distance_is_that_of_the_dragged_landmarks_to_their_targets(asked: Case) -> None:
    found = {"nose": (33.0, 37.0), "mouth": (0.0, 0.0), "ear": (3.0, 5.0)}
    figures = compared(asked, asked.source.picture, found)
    assert figures["left"] == pytest.approx(3.0)
    assert figures["others"] == pytest.approx(2.0)  # the ear; the mouth lies where something was asked
    assert figures["changed"] == 0
    assert compared(asked, asked.source.picture, asked.source.places)["left"] == pytest.approx(5.0)


def test_a_change_counts_where_nothing_was_asked(asked: Case) -> None:
    outside = asked.region <= 0
    after = asked.source.picture.copy()
    after[~outside] = 250
    assert compared(asked, after, asked.source.places)["changed"] == 0
    after[outside] += 6
    assert compared(asked, after, asked.source.places)["changed"] == pytest.approx(6.0)


def test_a_lost_face_has_no_distance(asked: Case) -> None:
    figures = compared(asked, asked.source.picture, None)
    assert figures["left"] is None
    assert figures["others"] is None


def drag_result(left: float | None, seconds: float, outcome: str, feature: list[float]) -> Result:
    figures = {
        "left": left,
        "changed": 1.0,
        "others": None,
        "walked": 2.0,
        "steps": 10,
        "seconds": seconds,
        "processor": seconds / 2,
        "outcome": outcome,
        "tracked": 0.5,
    }
    return Result(figures, {"features": torch.tensor(feature)})


def unedited(left: float, feature: list[float]) -> Result:
    figures = {"left": left, "changed": 0.0, "others": 0.0, "walked": 0.0}
    return Result(figures, {"features": torch.tensor(feature)})


def test_rows_are_means_over_pairs_and_compare_the_same_pairs() -> None:
    features = [[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]
    results: dict[manipulation.Key, Result] = {}
    for pair, feature in enumerate(features):
        results["1", NO_EDIT, pair] = unedited(10.0 + pair, feature)
        moved = [feature[0] + 3.0, feature[1] + 4.0]
        results["1", "reference", pair] = drag_result(2.0 + pair, 4.0, "arrived" if pair else "limit", moved)
        results["1", "quick", pair] = drag_result(None if pair == 0 else 1.0, 1.0, "arrived", feature)
    about = dict.fromkeys(("model", "resolution", "detector", "device", "processor", "threads"), "made up")
    about |= {"pairs": 3, "steps": 9}
    bench = SimpleNamespace(about=lambda: about, model=SimpleNamespace(discriminator=None))
    table = summary(Plan(Path(), pairs=3, points=("1",)), bench, results)
    nothing, reference, quick = table["rows"]
    assert (nothing["left"], nothing["frechet"], nothing["seconds"]) == (11.0, None, None)
    assert reference["left"] == pytest.approx(3.0)
    assert 2.0 <= reference["interval"][0] < 3.0 < reference["interval"][1] <= 4.0
    assert reference["frechet"] == pytest.approx(25.0)  # moved by (3, 4), the spread as before
    assert reference["outcomes"] == {"limit": 1, "arrived": 2}
    assert reference["seconds_a_step"] == pytest.approx(0.4)
    assert quick["frechet"] == pytest.approx(0.0, abs=1e-9)
    assert (quick["left"], quick["lost"], quick["pairs"]) == (1.0, 1, 3)
    (against,) = table["compared"]
    assert (against["row"], against["pairs"]) == ("quick", 2)
    assert against["left"] == pytest.approx(1.0 - (3.0 + 4.0) / 2)
    assert against["times_faster"] == pytest.approx(4.0)
    words = manipulation_report.markdown(table)
    assert "quick against reference on the same 2 pairs: -2.50 [-3.00, -2.00] px, 4.0 times as fast" in words
    assert "face lost in 1" in words


def test_pairs_depend_on_the_seed_alone(model: Path, tmp_path: Path) -> None:
    def bench(seed: int) -> Bench:
        return Bench(Plan(tmp_path, str(model), seed=seed, detector="toon", threads=1))

    first, again, other = (case(bench(seed), 1, "5") for seed in (0, 0, 1))
    assert first.moved == again.moved
    assert torch.equal(first.source.latent, again.source.latent)
    assert not torch.equal(first.source.latent, first.wanted.latent)
    assert not torch.equal(first.source.latent, other.source.latent)
    assert len(first.moved) == 5
    same = bench(0)
    one, everything = case(same, 1, "1"), case(same, 1, "all")
    assert set(one.moved) < set(first.moved) < set(everything.moved)
    assert everything.moved == tuple(everything.source.places)
    for handle, target in one.pairs:
        assert one.region[int(handle[1]), int(handle[0])] > 0
        assert one.region[int(target[1]), int(target[0])] > 0


def test_the_published_weight_is_compared_where_there_is_a_mask() -> None:
    names = [row.name for row in choose(None, masked=True)]
    assert names[0] == NO_EDIT
    assert {"reference", "reference-lambda20"} <= set(names)
    assert "reference-lambda20" not in [row.name for row in choose(None, masked=False)]
    row = choose(["reference-lambda20"], masked=True)[1]
    assert row.drag_options({"lambda_mask": 1.0}, 7).lambda_mask == 20
    assert row.drag_options({"free_layers": 3}, 7).free_layers == 3
    assert row.drag_options({}, 7).steps == 7


def test_faces_of_a_model_with_labels_have_one(model: Path, tmp_path: Path) -> None:
    bench = Bench(Plan(tmp_path, str(model), detector="toon", threads=1))
    torch.manual_seed(1)
    sizes = {"channel_base": 512, "channel_max": 32}
    generator = Generator(16, 3, 32, 32, **sizes).eval().requires_grad_(False)
    bench.model = replace(bench.model, generator=generator)
    asked = []
    generator.mapping.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    for pair in range(12):
        bench.face(pair, 0)
    labels = torch.cat(asked)
    assert labels.sum(dim=1).tolist() == [1.0] * 12
    assert (labels.sum(dim=0) > 0).all()


@pytest.mark.parametrize(
    "changes", [{"points": ("0",)}, {"points": ("few",)}, {"mask": "face"}, {"pairs": 0}, {"steps": 0}]
)
def test_plans_that_cannot_be(changes: dict) -> None:
    with pytest.raises(PullfaceError) as caught:
        Plan(Path(), **changes)
    assert caught.value.code == "bad_options"


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(PullfaceError) as caught:
        choose(["best"], masked=False)
    assert caught.value.code == "unknown_engine"
    assert "reference" in caught.value.hint


def test_a_landmark_outside_the_picture_is_brought_in(model: Path, tmp_path: Path) -> None:
    bench = Bench(Plan(tmp_path, str(model), detector="toon", threads=1))
    outside = {"chin": (-3.0, 99.0), "nose": (4.0, 5.0)}
    bench.detector = replace(bench.detector, find=lambda rgb: outside)
    places = bench.face(0, 0).places
    assert places["nose"] == (4.0, 5.0)
    assert places["chin"][0] == 0
    assert math.floor(places["chin"][1]) == bench.side - 1
    check_pairs(
        case(bench, 0, "all").pairs, (bench.side, bench.side)
    )  # what no drag would take is refused here
