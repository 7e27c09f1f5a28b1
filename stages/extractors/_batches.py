"""Images through a network, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

# batches between two copies to the host: fetching each result at once would leave a GPU idle in between
_WAIT = 16


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


def features(images: Images, network: Callable[[Tensor], Tensor], batch_size: int, device: torch.device) -> np.ndarray:
    """float32 [N, d]: `network` takes float [n, 3, S, S] in [0, 1] on the device, channels-last, and gives [n, d]."""
    if not len(images):  # one black image tells d
        return features(np.zeros((1, *images.shape[1:]), np.uint8), network, 1, device)[:0]
    found: np.ndarray | None = None
    with torch.inference_mode():
        for start in range(0, len(images), batch_size * _WAIT):
            stop = min(start + batch_size * _WAIT, len(images))
            rows = torch.cat(
                [
                    network(_upload(images[first : min(first + batch_size, stop)], device)).float()
                    for first in range(start, stop, batch_size)
                ]
            )
            if found is None:
                found = np.empty((len(images), rows.shape[1]), np.float32)
            found[start:stop] = rows.cpu().numpy()
    assert found is not None
    return found


def _upload(batch: np.ndarray, device: torch.device) -> Tensor:
    # a copy, since torch takes no read-only memory map
    packed = torch.from_numpy(np.array(batch))
    if device.type == "cuda":
        packed = packed.pin_memory().to(device, non_blocking=True)
    return packed.permute(0, 3, 1, 2).float() / 255
