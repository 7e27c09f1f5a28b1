"""Self-Classifier: two views of an image get the same class, and classes are equally frequent (Amrani et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Temperature, Widths
from stages.encoders import Encoder
from stages.modules.heads import perceptron
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Method, Training
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`projection`: widths of the layers before the heads; `heads`: the number of classes of each; `target_temperature`
    (the paper's column softmax, 0.05) and `temperature` (its row softmax, 0.1).

    A batch should hold many more images than the largest head has classes. A smaller one is not refused, for the
    authors train 1000 to 8000 classes with batches down to 256 (released scripts, ablation of the batch size); the loss
    of a head then ends at ln(classes / images), not 0.
    """

    method: Literal["self_classifier"]
    encoder: str
    optimiser: Optimiser
    views: Views
    projection: Widths
    heads: list[Annotated[int, Field(ge=2, le=65_536)]] = Field(min_length=1, max_length=16)
    target_temperature: Temperature
    temperature: Temperature


class SelfClassifier(Method):
    """The paper's classifier on two views; its nearest neighbours and small crops are left out. Its hidden layers have
    leaky ReLUs, ours plain ones. In the released code the rows of a head begin at length 1 and learn it, ours stay."""

    settings: Settings

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection], batch_norm=True)
        width = settings.projection[-1]
        self.heads = nn.ParameterList([torch.randn(classes, width) for classes in settings.heads])

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        settings = self.settings
        views = torch.cat([augment(batch.images, settings.views) for _ in range(2)])
        projected = functional.normalize(self.projection(self.encoder(views)).float(), dim=1)
        losses = []
        with torch.autocast(projected.device.type, enabled=False):
            for head in self.heads:
                # rows of length 1 and no bias: the logits are cosines
                first, second = (projected @ functional.normalize(head, dim=1).T).chunk(2)
                losses.append(same_class(first, second, settings.target_temperature, settings.temperature))
        yield {"same_class": torch.stack(losses).mean()}


def same_class(first: Tensor, second: Tensor, target_temperature: float, temperature: float) -> Tensor:
    """Cross-entropy of the classes of two views under a uniform prior over classes (Amrani et al. 2022, eq. 4 and 5).

    first, second: [N, C], logits of two views of the same images. The target of an image is the softmax over the batch
    at `target_temperature`, normalised over classes; its prediction is the softmax over classes at `temperature`,
    divided by its mean over the batch and by C. Both directions are averaged; gradients flow through the targets, too.
    Returns a scalar in float32: at best 0, or ln(C / N) for C > N; ln C where all images get the same output.
    """
    there = _towards(first, second, target_temperature, temperature)
    back = _towards(second, first, target_temperature, temperature)
    return (there + back) / 2


def _towards(target: Tensor, prediction: Tensor, target_temperature: float, temperature: float) -> Tensor:
    with torch.autocast(target.device.type, enabled=False):
        # in logarithms a softmax over classes is the normalisation of what are logarithms already
        wanted = (target.float() / target_temperature).log_softmax(0).softmax(1)
        found = (prediction.float() / temperature).log_softmax(1)
        count, classes = found.shape
        found = found - found.logsumexp(0) + math.log(count / classes)
        return -(wanted * found).sum(1).mean()


def cost(settings: Settings) -> float:
    return 6


def build(encoder: Encoder, settings: Settings, pool_size: int) -> SelfClassifier:
    return SelfClassifier(encoder, settings)
