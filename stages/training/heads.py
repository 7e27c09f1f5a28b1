"""Heads that methods and regimes share."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def perceptron(widths: list[int]) -> nn.Sequential:
    """Linear layers of these widths (first the input's) with leaky ReLU 0.2 between them, as in system A."""
    layers: list[nn.Module] = []
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])
