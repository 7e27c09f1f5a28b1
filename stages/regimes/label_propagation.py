"""Local Label Propagation (Zhuang et al. 2020): labelled neighbours in a memory bank name the images not labelled, and
classifier and embedding learn from these names by how sure they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Amount, EpochsOrNone, Several, ShareNotAll, Temperature, Widths
from stages.encoders import Encoder
from stages.modules.aggregation import aggregation, discrimination
from stages.modules.bank import BLOCK, Bank, Start, firsts
from stages.modules.heads import perceptron
from stages.regimes._classifier import Classifier, Stepped
from stages.training.augmentation import Views, augment
from stages.training.images import Images
from stages.training.method import Batch, Epoch, mixed, shuffled
from stages.training.optimiser import Optimiser


class Settings(Stepped):
    """`labelled_in_batch`: how many images of a batch are labelled, if there are both kinds; an epoch goes once through
    those that are not. `projection`: widths of the embedding head, `standardised`: whether batch norm follows it.
    `bank`: where an image's vector begins, `random` as in the paper, or the `encoder`'s; `bank_momentum`: share that
    the memory bank keeps of it when the image is seen.
    `neighbours`: labelled images that name another (10 in the paper); `density_neighbours`: images by which the density
    about a labelled one is measured (50); `background`: |B| of the aggregation loss.
    `propagate`: false for the released code's way, in which the classifier's own prediction is the name.
    `discrimination_epochs`: at first, epochs of instance discrimination on all images and cross-entropy on the labelled
    ones, which fill the bank; 0 where the encoder has filled it.
    """

    sees_pool: ClassVar[bool] = True

    regime: Literal["label_propagation"]
    optimiser: Optimiser
    views: Views
    temperature: Temperature
    projection: Widths
    standardised: bool
    bank: Start
    bank_momentum: ShareNotAll
    labelled_in_batch: Amount
    neighbours: Amount
    density_neighbours: Amount
    background: Several
    propagate: bool
    discrimination_epochs: EpochsOrNone

    @model_validator(mode="after")
    def _propagates(self) -> Settings:
        if self.discrimination_epochs >= self.epochs:
            raise ValueError(f"discrimination_epochs {self.discrimination_epochs} must be below epochs {self.epochs}")
        if not self.discrimination_epochs and self.bank == "random":
            raise ValueError("discrimination_epochs 0: a bank of random vectors names nothing; set bank: encoder")
        return self


class LabelPropagation(Classifier):
    """The loss is confidence * (cross-entropy + aggregation), the mean over the batch; a label told has confidence 1.

    C of the aggregation loss: the images of B, the nearest in the bank, that have the same label, told or guessed, and
    the image itself. An image in a batch is named from its vector of the moment, all of the bank when the epoch begins;
    by the classifier's way an image is named only when it is in a batch.

    Where the released code (github.com/neuroailab/LocalLabelProp) departs from this: an image learns from the name and
    the confidence kept for it, which its visit before gave it, not from those of the moment; the density about an image
    counts the image itself; B is all of the bank; the epochs of discrimination see no label.
    """

    settings: Settings
    guessed: Tensor

    def __init__(self, encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, classes, settings)
        self.projection = perceptron([encoder.dim, *settings.projection], standardised=settings.standardised)
        self.bank = Bank(pool_size, settings.projection[-1])
        self.register_buffer("guessed", torch.full((pool_size,), -1))

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        """Batches with labelled images first, the same number of them throughout; each kind in an order of its own."""
        labelled, unlabelled = epoch.labelled(), epoch.unlabelled()
        size = min(self.settings.batch_size, len(epoch.shown))
        count = min(self.settings.labelled_in_batch, size - 1, len(labelled))
        if not (count and len(unlabelled)):
            yield from shuffled(epoch.shown, size, self.settings.steps)
            return
        steps = self.settings.steps or -(-len(unlabelled) // (size - count))
        yield from mixed(labelled, count, unlabelled, min(size - count, len(unlabelled)), steps)

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        """Measures the density about the labelled images, and names all others from the bank."""
        self._shown, self._labels = epoch.shown, epoch.labels
        if self.settings.bank == "encoder":
            self.bank.introduce(epoch.shown, images, nn.Sequential(self.encoder, self.projection))
        # an image shown for the first time has a random vector still, and no say
        self._labelled = epoch.labelled()[self.bank.filled[epoch.labelled()]]
        # with no label told, none can be passed on
        self._discriminates = epoch.number < self.settings.discrimination_epochs or not len(self._labelled)
        unlabelled = epoch.unlabelled()
        self._propagates = not self._discriminates and self.settings.propagate and len(unlabelled) > 0
        if not self._propagates:
            return
        labelled, count = self.bank.vectors[self._labelled], self.settings.density_neighbours
        similarity, _ = self.bank.nearest(labelled, self._labelled, self._shown, count, with_own=False)
        self._log_density = log_density(similarity, self.settings.temperature)
        self.guessed[unlabelled], _ = self._propagate(self.bank.vectors[unlabelled])

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        settings, own, told = self.settings, batch.indices, batch.labels >= 0
        features = self.encoder(augment(batch.images, settings.views))
        logits = self.head(features).float()
        vectors = functional.normalize(self.projection(features).float(), dim=1)
        if self._discriminates:
            similarity = self.bank.similarity(vectors, self._shown)
            itself = (vectors * self.bank.vectors[own]).sum(1)
            entropy = functional.cross_entropy(logits, batch.labels, ignore_index=-1, reduction="sum")
            yield {
                "cross_entropy": entropy / told.sum().clamp_min(1),
                "instance": discrimination(similarity, itself, settings.temperature).mean(),
            }
        else:
            names, confidence = self._names(vectors.detach(), logits.detach(), batch.labels)
            # guesses alone: where a schedule takes a label back, it is known no more
            self.guessed[own] = torch.where(told, self.guessed[own], names[firsts(own)])
            told_or_guessed = torch.where(self._labels >= 0, self._labels, self.guessed)
            similarity, near = self.bank.background(vectors, own, self._shown, settings.background)
            close = (told_or_guessed[near] == names[:, None]) | (near == own[:, None])
            entropy = functional.cross_entropy(logits, names, reduction="none")
            yield {
                "cross_entropy": (confidence * entropy).mean(),
                "aggregation": (confidence * aggregation(similarity, close, settings.temperature)).mean(),
            }
        # after the step: its gradient needs the bank as it was
        self.bank.update(own, vectors.detach(), settings.bank_momentum)

    def _names(self, vectors: Tensor, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Label int64 [M] and confidence [M] of each image of a batch: the label told at 1, or the guess."""
        told = labels >= 0
        if self._propagates:
            guessed, confidence = self._propagate(vectors)
        else:
            confidence, guessed = logits.softmax(1).max(1)
        return torch.where(told, labels, guessed), torch.where(told, 1.0, confidence)

    def _propagate(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        labelled, labels = self.bank.vectors[self._labelled], self._labels[self._labelled]
        count, temperature = self.settings.neighbours, self.settings.temperature
        return propagate(vectors, labelled, labels, self._log_density, count, temperature, self.head.out_features)


def log_density(similarity: Tensor, temperature: float) -> Tensor:
    """log rho_j = log sum over k of exp(v_j.v_k / t), [L].

    similarity: [L, T], dot products of each labelled image with its T nearest of all images, itself not among them: its
    own term, the same for all, would be most of the sum.
    """
    return (similarity / temperature).logsumexp(1)


def propagate(
    queries: Tensor, labelled: Tensor, labels: Tensor, log_density: Tensor, count: int, temperature: float, classes: int
) -> tuple[Tensor, Tensor]:
    """The label of greatest weight, int64 [m], and its share of all weight, [m].

    queries: [m, d], labelled: [L, d], unit vectors; labels: int64 [L]; log_density: [L]. A labelled image weighs
    exp(v.v_j / t) / rho_j; the `count` images of greatest weight have a say (so that the density says who they are). In
    logarithms, which no temperature takes out of range, and in blocks of queries.
    """
    names, shares = [], []
    count = min(count, len(labelled))
    member = functional.one_hot(labels, classes).to(queries.dtype)
    with torch.autocast(queries.device.type, enabled=False):
        for block in queries.split(max(1, BLOCK // max(len(labelled), count * classes))):
            weights, chosen = (block @ labelled.T / temperature - log_density).topk(count)
            # sums in a fixed order, where scatter_add on a GPU has none
            share, name = (weights.softmax(1)[:, :, None] * member[chosen]).sum(1).max(1)
            names.append(name)
            shares.append(share)
    return torch.cat(names), torch.cat(shares)


def cost(settings: Settings) -> float:
    return 3


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> LabelPropagation:
    return LabelPropagation(encoder, classes, settings, pool_size)
