"""What every extractor must do, by discovery."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError

from stages import encoders
from stages.base import families
from stages.extractors import Rows
from stages.extractors._batches import features

CPU = torch.device("cpu")
Prepared = dict[str, tuple[dict[str, Any], Path | None]]


def images(count: int, size: int = 32) -> np.ndarray:
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
        "batch_size": 5,
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
def test_rows_are_vectors_of_single_images(name: str, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    block, weights = prepared[name]
    extract = families.load("extractors", name).extract
    monkeypatch.setattr("stages.extractors._batches._WAIT", 2)
    packed = images(23)
    found = extract(packed, settings(name, block), weights, CPU)
    assert found.dtype == np.float32
    assert found.shape[0] == 23
    assert np.isfinite(found).all()
    assert found.std(axis=0).max() > 0

    np.testing.assert_array_equal(found, extract(packed, settings(name, block), weights, CPU))
    # order, number and place on disk of the images do not matter
    chosen = np.array([22, 0, 7])
    few = extract(Rows(packed, chosen), settings(name, block), weights, CPU)
    np.testing.assert_allclose(few, found[chosen], rtol=1e-3, atol=1e-4)
    assert extract(packed[:0], settings(name, block), weights, CPU).shape == (0, found.shape[1])


@pytest.mark.parametrize("name", families.names("extractors"))
def test_global_randomness_does_not_matter(name: str, prepared: Prepared) -> None:
    block, weights = prepared[name]
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(families.load("extractors", name).extract(images(3), settings(name, block), weights, CPU))
    np.testing.assert_array_equal(*found)


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


def test_rows_read_a_memory_map_as_asked(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images(10, 8))
    rows = Rows(np.load(tmp_path / "images.npy", mmap_mode="r"), np.array([9, 1, 4]))
    shutil.rmtree(tmp_path)
    assert rows.shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(rows[1:5], images(10, 8)[[1, 4]])


def test_a_network_that_gives_too_few_vectors_fills_no_place_of_another() -> None:
    with pytest.raises(ValueError, match="the network gave 1 vectors for 5 images"):
        features(images(5), lambda batch: batch.flatten(1).mean(0, keepdim=True), 5, CPU)
