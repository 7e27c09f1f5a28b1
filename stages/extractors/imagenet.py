"""Any model of timm or torchvision, DINO's ResNet-50, or the EfficientNet-Lite0 that comes with the environment, by
its name, with its own preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from stages import encoders, hub
from stages.training.images import Images


class Settings(hub.Choice):
    """`weights`: none (the hub's) or a .safetensors or .pth file; `standardise`: images by the mean and deviation that
    the model was trained with, else they stay in [0, 1]; `normalise`: vectors of length 1; `layer`: pool, or fc1 and
    fc2 of a VGG."""

    extractor: Literal["imagenet"]
    weights: str = Field(min_length=1)
    standardise: bool
    normalise: bool
    layer: hub.Layer


def extract(images: Images, settings: Settings, weights: Path | None) -> Tensor:
    """float32 [N, d]. Raises UserError for weights that can't be had or don't fit, and for a size or a layer that the
    model does not have."""
    found = hub.load(settings, weights, settings.layer)
    if not settings.standardise:
        found.mean, found.std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    vectors = images.vectors(encoders.wrap(settings, found, images.size).to(images.device))
    return functional.normalize(vectors) if settings.normalise else vectors
