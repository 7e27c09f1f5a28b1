"""Probe: a linear head on a frozen encoder, which it never moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from stages.encoders import Encoder
from stages.regimes._classifier import Stepped
from stages.regimes._frozen import Frozen
from stages.training.augmentation import Views, augment
from stages.training.images import Images
from stages.training.measure import spaced
from stages.training.method import Batch, Epoch
from stages.training.optimiser import Optimiser
from stages.training.standardised import Standardised

SAMPLE = 4096  # images that features are standardised by: mean and deviation to a hundredth or two


class Settings(Stepped):
    """`views`: null takes the images as they are, and the frozen encoder's features of them are computed once.
    `standardise`: whether the head sees each feature with mean 0 and deviation 1, over the images shown at first,
    labelled or not: raw features of unlike sizes take far more steps than one has. With it, constant steps of a rule
    whose weight decay is coupled (adam, sgd) come to scikit-learn's logistic regression at C = 1 / (decay * labels).
    """

    moves_encoder: ClassVar[bool] = False

    regime: Literal["probe"]
    optimiser: Optimiser
    views: Views | None
    standardise: bool


class Probe(Frozen):
    settings: Settings

    def __init__(self, encoder: Encoder, classes: int, settings: Settings) -> None:
        super().__init__(encoder, classes, settings)
        if settings.standardise:
            self.head = Standardised(encoder.dim, classes)
        self._features: Tensor | None = None
        self._row: Tensor | None = None
        self._told: Tensor | None = None

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        """Computes the features of the images told; told more since, of these anew."""
        if isinstance(self.head, Standardised) and epoch.number == 0:
            self.head.fit(images.vectors(self.encoder, spaced(epoch.shown, SAMPLE)))
        labelled = epoch.labelled()
        if self.settings.views is not None or (self._told is not None and torch.equal(self._told, labelled)):
            return
        self._told = labelled
        self._features = images.vectors(self.encoder, labelled)
        self._row = torch.zeros(len(images), dtype=torch.int64, device=labelled.device)
        self._row[labelled] = torch.arange(len(labelled), device=labelled.device)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        if self._features is not None and self._row is not None:
            features = self._features[self._row[batch.indices]]
        else:
            assert self.settings.views is not None
            with torch.no_grad():
                features = self.encoder(augment(batch.images, self.settings.views))
        logits = self.head(features)
        yield {"cross_entropy": functional.cross_entropy(logits.float(), batch.labels)}


def cost(settings: Settings) -> float:
    """Without views, features are computed once where all labels are told at once."""
    return 1 / settings.epochs if settings.views is None and settings.follows != "schedule" else 1


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> Probe:
    return Probe(encoder, classes, settings)
