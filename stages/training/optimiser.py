"""Optimisers and their learning rates."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import nn

from stages.base.numbers import Rate, ShareNotAll, ShareOrNone

_TRUST = {"lars": 0.001, "larc": 0.02}


class Rule(BaseModel, extra="forbid", frozen=True):
    """The update rule. sgd has plain momentum, as MoCo and lightly have it; nesterov is SGD with Nesterov's, as
    FixMatch and Wide ResNets have it (Sutskever et al. 2013). `momentum` is theirs, LARS's (plain), and Adam's first
    beta; `weight_decay` is decoupled from the gradient in adamw alone. It acts on kernels only, neither on biases nor
    on norms, as in BYOL, SimCLR's LARS, Local Aggregation and FixMatch; the code of MoCo, SwAV and Self-Classifier has
    it on all parameters. Kernels are those of two dimensions or more, so also, in models of the hub, the
    tokens and positions of a ViT and Swin's tables of biases, which timm leaves out, and the scales of torchvision's
    ConvNeXt.

    lars (You et al. 2017, eq. 6) multiplies a kernel's gradient g, its weight decay included, by
    trust * |w| / (|g| + weight_decay * |w|), so that a step is the share rate * trust of the kernel, however long the
    gradient; trust is 0.001. BYOL and SimCLR have |g + weight_decay * w| below the line. larc (NVIDIA's apex) steps by
    the share trust instead, but never faster than `rate`, a ceiling rather than a factor; trust is 0.02, apex's and
    solo-learn's. Biases and norms take plain steps of `rate`, where SwAV's and Self-Classifier's are adapted, too.
    """

    name: Literal["adam", "adamw", "sgd", "nesterov", "lars", "larc"]
    momentum: ShareNotAll
    weight_decay: ShareOrNone


class Optimiser(Rule):
    """A rule with one learning rate: a linear warm-up over `warmup` epochs to `rate`, then constant, cosine to 0, or
    cosine_7_16: rate * cos(7 pi k / 16 K), FixMatch's, which ends at a fifth."""

    rate: Rate
    decay: Literal["constant", "cosine", "cosine_7_16"]
    warmup: float = Field(ge=0, le=100_000, allow_inf_nan=False)

    def at(self, epoch: float, epochs: int) -> float:
        """The learning rate at a fractional epoch of `epochs`."""
        if epoch < self.warmup:
            return self.rate * epoch / self.warmup
        if self.decay == "constant":
            return self.rate
        through = min((epoch - self.warmup) / max(epochs - self.warmup, 1e-9), 1.0)
        if self.decay == "cosine_7_16":
            return self.rate * math.cos(7 * math.pi * through / 16)
        return self.rate * (1 + math.cos(math.pi * through)) / 2


def build(rule: Rule, groups: dict[str, list[nn.Parameter]]) -> torch.optim.Optimizer:
    """An optimiser, fused where torch has it, with two parameter groups (kernels, and the rest) for each named group.

    Each torch group bears its `name`; its learning rate is set by the loop at every step.
    """
    torch_groups: list[dict[str, Any]] = []
    for name, parameters in groups.items():
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        kernels = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        for members, weight_decay in ((kernels, rule.weight_decay), (others, 0.0)):
            if members:
                torch_groups.append({"params": members, "name": name, "weight_decay": weight_decay, "lr": 0.0})
                if rule.name in _TRUST:
                    # timm's own choice, by the weight decay, would not adapt kernels without one
                    torch_groups[-1]["always_adapt"] = members is kernels
    if rule.name in _TRUST:
        from timm.optim.lars import Lars

        clip = rule.name == "larc"
        return Lars(torch_groups, momentum=rule.momentum, trust_coeff=_TRUST[rule.name], trust_clip=clip)
    if rule.name in ("sgd", "nesterov"):
        # torch refuses Nesterov's momentum of 0, which is none
        nesterov = rule.name == "nesterov" and rule.momentum > 0
        sgd = torch.optim.SGD(torch_groups, lr=0.0, momentum=rule.momentum, nesterov=nesterov, fused=True)
        forget(sgd)
        return sgd
    kind = torch.optim.AdamW if rule.name == "adamw" else torch.optim.Adam
    return kind(torch_groups, lr=0.0, betas=(rule.momentum, 0.999), fused=True)


def forget(optimiser: torch.optim.Optimizer) -> None:
    """Brings an optimiser back to where it began."""
    optimiser.state.clear()
    if isinstance(optimiser, torch.optim.SGD):
        for group in optimiser.param_groups:
            if group["momentum"]:
                for parameter in group["params"]:
                    # from the start: its fused step fails where some parameters get their first gradient later
                    optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
