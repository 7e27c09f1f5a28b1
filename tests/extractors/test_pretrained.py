from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stages import encoders
from stages.base.errors import UserError
from stages.extractors import pretrained
from tests.images import of

SETTINGS = pretrained.Settings(extractor="pretrained", weights="encoders/simclr")


@pytest.fixture
def encoder(tmp_path: Path) -> encoders.Encoder:
    torch.manual_seed(0)
    made = encoders.build("wrn_28_2", 8, [0.5] * 3, [0.25] * 3)
    made.train()(torch.rand(64, 3, 8, 8))  # statistics that evaluation mode must use
    encoders.save(made, tmp_path)
    return made.eval()


def test_gives_what_the_encoder_gives_in_evaluation_mode(encoder: encoders.Encoder, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8)
    found = pretrained.extract(of(images), SETTINGS, tmp_path)
    with torch.inference_mode():
        wanted = encoder(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-4)


def test_images_of_another_size_are_refused(encoder: encoders.Encoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="images of 8 px, these have 16 px"):
        pretrained.extract(of(np.zeros((1, 16, 16, 3), np.uint8)), SETTINGS, tmp_path)


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"encoder.json is missing"):
        pretrained.extract(of(np.zeros((1, 8, 8, 3), np.uint8)), SETTINGS, tmp_path / "none")
