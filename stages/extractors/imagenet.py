"""Any model of timm or torchvision, DINO's ResNet-50, or the EfficientNet-Lite0 that comes with the environment, by
its name, with its own preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from stages import encoders, hub
from stages.extractors import Images
from stages.extractors._batches import features


class Settings(hub.Choice):
    """`weights`: none (the hub's) or a .safetensors or .pth file; `standardise`: images by the mean and deviation that
    the model was trained with, else they stay in [0, 1]; `normalise`: vectors of length 1; `layer`: pool, or fc1 and
    fc2 of a VGG."""

    extractor: Literal["imagenet"]
    weights: str = Field(min_length=1)
    standardise: bool
    normalise: bool
    layer: hub.Layer
    batch_size: int = Field(ge=1, le=65_536)


def extract(images: Images, settings: Settings, weights: Path | None, device: torch.device) -> np.ndarray:
    """float32 [N, d]. Raises UserError for weights that can't be had or don't fit, and for a size or a layer that the
    model does not have."""
    found = hub.load(settings, weights, settings.layer)
    if not settings.standardise:
        found.mean, found.std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    network = encoders.wrap(settings, found, images.shape[1])
    network.to(device).to(memory_format=torch.channels_last)

    def vectors(batch: torch.Tensor) -> torch.Tensor:
        rows = network(batch).float()
        return functional.normalize(rows) if settings.normalise else rows

    return features(images, vectors, settings.batch_size, device)
