"""A classifier whose head may grow with the classes told, and whose encoder may lose edges."""

from __future__ import annotations

import torch
from pydantic import model_validator
from torch import Tensor, nn

from stages.base.numbers import Share
from stages.encoders import Encoder
from stages.regimes._classifier import Classifier, Stepped
from stages.regimes._growing import Growth, closed, confidence, draw, without
from stages.regimes._pruning import Pruner, Pruning
from stages.training import measure
from stages.training.images import Images
from stages.training.method import Epoch


class PlasticBlock(Stepped):
    """`growth` says what a class is given when a label of it is told for the first time.

    fixed: nothing; the head has all its units from the start, and they learn to be silent until then.
    growing: a new unit; until then it has none, and the weights of all others are kept exactly. In Adam its moments
    begin at zero, in a rule that has counted many steps: its first updates are up to three times the usual.
    reinitialise: all units are there, as in fixed, so that the unit of a class not told is redundant. Where the units
    of classes told are unsure of the new class, by `unsure`, this one is drawn anew: the class can't be said by what is
    there already, and gets a fresh start. Where they are sure, it stays as it learnt to be. The confusion test needs
    two classes told. The optimiser's moments of the old unit fade as they would.

    `unsure`: below which mean largest probability (0 to 1) those units count as unsure; null unless reinitialise.
    `pruning`: null, or edges of the encoder are removed with the epochs. The head, which is small and may grow, keeps
    its own.
    """

    growth: Growth
    unsure: Share | None
    pruning: Pruning | None

    @model_validator(mode="after")
    def _matched(self) -> PlasticBlock:
        if self.growth == "reinitialise" and self.unsure is None:
            raise ValueError("growth=reinitialise needs a number for unsure")
        if self.growth != "reinitialise" and self.unsure is not None:
            raise ValueError(f"unsure must be null with growth={self.growth}")
        if self.pruning is not None and self.pruning.end >= self.epochs:
            raise ValueError(f"pruning.end {self.pruning.end} must be below epochs {self.epochs}")
        return self


class Plastic(Classifier):
    settings: PlasticBlock
    classes_told: Tensor

    def __init__(self, encoder: Encoder, classes: int, settings: PlasticBlock) -> None:
        super().__init__(encoder, classes, settings)
        self.pruner = None if settings.pruning is None else Pruner(encoder)
        if settings.growth != "fixed":
            self.register_buffer("classes_told", torch.zeros(classes, dtype=torch.bool))
        if settings.growth == "growing":
            # units that are not there yet: at zero, weight decay and moments stay at zero too
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def logits(self, features: Tensor) -> Tensor:
        """[n, dim] to [n, C]."""
        logits: Tensor = self.head(features)
        return closed(logits, self.classes_told) if self.settings.growth == "growing" else logits

    def kept(self) -> tuple[Encoder, nn.Linear]:
        if self.settings.growth == "growing":
            return self.encoder, without(self.head, self.classes_told)
        return super().kept()

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        if self.settings.pruning is not None and self.pruner is not None:
            self.pruner.prune(self.encoder, self.settings.pruning.at(epoch.number))
        if self.settings.growth != "fixed":
            self._meet(epoch, images)

    def _meet(self, epoch: Epoch, images: Images) -> None:
        """Gives the classes told for the first time their units."""
        labelled = epoch.labelled()
        labels = epoch.labels[labelled]
        told = torch.zeros_like(self.classes_told).index_fill_(0, labels, True)
        new = told & ~self.classes_told
        if self.settings.unsure is not None:
            for number in new.nonzero().flatten().tolist():
                # at first no class is told, and all units are fresh
                new[number] = bool(self.classes_told.any()) and self._unsure(images, labelled[labels == number])
        draw(self.head, new, self.classes_told)
        self.classes_told |= told

    def _unsure(self, images: Images, chosen: Tensor) -> bool:
        encodings = measure.embed(self.encoder, images, half=False, chosen=chosen)
        assert self.settings.unsure is not None, "Settings says so"
        return float(confidence(self.head, encodings, self.classes_told)) < self.settings.unsure

    def after_update(self, epoch: float) -> None:
        if self.pruner is not None:
            self.pruner.apply_to(self.encoder)
