"""A library's model as an encoder, with the size and the colours of the images that it was trained on."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages import hub
from stages.base.errors import UserError
from stages.encoders._chain import Chain
from stages.encoders._encoder import Encoder

# torchvision and timm know more; antialiased resizing on the device knows these
_MODES = {"nearest": "nearest-exact", "bilinear": "bilinear"}


class HubEncoder(Encoder):
    """Brings images of `size` px to the network's own size on the device, the whole image, without the crop from its
    middle that suits photographs, and normalises them by the mean and deviation that it was trained with.

    `choice` is the model, its `upscale` never null.
    """

    # 256 images of 224 px: cards have the memory that these networks were trained in
    GPU_PIXELS: ClassVar = 256 * 224 * 224

    def __init__(self, choice: hub.Choice, network: hub.Network, size: int, dim: int) -> None:
        super().__init__(network.name, size, network.mean, network.std, Chain(dim, net=network.module))
        self.choice = hub.Choice(library=choice.library, model=choice.model, upscale=network.size)
        self.input = network.size
        self.interpolation = network.interpolation

    def blocks(self) -> list[nn.Module]:
        return hub.blocks(self.body[0])

    def forward(self, images: Tensor) -> Tensor:
        """Without gradients in pieces, since callers count in images of `size` px. In training mode never: batch norms
        see the batch."""
        if self.training or torch.is_grad_enabled():
            return self._vectors(images)
        return torch.cat([self._vectors(part) for part in images.split(self.at_once(images.device))])

    def _vectors(self, images: Tensor) -> Tensor:
        inputs = resize(images, self.input, self.interpolation)
        return super().forward(inputs.contiguous(memory_format=torch.channels_last))


def wrap(choice: hub.Choice, network: hub.Network, size: int) -> HubEncoder:
    """The network for images of `size` px, in evaluation mode.

    Raises UserError unless one black image gives one vector: networks differ in the sizes they take.
    """
    try:
        with torch.no_grad():
            vectors = HubEncoder(choice, network, size, 0).eval()(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{network.name} takes no images of {network.size} px ({reason}); set `upscale` to null or another size"
        ) from None
    if vectors.ndim != 2:
        raise UserError(f"{network.name} gives {list(vectors.shape)} and not a vector an image; take another model")
    return HubEncoder(choice, network, size, vectors.shape[1]).eval()


def resize(images: Tensor, size: int, interpolation: str) -> Tensor:
    """Images [N, C, S, S] at `size` px, antialiased where they shrink, never beyond [0, 1]."""
    return images if images.shape[-1] == size else stretched(images, (size, size), interpolation).clamp_(0, 1)


def stretched(images: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Images [N, C, h, w] at height and width `size`, antialiased where they shrink; bicubic ones may leave [0, 1]."""
    mode = _MODES.get(interpolation, "bicubic")
    if mode == "nearest-exact":
        return functional.interpolate(images, size, mode=mode)
    return functional.interpolate(images, size, mode=mode, antialias=True)
