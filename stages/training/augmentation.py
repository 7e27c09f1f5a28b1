"""Views of images, made in batches on the device, with parameters drawn for each image."""

from __future__ import annotations

import torch
from pydantic import BaseModel
from torch import Tensor
from torch.nn import functional

from stages.base.numbers import Share, ShareOrNone


class Views(BaseModel, extra="forbid", frozen=True):
    """System A's augmentation. With z = 1 - sqrt(min_area), each axis by itself is shifted by up to z / 2 of the image
    and zoomed in by up to z; then each pixel's colour is multiplied by a 3 x 3 matrix drawn for its image: a brightness
    scale in 1 +- brightness, times the identity, plus a jitter in +- jitter for each entry; clipped to [0, 1].
    What a shift brings in from outside is the image reflected, its outermost pixels too, which FixMatch's reflection
    leaves out. `flip`: left and right swapped in half of the views. `zoom`: false for shifts alone, by whole pixels, as
    in FixMatch: by parts of one they would blur.

    Every method has these views. Those of the contrastive papers are others: crops of an area and an aspect of 3/4 to
    4/3, always within the image; contrast, saturation and hue in 80 % of the views; grey in 20 %; blur, and in some
    solarisation."""

    min_area: Share
    brightness: ShareOrNone
    jitter: ShareOrNone
    flip: bool
    zoom: bool


def augment(
    images: Tensor,
    views: Views,
    dtype: torch.dtype = torch.float32,
    *,
    max_area: float = 1.0,
    size: int | None = None,
) -> Tensor:
    """One random view of each image.

    images: uint8 [N, S, S, 3]. Returns dtype [N, 3, size, size] in [0, 1], channels last in memory; size: S for None.
    max_area: crops hold at most this share of the image, at least `views.min_area`.
    Parameters come from torch's default generator of the images' device.
    """
    n, side = images.shape[:2]
    device = images.device
    z = 1 - views.min_area**0.5
    if views.zoom:
        shift = (torch.rand(n, 2, device=device) - 0.5) * z
    else:
        # the small term keeps 4 pixels from becoming 3.9999
        most = int(side * z / 2 + 1e-6)
        shift = ((torch.rand(n, 2, device=device) * (2 * most + 1)).floor() - most) / side
    widest = max_area**0.5
    least = views.min_area**0.5 if views.zoom else widest
    zoom = widest - torch.rand(n, 2, device=device) * (widest - least)
    if views.flip:
        zoom[:, 1] *= torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    scale = 1 + (torch.rand(n, 1, 1, device=device) * 2 - 1) * views.brightness
    jitter = (torch.rand(n, 3, 3, device=device) * 2 - 1) * views.jitter
    colour = scale * torch.eye(3, device=device) + jitter
    return resample(images, zoom, shift, colour, dtype, size)


def resample(
    images: Tensor, zoom: Tensor, shift: Tensor, colour: Tensor, dtype: torch.dtype, size: int | None = None
) -> Tensor:
    """Bilinear resampling by zoom and shift for each axis, then a colour matrix, clipped to [0, 1].

    images: uint8 [N, S, S, 3]; zoom, shift: [N, 2] for rows and columns: output position p in [-1/2, 1/2] reads the
    input at zoom * p + shift, a negative zoom mirrors; outside, the image is reflected about its edge;
    colour: [N, 3, 3], output channel by input channel. Returns dtype [N, 3, size, size], channels last in memory; size:
    S for None.
    """
    n, size = len(images), size or images.shape[1]
    with torch.autocast(images.device.type, enabled=False):
        # grid_sample counts in half images, x before y
        centres = (2 * torch.arange(size, device=images.device) + 1) / size - 1
        rows, columns = (zoom[:, :, None] * centres + 2 * shift[:, :, None]).unbind(1)
        where = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=3)
        pixels = images.permute(0, 3, 1, 2).float()
        pixels = functional.grid_sample(pixels, where, padding_mode="reflection", align_corners=False)
        # pixels times colours, so that the product already has its channels last
        mixed = torch.bmm(pixels.flatten(2).mT, colour.mT / 255).clamp_(0, 1)
        return mixed.view(n, size, size, 3).permute(0, 3, 1, 2).to(dtype)


def plain(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The images as they are: uint8 [N, S, S, 3] to dtype [N, 3, S, S] in [0, 1], channels last in memory."""
    return (images.to(dtype) / 255).permute(0, 3, 1, 2)
