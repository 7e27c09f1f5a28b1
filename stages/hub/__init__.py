"""Models that others trained, by name: timm's, torchvision's and DINO's, with the hub's weights or a local file's, and
one whose weights come with the environment."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from stages.hub import _bundled, _dino, _timm, _torchvision
from stages.hub._network import Network, blocks

__all__ = ["Choice", "Layer", "Library", "Network", "blocks", "empty", "load"]

Library = Literal["timm", "torchvision", "dino", "bundled"]
Layer = Literal["pool", "fc1", "fc2"]

_LIBRARIES = {"timm": _timm, "torchvision": _torchvision, "dino": _dino, "bundled": _bundled}


class Choice(BaseModel, extra="forbid", frozen=True):
    """`library`: dino has what timm lacks of it, the ResNet-50; bundled has efficientnet_lite0, whose weights come with
    the environment. `upscale`: the side of the network's input in px, null for the model's own; the data's own leaves
    the images as they are."""

    library: Library
    model: str
    upscale: int | None = Field(ge=8, le=1024)

    @field_validator("model")
    @classmethod
    def _known(cls, model: str, info: ValidationInfo) -> str:
        library = info.data.get("library")
        if library is None or _LIBRARIES[library].knows(model):
            return model
        if model not in (models := _LIBRARIES[library].names()):
            near = difflib.get_close_matches(model, models, n=3, cutoff=0.4)
            raise ValueError(f"must be a model of {library}, of which the nearest are {', '.join(near) or models[:3]}")
        return model


def load(choice: Choice, weights: Path | None, layer: Layer = "pool") -> Network:
    """The model with the weights of the file (None: of the hub), in evaluation mode, up to a layer: "pool" is what its
    classifier is given, fc1 and fc2 are the dense layers of a VGG.

    Leaves torch's global generator as it is. Raises UserError for weights that can't be had or don't fit.
    """
    with torch.random.fork_rng(devices=[]):
        return _LIBRARIES[choice.library].load(choice.model, weights, choice.upscale, layer)


def empty(choice: Choice) -> Network:
    """The model with random weights, up to "pool", for others to take their place. Needs no network, and leaves torch's
    global generator as it is."""
    with torch.random.fork_rng(devices=[]):
        return _LIBRARIES[choice.library].empty(choice.model, choice.upscale, "pool")
