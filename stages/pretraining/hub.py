"""A model that others trained, by its name in timm or torchvision: ImageNet, DINO, DINOv2, DINOv3, CLIP; or the best
that the machine can have at once (`library: auto`).

With the regime probe it is what most people with few labels would take today, with finetune it is transfer learning.
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from stages import encoders, hub

if TYPE_CHECKING:
    import torch


class Settings(hub.Wish):
    """`weights`: null (the hub's) or a .safetensors or .pth file below data/, which DVC does not watch: after replacing
    it, `dvc repro --force --single-item pretrain@<name>`."""

    method: Literal["hub"]
    weights: str | None = Field(min_length=1)

    @field_validator("weights")
    @classmethod
    def _null(cls, weights: str | None, info: ValidationInfo) -> str | None:
        if weights is not None and info.data.get("library") in ("auto", "bundled"):
            raise ValueError("must be null: these models have weights of their own; name a library to give a file")
        if weights == "none":
            raise ValueError("must be null, for those of the hub, or a file below data/")
        path = PurePath(weights or ".")
        if path.is_absolute() or ".." in path.parts or path.parts[:1] == ("data",):
            raise ValueError("must be a file below data/, named from there, such as weights/mine.safetensors")
        return weights


def settled(settings: Settings, device: torch.device) -> Settings:
    """The settings with a model by its name in the place of `auto`; says in one line which, and why."""
    choice, why = hub.settled(settings, device.type == "cuda")
    if why:
        taken = f"library={choice.library}, model={choice.model}, upscale={choice.upscale}"
        print(f"library=auto takes {taken}: {why}", file=sys.stderr)
    return settings.model_copy(update=choice.model_dump())


def untrained(settings: Settings, size: int) -> encoders.Encoder:
    """The model with random weights, for images of `size` px; of `auto`, that for a machine without a GPU. Needs no
    network."""
    choice, _ = hub.settled(settings, gpu=False)
    return encoders.wrap(choice, hub.empty(choice), size)


def encoder(settings: Settings, size: int, weights: Path | None) -> encoders.Encoder:
    """The model of settled settings with the weights of the file (None: of the hub), for images of `size` px. Raises
    UserError for weights that can't be had or don't fit, and for an input size that the model does not take."""
    choice, _ = hub.settled(settings, gpu=False)
    return encoders.wrap(choice, hub.load(choice, weights), size)


def build(encoder: encoders.Encoder, settings: Settings, pool_size: int) -> None:
    """Nothing is trained: the encoder stays as others trained it."""
