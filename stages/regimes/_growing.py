"""Output units for classes that are told of late: system A's plans for a classifier that grows, and for one that finds
a use for its redundant units."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Growth = Literal["fixed", "growing", "reinitialise"]

# so low that a softmax gives exactly 0; finite, so that entropies stay numbers
CLOSED = -1e4


def closed(logits: Tensor, classes_told: Tensor) -> Tensor:
    """Logits [n, C] in which units of classes not told, by bool [C], count for nothing: no probability, no gradient."""
    return logits.masked_fill(~classes_told, CLOSED)


@torch.no_grad()
def draw(head: nn.Linear, units: Tensor, classes_told: Tensor) -> None:
    """Draws the weights of some `units`, bool [C], as those of a new layer, with the mean bias of those of the classes
    told, bool [C], so that they are predicted neither more nor less than these. All other units stay bit for bit."""
    if not units.any():
        return
    bound = 1 / math.sqrt(head.in_features)
    weight = torch.empty_like(head.weight).uniform_(-bound, bound)
    bias = torch.empty_like(head.bias).uniform_(-bound, bound)
    if classes_told.any():
        bias = head.bias[classes_told].mean().expand_as(bias)
    head.weight.copy_(torch.where(units[:, None], weight, head.weight))
    head.bias.copy_(torch.where(units, bias, head.bias))


@torch.no_grad()
def confidence(head: nn.Linear, encodings: Tensor, classes_told: Tensor) -> Tensor:
    """System A's confusion test, as we read it: how sure the units of the classes told, bool [C], are of the images of
    one class, encodings [n, d]: the mean of their largest probability, in a softmax over these units alone. Of one unit
    it is 1."""
    return head(encodings)[:, classes_told].float().softmax(1).amax(1).mean()


@torch.no_grad()
def without(head: nn.Linear, classes_told: Tensor) -> nn.Linear:
    """A copy as an ordinary layer, which predicts the classes told, bool [C], and no other."""
    plain: nn.Linear = torch.nn.utils.skip_init(
        nn.Linear, head.in_features, head.out_features, device=head.weight.device
    )
    plain.weight.copy_(head.weight * classes_told[:, None])
    plain.bias.copy_(closed(head.bias, classes_told))
    return plain
