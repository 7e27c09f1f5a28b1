"""What augmentation costs: its share of a training step, and beside torchvision's, image by image."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from stages.regimes._randaugment import RandAugment, randaugment
from stages.training.augmentation import Views, augment
from tests.benchmarks.loop import automatic, data, epoch_of_ours, model
from tests.benchmarks.rows import Row, alternating, ratios

VIEWS = Views(min_area=0.25, brightness=0.6, jitter=0.2, flip=True, zoom=True)
MOST_OF_A_STEP = 0.15
STRONG = RandAugment(operations=2, probability=1, cutout=0)
LEAST_TO_TORCHVISION = 15
LEAST_TO_RANDAUGMENT = 3


def rows(full: bool, device: torch.device) -> list[Row]:
    scale = 4 if full or device.type == "cuda" else 1
    return [
        share("conv4", device, batch=256, steps=8 * scale, rounds=7),
        share("wrn_28_2", device, batch=64, steps=scale, rounds=5),
        beside_torchvision(count=2048, batch=512, rounds=11 * scale),
        randaugment_beside_torchvision(count=2048, batch=512, rounds=5 * scale),
    ]


def share(name: str, device: torch.device, *, batch: int, steps: int, rounds: int) -> Row:
    """Of an epoch of `steps` steps of the supervised regime, all that the loop does included."""
    pictures, labels = data(batch * steps)
    batches = torch.from_numpy(pictures).to(device).split(batch)
    trained = model(name, batch, VIEWS)
    with tempfile.TemporaryDirectory() as folder:
        times = alternating(
            epoch_of_ours(trained, pictures, labels, automatic(device), Path(folder)),
            lambda: [augment(images, VIEWS) for images in batches],
            rounds,
        )
    middle, least, most = ratios(times)
    step, views = (f"{1000 * median(seconds) / steps:.1f} ms" for seconds in times)
    return Row(
        f"augmentation / training step, {name}, batch {batch}",
        views,
        step,
        f"{middle:.1%} ({least:.1%} to {most:.1%})",
        f"<= {MOST_OF_A_STEP:.0%}",
        middle <= MOST_OF_A_STEP,
    )


def beside_torchvision(*, count: int, batch: int, rounds: int) -> Row:
    """Views, on one thread of the CPU both, since loaders run theirs by one process for each core."""
    return image_by_image(
        "augmentation",
        lambda images: augment(images, VIEWS),
        lambda image: by_torchvision(image, VIEWS),
        LEAST_TO_TORCHVISION,
        count=count,
        batch=batch,
        rounds=rounds,
    )


def randaugment_beside_torchvision(*, count: int, batch: int, rounds: int) -> Row:
    """Two of the same 14 operations; torchvision's has one strength for all, and no cutout."""
    from torchvision.transforms import v2

    theirs = v2.RandAugment(num_ops=2)
    return image_by_image(
        "RandAugment",
        lambda images: randaugment(images, STRONG),
        lambda image: v2.functional.to_dtype(theirs(image), torch.float32, scale=True),
        LEAST_TO_RANDAUGMENT,
        count=count,
        batch=batch,
        rounds=rounds,
    )


def image_by_image(
    what: str,
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    least: float,
    *,
    count: int,
    batch: int,
    rounds: int,
) -> Row:
    """`ours` takes uint8 [N, S, S, 3], `theirs` one image, uint8 [3, S, S]."""
    pictures = torch.from_numpy(data(count)[0])
    singles = [picture.permute(2, 0, 1).contiguous() for picture in pictures]
    with one_thread():
        times = alternating(
            lambda: [ours(images) for images in pictures.split(batch)],
            lambda: torch.stack([theirs(single) for single in singles]),
            rounds,
        )
    middle, lowest, highest = ratios(times)
    mine, others = (f"{count / median(seconds):,.0f} images/s" for seconds in times)
    return Row(
        f"{what} / torchvision per image, batch {batch}, one thread",
        mine,
        others,
        f"{middle:.1f} x ({lowest:.1f} to {highest:.1f})",
        f">= {least} x",
        middle >= least,
    )


def by_torchvision(image: Tensor, views: Views) -> Tensor:
    """The same view of one image, uint8 [3, S, S], but for boxes of whole pixels. Tensors: faster here than PIL."""
    from torchvision.transforms.v2 import functional

    size = image.shape[-1]
    z = 1 - views.min_area**0.5
    around = math.ceil(z / 2 * size)
    shift = (torch.rand(2) - 0.5) * z
    box = 1 - torch.rand(2) * z
    top, left = ((0.5 + shift - box / 2) * size).round().int().tolist()
    height, width = (box * size).round().int().tolist()
    image = functional.pad(image, [around], padding_mode="symmetric")
    image = functional.resized_crop(image, top + around, left + around, height, width, [size, size], antialias=False)
    if views.flip and torch.rand(()) < 0.5:
        image = functional.horizontal_flip(image)
    image = functional.to_dtype(image, torch.float32, scale=True)
    scale = 1 + (torch.rand(()) * 2 - 1) * views.brightness
    colour = scale * torch.eye(3) + (torch.rand(3, 3) * 2 - 1) * views.jitter
    return (colour @ image.flatten(1)).clamp_(0, 1).view(3, size, size)


@contextmanager
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
