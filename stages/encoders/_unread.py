"""A library's model in a folder, that is not read before an image needs it: importing the library takes seconds, and
the vectors of all images may be there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from stages.encoders._card import HubCard
from stages.encoders._encoder import Encoder
from stages.encoders._folded import folded
from stages.encoders._hub import HubEncoder


class Unread(Encoder):
    """Frozen, in evaluation mode. `read` gives the encoder of `folder`; it has no parameters before it is read."""

    GPU_PIXELS = HubEncoder.GPU_PIXELS

    def __init__(self, folder: Path, card: HubCard, read: Callable[[Path], Encoder]) -> None:
        nn.Module.__init__(self)
        self.folder, self.card = folder, card
        self.name, self.size, self.dim = card.model, card.size, card.dim
        assert card.upscale is not None, "a card says the size of the network's input"
        self.input = card.upscale
        self._from = read
        self._encoder: Encoder | None = None
        self._folded: Encoder | None = None

    def read(self) -> Encoder:
        """The encoder itself, on the CPU at first."""
        if self._encoder is None:
            self._encoder = self._from(self.folder).requires_grad_(False).to(memory_format=torch.channels_last)
        return self._encoder

    def blocks(self) -> list[nn.Module]:
        return self.read().blocks()

    def forward(self, images: Tensor) -> Tensor:
        # bfloat16 would round the products of both, and gains nothing by it
        half = torch.is_autocast_enabled(images.device.type)
        encoder = self.read() if half else self._fast()
        # both walk through all layers, which for small batches is an eighth of the time
        if encoder.training or encoder.mean.device != images.device:
            encoder.to(images.device).eval()
        vectors: Tensor = encoder(images)
        return vectors

    def _fast(self) -> Encoder:
        if self._folded is None:
            self._folded = folded(self.read())
        return self._folded
