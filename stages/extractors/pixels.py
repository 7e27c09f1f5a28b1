"""The image itself, as the extractor that others are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel

if TYPE_CHECKING:
    import torch

    from stages.extractors import Images


class Settings(BaseModel, extra="forbid", frozen=True):
    extractor: Literal["pixels"]
    weights: Literal["none"]


def extract(images: Images, settings: Settings, weights: Path | None, device: torch.device) -> np.ndarray:
    """float32 [N, S * S * 3] in [0, 1], by row, column and channel."""
    found = np.empty((len(images), int(np.prod(images.shape[1:]))), np.float32)
    for start in range(0, len(images), 1024):
        batch = images[start : start + 1024]
        np.divide(batch.reshape(len(batch), -1), np.float32(255), out=found[start : start + 1024])
    return found
