"""The training of the learned comparison, on a tiny model with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from backend.evaluation import latent_transformer_pairs, optical_flow
from backend.evaluation.latent_transformer import fingerprint
from backend.evaluation.latent_transformer_pairs import AFTERS, ENTRIES, FLOW_POINTS, Faces, Pairs, collect
from backend.models.model import Model, w_statistics
from backend.training.interruption import Interruption
from backend.training.latent_transformer import Training, draw, train
from stylegan_ops.stylegan2 import Generator

LANDMARKS, CHANNELS, W_DIM = 6, 5, 8


def tiny_model() -> Model:
    torch.manual_seed(1)
    generator = Generator(z_dim=4, c_dim=0, w_dim=W_DIM, img_resolution=32, channel_base=256, channel_max=16)
    generator.eval().requires_grad_(False)
    return Model("tiny", "drawn faces", "MIT", generator, None, *w_statistics(generator, samples=2000))


def made_up(count: int = 400) -> Pairs:
    """Pairs in which landmarks move as the first entries of w+ change, so that there is something to learn."""
    random = torch.Generator().manual_seed(2)
    before, after = torch.randn(2, count, ENTRIES, W_DIM, generator=random)
    mixing = torch.randn(W_DIM, 2 * LANDMARKS, generator=random) / 60

    def places(ws: torch.Tensor) -> torch.Tensor:
        return 0.5 + (ws.mean(dim=1) @ mixing).reshape(count, LANDMARKS, 2)

    flow = places(before)[:, :3].clone()
    flow[:, 2] = torch.nan
    features = torch.randn(LANDMARKS, CHANNELS, generator=random).expand(count, -1, -1).half()
    return Pairs(
        before,
        after,
        places(before),
        places(after),
        features,
        flow,
        places(after)[:, :3],
        features[:, :3],
    )


def test_it_learns_from_ways_what_changed(tmp_path: Path) -> None:
    training = Training(tmp_path, tiny_model(), made_up(), steps=100, batch=16)
    assert training.evaluate() == pytest.approx(1)  # a new one changes nothing
    with Interruption() as interruption:
        assert training.run(interruption)
    assert training.evaluate() < 0.8


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    class Stopping(Interruption):
        """Asks to stop when it was looked at a few times."""

        def __init__(self, looks: int) -> None:
            self.looks = looks

        @property
        def asked(self) -> bool:  # type: ignore[override]
            self.looks -= 1
            return self.looks < 0

    model, pairs = tiny_model(), made_up(100)
    whole = Training(tmp_path / "whole", model, pairs, steps=6, batch=4)
    whole.folder.mkdir()
    assert whole.run(Stopping(99))
    (tmp_path / "parts").mkdir()
    assert not Training(tmp_path / "parts", model, pairs, steps=6, batch=4).run(Stopping(2))
    rest = Training(tmp_path / "parts", model, pairs, steps=6, batch=4)
    assert rest.done == 2
    assert rest.run(Stopping(99))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, rest.network.state_dict()[name]), name


def test_points_without_a_trusted_flow_are_never_drawn() -> None:
    pairs = made_up(50)
    for seed in range(30):
        given = draw(pairs, 8, torch.Generator().manual_seed(seed))
        assert all(bool(some.isfinite().all()) for some in given)
        ws, features, places, ways, wanted = given
        assert ws.shape == wanted.shape == (8, ENTRIES, W_DIM)
        assert 1 <= places.shape[1] <= LANDMARKS
        assert places.shape == ways.shape == (8, places.shape[1], 2)
        assert features.shape == (8, places.shape[1], CHANNELS)


@pytest.mark.skipif(not optical_flow.is_there(), reason="needs opencv-python-headless")
def test_the_pairs_of_a_face_depend_on_seed_and_number_alone_and_go_both_ways() -> None:
    model = tiny_model()
    first, again, other = (Faces(model, seed).pairs(3) for seed in (0, 0, 1))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first.landmarks, again.landmarks)
    assert not torch.equal(first.landmarks, other.landmarks)
    assert len(first) == 2 * AFTERS
    assert torch.equal(first.before[0], first.after[1])
    assert torch.equal(first.landmarks[0], first.ends[1])
    assert not torch.equal(first.before[0], first.after[0])
    assert first.flow.shape == (len(first), FLOW_POINTS, 2)
    inside = first.flow[first.flow.isfinite()]
    assert ((inside > 0) & (inside < 1)).all()


@pytest.mark.skipif(not optical_flow.is_there(), reason="needs opencv-python-headless")
def test_the_whole_command_leaves_weights_that_name_their_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_transformer_pairs, "_PART", 2)
    model, output = tiny_model(), tmp_path / "weights.safetensors"
    assert not list(collect(tmp_path, model, 3, 0, lambda: True))  # stopped at once
    assert train(tmp_path, model, output, faces=3, steps=2)
    with safe_open(output, framework="pt") as file:
        assert file.metadata()["generator"] == fingerprint(model.generator)
        assert file.get_tensor("change.weight").dtype == torch.float16
    drawn = sorted(tmp_path.glob("pairs-*"))
    stamps = [file.stat().st_mtime_ns for file in drawn]
    monkeypatch.setattr(
        latent_transformer_pairs.Faces, "pairs", lambda *_: pytest.fail("what was drawn is read")
    )
    assert train(tmp_path, model, output, faces=3, steps=3)
    assert [file.stat().st_mtime_ns for file in drawn] == stamps
