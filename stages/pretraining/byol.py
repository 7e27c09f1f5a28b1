"""BYOL: from one view, predict what a slow twin makes of the other; no negatives (Grill et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import ShareOrNone, Width, Widths
from stages.encoders import Encoder
from stages.modules.average import follow, twin
from stages.modules.heads import perceptron
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Method, Training
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`projection`: widths of the projector's layers; `prediction`: width of the predictor's hidden layer, whose output
    is as wide as the projector's; both with batch norm and ReLU within. `momentum` of the target at the start, from
    where it rises to 1. The paper has 4096, 256, 4096 and 0.996 on ImageNet."""

    method: Literal["byol"]
    encoder: str
    optimiser: Optimiser
    views: Views
    projection: Widths
    prediction: Width
    momentum: ShareOrNone


def regression(first: Tensor, second: Tensor, first_target: Tensor, second_target: Tensor) -> Tensor:
    """BYOL's loss (Grill et al. 2020, eq. 2, symmetrised): 2 - 2 cos between the prediction from one view and the
    target of the other, both directions added, so that it lies in [0, 8].

    All [N, d], in the same order: the predictions from both views, and the targets of both. Gradients reach whatever
    has them: targets are to come without. Returns the mean over the images, a scalar in float32.
    """
    with torch.autocast(first.device.type, enabled=False):
        there = functional.cosine_similarity(first.float(), second_target.float())
        back = functional.cosine_similarity(second.float(), first_target.float())
    return (4 - 2 * there - 2 * back).mean()


def target_momentum(start: float, through: float) -> float:
    """tau = 1 - (1 - tau_base) (cos(pi k / K) + 1) / 2 (Grill et al. 2020, section 3.3); `through` is k / K."""
    return 1 - (1 - start) * (math.cos(math.pi * through) + 1) / 2


class BYOL(Method):
    """Both views are drawn alike, where the paper has two distributions, which differ in blur and solarisation. The
    target begins as a copy; the released code draws it by itself, and says that it makes no difference. Its heads end
    in layers without a bias, ours have one."""

    settings: Settings

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        super().__init__(encoder, settings)
        width = settings.projection[-1]
        self.projector = perceptron([encoder.dim, *settings.projection], batch_norm=True)
        self.predictor: nn.Module = perceptron([width, settings.prediction, width], batch_norm=True)
        self.target_encoder, self.target_projector = twin(self.encoder), twin(self.projector)

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projector)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        views = [augment(batch.images, self.settings.views) for _ in range(2)]
        # one view at a time: batch norm is not to mix them
        first, second = (self.predictor(self.projector(self.encoder(view))) for view in views)
        with torch.no_grad():
            first_target, second_target = (self.target_projector(self.target_encoder(view)) for view in views)
        yield {"regression": regression(first, second, first_target, second_target)}

    def after_update(self, epoch: float) -> None:
        momentum = target_momentum(self.settings.momentum, epoch / self.settings.epochs)
        follow(self.target_encoder, self.encoder, momentum)
        follow(self.target_projector, self.projector, momentum)


def cost(settings: Settings) -> float:
    return 8


def build(encoder: Encoder, settings: Settings, pool_size: int) -> BYOL:
    return BYOL(encoder, settings)
