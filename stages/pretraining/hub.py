"""A model that others trained, by its name in timm or torchvision: ImageNet, DINO, DINOv2, DINOv3, CLIP.

With the regime probe it is what most people with few labels would take today, with finetune it is transfer learning.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Literal

from pydantic import Field, field_validator

from stages import encoders, hub


class Settings(hub.Choice):
    """`weights`: null (the hub's) or a .safetensors or .pth file below data/, which DVC does not watch: after replacing
    it, `dvc repro --force --single-item pretrain@<name>`."""

    method: Literal["hub"]
    weights: str | None = Field(min_length=1)

    @field_validator("weights")
    @classmethod
    def _null(cls, weights: str | None) -> str | None:
        if weights == "none":
            raise ValueError("must be null, for those of the hub, or a file below data/")
        path = PurePath(weights or ".")
        if path.is_absolute() or ".." in path.parts or path.parts[:1] == ("data",):
            raise ValueError("must be a file below data/, named from there, such as weights/mine.safetensors")
        return weights


def untrained(settings: Settings, size: int) -> encoders.Encoder:
    """The model with random weights, for images of `size` px. Needs no network."""
    return encoders.wrap(settings, hub.empty(settings), size)


def encoder(settings: Settings, size: int, weights: Path | None) -> encoders.Encoder:
    """The model with the weights of the file (None: of the hub), for images of `size` px. Raises UserError for weights
    that can't be had or don't fit, and for an input size that the model does not take."""
    return encoders.wrap(settings, hub.load(settings, weights), size)


def build(encoder: encoders.Encoder, settings: Settings, pool_size: int) -> None:
    """Nothing is trained: the encoder stays as others trained it."""
