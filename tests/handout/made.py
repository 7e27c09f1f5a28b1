"""A small handout, as tests need one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.handout import Handout, Origin, Task, picture


def handout(
    count: int = 6, *, size: int = 32, classes: Sequence[str] = ("cat", "dog"), clusters: int = 2, model: bool = False
) -> Handout:
    """Pictures of noise with awkward paths; cluster 7 first, then 8, and so on."""
    tasks = [
        Task(
            image=f'shots/{number}, "ü" <b>&.png',
            rank=number + 1,
            cluster=7 + number * clusters // count if clusters else None,
            reasons={"distance": f"{number / 7:.6f}", "kind": "a;b"} if number else {"distance": "0.0"},
            guess=(classes[number % len(classes)], 0.75) if model else None,
        )
        for number in range(count)
    ]
    shown = [picture(pixels) for pixels in noise(count, size, size)]
    return Handout(Origin("shots", "kmeans", 0, list(classes), "probe" if model else None), tasks, shown)


def noise(count: int, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
