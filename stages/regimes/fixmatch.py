"""FixMatch (Sohn et al. 2020): what the model is sure of in a weak view of an image, it has to see in a strong one; and
FlexMatch (Zhang et al. 2021), which asks less of the classes it has learnt less of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import ShareNotAll, ShareOrNone, Weight
from stages.encoders import Encoder
from stages.modules.average import follow, twin
from stages.regimes._classifier import Classifier, Stepped
from stages.regimes._randaugment import RandAugment, randaugment
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Epoch, mixed
from stages.training.optimiser import Optimiser


class Settings(Stepped):
    """A step sees `batch_size` labelled images, again and again where they are fewer, and `mu` times as many of
    all images shown, the labelled among them, as in FixMatch; `steps` null: as many as show each of these once. `views`
    makes the labelled and the weak views; `strong` changes others of the same kind, drawn anew.

    `threshold`: the confidence from which a guess counts; `thresholds`: fixed, the same for all classes, or flexible,
    FlexMatch's; `threshold_warmup`: flexible thresholds begin low for all classes, as long as most images have not been
    guessed with confidence (FlexMatch, eq. 11; no epochs are counted). `ema`: the share that the average model, which
    is measured and kept, keeps of itself at each step.
    """

    sees_pool: ClassVar[bool] = True

    regime: Literal["fixmatch"]
    optimiser: Optimiser
    views: Views
    strong: RandAugment
    mu: int = Field(ge=1, le=100)
    threshold: ShareOrNone
    thresholds: Literal["fixed", "flexible"]
    threshold_warmup: bool
    unlabelled_weight: Weight
    ema: ShareNotAll

    @model_validator(mode="after")
    def _flexible(self) -> Settings:
        if self.threshold_warmup and self.thresholds == "fixed":
            raise ValueError("threshold_warmup: true is for thresholds: flexible; set it to false")
        return self


class FixMatch(Classifier):
    """Labelled, weak and strong views go through the network as one batch in training mode, so that batch norm sees all
    of them together, as in the released code. That takes the weak ones through the backward pass, too, though their
    logits are detached: the price of common statistics.

    The average model has running statistics that are averages, too, where the released code takes those of the moment,
    which its batch norm keeps slow itself (by a momentum of 0.999 for 0.9). A shift brings in the image reflected about
    its edge, where the code reflects it about its last pixels."""

    settings: Settings
    # FlexMatch: the class last guessed with confidence for each image of the pool, -1 for none
    guessed: Tensor

    def __init__(self, encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, classes, settings)
        self.average_encoder, self.average_head = twin(encoder), twin(self.head)
        if settings.thresholds == "flexible":
            self.register_buffer("guessed", torch.full((pool_size,), -1))
        self._shown = 0

    def kept(self) -> tuple[Encoder, nn.Linear]:
        return cast(Encoder, self.average_encoder), cast(nn.Linear, self.average_head)

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        """Each batch holds its labelled images first, then those taken as unlabelled."""
        told, others = self.settings.batch_size, self.settings.batch_size * self.settings.mu
        self._shown = len(epoch.shown)
        steps = self.settings.steps or -(-self._shown // others)
        yield from mixed(epoch.labelled(), told, epoch.shown, others, steps)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        count = self.settings.batch_size
        others = batch.images[count:]
        views = augment(batch.images, self.settings.views)
        strong = randaugment(_whole(augment(others, self.settings.views)), self.settings.strong)
        logits: Tensor = self.head(self.encoder(torch.cat([views, strong])))
        told, weak, strong = logits.float().split([count, len(others), len(others)])
        yield {
            "labelled": functional.cross_entropy(told, batch.labels[:count]),
            "unlabelled": self.settings.unlabelled_weight * self._unlabelled(batch.indices[count:], weak, strong),
        }

    def _unlabelled(self, indices: Tensor, weak: Tensor, strong: Tensor) -> Tensor:
        confidence, guess = weak.detach().softmax(1).max(1)
        kept = confidence >= self.settings.threshold
        if self.settings.thresholds == "flexible":
            thresholds = self.thresholds(weak.shape[1])
            self.guessed.copy_(remembered(self.guessed, indices, guess, kept))
            kept = confidence >= thresholds[guess]
        return consistency(strong, guess, kept)

    def thresholds(self, classes: int) -> Tensor:
        """FlexMatch's, of this moment, float [C]."""
        return flexible(self.guessed, self._shown, classes, self.settings.threshold, self.settings.threshold_warmup)

    def after_update(self, epoch: float) -> None:
        follow(self.average_encoder, self.encoder, self.settings.ema)
        follow(self.average_head, self.head, self.settings.ema)


def consistency(strong: Tensor, guess: Tensor, kept: Tensor) -> Tensor:
    """FixMatch, eq. 4: cross-entropy of the strong views with what the weak ones say, of those kept, divided by the
    number of all. strong: logits [n, C]; guess: int64 [n]; kept: bool [n]."""
    return (functional.cross_entropy(strong, guess, reduction="none") * kept).mean()


def flexible(guessed: Tensor, shown: int, classes: int, threshold: float, warmup: bool) -> Tensor:
    """FlexMatch's threshold for each class, float [C]: threshold * b / (2 - b), where b is the number of images guessed
    to be of the class over that of the class with most of them (eq. 7, 12); with `warmup`, over the number of images
    not guessed at all, where these are more (eq. 11).

    guessed: int64 [N], -1 for none; shown: how many images there are to guess.
    """
    counts = guessed.new_zeros(classes + 1).scatter_add_(0, guessed + 1, torch.ones_like(guessed))[1:]
    most = counts.max()
    if warmup:
        most = torch.maximum(most, shown - counts.sum())
    learnt = counts / most.clamp(min=1)
    return threshold * learnt / (2 - learnt)


def remembered(guessed: Tensor, indices: Tensor, guess: Tensor, sure: Tensor) -> Tensor:
    """`guessed`, int64 [N], after a step: where sure, the images at `indices` take their new guess; all int64 or bool
    [n]. An image twice in the batch takes the higher class of the two, so that the order of writing doesn't matter."""
    new = torch.full_like(guessed, -1).scatter_reduce_(0, indices, torch.where(sure, guess, -1), "amax")
    return torch.where(new >= 0, new, guessed)


def _whole(views: Tensor) -> Tensor:
    """float [N, 3, S, S] in [0, 1] to uint8 [N, S, S, 3]."""
    return (views * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def cost(settings: Settings) -> float:
    each = 3 * (1 + 2 * settings.mu)
    # with `steps: null` an epoch shows each image once, and has a labelled one for every `mu` of them
    return each if settings.steps else each / settings.mu


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> FixMatch:
    return FixMatch(encoder, classes, settings, pool_size)
