"""What a pretraining method or a regime is to the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from pydantic import BaseModel, model_validator
from torch import Tensor, nn

from stages.base.numbers import BatchSize, Classes, Epochs, Steps
from stages.training.optimiser import Optimiser, Rule

if TYPE_CHECKING:
    from stages.training.images import Images


# whose places are held in memory at once
LARGEST_EPOCH = 100_000_000


class Shown(BaseModel, extra="forbid", frozen=True):
    """What every trained block of params.yaml says. `classes`: the world shows the first k classes only (null: all)."""

    classes: Classes | None
    epochs: Epochs

    def visits(self, images: int) -> int:
        """How many images the batches of an epoch hold that goes through so many."""
        return images

    def sizes(self) -> list[int]:
        """Sides of square images in px that the encoder is given beside those of the data's size."""
        return []

    def check_size(self, size: int) -> None:
        """Raises ValueError for images of a size in px with which the method can't work."""


class Training(Shown):
    """What a block says that is trained by steps. `steps` for each epoch (null: as many as one pass over the images
    takes); `optimiser` has a learning rate of its own, unless the method says another."""

    steps: Steps | None
    batch_size: BatchSize
    optimiser: Rule

    def visits(self, images: int) -> int:
        return self.steps * self.batch_size if self.steps else images

    @model_validator(mode="after")
    def _reaches_its_rate(self) -> Self:
        if isinstance(self.optimiser, Optimiser) and self.optimiser.warmup > self.epochs:
            raise ValueError(f"optimiser.warmup {self.optimiser.warmup:g} must not be above epochs {self.epochs}")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.steps is not None and self.steps * self.batch_size > LARGEST_EPOCH:
            images = f"{self.steps} steps of {self.batch_size} images"
            raise ValueError(f"{images} must be at most {LARGEST_EPOCH:,} images an epoch; give more epochs instead")
        return self


@dataclass(frozen=True)
class Batch:
    """indices int64 [B] in the pool, images uint8 [B, S, S, 3], labels int64 [B] with -1 for those not told."""

    indices: Tensor
    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Epoch:
    """What a method may know at an epoch (from 0): the images shown, int64 [n], and the labels told, int64 [N], -1
    elsewhere; N is the size of the pool."""

    number: int
    shown: Tensor
    labels: Tensor

    def labelled(self) -> Tensor:
        """The images shown whose labels have been told, int64."""
        return self.shown[self.labels[self.shown] >= 0]

    def unlabelled(self) -> Tensor:
        """The images shown whose labels have not been told, int64."""
        return self.shown[self.labels[self.shown] < 0]


class Method(nn.Module):
    """Owns its encoder, heads, queues and memory banks (as buffers), and says what to do with a batch.

    The loop owns epochs, optimiser steps, precision, logging and checkpoints. `state_dict` is the whole state: whatever
    an epoch leaves behind is a parameter or a persistent buffer, so that a resumed run is the run that never stopped.
    Randomness comes from torch's default generators, which the loop seeds anew at each epoch.
    """

    settings: Shown
    encoder: nn.Module

    def __init__(self, encoder: nn.Module, settings: Shown) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = encoder

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Named parameter groups, each with its own learning rate. By default one, "model", of all that have a
        gradient, which twins have not."""
        return {"model": [parameter for parameter in self.parameters() if parameter.requires_grad]}

    def rule(self) -> Rule:
        """The optimiser's rule. By default `optimiser` of the settings."""
        return self._by_steps().optimiser

    def rates(self, epoch: float) -> dict[str, float]:
        """The learning rate of each group at a fractional epoch. By default the one of the settings' `optimiser`."""
        rule = self._by_steps().optimiser
        assert isinstance(rule, Optimiser), "a rule alone has no rate"
        return {"model": rule.at(epoch, self.settings.epochs)}

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        """The batches of an epoch, as indices of the pool, int64 [B]. By default: the images shown, shuffled."""
        return shuffled(epoch.shown, self._by_steps().batch_size, self._by_steps().steps)

    def solve(self, epoch: Epoch, images: Images) -> dict[str, float]:
        """Finds the weights by itself, and gives the named losses that are left. Asked in place of batches, updates and
        steps of a method none of whose parameters has a gradient."""
        raise NotImplementedError

    def begin_epoch(self, epoch: Epoch, images: Images) -> None:
        """Called before an epoch's first batch; `images` gives any of the pool's by index."""

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """Yields the named losses of one update after the other: the loop sums them, goes backward and steps, and only
        then asks for the next. Parameters that a loss does not reach stay as they are."""
        raise NotImplementedError

    def after_update(self, epoch: float) -> None:
        """Called after each optimiser step, at a fractional epoch: momentum encoders, normalised prototypes."""

    def watched(self) -> nn.Module:
        """What turns images into the vectors whose spread is measured after each epoch: a head's, where a loss works on
        those, for it can collapse by itself. By default the encoder's."""
        return self.encoder

    def forgets(self, epoch: int) -> bool:
        """Whether the optimiser begins anew at an epoch (from 0), as after weights were drawn anew."""
        return False

    def _by_steps(self) -> Training:
        assert isinstance(self.settings, Training), "the settings of what is trained by steps"
        return self.settings


def mixed(labelled: Tensor, count: int, others: Tensor, other_count: int, steps: int) -> Iterator[Tensor]:
    """As many batches, each of `count` of the `labelled` images first, then of `other_count` of the `others`; each kind
    in orders of its own, and over again where a batch takes more than there are."""
    first = shuffled(_at_least(labelled, count), count, steps)
    for one, other in zip(first, shuffled(_at_least(others, other_count), other_count, steps), strict=True):
        yield torch.cat([one, other])


def _at_least(indices: Tensor, count: int) -> Tensor:
    """`indices`, over and over if they are fewer than `count`."""
    return indices.repeat(-(-count // len(indices)))


def shuffled(indices: Tensor, batch_size: int, steps: int | None) -> Iterator[Tensor]:
    """Batches of a random order of `indices`; with `steps`, that many batches, from as many orders as it takes.

    One pass shows each image once, in as few batches as it takes, all of one size up to one image: a last batch of two
    would be a whole step of a contrast with two images, and most authors drop it. A lone image, for which batch norm
    has no variance, is left out. Fewer images than a batch make one batch of all of them.
    """
    size = min(batch_size, len(indices))
    if steps is None:
        order = indices[torch.randperm(len(indices), device=indices.device)]
        for batch in order.tensor_split(max(1, -(-len(order) // max(size, 1)))):
            if len(batch) > 1 or len(indices) == 1:
                yield batch
        return
    pending = indices[:0]
    for _ in range(steps):
        while len(pending) < size:
            order = indices[torch.randperm(len(indices), device=indices.device)]
            pending = torch.cat([pending, order])
        yield pending[:size]
        pending = pending[size:]
