"""DINO's ResNet-50 (Caron et al. 2021), which timm does not have: torchvision's network, with the weights that
facebookresearch/dino publishes, and the preprocessing of its evaluation."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from stages.hub import _weights
from stages.hub._network import Network, lacks

_FOLDER = "https://dl.fbaipublicfiles.com/dino"
_URLS = {"resnet50": f"{_FOLDER}/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"}
_SIZE = 224


def names() -> list[str]:
    return sorted(_URLS)


def knows(model: str) -> bool:
    return model in _URLS


def load(model: str, weights: Path | None, upscale: int | None, layer: str) -> Network:
    """The model with the weights of the file, or of the hub. Raises UserError, never takes random weights."""
    network = empty(model, upscale, layer)
    if weights is None:
        try:
            # its name holds no digest; nothing in it is run
            found = torch.hub.load_state_dict_from_url(_URLS[model], map_location="cpu", weights_only=True)
        except Exception as error:  # URLError, a broken file, a full disk
            raise _weights.unavailable(network.name, error) from None
    else:
        found = _weights.read(weights)
    # published without a classifier; one that somebody has added is not wanted
    found = {key: value for key, value in found.items() if not key.startswith("fc.")}
    _weights.check(weights or _URLS[model], found, network.module, network.name)
    network.module.load_state_dict(found)
    return network


def empty(model: str, upscale: int | None, layer: str) -> Network:
    """The model with random weights, for others to take their place."""
    from torchvision import models

    name = f"dino's {model}"
    if layer != "pool":
        raise lacks(name, layer)
    module: nn.Module = models.get_model(model, weights=None)
    module.fc = nn.Identity()
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Network(name, module.eval(), upscale or _SIZE, _SIZE, mean, std, "bicubic")
