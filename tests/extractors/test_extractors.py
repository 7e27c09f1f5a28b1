"""What every extractor must do, by discovery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError

from stages import encoders
from stages.base import families
from tests.images import of

Prepared = dict[str, tuple[dict[str, Any], Path | None]]


def pictures(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """For each extractor: a block of parameters, and the weights that the stage would hand over."""
    import timm

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    encoders.save(encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3), folder / "seed-0")
    torch.save(timm.create_model("resnet10t").state_dict(), folder / "resnet10t.pth")
    imagenet = {
        "weights": "resnet10t.pth",
        "library": "timm",
        "model": "resnet10t",
        "upscale": 64,
        "standardise": True,
        "normalise": True,
        "layer": "pool",
    }
    return {
        "pixels": ({"weights": "none"}, None),
        "pretrained": ({"weights": "encoders/simclr"}, folder / "seed-0"),
        "imagenet": (imagenet, folder / "resnet10t.pth"),
    }


def settings(name: str, block: dict[str, Any]) -> BaseModel:
    made: BaseModel = families.load("extractors", name).Settings(extractor=name, **block)
    return made


@pytest.mark.parametrize("name", families.names("extractors"))
def test_rows_are_vectors_of_single_images(name: str, prepared: Prepared) -> None:
    block, weights = prepared[name]
    extract = families.load("extractors", name).extract
    packed = pictures(23)
    found = extract(of(packed), settings(name, block), weights)
    assert found.dtype == torch.float32
    assert found.shape[0] == 23
    assert found.isfinite().all()
    assert found.std(0).max() > 0

    assert torch.equal(found, extract(of(packed), settings(name, block), weights))
    # order, number and place on disk of the images do not matter
    chosen = np.array([22, 0, 7])
    few = extract(of(packed, chosen), settings(name, block), weights)
    torch.testing.assert_close(few, found[torch.from_numpy(chosen)], rtol=1e-3, atol=1e-4)
    assert extract(of(packed[:0]), settings(name, block), weights).shape == (0, found.shape[1])


@pytest.mark.parametrize("name", families.names("extractors"))
def test_global_randomness_does_not_matter(name: str, prepared: Prepared) -> None:
    block, weights = prepared[name]
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(families.load("extractors", name).extract(of(pictures(3)), settings(name, block), weights))
    assert torch.equal(*found)


@pytest.mark.parametrize("name", families.names("extractors"))
def test_settings_take_no_unknown_key_and_have_no_defaults(name: str, prepared: Prepared) -> None:
    block, _ = prepared[name]
    with pytest.raises(ValidationError):
        settings(name, block | {"colour": 1})
    with pytest.raises(ValidationError):
        settings("pixels" if name != "pixels" else "imagenet", block)
    for key in block:
        with pytest.raises(ValidationError, match=key):
            settings(name, {other: value for other, value in block.items() if other != key})
