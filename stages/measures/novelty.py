"""How classes that appear late are learnt, and what becomes of those known before.

`through`: for each class by name its validation accuracy (a share) after each of the run's epochs, float [E], or [0]
where it was not measured. `introduced`: for each class by name the epoch, counted from 1, in which its first image was
shown; None for never. A class is late if that is after epoch 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

Accuracies = Mapping[str, np.ndarray]
Introduced = Mapping[str, int | None]


def epochs_to(share: float, accuracies: np.ndarray, introduced: int | None) -> int | None:
    """How many epochs a class was seen until its accuracy after one of them was first at least `share` of its accuracy
    after the last; 1 if the epoch that introduced it was enough. None for a class never shown, not measured, or with a
    last accuracy of 0, and so never learnt."""
    if introduced is None or len(accuracies) < introduced or accuracies[-1] <= 0:
        return None
    reached = accuracies[introduced - 1 :] >= share * accuracies[-1]
    return int(reached.argmax()) + 1


def known_before(name: str, through: Accuracies, introduced: Introduced) -> tuple[float, float] | None:
    """The accuracy on the classes known before a late class, after the epoch before it appeared and after the last:
    means over these classes, each of which counts the same. None for a class that is not late, or not measured."""
    appeared = introduced[name]
    if appeared is None or appeared == 1:
        return None
    before = [other for other, epoch in introduced.items() if epoch is not None and epoch < appeared]
    measured = [through[other] for other in before if len(through[other]) >= appeared]
    if not measured:
        return None
    return float(np.mean([one[appeared - 2] for one in measured])), float(np.mean([one[-1] for one in measured]))


def of_class(name: str, through: Accuracies, introduced: Introduced) -> dict[str, float | None]:
    """epochs_to_50 and epochs_to_90, the epochs to half and nine tenths of the last accuracy; known_kept: of the
    accuracy on the classes known before it appeared, the share that is there in the end (above 1: it grew)."""
    known = known_before(name, through, introduced)
    return {
        "epochs_to_50": epochs_to(0.5, through[name], introduced[name]),
        "epochs_to_90": epochs_to(0.9, through[name], introduced[name]),
        "known_kept": known[1] / known[0] if known and known[0] > 0 else None,
    }


def summary(through: Accuracies, introduced: Introduced) -> dict[str, float | None]:
    """Over the late classes: how many they are, how many were learnt (a last accuracy above 0), the mean epochs to 50 %
    and 90 % of these, and known_kept as the ratio of sums, which a small accuracy before does not blow up. Nothing if
    no class is late."""
    late = [name for name, epoch in introduced.items() if epoch is not None and epoch > 1]
    if not late:
        return {}
    each = [of_class(name, through, introduced) for name in late]
    pairs = [pair for name in late if (pair := known_before(name, through, introduced)) is not None]
    before, kept = (math.fsum(pair[side] for pair in pairs) for side in (0, 1))
    measured = any(len(through[name]) for name in late)
    return {
        "late_classes": len(late),
        "late_classes_learnt": sum(one["epochs_to_50"] is not None for one in each) if measured else None,
        "epochs_to_50": _mean([one["epochs_to_50"] for one in each]),
        "epochs_to_90": _mean([one["epochs_to_90"] for one in each]),
        "known_kept": kept / before if before > 0 else None,
    }


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return math.fsum(numbers) / len(numbers) if numbers else None
