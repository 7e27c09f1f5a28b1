"""SimCLR: two views of an image attract, views of different images repel (Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn

from stages.base.numbers import Temperature, Widths
from stages.encoders import Encoder
from stages.modules.contrast import Loss, contrast
from stages.modules.heads import perceptron
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Method, Training
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`loss`: nt_xent (the paper's, 2N - 2 negatives) or cross_view (system A's code, N - 1 negatives);
    `projection`: widths of the head's layers, whose last is thrown away after pretraining with the others."""

    method: Literal["simclr"]
    encoder: str
    optimiser: Optimiser
    views: Views
    loss: Loss
    temperature: Temperature
    projection: Widths


class SimCLR(Method):
    """As system A has it. The head has leaky ReLUs; the paper's has ReLUs, and the released code's batch norm behind
    each layer too. The two views go through the network one after the other; in the released code together, so that
    its batch norm sees both."""

    settings: Settings

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection])

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        first, second = (self.projection(self.encoder(augment(batch.images, self.settings.views))) for _ in range(2))
        yield {"contrast": contrast(first, second, self.settings.loss, self.settings.temperature)}


def cost(settings: Settings) -> float:
    return 6


def build(encoder: Encoder, settings: Settings, pool_size: int) -> SimCLR:
    return SimCLR(encoder, settings)
