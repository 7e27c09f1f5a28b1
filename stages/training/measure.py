"""What is measured of a model while it trains and after: predictions and embeddings, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from stages.training.augmentation import plain
from stages.training.device import autocast

if TYPE_CHECKING:
    from stages.encoders import Encoder
    from stages.training.images import Images


@torch.inference_mode()
def embed(encoder: nn.Module, images: Images, half: bool, chosen: Tensor | None = None) -> Tensor:
    """Embeddings float32 [N, dim] of all images or those `chosen`, int64 [N], on the device, in evaluation mode; the
    mode before is restored."""
    training = encoder.training
    encoder.eval()
    batches = []
    chosen = torch.arange(len(images), device=images.device) if chosen is None else chosen
    for indices in chosen.split(images.at_once()):
        with autocast(images.device, half):
            batches.append(encoder(plain(images[indices])).float())
    encoder.train(training)
    return torch.cat(batches) if batches else torch.empty(0, getattr(encoder, "dim", 0), device=images.device)


class Kept(Protocol):
    """A classifier: the encoder that it trains, and the encoder and head that it keeps in the end."""

    @property
    def encoder(self) -> nn.Module: ...

    def kept(self) -> tuple[Encoder, nn.Module]: ...


class Embedded:
    """The embeddings of some images by one classifier after the other, all of which begin with the same encoder: one
    that is frozen embeds them once."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._found: Tensor | None = None

    def by(self, classifier: Kept) -> Tensor:
        """float32 [N, dim], by the encoder that a classifier keeps."""
        encoder, _ = classifier.kept()
        if any(parameter.requires_grad for parameter in classifier.encoder.parameters()):
            return embed(encoder, self._images, self._images.half)
        if self._found is None:
            self._found = self._images.vectors(encoder)
        return self._found


def some(encoder: nn.Module, images: Images, among: Tensor, half: bool, most: int = 256) -> Tensor:
    """Embeddings [n, dim] of at most so many images of `among`, int64; 256 are enough for their spread."""
    return embed(encoder, images, half, spaced(among, most))


def spaced(among: Tensor, most: int) -> Tensor:
    """At most so many of `among`, int64 [n], at even distances."""
    return among[:: -(-len(among) // most)]


@torch.inference_mode()
def classify(head: nn.Module, embedding: Tensor) -> np.ndarray:
    """Predicted classes int64 [N] of embeddings [N, dim]."""
    classes: np.ndarray = head(embedding).argmax(1).cpu().numpy()
    return classes


@torch.inference_mode()
def logits(head: nn.Module, embedding: Tensor) -> np.ndarray:
    """float32 [N, C], of embeddings [N, dim]."""
    found: np.ndarray = head(embedding).float().cpu().numpy()
    return found


def validation(predicted: np.ndarray, labels: np.ndarray, classes: list[str]) -> dict[str, float]:
    """Accuracy overall and of each class by name; a class without images is left out. int64 [N] both."""
    if not len(labels):
        return {}
    right = predicted == labels
    row = {"validation_accuracy": float(right.mean())}
    for number, name in enumerate(classes):
        of_class = labels == number
        if of_class.any():
            row[f"validation_accuracy/{name}"] = float(right[of_class].mean())
    return row
