"""Local Aggregation: an image moves towards those of its neighbours that share a cluster with it, away from the others
(Zhuang et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Amount, Epochs, EpochsOrNone, Several, ShareNotAll, Temperature, Times, Widths
from stages.encoders import Encoder
from stages.geometry.kmeans import kmeans
from stages.modules.aggregation import aggregation, discrimination, together
from stages.modules.bank import Bank, Start
from stages.modules.heads import perceptron
from stages.training.augmentation import Views, augment
from stages.training.images import Images
from stages.training.method import Batch, Epoch, Method, Training
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`projection`: widths of the embedding head (the paper's is one linear layer to 128); `standardised`: whether
    batch norm follows it, without which an encoder that has none itself fails here (metrics/reported/pretraining.md).
    `bank`: where an image's vector begins, `random` as in the paper, or the `encoder`'s; `bank_momentum`: share that
    the memory bank keeps of it when the image is seen.
    `background`: |B|, the nearest in the bank; `clusterings`: H runs of k-means of `clusters` each, of `iterations` at
    most, fitted anew every `refit_every` epochs; the first `discrimination_epochs` are instance discrimination.
    ImageNet in the paper: |B| 4096, 30,000 clusters, H 10, 10 such epochs.

    A small pool has at most half as many clusters as images: alone in its cluster, an image has no neighbours.
    """

    method: Literal["local_aggregation"]
    encoder: str
    optimiser: Optimiser
    views: Views
    temperature: Temperature
    projection: Widths
    standardised: bool
    bank: Start
    bank_momentum: ShareNotAll
    background: Several
    clusters: Amount
    clusterings: Times
    iterations: Times
    refit_every: Epochs
    discrimination_epochs: EpochsOrNone

    @model_validator(mode="after")
    def _aggregates(self) -> Settings:
        if self.discrimination_epochs >= self.epochs:
            raise ValueError(f"discrimination_epochs {self.discrimination_epochs} must be below epochs {self.epochs}")
        return self


class LocalAggregation(Method):
    """An image is always in its own B: by dot product alone it may be missing there, B without a member of C, and the
    loss infinite."""

    settings: Settings
    clusters: Tensor

    def __init__(self, encoder: Encoder, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection], standardised=settings.standardised)
        self.bank = Bank(pool_size, settings.projection[-1])
        self.register_buffer("clusters", torch.full((settings.clusterings, pool_size), -1, dtype=torch.int32))

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        since = epoch.number - self.settings.discrimination_epochs
        self._shown, self._discriminates = epoch.shown, since < 0
        if self.settings.bank == "encoder":
            self.bank.introduce(epoch.shown, images, self.watched())
        if self._discriminates or since % self.settings.refit_every:
            return
        count = min(self.settings.clusters, max(1, len(epoch.shown) // 2))
        points = self.bank.vectors[epoch.shown]
        self.clusters.fill_(-1)
        for clustering in self.clusters:
            seed = int(torch.randint(2**31, ()))
            _, members, _ = kmeans(points, count, seed=seed, iterations=self.settings.iterations)
            clustering[epoch.shown] = members.int()

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        own, temperature = batch.indices, self.settings.temperature
        found = self.projection(self.encoder(augment(batch.images, self.settings.views)))
        vectors = functional.normalize(found.float(), dim=1)
        if self._discriminates:
            similarity = self.bank.similarity(vectors, self._shown)
            itself = (vectors * self.bank.vectors[own]).sum(1)
            yield {"instance": discrimination(similarity, itself, temperature).mean()}
        else:
            similarity, near = self.bank.background(vectors, own, self._shown, self.settings.background)
            yield {"aggregation": aggregation(similarity, together(self.clusters, own, near), temperature).mean()}
        # after the step: its gradient needs the bank as it was
        self.bank.update(own, vectors.detach(), self.settings.bank_momentum)


def cost(settings: Settings) -> float:
    return 3


def build(encoder: Encoder, settings: Settings, pool_size: int) -> LocalAggregation:
    return LocalAggregation(encoder, settings, pool_size)
