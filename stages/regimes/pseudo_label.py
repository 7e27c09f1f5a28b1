"""Pseudo-labels in rounds: train on what is labelled, label the images that the model is surest of, train on both.

Two published systems are blocks of this file:

- system C's naive version: `grow: most_confident`, `restart: false`. A pseudo-label once given is kept. Its report is
  silent on amounts and on restarts; here training goes on from the weights that made the pseudo-labels.
- Curriculum Labeling (Cascante-Bonilla, Tan, Qi and Ordonez 2021): `grow: percentile`, `add: 0.2`, `restart: true`,
  `rounds: 6`. All pseudo-labels are given anew in each round, to the surest 20, 40, ... 100 % of the unlabelled images.
  Of the released code, its class weights, mixup and weight averaging are left out, and its choices by validation, of
  each round's best epoch, which gives the pseudo-labels, and of the best round; a restart brings back this run's first
  weights (perhaps pretrained), where it draws others. Of images that are equally sure as many are taken as make up the
  share, where it takes all: by the logarithm of the odds, few are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Amount, Epochs, Share, ShareNotAll
from stages.encoders import Encoder
from stages.modules.average import twin
from stages.regimes._classifier import Classifier, Stepped, view
from stages.training.augmentation import Views
from stages.training.images import Images
from stages.training.measure import embed
from stages.training.method import Batch, Epoch, shuffled
from stages.training.optimiser import Optimiser


@dataclass(frozen=True)
class Round:
    """Rounds count from 0; `start` is its first epoch, `epochs` how many it has."""

    number: int
    start: int
    epochs: int


class Settings(Stepped):
    """`rounds` divide `epochs` evenly, what is over falls to the last; the first round has true labels alone. The
    learning rate runs through its whole course, warm-up included, in each round. Of active rounds that go on
    (`rounds.restart: false`), each but the first begins with the weights and the pseudo-labels of the one before.

    `restart`: whether each further round begins with the weights that the run began with, before any active round, and
    the optimiser anew.
    `grow`: percentile gives pseudo-labels anew in each round, in round r (from 0) to the share r * add of the
    unlabelled images; most_confident adds `add` of them (a number, or a share of the unlabelled) to those that have
    one. `threshold`: only where the largest softmax is at least this; the paper's fixed threshold is percentile with
    add 1.0 and a threshold. `views`: null for images as they are, on which pseudo-labels are given in any case.
    """

    sees_pool: ClassVar[bool] = True

    regime: Literal["pseudo_label"]
    optimiser: Optimiser
    views: Views | None
    rounds: Epochs
    restart: bool
    grow: Literal["percentile", "most_confident"]
    add: Amount | Share
    threshold: ShareNotAll

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        if self.rounds > self.epochs:
            raise ValueError(f"rounds {self.rounds} must not be above epochs {self.epochs}")
        if self.optimiser.warmup > self.epochs // self.rounds:
            each = f"the {self.epochs // self.rounds} epochs of a round"
            raise ValueError(f"optimiser.warmup {self.optimiser.warmup:g} must not be above {each}")
        if self.grow == "percentile" and isinstance(self.add, int):
            raise ValueError(f"add {self.add} must be a share such as 0.2 (or 1.0 for all) with grow percentile")
        return self

    def round_at(self, epoch: int) -> Round:
        """The round that an epoch, from 0, belongs to."""
        each = self.epochs // self.rounds
        number = min(epoch // each, self.rounds - 1)
        start = number * each
        return Round(number, start, each if number < self.rounds - 1 else self.epochs - start)


class PseudoLabel(Classifier):
    """`pseudo`: int64 [N] over the pool, -1 for none; a true label told comes before it."""

    settings: Settings
    pseudo: Tensor

    def __init__(self, encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> None:
        super().__init__(encoder, classes, settings)
        self.register_buffer("pseudo", torch.full((pool_size,), -1))
        self.first = nn.ModuleList([twin(encoder), twin(self.head)] if settings.restart else [])

    def rates(self, epoch: float) -> dict[str, float]:
        now = self.settings.round_at(int(epoch))
        return {"model": self.settings.optimiser.at(epoch - now.start, now.epochs)}

    def forgets(self, epoch: int) -> bool:
        return self.settings.restart and self._begins(epoch)

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        if not self._begins(epoch.number):
            return
        self._give(self.settings.round_at(epoch.number).number, epoch, images)
        for module, first in zip((self.encoder, self.head), self.first, strict=False):
            module.load_state_dict(first.state_dict())

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        """Images with a label, true or not, shuffled together."""
        has_label = (epoch.labels >= 0) | (self.pseudo >= 0)
        return shuffled(epoch.shown[has_label[epoch.shown]], self.settings.batch_size, self.settings.steps)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        labels = torch.where(batch.labels >= 0, batch.labels, self.pseudo[batch.indices])
        logits = self.head(self.encoder(view(batch.images, self.settings.views)))
        yield {"cross_entropy": functional.cross_entropy(logits.float(), labels)}

    def _begins(self, epoch: int) -> bool:
        """Whether a round other than the first begins with this epoch."""
        now = self.settings.round_at(epoch)
        return now.number > 0 and now.start == epoch

    @torch.no_grad()
    def _give(self, number: int, epoch: Epoch, images: Images) -> None:
        """Gives the pseudo-labels of a round, by the model as it is."""
        unlabelled = epoch.unlabelled()
        total = len(unlabelled)
        if self.settings.grow == "percentile":
            self.pseudo.fill_(-1)
            candidates, count = unlabelled, upper(min(number * self.settings.add, 1.0), total)
        else:
            add = self.settings.add
            candidates = unlabelled[self.pseudo[unlabelled] < 0]
            count = add if isinstance(add, int) else max(round(add * total), 1)
        if not len(candidates):
            return
        classes, odds = [], []
        for part in candidates.split(images.at_once()):
            logits = self.head(embed(self.encoder, images, False, part))
            classes.append(logits.argmax(1))
            odds.append(log_odds(logits))
        chosen = surest(torch.cat(odds), count, self.settings.threshold)
        self.pseudo[candidates[chosen]] = torch.cat(classes)[chosen]


def log_odds(logits: Tensor) -> Tensor:
    """log(p / (1 - p)) of the largest softmax p of logits [N, C], float32 [N]: it orders images as p does, and goes on
    where p itself rounds to 1 and would leave hundreds of them equal."""
    logits = logits.float()
    top, place = logits.max(1)
    rest = logits.scatter(1, place[:, None], -math.inf)
    return top - rest.logsumexp(1)


def surest(odds: Tensor, count: int, threshold: float) -> Tensor:
    """Places, int64, of the `count` largest log-odds, the first of equal ones, whose p is at least the threshold."""
    order = odds.argsort(descending=True, stable=True)[:count]
    return order[odds[order].sigmoid() >= threshold]


def upper(share: float, total: int) -> int:
    """How many of `total` distinct values are not below their percentile 100 * (1 - share), interpolated linearly."""
    # the small term keeps 1 - 3 * 0.2 from rising above 0.4
    return total - math.ceil((1 - share) * (total - 1) - 1e-9) if total else 0


def cost(settings: Settings) -> float:
    """A round's look at the pool counts as if an epoch were one pass over it, which with `steps: null` the last ones
    are."""
    return 3 + (settings.rounds - 1) / settings.epochs


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> PseudoLabel:
    return PseudoLabel(encoder, classes, settings, pool_size)
