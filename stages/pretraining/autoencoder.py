"""Autoencoder: from an image, or what noise and masks have left of it, the encoder's vector must give back the image
(Masci et al. 2011, convolutional; Vincent et al. 2010, denoising)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.base.errors import UserError
from stages.base.numbers import Pixels, ShareNotAll, ShareOrNone
from stages.encoders import Encoder
from stages.training.augmentation import Views, augment, plain
from stages.training.method import Batch, Method, Training
from stages.training.optimiser import Optimiser

# px, the largest side of the decoder's first map
_FIRST = 4
_LEAST_WIDTH = 16


class Settings(Training):
    """`noise`: standard deviation of what is added to the pixels given in, which are in [0, 1] (0: none); `mask`: the
    share of them that is dropped, in squares of `patch` px (0: none). With neither, a plain autoencoder.

    `views`: what is given in and asked back, null for images as they are; `width`: channels of the decoder's first map.
    """

    method: Literal["autoencoder"]
    encoder: str
    optimiser: Optimiser
    views: Views | None
    noise: ShareOrNone
    mask: ShareNotAll
    patch: Pixels
    width: int = Field(ge=1, le=4096)

    def check_size(self, size: int) -> None:
        if self.mask and self.patch >= size:
            raise ValueError(f"patch={self.patch} px covers an image of {size} px whole; lower patch, or set mask=0")


class Decoder(nn.Sequential):
    """Vectors [N, dim] to images [N, 3, size, size]: a dense layer to a map of at most 4 px, then up to the size.

    Each step doubles the side (less one where it must, so that any size comes out exactly), to the nearest, before a
    convolution: transposed ones leave a chequerboard (Odena et al. 2016). Channels are halved down to 16. The last
    convolution is linear.
    """

    def __init__(self, dim: int, size: int, width: int) -> None:
        sides = [size]
        while sides[0] > _FIRST:
            sides.insert(0, -(-sides[0] // 2))
        widths = [max(width >> step, min(width, _LEAST_WIDTH)) for step in range(len(sides))]
        super().__init__(
            nn.Linear(dim, width * sides[0] ** 2),
            nn.Unflatten(1, (width, sides[0], sides[0])),
            nn.ReLU(),
            *(_up(*channels, side) for channels, side in zip(pairwise(widths), sides[1:], strict=True)),
            nn.Conv2d(widths[-1], 3, 3, padding=1),
        )


def _up(channels: int, width: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample((side, side)),
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


class Autoencoder(Method):
    """Trained as one network, where both papers stack layers that they train one by one. Masci et al. have one layer
    of tied weights behind max-pooling for a decoder, ours is a network of its own."""

    settings: Settings
    encoder: Encoder

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        super().__init__(encoder, settings)
        self.decoder = Decoder(encoder.dim, encoder.size, settings.width)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        views = self.settings.views
        clean = plain(batch.images) if views is None else augment(batch.images, views)
        given = corrupt(clean, self.settings.noise, self.settings.mask, self.settings.patch, self.encoder.mean)
        yield {"reconstruction": reconstruction(self.decoder(self.encoder(given)), clean)}


def corrupt(clean: Tensor, noise: float, mask: float, patch: int, fill: Tensor) -> Tensor:
    """Images under Gaussian noise, not clipped, of which each square of `patch` px is dropped with probability `mask`.

    clean: [N, 3, S, S] in [0, 1], not changed; fill: [1, 3, 1, 1], the colour of what is dropped, for which the data's
    mean is the network's 0 (Vincent et al. drop single values to 0, or add noise, never both).
    """
    given = clean + noise * torch.randn_like(clean) if noise else clean
    if mask:
        n, _, height, width = clean.shape
        squares = torch.rand(n, 1, -(-height // patch), -(-width // patch), device=clean.device) < mask
        dropped = squares.repeat_interleave(patch, 2).repeat_interleave(patch, 3)[:, :, :height, :width]
        given = torch.where(dropped, fill.to(given.dtype), given)
    return given


def reconstruction(found: Tensor, clean: Tensor) -> Tensor:
    """The mean squared error over all pixels and channels, those dropped and those kept alike.

    found, clean: [N, 3, S, S]. Returns a scalar in float32 (float64 of float64).
    """
    wide = torch.promote_types(found.dtype, torch.float32)
    with torch.autocast(found.device.type, enabled=False):
        return functional.mse_loss(found.to(wide), clean.to(wide))


def cost(settings: Settings) -> float:
    # three for the encoder, and as many for a decoder of about its size: more than conv4's, less than a ResNet's
    return 6


def build(encoder: Encoder, settings: Settings, pool_size: int) -> Autoencoder:
    """Raises UserError where a single square of the mask would cover the image."""
    if settings.mask and settings.patch >= encoder.size:
        raise UserError(
            f"pretrain: method autoencoder: patch={settings.patch} px covers an image of {encoder.size} px whole; "
            "lower patch, or set mask=0"
        )
    return Autoencoder(encoder, settings)
