"""Images through a network, batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stages.extractors import Images

# batches between two copies to the host: fetching each result at once would leave a GPU idle in between
_WAIT = 16


def features(images: Images, network: Callable[[Tensor], Tensor], batch_size: int, device: torch.device) -> np.ndarray:
    """float32 [N, d]: `network` takes float [n, 3, S, S] in [0, 1] on the device, channels-last, and gives [n, d]."""
    if not len(images):  # one black image tells d
        return features(np.zeros((1, *images.shape[1:]), np.uint8), network, 1, device)[:0]
    vectors: np.ndarray | None = None
    with torch.inference_mode():
        for start in range(0, len(images), batch_size * _WAIT):
            stop = min(start + batch_size * _WAIT, len(images))
            rows = torch.cat(
                [
                    network(_upload(images[first : min(first + batch_size, stop)], device)).float()
                    for first in range(start, stop, batch_size)
                ]
            )
            if vectors is None:
                vectors = np.empty((len(images), rows.shape[1]), np.float32)
            if len(rows) != stop - start:  # numpy would fill all places with a single row
                raise ValueError(f"the network gave {len(rows)} vectors for {stop - start} images")
            vectors[start:stop] = rows.cpu().numpy()
    assert vectors is not None
    return vectors


def _upload(batch: np.ndarray, device: torch.device) -> Tensor:
    # a copy, since torch takes no read-only memory map
    packed = torch.from_numpy(np.array(batch))
    if device.type == "cuda":
        packed = packed.pin_memory().to(device, non_blocking=True)
    return packed.permute(0, 3, 1, 2).float() / 255
