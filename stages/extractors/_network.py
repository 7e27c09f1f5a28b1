"""A ready network from a library, with the images it wants."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.errors import UserError

# torchvision and timm know more; antialiased resizing on the device knows these
_MODES = {"nearest": "nearest-exact", "bilinear": "bilinear"}


@dataclass
class Network:
    """`module` takes normalised images [N, 3, size, size] and gives vectors [N, d]."""

    name: str
    module: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    def __call__(self, images: Tensor) -> Tensor:
        """Resizes and normalises images [N, 3, S, S] in [0, 1], and gives their vectors.

        The whole image is scaled to the network's input, without the crop from its middle that suits photographs.
        """
        mean, std = (images.new_tensor(values).reshape(1, -1, 1, 1) for values in (self.mean, self.std))
        inputs = (resize(images, self.size, self.interpolation) - mean) / std
        vectors: Tensor = self.module(inputs.contiguous(memory_format=torch.channels_last))
        return vectors

    def try_out(self) -> None:
        """Raises UserError unless one black image gives one vector: networks differ in the sizes they take."""
        try:
            with torch.inference_mode():
                vectors = self(torch.zeros(1, 3, self.size, self.size))
        except (AssertionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"{self.name} takes no images of {self.size} px ({reason}); set `upscale` to null or another size"
            ) from None
        if vectors.ndim != 2:
            raise UserError(f"{self.name} gives {list(vectors.shape)} and not a vector an image; take another model")


def resize(images: Tensor, size: int, interpolation: str) -> Tensor:
    """Images [N, C, S, S] at `size` px, antialiased where they shrink, never beyond [0, 1]."""
    if images.shape[-1] == size:
        return images
    mode = _MODES.get(interpolation, "bicubic")
    if mode == "nearest-exact":
        return functional.interpolate(images, (size, size), mode=mode)
    return functional.interpolate(images, (size, size), mode=mode, antialias=True).clamp_(0, 1)
