"""Heads that methods and regimes share."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def perceptron(widths: list[int], *, batch_norm: bool = False, standardised: bool = False) -> nn.Sequential:
    """Linear layers of these widths (first the input's) with leaky ReLU 0.2 between them, as in system A; or with batch
    norm and ReLU, as in BYOL and SwAV. `standardised`: batch norm without weights behind the last. The first weights
    are torch's."""
    layers: list[nn.Module] = []
    for width, following in pairwise(widths[:-1]):
        # batch norm has a bias of its own
        layers.append(nn.Linear(width, following, bias=not batch_norm))
        layers += [nn.BatchNorm1d(following), nn.ReLU()] if batch_norm else [nn.LeakyReLU(0.2)]
    layers.append(nn.Linear(widths[-2], widths[-1]))
    if standardised:
        layers.append(nn.BatchNorm1d(widths[-1], affine=False))
    return nn.Sequential(*layers)
