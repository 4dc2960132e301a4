"""Pictures of drags keep what their masks do not let move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.engine import DragOptions, Edited, FaceEditor
from backend.engine.inversion import Inversion, render
from backend.engine.keeping import Keeping
from backend.models.model import Model, w_statistics
from stylegan_ops import stylegan2, stylegan3

SIDE = 128
REACH = 18
"""Farther from the mask (px) than this, blocks above that of F see nothing of it."""


def of(generator) -> FaceEditor:
    generator.eval().requires_grad_(False)
    mean, covariance = w_statistics(generator, samples=500)
    return FaceEditor(Model("small", "blobs", "MIT", generator, None, mean, covariance))


def stylegan2_of(architecture: str) -> Callable[[], stylegan2.Generator]:
    return lambda: stylegan2.Generator(
        32, 0, 64, SIDE, channel_base=2048, channel_max=32, architecture=architecture
    )


FAMILIES = {
    "skip": stylegan2_of("skip"),
    "resnet": stylegan2_of("resnet"),
    "orig": stylegan2_of("orig"),
    "stylegan3": lambda: stylegan3.Generator(
        32, 0, 64, SIDE, channel_base=2048, channel_max=32, num_layers=8
    ),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request) -> tuple[FaceEditor, Inversion]:
    torch.manual_seed(1)
    editor = of(FAMILIES[request.param]())
    generator = editor._model.generator
    return editor, Inversion("small", generator.mapping(torch.randn(1, 32)), {}, {})


def changed(inversion: Inversion, entries: int, seed: int = 0) -> torch.Tensor:
    """The pivot with other coarse entries."""
    latent = inversion.pivot.clone()
    latent[:, :entries] += torch.randn(
        latent[:, :entries].shape, generator=torch.Generator().manual_seed(seed)
    )
    return latent


def square(left: int, right: int) -> torch.Tensor:
    mask = torch.zeros(SIDE, SIDE)
    mask[40:88, left:right] = 1
    return mask


def far_from(mask: torch.Tensor) -> np.ndarray:
    wide = torch.nn.functional.max_pool2d(mask[None, None], 2 * REACH + 1, stride=1, padding=REACH)
    return wide[0, 0].numpy() == 0


def test_far_outside_the_mask_nothing_changes_and_inside_everything_does(family) -> None:
    editor, inversion = family
    mask, latent = square(32, 96), changed(inversion, 4)
    before, plain = editor.render(inversion), editor.render(inversion, latent)
    after = editor.edited(inversion, [Edited(latent, mask)])
    outside = far_from(mask)
    assert np.abs(plain.astype(int) - before)[outside].mean() > 1
    assert np.abs(after.astype(int) - before)[outside].max() <= 1  # of another order of additions
    inside = far_from(1 - mask)
    assert np.abs(after.astype(int) - plain)[inside].max() <= 1
    assert np.array_equal(editor.edited(inversion, [Edited(latent, None)]), plain)
    assert np.array_equal(editor.edited(inversion, []), before)


def test_there_is_no_seam(family) -> None:
    """Across the mask's edge neighbouring pixels differ no more than they do in the two pictures themselves."""
    editor, inversion = family
    mask, latent = square(32, 96), changed(inversion, 4)
    pictures = [editor.render(inversion), editor.render(inversion, latent)]
    kept = editor.edited(inversion, [Edited(latent, mask)]).astype(int)
    pasted = np.where(mask[..., None] > 0, pictures[1], pictures[0]).astype(int)

    def step(picture: np.ndarray) -> float:
        return float(np.abs(picture[44:84, 95] - picture[44:84, 96]).mean())

    own = max(step(picture.astype(int)) for picture in pictures)
    assert step(pasted) > 2 * own
    assert step(kept) < 0.8 * step(pasted)


def test_a_second_drag_leaves_what_the_first_did(family) -> None:
    editor, inversion = family
    first = Edited(changed(inversion, 4), square(20, 50))
    second = Edited(changed(inversion, 4, seed=1), square(90, 118))
    one, both = editor.edited(inversion, [first]), editor.edited(inversion, [first, second])
    outside = far_from(second.mask)
    assert np.abs(both.astype(int) - one)[outside].max() <= 1
    assert np.abs(both.astype(int) - one)[~outside].mean() > 0.5
    begun = editor.edited(inversion, [first, Edited(first.latent, second.mask)])
    assert np.abs(begun.astype(int) - one).max() <= 1


def test_a_drag_shows_it_and_goes_on_from_it(family) -> None:
    editor, inversion = family
    mask = square(32, 96)
    pairs = [[[60.0, 60.0], [66.0, 60.0]]]
    *_, last = editor.drag(inversion, pairs, mask, DragOptions(steps=2))
    assert np.array_equal(last.preview(), editor.edited(inversion, [Edited(last.latent, mask)]))
    done = [Edited(last.latent, mask)]
    drag = editor.drag(inversion, pairs, square(90, 118), DragOptions(steps=1), done=done)
    start = next(drag)
    assert torch.equal(start.latent, last.latent)
    assert np.abs(start.preview().astype(int) - last.preview()).max() <= 1


def test_the_published_engine_is_shown_as_published(family) -> None:
    editor, inversion = family
    options = DragOptions(engine="reference", steps=2)
    *_, last = editor.drag(inversion, [[[60.0, 60.0], [66.0, 60.0]]], square(32, 96), options)
    assert np.array_equal(last.preview(), editor.render(inversion, last.latent))


def test_fine_entries_are_kept_outside_too(family) -> None:
    """Faces that differ in fine entries of w+ are put together where these end."""
    editor, inversion = family
    latent = changed(inversion, inversion.pivot.shape[1])
    mask = square(32, 96)
    before = render(editor._model.generator, inversion.pivot)
    after = Keeping(editor._model.generator, inversion.pivot, (), mask)(latent)
    assert np.abs(after.astype(int) - before)[far_from(mask)].max() <= 1
