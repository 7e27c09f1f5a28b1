"""An encoder as a graph that does not change: what programs that write networks down can follow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stages.encoders._encoder import Encoder
from stages.encoders._hub import HubEncoder, stretched


class Fixed(nn.Module):
    """The vectors of an encoder, [N, dim] of float images [N, 3, size, size] in [0, 1], without pieces and conditions.

    A change of the images' size is two products with constant matrices, exact but for rounding: formats have a step for
    it, whose filters and edges differ from torch's.
    """

    matrix: Tensor | None

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.body, self.mean, self.std = encoder.body, encoder.mean, encoder.std
        matrix = None
        if isinstance(encoder, HubEncoder) and encoder.input != encoder.size:
            # the columns of one image, of which the sizes go into each other alone
            column = torch.eye(encoder.size)[None, None]
            matrix = stretched(column, (encoder.input, encoder.size), encoder.interpolation)[0, 0]
        self.register_buffer("matrix", matrix)

    def forward(self, images: Tensor) -> Tensor:
        if self.matrix is not None:
            images = (self.matrix @ images @ self.matrix.T).clamp(0, 1)
        vectors: Tensor = self.body((images - self.mean) / self.std)
        return vectors
