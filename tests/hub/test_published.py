"""Every model that params.yaml or a preset takes from elsewhere is one that its library knows where to fetch. Asks no
network: each library lists what it has."""

from __future__ import annotations

import pytest

from stages.hub import _bundled, _dino
from tests.blocks import from_hubs


@pytest.mark.parametrize("model", from_hubs("timm"))
def test_timm_has_weights_under_that_very_tag(model: str) -> None:
    import timm

    assert model in timm.list_models(pretrained=True)
    known = timm.get_pretrained_cfg(model)
    assert known is not None and known.has_weights
    assert f"{known.architecture}.{known.tag}" == model
    assert known.hf_hub_id or str(known.url).startswith("https://")


@pytest.mark.parametrize("model", from_hubs("torchvision"))
def test_torchvision_has_weights(model: str) -> None:
    from torchvision import models

    assert models.get_model_weights(model).DEFAULT.url.startswith("https://download.pytorch.org/")


@pytest.mark.parametrize("model", from_hubs("dino"))
def test_dino_has_weights(model: str) -> None:
    assert _dino._URLS[model].endswith(".pth")


@pytest.mark.parametrize("model", from_hubs("bundled"))
def test_the_environment_has_weights(model: str) -> None:
    assert _bundled.knows(model)
    assert _bundled._path().is_file()
