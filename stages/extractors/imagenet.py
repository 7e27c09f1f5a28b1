"""Any model of timm or torchvision, by its name, with its own preprocessing."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from torch.nn import functional

from stages.extractors import _timm, _torchvision
from stages.extractors._batches import Images, features

_LIBRARIES = {"timm": _timm, "torchvision": _torchvision}


class Settings(BaseModel, extra="forbid", frozen=True):
    """`weights`: none (the hub's) or a .safetensors or .pth file; `upscale`: the side of the network's input in px,
    null for the model's own; `normalise`: vectors of length 1; `layer`: pool, or fc1 and fc2 of a VGG."""

    extractor: Literal["imagenet"]
    weights: str = Field(min_length=1)
    library: Literal["timm", "torchvision"]
    model: str
    upscale: int | None = Field(ge=8, le=1024)
    normalise: bool
    layer: Literal["pool", "fc1", "fc2"]
    batch_size: int = Field(ge=1)

    @field_validator("model")
    @classmethod
    def _known(cls, model: str, info: ValidationInfo) -> str:
        library = info.data.get("library")
        if library is not None and model not in (known := _LIBRARIES[library].names()):
            near = difflib.get_close_matches(model, known, n=3, cutoff=0.4)
            raise ValueError(f"must be a model of {library}, of which the nearest are {', '.join(near) or known[:3]}")
        return model


def extract(images: Images, settings: Settings, weights: Path | None, device: torch.device) -> np.ndarray:
    """float32 [N, d]. Raises UserError for weights that can't be had or don't fit, and for a size or a layer that the
    model does not have."""
    network = _LIBRARIES[settings.library].load(settings.model, weights, settings.upscale, settings.layer)
    network.try_out()
    network.module.to(device).to(memory_format=torch.channels_last)

    def vectors(batch: torch.Tensor) -> torch.Tensor:
        found = network(batch).float()
        return functional.normalize(found) if settings.normalise else found

    return features(images, vectors, settings.batch_size, device)
