"""RandAugment in batches on the device, as FixMatch has it: operation and magnitude are drawn for each image.

Operations and ranges are those of the paper's appendix. Its code draws whole steps, 1 to 9 of 10, of others: factors of
0.28 to 1.72, 1 to 4 bits of posterize, 1 to 9 px of a shift. Pixels are Pillow's, up to one level of 255 where grey is
mixed in: this is cut off to whole levels, its is rounded.

On the CPU each operation gets the images for which it was drawn. On a GPU every image goes through all operations, and
the result is taken where it was drawn: more arithmetic, but no size depends on what was drawn, so that the device never
waits for the host. Both ways give the same.
"""

from __future__ import annotations

from functools import cache

import torch
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn import functional

from stages.base.numbers import ShareOrNone

# operations and the ranges of their magnitudes (FixMatch, appendix, list of transformations): factors of brightness,
# color, contrast and sharpness, bits kept by posterize, degrees of rotate, slopes of shears, the share of 255 from
# which solarize inverts, and the share of the side by which to translate
RANGES = {
    "autocontrast": (0.0, 0.0),
    "brightness": (0.05, 0.95),
    "color": (0.05, 0.95),
    "contrast": (0.05, 0.95),
    "equalize": (0.0, 0.0),
    "identity": (0.0, 0.0),
    "posterize": (4.0, 8.0),
    "rotate": (-30.0, 30.0),
    "sharpness": (0.05, 0.95),
    "shear_x": (-0.3, 0.3),
    "shear_y": (-0.3, 0.3),
    "solarize": (0.0, 1.0),
    "translate_x": (-0.3, 0.3),
    "translate_y": (-0.3, 0.3),
}
OPERATIONS = {name: number for number, name in enumerate(RANGES)}
# what shears, shifts and rotations bring in from outside
_GREY = 127


class RandAugment(BaseModel, extra="forbid", frozen=True):
    """`operations`: how many for each image, one after the other; `probability` of each to be applied (1 in FixMatch's
    text, 1/2 in its code); `cutout`: then a grey square whose side is that share of the image's, about a centre
    anywhere in the image (1/2 in FixMatch's code)."""

    operations: int = Field(ge=0, le=100)
    probability: ShareOrNone
    cutout: ShareOrNone


def randaugment(images: Tensor, settings: RandAugment, dtype: torch.dtype = torch.float32) -> Tensor:
    """One random strong view of each image.

    images: uint8 [N, S, S, 3]. Returns dtype [N, 3, S, S] in [0, 1], channels last in memory.
    Parameters come from torch's default generator of the images' device.
    """
    n, size = images.shape[:2]
    device = images.device
    pixels = images.permute(0, 3, 1, 2).float().contiguous()
    for _ in range(settings.operations):
        drawn = torch.randint(len(RANGES), (n,), device=device)
        skipped = torch.rand(n, device=device) >= settings.probability
        operation = drawn.masked_fill(skipped, OPERATIONS["identity"])
        pixels = apply(pixels, operation, magnitudes(operation, torch.rand(n, device=device)))
    side = round(settings.cutout * size)
    start = torch.randint(size, (2, n, 1), device=device) - side // 2
    position = torch.arange(size, device=device)
    rows, columns = ((start <= position) & (position < start + side)).unbind()
    views = (pixels / 255).masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.5)
    return views.to(dtype, memory_format=torch.channels_last)


def magnitudes(operation: Tensor, uniform: Tensor) -> Tensor:
    """float [N] in each operation's range, of numbers uniform in [0, 1); whole numbers of bits, each as likely."""
    least, span, _ = _tables(operation.device)
    drawn = least[operation] + uniform * span[operation]
    return torch.where(operation == OPERATIONS["posterize"], drawn.floor().clamp(max=RANGES["posterize"][1]), drawn)


def apply(pixels: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """One operation on each image. pixels: float [N, 3, S, S], whole numbers from 0 to 255, as is the result;
    operation: int64 [N], of OPERATIONS; magnitude: float [N]."""
    changed = pixels.clone()
    change_of = _tables(operation.device)[2][operation]
    with torch.autocast(pixels.device.type, enabled=False):
        for number, change in enumerate(_CHANGES.values()):
            drawn = change_of == number
            if _sorts(pixels.device):
                rows = drawn.nonzero()[:, 0]
                changed[rows] = change(pixels[rows], operation[rows], magnitude[rows])
            else:
                changed = torch.where(_column(drawn), change(pixels, operation, magnitude), changed)
    return changed


@cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """By operation: the least magnitude, the width of its range, and the number of its change, -1 for none."""
    bits = {"posterize": 1.0}
    spans = [high - low + bits.get(name, 0.0) for name, (low, high) in RANGES.items()]
    numbers = {name: number for number, names in enumerate(_CHANGES) for name in names}
    return (
        torch.tensor([low for low, _ in RANGES.values()], device=device),
        torch.tensor(spans, device=device),
        torch.tensor([numbers.get(name, -1) for name in RANGES], device=device),
    )


def _sorts(device: torch.device) -> bool:
    """Whether each operation gets its own images only."""
    return device.type == "cpu"


def _brighten(pixels: Tensor, _: Tensor, factor: Tensor) -> Tensor:
    return _blend(pixels, torch.zeros_like(_column(factor)), factor)


def _colour(pixels: Tensor, operation: Tensor, factor: Tensor) -> Tensor:
    """A blend with the image in grey, or with its mean grey."""
    red, green, blue = pixels.unbind(1)
    grey = (0.2989 * red + 0.587 * green + 0.114 * blue).floor().unsqueeze(1)
    even = grey.mean((1, 2, 3), keepdim=True)
    return _blend(pixels, torch.where(_column(operation == OPERATIONS["contrast"]), even, grey), factor)


def _sharpen(pixels: Tensor, _: Tensor, factor: Tensor) -> Tensor:
    """A blend with the image smoothed: each pixel 5 times and its 8 neighbours, over 13, but for those at the edge."""
    inner = pixels[..., 1:-1, 1:-1]
    three = pixels[..., :-2, :] + pixels[..., 1:-1, :] + pixels[..., 2:, :]
    nine = three[..., :-2] + three[..., 1:-1] + three[..., 2:]
    smoothed = pixels.clone()
    smoothed[..., 1:-1, 1:-1] = ((nine + 4 * inner) / 13).round()
    return _blend(pixels, smoothed, factor)


def _blend(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (other + _column(factor) * (pixels - other)).clamp(0, 255).floor()


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _stretch(pixels: Tensor, _: Tensor, __: Tensor) -> Tensor:
    """Each channel's values spread over 0 to 255; a channel of one value as it is."""
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    return torch.where(high > low, ((pixels - low) * 255 / (high - low).clamp(min=1)).floor(), pixels)


def _equalize(pixels: Tensor, _: Tensor, __: Tensor) -> Tensor:
    """Each channel's histogram made even as PIL does it, in whole numbers."""
    values = pixels.flatten(2).long()
    counts = values.new_zeros(*values.shape[:2], 256).scatter_add_(2, values, torch.ones_like(values))
    # of the brightest value, PIL leaves out the count
    brightest = values.amax(2, keepdim=True)
    step = (values.shape[2] - counts.gather(2, brightest)) // 255
    below = counts.cumsum(2) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    return torch.where(step > 0, table.gather(2, values), values).to(pixels.dtype).view_as(pixels)


def _posterize(pixels: Tensor, _: Tensor, bits: Tensor) -> Tensor:
    step = torch.exp2(8 - _column(bits))
    return (pixels / step).floor() * step


def _solarize(pixels: Tensor, _: Tensor, threshold: Tensor) -> Tensor:
    return torch.where(pixels >= 255 * _column(threshold), 255 - pixels, pixels)


def _move(pixels: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Rotated about the centre, sheared from the first row or column, or shifted; each pixel takes the nearest one."""

    def only(name: str) -> Tensor:
        return torch.where(operation == OPERATIONS[name], magnitude, 0)[:, None, None]

    size = pixels.shape[-1]
    # grid_sample counts in half images from the centre
    x = (2 * torch.arange(size, device=pixels.device) + 1) / size - 1
    y = x[:, None]
    angle = torch.deg2rad(only("rotate"))
    cosine, sine = angle.cos(), angle.sin()
    columns = cosine * x - sine * y + only("shear_x") * (y + 1) + 2 * only("translate_x")
    rows = cosine * y + sine * x + only("shear_y") * (x + 1) + 2 * only("translate_y")
    where = torch.stack([columns, rows], 3)
    return functional.grid_sample(pixels - _GREY, where, mode="nearest", align_corners=False) + _GREY


_CHANGES = {
    ("brightness",): _brighten,
    ("color", "contrast"): _colour,
    ("sharpness",): _sharpen,
    ("autocontrast",): _stretch,
    ("equalize",): _equalize,
    ("posterize",): _posterize,
    ("solarize",): _solarize,
    ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"): _move,
}
