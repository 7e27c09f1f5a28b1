"""Models that others trained, by name: timm's, torchvision's and DINO's, with the hub's weights or a local file's, and
one whose weights come with the environment."""

from __future__ import annotations

import difflib
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from stages.base.errors import UserError
from stages.hub import _bundled, _dino, _timm, _torchvision
from stages.hub._network import Network, blocks

__all__ = ["Choice", "Layer", "Library", "Network", "Wish", "blocks", "empty", "load", "settled"]

Library = Literal["timm", "torchvision", "dino", "bundled"]
Layer = Literal["pool", "fc1", "fc2"]

_LIBRARIES = {"timm": _timm, "torchvision": _torchvision, "dino": _dino, "bundled": _bundled}


# what `auto` takes, and the size that both are evaluated at
_BEST, _ANYWHERE, _SIZE = "vit_small_patch14_dinov2.lvd142m", "efficientnet_lite0", 224


class Wish(BaseModel, extra="forbid", frozen=True):
    """`library`: dino has what timm lacks of it, the ResNet-50; bundled has efficientnet_lite0, whose weights come with
    the environment; auto, for the library and the model, takes DINOv2's small ViT on a GPU if its weights can be had,
    else efficientnet_lite0. `upscale`: the side of the network's input in px, null for the model's own (of auto: 224);
    the data's own leaves the images as they are."""

    library: Library | Literal["auto"]
    model: str
    upscale: int | None = Field(ge=8, le=1024)

    @field_validator("model")
    @classmethod
    def _known(cls, model: str, info: ValidationInfo) -> str:
        library = info.data.get("library")
        if "auto" in (library, model) and library is not None:
            if library != model:
                raise ValueError("must be auto if `library` is, and a model of that library if not")
            return model
        if library is None or _LIBRARIES[library].knows(model):
            return model
        if model not in (models := _LIBRARIES[library].names()):
            near = difflib.get_close_matches(model, models, n=3, cutoff=0.4)
            raise ValueError(f"must be a model of {library}, of which the nearest are {', '.join(near) or models[:3]}")
        return model


class Choice(Wish):
    """One model, known by its library and name."""

    library: Library


def settled(wish: Wish, gpu: bool) -> tuple[Choice, str]:
    """The model that is meant, and why it was taken (empty where it was named). On a GPU, `auto` fetches weights."""
    if wish.library != "auto":
        return Choice(library=wish.library, model=wish.model, upscale=wish.upscale), ""
    best = Choice(library="timm", model=_BEST, upscale=wish.upscale or _SIZE)
    why = "there is no GPU"
    if gpu:
        try:
            load(best, None)
            return best, "there is a GPU"
        except UserError as error:
            why = str(error).partition(";")[0]
    return Choice(library="bundled", model=_ANYWHERE, upscale=best.upscale), why


def load(choice: Choice, weights: Path | None, layer: Layer = "pool") -> Network:
    """The model with the weights of the file (None: of the hub), in evaluation mode, up to a layer: "pool" is what its
    classifier is given, fc1 and fc2 are the dense layers of a VGG.

    Leaves torch's global generator as it is. Raises UserError for weights that can't be had or don't fit.
    """
    with torch.random.fork_rng(devices=[]):
        network = _LIBRARIES[choice.library].load(choice.model, weights, choice.upscale, layer)
    # a ViT of 518 px has seen the same at 224
    if 2 * network.size < min(network.own, _SIZE):
        _say(
            f"upscale={network.size}: {network.name} was trained on images of {network.own} px, and tells little of "
            "far smaller ones; null takes its own size"
        )
    return network


def empty(choice: Choice) -> Network:
    """The model with random weights, up to "pool", for others to take their place. Needs no network, and leaves torch's
    global generator as it is."""
    with torch.random.fork_rng(devices=[]):
        return _LIBRARIES[choice.library].empty(choice.model, choice.upscale, "pool")


@cache
def _say(line: str) -> None:
    """Once: each seed loads its network."""
    print(line, file=sys.stderr)
