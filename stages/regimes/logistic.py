"""Logistic regression: a linear head on a frozen encoder, solved to its minimum on the vectors of the images told."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from stages.base.numbers import Strength
from stages.encoders import Encoder
from stages.modules import softmax_regression
from stages.regimes._classifier import Block
from stages.regimes._frozen import Frozen
from stages.training.centred import Centred
from stages.training.images import Images
from stages.training.measure import spaced
from stages.training.method import Epoch

SAMPLE = 4096  # images by whose mean and scale features are centred
USUAL = 10.0  # the strength that stays unless the labels speak for another
STRENGTHS = (0.1, 1.0, USUAL, 100.0)
FOLDS = 5


class Settings(Block):
    """`strength`: scikit-learn's C, the inverse of how much large weights cost, for vectors of mean squared length 1
    (as the head brings them to); null takes of 0.1, 1, 10 and 100 the one that is right most often on held-out folds of
    the labels, where that is more than chance says, else 10. `epochs`: 1, but for what follows a schedule, whose labels
    come in epochs; each solves anew for those told."""

    moves_encoder: ClassVar[bool] = False

    regime: Literal["logistic"]
    strength: Strength | None


class Logistic(Frozen):
    """Vectors have length 1, and lie about the mean of those shown at first, labelled or not; the bias is held down
    (softmax_regression.CONSTANT). No randomness, but for the folds."""

    settings: Settings

    def __init__(self, encoder: Encoder, classes: int, settings: Settings) -> None:
        super().__init__(encoder, classes, settings)
        self.head: Centred = Centred(encoder.dim, classes).requires_grad_(False)

    @torch.no_grad()
    def solve(self, epoch: Epoch, images: Images) -> dict[str, float]:
        """The mean cross-entropy of the images told."""
        if epoch.number == 0:
            self.head.fit(images.vectors(self.encoder, spaced(epoch.shown, SAMPLE)))
        told = epoch.labelled()
        inputs, labels = self.head.inputs(images.vectors(self.encoder, told)), epoch.labels[told]
        strength = self.settings.strength or chosen(inputs, labels, self.head.out_features)
        weight, bias = softmax_regression.fit(inputs, labels, self.head.out_features, strength)
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)
        return {"cross_entropy": float(functional.cross_entropy(functional.linear(inputs, weight, bias), labels))}


def chosen(inputs: Tensor, labels: Tensor, classes: int) -> float:
    """The strength that is right most often on held-out folds of inputs float32 [n, d] and labels int64 [n].

    The usual one stays where there are fewer than two labels a fold, and unless the labels on which the best alone is
    right outnumber those on which the usual alone is by more than a standard error, the square root of both together.
    """
    if len(labels) < 2 * FOLDS:
        return USUAL
    right = {strength: torch.zeros(len(labels), dtype=torch.bool, device=labels.device) for strength in STRENGTHS}
    order = torch.randperm(len(labels), device=labels.device)
    for fold in order.tensor_split(FOLDS):
        rest = torch.ones_like(right[USUAL]).index_fill(0, fold, False)
        for strength in STRENGTHS:
            weight, bias = softmax_regression.fit(inputs[rest], labels[rest], classes, strength)
            right[strength][fold] = functional.linear(inputs[fold], weight, bias).argmax(1) == labels[fold]
    best = max(STRENGTHS, key=lambda strength: int(right[strength].sum()))
    gained, lost = int((right[best] & ~right[USUAL]).sum()), int((right[USUAL] & ~right[best]).sum())
    return best if gained - lost > (gained + lost) ** 0.5 else USUAL


def cost(settings: Settings) -> float:
    """Features are computed once where all labels are told at once."""
    return 1 / settings.epochs if settings.follows != "schedule" else 1


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> Logistic:
    return Logistic(encoder, classes, settings)
