"""Ways to turn images into feature vectors, one file each.

A member has `Settings` (with `extractor`, its file's name, and `weights`) and
`extract(images uint8 [N, S, S, 3], settings, weights, device) -> float32 [N, d]`, where `weights` is the file or the
folder that `settings.weights` names, or None.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from stages.base import families

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from pydantic import BaseModel


class Images(Protocol):
    """Packed images uint8 [N, S, S, 3]: an array, or anything that gives one for a slice."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


class Rows:
    """Some rows of packed images, read from disk as they are asked for; notes when the first were."""

    def __init__(self, packed: np.ndarray, indices: np.ndarray) -> None:
        self.packed, self.indices = packed, indices
        self.first_read = float("inf")

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.indices), *self.packed.shape[1:])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        self.first_read = min(self.first_read, time.perf_counter())
        return self.packed[self.indices[rows]]


class Block(Protocol):
    """What every block of extractors says."""

    @property
    def extractor(self) -> str: ...

    @property
    def weights(self) -> str: ...


class Member(Protocol):
    """What a file of this package holds; the block that it is handed is of its own Settings."""

    Settings: type[BaseModel]

    def extract(self, images: Images, settings: Block, weights: Path | None, device: torch.device) -> np.ndarray: ...


def member(name: str) -> Member:
    """The extractor of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("extractors", name))
