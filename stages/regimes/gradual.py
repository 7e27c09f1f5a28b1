"""Gradual supervision (system A): at each step the views of all images shown contrast, and a linear probe learns from
the images told; more classes and more labels come with the epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Amount, Classes, Duration, Rate, Temperature, Widths
from stages.encoders import Encoder
from stages.modules.contrast import Loss, contrast
from stages.modules.heads import perceptron
from stages.regimes import _sandbox
from stages.regimes._plastic import Plastic, PlasticBlock
from stages.supervision.schedule import Schedule
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Epoch, mixed, shuffled
from stages.training.optimiser import Rule


class Falling(BaseModel, extra="forbid", frozen=True):
    """A learning rate: ceiling * 0.1^(epoch / decay), not below the floor; `decay` is the epochs of a factor of ten."""

    ceiling: Rate
    floor: float = Field(ge=0, le=100, allow_inf_nan=False)
    decay: Duration

    @model_validator(mode="after")
    def _ordered(self) -> Falling:
        if self.floor > self.ceiling:
            raise ValueError(f"floor {self.floor} must not be above ceiling {self.ceiling}")
        return self

    def at(self, epoch: float) -> float:
        return max(self.ceiling * 0.1 ** (epoch / self.decay), self.floor)


class Settings(PlasticBlock):
    """A batch holds labelled and unlabelled images in proportion, but at least `least_labelled` labelled ones.

    `contrast_views` are for all images, `probe_views` for the labelled ones; `probe_moves_encoder`: whether the probe's
    loss moves the encoder too. System A's text says that it does. In every version of its code the gradient goes to the
    probe alone: `false` is the reproduction; true has 46.6 % where it has 36.0, in a trial on fewer images.
    `start_classes`: null for the schedule's, a number to stand in for it, so that one run compares several.
    `encoder_rate` is for encoder and projection head, `probe_rate` for the probe and, where the sandbox has one, the
    second probe.
    `sandbox`: null, or system A's further updates of the encoder in each step, one of regimes/_sandbox.py by name. They
    see the batch through one set of `probe_views`, as the text does not say which; encodings are the encoder's output.
    A batch without labelled or without unlabelled images goes without them.
    """

    regime: Literal["gradual"]
    follows: Literal["schedule"]
    optimiser: Rule
    encoder_rate: Falling
    probe_rate: Falling
    contrast_views: Views
    probe_views: Views
    loss: Loss
    temperature: Temperature
    projection: Widths
    probe_moves_encoder: bool
    least_labelled: Amount
    start_classes: Classes | None
    sandbox: _sandbox.Sandbox | None

    def told_by(self, schedule: Schedule) -> Schedule:
        if self.start_classes is None:
            return schedule
        return Schedule.model_validate(schedule.model_dump() | {"start_classes": self.start_classes})


class Gradual(Plastic):
    settings: Settings

    def __init__(self, encoder: Encoder, classes: int, settings: Settings) -> None:
        super().__init__(encoder, classes, settings)
        self.projection = perceptron([encoder.dim, *settings.projection])
        self.second_probe: nn.Linear | None = None
        if settings.sandbox in _sandbox.PROBED:
            self.second_probe = nn.Linear(encoder.dim, classes)
        self._labelled_in_batch = 0

    def groups(self) -> dict[str, list[nn.Parameter]]:
        learners = [*self.encoder.parameters(), *self.projection.parameters()]
        groups = {"encoder": learners, "probe": list(self.head.parameters())}
        if self.second_probe is not None:
            groups["second_probe"] = list(self.second_probe.parameters())
        return groups

    def rates(self, epoch: float) -> dict[str, float]:
        encoder, probe = self.settings.encoder_rate, self.settings.probe_rate
        rates = {"encoder": encoder.at(int(epoch)), "probe": probe.at(int(epoch))}
        return rates if self.second_probe is None else rates | {"second_probe": rates["probe"]}

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        """Each batch holds its labelled images first, and the same number of them throughout the epoch."""
        labelled, unlabelled = epoch.labelled(), epoch.unlabelled()
        size = min(self.settings.batch_size, len(epoch.shown))
        steps = self.settings.steps or -(-len(epoch.shown) // size)
        share = max(round(size * len(labelled) / len(epoch.shown)), min(self.settings.least_labelled, size))
        if not len(unlabelled):
            share = size
        self._labelled_in_batch = min(share, len(labelled))
        if self._labelled_in_batch == size:
            yield from shuffled(labelled, size, steps)
        else:
            yield from mixed(labelled, self._labelled_in_batch, unlabelled, size - self._labelled_in_batch, steps)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        first, second = (
            self.projection(self.encoder(augment(batch.images, self.settings.contrast_views))) for _ in range(2)
        )
        yield {"contrast": contrast(first, second, self.settings.loss, self.settings.temperature)}

        told = slice(self._labelled_in_batch)
        images = augment(batch.images[told], self.settings.probe_views)
        if self.settings.probe_moves_encoder:
            features = self.encoder(images)
        else:
            self.encoder.eval()
            with torch.no_grad():
                features = self.encoder(images)
            self.encoder.train()
        logits = self.logits(features)
        yield {"cross_entropy": functional.cross_entropy(logits.float(), batch.labels[told])}

        if self.settings.sandbox is not None and 0 < self._labelled_in_batch < len(batch.indices):
            yield from self._play(batch, self.settings.sandbox)

    def _play(self, batch: Batch, name: _sandbox.Sandbox) -> Iterator[dict[str, Tensor]]:
        """The sandbox's updates: one, or one for each class among the labels, each with encodings of its own, since the
        update before has moved the encoder."""
        told = self._labelled_in_batch
        labels = batch.labels[:told]
        # here the device is waited for, once for as many passes of the encoder as there are classes
        turns = labels.unique().tolist() if name == "reclassify" else [0]
        for turn in turns:
            encodings = self.encoder(augment(batch.images, self.settings.probe_views)).float()
            with torch.autocast(encodings.device.type, enabled=False):
                losses = _sandbox.loss(
                    name, encodings[:told], labels, encodings[told:], self.head.out_features, self.second_probe
                )
            yield {name: losses[turn]}


def cost(settings: Settings) -> float:
    if settings.sandbox == "reclassify":
        # the classes of the data are not known here
        return 9 + 3 * (settings.classes or 10)
    return 9 if settings.sandbox is None else 12


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> Gradual:
    return Gradual(encoder, classes, settings)
