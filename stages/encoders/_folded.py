"""A frozen network whose batch norms are part of the convolutions before them: less time, above all on a CPU."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stages.base import draws
from stages.encoders._encoder import Encoder

# of a vector's length: rounding gives some 1e-6
_SAME = 1e-4


@torch.no_grad()
def folded(encoder: Encoder) -> Encoder:
    """A copy, in evaluation mode, whose vectors are those of `encoder` but for rounding; `encoder` itself where there
    is nothing to fold.

    A network says in which order its parts were registered, not what is given to which, so that the copy is tried on
    noise, and left where a vector differs.
    """
    encoder.eval()
    copied = copy.deepcopy(encoder)
    if not sum([_fold(part) for part in copied.modules()]):
        return encoder
    noise = torch.rand(
        2, 3, encoder.size, encoder.size, generator=torch.Generator().manual_seed(draws.number(0, "encoders.folded"))
    )
    wanted = encoder(noise.to(encoder.mean.device))
    found = copied(noise.to(encoder.mean.device))
    return copied if bool((found - wanted).norm() <= _SAME * wanted.norm()) else encoder


def _fold(module: nn.Module) -> int:
    """Folds each batch norm among the children into a convolution that stands before it, and gives their number."""
    count = 0
    children = list(module.named_children())
    for (name, before), (norm_name, norm) in itertools.pairwise(children):
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            setattr(module, name, fuse_conv_bn_eval(before, norm))
            setattr(module, norm_name, _rest(norm))
            count += 1
    return count


def _rest(norm: Any) -> nn.Module:
    """What timm's norms do once they have normalised."""
    parts = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
    return nn.Sequential(*parts) if parts else nn.Identity()
