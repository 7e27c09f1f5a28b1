"""Sinkhorn and Knopp's balancing: soft assignments that use every prototype as much as every other."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Soft assignments of samples to prototypes under equal shares (Caron et al. 2020, SwAV, eq. 3 to 5).

    scores: [..., B, K], the similarity of B samples and K prototypes. Returns float32 [..., B, K], without gradient:
    the rows sum to 1, for they come last, and the columns to about B / K. `epsilon` is the weight of the entropy: a
    small one gives nearly hard assignments, a large one nearly 1 / K everywhere. In logarithms, so that nothing
    overflows; the released code takes exp(scores / epsilon) as it is.
    """
    with torch.autocast(scores.device.type, enabled=False):
        logs = scores.float() / epsilon
        # the constants 1 / K and 1 / B cancel out in the step that follows each
        for _ in range(iterations):
            logs = logs - logs.logsumexp(-2, keepdim=True)
            logs = logs - logs.logsumexp(-1, keepdim=True)
        return logs.exp()
