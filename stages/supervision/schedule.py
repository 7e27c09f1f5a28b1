"""Gradual supervision's schedule: what is seen and told at each epoch."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, model_validator

from stages.base import draws, families
from stages.base.errors import UserError
from stages.base.names import ClassName
from stages.base.numbers import Classes, Duration, Share, ShareOrNone

Shape = Literal["linear", "step", "cosine"]


class Schedule(BaseModel, extra="forbid", frozen=True):
    """The section `schedule`; epochs e are counted from 0 to E - 1.

    classes seen = clip(end_classes * r(e / class_epochs), start_classes, end_classes), rounded down; with linear r and
    class_epochs = end_classes this is system A's clip(e, start_classes, end_classes).
    labelled share = clip(r(e / label_epochs), start_share, end_share), of the labels bought among the classes seen.
    r(x) is x (linear), (1 - cos(pi x)) / 2 (cosine), or 0 before x = 1/2 and 1 from there on (step); x is at most 1.
    null stands for all classes (end_classes), for end_classes (class_epochs), and for all epochs (label_epochs).
    `class_order`: "given", "random" (drawn by seed), or the names in order.
    `redraw` draws anew at every epoch which images are labelled, as system A did: over a run nearly every label
    bought is told.
    """

    start_classes: Classes
    end_classes: Classes | None
    class_epochs: Duration | None
    class_shape: Shape
    class_order: Literal["given", "random"] | list[ClassName]
    start_share: ShareOrNone
    end_share: Share
    label_epochs: Duration | None
    label_shape: Shape
    redraw: bool

    @model_validator(mode="after")
    def _ordered(self) -> Schedule:
        if self.end_classes is not None and self.start_classes > self.end_classes:
            raise ValueError(f"start_classes {self.start_classes} must not be above end_classes {self.end_classes}")
        if self.start_share > self.end_share:
            raise ValueError(f"start_share {self.start_share} must not be above end_share {self.end_share}")
        return self

    def check(self, classes: list[str], where: str) -> None:
        """Raises UserError for what the classes of the data cannot give."""
        for key in ("start_classes", "end_classes"):
            wanted = getattr(self, key)
            if wanted is not None and wanted > len(classes) > 0:
                raise UserError(f"{where}.{key}={wanted}: the data has {len(classes)} classes")
        if isinstance(self.class_order, list):
            for name in self.class_order:
                if name not in classes:
                    raise UserError(f"{where}.class_order: no class {name!r}; {families.choices(name, classes)}")
            if sorted(self.class_order) != sorted(classes):
                raise UserError(f"{where}.class_order: must name each of the {len(classes)} classes once")

    def order(self, classes: list[str], seed: int) -> np.ndarray:
        """Class ids, int64 [C], in the order in which they appear."""
        if self.class_order == "given":
            return np.arange(len(classes))
        if self.class_order == "random":
            return draws.rng(seed, "supervision.class_order").permutation(len(classes))
        return np.array([classes.index(name) for name in self.class_order])

    def classes_seen(self, epoch: int, classes: int) -> int:
        end = min(self.end_classes or classes, classes)
        share = ramp(self.class_shape, epoch / (self.class_epochs or end))
        # the small term keeps 3 / 10 * 10 from falling below 3
        return min(max(math.floor(end * share + 1e-9), self.start_classes), end)

    def label_share(self, epoch: int, epochs: int) -> float:
        share = ramp(self.label_shape, epoch / (self.label_epochs or epochs))
        return min(max(share, self.start_share), self.end_share)


def ramp(shape: Shape, x: float) -> float:
    """Rises from 0 at x = 0 to 1 at x = 1, and stays there."""
    x = min(x, 1.0)
    if shape == "linear":
        return x
    if shape == "cosine":
        return (1 - math.cos(math.pi * x)) / 2
    return float(x >= 0.5)
