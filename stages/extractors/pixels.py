"""The image itself, as the extractor that others are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import BaseModel

if TYPE_CHECKING:
    from torch import Tensor

    from stages.training.images import Images


class Settings(BaseModel, extra="forbid", frozen=True):
    extractor: Literal["pixels"]
    weights: Literal["none"]


def extract(images: Images, settings: Settings, weights: Path | None) -> Tensor:
    """float32 [N, S * S * 3] in [0, 1], by row, column and channel."""
    found = torch.empty(len(images), 3 * images.size**2, device=images.device)
    for places in torch.arange(len(images), device=images.indexed_on).split(images.at_once()):
        found[places] = images[places].flatten(1).float() / 255
    return found
