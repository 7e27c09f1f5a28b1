"""BADGE: images whose gradients are large and differ (Ash et al. 2020)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.acquisition import Acquisition, Candidates, Query

# of a squared distance, against the squares it is the difference of: nearer is the same point, for all float64 can tell
_SAME = 1e-12


class Settings(Acquisition):
    name: Literal["badge"]


def query(candidates: Candidates, settings: Settings) -> Query:
    """No score. By the gradient of the head's weights, g = (p - onehot(argmax p)) x h with h what they see, if the
    model's guess were the label: the first has the longest, as in the released code, each further one is drawn by the
    squared distance of its gradient to the nearest of those drawn (k-means++), and at random where all others are the
    same as one of them.

    With r = p - onehot, |g_i - g_j|^2 = |r_i|^2 |h_i|^2 + |r_j|^2 |h_j|^2 - 2 (r_i.r_j)(h_i.h_j), so that gradients, of
    C x d numbers, are never made.
    """
    embedding = candidates.inputs()[candidates.askable].double()
    residual = candidates.probabilities()
    residual -= functional.one_hot(residual.argmax(1), residual.shape[1])
    order = spread(residual, embedding, candidates.rng().random(candidates.count))
    return Query(candidates.askable[order], None)


def spread(residual: Tensor, embedding: Tensor, draws: np.ndarray) -> Tensor:
    """Rows int64 [b], distinct: k-means++ on the outer products of residual [n, C] and embedding [n, d], float64, from
    draws [b] in [0, 1), of which the first is not used."""
    squares = residual.square().sum(1) * embedding.square().sum(1)
    undrawn = torch.ones_like(squares)
    nearest = torch.full_like(squares, torch.inf)
    picks = [int(squares.argmax())]
    for draw in draws[1:]:
        last = picks[-1]
        ends = squares + squares[last]
        distances = ends - 2 * (residual @ residual[last]) * (embedding @ embedding[last])
        nearest = torch.minimum(nearest, distances.where(distances > _SAME * ends, 0))
        undrawn[last] = nearest[last] = 0
        weights = (nearest if nearest.any() else undrawn).cumsum(0)
        place = torch.searchsorted(weights, weights[-1:] * draw, right=True)
        # rounded up to the whole sum a draw falls behind all: the last row of any weight takes it
        picks.append(int(torch.minimum(place, torch.searchsorted(weights, weights[-1:]))))
    return torch.tensor(picks, device=squares.device)
