"""Supervised: cross-entropy on the images told, encoder and head together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor
from torch.nn import functional

from stages.encoders import Encoder
from stages.regimes._classifier import view
from stages.regimes._plastic import Plastic, PlasticBlock
from stages.training.augmentation import Views
from stages.training.method import Batch
from stages.training.optimiser import Optimiser


class Settings(PlasticBlock):
    """`views`: null for images as they are."""

    regime: Literal["supervised"]
    optimiser: Optimiser
    views: Views | None


class Supervised(Plastic):
    settings: Settings

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        logits = self.logits(self.encoder(view(batch.images, self.settings.views)))
        yield {"cross_entropy": functional.cross_entropy(logits.float(), batch.labels)}


def cost(settings: Settings) -> float:
    return 3


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> Supervised:
    return Supervised(encoder, classes, settings)
