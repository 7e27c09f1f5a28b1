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
    """average <- momentum * average + (1 - momentum) * module; buffers, such as running statistics, are copied."""
    mine: list[Tensor] = list(average.parameters())
    theirs: list[Tensor] = list(module.parameters())
    if mine:
        torch._foreach_lerp_(mine, theirs, 1 - momentum)
    for own, other in zip(average.buffers(), module.buffers(), strict=True):
        own.copy_(other)
