"""Pairs of a face with two expressions, and the loss that looks at what differs between them."""

from __future__ import annotations

import numpy as np
import torch

from backend.training.expressions import GROUPS, change, in_pairs
from backend.training.faces import FaceStream
from backend.training.losses import change_loss
from backend.training.toon.factors import NAMES, Z_DIM, factors_from_latent
from backend.training.transfer import heard


def test_another_expression_changes_one_group_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((40, Z_DIM)).astype(np.float32)
    seen = set()
    for one, other in zip(z, change(z, rng)):
        before, after = factors_from_latent(one), factors_from_latent(other)
        moved = {name for name in NAMES if abs(before[name] - after[name]) > 1e-4}
        (group,) = [name for name, factors in GROUPS.items() if moved & set(factors)]
        assert moved <= set(GROUPS[group])
        seen.add(group)
    assert seen == set(GROUPS)


def test_every_second_face_is_the_one_before_it() -> None:
    z, pictures, _ = next(iter(FaceStream(64, 5, seed=1, pairs=True)))
    assert z.shape[0] == pictures.shape[0] == 5
    for first in (0, 2):
        same = (z[first] == z[first + 1]).float().mean()
        assert 0.9 < same < 1
    assert (z[4] != z[2]).all()
    rng = np.random.default_rng(0)
    alone = rng.standard_normal((1, Z_DIM)).astype(np.float32)
    assert (in_pairs(alone, rng) == alone).all()


def test_the_loss_of_changes_sees_a_missing_smile_and_not_what_both_faces_share() -> None:
    target = torch.zeros(2, 3, 64, 64)
    target[1, :, 40:46, 20:44] = 1.0
    missing = target.clone()
    missing[1] = target[0]
    assert change_loss(target, target) == 0
    assert change_loss(target + 0.3 * torch.randn(1, 3, 64, 64), target) < 1e-5
    assert change_loss(missing, target) > 0.3
    # What goes wrong far from everything that moves is left to the other loss.
    elsewhere = target.clone()
    elsewhere[1, :, 2:8, 2:8] = 1.0
    assert change_loss(elsewhere, target) < 1e-5


def test_expressions_are_heard_in_a_model_that_is_taken_over() -> None:
    columns = torch.randn(16, Z_DIM)
    columns[:, NAMES.index("smirk")] *= 0.01
    columns[:, NAMES.index("yaw")] *= 20
    made = heard(columns)
    lengths, median = made.norm(dim=0), columns.norm(dim=0).median()
    assert lengths[NAMES.index("smirk")] > 3 * median
    untouched = [NAMES.index(name) for name in ("yaw", "hair_a", "chin")]
    assert torch.equal(made[:, untouched], columns[:, untouched])
