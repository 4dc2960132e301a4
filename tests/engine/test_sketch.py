"""What is seen while a picture is inverted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from backend.engine import FaceEditor, InversionSettings
from backend.engine.inversion import render
from backend.engine.refinement import SKETCH_AFTER
from backend.engine.sketch import best_colours
from backend.evaluation.similarity import psnr

from .conftest import small_model

SHORT = InversionSettings(pivot_steps=6, tuning_steps=4)


def test_previews_of_the_pivot_never_step_back(editor, picture):
    seen = []
    wild = dataclasses.replace(SHORT, pivot_steps=12, tuning_steps=0, pivot_rate=2.0)
    inversion = editor.invert(picture, lambda step: seen.append(psnr(step.preview(), picture)), wild)
    of_pivot = seen[1:-1]
    assert len(of_pivot) == 12
    assert of_pivot == sorted(of_pivot)
    assert psnr(editor.render(inversion), picture) < of_pivot[-1] - 1  # the steps themselves did


def test_a_sketch_finds_the_colours_that_fit_best():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(6, 500, generator=random) * torch.logspace(-3, 2, 6)[:, None] + 7
    wanted = torch.randn(3, 6, generator=random) @ (features / features.std(dim=1, keepdim=True)) + 2
    assert torch.allclose(best_colours(features, wanted), wanted, atol=0.02)
    noise = torch.randn(3, 500, generator=random)
    assert float(best_colours(features, noise).std()) < 0.3  # what no feature knows is not drawn


def test_a_sketch_is_shown_until_the_tuning_is_better():
    model = small_model(128, with_discriminator=False)
    other = small_model(128, seed=1)  # a drawing that the model does not know
    wanted = render(other.generator, other.w_mean.repeat(1, other.generator.num_ws, 1))
    shown = []
    settings = dataclasses.replace(SHORT, pivot_steps=20, tuning_steps=40)

    def note(progress):
        shown.append((progress.stage, progress.preview()))

    inversion = FaceEditor(model).invert(wanted, note, settings)
    coarse = [picture for _, picture in shown[1:SKETCH_AFTER]]
    sketched = shown[SKETCH_AFTER][1]
    assert psnr(sketched, wanted) > max(psnr(picture, wanted) for picture in coarse) + 1
    pivot = [picture for stage, picture in shown[SKETCH_AFTER:] if stage == "pivot"]
    assert all(np.array_equal(picture, sketched) for picture in pivot)
    same = [np.array_equal(picture, sketched) for stage, picture in shown if stage == "tuning"]
    assert same[0]
    assert not same[-2]
    assert same == sorted(same, reverse=True)  # once the tuning is better, the sketch is gone
    assert psnr(FaceEditor(model).render(inversion), wanted) == pytest.approx(
        psnr(shown[-1][1], wanted), abs=0.2
    )
