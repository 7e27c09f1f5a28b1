"""A copy of a module that follows it slowly: momentum encoders, and the averages that are evaluated."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def twin(module: nn.Module) -> nn.Module:
    """A copy that no gradient reaches."""
    copied = copy.deepcopy(module)
    return copied.requires_grad_(False)


@torch.no_grad()
def follow(average: nn.Module, module: nn.Module, momentum: float) -> None:
    """average <- momentum * average + (1 - momentum) * module, running statistics included: those of the module belong
    to other weights. Counters are copied. The code of MoCo, BYOL and FixMatch averages parameters alone; a twin in
    training mode, as the first two have it, normalises by its own batches either way."""
    mine: list[Tensor] = list(average.parameters())
    theirs: list[Tensor] = list(module.parameters())
    for own, other in zip(average.buffers(), module.buffers(), strict=True):
        if own.is_floating_point():
            mine.append(own)
            theirs.append(other)
        else:
            own.copy_(other)
    if mine:
        torch._foreach_lerp_(mine, theirs, 1 - momentum)
