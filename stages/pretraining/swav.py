"""SwAV: predict from one view of an image to which prototypes another view was assigned (Caron et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.errors import UserError
from stages.base.numbers import AmountOrNone, EpochsOrNone, Share, Temperature, Times, Widths
from stages.encoders import Encoder
from stages.modules.heads import perceptron
from stages.pretraining._sinkhorn import sinkhorn
from stages.training.augmentation import Views, augment
from stages.training.images import Images
from stages.training.method import Batch, Epoch, Method, Training
from stages.training.optimiser import Optimiser

Pairs = Literal["sum", "mean"]


class SmallCrops(BaseModel, extra="forbid", frozen=True):
    """`number` further views, of min_area to max_area of the image each, which predict and are never assigned. `pixels`
    across, for encoders that end in a pooling over positions and so take images of any size; null: the encoder's own
    size, so that they differ in area alone, which conv4 needs, for it ends in a dense layer. All are of max_area
    where `views` do not zoom."""

    number: int = Field(ge=1, le=100)
    min_area: Share
    max_area: Share
    pixels: int | None = Field(ge=8, le=512)

    @model_validator(mode="after")
    def _ordered(self) -> SmallCrops:
        if self.min_area > self.max_area:
            raise ValueError(f"min_area={self.min_area} is above max_area={self.max_area}")
        return self


class Settings(Training):
    """`small_crops`: null for two views only; `projection`: widths of the head's layers; `prototypes`: how many;
    `temperature`: of the predictions; `epsilon`, `iterations`: of Sinkhorn's assignments (if the loss stays at
    ln prototypes, lower epsilon from 0.05 to 0.03); `freeze_epochs`: so long the prototypes stay as drawn;
    `queue`: so many earlier projections of each view help to balance the assignments of small batches, from the epoch
    `queue_epoch` (from 0) on; `pairs`: the losses of the pairs of views are summed (the paper's eq. 1) or averaged (the
    released code's way), which changes the loss by a factor."""

    method: Literal["swav"]
    encoder: str
    optimiser: Optimiser
    views: Views
    small_crops: SmallCrops | None
    projection: Widths
    prototypes: int = Field(ge=2, le=65_536)
    temperature: Temperature
    epsilon: Temperature
    iterations: Times
    freeze_epochs: EpochsOrNone
    queue: AmountOrNone
    queue_epoch: EpochsOrNone
    pairs: Pairs

    def sizes(self) -> list[int]:
        return [self.small_crops.pixels] if self.small_crops and self.small_crops.pixels else []

    @model_validator(mode="after")
    def _learns(self) -> Settings:
        if self.freeze_epochs > self.epochs:
            raise ValueError(f"freeze_epochs {self.freeze_epochs} must not be above epochs {self.epochs}")
        return self


class SwAV(Method):
    """The queue is filled from the first step on, and used as far as it is filled; the released code begins to fill it
    at `queue_epoch` and uses it once it is full. Its prototypes are frozen for a number of steps (313, an epoch of its
    batches), ours for epochs."""

    settings: Settings
    queue: Tensor
    queued: Tensor

    def __init__(self, encoder: Encoder, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection], batch_norm=True)
        width = settings.projection[-1]
        self.prototypes = nn.Parameter(functional.normalize(torch.randn(settings.prototypes, width), dim=1))
        # newest first; a longer one would hold older projections of every image
        self.register_buffer("queue", torch.zeros(2, min(settings.queue, pool_size), width))
        self.register_buffer("queued", torch.zeros((), dtype=torch.int64))
        self._epoch = 0
        self._queued = 0

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        self._epoch = epoch.number
        # once an epoch, for a step must not wait for the device
        self._queued = int(self.queued)

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        encoded = torch.cat([self.encoder(views) for views in self._views(batch.images)])
        projected = functional.normalize(self.projection(encoded).float(), dim=1)
        # a parameter that no loss reaches stays as it is
        prototypes = self.prototypes.detach() if self._frozen() else self.prototypes
        with torch.autocast(projected.device.type, enabled=False):
            scores = (projected @ prototypes.T).unflatten(0, (-1, len(batch.images)))
            targets = self._assign(scores[:2].detach())
        self._enqueue(projected.detach()[: 2 * len(batch.images)].unflatten(0, (2, -1)))
        yield {"swap": swapped(scores, targets, self.settings.temperature, self.settings.pairs)}

    def after_update(self, epoch: float) -> None:
        if not self._frozen():
            with torch.no_grad():
                self.prototypes.copy_(functional.normalize(self.prototypes, dim=1))

    def _frozen(self) -> bool:
        return self._epoch < self.settings.freeze_epochs

    def _views(self, images: Tensor) -> Iterator[Tensor]:
        """The two views in one batch, then the small crops in one of their own, as their size may be."""
        views, small = self.settings.views, self.settings.small_crops
        yield torch.cat([augment(images, views) for _ in range(2)])
        if small is not None:
            narrow = views.model_copy(update={"min_area": small.min_area})
            crops = [augment(images, narrow, max_area=small.max_area, size=small.pixels) for _ in range(small.number)]
            yield torch.cat(crops)

    @torch.no_grad()
    def _assign(self, scores: Tensor) -> Tensor:
        """Assignments [2, B, K] of the two views with these scores, balanced together with the queue."""
        count = scores.shape[1]
        if self._epoch >= self.settings.queue_epoch:
            # scored anew, for the prototypes have moved
            scores = torch.cat([scores, self.queue[:, : self._queued] @ self.prototypes.T], dim=1)
        return sinkhorn(scores, self.settings.epsilon, self.settings.iterations)[:, :count]

    @torch.no_grad()
    def _enqueue(self, projected: Tensor) -> None:
        """Puts projections [2, B, d] in front; the oldest fall out."""
        size = self.queue.shape[1]
        self.queue.copy_(torch.cat([projected, self.queue], dim=1)[:, :size])
        self._queued = min(self._queued + projected.shape[1], size)
        self.queued.fill_(self._queued)


def swapped(scores: Tensor, targets: Tensor, temperature: float, pairs: Pairs) -> Tensor:
    """Swapped prediction (Caron et al. 2020, eq. 1 and 2; multi-crop for more than two views): the cross-entropy of
    each assignment and the predictions from all views but its own, averaged over images.

    scores: [V, B, K], of V views and K prototypes; targets: [T, B, K], T <= V, the assignments of the first T views,
    through which no gradient flows. Returns a scalar in float32, summed or averaged over the T (V - 1) pairs; where all
    predictions are uniform, the mean is ln K.
    """
    with torch.autocast(scores.device.type, enabled=False):
        logs = functional.log_softmax(scores.float() / temperature, dim=2)
        entropies = -(targets.detach()[:, None] * logs).sum(3).mean(2)
        # what is left of [T, V] without the view that the target comes from
        total = entropies.sum() - entropies.diagonal().sum()
    return total if pairs == "sum" else total / (len(targets) * (len(scores) - 1))


def cost(settings: Settings) -> float:
    """Small crops of a smaller size count as if they had the full one, which says what they cost at most."""
    return 6 + 3 * (settings.small_crops.number if settings.small_crops else 0)


def build(encoder: Encoder, settings: Settings, pool_size: int) -> SwAV:
    """Raises UserError for small crops of a size that the encoder does not take."""
    small = settings.small_crops
    if small is not None and small.pixels is not None and not _takes(encoder, small.pixels):
        raise UserError(
            f"small_crops.pixels={small.pixels}: encoder {encoder.name} does not take such images; set null for its own"
        )
    return SwAV(encoder, settings, pool_size)


@torch.no_grad()
def _takes(encoder: Encoder, size: int) -> bool:
    training = encoder.training
    encoder.eval()
    try:
        encoder(encoder.mean.new_zeros(1, 3, size, size))
    except RuntimeError:
        return False
    finally:
        encoder.train(training)
    return True
