"""The form that every encoder has: blocks in a row."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class Chain(nn.Sequential):
    """Named blocks, one after the other; the last gives [N, dim]."""

    def __init__(self, dim: int, **blocks: nn.Module) -> None:
        super().__init__(OrderedDict(blocks))
        self.dim = dim

    def blocks(self) -> list[nn.Module]:
        """The blocks that hold parameters, from input to output."""
        return [block for block in self if any(True for _ in block.parameters())]
