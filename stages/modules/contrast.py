"""Contrastive losses on pairs of views, as pure functions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["nt_xent", "cross_view"]


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent (Chen et al. 2020, eq. 1): each of the 2N views against the 2N - 1 others, 2N - 2 of them negatives.

    first, second: [N, d], projections of two views of the same images, in the same order; normalised here.
    Returns the mean over all 2N views, a scalar in float32.
    """
    views = functional.normalize(torch.cat([first, second]).float(), dim=1)
    with torch.autocast(views.device.type, enabled=False):
        similarity = views @ views.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    n = len(first)
    partner = torch.arange(2 * n, device=views.device).roll(n)
    return functional.cross_entropy(similarity, partner)


def cross_view(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Symmetric cross-view InfoNCE, as system A's code has it: each view against the N views of the other side only,
    N - 1 of them negatives; the mean of both directions.

    first, second: [N, d], as above. Returns a scalar in float32.
    """
    first = functional.normalize(first.float(), dim=1)
    second = functional.normalize(second.float(), dim=1)
    with torch.autocast(first.device.type, enabled=False):
        similarity = first @ second.T / temperature
    partner = torch.arange(len(first), device=first.device)
    return (functional.cross_entropy(similarity, partner) + functional.cross_entropy(similarity.T, partner)) / 2


def contrast(first: Tensor, second: Tensor, loss: Loss, temperature: float) -> Tensor:
    """The loss of that name."""
    return (nt_xent if loss == "nt_xent" else cross_view)(first, second, temperature)
