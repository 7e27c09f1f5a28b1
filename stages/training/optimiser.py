"""Optimisers and their learning rates."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import BaseModel, Field
from torch import nn


class Rule(BaseModel, extra="forbid", frozen=True):
    """The update rule. `momentum` is SGD's (Nesterov) and Adam's first beta; `weight_decay` acts on kernels only,
    neither on biases nor on norms, and is decoupled from the gradient in adamw alone."""

    name: Literal["adam", "adamw", "sgd"]
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)


class Optimiser(Rule):
    """A rule with one learning rate: a linear warm-up over `warmup` epochs to `rate`, then constant or cosine to 0."""

    rate: float = Field(gt=0)
    decay: Literal["constant", "cosine"]
    warmup: float = Field(ge=0)

    def at(self, epoch: float, epochs: int) -> float:
        """The learning rate at a fractional epoch of `epochs`."""
        if epoch < self.warmup:
            return self.rate * epoch / self.warmup
        if self.decay == "constant":
            return self.rate
        through = (epoch - self.warmup) / max(epochs - self.warmup, 1e-9)
        return self.rate * (1 + math.cos(math.pi * min(through, 1.0))) / 2


def build(rule: Rule, groups: dict[str, list[nn.Parameter]]) -> torch.optim.Optimizer:
    """A fused optimiser with two parameter groups (kernels, and the rest) for each named group.

    Each torch group bears its `name`; its learning rate is set by the loop at every step.
    """
    torch_groups = []
    for name, parameters in groups.items():
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        kernels = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        for members, weight_decay in ((kernels, rule.weight_decay), (others, 0.0)):
            if members:
                torch_groups.append({"params": members, "name": name, "weight_decay": weight_decay, "lr": 0.0})
    if rule.name == "sgd":
        nesterov = rule.momentum > 0
        return torch.optim.SGD(torch_groups, lr=0.0, momentum=rule.momentum, nesterov=nesterov, fused=True)
    kind = torch.optim.AdamW if rule.name == "adamw" else torch.optim.Adam
    return kind(torch_groups, lr=0.0, betas=(rule.momentum, 0.999), fused=True)
