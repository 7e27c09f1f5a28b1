"""Batch norm in groups: one device normalises as several that each see a part of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class SplitBatchNorm(_BatchNorm):
    """Normalises a training batch in `groups` of consecutive samples, each by its own mean and variance, and in
    evaluation as batch norm does. It takes over parameters and buffers, under the same names.

    Input [N, C] or [N, C, H, W]. Groups are as even as N allows and of at least 2 samples, so that a small batch has
    fewer of them. Running statistics move once a batch, by the mean over the groups.
    """

    def __init__(self, norm: _BatchNorm, groups: int) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.groups = groups
        self.load_state_dict(norm.state_dict())

    def _check_input_dim(self, input: Tensor) -> None:
        """Both [N, C] and [N, C, H, W] will do."""

    def forward(self, input: Tensor) -> Tensor:
        groups = min(self.groups, len(input) // 2)
        if not self.training or groups < 2:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        means, variances = self.running_mean.repeat(groups, 1), self.running_var.repeat(groups, 1)
        parts = [
            functional.batch_norm(part, mean, variance, self.weight, self.bias, True, self.momentum or 0.0, self.eps)
            for part, mean, variance in zip(input.tensor_split(groups), means, variances, strict=True)
        ]
        with torch.no_grad():
            self.running_mean.copy_(means.mean(0))
            self.running_var.copy_(variances.mean(0))
            self.num_batches_tracked.add_(1)
        return torch.cat(parts)


def split_batch_norm(module: nn.Module, groups: int) -> None:
    """Puts SplitBatchNorm in the place of every batch norm below `module`; the state_dict stays as it is. To be done
    before an optimiser is built: the parameters are new ones."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, SplitBatchNorm(child, groups))
        else:
            split_batch_norm(child, groups)
