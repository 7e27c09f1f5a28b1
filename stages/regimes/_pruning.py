"""Magnitude pruning: the smallest weights of a network are removed, more of them with the epochs, for good."""

from __future__ import annotations

import torch
from pydantic import BaseModel, model_validator
from torch import Tensor, nn

from stages.base.numbers import Epochs, EpochsOrNone, Fraction


class Pruning(BaseModel, extra="forbid", frozen=True):
    """`share` of the edges is removed by the time that `end` epochs are over, in equal parts after each epoch since
    `start`."""

    share: Fraction
    start: EpochsOrNone
    end: Epochs

    @model_validator(mode="after")
    def _ordered(self) -> Pruning:
        if self.start >= self.end:
            raise ValueError(f"start {self.start} must be below end {self.end}")
        return self

    def at(self, epoch: int) -> float:
        """The share removed when `epoch` epochs are over."""
        return self.share * min(max((epoch - self.start) / (self.end - self.start), 0.0), 1.0)


class Pruner(nn.Module):
    """Remembers which edges of a network are left: for each of its kernels a mask, which counts as state.

    Edges are the entries of kernels (weights of two dimensions and more); biases and norms are left alone. Removed
    means zero in the network itself, so that its weights are kept and loaded as any others. Magnitudes are compared
    over all layers at once, where Han et al. (2015), whose idea it is, have a threshold for each layer.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for number, kernel in enumerate(kernels(network)):
            self.register_buffer(f"left_{number}", torch.ones_like(kernel, dtype=torch.bool))

    @torch.no_grad()
    def prune(self, network: nn.Module, share: float) -> None:
        """Removes the smallest edges until `share` of all, to the nearest edge, are gone; those gone stay so."""
        masks = self._masks()
        sizes = [kernel.abs().where(mask, -1) for kernel, mask in zip(kernels(network), masks, strict=True)]
        flat = torch.cat([size.flatten() for size in sizes])
        gone = round(share * len(flat))
        if gone <= int((flat < 0).sum()):
            return
        # stable: among equals the first, on every device
        smallest = flat.sort(stable=True).indices[:gone]
        kept = torch.ones_like(flat, dtype=torch.bool).index_fill_(0, smallest, False)
        for mask, part in zip(masks, kept.split([mask.numel() for mask in masks]), strict=True):
            mask.copy_(part.view(mask.shape))
        self.apply_to(network)

    @torch.no_grad()
    def apply_to(self, network: nn.Module) -> None:
        """Takes away what an update gave to edges that are gone."""
        for kernel, mask in zip(kernels(network), self._masks(), strict=True):
            kernel.mul_(mask)

    def _masks(self) -> list[Tensor]:
        return list(self.buffers())


def kernels(network: nn.Module) -> list[nn.Parameter]:
    """The parameters whose entries are edges, in order."""
    return [parameter for parameter in network.parameters() if parameter.ndim > 1]
