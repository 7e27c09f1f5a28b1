"""MoCo: a query must find its key among older keys, which a slow twin made (He et al. 2020; v2: Chen et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Amount, ShareOrNone, Temperature, Widths
from stages.encoders import Encoder
from stages.modules.average import follow, twin
from stages.modules.heads import perceptron
from stages.pretraining._split_norm import split_batch_norm
from stages.training.augmentation import Views, augment
from stages.training.images import Images
from stages.training.method import Batch, Epoch, Method, Training, shuffled
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`projection`: widths of the head's layers, with leaky ReLU between them where v2 has ReLU; `queue`: how many
    older keys are negatives, at most as many as the pool has images; `momentum` of the twin.

    `symmetric`: each view is once query and once key, both losses are added, and the keys of both sides enter the
    queue, as in the authors' CIFAR demo, at twice the work (the papers: the first view asks, the second is the key).

    `batch_norm`: over a whole batch, a query can tell its key by the statistics that they share, without a look at the
    image. plain lets it; shuffled normalises the keys in `splits` groups of a random order; split does so, and the
    queries in as many groups of consecutive images: the paper's GPUs, and the CIFAR demo, but that its groups are every
    n-th image, which is the same in batches of random order. All three are one to an encoder without batch norm.
    """

    method: Literal["moco"]
    encoder: str
    optimiser: Optimiser
    views: Views
    projection: Widths
    queue: Amount
    momentum: ShareOrNone
    temperature: Temperature
    symmetric: bool
    batch_norm: Literal["plain", "shuffled", "split"]
    splits: int = Field(ge=2, le=1024)

    @model_validator(mode="after")
    def _groups_of_two(self) -> Settings:
        if self.batch_norm != "plain" and 2 * self.splits > self.batch_size:
            raise ValueError(f"splits {self.splits} must be at most half of batch_size {self.batch_size}")
        return self


def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """InfoNCE (He et al. 2020, eq. 1): each query against its own key and the K of the queue, all of them negatives.

    queries, keys: [N, d], in the same order, normalised here; queue: [K, d], normalised. Gradients reach whatever has
    them: keys are to come without. Returns the mean over the queries, a scalar in float32.
    """
    queries = functional.normalize(queries.float(), dim=1)
    keys = functional.normalize(keys.float(), dim=1)
    with torch.autocast(queries.device.type, enabled=False):
        own = (queries * keys).sum(1) / temperature
        others = queries @ queue.float().T / temperature
    return (torch.logaddexp(own, others.logsumexp(1)) - own).mean()


class Queue(nn.Module):
    """The last `size` keys, first in, first out; at the start random unit vectors."""

    keys: Tensor
    cursor: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", functional.normalize(torch.randn(size, dim), dim=1))
        # on the device, so that no step waits for it
        self.register_buffer("cursor", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Puts normalised keys, [N, d], in the place of the oldest; of more than `size`, the last stay."""
        size = len(self.keys)
        skipped = max(len(keys) - size, 0)
        places = (self.cursor + torch.arange(skipped, len(keys), device=keys.device)) % size
        self.keys.index_copy_(0, places, keys[skipped:])
        self.cursor.add_(len(keys)).remainder_(size)


class MoCo(Method):
    settings: Settings

    def __init__(self, encoder: Encoder, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection])
        if settings.batch_norm == "split":
            split_batch_norm(self.encoder, settings.splits)
        self.key_encoder, self.key_projection = twin(self.encoder), twin(self.projection)
        if settings.batch_norm == "shuffled":
            split_batch_norm(self.key_encoder, settings.splits)
        # a longer one would hold older keys of every image, as its negatives
        self.queue = Queue(min(settings.queue, pool_size), settings.projection[-1])

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        """Fills the queue with keys before the first epoch. The released code begins with random vectors (the paper
        does not say), which no key resembles: its loss begins low, and rises until they are gone."""
        if epoch.number == 0:
            steps = math.ceil(len(self.queue.keys) / min(self.settings.batch_size, len(epoch.shown)))
            for indices in shuffled(epoch.shown, self.settings.batch_size, steps):
                self.queue.push(self.keys(augment(images[indices], self.settings.views)))

    @torch.no_grad()
    def keys(self, views: Tensor) -> Tensor:
        """The twin's keys of views [N, 3, S, S], float32 [N, d], normalised; encoded in a random order (shuffling BN,
        He et al. 2020, section 3.3) and put back."""
        order = torch.randperm(len(views), device=views.device)
        shuffled = functional.normalize(self.key_projection(self.key_encoder(views[order])).float(), dim=1)
        return torch.empty_like(shuffled).index_copy_(0, order, shuffled)

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        first, second = (augment(batch.images, self.settings.views) for _ in range(2))
        loss, keys = self._ask(first, second)
        if self.settings.symmetric:
            other, other_keys = self._ask(second, first)
            loss, keys = loss + other, torch.cat([other_keys, keys])
        yield {"contrast": loss}
        # not sooner: until then the backward pass needs the queue as it was
        self.queue.push(keys)

    def _ask(self, views: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        keys = self.keys(others)
        queries = self.projection(self.encoder(views))
        return info_nce(queries, keys, self.queue.keys, self.settings.temperature), keys

    def after_update(self, epoch: float) -> None:
        follow(self.key_encoder, self.encoder, self.settings.momentum)
        follow(self.key_projection, self.projection, self.settings.momentum)


def cost(settings: Settings) -> float:
    return 8 if settings.symmetric else 4


def build(encoder: Encoder, settings: Settings, pool_size: int) -> MoCo:
    return MoCo(encoder, settings, pool_size)
