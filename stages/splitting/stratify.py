"""The same share of every class, held out by seed."""

from __future__ import annotations

import numpy as np

from stages.base import draws
from stages.base.errors import UserError


def held_out(labels: np.ndarray, classes: list[str], share: float, seed: int, key: str) -> np.ndarray:
    """Which images to hold out: bool [N], about `share` and at least one of each class, no unknown one (-1).

    A class draws from its own stream, so that leaving out one class changes nothing for the others.
    `labels` int64 [N] are places in `classes`; classes without an image are passed over.
    Raises UserError, which names `key` and what helps, if no image of a class would be left.
    """
    mask = np.zeros(len(labels), dtype=bool)
    for label, name in enumerate(classes):
        members = np.flatnonzero(labels == label)
        if not len(members):
            continue
        count = max(1, part_of(share, len(members)))
        if count >= len(members) == 1:
            raise UserError(
                f"{key}={share:g}: class {name} has 1 image, and needs one to learn from and one to hold out; add an "
                "image to it, or take the class away"
            )
        if count >= len(members):
            raise UserError(
                f"{key}={share:g} would take all {len(members)} images of class {name}; "
                f"lower it, or add images to the class"
            )
        mask[draws.rng(seed, "splitting.held_out", label).permutation(members)[:count]] = True
    return mask


def part_of(share: float, count: int) -> int:
    """`share` of `count`, rounded half up."""
    return int(share * count + 0.5)
