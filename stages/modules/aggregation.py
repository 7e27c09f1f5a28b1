"""Local Aggregation's loss (Zhuang et al. 2019), as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor


def aggregation(similarity: Tensor, close: Tensor, temperature: float) -> Tensor:
    """-log( sum over j in both C and B of exp(v.v_j / t) / sum over j in B of exp(v.v_j / t) ); what the paper adds, a
    penalty on the weights, is the optimiser's.

    similarity: [M, k], dot products of each embedding with its background B, unit vectors of the memory bank; close:
    bool [M, k], which of B are in C, at least one in each row. Returns [M], in float32 or better.
    """
    logits = similarity.to(torch.promote_types(similarity.dtype, torch.float32)) / temperature
    return logits.logsumexp(1) - logits.masked_fill(~close, -torch.inf).logsumexp(1)


def discrimination(similarity: Tensor, itself: Tensor, temperature: float) -> Tensor:
    """Instance discrimination (Wu et al. 2018): the same with all of the bank for B and the image itself for C.

    similarity: [M, n], to the whole bank; itself: [M], to one's own vector, which is among them. Returns [M], as above.
    The sum is the whole one, which the paper estimates from samples.
    """
    logits = similarity.to(torch.promote_types(similarity.dtype, torch.float32)) / temperature
    return logits.logsumexp(1) - itself / temperature


def together(clusters: Tensor, own: Tensor, near: Tensor) -> Tensor:
    """Whether images share a cluster in any of H clusterings: C is the union of one's own clusters.

    clusters: int [H, N], -1 for images in none; own: int64 [M], near: int64 [M, k], indices. Returns bool [M, k]; an
    image is with itself even where it has no cluster.
    """
    mine = clusters[:, own, None]
    return ((clusters[:, near] == mine) & (mine >= 0)).any(0) | (near == own[:, None])
