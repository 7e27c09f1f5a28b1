"""What an encoder is to all others: images of the data's size in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from stages.encoders._chain import Chain

# of a batch without gradients, at the network's own size. On a CPU larger blocks go back to the system after each
# layer, and clearing them anew is half of the time: EfficientNet-Lite0 at 128 px has 150 images a second of processor
# time in batches of 16, and 72 in batches of 128
CPU_PIXELS = 2**18


class Encoder(nn.Module):
    """One of the networks of this package, with the normalisation of the images that it is for.

    Takes float images [N, 3, size, size] in [0, 1], gives [N, dim].
    """

    GPU_PIXELS: ClassVar = 2**20

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, size: int, mean: Sequence[float], std: Sequence[float], body: Chain) -> None:
        super().__init__()
        self.name = name
        self.size = size
        # the side of what `body` is given
        self.input = size
        self.dim = body.dim
        self.body = body
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, 3, 1, 1))

    def blocks(self) -> list[nn.Module]:
        """The parts that hold parameters, from input to output; each parameter is in exactly one."""
        return self.body.blocks()

    def at_once(self, device: torch.device) -> int:
        """How many images a batch without gradients is best made of."""
        return max(1, (CPU_PIXELS if device.type == "cpu" else self.GPU_PIXELS) // self.input**2)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body((images - self.mean) / self.std)
        return features
