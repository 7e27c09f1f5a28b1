"""A linear head that standardises what it is given: its weights see each entry with mean 0 and deviation 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# of the largest deviation: what varies less is taken as it is
_STILL = 1e-6


class Standardised(nn.Linear):
    """`mean` and `deviation`, [d], are buffers and so are saved with the weights: 0 and 1 until `fit`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    @torch.no_grad()
    def fit(self, vectors: Tensor) -> None:
        """From vectors [n, d], of which no label need be known."""
        deviation, mean = torch.std_mean(vectors.double(), dim=0, correction=0)
        varies = deviation > _STILL * deviation.max()
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.where(varies, torch.ones_like(deviation)))

    def inputs(self, vectors: Tensor) -> Tensor:
        """What the weights are multiplied with, [n, d]."""
        return (vectors - self.mean) / self.deviation

    def forward(self, vectors: Tensor) -> Tensor:
        return super().forward(self.inputs(vectors))
