"""Packed images within reach of the device: all of them there where they fit, else streamed from the packed file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stages.training import measure, memory

if TYPE_CHECKING:
    from stages.encoders import Encoder

# the rest is for the network and for other users of the card
_SHARE_OF_FREE_MEMORY = 0.4


# of a batch without gradients
_CPU_PIXELS, _GPU_PIXELS = 2**18, 2**20


class Images:
    """uint8 [N, S, S, 3] by row number.

    packed: uint8 [M, S, S, 3], an array or a memory map; rows: int64 [N], which of them are meant; half: whether
    `vectors` are computed in bfloat16.
    """

    def __init__(self, packed: np.ndarray, rows: np.ndarray, device: torch.device, *, half: bool = False) -> None:
        memory.keep_freed(device)
        self.device, self.half = device, half
        self._packed, self._rows = packed, rows
        self._resident: Tensor | None = None
        if len(rows) * packed[:1].nbytes <= _SHARE_OF_FREE_MEMORY * _free_memory(device):
            self._resident = torch.from_numpy(packed[rows]).to(device)

    def at_once(self) -> int:
        """How many of them a network without gradients takes in one batch."""
        return max(1, (_CPU_PIXELS if self.device.type == "cpu" else _GPU_PIXELS) // max(self.size**2, 1))

    @property
    def indexed_on(self) -> torch.device:
        """Where indices are best: with streamed images on the CPU, or each batch waits until the device is done."""
        return torch.device("cpu") if self._resident is None else self.device

    @property
    def size(self) -> int:
        """Pixels on a side."""
        return int(self._packed.shape[1])

    def vectors(self, encoder: Encoder, chosen: Tensor | None = None) -> Tensor:
        """What an encoder that nothing moves makes of all of them or of those `chosen`, int64 [N]: float32 [N, dim] on
        the device."""
        return measure.embed(encoder, self, self.half, chosen)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """The images at int64 [B], on the device."""
        if self._resident is not None:
            return self._resident[indices]
        # ascending rows read a disk forwards
        rows, order = np.unique(self._rows[indices.cpu().numpy()], return_inverse=True)
        batch = torch.from_numpy(self._packed[rows][order])
        if self.device.type == "cuda":
            batch = batch.pin_memory()
        return batch.to(self.device, non_blocking=True)


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    # where the system does not tell (macOS), a size that any machine for this work has
    return 8 * 2**30
