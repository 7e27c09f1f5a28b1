"""What an encoder is to all others: images of the data's size in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stages.encoders._chain import Chain


class Encoder(nn.Module):
    """One of the networks of this package, with the normalisation of the images that it is for.

    Takes float images [N, 3, size, size] in [0, 1], gives [N, dim].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, size: int, mean: Sequence[float], std: Sequence[float], body: Chain) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self.dim = body.dim
        self.body = body
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, 3, 1, 1))

    def blocks(self) -> list[nn.Module]:
        """The parts that hold parameters, from input to output; each parameter is in exactly one."""
        return self.body.blocks()

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body((images - self.mean) / self.std)
        return features
