"""How far embeddings spread, for collapse is what ruins learning without labels, and no loss shows it: to a point, or
to a few dimensions (Jing et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# a run that ended below random features fell to 0.03; none that learnt, of all measured, below 0.28
COLLAPSED = 0.05
# runs that learnt had 5.0 and more, of digits 6.3; SwAV that lost 9 points by it had 3.3
# (metrics/reported/pretraining-small.md)
FLAT = 4.0
# and less than this share of what is possible, as few images cannot vary in many dimensions
_OF_POSSIBLE = 0.25


def spread(embeddings: Tensor) -> float:
    """sqrt(1 - |mean of the embeddings at length 1|^2): 0 where all point one way, 1 where they cancel out.

    embeddings: [N, d]. It is the root of their summed variances, the measure of Chen and He 2021 (SimSiam, section 4.1)
    times sqrt(d).
    """
    centre = functional.normalize(embeddings.float(), dim=1).mean(0)
    return float((1 - centre.square().sum()).clamp_min(0).sqrt())


def effective_rank(embeddings: Tensor) -> float:
    """In how many dimensions embeddings [N, d] at length 1 vary: the effective rank of their covariance, exp of the
    entropy of its singular values over their sum (Roy and Vetterli 2007, eqs. 3 to 5). 1 where all lie on a line, d
    where they vary alike in all directions, at most N - 1; 0 where all are equal."""
    points = functional.normalize(embeddings.double(), dim=1)
    # those of the covariance are the squares, up to a factor
    values = torch.linalg.svdvals(points - points.mean(0)).square()
    total = values.sum()
    # what rounding makes of equal points
    if total <= len(points) * 1e-12:
        return 0.0
    shares = values / total
    return float(torch.special.entr(shares).sum().exp())


def flat(rank: float, embeddings: Tensor) -> bool:
    """Whether embeddings [N, d] of this effective rank have collapsed to few dimensions, of those that they could vary
    in: d, and N - 1."""
    return rank < min(FLAT, _OF_POSSIBLE * min(len(embeddings) - 1, embeddings.shape[1]))
