"""What the world shows and tells at each epoch, decided beforehand; and the labels told so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.base import draws
from stages.supervision.schedule import Schedule

NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class World:
    """For each image of the pool, the epoch (from 0) at which it is first shown and first told.

    shown_at, told_at: int32 [N], NEVER where it does not happen; classes_seen: one number for each epoch.
    redrawn: None, or for each epoch the images told in it alone (system A's way).
    """

    shown_at: np.ndarray
    told_at: np.ndarray
    classes_seen: list[int]
    redrawn: list[np.ndarray] | None = None

    def shown(self, epoch: int) -> np.ndarray:
        """The images shown at an epoch, int64, ascending."""
        return np.flatnonzero(self.shown_at <= epoch)

    def told(self, epoch: int) -> np.ndarray:
        """The images whose labels training may use at an epoch, int64, ascending."""
        if self.redrawn is not None:
            return self.redrawn[epoch]
        return np.flatnonzero(self.told_at <= epoch)

    def ever_told(self, epoch: int) -> np.ndarray:
        """The images whose labels have been told by the end of an epoch, int64, ascending."""
        return np.flatnonzero(self.told_at <= epoch)

    def labels_told(self, epoch: int) -> int:
        """How many labels have ever been told by the end of an epoch."""
        return len(self.ever_told(epoch))

    def introduced(self, labels: np.ndarray, classes: int) -> list[int | None]:
        """For each class the epoch, counted from 1, at which its first image is shown; None for never."""
        first = [self.shown_at[labels == c].min(initial=NEVER) for c in range(classes)]
        return [None if epoch == NEVER else int(epoch) + 1 for epoch in first]


class Told:
    """The only way by which training code gets labels: those that the world tells, -1 for all others."""

    def __init__(self, labels: np.ndarray, world: World) -> None:
        self._labels, self.world = labels, world

    def at(self, epoch: int) -> np.ndarray:
        """int64 [N] at an epoch: the label of each image told, -1 elsewhere."""
        labels = np.full(len(self._labels), -1, dtype=np.int64)
        told = self.world.told(epoch)
        labels[told] = self._labels[told]
        return labels

    def counts(self, epoch: int) -> np.ndarray:
        """How many labels of each class seen are told at an epoch, int64 [C]."""
        labels = self.at(epoch)
        return np.bincount(labels[labels >= 0], minlength=self.world.classes_seen[epoch])


def everything(pool_size: int, epochs: int) -> World:
    """All images are shown from the start, and nothing is told: the world of pretraining."""
    return World(np.zeros(pool_size, np.int32), np.full(pool_size, NEVER, np.int32), [0] * epochs)


def fixed(labels: np.ndarray, bought: np.ndarray, classes: int, epochs: int) -> World:
    """From the start shows the images of the first `classes` classes and those of unknown class, and tells the labels
    bought among them. labels: int64 [N], true classes; bought: int64 [n], images in the order of the ranking."""
    shown_at = np.where(labels < classes, 0, NEVER).astype(np.int32)
    told_at = np.full(len(labels), NEVER, np.int32)
    told_at[bought[shown_at[bought] == 0]] = 0
    return World(shown_at, told_at, [classes] * epochs)


def gradual(
    labels: np.ndarray, bought: np.ndarray, order: np.ndarray, schedule: Schedule, *, epochs: int, seed: int
) -> World:
    """System A's world: classes appear in `order` (class ids) by the schedule, and of the labels bought among the
    classes seen a rising share is told, in the order of the ranking. A label once told stays told, unless `redraw`."""
    classes_seen = [schedule.classes_seen(epoch, len(order)) for epoch in range(epochs)]
    # by class id: `order` may leave classes out
    appears = np.full(max(order.max(), labels.max(initial=0)) + 1, NEVER, np.int32)
    for epoch in reversed(range(epochs)):
        appears[order[: classes_seen[epoch]]] = epoch
    # an image of unknown class belongs to no class that could be held back
    shown_at = np.where(labels >= 0, appears[labels], 0).astype(np.int32)
    told_at = np.full(len(labels), NEVER, np.int32)
    generator = draws.rng(seed, "supervision.redraw")
    redrawn: list[np.ndarray] = []
    for epoch in range(epochs):
        candidates = bought[shown_at[bought] <= epoch]
        # never none: a probe that has been told nothing has nothing to learn
        count = min(max(round(schedule.label_share(epoch, epochs) * len(candidates)), 1), len(candidates))
        if schedule.redraw:
            told = np.sort(generator.permutation(candidates)[:count])
            redrawn.append(told)
        else:
            told = candidates[:count]
        told_at[told] = np.minimum(told_at[told], epoch)
    return World(shown_at, told_at, classes_seen, redrawn if schedule.redraw else None)
