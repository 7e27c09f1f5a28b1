"""DINO's ResNet-50, from files in the form in which it is published, with random weights made here."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stages import encoders, hub
from stages.base.errors import UserError
from stages.encoders._hub import resize
from stages.extractors import imagenet
from tests import blocks
from tests.images import of

BLOCK = blocks.IMAGENET | {
    "weights": "weights/dino_resnet50_pretrain.pth",
    "library": "dino",
    "model": "resnet50",
    "upscale": 32,
}


@pytest.fixture(scope="module")
def own() -> Any:
    """The network as DINO's hubconf.py makes it."""
    from torchvision import models

    torch.manual_seed(0)
    network = models.resnet50()
    network.fc = torch.nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        network.train()(torch.rand(8, 3, 64, 64))  # statistics other than those of a new network
    return network.eval()


@pytest.fixture
def published(own: Any) -> dict[str, Tensor]:
    """What dino_resnet50_pretrain.pth holds: the backbone's tensors by torchvision's names, and no classifier."""
    return OrderedDict(own.state_dict())


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def settings(**changes: Any) -> imagenet.Settings:
    return imagenet.Settings.model_validate(BLOCK | changes)


def wanted(own: Any, size: int) -> np.ndarray:
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    inputs = (resize(torch.from_numpy(images()).permute(0, 3, 1, 2) / 255, size, "bicubic") - mean) / std
    with torch.inference_mode():
        found: np.ndarray = own(inputs).numpy()
    return found


@pytest.mark.parametrize("upscale", [32, 96])
@pytest.mark.parametrize("kind", ["as published", "with a classifier", "without batch counts"])
def test_its_file_gives_its_vectors(
    kind: str, upscale: int, own: Any, published: dict[str, Tensor], tmp_path: Path
) -> None:
    if kind == "with a classifier":
        published |= {"fc.weight": torch.zeros(7, 2048), "fc.bias": torch.zeros(7)}
    elif kind == "without batch counts":
        published = {key: value for key, value in published.items() if not key.endswith("num_batches_tracked")}
    torch.save(published, tmp_path / "dino_resnet50_pretrain.pth")
    found = imagenet.extract(of(images()), settings(upscale=upscale), tmp_path / "dino_resnet50_pretrain.pth")
    assert found.shape == (3, 2048)
    np.testing.assert_allclose(found, wanted(own, upscale), rtol=1e-3, atol=1e-4)


def test_without_a_file_it_is_downloaded_and_nothing_in_it_is_run(
    own: Any, published: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def download(url: str, **options: Any) -> dict[str, Tensor]:
        asked.append((url, options["weights_only"]))
        return published

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    found = imagenet.extract(of(images()), settings(weights="none"), None)
    np.testing.assert_allclose(found, wanted(own, 32), rtol=1e-3, atol=1e-4)
    address = "https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"
    assert asked == [(address, True)]


def test_weights_that_cannot_be_had_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("Name or service not known\nand more")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(UserError, match=r"dino's resnet50 can't be had .*not known.*local") as refusal:
        imagenet.extract(of(images()), settings(weights="none"), None)
    assert "\n" not in str(refusal.value)


def test_a_file_that_does_not_fit_is_refused_by_its_keys(published: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "teacher.pth"
    torch.save({f"backbone.{key}": value for key, value in published.items()}, path)
    with pytest.raises(
        UserError, match=rf"{path} does not fit dino's resnet50: it lacks conv1\.weight.*backbone\.conv1"
    ):
        imagenet.extract(of(images()), settings(), path)


def test_it_has_no_dense_layer() -> None:
    with pytest.raises(UserError, match="dino's resnet50 has no layer fc1"):
        imagenet.extract(of(images()), settings(layer="fc1"), Path("nowhere"))


def test_as_an_encoder_it_comes_back_from_disk(published: dict[str, Tensor], own: Any, tmp_path: Path) -> None:
    torch.save(published, tmp_path / "mine.pth")
    choice = hub.Choice(library="dino", model="resnet50", upscale=64)
    encoders.save(encoders.wrap(choice, hub.load(choice, tmp_path / "mine.pth"), 32), tmp_path / "kept")
    with torch.inference_mode():
        found = encoders.load(tmp_path / "kept")(torch.from_numpy(images()).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(found.numpy(), wanted(own, 64), rtol=1e-3, atol=1e-4)
