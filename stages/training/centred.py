"""A linear head on the directions of vectors: of length 1, about their mean, at one scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Centred(nn.Linear):
    """`mean`, [d], and `scale`, a scalar, are buffers and so are saved with the weights: 0 and 1 until `fit`."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def fit(self, vectors: Tensor) -> None:
        """From vectors [n, d], of which no label need be known: what the weights see of them has mean 0 and mean
        squared length 1. Vectors that are all alike are left at the mean."""
        directions = functional.normalize(vectors.double(), dim=1)
        mean = directions.mean(0)
        scale = (directions - mean).square().sum(1).mean().sqrt()
        self.mean.copy_(mean)
        # float32 tells no directions apart that are closer
        self.scale.copy_(scale if scale > 1e-6 else torch.ones_like(scale))

    def inputs(self, vectors: Tensor) -> Tensor:
        """What the weights are multiplied with, [n, d]."""
        return (functional.normalize(vectors, dim=1) - self.mean) / self.scale

    def forward(self, vectors: Tensor) -> Tensor:
        return super().forward(self.inputs(vectors))
