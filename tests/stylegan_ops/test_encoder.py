"""The encoder: what it starts from, what it sees, that it can learn, and clear errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from stylegan_ops.encoder import Encoder

SMALL: dict[str, Any] = {
    "img_resolution": 32,
    "num_ws": 8,
    "w_dim": 12,
    "channels": [8, 16, 24],
    "blocks": [0, 1, 0],
    "hidden": 32,
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_its_arguments_are_json_values() -> None:
    again = Encoder(**json.loads(json.dumps(SMALL)))
    assert again(torch.zeros(2, 3, 32, 32)).shape == (2, 8, 12)


def test_untrained_it_guesses_the_mean() -> None:
    encoder = Encoder(**SMALL)
    encoder.w_mean.normal_()
    encoder.w_std.uniform_(0.5, 2)
    ws = encoder(torch.randn(2, 3, 32, 32))
    assert torch.equal(ws, encoder.w_mean.expand(2, 8, 12))


def test_it_learns_which_entry_belongs_to_which_colour() -> None:
    """Plain pictures of random colours: the first entry of each w is the red, the second the green, scaled."""
    encoder = Encoder(**SMALL)
    encoder.w_mean.fill_(3.0)
    encoder.w_std.fill_(5.0)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        colour = torch.rand(16, 3) * 2 - 1
        return colour[:, :, None, None].expand(-1, -1, 32, 32), 3 + 5 * colour[:, None, :2].expand(-1, 8, -1)

    for _ in range(150):
        pictures, wanted = batch()
        loss = (encoder(pictures)[:, :, :2] - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pictures, wanted = batch()
    error = (encoder(pictures)[:, :, :2] - wanted).abs().mean()
    assert error < 0.15 * (wanted - 3).abs().mean()


def test_other_sizes_are_brought_to_its_own() -> None:
    encoder = Encoder(**SMALL)
    torch.nn.init.normal_(encoder.shared.weight)
    picture = torch.rand(1, 3, 32, 32)
    large = picture.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    torch.testing.assert_close(encoder(large), encoder(picture))
    assert encoder(picture[:, :, :16, :16]).shape == (1, 8, 12)


@pytest.mark.parametrize("shape", [(1, 4, 32, 32), (1, 3, 32, 16), (3, 32, 32)])
def test_what_is_no_square_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pictures must be"):
        Encoder(**SMALL)(torch.zeros(shape))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="halvings"):
        Encoder(**{**SMALL, "img_resolution": 64})
